//! Symmetric matrices whose structure stays visible: task covariances, noise, and adjoints.

mod adjoint;
mod noise_matrix;
mod task_matrix;

pub use adjoint::{Adjoint, TaskAdjoint};
pub use noise_matrix::NoiseMatrix;
pub(crate) use noise_matrix::NoiseRoot;
pub use task_matrix::TaskMatrix;
pub(crate) use task_matrix::correlation;
