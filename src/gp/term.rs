//! A separable term of a model.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView2};

use crate::gram;
use crate::kernel::BoundKernel;
use crate::matrix_kernel::BoundSeparable;
use crate::op::TaskMatrix;
use crate::task::{BoundTask, TaskScales};

/// A kernel and a task covariance bound to the data, and where their values are in the flat parameter
/// vector.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// let (model, natural) = (gp.posterior().model(), gp.posterior().natural());
/// let term = &model.terms()[0];
/// assert_eq!(term.gram(natural, model.x()).dim(), (5, 5));
/// assert_eq!(term.theta(natural).len() + term.phi(natural).len(), 1 + 6);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Term {
    kernel: Arc<dyn BoundKernel>,
    task: Arc<dyn BoundTask>,
    scales: TaskScales,
    pub(super) kernel_range: Range<usize>,
    pub(super) task_range: Range<usize>,
}

impl Term {
    pub(super) fn new(
        bound: BoundSeparable,
        kernel_range: Range<usize>,
        task_range: Range<usize>,
    ) -> Self {
        let BoundSeparable { kernel, task, scales } = bound;
        Term { kernel: kernel.into(), task: task.into(), scales, kernel_range, task_range }
    }

    /// The bound scalar kernel.
    pub fn kernel(&self) -> &dyn BoundKernel {
        self.kernel.as_ref()
    }

    /// The bound task covariance.
    pub fn task(&self) -> &dyn BoundTask {
        self.task.as_ref()
    }

    /// The scales of the outputs, with the amplitude of the kernel.
    pub fn scales(&self) -> &TaskScales {
        &self.scales
    }

    /// Where the kernel's and the task covariance's values are in a natural vector.
    pub(crate) fn ranges(&self) -> [Range<usize>; 2] {
        [self.kernel_range.clone(), self.task_range.clone()]
    }

    /// Values of the kernel parameters in a natural vector.
    pub fn theta<'a>(&self, natural: &'a [f64]) -> &'a [f64] {
        &natural[self.kernel_range.clone()]
    }

    /// Values of the task covariance's parameters in a natural vector.
    pub fn phi<'a>(&self, natural: &'a [f64]) -> &'a [f64] {
        &natural[self.task_range.clone()]
    }

    /// B at natural values.
    pub fn task_matrix(&self, natural: &[f64]) -> TaskMatrix {
        self.task.matrix(self.phi(natural))
    }

    /// The kernel between the rows of x (n, n).
    pub fn gram(&self, natural: &[f64], x: ArrayView2<f64>) -> Array2<f64> {
        gram::gram(self.kernel(), self.theta(natural), x)
    }

    /// The kernel between the rows of x and of z (m, n).
    pub fn cross(&self, natural: &[f64], x: ArrayView2<f64>, z: ArrayView2<f64>) -> Array2<f64> {
        gram::cross(self.kernel(), self.theta(natural), x, z)
    }

    /// The kernel of each row of x with itself (n).
    pub fn diagonal(&self, natural: &[f64], x: ArrayView2<f64>) -> Array1<f64> {
        gram::diagonal(self.kernel(), self.theta(natural), x)
    }
}
