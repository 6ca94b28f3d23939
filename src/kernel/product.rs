//! Products of kernels.

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2};

use super::registry::{self, KernelEntry};
use super::sum::{concatenated, join, places};
use super::{Amplitude, BoundKernel, Inputs, Kernel, Rbf};
use crate::error::Result;
use crate::param::ParamSpec;
use crate::spec::Spec;

pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "Product",
    about: "The product of kernels.",
    arguments: &[],
    bind,
    examples: || {
        let parts = Rbf::new([0.8, 1.3]) * super::Linear::new(0.3);
        vec![
            parts.clone() * super::Periodic::new(1.1, 2.0).on([1]),
            Rbf::ard() + 0.4 * super::Matern12::isotropic(0.5) * parts,
        ]
    },
};

/// The product of two kernels, with their scales gathered in front.
pub(super) fn multiply(a: Kernel, b: Kernel) -> Kernel {
    let (s, a) = super::scale::take(a);
    let (r, b) = super::scale::take(b);
    let product = Kernel(join("Product", a.0, b.0));
    if s * r == 1.0 { product } else { super::scale::scaled(s * r, product) }
}

#[derive(Debug)]
struct Product {
    parts: Vec<Box<dyn BoundKernel>>,
    places: Vec<std::ops::Range<usize>>,
    params: Vec<ParamSpec>,
}

/// The amplitude of the first factor is that of the product; those of the others are redundant.
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
            let amplitude = if i == 0 { inputs.amplitude } else { Amplitude::Held };
            registry::bind(child, &inputs.with_amplitude(amplitude))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Box::new(Product { places: places(&parts), params: concatenated(&parts), parts }))
}

impl BoundKernel for Product {
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
        out.fill(1.0);
        let mut tile = Array2::zeros(out.dim());
        for (part, place) in self.parts.iter().zip(&self.places) {
            part.block(&theta[place.clone()], x, z, tile.view_mut());
            out *= &tile;
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
        let tiles: Vec<Array2<f64>> = self
            .parts
            .iter()
            .zip(&self.places)
            .map(|(part, place)| {
                let mut tile = Array2::zeros(adjoint.dim());
                part.block(&theta[place.clone()], x, z, tile.view_mut());
                tile
            })
            .collect();
        for (i, (part, place)) in self.parts.iter().zip(&self.places).enumerate() {
            let mut scaled = adjoint.to_owned();
            for (j, tile) in tiles.iter().enumerate() {
                if i != j {
                    scaled *= tile;
                }
            }
            let own = place.clone();
            part.block_vjp(&theta[own.clone()], x, z, scaled.view(), &mut grad[own]);
        }
    }

    fn diag(&self, theta: &[f64], x: ArrayView2<f64>, mut out: ArrayViewMut1<f64>) {
        out.fill(1.0);
        let mut one = Array1::zeros(out.len());
        for (part, place) in self.parts.iter().zip(&self.places) {
            part.diag(&theta[place.clone()], x, one.view_mut());
            out *= &one;
        }
    }

    fn check(&self, x: ArrayView2<f64>) -> Result<()> {
        self.parts.iter().try_for_each(|p| p.check(x))
    }
}
