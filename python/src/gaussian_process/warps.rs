//! Warps of the outputs: settings in, fitted ones out.

use coregion::warp::{FittedWarp, Warp as Described};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::arrays::{Answer, Numbers, answer};
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

/// A function of each entry of what can be read as an array, in its shape.
fn each<'py>(
    values: &Bound<'py, PyAny>,
    argument: &str,
    of: impl Fn(f64) -> coregion::Result<f64>,
) -> PyResult<Answer<'py>> {
    let py = values.py();
    let values: Numbers<'py> = match values.extract() {
        Ok(array) => array,
        Err(_) => {
            let arrays = py.import("coregion._arrays")?;
            arrays.call_method1("to_floats", (values, argument))?.extract()?
        }
    };
    let mut out = values.as_array().to_owned();
    let filled: coregion::Result<()> = out.iter_mut().try_for_each(|v| {
        *v = of(*v)?;
        Ok(())
    });
    filled.into_python(py)?;
    Ok(answer(py, out))
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

    fn forward<'py>(&self, y: &Bound<'py, PyAny>) -> PyResult<Answer<'py>> {
        each(y, "y", |v| self.0.forward(v))
    }

    fn log_slope<'py>(&self, y: &Bound<'py, PyAny>) -> PyResult<Answer<'py>> {
        each(y, "y", |v| self.0.log_slope(v))
    }

    fn inverse<'py>(&self, z: &Bound<'py, PyAny>) -> PyResult<Answer<'py>> {
        each(z, "z", |v| Ok(self.0.inverse(v)))
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        self.0.to_string()
    }
}
