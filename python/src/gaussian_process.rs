//! The fitted Gaussian process.

mod blocks;
mod settings;
mod warps;

use std::collections::BTreeMap;

use coregion::Error;
use coregion::estimator::FittedMultiTaskGp;
use coregion::gp::{Prediction, Uncertainty};
use coregion::learn::Progress;
use coregion::matrix_kernel::Separable;
use ndarray::{Array, ArrayD, Axis, Dimension, Slice};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

pub(crate) use warps::Warp;

use crate::arrays::{Answer, Labels, Numbers, Table, answer, task_numbers};
use crate::dataset::Dataset;
use crate::watched::{Watch, freed, watched};
use crate::{description, leave_out, report};

/// A fitted multi-task Gaussian process.
#[pyclass(frozen, module = "coregion._core")]
pub(crate) struct GaussianProcess(FittedMultiTaskGp);

impl From<FittedMultiTaskGp> for GaussianProcess {
    fn from(model: FittedMultiTaskGp) -> Self {
        GaussianProcess(model)
    }
}

type Term<'py> = (Bound<'py, PyDict>, Bound<'py, PyDict>);
type Moments<'py> = (Answer<'py>, Option<Answer<'py>>);

fn moments(py: Python<'_>, p: Prediction) -> Moments<'_> {
    (answer(py, p.mean), p.std.map(|std| answer(py, std)))
}

/// An array, computed without holding the interpreter.
fn computed<D: Dimension>(
    py: Python<'_>,
    work: impl FnOnce() -> coregion::Result<Array<f64, D>> + Send,
) -> PyResult<Answer<'_>> {
    Ok(answer(py, freed(py, work)?))
}

fn uncertainty(std: bool, include_noise: bool) -> Uncertainty {
    match (std, include_noise) {
        (false, _) => Uncertainty::None,
        (true, false) => Uncertainty::Std,
        (true, true) => Uncertainty::Observation,
    }
}

#[pymethods]
impl GaussianProcess {
    #[staticmethod]
    #[pyo3(signature = (data, *, observer, **settings))]
    fn fit(
        py: Python<'_>,
        data: &Dataset,
        observer: Option<Bound<'_, PyAny>>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let settings = settings::read(py, settings)?;
        let data = data.0.clone();
        let tell = |p: &Progress, out: &Bound<'_, PyDict>| {
            out.set_item("restart", p.restart)?;
            out.set_item("evaluations", p.evaluations)?;
            out.set_item("eigendecompositions", p.eigendecompositions)?;
            out.set_item("log_posterior", p.log_posterior)
        };
        let fit = |watch: Watch<Progress>| settings.observer(watch).fit(&data);
        Ok(GaussianProcess(watched(py, observer.as_ref(), tell, fit)?))
    }

    #[pyo3(signature = (x, *, std, include_noise))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        x: Table<'py>,
        std: bool,
        include_noise: bool,
    ) -> PyResult<Moments<'py>> {
        let how = uncertainty(std, include_noise);
        let rows = blocks::rows_at_once(&self.0, std);
        let x = x.as_array();
        let at = |part: Slice| self.0.predict(x.slice_axis(Axis(0), part), how);
        let found = blocks::predict(py, x.nrows(), rows, at)?;
        Ok(moments(py, found))
    }

    #[pyo3(signature = (x, task_features, *, std, include_noise))]
    fn predict_tasks<'py>(
        &self,
        py: Python<'py>,
        x: Table<'py>,
        task_features: Table<'py>,
        std: bool,
        include_noise: bool,
    ) -> PyResult<Moments<'py>> {
        let (x, features) = (x.as_array(), task_features.as_array());
        let how = uncertainty(std, include_noise);
        Ok(moments(py, freed(py, || self.0.predict_tasks(x, features, how))?))
    }

    #[pyo3(signature = (x, given, *, std, include_noise))]
    fn predict_given<'py>(
        &self,
        py: Python<'py>,
        x: Table<'py>,
        given: Table<'py>,
        std: bool,
        include_noise: bool,
    ) -> PyResult<Moments<'py>> {
        let (x, given) = (x.as_array(), given.as_array());
        let how = uncertainty(std, include_noise);
        // Rows are conditioned one by one; a mismatch of the numbers of rows is the core's to refuse.
        let m = if x.nrows() == given.nrows() { x.nrows() } else { 0 };
        let at = |part: Slice| {
            let (x, given) = (x.slice_axis(Axis(0), part), given.slice_axis(Axis(0), part));
            self.0.predict_given(x, given, how)
        };
        let found = blocks::predict(py, m, blocks::rows_at_once(&self.0, true), at)?;
        Ok(moments(py, found))
    }

    #[pyo3(signature = (x, tasks, *, std, include_noise))]
    fn predict_at<'py>(
        &self,
        py: Python<'py>,
        x: Table<'py>,
        tasks: Labels<'py>,
        std: bool,
        include_noise: bool,
    ) -> PyResult<Moments<'py>> {
        let how = uncertainty(std, include_noise);
        let (x, tasks) = (x.as_array(), task_numbers(&tasks));
        // A mismatch of the numbers of rows is the core's to refuse, whole.
        let m = if x.nrows() == tasks.len() { x.nrows() } else { 0 };
        let at = |part: Slice| {
            let tasks = &tasks[part.start as usize..part.end.map_or(tasks.len(), |e| e as usize)];
            self.0.predict_at(x.slice_axis(Axis(0), part), tasks, how)
        };
        let found = blocks::predict(py, m, blocks::rows_at_once(&self.0, std), at)?;
        Ok(moments(py, found))
    }

    #[pyo3(signature = (x, tasks, levels, *, include_noise))]
    fn predict_quantiles_at<'py>(
        &self,
        py: Python<'py>,
        x: Table<'py>,
        tasks: Labels<'py>,
        levels: Vec<f64>,
        include_noise: bool,
    ) -> PyResult<Answer<'py>> {
        let (x, tasks) = (x.as_array(), task_numbers(&tasks));
        computed(py, || self.0.predict_quantiles_at(x, &tasks, &levels, include_noise))
    }

    #[pyo3(signature = (x, levels, *, given, include_noise))]
    fn predict_quantiles<'py>(
        &self,
        py: Python<'py>,
        x: Table<'py>,
        levels: Vec<f64>,
        given: Option<Table<'py>>,
        include_noise: bool,
    ) -> PyResult<Answer<'py>> {
        let (x, given) = (x.as_array(), given.as_ref().map(|g| g.as_array()));
        let found = freed(py, || match given {
            Some(given) => self.0.predict_given_quantiles(x, given, &levels, include_noise),
            None => self.0.predict_quantiles(x, &levels, include_noise),
        })?;
        Ok(answer(py, found))
    }

    #[pyo3(signature = (levels, *, include_noise))]
    fn impute_quantiles<'py>(
        &self,
        py: Python<'py>,
        levels: Vec<f64>,
        include_noise: bool,
    ) -> PyResult<Answer<'py>> {
        computed(py, || self.0.impute_quantiles(&levels, include_noise))
    }

    #[getter]
    fn warps(&self) -> Vec<Warp> {
        self.0.warps().into_iter().map(Warp).collect()
    }

    #[pyo3(signature = (x, *, include_noise))]
    fn predict_covariance<'py>(
        &self,
        py: Python<'py>,
        x: Table<'py>,
        include_noise: bool,
    ) -> PyResult<Answer<'py>> {
        let x = x.as_array();
        computed(py, || self.0.predict_covariance(x, include_noise))
    }

    fn predict_task_covariances<'py>(
        &self,
        py: Python<'py>,
        x: Table<'py>,
    ) -> PyResult<Answer<'py>> {
        let x = x.as_array();
        computed(py, || self.0.predict_task_covariances(x))
    }

    #[pyo3(signature = (x, n_samples, *, include_noise, seed))]
    fn sample<'py>(
        &self,
        py: Python<'py>,
        x: Table<'py>,
        n_samples: usize,
        include_noise: bool,
        seed: u64,
    ) -> PyResult<Answer<'py>> {
        let x = x.as_array();
        computed(py, || self.0.sample(x, n_samples, include_noise, seed))
    }

    #[pyo3(signature = (*, std, include_noise))]
    fn impute<'py>(
        &self,
        py: Python<'py>,
        std: bool,
        include_noise: bool,
    ) -> PyResult<Moments<'py>> {
        let how = uncertainty(std, include_noise);
        Ok(moments(py, freed(py, || self.0.impute(how))?))
    }

    #[pyo3(signature = (x, y, *, noise_variances=None))]
    fn condition(
        &self,
        py: Python<'_>,
        x: Table<'_>,
        y: Table<'_>,
        noise_variances: Option<Table<'_>>,
    ) -> PyResult<Self> {
        let (x, y) = (x.as_array(), y.as_array());
        let variances = noise_variances.as_ref().map(|v| v.as_array());
        let more = freed(py, || match variances {
            Some(v) => self.0.condition_with_noise_variances(x, y, v),
            None => self.0.condition(x, y),
        })?;
        Ok(GaussianProcess(more))
    }

    #[pyo3(signature = (by, groups=None))]
    fn leave_one_out<'py>(
        &self,
        py: Python<'py>,
        by: &str,
        groups: Option<Labels<'py>>,
    ) -> PyResult<leave_out::Triple<'py>> {
        leave_out::answered(py, by, groups.as_ref(), |by| self.0.leave_one_out(by))
    }

    #[pyo3(signature = (by, levels, groups=None))]
    fn leave_one_out_quantiles<'py>(
        &self,
        py: Python<'py>,
        by: &str,
        levels: Vec<f64>,
        groups: Option<Labels<'py>>,
    ) -> PyResult<Answer<'py>> {
        let by = leave_out::parse(by, groups.as_ref());
        computed(py, || self.0.leave_one_out_quantiles(&by?, &levels))
    }

    #[pyo3(signature = (by, groups=None))]
    fn leave_one_out_warped<'py>(
        &self,
        py: Python<'py>,
        by: &str,
        groups: Option<Labels<'py>>,
    ) -> PyResult<leave_out::Triple<'py>> {
        leave_out::answered(py, by, groups.as_ref(), |by| self.0.leave_one_out_warped(by))
    }

    fn k_fold<'py>(
        &self,
        py: Python<'py>,
        groups: Labels<'py>,
    ) -> PyResult<(Answer<'py>, Answer<'py>)> {
        let labels = crate::arrays::group_numbers(&groups);
        let found = freed(py, || {
            let p = self.0.k_fold(&labels)?;
            let std = p.std()?.to_owned();
            Ok((p.mean, std))
        })?;
        Ok((answer(py, found.0), answer(py, found.1)))
    }

    fn log_marginal_likelihood<'py>(
        &self,
        py: Python<'py>,
        parameters: BTreeMap<String, Numbers<'py>>,
    ) -> PyResult<(f64, BTreeMap<String, Answer<'py>>)> {
        let parameters: Vec<(&str, ArrayD<f64>)> = parameters
            .iter()
            .map(|(path, values)| (path.as_str(), values.as_array().to_owned()))
            .collect();
        let (value, gradient) = freed(py, || self.0.log_marginal_likelihood_at(&parameters))?;
        Ok((value, gradient.into_iter().map(|(path, g)| (path, answer(py, g))).collect()))
    }

    #[getter]
    fn log_likelihood(&self) -> f64 {
        self.0.log_marginal_likelihood()
    }

    #[getter]
    fn parameters<'py>(&self, py: Python<'py>) -> BTreeMap<String, Answer<'py>> {
        self.0.parameters().into_iter().map(|(path, v)| (path, answer(py, v))).collect()
    }

    #[getter]
    fn kernel<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        description::write(py, self.0.kernel().spec())
    }

    #[getter]
    fn task<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        description::write(py, self.0.task().spec())
    }

    #[getter]
    fn terms<'py>(&self, py: Python<'py>) -> PyResult<Vec<Term<'py>>> {
        let pair = |term: &Separable| {
            let task = description::write(py, term.task.spec())?;
            Ok((description::write(py, term.kernel.spec())?, task))
        };
        self.0.terms().iter().map(pair).collect()
    }

    #[getter]
    fn signal_shares(&self) -> Vec<f64> {
        self.0.signal_shares()
    }

    #[getter]
    fn signal_variances<'py>(&self, py: Python<'py>) -> Answer<'py> {
        answer(py, self.0.signal_variances())
    }

    #[getter]
    fn task_covariances<'py>(&self, py: Python<'py>) -> PyResult<Vec<Answer<'py>>> {
        let each = freed(py, || Ok(self.0.task_covariances()))?;
        Ok(each.into_iter().map(|b| answer(py, b)).collect())
    }

    #[getter]
    fn task_covariance<'py>(&self, py: Python<'py>) -> PyResult<Answer<'py>> {
        computed(py, || Ok(self.0.task_covariance()))
    }

    #[getter]
    fn kernels<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        self.0.terms().iter().map(|term| description::write(py, term.kernel.spec())).collect()
    }

    #[getter]
    fn mixing<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        self.0.mixing().map(|mixing| description::write(py, mixing.spec())).transpose()
    }

    #[getter]
    fn mixing_matrix<'py>(&self, py: Python<'py>) -> Option<Answer<'py>> {
        self.0.mixing_matrix().map(|h| answer(py, h))
    }

    #[getter]
    fn task_correlation<'py>(&self, py: Python<'py>) -> PyResult<Answer<'py>> {
        computed(py, || Ok(self.0.task_correlation()))
    }

    #[getter]
    fn task_correlation_std_error<'py>(&self, py: Python<'py>) -> Option<Answer<'py>> {
        self.0.task_correlation_std_error().map(|errors| answer(py, errors.clone()))
    }

    #[getter]
    fn noise_covariance<'py>(&self, py: Python<'py>) -> Answer<'py> {
        answer(py, self.0.noise_covariance())
    }

    #[getter]
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        report::dictionary(py, self.0.report())
    }

    #[getter]
    fn settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        settings::write(py, &self.0.setup())
    }

    #[getter]
    fn data(&self) -> Dataset {
        Dataset(self.0.shared_data())
    }

    fn save(&self, py: Python<'_>, path: &str) -> PyResult<()> {
        freed(py, || self.0.save(path))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &freed(py, || self.0.to_bytes())?))
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        freed(py, || FittedMultiTaskGp::from_bytes(data)).map(GaussianProcess)
    }

    fn __str__(&self, py: Python<'_>) -> PyResult<String> {
        freed(py, || Ok(self.0.to_string()))
    }
}

/// Refuses what cannot be read as an option.
pub(crate) fn invalid(argument: &str, found: &str, expected: &str) -> Error {
    Error::InvalidValue {
        argument: argument.to_string(),
        found: found.to_string(),
        expected: expected.to_string(),
    }
}
