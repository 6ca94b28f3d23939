//! Tables with gaps: every solver against the others and against the covariance of what was observed.

use std::sync::Arc;

use coregion::gp::{Model, Posterior, Scaling};
use coregion::matrix_kernel::Separable;
use coregion::prelude::*;
use coregion::solve::LeftOut;
use ndarray::{Array1, Array2, ArrayRef, Axis, Dimension, s};

use crate::common::masked::Masked;
use crate::common::{assert_close, assert_near, normal, smooth_outputs};
use crate::leave_out::ways;
use crate::solvers::{SOLVERS, by_each_solver, serving};
use crate::support::{assert_gradient, definite, differences};

pub(crate) type Table = Array2<f64>;

pub(crate) const GAP: f64 = f64::NAN;

/// Equality with the same places of NaN.
#[track_caller]
pub(crate) fn assert_same<D: Dimension>(a: &ArrayRef<f64, D>, b: &ArrayRef<f64, D>, within: f64) {
    assert_eq!(a.mapv(f64::is_nan), b.mapv(f64::is_nan));
    let known = |a: &ArrayRef<f64, D>| a.mapv(|v| if v.is_nan() { 0.0 } else { v });
    assert_close(&known(a), &known(b), within);
}

/// Numbers by their bits, so that NaN equals NaN and nothing else is forgiven.
pub(crate) fn bits<D: Dimension>(a: &ArrayRef<f64, D>) -> Vec<u64> {
    a.iter().map(|v| (v + 0.0).to_bits()).collect()
}

#[track_caller]
pub(crate) fn assert_left_out(a: &LeftOut, b: &LeftOut, within: f64) {
    assert_same(&a.mean, &b.mean, within);
    assert_same(&a.std, &b.std, within);
    assert_same(&a.log_density, &b.log_density, within);
}

/// A table of n rows and t tasks with gaps at those entries.
pub(crate) fn gappy(n: usize, t: usize, gaps: &[(usize, usize)]) -> Dataset {
    let x = normal(n, 2, 1);
    let mut y = smooth_outputs(x.view(), t, 0.3, 2) + 1.5;
    gaps.iter().for_each(|&e| y[e] = GAP);
    Dataset::new(x.view(), y.view()).unwrap()
}

/// Tables with n != T: one gap, scattered ones, a row of one entry and a task of one, most of it
/// missing, a task and a row without any.
pub(crate) fn patterns() -> Vec<Dataset> {
    let rows = |t: usize, rows: std::ops::Range<usize>| rows.map(move |i| (i, t));
    let most: Vec<_> = (0..13)
        .flat_map(|i| (0..3).map(move |t| (i, t)))
        .filter(|(i, t)| (i + 2 * t) % 5 > 1)
        .collect();
    vec![
        gappy(9, 3, &[(4, 1)]),
        gappy(12, 4, &[(0, 0), (0, 3), (3, 1), (4, 1), (7, 2), (11, 0), (11, 1), (11, 2)]),
        gappy(10, 3, &rows(1, 0..9).chain([(2, 0), (2, 2), (5, 0)]).collect::<Vec<_>>()),
        gappy(13, 3, &most),
        gappy(8, 2, &rows(1, 0..8).collect::<Vec<_>>()),
        gappy(3, 5, &[(0, 1), (0, 4), (2, 0)]),
    ]
}

fn all_tasks(t: usize) -> Vec<Task> {
    vec![
        LowRank::new(1),
        LowRank::new(2.min(t)),
        FreeForm::new(),
        Diagonal::new(),
        LowRank::plus_noise(1),
    ]
}

/// A model at random values of its free parameters, factored by a solver.
fn posterior(data: &Dataset, task: &Task, noise: &Noise, solver: Solver, seed: u64) -> Posterior {
    let term = Separable { kernel: Matern52::ard() + 0.3 * Linear::new(0.5), task: task.clone() };
    let mut model = Model::new(data, &term, noise, &Mean::Training, Scaling::default()).unwrap();
    model.select_solver(solver, usize::MAX, true).unwrap();
    let mut natural = model.layout().initial();
    let mut free = model.layout().pack(&natural);
    let moves = normal(free.len(), 1, seed);
    free.iter_mut().zip(&moves).for_each(|(u, m)| *u += 0.5 * m);
    model.layout().unpack_into(&free, &mut natural);
    let posterior = Posterior::new(Arc::new(model), natural, 1 << 30).unwrap();
    assert_eq!(posterior.factor().report().solver, solver.to_string());
    posterior
}

/// Asserts that two posteriors say the same of everything.
#[track_caller]
fn assert_answers(a: &Posterior, b: &Posterior, likelihood: f64, answers: f64, what: &str) {
    let value = |p: &Posterior| p.factor().log_likelihood();
    assert!((value(a) - value(b)).abs() <= likelihood * value(b).abs().max(1.0), "{what}");
    let of = |p: &Posterior| p.model().log_likelihood(p.natural()).unwrap().1;
    assert_gradient(&of(a), &of(b), likelihood, 1.0, what);
    let xs = normal(5, 2, 7);
    let (t, uncertainties) = (a.model().n_tasks(), [Uncertainty::Std, Uncertainty::Observation]);
    let mut given = normal(5, t, 8) + 1.0;
    given.indexed_iter_mut().filter(|((i, u), _)| (i + u) % 3 == 0).for_each(|(_, v)| *v = GAP);
    for u in uncertainties {
        let pairs = [
            (a.predict(xs.view(), u), b.predict(xs.view(), u)),
            (
                a.predict_given(xs.view(), given.view(), u),
                b.predict_given(xs.view(), given.view(), u),
            ),
            (a.impute(u), b.impute(u)),
        ];
        for (p, q) in pairs {
            let (p, q) = (p.unwrap(), q.unwrap());
            assert_close(&p.mean, &q.mean, answers);
            assert_close(&p.std().unwrap(), &q.std().unwrap(), answers);
        }
    }
    let joint = |p: &Posterior| p.joint_covariance(xs.view(), true).unwrap();
    assert_close(&joint(a), &joint(b), answers);
    let blocks = |p: &Posterior| p.task_covariances(xs.view()).unwrap();
    assert_close(&blocks(a), &blocks(b), answers);
    for by in ways(a.model().n_rows()) {
        assert_left_out(&a.leave_out(&by).unwrap(), &b.leave_out(&by).unwrap(), answers);
    }
}

#[test]
fn solvers_agree_on_everything() {
    let mut compared = 0;
    for (seed, data) in patterns().iter().enumerate() {
        for noise in [Noise::PerTask, Noise::Shared, Noise::Full] {
            for task in all_tasks(data.n_tasks()) {
                let of = |solver| posterior(data, &task, &noise, solver, 100 + seed as u64);
                let dense = of(Solver::Dense);
                for solver in serving(data).into_iter().filter(|s| s.solver != Solver::Dense) {
                    let what = format!("{} {noise} {task} pattern {seed}", solver.solver);
                    let found = of(solver.solver);
                    // Three standard errors more where the likelihood is estimated.
                    let factor = found.factor();
                    let size = factor.log_likelihood().abs().max(1.0);
                    let likelihood = solver.likelihood + 1.5 * factor.log_det().std_err / size;
                    assert_answers(&found, &dense, likelihood, solver.answers, &what);
                    compared += 1;
                }
            }
        }
    }
    assert_eq!(compared, 6 * 3 * 5 * (SOLVERS.len() - 4));
}

/// Models of values given, noise of tasks correlated and not.
pub(crate) fn given(t: usize) -> [MultiTaskGp; 2] {
    let variances = (0..t).map(|u| 0.05 + 0.1 * u as f64).collect();
    [Noise::Variances(variances), Noise::Covariance(definite(t, 31) * 0.3)].map(|noise| {
        MultiTaskGp::new(Matern32::new([0.9, 1.4]))
            .task(FreeForm::starting_at(definite(t, 30).view()))
            .noise(noise)
            .mean(Mean::Training)
            .optimizer(Optimizer::None)
    })
}

/// Noise variances of a table: also where nothing was observed, which is ignored.
fn variances(data: &Dataset) -> Table {
    normal(data.n_rows(), data.n_tasks(), 40).mapv(|v| 0.02 + 0.2 * v * v)
}

/// The data with and without known noise variances.
fn with_known(data: &Dataset) -> [Dataset; 2] {
    let known = data.clone().with_noise_variances(variances(data).view()).unwrap();
    [data.clone(), known]
}

#[track_caller]
fn assert_brute(gp: &FittedMultiTaskGp, likelihood: f64, answers: f64) {
    let slow = Masked::new(gp);
    assert_near(gp.log_marginal_likelihood(), slow.log_density(), likelihood);
    let xs = normal(4, 2, 9);
    let (mean, covariance) = slow.predict(xs.view());
    let p = gp.predict(xs.view(), Uncertainty::Std).unwrap();
    assert_close(&p.mean, &mean, answers);
    let variances = covariance.diag().to_owned();
    let variances = variances.to_shape(mean.dim()).unwrap().to_owned();
    assert_close(&p.std().unwrap().mapv(|v| v * v), &variances, answers);
    let joint = gp.predict_covariance(xs.view(), false).unwrap();
    let side = covariance.nrows();
    assert_close(&joint.to_shape((side, side)).unwrap().to_owned(), &covariance, answers);
    let p = gp.predict(xs.view(), Uncertainty::Observation).unwrap();
    let noisy = variances + slow.noise().diag();
    assert_close(&p.std().unwrap().mapv(|v| v * v), &noisy, answers);
    let (mean, latent, std) = slow.impute();
    let p = gp.impute(Uncertainty::Std).unwrap();
    assert_close(&p.mean, &mean, answers);
    assert_close(&p.std().unwrap(), &latent, answers);
    let p = gp.impute(Uncertainty::Observation).unwrap();
    assert_close(&p.mean, &mean, answers);
    assert_close(&p.std().unwrap(), &std, answers);
    assert_eq!(gp.impute(Uncertainty::None).unwrap().mean, p.mean);
}

#[test]
fn answers_are_those_of_the_whole_covariance() {
    for data in patterns() {
        for model in given(data.n_tasks()) {
            for data in with_known(&data) {
                for (solver, gp) in by_each_solver(&model, &data) {
                    assert_brute(&gp, solver.likelihood_of(&gp), solver.answers);
                }
            }
        }
    }
}

#[test]
fn known_noise_may_be_all_there_is() {
    for data in patterns() {
        let [_, known] = with_known(&data);
        let [model, _] = given(data.n_tasks());
        let gp = model.noise(Noise::None).fit(&known).unwrap();
        assert_eq!(gp.report().solve.solver, "dense");
        assert_eq!(gp.noise_covariance(), Table::zeros((data.n_tasks(), data.n_tasks())));
        assert_brute(&gp, 1e-8, 1e-8);
    }
}

/// Correlated noise tells something of a gap beyond what the latent functions do.
#[test]
fn a_gap_is_read_off_the_noise_of_its_row() {
    let data = gappy(12, 3, &[(4, 1)]);
    let [_, model] = given(3);
    let gp = model.fit(&data).unwrap();
    let p = gp.predict(data.x(), Uncertainty::Observation).unwrap();
    let filled = gp.impute(Uncertainty::Observation).unwrap();
    assert!((filled.mean[[4, 1]] - p.mean[[4, 1]]).abs() > 1e-3);
    assert!(filled.std().unwrap()[[4, 1]] < 0.99 * p.std().unwrap()[[4, 1]]);
}

#[test]
fn gradients_are_differences_of_the_density() {
    for data in patterns().into_iter().take(4) {
        for data in with_known(&data) {
            for noise in [Noise::PerTask, Noise::Shared, Noise::Full] {
                for task in all_tasks(data.n_tasks()) {
                    let model = MultiTaskGp::new(Matern52::ard()).task(task).noise(noise.clone());
                    let model = model.max_iterations(2).optimizer(Optimizer::Joint);
                    for (solver, gp) in by_each_solver(&model, &data) {
                        assert_slopes(&gp, &format!("{model:?} {}", solver.solver));
                    }
                }
            }
        }
    }
}

#[track_caller]
fn assert_slopes(gp: &FittedMultiTaskGp, what: &str) {
    let (model, natural) = (gp.posterior().model(), gp.posterior().natural());
    let (_, gradient) = model.log_likelihood(natural).unwrap();
    let slots = model.layout().slots();
    let mean = natural.len() - model.n_tasks();
    let free: Vec<usize> =
        (0..natural.len()).filter(|&p| slots[p].is_some() || p >= mean).collect();
    let at: Vec<f64> = free.iter().map(|&p| natural[p]).collect();
    let density = |values: &[f64]| {
        let mut moved = natural.to_vec();
        free.iter().zip(values).for_each(|(&p, v)| moved[p] = *v);
        Masked::at(gp, &moved).log_density()
    };
    // Natural values may be next to zero: steps are a share of each.
    let expected: Vec<f64> = (0..free.len())
        .map(|p| {
            let h = 1e-3 * at[p].abs().max(1e-4);
            let mut f = |v: &[f64]| {
                let mut all = at.clone();
                all[p] = at[p] + h * v[0];
                density(&all)
            };
            differences(&mut f, &[0.0], 10.0)[0] / h
        })
        .collect();
    let found: Vec<f64> = free.iter().map(|&p| gradient[p]).collect();
    for (p, (a, b)) in found.iter().zip(&expected).enumerate() {
        // Each entry times its value: what the density gains for a share of it.
        let size = at[p].abs().max(1e-4);
        let scale = 1.0f64.max((b * size).abs());
        assert!(((a - b) * size).abs() <= 1e-6 * scale, "{what}, entry {p}: {a} and {b}");
    }
}

/// The complete table as a list, task by task.
pub(crate) fn as_list(data: &Dataset) -> Dataset {
    let (n, t) = data.y().dim();
    let x = ndarray::concatenate(Axis(0), &vec![data.x(); t]).unwrap();
    let y: Array1<f64> = data.y().t().iter().copied().collect();
    let labels: Vec<usize> = (0..n * t).map(|p| p / n).collect();
    Dataset::long(x.view(), y.view(), &labels).unwrap()
}

/// Everything that a fitted model says, as bits.
pub(crate) fn everything(gp: &FittedMultiTaskGp) -> Vec<Vec<u64>> {
    let xs = normal(5, gp.data().n_features(), 7);
    let mut out = vec![vec![gp.log_marginal_likelihood().to_bits()]];
    let (value, gradient) = gp.log_marginal_likelihood_at(&[]).unwrap();
    out.push(vec![value.to_bits()]);
    out.extend(gradient.values().chain(gp.parameters().values()).map(|v| bits(v)));
    for u in [Uncertainty::Std, Uncertainty::Observation] {
        let p = gp.predict(xs.view(), u).unwrap();
        out.extend([bits(&p.mean), bits(&p.std().unwrap())]);
        let mut given = &p.mean + 0.2;
        given.slice_mut(s![.., ..;2]).fill(GAP);
        let p = gp.predict_given(xs.view(), given.view(), u).unwrap();
        out.extend([bits(&p.mean), bits(&p.std().unwrap())]);
    }
    out.push(bits(&gp.predict_covariance(xs.view(), true).unwrap()));
    out.push(bits(&gp.predict_task_covariances(xs.view()).unwrap()));
    out.push(bits(&gp.sample(xs.view(), 3, true, 5).unwrap()));
    if let Some(errors) = gp.task_correlation_std_error() {
        out.push(bits(errors));
    }
    out
}

#[test]
fn masking_nothing_changes_no_bit() {
    for (n, t) in [(12, 3), (4, 6)] {
        let table = gappy(n, t, &[]);
        let list = as_list(&table);
        assert!(list.is_long() && list.y() == table.y() && list.x() == table.x());
        let [one, other] = given(t);
        let learned = MultiTaskGp::new(Matern52::ard()).task(LowRank::new(1)).max_iterations(10);
        let full = learned.clone().noise(Noise::Full);
        for model in [one, other, learned.clone(), learned.optimizer(Optimizer::Joint), full] {
            let (a, b) = (model.fit(&list).unwrap(), model.fit(&table).unwrap());
            assert_eq!(a.report().solve, b.report().solve);
            assert!(["kronecker", "choleskys"].contains(&&*a.report().solve.solver));
            assert_eq!(everything(&a), everything(&b));
            assert_eq!(a.report().warnings, b.report().warnings);
            for by in ways(n) {
                let of = |gp: &FittedMultiTaskGp| gp.leave_one_out(&by).unwrap();
                let (a, b) = (of(&a), of(&b));
                assert_eq!(bits(&a.mean), bits(&b.mean));
                assert_eq!(bits(&a.std), bits(&b.std));
                assert_eq!(bits(&a.log_density), bits(&b.log_density));
            }
        }
    }
}

/// Rows without any entry among the others, at inputs of their own.
fn with_empty_rows(data: &Dataset, at: &[usize]) -> (Dataset, Vec<usize>) {
    let (n, t) = (data.n_rows() + at.len(), data.n_tasks());
    let kept: Vec<usize> = (0..n).filter(|i| !at.contains(i)).collect();
    let (mut x, mut y) = (normal(n, 2, 60) * 5.0, Table::from_elem((n, t), GAP));
    for (from, &to) in kept.iter().enumerate() {
        x.row_mut(to).assign(&data.x().row(from));
        y.row_mut(to).assign(&data.y().row(from));
    }
    (Dataset::new(x.view(), y.view()).unwrap(), kept)
}

#[test]
fn a_row_without_entries_is_a_row_left_out() {
    let single = gappy(1, 3, &[]);
    let constant = {
        let data = gappy(9, 3, &[(4, 1)]);
        let mut x = data.x().to_owned();
        x.column_mut(1).fill(3.0);
        Dataset::new(x.view(), data.y()).unwrap()
    };
    for data in patterns().into_iter().take(4).chain([gappy(11, 3, &[]), single, constant]) {
        let (more, kept) = with_empty_rows(&data, &[0, data.n_rows().min(3) + 1]);
        assert_eq!(more.observed_rows(), with_all_rows(&data, &kept));
        let learned = MultiTaskGp::new(Matern52::ard()).task(LowRank::new(1)).max_iterations(8);
        let [one, other] = given(data.n_tasks());
        for model in [one, other, learned.clone(), learned.optimizer(Optimizer::Joint)] {
            let (a, b) = (model.fit(&more).unwrap(), model.fit(&data).unwrap());
            assert_eq!(everything(&a), everything(&b));
            assert_eq!(a.report().solve, b.report().solve);
            assert_eq!(a.report().warnings, b.report().warnings);
            assert_own_rows(&a, &b, &kept);
        }
    }
}

/// The rows at which something was observed, numbered anew.
fn with_all_rows(data: &Dataset, kept: &[usize]) -> Vec<usize> {
    data.observed_rows().iter().map(|&i| kept[i]).collect()
}

/// Asserts that what `a` says of its own rows is what `b` says of those it has, in the order of the
/// data set, and that the others are predictions, or NaN where they were to be left out.
#[track_caller]
fn assert_own_rows(a: &FittedMultiTaskGp, b: &FittedMultiTaskGp, kept: &[usize]) {
    let n = a.data().n_rows();
    let others: Vec<usize> = (0..n).filter(|i| !kept.contains(i)).collect();
    let of = |table: &Table, rows: &[usize]| bits(&table.select(Axis(0), rows));
    for u in [Uncertainty::Std, Uncertainty::Observation] {
        let (p, q) = (a.impute(u).unwrap(), b.impute(u).unwrap());
        assert_eq!(of(&p.mean, kept), bits(&q.mean));
        assert_eq!(of(&p.std.clone().unwrap(), kept), bits(&q.std().unwrap()));
        let x = a.data().x().select(Axis(0), &others);
        let q = b.predict(x.view(), u).unwrap();
        assert_eq!(of(&p.mean, &others), bits(&q.mean));
        assert_eq!(of(&p.std.unwrap(), &others), bits(&q.std().unwrap()));
    }
    for by in ways(kept.len()) {
        // Labels belong to the rows of the data set: those of empty rows are groups of their own.
        let spread = |labels: &[usize]| {
            let mut out: Vec<usize> = (0..n).map(|i| 1000 + i).collect();
            kept.iter().zip(labels).for_each(|(&i, label)| out[i] = *label);
            out
        };
        let wider = match &by {
            LeaveOut::Groups(labels) => LeaveOut::Groups(spread(labels)),
            LeaveOut::GroupsByTask(labels) => LeaveOut::GroupsByTask(spread(labels)),
            other => other.clone(),
        };
        let (Ok(p), Ok(q)) = (a.leave_one_out(&wider), b.leave_one_out(&by)) else {
            panic!("leaving out by {by}");
        };
        assert_eq!((of(&p.mean, kept), of(&p.std, kept)), (bits(&q.mean), bits(&q.std)));
        let nothing =
            |table: &Table| others.iter().all(|&i| table.row(i).iter().all(|v| v.is_nan()));
        assert!(nothing(&p.mean) && nothing(&p.std));
        let densities: Vec<u64> =
            p.log_density.iter().filter(|v| !v.is_nan()).map(|v| v.to_bits()).collect();
        let expected: Vec<u64> =
            q.log_density.iter().filter(|v| !v.is_nan()).map(|v| v.to_bits()).collect();
        assert_eq!(densities, expected);
        let rows = match by {
            LeaveOut::Task => 1,
            LeaveOut::Row | LeaveOut::Entry => n,
            _ => q.log_density.nrows() + others.len(),
        };
        assert_eq!(p.log_density.nrows(), rows);
    }
}
