//! The builder of vector-valued kernel ridge regression.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use ndarray::ArrayView1;

use super::fitted_kernel_ridge::FittedMultiTaskKernelRidge;
use crate::data::Dataset;
use crate::error::Result;
use crate::kernel::Kernel;
use crate::ridge::{Criterion, PathProgress};
use crate::task::Task;

type PathObserver = dyn Fn(&PathProgress) -> ControlFlow<()> + Send + Sync;

/// Vector-valued kernel ridge regression: `f = b + sum_i k(x, x_i) B c_i` that minimises
/// `sum_it w_i v_t (y_it - f_t(x_i))^2 + alpha |f|_K^2`, K = k B.
///
/// No factor n, and no intercept unless asked for. Every value of the kernel and of the task
/// covariance must be given; without a task covariance B is the identity. Of several penalties, and
/// several task covariances, the best by a leave-out criterion is taken, on one eigendecomposition of
/// the n x n Gram matrix (see [`crate::ridge::Problem::path`] for the cost of a grid; thousands of
/// candidates cost a few times the decomposition where n is much larger than T^2). Exact. Memory about 4 n^2 doubles, and
/// up to 1 GiB for the tables of long paths.
///
/// ```
/// use coregion::prelude::*;
/// use ndarray::{Array2, array};
/// let x = Array2::from_shape_fn((30, 1), |(i, _)| 0.2 * i as f64);
/// let y = Array2::from_shape_fn((30, 2), |(i, t)| {
///     x[[i, 0]].sin() * [1.0, -2.0][t] + 0.1 * ((7 * i + 3 * t) % 5) as f64
/// });
/// let data = Dataset::new(x.view(), y.view())?;
/// let b = array![[1.0, -0.9], [-0.9, 2.0]];
/// let ridge = MultiTaskKernelRidge::new(Rbf::isotropic(1.0))
///     .task(Fixed::at(b.view()))
///     .alphas((-8..4).map(|e| 2f64.powi(e)).collect()) // the best by leaving out rows
///     .fit_intercept(true)
///     .fit(&data)?;
/// assert_eq!(ridge.predict(array![[2.5]].view())?.dim(), (1, 2));
/// assert!(ridge.alpha() < 8.0 && ridge.cv_errors().dim() == (1, 12));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Clone)]
pub struct MultiTaskKernelRidge {
    pub(super) kernel: Kernel,
    pub(super) tasks: Option<Vec<Task>>,
    pub(super) alphas: Vec<f64>,
    pub(super) relative_penalties: Option<Vec<f64>>,
    pub(super) task_weights: Option<Vec<f64>>,
    pub(super) fit_intercept: bool,
    pub(super) criterion: Criterion,
    pub(super) refine: bool,
    pub(super) each_task: bool,
    pub(super) memory_budget: usize,
    pub(super) observer: Option<Arc<PathObserver>>,
}

impl fmt::Debug for MultiTaskKernelRidge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultiTaskKernelRidge")
            .field("kernel", &self.kernel)
            .field("tasks", &self.tasks)
            .field("alphas", &self.alphas)
            .field("fit_intercept", &self.fit_intercept)
            .field("criterion", &self.criterion)
            .finish_non_exhaustive()
    }
}

impl MultiTaskKernelRidge {
    /// Ridge regression with that scalar kernel, whose values are given, and alpha = 1.
    pub fn new(kernel: Kernel) -> Self {
        MultiTaskKernelRidge {
            kernel,
            tasks: None,
            alphas: vec![1.0],
            relative_penalties: None,
            task_weights: None,
            fit_intercept: false,
            criterion: Criterion::default(),
            refine: false,
            each_task: false,
            memory_budget: 1 << 30,
            observer: None,
        }
    }

    /// The task covariance B, all of whose values are given.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let settings = MultiTaskKernelRidge::new(Rbf::isotropic(1.0));
    /// let error = settings.clone().task(LowRank::new(1)).fit(&data).unwrap_err();
    /// assert_eq!(error, Error::MissingValue { path: "terms[0].task.W".into() });
    /// let learned = MultiTaskGp::new(Rbf::ard()).fit(&data)?; // by a Gaussian process, say
    /// assert!(settings.task(learned.task().clone()).fit(&data).is_ok());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn task(self, task: Task) -> Self {
        self.tasks(vec![task])
    }

    /// Task covariances to choose from, together with the penalties.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let related = |rho: f64| Fixed::at(array![[1.0, rho], [rho, 1.0]].view());
    /// let ridge = MultiTaskKernelRidge::new(Rbf::isotropic(1.0))
    ///     .tasks((0..10).map(|i| related(0.1 * i as f64)).collect())
    ///     .alphas(vec![0.01, 0.1, 1.0])
    ///     .fit(&data)?;
    /// assert_eq!(ridge.cv_errors().dim(), (10, 3));
    /// assert!(ridge.task_covariance()[[0, 1]] > 0.5);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn tasks(mut self, tasks: Vec<Task>) -> Self {
        self.tasks = Some(tasks);
        self
    }

    /// The penalty.
    pub fn alpha(self, alpha: f64) -> Self {
        self.alphas(vec![alpha])
    }

    /// Penalties to choose from. Where several are equally good the largest is taken.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let settings = MultiTaskKernelRidge::new(Rbf::isotropic(1.0));
    /// let ridge = settings.clone().alphas(vec![0.1, 1.0]).criterion(LeaveOut::Entry).fit(&data)?;
    /// let errors = ridge.leave_one_out(&LeaveOut::Entry)?.mean - &y;
    /// let mse = errors.mapv(|e| e * e).mean().unwrap();
    /// assert!((ridge.cv_errors().iter().fold(9.0f64, |a, b| a.min(*b)) - mse).abs() < 1e-12);
    /// assert!(settings.alphas(vec![0.1, -1.0]).fit(&data).is_err());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn alphas(mut self, alphas: Vec<f64>) -> Self {
        self.alphas = alphas;
        self
    }

    /// A penalty for each task: that of task t is `alpha` times its entry, so that a path of alphas
    /// moves all of them.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let settings = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).task_penalties(vec![0.1, 2.0]);
    /// assert_eq!(settings.clone().fit(&data)?.penalties(), array![0.1, 2.0]);
    /// assert_eq!(settings.alpha(10.0).fit(&data)?.penalties(), array![1.0, 20.0]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn task_penalties(mut self, penalties: Vec<f64>) -> Self {
        self.relative_penalties = Some(penalties);
        self
    }

    /// Weights v of the tasks in the objective: 1 / variance puts tasks of unlike units on a par.
    pub fn task_weights(mut self, weights: Vec<f64>) -> Self {
        self.task_weights = Some(weights);
        self
    }

    /// Whether an intercept for each task is fitted, free of penalty.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// let fit = |y: &ndarray::Array2<f64>| {
    ///     let data = Dataset::new(x.view(), y.view())?;
    ///     MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).fit_intercept(true).fit(&data)
    /// };
    /// let (one, moved) = (fit(&y)?, fit(&(&y + 100.0))?);
    /// let (a, b) = (one.predict(x.view())?, moved.predict(x.view())?);
    /// assert!((b - a - 100.0).iter().all(|v| v.abs() < 1e-9));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn fit_intercept(mut self, fit: bool) -> Self {
        self.fit_intercept = fit;
        self
    }

    /// What penalties and task covariances are chosen by; by default the squared error of rows left
    /// out.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// for criterion in [
    ///     Criterion::Gcv,
    ///     LeaveOut::blocks(5, 3).into(),
    ///     Criterion::LogDensity(LeaveOut::Row),
    /// ] {
    ///     let settings = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).criterion(criterion);
    ///     assert_eq!(settings.alphas(vec![1.0, 0.1]).fit(&data)?.cv_errors().len(), 2);
    /// }
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn criterion(mut self, criterion: impl Into<Criterion>) -> Self {
        self.criterion = criterion.into();
        self
    }

    /// Whether the penalty then moves from the grid to the minimum near it, by the derivative of the
    /// criterion.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let grid = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).alphas(vec![0.01, 0.1, 1.0]);
    /// let (coarse, fine) = (grid.clone().fit(&data)?, grid.refine(true).fit(&data)?);
    /// assert!(fine.criterion_value() <= coarse.criterion_value());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn refine(mut self, refine: bool) -> Self {
        self.refine = refine;
        self
    }

    /// Whether each task then gets a penalty of its own: from the best one of the grid they move
    /// together to a minimum of the criterion, by its gradient. For criteria that leave out rows, and
    /// without `task_penalties`. The observer is not asked meanwhile.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::Array2;
    /// # let x = Array2::from_shape_fn((20, 1), |(i, _)| 0.5 * i as f64);
    /// # let rough = |i: usize| f64::from((i as i32 * 7) % 5 - 2);
    /// # let y = Array2::from_shape_fn((20, 2), |(i, t)| x[[i, 0]].sin() + [0.01, 0.5][t] * rough(i));
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let one = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).alphas(vec![0.01, 0.1, 1.0]);
    /// let each = one.clone().penalty_for_each_task(true).fit(&data)?;
    /// let one = one.fit(&data)?;
    /// assert!(each.criterion_value() < one.criterion_value());
    /// assert!(each.penalties()[1] > 10.0 * each.penalties()[0]); // the second task is noisier
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn penalty_for_each_task(mut self, each: bool) -> Self {
        self.each_task = each;
        self
    }

    /// Bytes that the covariances of rows left out may take.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let data = Dataset::new(array![[0.0], [1.0]].view(), array![[0.1], [0.9]].view())?;
    /// let ridge = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).memory_budget(10).fit(&data)?;
    /// assert!(matches!(ridge.leave_one_row_out_covariances(), Err(Error::Memory { .. })));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn memory_budget(mut self, bytes: usize) -> Self {
        self.memory_budget = bytes;
        self
    }

    /// Is told of every finished part of the path and may cancel it.
    pub fn observer(
        mut self,
        observer: impl Fn(&PathProgress) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Fits a data set.
    ///
    /// # Errors
    /// [`crate::Error::Layout`] for data with gaps or noise variances (a Gaussian process with given noise
    /// has the same mean); [`crate::Error::MissingValue`] where a value of the kernel or of B is not given;
    /// [`crate::Error::InvalidValue`] or [`crate::Error::Shape`] for penalties, weights and labels that
    /// do not fit; [`crate::Error::Incompatible`] for intercepts of tasks that the criterion leaves out
    /// at every row, and for penalties both given and chosen for each task;
    /// [`crate::Error::Cancelled`] by the observer; [`crate::Error::NotPositive`] or
    /// [`crate::Error::Numerical`] where the kernel is no covariance on these inputs or a result
    /// overflows.
    pub fn fit(&self, data: &Dataset) -> Result<FittedMultiTaskKernelRidge> {
        self.fit_with(data, None)
    }

    /// Fits a data set whose rows have weights (n) in the objective.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// // A row of weight 2 counts as two rows.
    /// let x = array![[0.0], [1.0], [2.0], [2.0]];
    /// let y = array![[0.1], [0.9], [0.4], [0.4]];
    /// let settings = MultiTaskKernelRidge::new(Rbf::isotropic(1.0));
    /// let twice = settings.fit(&Dataset::new(x.view(), y.view())?)?;
    /// let part = ndarray::s![..3, ..];
    /// let once = Dataset::new(x.slice(part), y.slice(part))?;
    /// let weighted = settings.fit_weighted(&once, array![1.0, 1.0, 2.0].view())?;
    /// let xs = array![[1.5]];
    /// assert!((weighted.predict(xs.view())? - twice.predict(xs.view())?)[[0, 0]].abs() < 1e-12);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`MultiTaskKernelRidge::fit`]; weights must be positive and finite.
    pub fn fit_weighted(
        &self,
        data: &Dataset,
        weights: ArrayView1<f64>,
    ) -> Result<FittedMultiTaskKernelRidge> {
        self.fit_with(data, Some(weights))
    }
}
