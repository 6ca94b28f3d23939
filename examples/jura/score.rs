//! Scores of predictions against measurements, and what the difference of two scores is worth.

use coregion::Result;
use coregion::analysis::metrics;
use ndarray::{Array1, ArrayView1, ArrayView2, Axis, s};

use crate::baseline::Gaussian;
use crate::difference::Difference;
use crate::paired;

/// Level of the intervals whose coverage is counted.
pub(crate) const LEVEL: f64 = 0.95;

/// How good the predictions of one metal are.
#[derive(Clone)]
pub(crate) struct Score {
    /// Absolute error at each site in mg/kg.
    pub(crate) errors: Array1<f64>,
    /// Their mean.
    pub(crate) mae: f64,
    /// Negative log predictive density of the measured log at each site.
    pub(crate) losses: Array1<f64>,
    /// Their mean.
    pub(crate) nlpd: f64,
    /// Share of the measurements inside their intervals.
    pub(crate) coverage: f64,
}

impl Score {
    /// Scores of predicted logs. The exponential of a predicted log is the median of the predicted
    /// concentration, which is the best prediction under absolute errors.
    pub(crate) fn of(truth: ArrayView1<f64>, p: &Gaussian) -> Result<Self> {
        Self::with_medians(truth, p.mean.mapv(f64::exp).view(), p)
    }

    /// The same with predicted concentrations other than the medians.
    pub(crate) fn with_medians(
        truth: ArrayView1<f64>,
        medians: ArrayView1<f64>,
        p: &Gaussian,
    ) -> Result<Self> {
        let concentrations = truth.mapv(f64::exp);
        let errors = (&concentrations - &medians).mapv(f64::abs);
        let mae = metrics::mae(column(concentrations.view()), column(medians))?.mean;
        let (truth, mean, std) = (column(truth), column(p.mean.view()), column(p.std.view()));
        let nlpd = metrics::nlpd(truth, mean, std)?.mean;
        let one = |i: usize| {
            let row = |a: ArrayView2<'_, f64>| a.slice(s![i..=i, ..]).to_owned();
            let loss = metrics::nlpd(row(truth).view(), row(mean).view(), row(std).view())?;
            Ok(loss.mean)
        };
        let losses = (0..truth.nrows()).map(one).collect::<Result<Array1<f64>>>()?;
        let coverage = metrics::coverage(truth, mean, std, LEVEL)?.mean;
        Ok(Score { errors, mae, losses, nlpd, coverage })
    }

    /// Standard error of the mean absolute error.
    pub(crate) fn standard_error(&self) -> f64 {
        standard_error(&self.errors)
    }
}

fn standard_error(values: &Array1<f64>) -> f64 {
    values.std(1.0) / (values.len() as f64).sqrt()
}

fn column(v: ArrayView1<'_, f64>) -> ArrayView2<'_, f64> {
    v.insert_axis(Axis(1))
}

/// How the mean of some losses differs from the mean of others at the same sites.
pub(crate) fn compared(losses: &Array1<f64>, others: &Array1<f64>) -> Difference {
    let sites: Vec<usize> = (0..losses.len()).collect();
    paired::compared(losses.view(), others.view(), &sites)
}
