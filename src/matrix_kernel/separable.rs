//! The separable term `k(x, z) B`.

use std::fmt;

use ndarray::{Array1, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::data::ColumnStatistics;
use crate::error::{Error, Result};
use crate::kernel::{BoundKernel, Inputs, Kernel};
use crate::task::{BoundTask, Task, TaskScales};

/// Mean variances of a kernel at the inputs that leave room for their squares.
const VARIANCES: std::ops::RangeInclusive<f64> = 1e-100..=1e100;

/// A scalar kernel times a task covariance: `Cov(f_t(x), f_s(z)) = k(x, z) B[t, s]`, the intrinsic
/// coregionalization model (Goovaerts 1997, sec. 4.2; Alvarez, Rosasco & Lawrence 2012, sec. 4.2).
///
/// ```
/// use coregion::kernel::Matern52;
/// use coregion::matrix_kernel::Separable;
/// use coregion::task::LowRank;
/// let term = Separable { kernel: Matern52::ard(), task: LowRank::new(2) };
/// assert_eq!(term.to_string(), "Matern52() (x) LowRank(rank=2)");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Separable {
    /// The scalar kernel k.
    pub kernel: Kernel,
    /// The task covariance B.
    pub task: Task,
}

/// A separable term that knows its columns and the scales of its tasks.
///
/// ```
/// use coregion::data::ColumnStatistics;
/// use coregion::{kernel::Linear, matrix_kernel::Separable, task::Diagonal};
/// use ndarray::{Axis, array};
/// let x = array![[1.0], [3.0]];
/// let statistics = [ColumnStatistics::of(x.index_axis(Axis(1), 0))];
/// let term = Separable { kernel: Linear::new(1.0), task: Diagonal::new() };
/// let bound = term.bind(x.view(), &statistics, array![1.0, 2.0], 1.5)?;
/// assert_eq!(bound.task.params()[0].shape, [2]);
/// assert!((bound.scales.amplitude - 6f64.sqrt()).abs() < 1e-15); // k(x, x) is 2 and 10
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug)]
pub struct BoundSeparable {
    /// The scalar kernel.
    pub kernel: Box<dyn BoundKernel>,
    /// The task covariance.
    pub task: Box<dyn BoundTask>,
    /// The scales the task covariance was bound to, the kernel's amplitude among them.
    pub scales: TaskScales,
}

impl Separable {
    /// Binds the term to inputs x (n, d) with the statistics of their columns, and to the scales of
    /// the tasks: standard deviations and their pooled value.
    ///
    /// # Errors
    /// What the kernel or the task covariance refuses; [`Error::InvalidValue`] where the kernel's
    /// mean diagonal on x is not between 1e-100 and 1e100.
    pub fn bind(
        &self,
        x: ArrayView2<f64>,
        statistics: &[ColumnStatistics],
        std: Array1<f64>,
        pooled: f64,
    ) -> Result<BoundSeparable> {
        let kernel = self.kernel.bind(&Inputs::all(statistics))?;
        kernel.check(x)?;
        let theta: Vec<f64> = kernel.params().iter().flat_map(|p| p.init.clone()).collect();
        let mut diagonal = Array1::zeros(x.nrows());
        kernel.diag(&theta, x, diagonal.view_mut());
        let mean = diagonal.sum() / diagonal.len() as f64;
        if !VARIANCES.contains(&mean) {
            return Err(Error::InvalidValue {
                argument: format!("kernel {}", self.kernel),
                found: format!("a mean variance of {mean:e} at the inputs"),
                expected: "a variance between 1e-100 and 1e100: scale the columns".to_string(),
            });
        }
        let scales = TaskScales { std, pooled, amplitude: mean.sqrt() };
        let task = self.task.bind(&scales)?;
        Ok(BoundSeparable { kernel, task, scales })
    }
}

impl fmt::Display for Separable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (x) {}", self.kernel, self.task)
    }
}
