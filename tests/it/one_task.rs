//! Predictions of one task for each row are entries of the whole table.

use coregion::prelude::*;
use coregion::solve::Solver;
use ndarray::Array2;

use crate::common::{assert_close, normal, smooth_outputs};

/// Three tasks with positive outputs, some entries missing where gaps are asked for.
fn data(gaps: bool) -> Dataset {
    let x = normal(24, 2, 91);
    let mut y = smooth_outputs(x.view(), 3, 0.3, 92).mapv(|v| (0.5 * v).exp());
    if gaps {
        for (i, t) in [(0, 1), (4, 2), (4, 0), (9, 1), (20, 2)] {
            y[[i, t]] = f64::NAN;
        }
    }
    Dataset::new(x.view(), y.view()).unwrap()
}

/// Entries of whole predictions, by both ways of asking.
fn check(gp: &FittedMultiTaskGp, tolerance: f64) {
    let xs = normal(7, 2, 93);
    let tasks = [2, 0, 1, 1, 2, 0, 0];
    let entries = |table: &Array2<f64>| {
        Array2::from_shape_fn((tasks.len(), 1), |(i, _)| table[[i, tasks[i]]])
    };
    for u in [Uncertainty::None, Uncertainty::Std, Uncertainty::Observation] {
        let (all, one) =
            (gp.predict(xs.view(), u).unwrap(), gp.predict_at(xs.view(), &tasks, u).unwrap());
        assert_close(&one.mean, &entries(&all.mean), tolerance);
        assert_eq!(one.std.is_some(), all.std.is_some());
        for (one, all) in one.std.iter().zip(&all.std) {
            assert_close(one, &entries(all), tolerance);
        }
    }
    for include_noise in [false, true] {
        let levels = [0.1, 0.5];
        let all = gp.predict_quantiles(xs.view(), &levels, include_noise).unwrap();
        let one = gp.predict_quantiles_at(xs.view(), &tasks, &levels, include_noise).unwrap();
        let expected = Array2::from_shape_fn((7, 2), |(i, q)| all[[i, tasks[i], q]]);
        assert_close(&one, &expected, tolerance);
    }
}

#[test]
fn predictions_of_one_task_are_entries_of_all() {
    let with = [
        (Solver::Kronecker, false, 1e-10),
        (Solver::Choleskys, false, 1e-10),
        (Solver::Schur, true, 1e-10),
        (Solver::Dense, true, 1e-10),
        (Solver::Cg, true, 1e-3), // solves to a tolerance, column by column
    ];
    for (solver, gaps, tolerance) in with {
        for mean in [Mean::Training, Mean::Constant] {
            let learned = MultiTaskGp::new(Matern52::ard()).mean(mean).max_iterations(4);
            let gp = learned.solver(solver).fit(&data(gaps)).unwrap();
            assert_eq!(gp.report().solve.solver, solver.to_string());
            check(&gp, tolerance);
            let (x, y) = (normal(3, 2, 94), normal(3, 3, 95));
            check(&gp.condition(x.view(), y.view()).unwrap(), tolerance);
        }
    }
}

#[test]
fn predictions_of_one_task_come_back_from_warps_and_mixings() {
    let warped = MultiTaskGp::new(Matern52::ard()).warp(Warp::log()).max_iterations(4);
    check(&warped.clone().fit(&data(false)).unwrap(), 1e-10);
    check(&warped.noise(Noise::Full).fit(&data(true)).unwrap(), 1e-10);
    let settings = MultiTaskGp::new(Rbf::ard()).task(LowRank::new(1)).max_iterations(3);
    let terms = settings.clone().term(Matern12::ard(), Diagonal::new());
    check(&terms.fit(&data(true)).unwrap(), 1e-10);
    let mixed = MultiTaskGp::new(Rbf::ard()).mixing(Mixing::orthogonal(2)).max_iterations(3);
    check(&mixed.fit(&data(false)).unwrap(), 1e-10);
}

#[test]
fn tasks_that_do_not_fit_are_refused() {
    let gp = MultiTaskGp::new(Matern52::ard()).max_iterations(2).fit(&data(false)).unwrap();
    let xs = normal(2, 2, 96);
    let error = |tasks: &[usize]| {
        gp.predict_at(xs.view(), tasks, Uncertainty::Std).unwrap_err().to_string()
    };
    assert_eq!(error(&[0]), "tasks: found 1 tasks, expected one for each of 2 rows");
    assert_eq!(error(&[0, 3]), "tasks: found 3, expected numbers below 3");
    assert!(gp.predict_quantiles_at(xs.view(), &[0, 1], &[1.5], true).is_err());
    let none = gp.predict_at(normal(0, 2, 96).view(), &[], Uncertainty::Std).unwrap();
    assert_eq!(none.mean.dim(), (0, 1));
}
