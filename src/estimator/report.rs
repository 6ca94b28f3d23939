//! What a fit did and what the user should know about it.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::learn::{Stop, TracePoint};
use crate::solve::SolveReport;
use crate::spec::number;

/// Something about a fit that deserves attention.
///
/// ```
/// use coregion::{estimator::Warning, prelude::*};
/// use ndarray::array;
/// let x = array![[0.0, 7.0], [1.0, 7.0], [2.0, 7.0], [3.0, 7.0]];
/// let y = array![[0.1], [0.9], [0.8], [0.2]];
/// let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// let expected = Warning::ConstantFeature { name: "x1".to_string() };
/// assert!(gp.report().warnings.contains(&expected));
/// assert_eq!(expected.to_string(), "column 'x1' of x is constant and has no influence");
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Warning {
    /// A column of x is constant: it has no influence, and its lengthscale no meaning.
    ConstantFeature {
        /// Name of the column.
        name: String,
    },
    /// A task is constant: it is predicted as its value, and gains nothing.
    ConstantTask {
        /// Name of the task.
        name: String,
    },
    /// The learned noise variance of a task, for full noise that given the tasks before it, lies at its
    /// floor: the data look free of noise.
    NoiseAtFloor {
        /// Name of the task.
        name: String,
    },
    /// The task covariance has fewer directions than tasks: an optimum on the boundary.
    RankDeficient {
        /// Eigenvalues of the task correlation above 1e-6 of the largest.
        effective_rank: usize,
        /// Number of tasks.
        n_tasks: usize,
    },
    /// Data are too few for B or the noise: they have priors (see [`crate::gp::Model::few_data`]).
    FewData {
        /// What there is too much of.
        reason: String,
    },
    /// A task with so few observations that its values of B and the noise have priors (see
    /// [`crate::gp::Model::few_observations`]).
    FewObservations {
        /// Name of the task.
        name: String,
        /// How many there are.
        count: usize,
    },
    /// The solution of the iterative solver is not as good as was asked for.
    ResidualAboveTolerance {
        /// Relative residual reached.
        reached: f64,
    },
    /// The Gram matrix was cut off so early that the log-likelihood is uncertain; means and standard
    /// deviations are too, and the latter may vanish.
    RoughRank {
        /// Nats that the log-likelihood is away from the exact one at most.
        bound: f64,
    },
    /// A task without observations: it is predicted from its prior given B.
    TaskWithoutData {
        /// Name of the task.
        name: String,
    },
    /// Signal and noise can hardly be told apart (see [`crate::gp::identifiability`]).
    NotIdentified {
        /// Share of the information that is left.
        share: f64,
    },
    /// The gradient is above the tolerance.
    NotConverged {
        /// Largest entry of the gradient, per observation.
        gradient_norm: f64,
        /// Why the optimiser stopped.
        stop: Stop,
    },
    /// A term of the kernel, or a latent function of a mixing, that has next to no share of the signal: a
    /// model without it says the same.
    NegligibleTerm {
        /// Its place.
        term: usize,
        /// Its share of the variance of the signal.
        share: f64,
    },
    /// Two terms whose kernels are multiples of each other at the training rows: one term, with the sum
    /// of their task covariances, says the same.
    AlikeTerms {
        /// The place of the first.
        first: usize,
        /// The place of the other.
        last: usize,
    },
    /// Parameters are held that were given no value: they stay where learning would have started.
    HeldAtStart {
        /// Their paths.
        paths: Vec<String>,
    },
    /// One row tells nothing of the covariances: they are at their start values.
    OneRow,
    /// The search for better penalties than those of the grid went as far as it may without reaching a
    /// minimum: the criterion prefers no penalty, or nothing but penalty.
    PenaltySearchEnded,
    /// Penalties at which the criterion could not be computed, and which were not chosen.
    PenaltiesNotJudged {
        /// Their number, over all task covariances.
        count: usize,
    },
    /// The penalty chosen is the smallest or the largest there was.
    PenaltyAtEnd {
        /// The penalty.
        alpha: f64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::ConstantFeature { name } => {
                write!(f, "column '{name}' of x is constant and has no influence")
            }
            Warning::ConstantTask { name } => {
                write!(f, "task '{name}' is constant: it is predicted as its value")
            }
            Warning::NoiseAtFloor { name } => {
                write!(f, "the noise of task '{name}' is at its floor, 1e-6 of the task's variance")
            }
            Warning::RankDeficient { effective_rank, n_tasks } => write!(
                f,
                "the task covariance has rank {effective_rank} of {n_tasks}: an optimum on the \
                 boundary"
            ),
            Warning::FewData { reason } => {
                write!(f, "{reason}: variances have priors in units of the tasks' scales")
            }
            Warning::FewObservations { name, count } => write!(
                f,
                "task '{name}' has {count} observation(s): its variances have priors around those of \
                 the task's scale"
            ),
            Warning::ResidualAboveTolerance { reached } => write!(
                f,
                "the iterative solver ended at a relative residual of {}, above its tolerance",
                number(*reached)
            ),
            Warning::RoughRank { bound } => write!(
                f,
                "the Gram matrix was cut off: the log-likelihood is known to {} nats only, and standard \
                 deviations may be far too small: lower `rank_tol`",
                number(*bound)
            ),
            Warning::TaskWithoutData { name } => {
                write!(
                    f,
                    "task '{name}' has no observation: it is predicted from its prior given B"
                )
            }
            Warning::NotIdentified { share } => write!(
                f,
                "signal and noise can hardly be told apart: {} of the information is left",
                number(*share)
            ),
            Warning::NotConverged { gradient_norm, stop } => write!(
                f,
                "not converged: largest gradient entry {} nats per observation ({stop:?})",
                number(*gradient_norm)
            ),
            Warning::NegligibleTerm { term, share } => write!(
                f,
                "term {term} has {} of the signal: a model without it says the same",
                number(*share)
            ),
            Warning::AlikeTerms { first, last } => write!(
                f,
                "the kernels of terms {first} and {last} have become one: one term with the sum of \
                 their task covariances says the same"
            ),
            Warning::PenaltySearchEnded => f.write_str(
                "the search for better penalties ended before a minimum: the criterion prefers no \
                 penalty, or nothing but penalty",
            ),
            Warning::PenaltiesNotJudged { count } => {
                write!(f, "at {count} penalties the criterion could not be computed")
            }
            Warning::PenaltyAtEnd { alpha } => {
                write!(f, "the penalty {} is at an end of the grid: widen it", number(*alpha))
            }
            Warning::HeldAtStart { paths } => write!(
                f,
                "held without a value given, at where learning would have started: {}",
                paths.join(", ")
            ),
            Warning::OneRow => {
                write!(
                    f,
                    "one row tells nothing of the covariances: they are at their start values"
                )
            }
        }
    }
}

/// One start and where it led.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let data = Dataset::new(x.view(), y.view())?;
/// let gp = MultiTaskGp::new(Rbf::ard()).n_restarts(1).fit(&data)?;
/// let [first, second] = gp.report().restarts.as_slice() else { unreachable!() };
/// let best = if second.log_posterior > first.log_posterior { second } else { first };
/// assert_eq!((best.stop, best.evaluations), (gp.report().stop, gp.report().evaluations));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestartSummary {
    /// Log posterior density reached.
    pub log_posterior: f64,
    /// Why the optimiser stopped.
    pub stop: Stop,
    /// Iterations of the outer optimiser.
    pub iterations: usize,
    /// Evaluations of the outer objective.
    pub evaluations: usize,
}

/// What a fit did.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// let report = gp.report();
/// assert!(report.converged && report.gradient_norm < 1e-5);
/// assert_eq!(report.trace.len(), report.evaluations);
/// assert!(report.to_string().contains("converged            yes"));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FitReport {
    /// How parameters were learned: `alternating`, `joint` or `none`.
    pub optimizer: &'static str,
    /// Why they were learned that way.
    pub strategy: Cow<'static, str>,
    /// True where the largest entry of the gradient is below the tolerance.
    pub converged: bool,
    /// Largest entry of the gradient with respect to the free values, in nats per observation.
    pub gradient_norm: f64,
    /// Why the optimiser stopped.
    pub stop: Stop,
    /// Iterations of the outer optimiser in the best start.
    pub iterations: usize,
    /// Evaluations of the outer objective in the best start.
    pub evaluations: usize,
    /// Eigendecompositions of n x n matrices in all starts, the final posterior included; with the solver
    /// `low-rank` pivoted Cholesky factors in their place.
    pub eigendecompositions: usize,
    /// Every start, the first one first.
    pub restarts: Vec<RestartSummary>,
    /// Log posterior density at each outer evaluation of the best start, in order.
    pub trace: Vec<TracePoint>,
    /// What the solver did at the optimum.
    pub solve: SolveReport,
    /// Share of the information about B left when the noise is unknown too; `None` where it was not
    /// computed.
    pub identifiability: Option<f64>,
    /// Wall time of the fit.
    pub wall_time: Duration,
    /// What deserves attention.
    pub warnings: Vec<Warning>,
}

impl fmt::Display for FitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = &self.solve;
        let exact = if s.exact { "exact" } else { "approximate" };
        writeln!(f, "  solver               {} ({exact}; {})", s.solver, s.precision)?;
        writeln!(f, "  why                  {}", s.why)?;
        if let (Some(tolerance), Some(reached)) = (s.tolerance, s.relative_residual) {
            writeln!(
                f,
                "  residual             {} of {} asked for, {} iterations, preconditioner of rank {}",
                number(reached),
                number(tolerance),
                s.iterations,
                s.rank.unwrap_or(0)
            )?;
            writeln!(
                f,
                "  log-determinant      estimated, standard error {} nats",
                number(s.log_det_std_err)
            )?;
        }
        if let (Some(bound), Some(rank)) = (s.log_likelihood_bound, s.rank) {
            writeln!(
                f,
                "  log-likelihood       within {} nats of the exact one, Gram matrix of rank {rank}",
                number(bound)
            )?;
        }
        writeln!(
            f,
            "  optimizer            {}, {} iterations, {} evaluations, {} start(s)",
            self.optimizer,
            self.iterations,
            self.evaluations,
            self.restarts.len().max(1)
        )?;
        writeln!(f, "  strategy             {}", self.strategy)?;
        writeln!(
            f,
            "  converged            {} (largest gradient entry {} nats per observation)",
            if self.converged { "yes" } else { "no" },
            number(self.gradient_norm)
        )?;
        writeln!(f, "  eigendecompositions  {}", self.eigendecompositions)?;
        if s.clipped_eigenvalues > 0 {
            writeln!(
                f,
                "  clipped eigenvalues  {} (at most {} of the largest)",
                s.clipped_eigenvalues,
                number(s.clipped_magnitude)
            )?;
        }
        writeln!(f, "  wall time            {:.2} s", self.wall_time.as_secs_f64())?;
        for warning in &self.warnings {
            writeln!(f, "  warning: {warning}")?;
        }
        Ok(())
    }
}
