//! Warped outputs in a model: the table that the process is of, the Jacobian, and their gradients.
//!
//! With `z = w(y; psi)` the log-likelihood of y is that of z plus `sum log w'(y)`. At held covariances its
//! derivative with respect to psi is `-sum alpha o dz/dpsi` plus that of the Jacobian, alpha being the dual
//! coefficients (n, T). Warps stand beside the kernels in learning: B and Sigma are learned on warped
//! outputs that stay as they are.

use std::borrow::Cow;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::linear_mean::LinearMean;
use super::model::Model;
use crate::error::Result;
use crate::warp::TaskWarps;

impl Model {
    /// The warps of the tasks.
    pub(crate) fn warps(&self) -> &TaskWarps {
        &self.warps
    }

    /// The outputs (n, T) that the process is of, warped at natural values; `NaN` where nothing was
    /// observed.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// let y = array![[1.0], [2.2], [2.5], [1.1], [0.4]];
    /// let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).warp(Warp::log()).fit(&data)?;
    /// let (model, natural) = (gp.posterior().model(), gp.posterior().natural());
    /// assert_eq!(model.warped_outputs(natural), y.mapv(f64::ln));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn warped_outputs(&self, natural: &[f64]) -> Array2<f64> {
        self.warps.forward(natural, self.table.y.clone())
    }

    /// Sum of `ln w'(y)` over the observed entries: what the log-likelihood of the outputs has more than
    /// that of the warped ones; 0 without warps.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// let y = array![[1.0], [2.2], [2.5], [1.1], [0.4]];
    /// let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).warp(Warp::log()).fit(&data)?;
    /// let posterior = gp.posterior();
    /// let jacobian = posterior.model().log_jacobian(posterior.natural());
    /// assert!((jacobian + y.mapv(f64::ln).sum()).abs() < 1e-12);
    /// let of_logs = posterior.factor().log_likelihood();
    /// assert!((gp.log_marginal_likelihood() - of_logs - jacobian).abs() < 1e-12);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn log_jacobian(&self, natural: &[f64]) -> f64 {
        self.warps.log_jacobian(natural, self.table.y.view())
    }

    /// `ln w'(y)` of each entry (n, T); `NaN` where nothing was observed.
    pub(crate) fn log_slopes(&self, natural: &[f64]) -> Array2<f64> {
        self.warps.log_slopes(natural, self.table.y.view())
    }

    /// The mean to be estimated, for outputs warped at natural values.
    pub(super) fn linear_mean_at(&self, natural: &[f64]) -> Option<Cow<'_, LinearMean>> {
        let mean = self.linear_mean.as_ref()?;
        Some(match self.warps.is_identity() {
            true => Cow::Borrowed(mean.as_ref()),
            false => Cow::Owned(mean.of_outputs(&self.table, self.warped_outputs(natural))),
        })
    }

    /// As [`Model::residuals`], refusing parameters at which a warp overflows.
    ///
    /// # Errors
    /// [`crate::Error::Numerical`].
    pub(super) fn finite_residuals(&self, natural: &[f64]) -> Result<Array2<f64>> {
        let residuals = self.residuals(natural);
        self.warps.check_finite(residuals.view())?;
        Ok(residuals)
    }

    /// Adds the gradient of the log-likelihood with respect to the parameters of the warps at held means,
    /// from the dual coefficients (n, T).
    pub(super) fn add_warp_gradient(
        &self,
        dual: ArrayView2<f64>,
        natural: &[f64],
        gradient: &mut [f64],
    ) {
        if self.warp_range.is_empty() {
            return;
        }
        let adjoint = dual.mapv(|a| -a);
        self.warps.add_gradient(natural, self.table.y.view(), adjoint.view(), 1.0, gradient);
    }

    /// Adds what the parameters of the warps do through the means that follow them, `of_means` (T) being the
    /// derivative with respect to these.
    pub(super) fn add_gradient_through_means(
        &self,
        of_means: ArrayView1<f64>,
        natural: &[f64],
        gradient: &mut [f64],
    ) {
        if !self.means_follow {
            return;
        }
        let count = |t: usize| self.pattern().rows_of(t).len().max(1) as f64;
        let shares: Array1<f64> = (0..).zip(of_means).map(|(t, v)| v / count(t)).collect();
        let adjoint = self.table.indicator() * &shares;
        self.warps.add_gradient(natural, self.table.y.view(), adjoint.view(), 0.0, gradient);
    }

    /// Sets the means that follow the warps: training means are those of the warped outputs at whatever
    /// parameters the warps have while these are learned.
    pub(crate) fn follow(&self, natural: &mut [f64]) {
        if self.means_follow {
            let means = crate::data::task_means(self.warped_outputs(natural).view());
            natural[self.mean_range()].iter_mut().zip(&means).for_each(|(m, v)| *m = *v);
        }
    }
}
