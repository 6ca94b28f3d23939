//! Data sets.

use std::sync::Arc;

use ndarray::Array2;
use numpy::{IntoPyArray, PyArray2};
use pyo3::prelude::*;

use crate::arrays::{Answer, Column, Table, answer};
use crate::errors::IntoPython;

/// Data in either layout.
#[pyclass(frozen, module = "coregion._core")]
pub(crate) struct Dataset(pub(crate) Arc<coregion::Dataset>);

fn named(
    mut data: coregion::Dataset,
    task_names: Option<Vec<String>>,
    feature_names: Option<Vec<String>>,
) -> coregion::Result<Dataset> {
    if let Some(names) = task_names {
        data = data.with_task_names(names)?;
    }
    if let Some(names) = feature_names {
        data = data.with_feature_names(names)?;
    }
    Ok(Dataset(Arc::new(data)))
}

#[pymethods]
impl Dataset {
    #[staticmethod]
    #[pyo3(signature = (x, y, *, noise_variances=None, task_names=None, feature_names=None, vector=false))]
    #[allow(clippy::too_many_arguments)]
    fn table(
        py: Python<'_>,
        x: Table<'_>,
        y: Table<'_>,
        noise_variances: Option<Table<'_>>,
        task_names: Option<Vec<String>>,
        feature_names: Option<Vec<String>>,
        vector: bool,
    ) -> PyResult<Self> {
        let make = || {
            let (x, y) = (x.as_array(), y.as_array());
            let mut data = match vector {
                true => coregion::Dataset::vector(x, y.column(0))?,
                false => coregion::Dataset::new(x, y)?,
            };
            if let Some(variances) = &noise_variances {
                data = data.with_noise_variances(variances.as_array())?;
            }
            named(data, task_names, feature_names)
        };
        make().into_python(py)
    }

    #[staticmethod]
    #[pyo3(signature = (x, y, labels, *, noise_variances=None, task_names=None, feature_names=None))]
    fn long(
        py: Python<'_>,
        x: Table<'_>,
        y: Column<'_>,
        labels: Vec<String>,
        noise_variances: Option<Column<'_>>,
        task_names: Option<Vec<String>>,
        feature_names: Option<Vec<String>>,
    ) -> PyResult<Self> {
        let make = || {
            let names: Option<Vec<&str>> =
                task_names.as_ref().map(|names| names.iter().map(String::as_str).collect());
            let (x, y) = (x.as_array(), y.as_array());
            let mut data = coregion::Dataset::long_labelled(x, y, &labels, names.as_deref())?;
            if let Some(variances) = &noise_variances {
                data = data.with_long_noise_variances(variances.as_array())?;
            }
            named(data, None, feature_names)
        };
        make().into_python(py)
    }

    #[getter]
    fn x<'py>(&self, py: Python<'py>) -> Answer<'py> {
        answer(py, self.0.x().to_owned())
    }

    #[getter]
    fn y<'py>(&self, py: Python<'py>) -> Answer<'py> {
        answer(py, self.0.y().to_owned())
    }

    #[getter]
    fn noise_variances<'py>(&self, py: Python<'py>) -> Option<Answer<'py>> {
        self.0.noise_variances().map(|v| answer(py, v.to_owned()))
    }

    #[getter]
    fn layout(&self) -> String {
        self.0.layout().to_string()
    }

    #[getter]
    fn is_vector(&self) -> bool {
        self.0.is_vector()
    }

    #[getter]
    fn n_rows(&self) -> usize {
        self.0.n_rows()
    }

    #[getter]
    fn n_tasks(&self) -> usize {
        self.0.n_tasks()
    }

    #[getter]
    fn n_observed(&self) -> usize {
        self.0.n_observed()
    }

    #[getter]
    fn task_names(&self) -> Vec<String> {
        self.0.task_names().to_vec()
    }

    #[getter]
    fn feature_names(&self) -> Vec<String> {
        self.0.feature_names().to_vec()
    }

    #[getter]
    fn entries<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray2<i64>> {
        let entries = self.0.entries();
        let place = |(k, side): (usize, usize)| {
            let (row, task) = entries[k];
            (if side == 0 { row } else { task }) as i64
        };
        Array2::from_shape_fn((entries.len(), 2), place).into_pyarray(py)
    }
}
