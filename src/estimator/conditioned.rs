//! A fitted model that has seen more rows, and one of its tasks alone.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView2};

use super::fit::{data_warnings, solve_report};
use super::fitted::FittedMultiTaskGp;
use super::report::Warning;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::gp::{Model, Posterior, Term, Uncertainty};

impl FittedMultiTaskGp {
    /// The model with rows added, nothing learned anew: kernel, B and noise are held, and so is the mean,
    /// unless its coefficients are estimated: they are those of all rows then.
    ///
    /// `x` (m, d) and `y` (m, T), with NaN where nothing was measured. Exact: what a model of all rows at
    /// these parameters says. Up to a tenth of the rows (of 512 entries at most) are added without factoring the
    /// covariance again, at the cost of products (O(n^2 T) a row for a complete table); leave-out and
    /// standard deviations of filled gaps factor it when they are first asked for, and so do more rows, and
    /// loading from a file.
    ///
    /// ```
    /// use coregion::prelude::*;
    /// use ndarray::array;
    /// let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// let y = array![[0.0, 0.1], [0.8, 0.9], [0.9, 1.0], [0.1, 0.2], [-0.8, -0.7]];
    /// let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let more = gp.condition(array![[5.0]].view(), array![[-0.9, f64::NAN]].view())?;
    /// let std = |gp: &FittedMultiTaskGp| {
    ///     Ok::<_, Error>(gp.predict(array![[5.0]].view(), Uncertainty::Std)?.std()?[[0, 1]])
    /// };
    /// assert!(std(&more)? < std(&gp)?);
    /// assert_eq!(more.noise(), gp.noise());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Dataset::append`]; [`Error::Memory`] where the solver does not fit any more.
    pub fn condition(&self, x: ArrayView2<f64>, y: ArrayView2<f64>) -> Result<Self> {
        let data = self.data.append(x, y)?;
        self.check_outputs("y", y)?;
        self.extended(data)
    }

    /// The same where noise variances are known: `noise_variances` (m, T) of the new rows.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// let x = array![[0.0], [1.0], [2.0], [3.0]];
    /// let y = array![[0.0], [0.8], [0.9], [0.1]];
    /// let variances = array![[0.1], [0.01], [0.01], [0.1]];
    /// let data = Dataset::new(x.view(), y.view())?.with_noise_variances(variances.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).noise(Noise::None).fit(&data)?;
    /// let (xn, yn, vn) = (array![[4.0]], array![[-0.8]], array![[0.02]]);
    /// let more = gp.condition_with_noise_variances(xn.view(), yn.view(), vn.view())?;
    /// assert_eq!(more.data().n_rows(), 5);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::condition`].
    pub fn condition_with_noise_variances(
        &self,
        x: ArrayView2<f64>,
        y: ArrayView2<f64>,
        noise_variances: ArrayView2<f64>,
    ) -> Result<Self> {
        self.extended(self.data.append_with_noise_variances(x, y, noise_variances)?)
    }

    /// The posterior of other data at the same parameters.
    pub(super) fn posterior_of(&self, data: &Dataset) -> Result<Posterior> {
        let natural = self.posterior.natural().to_vec();
        Posterior::new(Arc::new(self.model_of(data)?), natural, self.posterior.memory_budget())
    }

    /// The model of other data, which must have the same parameters.
    fn model_of(&self, data: &Dataset) -> Result<Model> {
        let model = self.structure().bind(data)?;
        if model.layout().n_natural() == self.posterior.natural().len() {
            return Ok(model);
        }
        Err(Error::Incompatible {
            options: "these rows and the parameters learned".to_string(),
            advice: "the rows give the kernel other parameters: fit again".to_string(),
        })
    }

    /// The same parameters with rows added. What the report says of learning stays; what it says of the
    /// data and of the solver is that of the new data.
    fn extended(&self, data: Dataset) -> Result<Self> {
        let posterior = self.posterior.extended(Arc::new(self.model_of(&data)?))?;
        let mut report = self.report.clone();
        report.solve = solve_report(&posterior)?;
        let of_data = |w: &Warning| {
            matches!(
                w,
                Warning::ConstantFeature { .. }
                    | Warning::ConstantTask { .. }
                    | Warning::TaskWithoutData { .. }
            )
        };
        report.warnings.retain(|w| !of_data(w));
        report.warnings.splice(0..0, data_warnings(posterior.model(), &data));
        let errors = self.task_correlation_std_error().cloned();
        let structure = self.structure().clone();
        Ok(FittedMultiTaskGp::new(structure, &data, posterior, errors, report))
    }

    /// One task as a model of its own: what all tasks say of it.
    ///
    /// ```
    /// use coregion::prelude::*;
    /// use ndarray::array;
    /// let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// let y = array![[0.0, 0.1], [0.8, 0.9], [0.9, 1.0], [0.1, 0.2], [-0.8, -0.7]];
    /// let data = Dataset::new(x.view(), y.view())?.with_task_names(["Cd", "Ni"])?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).fit(&data)?;
    /// let nickel = gp.task_view("Ni")?;
    /// let (mean, std) = nickel.predict(array![[1.5], [2.5]].view(), Uncertainty::Std)?;
    /// let both = gp.predict(array![[1.5], [2.5]].view(), Uncertainty::Std)?;
    /// assert!((mean - both.mean.column(1)).iter().all(|v| v.abs() < 1e-12));
    /// assert!((std.unwrap() - both.std()?.column(1)).iter().all(|v| v.abs() < 1e-12));
    /// assert!(gp.task_view("Zn").is_err());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownName`] where no task has the name.
    pub fn task_view(&self, name: &str) -> Result<TaskView> {
        let task = self.task_names().iter().position(|known| known == name);
        let task = task.ok_or_else(|| Error::UnknownName {
            kind: "task".to_string(),
            name: name.to_string(),
            known: self.task_names().to_vec(),
        })?;
        Ok(TaskView { gp: Arc::new(self.clone()), task })
    }
}

/// One task of a fitted model: predictions of it alone, from everything the model has seen.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// use coregion::estimator::TaskView;
/// let first: TaskView = gp.task_view("task 0")?;
/// assert_eq!((first.name(), first.variance()), ("task 0", gp.task_covariance()[[0, 0]]));
/// assert_eq!(first.noise_variance(), gp.noise_covariance()[[0, 0]]);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TaskView {
    gp: Arc<FittedMultiTaskGp>,
    task: usize,
}

impl TaskView {
    /// Name of the task.
    pub fn name(&self) -> &str {
        &self.gp.task_names()[self.task]
    }

    /// Means, and standard deviations where asked for, at xs (m, d): both (m); see
    /// [`FittedMultiTaskGp::predict_at`].
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::predict`].
    pub fn predict(
        &self,
        xs: ArrayView2<f64>,
        uncertainty: Uncertainty,
    ) -> Result<(Array1<f64>, Option<Array1<f64>>)> {
        let found = self.gp.predict_at(xs, &vec![self.task; xs.nrows()], uncertainty)?;
        let column = |table: &Array2<f64>| table.column(0).to_owned();
        Ok((column(&found.mean), found.std.as_ref().map(column)))
    }

    /// Joint draws at xs (m, d): (m, n_samples).
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let draws = gp.task_view("task 1")?.sample(array![[1.5], [2.5]].view(), 10, false, 7)?;
    /// assert_eq!(draws.dim(), (2, 10));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::sample`].
    pub fn sample(
        &self,
        xs: ArrayView2<f64>,
        n_samples: usize,
        include_noise: bool,
        seed: u64,
    ) -> Result<Array2<f64>> {
        let all = self.gp.sample(xs, n_samples, include_noise, seed)?;
        Ok(all.index_axis(ndarray::Axis(1), self.task).to_owned())
    }

    /// The task's own entry of B, summed over the terms: the kernel times it is the prior covariance of
    /// its function.
    pub fn variance(&self) -> f64 {
        let posterior = self.gp.posterior();
        if let Some(h) = self.gp.mixing_matrix() {
            return h.row(self.task).dot(&h.row(self.task));
        }
        let sigma = self.gp.noise_matrix();
        let of_term =
            |term: &Term| term.task_matrix(posterior.natural()).diagonal(&sigma)[self.task];
        posterior.model().terms().iter().map(of_term).sum()
    }

    /// Variance of the task's learned noise.
    pub fn noise_variance(&self) -> f64 {
        self.gp.noise_matrix().diagonal()[self.task]
    }

    /// The whole model.
    pub fn model(&self) -> &FittedMultiTaskGp {
        &self.gp
    }
}
