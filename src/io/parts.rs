//! What the files of every kind of model have in common: data, names, and the bounds on kernels and
//! task covariances.

use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::container::{Container, VERSION};
use super::description::{check_counts, nodes, read_list};
use super::refusal::{NOT_OURS, refuse, within};
use crate::data::{Dataset, Layout};
use crate::error::Result;
use crate::spec::Spec;
use crate::task::FREE_UP_TO;

/// Largest difference of a model that was rebuilt from what is stored of it, relative to what its kind
/// compares it with.
pub(super) const AGREEMENT: f64 = 1e-8;
/// Bytes that an entry of a learned covariance between tasks, or of their noises, takes while it is
/// bound.
const ENTRY_BYTES: usize = 256;
/// Bytes that a node of a kernel takes for each of its columns while it is bound, at each level.
const NODE_BYTES: usize = 128;

const UNKEPT: &str = "such values cannot be kept";

/// The text of a document.
///
/// # Errors
/// A refusal where it has no text.
pub(super) fn written<T: Serialize>(document: &T) -> Result<String> {
    let unkept = |e| refuse(format!("it cannot be written: {e}"), UNKEPT);
    serde_json::to_string(document).map_err(unkept)
}

/// Refuses the text of documents that could not be read again: JSON has no NaN and no infinity.
///
/// # Errors
/// Such a refusal.
pub(super) fn readable<'a, T: Deserialize<'a>>(text: &'a str) -> Result<()> {
    let unkept = |e| refuse(format!("it cannot be written: {e}"), UNKEPT);
    serde_json::from_str::<T>(text).map(drop).map_err(unkept)
}

/// # Errors
/// A refusal where the text is no such document.
pub(super) fn read_document<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T> {
    let broken = |e| format!("its document is not one of version {VERSION}: {e}");
    serde_json::from_str(text).map_err(|e| refuse(broken(e), NOT_OURS))
}

pub(super) fn bytes(count: usize, each: usize) -> usize {
    count.saturating_mul(each)
}

/// Takes a table of that shape out of a file.
///
/// # Errors
/// A refusal where it is absent or has another shape.
pub(super) fn matrix(file: &mut Container, name: &str, shape: [usize; 2]) -> Result<Array2<f64>> {
    let values = file.take(name, &shape)?;
    Array2::from_shape_vec((shape[0], shape[1]), values)
        .map_err(|e| refuse(format!("its array '{name}' is broken: {e}"), NOT_OURS))
}

/// As [`matrix`], with NaN where there is nothing.
fn matrix_with_gaps(file: &mut Container, name: &str, shape: [usize; 2]) -> Result<Array2<f64>> {
    let values = file.take_with_gaps(name, &shape)?;
    Array2::from_shape_vec((shape[0], shape[1]), values)
        .map_err(|e| refuse(format!("its array '{name}' is broken: {e}"), NOT_OURS))
}

/// The table (n, 1) of a vector.
fn column(values: Vec<f64>) -> Array2<f64> {
    Array1::from_vec(values).insert_axis(Axis(1))
}

/// The shape of the outputs in a file: (n, T), or (n) where they were a vector.
pub(super) fn shape_of_y(data: &Dataset) -> Vec<usize> {
    let mut shape = vec![data.n_rows(), data.n_tasks()];
    shape.truncate(if data.is_vector() { 1 } else { 2 });
    shape
}

/// Puts a data set into a file.
///
/// # Errors
/// A refusal where it cannot be kept.
pub(super) fn insert_data(file: &mut Container, data: &Dataset) -> Result<()> {
    let (n, t) = (data.n_rows(), data.n_tasks());
    file.insert("x", &[n, data.n_features()], data.x().iter().copied().collect())?;
    file.insert_with_gaps("y", &shape_of_y(data), data.y().iter().copied().collect())?;
    if let Some(table) = data.noise_variances() {
        file.insert_with_gaps("noise_variances", &[n, t], table.iter().copied().collect())?;
    }
    if data.is_long() {
        let entries = data.entries();
        let numbers = entries.iter().flat_map(|&(row, task)| [row as f64, task as f64]);
        file.insert("entries", &[entries.len(), 2], numbers.collect())?;
    }
    Ok(())
}

/// Row and task of each observation.
fn read_entries(file: &mut Container) -> Result<Vec<(usize, usize)>> {
    let [count, _] = file.table("entries")?;
    let values = file.take("entries", &[count, 2])?;
    // The conversion of whole numbers up to 2^53 is exact, and beyond that there are no entries.
    let whole = |v: &f64| *v >= 0.0 && v.fract() == 0.0;
    if let Some(v) = values.iter().find(|v| !whole(v)) {
        return Err(refuse(format!("its array 'entries' holds {v}"), NOT_OURS));
    }
    Ok(values.chunks_exact(2).map(|pair| (pair[0] as usize, pair[1] as usize)).collect())
}

/// The size of the data in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) tasks: usize,
    /// Rows at which something was observed.
    pub(super) observed_rows: usize,
    /// Whether the outputs are a vector.
    is_vector: bool,
}

impl Size {
    /// # Errors
    /// A refusal where there are no tables of data.
    pub(super) fn of(file: &Container) -> Result<Self> {
        let [rows, columns] = file.table("x")?;
        let is_vector = file.arrays.get("y").is_some_and(|y| y.shape.len() == 1);
        let [_, tasks] = if is_vector { [rows, 1] } else { file.table("y")? };
        let y = file.arrays.get("y").map_or(&[][..], |y| &y.values);
        let observed = y.chunks(tasks.max(1)).filter(|row| row.iter().any(|v| !v.is_nan()));
        Ok(Size { rows, columns, tasks, observed_rows: observed.count(), is_vector })
    }

    /// Bounds what binding a kernel and a task covariance takes; `counts` are the numbers of
    /// parameters they may have.
    ///
    /// # Errors
    /// A refusal where a count is beyond its number of parameters; [`crate::Error::Memory`] where they
    /// are larger than allowed.
    pub(super) fn check_term(
        &self,
        [kernel, task]: [&Spec; 2],
        counts: [usize; 2],
        budget: usize,
    ) -> Result<()> {
        check_counts(kernel, counts[0])?;
        check_counts(task, counts[1])?;
        let (count, depth) = nodes(kernel);
        let columns = self.columns.saturating_mul(count).saturating_mul(depth);
        within("its kernel", bytes(columns, NODE_BYTES), budget)?;
        let (count, depth) = nodes(task);
        if count > 1 {
            let descriptors =
                task.get("features").map_or(0, |v| v.shape().into_iter().last().unwrap_or(0));
            let columns = descriptors.saturating_mul(count).saturating_mul(depth);
            within("the kernel of its tasks", bytes(columns, NODE_BYTES), budget)?;
        }
        let free = self.tasks.min(FREE_UP_TO);
        within("the covariances between its tasks", bytes(free * free, ENTRY_BYTES), budget)
    }

    /// The data set, the last that is taken out of a file.
    ///
    /// # Errors
    /// A refusal, or what is wrong with the data.
    pub(super) fn data(
        &self,
        mut file: Container,
        layout: Layout,
        with_noise_variances: bool,
        [task_names, feature_names]: [&RawValue; 2],
    ) -> Result<Dataset> {
        let x = matrix(&mut file, "x", [self.rows, self.columns])?;
        let shape = [self.rows, self.tasks];
        let y = match (layout, self.is_vector) {
            (Layout::Complete, false) => matrix(&mut file, "y", shape)?,
            (Layout::Masked | Layout::Long, false) => matrix_with_gaps(&mut file, "y", shape)?,
            (Layout::Complete, true) => column(file.take("y", &shape[..1])?),
            (Layout::Masked, true) => column(file.take_with_gaps("y", &shape[..1])?),
            (Layout::Long, true) => {
                return Err(refuse("its data are long, but its array 'y' is a vector", NOT_OURS));
            }
        };
        let variances = with_noise_variances
            .then(|| matrix_with_gaps(&mut file, "noise_variances", shape))
            .transpose()?;
        let entries = (layout == Layout::Long).then(|| read_entries(&mut file)).transpose()?;
        file.finish()?;
        let mut data = match entries {
            Some(entries) => Dataset::from_entries(x.view(), y.view(), entries)?,
            None if self.is_vector => Dataset::vector(x.view(), y.column(0))?,
            None => Dataset::new(x.view(), y.view())?,
        };
        if data.layout() != layout {
            let problem = format!("its data are {}, but it requires {layout}", data.layout());
            return Err(refuse(problem, NOT_OURS));
        }
        if let Some(variances) = variances {
            if variances.iter().zip(&y).any(|(v, y)| v.is_nan() != y.is_nan()) {
                let problem = "its array 'noise_variances' has other gaps than 'y'";
                return Err(refuse(problem, NOT_OURS));
            }
            data = data.with_noise_variances(variances.view())?;
        }
        data.with_task_names(read_list::<String>("list of tasks", task_names, self.tasks)?)?
            .with_feature_names(read_list::<String>(
                "list of columns",
                feature_names,
                self.columns,
            )?)
    }
}
