//! Warps of the outputs: settings in, fitted ones out.

use coregion::warp::{FittedWarp, Warp as Described};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::arrays::{Answer, Column, answer};
use crate::description;
use crate::errors::IntoPython;

/// The warps of a list of names and descriptions.
pub(super) fn read(py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Vec<Described>> {
    let one = |item: PyResult<Bound<'_, PyAny>>| {
        let item = item?;
        match item.cast::<PyString>() {
            Ok(name) => name.extract::<String>()?.parse().into_python(py),
            Err(_) => Described::from_spec(description::read(&item)?).into_python(py),
        }
    };
    value.try_iter()?.map(one).collect()
}

/// The warps as an estimator takes them: names, and pairs of a name and values; ``None`` without any.
pub(super) fn write<'py>(
    py: Python<'py>,
    warps: &[Described],
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let one = |warp: &Described| -> PyResult<Bound<'py, PyAny>> {
        let name = PyString::new(py, warp.name());
        if warp.spec().values.is_empty() {
            return Ok(name.into_any());
        }
        let values = PyDict::new(py);
        for (key, value) in warp.spec().values.iter() {
            values.set_item(key, value.numbers().and_then(|v| v.first().copied()))?;
        }
        Ok((name, values).into_pyobject(py)?.into_any())
    };
    match warps {
        [] => Ok(None),
        [all] => one(all).map(Some),
        each => {
            let each = each.iter().map(one).collect::<PyResult<Vec<_>>>()?;
            Ok(Some(PyList::new(py, each)?.into_any()))
        }
    }
}

/// The warp of one task with the values learned.
#[pyclass(frozen, module = "coregion._core")]
pub(crate) struct Warp(pub(super) FittedWarp);

#[pymethods]
impl Warp {
    #[getter]
    fn name(&self) -> String {
        self.0.warp().name().to_string()
    }

    #[getter]
    fn is_identity(&self) -> bool {
        self.0.is_identity()
    }

    fn forward<'py>(&self, py: Python<'py>, y: Column<'py>) -> PyResult<Answer<'py>> {
        let found =
            y.as_array().iter().map(|v| self.0.forward(*v)).collect::<coregion::Result<_>>();
        Ok(answer(py, ndarray::Array1::<f64>::from_vec(found.into_python(py)?)))
    }

    fn log_slope<'py>(&self, py: Python<'py>, y: Column<'py>) -> PyResult<Answer<'py>> {
        let found =
            y.as_array().iter().map(|v| self.0.log_slope(*v)).collect::<coregion::Result<_>>();
        Ok(answer(py, ndarray::Array1::<f64>::from_vec(found.into_python(py)?)))
    }

    fn inverse<'py>(&self, py: Python<'py>, z: Column<'py>) -> Answer<'py> {
        answer(py, z.as_array().mapv(|v| self.0.inverse(v)))
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        self.0.to_string()
    }
}
