//! The observed entries of a data set as a model holds them.

use std::sync::Arc;

use ndarray::{Array1, Array2, Axis};

use crate::data::Dataset;
use crate::op::Pattern;

/// A table without its empty rows.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// Inputs (n, d).
    pub(super) x: Array2<f64>,
    /// Outputs (n, T), `NaN` where nothing was observed.
    pub(super) y: Array2<f64>,
    pub(super) pattern: Arc<Pattern>,
    /// Known noise variances of the observed entries, in the order of the pattern.
    pub(super) known: Option<Arc<Array1<f64>>>,
    /// The rows of the data set that were kept.
    pub(super) rows: Vec<usize>,
    /// Known noise variances as a table (n, T).
    pub(super) variances: Option<Array2<f64>>,
}

impl Table {
    pub(super) fn of(data: &Dataset) -> Self {
        let seen = |row: &ndarray::ArrayView1<f64>| row.iter().any(|v| !v.is_nan());
        let rows: Vec<usize> = (0..data.n_rows()).filter(|&i| seen(&data.y().row(i))).collect();
        let whole = Table {
            x: data.x().to_owned(),
            y: data.y().to_owned(),
            pattern: Arc::new(Pattern::of(data.y())),
            known: None,
            rows: (0..data.n_rows()).collect(),
            variances: data.noise_variances().map(|v| v.to_owned()),
        };
        whole.rows(&rows)
    }

    /// The same rows with other outputs where there are any.
    pub(super) fn with_outputs(&self, y: Array2<f64>) -> Self {
        Table { y, ..self.clone() }
    }

    /// Some of the rows.
    pub(super) fn rows(&self, rows: &[usize]) -> Self {
        let y = self.y.select(Axis(0), rows);
        let pattern = Pattern::of(y.view());
        let variances = self.variances.as_ref().map(|v| v.select(Axis(0), rows));
        Table {
            x: self.x.select(Axis(0), rows),
            known: variances.as_ref().map(|v| Arc::new(pattern.gather(v.view()))),
            pattern: Arc::new(pattern),
            rows: rows.iter().map(|&i| self.rows[i]).collect(),
            y,
            variances,
        }
    }

    /// Outputs with 0 where nothing was observed.
    pub(super) fn filled(&self) -> Array2<f64> {
        self.y.mapv(|v| if v.is_nan() { 0.0 } else { v })
    }

    /// 1 where an entry was observed and 0 elsewhere.
    pub(super) fn indicator(&self) -> Array2<f64> {
        self.y.mapv(|v| f64::from(u8::from(!v.is_nan())))
    }
}
