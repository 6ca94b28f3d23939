//! What a model is bound from besides its data.

use super::warped::held;
use crate::data::Dataset;
use crate::error::Result;
use crate::gp::{Mean, Model, Scaling};
use crate::matrix_kernel::Coregionalization;
use crate::solve::{CgSettings, Solver};
use crate::task::Noise;
use crate::warp::Warp;

/// The settings that decide which parameters a model has, where they start, and which of them are
/// held or tied: with the data and the values of the parameters they are the whole model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Structure {
    /// Kernel and task covariance as they were given, before anything was learned.
    pub(crate) terms: Coregionalization,
    pub(crate) noise: Noise,
    pub(crate) mean: Mean,
    /// Whether parameters are learned from the restricted likelihood.
    pub(crate) reml: bool,
    /// One for each task, one for all, or none.
    pub(crate) warps: Vec<Warp>,
    pub(crate) scaling: Scaling,
    /// Paths held, and pairs of paths tied, in the order they were said.
    pub(crate) fixed: Vec<String>,
    pub(crate) ties: Vec<(String, String)>,
    /// The solver asked for, and the bytes it may take.
    pub(crate) solver: Solver,
    pub(crate) solver_memory: usize,
    /// Tolerances of the iterative solver.
    pub(crate) cg: CgSettings,
    /// Share of the Gram matrix's trace that the solver `low-rank` may leave out.
    pub(crate) rank_tol: f64,
    /// Whether parameters are learned: one evaluation may have a cheaper solver.
    pub(crate) learns: bool,
}

impl Structure {
    /// The model of a data set.
    ///
    /// # Errors
    /// As [`Model::new`] and [`Model::select_solver`], and for holds and ties that do not fit.
    pub(crate) fn bind(&self, data: &Dataset) -> Result<Model> {
        let (noise, mean) = (&self.noise, &self.mean);
        let warps = held(&self.warps, data.n_tasks(), &self.fixed, &self.ties);
        let mut model = Model::with_warps(data, &self.terms, noise, mean, self.scaling, &warps)?;
        model.set_restricted(self.reml)?;
        // Ties first: what is held is held with all that is tied to it, in whatever order it was said.
        for (path, other) in &self.ties {
            model.layout_mut().tie(path, other)?;
        }
        for path in &self.fixed {
            model.layout_mut().fix(path)?;
        }
        model.set_cg(self.cg.clone());
        model.set_rank_tol(self.rank_tol)?;
        model.select_solver(self.solver, self.solver_memory, self.learns)?;
        Ok(model)
    }
}
