//! The inner problem: B and Sigma on a fixed spectrum.

use super::fisher;
use super::fisher_factored::factored_step;
use super::likelihood::{Spectral, SpectralFactor};
use super::model::Model;
use super::profiled::Profiled;
use crate::error::Result;
use crate::learn::{Objective, Scoring};
use crate::op::TaskAdjoint;

/// Minus the log posterior density per observation as a function of the free values of B and Sigma,
/// at held kernel parameters. One evaluation costs O(n T^2 + T^3).
pub(super) struct InnerObjective<'a> {
    pub(super) model: &'a Model,
    pub(super) spectral: Spectral,
    /// Number of free values before those of this problem.
    pub(super) offset: usize,
    /// Free values of the whole model; the inner ones are overwritten.
    pub(super) free: Vec<f64>,
    /// Natural values at the point last evaluated.
    pub(super) natural: Vec<f64>,
    /// The factorisation at the point last evaluated.
    pub(super) factor: Option<Profiled<SpectralFactor>>,
    /// Adjoints of B and Sigma there, once they were asked for.
    adjoints: Option<(TaskAdjoint, TaskAdjoint)>,
}

impl<'a> InnerObjective<'a> {
    pub(super) fn new(
        model: &'a Model,
        spectral: Spectral,
        offset: usize,
        free: Vec<f64>,
        natural: Vec<f64>,
    ) -> Self {
        InnerObjective { model, spectral, offset, free, natural, factor: None, adjoints: None }
    }

    /// Moves to a point and factors there.
    pub(super) fn visit(&mut self, point: &[f64]) -> Result<()> {
        self.free[self.offset..].copy_from_slice(point);
        self.model.layout().unpack_into(&self.free, &mut self.natural);
        (self.factor, self.adjoints) = (None, None);
        self.factor = Some(self.model.profiled(&self.spectral, &self.natural)?);
        Ok(())
    }
}

impl Objective for InnerObjective<'_> {
    fn evaluate(&mut self, point: &[f64]) -> Result<(f64, Vec<f64>)> {
        self.visit(point)?;
        let mut gradient = vec![0.0; self.natural.len()];
        let mut value = self.model.layout().log_prior(&self.natural, &mut gradient);
        if let Some(Profiled { factor, effects }) = &self.factor {
            let (factor, effects) = (factor.as_factor(), effects.as_ref());
            value += factor.log_likelihood() + self.model.restriction(effects);
            value += self.model.log_jacobian(&self.natural);
            let mut adjoints = factor.adjoints(false)?;
            self.model.restrict(effects, &self.natural, &mut adjoints);
            let (tasks, noise) = (&adjoints.tasks, &adjoints.noise);
            self.model.add_task_gradient(tasks, noise, &self.natural, &mut gradient);
            self.adjoints = adjoints.tasks.into_iter().next().zip(Some(adjoints.noise));
        }
        let count = -(self.model.n_observations() as f64);
        let free = self.model.layout().pullback(&self.free, &gradient);
        Ok((value / count, free[self.offset..].iter().map(|g| g / count).collect()))
    }
}

impl Scoring for InnerObjective<'_> {
    fn step(&mut self, _point: &[f64], gradient: &[f64], damping: f64) -> Option<Vec<f64>> {
        // With gaps the information is that of the filled table: larger, so that steps are shorter.
        let factor = self.factor.as_ref()?.factor.kronecker();
        let place = fisher::Place { offset: self.offset, free: &self.free, natural: &self.natural };
        let adjoints = self.adjoints.as_ref()?;
        fisher::separable_step(self.model, factor, adjoints, &place, damping)
            .or_else(|| factored_step(self.model, factor, &place, gradient, damping))
            .or_else(|| fisher::coordinate_step(self.model, factor, &place, gradient, damping))
    }
}
