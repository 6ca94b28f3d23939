//! Data, settings and questions that do not fit: what each is answered with.

use coregion::Error;
use coregion::estimator::Warning;
use coregion::learn::Stop;
use coregion::prelude::*;
use ndarray::{Array2, ArrayView2, Axis, s};

use crate::common::{normal, smooth_outputs};
use crate::support::{assert_healthy, kernels, warnings};

type Table = Array2<f64>;

fn ordinary() -> (Table, Table) {
    let x = normal(12, 2, 1);
    let y = smooth_outputs(x.view(), 3, 0.3, 2);
    (x, y)
}

fn default() -> MultiTaskGp {
    MultiTaskGp::new(Matern52::ard())
}

/// The variant of an error and the argument, layout, path or name it points at.
fn address(error: &Error) -> (&'static str, String) {
    match error {
        Error::Shape { argument, .. } => ("Shape", argument.clone()),
        Error::NotFinite { argument, row, column, .. } => {
            ("NotFinite", format!("{argument} {row} {column}"))
        }
        Error::InvalidValue { argument, .. } => ("InvalidValue", argument.clone()),
        Error::UnknownName { kind, name, .. } => ("UnknownName", format!("{kind} {name}")),
        Error::Layout { layout, .. } => ("Layout", layout.clone()),
        Error::Incompatible { options, .. } => ("Incompatible", options.clone()),
        Error::MissingValue { path } => ("MissingValue", path.clone()),
        Error::NotPositive { matrix, .. } => ("NotPositive", matrix.clone()),
        Error::Numerical { operation, .. } => ("Numerical", operation.clone()),
        Error::Memory { what, .. } => ("Memory", what.clone()),
        other => ("other", other.to_string()),
    }
}

#[track_caller]
fn assert_refused<T>(name: &str, result: Result<T>, variant: &str, at: &str) {
    let Err(error) = result else { panic!("{name} was accepted") };
    let found = address(&error);
    assert_eq!((found.0, found.1.as_str()), (variant, at), "{name}: {error}");
    assert!(error.to_string().len() > 20, "{name}: {error}");
}

#[test]
fn data_that_do_not_fit() {
    let (x, y) = ordinary();
    let changed = |table: &Table, at: [usize; 2], value: f64| {
        let mut out = table.clone();
        out[at] = value;
        out
    };
    let spread = |table: &Table, factor: f64| {
        let mut out = table.clone();
        out.column_mut(1).mapv_inplace(|v| v * factor);
        out
    };
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let cases = [
        ("NaN in x", changed(&x, [3, 1], nan), y.clone(), "NotFinite", "x 3 1"),
        ("inf in x", changed(&x, [0, 0], inf), y.clone(), "NotFinite", "x 0 0"),
        ("-inf in x", changed(&x, [11, 0], -inf), y.clone(), "NotFinite", "x 11 0"),
        ("inf in y", x.clone(), changed(&y, [4, 2], inf), "NotFinite", "y 4 2"),
        ("-inf in y", x.clone(), changed(&y, [4, 2], -inf), "NotFinite", "y 4 2"),
        ("NaN throughout y", x.clone(), &y * nan, "Layout", "masked"),
        ("rows missing in y", x.clone(), y.slice(s![1.., ..]).to_owned(), "Shape", "y"),
        ("no rows", x.slice(s![..0, ..]).to_owned(), y.slice(s![..0, ..]).to_owned(), "Shape", "x"),
        ("no columns", x.slice(s![.., ..0]).to_owned(), y.clone(), "Shape", "x"),
        ("no tasks", x.clone(), y.slice(s![.., ..0]).to_owned(), "Shape", "y"),
        ("x too large", spread(&x, 1e110), y.clone(), "InvalidValue", "x, column 1"),
        ("x too small", spread(&x, 1e-110), y.clone(), "InvalidValue", "x, column 1"),
        ("y too large", x.clone(), spread(&y, 1e110), "InvalidValue", "y, column 1"),
        ("y too small", x.clone(), spread(&y, 1e-110), "InvalidValue", "y, column 1"),
    ];
    for (name, x, y, variant, at) in cases {
        assert_refused(name, Dataset::new(x.view(), y.view()), variant, at);
    }
    let data = Dataset::new(x.view(), y.view()).unwrap();
    assert_refused("no such task", data.task(3), "InvalidValue", "task");
    let named = |names: &[&str]| data.clone().with_task_names(names.to_vec());
    assert_refused("few names", named(&["a", "b"]), "Shape", "task_names");
    assert_refused("a name twice", named(&["a", "b", "a"]), "InvalidValue", "task_names");
    let features = data.clone().with_feature_names(["a"]);
    assert_refused("few features", features, "Shape", "feature_names");
}

#[test]
fn settings_that_do_not_fit() {
    let (x, y) = ordinary();
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let covariance = Table::eye(2);
    let none = |kernel: Kernel, task: Task, noise: Noise| {
        MultiTaskGp::new(kernel).task(task).noise(noise).optimizer(Optimizer::None)
    };
    let given = || Noise::Variances(vec![0.1; 3]);
    let fixed = || Fixed::at(Table::eye(3).view());
    let half = LowRank::new(1).spec().clone();
    let w = coregion::spec::Value::Matrix(vec![vec![1.0]; 3]);
    let half = Task::from_spec(half.with("W", w)).unwrap();
    let rbf = || Rbf::isotropic(1.0);
    let cases = [
        ("rank above T", default().task(LowRank::new(4)), "InvalidValue", "LowRank.rank"),
        ("rank 0", default().task(LowRank::new(0)), "InvalidValue", "LowRank.rank"),
        ("B of other size", default().task(Fixed::at(covariance.view())), "Shape", "Fixed.B"),
        ("two variances", default().noise(Noise::Variances(vec![1.0; 2])), "Shape", "noise"),
        ("zero variance", default().noise(Noise::Variances(vec![0.0; 3])), "InvalidValue", "noise"),
        ("two means", default().mean(Mean::Given(vec![0.0; 2])), "Shape", "mean"),
        ("NaN mean", default().mean(Mean::Given(vec![f64::NAN; 3])), "InvalidValue", "mean"),
        ("column 2", MultiTaskGp::new(Rbf::ard().on([2])), "InvalidValue", "columns of `.on`"),
        (
            "level",
            MultiTaskGp::new(Categorical::levels([0.0]).on([0])),
            "InvalidValue",
            "x, column 0",
        ),
        (
            "fixed path",
            default().fix("kernel.lengthscale"),
            "UnknownName",
            "parameter path kernel.lengthscale",
        ),
        ("tied path", default().tie("noise.variance", "x"), "UnknownName", "parameter path x"),
        (
            "tie with itself",
            default().tie("noise.variance", "noise.variance"),
            "Incompatible",
            "a tie of noise.variance and noise.variance",
        ),
        (
            "tie of unequal shapes",
            default().tie("noise.variance", "terms[0].kernel.lengthscale"),
            "Incompatible",
            "a tie of noise.variance and terms[0].kernel.lengthscale",
        ),
        (
            "no lengthscale",
            none(Rbf::ard(), fixed(), given()),
            "MissingValue",
            "terms[0].kernel.lengthscale",
        ),
        (
            "no alpha",
            none(RationalQuadratic::ard().fix("alpha"), fixed(), given()),
            "MissingValue",
            "terms[0].kernel.lengthscale",
        ),
        (
            "no bias",
            none(rbf() + Linear::learned(), fixed(), given()),
            "MissingValue",
            "terms[0].kernel.parts[1].bias",
        ),
        (
            "no factor",
            none(rbf(), FreeForm::new(), given()),
            "MissingValue",
            "terms[0].task.factor",
        ),
        ("no W", none(rbf(), LowRank::new(1), given()), "MissingValue", "terms[0].task.W"),
        ("no kappa", none(rbf(), half, given()), "MissingValue", "terms[0].task.kappa"),
        ("no noise", none(rbf(), fixed(), Noise::PerTask), "MissingValue", "noise.variance"),
        ("no full noise", none(rbf(), fixed(), Noise::Full), "MissingValue", "noise.factor"),
        (
            "tolerance below 0",
            default().gradient_tolerance(-1.0),
            "InvalidValue",
            "gradient_tolerance",
        ),
        (
            "NaN tolerance",
            default().gradient_tolerance(f64::NAN),
            "InvalidValue",
            "gradient_tolerance",
        ),
    ];
    for (name, model, variant, at) in cases {
        assert_refused(name, model.fit(&data), variant, at);
    }
    assert_healthy(&none(rbf(), fixed(), given()).fit(&data).unwrap());
    assert_refused("optimizer", "lbfgs".parse::<Optimizer>(), "UnknownName", "optimizer lbfgs");
    assert_refused("noise", "white".parse::<Noise>(), "UnknownName", "noise white");
    assert_refused("solver", "lu".parse::<Solver>(), "UnknownName", "solver lu");
    for name in ["auto", "alternating", "joint", "none"] {
        let parsed = format!("{:?}", name.parse::<Optimizer>().unwrap());
        assert_eq!(parsed.to_lowercase(), name);
    }
    assert_eq!(
        ["auto", "kronecker"].map(|n| n.parse::<Solver>().unwrap()),
        [Solver::Auto, Solver::Kronecker]
    );
}

fn fitted() -> FittedMultiTaskGp {
    let (x, y) = ordinary();
    default().fit(&Dataset::new(x.view(), y.view()).unwrap()).unwrap()
}

#[test]
fn questions_that_do_not_fit() {
    let gp = fitted();
    let ask = |xs: ArrayView2<f64>| -> Vec<Result<()>> {
        let given = Table::zeros((xs.nrows(), 3));
        vec![
            gp.predict(xs, Uncertainty::None).map(|_| ()),
            gp.predict(xs, Uncertainty::Std).map(|_| ()),
            gp.predict_given(xs, given.view(), Uncertainty::Std).map(|_| ()),
            gp.predict_task_covariances(xs).map(|_| ()),
            gp.predict_covariance(xs, true).map(|_| ()),
            gp.sample(xs, 3, true, 1).map(|_| ()),
        ]
    };
    let mut nan = normal(4, 2, 3);
    nan[[2, 1]] = f64::NAN;
    let mut infinite = normal(4, 2, 3);
    infinite[[0, 0]] = f64::NEG_INFINITY;
    for (name, xs, variant, at) in [
        ("three columns", normal(4, 3, 3), "Shape", "xs"),
        ("one column", normal(4, 1, 3), "Shape", "xs"),
        ("no column", Table::zeros((4, 0)), "Shape", "xs"),
        ("no row, three columns", Table::zeros((0, 3)), "Shape", "xs"),
        ("NaN", nan, "NotFinite", "xs 2 1"),
        ("infinity", infinite, "NotFinite", "xs 0 0"),
    ] {
        for result in ask(xs.view()) {
            assert_refused(name, result, variant, at);
        }
    }
    let xs = normal(4, 2, 3);
    let mut given = Table::zeros((4, 3));
    let given_shapes = [(4, 2), (3, 3), (0, 3), (4, 4)];
    for shape in given_shapes {
        let result = gp.predict_given(xs.view(), Table::zeros(shape).view(), Uncertainty::Std);
        assert_refused("given of another shape", result, "Shape", "given");
    }
    given[[1, 2]] = f64::INFINITY;
    given[[0, 0]] = f64::NAN;
    let result = gp.predict_given(xs.view(), given.view(), Uncertainty::Std);
    assert_refused("infinity given", result, "NotFinite", "given 1 2");
    let means = gp.predict(xs.view(), Uncertainty::None).unwrap();
    let refused = means.std().map(|_| ());
    let options = "`Uncertainty::None` and standard deviations";
    assert_refused("std of means", refused, "Incompatible", options);
    let set = |path: &str, shape: &[usize], value: f64| {
        let values = ndarray::ArrayD::from_elem(shape, value);
        gp.log_marginal_likelihood_at(&[(path, values)]).map(|_| ())
    };
    let lengthscale = "terms[0].kernel.lengthscale";
    assert_refused(
        "path",
        set("lengthscale", &[2], 1.0),
        "UnknownName",
        "parameter path lengthscale",
    );
    assert_refused("shape", set(lengthscale, &[3], 1.0), "Shape", lengthscale);
    for value in [-1.0, f64::NAN, f64::INFINITY] {
        assert_refused("value", set(lengthscale, &[2], value), "InvalidValue", lengthscale);
    }
    assert!(set(lengthscale, &[2], 0.0).is_err());
    assert!(set("noise.variance", &[3], 0.0).is_err());
}

#[test]
fn no_rows_are_answered_with_nothing() {
    let gp = fitted();
    let xs = Table::zeros((0, 2));
    for uncertainty in [Uncertainty::None, Uncertainty::Std, Uncertainty::Observation] {
        let p = gp.predict(xs.view(), uncertainty).unwrap();
        assert_eq!(p.mean.dim(), (0, 3));
        assert_eq!(p.std.map(|s| s.dim()), (uncertainty != Uncertainty::None).then_some((0, 3)));
        let given = Table::zeros((0, 3));
        assert_eq!(gp.predict_given(xs.view(), given.view(), uncertainty).unwrap().mean.nrows(), 0);
    }
    assert_eq!(gp.predict_task_covariances(xs.view()).unwrap().dim(), (0, 3, 3));
    assert_eq!(gp.predict_covariance(xs.view(), true).unwrap().dim(), (0, 3, 0, 3));
    assert_eq!(gp.sample(xs.view(), 5, true, 1).unwrap().dim(), (0, 3, 5));
    assert_eq!(gp.sample(normal(2, 2, 4).view(), 0, false, 1).unwrap().dim(), (2, 3, 0));
}

#[test]
fn what_does_not_fit_in_memory_is_refused_and_the_rest_is_tiled() {
    let (x, y) = ordinary();
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let xs = normal(9, 2, 5);
    let plain = default().fit(&data).unwrap();
    let small = default().memory_budget(1000).fit(&data).unwrap();
    for budget in [0, 1, 1000, usize::MAX] {
        let gp = default().memory_budget(budget).fit(&data).unwrap();
        for uncertainty in [Uncertainty::None, Uncertainty::Observation] {
            let mut given = smooth_outputs(xs.view(), 3, 0.1, 6);
            given.column_mut(1).fill(f64::NAN);
            let pairs = [
                (gp.predict(xs.view(), uncertainty), plain.predict(xs.view(), uncertainty)),
                (
                    gp.predict_given(xs.view(), given.view(), uncertainty),
                    plain.predict_given(xs.view(), given.view(), uncertainty),
                ),
            ];
            for (tiled, whole) in pairs {
                let (tiled, whole) = (tiled.unwrap(), whole.unwrap());
                crate::common::assert_close(&tiled.mean, &whole.mean, 1e-13);
                if let (Some(a), Some(b)) = (&tiled.std, &whole.std) {
                    crate::common::assert_close(a, b, 1e-11);
                }
            }
        }
    }
    let bytes = |result: Result<()>| match result {
        Err(Error::Memory { needed, budget, .. }) => (needed, budget),
        other => panic!("{other:?}"),
    };
    // (m, T, m, T), (m, T, T) and (m, T, samples) doubles.
    let joint = small.predict_covariance(xs.view(), false).map(|_| ());
    assert_eq!(bytes(joint), (8 * 27 * 27, 1000));
    let more = normal(20, 2, 5);
    let blocks = small.predict_task_covariances(more.view()).map(|_| ());
    assert_eq!(bytes(blocks), (8 * 20 * 9, 1000));
    let one = xs.slice(s![..1, ..]);
    assert_eq!(bytes(small.sample(one, 100, false, 1).map(|_| ())), (8 * 3 * 100, 1000));
    assert_eq!(bytes(plain.sample(one, usize::MAX / 2, false, 1).map(|_| ())).0, usize::MAX);
    assert_eq!(
        small.predict_covariance(one, false).unwrap(),
        plain.predict_covariance(one, false).unwrap()
    );
}

#[test]
fn rows_far_beyond_the_data_are_answered_or_refused() {
    let (x, y) = ordinary();
    let data = Dataset::new(x.view(), y.view()).unwrap();
    for kernel in kernels() {
        let gp = MultiTaskGp::new(kernel.clone()).max_iterations(3).fit(&data).unwrap();
        for size in [1e8, 1e80, 1e160, 1e200, 1e300, f64::MAX] {
            let xs = normal(3, 2, 7).mapv(|v| size * (v / 4.0).clamp(-1.0, 1.0));
            match gp.predict(xs.view(), Uncertainty::Observation) {
                Ok(p) => {
                    let numbers: Vec<f64> =
                        p.mean.iter().chain(p.std.iter().flatten()).copied().collect();
                    assert!(
                        numbers.iter().all(|v| v.is_finite()),
                        "{kernel} at {size:e}: {numbers:?}"
                    );
                }
                Err(error) => assert_eq!(address(&error).0, "Numerical", "{kernel}: {error}"),
            }
        }
    }
    // Far away stationary kernels know the prior, and say so.
    for kernel in [Rbf::ard(), Matern12::ard(), Matern32::ard(), Matern52::ard()] {
        let model = MultiTaskGp::new(kernel).max_iterations(3).mean(Mean::Training);
        let gp = model.fit(&data).unwrap();
        let p = gp.predict(Table::from_elem((1, 2), 1e200).view(), Uncertainty::Std).unwrap();
        crate::common::assert_close(&p.mean.row(0), &y.mean_axis(Axis(0)).unwrap(), 1e-12);
        // Variances are what is computed: the root of one that is small beside the others magnifies
        // its rounding.
        let prior = gp.task_covariance().diag().to_owned();
        let variances = p.std().unwrap().row(0).mapv(|v| v * v);
        crate::common::assert_close(&variances, &prior, 1e-9);
    }
}

#[test]
fn limits_are_kept_and_said() {
    let (x, y) = ordinary();
    let data = Dataset::new(x.view(), y.view()).unwrap();
    for optimizer in [Optimizer::Alternating, Optimizer::Joint] {
        let gp = default().optimizer(optimizer).max_iterations(0).fit(&data).unwrap();
        assert_healthy(&gp);
        assert_eq!((gp.report().stop, gp.report().iterations), (Stop::Limit, 0));
        let gp = default().optimizer(optimizer).max_iterations(1).fit(&data).unwrap();
        assert_healthy(&gp);
        assert_eq!((gp.report().stop, gp.report().iterations), (Stop::Limit, 1));
        assert!(!gp.report().converged);
        let last = gp.report().warnings.last();
        assert!(matches!(last, Some(Warning::NotConverged { stop: Stop::Limit, .. })), "{last:?}");
    }
    // Nothing but B and Sigma to learn: they are learned.
    let gp = default().fix("terms[0].kernel.lengthscale").fit(&data).unwrap();
    assert_healthy(&gp);
    let expected = vec!["HeldAtStart".to_string(), "RankDeficient".to_string()];
    assert_eq!((gp.report().stop, warnings(&gp)), (Stop::Converged, expected));
    let path = "terms[0].kernel.lengthscale".to_string();
    assert_eq!(gp.report().warnings[0], Warning::HeldAtStart { paths: vec![path] });
    // Nothing at all.
    let held = default().fix("terms[0].kernel.lengthscale").fix("terms[0].task.W");
    let gp = held.fix("terms[0].task.kappa").fix("noise.variance").fit(&data).unwrap();
    assert_healthy(&gp);
    assert_eq!((gp.report().optimizer, gp.report().stop), ("none", Stop::NothingFree));
}

#[test]
fn the_layout_in_memory_does_not_matter() {
    let (x, y) = ordinary();
    let plain = default().fit(&Dataset::new(x.view(), y.view()).unwrap()).unwrap();
    let (columns_x, columns_y) =
        (x.t().as_standard_layout().into_owned(), y.t().as_standard_layout().into_owned());
    let data = Dataset::new(columns_x.t(), columns_y.t()).unwrap();
    let gp = default().fit(&data).unwrap();
    assert_eq!(gp.parameters(), plain.parameters());
    let xs = normal(10, 4, 8);
    let view = xs.slice(s![..;-2, 1..;2]);
    let p = gp.predict(view, Uncertainty::Std).unwrap();
    let q = plain.predict(view.as_standard_layout().view(), Uncertainty::Std).unwrap();
    assert_eq!(p, q);
}
