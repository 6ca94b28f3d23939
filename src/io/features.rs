//! What reading a model file requires, by name.

use std::collections::BTreeSet;

use crate::gp::Mean;
use crate::spec::Spec;
use crate::task::Noise;
use crate::{kernel, task};

/// Names of noises and means in documents and requirements.
pub(super) const NOISES: [&str; 5] = ["shared", "per-task", "full", "variances", "covariance"];
pub(super) const MEANS: [&str; 3] = ["zero", "training", "given"];

pub(super) fn noise_name(noise: &Noise) -> &'static str {
    NOISES[match noise {
        Noise::Shared => 0,
        Noise::PerTask => 1,
        Noise::Full => 2,
        Noise::Variances(_) => 3,
        Noise::Covariance(_) => 4,
    }]
}

pub(super) fn mean_name(mean: &Mean) -> &'static str {
    MEANS[match mean {
        Mean::Zero => 0,
        Mean::Training => 1,
        Mean::Given(_) => 2,
    }]
}

/// What a complete data set, a kernel and a task covariance require, sorted, and more.
pub(super) fn required(kernel: &Spec, task: &Spec, more: &[String]) -> Vec<String> {
    let mut out: BTreeSet<String> = more.iter().cloned().collect();
    out.insert("layout/complete".to_string());
    for (kind, tree) in [("kernel", kernel), ("task", task)] {
        let mut nodes = vec![tree];
        while let Some(node) = nodes.pop() {
            out.insert(format!("{kind}/{}", node.name));
            nodes.extend(&node.children);
        }
    }
    out.into_iter().collect()
}

/// Whether this version has a feature: kernels and task covariances it has where they are
/// registered.
pub(super) fn known(feature: &str) -> bool {
    match feature.split_once('/') {
        Some(("layout", name)) => name == "complete",
        Some(("kernel", name)) => kernel::registry().iter().any(|entry| entry.name == name),
        Some(("task", name)) => task::registry().iter().any(|entry| entry.name == name),
        Some(("noise", name)) => NOISES.contains(&name),
        Some(("mean", name)) => MEANS.contains(&name),
        _ => false,
    }
}
