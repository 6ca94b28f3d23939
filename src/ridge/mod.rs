//! Vector-valued kernel ridge regression: the regularisation reading of the same engine.
//!
//! `f = b + sum_i k(x, x_i) B c_i` minimises
//!
//! `sum_it w_i v_t / a_t (y_it - f_t(x_i))^2 + |f|_K^2` over f and, where asked for, the intercepts b,
//!
//! with the norm of the matrix-valued kernel `k B`, sample weights w, task weights v and penalties
//! `a = alpha rho`: one for all tasks, or one for each. It is the posterior mean of the Gaussian
//! process with noise variances `a_t / (w_i v_t)` (Micchelli & Pontil 2005; Alvarez, Rosasco &
//! Lawrence 2012, section 3). After one eigendecomposition of `W^1/2 K W^1/2` every penalty and every
//! task covariance costs matrix products.

mod candidate;
mod criterion;
mod each_task;
mod evaluate;
mod grouped;
mod path;
mod problem;
mod refine;
mod score;

pub use candidate::Candidate;
pub use criterion::Criterion;
pub use path::PathProgress;
pub use problem::{Problem, Solution};
