//! The tests of the crate as one program: fewer links, one place to look.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod appended;
mod common;
mod each_task;
mod engine;
mod equivalences;
mod few_data;
mod fits;
mod gaps;
mod gaps_equivalences;
mod gaps_fits;
mod gradients;
mod hostile;
mod hostile_layouts;
mod hostile_properties;
mod hostile_refusals;
mod hostile_ridge;
mod iterative;
mod jura;
mod kernels;
mod layering;
mod layouts;
mod learning;
mod leave_out;
mod leave_out_gaps;
mod model_file_refusals;
mod model_files;
mod model_files_gaps;
mod reference;
mod reference_gaps;
mod ridge;
mod ridge_files;
mod solvers;
mod standard_errors;
mod support;
mod tasks;
