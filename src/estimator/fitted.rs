//! The fitted multi-task Gaussian process.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::{Array2, Array3, Array4, ArrayD, ArrayView2, s};

use super::report::FitReport;
use super::structure::Structure;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::gp::{Posterior, Prediction, Term, Uncertainty};
use crate::kernel::Kernel;
use crate::matrix_kernel::Separable;
use crate::op::{NoiseMatrix, TaskMatrix, correlation};
use crate::task::{LowRank, Noise, Task};

/// A multi-task Gaussian process with learned parameters: predicts, samples, and tells what it
/// learned. Everything is in the user's units. Printing it gives the table of parameters, task
/// correlations and the report.
///
/// ```
/// use coregion::prelude::*;
/// use ndarray::array;
/// let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// let data = Dataset::new(x.view(), y.view())?.with_task_names(["level", "flow"])?;
/// let gp: FittedMultiTaskGp = MultiTaskGp::new(Rbf::ard()).fit(&data)?;
/// assert!(gp.task_correlation()[[0, 1]] > 0.5);
/// assert!(gp.kernel().to_string().starts_with("RBF(lengthscale=["));
/// assert!(gp.to_string().contains("level"));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FittedMultiTaskGp {
    pub(super) terms: Vec<Separable>,
    pub(super) data: Arc<Dataset>,
    pub(super) posterior: Posterior,
    standard_errors: Option<Array2<f64>>,
    pub(super) report: FitReport,
    structure: Structure,
}

impl FittedMultiTaskGp {
    pub(crate) fn new(
        structure: Structure,
        data: &Dataset,
        posterior: Posterior,
        standard_errors: Option<Array2<f64>>,
        report: FitReport,
    ) -> Self {
        let model = posterior.model();
        let natural = posterior.natural();
        let mixing = model.mixed_tasks(natural).ok().flatten().map(|tasks| tasks.mixing());
        let fitted = |(q, (term, bound)): (usize, (&Separable, &Term))| Separable {
            kernel: term.kernel.with_values(bound.kernel(), bound.theta(natural)),
            task: match &mixing {
                // B is h h'.
                Some(h) => {
                    let nothing = vec![0.0; h.nrows()];
                    LowRank::starting_at(h.slice(s![.., q..=q]), &nothing).fix("kappa")
                }
                None => term.task.with_values(bound.task(), bound.phi(natural)),
            },
        };
        let terms =
            structure.terms.terms.iter().zip(model.terms()).enumerate().map(fitted).collect();
        FittedMultiTaskGp {
            terms,
            data: Arc::new(data.clone()),
            posterior,
            standard_errors,
            report,
            structure,
        }
    }

    /// What the model was bound from.
    pub(crate) fn structure(&self) -> &Structure {
        &self.structure
    }

    /// Means, and standard deviations where asked for, at xs (m, d): both (m, T).
    ///
    /// ```
    /// use coregion::prelude::*;
    /// use ndarray::array;
    /// let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// let y = array![[0.0, 0.1], [0.8, 0.9], [0.9, 1.0], [0.1, 0.2], [-0.8, -0.7]];
    /// let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let p = gp.predict(array![[1.5]].view(), Uncertainty::Std)?;
    /// assert_eq!(p.mean.dim(), (1, 2));
    /// assert_eq!(p.std()?.dim(), (1, 2));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Shape`], [`crate::Error::NotFinite`] or [`crate::Error::InvalidValue`] for
    /// rows that do not fit.
    pub fn predict(&self, xs: ArrayView2<f64>, uncertainty: Uncertainty) -> Result<Prediction> {
        let found = self.posterior.predict(xs, self.asked(uncertainty))?;
        self.in_units(found, None, uncertainty, |(_, t)| t)
    }

    /// Predictions at xs (m, d) where some tasks were measured there: `given` (m, T) with `NaN`
    /// where wanted. Means are those of the wanted observations, which use what noises have in common;
    /// with [`Uncertainty::Std`] standard deviations are of the latent functions, with
    /// [`Uncertainty::Observation`] of the observations. See [`Posterior::predict_given`].
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let (xs, given) = (array![[2.5]], array![[0.6, f64::NAN]]);
    /// let before = gp.predict(xs.view(), Uncertainty::Std)?;
    /// let p = gp.predict_given(xs.view(), given.view(), Uncertainty::Std)?;
    /// assert_eq!((p.mean[[0, 0]], p.std()?[[0, 0]]), (0.6, 0.0));
    /// assert!(p.std()?[[0, 1]] < before.std()?[[0, 1]]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Posterior::predict_given`].
    pub fn predict_given(
        &self,
        xs: ArrayView2<f64>,
        given: ArrayView2<f64>,
        uncertainty: Uncertainty,
    ) -> Result<Prediction> {
        self.check_latent(uncertainty)?;
        self.check_outputs("given", given)?;
        let (warped, asked) = (self.to_warped(given), self.asked(uncertainty));
        let found = self.posterior.predict_given(xs, warped.view(), asked)?;
        self.in_units(found, Some(given), uncertainty, |(_, t)| t)
    }

    /// The covariance between the latent functions of all tasks at each row: (m, T, T).
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let c = gp.predict_task_covariances(array![[1.5], [9.0]].view())?;
    /// assert_eq!(c.dim(), (2, 2, 2));
    /// assert!(c[[1, 0, 1]] > 0.0 && c[[0, 0, 0]] < c[[1, 0, 0]]); // less is known at 9
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Posterior::task_covariances`].
    pub fn predict_task_covariances(&self, xs: ArrayView2<f64>) -> Result<Array3<f64>> {
        self.check_covariances()?;
        self.posterior.task_covariances(xs)
    }

    /// The joint covariance `[i, t, j, s] = Cov(f_t(x_i), f_s(x_j))`: (m, T, m, T).
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let xs = array![[1.5], [2.5]];
    /// let latent = gp.predict_covariance(xs.view(), false)?;
    /// let observed = gp.predict_covariance(xs.view(), true)?;
    /// assert_eq!(latent[[0, 1, 1, 1]], observed[[0, 1, 1, 1]]);
    /// let noise = observed[[0, 1, 0, 1]] - latent[[0, 1, 0, 1]];
    /// assert!((noise - gp.noise_covariance()[[1, 1]]).abs() < 1e-12);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Posterior::joint_covariance`].
    pub fn predict_covariance(
        &self,
        xs: ArrayView2<f64>,
        include_noise: bool,
    ) -> Result<Array4<f64>> {
        self.check_covariances()?;
        self.posterior.joint_covariance(xs, include_noise)
    }

    /// Joint draws at xs (m, d): (m, T, n_samples).
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let draws = gp.sample(array![[1.5], [2.5]].view(), 100, false, 7)?;
    /// assert_eq!(draws.dim(), (2, 2, 100));
    /// assert_eq!(draws, gp.sample(array![[1.5], [2.5]].view(), 100, false, 7)?);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Posterior::sample`].
    pub fn sample(
        &self,
        xs: ArrayView2<f64>,
        n_samples: usize,
        include_noise: bool,
        seed: u64,
    ) -> Result<Array3<f64>> {
        self.unwarp(self.posterior.sample(xs, n_samples, include_noise, seed)?)
    }

    /// Covariances (n, T, T) between the observations of a row given all other rows; NaN where nothing
    /// was observed, and rows without any observation left out.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let covariances = gp.leave_one_row_out_covariances()?;
    /// let std = gp.leave_one_out(&LeaveOut::Row)?.std;
    /// assert!((covariances[[3, 1, 1]].sqrt() - std[[3, 1]]).abs() < 1e-12);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Posterior::leave_out_row_covariances`].
    pub fn leave_one_row_out_covariances(&self) -> Result<Array3<f64>> {
        self.check_covariances()?;
        self.posterior.leave_out_row_covariances()
    }

    /// The posterior, for what this type does not show.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let (posterior, xs) = (gp.posterior(), array![[2.5]]);
    /// let mean = posterior.predict(xs.view(), Uncertainty::None)?.mean;
    /// assert_eq!(mean, gp.predict(xs.view(), Uncertainty::None)?.mean);
    /// assert_eq!(posterior.model().n_observations(), 10);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn posterior(&self) -> &Posterior {
        &self.posterior
    }

    /// Log marginal likelihood of the training data: natural log, total, in the user's units,
    /// without priors.
    pub fn log_marginal_likelihood(&self) -> f64 {
        self.posterior.log_likelihood()
    }

    /// Log marginal likelihood of the training data with some parameters set to other values, and
    /// its gradient with respect to every parameter, natural, by path.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let path = "terms[0].kernel.lengthscale";
    /// let (value, gradient) = gp.log_marginal_likelihood_at(&[])?;
    /// assert!((value - gp.log_marginal_likelihood()).abs() < 1e-9);
    /// let step = &gp.parameters()[path] + 1e-5;
    /// let (moved, _) = gp.log_marginal_likelihood_at(&[(path, step)])?;
    /// assert!(((moved - value) / 1e-5 - gradient[path].sum()).abs() < 1e-3);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::UnknownName`], [`crate::Error::Shape`], [`crate::Error::InvalidValue`] for
    /// values that do not fit; [`crate::Error::NotPositive`] where a covariance is not positive
    /// definite there; [`crate::Error::Numerical`] where value or gradient overflow.
    pub fn log_marginal_likelihood_at(
        &self,
        parameters: &[(&str, ArrayD<f64>)],
    ) -> Result<(f64, BTreeMap<String, ArrayD<f64>>)> {
        let model = self.posterior.model();
        let mut natural = self.posterior.natural().to_vec();
        for (path, values) in parameters {
            model.layout().set(path, values, &mut natural)?;
        }
        let (value, gradient) = model.log_likelihood(&natural)?;
        if !gradient.iter().chain([&value]).all(|v| v.is_finite()) {
            return Err(Error::Numerical {
                operation: "the log marginal likelihood".to_string(),
                detail: format!("it is {value:e}, or its gradient overflows"),
            });
        }
        let entries = model.layout().entries().iter();
        Ok((value, entries.map(|e| (e.path.clone(), e.array(&gradient))).collect()))
    }

    /// Every parameter by path: natural, in the user's units.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let parameters = gp.parameters();
    /// assert_eq!(parameters["noise.variance"].shape(), [2]);
    /// assert_eq!(parameters["terms[0].task.W"].shape(), [2, 2]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn parameters(&self) -> BTreeMap<String, ArrayD<f64>> {
        let natural = self.posterior.natural();
        let entries = self.posterior.model().layout().entries().iter();
        entries.map(|e| (e.path.clone(), e.array(natural))).collect()
    }

    /// The kernel with its learned values.
    pub fn kernel(&self) -> &Kernel {
        &self.terms[0].kernel
    }

    /// The task covariance with its learned values.
    pub fn task(&self) -> &Task {
        &self.terms[0].task
    }

    /// B, in the structure it was learned in.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let b = gp.task_matrix();
    /// assert_eq!(b.n_tasks(), 2);
    /// assert_eq!(b.to_dense(&gp.noise_matrix()), gp.task_covariance());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn task_matrix(&self) -> TaskMatrix {
        self.posterior.model().task_matrix(self.posterior.natural())
    }

    /// Sigma, in the structure it was learned in.
    pub fn noise_matrix(&self) -> NoiseMatrix {
        self.posterior.model().noise_matrix(self.posterior.natural())
    }

    /// The task covariance B (T, T), made on request.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let (b, rho) = (gp.task_covariance(), gp.task_correlation());
    /// assert_eq!(b[[0, 1]], b[[1, 0]]);
    /// assert!((rho[[0, 1]] - b[[0, 1]] / (b[[0, 0]] * b[[1, 1]]).sqrt()).abs() < 1e-12);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn task_covariance(&self) -> Array2<f64> {
        self.posterior.model().total_task_covariance(self.posterior.natural())
    }

    /// The task covariances B (T, T) of each term.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let settings = MultiTaskGp::new(Rbf::ard()).task(LowRank::new(1));
    /// let gp = settings.term(Matern12::ard(), Diagonal::new()).fit(&data)?;
    /// let each = gp.task_covariances();
    /// assert_eq!((each.len(), each[1][[0, 1]]), (2, 0.0));
    /// assert_eq!(&each[0] + &each[1], gp.task_covariance());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn task_covariances(&self) -> Vec<Array2<f64>> {
        self.posterior.model().task_covariances(self.posterior.natural())
    }

    /// The terms with their fitted values; most models have one.
    pub fn terms(&self) -> &[Separable] {
        &self.terms
    }

    /// The correlations between tasks (T, T), made on request.
    pub fn task_correlation(&self) -> Array2<f64> {
        correlation(self.task_covariance().view())
    }

    /// Standard errors (T, T) of the task correlations, from the Fisher information of B and Sigma
    /// at held kernel parameters, with gaps from the information observed
    /// ([`crate::gp::observed_standard_errors`]); `None` where B was not learned, where that is too much
    /// to compute, and with the solver `cg`.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let errors = gp.task_correlation_std_error().unwrap();
    /// assert!(errors[[0, 0]] == 0.0 && errors[[0, 1]] > 0.0);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn task_correlation_std_error(&self) -> Option<&Array2<f64>> {
        self.standard_errors.as_ref()
    }

    /// The noise covariance Sigma (T, T) at one input, made on request.
    pub fn noise_covariance(&self) -> Array2<f64> {
        self.noise_matrix().to_dense()
    }

    /// The learned noise as a given one, to evaluate the same model elsewhere.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let again = MultiTaskGp::new(gp.kernel().clone())
    ///     .task(gp.task().clone())
    ///     .noise(gp.noise())
    ///     .optimizer(Optimizer::None)
    ///     .fit(&data)?;
    /// assert!((again.log_marginal_likelihood() - gp.log_marginal_likelihood()).abs() < 1e-9);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn noise(&self) -> Noise {
        if self.structure.noise == Noise::None {
            return Noise::None;
        }
        match self.noise_matrix() {
            NoiseMatrix::Diagonal(v) => Noise::Variances(v.to_vec()),
            NoiseMatrix::Dense(m) => Noise::Covariance(m),
        }
    }

    /// What the fit did.
    pub fn report(&self) -> &FitReport {
        &self.report
    }

    /// The data it was fitted to.
    pub fn data(&self) -> &Dataset {
        &self.data
    }

    /// The data it was fitted to, to be kept without a copy.
    pub fn shared_data(&self) -> Arc<Dataset> {
        Arc::clone(&self.data)
    }

    /// Names of the tasks.
    pub fn task_names(&self) -> &[String] {
        self.data.task_names()
    }

    /// Names of the columns of x.
    pub fn feature_names(&self) -> &[String] {
        self.data.feature_names()
    }
}
