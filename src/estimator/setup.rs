//! How a fitted model was set up.

use super::fitted::FittedMultiTaskGp;
use crate::gp::{Mean, Scaling};
use crate::solve::Solver;
use crate::task::Noise;
use crate::warp::Warp;

/// What a model was set up with besides its kernel and task covariance.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// let setup = gp.setup();
/// assert_eq!((setup.noise, setup.mean, setup.solver), (Noise::PerTask, Mean::Constant, Solver::Auto));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// The noise asked for; what was learned is [`FittedMultiTaskGp::noise`].
    pub noise: Noise,
    /// The mean asked for.
    pub mean: Mean,
    /// Whether the restricted likelihood was asked for.
    pub reml: bool,
    /// The warps asked for: one for each task, one for all, or none; those learned are
    /// [`FittedMultiTaskGp::warps`].
    pub warps: Vec<Warp>,
    /// Whether columns of x have scales of their own, and outputs.
    pub scaling: Scaling,
    /// The solver asked for; the one that served stands in the report.
    pub solver: Solver,
    /// Share of the Gram matrix's trace that the solver `low-rank` may leave out.
    pub rank_tol: f64,
    /// Paths of parameters held.
    pub fixed: Vec<String>,
    /// Pairs of paths tied.
    pub ties: Vec<(String, String)>,
}

impl FittedMultiTaskGp {
    /// What the model was set up with besides its kernel and task covariance.
    pub fn setup(&self) -> Setup {
        let s = self.structure();
        Setup {
            noise: s.noise.clone(),
            mean: s.mean.clone(),
            reml: s.reml,
            warps: s.warps.clone(),
            scaling: s.scaling,
            solver: s.solver,
            rank_tol: s.rank_tol,
            fixed: s.fixed.clone(),
            ties: s.ties.clone(),
        }
    }
}
