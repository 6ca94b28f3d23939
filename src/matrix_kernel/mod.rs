//! Matrix-valued kernels: what scalar kernels and task covariances make together.

mod separable;

pub use separable::{BoundSeparable, Separable};
