//! The front: estimators that are configured, fitted to data, and asked for predictions.

mod comparison;
mod conditioned;
mod display;
mod fit;
mod fit_kernel_ridge;
mod fitted;
mod fitted_kernel_ridge;
mod gaps;
mod kernel_ridge;
mod learning;
mod mixing;
mod multi_task_gp;
mod one_task;
mod optimizer;
mod report;
mod setup;
mod single_task;
mod structure;
mod terms;
mod unseen;
mod warped;

pub use comparison::{ComparedModel, Comparison, Fitted, Settings, compare};
pub use conditioned::TaskView;
pub use fitted::FittedMultiTaskGp;
pub use fitted_kernel_ridge::FittedMultiTaskKernelRidge;
pub(crate) use fitted_kernel_ridge::Selection;
pub use kernel_ridge::MultiTaskKernelRidge;
pub use multi_task_gp::MultiTaskGp;
pub use optimizer::Optimizer;
pub use report::{FitReport, RestartSummary, Warning};
pub use setup::Setup;
pub use single_task::SingleTaskGps;
pub(crate) use structure::Structure;
