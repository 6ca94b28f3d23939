//! Data in every layout: what is the same in other words must say the same.

use coregion::prelude::*;
use ndarray::{Array1, Array2, Axis, s};

use crate::common::{assert_close, assert_near, normal, smooth_outputs};
use crate::gaps::{GAP, Table, as_list, bits, everything, gappy, given};
use crate::leave_out::ways;
use crate::solvers::by_each_solver;
use crate::support::definite;

/// A list of observations at inputs that are seldom shared, task 1 measured twice at one of them.
fn list(n: usize, t: usize) -> Dataset {
    let mut x = normal(n, 2, 21);
    for i in (2..n).step_by(5) {
        let earlier = x.row(i - 2).to_owned();
        x.row_mut(i).assign(&earlier);
    }
    let again = x.row(1).to_owned();
    x.row_mut(t + 1).assign(&again);
    let table = smooth_outputs(x.view(), t, 0.3, 22) - 2.0;
    let labels: Vec<usize> = (0..n).map(|i| i % t).collect();
    let y: Array1<f64> = labels.iter().enumerate().map(|(i, u)| table[[i, *u]]).collect();
    Dataset::long(x.view(), y.view(), &labels).unwrap()
}

fn known(data: &Dataset) -> Dataset {
    let noise = normal(data.n_rows(), data.n_tasks(), 23).mapv(|v| 0.02 + 0.2 * v * v);
    data.clone().with_noise_variances(noise.view()).unwrap()
}

/// Data of three tasks in every layout: complete, masked, long, long with known noise.
fn layouts() -> Vec<Dataset> {
    let list = list(25, 3);
    assert!(list.n_missing() > 20 && list.n_rows() < 25);
    vec![
        gappy(10, 3, &[]),
        gappy(11, 3, &[(0, 1), (4, 2), (4, 0), (9, 1)]),
        list.clone(),
        known(&list),
        known(&gappy(8, 3, &[])),
    ]
}

/// A table of these columns and known variances, without names.
fn table(x: &Table, y: &Table, noise: Option<&Table>) -> Dataset {
    let data = Dataset::new(x.view(), y.view()).unwrap();
    match noise {
        Some(v) => data.with_noise_variances(v.view()).unwrap(),
        None => data,
    }
}

fn parts(data: &Dataset) -> (Table, Table, Option<Table>) {
    (data.x().to_owned(), data.y().to_owned(), data.noise_variances().map(|v| v.to_owned()))
}

/// NaN where NaN is expected, and close elsewhere.
#[track_caller]
fn assert_same(a: &Table, b: &Table, within: f64) {
    crate::gaps::assert_same(a, b, within);
}

#[test]
fn permuted_tasks_and_rows() {
    let order = [2, 0, 1];
    let both = |m: &Table| m.select(Axis(0), &order).select(Axis(1), &order);
    let (b, sigma) = (definite(3, 30), definite(3, 31) * 0.3);
    for data in layouts() {
        let (x, y, noise) = parts(&data);
        let n = x.nrows();
        let rows: Vec<usize> = (0..n).map(|i| (3 * i + n / 2) % n).collect();
        assert!((0..n).all(|i| n % 3 == 0 || rows.contains(&i)));
        let rows: Vec<usize> = if n % 3 == 0 { (0..n).rev().collect() } else { rows };
        let moved = |m: &Table| m.select(Axis(0), &rows).select(Axis(1), &order);
        let other = noise.as_ref().map(&moved);
        let permuted = table(&x.select(Axis(0), &rows), &moved(&y), other.as_ref());
        let model = |b: &Table, sigma: &Table| {
            MultiTaskGp::new(Matern32::new([0.9, 1.4]))
                .task(FreeForm::starting_at(b.view()))
                .noise(Noise::Covariance(sigma.clone()))
                .optimizer(Optimizer::None)
        };
        let ours = by_each_solver(&model(&b, &sigma), &data);
        let theirs = by_each_solver(&model(&both(&b), &both(&sigma)), &permuted);
        for ((solver, a), (_, c)) in ours.iter().zip(&theirs) {
            let (value, expected) = (c.log_marginal_likelihood(), a.log_marginal_likelihood());
            assert_near(value, expected, solver.likelihood_of(a) + solver.likelihood_of(c));
            let xs = normal(5, 2, 11);
            let columns = |m: &Table| m.select(Axis(1), &order);
            let p = a.predict(xs.view(), Uncertainty::Std).unwrap();
            let q = c.predict(xs.view(), Uncertainty::Std).unwrap();
            assert_close(&q.mean, &columns(&p.mean), solver.answers);
            assert_close(&q.std.unwrap(), &columns(&p.std.unwrap()), solver.answers);
            let joint = a.predict_covariance(xs.view(), true).unwrap();
            let joint = joint.select(Axis(1), &order).select(Axis(3), &order);
            assert_close(&c.predict_covariance(xs.view(), true).unwrap(), &joint, solver.answers);
            let (p, q) = (a.impute(Uncertainty::Observation), c.impute(Uncertainty::Observation));
            let (p, q) = (p.unwrap(), q.unwrap());
            assert_close(&q.mean, &moved(&p.mean), solver.answers);
            assert_close(&q.std.unwrap(), &moved(&p.std.unwrap()), solver.answers);
            for by in [LeaveOut::Row, LeaveOut::Entry, LeaveOut::Task] {
                let (p, q) = (a.leave_one_out(&by).unwrap(), c.leave_one_out(&by).unwrap());
                assert_same(&q.mean, &moved(&p.mean), solver.answers);
                assert_same(&q.std, &moved(&p.std), solver.answers);
            }
        }
        assert!(ours.len() == theirs.len() && !ours.is_empty());
    }
}

#[test]
fn outputs_in_other_units() {
    for data in layouts() {
        for c in [1e-6, 250.0, 1e9] {
            let (x, y, noise) = parts(&data);
            let noise = noise.map(|v| v * c * c);
            let scaled = table(&x, &(&y * c), noise.as_ref());
            let fit = |data: &Dataset, factor: f64| {
                let variances = [0.05, 0.1, 0.2].map(|v| v * factor * factor).to_vec();
                let b = definite(3, 30) * factor * factor;
                let model = MultiTaskGp::new(Matern32::new([0.9, 1.4]))
                    .task(FreeForm::starting_at(b.view()))
                    .noise(Noise::Variances(variances))
                    .optimizer(Optimizer::None);
                by_each_solver(&model, data)
            };
            for ((solver, a), (_, b)) in fit(&data, 1.0).iter().zip(&fit(&scaled, c)) {
                let likelihood = solver.likelihood_of(a) + solver.likelihood_of(b);
                assert_scaled(a, b, c, likelihood, solver.answers);
            }
            // What is learned is learned in the units of the data.
            let model = MultiTaskGp::new(Rbf::ard()).task(LowRank::new(1)).max_iterations(3);
            let (a, b) = (model.fit(&data).unwrap(), model.fit(&scaled).unwrap());
            assert_scaled(&a, &b, c, 1e-5, 1e-5);
        }
    }
}

/// Asserts that `b` is `a` with outputs times c.
#[track_caller]
fn assert_scaled(a: &FittedMultiTaskGp, b: &FittedMultiTaskGp, c: f64, value: f64, answers: f64) {
    let shift = a.data().n_observed() as f64 * c.ln();
    let (one, other) = (a.log_marginal_likelihood(), b.log_marginal_likelihood() + shift);
    assert!((one - other).abs() <= value * (one.abs() + shift.abs()), "{one} and {other}");
    let xs = normal(5, 2, 11);
    for u in [Uncertainty::Std, Uncertainty::Observation] {
        let of = |gp: &FittedMultiTaskGp| [gp.predict(xs.view(), u), gp.impute(u)];
        for (p, q) in of(a).into_iter().zip(of(b)) {
            let (p, q) = (p.unwrap(), q.unwrap());
            assert_close(&q.mean, &(p.mean * c), answers);
            assert_close(&q.std.unwrap(), &(p.std.unwrap() * c), answers);
        }
    }
    let joint = |gp: &FittedMultiTaskGp| gp.predict_covariance(xs.view(), true).unwrap();
    assert_close(&joint(b), &(joint(a) * c * c), answers);
    let left = |gp: &FittedMultiTaskGp| gp.leave_one_out(&LeaveOut::Entry).unwrap();
    let (p, q) = (left(a), left(b));
    assert_same(&q.mean, &(p.mean * c), answers);
    assert_same(&q.std, &(p.std * c), answers);
    assert_same(&q.log_density, &(p.log_density - c.ln()), answers.max(1e-8));
}

/// The values of a fitted model with nothing to learn.
fn held_at(gp: &FittedMultiTaskGp) -> MultiTaskGp {
    let offsets = gp.parameters()["mean.offset"].iter().copied().collect();
    let noise = match gp.noise() {
        Noise::Variances(v) if v.iter().all(|v| *v == 0.0) => Noise::None,
        other => other,
    };
    MultiTaskGp::new(gp.kernel().clone())
        .task(gp.task().clone())
        .noise(noise)
        .mean(Mean::Given(offsets))
        .optimizer(Optimizer::None)
}

#[track_caller]
fn assert_alike(a: &FittedMultiTaskGp, b: &FittedMultiTaskGp, within: f64) {
    assert_near(a.log_marginal_likelihood(), b.log_marginal_likelihood(), within);
    let xs = normal(5, 2, 11);
    for u in [Uncertainty::Std, Uncertainty::Observation] {
        let mut given = normal(5, a.task_names().len(), 12);
        given.column_mut(0).fill(GAP);
        let of = |gp: &FittedMultiTaskGp| {
            [gp.predict(xs.view(), u), gp.predict_given(xs.view(), given.view(), u), gp.impute(u)]
        };
        for (p, q) in of(a).into_iter().zip(of(b)) {
            let (p, q) = (p.unwrap(), q.unwrap());
            assert_close(&p.mean, &q.mean, within);
            assert_close(&p.std.unwrap(), &q.std.unwrap(), within);
        }
    }
    let joint = |gp: &FittedMultiTaskGp| gp.predict_covariance(xs.view(), true).unwrap();
    assert_close(&joint(a), &joint(b), within);
    for by in ways(a.data().n_rows()) {
        let of = |gp: &FittedMultiTaskGp| gp.leave_one_out(&by).unwrap();
        crate::gaps::assert_left_out(&of(a), &of(b), within);
    }
}

/// Rows added one by one are a fit of all rows at the parameters learned from the first.
#[test]
fn conditioning_is_a_fit_of_all_rows_at_held_parameters() {
    for data in layouts() {
        for noise in [Noise::PerTask, Noise::Full] {
            let (x, y, variances) = parts(&data);
            let first = x.nrows() - 4;
            let model = MultiTaskGp::new(Matern52::ard()).mean(Mean::Training);
            let model = model.task(LowRank::new(1)).noise(noise);
            let start = data.rows(&(0..first).collect::<Vec<_>>()).unwrap();
            let learned = model.max_iterations(4).fit(&start).unwrap();
            let mut gp = learned.clone();
            for i in first..x.nrows() {
                let rows = s![i..i + 1, ..];
                let (x, y) = (x.slice(rows), y.slice(rows));
                gp = match &variances {
                    Some(v) => gp.condition_with_noise_variances(x, y, v.slice(rows)).unwrap(),
                    None => gp.condition(x, y).unwrap(),
                };
            }
            assert_eq!(gp.parameters(), learned.parameters());
            let whole = held_at(&learned).fit(&table(&x, &y, variances.as_ref())).unwrap();
            assert_alike(&gp, &whole, 1e-9);
            // All at once, and an empty row, say the same.
            let rest = s![first.., ..];
            let at_once = match &variances {
                Some(v) => learned.condition_with_noise_variances(
                    x.slice(rest),
                    y.slice(rest),
                    v.slice(rest),
                ),
                None => learned.condition(x.slice(rest), y.slice(rest)),
            };
            assert_alike(&at_once.unwrap(), &gp, 1e-9);
        }
    }
}

#[test]
fn conditioning_on_parts_of_rows() {
    let complete = gappy(10, 3, &[]);
    let model = MultiTaskGp::new(Matern52::ard()).max_iterations(4).mean(Mean::Training);
    let learned = model.fit(&complete).unwrap();
    assert_eq!(learned.report().solve.solver, "kronecker");
    let (x, mut y) = (normal(3, 2, 41), normal(3, 3, 42));
    (y[[0, 1]], y[[1, 0]], y[[1, 2]]) = (GAP, GAP, GAP);
    y.row_mut(2).fill(GAP);
    let more = learned.condition(x.view(), y.view()).unwrap();
    let whole = complete.append(x.view(), y.view()).unwrap();
    assert_eq!(more.data(), &whole);
    assert_alike(&more, &held_at(&learned).fit(&whole).unwrap(), 1e-9);
    assert!(["schur", "dense"].contains(&&*more.report().solve.solver));
    // A solver asked for that does not serve gaps refuses them, and names those that do.
    let asked = MultiTaskGp::new(Matern52::ard()).max_iterations(1).solver(Solver::Kronecker);
    let error = asked.fit(&complete).unwrap().condition(x.view(), y.view()).unwrap_err();
    assert!(error.to_string().ends_with("use one of: auto, schur, dense, cg"), "{error}");
    // A row without entries says nothing.
    let empty = Table::from_elem((1, 3), GAP);
    let same = learned.condition(x.slice(s![..1, ..]), empty.view()).unwrap();
    assert_eq!(everything(&same), everything(&learned));
    // A measurement is known through the noise's share of it.
    let given = learned.predict_given(x.view(), y.view(), Uncertainty::Observation).unwrap();
    for i in 0..3 {
        let row = s![i..i + 1, ..];
        let one = learned.condition(x.slice(row), y.slice(row)).unwrap();
        let filled = one.impute(Uncertainty::Observation).unwrap();
        assert_close(&filled.mean.row(10), &given.mean.row(i), 1e-9);
        assert_close(&filled.std().unwrap().row(10), &given.std().unwrap().row(i), 1e-9);
    }
}

#[test]
fn given_measurements_are_a_row_with_gaps() {
    for data in layouts().into_iter().filter(|d| d.noise_variances().is_none()) {
        for model in given(3) {
            let means = Mean::Given(vec![1.0, -0.5, 0.3]);
            for (solver, gp) in by_each_solver(&model.mean(means), &data) {
                if ["kronecker", "choleskys"].contains(&&*gp.report().solve.solver) {
                    continue; // forced, they do not serve the gap
                }
                let (xs, mut y) = (normal(4, 2, 51), normal(4, 3, 52));
                (y[[0, 1]], y[[1, 0]], y[[1, 2]], y[[3, 0]]) = (GAP, GAP, GAP, GAP);
                for u in [Uncertainty::Std, Uncertainty::Observation] {
                    let given = gp.predict_given(xs.view(), y.view(), u).unwrap();
                    for i in 0..4 {
                        let row = s![i..i + 1, ..];
                        let one = gp.condition(xs.slice(row), y.slice(row)).unwrap();
                        let filled = one.impute(u).unwrap();
                        let last = filled.mean.nrows() - 1;
                        let found = filled.mean.row(last);
                        assert_close(&found, &given.mean.row(i), solver.answers);
                        let std = filled.std.as_ref().unwrap().row(last);
                        assert_close(&std, &given.std().unwrap().row(i), solver.answers);
                    }
                }
            }
        }
    }
}

#[test]
fn a_list_of_one_task_is_a_single_task() {
    let x = normal(14, 2, 61);
    let y = smooth_outputs(x.view(), 1, 0.3, 62);
    let list = Dataset::long(x.view(), y.column(0), &[0; 14]).unwrap();
    let table = Dataset::new(x.view(), y.view()).unwrap();
    let model = MultiTaskGp::new(Matern52::ard());
    let (a, b) = (model.fit(&list).unwrap(), model.fit(&table).unwrap());
    assert_eq!(everything(&a), everything(&b));
    let alone = model.fit_single_tasks(&list).unwrap();
    assert_eq!(alone.log_marginal_likelihood(), a.log_marginal_likelihood());
    // Measured twice, the rows stay apart.
    let twice = ndarray::concatenate![Axis(0), x, x];
    let values = ndarray::concatenate![Axis(0), y.column(0), &y.column(0) + 0.3];
    let list = Dataset::long(twice.view(), values.view(), &[0; 28]).unwrap();
    let values = values.insert_axis(Axis(1));
    let table = Dataset::new(twice.view(), values.view()).unwrap();
    let (a, b) = (model.fit(&list).unwrap(), model.fit(&table).unwrap());
    assert_eq!(everything(&a), everything(&b));
}

/// What is masked in a table, and the list of what is not.
#[test]
fn lists_are_tables_with_gaps() {
    let masked = gappy(12, 3, &[(0, 1), (4, 2), (4, 0), (9, 1), (11, 0)]);
    let of = |table: &Table| -> Array1<f64> {
        masked.entries().into_iter().map(|at| table[at]).collect()
    };
    let rows: Vec<usize> = masked.entries().into_iter().map(|(i, _)| i).collect();
    let tasks: Vec<usize> = masked.entries().into_iter().map(|(_, t)| t).collect();
    let x = masked.x().select(Axis(0), &rows);
    let list = Dataset::long(x.view(), of(&masked.y().to_owned()).view(), &tasks).unwrap();
    let noise = normal(12, 3, 71).mapv(|v| v * v);
    let with = [
        (list.clone(), masked.clone()),
        (
            list.with_long_noise_variances(of(&noise).view()).unwrap(),
            masked.with_noise_variances(noise.view()).unwrap(),
        ),
    ];
    for (list, masked) in with {
        let [one, other] = given(3);
        let learned = MultiTaskGp::new(Matern52::ard()).max_iterations(5);
        for model in [one, other, learned] {
            let (a, b) = (model.fit(&list).unwrap(), model.fit(&masked).unwrap());
            assert_eq!(everything(&a), everything(&b));
            assert_eq!(a.report().solve, b.report().solve);
            let of = |gp: &FittedMultiTaskGp| gp.impute(Uncertainty::Std).unwrap();
            assert_eq!(bits(&of(&a).mean), bits(&of(&b).mean));
            let back = list.to_long(of(&a).mean.view()).unwrap();
            assert_eq!(back, list.to_long(list.y()).unwrap());
        }
    }
    assert!(as_list(&gappy(5, 2, &[])).is_complete());
}

#[test]
fn a_view_of_a_task_is_its_column() {
    for data in layouts() {
        let names = ["Cd", "Ni", "Zn"];
        let data = data.with_task_names(names).unwrap();
        let gp = MultiTaskGp::new(Matern52::ard()).max_iterations(3).fit(&data).unwrap();
        let xs = normal(6, 2, 81);
        for u in [Uncertainty::None, Uncertainty::Std, Uncertainty::Observation] {
            let all = gp.predict(xs.view(), u).unwrap();
            for (t, name) in names.iter().enumerate() {
                let view = gp.task_view(name).unwrap();
                let (mean, std) = view.predict(xs.view(), u).unwrap();
                assert_close(&mean, &all.mean.column(t).to_owned(), 1e-12);
                assert_eq!(std.is_some(), all.std.is_some());
                for (own, whole) in std.iter().zip(&all.std) {
                    assert_close(own, &whole.column(t).to_owned(), 1e-10);
                }
                assert_eq!(view.name(), *name);
                assert_eq!(view.variance(), gp.task_covariance()[[t, t]]);
                assert_eq!(view.noise_variance(), gp.noise_covariance()[[t, t]]);
                let draws = gp.sample(xs.view(), 4, true, 3).unwrap();
                let own = view.sample(xs.view(), 4, true, 3).unwrap();
                assert_eq!(own, draws.index_axis(Axis(1), t));
            }
        }
        let unknown = gp.task_view("Pb").unwrap_err();
        assert_eq!(unknown.to_string(), "unknown task 'Pb', expected one of: Cd, Ni, Zn");
    }
    let one = Array2::<f64>::zeros((1, 1));
    assert_eq!(bits(&one), [0]);
}
