//! Exact multi-task Gaussian processes and vector-valued kernel methods that learn the covariance
//! between tasks.
//!
//! One model, many related outputs: several quantities measured at the same rows are predicted
//! together, with honest uncertainty, and with the learned relation between them.
//!
//! ```
//! use coregion::prelude::*;
//! use ndarray::{Array2, Axis, array};
//!
//! // 40 rows, one input, three outputs that share two signals.
//! let x = ndarray::Array::<f64, _>::linspace(0.0, 8.0, 40).insert_axis(Axis(1));
//! let y = Array2::from_shape_fn((40, 3), |(i, t)| {
//!     let (a, b) = (x[[i, 0]].sin(), (0.7 * x[[i, 0]]).cos());
//!     [2.0 * a, a - b, 30.0 * b][t] + 0.05 * (((i * 13 + t * 7) % 11) as f64 - 5.0) / 5.0
//! });
//! let data = Dataset::new(x.view(), y.view())?.with_task_names(["level", "flow", "salt"])?;
//!
//! let gp = MultiTaskGp::new(Matern52::ard()) // scalar kernel k
//!     .task(LowRank::new(2)) //                 task covariance B
//!     .noise(Noise::PerTask) //                 noise covariance Sigma
//!     .fit(&data)?;
//! println!("{gp}"); // parameters, task correlations with standard errors, the report
//!
//! let p = gp.predict(array![[2.05], [7.3]].view(), Uncertainty::Observation)?;
//! assert_eq!((p.mean.dim(), p.std()?.dim()), ((2, 3), (2, 3)));
//! assert!((p.mean[[0, 0]] - 2.0 * 2.05f64.sin()).abs() < 0.1);
//! assert!(gp.report().solve.exact);
//! # Ok::<(), coregion::Error>(())
//! ```
//!
//! # Conventions
//!
//! They hold everywhere and are not repeated.
//!
//! * `X` is (n, d) and `Y` is (n, T): rows are samples, columns are inputs and tasks.
//!   `vec(Y)[i T + t] = Y[i, t]`, whose covariance is `K (x) B + I (x) Sigma`.
//! * A covariance over several outputs has four indices, `[i, t, j, s] = Cov(f_t(x_i), f_s(x_j))`,
//!   or is a named block of such an array. There is no bare nT x nT matrix.
//! * `k` is the scalar kernel, `K` its Gram matrix, `B` the task covariance, `Sigma` the covariance
//!   of the noise at one input. Public names are words, formulas keep the letters.
//! * Scalar kernels have unit amplitude: the scale of a separable term is that of B. Inside a term
//!   the first amplitude is held at its given value (`2.0 * k1 + 3.0 * k2`: the second is learned).
//!   There is no white kernel: noise is Sigma's.
//! * **Units.** Data are never rescaled. Each parameter carries the scale of the columns it belongs
//!   to; starts, priors, floors and step lengths act on its ratio to that scale, so that learning is
//!   that of standardised data while every value is in the user's units throughout. Evaluating the
//!   likelihood at reported values gives the reported likelihood. Where columns share a parameter
//!   (one lengthscale for all, a linear kernel, shared noise) their scales are pooled.
//! * Priors act on the ratio of a natural value to its scale, without the Jacobian of the transform;
//!   likelihoods are reported without them.
//! * Learned noise variances stay above 1e-6 of a task's variance; values given are used exactly or
//!   refused.
//! * Gradients with respect to a symmetric matrix G satisfy `dL = sum(G o dM)`.
//! * Likelihoods are natural logarithms, total, of the data as given.
//! * Options that are accepted act, or are refused.
//!
//! # What is exact
//!
//! With one separable term, which is what this version serves, and the solvers `kronecker`,
//! `choleskys`, `schur` and `dense`, likelihoods, gradients, means, variances, covariances, conditioning,
//! samples, ridge regression and leave-out are exact up to rounding (on long paths of penalties,
//! precisions and duals to 1e-13 of the largest): no inducing points, no jitter. Negative eigenvalues of a
//! Gram matrix at the level of rounding are set to zero, and the report counts them. Standard errors of
//! task correlations are asymptotic (Fisher information at held kernel parameters).
//!
//! The solver `low-rank`, taken on request alone, leaves 1e-12 of the trace of the Gram matrix out unless told
//! ([`MultiTaskGp::rank_tol`](estimator::MultiTaskGp::rank_tol)), and the report bounds what that may change
//! the log-likelihood by. Means, covariances and gradients change by the same order.
//!
//! The solver `cg`, taken for more than 12,000 observations that are no table with few gaps, is
//! approximate: means and covariances to its tolerance (1e-8 relative unless told, while learning 1e-4), the
//! log-determinant and its gradient with a standard error from random probes, which is reported and falls
//! with the root of their number ([`solve::CgSettings`]); draws have a nugget of at most 1e-8 of the
//! kernel's variance. [`solve::Solver`] and the report of a fit say which solver it was.
//!
//! # The rooms
//!
//! Data flow one way: [`data`] -> [`kernel`], [`task`] and [`warp`] -> [`matrix_kernel`] -> [`gram`] and
//! [`op`] -> [`solve`] -> [`gp`] and [`ridge`], with [`learn`] beside them -> [`estimator`] -> [`io`],
//! which keeps fitted models in files. [`analysis`] judges predictions. [`mathematics`] has the formulas
//! with their sources.

pub mod analysis;
pub mod data;
pub mod error;
pub mod estimator;
pub mod gp;
pub mod gram;
pub mod io;
pub mod kernel;
pub mod learn;
pub mod linalg;
pub mod matrix_kernel;
pub mod op;
pub mod param;
pub mod ridge;
pub mod solve;
pub mod spec;
pub mod task;
pub mod warp;

#[doc = include_str!("../docs/mathematics.md")]
pub mod mathematics {}

pub use data::Dataset;
pub use error::{Error, Result};
pub use io::load;

/// What most programs need, to be imported whole.
///
/// ```
/// use coregion::prelude::*;
/// let settings = MultiTaskGp::new(Rbf::ard() + 0.1 * Linear::learned()).noise(Noise::Full);
/// assert!(format!("{settings:?}").contains("Full"));
/// ```
pub mod prelude {
    pub use crate::data::Dataset;
    pub use crate::error::{Error, Result};
    pub use crate::estimator::{
        FittedMultiTaskGp, FittedMultiTaskKernelRidge, MultiTaskGp, MultiTaskKernelRidge,
        Optimizer, SingleTaskGps,
    };
    pub use crate::gp::{Basis, Mean, Prediction, Uncertainty};
    pub use crate::kernel::{
        Categorical, Constant, Cosine, Kernel, Linear, Matern12, Matern32, Matern52, Periodic,
        Polynomial, RationalQuadratic, Rbf, SpectralMixture,
    };
    pub use crate::matrix_kernel::Mixing;
    pub use crate::ridge::Criterion;
    pub use crate::solve::{LeaveOut, LeftOut, Solver};
    pub use crate::task::{
        DescriptorKernel, Diagonal, Fixed, FreeForm, LowRank, Noise, NoiseMultiple, Task,
    };
    pub use crate::warp::Warp;
}

/// The README's code is run as tests of its own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
