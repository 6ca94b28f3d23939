//! Means by generalised least squares, against the bordered system of what was observed.

use std::sync::Arc;

use coregion::gp::{Basis, Model, Posterior, Scaling};
use coregion::matrix_kernel::Separable;
use coregion::prelude::*;
use ndarray::{Array2, ArrayView2};

use crate::common::bordered::{Bordered, Columns};
use crate::common::{assert_close, assert_near, normal, smooth_outputs};
use crate::gaps::{GAP, gappy};
use crate::support::{assert_gradient, assert_healthy, differences};

fn ones(x: ArrayView2<f64>) -> Array2<f64> {
    Array2::ones((x.nrows(), 1))
}

fn linear(x: ArrayView2<f64>) -> Array2<f64> {
    Array2::from_shape_fn(
        (x.nrows(), x.ncols() + 1),
        |(i, q)| {
            if q == 0 { 1.0 } else { x[[i, q - 1]] }
        },
    )
}

/// Two columns without a constant among them.
fn waves(x: ArrayView2<f64>) -> Array2<f64> {
    Array2::from_shape_fn((x.nrows(), 2), |(i, q)| {
        if q == 0 { 40.0 + (2.0 * x[[i, 0]]).sin() } else { x[[i, 1]].exp() }
    })
}

/// The means that are estimated, and their columns.
fn means() -> [(Mean, Columns); 3] {
    [(Mean::Constant, ones), (Mean::linear(), linear), (Mean::Basis(Basis::new(waves)), waves)]
}

struct Case {
    data: Dataset,
    task: Task,
    noise: Noise,
    solvers: Vec<Solver>,
}

/// Long data: every observation has inputs of its own.
fn long(n: usize, t: usize) -> Dataset {
    let x = normal(n, 2, 5);
    let y = smooth_outputs(x.view(), t, 0.3, 6) + 1.5;
    let tasks: Vec<usize> = (0..n).map(|i| (5 * i + i / 4) % t).collect();
    let values: Vec<f64> = tasks.iter().enumerate().map(|(i, &u)| y[[i, u]]).collect();
    let y = ndarray::Array1::from(values);
    Dataset::long(x.view(), y.view(), &tasks).unwrap()
}

fn cases() -> Vec<Case> {
    let complete = [Solver::Kronecker, Solver::Choleskys, Solver::Dense].to_vec();
    let gaps = [Solver::Schur, Solver::Dense].to_vec();
    let missing = [(0, 0), (0, 3), (3, 1), (4, 1), (7, 2), (11, 0), (11, 1), (11, 2)];
    // Nothing was observed of the third task.
    let unseen: Vec<(usize, usize)> = (0..9).map(|i| (i, 2)).chain([(1, 0), (4, 1)]).collect();
    let case = |data, task, noise, solvers: &Vec<Solver>| Case {
        data,
        task,
        noise,
        solvers: solvers.clone(),
    };
    vec![
        case(gappy(10, 3, &[]), LowRank::new(1), Noise::PerTask, &complete),
        case(gappy(10, 3, &[]), FreeForm::new(), Noise::Full, &complete),
        case(gappy(9, 2, &[]), Diagonal::new(), Noise::Shared, &complete),
        case(gappy(4, 66, &[]), LowRank::plus_noise(2), Noise::PerTask, &vec![Solver::Kronecker]),
        case(gappy(9, 4, &[]), LowRank::plus_noise(1), Noise::PerTask, &complete),
        case(gappy(12, 4, &missing), FreeForm::new(), Noise::PerTask, &gaps),
        case(gappy(12, 4, &missing), LowRank::new(2), Noise::Full, &gaps),
        case(gappy(9, 3, &unseen), FreeForm::new(), Noise::Full, &gaps),
        case(long(23, 3), LowRank::new(1), Noise::PerTask, &vec![Solver::Dense]),
    ]
}

/// A model at random values of its free parameters.
fn bound(case: &Case, mean: &Mean, restricted: bool, solver: Solver) -> (Model, Vec<f64>) {
    let term =
        Separable { kernel: Matern52::ard() + 0.3 * Linear::new(0.5), task: case.task.clone() };
    let mut model = Model::new(&case.data, &term, &case.noise, mean, Scaling::default()).unwrap();
    model.set_restricted(restricted).unwrap();
    model.select_solver(solver, usize::MAX, true).unwrap();
    let mut natural = model.layout().initial();
    let mut free = model.layout().pack(&natural);
    let moves = normal(free.len(), 1, 77);
    free.iter_mut().zip(&moves).for_each(|(u, m)| *u += 0.4 * m);
    model.layout().unpack_into(&free, &mut natural);
    (model, natural)
}

/// Each case with each mean, by each solver, restricted or not.
fn each(mut test: impl FnMut(&Case, &Mean, Columns, bool, Solver, &str)) -> usize {
    let mut count = 0;
    for (number, case) in cases().iter().enumerate() {
        for (mean, columns) in means() {
            for restricted in [false, true] {
                for &solver in &case.solvers {
                    let what = format!("case {number}, {mean:?}, {restricted}, {solver}");
                    test(case, &mean, columns, restricted, solver, &what);
                    count += 1;
                }
            }
        }
    }
    count
}

#[test]
fn likelihood_coefficients_and_gradient_are_those_of_the_bordered_system() {
    let count = each(|case, mean, columns, restricted, solver, what| {
        let (model, natural) = bound(case, mean, restricted, solver);
        let slow = Bordered::new(&model, &natural, columns);
        let (value, gradient) = model.log_likelihood(&natural).unwrap();
        let expected = slow.log_likelihood(restricted);
        assert!((value - expected).abs() < 1e-9 * expected.abs().max(1.0), "{what}: {value}");
        let alone = model.log_likelihood_value(&natural).unwrap();
        assert!((alone - expected).abs() < 1e-9 * expected.abs().max(1.0), "{what}: {alone}");
        let n_free = model.layout().entries().iter().take_while(|e| !e.path.starts_with("mean"));
        let count: usize = n_free.map(|e| e.range.len()).sum();
        // Of many tasks, some of the parameters.
        let some: Vec<usize> = (0..count).step_by(1 + count / 40 * 10).collect();
        let at: Vec<f64> = some.iter().map(|&i| natural[i]).collect();
        let dense = |values: &[f64]| {
            let mut moved = natural.clone();
            some.iter().zip(values).for_each(|(&i, v)| moved[i] = *v);
            Bordered::new(&model, &moved, columns).log_likelihood(restricted)
        };
        let differences = differences(dense, &at, 1e-3);
        let found: Vec<f64> = some.iter().map(|&i| gradient[i]).collect();
        assert_gradient(&found, &differences, 1e-8, 1.0, what);
        assert!(gradient[count..].iter().all(|g| *g == 0.0), "{what}");
        let posterior = Posterior::new(Arc::new(model), natural, 1 << 30).unwrap();
        assert_near(posterior.log_likelihood(), expected, 1e-9);
        let entry = posterior.model().layout().entries().last().unwrap().clone();
        let coefficients = entry.array(posterior.natural());
        let expected =
            Bordered::new(posterior.model(), posterior.natural(), columns).coefficients();
        let shape = (expected.nrows(), expected.ncols());
        assert_close(&coefficients.to_shape(shape).unwrap().to_owned(), &expected, 1e-8);
    });
    assert_eq!(count, 3 * 2 * (4 * 3 + 1 + 3 * 2 + 1));
}

#[test]
fn predictions_are_universal_kriging() {
    each(|case, mean, columns, restricted, solver, what| {
        let (model, natural) = bound(case, mean, restricted, solver);
        let posterior = Posterior::new(Arc::new(model), natural, 1 << 30).unwrap();
        let slow = Bordered::new(posterior.model(), posterior.natural(), columns);
        let xs = normal(4, 2, 9) * 1.5;
        let (mean, covariance) = slow.predict(xs.view());
        let p = posterior.predict(xs.view(), Uncertainty::Std).unwrap();
        assert_close(&p.mean, &mean, 1e-8);
        let variances = covariance.diag().to_owned();
        let variances = variances.to_shape(mean.dim()).unwrap().to_owned();
        assert_close(&p.std().unwrap().mapv(|v| v * v), &variances, 1e-8);
        let noisy = posterior.predict(xs.view(), Uncertainty::Observation).unwrap();
        let total = &variances + &slow.noise().diag();
        assert_close(&noisy.std().unwrap().mapv(|v| v * v), &total, 1e-8);
        let joint = posterior.joint_covariance(xs.view(), false).unwrap();
        let side = covariance.nrows();
        assert_close(&joint.to_shape((side, side)).unwrap().to_owned(), &covariance, 1e-8);
        let blocks = posterior.task_covariances(xs.view()).unwrap();
        let t = mean.ncols();
        for ((i, u, v), found) in blocks.indexed_iter() {
            let expected = covariance[[i * t + u, i * t + v]];
            assert!((found - expected).abs() < 1e-8 * covariance[[0, 0]].max(1.0), "{what}");
        }
        let (filled, std) = slow.impute();
        let p = posterior.impute(Uncertainty::Observation).unwrap();
        assert_close(&p.mean, &filled, 1e-8);
        assert_close(&p.std().unwrap(), &std, 1e-8);
    });
}

#[test]
fn draws_have_the_covariance_of_universal_kriging() {
    for (number, solver) in [(1, Solver::Kronecker), (3, Solver::Kronecker), (6, Solver::Schur)] {
        let case = &cases()[number];
        let (model, natural) = bound(case, &Mean::Constant, false, solver);
        let posterior = Posterior::new(Arc::new(model), natural, 1 << 30).unwrap();
        // Far away, where most of what is not known is the mean's.
        let xs = ndarray::array![[40.0, -35.0], [41.0, -35.0]];
        let draws = posterior.sample(xs.view(), 4000, false, 3).unwrap();
        let mean = posterior.predict(xs.view(), Uncertainty::None).unwrap().mean;
        let joint = posterior.joint_covariance(xs.view(), false).unwrap();
        for (i, u, j, v) in [(0, 0, 0, 0), (0, 1, 0, 1), (0, 0, 0, 1), (0, 0, 1, 0)] {
            let of = |i: usize, u: usize| &draws.slice(ndarray::s![i, u, ..]) - mean[[i, u]];
            let found = of(i, u).dot(&of(j, v)) / 4000.0;
            let size = (joint[[i, u, i, u]] * joint[[j, v, j, v]]).sqrt();
            assert!((found - joint[[i, u, j, v]]).abs() < 0.08 * size, "case {number}");
        }
    }
}

#[test]
fn rows_added_and_files_keep_the_answers() {
    let (x, y) = (normal(30, 2, 1), smooth_outputs(normal(30, 2, 1).view(), 3, 0.3, 2) + 4.0);
    let rows = |range: std::ops::Range<usize>| {
        (
            x.slice(ndarray::s![range.clone(), ..]).to_owned(),
            y.slice(ndarray::s![range, ..]).to_owned(),
        )
    };
    let ((some_x, some_y), (more_x, more_y)) = (rows(0..28), rows(28..30));
    let xs = normal(4, 2, 3);
    for reml in [false, true] {
        for mean in [Mean::Constant, Mean::linear()] {
            let settings = MultiTaskGp::new(Matern52::ard()).mean(mean).reml(reml);
            let gp = settings.fit(&Dataset::new(some_x.view(), some_y.view()).unwrap()).unwrap();
            let more = gp.condition(more_x.view(), more_y.view()).unwrap();
            let again = FittedMultiTaskGp::from_bytes(&more.to_bytes().unwrap()).unwrap();
            assert_eq!((again.setup().mean, again.setup().reml), (gp.setup().mean, reml));
            let (p, q) = (
                more.predict(xs.view(), Uncertainty::Std).unwrap(),
                again.predict(xs.view(), Uncertainty::Std).unwrap(),
            );
            assert_close(&p.mean, &q.mean, 1e-9);
            assert_close(&p.std().unwrap(), &q.std().unwrap(), 1e-9);
            assert_near(more.log_marginal_likelihood(), again.log_marginal_likelihood(), 1e-9);
            let last = |gp: &FittedMultiTaskGp| {
                gp.posterior().model().layout().entries().last().unwrap().path.clone()
            };
            let path = last(&gp);
            assert_close(&more.parameters()[&path], &again.parameters()[&path], 1e-9);
            assert!(more.parameters()[&path] != gp.parameters()[&path]);
        }
    }
}

#[test]
fn fits_are_optima_and_both_optimisers_agree() {
    for (reml, data) in
        [(false, gappy(25, 3, &[])), (true, gappy(25, 3, &[])), (true, gappy(20, 3, &[(2, 1)]))]
    {
        let settings = MultiTaskGp::new(Matern52::ard())
            .task(FreeForm::new())
            .mean(Mean::linear())
            .reml(reml)
            .gradient_tolerance(1e-7);
        let fit = |optimizer| settings.clone().optimizer(optimizer).fit(&data).unwrap();
        let (inside, joint) = (fit(Optimizer::Alternating), fit(Optimizer::Joint));
        assert_near(inside.log_marginal_likelihood(), joint.log_marginal_likelihood(), 1e-6);
        assert_healthy(&inside);
    }
}

#[test]
fn leaving_rows_out_estimates_constants_anew() {
    let data = gappy(12, 3, &[(1, 1), (5, 0)]);
    let gp = MultiTaskGp::new(Matern52::isotropic(1.0)).fit(&data).unwrap();
    let posterior = gp.posterior();
    let free = posterior.leave_out_with_free_means(&LeaveOut::Row).unwrap();
    let own = gp.leave_one_out(&LeaveOut::Row).unwrap();
    crate::gaps::assert_left_out(&own, &free, 1e-12);
    // Nothing of a task is left to learn its constant from: it is held.
    assert!(gp.leave_one_out(&LeaveOut::Task).is_ok());
    assert!(posterior.leave_out_with_free_means(&LeaveOut::Task).is_err());
}

#[test]
fn a_task_without_data_has_the_mean_of_the_others() {
    let unseen: Vec<(usize, usize)> = (0..9).map(|i| (i, 2)).collect();
    let gp = MultiTaskGp::new(Matern52::isotropic(1.0)).fit(&gappy(9, 3, &unseen)).unwrap();
    let offsets = gp.parameters()["mean.offset"].clone();
    assert_near(offsets[[2]], 0.5 * (offsets[[0]] + offsets[[1]]), 1e-12);
    assert_healthy(&gp);
}

#[test]
fn bases_that_cannot_be_estimated_are_refused() {
    let data = gappy(9, 3, &(2..9).map(|i| (i, 1)).collect::<Vec<_>>());
    let fit = |basis: Basis, data: &Dataset| {
        let model = MultiTaskGp::new(Matern52::isotropic(1.0)).mean(Mean::Basis(basis));
        model.fit(data).map(|_| ()).unwrap_err().to_string()
    };
    // Two observations of the second task, and three columns.
    let few = fit(Basis::linear(), &data);
    assert!(few.starts_with("mean: ") && few.contains("task 1"), "{few}");
    let whole = gappy(9, 3, &[]);
    let twice = Basis::new(|x| Array2::ones((x.nrows(), 2)));
    assert!(fit(twice, &whole).contains("rank 1"));
    let nothing = Basis::new(|x| Array2::zeros((x.nrows(), 1)));
    assert!(fit(nothing, &whole).contains("rank 0"));
    let nan = Basis::new(|x| Array2::from_elem((x.nrows(), 1), GAP));
    assert!(fit(nan, &whole).starts_with("mean"));
    let short = Basis::new(|_| Array2::ones((1, 1)));
    assert!(fit(short, &whole).starts_with("mean: "));
    let none = Basis::new(|x| Array2::ones((x.nrows(), 0)));
    assert!(fit(none, &whole).starts_with("mean: "));
    // Another number of columns when it is asked again.
    let changing = Basis::new(|x| {
        Array2::from_shape_fn((x.nrows(), 1 + x.nrows() % 2), |(i, q)| (i + q) as f64 + 1.0)
    });
    let whole = gappy(10, 2, &[]);
    let gp =
        MultiTaskGp::new(Matern52::isotropic(1.0)).mean(Mean::Basis(changing)).fit(&whole).unwrap();
    let error = gp.predict(normal(3, 2, 1).view(), Uncertainty::None).unwrap_err();
    assert!(matches!(error, Error::Shape { .. }) && error.to_string().starts_with("mean: "));
    let error = gp.to_bytes().unwrap_err();
    assert!(error.to_string().contains("`mean` is a function"), "{error}");
}

#[test]
fn coefficients_do_not_depend_on_units_and_given_entries_are_ignored() {
    let data = gappy(12, 2, &[(3, 1)]);
    let case = |f: Columns| {
        let term = Separable { kernel: Matern52::isotropic(1.0), task: FreeForm::new() };
        let mean = Mean::Basis(Basis::new(f));
        let mut model =
            Model::new(&data, &term, &Noise::PerTask, &mean, Scaling::default()).unwrap();
        model.set_restricted(true).unwrap();
        let natural = model.layout().initial();
        let mut moved = natural.clone();
        *moved.last_mut().unwrap() += 1e6;
        let value = model.log_likelihood_value(&natural).unwrap();
        assert_near(model.log_likelihood_value(&moved).unwrap(), value, 1e-12);
        value
    };
    // The restricted likelihood is that of the span of the columns.
    assert_near(
        case(waves),
        case(|x| waves(x).dot(&ndarray::array![[1e6, 1.0], [0.0, 1e-3]])),
        1e-9,
    );
}
