//! The Gaussian process of a separable matrix-valued kernel: likelihood, learning, posterior.

mod fisher;
mod fisher_factored;
mod inner;
mod joint;
mod leave_out;
mod mean;
mod model;
mod posterior;
mod profile;
mod sample;
mod start;

pub use fisher::{correlation_standard_errors, identifiability};
pub use joint::JointObjective;
pub use mean::Mean;
pub use model::{Model, Scaling, Spectral};
pub use posterior::{Posterior, Prediction, Uncertainty};
pub use profile::AlternatingBlocks;
