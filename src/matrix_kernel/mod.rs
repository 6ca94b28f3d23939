//! Matrix-valued kernels: what scalar kernels and task covariances make together.

mod coregionalization;
mod separable;

pub use coregionalization::Coregionalization;
pub use separable::{BoundSeparable, Separable};
