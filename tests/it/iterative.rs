//! The iterative solver against the dense one.

use std::sync::Arc;

use coregion::error::Error;
use coregion::op::{Adjoint, MaskedKronecker, NoiseMatrix, Pattern};
use coregion::solve::{
    Adjoints, CgSettings, CgState, DenseFactor, Estimate, Factor, IterativeFactor,
};
use ndarray::{Array, Array1, Array2, Array3, Axis, array};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// What to make a random problem from.
#[derive(Clone, Copy)]
struct Problem {
    n: usize,
    tasks: usize,
    missing: f64,
    noise: f64,
    full_noise: bool,
    known: bool,
    silent: Option<usize>,
    seed: u64,
}

const PLAIN: Problem = Problem {
    n: 40,
    tasks: 3,
    missing: 0.3,
    noise: 0.1,
    full_noise: false,
    known: false,
    silent: None,
    seed: 1,
};

/// The variants that differ in what the code does.
fn variants() -> Vec<Problem> {
    vec![
        PLAIN,
        Problem { full_noise: true, seed: 2, ..PLAIN },
        Problem { known: true, seed: 3, ..PLAIN },
        Problem { full_noise: true, known: true, missing: 0.5, seed: 4, ..PLAIN },
        Problem { silent: Some(1), missing: 0.2, seed: 5, ..PLAIN },
        Problem { n: 6, tasks: 9, missing: 0.4, full_noise: true, seed: 6, ..PLAIN },
        Problem { missing: 0.9, seed: 7, ..PLAIN },
        Problem { missing: 0.0, tasks: 1, seed: 8, ..PLAIN },
    ]
}

fn inputs(n: usize, seed: u64) -> Array2<f64> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    Array::from_shape_simple_fn((n, 2), || rng.random_range(0.0..3.0))
}

/// A Matern-3/2 kernel.
fn kernel(a: &Array2<f64>, b: &Array2<f64>, lengthscale: f64) -> Array2<f64> {
    Array2::from_shape_fn((a.nrows(), b.nrows()), |(i, j)| {
        let d = &a.row(i) - &b.row(j);
        let r = (3.0 * d.dot(&d)).sqrt() / lengthscale;
        (1.0 + r) * (-r).exp()
    })
}

/// The covariance and the data of a problem.
fn problem(p: Problem, lengthscale: f64) -> (MaskedKronecker, Array2<f64>) {
    let x = inputs(p.n, p.seed);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(p.seed + 100);
    let mut draw =
        |shape: (usize, usize)| Array2::from_shape_simple_fn(shape, || rng.random_range(-1.0..1.0));
    let (root, noise_root) = (draw((p.tasks, 2)), draw((p.tasks, p.tasks)));
    let mut y = draw((p.n, p.tasks)) * 2.0;
    let gaps = draw((p.n, p.tasks)).mapv(|v| 0.5 * (v + 1.0) < p.missing);
    // Tasks of different units.
    let units = Array1::from_shape_fn(p.tasks, |t| 10f64.powi(t as i32 % 3));
    let outer = |m: &Array2<f64>| m * &units * units.view().insert_axis(Axis(1));
    let task = outer(&(root.dot(&root.t()) + Array2::<f64>::eye(p.tasks) * 0.3));
    y *= &units;
    for ((i, t), v) in y.indexed_iter_mut() {
        if gaps[[i, t]] || p.silent == Some(t) {
            *v = f64::NAN;
        }
        let _ = i;
    }
    y[[0, 0]] = 0.5;
    let noise = if p.full_noise {
        let inner = noise_root.dot(&noise_root.t()) * 0.3 + Array2::<f64>::eye(p.tasks);
        NoiseMatrix::Dense(outer(&inner) * p.noise)
    } else {
        NoiseMatrix::Diagonal(units.mapv(|u| u * u * p.noise))
    };
    let pattern = Pattern::of(y.view());
    let known = p.known.then(|| {
        let count = pattern.n_observed();
        Arc::new(Array1::from_shape_fn(count, |a| 0.05 * (a % 4) as f64))
    });
    let k = kernel(&x, &x, lengthscale);
    (MaskedKronecker::new(k.into(), task, noise, known, pattern.into()), y)
}

fn settings() -> CgSettings {
    CgSettings { tolerance: 1e-11, probe_tolerance: 1e-5, rank: 12, ..CgSettings::default() }
}

fn factors(p: Problem, s: &CgSettings) -> (IterativeFactor, DenseFactor) {
    let (a, y) = problem(p, 0.8);
    let dense = DenseFactor::new(a.clone(), y.view(), "").unwrap();
    (IterativeFactor::new(a, y.view(), s, None, "asked for").unwrap(), dense)
}

fn worst<'a>(a: impl IntoIterator<Item = &'a f64>, b: impl IntoIterator<Item = &'a f64>) -> f64 {
    let (mut difference, mut size) = (0.0f64, 0.0f64);
    for (a, b) in a.into_iter().zip(b) {
        assert!(a.is_finite());
        difference = difference.max((a - b).abs());
        size = size.max(b.abs());
    }
    difference / size.max(1e-300)
}

fn kernel_of(adjoints: &Adjoints) -> Array2<f64> {
    match &adjoints.kernels[0] {
        Adjoint::Dense(g) => g.clone(),
        other => other.band(0..other.n_rows(), other.n_rows()),
    }
}

#[test]
fn products_are_those_of_the_matrix() {
    for p in variants() {
        let (a, _) = problem(p, 0.8);
        let n = a.pattern().n_observed();
        for c in [1, 5] {
            let v = Array2::from_shape_fn((n, c), |(i, q)| ((i * 7 + q * 3) % 11) as f64 - 5.0);
            let dense = a.to_dense().dot(&v);
            assert!(worst(&a.times(v.view()), &dense) < 1e-13);
            let sum = a.signal_times(v.view()) + a.noise_times(v.view());
            assert!(worst(&sum, &dense) < 1e-13);
        }
    }
}

#[test]
fn solutions_are_those_of_the_dense_solver() {
    for p in variants() {
        let (cg, dense) = factors(p, &settings());
        assert!(worst(&cg.dual(), &dense.dual()) < 1e-8);
        assert!(worst(&cg.weights()[0], &dense.weights()[0]) < 1e-8);
        let rhs = cg.dual().mapv(|v| v.sin() + 0.3);
        assert!(worst(&cg.solve(rhs.view()).unwrap(), &dense.solve(rhs.view()).unwrap()) < 1e-8);
    }
}

#[test]
fn posteriors_are_those_of_the_dense_solver() {
    for p in variants() {
        let (cg, dense) = factors(p, &settings());
        let (x, new) = (inputs(p.n, p.seed), inputs(5, 99));
        let cross = kernel(&new, &x, 0.8);
        let prior = Array1::ones(5);
        let (a, b) = (
            cg.at(&[cross.view()], &[prior.view()]).unwrap(),
            dense.at(&[cross.view()], &[prior.view()]).unwrap(),
        );
        assert!(worst(&a.variances().0, &b.variances().0) < 1e-6);
        let all: Vec<usize> = (0..p.tasks).collect();
        assert!(worst(&a.block(3, &all, &all), &b.block(3, &all, &all)) < 1e-6);
        let between = kernel(&new, &new, 0.8);
        let (a, b) = (
            cg.joint(&[cross.view()], vec![between.clone()]).unwrap(),
            dense.joint(&[cross.view()], vec![between]).unwrap(),
        );
        assert!(worst(&a, &b) < 1e-6);
        let missing = cg.covariance().pattern().missing().to_vec();
        if !missing.is_empty() {
            let a = cg.missing_variances(&missing).unwrap();
            assert!(worst(&a, &dense.missing_variances(&missing).unwrap()) < 1e-6);
        }
    }
}

#[test]
fn likelihoods_lie_within_their_standard_errors() {
    for full_noise in [false, true] {
        for seed in 0..3 {
            let p = Problem { n: 400, missing: 0.25, full_noise, seed, ..PLAIN };
            let s = CgSettings { rank: 60, probe_tolerance: 1e-3, seed, ..settings() };
            let (cg, dense) = factors(p, &s);
            let Estimate { value, std_err } = cg.log_det();
            let exact = dense.log_det().value;
            assert!((value - exact).abs() < 4.0 * std_err, "{value} {exact} {std_err}");
            assert!(std_err > 0.0 && std_err < 0.01 * 900.0, "{std_err}");
            let error = cg.log_likelihood() - dense.log_likelihood();
            assert!(error.abs() < 2.0 * std_err, "{error} {std_err}");
        }
    }
}

/// Errors of each entry in units of its standard error, from factors of many seeds, and the largest
/// bias in such units.
fn biases(exact: &Array2<f64>, estimates: &[Array2<f64>]) -> f64 {
    let count = estimates.len() as f64;
    let mut mean = Array2::<f64>::zeros(exact.dim());
    estimates.iter().for_each(|e| mean += &(e / count));
    let mut variance = Array2::<f64>::zeros(exact.dim());
    estimates.iter().for_each(|e| variance += &((e - &mean).mapv(|v| v * v) / (count - 1.0)));
    let scale = exact.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let errors = ndarray::Zip::from(exact)
        .and(&mean)
        .and(&variance)
        .map_collect(|e, m, v| (e - m).abs() / ((v / count).sqrt() + 1e-7 * scale));
    errors.iter().fold(0.0, |m, v| m.max(*v))
}

#[test]
fn adjoints_are_unbiased() {
    for p in [
        PLAIN,
        Problem { full_noise: true, known: true, seed: 4, ..PLAIN },
        Problem { known: true, missing: 0.7, seed: 9, ..PLAIN },
    ] {
        let (a, y) = problem(p, 0.8);
        let dense = DenseFactor::new(a.clone(), y.view(), "").unwrap();
        let exact = dense.adjoints(true).unwrap();
        let (mut kernels, mut tasks, mut noises) = (Vec::new(), Vec::new(), Vec::new());
        for seed in 0..40 {
            let s = CgSettings { rank: 8, probe_tolerance: 1e-8, n_probes: 8, seed, ..settings() };
            let cg = IterativeFactor::new(a.clone(), y.view(), &s, None, "").unwrap();
            let adjoints = cg.adjoints(true).unwrap();
            kernels.push(kernel_of(&adjoints));
            tasks.push(adjoints.tasks[0].to_dense());
            noises.push(adjoints.noise.to_dense());
        }
        // Many entries are compared, those of K most.
        assert!(biases(&kernel_of(&exact), &kernels) < 5.5);
        assert!(biases(&exact.tasks[0].to_dense(), &tasks) < 4.0);
        assert!(biases(&exact.noise.to_dense(), &noises) < 4.0);
    }
}

#[test]
fn with_all_entries_as_landmarks_nothing_is_left_to_the_probes() {
    for p in variants() {
        let (cg, dense) = factors(p, &CgSettings { rank: 1000, ..settings() });
        assert!((cg.log_likelihood() - dense.log_likelihood()).abs() < 1e-6);
        let (a, b) = (cg.adjoints(true).unwrap(), dense.adjoints(true).unwrap());
        assert!(worst(&kernel_of(&a), &kernel_of(&b)) < 1e-6);
        assert!(worst(&a.tasks[0].to_dense(), &b.tasks[0].to_dense()) < 1e-6);
        assert!(worst(&a.noise.to_dense(), &b.noise.to_dense()) < 1e-6);
        assert!(cg.adjoints(false).unwrap().kernels.is_empty());
    }
}

/// The derivative of the likelihood along the lengthscale, from the adjoint of K.
fn slope(factor: &impl Factor, p: Problem, lengthscale: f64) -> f64 {
    let (x, h) = (inputs(p.n, p.seed), 1e-5);
    let change = (kernel(&x, &x, lengthscale + h) - kernel(&x, &x, lengthscale - h)) / (2.0 * h);
    (kernel_of(&factor.adjoints(true).unwrap()) * change).sum()
}

#[test]
fn held_landmarks_make_the_likelihood_smooth() {
    let p = Problem { n: 120, ..PLAIN };
    let s = CgSettings { rank: 40, n_probes: 16, ..settings() };
    let (a, y) = problem(p, 0.8);
    let first = IterativeFactor::new(a, y.view(), &s, None, "").unwrap();
    let state = first.state();
    let h = 1e-3;
    let at = |step: i32| {
        let (a, y) = problem(p, 0.8 + h * f64::from(step));
        IterativeFactor::new(a, y.view(), &s, Some(&state), "").unwrap().log_likelihood()
    };
    let values: Vec<f64> = (-4..=4).map(at).collect();
    let seconds: Vec<f64> =
        values.windows(3).map(|w| (w[0] - 2.0 * w[1] + w[2]) / (h * h)).collect();
    let mean = seconds.iter().sum::<f64>() / seconds.len() as f64;
    for second in &seconds {
        assert!((second - mean).abs() < 0.1 * mean.abs() + 1.0, "{seconds:?}");
    }
    // The gradient is close to that of the estimate itself, and to the exact one.
    let difference = (values[5] - values[3]) / (2.0 * h);
    let exact = slope(&DenseFactor::new(problem(p, 0.8).0, y.view(), "").unwrap(), p, 0.8);
    let estimate = slope(&first, p, 0.8);
    assert!((estimate - exact).abs() < 0.05 * exact.abs() + 2.0, "{estimate} {exact}");
    assert!((estimate - difference).abs() < 0.05 * exact.abs() + 2.0, "{estimate} {difference}");
}

#[test]
fn the_same_seed_gives_the_same_numbers() {
    let (a, b) = (factors(PLAIN, &settings()).0, factors(PLAIN, &settings()).0);
    assert_eq!(a.log_likelihood(), b.log_likelihood());
    assert_eq!(a.state(), b.state());
    let other = CgSettings { seed: 7, ..settings() };
    assert_ne!(factors(PLAIN, &other).0.log_likelihood(), a.log_likelihood());
}

#[test]
fn a_state_starts_the_next_factor() {
    let (a, y) = problem(PLAIN, 0.8);
    let s = CgSettings { tolerance: 1e-8, ..settings() };
    let first = IterativeFactor::for_posterior(a.clone(), y.view(), &s, None, "").unwrap();
    let next =
        IterativeFactor::for_posterior(a.clone(), y.view(), &s, Some(&first.state()), "").unwrap();
    assert!(first.report().iterations > 0);
    assert!(worst(&first.dual(), &next.dual()) < 1e-7);
    // The probes run when they are first asked for, with the same result.
    let whole = IterativeFactor::new(a.clone(), y.view(), &s, None, "").unwrap();
    assert!((whole.log_likelihood() - first.log_likelihood()).abs() < 1e-8);
    let gap = a.pattern().missing()[0];
    let wrong = CgState::of_landmarks(vec![gap]);
    let error = IterativeFactor::new(a, y.view(), &s, Some(&wrong), "").unwrap_err();
    assert!(matches!(error, Error::InvalidValue { .. }));
}

#[test]
fn the_report_says_what_was_done() {
    let s = CgSettings { tolerance: 1e-9, ..settings() };
    let report = factors(PLAIN, &s).0.report();
    assert_eq!((&*report.solver, report.exact, &*report.why), ("cg", false, "asked for"));
    assert_eq!((report.rank, report.tolerance), (Some(12), Some(1e-9)));
    assert!(report.iterations > 0 && report.relative_residual.unwrap() <= 1e-9);
    assert!(report.log_det_std_err > 0.0);
}

#[test]
fn tiny_tables_are_served() {
    for y in [array![[1.5]], array![[f64::NAN, 2.0]], array![[1.0], [f64::NAN]]] {
        let (n, t) = y.dim();
        let k = Array2::from_shape_fn((n, n), |(i, j)| if i == j { 1.0 } else { 0.5 });
        let noise = NoiseMatrix::Diagonal(Array1::from_elem(t, 0.1));
        let a = MaskedKronecker::new(
            k.into(),
            Array2::eye(t) + 0.2,
            noise,
            None,
            Pattern::of(y.view()).into(),
        );
        let dense = DenseFactor::new(a.clone(), y.view(), "").unwrap();
        for rank in [0, 1, 5] {
            let s = CgSettings { rank, ..settings() };
            let cg = IterativeFactor::new(a.clone(), y.view(), &s, None, "").unwrap();
            assert!((cg.log_likelihood() - dense.log_likelihood()).abs() < 1e-8);
            let (a, b) = (cg.adjoints(true).unwrap(), dense.adjoints(true).unwrap());
            assert!(worst(&kernel_of(&a), &kernel_of(&b)) < 1e-7);
            assert!(worst(&a.noise.to_dense(), &b.noise.to_dense()) < 1e-7);
        }
    }
}

#[test]
fn little_noise_is_served_and_none_is_refused() {
    let p = Problem { n: 150, noise: 1e-6, ..PLAIN };
    let s = CgSettings { rank: 100, tolerance: 1e-8, ..CgSettings::default() };
    let (cg, dense) = factors(p, &s);
    assert!(cg.report().relative_residual.unwrap() < 1e-7);
    assert!(worst(&cg.dual(), &dense.dual()) < 1e-4);
    let Estimate { value, std_err } = cg.log_det();
    assert!((value - dense.log_det().value).abs() < 4.0 * std_err);
    let (a, y) = problem(Problem { noise: 0.0, known: true, ..PLAIN }, 0.8);
    let error = IterativeFactor::new(a, y.view(), &s, None, "").unwrap_err();
    assert!(matches!(error, Error::NotPositive { .. }));
}

#[test]
fn too_few_iterations_are_reported_or_refused() {
    let (a, y) = problem(Problem { n: 150, noise: 1e-4, ..PLAIN }, 0.8);
    let s = CgSettings { rank: 0, max_iterations: 3, ..CgSettings::default() };
    let error = IterativeFactor::new(a.clone(), y.view(), &s, None, "").unwrap_err();
    assert!(matches!(error, Error::Numerical { .. }), "{error}");
    let s = CgSettings { rank: 400, max_iterations: 3, tolerance: 1e-15, ..s };
    let cg = IterativeFactor::for_posterior(a, y.view(), &s, None, "").unwrap();
    assert!(cg.report().relative_residual.unwrap() > 1e-15);
    for wrong in [
        CgSettings { tolerance: 0.0, ..CgSettings::default() },
        CgSettings { probe_tolerance: f64::NAN, ..CgSettings::default() },
        CgSettings { n_probes: 1, ..CgSettings::default() },
        CgSettings { max_iterations: 0, ..CgSettings::default() },
    ] {
        let (a, y) = problem(PLAIN, 0.8);
        let error = IterativeFactor::new(a, y.view(), &wrong, None, "").unwrap_err();
        assert!(matches!(error, Error::InvalidValue { .. }));
    }
}

/// Draws at the rows themselves have the posterior mean and variances.
#[test]
fn pathwise_draws_have_the_posterior_moments() {
    let p = Problem { n: 20, full_noise: true, ..PLAIN };
    let (cg, dense) = factors(p, &settings());
    let (k, b) = (&cg.covariance().terms()[0].gram, &cg.covariance().terms()[0].task);
    let (root_k, root_b) = (
        coregion::linalg::cholesky((&**k + &(Array2::<f64>::eye(20) * 1e-10)).view()).unwrap(),
        coregion::linalg::cholesky(b.view()).unwrap(),
    );
    let count = 2000;
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let mut prior = Array3::<f64>::zeros((count, 20, 3));
    for mut table in prior.outer_iter_mut() {
        let normal: Array2<f64> =
            Array2::from_shape_simple_fn((20, 3), || rng.sample(rand_distr::StandardNormal));
        table.assign(&root_k.dot(&normal).dot(&root_b.t()));
    }
    let weights = cg.pathwise(prior.view(), 3).unwrap();
    let draws: Vec<Array2<f64>> = (prior.outer_iter().zip(weights.outer_iter()))
        .map(|(f, w)| &f + &k.dot(&w).dot(b))
        .collect();
    let mut mean = Array2::<f64>::zeros((20, 3));
    draws.iter().for_each(|d| mean += &(d / count as f64));
    let mut variance = Array2::<f64>::zeros((20, 3));
    draws.iter().for_each(|d| variance += &((d - &mean).mapv(|v| v * v) / count as f64));
    let exact = dense.at(&[k.view()], &[k.diag()]).unwrap().variances().0;
    let exact_mean = k.dot(&dense.weights()[0]);
    for ((e, v), (m, em)) in exact.iter().zip(&variance).zip(mean.iter().zip(&exact_mean)) {
        assert!((v / e - 1.0).abs() < 0.17, "{v} {e}");
        assert!((m - em).abs() < 5.0 * (e / count as f64).sqrt());
    }
    assert!(cg.pathwise(Array3::zeros((1, 19, 3)).view(), 0).is_err());
}
