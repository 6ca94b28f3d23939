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
        case(gappy(7, 70, &[]), LowRank::plus_noise(2), Noise::PerTask, &vec![Solver::Kronecker]),
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
        let some: Vec<usize> = (0..count).step_by(1 + count / 30).collect();
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
