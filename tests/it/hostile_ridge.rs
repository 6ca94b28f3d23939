//! Random hostile data for kernel ridge regression and leave-out: a typed error or finite answers.

use coregion::Error;
use coregion::prelude::*;
use ndarray::Array1;
use proptest::prelude::*;
use proptest::sample::select;

use crate::hostile_properties::{ACCEPTED, ANY, is_about_the_data, settings, table};
use crate::support::definite;

fn kernels() -> [Kernel; 5] {
    [
        Rbf::isotropic(1.0),
        Matern12::isotropic(0.5),
        Rbf::isotropic(3.0) + 0.5 * Linear::new(0.1),
        Linear::new(1.0),
        Constant::unit(),
    ]
}

fn ways(n: usize) -> [LeaveOut; 6] {
    let labels: Vec<usize> = (0..n).map(|i| i % 3).collect();
    [
        LeaveOut::Row,
        LeaveOut::Entry,
        LeaveOut::Task,
        LeaveOut::blocks(n, 2),
        LeaveOut::Groups(labels.clone()),
        LeaveOut::GroupsByTask(labels),
    ]
}

fn expected(error: &Error) -> bool {
    is_about_the_data(error) || matches!(error, Error::Incompatible { .. })
}

/// Everything a fitted model can be asked is finite, or refused for a reason.
fn assert_answers(ridge: &FittedMultiTaskKernelRidge) {
    let data = ridge.data();
    let (n, t) = data.y().dim();
    assert!(ridge.dual_coef().iter().all(|v| v.is_finite()));
    assert!(ridge.rkhs_norm_squared() >= 0.0);
    assert!(ridge.cv_errors().iter().all(|v| !v.is_nan()));
    match ridge.predict(data.x()) {
        Ok(mean) => assert!(mean.dim() == (n, t) && mean.iter().all(|v| v.is_finite())),
        Err(error) => assert!(expected(&error), "{error}"),
    }
    for by in ways(n) {
        match ridge.leave_one_out(&by) {
            Ok(p) => {
                assert!(p.mean.iter().chain(&p.log_density).all(|v| v.is_finite()));
                assert!(p.std.iter().all(|v| *v > 0.0 && v.is_finite()));
            }
            Err(error) => assert!(expected(&error), "{error}"),
        }
    }
    match ridge.leave_one_row_out_covariances() {
        Ok(c) => assert!(c.iter().all(|v| v.is_finite())),
        Err(error) => assert!(expected(&error), "{error}"),
    }
    if let Err(error) = ridge.posterior() {
        assert!(expected(&error), "{error}");
    }
    let text = ridge.to_string();
    assert!(text.split_whitespace().all(|word| word != "inf" && !word.contains("NaN")), "{text}");
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn accepted_data_are_answered(
        n in 1..12usize,
        x in prop::collection::vec(select(&ACCEPTED[..]), 1..4),
        y in prop::collection::vec(select(&ACCEPTED[..]), 1..5),
        seed in 0..1_000_000u64,
        repeat in 0..3usize,
        kernel in 0..5usize,
        related: bool,
        intercept: bool,
        weighted: bool,
        penalised: bool,
        extra in 0..3usize,
        alphas in prop::collection::vec(-12..12i32, 1..5),
        criterion in 0..13usize,
    ) {
        let t = y.len();
        let (x, y) = (table(n, &x, seed, repeat), table(n, &y, seed + 1, 0));
        let data = Dataset::new(x.view(), y.view()).unwrap();
        let by = ways(n);
        let criterion = match criterion {
            0..6 => Criterion::SquaredError(by[criterion].clone()),
            6..12 => Criterion::LogDensity(by[criterion - 6].clone()),
            _ => Criterion::Gcv,
        };
        let mut ridge = MultiTaskKernelRidge::new(kernels()[kernel].clone())
            .fit_intercept(intercept)
            .alphas(alphas.iter().map(|e| 10f64.powi(*e)).collect())
            .criterion(criterion)
            .refine(extra == 1)
            .penalty_for_each_task(extra == 2);
        if related {
            ridge = ridge.task(Fixed::at(definite(t, seed).view()));
        }
        if penalised {
            ridge = ridge
                .task_penalties((0..t).map(|s| 10f64.powi(s as i32 - 1)).collect())
                .task_weights((0..t).map(|s| 1.0 + s as f64).collect());
        }
        let weights: Array1<f64> = (0..n).map(|i| 0.1 + (i % 4) as f64).collect();
        let fitted = match weighted {
            true => ridge.fit_weighted(&data, weights.view()),
            false => ridge.fit(&data),
        };
        match fitted {
            Ok(ridge) => assert_answers(&ridge),
            Err(error) => prop_assert!(expected(&error), "{error}"),
        }
    }

    #[test]
    fn any_data_are_answered_or_refused(
        n in 0..6usize,
        x in prop::collection::vec(select(&ANY[..]), 0..3),
        y in prop::collection::vec(select(&ANY[..]), 0..4),
        seed in 0..1_000_000u64,
        kernel in 0..5usize,
    ) {
        let (x, y) = (table(n, &x, seed, 0), table(n, &y, seed + 1, 0));
        let Ok(data) = Dataset::new(x.view(), y.view()) else { return Ok(()) };
        match MultiTaskKernelRidge::new(kernels()[kernel].clone()).fit(&data) {
            Ok(ridge) => assert_answers(&ridge),
            Err(Error::Layout { .. }) => prop_assert!(!data.is_complete()),
            Err(error) => prop_assert!(expected(&error), "{error}"),
        }
    }
}
