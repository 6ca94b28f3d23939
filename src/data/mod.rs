//! The data set, every check of shapes and values, and the scale of each column.

mod checks;
mod columns;
mod layout;
mod long;
mod noise;
mod parts;
mod scales;

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use crate::error::Result;
use checks::{check_names, check_scales, check_tables, count_observed};

pub use columns::ColumnStatistics;
pub use layout::Layout;

pub(crate) use checks::{check_finite, check_positive};
pub(crate) use columns::pooled_scale;
pub(crate) use scales::{task_means, task_scales};

/// Inputs and outputs of one multi-task problem: `x` is (n, d), `y` is (n, T), rows are samples.
///
/// A NaN in `y` stands where nothing was observed. Tables without gaps (the *complete* layout) and
/// with gaps (*masked*) are made by [`Dataset::new`]; observations that each have a task and inputs of
/// their own (*long*) by [`Dataset::long`] and [`Dataset::long_labelled`], which turn them into a
/// table. A task or a row may be without any observation. Two data sets are equal where their gaps are
/// and all else is.
///
/// ```
/// use coregion::Dataset;
/// use ndarray::array;
/// let x = array![[0.0], [1.0], [2.0]];
/// let y = array![[1.0, 10.0], [2.0, f64::NAN], [3.0, 31.0]];
/// let data = Dataset::new(x.view(), y.view())?.with_task_names(["level", "flow"])?;
/// assert_eq!((data.n_rows(), data.n_features(), data.n_tasks()), (3, 1, 2));
/// assert_eq!(data.n_observed(), 5);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Dataset {
    x: Array2<f64>,
    /// NaN where nothing was observed.
    y: Array2<f64>,
    task_names: Vec<String>,
    feature_names: Vec<String>,
    n_observed: usize,
    /// Known variances of the noise (n, T), NaN where y is.
    noise_variances: Option<Array2<f64>>,
    /// Row and task of each observation of long data, in the order in which they were given.
    entries: Option<Vec<(usize, usize)>>,
    /// Whether the outputs of its one task were a vector.
    is_vector: bool,
}

impl PartialEq for Dataset {
    fn eq(&self, other: &Self) -> bool {
        let noise = match (&self.noise_variances, &other.noise_variances) {
            (None, None) => true,
            (Some(a), Some(b)) => same(a, b),
            _ => false,
        };
        noise
            && self.x == other.x
            && same(&self.y, &other.y)
            && self.task_names == other.task_names
            && self.feature_names == other.feature_names
            && self.entries == other.entries
            && self.is_vector == other.is_vector
    }
}

/// Whether two tables have the same numbers, and NaN at the same entries.
fn same(a: &Array2<f64>, b: &Array2<f64>) -> bool {
    a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
}

impl Dataset {
    /// A table: `x` (n, d) and `y` (n, T), copied. NaN in `y` stands where nothing was observed.
    ///
    /// ```
    /// use coregion::{Dataset, Error};
    /// use ndarray::array;
    /// let x = array![[0.0], [1.0]];
    /// let data = Dataset::new(x.view(), array![[1.0, f64::NAN], [2.0, 20.0]].view())?;
    /// assert_eq!((data.n_missing(), data.is_complete()), (1, false));
    /// let error = Dataset::new(x.view(), array![[f64::NAN], [f64::NAN]].view()).unwrap_err();
    /// assert!(matches!(error, Error::Layout { .. }));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] where rows differ in number or there is no row, column or task;
    /// [`crate::Error::NotFinite`] for NaN or infinity in `x` and infinity in `y`;
    /// [`crate::Error::Layout`] where nothing was observed; [`crate::Error::InvalidValue`] for columns
    /// whose scale is beyond 1e100 or below 1e-100.
    pub fn new(x: ArrayView2<f64>, y: ArrayView2<f64>) -> Result<Self> {
        check_tables(x, y)?;
        let n_observed = count_observed(y)?;
        check_scales("x", x, "column")?;
        check_scales("y", y, "column")?;
        Ok(Dataset {
            task_names: (0..y.ncols()).map(|t| format!("task {t}")).collect(),
            feature_names: (0..x.ncols()).map(|j| format!("x{j}")).collect(),
            x: x.as_standard_layout().into_owned(),
            y: y.as_standard_layout().into_owned(),
            n_observed,
            noise_variances: None,
            entries: None,
            is_vector: false,
        })
    }

    /// One task, its outputs (n) given as a vector: the table (n, 1), and remembered, as model files do,
    /// by those who answer with vectors then.
    ///
    /// ```
    /// use coregion::Dataset;
    /// use ndarray::array;
    /// let (x, y) = (array![[0.0], [1.0]], array![1.0, f64::NAN]);
    /// let data = Dataset::vector(x.view(), y.view())?;
    /// assert_eq!((data.n_tasks(), data.n_missing(), data.is_vector()), (1, 1, true));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Dataset::new`].
    pub fn vector(x: ArrayView2<f64>, y: ArrayView1<f64>) -> Result<Self> {
        Ok(Dataset { is_vector: true, ..Dataset::new(x, y.insert_axis(Axis(1)))? })
    }

    /// The data set with its tasks named, one distinct name for each column of `y`.
    ///
    /// ```
    /// use coregion::Dataset;
    /// use ndarray::array;
    /// let (x, y) = (array![[0.0], [1.0]], array![[1.0, 2.0], [3.0, 5.0]]);
    /// let data = Dataset::new(x.view(), y.view())?;
    /// assert_eq!(data.task_names(), ["task 0", "task 1"]);
    /// assert!(data.clone().with_task_names(["level", "level"]).is_err());
    /// assert_eq!(data.with_task_names(["level", "flow"])?.task_names(), ["level", "flow"]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] for another number of names, [`crate::Error::InvalidValue`] for repeated ones.
    pub fn with_task_names<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        self.task_names = check_names("task_names", names, self.n_tasks())?;
        Ok(self)
    }

    /// The data set with its columns of `x` named.
    ///
    /// ```
    /// use coregion::Dataset;
    /// use ndarray::array;
    /// let (x, y) = (array![[0.0, 3.0], [1.0, 2.0]], array![[1.0], [2.0]]);
    /// let data = Dataset::new(x.view(), y.view())?;
    /// assert_eq!(data.feature_names(), ["x0", "x1"]);
    /// assert_eq!(data.with_feature_names(["time", "depth"])?.feature_names(), ["time", "depth"]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`] for another number of names, [`crate::Error::InvalidValue`] for repeated ones.
    pub fn with_feature_names<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        self.feature_names = check_names("feature_names", names, self.n_features())?;
        Ok(self)
    }

    /// Inputs (n, d).
    pub fn x(&self) -> ArrayView2<'_, f64> {
        self.x.view()
    }

    /// Outputs (n, T), NaN where nothing was observed.
    pub fn y(&self) -> ArrayView2<'_, f64> {
        self.y.view()
    }

    /// Whether the outputs of its one task were given as a vector.
    pub fn is_vector(&self) -> bool {
        self.is_vector
    }

    /// Names of the tasks.
    pub fn task_names(&self) -> &[String] {
        &self.task_names
    }

    /// Names of the columns of `x`.
    pub fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    /// Number of rows n of the table.
    pub fn n_rows(&self) -> usize {
        self.x.nrows()
    }

    /// Number of columns d of `x`.
    pub fn n_features(&self) -> usize {
        self.x.ncols()
    }

    /// Number of tasks T.
    pub fn n_tasks(&self) -> usize {
        self.y.ncols()
    }
}
