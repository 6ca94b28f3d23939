//! Hostile gaps and lists: what each must lead to.

use coregion::Error;
use coregion::prelude::*;
use ndarray::{Array1, Array2, Axis, array, s};

use crate::common::bordered::Bordered;
use crate::common::masked::Masked;
use crate::common::{assert_close, assert_near, normal, smooth_outputs};
use crate::gaps::{GAP, Table, gappy};
use crate::hostile::{ones, settings};
use crate::leave_out::ways;
use crate::support::{assert_healthy, warnings};

/// The settings with both kinds of noise that is learned for each task.
fn with_noises() -> impl Iterator<Item = MultiTaskGp> {
    settings().into_iter().flat_map(|s| [s.clone(), s.noise(Noise::Full)])
}

fn set(x: &Table, y: &Table) -> Dataset {
    Dataset::new(x.view(), y.view()).unwrap()
}

/// Asserts that nothing a fit says of its own table is NaN but what leaving out has no answer for, and
/// that its answers are those of the whole covariance.
#[track_caller]
fn assert_sound(gp: &FittedMultiTaskGp, within: f64) {
    assert_healthy(gp);
    let (y, observed) = (gp.data().y(), gp.data().y().mapv(|v| !v.is_nan()));
    for u in [Uncertainty::None, Uncertainty::Std, Uncertainty::Observation] {
        let p = gp.impute(u).unwrap();
        assert!(p.mean.iter().all(|v| v.is_finite()));
        assert_eq!(p.std.is_some(), u != Uncertainty::None);
        for ((at, o), std) in observed.indexed_iter().zip(p.std.iter().flatten()) {
            assert!(if *o { *std == 0.0 } else { std.is_finite() && *std >= 0.0 });
            assert!(!o || p.mean[at] == y[at]);
        }
    }
    for by in ways(y.nrows()) {
        let out = gp.leave_one_out(&by).unwrap();
        for (at, o) in observed.indexed_iter() {
            assert_eq!((out.mean[at].is_finite(), out.std[at].is_finite()), (*o, *o));
            assert!(!o || out.std[at] > 0.0);
        }
        assert!(out.log_density.iter().all(|v| !v.is_infinite()));
    }
    let slow = Masked::new(gp);
    assert_near(gp.log_marginal_likelihood(), slow.log_density(), within);
    let xs = gp.data().x().slice(s![..gp.data().n_rows().min(4), ..]).to_owned() + 0.1;
    let p = gp.predict(xs.view(), Uncertainty::None).unwrap();
    assert_close(&p.mean, &slow.predict(xs.view()).0, within);
    let (mean, _, std) = slow.impute();
    let p = gp.impute(Uncertainty::Observation).unwrap();
    assert_close(&p.mean, &mean, within);
    let found = p.std.unwrap();
    if gp.setup().mean != Mean::Constant {
        return assert_close(&found, &std, within);
    }
    // What is not known of the mean, at the rows that say something.
    let (model, natural) = (gp.posterior().model(), gp.posterior().natural());
    let seen = |i: &usize| observed.row(*i).iter().any(|o| *o);
    let rows: Vec<usize> = (0..y.nrows()).filter(seen).collect();
    let (_, std) = Bordered::new(model, natural, ones).impute();
    assert_close(&found.select(Axis(0), &rows), &std, within);
}

/// A data set, the solver and the warnings its fit must have.
struct Row {
    name: &'static str,
    data: Dataset,
    solver: &'static str,
    warnings: Vec<&'static str>,
}

fn rows() -> Vec<Row> {
    let with = |name, data: Dataset, solver, warnings: &[&'static str]| Row {
        name,
        data,
        solver,
        warnings: warnings.to_vec(),
    };
    let column = |t: usize, rows: std::ops::Range<usize>| rows.map(move |i| (i, t));
    let at = |gaps: Vec<(usize, usize)>| gappy(20, 3, &gaps);
    let low = "RankDeficient";
    let one_gap = at(vec![(3, 1)]);
    let scaled = |c: f64, d: f64| set(&(one_gap.x().to_owned() * d), &(one_gap.y().to_owned() * c));
    let constant = {
        let mut y = one_gap.y().to_owned();
        y.slice_mut(s![4.., 1]).fill(GAP);
        y.slice_mut(s![..3, 1]).fill(-7.5);
        set(&one_gap.x().to_owned(), &y)
    };
    // Repeated measurements: rows of a table at equal inputs.
    let x = normal(6, 2, 3).select(Axis(0), &[0, 1, 2, 3, 4, 5, 0, 1, 2, 0, 1, 2]);
    let y = smooth_outputs(x.view(), 1, 0.3, 5).column(0).to_owned();
    let repeated =
        Dataset::long(x.view(), y.view(), &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]).unwrap();
    let wide: Vec<(usize, usize)> = (0..4)
        .flat_map(|i| (0..9).map(move |t| (i, t)))
        .filter(|(i, t)| (i + t) % 3 == 0)
        .collect();
    let few: Vec<(usize, usize)> =
        (0..4).flat_map(|i| (0..9).map(move |t| (i, t))).filter(|(i, t)| *t != 2 * i).collect();
    let unseen = [vec!["TaskWithoutData"; 5], vec!["FewData"]].concat();
    vec![
        with("a task without data", at(column(1, 0..20).collect()), "dense", &["TaskWithoutData"]),
        with("a task of one row", at(column(1, 1..20).collect()), "dense", &["FewObservations"]),
        with("a row without entries", at((0..3).map(|t| (7, t)).collect()), "kronecker", &[low]),
        with(
            "both",
            at(column(0, 0..20).chain([(7, 1), (7, 2)]).collect()),
            "dense",
            &["TaskWithoutData"],
        ),
        with("a constant task with gaps", constant, "dense", &["ConstantTask", "FewObservations"]),
        with("fewer rows than tasks", gappy(4, 9, &wide), "schur", &["FewData"]),
        with("fewer observations than tasks", gappy(4, 9, &few), "dense", &unseen),
        with("two observations", gappy(2, 2, &[(0, 1), (1, 0)]), "dense", &["FewData"]),
        with("repeated measurements", repeated, "dense", &[low]),
        with("huge outputs", scaled(1e80, 1.0), "schur", &[low]),
        with("tiny outputs", scaled(1e-80, 1.0), "schur", &[low]),
        with("huge inputs", scaled(1.0, 1e80), "schur", &[low]),
        with("tiny inputs", scaled(1.0, 1e-80), "schur", &[low]),
        with("one observation", gappy(1, 2, &[(0, 1)]), "dense", &["OneRow"]),
        with(
            "one observation among rows",
            gappy(5, 1, &[(0, 0), (1, 0), (3, 0), (4, 0)]),
            "kronecker",
            &["OneRow"],
        ),
    ]
}

#[test]
fn fits_of_hostile_layouts() {
    let mut wrong = Vec::new();
    for (row, settings) in rows().iter().flat_map(|row| settings().map(|s| (row, s))) {
        let gp = settings.fit(&row.data).unwrap();
        println!("{}, {:?}", row.name, gp.setup().mean);
        assert_sound(&gp, 1e-6);
        // Where nothing but floors is left, a direction of a million times the curvature of the rest
        // keeps joint learning from ending.
        let optional = if row.data.n_rows() < row.data.n_tasks() { "NotConverged" } else { "" };
        let mut found = (gp.report().solve.solver.to_string(), warnings(&gp));
        found.1.retain(|w| w != optional);
        if found.0 != row.solver || found.1 != row.warnings {
            wrong.push((row.name, gp.setup().mean, found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A task without data is predicted from the others and B, and has the mean of their means.
#[test]
fn a_task_without_data_has_the_prior_of_b_far_away() {
    let data = gappy(20, 3, &(0..20).map(|i| (i, 1)).collect::<Vec<_>>());
    for settings in settings() {
        let gp = settings.fit(&data).unwrap();
        let far = Table::from_elem((1, 2), 1e6);
        let p = gp.predict(far.view(), Uncertainty::Std).unwrap();
        assert_near(p.mean[[0, 1]], 0.5 * (p.mean[[0, 0]] + p.mean[[0, 2]]), 1e-12);
        let prior = gp.task_covariance().diag().to_owned();
        let found = p.std().unwrap().row(0).mapv(|v| v * v);
        if gp.setup().mean == Mean::Training {
            let means = [0, 2].map(|t| data.y().column(t).mean().unwrap());
            assert_near(p.mean[[0, 1]], 0.5 * (means[0] + means[1]), 1e-12);
            assert_close(&found, &prior, 1e-9);
        } else {
            // That of a mean is half of each of two, with what is not known of both.
            assert!((&found - &prior).iter().all(|v| *v > 0.0), "{found} {prior}");
        }
        let single = settings.fit_single_tasks(&data).unwrap_err();
        assert!(matches!(single, Error::Layout { .. }), "{single}");
    }
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: Result<T>, expected: &str) {
    assert_eq!(result.unwrap_err().to_string(), expected);
}

#[test]
fn data_that_are_no_data_are_refused() {
    let x = normal(3, 1, 1);
    let of = |y: Table| Dataset::new(x.view(), y.view());
    assert_refused(
        of(Table::from_elem((3, 2), GAP)),
        "masked data (all 6 entries of y are NaN) is not served: give at least one observation",
    );
    assert_refused(
        of(array![[GAP, 1.0], [2.0, f64::NEG_INFINITY], [3.0, 4.0]]),
        "y: found -inf at row 1, column 1, expected finite numbers",
    );
    let long = |y: [f64; 3], tasks: [usize; 3]| {
        Dataset::long(x.view(), Array1::from(y.to_vec()).view(), &tasks)
    };
    assert_refused(
        long([1.0, f64::INFINITY, 2.0], [0, 1, 0]),
        "y: found inf at row 1, column 0, expected finite numbers",
    );
    assert_refused(
        long([1.0, 3.0, 2.0], [0, 2, 0]),
        "tasks: found no row of task 1, below 2, expected a row of each task from 0 to the last; \
         `Dataset::long_labelled` with task names declares tasks without rows",
    );
    let data = long([1.0, 3.0, 2.0], [0, 1, 0]).unwrap();
    let noise =
        |v: [f64; 3]| data.clone().with_long_noise_variances(Array1::from(v.to_vec()).view());
    assert_refused(
        noise([0.1, GAP, 0.1]),
        "noise_variances: found NaN at row 1, column 0, expected finite numbers",
    );
    assert_refused(
        noise([0.1, 0.2, -1e-300]),
        &format!("noise_variances, row 2: found {}, expected zero or more", -1e-300),
    );
    let masked = of(array![[GAP, 1.0], [2.0, 3.0], [3.0, 4.0]]).unwrap();
    let table = array![[GAP, 0.1], [0.1, 0.2], [GAP, 0.1]];
    assert_refused(
        masked.clone().with_noise_variances(table.view()),
        "noise_variances: found NaN at row 2, column 0, expected finite numbers",
    );
    // Noise that is nothing, and nothing known of it.
    for (data, settings) in [masked, data].into_iter().zip(settings()) {
        assert_refused(
            settings.noise(Noise::None).fit(&data),
            "a noise of zero and data without known noise variances cannot be combined: give \
             variances with `Dataset::with_noise_variances`, or let noise be learned",
        );
    }
}

#[test]
fn labels_of_any_kind_name_tasks() {
    let x = normal(12, 2, 1);
    let y = smooth_outputs(x.view(), 1, 0.3, 2).column(0).to_owned();
    let words = ["b", "a", "", "b", "ä", "a", "b", "a", "b", "a", "", "b"];
    let data = Dataset::long_labelled(x.view(), y.view(), &words, None).unwrap();
    assert_eq!(data.task_names(), ["", "a", "b", "ä"]);
    let labels = data.entries().into_iter().map(|(_, t)| data.task_names()[t].as_str());
    assert_eq!(labels.collect::<Vec<_>>(), words);
    let [default, _] = settings();
    assert_sound(&default.fit(&data).unwrap(), 1e-6);
    // Numbers with gaps between them, as words.
    let numbers: Vec<String> = (0..12).map(|i| (7 * (i % 3)).to_string()).collect();
    let names = ["0", "7", "14", "21"];
    let data = Dataset::long_labelled(x.view(), y.view(), &numbers, Some(&names)).unwrap();
    let gp = default.fit(&data).unwrap();
    assert_eq!(gp.task_names(), names);
    assert_sound(&gp, 1e-6);
}

/// Measurements repeated at one input, with variances of zero: no covariance to divide by.
#[test]
fn measurements_that_contradict_each_other_are_refused() {
    let x = array![[0.0], [0.0], [1.0]];
    let y = array![1.0, 2.0, 0.5];
    let list = Dataset::long(x.view(), y.view(), &[0, 0, 0]).unwrap();
    let with = |v: f64| list.clone().with_long_noise_variances(Array1::from_elem(3, v).view());
    let held = MultiTaskGp::new(Rbf::isotropic(1.0))
        .task(Diagonal::starting_at([1.0]))
        .noise(Noise::None)
        .optimizer(Optimizer::None);
    let error = held.fit(&with(0.0).unwrap()).unwrap_err();
    assert!(matches!(error, Error::NotPositive { .. }), "{error:?}");
    let learned = MultiTaskGp::new(Rbf::ard()).noise(Noise::None);
    let error = learned.fit(&with(0.0).unwrap()).unwrap_err();
    assert!(matches!(error, Error::NotPositive { .. } | Error::Numerical { .. }), "{error:?}");
    // Any noise at all is enough, and the mean of the two is what is said of them.
    let gp = held.fit(&with(1e-6).unwrap()).unwrap();
    let p = gp.predict(array![[0.0]].view(), Uncertainty::Std).unwrap();
    assert!((p.mean[[0, 0]] - 1.5).abs() < 1e-5);
    assert!(gp.log_marginal_likelihood() < -1e5);
    // Zero is no harm where nothing is repeated.
    let apart = Dataset::long(array![[0.0], [2.0], [1.0]].view(), y.view(), &[0, 0, 1]).unwrap();
    let apart = apart.with_long_noise_variances(Array1::zeros(3).view()).unwrap();
    let gp = held.task(Diagonal::starting_at([1.0, 2.0])).fit(&apart).unwrap();
    let p = gp.predict(apart.x(), Uncertainty::Std).unwrap();
    for ((i, t), value) in apart.y().indexed_iter().filter(|(_, v)| !v.is_nan()) {
        assert!((p.mean[[i, t]] - value).abs() < 1e-9 && p.std().unwrap()[[i, t]] < 1e-6);
    }
    // With noise that is learned, or given, the same data are served.
    let gp = MultiTaskGp::new(Rbf::ard()).fit(&with(0.0).unwrap()).unwrap();
    assert!(
        gp.predict(x.view(), Uncertainty::Observation).unwrap().mean.iter().all(|v| v.is_finite())
    );
}

#[test]
fn variances_of_any_size_weigh_observations() {
    let data = gappy(14, 2, &[(3, 1), (8, 0)]);
    for (small, large) in [(0.0, 1e-3), (1e-3, 1e12), (1e-300, 1e300), (0.0, f64::MAX)] {
        let table = Table::from_shape_fn((14, 2), |(i, _)| if i == 5 { large } else { small });
        let known = data.clone().with_noise_variances(table.view()).unwrap();
        for settings in with_noises() {
            let gp = settings.max_iterations(10).fit(&known).unwrap();
            assert_eq!(gp.report().solve.solver, "dense");
            assert_healthy(&gp);
            if large > 1e10 {
                // What is known to say nothing is as good as not there.
                let rest: Vec<usize> = (0..14).filter(|i| *i != 5).collect();
                let offsets = gp.parameters()["mean.offset"].iter().copied().collect();
                let mean = match gp.setup().mean {
                    Mean::Constant => Mean::Constant,
                    _ => Mean::Given(offsets),
                };
                let without = MultiTaskGp::new(gp.kernel().clone())
                    .task(gp.task().clone())
                    .noise(gp.noise())
                    .mean(mean)
                    .optimizer(Optimizer::None)
                    .fit(&known.rows(&rest).unwrap())
                    .unwrap();
                let of = |gp: &FittedMultiTaskGp| gp.predict(data.x(), Uncertainty::Std).unwrap();
                let (p, q) = (of(&gp), of(&without));
                assert_close(&p.mean, &q.mean, 1e-6);
                assert_close(&p.std.unwrap(), &q.std.unwrap(), 1e-6);
            }
        }
    }
}

/// Gaps at every place in turn, of a table small enough for all of them.
#[test]
fn every_pattern_of_a_small_table_is_served() {
    let whole = gappy(3, 2, &[]);
    for mask in 0..63usize {
        let mut y = whole.y().to_owned();
        y.iter_mut().enumerate().filter(|(p, _)| mask >> p & 1 == 1).for_each(|(_, v)| *v = GAP);
        let data = set(&whole.x().to_owned(), &y);
        for settings in with_noises() {
            let gp = settings.max_iterations(8).fit(&data).unwrap();
            assert_sound(&gp, 1e-6);
        }
    }
    let y = Array2::from_elem((3, 2), GAP);
    assert!(Dataset::new(whole.x(), y.view()).is_err());
}
