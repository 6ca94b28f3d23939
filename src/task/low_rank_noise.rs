//! The low-rank task covariance whose residual is a multiple of the noise, for very many tasks.

use ndarray::{Array1, Array2, ArrayView2};

use super::low_rank::{LowRank, NOISE_MULTIPLE, RANK, W, factor, factor_change, lift_factor};
use super::registry::TaskEntry;
use super::{BoundTask, Moment, TaskScales, as_matrix};
use crate::error::Result;
use crate::op::{NoiseMatrix, TaskAdjoint, TaskMatrix};
use crate::param::{ParamSpec, Prior, Transform};
use crate::spec::Spec;

pub(super) const ENTRY: TaskEntry = TaskEntry {
    name: "LowRankPlusNoise",
    about: "B = W W' + c Sigma with Sigma the noise covariance: for very many tasks.",
    arguments: &[RANK, W, NOISE_MULTIPLE],
    bind: |spec, scales| bound(spec, scales, &["rank", "W", "noise_multiple"]),
    examples: |_| vec![LowRank::plus_noise(1), LowRank::plus_noise(2)],
};

#[derive(Debug)]
struct Bound {
    n_tasks: usize,
    rank: usize,
    units: Array1<f64>,
    params: Vec<ParamSpec>,
}

/// The multiple c of the noise covariance starts at 0.1. As it tends to 0 the likelihood becomes
/// flat in its logarithm; the wide prior keeps it from drifting.
pub(super) fn bound(
    spec: &Spec,
    scales: &TaskScales,
    known: &[&str],
) -> Result<Box<dyn BoundTask>> {
    spec.check_names(known)?;
    let (rank, w) = factor(spec, scales)?;
    let multiple = ParamSpec::new("noise_multiple", &[], vec![0.1], Transform::POSITIVE)
        .with_unit(vec![1.0 / (scales.amplitude * scales.amplitude)])
        .with_prior(Prior::LogNormal { median: 0.1, log_std: 3.0 })
        .from_spec(spec)?;
    let units = scales.units();
    Ok(Box::new(Bound { n_tasks: units.len(), rank, units, params: vec![w, multiple] }))
}

impl Bound {
    fn split<'a>(&self, phi: &'a [f64]) -> (ArrayView2<'a, f64>, f64) {
        let (w, multiple) = phi.split_at(self.n_tasks * self.rank);
        (as_matrix(w, self.n_tasks, self.rank), multiple[0])
    }
}

impl BoundTask for Bound {
    fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    fn factored_rank(&self) -> Option<usize> {
        Some(self.rank)
    }

    fn matrix(&self, phi: &[f64]) -> TaskMatrix {
        let (w, multiple) = self.split(phi);
        TaskMatrix::LowRankPlusNoise { factor: w.to_owned(), multiple }
    }

    fn vjp(&self, phi: &[f64], adjoint: &TaskAdjoint, grad: &mut [f64]) {
        let (grad_w, grad_multiple) = grad.split_at_mut(self.n_tasks * self.rank);
        for (g, v) in grad_w.iter_mut().zip(&adjoint.times(self.split(phi).0)) {
            *g += 2.0 * v;
        }
        grad_multiple[0] += adjoint.noise_inner();
    }

    fn jvp(&self, phi: &[f64], dphi: &[f64], noise: &NoiseMatrix) -> Array2<f64> {
        let ((w, _), (dw, dmultiple)) = (self.split(phi), self.split(dphi));
        let mut change = factor_change(w, dw);
        change.scaled_add(dmultiple, &noise.to_dense());
        change
    }

    fn lift(&self, phi: &mut [f64]) {
        lift_factor(&mut phi[..self.n_tasks * self.rank], self.rank, &self.units);
    }

    fn start(&self, target: &Moment) -> Vec<f64> {
        let w = target.leading_factor(&self.units, self.rank);
        w.iter().copied().chain([self.params[1].init[0]]).collect()
    }
}
