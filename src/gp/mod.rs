//! The Gaussian process of a sum of separable matrix-valued kernels: likelihood, learning, posterior.

mod basis;
mod choice;
mod few_data;
mod fisher;
mod fisher_factored;
mod given;
mod inner;
mod joint;
mod kriging;
mod leave_out;
mod likelihood;
mod linear_mean;
mod mean;
mod model;
mod posterior;
mod profile;
mod profiled;
mod sample;
mod scaling;
mod start;
mod start_from_rows;
mod table;
mod term;

pub use basis::Basis;
pub use fisher::{correlation_standard_errors, identifiability, observed_standard_errors};
pub use joint::JointObjective;
pub use likelihood::{Spectral, SpectralFactor};
pub use mean::Mean;
pub use model::Model;
pub use posterior::{Posterior, Prediction, Uncertainty};
pub use profile::AlternatingBlocks;
pub use scaling::Scaling;
pub use term::Term;
