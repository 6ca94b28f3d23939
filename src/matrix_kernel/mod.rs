//! Matrix-valued kernels: what scalar kernels and task covariances make together.

mod coregionalization;
mod mixing;
mod separable;

pub use coregionalization::Coregionalization;
pub use mixing::{BoundMixing, Mixing, MixingEntry, MixingScales, MixingStart, mixings, principal};
pub use separable::{BoundSeparable, Separable};
