//! The spectral mixture kernel.

use std::f64::consts::{PI, TAU};

use super::pairwise::{self, Pair};
use super::registry::KernelEntry;
use super::{Amplitude, BoundKernel, Inputs, Kernel};
use crate::error::Result;
use crate::param::{ParamSpec, Transform};
use crate::spec::{Argument, ArgumentKind, Spec, Value};

pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "SpectralMixture",
    about: "The spectral mixture kernel `k = sum_q w_q prod_c exp(-2 pi^2 (x_c - z_c)^2 s_qc^2) cos(2 pi (x_c - z_c) m_qc)` with weights w, frequencies m and bandwidths s (Wilson & Adams 2013, eq. 12). Its likelihood has many optima: give what is known.",
    arguments: &[
        Argument::new("weights", ArgumentKind::Numbers("Q"), "weights"),
        Argument::new(
            "frequencies",
            ArgumentKind::Numbers("Q, d"),
            "frequencies, in the inverse unit of their column",
        ),
        Argument::new(
            "bandwidths",
            ArgumentKind::Numbers("Q, d"),
            "bandwidths, in the inverse unit of their column",
        ),
        Argument::new(
            "components",
            ArgumentKind::OptionalCount,
            "number Q of components, where no weights are given",
        ),
    ],
    bind,
    examples: || {
        vec![
            SpectralMixture::new(
                vec![0.9, 0.3],
                vec![vec![0.6, 0.1], vec![0.4, 0.3]],
                vec![vec![0.4, 0.5], vec![0.2, 0.3]],
            ),
            SpectralMixture::learned(2),
        ]
    },
};

/// Most frequencies, components times columns.
const LARGEST: usize = 10_000;

/// The spectral mixture kernel
/// `k = sum_q w_q prod_c exp(-2 pi^2 (x_c - z_c)^2 s_qc^2) cos(2 pi (x_c - z_c) m_qc)` with weights
/// w, frequencies m and bandwidths s (Wilson & Adams 2013, eq. 12).
///
/// Frequencies and bandwidths have the inverse unit of their column. Where the task covariance owns
/// the amplitude the first weight is held.
///
/// ```
/// use coregion::kernel::SpectralMixture;
/// assert_eq!(SpectralMixture::learned(3).to_string(), "SpectralMixture(components=3)");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SpectralMixture;

impl SpectralMixture {
    /// Weights (Q), frequencies (Q, d) and bandwidths (Q, d), starting at the values given.
    ///
    /// ```
    /// use coregion::{data::ColumnStatistics, gram, kernel::{Inputs, SpectralMixture}};
    /// let (frequencies, bandwidths) = (vec![vec![0.6], vec![0.4]], vec![vec![0.1]; 2]);
    /// let kernel = SpectralMixture::new(vec![0.9, 0.3], frequencies, bandwidths);
    /// let inputs = Inputs::all(&[ColumnStatistics::of(ndarray::array![0.0, 2.0].view())]);
    /// let bound = kernel.bind(&inputs)?;
    /// let theta: Vec<f64> = bound.params().iter().flat_map(|p| p.init.clone()).collect();
    /// let k = gram::diagonal(bound.as_ref(), &theta, ndarray::array![[7.0]].view());
    /// assert!((k[0] - 1.2).abs() < 1e-15); // the sum of the weights
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn new(weights: Vec<f64>, frequencies: Vec<Vec<f64>>, bandwidths: Vec<Vec<f64>>) -> Kernel {
        Kernel(
            Spec::new("SpectralMixture")
                .with("weights", Value::Vector(weights))
                .with("frequencies", Value::Matrix(frequencies))
                .with("bandwidths", Value::Matrix(bandwidths)),
        )
    }

    /// Q components, all values learned: frequencies start evenly spread up to one cycle in two
    /// standard deviations of the column. The likelihood has many optima: give what is known.
    pub fn learned(components: usize) -> Kernel {
        Kernel(Spec::new("SpectralMixture").with("components", Value::Count(components)))
    }
}

#[derive(Debug)]
struct Function {
    components: usize,
    columns: usize,
}

impl Function {
    /// The factor of component q in one column, and its derivatives by frequency and bandwidth.
    fn factor(&self, theta: &[f64], q: usize, c: usize, tau: f64) -> (f64, f64, f64) {
        let place = q * self.columns + c;
        let m = theta[self.components + place];
        let s = theta[self.components * (1 + self.columns) + place];
        let envelope = (-2.0 * PI * PI * tau * tau * s * s).exp();
        let phase = TAU * tau * m;
        let value = envelope * phase.cos();
        (value, -envelope * phase.sin() * TAU * tau, -4.0 * PI * PI * tau * tau * s * value)
    }
}

impl Pair for Function {
    fn value(&self, theta: &[f64], x: &[f64], z: &[f64]) -> f64 {
        (0..self.components)
            .map(|q| {
                (0..self.columns).fold(theta[q], |p, c| p * self.factor(theta, q, c, x[c] - z[c]).0)
            })
            .sum()
    }

    fn vjp(&self, theta: &[f64], x: &[f64], z: &[f64], adjoint: f64, grad: &mut [f64]) {
        let (frequencies, bandwidths) = (self.components, self.components * (1 + self.columns));
        for q in 0..self.components {
            let factors: Vec<_> =
                (0..self.columns).map(|c| self.factor(theta, q, c, x[c] - z[c])).collect();
            let product = |skip: Option<usize>| -> f64 {
                (0..self.columns).filter(|&c| Some(c) != skip).map(|c| factors[c].0).product()
            };
            grad[q] += adjoint * product(None);
            for (c, factor) in factors.iter().enumerate() {
                let others = adjoint * theta[q] * product(Some(c));
                grad[frequencies + q * self.columns + c] += others * factor.1;
                grad[bandwidths + q * self.columns + c] += others * factor.2;
            }
        }
    }
}

fn bind(spec: &Spec, inputs: &Inputs) -> Result<Box<dyn BoundKernel>> {
    let components = match spec.get("weights") {
        Some(weights) => weights.numbers().map_or(0, |w| w.len()),
        None => spec.count("components")?,
    };
    if components == 0 {
        let expected = "at least one component";
        return Err(spec.invalid("weights", spec.get("weights"), expected));
    }
    let d = inputs.len();
    if components.saturating_mul(d) > LARGEST {
        let expected = format!("at most {} components for {d} columns", LARGEST / d);
        return Err(spec.invalid("components", Some(&Value::Count(components)), &expected));
    }
    let inverse: Vec<f64> = inputs.scales().iter().map(|s| 1.0 / s).collect();
    let unit: Vec<f64> = inverse.iter().copied().cycle().take(components * d).collect();
    let start = |f: &dyn Fn(usize) -> f64| -> Vec<f64> {
        unit.iter().enumerate().map(|(i, u)| u * f(i / d)).collect()
    };
    let q = components as f64;
    let mut weights =
        ParamSpec::new("weights", &[components], vec![1.0 / q; components], Transform::POSITIVE);
    if inputs.amplitude == Amplitude::Held {
        weights.free[0] = false;
    }
    let frequencies = start(&|i| 0.5 * i as f64 / q + 0.1);
    let bandwidths = start(&|_| 0.2);
    let params = vec![
        weights,
        ParamSpec::new("frequencies", &[components, d], frequencies, Transform::Identity)
            .with_unit(unit.clone()),
        ParamSpec::new("bandwidths", &[components, d], bandwidths, Transform::POSITIVE)
            .with_unit(unit),
    ];
    let function = Function { components, columns: d };
    pairwise::bind(spec, inputs, params, &["components"], function)
}
