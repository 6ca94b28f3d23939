//! How parameters are learned: which strategy, from which start.

use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::multi_task_gp::MultiTaskGp;
use super::optimizer::Optimizer;
use super::report::RestartSummary;
use crate::error::{Error, Result};
use crate::gp::{AlternatingBlocks, JointObjective, Model, Spectral};
use crate::learn::{
    Interruption, LbfgsSettings, Outcome, Progress, ScoringSettings, Stop, alternate, minimise,
};
use crate::solve::{CgSettings, Solver};

/// Observed entries from which on joint learning begins with some of the rows ...
const LARGE: usize = 4000;
/// ... so many that they hold about this many entries, or twice as many before an iterative solver, whose
/// steps cost much more.
const SOME: usize = 2000;

/// Gradient at which learning with an iterative solver ends at the earliest: what its gradient, known
/// from random probes, can tell.
const ESTIMATED_GRADIENT: f64 = 1e-3;

/// The gradient at which a fit counts as converged.
pub(super) fn gradient_tolerance(settings: &MultiTaskGp, model: &Model) -> f64 {
    match model.solver() {
        Solver::Cg => settings.gradient_tolerance.max(ESTIMATED_GRADIENT),
        _ => settings.gradient_tolerance,
    }
}

/// Tolerances of the iterative solver for steps of learning: an error of the solution enters the
/// likelihood with its square.
pub(super) fn while_learning(settings: &CgSettings) -> CgSettings {
    CgSettings {
        tolerance: settings.tolerance.max(1e-4),
        probe_tolerance: settings.probe_tolerance.max(1e-2),
        ..settings.clone()
    }
}

/// Where one start ended.
pub(super) struct Learned {
    pub(super) natural: Vec<f64>,
    pub(super) log_posterior: f64,
    pub(super) gradient_norm: f64,
    pub(super) outcome: Outcome,
}

impl Learned {
    pub(super) fn summary(&self) -> RestartSummary {
        RestartSummary {
            log_posterior: self.log_posterior,
            stop: self.outcome.stop,
            iterations: self.outcome.iterations,
            evaluations: self.outcome.evaluations,
        }
    }
}

/// What is moved at a time, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Strategy {
    pub(super) name: &'static str,
    pub(super) why: &'static str,
}

pub(super) const NOTHING: Strategy = Strategy { name: "none", why: "nothing is learned" };
const ALTERNATING: Strategy = Strategy {
    name: "alternating",
    why: "B and the noise are learned to their optimum on each eigendecomposition",
};

impl Strategy {
    /// The strategy for a model whose solver was chosen; `Optimizer::None` is not one.
    ///
    /// # Errors
    /// [`Error::Incompatible`] for alternating learning without a spectrum that serves.
    pub(super) fn of(optimizer: Optimizer, model: &Model) -> Result<Self> {
        let spectral = {
            let solver = model.solver();
            matches!(solver, Solver::Kronecker | Solver::LowRank | Solver::Schur)
        };
        let joint = |why| Ok(Strategy { name: "joint", why });
        match optimizer {
            Optimizer::Alternating if !spectral => Err(Error::Incompatible {
                options: format!("alternating learning and the solver '{}'", model.solver()),
                advice:
                    "use the joint optimizer, or one of the solvers kronecker, low-rank and schur \
                         where they serve"
                        .to_string(),
            }),
            Optimizer::Alternating => Ok(ALTERNATING),
            Optimizer::Joint => joint("asked for"),
            Optimizer::Auto | Optimizer::None if !spectral => {
                joint("every step over B and the noise needs a factorisation of its own")
            }
            _ if model.kernel_block().is_none() => {
                joint("a tie couples the kernel to B or the noise")
            }
            _ if model.problem().alternating_is_cheaper() => Ok(ALTERNATING),
            _ => joint(
                "with this many gaps, steps over B and the noise alone cost more than steps over all",
            ),
        }
    }

    fn is_joint(self) -> bool {
        self.name == "joint"
    }
}

/// One start: the first at the values specified, the others with free kernel values moved by
/// standard normal draws.
pub(super) fn learn(
    settings: &MultiTaskGp,
    model: &Model,
    initial: &[f64],
    restart: usize,
    strategy: Strategy,
    interruption: &Interruption,
) -> Result<Learned> {
    interruption.check()?;
    let mut initial = initial.to_vec();
    if restart > 0 {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(settings.seed);
        (0..restart).for_each(|_| rng.jump());
        let mut free = model.layout().pack(&initial);
        let kernel = model.kernel_block().unwrap_or(free.len());
        free[..kernel].iter_mut().for_each(|u| *u += rng.sample::<f64, _>(StandardNormal));
        model.layout().unpack_into(&free, &mut initial);
        model.follow(&mut initial);
    }
    let mut evaluations = 0;
    let mut report = |log_posterior: f64| {
        evaluations += 1;
        let eigendecompositions = model.eigendecompositions();
        interruption.tell(&Progress { restart, evaluations, eigendecompositions, log_posterior })
    };
    let (start, spectral) = match model.solver() {
        Solver::Mixed => (model.start_mixed(&initial)?, None),
        Solver::Dense | Solver::Cg if model.mixing().is_some() => {
            let start = model.start_mixed(&initial)?;
            (on_some_rows(settings, model, start, &mut report)?, None)
        }
        Solver::Congruent => (model.start_from_rows(&initial)?, None),
        Solver::Dense | Solver::Cg => {
            let start = model.start_from_rows(&initial)?;
            (on_some_rows(settings, model, start, &mut report)?, None)
        }
        _ => {
            let (start, spectral) = model.start(&initial)?;
            (start, Some(spectral))
        }
    };
    match spectral.filter(|_| !strategy.is_joint()) {
        Some(spectral) => alternately(settings, model, start, spectral, report),
        None => jointly(settings, model, start, report),
    }
}

/// Joint learning on some of the rows, where there are many: what a few thousand observations say is
/// known before the expensive steps begin.
fn on_some_rows(
    settings: &MultiTaskGp,
    model: &Model,
    start: Vec<f64>,
    report: &mut impl FnMut(f64) -> Result<()>,
) -> Result<Vec<f64>> {
    if model.n_observations() <= LARGE {
        return Ok(start);
    }
    let entries = if model.solver() == Solver::Cg { 2 * SOME } else { SOME };
    let some = model.some_rows(entries)?;
    let rough = LbfgsSettings {
        gradient_tolerance: settings.gradient_tolerance.max(1e-3),
        max_iterations: settings.max_iterations.min(50),
        ..LbfgsSettings::default()
    };
    let free = model.layout().pack(&start);
    let mut natural = start.clone();
    let outcome = minimise(&mut JointObjective::new(&some, start, report), &free, &rough)?;
    model.layout().unpack_into(&outcome.point, &mut natural);
    model.follow(&mut natural);
    Ok(natural)
}

fn jointly(
    settings: &MultiTaskGp,
    model: &Model,
    start: Vec<f64>,
    report: impl FnMut(f64) -> Result<()>,
) -> Result<Learned> {
    let tolerance = gradient_tolerance(settings, model);
    let outer = LbfgsSettings {
        gradient_tolerance: tolerance,
        max_iterations: settings.max_iterations,
        // The estimated gradient is not exactly that of the estimated value.
        value_noise: if model.solver() == Solver::Cg { tolerance } else { 0.0 },
        ..LbfgsSettings::default()
    };
    let free = model.layout().pack(&start);
    let mut objective = JointObjective::new(model, start.clone(), report);
    let outcome = minimise(&mut objective, &free, &outer)?;
    let (free, gradient_norm) = (outcome.point.clone(), outcome.gradient_norm());
    Ok(ended(settings, model, start, &free, gradient_norm, outcome))
}

fn alternately(
    settings: &MultiTaskGp,
    model: &Model,
    start: Vec<f64>,
    spectral: Spectral,
    report: impl FnMut(f64) -> Result<()>,
) -> Result<Learned> {
    let tolerance = inner_tolerance(settings, model);
    let outer_settings = LbfgsSettings {
        gradient_tolerance: settings.gradient_tolerance,
        max_iterations: settings.max_iterations,
        // At an optimum on the boundary what the inner problem leaves is of the order of its gradient.
        value_noise: tolerance,
        ..LbfgsSettings::default()
    };
    let inner_settings =
        ScoringSettings { gradient_tolerance: tolerance, ..ScoringSettings::default() };
    let free = model.layout().pack(&start);
    let mut blocks = AlternatingBlocks::new(model, start.clone(), spectral, report)?;
    let (outer, inner) = free.split_at(blocks.n_outer());
    let (outcome, inner) = alternate(&mut blocks, outer, inner, &outer_settings, &inner_settings)?;
    let gradient_norm = outcome.gradient_norm().max(inner.gradient_norm);
    let free: Vec<f64> = outcome.point.iter().copied().chain(inner.point).collect();
    Ok(ended(settings, model, start, &free, gradient_norm, outcome))
}

fn ended(
    settings: &MultiTaskGp,
    model: &Model,
    mut natural: Vec<f64>,
    free: &[f64],
    gradient_norm: f64,
    mut outcome: Outcome,
) -> Learned {
    // The outer optimum is half of the story: B and Sigma must have reached theirs.
    outcome.stop = match outcome.stop {
        Stop::Converged | Stop::NothingFree
            if gradient_norm > gradient_tolerance(settings, model) =>
        {
            Stop::Stalled
        }
        Stop::NothingFree => Stop::Converged,
        other => other,
    };
    model.layout().unpack_into(free, &mut natural);
    model.follow(&mut natural);
    let log_posterior = -outcome.value * model.n_observations() as f64;
    Learned { natural, log_posterior, gradient_norm, outcome }
}

/// The tolerance of inner problems. A parameter of one task moves the density of that task's rows
/// alone: its gradient per observation of all tasks shrinks with their number.
fn inner_tolerance(settings: &MultiTaskGp, model: &Model) -> f64 {
    const TASKS: f64 = 64.0;
    0.1 * settings.gradient_tolerance * (TASKS / model.n_tasks() as f64).min(1.0)
}
