//! The Gaussian process of a sum of separable matrix-valued kernels: likelihood, learning, posterior.

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
mod mean;
mod mixing;
mod model;
mod posterior;
mod profile;
mod sample;
mod scaling;
mod start;
mod start_from_rows;
mod start_mixed;
mod start_of_terms;
mod table;
mod term;
mod unseen;

pub use fisher::{correlation_standard_errors, identifiability, observed_standard_errors};
pub use joint::JointObjective;
pub use likelihood::{Spectral, SpectralFactor};
pub use mean::Mean;
pub use model::Model;
pub use posterior::{Posterior, Prediction, Uncertainty};
pub use profile::AlternatingBlocks;
pub use scaling::Scaling;
pub use term::Term;
