//! Each error variant of the core is one class of `coregion.exceptions`.

use coregion::Error;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::basis;
use crate::words::in_python;

/// Results of the core as results of Python.
pub(crate) trait IntoPython<T> {
    /// The same value, or the exception of the error.
    fn into_python(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> IntoPython<T> for coregion::Result<T> {
    fn into_python(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| {
            let raised = basis::arrived(&error);
            raised.unwrap_or_else(|| exception(py, &error).unwrap_or_else(|failed| failed))
        })
    }
}

/// A field of an error: words are those of the Python package.
trait Said: Sized {
    fn said(self) -> Self {
        self
    }
}

impl Said for String {
    fn said(self) -> Self {
        in_python(self)
    }
}

impl Said for &str {}
impl Said for usize {}
impl Said for f64 {}
impl Said for Vec<String> {}

/// The exception of an error, its fields as attributes.
fn exception(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let fields = PyDict::new(py);
    macro_rules! fields {
        ($class:literal: $($name:ident),+) => {{
            $(fields.set_item(stringify!($name), $name.to_owned().said())?;)+
            $class
        }};
    }
    let class = match error {
        Error::Shape { argument, found, expected } => {
            fields!("ShapeError": argument, found, expected)
        }
        Error::NotFinite { argument, row, column, value } => {
            fields!("NotFiniteError": argument, row, column, value)
        }
        Error::InvalidValue { argument, found, expected } => {
            fields!("InvalidValueError": argument, found, expected)
        }
        Error::UnknownName { kind, name, known } => fields!("UnknownNameError": kind, name, known),
        Error::Layout { layout, detail, advice } => fields!("LayoutError": layout, detail, advice),
        Error::Incompatible { options, advice } => fields!("IncompatibleError": options, advice),
        Error::MissingValue { path } => fields!("MissingValueError": path),
        Error::NotPositive { matrix, what, detail } => {
            fields!("NotPositiveError": matrix, what, detail)
        }
        Error::Numerical { operation, detail } => fields!("NumericalError": operation, detail),
        Error::Memory { what, needed, budget, advice } => {
            fields!("MemoryBudgetError": what, needed, budget, advice)
        }
        Error::ModelFile { file, problem, advice } => {
            fields!("ModelFileError": file, problem, advice)
        }
        Error::Cancelled { evaluations } => fields!("CancelledError": evaluations),
        _ => "CoregionError",
    };
    let class = py.import("coregion.exceptions")?.getattr(class)?;
    Ok(PyErr::from_value(class.call((in_python(error.to_string()),), Some(&fields))?))
}

/// What a panic becomes: a defect of the package, never of its user.
pub(crate) fn defect(panic: &(dyn std::any::Any + Send)) -> PyErr {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    PyRuntimeError::new_err(format!("a defect of coregion, please report it: {said}"))
}
