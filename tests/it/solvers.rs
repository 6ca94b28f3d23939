//! The solvers that answers are compared by, each with how closely it must answer.

use coregion::prelude::*;

/// A solver and what is asked of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tested {
    pub(crate) solver: Solver,
    /// Serves tables without gaps alone.
    complete: bool,
    /// Serves the same noise at every row alone.
    same_noise: bool,
    /// Relative error allowed in likelihoods and their gradients.
    pub(crate) likelihood: f64,
    /// Relative error allowed in means, standard deviations and covariances.
    pub(crate) answers: f64,
}

impl Tested {
    /// Relative error allowed in a model's likelihood: where it is estimated, three standard errors more.
    pub(crate) fn likelihood_of(&self, gp: &FittedMultiTaskGp) -> f64 {
        let std_err = 0.5 * gp.report().solve.log_det_std_err;
        self.likelihood + 3.0 * std_err / gp.log_marginal_likelihood().abs().max(1.0)
    }

    /// The name in reports: with nothing missing the Schur complement is empty, and what is left is the
    /// Kronecker factorisation.
    pub(crate) fn reported(&self, data: &Dataset) -> String {
        match self.solver {
            Solver::Schur if data.is_complete() => Solver::Kronecker.to_string(),
            Solver::LowRank => Solver::Kronecker.to_string(),
            other => other.to_string(),
        }
    }
}

/// Every solver: another one is a line here, an approximate one with tolerances of its own.
pub(crate) const SOLVERS: [Tested; 6] = [
    exact(Solver::Kronecker, true, true),
    // Few rows are never of low rank: this is the way back to the whole spectrum.
    exact(Solver::LowRank, true, true),
    exact(Solver::Choleskys, true, true),
    exact(Solver::Schur, false, true),
    exact(Solver::Dense, false, false),
    // Where every observation is a landmark the probes have nothing left to say.
    Tested {
        solver: Solver::Cg,
        complete: false,
        same_noise: false,
        likelihood: 1e-6,
        answers: 1e-5,
    },
];

const fn exact(solver: Solver, complete: bool, same_noise: bool) -> Tested {
    Tested { solver, complete, same_noise, likelihood: 1e-8, answers: 1e-8 }
}

/// The solvers that serve a data set with noise that is not zero.
pub(crate) fn serving(data: &Dataset) -> Vec<Tested> {
    let known = data.noise_variances().is_some();
    let serves = |s: &Tested| !(s.complete && !data.is_complete() || s.same_noise && known);
    SOLVERS.into_iter().filter(serves).collect()
}

/// The solvers that serve sums of terms.
pub(crate) fn serving_sums() -> Vec<Tested> {
    SOLVERS.into_iter().filter(|s| !s.same_noise).collect()
}

/// The model by each solver that serves, with what is asked of it; the report must name the solver.
pub(crate) fn by_each_solver(
    model: &MultiTaskGp,
    data: &Dataset,
) -> Vec<(Tested, FittedMultiTaskGp)> {
    by_each_of(serving(data), model, data)
}

/// The same by some solvers.
pub(crate) fn by_each_of(
    solvers: Vec<Tested>,
    model: &MultiTaskGp,
    data: &Dataset,
) -> Vec<(Tested, FittedMultiTaskGp)> {
    let each = |s: Tested| {
        let gp = model.clone().solver(s.solver).fit(data).unwrap();
        assert_eq!(gp.report().solve.solver, s.reported(data));
        (s, gp)
    };
    solvers.into_iter().map(each).collect()
}
