//! No warp.

use super::registry::WarpEntry;
use super::{BoundWarp, Column};
use crate::error::Result;
use crate::param::ParamSpec;
use crate::spec::Spec;

pub(super) const ENTRY: WarpEntry =
    WarpEntry { name: "identity", about: "z = y: the outputs as they are.", arguments: &[], bind };

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

    fn is_identity(&self) -> bool {
        true
    }

    fn forward(&self, _psi: &[f64], y: f64) -> f64 {
        y
    }

    fn log_slope(&self, _psi: &[f64], _y: f64) -> f64 {
        0.0
    }

    fn inverse(&self, _psi: &[f64], z: f64) -> f64 {
        z
    }

    fn vjp(&self, _psi: &[f64], _y: f64, _of_value: f64, _of_slope: f64, _grad: &mut [f64]) {}

    fn moments(&self, _psi: &[f64], mean: f64, std: f64) -> (f64, f64) {
        (mean, std)
    }
}
