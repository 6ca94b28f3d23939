//! Covariances that data are too few for do not run away.

use coregion::estimator::Warning;
use coregion::prelude::*;

use crate::common::{normal, smooth_outputs};

/// Variances of the learned noise and of B over those of the tasks.
fn shares(gp: &FittedMultiTaskGp) -> Vec<f64> {
    let scales = &gp.posterior().model().scales().std;
    let of = |m: ndarray::Array2<f64>| -> Vec<f64> {
        m.diag().iter().zip(scales).map(|(v, s)| v / (s * s)).collect()
    };
    [of(gp.noise_covariance()), of(gp.task_covariance())].concat()
}

fn flagged(gp: &FittedMultiTaskGp) -> bool {
    let is = |w: &Warning| matches!(w, Warning::FewData { .. });
    gp.report().warnings.iter().any(is) && gp.to_string().contains("variances have priors")
}

fn at_floor(gp: &FittedMultiTaskGp) -> bool {
    gp.report().warnings.iter().any(|w| matches!(w, Warning::NoiseAtFloor { .. }))
}

#[test]
fn full_noise_with_no_more_rows_than_tasks() {
    for (n, t) in [(3, 5), (5, 5), (8, 12)] {
        let x = normal(n, 1, 1);
        let y = smooth_outputs(x.view(), t, 0.3, 2);
        let data = Dataset::new(x.view(), y.view()).unwrap();
        let gp = MultiTaskGp::new(Rbf::ard()).noise(Noise::Full).fit(&data).unwrap();
        assert!(flagged(&gp) && !at_floor(&gp), "{n} rows, {t} tasks: {gp}");
        assert!(shares(&gp).iter().all(|v| (1e-9..100.0).contains(v)), "{:?}", shares(&gp));
        // No direction of the noise has vanished.
        let scales = &gp.posterior().model().scales().std;
        let column = scales.view().insert_axis(ndarray::Axis(1));
        let standard = gp.noise_covariance() / scales / column;
        let (values, _) = coregion::linalg::eigh(standard).unwrap();
        assert!(values[0] > 1e-4, "{n} rows, {t} tasks: {values}");
    }
}

#[test]
fn more_values_of_b_than_observations() {
    for (n, t) in [(2, 8), (3, 12), (4, 20)] {
        let x = normal(n, 1, 1);
        let y = smooth_outputs(x.view(), t, 0.3, 2);
        let data = Dataset::new(x.view(), y.view()).unwrap();
        for task in [FreeForm::new(), LowRank::new(t.min(6))] {
            let gp = MultiTaskGp::new(Rbf::ard()).task(task).fit(&data).unwrap();
            assert!(flagged(&gp) && !at_floor(&gp), "{n} rows, {t} tasks: {gp}");
            let noise: Vec<f64> = shares(&gp).into_iter().take(t).collect();
            assert!(noise.iter().all(|v| (1e-2..10.0).contains(v)), "{noise:?}");
            assert!(shares(&gp).iter().all(|v| *v < 100.0), "{:?}", shares(&gp));
        }
    }
}

#[test]
fn enough_data_have_no_prior() {
    let x = normal(13, 1, 1);
    let y = smooth_outputs(x.view(), 12, 0.3, 2);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let gp = MultiTaskGp::new(Rbf::isotropic(1.0)).noise(Noise::Full).fit(&data).unwrap();
    assert!(!flagged(&gp));
    let model = gp.posterior().model();
    let natural = gp.posterior().natural();
    let mut gradient = vec![0.0; natural.len()];
    model.layout().log_prior(natural, &mut gradient);
    // The lengthscale alone has one.
    assert!(gradient.iter().skip(1).all(|g| *g == 0.0));
}

/// A task with few observations is not predicted with a certainty that it cannot have.
#[test]
fn tasks_with_few_observations_stay_uncertain() {
    let (n, t) = (40, 3);
    let x = ndarray::Array2::from_shape_fn((n, 1), |(i, _)| 0.2 * i as f64);
    let whole = smooth_outputs(x.view(), t, 0.3, 3) * 2.0 + 1.0;
    for count in 0..5 {
        let mut y = whole.clone();
        for i in (0..n).filter(|i| i % 8 != 4 || i / 8 >= count) {
            y[[i, 2]] = f64::NAN;
        }
        let data = Dataset::new(x.view(), y.view()).unwrap();
        assert_eq!(data.n_observed(), 2 * n + count);
        let gp = MultiTaskGp::new(Matern52::ard()).fit(&data).unwrap();
        let found = gp.report().warnings.iter().any(|w| match w {
            Warning::FewObservations { name, count: seen } => name == "task 2" && *seen == count,
            Warning::TaskWithoutData { name } => name == "task 2" && count == 0,
            _ => false,
        });
        assert!(found, "{count}: {:?}", gp.report().warnings);
        let filled = gp.impute(Uncertainty::Observation).unwrap();
        let std = filled.std().unwrap();
        let squares: Vec<f64> = (0..n)
            .filter(|&i| y[[i, 2]].is_nan())
            .map(|i| ((filled.mean[[i, 2]] - whole[[i, 2]]) / std[[i, 2]]).powi(2))
            .collect();
        let rms = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
        assert!(rms < 3.0, "{count} observations: residuals of {rms} standard deviations");
    }
}
