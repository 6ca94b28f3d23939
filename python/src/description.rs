//! Descriptions of kernels and task covariances: nested dictionaries in Python, `Spec` in the core.

use coregion::spec::{Spec, Value};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};

/// Deepest nesting of kernels.
const DEEPEST: usize = 100;

/// The description in a dictionary.
pub(crate) fn read(tree: &Bound<'_, PyAny>) -> PyResult<Spec> {
    read_node(tree, 0)
}

fn read_node(tree: &Bound<'_, PyAny>, depth: usize) -> PyResult<Spec> {
    if depth > DEEPEST {
        return Err(PyValueError::new_err(format!(
            "kernel: found more than {DEEPEST} levels of sums and products, expected fewer"
        )));
    }
    let tree = tree.cast::<PyDict>()?;
    let name: String = tree
        .get_item("name")?
        .ok_or_else(|| PyTypeError::new_err("a description has no name"))?
        .extract()?;
    let mut spec = Spec::new(&name);
    if let Some(values) = tree.get_item("values")? {
        for (name, found) in values.cast::<PyDict>()?.iter() {
            spec = spec.with(&name.extract::<String>()?, value(&found)?);
        }
    }
    if let Some(fixed) = tree.get_item("fixed")? {
        spec.fixed = fixed.extract()?;
    }
    if let Some(children) = tree.get_item("children")? {
        let children: PyResult<Vec<Spec>> =
            children.try_iter()?.map(|child| read_node(&child?, depth + 1)).collect();
        spec.children = children?;
    }
    Ok(spec)
}

fn value(found: &Bound<'_, PyAny>) -> PyResult<Value> {
    if found.is_instance_of::<PyBool>() {
        return Ok(Value::Bool(found.extract()?));
    }
    if found.is_instance_of::<PyInt>() {
        return found.extract().map(Value::Count).or_else(|_| found.extract().map(Value::Number));
    }
    if found.is_instance_of::<PyFloat>() {
        return Ok(Value::Number(found.extract()?));
    }
    if found.is_instance_of::<PyString>() {
        return Ok(Value::Text(found.extract()?));
    }
    let list = found.cast::<PyList>()?;
    match list.iter().next() {
        Some(first) if first.is_instance_of::<PyList>() => Ok(Value::Matrix(list.extract()?)),
        Some(first) if first.is_instance_of::<PyInt>() => Ok(Value::Counts(list.extract()?)),
        _ => Ok(Value::Vector(list.extract()?)),
    }
}

/// The dictionary of a description.
pub(crate) fn write<'py>(py: Python<'py>, spec: &Spec) -> PyResult<Bound<'py, PyDict>> {
    let values = PyDict::new(py);
    for (name, value) in spec.values.iter() {
        match value {
            Value::Bool(v) => values.set_item(name, v)?,
            Value::Count(v) => values.set_item(name, v)?,
            Value::Number(v) => values.set_item(name, v)?,
            Value::Counts(v) => values.set_item(name, v)?,
            Value::Vector(v) => values.set_item(name, v)?,
            Value::Matrix(v) => values.set_item(name, v)?,
            Value::Text(v) => values.set_item(name, v)?,
        }
    }
    let children: PyResult<Vec<_>> = spec.children.iter().map(|child| write(py, child)).collect();
    let tree = PyDict::new(py);
    tree.set_item("name", &spec.name)?;
    tree.set_item("values", values)?;
    tree.set_item("fixed", &spec.fixed)?;
    tree.set_item("children", children?)?;
    Ok(tree)
}

/// A description in words, numbers shortened.
#[pyfunction]
pub(crate) fn describe(description: &Bound<'_, PyAny>) -> PyResult<String> {
    Ok(read(description)?.to_string())
}
