//! The projected mixing.

use ndarray::{Array1, ArrayView1, ArrayView2, Axis};

use super::orthogonal::LATENTS;
use super::registry::MixingEntry;
use super::{
    BoundMixing, Mixing, MixingScales, MixingStart, as_matrix, cosines, n_latents, ordered,
};
use crate::error::Result;
use crate::op::{MixedAdjoint, MixedTasks};
use crate::param::{ParamSpec, Transform};
use crate::spec::{Argument, ArgumentKind, Spec};

/// Smallest learned noise variance of a latent function, as a share of its mean variance.
const FLOOR: f64 = 1e-6;

pub(super) const ENTRY: MixingEntry = MixingEntry {
    name: "Projected",
    about: "Any H (T, m) of full rank and noise Sigma = R^1/2 (I - P) R^1/2 + H diag(D) H', with R the diagonal noise of the model and P the projector on the span of R^-1/2 H: the projected linear model of coregionalization (Truffinet et al. 2023). One scalar problem for each latent function.",
    arguments: &[
        LATENTS,
        Argument::new(
            "basis",
            ArgumentKind::Numbers("T, latents"),
            "H, the mixing matrix, in units of the outputs",
        ),
        Argument::new(
            "latent_variances",
            ArgumentKind::Numbers("latents"),
            "D, noise variances of the latent functions",
        ),
    ],
    bind,
    examples: |m| vec![Mixing::projected(m)],
};

#[derive(Debug)]
struct Bound {
    n_tasks: usize,
    n_latents: usize,
    std: Array1<f64>,
    amplitudes: Array1<f64>,
    params: Vec<ParamSpec>,
}

fn bind(spec: &Spec, scales: &MixingScales) -> Result<Box<dyn BoundMixing>> {
    spec.check_names(&["latents", "basis", "latent_variances"])?;
    let (t, m) = (scales.std.len(), n_latents(spec, scales)?);
    let squares = scales.amplitudes.mapv(|a| a * a);
    let unit = &scales.std.view().insert_axis(Axis(1)) / &scales.amplitudes;
    let basis = (cosines(t, m) * &unit * 0.5 * (t as f64).sqrt()).iter().copied().collect();
    let basis = ParamSpec::new("basis", &[t, m], basis, Transform::Identity)
        .with_unit(unit.iter().copied().collect())
        .from_spec(spec)?;
    let start = squares.mapv(|v| 0.1 * v).to_vec();
    let floor = Transform::Positive { floor: FLOOR };
    let own = ParamSpec::new("latent_variances", &[m], start, floor)
        .with_unit(squares.to_vec())
        .from_spec(spec)?;
    let (std, amplitudes) = (scales.std.clone(), scales.amplitudes.clone());
    Ok(Box::new(Bound { n_tasks: t, n_latents: m, std, amplitudes, params: vec![basis, own] }))
}

impl Bound {
    /// H (T, m) and D (m).
    fn split<'a>(&self, values: &'a [f64]) -> (ArrayView2<'a, f64>, &'a [f64]) {
        let (basis, own) = values.split_at(self.n_tasks * self.n_latents);
        (as_matrix(basis, self.n_tasks, self.n_latents), own)
    }
}

impl BoundMixing for Bound {
    fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    fn tasks(&self, values: &[f64], noise: ArrayView1<f64>) -> Result<MixedTasks> {
        let (h, own) = self.split(values);
        let whitened = &h / &noise.mapv(f64::sqrt).insert_axis(Axis(1));
        MixedTasks::new(whitened, noise, Array1::from(own.to_vec()))
    }

    fn vjp(
        &self,
        values: &[f64],
        noise: ArrayView1<f64>,
        adjoint: &MixedAdjoint,
        grad: &mut [f64],
        grad_noise: &mut Array1<f64>,
    ) -> Result<()> {
        let (h, _) = self.split(values);
        let root = noise.mapv(f64::sqrt);
        // W = R^-1/2 H.
        let of_mixing = &adjoint.whitened / &root.view().insert_axis(Axis(1));
        let through = (&of_mixing * &h).sum_axis(Axis(1)) / &root;
        let (basis, own) = grad.split_at_mut(self.n_tasks * self.n_latents);
        basis.iter_mut().zip(&of_mixing).for_each(|(g, v)| *g += v);
        own.iter_mut().zip(&adjoint.noises).for_each(|(g, v)| *g += v);
        *grad_noise += &((&adjoint.root - &through) / &(root * 2.0));
        Ok(())
    }

    fn start(&self, start: &MixingStart, noise: ArrayView1<f64>) -> Vec<f64> {
        let lengths = start.variances.mapv(f64::sqrt) / &self.amplitudes;
        let root = noise.mapv(f64::sqrt).insert_axis(Axis(1));
        let h = &start.directions * &lengths * root;
        // What the orthogonal mixing of the same directions has, well above the floor.
        let squares = self.amplitudes.mapv(|a| a * a);
        let own = lengths.iter().zip(&squares).map(|(l, v)| (l * l).recip().max(1e-3 * v));
        h.iter().copied().chain(own).collect()
    }

    fn canonical(&self, values: &[f64], order: &[usize]) -> Result<Vec<f64>> {
        let (h, own) = self.split(values);
        let h = ordered(&h.to_owned(), order, self.std.view());
        Ok(h.iter().copied().chain(order.iter().map(|&q| own[q])).collect())
    }
}
