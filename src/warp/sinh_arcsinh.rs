//! Skewness and tails (Jones & Pewsey 2009).

use super::registry::WarpEntry;
use super::{BoundWarp, Column};
use crate::error::Result;
use crate::param::{ParamSpec, Prior, Transform};
use crate::spec::{Argument, ArgumentKind, Spec};

pub(super) const ENTRY: WarpEntry = WarpEntry {
    name: "sinh-arcsinh",
    about: "z = s (sinh(delta asinh(u) - epsilon) + sinh(epsilon)) / (delta cosh(epsilon)) with u = (y - m)/s \
            (Jones & Pewsey 2009, shifted and scaled to the value 0 and the slope 1 at m). The median m of the \
            outputs and their spread s, the interquartile range over 1.349, are held: as parameters they could \
            not be told from the mean and from B. epsilon > 0 compresses the upper tail of the outputs \
            against the lower one, delta < 1 makes both tails of what is predicted heavier than normal ones.",
    arguments: &[
        Argument::new("epsilon", ArgumentKind::Numbers(""), "the skewness, 0 for none"),
        Argument::new(
            "delta",
            ArgumentKind::Numbers(""),
            "the weight of the tails, 1 for normal ones",
        ),
        Argument::new("location", ArgumentKind::Given(""), "m, in units of the outputs"),
        Argument::new("scale", ArgumentKind::Given(""), "s, in units of the outputs"),
    ],
    bind,
};

/// Smallest delta.
const FLOOR: f64 = 0.05;
/// Where learning may start: epsilon, and the logarithm of delta.
const START: [[f64; 2]; 2] = [[-1.5, 1.5], [-1.0, 1.0]];
/// Times that the start of either parameter is looked for.
const ROUNDS: usize = 3;

#[derive(Debug)]
struct Bound {
    params: Vec<ParamSpec>,
}

fn bind(spec: &Spec, column: &Column) -> Result<Box<dyn BoundWarp>> {
    spec.check_names(&["epsilon", "delta", "location", "scale"])?;
    let [location, scale] = column.held_frame(spec)?;
    let (m, s) = (location.init[0], scale.init[0]);
    let of_epsilon = Prior::Normal { mean: 0.0, std: 1.0 };
    let of_delta = Prior::LogNormal { median: 1.0, log_std: 0.5 };
    let mut bound = Bound { params: Vec::new() };
    let (mut epsilon, mut log_delta) = (0.0, 0.0f64);
    for _ in 0..ROUNDS {
        let of = |epsilon: f64, log_delta: f64, y| {
            let psi = [epsilon, log_delta.exp(), m, s];
            (bound.forward(&psi, y), bound.log_slope(&psi, y))
        };
        epsilon = column.best(START[0], 0.0, of_epsilon, |e, y| of(e, log_delta, y));
        let on_the_log = Prior::Normal { mean: 0.0, std: 0.5 };
        log_delta = column.best(START[1], 0.0, on_the_log, |d, y| of(epsilon, d, y));
    }
    let positive = Transform::Positive { floor: FLOOR };
    bound.params = vec![
        ParamSpec::new("epsilon", &[], vec![epsilon], Transform::Identity)
            .with_prior(of_epsilon)
            .from_spec(spec)?,
        ParamSpec::new("delta", &[], vec![log_delta.exp()], positive)
            .with_prior(of_delta)
            .from_spec(spec)?,
        location,
        scale,
    ];
    Ok(Box::new(bound))
}

impl BoundWarp for Bound {
    fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    fn forward(&self, psi: &[f64], y: f64) -> f64 {
        let &[epsilon, delta, m, s] = psi else { return f64::NAN };
        let half = 0.5 * delta * ((y - m) / s).asinh();
        // sinh a + sinh b = 2 sinh((a + b) / 2) cosh((a - b) / 2)
        2.0 * s * half.sinh() * (half - epsilon).cosh() / (delta * epsilon.cosh())
    }

    fn log_slope(&self, psi: &[f64], y: f64) -> f64 {
        let &[epsilon, delta, m, s] = psi else { return f64::NAN };
        let u = (y - m) / s;
        log_cosh(delta * u.asinh() - epsilon) - u.hypot(1.0).ln() - log_cosh(epsilon)
    }

    fn inverse(&self, psi: &[f64], z: f64) -> f64 {
        let &[epsilon, delta, m, s] = psi else { return f64::NAN };
        let inner = delta * epsilon.cosh() * z / s - epsilon.sinh();
        m + s * ((inner.asinh() + epsilon) / delta).sinh()
    }

    fn vjp(&self, psi: &[f64], y: f64, of_value: f64, of_slope: f64, grad: &mut [f64]) {
        let &[epsilon, delta, m, s] = psi else { return };
        let u = (y - m) / s;
        let a = u.asinh();
        let inner = delta * a - epsilon;
        let (value, slope) = (self.forward(psi, y) / s, self.log_slope(psi, y).exp());
        let root = u.hypot(1.0);
        let bend = (delta * inner.tanh() - u / root) / root; // d(ln w')/du
        let half = (0.5 * delta * a).sinh() / epsilon.cosh();
        grad[0] -=
            of_value * 2.0 * s * half * half / delta + of_slope * (inner.tanh() + epsilon.tanh());
        grad[1] += of_value * s * (a * slope * root - value) / delta + of_slope * a * inner.tanh();
        grad[2] -= of_value * slope + of_slope * bend / s;
        grad[3] += of_value * (value - u * slope) - of_slope * bend * u / s;
    }
}

/// `ln cosh x`, without overflow.
fn log_cosh(x: f64) -> f64 {
    x.abs() + (-2.0 * x.abs()).exp().ln_1p() - std::f64::consts::LN_2
}
