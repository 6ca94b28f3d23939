//! What the files of every kind of model have in common: data, names, and the bounds on kernels and
//! task covariances.

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::container::{Container, VERSION};
use super::description::{check_counts, nodes, read_list};
use super::refusal::{NOT_OURS, refuse, within};
use crate::data::Dataset;
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

/// The size of the data in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) tasks: usize,
}

impl Size {
    /// # Errors
    /// A refusal where there are no tables of data; [`crate::Error::Memory`] where their rows are more
    /// than can be decomposed.
    pub(super) fn of(file: &Container, budget: usize) -> Result<Self> {
        let [rows, columns] = file.table("x")?;
        let [_, tasks] = file.table("y")?;
        let square = rows.saturating_mul(rows);
        within("the eigendecomposition of its rows", bytes(square, 40), budget)?;
        Ok(Size { rows, columns, tasks })
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
        task_names: &RawValue,
        feature_names: &RawValue,
    ) -> Result<Dataset> {
        let x = matrix(&mut file, "x", [self.rows, self.columns])?;
        let y = matrix(&mut file, "y", [self.rows, self.tasks])?;
        file.finish()?;
        Dataset::new(x.view(), y.view())?
            .with_task_names(read_list::<String>("list of tasks", task_names, self.tasks)?)?
            .with_feature_names(read_list::<String>(
                "list of columns",
                feature_names,
                self.columns,
            )?)
    }
}
