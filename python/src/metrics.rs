//! Metrics over plain arrays.

use coregion::analysis::metrics::{self, Normalizer, PerTask};
use pyo3::prelude::*;

use crate::arrays::{Answer, Column, Table, answer};
use crate::errors::IntoPython;

type Found<'py> = PyResult<(Answer<'py>, f64)>;

fn found(py: Python<'_>, metric: coregion::Result<PerTask>) -> Found<'_> {
    let PerTask { values, mean } = metric.into_python(py)?;
    Ok((answer(py, values), mean))
}

#[pyfunction]
fn rmse<'py>(py: Python<'py>, truth: Table<'py>, mean: Table<'py>) -> Found<'py> {
    found(py, metrics::rmse(truth.as_array(), mean.as_array()))
}

#[pyfunction]
fn mae<'py>(py: Python<'py>, truth: Table<'py>, mean: Table<'py>) -> Found<'py> {
    found(py, metrics::mae(truth.as_array(), mean.as_array()))
}

#[pyfunction]
#[pyo3(signature = (truth, mean, train_mean))]
fn smse<'py>(
    py: Python<'py>,
    truth: Table<'py>,
    mean: Table<'py>,
    train_mean: Option<Column<'py>>,
) -> Found<'py> {
    let train_mean = train_mean.as_ref().map(|m| m.as_array());
    let normalizer = train_mean.map_or(Normalizer::TestMean, Normalizer::TrainMean);
    found(py, metrics::smse(truth.as_array(), mean.as_array(), normalizer))
}

#[pyfunction]
fn nlpd<'py>(py: Python<'py>, truth: Table<'py>, mean: Table<'py>, std: Table<'py>) -> Found<'py> {
    found(py, metrics::nlpd(truth.as_array(), mean.as_array(), std.as_array()))
}

#[pyfunction]
fn msll<'py>(
    py: Python<'py>,
    truth: Table<'py>,
    mean: Table<'py>,
    std: Table<'py>,
    train_mean: Column<'py>,
    train_std: Column<'py>,
) -> Found<'py> {
    let (truth, mean, std) = (truth.as_array(), mean.as_array(), std.as_array());
    found(py, metrics::msll(truth, mean, std, train_mean.as_array(), train_std.as_array()))
}

#[pyfunction]
fn coverage<'py>(
    py: Python<'py>,
    truth: Table<'py>,
    mean: Table<'py>,
    std: Table<'py>,
    level: f64,
) -> Found<'py> {
    found(py, metrics::coverage(truth.as_array(), mean.as_array(), std.as_array(), level))
}

#[pyfunction]
fn crps<'py>(py: Python<'py>, truth: Table<'py>, mean: Table<'py>, std: Table<'py>) -> Found<'py> {
    found(py, metrics::crps(truth.as_array(), mean.as_array(), std.as_array()))
}

#[pyfunction]
fn normal_quantile(py: Python<'_>, p: f64) -> PyResult<f64> {
    metrics::normal_quantile(p).into_python(py)
}

pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(rmse, module)?)?;
    module.add_function(wrap_pyfunction!(mae, module)?)?;
    module.add_function(wrap_pyfunction!(smse, module)?)?;
    module.add_function(wrap_pyfunction!(nlpd, module)?)?;
    module.add_function(wrap_pyfunction!(msll, module)?)?;
    module.add_function(wrap_pyfunction!(coverage, module)?)?;
    module.add_function(wrap_pyfunction!(crps, module)?)?;
    module.add_function(wrap_pyfunction!(normal_quantile, module)?)
}
