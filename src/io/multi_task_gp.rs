//! What a fitted multi-task Gaussian process puts into a container, and how it is rebuilt.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::LoadOptions;
use super::container::Container;
use super::description::{check_size, read_list, read_tree, to_raw};
use super::features::{
    FURTHER_TERMS, LOW_RANK, NOISE_VARIANCES, mean_name, named_mean, noise_name, required,
    required_layout,
};
use super::parts::{AGREEMENT, Size, bytes, insert_data, matrix, read_document, readable, written};
use super::refusal::{NOT_OURS, refuse, shown, within};
use super::report::{Lists, ReportDocument};
use super::warps;
use crate::data::{Dataset, Layout};
use crate::error::{Error, Result};
use crate::estimator::{FitReport, FittedMultiTaskGp, Structure};
use crate::gp::{Mean, Model, Posterior, Scaling};
use crate::kernel::Kernel;
use crate::matrix_kernel::{Coregionalization, Mixing, Separable};
use crate::solve::{CgSettings, RANK_TOL, Solver, check_rank_tol};
use crate::spec::Spec;
use crate::task::{Noise, Task};
use crate::warp::Warp;

pub(super) const KIND: &str = "multi-task-gp";

/// Most paths held and most pairs tied that are read.
const MANY_PATHS: usize = 4096;

/// Standard errors of the log-determinant, half of which is part of the log marginal likelihood, that
/// the latter may differ by.
const STANDARD_ERRORS: f64 = 2.0;

/// The document of version 1. Numbers that come in tables stand in arrays.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    #[serde(borrow)]
    kernel: &'a RawValue,
    #[serde(borrow)]
    task: &'a RawValue,
    /// Kernels and task covariances of the terms after the first, by turns, below one node.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    further: Option<&'a RawValue>,
    /// What mixes the terms, where they are latent functions.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    mixing: Option<&'a RawValue>,
    noise: String,
    mean: String,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    warps: Option<&'a RawValue>,
    scale_x: bool,
    scale_y: bool,
    #[serde(borrow)]
    fixed: &'a RawValue,
    #[serde(borrow)]
    ties: &'a RawValue,
    memory_budget: usize,
    solver: String,
    solver_memory: usize,
    cg: CgSettings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rank_tol: Option<f64>,
    learns: bool,
    #[serde(borrow)]
    task_names: &'a RawValue,
    #[serde(borrow)]
    feature_names: &'a RawValue,
    log_marginal_likelihood: f64,
    #[serde(borrow)]
    report: ReportDocument<'a>,
}

/// What a model requires of its reader.
fn features(
    layout: Layout,
    terms: &[[&Spec; 2]],
    mixing: Option<&Mixing>,
    noise: &str,
    mean: &str,
    warps: &[Warp],
    [with_noise_variances, low_rank]: [bool; 2],
) -> Vec<String> {
    let mut more = vec![format!("noise/{noise}"), format!("mean/{mean}")];
    more.extend(warps::required(warps));
    more.extend(with_noise_variances.then(|| NOISE_VARIANCES.to_string()));
    more.extend(low_rank.then(|| LOW_RANK.to_string()));
    more.extend((terms.len() > 1).then(|| FURTHER_TERMS.to_string()));
    more.extend(mixing.map(|mixing| format!("mixing/{}", mixing.spec().name)));
    let of_terms = terms.iter().flat_map(|[kernel, task]| required(layout, kernel, task, &more));
    of_terms.collect::<BTreeSet<String>>().into_iter().collect()
}

/// The terms after the first as one tree.
fn further_tree(terms: &Coregionalization) -> Option<Spec> {
    let rest = terms.terms.get(1..).filter(|rest| !rest.is_empty())?;
    let mut tree = Spec::new("terms");
    let specs = rest.iter().flat_map(|term| [term.kernel.spec(), term.task.spec()]);
    tree.children = specs.cloned().collect();
    Some(tree)
}

/// The terms of the first kernel and task covariance, and of the tree of the others.
fn read_terms(first: [Spec; 2], further: Option<Spec>) -> Result<Coregionalization> {
    let mut specs: Vec<Spec> = first.into();
    specs.extend(further.into_iter().flat_map(|tree| tree.children));
    let mut terms = Vec::with_capacity(specs.len() / 2);
    let mut specs = specs.into_iter();
    while let Some(kernel) = specs.next() {
        let Some(task) = specs.next() else {
            return Err(refuse("one of its terms has no task covariance", NOT_OURS));
        };
        terms.push(Separable { kernel: Kernel::from_spec(kernel)?, task: Task::from_spec(task)? });
    }
    Ok(terms.into())
}

/// The mixing of some terms and tasks, which has values for each of both among the parameters.
fn read_mixing(
    tree: &RawValue,
    terms: &Coregionalization,
    n_tasks: usize,
    n_parameters: usize,
) -> Result<Mixing> {
    let mixing = Mixing::from_spec(read_tree("mixing", tree)?)?;
    let m = mixing.n_latents()?;
    if m != terms.terms.len() || m.saturating_mul(n_tasks) > n_parameters {
        return Err(refuse("its mixing does not fit its terms", NOT_OURS));
    }
    Ok(mixing)
}

/// # Errors
/// A refusal where something cannot be kept in a file.
pub(super) fn pack(gp: &FittedMultiTaskGp) -> Result<Container> {
    let Structure {
        terms,
        noise,
        mean,
        reml,
        warps,
        scaling,
        fixed,
        ties,
        solver,
        solver_memory,
        cg,
        rank_tol,
        learns,
    } = gp.structure();
    let (posterior, data) = (gp.posterior(), gp.data());
    let specs: Vec<[&Spec; 2]> =
        terms.terms.iter().map(|term| [term.kernel.spec(), term.task.spec()]).collect();
    for [kernel, task] in &specs {
        check_size("kernel", kernel)?;
        check_size("task covariance", task)?;
    }
    let further = further_tree(terms);
    if let Some(tree) = &further {
        check_size("list of terms", tree)?;
    }
    let [kernel, task] = specs[0];
    let (kernel, task) = (to_raw("the kernel", kernel)?, to_raw("B", task)?);
    let further = further.map(|tree| to_raw("the terms", &tree)).transpose()?;
    if let Some(mixing) = &terms.mixing {
        check_size("mixing", mixing.spec())?;
    }
    let mixing = terms.mixing.as_ref().map(|m| to_raw("the mixing", m.spec())).transpose()?;
    let (fixed, ties) = (distinct(fixed), distinct(ties));
    if fixed.len().max(ties.len()) > MANY_PATHS {
        let problem = format!("the model has more than {MANY_PATHS} paths held or tied");
        return Err(refuse(problem, "a model file keeps fewer only"));
    }
    let (fixed, ties) = (to_raw("fixed", &fixed)?, to_raw("ties", &ties)?);
    let task_names = to_raw("task names", &gp.task_names().to_vec())?;
    let feature_names = to_raw("feature names", &gp.feature_names().to_vec())?;
    let lists = Lists::of(gp.report())?;
    let raw_warps = warps::write(warps)?;
    let (noise_name, mean_name) = (noise_name(noise), mean_name(mean, *reml)?);
    let kept_rank_tol = (*solver == Solver::LowRank || *rank_tol != RANK_TOL).then_some(*rank_tol);
    let document = Document {
        kernel: &kernel,
        task: &task,
        further: further.as_deref(),
        mixing: mixing.as_deref(),
        noise: noise_name.to_string(),
        mean: mean_name.to_string(),
        warps: raw_warps.as_deref(),
        scale_x: scaling.x,
        scale_y: scaling.y,
        fixed: &fixed,
        ties: &ties,
        memory_budget: posterior.memory_budget(),
        solver: solver.to_string(),
        solver_memory: *solver_memory,
        cg: cg.clone(),
        rank_tol: kept_rank_tol,
        learns: *learns,
        task_names: &task_names,
        feature_names: &feature_names,
        log_marginal_likelihood: gp.log_marginal_likelihood(),
        report: ReportDocument::new(gp.report(), &lists),
    };
    let document = written(&document)?;
    readable::<Document>(&document)?;
    let more = [data.noise_variances().is_some(), kept_rank_tol.is_some()];
    let mut out = Container {
        kind: KIND.to_string(),
        requires: features(
            data.layout(),
            &specs,
            terms.mixing.as_ref(),
            noise_name,
            mean_name,
            warps,
            more,
        ),
        document,
        arrays: BTreeMap::new(),
    };
    insert_data(&mut out, data)?;
    out.insert("parameters", &[posterior.natural().len()], posterior.natural().to_vec())?;
    match noise {
        Noise::Variances(v) => out.insert("noise", &[v.len()], v.clone())?,
        Noise::Covariance(m) => {
            out.insert("noise", &[m.nrows(), m.ncols()], m.iter().copied().collect())?;
        }
        Noise::Shared | Noise::PerTask | Noise::Full | Noise::None => {}
    }
    if let Mean::Given(values) = mean {
        out.insert("mean", &[values.len()], values.clone())?;
    }
    if let Some(errors) = gp.task_correlation_std_error() {
        let values = errors.iter().copied().collect();
        out.insert("standard_errors", &[errors.nrows(), errors.ncols()], values)?;
    }
    Ok(out)
}

/// The elements without repetitions, in the order of their first places.
fn distinct<T: PartialEq + Clone>(list: &[T]) -> Vec<T> {
    let first = |(i, element): &(usize, &T)| !list[..*i].contains(element);
    list.iter().enumerate().filter(first).map(|(_, element)| element.clone()).collect()
}

/// What a file holds of a model, without its text.
struct Stored {
    structure: Structure,
    data: Dataset,
    parameters: Vec<f64>,
    standard_errors: Option<Array2<f64>>,
    report: FitReport,
    memory_budget: usize,
    log_marginal_likelihood: f64,
}

/// # Errors
/// What is wrong with the container: a refusal, or an error of the part of the model that its values
/// do not fit; [`crate::Error::Memory`] where rebuilding would take more than allowed.
pub(super) fn unpack(file: Container, options: &LoadOptions) -> Result<FittedMultiTaskGp> {
    let budget = options.budget();
    let stored = read(file, budget)?;
    let (structure, data) = (stored.structure, stored.data);
    let model = structure.bind(&data).map_err(|error| match error {
        // The model that was saved had a solver within it.
        Error::Memory { what, .. } => {
            let problem = format!("its solver_memory is too little for {what}");
            refuse(problem, NOT_OURS)
        }
        other => other,
    })?;
    check_parameters(&model, &stored.parameters)?;
    within("rebuilding the model", bytes(model.posterior_doubles(), 8), budget)?;
    let posterior = Posterior::new(Arc::new(model), stored.parameters, stored.memory_budget)?;
    check_likelihood(&posterior, stored.log_marginal_likelihood)?;
    Ok(FittedMultiTaskGp::new(structure, &data, posterior, stored.standard_errors, stored.report))
}

/// Reads everything in a file; its text ends here, before the model is rebuilt.
///
/// # Errors
/// As [`unpack`].
fn read(mut file: Container, budget: usize) -> Result<Stored> {
    let size = Size::of(&file)?;
    // What every solver takes, before anything is made; what the one chosen takes comes later.
    let square = size.observed_rows.saturating_mul(size.observed_rows);
    within("the Gram matrix of its rows", bytes(square, 16), budget)?;
    let (t, d) = (size.tasks, size.columns);
    let text = std::mem::take(&mut file.document);
    let document: Document = read_document(&text)?;
    let parameters = match file.arrays.get("parameters").map(|a| a.values.len()) {
        Some(length) => file.take("parameters", &[length])?,
        None => file.take("parameters", &[0])?,
    };
    let kernel = read_tree("kernel", document.kernel)?;
    let task = read_tree("task covariance", document.task)?;
    let layout = required_layout(&file.requires);
    let terms = [kernel, task];
    let further = document.further.map(|tree| read_tree("list of terms", tree)).transpose()?;
    let mut terms = read_terms(terms, further)?;
    terms.mixing =
        document.mixing.map(|tree| read_mixing(tree, &terms, t, parameters.len())).transpose()?;
    let specs: Vec<[&Spec; 2]> =
        terms.terms.iter().map(|term| [term.kernel.spec(), term.task.spec()]).collect();
    let with_noise_variances = file.arrays.contains_key("noise_variances");
    let warps = warps::read(document.warps, t)?;
    let more = [with_noise_variances, document.rank_tol.is_some()];
    let mixing = terms.mixing.as_ref();
    let (noise_name, mean_name) = (&document.noise, &document.mean);
    let needed = features(layout, &specs, mixing, noise_name, mean_name, &warps, more);
    if file.requires != needed {
        return Err(refuse("what it requires is not what its document needs", NOT_OURS));
    }
    for term in specs {
        size.check_term(term, [parameters.len(); 2], budget)?;
    }
    let solver = read_solver(&document.solver)?;
    let (mean, reml) = read_mean(&mut file, &document.mean, t)?;
    let structure = Structure {
        terms,
        noise: read_noise(&mut file, &document.noise, t)?,
        mean,
        reml,
        warps,
        scaling: Scaling { x: document.scale_x, y: document.scale_y },
        fixed: read_list("list of fixed parameters", document.fixed, MANY_PATHS)?,
        ties: read_list("list of ties", document.ties, MANY_PATHS)?,
        solver,
        solver_memory: document.solver_memory,
        cg: read_cg(document.cg)?,
        rank_tol: read_rank_tol(solver, document.rank_tol)?,
        learns: document.learns,
    };
    let standard_errors = match file.arrays.contains_key("standard_errors") {
        true => Some(matrix(&mut file, "standard_errors", [t, t])?),
        false => None,
    };
    let report = document.report.read(d, t)?;
    let names = [document.task_names, document.feature_names];
    let data = size.data(file, layout, with_noise_variances, names)?;
    Ok(Stored {
        structure,
        data,
        parameters,
        standard_errors,
        report,
        memory_budget: document.memory_budget,
        log_marginal_likelihood: document.log_marginal_likelihood,
    })
}

/// Refuses a log marginal likelihood that is not the one of the model. What a solver only estimates
/// may differ by what it says of its own errors.
fn check_likelihood(posterior: &Posterior, stored: f64) -> Result<()> {
    let (factor, found) = (posterior.factor(), posterior.log_likelihood());
    let tolerance = AGREEMENT.max(factor.report().tolerance.unwrap_or(0.0));
    let mut allowed = tolerance * stored.abs().max(1.0);
    allowed += STANDARD_ERRORS * factor.log_det().std_err;
    // Another machine may take other columns of the Gram matrix.
    allowed += factor.report().log_likelihood_bound.unwrap_or(0.0);
    let agree = (found - stored).abs() <= allowed;
    if agree {
        return Ok(());
    }
    Err(refuse(
        format!("its log marginal likelihood is stored as {stored}, but its model has {found}"),
        NOT_OURS,
    ))
}

/// Refuses settings that would keep a reader at work for hours.
fn read_cg(cg: CgSettings) -> Result<CgSettings> {
    let fits = cg.check().is_ok()
        && cg.rank <= 10_000
        && cg.n_probes <= 1000
        && cg.max_iterations <= 100_000;
    match fits {
        true => Ok(cg),
        false => Err(refuse("settings of its iterative solver are out of range", NOT_OURS)),
    }
}

/// The share of the trace that is left out, which stands where the solver needs it or it was asked for.
fn read_rank_tol(solver: Solver, stored: Option<f64>) -> Result<f64> {
    match (solver, stored) {
        (_, Some(share)) if check_rank_tol(share).is_ok() => Ok(share),
        (Solver::LowRank, None) => Err(refuse("its rank_tol is missing", NOT_OURS)),
        (_, None) => Ok(RANK_TOL),
        (_, Some(_)) => Err(refuse("its rank_tol is out of range", NOT_OURS)),
    }
}

fn read_solver(name: &str) -> Result<Solver> {
    name.parse().map_err(|_| refuse(format!("its solver {} is unknown", shown(name)), NOT_OURS))
}

fn read_noise(file: &mut Container, name: &str, n_tasks: usize) -> Result<Noise> {
    Ok(match name {
        "shared" => Noise::Shared,
        "per-task" => Noise::PerTask,
        "full" => Noise::Full,
        "none" => Noise::None,
        "variances" => Noise::Variances(file.take("noise", &[n_tasks])?),
        "covariance" => Noise::Covariance(matrix(file, "noise", [n_tasks, n_tasks])?),
        other => return Err(refuse(format!("its noise {} is unknown", shown(other)), NOT_OURS)),
    })
}

fn read_mean(file: &mut Container, name: &str, n_tasks: usize) -> Result<(Mean, bool)> {
    match named_mean(name) {
        Some(named) => Ok(named),
        None if name == "given" => Ok((Mean::Given(file.take("mean", &[n_tasks])?), false)),
        None => Err(refuse(format!("its mean {} is unknown", shown(name)), NOT_OURS)),
    }
}

/// Refuses natural values that the model's parameters cannot have.
fn check_parameters(model: &Model, natural: &[f64]) -> Result<()> {
    let layout = model.layout();
    if natural.len() != layout.n_natural() {
        let problem = format!(
            "it has {} parameters, but its model has {}",
            natural.len(),
            layout.n_natural()
        );
        return Err(refuse(problem, NOT_OURS));
    }
    for entry in layout.entries() {
        let mut spec = entry.spec.clone();
        spec.init.copy_from_slice(&natural[entry.range.clone()]);
        // What was learned may have been rounded onto the end of its range.
        spec.free.fill(false);
        spec.check(entry.path.strip_suffix(&format!(".{}", spec.name)).unwrap_or(&entry.path))?;
    }
    let mut tied = vec![None; layout.n_free()];
    for (slot, value) in layout.slots().iter().zip(natural) {
        let Some(slot) = *slot else { continue };
        if *tied[slot].get_or_insert(*value) != *value {
            return Err(refuse("two parameters that are tied differ", NOT_OURS));
        }
    }
    Ok(())
}
