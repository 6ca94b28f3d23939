//! The logarithm.

use super::registry::WarpEntry;
use super::{BoundWarp, Column};
use crate::error::Result;
use crate::param::ParamSpec;
use crate::spec::Spec;

pub(super) const ENTRY: WarpEntry = WarpEntry {
    name: "log",
    about: "z = ln y for y > 0; B and the noise are of ln y, without a unit. What is predicted is \
            lognormal.",
    arguments: &[],
    bind,
};

#[derive(Debug)]
struct Bound;

fn bind(spec: &Spec, _column: &Column) -> Result<Box<dyn BoundWarp>> {
    spec.check_names(&[])?;
    Ok(Box::new(Bound))
}

impl BoundWarp for Bound {
    fn params(&self) -> &[ParamSpec] {
        &[]
    }

    fn needs_positive(&self) -> bool {
        true
    }

    fn forward(&self, _psi: &[f64], y: f64) -> f64 {
        y.ln()
    }

    fn log_slope(&self, _psi: &[f64], y: f64) -> f64 {
        -y.ln()
    }

    fn inverse(&self, _psi: &[f64], z: f64) -> f64 {
        z.exp()
    }

    fn vjp(&self, _psi: &[f64], _y: f64, _of_value: f64, _of_slope: f64, _grad: &mut [f64]) {}

    /// Those of the lognormal distribution.
    fn moments(&self, _psi: &[f64], mean: f64, std: f64) -> (f64, f64) {
        let variance = std * std;
        let centre = (mean + 0.5 * variance).exp();
        (centre, centre * variance.exp_m1().sqrt())
    }
}
