//! Powers of positive outputs (Box & Cox 1964).

use super::power::{relative_exp, relative_exp_slope, relative_log};
use super::registry::WarpEntry;
use super::{BoundWarp, Column};
use crate::error::Result;
use crate::param::{ParamSpec, Prior, Transform};
use crate::spec::{Argument, ArgumentKind, Spec};

pub(super) const ENTRY: WarpEntry = WarpEntry {
    name: "box-cox",
    about: "z = g ((y/g)^lambda - 1) / lambda for y > 0, g ln(y/g) at lambda = 0 (Box & Cox 1964, \
            scaled by the geometric mean g of the outputs, which is held: the slope there is 1). \
            0 < lambda < 3 where it is learned, the ends where it is held: a negative lambda would predict \
            infinite means. With lambda > 0 no z is below -g/lambda; what is predicted there is mapped to y = 0.",
    arguments: &[
        Argument::new(
            "lambda",
            ArgumentKind::Numbers(""),
            "the exponent: 0 is the logarithm, 1 no warp",
        ),
        Argument::new("reference", ArgumentKind::Given(""), "g, in units of the outputs"),
    ],
    bind,
};

/// The exponents that are learned.
const RANGE: Transform = Transform::Interval { low: 0.0, high: 3.0 };
/// Where learning may start.
const START: [f64; 2] = [0.02, 2.5];

#[derive(Debug)]
struct Bound {
    params: Vec<ParamSpec>,
}

fn bind(spec: &Spec, column: &Column) -> Result<Box<dyn BoundWarp>> {
    spec.check_names(&["lambda", "reference"])?;
    let reference = column.geometric_mean();
    let mut reference = ParamSpec::new("reference", &[], vec![reference], Transform::DIVISOR)
        .with_unit(vec![reference]);
    reference.given = true;
    let mut reference = reference.from_spec(spec)?;
    reference.free.fill(false);
    let g = reference.init[0];
    let prior = Prior::Normal { mean: 1.0, std: 1.0 };
    let mut bound = Bound { params: Vec::new() };
    let start = column.best(START, 1.0, prior, |lambda, y| {
        let psi = [lambda, g];
        (bound.forward(&psi, y), bound.log_slope(&psi, y))
    });
    let lambda = ParamSpec::new("lambda", &[], vec![start], RANGE).with_prior(prior);
    if !spec.is_fixed("lambda") && spec.count("lambda").is_ok_and(|lambda| lambda == 0) {
        let expected =
            "a number above 0 and below 3 to learn from; 0 must be held, and is the warp 'log'";
        return Err(spec.invalid("lambda", spec.get("lambda"), expected));
    }
    bound.params = vec![lambda.from_spec(spec)?, reference];
    Ok(Box::new(bound))
}

impl BoundWarp for Bound {
    fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    fn needs_positive(&self) -> bool {
        true
    }

    fn forward(&self, psi: &[f64], y: f64) -> f64 {
        let l = (y / psi[1]).ln();
        psi[1] * l * relative_exp(psi[0] * l)
    }

    fn log_slope(&self, psi: &[f64], y: f64) -> f64 {
        (psi[0] - 1.0) * (y / psi[1]).ln()
    }

    fn inverse(&self, psi: &[f64], z: f64) -> f64 {
        let (lambda, g) = (psi[0], psi[1]);
        let b = lambda * z / g;
        if b <= -1.0 {
            return 0.0;
        }
        g * (z / g * relative_log(b)).exp()
    }

    fn vjp(&self, psi: &[f64], y: f64, of_value: f64, of_slope: f64, grad: &mut [f64]) {
        let (lambda, g) = (psi[0], psi[1]);
        let l = (y / g).ln();
        let a = lambda * l;
        grad[0] += of_value * g * l * l * relative_exp_slope(a) + of_slope * l;
        grad[1] += of_value * (l * relative_exp(a) - a.exp()) + of_slope * (1.0 - lambda) / g;
    }

    /// Below it everything is mapped to 0.
    fn kink(&self, psi: &[f64]) -> Option<f64> {
        (psi[0] > 0.0).then(|| -psi[1] / psi[0])
    }
}
