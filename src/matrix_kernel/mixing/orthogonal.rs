//! The orthogonal mixing.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::polar::Polar;
use super::registry::MixingEntry;
use super::{
    BoundMixing, Mixing, MixingScales, MixingStart, as_matrix, cosines, n_latents, ordered,
};
use crate::error::Result;
use crate::op::{MixedAdjoint, MixedTasks, NoiseMatrix};
use crate::param::{ParamSpec, Transform};
use crate::spec::{Argument, ArgumentKind, Spec, Value};

pub(super) const LATENTS: Argument = Argument::new(
    "latents",
    ArgumentKind::Count(1),
    "latent functions m, at least 1 and at most T",
);
const NAMES: [&str; 5] = ["latents", "latent_noise", "basis", "strength", "latent_variances"];
/// Noise variances of latent functions start at this share of their mean variance.
const LATENT_NOISE: f64 = 0.1;

pub(super) const ENTRY: MixingEntry = MixingEntry {
    name: "Orthogonal",
    about: "H = R^1/2 U S^1/2 with orthonormal U (T, m) and noise Sigma = R, the diagonal noise of the model, or R + H diag(D) H' with `latent_noise`: the orthogonal instantaneous linear mixing model (Bruinsma et al. 2020). One scalar problem for each latent function.",
    arguments: &[
        LATENTS,
        Argument::new(
            "latent_noise",
            ArgumentKind::Switch,
            "whether the latent functions have noise variances D of their own; not unless told",
        ),
        Argument::new(
            "basis",
            ArgumentKind::Numbers("T, latents"),
            "V, of which U = V (V' V)^-1/2 is the orthonormal factor",
        ),
        Argument::new(
            "strength",
            ArgumentKind::Numbers("latents"),
            "S, signal-to-noise ratios of the latent functions",
        ),
        Argument::new(
            "latent_variances",
            ArgumentKind::Numbers("latents"),
            "D, noise variances of the latent functions",
        ),
    ],
    bind,
    examples: |m| vec![Mixing::orthogonal(m), Mixing::orthogonal(m).with_latent_noise()],
};

#[derive(Debug)]
struct Bound {
    n_tasks: usize,
    n_latents: usize,
    amplitudes: Array1<f64>,
    /// Whether D is part of the model.
    latent_noise: bool,
    params: Vec<ParamSpec>,
}

fn bind(spec: &Spec, scales: &MixingScales) -> Result<Box<dyn BoundMixing>> {
    spec.check_names(&NAMES)?;
    let (t, m) = (scales.std.len(), n_latents(spec, scales)?);
    let latent_noise = match spec.get("latent_noise") {
        None => spec.get("latent_variances").is_some(),
        Some(Value::Bool(on)) => *on,
        other => return Err(spec.invalid("latent_noise", other, "true or false")),
    };
    if !latent_noise && spec.get("latent_variances").is_some() {
        let found = spec.get("latent_variances");
        return Err(spec.invalid("latent_variances", found, "nothing without `latent_noise`"));
    }
    let variances = scales.amplitudes.mapv(|a| a * a);
    let inverse = variances.mapv(f64::recip).to_vec();
    let basis = cosines(t, m).iter().copied().collect();
    // Entries of orthonormal columns are of this size.
    let unit = vec![1.0 / (t as f64).sqrt(); t * m];
    let basis = ParamSpec::new("basis", &[t, m], basis, Transform::Identity)
        .with_unit(unit)
        .from_spec(spec)?;
    let strength = ParamSpec::new("strength", &[m], inverse.clone(), Transform::DIVISOR)
        .with_unit(inverse)
        .from_spec(spec)?;
    let mut params = vec![basis, strength];
    if latent_noise {
        let start = variances.mapv(|v| LATENT_NOISE * v).to_vec();
        let own = ParamSpec::new("latent_variances", &[m], start, Transform::POSITIVE)
            .with_unit(variances.to_vec())
            .from_spec(spec)?;
        params.push(own);
    }
    let amplitudes = scales.amplitudes.clone();
    Ok(Box::new(Bound { n_tasks: t, n_latents: m, amplitudes, latent_noise, params }))
}

impl Bound {
    /// V (T, m), S (m), and D (m) or nothing.
    fn split<'a>(&self, values: &'a [f64]) -> (ArrayView2<'a, f64>, &'a [f64], &'a [f64]) {
        let (basis, rest) = values.split_at(self.n_tasks * self.n_latents);
        let (strength, own) = rest.split_at(self.n_latents);
        (as_matrix(basis, self.n_tasks, self.n_latents), strength, own)
    }

    fn noises(&self, strength: &[f64], own: &[f64]) -> Array1<f64> {
        let own = own.iter().copied().chain(std::iter::repeat(0.0));
        strength.iter().zip(own).map(|(s, d)| s.recip() + d).collect()
    }
}

impl BoundMixing for Bound {
    fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    fn tasks(&self, values: &[f64], noise: ArrayView1<f64>) -> Result<MixedTasks> {
        let (v, strength, own) = self.split(values);
        let roots: Array1<f64> = strength.iter().map(|s| s.sqrt()).collect();
        MixedTasks::new(Polar::of(v)?.u * &roots, noise, self.noises(strength, own))
    }

    fn noise(&self, values: &[f64], noise: ArrayView1<f64>) -> Result<NoiseMatrix> {
        match self.latent_noise {
            true => Ok(self.tasks(values, noise)?.noise()),
            false => Ok(NoiseMatrix::Diagonal(noise.to_owned())),
        }
    }

    fn vjp(
        &self,
        values: &[f64],
        noise: ArrayView1<f64>,
        adjoint: &MixedAdjoint,
        grad: &mut [f64],
        grad_noise: &mut Array1<f64>,
    ) -> Result<()> {
        let (v, strength, _) = self.split(values);
        let polar = Polar::of(v)?;
        let roots: Array1<f64> = strength.iter().map(|s| s.sqrt()).collect();
        let of_basis = polar.vjp((&adjoint.whitened * &roots).view());
        let of_roots = (&adjoint.whitened * &polar.u).sum_axis(Axis(0));
        let (basis, rest) = grad.split_at_mut(self.n_tasks * self.n_latents);
        basis.iter_mut().zip(&of_basis).for_each(|(g, v)| *g += v);
        for (q, &s) in strength.iter().enumerate() {
            rest[q] += 0.5 * of_roots[q] / roots[q] - adjoint.noises[q] / (s * s);
            if self.latent_noise {
                rest[self.n_latents + q] += adjoint.noises[q];
            }
        }
        *grad_noise += &(&adjoint.root / &noise.mapv(|r| 2.0 * r.sqrt()));
        Ok(())
    }

    fn pull(
        &self,
        values: &[f64],
        noise: ArrayView1<f64>,
        tasks: &[Array2<f64>],
        sigma: &Array2<f64>,
    ) -> Result<MixedAdjoint> {
        let mixed = self.tasks(values, noise)?;
        if self.latent_noise {
            return Ok(mixed.pull(tasks, sigma));
        }
        // Sigma is R alone, whatever W and S are.
        let mut adjoint = mixed.pull(tasks, &Array2::zeros(sigma.dim()));
        adjoint.root += &(&sigma.diag() * mixed.root() * 2.0);
        Ok(adjoint)
    }

    fn start(&self, start: &MixingStart, _noise: ArrayView1<f64>) -> Vec<f64> {
        let squares = self.amplitudes.mapv(|a| a * a);
        let strength = &start.variances / &squares;
        let own = squares.iter().map(|v| LATENT_NOISE * v).filter(|_| self.latent_noise);
        start.directions.iter().chain(&strength).copied().chain(own).collect()
    }

    fn canonical(&self, values: &[f64], order: &[usize]) -> Result<Vec<f64>> {
        let (v, strength, own) = self.split(values);
        // U is in units of the noise.
        let ones = Array1::ones(self.n_tasks);
        let basis = ordered(&Polar::of(v)?.u, order, ones.view());
        let own = order.iter().filter_map(|&q| own.get(q));
        Ok(basis.iter().chain(order.iter().map(|&q| &strength[q])).chain(own).copied().collect())
    }
}
