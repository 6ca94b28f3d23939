//! Analysis of what a model predicted and learned.
//!
//! [`metrics`] compares predictions with held-out targets, task by task: errors of the mean
//! (RMSE, MAE, SMSE) and scores of the whole predictive Gaussian (NLPD, MSLL, coverage, CRPS).
//!
//! Nothing here needs a fitted model: every function takes plain arrays, so predictions of other
//! programs can be scored with the same code.

pub mod metrics;
