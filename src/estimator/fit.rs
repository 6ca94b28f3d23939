//! From a data set to a fitted model.

use std::sync::Arc;
use std::time::Instant;

use ndarray::Axis;
use rayon::prelude::*;

use super::fitted::FittedMultiTaskGp;
use super::learning::{Learned, NOTHING, Strategy, gradient_tolerance, learn, while_learning};
use super::multi_task_gp::MultiTaskGp;
use super::optimizer::Optimizer;
use super::report::{FitReport, RestartSummary, Warning};
use super::structure::Structure;
use super::terms;
use crate::data::{ColumnStatistics, Dataset};
use crate::error::{Error, Result};
use crate::gp::{
    Model, Posterior, correlation_standard_errors, identifiability, observed_standard_errors,
};
use crate::learn::{Interruption, Stop, TracePoint};
use crate::linalg;
use crate::op::{NoiseMatrix, correlation};
use crate::solve::{CgSettings, RANK_TOL, SolveReport, Solver};
use crate::task::{NOISE_FLOOR, Noise};

/// Tasks up to which the rank of B is looked at.
const RANK_UP_TO: usize = 500;
/// More starts than any fit needs.
const MOST_RESTARTS: usize = 100_000;
/// Below this share of the information signal and noise count as not told apart.
const IDENTIFIED_FROM: f64 = 1e-3;
/// Nats that the log-likelihood of a Gram matrix that was cut off may be uncertain by, without a word.
const ROUGH_BOUND: f64 = 0.1;

pub(super) fn fit(settings: &MultiTaskGp, data: &Dataset) -> Result<FittedMultiTaskGp> {
    let clock = Instant::now();
    let tolerance = settings.gradient_tolerance;
    if !(tolerance > 0.0 && tolerance.is_finite()) {
        return Err(Error::InvalidValue {
            argument: "gradient_tolerance".to_string(),
            found: tolerance.to_string(),
            expected: "a positive finite number".to_string(),
        });
    }
    if settings.n_restarts > MOST_RESTARTS {
        return Err(Error::InvalidValue {
            argument: "n_restarts".to_string(),
            found: settings.n_restarts.to_string(),
            expected: format!("at most {MOST_RESTARTS}"),
        });
    }
    settings.cg.check()?;
    if settings.rank_tol != RANK_TOL && settings.solver != Solver::LowRank {
        return Err(Error::Incompatible {
            options: format!("rank_tol and the solver '{}'", settings.solver),
            advice: "it is for the solver low-rank: choose that, or leave `rank_tol` out"
                .to_string(),
        });
    }
    let structure = Structure {
        terms: settings.coregionalization(data.n_tasks())?,
        noise: settings.noise.clone(),
        mean: settings.mean.clone(),
        reml: settings.reml,
        warps: settings.warps.clone(),
        scaling: settings.scaling,
        fixed: settings.fixed.clone(),
        ties: settings.ties.clone(),
        solver: settings.solver,
        solver_memory: settings.solver_memory,
        cg: CgSettings { seed: settings.cg.seed ^ settings.seed, ..settings.cg.clone() },
        rank_tol: settings.rank_tol,
        learns: settings.optimizer != Optimizer::None,
    };
    let interruption = Arc::new(Interruption::new(settings.observer.clone()));
    let mut model = structure.bind(data)?;
    model.watch(&interruption);
    model.set_cg(while_learning(&structure.cg));
    let initial = model.layout().initial();
    let one_row = model.n_rows() == 1;
    let (strategy, mut starts) = match settings.optimizer {
        Optimizer::None => {
            model.layout().require_given()?;
            (NOTHING, Vec::new())
        }
        _ if one_row || model.layout().n_free() == 0 => (NOTHING, Vec::new()),
        asked => {
            let strategy = Strategy::of(asked, &model)?;
            let results: Vec<Result<Learned>> = (0..=settings.n_restarts)
                .into_par_iter()
                .map(|restart| learn(settings, &model, &initial, restart, strategy, &interruption))
                .collect();
            (strategy, usable(results)?)
        }
    };
    let summaries: Vec<RestartSummary> = starts.iter().map(Learned::summary).collect();
    let best = (0..starts.len())
        .reduce(|a, b| if starts[b].log_posterior > starts[a].log_posterior { b } else { a });
    let best = best.map(|i| starts.swap_remove(i));
    let natural = match &best {
        Some(learned) => {
            terms::sorted(&structure, &model, model.canonical(learned.natural.clone())?)
        }
        None => initial,
    };
    model.set_cg(structure.cg.clone());
    let model = Arc::new(model);
    let posterior = Posterior::new(Arc::clone(&model), natural.clone(), settings.memory_budget)?;
    let solve = solve_report(&posterior)?;
    let factor = posterior.kronecker();
    let gradient_norm = best.as_ref().map_or(0.0, |l| l.gradient_norm);
    let converged = gradient_norm <= gradient_tolerance(settings, &model) * 1.001;
    let stop = best.as_ref().map_or(Stop::NothingFree, |l| l.outcome.stop);
    let shares = factor.and_then(identifiability).filter(|_| best.is_some());
    let mut warnings = data_warnings(&model, data);
    if one_row && settings.optimizer != Optimizer::None {
        warnings.push(Warning::OneRow);
    }
    if best.is_some() {
        warnings.extend(few_data_warnings(&model, data));
    }
    warnings.extend(held_at_start(&model).filter(|_| settings.optimizer != Optimizer::None));
    warnings.extend(parameter_warnings(settings, &model, &natural, data));
    warnings.extend(terms::warnings(&model, &natural));
    if let Some(share) = shares.filter(|s| *s < IDENTIFIED_FROM) {
        warnings.push(Warning::NotIdentified { share });
    }
    if let (Some(tolerance), Some(reached)) = (solve.tolerance, solve.relative_residual)
        && reached > tolerance
    {
        warnings.push(Warning::ResidualAboveTolerance { reached });
    }
    if let Some(bound) = solve.log_likelihood_bound.filter(|bound| *bound > ROUGH_BOUND) {
        warnings.push(Warning::RoughRank { bound });
    }
    if !converged {
        warnings.push(Warning::NotConverged { gradient_norm, stop });
    }
    let standard_errors = match (&best, factor) {
        (None, _) => None,
        // Terms share the correlations between tasks among them.
        (Some(_), _) if model.terms().len() > 1 || model.mixing().is_some() => None,
        (Some(_), Some(factor)) => correlation_standard_errors(&model, factor, &natural),
        (Some(_), None) if posterior.factor().report().exact => {
            observed_standard_errors(&model, &natural).ok().flatten()
        }
        (Some(_), None) => None,
    };
    // Standard errors may have been left out for this reason.
    interruption.check()?;
    let count = -(model.n_observations() as f64);
    let report = FitReport {
        optimizer: strategy.name,
        strategy: strategy.why.into(),
        converged,
        gradient_norm,
        stop,
        iterations: best.as_ref().map_or(0, |l| l.outcome.iterations),
        evaluations: best.as_ref().map_or(0, |l| l.outcome.evaluations),
        eigendecompositions: model.eigendecompositions(),
        restarts: summaries,
        trace: best.map_or_else(Vec::new, |l| {
            let scaled = |p: TracePoint| TracePoint { value: p.value * count, ..p };
            l.outcome.trace.into_iter().map(scaled).collect()
        }),
        solve,
        identifiability: shares,
        wall_time: clock.elapsed(),
        warnings,
    };
    Ok(FittedMultiTaskGp::new(structure, data, posterior, standard_errors, report))
}

/// The starts that ended somewhere. A random start at values where the model cannot be computed is
/// left out; the first start's error, and a cancellation, are the fit's.
fn usable(results: Vec<Result<Learned>>) -> Result<Vec<Learned>> {
    let mut out = Vec::new();
    for (restart, result) in results.into_iter().enumerate() {
        match result {
            Ok(learned) => out.push(learned),
            Err(Error::Numerical { .. } | Error::NotPositive { .. }) if restart > 0 => {}
            Err(error) => return Err(error),
        }
    }
    Ok(out)
}

fn few_data_warnings(model: &Model, data: &Dataset) -> Vec<Warning> {
    if let Some(reason) = model.few_data() {
        return vec![Warning::FewData { reason: reason.to_string() }];
    }
    let seen = model.few_observations().into_iter().filter(|(_, count)| *count > 0);
    seen.map(|(t, count)| Warning::FewObservations { name: data.task_names()[t].clone(), count })
        .collect()
}

/// The report of the solver at the values learned, with why it was chosen.
///
/// # Errors
/// [`Error::Numerical`] where an estimate of the likelihood is not a number.
pub(super) fn solve_report(posterior: &Posterior) -> Result<SolveReport> {
    let solve = posterior.factor().report();
    if !posterior.log_likelihood().is_finite() {
        return Err(Error::Numerical {
            operation: "the log marginal likelihood".to_string(),
            detail: format!(
                "the solver {} could not estimate it: raise `rank` or `max_iterations` of its \
                 settings, or the noise",
                solve.solver
            ),
        });
    }
    if posterior.factor().is_partial() || posterior.model().solver() == Solver::LowRank {
        return Ok(solve);
    }
    Ok(SolveReport { why: posterior.model().why_solver().to_string().into(), ..solve })
}

pub(super) fn data_warnings(model: &Model, data: &Dataset) -> Vec<Warning> {
    // Rows without an observation say nothing.
    if model.n_rows() < 2 {
        return Vec::new();
    }
    // One value alone is not a constant.
    let constant = |table: ndarray::ArrayView2<f64>, names: &[String]| -> Vec<String> {
        table
            .axis_iter(Axis(1))
            .zip(names)
            .map(|(column, name)| (ColumnStatistics::of_observed(column), name))
            .filter(|((s, count), _)| s.constant && *count > 1)
            .map(|(_, name)| name.clone())
            .collect()
    };
    let y = model.y();
    let empty = y.axis_iter(Axis(1)).map(|column| column.iter().all(|v| v.is_nan()));
    let without = empty.zip(data.task_names()).filter(|(empty, _)| *empty);
    let without = without.map(|(_, name)| Warning::TaskWithoutData { name: name.clone() });
    let features = constant(model.x(), data.feature_names()).into_iter();
    let tasks = constant(model.y(), data.task_names()).into_iter();
    features
        .map(|name| Warning::ConstantFeature { name })
        .chain(tasks.map(|name| Warning::ConstantTask { name }))
        .chain(without)
        .collect()
}

/// A warning of parameters that are held though nobody gave their values.
fn held_at_start(model: &Model) -> Option<Warning> {
    let paths = model.held_without_values();
    (!paths.is_empty()).then_some(Warning::HeldAtStart { paths })
}

fn parameter_warnings(
    settings: &MultiTaskGp,
    model: &Model,
    natural: &[f64],
    data: &Dataset,
) -> Vec<Warning> {
    let mut out = Vec::new();
    // Of a mixing the variances that it is given, and no matrix that it makes.
    let noise = match model.mixing() {
        Some(_) => NoiseMatrix::Diagonal(model.own_noise(natural)),
        None => model.noise_matrix(natural),
    };
    if matches!(settings.noise, Noise::Shared | Noise::PerTask | Noise::Full) {
        let scales = model.scales();
        // Of a full covariance the variance of each task's noise given those before it has the floor.
        let variances = match &noise {
            NoiseMatrix::Diagonal(v) => v.clone(),
            NoiseMatrix::Dense(m) => linalg::semidefinite_cholesky(m.view()).diag().mapv(|v| v * v),
        };
        for (t, variance) in variances.iter().enumerate() {
            let unit = match settings.noise {
                Noise::Shared => scales.pooled,
                _ => scales.std[t],
            };
            if *variance < 2.0 * NOISE_FLOOR * unit * unit {
                out.push(Warning::NoiseAtFloor { name: data.task_names()[t].clone() });
            }
        }
    }
    if model.mixing().is_some() {
        return out;
    }
    let n_tasks = model.n_tasks();
    // Where every task is constant B is what rounding left of it, and has no rank.
    let varies =
        data.y().columns().into_iter().any(|c| !ColumnStatistics::of_observed(c).0.constant);
    // Of descriptors that are close together B has a low rank by design.
    let by_design = model.terms().iter().any(|term| term.task().has_descriptors());
    if varies && !by_design && n_tasks > 1 && n_tasks <= RANK_UP_TO {
        let b = model.total_task_covariance(natural);
        let standardised =
            &b / &model.scales().std / model.scales().std.view().insert_axis(Axis(1));
        // A task without variance of its own counts as lost, and so does a direction that is small
        // beside the others.
        let by_scale = rank(standardised);
        let effective_rank = by_scale.min(rank(correlation(b.view())));
        if effective_rank < n_tasks {
            out.push(Warning::RankDeficient { effective_rank, n_tasks });
        }
    }
    out
}

/// Eigenvalues above 1e-6 of the largest.
fn rank(m: ndarray::Array2<f64>) -> usize {
    match linalg::eigh(m) {
        Ok((values, _)) => {
            let largest = values.iter().fold(0.0f64, |a, v| a.max(*v));
            values.iter().filter(|v| **v > 1e-6 * largest).count()
        }
        Err(_) => 0,
    }
}
