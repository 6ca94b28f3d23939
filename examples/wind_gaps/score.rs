//! Scores of what was filled into the gaps.

use coregion::analysis::metrics;
use ndarray::{Array1, ArrayView1, ArrayView2, Axis};

use crate::baseline::{Predicted, measured, station_mean};
use crate::data::{STATIONS, Wind};
use crate::difference::Difference;
use crate::gaps::Gaps;
use crate::paired;

/// The measurements that were taken out.
pub(crate) struct Judge {
    /// Square roots of the speeds, in the order of [`Gaps::entries`].
    pub(crate) truth: Array1<f64>,
    station: Vec<usize>,
    /// Mean squared error of each station's mean in its gaps: the reference of SMSE.
    reference: Array1<f64>,
    /// Errors of different gaps count as independent of each other.
    blocks: Vec<usize>,
}

/// How good the values filled in by a model are.
pub(crate) struct Score {
    pub(crate) name: &'static str,
    pub(crate) rmse: f64,
    /// Mean over the stations of the mean squared error over that of the station's mean.
    pub(crate) smse: f64,
    pub(crate) nlpd: f64,
    /// Shares inside the 50 % and 95 % intervals.
    pub(crate) coverage: [f64; 2],
    /// Root mean squared error at each station.
    pub(crate) stations: Array1<f64>,
    /// What each entry contributes to SMSE.
    squares: Array1<f64>,
}

impl Judge {
    /// Of the gaps of a table.
    pub(crate) fn of(wind: &Wind, gaps: &Gaps) -> Self {
        let roots = wind.roots(&gaps.days);
        let entries = gaps.entries();
        let truth: Array1<f64> = entries.iter().map(|&e| roots[e]).collect();
        let station: Vec<usize> = entries.iter().map(|e| e.1).collect();
        let trivial = (&truth - &station_mean(wind, gaps).mean).mapv(|e| e * e);
        let reference = mean_by_station(&station, &trivial);
        Judge { truth, station, reference, blocks: gaps.blocks() }
    }

    /// Scores some predictions.
    pub(crate) fn score(&self, name: &'static str, p: &Predicted) -> coregion::Result<Score> {
        let (truth, mean, std) = (column(&self.truth), column(&p.mean), column(&p.std));
        let errors = (&self.truth - &p.mean).mapv(|e| e * e);
        let squares: Array1<f64> =
            errors.iter().zip(&self.station).map(|(e, &t)| e / self.reference[t]).collect();
        let inside = |level| metrics::coverage(truth, mean, std, level).map(|c| c.mean);
        Ok(Score {
            name,
            rmse: metrics::rmse(truth, mean)?.mean,
            smse: squares.sum() / squares.len() as f64,
            nlpd: metrics::nlpd(truth, mean, std)?.mean,
            coverage: [inside(0.5)?, inside(0.95)?],
            stations: mean_by_station(&self.station, &errors).mapv(f64::sqrt),
            squares,
        })
    }

    /// How the SMSE of a model differs from that of another.
    pub(crate) fn gap(&self, one: &Score, other: &Score) -> Difference {
        paired::compared(one.squares.view(), other.squares.view(), &self.blocks)
    }
}

/// Means of some values for each station: every one is missing as often.
fn mean_by_station(station: &[usize], values: &Array1<f64>) -> Array1<f64> {
    let mut sums = Array1::<f64>::zeros(STATIONS.len());
    let mut counts = sums.clone();
    for (&t, v) in station.iter().zip(values) {
        sums[t] += v;
        counts[t] += 1.0;
    }
    sums / counts
}

fn column(values: &Array1<f64>) -> ArrayView2<'_, f64> {
    let view: ArrayView1<f64> = values.view();
    view.insert_axis(Axis(1))
}

/// Root mean squared errors of predictions of the measured deviations, at each station and of all.
pub(crate) fn left_out(
    wind: &Wind,
    gaps: &Gaps,
    mean: &ndarray::Array2<f64>,
) -> (Array1<f64>, f64) {
    let errors = (measured(gaps, &wind.deviations(&gaps.days)) - mean).mapv(|e| e * e);
    let of = |values: Vec<f64>| (values.iter().sum::<f64>() / values.len() as f64).sqrt();
    let known = |c: ArrayView1<f64>| c.iter().copied().filter(|e| !e.is_nan()).collect::<Vec<_>>();
    let stations = errors.columns().into_iter().map(|c| of(known(c))).collect();
    (stations, of(errors.into_iter().filter(|e| !e.is_nan()).collect()))
}
