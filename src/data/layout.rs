//! Which entries of the table of outputs were observed, and how the data came.

use std::fmt;

use ndarray::{Array1, ArrayView2};

use super::Dataset;
use super::checks::shape;
use crate::error::{Error, Result};

/// How the outputs of a data set came.
///
/// ```
/// use coregion::data::{Dataset, Layout};
/// use ndarray::array;
/// let x = array![[0.0], [1.0]];
/// let data = Dataset::new(x.view(), array![[1.0, f64::NAN], [2.0, 20.0]].view())?;
/// assert_eq!((data.layout(), data.layout().to_string().as_str()), (Layout::Masked, "masked"));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// A table (n, T) without gaps.
    Complete,
    /// A table (n, T) with NaN where nothing was observed.
    Masked,
    /// A list of observations, each with a task and inputs of its own.
    Long,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layout::Complete => "complete",
            Layout::Masked => "masked",
            Layout::Long => "long",
        })
    }
}

impl Dataset {
    /// How the outputs came. Long data are [`Layout::Long`] even where they fill their table.
    pub fn layout(&self) -> Layout {
        match self.entries {
            Some(_) => Layout::Long,
            None if self.is_complete() => Layout::Complete,
            None => Layout::Masked,
        }
    }

    /// Whether the data came as a list of observations.
    pub fn is_long(&self) -> bool {
        self.entries.is_some()
    }

    /// Whether every task was observed at every row of the table.
    pub fn is_complete(&self) -> bool {
        self.n_missing() == 0
    }

    /// Number of observations.
    ///
    /// ```
    /// use coregion::Dataset;
    /// use ndarray::array;
    /// let y = array![[1.0, f64::NAN], [2.0, 20.0]];
    /// let data = Dataset::new(array![[0.0], [1.0]].view(), y.view())?;
    /// assert_eq!((data.n_observed(), data.n_missing(), data.is_complete()), (3, 1, false));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn n_observed(&self) -> usize {
        self.n_observed
    }

    /// Number of entries of the table (n, T) that were not observed.
    pub fn n_missing(&self) -> usize {
        self.y.len() - self.n_observed
    }

    /// Rows at which at least one task was observed, in ascending order.
    ///
    /// ```
    /// use coregion::Dataset;
    /// use ndarray::array;
    /// let y = array![[1.0, f64::NAN], [f64::NAN, f64::NAN], [f64::NAN, 3.0]];
    /// let data = Dataset::new(array![[0.0], [1.0], [2.0]].view(), y.view())?;
    /// assert_eq!(data.observed_rows(), [0, 2]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn observed_rows(&self) -> Vec<usize> {
        let rows = self.y.rows().into_iter().enumerate();
        rows.filter(|(_, row)| row.iter().any(|v| !v.is_nan())).map(|(i, _)| i).collect()
    }

    /// Row and task of each observation: for long data in the order in which the observations were
    /// given, for tables row by row.
    ///
    /// ```
    /// use coregion::Dataset;
    /// use ndarray::array;
    /// let y = array![[1.0, f64::NAN], [2.0, 20.0]];
    /// let table = Dataset::new(array![[0.0], [1.0]].view(), y.view())?;
    /// assert_eq!(table.entries(), [(0, 0), (1, 0), (1, 1)]);
    /// let x = array![[0.0], [1.0], [0.0]];
    /// let long = Dataset::long(x.view(), array![1.0, 20.0, 10.0].view(), &[0, 1, 1])?;
    /// assert_eq!(long.entries(), [(0, 0), (1, 1), (0, 1)]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn entries(&self) -> Vec<(usize, usize)> {
        self.entries.clone().unwrap_or_else(|| {
            self.y.indexed_iter().filter(|(_, v)| !v.is_nan()).map(|(at, _)| at).collect()
        })
    }

    /// The values of a table (n, T) at the observations, in the order of [`Dataset::entries`].
    ///
    /// ```
    /// use coregion::Dataset;
    /// use ndarray::array;
    /// let (x, y) = (array![[0.0], [1.0], [0.0]], array![1.0, 20.0, 10.0]);
    /// let long = Dataset::long(x.view(), y.view(), &[0, 1, 1])?;
    /// assert_eq!(long.to_long(long.y())?, y);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] for a table of another shape.
    pub fn to_long(&self, table: ArrayView2<f64>) -> Result<Array1<f64>> {
        if table.dim() != self.y.dim() {
            let (n, t) = self.y.dim();
            return Err(shape("table", &table, &format!("shape ({n}, {t}), that of y")));
        }
        Ok(match &self.entries {
            Some(entries) => entries.iter().map(|&at| table[at]).collect(),
            None => self.entries().into_iter().map(|at| table[at]).collect(),
        })
    }

    /// Refuses gaps and known noise variances, for what serves complete tables alone.
    ///
    /// # Errors
    /// [`Error::Layout`] with that advice.
    pub(crate) fn require_complete(&self, advice: &str) -> Result<()> {
        let detail = match self.y.indexed_iter().find(|(_, v)| v.is_nan()) {
            Some(((row, task), _)) => format!(
                "{} of {} entries were not observed, the first at row {row}, column {task}",
                self.n_missing(),
                self.y.len()
            ),
            None if self.noise_variances.is_some() => {
                "with a noise variance for each observation".to_string()
            }
            None => return Ok(()),
        };
        let layout = self.layout().to_string();
        Err(Error::Layout { layout, detail, advice: advice.to_string() })
    }
}
