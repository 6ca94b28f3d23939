//! Scores in the units of the measurements: medians, intervals between quantiles, densities.

use coregion::prelude::*;
use ndarray::{Array1, Array2, Axis, s};

/// Levels of the quantiles: two intervals about the median.
const LEVELS: [f64; 5] = [0.025, 0.25, 0.5, 0.75, 0.975];

/// How good the predictions of one metal are.
pub(crate) struct Score {
    /// Predicted medians.
    pub(crate) medians: Array1<f64>,
    /// Their absolute errors in mg/kg.
    pub(crate) errors: Array1<f64>,
    /// Mean negative log predictive density of the concentrations.
    pub(crate) nlpd: f64,
    /// Shares of the measurements between the quartiles, and inside the intervals of 95 %.
    pub(crate) in_half: f64,
    pub(crate) in_most: f64,
}

impl Score {
    /// Scores what a model fills in for the first task after the first `n_training` rows.
    pub(crate) fn of(
        gp: &FittedMultiTaskGp,
        truth: &Array1<f64>,
        n_training: usize,
    ) -> coregion::Result<Self> {
        let quantiles = gp.impute_quantiles(&LEVELS, true)?;
        let quantiles = quantiles.index_axis(Axis(1), 0).slice(s![n_training.., ..]).to_owned();
        let medians = quantiles.column(2).to_owned();
        let inside = |low: usize, high: usize| {
            let rows = quantiles.rows().into_iter().zip(truth);
            let count = rows.filter(|(q, y)| q[low] <= **y && **y <= q[high]).count();
            count as f64 / truth.len() as f64
        };
        let losses = losses(gp, truth, n_training)?;
        Ok(Score {
            errors: (&medians - truth).mapv(f64::abs),
            nlpd: losses.sum() / losses.len() as f64,
            in_half: inside(1, 3),
            in_most: inside(0, 4),
            medians,
        })
    }

    /// Mean absolute error.
    pub(crate) fn mae(&self) -> f64 {
        self.errors.sum() / self.errors.len() as f64
    }

    /// Standard error of it.
    pub(crate) fn standard_error(&self) -> f64 {
        self.errors.std(1.0) / (self.errors.len() as f64).sqrt()
    }
}

/// Negative log densities: normal on the warped scale, with the slope of the warp.
fn losses(
    gp: &FittedMultiTaskGp,
    truth: &Array1<f64>,
    n_training: usize,
) -> coregion::Result<Array1<f64>> {
    let warped = gp.posterior().impute(Uncertainty::Observation)?;
    let own = |table: &Array2<f64>| table.slice(s![n_training.., 0]).to_owned();
    let (mean, std) = (own(&warped.mean), own(&warped.std()?.to_owned()));
    let warp = &gp.warps()[0];
    let loss = |i: usize| {
        let z = (warp.forward(truth[i])? - mean[i]) / std[i];
        let normal = 0.5 * z * z + std[i].ln() + 0.5 * (2.0 * std::f64::consts::PI).ln();
        Ok(normal - warp.log_slope(truth[i])?)
    };
    (0..truth.len()).map(loss).collect()
}
