//! Powers on either side of the middle of the outputs (Yeo & Johnson 2000).

use super::power::{relative_exp, relative_exp_slope, relative_log};
use super::registry::WarpEntry;
use super::{BoundWarp, Column};
use crate::error::Result;
use crate::param::{ParamSpec, Prior, Transform};
use crate::spec::{Argument, ArgumentKind, Spec};

pub(super) const ENTRY: WarpEntry = WarpEntry {
    name: "yeo-johnson",
    about: "z = s ((1 + u)^lambda - 1) / lambda for u = (y - m)/s >= 0, and z = -s ((1 - u)^(2 - lambda) \
            - 1) / (2 - lambda) for u < 0, logarithms where the exponent is 0 (Yeo & Johnson 2000, about \
            the median m of the outputs and in units of their spread s, the interquartile range over \
            1.349: both are held, and the slope at m is 1). 0 < lambda < 2 where it is learned, the ends where it is \
            held: beyond, the range of z would have an end and means would be infinite.",
    arguments: &[
        Argument::new("lambda", ArgumentKind::Numbers(""), "the exponent above m; 1 is no warp"),
        Argument::new("location", ArgumentKind::Given(""), "m, in units of the outputs"),
        Argument::new("scale", ArgumentKind::Given(""), "s, in units of the outputs"),
    ],
    bind,
};

/// The exponents that are learned.
const RANGE: Transform = Transform::Interval { low: 0.0, high: 2.0 };
/// Where learning may start.
const START: [f64; 2] = [0.02, 1.98];

#[derive(Debug)]
struct Bound {
    params: Vec<ParamSpec>,
}

fn bind(spec: &Spec, column: &Column) -> Result<Box<dyn BoundWarp>> {
    spec.check_names(&["lambda", "location", "scale"])?;
    let [location, scale] = column.held_frame(spec)?;
    let (m, s) = (location.init[0], scale.init[0]);
    let prior = Prior::Normal { mean: 1.0, std: 1.0 };
    let mut bound = Bound { params: Vec::new() };
    let start = column.best(START, 1.0, prior, |lambda, y| {
        let psi = [lambda, m, s];
        (bound.forward(&psi, y), bound.log_slope(&psi, y))
    });
    let lambda = ParamSpec::new("lambda", &[], vec![start], RANGE).with_prior(prior);
    bound.params = vec![lambda.from_spec(spec)?, location, scale];
    Ok(Box::new(bound))
}

/// The exponent on the side of `u`, and `ln(1 + |u|)`.
fn side(lambda: f64, u: f64) -> (f64, f64) {
    (if u >= 0.0 { lambda } else { 2.0 - lambda }, u.abs().ln_1p())
}

impl BoundWarp for Bound {
    fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    fn forward(&self, psi: &[f64], y: f64) -> f64 {
        let u = (y - psi[1]) / psi[2];
        let (power, l) = side(psi[0], u);
        (psi[2] * l * relative_exp(power * l)).copysign(u)
    }

    fn log_slope(&self, psi: &[f64], y: f64) -> f64 {
        let u = (y - psi[1]) / psi[2];
        let (power, l) = side(psi[0], u);
        (power - 1.0) * l
    }

    fn inverse(&self, psi: &[f64], z: f64) -> f64 {
        let (power, _) = side(psi[0], z);
        let size = z.abs() / psi[2];
        let l = size * relative_log(power * size);
        psi[1] + (psi[2] * l.exp_m1()).copysign(z)
    }

    fn vjp(&self, psi: &[f64], y: f64, of_value: f64, of_slope: f64, grad: &mut [f64]) {
        let (lambda, s) = (psi[0], psi[2]);
        let u = (y - psi[1]) / s;
        let (power, l) = side(lambda, u);
        let sign = 1.0f64.copysign(u);
        let value = (l * relative_exp(power * l)).copysign(u);
        let slope = ((power - 1.0) * l).exp();
        let bend = (lambda - 1.0) / (1.0 + u.abs()); // d(ln w')/du
        grad[0] += of_value * s * l * l * relative_exp_slope(power * l) + of_slope * sign * l;
        grad[1] -= of_value * slope + of_slope * bend / s;
        grad[2] += of_value * (value - u * slope) - of_slope * bend * u / s;
    }

    fn kink(&self, _psi: &[f64]) -> Option<f64> {
        Some(0.0)
    }
}
