//! The fitted kernel ridge regression.

use coregion::estimator::{FittedMultiTaskKernelRidge, MultiTaskKernelRidge};
use coregion::kernel::Kernel;
use coregion::ridge::{Criterion, PathProgress};
use coregion::task::Task;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arrays::{Answer, Column, Labels, Table, answer};
use crate::dataset::Dataset;
use crate::errors::IntoPython;
use crate::gaussian_process::GaussianProcess;
use crate::watched::{Watch, freed, watched};
use crate::{description, leave_out, report};

/// A fitted multi-task kernel ridge regression.
#[pyclass(frozen, module = "coregion._core")]
pub(crate) struct KernelRidge(FittedMultiTaskKernelRidge);

impl From<FittedMultiTaskKernelRidge> for KernelRidge {
    fn from(model: FittedMultiTaskKernelRidge) -> Self {
        KernelRidge(model)
    }
}

/// A criterion in words: `row`, `gcv`, `log-density:entry`.
fn criterion(words: &str, groups: Option<&Labels<'_>>) -> coregion::Result<Criterion> {
    match words.strip_prefix("log-density:") {
        Some(by) => Ok(Criterion::LogDensity(leave_out::parse(by, groups)?)),
        None if groups.is_some() => Ok(leave_out::parse(words, groups)?.into()),
        None => words.parse(),
    }
}

#[pymethods]
impl KernelRidge {
    #[staticmethod]
    #[pyo3(signature = (
        data, *, kernel, tasks, alphas, task_penalties, task_weights, sample_weight, fit_intercept,
        criterion, groups, refine, penalty_for_each_task, memory_budget, observer
    ))]
    #[allow(clippy::too_many_arguments)] // Every one is a keyword in Python.
    fn fit(
        py: Python<'_>,
        data: &Dataset,
        kernel: &Bound<'_, PyAny>,
        tasks: Option<Vec<Bound<'_, PyAny>>>,
        alphas: Vec<f64>,
        task_penalties: Option<Vec<f64>>,
        task_weights: Option<Vec<f64>>,
        sample_weight: Option<Column<'_>>,
        fit_intercept: bool,
        criterion: &str,
        groups: Option<Labels<'_>>,
        refine: bool,
        penalty_for_each_task: bool,
        memory_budget: Option<usize>,
        observer: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let kernel = Kernel::from_spec(description::read(kernel)?).into_python(py)?;
        let mut ridge = MultiTaskKernelRidge::new(kernel)
            .alphas(alphas)
            .fit_intercept(fit_intercept)
            .criterion(self::criterion(criterion, groups.as_ref()).into_python(py)?)
            .refine(refine)
            .penalty_for_each_task(penalty_for_each_task);
        if let Some(tasks) = tasks {
            let read =
                |task: &Bound<'_, PyAny>| Task::from_spec(description::read(task)?).into_python(py);
            ridge = ridge.tasks(tasks.iter().map(read).collect::<PyResult<_>>()?);
        }
        if let Some(penalties) = task_penalties {
            ridge = ridge.task_penalties(penalties);
        }
        if let Some(weights) = task_weights {
            ridge = ridge.task_weights(weights);
        }
        if let Some(bytes) = memory_budget {
            ridge = ridge.memory_budget(bytes);
        }
        let data = data.0.clone();
        let weights = sample_weight.as_ref().map(|w| w.as_array());
        let tell = |p: &PathProgress, out: &Bound<'_, PyDict>| {
            out.set_item("done", p.done)?;
            out.set_item("total", p.total)
        };
        let fit = |watch: Watch<PathProgress>| {
            let ridge = ridge.observer(move |p: &PathProgress| watch.tell(*p));
            match weights {
                Some(weights) => ridge.fit_weighted(&data, weights),
                None => ridge.fit(&data),
            }
        };
        Ok(KernelRidge(watched(py, observer.as_ref(), tell, fit)?))
    }

    fn predict<'py>(&self, py: Python<'py>, x: Table<'py>) -> PyResult<Answer<'py>> {
        let x = x.as_array();
        Ok(answer(py, freed(py, || self.0.predict(x))?))
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

    fn posterior(&self, py: Python<'_>) -> PyResult<GaussianProcess> {
        freed(py, || self.0.posterior()).map(GaussianProcess::from)
    }

    #[getter]
    fn alpha(&self) -> f64 {
        self.0.alpha()
    }

    #[getter]
    fn penalties<'py>(&self, py: Python<'py>) -> Answer<'py> {
        answer(py, self.0.penalties())
    }

    #[getter]
    fn alphas<'py>(&self, py: Python<'py>) -> Answer<'py> {
        answer(py, ndarray::Array1::from(self.0.alphas().to_vec()))
    }

    #[getter]
    fn dual_coef<'py>(&self, py: Python<'py>) -> Answer<'py> {
        answer(py, self.0.dual_coef().to_owned())
    }

    #[getter]
    fn intercept<'py>(&self, py: Python<'py>) -> Option<Answer<'py>> {
        self.0.intercept().map(|intercept| answer(py, intercept.clone()))
    }

    #[getter]
    fn cv_errors<'py>(&self, py: Python<'py>) -> Answer<'py> {
        answer(py, self.0.cv_errors().to_owned())
    }

    #[getter]
    fn criterion_value(&self) -> Option<f64> {
        self.0.criterion_value()
    }

    #[getter]
    fn criterion(&self) -> String {
        self.0.criterion().to_string()
    }

    #[getter]
    fn task_index(&self) -> usize {
        self.0.task_index()
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
    fn task_covariance<'py>(&self, py: Python<'py>) -> PyResult<Answer<'py>> {
        Ok(answer(py, freed(py, || Ok(self.0.task_covariance()))?))
    }

    #[getter]
    fn rkhs_norm_squared(&self, py: Python<'_>) -> PyResult<f64> {
        freed(py, || Ok(self.0.rkhs_norm_squared()))
    }

    #[getter]
    fn warnings(&self) -> Vec<(String, String)> {
        self.0.warnings().iter().map(report::warning).collect()
    }

    #[getter]
    fn data(&self) -> Dataset {
        Dataset(self.0.data().clone().into())
    }

    fn save(&self, py: Python<'_>, path: &str) -> PyResult<()> {
        freed(py, || self.0.save(path))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &freed(py, || self.0.to_bytes())?))
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        freed(py, || FittedMultiTaskKernelRidge::from_bytes(data)).map(KernelRidge)
    }

    fn __str__(&self, py: Python<'_>) -> PyResult<String> {
        freed(py, || Ok(self.0.to_string()))
    }
}
