#![allow(clippy::unwrap_used)]

use super::*;
use ndarray::{Array2, array, aview1};
use std::f64::consts::TAU;

type PointMetric = fn(ArrayView2<'_, f64>, ArrayView2<'_, f64>) -> Result<PerTask>;
type DensityMetric =
    fn(ArrayView2<'_, f64>, ArrayView2<'_, f64>, ArrayView2<'_, f64>) -> Result<PerTask>;

fn own_smse(truth: ArrayView2<'_, f64>, mean: ArrayView2<'_, f64>) -> Result<PerTask> {
    smse(truth, mean, Normalizer::TestMean)
}

fn unit_msll(
    truth: ArrayView2<'_, f64>,
    mean: ArrayView2<'_, f64>,
    std: ArrayView2<'_, f64>,
) -> Result<PerTask> {
    msll(truth, mean, std, aview1(&[0.0, 0.0]), aview1(&[1.0, 1.0]))
}

fn half_coverage(
    truth: ArrayView2<'_, f64>,
    mean: ArrayView2<'_, f64>,
    std: ArrayView2<'_, f64>,
) -> Result<PerTask> {
    coverage(truth, mean, std, 0.5)
}

const POINT: [PointMetric; 3] = [rmse, mae, own_smse];
const DENSITY: [DensityMetric; 4] = [nlpd, unit_msll, half_coverage, crps];

/// Every metric in turn, for what all of them share.
fn all(truth: &Array2<f64>, mean: &Array2<f64>, std: &Array2<f64>) -> Vec<Result<PerTask>> {
    let point = POINT.iter().map(|metric| metric(truth.view(), mean.view()));
    point
        .chain(DENSITY.iter().map(|metric| metric(truth.view(), mean.view(), std.view())))
        .collect()
}

fn sample() -> (Array2<f64>, Array2<f64>, Array2<f64>) {
    (
        array![[1.0, 10.0], [2.0, 14.0], [4.0, 18.0]],
        array![[1.5, 11.0], [2.0, 14.0], [3.0, 16.0]],
        array![[0.5, 2.0], [1.0, 1.0], [2.0, 4.0]],
    )
}

#[test]
fn point_metrics_by_hand() {
    let (truth, mean, _) = sample();
    let found = rmse(truth.view(), mean.view()).unwrap();
    let expected = array![(1.25_f64 / 3.0).sqrt(), (5.0_f64 / 3.0).sqrt()];
    assert!((&found.values - &expected).iter().all(|d| d.abs() < 1e-15));
    assert!((found.mean - expected.mean().unwrap()).abs() < 1e-15);
    assert_eq!(mae(truth.view(), mean.view()).unwrap().values, array![0.5, 1.0]);
}

#[test]
fn smse_with_both_normalizers() {
    let (truth, mean, _) = sample();
    let own = smse(truth.view(), mean.view(), Normalizer::TestMean).unwrap().values;
    // Sums of squares around the own means 7/3 and 14: 14/3 and 32.
    assert!((own[0] - 1.25 / (14.0 / 3.0)).abs() < 1e-15);
    assert!((own[1] - 5.0 / 32.0).abs() < 1e-15);
    let train = Normalizer::TrainMean(aview1(&[0.0, 12.0]));
    let against = smse(truth.view(), mean.view(), train).unwrap().values;
    assert!((against[0] - 1.25 / 21.0).abs() < 1e-15);
    assert!((against[1] - 5.0 / 44.0).abs() < 1e-15);
}

#[test]
fn smse_of_the_trivial_mean_is_one() {
    let (truth, _, _) = sample();
    let train = array![0.3, -7.0];
    let mean = train.broadcast(truth.dim()).unwrap();
    let found = smse(truth.view(), mean, Normalizer::TrainMean(train.view())).unwrap();
    assert_eq!(found.values, array![1.0, 1.0]);
}

#[test]
fn smse_of_constant_truth_is_an_error() {
    // 0.1 + 0.1 + 0.1 is not 0.3 in floating point: the check must not depend on that.
    let truth = array![[0.0, 0.1], [1.0, 0.1], [2.0, 0.1], [3.0, f64::NAN]];
    let mean = Array2::zeros(truth.dim());
    let own = smse(truth.view(), mean.view(), Normalizer::TestMean);
    let train = smse(truth.view(), mean.view(), Normalizer::TrainMean(aview1(&[0.1, 0.1])));
    for found in [own, train] {
        let Err(Error::InvalidValue { argument, found, .. }) = found else { unreachable!() };
        assert_eq!(argument, "truth");
        assert!(found.contains("task 1"), "{found}");
    }
}

#[test]
fn nlpd_by_hand() {
    let (truth, mean, std) = sample();
    let found = nlpd(truth.view(), mean.view(), std.view()).unwrap().values;
    // Task 0: z = −1, 0, 1/2; task 1: z = −1/2, 0, 1/2.
    let task_0 = 0.5 * TAU.ln() + (0.5_f64.ln() + 2.0_f64.ln() + 0.5 + 0.125) / 3.0;
    let task_1 = 0.5 * TAU.ln() + (2.0_f64.ln() + 4.0_f64.ln() + 0.125 + 0.125) / 3.0;
    assert!((found[0] - task_0).abs() < 1e-15);
    assert!((found[1] - task_1).abs() < 1e-15);
}

#[test]
fn msll_is_a_difference_of_nlpd_and_has_no_unit() {
    let (truth, mean, std) = sample();
    let (train_mean, train_std) = (array![2.0, 13.0], array![1.5, 3.0]);
    let found =
        msll(truth.view(), mean.view(), std.view(), train_mean.view(), train_std.view()).unwrap();
    let model = nlpd(truth.view(), mean.view(), std.view()).unwrap().values;
    let trivial_mean = train_mean.broadcast(truth.dim()).unwrap();
    let trivial_std = train_std.broadcast(truth.dim()).unwrap();
    let trivial = nlpd(truth.view(), trivial_mean, trivial_std).unwrap().values;
    assert!((&found.values - &(model - trivial)).iter().all(|d| d.abs() < 1e-14));
    let zero =
        msll(truth.view(), trivial_mean, trivial_std, train_mean.view(), train_std.view()).unwrap();
    assert_eq!(zero.values, array![0.0, 0.0]);
    let scaled = msll(
        (&truth * 100.0).view(),
        (&mean * 100.0).view(),
        (&std * 100.0).view(),
        (&train_mean * 100.0).view(),
        (&train_std * 100.0).view(),
    )
    .unwrap();
    assert!((&found.values - &scaled.values).iter().all(|d| d.abs() < 1e-14));
}

#[test]
fn coverage_counts_what_lies_inside() {
    let truth = Array2::from_shape_fn((1999, 1), |(i, _)| {
        normal_quantile((i + 1) as f64 / 2000.0).unwrap() * 3.0 + 5.0
    });
    let (mean, std) = (Array2::from_elem((1999, 1), 5.0), Array2::from_elem((1999, 1), 3.0));
    for level in [0.01, 0.3, 0.5, 0.6827, 0.9, 0.95, 0.999] {
        let found = coverage(truth.view(), mean.view(), std.view(), level).unwrap().mean;
        assert!((found - level).abs() < 1e-3, "{level}: {found}");
    }
}

/// `∫ (F(x) − [x ≥ y])² dx` by Simpson's rule on either side of the jump.
fn crps_by_integration(y: f64, mean: f64, std: f64) -> f64 {
    let simpson = |from: f64, to: f64, f: &dyn Fn(f64) -> f64| {
        let panels = 20_000;
        let h = (to - from) / f64::from(2 * panels);
        let weight = |k| {
            if k == 0 || k == 2 * panels { 1.0 } else { f64::from(2 + 2 * (k % 2)) }
        };
        let sum: f64 = (0..=2 * panels).map(|k| weight(k) * f(from + f64::from(k) * h)).sum();
        sum * h / 3.0
    };
    let cdf = |x: f64| normal_cdf((x - mean) / std);
    let (low, high) = (y.min(mean) - 12.0 * std, y.max(mean) + 12.0 * std);
    simpson(low, y, &|x| cdf(x).powi(2)) + simpson(y, high, &|x| (1.0 - cdf(x)).powi(2))
}

#[test]
fn crps_is_the_integral_of_its_definition() {
    for (y, mean, std) in
        [(0.0, 0.0, 1.0), (1.3, 1.0, 0.2), (-4.0, 2.0, 3.0), (9.0, 0.0, 0.9), (2.0, -1.0, 7.0)]
    {
        let found =
            crps(array![[y]].view(), array![[mean]].view(), array![[std]].view()).unwrap().mean;
        let expected = crps_by_integration(y, mean, std);
        assert!((found - expected).abs() < 1e-11 * expected.max(1.0), "{found} {expected}");
    }
}

#[test]
fn crps_tends_to_the_absolute_error() {
    let found =
        crps(array![[3.0]].view(), array![[1.0]].view(), array![[1e-300]].view()).unwrap().mean;
    assert_eq!(found, 2.0);
}

#[test]
fn unobserved_entries_are_left_out() {
    let (truth, mean, std) = sample();
    let mut padded = (Array2::zeros((5, 2)), Array2::zeros((5, 2)), Array2::ones((5, 2)));
    for (row, source) in [(0, 0), (2, 1), (4, 2)] {
        padded.0.row_mut(row).assign(&truth.row(source));
        padded.1.row_mut(row).assign(&mean.row(source));
        padded.2.row_mut(row).assign(&std.row(source));
    }
    for row in [1, 3] {
        padded.0.row_mut(row).fill(f64::NAN);
        padded.1.row_mut(row).fill(1e9);
    }
    let found = all(&padded.0, &padded.1, &padded.2);
    let expected = all(&truth, &mean, &std);
    for (found, expected) in found.into_iter().zip(expected) {
        assert_eq!(found.unwrap(), expected.unwrap());
    }
}

#[test]
fn layout_does_not_matter() {
    let (truth, mean, std) = sample();
    let columns_first = |a: &Array2<f64>| a.t().as_standard_layout().to_owned().reversed_axes();
    let swapped = all(&columns_first(&truth), &columns_first(&mean), &columns_first(&std));
    for (found, expected) in swapped.into_iter().zip(all(&truth, &mean, &std)) {
        assert_eq!(found.unwrap(), expected.unwrap());
    }
}

#[test]
fn a_task_without_an_observed_entry_is_an_error() {
    let (mut truth, mean, std) = sample();
    truth.column_mut(1).fill(f64::NAN);
    for found in all(&truth, &mean, &std) {
        let Err(Error::InvalidValue { argument, found, .. }) = found else { unreachable!() };
        assert_eq!((argument.as_str(), found.as_str()), ("truth", "no observed entry for task 1"));
    }
}

#[test]
fn shapes_are_checked() {
    let (truth, mean, std) = sample();
    let short = array![[1.0, 1.0]];
    let named = |found: Result<PerTask>, name: &str| {
        assert!(matches!(found, Err(Error::Shape { argument, .. }) if argument == name));
    };
    for metric in POINT {
        named(metric(truth.view(), short.view()), "mean");
        named(metric(Array2::zeros((3, 0)).view(), Array2::zeros((3, 0)).view()), "truth");
    }
    for metric in DENSITY {
        named(metric(truth.view(), short.view(), std.view()), "mean");
        named(metric(truth.view(), mean.view(), short.view()), "std");
    }
    let one = aview1(&[1.0]);
    let two = aview1(&[1.0, 1.0]);
    named(smse(truth.view(), mean.view(), Normalizer::TrainMean(one)), "train_mean");
    named(msll(truth.view(), mean.view(), std.view(), one, two), "train_mean");
    named(msll(truth.view(), mean.view(), std.view(), two, one), "train_std");
}

#[test]
fn entries_are_checked() {
    let (truth, mean, std) = sample();
    let at = |a: &Array2<f64>, value: f64| {
        let mut changed = a.clone();
        changed[[2, 1]] = value;
        changed
    };
    let not_finite = |found: Result<PerTask>, name: &str| {
        let Err(Error::NotFinite { argument, row, column, .. }) = found else { unreachable!() };
        assert_eq!((argument.as_str(), row, column), (name, 2, 1));
    };
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for found in all(&truth, &at(&mean, bad), &std) {
            not_finite(found, "mean");
        }
        for metric in DENSITY {
            not_finite(metric(truth.view(), mean.view(), at(&std, bad).view()), "std");
        }
    }
    for found in all(&at(&truth, f64::INFINITY), &mean, &std) {
        not_finite(found, "truth");
    }
    for bad in [0.0, -0.0, -1.0] {
        for metric in DENSITY {
            let found = metric(truth.view(), mean.view(), at(&std, bad).view());
            assert!(
                matches!(found, Err(Error::InvalidValue { argument, .. }) if argument == "std")
            );
        }
    }
}

#[test]
fn training_statistics_are_checked() {
    let (truth, mean, std) = sample();
    let good = aview1(&[1.0, 1.0]);
    let nan = aview1(&[1.0, f64::NAN]);
    let named = |found: Result<PerTask>, name: &str| {
        let Err(Error::NotFinite { argument, row, column, .. }) = found else { unreachable!() };
        assert_eq!((argument.as_str(), row, column), (name, 0, 1));
    };
    named(smse(truth.view(), mean.view(), Normalizer::TrainMean(nan)), "train_mean");
    named(msll(truth.view(), mean.view(), std.view(), nan, good), "train_mean");
    named(msll(truth.view(), mean.view(), std.view(), good, nan), "train_std");
    let zero = aview1(&[1.0, 0.0]);
    let found = msll(truth.view(), mean.view(), std.view(), good, zero);
    assert!(matches!(found, Err(Error::InvalidValue { argument, .. }) if argument == "train_std"));
}

#[test]
fn levels_are_checked() {
    let (truth, mean, std) = sample();
    for bad in [0.0, 1.0, -0.5, 95.0, f64::NAN, f64::INFINITY] {
        let found = coverage(truth.view(), mean.view(), std.view(), bad);
        assert!(matches!(found, Err(Error::InvalidValue { argument, .. }) if argument == "level"));
    }
}

#[test]
fn overflow_is_an_error() {
    let (truth, mean, std) = (array![[1e200]], array![[-1e200]], array![[1.0]]);
    for found in [
        rmse(truth.view(), mean.view()),
        nlpd(truth.view(), mean.view(), std.view()),
        mae(array![[1e308]].view(), array![[-1e308]].view()),
        mae(array![[1.5e308, 1.5e308]].view(), array![[0.0, 0.0]].view()),
    ] {
        assert!(matches!(found, Err(Error::Numerical { .. })), "{found:?}");
    }
}
