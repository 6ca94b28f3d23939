//! Scores of predictions of all metals.

use coregion::analysis::metrics;
use ndarray::{Array1, Array2, ArrayView1, Axis};

use crate::data::Sites;
use crate::difference::Difference;
use crate::paired;
use crate::predicted::Predicted;

/// Levels of the intervals whose coverage is counted.
pub(crate) const LEVELS: [f64; 2] = [0.5, 0.95];

/// How good the predictions of all metals are, at the validation sites.
pub(crate) struct Score {
    pub(crate) name: &'static str,
    /// Mean absolute error of each metal in mg/kg.
    pub(crate) mae: Array1<f64>,
    /// Mean negative log predictive density of the logs.
    pub(crate) nlpd: f64,
    /// Shares of the logs inside the intervals of [`LEVELS`].
    pub(crate) inside: [f64; 2],
    /// Absolute errors (m, T) in mg/kg.
    errors: Array2<f64>,
    /// Negative log predictive density of each site (m), the mean over the metals.
    losses: Array1<f64>,
}

impl Score {
    /// Scores of predicted logs; the exponential of a mean is the median of the concentration.
    pub(crate) fn of(
        name: &'static str,
        at: &Sites,
        metals: &[usize],
        p: &Predicted,
    ) -> coregion::Result<Self> {
        let truth = at.logs.select(Axis(1), metals);
        let errors = (p.mean.mapv(f64::exp) - truth.mapv(f64::exp)).mapv(f64::abs);
        let z = (&truth - &p.mean) / &p.std;
        let each = z.mapv(|v| 0.5 * v * v) + p.std.mapv(f64::ln);
        let n_metals = metals.len() as f64;
        let constant = 0.5 * (2.0 * std::f64::consts::PI).ln();
        let (mean, std) = (p.mean.view(), p.std.view());
        let [half, most] = LEVELS.map(|l| metrics::coverage(truth.view(), mean, std, l));
        Ok(Score {
            name,
            mae: errors.sum_axis(Axis(0)) / at.len() as f64,
            nlpd: metrics::nlpd(truth.view(), mean, std)?.mean,
            inside: [half?.mean, most?.mean],
            errors,
            losses: each.sum_axis(Axis(1)) / n_metals + constant,
        })
    }

    /// What the errors of each metal are less those of another, and what the losses of a site are.
    pub(crate) fn gaps(&self, other: &Score) -> (Vec<Difference>, Difference) {
        let sites: Vec<usize> = (0..self.losses.len()).collect();
        let of = |a: ArrayView1<f64>, b: ArrayView1<f64>| paired::compared(a, b, &sites);
        let each = self.errors.columns().into_iter().zip(other.errors.columns());
        (each.map(|(a, b)| of(a, b)).collect(), of(self.losses.view(), other.losses.view()))
    }
}
