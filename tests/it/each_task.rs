//! Penalties chosen for each task: gradients against differences, values against dense refits.

use coregion::Error;
use coregion::prelude::*;
use ndarray::{Array1, Array2, array};

use crate::common::{assert_near, dense, normal, smooth_outputs};
use crate::ridge::{Case, cases, data, kernel_of, problem};

fn ones(t: usize) -> Vec<f64> {
    vec![1.0; t]
}

/// The criterion at the case's penalties, by its definition.
fn by_refits(case: &Case, data: &Dataset, density: bool) -> f64 {
    let (n, t) = data.y().dim();
    let (c, fixed) = (case.covariance(&data.x().to_owned()), case.fixed(n, t));
    let y = data.y().to_owned();
    let (mean, _, densities) = dense::leave_out(&c, fixed.as_ref(), &y, &LeaveOut::Row);
    if density {
        return -densities.iter().sum::<f64>() / (n * t) as f64;
    }
    let rows = case.weights.clone().unwrap_or_else(|| Array1::ones(n));
    let tasks = Array1::from(case.task_weights.clone().unwrap_or_else(|| ones(t)));
    let weights = Array2::from_shape_fn((n, t), |(i, s)| rows[i] * tasks[s]);
    ((y - mean).mapv(|e| e * e) * &weights).sum() / weights.sum()
}

#[test]
fn gradients_match_differences_and_values_refits() {
    let (n, t) = (10, 3);
    let data = data(n, t);
    for case in cases(n, t) {
        let (problem, _) = problem(&case, &data);
        let relative = Array1::from(case.penalties.clone().unwrap_or_else(|| ones(t)));
        let penalties = relative * case.alpha;
        let weights = Array1::from(case.task_weights.clone().unwrap_or_else(|| ones(t)));
        for density in [false, true] {
            let criterion = match density {
                true => Criterion::LogDensity(LeaveOut::Row),
                false => Criterion::default(),
            };
            let at = |a: &Array1<f64>| {
                problem
                    .evaluate_each_task(&case.task, a.view(), weights.view(), &criterion)
                    .unwrap()
            };
            let (value, gradient) = at(&penalties);
            assert_near(value, by_refits(&case, &data, density), 1e-8);
            for s in 0..t {
                let h = 1e-5f64;
                let moved = |step: f64| {
                    let mut a = penalties.clone();
                    a[s] *= step.exp();
                    at(&a).0
                };
                let difference = (moved(h) - moved(-h)) / (2.0 * h);
                let size = difference.abs().max(1e-3 * value.abs());
                let error = (gradient[s] - difference).abs();
                assert!(error < 1e-6 * size, "task {s}: {} {difference}", gradient[s]);
            }
        }
    }
}

#[test]
fn independent_tasks_choose_as_if_alone() {
    let (n, t) = (30, 3);
    let x = normal(n, 2, 31);
    let y = smooth_outputs(x.view(), t, 0.5, 32);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let grid: Vec<f64> = (-8..6).map(|e| 2f64.powi(e)).collect();
    let settings = MultiTaskKernelRidge::new(kernel_of()).fit_intercept(true).alphas(grid);
    let all = settings.clone().penalty_for_each_task(true).fit(&data).unwrap();
    let mut total = 0.0;
    for s in 0..t {
        let alone = settings.clone().refine(true).fit(&data.task(s).unwrap()).unwrap();
        assert_near(all.penalties()[s], alone.alpha(), 1e-3);
        total += alone.criterion_value().unwrap() / t as f64;
    }
    assert_near(all.criterion_value().unwrap(), total, 1e-7);
    // The solution is that of the penalties given.
    let given = settings.alpha(1.0).task_penalties(all.penalties().to_vec()).fit(&data).unwrap();
    let xs = normal(4, 2, 33);
    let (a, b) = (all.predict(xs.view()).unwrap(), given.predict(xs.view()).unwrap());
    assert!((a - b).iter().all(|v| v.abs() < 1e-10));
}

#[test]
fn what_cannot_be_chosen_is_refused() {
    let data = data(6, 2);
    let settings = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).penalty_for_each_task(true);
    for criterion in [Criterion::Gcv, LeaveOut::Entry.into(), LeaveOut::blocks(6, 2).into()] {
        let error = settings.clone().criterion(criterion).fit(&data).unwrap_err();
        assert!(matches!(error, Error::Incompatible { .. }), "{error}");
    }
    let one = Dataset::new(array![[0.0]].view(), array![[1.0, 2.0]].view()).unwrap();
    assert!(settings.fit_intercept(true).fit(&one).is_err());
}

#[test]
fn penalties_that_cannot_be_judged_are_not_chosen() {
    // Duplicated rows and hardly any penalty: blocks without a Cholesky factor.
    let x = Array2::from_shape_fn((12, 1), |(i, _)| f64::from(i as u32 / 4));
    let y = smooth_outputs(x.view(), 2, 0.3, 41);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let settings = MultiTaskKernelRidge::new(Rbf::isotropic(1.0))
        .criterion(LeaveOut::Groups((0..12).map(|i| i / 4).collect()))
        .alphas(vec![1e-300, 0.1, 1.0]);
    let ridge = settings.clone().fit(&data).unwrap();
    let judged: Vec<bool> = ridge.cv_errors().iter().map(|v| v.is_finite()).collect();
    assert_eq!(judged, [false, true, true]);
    let warnings: Vec<String> = ridge.warnings().iter().map(ToString::to_string).collect();
    assert!(ridge.alpha() >= 0.1 && warnings.iter().any(|w| w.starts_with("at 1 penalties")));
    match settings.alphas(vec![1e-300, 1e-305]).fit(&data) {
        Ok(ridge) => assert!(ridge.criterion_value().unwrap().is_finite()),
        Err(error) => {
            assert!(matches!(error, Error::NotPositive { .. } | Error::Numerical { .. }), "{error}")
        }
    }
}

#[test]
fn equally_good_penalties_give_the_largest() {
    // A column left out whole is predicted as zero by independent tasks, whatever the penalty.
    let data = data(8, 2);
    for alphas in [vec![1e-9, 1.0, 0.1], vec![1.0, 1e-9]] {
        let settings = MultiTaskKernelRidge::new(kernel_of()).criterion(LeaveOut::Task);
        assert_eq!(settings.alphas(alphas).fit(&data).unwrap().alpha(), 1.0);
    }
}
