//! Scores of the stations left out.

use coregion::analysis::metrics::normal_quantile;
use ndarray::{Array1, Array2, ArrayView1, Axis};

use crate::baseline::Series;
use crate::data::Climate;
use crate::difference::Difference;
use crate::paired;

/// How good the predictions of a model are, each station predicted from the others.
pub(crate) struct Score {
    pub(crate) name: &'static str,
    /// Root mean squared error, that of the stations' means, and that around these.
    pub(crate) rmse: [f64; 3],
    /// Share inside the 95 % intervals.
    pub(crate) inside: Option<f64>,
    /// Root mean squared error at each station.
    pub(crate) stations: Array1<f64>,
    /// Predictions of each station.
    pub(crate) series: Vec<Series>,
    /// Squared errors, station by station.
    squares: Vec<f64>,
}

impl Score {
    /// Scores the predictions of each station.
    pub(crate) fn of(
        name: &'static str,
        climate: &Climate,
        series: Vec<Series>,
    ) -> coregion::Result<Self> {
        let mut errors = climate.degrees.t().to_owned();
        let (mut inside, mut intervals) = (0, 0);
        let wide = normal_quantile(0.975)?;
        for (mut row, (mean, std)) in errors.rows_mut().into_iter().zip(&series) {
            row -= mean;
            if let Some(std) = std {
                inside += row.iter().zip(std).filter(|(e, s)| e.abs() <= wide * **s).count();
                intervals += row.len();
            }
        }
        let level = errors.sum_axis(Axis(1)) / errors.ncols() as f64;
        let around = &errors - &level.view().insert_axis(Axis(1));
        let squares = |m: &Array2<f64>| m.iter().map(|e| e * e).sum::<f64>() / m.len() as f64;
        let rmse = [squares(&errors), level.dot(&level) / level.len() as f64, squares(&around)];
        let of_row = |row: ArrayView1<f64>| (row.dot(&row) / row.len() as f64).sqrt();
        Ok(Score {
            name,
            rmse: rmse.map(f64::sqrt),
            inside: (intervals > 0).then(|| inside as f64 / intervals as f64),
            stations: errors.rows().into_iter().map(of_row).collect(),
            squares: errors.iter().map(|e| e * e).collect(),
            series,
        })
    }

    /// How the mean squared error of a model differs from that of another; errors at different stations
    /// count as independent of each other.
    pub(crate) fn gap(&self, other: &Score) -> Difference {
        let months = self.squares.len() / self.stations.len();
        let blocks: Vec<usize> = (0..self.squares.len()).map(|p| p / months).collect();
        let (own, others) = (ArrayView1::from(&self.squares), ArrayView1::from(&other.squares));
        paired::compared(own, others, &blocks)
    }
}
