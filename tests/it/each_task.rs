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
    let both = settings.clone().task_penalties(vec![1.0, 2.0]).fit(&data).unwrap_err();
    assert!(both.to_string().starts_with("`task_penalties` and a penalty chosen"), "{both}");
    let many = crate::ridge::data(3, 66);
    let plus_noise = LowRank::plus_noise_starting_at(normal(66, 1, 3).view(), 0.1);
    assert!(matches!(
        settings.clone().task(plus_noise).fit(&many),
        Err(Error::Incompatible { .. })
    ));
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

#[test]
fn a_search_without_a_minimum_is_told() {
    // A noiseless line: the smaller the penalty the better.
    let x = Array2::from_shape_fn((12, 1), |(i, _)| f64::from(i as u32));
    let data = Dataset::new(x.view(), x.view()).unwrap();
    let settings = MultiTaskKernelRidge::new(Linear::new(1.0)).alphas(vec![1e-2, 1e-1]);
    for settings in [settings.clone().refine(true), settings.penalty_for_each_task(true)] {
        let ridge = settings.fit(&data).unwrap();
        let warnings: Vec<String> = ridge.warnings().iter().map(ToString::to_string).collect();
        assert!(ridge.alpha() <= 1e-2);
        assert!(warnings.iter().any(|w| w.starts_with("the search for better penalties ended")));
    }
}

#[test]
fn wrong_lengths_and_foreign_parts_are_refused() {
    use coregion::ridge::{Candidate, Problem};
    let (small, large) = (data(5, 2), data(6, 3));
    let of = |data: &Dataset| Problem::new(data, &kernel_of(), None, false).unwrap();
    let (a, b) = (of(&small), of(&large));
    let task = |t: usize| Diagonal::starting_at(ones(t));
    let one = |t: usize| Array1::ones(t);
    let shape = |error: Error| assert!(matches!(error, Error::Shape { .. }), "{error}");
    shape(Candidate::new(&a, &task(2), one(3).view()).unwrap_err());
    let candidate = Candidate::new(&a, &task(2), one(2).view()).unwrap();
    shape(b.evaluate(&candidate, 1.0, &Criterion::Gcv).unwrap_err());
    shape(b.solve(&candidate, 1.0).unwrap_err());
    shape(
        b.path(std::slice::from_ref(&candidate), &[1.0], &Criterion::Gcv, &|_| Ok(())).unwrap_err(),
    );
    let solution = a.solve(&candidate, 1.0).unwrap();
    shape(b.predict(&solution, large.x()).unwrap_err());
    shape(b.leave_out(&solution, &LeaveOut::Row).unwrap_err());
    shape(b.leave_out_row_covariances(&solution).unwrap_err());
    let row = Criterion::default();
    for (p, w) in [(1, 2), (2, 3)] {
        let result = a.evaluate_each_task(&task(2), one(p).view(), one(w).view(), &row);
        shape(result.unwrap_err());
    }
    shape(a.refine_each_task(&task(2), &[1.0], one(2).view(), &row).unwrap_err());
    let settings = MultiTaskKernelRidge::new(kernel_of());
    assert!(matches!(settings.tasks(vec![]).fit(&small), Err(Error::InvalidValue { .. })));
    let single = Dataset::new(array![[0.0]].view(), array![[1.0, 2.0]].view()).unwrap();
    let one_row =
        MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).fit_intercept(true).fit(&single).unwrap();
    assert!(matches!(one_row.leave_one_row_out_covariances(), Err(Error::Incompatible { .. })));
}

#[test]
fn low_rank_plus_noise_with_small_penalties() {
    // Directions outside the factor have no signal of their own, however small the penalty.
    let data = data(12, 4);
    let w = array![[3e3], [1e3], [-2e3], [5e2]];
    let settings = MultiTaskKernelRidge::new(kernel_of())
        .task(LowRank::plus_noise_starting_at(w.view(), 0.3))
        .alphas((-10..0).map(|e| 10f64.powi(e)).collect());
    let ridge = settings.clone().fit(&data).unwrap();
    assert!(ridge.cv_errors().iter().all(|v| v.is_finite()));
    for (a, alpha) in ridge.alphas().iter().enumerate() {
        let one = settings.clone().alpha(*alpha).fit(&data).unwrap();
        assert!(one.rkhs_norm_squared() > 0.0);
        let errors = one.leave_one_out(&LeaveOut::Row).unwrap().mean - data.y();
        let value = errors.mapv(|e| e * e).mean().unwrap();
        assert_near(ridge.cv_errors()[[0, a]], value, 1e-4);
    }
}
