//! Every kernel, by name: the only list there is.

use super::{
    BoundKernel, Inputs, Kernel, categorical, columns, constant, cosine, linear, matern12,
    matern32, matern52, periodic, polynomial, product, rational_quadratic, rbf, scale,
    spectral_mixture, sum,
};
use crate::error::{Error, Result};
use crate::spec::{Argument, Spec};

/// One registered kernel.
///
/// ```
/// use coregion::data::ColumnStatistics;
/// use coregion::kernel::{Inputs, registry};
/// use coregion::spec::Spec;
/// let inputs = Inputs::all(&[ColumnStatistics::of(ndarray::array![0.0, 2.0].view())]);
/// let entry = registry().iter().find(|entry| entry.name == "RBF").unwrap();
/// let kernel = (entry.bind)(&Spec::new("RBF"), &inputs)?;
/// assert_eq!(kernel.params()[0].name, "lengthscale");
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct KernelEntry {
    /// Name in specifications, prints and model files.
    pub name: &'static str,
    /// What it is, with its formula and source: a sentence or a few.
    pub about: &'static str,
    /// Its values.
    pub arguments: &'static [Argument],
    /// Binds a specification of that name to columns.
    pub bind: fn(&Spec, &Inputs) -> Result<Box<dyn BoundKernel>>,
    /// Instances the conformance tests run on: valid on two columns, or on `.on([0])`.
    pub examples: fn() -> Vec<Kernel>,
}

const REGISTRY: &[KernelEntry] = &[
    rbf::ENTRY,
    matern12::ENTRY,
    matern32::ENTRY,
    matern52::ENTRY,
    rational_quadratic::ENTRY,
    periodic::ENTRY,
    cosine::ENTRY,
    linear::ENTRY,
    polynomial::ENTRY,
    constant::ENTRY,
    spectral_mixture::ENTRY,
    categorical::ENTRY,
    sum::ENTRY,
    product::ENTRY,
    scale::ENTRY,
    columns::ENTRY,
];

/// Every registered kernel.
///
/// ```
/// assert!(coregion::kernel::registry().iter().any(|entry| entry.name == "Matern52"));
/// ```
pub fn registry() -> &'static [KernelEntry] {
    REGISTRY
}

fn find(name: &str) -> Result<&'static KernelEntry> {
    REGISTRY.iter().find(|e| e.name == name).ok_or_else(|| Error::UnknownName {
        kind: "kernel".to_string(),
        name: name.to_string(),
        known: REGISTRY.iter().map(|e| e.name.to_string()).collect(),
    })
}

pub(super) fn bind(spec: &Spec, inputs: &Inputs) -> Result<Box<dyn BoundKernel>> {
    (find(&spec.name)?.bind)(spec, inputs)
}

pub(super) fn check(spec: &Spec) -> Result<()> {
    find(&spec.name)?;
    spec.children.iter().try_for_each(check)
}
