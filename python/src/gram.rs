//! Gram matrices of kernels whose values are given.

use coregion::Error;
use coregion::data::ColumnStatistics;
use coregion::gram;
use coregion::kernel::{BoundKernel, Inputs, Kernel};
use ndarray::{Array2, ArrayView2};
use pyo3::prelude::*;

use crate::arrays::{Answer, Table, answer};
use crate::description;
use crate::errors::IntoPython;
use crate::watched::freed;

/// The kernel bound to the columns of x, and its values.
fn bound(
    kernel: &Kernel,
    x: ArrayView2<f64>,
) -> coregion::Result<(Box<dyn BoundKernel>, Vec<f64>)> {
    let columns: Vec<ColumnStatistics> =
        x.columns().into_iter().map(ColumnStatistics::of).collect();
    let bound = kernel.bind(&Inputs::all(&columns))?;
    if let Some(p) = bound.params().iter().find(|p| !p.given && !p.init.is_empty()) {
        return Err(Error::MissingValue { path: format!("kernel.{}", p.name) });
    }
    bound.check(x)?;
    let theta = bound.params().iter().flat_map(|p| p.init.clone()).collect();
    Ok((bound, theta))
}

fn matrix(
    kernel: &Kernel,
    x: ArrayView2<f64>,
    z: Option<ArrayView2<f64>>,
) -> coregion::Result<Array2<f64>> {
    let (bound, theta) = bound(kernel, x)?;
    z.map_or(Ok(()), |z| bound.check(z))?;
    Ok(match z {
        Some(z) => gram::cross(bound.as_ref(), &theta, x, z),
        None => gram::gram(bound.as_ref(), &theta, x),
    })
}

/// The Gram matrix of a kernel whose values are given: k(x, z), or k(x, x).
#[pyfunction]
#[pyo3(signature = (kernel, x, z=None))]
pub(crate) fn gram_matrix<'py>(
    py: Python<'py>,
    kernel: &Bound<'py, PyAny>,
    x: Table<'py>,
    z: Option<Table<'py>>,
) -> PyResult<Answer<'py>> {
    let kernel = Kernel::from_spec(description::read(kernel)?).into_python(py)?;
    let (x, z) = (x.as_array(), z.as_ref().map(|z| z.as_array()));
    Ok(answer(py, freed(py, || matrix(&kernel, x, z))?))
}

/// The diagonal k(x_i, x_i) of a kernel whose values are given: its variance at each row before any data.
#[pyfunction]
pub(crate) fn gram_diagonal<'py>(
    py: Python<'py>,
    kernel: &Bound<'py, PyAny>,
    x: Table<'py>,
) -> PyResult<Answer<'py>> {
    let kernel = Kernel::from_spec(description::read(kernel)?).into_python(py)?;
    let x = x.as_array();
    let diagonal = || {
        let (bound, theta) = bound(&kernel, x)?;
        Ok(gram::diagonal(bound.as_ref(), &theta, x))
    };
    Ok(answer(py, freed(py, diagonal)?))
}
