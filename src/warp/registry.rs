//! Every warp, by name: the only list there is.

use super::{BoundWarp, Column, box_cox, identity, log, sinh_arcsinh, yeo_johnson};
use crate::error::{Error, Result};
use crate::spec::{Argument, Spec};

/// One registered warp.
///
/// ```
/// use coregion::{spec::Spec, warp::{Column, registry}};
/// let column = Column::of([1.0, 2.0, 5.0]);
/// for entry in registry() {
///     let warp = (entry.bind)(&Spec::new(entry.name), &column)?;
///     let psi: Vec<f64> = warp.params().iter().flat_map(|p| p.init.clone()).collect();
///     assert!(warp.forward(&psi, 2.0) < warp.forward(&psi, 3.0));
/// }
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct WarpEntry {
    /// Name in specifications, prints and model files.
    pub name: &'static str,
    /// What it is, with its formula and source: a sentence or a few.
    pub about: &'static str,
    /// Its values.
    pub arguments: &'static [Argument],
    /// Binds a specification of that name to the outputs of a task.
    pub bind: fn(&Spec, &Column) -> Result<Box<dyn BoundWarp>>,
}

const REGISTRY: &[WarpEntry] =
    &[identity::ENTRY, log::ENTRY, box_cox::ENTRY, yeo_johnson::ENTRY, sinh_arcsinh::ENTRY];

/// Every registered warp.
///
/// ```
/// assert!(coregion::warp::registry().iter().any(|entry| entry.name == "yeo-johnson"));
/// ```
pub fn registry() -> &'static [WarpEntry] {
    REGISTRY
}

pub(super) fn find(name: &str) -> Result<&'static WarpEntry> {
    REGISTRY.iter().find(|e| e.name == name).ok_or_else(|| Error::UnknownName {
        kind: "warp".to_string(),
        name: name.to_string(),
        known: REGISTRY.iter().map(|e| e.name.to_string()).collect(),
    })
}
