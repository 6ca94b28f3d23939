//! The data set, every check of shapes and values, and the scale of each column.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use crate::error::{Error, Result};

/// Largest magnitude of a column's scale; its inverse is the smallest.
const SCALE_LIMIT: f64 = 1e100;

/// Inputs and outputs of one multi-task problem: `x` is (n, d), `y` is (n, T), rows are samples.
///
/// Every task is observed at every row (the *complete* layout). A `NaN` in `y` (the *masked*
/// layout) and inputs of their own for each task (the *long* layout, [`Dataset::long`]) are
/// refused with an error that names the layout.
///
/// ```
/// use coregion::Dataset;
/// use ndarray::array;
/// let x = array![[0.0], [1.0], [2.0]];
/// let y = array![[1.0, 10.0], [2.0, 20.0], [3.0, 31.0]];
/// let data = Dataset::new(x.view(), y.view())?.with_task_names(["level", "flow"])?;
/// assert_eq!((data.n_rows(), data.n_features(), data.n_tasks()), (3, 1, 2));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    x: Array2<f64>,
    y: Array2<f64>,
    task_names: Vec<String>,
    feature_names: Vec<String>,
}

impl Dataset {
    /// A complete data set: `x` (n, d) and `y` (n, T), copied.
    ///
    /// ```
    /// use coregion::{Dataset, Error};
    /// use ndarray::array;
    /// let y = array![[1.0, f64::NAN], [2.0, 20.0]];
    /// let error = Dataset::new(array![[0.0], [1.0]].view(), y.view()).unwrap_err();
    /// assert!(matches!(error, Error::Layout { .. }));
    /// assert!(error.to_string().contains("row 0, column 1"));
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] where rows differ in number or there is no row, column or task;
    /// [`Error::NotFinite`] for NaN or infinity in `x` and infinity in `y`; [`Error::Layout`] for
    /// NaN in `y`; [`Error::InvalidValue`] for columns whose scale is beyond 1e100 or below 1e-100.
    pub fn new(x: ArrayView2<f64>, y: ArrayView2<f64>) -> Result<Self> {
        if x.nrows() == 0 || x.ncols() == 0 {
            return Err(shape("x", &x, "at least one row and one column"));
        }
        check_finite("x", x)?;
        if y.nrows() != x.nrows() {
            return Err(Error::Shape {
                argument: "y".to_string(),
                found: format!("{} rows", y.nrows()),
                expected: format!("{} rows, as many as x has", x.nrows()),
            });
        }
        if y.ncols() == 0 {
            return Err(shape("y", &y, "at least one column, one for each task"));
        }
        if let Some(((row, task), _)) = y.indexed_iter().find(|(_, v)| v.is_nan()) {
            return Err(Error::Layout {
                layout: "masked".to_string(),
                detail: format!("y is NaN at row {row}, column {task}"),
                advice: "give a table without gaps, or leave the row out".to_string(),
            });
        }
        check_finite("y", y)?;
        for (argument, table) in [("x", x), ("y", y)] {
            for (j, column) in table.columns().into_iter().enumerate() {
                let s = ColumnStatistics::of(column);
                if !s.constant && !(1.0 / SCALE_LIMIT..SCALE_LIMIT).contains(&s.scale) {
                    return Err(Error::InvalidValue {
                        argument: format!("{argument}, column {j}"),
                        found: format!("a standard deviation of {:e}", s.scale),
                        expected: "one between 1e-100 and 1e100: change the unit".to_string(),
                    });
                }
            }
        }
        Ok(Dataset {
            task_names: (0..y.ncols()).map(|t| format!("task {t}")).collect(),
            feature_names: (0..x.ncols()).map(|j| format!("x{j}")).collect(),
            x: x.as_standard_layout().into_owned(),
            y: y.as_standard_layout().into_owned(),
        })
    }

    /// A data set in which each task has inputs of its own: not served yet.
    ///
    /// ```
    /// use coregion::Dataset;
    /// use ndarray::array;
    /// let x = array![[0.0], [1.0], [0.5]];
    /// let error = Dataset::long(x.view(), array![1.0, 2.0, 3.0].view(), &[0, 0, 1]).unwrap_err();
    /// assert!(error.to_string().starts_with("long data"));
    /// ```
    ///
    /// # Errors
    /// Always [`Error::Layout`], naming the long layout.
    pub fn long(x: ArrayView2<f64>, y: ArrayView1<f64>, tasks: &[usize]) -> Result<Self> {
        Err(Error::Layout {
            layout: "long".to_string(),
            detail: format!("{} rows of x, {} outputs, {} labels", x.nrows(), y.len(), tasks.len()),
            advice: "give each task at the same rows, as one (n, T) table".to_string(),
        })
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
    /// [`Error::Shape`] for another number of names, [`Error::InvalidValue`] for repeated ones.
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
    /// [`Error::Shape`] for another number of names, [`Error::InvalidValue`] for repeated ones.
    pub fn with_feature_names<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        self.feature_names = check_names("feature_names", names, self.n_features())?;
        Ok(self)
    }

    /// Some rows, in the order given; a row may be repeated.
    ///
    /// ```
    /// use coregion::Dataset;
    /// use ndarray::array;
    /// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[1.0], [3.0], [9.0]]);
    /// let data = Dataset::new(x.view(), y.view())?.with_task_names(["level"])?;
    /// let part = data.rows(&[2, 0])?;
    /// assert_eq!((part.x(), part.y()), (array![[2.0], [0.0]].view(), array![[9.0], [1.0]].view()));
    /// assert_eq!(part.task_names(), ["level"]);
    /// assert!(data.rows(&[3]).is_err());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidValue`] where there is no such row, or none is asked for.
    pub fn rows(&self, rows: &[usize]) -> Result<Self> {
        let bad = rows.iter().find(|i| **i >= self.n_rows());
        if rows.is_empty() || bad.is_some() {
            return Err(Error::InvalidValue {
                argument: "rows".to_string(),
                found: bad.map_or_else(|| "none".to_string(), ToString::to_string),
                expected: format!("at least one number below {}", self.n_rows()),
            });
        }
        Ok(Dataset {
            x: self.x.select(Axis(0), rows),
            y: self.y.select(Axis(0), rows),
            task_names: self.task_names.clone(),
            feature_names: self.feature_names.clone(),
        })
    }

    /// One task alone, with the same inputs.
    ///
    /// ```
    /// use coregion::Dataset;
    /// use ndarray::array;
    /// let (x, y) = (array![[0.0], [1.0]], array![[1.0, 2.0], [3.0, 5.0]]);
    /// let data = Dataset::new(x.view(), y.view())?;
    /// let second = data.task(1)?;
    /// assert_eq!((second.x(), second.y()), (x.view(), array![[2.0], [5.0]].view()));
    /// assert_eq!(second.task_names(), ["task 1"]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidValue`] where there is no such task.
    pub fn task(&self, task: usize) -> Result<Self> {
        if task >= self.n_tasks() {
            return Err(Error::InvalidValue {
                argument: "task".to_string(),
                found: task.to_string(),
                expected: format!("a number below {}", self.n_tasks()),
            });
        }
        Ok(Dataset {
            x: self.x.clone(),
            y: self.y.select(Axis(1), &[task]),
            task_names: vec![self.task_names[task].clone()],
            feature_names: self.feature_names.clone(),
        })
    }

    /// Inputs (n, d).
    pub fn x(&self) -> ArrayView2<'_, f64> {
        self.x.view()
    }

    /// Outputs (n, T).
    pub fn y(&self) -> ArrayView2<'_, f64> {
        self.y.view()
    }

    /// Names of the tasks.
    pub fn task_names(&self) -> &[String] {
        &self.task_names
    }

    /// Names of the columns of `x`.
    pub fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    /// Number of rows n.
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

/// Mean and scale of one column.
///
/// ```
/// use coregion::data::ColumnStatistics;
/// use ndarray::array;
/// let s = ColumnStatistics::of(array![1.0, 3.0].view());
/// assert_eq!((s.mean, s.scale, s.constant), (2.0, 1.0, false));
/// assert!(ColumnStatistics::of(array![5.0, 5.0].view()).constant);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColumnStatistics {
    /// Mean.
    pub mean: f64,
    /// Standard deviation (divisor n); 0 where the column is constant.
    pub scale: f64,
    /// True where all values are equal up to rounding.
    pub constant: bool,
}

impl ColumnStatistics {
    /// Mean and standard deviation of a column, free of overflow.
    pub fn of(column: ArrayView1<f64>) -> Self {
        let n = column.len() as f64;
        let size = column.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let (low, high) = column
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
        if low > high {
            // No value, or none that is a number.
            return ColumnStatistics { mean: 0.0, scale: 0.0, constant: true };
        }
        let mean = column.iter().map(|v| v / n).sum::<f64>().clamp(low, high);
        let half_range = 0.5 * high - 0.5 * low;
        if half_range <= 4.0 * f64::EPSILON * size {
            return ColumnStatistics { mean, scale: 0.0, constant: true };
        }
        let sum: f64 = column.iter().map(|v| ((v - mean) / half_range).powi(2)).sum();
        ColumnStatistics { mean, scale: half_range * (sum / n).sqrt(), constant: false }
    }
}

/// Root mean square of the scales of some columns, ignoring constant ones; 1 where none is left.
pub(crate) fn pooled_scale(columns: impl IntoIterator<Item = ColumnStatistics>) -> f64 {
    let scales: Vec<f64> = columns.into_iter().filter(|c| !c.constant).map(|c| c.scale).collect();
    let largest = scales.iter().fold(0.0f64, |m, &s| m.max(s));
    if largest == 0.0 {
        return 1.0;
    }
    let sum: f64 = scales.iter().map(|s| (s / largest).powi(2)).sum();
    largest * (sum / scales.len() as f64).sqrt()
}

fn shape(argument: &str, table: &ArrayView2<f64>, expected: &str) -> Error {
    Error::Shape {
        argument: argument.to_string(),
        found: format!("shape ({}, {})", table.nrows(), table.ncols()),
        expected: expected.to_string(),
    }
}

/// Checks that a table holds finite numbers only.
///
/// # Errors
/// [`Error::NotFinite`] with the first entry that is not.
pub(crate) fn check_finite(argument: &str, table: ArrayView2<f64>) -> Result<()> {
    match table.indexed_iter().find(|(_, v)| !v.is_finite()) {
        None => Ok(()),
        Some(((row, column), &value)) => {
            Err(Error::NotFinite { argument: argument.to_string(), row, column, value })
        }
    }
}

/// Refuses numbers that are not positive and finite.
pub(crate) fn check_positive(argument: &str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::InvalidValue {
        argument: argument.to_string(),
        found: value.to_string(),
        expected: "positive finite numbers".to_string(),
    })
}

fn check_names<S: Into<String>>(
    argument: &str,
    names: impl IntoIterator<Item = S>,
    expected: usize,
) -> Result<Vec<String>> {
    let names: Vec<String> = names.into_iter().map(Into::into).collect();
    if names.len() != expected {
        return Err(Error::Shape {
            argument: argument.to_string(),
            found: format!("{} names", names.len()),
            expected: format!("{expected} names"),
        });
    }
    let mut seen = std::collections::BTreeSet::new();
    match names.iter().find(|n| !seen.insert(n.as_str())) {
        None => Ok(names),
        Some(name) => Err(Error::InvalidValue {
            argument: argument.to_string(),
            found: format!("'{name}' twice"),
            expected: "distinct names".to_string(),
        }),
    }
}
