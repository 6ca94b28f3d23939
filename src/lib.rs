//! coregion
pub mod analysis;
pub mod data;
pub mod error;
pub mod estimator;
pub mod gp;
pub mod gram;
pub mod kernel;
pub mod learn;
pub mod linalg;
pub mod matrix_kernel;
pub mod op;
pub mod param;
pub mod solve;
pub mod spec;
pub mod task;
pub use data::Dataset;
pub use error::{Error, Result};
/// What most programs need.
pub mod prelude {
    pub use crate::data::Dataset;
    pub use crate::error::{Error, Result};
    pub use crate::estimator::{FittedMultiTaskGp, MultiTaskGp, Optimizer, SingleTaskGps, Solver};
    pub use crate::gp::{Mean, Prediction, Uncertainty};
    pub use crate::kernel::{
        Categorical, Constant, Cosine, Kernel, Linear, Matern12, Matern32, Matern52, Periodic,
        Polynomial, RationalQuadratic, Rbf, SpectralMixture,
    };
    pub use crate::task::{Diagonal, Fixed, FreeForm, LowRank, Noise, Task};
}
