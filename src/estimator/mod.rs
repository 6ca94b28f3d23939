//! The front: estimators that are configured, fitted to data, and asked for predictions.

mod display;
mod fit;
mod fitted;
mod multi_task_gp;
mod report;
mod single_task;
mod structure;

pub use fitted::FittedMultiTaskGp;
pub use multi_task_gp::{MultiTaskGp, Optimizer, Solver};
pub use report::{FitReport, RestartSummary, Warning};
pub use single_task::SingleTaskGps;
pub(crate) use structure::Structure;
