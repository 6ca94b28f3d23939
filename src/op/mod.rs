//! Symmetric matrices whose structure stays visible: task covariances, noise, and adjoints.

mod adjoint;
mod masked_kronecker;
mod mixed_tasks;
mod noise_matrix;
mod pattern;
mod task_matrix;

pub use adjoint::{Adjoint, TaskAdjoint};
pub use masked_kronecker::{KroneckerTerm, MaskedKronecker};
pub use mixed_tasks::{MixedAdjoint, MixedTasks};
pub use noise_matrix::NoiseMatrix;
pub(crate) use noise_matrix::NoiseRoot;
pub use pattern::Pattern;
pub use task_matrix::TaskMatrix;
pub(crate) use task_matrix::correlation;
