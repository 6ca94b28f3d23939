//! Every mixing, by name: the only list there is.

use super::{BoundMixing, Mixing, MixingScales, orthogonal, projected};
use crate::error::{Error, Result};
use crate::spec::{Argument, Spec};

/// One registered mixing.
///
/// ```
/// use coregion::matrix_kernel::{MixingScales, mixings};
/// use ndarray::array;
/// let scales = MixingScales { std: array![1.0, 2.0], amplitudes: array![1.0] };
/// for entry in mixings() {
///     for mixing in (entry.examples)(1) {
///         assert_eq!((entry.bind)(mixing.spec(), &scales)?.params()[0].shape, [2, 1]);
///     }
/// }
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct MixingEntry {
    /// Name in specifications, prints and model files.
    pub name: &'static str,
    /// What it is, with its formula and source: a sentence or a few.
    pub about: &'static str,
    /// Its values.
    pub arguments: &'static [Argument],
    /// Binds a specification of that name to scales.
    pub bind: fn(&Spec, &MixingScales) -> Result<Box<dyn BoundMixing>>,
    /// Instances with m latent functions that the conformance tests run on.
    pub examples: fn(usize) -> Vec<Mixing>,
}

const REGISTRY: &[MixingEntry] = &[orthogonal::ENTRY, projected::ENTRY];

/// Every registered mixing.
///
/// ```
/// let names: Vec<&str> = coregion::matrix_kernel::mixings().iter().map(|e| e.name).collect();
/// assert_eq!(names, ["Orthogonal", "Projected"]);
/// ```
pub fn mixings() -> &'static [MixingEntry] {
    REGISTRY
}

pub(super) fn find(name: &str) -> Result<&'static MixingEntry> {
    REGISTRY.iter().find(|e| e.name == name).ok_or_else(|| Error::UnknownName {
        kind: "mixing".to_string(),
        name: name.to_string(),
        known: REGISTRY.iter().map(|e| e.name.to_string()).collect(),
    })
}
