//! Factors of a model whose mean is estimated: the data less the mean at its best coefficients.

use std::sync::Arc;

use ndarray::ArrayView2;

use super::likelihood::{Spectral, SpectralFactor};
use super::model::Model;
use crate::error::{Error, Result};
use crate::op::Adjoint;
use crate::solve::{
    Adjoints, Congruence, Factor, FixedEffects, KroneckerFactor, SchurFactor, profiled,
};

/// A factor of the residuals, with the coefficients of the mean where they were estimated.
#[derive(Debug, Clone)]
pub(super) struct Profiled<F> {
    pub(super) factor: F,
    pub(super) effects: Option<FixedEffects>,
}

impl<F> Profiled<F> {
    fn held(factor: F) -> Self {
        Profiled { factor, effects: None }
    }

    pub(super) fn map<G>(self, f: impl FnOnce(F) -> G) -> Profiled<G> {
        Profiled { factor: f(self.factor), effects: self.effects }
    }
}

impl Model {
    /// Whether a mean that is estimated has the other parameters learned from the restricted likelihood:
    /// that of the contrasts of the data that the mean does not reach (REML; Harville 1974). Models
    /// start without it.
    ///
    /// ```
    /// # use coregion::gp::{Model, Scaling};
    /// # use coregion::{matrix_kernel::Separable, prelude::*};
    /// # use ndarray::array;
    /// # let data = Dataset::new(array![[0.0], [1.0]].view(), array![[3.0], [4.0]].view())?;
    /// # let term = Separable { kernel: Rbf::ard(), task: Diagonal::new() };
    /// let bind = |mean| Model::new(&data, &term, &Noise::PerTask, &mean, Scaling::default());
    /// assert!(bind(Mean::Constant)?.set_restricted(true).is_ok());
    /// assert!(bind(Mean::Zero)?.set_restricted(true).is_err());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Incompatible`] for a mean without coefficients to estimate.
    pub fn set_restricted(&mut self, restricted: bool) -> Result<()> {
        match &mut self.linear_mean {
            Some(mean) => Arc::make_mut(mean).restricted = restricted,
            None if restricted => {
                return Err(Error::Incompatible {
                    options: "`reml` and a mean without coefficients to estimate".to_string(),
                    advice: "take a constant mean or a basis, or leave `reml` out".to_string(),
                });
            }
            None => {}
        }
        Ok(())
    }

    /// The orthonormal columns (n, p) of a mean to be estimated.
    pub(super) fn free_columns(&self) -> Option<ArrayView2<'_, f64>> {
        let columns = self.linear_mean.as_ref().map(|mean| mean.columns());
        columns.filter(|columns| columns.ncols() > 0)
    }

    /// The covariance factored on a given spectrum, with the mean at its best coefficients: O(n p T) more
    /// for a complete table.
    pub(super) fn profiled(
        &self,
        spectral: &Spectral,
        natural: &[f64],
    ) -> Result<Profiled<SpectralFactor>> {
        self.go_on()?;
        let spectrum = Arc::clone(&spectral.spectrum);
        let (task, noise) = (self.task_matrix(natural), self.noise_matrix(natural));
        let rotated = spectral.rotated.view();
        if self.pattern().is_complete() {
            let congruence = Congruence::new(&task, &noise)?;
            return Ok(match &spectral.columns {
                None => Profiled::held(KroneckerFactor::new(spectrum, congruence, rotated)),
                Some(columns) => {
                    let (factor, effects) =
                        KroneckerFactor::profiled(spectrum, congruence, rotated, columns.view())?;
                    Profiled { factor, effects: Some(effects) }
                }
            }
            .map(SpectralFactor::Complete));
        }
        let (congruence, pattern) = (Congruence::whole(&task, &noise)?, Arc::clone(self.pattern()));
        let mut factor = SchurFactor::new(spectrum, congruence, rotated, pattern)?;
        let mut effects = None;
        if let (Some(own), Some(columns)) = (&spectral.columns, self.free_columns()) {
            let found = factor.fixed_effects(columns, self.pattern())?;
            factor.set_rotated(&rotated - &own.dot(found.coefficients()));
            effects = Some(found);
        }
        Ok(Profiled { factor: SpectralFactor::Gaps(factor), effects })
    }

    /// A factor of the data at their least squares, moved to the best coefficients of the mean.
    pub(super) fn with_mean(
        &self,
        factor: Box<dyn Factor>,
        natural: &[f64],
    ) -> Result<Profiled<Box<dyn Factor>>> {
        match (self.free_columns(), self.linear_mean_at(natural)) {
            (Some(columns), Some(mean)) => {
                let data = mean.residuals().view();
                let (factor, effects) = profiled(factor, data, columns, self.pattern())?;
                Ok(Profiled { factor, effects: Some(effects) })
            }
            _ => Ok(Profiled::held(factor)),
        }
    }

    /// A factor of other data of the same rows, given those of this model at the best coefficients of its
    /// mean; as it is where the mean is held.
    pub(super) fn remeaned(
        &self,
        factor: Box<dyn Factor>,
        natural: &[f64],
    ) -> Result<Profiled<Box<dyn Factor>>> {
        match self.linear_mean_at(natural) {
            Some(mean) => self.with_mean(factor.with_data(mean.residuals().view())?, natural),
            None => Ok(Profiled::held(factor)),
        }
    }

    /// Number of coefficients of a mean to be estimated.
    pub(super) fn n_coefficients(&self) -> usize {
        self.free_columns().map_or(0, |columns| columns.ncols().saturating_mul(self.n_tasks()))
    }

    /// What the restricted likelihood has more than the profile likelihood; 0 where it is not used.
    pub(super) fn restriction(&self, effects: Option<&FixedEffects>) -> f64 {
        match (&self.linear_mean, effects) {
            (Some(mean), Some(effects)) => mean.restriction(effects),
            _ => 0.0,
        }
    }

    /// The effects, where the restricted likelihood is used.
    pub(super) fn restricted<'a>(
        &self,
        effects: Option<&'a FixedEffects>,
    ) -> Option<&'a FixedEffects> {
        effects.filter(|_| self.linear_mean.as_ref().is_some_and(|mean| mean.restricted))
    }

    /// Adds to adjoints what the restricted likelihood has more.
    pub(super) fn restrict(
        &self,
        effects: Option<&FixedEffects>,
        natural: &[f64],
        adjoints: &mut Adjoints<'_>,
    ) {
        if let Some(effects) = self.restricted(effects) {
            effects.restrict(adjoints, || self.covariance(natural));
        }
    }

    /// The same for an adjoint of K alone.
    pub(super) fn restrict_kernel(
        &self,
        effects: Option<&FixedEffects>,
        natural: &[f64],
        adjoint: &mut Adjoint<'_>,
    ) {
        if let Some(effects) = self.restricted(effects) {
            effects.restrict_kernel(adjoint, || self.covariance(natural));
        }
    }
}
