//! Optimisation: objectives, L-BFGS through argmin, Fisher scoring, the alternation of both.
//!
//! Everything here minimises; nothing here knows what a kernel is.

mod alternating;
mod interruption;
mod lbfgs;
mod objective;
mod observer;
mod scoring;

pub use alternating::{Blocks, Inner, alternate};
pub(crate) use interruption::Interruption;
pub use lbfgs::{LbfgsSettings, minimise};
pub use objective::{Objective, Outcome, Scoring, Stop, TracePoint};
pub use observer::{Observer, Progress};
pub use scoring::{ScoringSettings, score};
