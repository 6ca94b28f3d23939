//! The task covariance that is a multiple of the noise covariance.

use ndarray::Array2;

use super::low_rank::NOISE_MULTIPLE;
use super::registry::TaskEntry;
use super::{BoundTask, Moment, Task, TaskScales};
use crate::error::Result;
use crate::op::{NoiseMatrix, TaskAdjoint, TaskMatrix};
use crate::param::{ParamSpec, Prior, Transform};
use crate::spec::{Spec, Value};

pub(super) const ENTRY: TaskEntry = TaskEntry {
    name: "NoiseMultiple",
    about: "B = c Sigma, a multiple of the noise covariance: as the second of two terms, noise that is correlated between rows.",
    arguments: &[NOISE_MULTIPLE],
    bind,
    examples: |_| vec![NoiseMultiple::new()],
};

/// B = c Sigma, a multiple of the noise covariance: as the second of two terms, noise that is correlated
/// between rows (structured noise; Rakitsch, Lippert, Borgwardt & Stegle 2013). Such a sum is factored at
/// the cost of one term ([`crate::solve::Solver::Congruent`]).
///
/// ```
/// use coregion::task::NoiseMultiple;
/// assert_eq!(NoiseMultiple::new().to_string(), "NoiseMultiple()");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct NoiseMultiple;

impl NoiseMultiple {
    /// Learned from the data.
    #[allow(clippy::new_ret_no_self)]
    pub fn new() -> Task {
        Task(Spec::new("NoiseMultiple"))
    }

    /// Starting at that multiple.
    ///
    /// ```
    /// use coregion::{op::NoiseMatrix, task::{NoiseMultiple, TaskScales}};
    /// use ndarray::array;
    /// let scales = TaskScales { std: array![1.0, 2.0], pooled: 1.5, amplitude: 1.0 };
    /// let task = NoiseMultiple::starting_at(3.0).bind(&scales)?;
    /// let sigma = NoiseMatrix::Diagonal(array![0.5, 1.0]);
    /// assert_eq!(task.matrix(&[3.0]).to_dense(&sigma), array![[1.5, 0.0], [0.0, 3.0]]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn starting_at(multiple: f64) -> Task {
        Task(Spec::new("NoiseMultiple").with("noise_multiple", Value::Number(multiple)))
    }
}

#[derive(Debug)]
struct Bound {
    n_tasks: usize,
    params: [ParamSpec; 1],
}

fn bind(spec: &Spec, scales: &TaskScales) -> Result<Box<dyn BoundTask>> {
    spec.check_names(&["noise_multiple"])?;
    // As it tends to 0 the likelihood becomes flat in its logarithm; the wide prior keeps it from drifting.
    let multiple = ParamSpec::new("noise_multiple", &[], vec![1.0], Transform::POSITIVE)
        .with_unit(vec![1.0 / (scales.amplitude * scales.amplitude)])
        .with_prior(Prior::LogNormal { median: 1.0, log_std: 3.0 })
        .from_spec(spec)?;
    Ok(Box::new(Bound { n_tasks: scales.n_tasks(), params: [multiple] }))
}

impl BoundTask for Bound {
    fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    fn matrix(&self, phi: &[f64]) -> TaskMatrix {
        TaskMatrix::LowRankPlusNoise { factor: Array2::zeros((self.n_tasks, 0)), multiple: phi[0] }
    }

    fn vjp(&self, _phi: &[f64], adjoint: &TaskAdjoint, grad: &mut [f64]) {
        grad[0] += adjoint.noise_inner();
    }

    fn jvp(&self, _phi: &[f64], dphi: &[f64], noise: &NoiseMatrix) -> Array2<f64> {
        noise.to_dense() * dphi[0]
    }

    fn is_noise_multiple(&self) -> bool {
        true
    }

    fn start(&self, _target: &Moment) -> Vec<f64> {
        self.params[0].init.clone()
    }
}
