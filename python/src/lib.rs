//! The compiled module `coregion._core` of the Python package: converts arrays and descriptions, frees
//! the interpreter while it computes, and raises the package's exceptions. What it offers is written
//! down in `coregion/_core.pyi`.

mod arrays;
mod basis;
mod dataset;
mod description;
mod errors;
mod gaussian_process;
mod gram;
mod kernel_ridge;
mod leave_out;
mod metrics;
mod pool;
mod report;
mod watched;
mod words;

use coregion::estimator::Fitted;
use coregion::io::LoadOptions;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::gaussian_process::GaussianProcess;
use crate::kernel_ridge::KernelRidge;
use crate::watched::freed;

/// Loads the model in a file, of whatever kind it is.
#[pyfunction]
#[pyo3(signature = (path, memory_budget=None))]
fn load(py: Python<'_>, path: &str, memory_budget: Option<usize>) -> PyResult<Py<PyAny>> {
    let options = memory_budget
        .map_or_else(LoadOptions::new, |bytes| LoadOptions::new().memory_budget(bytes));
    match freed(py, || coregion::io::load_with(path, &options))? {
        Fitted::Gp(model) => Ok(Py::new(py, GaussianProcess::from(*model))?.into_any()),
        Fitted::Ridge(model) => Ok(Py::new(py, KernelRidge::from(*model))?.into_any()),
        other => {
            Err(PyRuntimeError::new_err(format!("a kind of model without a class: {other:?}")))
        }
    }
}

/// The compiled module of the package `coregion`.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("backend", coregion::linalg::BACKEND)?;
    module.add_class::<dataset::Dataset>()?;
    module.add_class::<GaussianProcess>()?;
    module.add_class::<gaussian_process::Warp>()?;
    module.add_class::<KernelRidge>()?;
    module.add_function(wrap_pyfunction!(load, module)?)?;
    module.add_function(wrap_pyfunction!(gram::gram_matrix, module)?)?;
    module.add_function(wrap_pyfunction!(gram::gram_diagonal, module)?)?;
    module.add_function(wrap_pyfunction!(description::describe, module)?)?;
    metrics::add_to(module)
}
