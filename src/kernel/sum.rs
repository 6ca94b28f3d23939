//! Sums of kernels.

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2};

use super::registry::{self, KernelEntry};
use super::{Amplitude, BoundKernel, Inputs, Rbf};
use crate::error::Result;
use crate::param::ParamSpec;
use crate::spec::Spec;

pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "Sum",
    about: "The sum of kernels.",
    arguments: &[],
    bind,
    examples: || {
        let parts = 2.0 * Rbf::new([0.8, 1.3]) + 0.7 * super::Matern32::isotropic(0.6);
        vec![parts.clone() + super::Linear::new(0.3), 0.5 * parts]
    },
};

/// Joins two nodes under one of that name, flattening nodes of the same name.
pub(super) fn join(name: &str, a: Spec, b: Spec) -> Spec {
    let flat = |s: Spec| if s.name == name { s.children } else { vec![s] };
    let children = flat(a).into_iter().chain(flat(b)).collect();
    Spec::new(name).with_children(children)
}

/// The parameters of some parts one after the other, each prefixed with its part's number.
pub(super) fn concatenated(parts: &[Box<dyn BoundKernel>]) -> Vec<ParamSpec> {
    let numbered = parts.iter().enumerate();
    numbered
        .flat_map(|(i, part)| {
            part.params()
                .iter()
                .map(move |p| ParamSpec { name: format!("parts[{i}].{}", p.name), ..p.clone() })
        })
        .collect()
}

/// The places of each part's values in the concatenated vector.
pub(super) fn places(parts: &[Box<dyn BoundKernel>]) -> Vec<std::ops::Range<usize>> {
    let mut start = 0;
    parts
        .iter()
        .map(|p| {
            let len: usize = p.params().iter().map(|p| p.init.len()).sum();
            start += len;
            start - len..start
        })
        .collect()
}

#[derive(Debug)]
struct Sum {
    parts: Vec<Box<dyn BoundKernel>>,
    places: Vec<std::ops::Range<usize>>,
    params: Vec<ParamSpec>,
}

/// If the amplitude of the sum is owned elsewhere, so is that of its first part; the others' are
/// relative to it and may be learned.
fn bind(spec: &Spec, inputs: &Inputs) -> Result<Box<dyn BoundKernel>> {
    spec.check_names(&[])?;
    if spec.children.is_empty() {
        return Err(spec.invalid("children", None, "at least one kernel"));
    }
    let parts = spec
        .children
        .iter()
        .enumerate()
        .map(|(i, child)| {
            let amplitude = if i == 0 { inputs.amplitude } else { Amplitude::Free };
            registry::bind(child, &inputs.with_amplitude(amplitude))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Box::new(Sum { places: places(&parts), params: concatenated(&parts), parts }))
}

impl BoundKernel for Sum {
    fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    fn block(
        &self,
        theta: &[f64],
        x: ArrayView2<f64>,
        z: ArrayView2<f64>,
        mut out: ArrayViewMut2<f64>,
    ) {
        out.fill(0.0);
        let mut tile = Array2::zeros(out.dim());
        for (part, place) in self.parts.iter().zip(&self.places) {
            part.block(&theta[place.clone()], x, z, tile.view_mut());
            out += &tile;
        }
    }

    fn block_vjp(
        &self,
        theta: &[f64],
        x: ArrayView2<f64>,
        z: ArrayView2<f64>,
        adjoint: ArrayView2<f64>,
        grad: &mut [f64],
    ) {
        for (part, place) in self.parts.iter().zip(&self.places) {
            part.block_vjp(&theta[place.clone()], x, z, adjoint, &mut grad[place.clone()]);
        }
    }

    fn diag(&self, theta: &[f64], x: ArrayView2<f64>, mut out: ArrayViewMut1<f64>) {
        out.fill(0.0);
        let mut one = Array1::zeros(out.len());
        for (part, place) in self.parts.iter().zip(&self.places) {
            part.diag(&theta[place.clone()], x, one.view_mut());
            out += &one;
        }
    }

    fn check(&self, x: ArrayView2<f64>) -> Result<()> {
        self.parts.iter().try_for_each(|p| p.check(x))
    }
}
