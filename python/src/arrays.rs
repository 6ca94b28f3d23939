//! Arrays in and out.

use ndarray::{Array, Dimension, IxDyn};
use numpy::{IntoPyArray, PyArrayDyn, PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArrayDyn};
use pyo3::prelude::*;

/// Numbers (m, T) read in place.
pub(crate) type Table<'py> = PyReadonlyArray2<'py, f64>;
/// Numbers (N,) read in place.
pub(crate) type Column<'py> = PyReadonlyArray1<'py, f64>;
/// Numbers of any shape read in place.
pub(crate) type Numbers<'py> = PyReadonlyArrayDyn<'py, f64>;
/// Labels (n,) read in place.
pub(crate) type Labels<'py> = PyReadonlyArray1<'py, i64>;
/// Numbers of any shape handed over.
pub(crate) type Answer<'py> = Bound<'py, PyArrayDyn<f64>>;

/// Hands an array over to Python without copying it.
pub(crate) fn answer<D: Dimension>(py: Python<'_>, array: Array<f64, D>) -> Answer<'_> {
    let array: Array<f64, IxDyn> = array.into_dyn();
    array.into_pyarray(py)
}

/// Labels as the core has them: any whole numbers, numbered in increasing order.
pub(crate) fn group_numbers(labels: &Labels<'_>) -> Vec<usize> {
    let labels = labels.as_array();
    let mut distinct: Vec<i64> = labels.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    labels.iter().map(|label| distinct.partition_point(|other| other < label)).collect()
}
