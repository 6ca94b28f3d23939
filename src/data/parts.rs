//! Parts of a data set, and rows added to it.

use ndarray::{Array2, ArrayView2, Axis, s};

use super::Dataset;
use super::checks::{check_noise_variances, check_scales, check_tables, count_observed, shape};
use crate::error::{Error, Result};

impl Dataset {
    /// Some rows of the table, in the order given; a row may be repeated. Names and noise variances
    /// are kept. Of long data it is a table: complete or masked.
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
    /// [`Error::InvalidValue`] where there is no such row, or none is asked for; [`Error::Layout`]
    /// where nothing was observed at these rows.
    pub fn rows(&self, rows: &[usize]) -> Result<Self> {
        let bad = rows.iter().find(|i| **i >= self.n_rows());
        if rows.is_empty() || bad.is_some() {
            return Err(Error::InvalidValue {
                argument: "rows".to_string(),
                found: bad.map_or_else(|| "none".to_string(), ToString::to_string),
                expected: format!("at least one number below {}", self.n_rows()),
            });
        }
        let part = |table: &Array2<f64>| table.select(Axis(0), rows);
        self.as_table(part(&self.x), part(&self.y), self.noise_variances.as_ref().map(part))
    }

    /// One task alone, at the rows at which it was observed, with its name and noise variances: a
    /// complete table.
    ///
    /// ```
    /// use coregion::Dataset;
    /// use ndarray::array;
    /// let (x, y) = (array![[0.0], [1.0]], array![[1.0, 2.0], [f64::NAN, 5.0]]);
    /// let data = Dataset::new(x.view(), y.view())?;
    /// let second = data.task(1)?;
    /// assert_eq!((second.x(), second.y()), (x.view(), array![[2.0], [5.0]].view()));
    /// assert_eq!(second.task_names(), ["task 1"]);
    /// assert_eq!(data.task(0)?.x(), array![[0.0]]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidValue`] where there is no such task; [`Error::Layout`] where the task has no
    /// observation.
    pub fn task(&self, task: usize) -> Result<Self> {
        if task >= self.n_tasks() {
            return Err(Error::InvalidValue {
                argument: "task".to_string(),
                found: task.to_string(),
                expected: format!("a number below {}", self.n_tasks()),
            });
        }
        let column = self.y.column(task).into_iter().enumerate();
        let observed: Vec<usize> = column.filter(|(_, v)| !v.is_nan()).map(|(i, _)| i).collect();
        if observed.is_empty() {
            return Err(Error::Layout {
                layout: self.layout().to_string(),
                detail: format!("task {task}, '{}', has no observation", self.task_names[task]),
                advice: "it can be predicted from the other tasks, not alone".to_string(),
            });
        }
        let part = |table: &Array2<f64>| table.select(Axis(0), &observed).select(Axis(1), &[task]);
        Ok(Dataset {
            x: self.x.select(Axis(0), &observed),
            y: part(&self.y),
            task_names: vec![self.task_names[task].clone()],
            feature_names: self.feature_names.clone(),
            n_observed: observed.len(),
            noise_variances: self.noise_variances.as_ref().map(part),
            entries: None,
            is_vector: false,
        })
    }

    /// The data set with rows added at its end: `x` (m, d) and `y` (m, T), NaN where nothing was
    /// observed. Names are kept. Added to long data the rows make it a table, complete or masked:
    /// rows at equal inputs stay apart.
    ///
    /// ```
    /// use coregion::Dataset;
    /// use ndarray::array;
    /// let (x, y) = (array![[0.0], [1.0]], array![[1.0, 2.0], [3.0, 5.0]]);
    /// let data = Dataset::new(x.view(), y.view())?;
    /// let more = data.append(array![[2.0]].view(), array![[f64::NAN, 7.0]].view())?;
    /// assert_eq!((more.n_rows(), more.n_observed(), more.y()[[2, 1]]), (3, 5, 7.0));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Dataset::new`] for the rows added and for the scales of all; [`Error::Shape`] for another
    /// number of columns or tasks; [`Error::InvalidValue`] where this data set has noise variances:
    /// those of the rows added are not known.
    pub fn append(&self, x: ArrayView2<f64>, y: ArrayView2<f64>) -> Result<Self> {
        if self.noise_variances.is_some() {
            return Err(Error::InvalidValue {
                argument: "noise_variances".to_string(),
                found: "none for the rows added".to_string(),
                expected: "some, as the other rows have: `Dataset::append_with_noise_variances`"
                    .to_string(),
            });
        }
        self.check_addition(x, y)?;
        self.extended(x, y, None)
    }

    /// As [`Dataset::append`], with the noise variances (m, T) of the rows added; those of the other
    /// rows must be known too.
    ///
    /// ```
    /// use coregion::Dataset;
    /// use ndarray::array;
    /// let data = Dataset::new(array![[0.0]].view(), array![[1.0]].view())?;
    /// let (x, y, variance) = (array![[1.0]], array![[2.0]], array![[0.2]]);
    /// let add = |data: &Dataset| data.append_with_noise_variances(x.view(), y.view(), variance.view());
    /// assert!(add(&data).is_err());
    /// let data = add(&data.with_noise_variances(array![[0.1]].view())?)?;
    /// assert_eq!(data.noise_variances(), Some(array![[0.1], [0.2]].view()));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Dataset::append`] and [`Dataset::with_noise_variances`]; [`Error::InvalidValue`] where this
    /// data set has no noise variances.
    pub fn append_with_noise_variances(
        &self,
        x: ArrayView2<f64>,
        y: ArrayView2<f64>,
        noise_variances: ArrayView2<f64>,
    ) -> Result<Self> {
        let Some(there) = &self.noise_variances else {
            return Err(Error::InvalidValue {
                argument: "noise_variances".to_string(),
                found: "some for the rows added".to_string(),
                expected: "none, as the other rows have none: `Dataset::append`".to_string(),
            });
        };
        self.check_addition(x, y)?;
        let added = check_noise_variances(noise_variances, y)?;
        self.extended(x, y, Some(stacked(there, added.view())))
    }

    fn check_addition(&self, x: ArrayView2<f64>, y: ArrayView2<f64>) -> Result<()> {
        check_tables(x, y)?;
        let (d, t) = (self.n_features(), self.n_tasks());
        if x.ncols() != d {
            return Err(shape("x", &x, &format!("{d} columns, as the data have")));
        }
        if y.ncols() != t {
            return Err(shape("y", &y, &format!("{t} columns, one for each task")));
        }
        Ok(())
    }

    fn extended(
        &self,
        x: ArrayView2<f64>,
        y: ArrayView2<f64>,
        noise_variances: Option<Array2<f64>>,
    ) -> Result<Self> {
        let (x, y) = (stacked(&self.x, x), stacked(&self.y, y));
        check_scales("x", x.view(), "column")?;
        check_scales("y", y.view(), "column")?;
        self.as_table(x, y, noise_variances)
    }

    /// A table of the same columns and tasks.
    fn as_table(
        &self,
        x: Array2<f64>,
        y: Array2<f64>,
        noise_variances: Option<Array2<f64>>,
    ) -> Result<Self> {
        Ok(Dataset {
            n_observed: count_observed(y.view())?,
            x,
            y,
            task_names: self.task_names.clone(),
            feature_names: self.feature_names.clone(),
            noise_variances,
            entries: None,
            is_vector: self.is_vector,
        })
    }
}

/// The rows of two tables of as many columns.
fn stacked(first: &Array2<f64>, second: ArrayView2<f64>) -> Array2<f64> {
    let n = first.nrows();
    let mut out = Array2::zeros((n + second.nrows(), first.ncols()));
    out.slice_mut(s![..n, ..]).assign(first);
    out.slice_mut(s![n.., ..]).assign(&second);
    out
}
