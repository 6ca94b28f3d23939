//! Arrays in and out.

use ndarray::{Array, ArrayView, Dimension, Ix1, Ix2, IxDyn};
use numpy::{
    Element, IntoPyArray, PyArrayDyn, PyReadonlyArray, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// An array read in place. One that is not aligned, such as a field of packed records, is refused: its
/// entries do not stand where a view would look for them.
pub(crate) struct InPlace<'py, T: Element, D: Dimension>(PyReadonlyArray<'py, T, D>);

impl<'a, 'py, T: Element + 'a, D: Dimension + 'a> FromPyObject<'a, 'py> for InPlace<'py, T, D> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if !object.cast::<PyUntypedArray>()?.is_aligned() {
            return Err(PyTypeError::new_err("an array is not aligned"));
        }
        Ok(InPlace(object.extract()?))
    }
}

impl<T: Element, D: Dimension> InPlace<'_, T, D> {
    /// The entries.
    pub(crate) fn as_array(&self) -> ArrayView<'_, T, D> {
        self.0.as_array()
    }
}

/// Numbers (m, T).
pub(crate) type Table<'py> = InPlace<'py, f64, Ix2>;
/// Numbers (N,).
pub(crate) type Column<'py> = InPlace<'py, f64, Ix1>;
/// Numbers of any shape.
pub(crate) type Numbers<'py> = InPlace<'py, f64, IxDyn>;
/// Labels (n,).
pub(crate) type Labels<'py> = InPlace<'py, i64, Ix1>;
/// Numbers of any shape handed over.
pub(crate) type Answer<'py> = Bound<'py, PyArrayDyn<f64>>;

/// Hands an array over to Python without copying it.
pub(crate) fn answer<D: Dimension>(py: Python<'_>, array: Array<f64, D>) -> Answer<'_> {
    let array: Array<f64, IxDyn> = array.into_dyn();
    array.into_pyarray(py)
}

/// Numbers of tasks; a negative one is beyond the last task, which the core refuses.
pub(crate) fn task_numbers(tasks: &Labels<'_>) -> Vec<usize> {
    tasks.as_array().iter().map(|&t| usize::try_from(t).unwrap_or(usize::MAX)).collect()
}

/// Labels as the core has them: any whole numbers, numbered in increasing order.
pub(crate) fn group_numbers(labels: &Labels<'_>) -> Vec<usize> {
    let labels = labels.as_array();
    let mut distinct: Vec<i64> = labels.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    labels.iter().map(|label| distinct.partition_point(|other| other < label)).collect()
}
