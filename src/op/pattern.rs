//! Which entries of a table were observed.

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// The observed and the missing entries of a table (n, T), each in the order of tasks and then rows:
/// vectors over the observed entries have one contiguous span for each task.
///
/// ```
/// use coregion::op::Pattern;
/// use ndarray::array;
/// let pattern = Pattern::of(array![[1.0, f64::NAN], [2.0, 3.0]].view());
/// assert_eq!((pattern.n_observed(), pattern.missing()), (3, &[(0, 1)][..]));
/// assert_eq!((pattern.rows_of(0), pattern.rows_of(1)), (&[0, 1][..], &[1][..]));
/// let values = pattern.gather(array![[1.0, 7.0], [2.0, 3.0]].view());
/// assert_eq!(values, array![1.0, 2.0, 3.0]);
/// assert_eq!(pattern.scatter(values.view()), array![[1.0, 0.0], [2.0, 3.0]]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    n_rows: usize,
    n_tasks: usize,
    /// Rows of the observed entries, task by task.
    rows: Vec<usize>,
    /// Where each task's span starts, and the end of the last one.
    starts: Vec<usize>,
    missing: Vec<(usize, usize)>,
}

impl Pattern {
    /// The pattern of a table: NaN is what was not observed.
    pub fn of(table: ArrayView2<f64>) -> Self {
        let (n_rows, n_tasks) = table.dim();
        let (mut rows, mut starts, mut missing) = (Vec::new(), vec![0], Vec::new());
        for (t, column) in table.axis_iter(Axis(1)).enumerate() {
            for (i, value) in column.iter().enumerate() {
                if value.is_nan() {
                    missing.push((i, t));
                } else {
                    rows.push(i);
                }
            }
            starts.push(rows.len());
        }
        Pattern { n_rows, n_tasks, rows, starts, missing }
    }

    /// Number of rows n of the table.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of tasks T.
    pub fn n_tasks(&self) -> usize {
        self.n_tasks
    }

    /// Number N of observed entries.
    pub fn n_observed(&self) -> usize {
        self.rows.len()
    }

    /// Number m of missing entries.
    pub fn n_missing(&self) -> usize {
        self.missing.len()
    }

    /// True where nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// The missing entries (row, task).
    pub fn missing(&self) -> &[(usize, usize)] {
        &self.missing
    }

    /// The place of a task's observed entries in vectors over all observed entries.
    pub fn span(&self, task: usize) -> Range<usize> {
        self.starts[task]..self.starts[task + 1]
    }

    /// The rows at which a task was observed.
    pub fn rows_of(&self, task: usize) -> &[usize] {
        &self.rows[self.span(task)]
    }

    /// The observed entries (row, task).
    pub fn observed(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..self.n_tasks).flat_map(|t| self.rows_of(t).iter().map(move |&i| (i, t)))
    }

    /// For each row, the places and tasks of its observed entries.
    pub(crate) fn by_row(&self) -> Vec<Vec<(usize, usize)>> {
        let mut out = vec![Vec::new(); self.n_rows];
        for (place, (i, t)) in self.observed().enumerate() {
            out[i].push((place, t));
        }
        out
    }

    /// Values of a table at the observed entries (N).
    pub fn gather(&self, table: ArrayView2<f64>) -> Array1<f64> {
        self.observed().map(|(i, t)| table[[i, t]]).collect()
    }

    /// A table with these values at the observed entries and 0 elsewhere.
    pub fn scatter(&self, values: ArrayView1<f64>) -> Array2<f64> {
        let mut out = Array2::zeros((self.n_rows, self.n_tasks));
        for ((i, t), v) in self.observed().zip(values) {
            out[[i, t]] = *v;
        }
        out
    }
}
