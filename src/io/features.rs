//! What reading a model file requires, by name.

use std::collections::BTreeSet;

use super::refusal::refuse;
use crate::data::Layout;
use crate::error::Result;
use crate::gp::Mean;
use crate::ridge::Criterion;
use crate::solve::LeaveOut;
use crate::spec::Spec;
use crate::task::Noise;
use crate::{kernel, matrix_kernel, task, warp};

/// Names of noises and means in documents and requirements.
pub(super) const NOISES: [&str; 6] =
    ["shared", "per-task", "full", "variances", "covariance", "none"];
pub(super) const MEANS: [&str; 7] =
    ["zero", "training", "given", "constant", "linear", "constant-restricted", "linear-restricted"];

const LAYOUTS: [Layout; 3] = [Layout::Complete, Layout::Masked, Layout::Long];

/// What known noise variances of the observations require.
pub(super) const NOISE_VARIANCES: &str = "noise-variances/entries";

/// What a sum of several terms requires.
pub(super) const FURTHER_TERMS: &str = "terms/further";

/// What a share of the trace that is left out requires.
pub(super) const LOW_RANK: &str = "solver/low-rank";

pub(super) fn noise_name(noise: &Noise) -> &'static str {
    NOISES[match noise {
        Noise::Shared => 0,
        Noise::PerTask => 1,
        Noise::Full => 2,
        Noise::Variances(_) => 3,
        Noise::Covariance(_) => 4,
        Noise::None => 5,
    }]
}

/// The name of a mean, which says whether the restricted likelihood is used.
///
/// # Errors
/// A refusal of a basis that is a function.
pub(super) fn mean_name(mean: &Mean, reml: bool) -> Result<&'static str> {
    Ok(MEANS[match mean {
        Mean::Zero => 0,
        Mean::Training => 1,
        Mean::Given(_) => 2,
        Mean::Constant => 3 + 2 * usize::from(reml),
        Mean::Basis(basis) if basis.is_function() => {
            let problem = "its `mean` is a function that the user gave, which a file cannot keep";
            return Err(refuse(problem, "save a model with another mean, such as linear"));
        }
        Mean::Basis(_) => 4 + 2 * usize::from(reml),
    }])
}

/// The mean of that name and whether the restricted likelihood is used; `None` for one that is given,
/// and where there is no such name.
pub(super) fn named_mean(name: &str) -> Option<(Mean, bool)> {
    Some(match name {
        "zero" => (Mean::Zero, false),
        "training" => (Mean::Training, false),
        "constant" => (Mean::Constant, false),
        "linear" => (Mean::linear(), false),
        "constant-restricted" => (Mean::Constant, true),
        "linear-restricted" => (Mean::linear(), true),
        _ => return None,
    })
}

/// The name of a criterion in documents and requirements, and the labels it has besides.
pub(super) fn criterion_name(criterion: &Criterion) -> (String, &[usize]) {
    let (measure, by) = match criterion {
        Criterion::SquaredError(by) => ("squared-error", by),
        Criterion::LogDensity(by) => ("log-density", by),
        Criterion::Gcv => return ("gcv".to_string(), &[]),
    };
    let (way, labels): (_, &[usize]) = match by {
        LeaveOut::Row => ("row", &[]),
        LeaveOut::Entry => ("entry", &[]),
        LeaveOut::Task => ("task", &[]),
        LeaveOut::Groups(labels) => ("groups", labels),
        LeaveOut::GroupsByTask(labels) => ("groups-by-task", labels),
    };
    (format!("{measure}-{way}"), labels)
}

/// The criterion of that name; `None` where there is no such name, or where it has no labels.
pub(super) fn criterion(name: &str, labels: Vec<usize>) -> Option<Criterion> {
    let labelled = !labels.is_empty();
    let found = if name == "gcv" {
        Criterion::Gcv
    } else {
        let squared = name.strip_prefix("squared-error-");
        let by = match squared.or_else(|| name.strip_prefix("log-density-"))? {
            "row" => LeaveOut::Row,
            "entry" => LeaveOut::Entry,
            "task" => LeaveOut::Task,
            "groups" => LeaveOut::Groups(labels),
            "groups-by-task" => LeaveOut::GroupsByTask(labels),
            _ => return None,
        };
        if squared.is_some() { Criterion::SquaredError(by) } else { Criterion::LogDensity(by) }
    };
    let keeps = matches!(found.leave_out(), Some(LeaveOut::Groups(_) | LeaveOut::GroupsByTask(_)));
    (keeps || !labelled).then_some(found)
}

/// What the layout of a data set, a kernel and a task covariance require, sorted, and more.
pub(super) fn required(layout: Layout, kernel: &Spec, task: &Spec, more: &[String]) -> Vec<String> {
    let mut out: BTreeSet<String> = more.iter().cloned().collect();
    out.insert(format!("layout/{layout}"));
    for (kind, tree) in [("kernel", kernel), ("task", task)] {
        // The parts of a task covariance are kernels.
        let mut nodes = vec![(kind, tree)];
        while let Some((kind, node)) = nodes.pop() {
            out.insert(format!("{kind}/{}", node.name));
            nodes.extend(node.children.iter().map(|child| ("kernel", child)));
        }
    }
    out.into_iter().collect()
}

/// The layout that is required; complete where none is.
pub(super) fn required_layout(requires: &[String]) -> Layout {
    let is_required = |layout: &Layout| requires.contains(&format!("layout/{layout}"));
    LAYOUTS.into_iter().find(is_required).unwrap_or(Layout::Complete)
}

/// Whether this version has a feature: kernels and task covariances it has where they are
/// registered.
pub(super) fn known(feature: &str) -> bool {
    match feature.split_once('/') {
        Some(("layout", name)) => LAYOUTS.iter().any(|layout| layout.to_string() == name),
        Some(("noise-variances", name)) => name == "entries",
        Some(("kernel", name)) => kernel::registry().iter().any(|entry| entry.name == name),
        Some(("task", name)) => task::registry().iter().any(|entry| entry.name == name),
        Some(("mixing", name)) => matrix_kernel::mixings().iter().any(|entry| entry.name == name),
        Some(("warp", name)) => warp::registry().iter().any(|entry| entry.name == name),
        Some(("noise", name)) => NOISES.contains(&name),
        Some(("mean", name)) => MEANS.contains(&name),
        Some(("criterion", name)) => criterion(name, Vec::new()).is_some(),
        Some(("terms", name)) => name == "further",
        Some(("weights", name)) => name == "rows",
        Some(("solver", name)) => name == "low-rank",
        Some(("intercept", name)) => name == "tasks",
        _ => false,
    }
}
