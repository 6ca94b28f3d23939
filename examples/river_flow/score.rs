//! Errors relative to those of the training mean, and what their differences are worth.

use ndarray::{Array1, Array2, Axis};

use crate::difference::Difference;
use crate::ridge::blocks;

/// Root mean squared error of each gauge (T) over that of the mean of the training rows.
pub(crate) fn rrmse(
    truth: &Array2<f64>,
    flows: &Array2<f64>,
    training: &Array2<f64>,
) -> Array1<f64> {
    let mean = training.sum_axis(Axis(0)) / training.nrows() as f64;
    let squares = (truth - flows).mapv(|e| e * e).sum_axis(Axis(0));
    let trivial = (truth - &mean).mapv(|e| e * e).sum_axis(Axis(0));
    (squares / trivial).mapv(f64::sqrt)
}

/// Predicted flows and how good they are.
pub(crate) struct Score {
    pub(crate) name: &'static str,
    pub(crate) flows: Array2<f64>,
    /// RRMSE of each gauge.
    pub(crate) errors: Array1<f64>,
    /// Their mean: the aRRMSE.
    pub(crate) mean: f64,
    /// The errors with each block of test rows left out in turn.
    without: Vec<Array1<f64>>,
}

/// What predictions are judged by.
pub(crate) struct Judge<'a> {
    pub(crate) truth: &'a Array2<f64>,
    pub(crate) training: &'a Array2<f64>,
    /// The block of each test row.
    pub(crate) blocks: &'a [usize],
}

impl Judge<'_> {
    /// Scores predicted flows (m, T).
    pub(crate) fn score(&self, name: &'static str, flows: Array2<f64>) -> Score {
        let errors = rrmse(self.truth, &flows, self.training);
        let without = blocks(self.blocks).into_iter().map(|out| {
            let kept: Vec<usize> = (0..flows.nrows()).filter(|i| !out.contains(i)).collect();
            let of = |table: &Array2<f64>| table.select(Axis(0), &kept);
            rrmse(&of(self.truth), &of(&flows), self.training)
        });
        let without = without.collect();
        Score { name, mean: errors.sum() / errors.len() as f64, flows, errors, without }
    }
}

impl Score {
    /// How the mean error differs from that of another model; the standard error is the jackknife's
    /// over blocks (Efron & Tibshirani 1993, ch. 11).
    pub(crate) fn against(&self, other: &Score) -> Difference {
        let pairs = self.without.iter().zip(&other.without);
        let differences: Array1<f64> =
            pairs.map(|(a, b)| (a.sum() - b.sum()) / a.len() as f64).collect();
        let n = differences.len() as f64;
        let spread = differences.std(0.0);
        Difference { excess: self.mean - other.mean, error: spread * (n - 1.0).sqrt() }
    }
}
