//! Every task covariance and noise, by name: the only list there is.

use super::{
    BoundTask, Noise, Task, TaskScales, diagonal, fixed, free_form, kernel, low_rank,
    low_rank_noise, noise_multiple,
};
use crate::error::{Error, Result};
use crate::spec::{Argument, ArgumentKind, Spec};

/// One registered task covariance.
///
/// ```
/// use coregion::task::{TaskScales, registry};
/// let scales = TaskScales { std: ndarray::array![1.0, 2.0], pooled: 1.5, amplitude: 1.0 };
/// for entry in registry() {
///     for task in (entry.examples)(2) {
///         let bound = (entry.bind)(task.spec(), &scales)?;
///         assert_eq!(bound.is_free_factor(), entry.name == "FreeForm");
///     }
/// }
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct TaskEntry {
    /// Name in specifications, prints and model files.
    pub name: &'static str,
    /// What it is, with its formula and source: a sentence or a few.
    pub about: &'static str,
    /// Its values.
    pub arguments: &'static [Argument],
    /// Binds a specification of that name to the scales of the outputs.
    pub bind: fn(&Spec, &TaskScales) -> Result<Box<dyn BoundTask>>,
    /// Instances for T tasks that the conformance tests run on.
    pub examples: fn(usize) -> Vec<Task>,
}

impl TaskEntry {
    /// True where a kernel is a part of it.
    ///
    /// ```
    /// let with = coregion::task::registry().iter().filter(|entry| entry.has_kernel());
    /// assert_eq!(with.map(|entry| entry.name).collect::<Vec<_>>(), ["Kernel"]);
    /// ```
    pub fn has_kernel(&self) -> bool {
        self.arguments.iter().any(|argument| argument.kind == ArgumentKind::Kernel)
    }
}

const REGISTRY: &[TaskEntry] = &[
    free_form::ENTRY,
    low_rank::ENTRY,
    low_rank_noise::ENTRY,
    noise_multiple::ENTRY,
    diagonal::ENTRY,
    kernel::ENTRY,
    fixed::ENTRY,
];

/// Every registered task covariance.
///
/// ```
/// assert!(coregion::task::registry().iter().any(|entry| entry.name == "LowRank"));
/// ```
pub fn registry() -> &'static [TaskEntry] {
    REGISTRY
}

/// Every kind of noise, for T tasks, that the conformance tests run on.
///
/// ```
/// let names: Vec<String> = coregion::task::noises(2).iter().map(|n| n.to_string()).collect();
/// assert_eq!(names, ["shared", "per-task", "full", "given variances", "given covariance"]);
/// ```
pub fn noises(n_tasks: usize) -> Vec<Noise> {
    let variances: Vec<f64> = (0..n_tasks).map(|t| 0.05 + 0.1 * t as f64).collect();
    let covariance = ndarray::Array2::from_shape_fn((n_tasks, n_tasks), |(t, s)| {
        if t == s { variances[t] } else { 0.01 }
    });
    vec![
        Noise::Shared,
        Noise::PerTask,
        Noise::Full,
        Noise::Variances(variances),
        Noise::Covariance(covariance),
    ]
}

pub(super) fn find(name: &str) -> Result<&'static TaskEntry> {
    REGISTRY.iter().find(|e| e.name == name).ok_or_else(|| Error::UnknownName {
        kind: "task covariance".to_string(),
        name: name.to_string(),
        known: REGISTRY.iter().map(|e| e.name.to_string()).collect(),
    })
}
