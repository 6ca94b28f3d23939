//! Bases of linear means that are functions of Python.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use coregion::Error;
use coregion::gp::Basis;
use ndarray::{Array2, ArrayView2};
use pyo3::prelude::*;

use crate::arrays::{Table, answer};

/// How an error of the core names an exception that a function raised, before its number.
const RAISED: &str = "an exception that its function raised, number ";

/// Exceptions on their way through the core, by number.
static EXCEPTIONS: Mutex<(u64, BTreeMap<u64, PyErr>)> = Mutex::new((0, BTreeMap::new()));

/// The basis whose columns a function gives: called with an array (m, d), from whatever thread.
pub(crate) fn basis(function: Py<PyAny>) -> Basis {
    Basis::fallible(move |x| {
        Python::attach(|py| columns(py, function.bind(py), x)).map_err(on_its_way)
    })
}

fn columns(
    py: Python<'_>,
    function: &Bound<'_, PyAny>,
    x: ArrayView2<f64>,
) -> PyResult<Array2<f64>> {
    let columns = function.call1((answer(py, x.to_owned()),))?;
    let columns: Table<'_> = columns.extract()?;
    Ok(columns.as_array().to_owned())
}

/// Keeps an exception, and names it in an error.
fn on_its_way(exception: PyErr) -> Error {
    let mut kept = EXCEPTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    kept.0 += 1;
    let number = kept.0;
    kept.1.insert(number, exception);
    Error::InvalidValue {
        argument: "mean".to_string(),
        found: format!("{RAISED}{number}"),
        expected: "a function that gives an array (m, p)".to_string(),
    }
}

/// The exception that an error names, where it names one.
pub(crate) fn arrived(error: &Error) -> Option<PyErr> {
    let Error::InvalidValue { found, .. } = error else { return None };
    let number = found.strip_prefix(RAISED)?.parse().ok()?;
    EXCEPTIONS.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&number)
}
