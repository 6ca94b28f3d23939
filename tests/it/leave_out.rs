//! Closed-form leave-out of Gaussian processes against refits of the whole dense covariance, and
//! against the library fitted without what is left out.

use coregion::Error;
use coregion::op::NoiseMatrix;
use coregion::prelude::*;
use ndarray::{Array2, Array3, Axis, array, s};

use crate::common::{assert_close, assert_near, bind, dense, normal, smooth_outputs};
use crate::support::definite;

/// Every way of leaving out n rows.
pub(crate) fn ways(n: usize) -> Vec<LeaveOut> {
    let LeaveOut::Groups(mut uneven) = LeaveOut::folds(n, 3, 4) else { unreachable!() };
    uneven[0] = 40; // a group of one, with a label of its own
    vec![
        LeaveOut::Row,
        LeaveOut::Entry,
        LeaveOut::Task,
        LeaveOut::blocks(n, 4),
        LeaveOut::Groups(uneven.clone()),
        LeaveOut::GroupsByTask(uneven),
    ]
}

fn held(data: &Dataset, task: Task, noise: Noise, mean: &[f64]) -> FittedMultiTaskGp {
    MultiTaskGp::new(Matern52::new([0.9, 1.4]) + 0.3 * Linear::new(0.5))
        .task(task)
        .noise(noise)
        .mean(Mean::Given(mean.to_vec()))
        .optimizer(Optimizer::None)
        .fit(data)
        .unwrap()
}

fn covariance(gp: &FittedMultiTaskGp) -> Array2<f64> {
    let x = gp.posterior().model().x();
    let (kernel, theta) = bind(gp.kernel(), x);
    let mut k = Array2::zeros((x.nrows(), x.nrows()));
    kernel.block(&theta, x, x, k.view_mut());
    dense::covariance(k.view(), gp.task_covariance().view(), Some(gp.noise_covariance().view()))
}

#[track_caller]
fn assert_equals_refits(gp: &FittedMultiTaskGp, y: &Array2<f64>, mean: &[f64], by: &LeaveOut) {
    let offset = ndarray::aview1(mean);
    let found = gp.leave_one_out(by).unwrap();
    let (expected, std, densities) = dense::leave_out(&covariance(gp), None, &(y - &offset), by);
    assert_close(&found.mean, &(expected + offset), 1e-8);
    assert_close(&found.std, &std, 1e-8);
    let found = ndarray::Array1::from_iter(found.log_density.iter().copied());
    assert_close(&found, &ndarray::Array1::from(densities), 1e-8);
}

#[test]
fn every_way_equals_refits_for_every_noise() {
    let (n, t) = (11, 3);
    let x = normal(n, 2, 1);
    let y = smooth_outputs(x.view(), t, 0.3, 2) + 4.0;
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let mean = [4.0, 3.5, 4.2];
    let loads = array![[1.0], [-0.7], [0.4]];
    for noise in [
        Noise::Variances(vec![0.2; 3]),
        Noise::Variances(vec![0.05, 0.4, 1.5]),
        Noise::Covariance(definite(t, 3) * 0.2),
    ] {
        for task in [
            Fixed::at(definite(t, 4).view()),
            Fixed::at(loads.dot(&loads.t()).view()), // rank one: directions without signal
            Diagonal::starting_at([0.5, 1.0, 2.0]),
        ] {
            let gp = held(&data, task, noise.clone(), &mean);
            for by in ways(n) {
                assert_equals_refits(&gp, &y, &mean, &by);
            }
            let covariances = gp.leave_one_row_out_covariances().unwrap();
            assert_close(&covariances, &refitted_rows(&covariance(&gp), n, t), 1e-8);
            assert_free_means(&gp, &y);
        }
    }
}

/// Constant means learned anew from what is left.
#[track_caller]
fn assert_free_means(gp: &FittedMultiTaskGp, y: &Array2<f64>) {
    let (n, t) = y.dim();
    let fixed = Array2::from_shape_fn((n * t, t), |(p, s)| f64::from(u8::from(p % t == s)));
    for by in ways(n).into_iter().filter(|by| *by != LeaveOut::Task) {
        let found = gp.posterior().leave_out_with_free_means(&by).unwrap();
        let (mean, std, densities) = dense::leave_out(&covariance(gp), Some(&fixed), y, &by);
        assert_close(&found.mean, &mean, 1e-8);
        assert_close(&found.std, &std, 1e-8);
        let found = ndarray::Array1::from_iter(found.log_density.iter().copied());
        assert_close(&found, &ndarray::Array1::from(densities), 1e-8);
    }
    let task = gp.posterior().leave_out_with_free_means(&LeaveOut::Task);
    assert!(matches!(task, Err(Error::Incompatible { .. })));
}

/// T x T covariances of each row given the others.
fn refitted_rows(c: &Array2<f64>, n: usize, t: usize) -> Array3<f64> {
    let mut out = Array3::zeros((n, t, t));
    let nothing = ndarray::Array1::zeros(n * t);
    for (i, block) in dense::left_out_blocks(&LeaveOut::Row, n, t).iter().enumerate() {
        let p = dense::refit_without(c, None, &nothing, block);
        out.slice_mut(s![i, .., ..]).assign(&p.covariance);
    }
    out
}

#[test]
fn many_tasks_in_small_equal_refits() {
    let (n, t) = (3, 66); // more tasks than are taken as a dense matrix
    let x = normal(n, 2, 5);
    let y = normal(n, t, 6);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let task = LowRank::plus_noise_starting_at(normal(t, 2, 7).view(), 0.3);
    let variances = normal(1, t, 8).mapv(|v| 0.3 + v * v).row(0).to_vec();
    let mean = vec![0.0; t];
    let gp = held(&data, task, Noise::Variances(variances), &mean);
    assert!(matches!(gp.noise_matrix(), NoiseMatrix::Diagonal(_)));
    for by in ways(n) {
        assert_equals_refits(&gp, &y, &mean, &by);
    }
    let covariances = gp.leave_one_row_out_covariances().unwrap();
    assert_close(&covariances, &refitted_rows(&covariance(&gp), n, t), 1e-8);
}

#[test]
fn learned_models_equal_themselves_fitted_without_the_rows() {
    let (n, t) = (18, 3);
    let x = normal(n, 2, 9);
    let y = smooth_outputs(x.view(), t, 0.3, 10);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    for noise in [Noise::Shared, Noise::PerTask, Noise::Full] {
        let model = MultiTaskGp::new(Rbf::ard()).noise(noise).mean(Mean::Training);
        let gp = model.fit(&data).unwrap();
        let again = MultiTaskGp::new(gp.kernel().clone())
            .task(gp.task().clone())
            .noise(gp.noise())
            .mean(Mean::Given(gp.parameters()["mean.offset"].iter().copied().collect()))
            .optimizer(Optimizer::None);
        let by = LeaveOut::blocks(n, 5);
        let LeaveOut::Groups(labels) = &by else { unreachable!() };
        let found = gp.leave_one_out(&by).unwrap();
        for group in 0..5 {
            let (out, kept): (Vec<usize>, Vec<usize>) = (0..n).partition(|&i| labels[i] == group);
            let (xk, yk) = (x.select(Axis(0), &kept), y.select(Axis(0), &kept));
            let refit = again.fit(&Dataset::new(xk.view(), yk.view()).unwrap()).unwrap();
            let xs = x.select(Axis(0), &out);
            let p = refit.predict(xs.view(), Uncertainty::Observation).unwrap();
            assert_close(&found.mean.select(Axis(0), &out), &p.mean, 1e-8);
            assert_close(&found.std.select(Axis(0), &out), p.std.as_ref().unwrap(), 1e-8);
        }
    }
}

#[test]
fn one_row_and_one_task_are_left_with_the_prior() {
    let data = Dataset::new(array![[0.0]].view(), array![[1.0, 2.0]].view()).unwrap();
    let b = array![[1.0, 0.6], [0.6, 2.0]];
    let gp = MultiTaskGp::new(Rbf::isotropic(1.0))
        .task(Fixed::at(b.view()))
        .noise(Noise::Variances(vec![0.5, 0.25]))
        .mean(Mean::Zero)
        .optimizer(Optimizer::None)
        .fit(&data)
        .unwrap();
    let row = gp.leave_one_out(&LeaveOut::Row).unwrap();
    assert!(row.mean.iter().all(|v| v.abs() < 1e-15));
    assert_close(&row.std, &array![[1.5f64.sqrt(), 1.5]], 1e-14);
    let entry = gp.leave_one_out(&LeaveOut::Entry).unwrap();
    assert_close(&entry.mean, &array![[0.6 * 2.0 / 2.25, 0.6 / 1.5]], 1e-14);
}

#[test]
fn what_does_not_fit_is_refused() {
    let x = normal(5, 1, 11);
    let y = normal(5, 2, 12);
    let gp = MultiTaskGp::new(Rbf::isotropic(1.0))
        .memory_budget(100)
        .fit(&Dataset::new(x.view(), y.view()).unwrap())
        .unwrap();
    let error = gp.leave_one_out(&LeaveOut::Groups(vec![0, 1])).unwrap_err();
    assert_eq!(error.to_string(), "groups: found 2 labels, expected 5, one for each row");
    assert!(matches!(gp.leave_one_row_out_covariances(), Err(Error::Memory { .. })));
    assert!(matches!("rows".parse::<LeaveOut>(), Err(Error::UnknownName { .. })));
}

#[test]
fn a_comparison_is_what_its_models_say() {
    use coregion::estimator::{Fitted, Settings, compare};
    let (n, t) = (25, 3);
    let x = normal(n, 1, 21);
    let y = smooth_outputs(x.view(), t, 0.3, 22);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let gp = MultiTaskGp::new(Rbf::ard());
    let ridge = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).alpha(0.1);
    let models: Vec<(&str, Settings)> = vec![
        ("independent", gp.clone().task(Diagonal::new()).into()),
        ("ridge", ridge.into()),
        ("rank 2", gp.clone().into()),
        ("wrong", gp.clone().task(LowRank::new(4)).into()),
        ("full noise", gp.noise(Noise::Full).into()),
    ];
    for by in [LeaveOut::Row, LeaveOut::blocks(n, 5), LeaveOut::Task] {
        let table = compare(&data, &by, models.clone()).unwrap();
        assert_eq!((table.models().len(), table.failures().len()), (4, 1));
        assert_eq!(table.failures()[0].0, "wrong");
        let first = &table.models()[0];
        for m in table.models() {
            let (_, settings) = models.iter().find(|(name, _)| *name == m.name).unwrap();
            let (left_out, parameters) = match settings {
                Settings::Gp(s) => {
                    let gp = s.fit(&data).unwrap();
                    assert_eq!(m.log_marginal_likelihood, Some(gp.log_marginal_likelihood()));
                    let free = gp.posterior().model().layout().n_free();
                    (gp.leave_one_out(&by).unwrap(), free)
                }
                Settings::Ridge(s) => (s.fit(&data).unwrap().leave_one_out(&by).unwrap(), 0),
                _ => unreachable!(),
            };
            assert_eq!((&m.left_out, m.n_parameters), (&left_out, parameters));
            assert_near(m.log_density, left_out.log_density.sum(), 1e-12);
            assert!(m.difference <= 0.0 && m.log_density <= first.log_density);
            let change = &left_out.log_density - &first.left_out.log_density;
            let count = change.len() as f64;
            assert!((m.difference - change.sum()).abs() < 1e-9);
            let error = (count * change.var(1.0)).sqrt();
            assert!((m.difference_std_error - error).abs() < 1e-9);
            let scaled = (&y - &left_out.mean) / y.std_axis(Axis(0), 0.0);
            assert_near(m.error, scaled.mapv(|e| e * e).mean().unwrap().sqrt(), 1e-10);
        }
        match table.best() {
            Fitted::Gp(gp) => {
                assert_eq!(first.log_marginal_likelihood, Some(gp.log_marginal_likelihood()));
            }
            _ => assert_eq!(first.name, "ridge"),
        }
    }
    let none: Vec<(&str, Settings)> = Vec::new();
    assert!(matches!(compare(&data, &LeaveOut::Row, none), Err(Error::InvalidValue { .. })));
}
