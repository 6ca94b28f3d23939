//! A kernel times a positive number.

use ndarray::{Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2};

use super::registry::{self, KernelEntry};
use super::{Amplitude, BoundKernel, Inputs, Kernel, Rbf};
use crate::error::Result;
use crate::param::{ParamSpec, Prior, Transform};
use crate::spec::{Argument, ArgumentKind, Spec, Value};

pub(super) const ENTRY: KernelEntry = KernelEntry {
    name: "Scale",
    about: "A kernel times a positive number, held where it is the first of a term.",
    arguments: &[Argument::new("scale", ArgumentKind::Numbers(""), "the number, a variance")],
    bind,
    examples: || vec![2.5 * Rbf::new([0.8, 1.3])],
};

/// The kernel times a number; numbers in a row are multiplied.
pub(super) fn scaled(scale: f64, kernel: Kernel) -> Kernel {
    let mut spec = kernel.0;
    if spec.name == "Scale" {
        let inner = spec.get("scale").and_then(Value::numbers).map_or(1.0, |v| v[0]);
        spec.values.insert("scale".to_string(), Value::Number(inner * scale));
        return Kernel(spec);
    }
    Kernel(Spec::new("Scale").with("scale", Value::Number(scale)).with_children(vec![spec]))
}

/// The number in front of a kernel, and the rest. A number that is held stays inside.
pub(super) fn take(kernel: Kernel) -> (f64, Kernel) {
    let spec = kernel.0;
    let plain = spec.name == "Scale" && spec.fixed.is_empty();
    match (spec.get("scale"), spec.children.as_slice()) {
        (Some(Value::Number(scale)), [child]) if plain => (*scale, Kernel(child.clone())),
        (Some(Value::Count(scale)), [child]) if plain => (*scale as f64, Kernel(child.clone())),
        _ => (1.0, Kernel(spec)),
    }
}

#[derive(Debug)]
struct Scale {
    part: Box<dyn BoundKernel>,
    params: Vec<ParamSpec>,
}

fn bind(spec: &Spec, inputs: &Inputs) -> Result<Box<dyn BoundKernel>> {
    spec.check_names(&["scale"])?;
    let [child] = spec.children.as_slice() else {
        return Err(spec.invalid("children", None, "one kernel"));
    };
    let mut scale = ParamSpec::new("scale", &[], vec![1.0], Transform::POSITIVE)
        .with_prior(Prior::LogNormal { median: 1.0, log_std: 3.0 })
        .from_spec(spec)?;
    if inputs.amplitude == Amplitude::Held {
        scale.free[0] = false;
    }
    if scale.init[0] <= 0.0 {
        return Err(spec.invalid("scale", spec.get("scale"), "a positive number"));
    }
    let part = registry::bind(child, &inputs.with_amplitude(Amplitude::Held))?;
    let params = std::iter::once(scale).chain(part.params().iter().cloned()).collect();
    Ok(Box::new(Scale { part, params }))
}

impl BoundKernel for Scale {
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
        self.part.block(&theta[1..], x, z, out.view_mut());
        out *= theta[0];
    }

    fn block_vjp(
        &self,
        theta: &[f64],
        x: ArrayView2<f64>,
        z: ArrayView2<f64>,
        adjoint: ArrayView2<f64>,
        grad: &mut [f64],
    ) {
        let mut tile = Array2::zeros(adjoint.dim());
        self.part.block(&theta[1..], x, z, tile.view_mut());
        grad[0] += (&tile * &adjoint).sum();
        let scaled = &adjoint * theta[0];
        self.part.block_vjp(&theta[1..], x, z, scaled.view(), &mut grad[1..]);
    }

    fn diag(&self, theta: &[f64], x: ArrayView2<f64>, mut out: ArrayViewMut1<f64>) {
        self.part.diag(&theta[1..], x, out.view_mut());
        out *= theta[0];
    }

    fn check(&self, x: ArrayView2<f64>) -> Result<()> {
        self.part.check(x)
    }
}
