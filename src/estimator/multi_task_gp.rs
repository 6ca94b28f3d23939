//! The builder of the multi-task Gaussian process.

use std::fmt;
use std::sync::Arc;

use super::fit;
use super::fitted::FittedMultiTaskGp;
use super::optimizer::Optimizer;
use super::single_task::SingleTaskGps;
use crate::data::Dataset;
use crate::error::Result;
use crate::gp::{Mean, Scaling};
use crate::kernel::Kernel;
use crate::learn::Observer;
use crate::matrix_kernel::{Mixing, Separable};
use crate::solve::{CgSettings, RANK_TOL, Solver};
use crate::task::{Diagonal, LowRank, Noise, Task};
use crate::warp::Warp;

/// Tasks up to which the default task covariance is a T x T matrix.
const DENSE_UP_TO: usize = 256;

/// A multi-task Gaussian process: `y_it = m_t + f_t(x_i) + e_it` with
/// `Cov(f_t(x), f_s(z)) = k(x, z) B[t, s]` and `Cov(e_it, e_is) = Sigma[t, s]`.
///
/// Without further settings B is of rank 2 plus a diagonal (diagonal for one task, of rank 2 plus a
/// multiple of the noise above 256 tasks), each task has its noise variance and a constant mean, and
/// everything is learned by maximising the marginal likelihood under mild priors on lengthscales (and on
/// variances where data are too few, which the report says). No inducing points, no jitter; exact with
/// every solver but [`Solver::Cg`], which is taken where no exact one fits. With a complete table a fit
/// costs one eigendecomposition of an n x n matrix for each step over the kernel parameters, and about
/// 5 n^2 doubles; [`Solver`] says what gaps cost.
///
/// ```
/// use coregion::prelude::*;
/// use ndarray::{Array, array};
/// let x = Array::<f64, _>::linspace(0.0, 6.0, 30).insert_axis(ndarray::Axis(1));
/// let y = ndarray::Array2::from_shape_fn((30, 2), |(i, t)| {
///     (x[[i, 0]]).sin() * [1.0, -2.0][t] + 0.01 * ((7 * i + 3 * t) % 5) as f64
/// });
/// let data = Dataset::new(x.view(), y.view())?;
/// let gp = MultiTaskGp::new(Matern52::ard()).task(LowRank::new(1)).fit(&data)?;
/// let p = gp.predict(array![[2.5], [3.1]].view(), Uncertainty::Observation)?;
/// assert!((p.mean[[0, 0]] - 2.5f64.sin()).abs() < 0.1);
/// assert!(gp.task_correlation()[[0, 1]] < -0.9);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Clone)]
pub struct MultiTaskGp {
    pub(super) kernel: Kernel,
    pub(super) task: Option<Task>,
    /// The terms after the first.
    pub(super) further: Vec<Separable>,
    /// What mixes latent functions, in place of terms, and their kernels where they were given.
    pub(super) mixing: Option<Mixing>,
    pub(super) latent_kernels: Vec<Kernel>,
    pub(super) noise: Noise,
    pub(super) mean: Mean,
    pub(super) reml: bool,
    pub(super) warps: Vec<Warp>,
    pub(super) scaling: Scaling,
    pub(super) optimizer: Optimizer,
    pub(super) solver: Solver,
    pub(super) fixed: Vec<String>,
    pub(super) ties: Vec<(String, String)>,
    pub(super) n_restarts: usize,
    pub(super) max_iterations: usize,
    pub(super) gradient_tolerance: f64,
    pub(super) seed: u64,
    pub(super) memory_budget: usize,
    pub(super) solver_memory: usize,
    pub(super) cg: CgSettings,
    pub(super) rank_tol: f64,
    pub(super) observer: Option<Arc<dyn Observer>>,
}

impl fmt::Debug for MultiTaskGp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultiTaskGp")
            .field("kernel", &self.kernel)
            .field("task", &self.task)
            .field("further", &self.further)
            .field("mixing", &self.mixing)
            .field("noise", &self.noise)
            .field("mean", &self.mean)
            .field("optimizer", &self.optimizer)
            .finish_non_exhaustive()
    }
}

impl MultiTaskGp {
    /// A model with that scalar kernel and every other setting at its default.
    pub fn new(kernel: Kernel) -> Self {
        MultiTaskGp {
            kernel,
            task: None,
            further: Vec::new(),
            mixing: None,
            latent_kernels: Vec::new(),
            noise: Noise::PerTask,
            mean: Mean::Constant,
            reml: false,
            warps: Vec::new(),
            scaling: Scaling::default(),
            optimizer: Optimizer::Auto,
            solver: Solver::Auto,
            fixed: Vec::new(),
            ties: Vec::new(),
            n_restarts: 0,
            max_iterations: 200,
            gradient_tolerance: 1e-5,
            seed: 0,
            memory_budget: 1 << 30,
            solver_memory: 8 << 30,
            cg: CgSettings::default(),
            rank_tol: RANK_TOL,
            observer: None,
        }
    }

    /// The task covariance B.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let alone = MultiTaskGp::new(Rbf::ard()).task(Diagonal::new()).fit(&data)?;
    /// assert_eq!(alone.task_covariance()[[0, 1]], 0.0);
    /// let together = MultiTaskGp::new(Rbf::ard()).task(LowRank::new(1)).fit(&data)?;
    /// assert!(together.log_marginal_likelihood() > alone.log_marginal_likelihood());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn task(mut self, task: Task) -> Self {
        self.task = Some(task);
        self
    }

    /// The noise.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let given = Noise::Variances(vec![0.01, 0.04]);
    /// let gp = MultiTaskGp::new(Rbf::ard()).noise(given).fit(&data)?;
    /// assert_eq!(gp.noise_covariance(), array![[0.01, 0.0], [0.0, 0.04]]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn noise(mut self, noise: Noise) -> Self {
        self.noise = noise;
        self
    }

    /// The mean of each task.
    pub fn mean(mut self, mean: Mean) -> Self {
        self.mean = mean;
        self
    }

    /// Whether the other parameters are learned from the restricted likelihood (REML), which does not take
    /// the coefficients of an estimated mean as known: variances do not come out too small where
    /// coefficients are many. The log marginal likelihood is then that of the contrasts of the data that
    /// the mean does not reach (Harville 1974).
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).mean(Mean::Constant).reml(true).fit(&data)?;
    /// assert!(gp.log_marginal_likelihood().is_finite());
    /// assert!(MultiTaskGp::new(Rbf::ard()).mean(Mean::Zero).reml(true).fit(&data).is_err());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn reml(mut self, reml: bool) -> Self {
        self.reml = reml;
        self
    }

    /// Whether starts, priors and steps are measured in standard deviations of the columns of x.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let start = |normalize| {
    ///     let settings = MultiTaskGp::new(Rbf::ard()).normalize_x(normalize);
    ///     let gp = settings.fix("terms[0].kernel.lengthscale").fit(&data)?;
    ///     Ok::<_, Error>(gp.parameters()["terms[0].kernel.lengthscale"].sum())
    /// };
    /// assert!((start(true)? - 2f64.sqrt()).abs() < 1e-12); // the standard deviation of x
    /// assert_eq!(start(false)?, 1.0);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn normalize_x(mut self, normalize: bool) -> Self {
        self.scaling.x = normalize;
        self
    }

    /// Whether starts, floors and steps are measured in standard deviations of the tasks.
    pub fn normalize_y(mut self, normalize: bool) -> Self {
        self.scaling.y = normalize;
        self
    }

    /// How parameters are learned.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let fit = |optimizer| MultiTaskGp::new(Rbf::ard()).optimizer(optimizer).fit(&data);
    /// assert_eq!(fit(Optimizer::Auto)?.report().optimizer, "alternating");
    /// assert_eq!(fit(Optimizer::Joint)?.report().optimizer, "joint");
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn optimizer(mut self, optimizer: Optimizer) -> Self {
        self.optimizer = optimizer;
        self
    }

    /// How the covariance of the data is factored; the report names the solver, and why.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, f64::NAN]];
    /// # let data = Dataset::new(x.view(), y.view())?; // one entry is missing
    /// let fit = |solver| MultiTaskGp::new(Rbf::ard()).solver(solver).fit(&data);
    /// assert_eq!(fit(Solver::Schur)?.report().solve.solver, "schur");
    /// let error = fit(Solver::Kronecker).unwrap_err();
    /// assert!(error.to_string().contains("use one of: auto, schur, dense, cg"));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn solver(mut self, solver: Solver) -> Self {
        self.solver = solver;
        self
    }

    /// Holds the parameter with that path, such as `terms[0].kernel.lengthscale`, at its start.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let settings = MultiTaskGp::new(Rbf::isotropic(1.5)).fix("terms[0].kernel.lengthscale");
    /// assert_eq!(settings.fit(&data)?.parameters()["terms[0].kernel.lengthscale"].sum(), 1.5);
    /// assert!(matches!(settings.fix("lengthscale").fit(&data), Err(Error::UnknownName { .. })));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn fix(mut self, path: &str) -> Self {
        self.fixed.push(path.to_string());
        self
    }

    /// Makes the parameter `other` always equal to the one at `path`.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let kernel = Rbf::ard() + 0.5 * Matern12::ard();
    /// let [one, two] = [0, 1].map(|i| format!("terms[0].kernel.parts[{i}].lengthscale"));
    /// let gp = MultiTaskGp::new(kernel).tie(&one, &two).fit(&data)?;
    /// assert_eq!(gp.parameters()[&one], gp.parameters()[&two]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn tie(mut self, path: &str, other: &str) -> Self {
        self.ties.push((path.to_string(), other.to_string()));
        self
    }

    /// Further starts, their kernel parameters drawn around the first one; the best fit is kept. As
    /// many run at once as there are threads, each with memory of its own: what the solver takes, for a
    /// complete table about 5 n^2 doubles.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).n_restarts(2).seed(1).fit(&data)?;
    /// assert_eq!(gp.report().restarts.len(), 3);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn n_restarts(mut self, n: usize) -> Self {
        self.n_restarts = n;
        self
    }

    /// Most L-BFGS iterations of a start.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let report = MultiTaskGp::new(Rbf::ard()).max_iterations(1).fit(&data)?.report().clone();
    /// assert!(report.iterations <= 1 && !report.converged);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn max_iterations(mut self, n: usize) -> Self {
        self.max_iterations = n;
        self
    }

    /// Largest entry of the gradient, in nats per observation and unit of the free values, at
    /// which a fit counts as converged. With the solver `cg`, whose gradient is an estimate, 1e-3 where
    /// less is asked for.
    pub fn gradient_tolerance(mut self, tolerance: f64) -> Self {
        self.gradient_tolerance = tolerance;
        self
    }

    /// Seed of everything random. The same seed gives the same fit.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Bytes that the tiles of a prediction, covariances and samples may take.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).memory_budget(1000).fit(&data)?;
    /// assert!(gp.predict_covariance(x.view(), false).is_ok()); // 10 x 10 numbers of 8 bytes
    /// assert!(matches!(gp.sample(x.view(), 50, false, 0), Err(Error::Memory { .. })));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn memory_budget(mut self, bytes: usize) -> Self {
        self.memory_budget = bytes;
        self
    }

    /// Bytes that the solver may take, for each restart that runs at the same time; 8 GiB unless told. What
    /// no solver serves within them is refused.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let error = MultiTaskGp::new(Rbf::ard()).solver_memory(100).fit(&data).unwrap_err();
    /// assert!(matches!(error, Error::Memory { .. }));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn solver_memory(mut self, bytes: usize) -> Self {
        self.solver_memory = bytes;
        self
    }

    /// Tolerances of the solver `cg`, for data that no exact solver serves.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// use coregion::solve::CgSettings;
    /// let settings = CgSettings { tolerance: 1e-6, n_probes: 32, ..CgSettings::default() };
    /// let gp = MultiTaskGp::new(Rbf::ard()).solver(Solver::Cg).cg(settings).fit(&data)?;
    /// let solve = &gp.report().solve;
    /// assert!(!solve.exact && solve.tolerance == Some(1e-6));
    /// assert!(solve.relative_residual.unwrap() <= 1e-6);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn cg(mut self, settings: CgSettings) -> Self {
        self.cg = settings;
        self
    }

    /// Share of the Gram matrix's trace that the solver `low-rank` may leave out, from 1e-14 to 0.1; 1e-12
    /// unless told.
    ///
    /// The bound on the log-likelihood in the report is proportional to it. With n rows, T tasks and signal
    /// of s times the noise's variance it is about `rank_tol n^2 T s / 2` nats where the model suits the data,
    /// at the default 5e-4 for 1000 rows, 10 tasks and s = 100; errors are far smaller, and grow like n. A
    /// larger share takes fewer columns. The likelihood that is learned jumps where the columns chosen change
    /// with the kernel, by no more than the bound: below any tolerance at the default, but above about 1e-6
    /// learning may stall before its own.
    ///
    /// ```
    /// use coregion::prelude::*;
    /// use ndarray::Array2;
    /// let x = Array2::from_shape_fn((60, 1), |(i, _)| 0.1 * i as f64);
    /// let y = Array2::from_shape_fn((60, 2), |(i, t)| {
    ///     (x[[i, 0]] + t as f64).sin() + 0.1 * ((7 * i + 3 * t) % 5) as f64
    /// });
    /// let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).solver(Solver::LowRank).rank_tol(1e-10).fit(&data)?;
    /// let solve = &gp.report().solve;
    /// assert_eq!((&*solve.solver, solve.exact), ("low-rank", false));
    /// assert!(solve.rank.unwrap() <= 20 && solve.log_likelihood_bound.unwrap() < 1e-3);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn rank_tol(mut self, share: f64) -> Self {
        self.rank_tol = share;
        self
    }

    /// Is told of every evaluation and may cancel the fit.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// use std::ops::ControlFlow;
    /// let third = |p: &coregion::learn::Progress| match p.evaluations {
    ///     3 => ControlFlow::Break(()),
    ///     _ => ControlFlow::Continue(()),
    /// };
    /// let result = MultiTaskGp::new(Rbf::ard()).observer(third).fit(&data);
    /// assert_eq!(result.unwrap_err(), Error::Cancelled { evaluations: 3 });
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Learns the parameters from a data set.
    ///
    /// # Errors
    /// [`crate::Error::InvalidValue`], [`crate::Error::UnknownName`], [`crate::Error::Shape`] for settings that do not
    /// fit the data; [`crate::Error::MissingValue`] for [`Optimizer::None`] with a value missing;
    /// [`crate::Error::NotPositive`] where the kernel is no covariance on these inputs;
    /// [`crate::Error::Cancelled`] where the observer ended the work.
    pub fn fit(&self, data: &Dataset) -> Result<FittedMultiTaskGp> {
        fit::fit(self, data)
    }

    /// Fits each task alone, at the rows at which it was observed, with the same kernel, mean and
    /// settings: what the tasks gain from each other is the difference. Holds and ties of kernel
    /// parameters are kept, others dropped.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let settings = MultiTaskGp::new(Rbf::ard());
    /// let alone = settings.fit_single_tasks(&data)?.log_marginal_likelihood();
    /// assert!(settings.fit(&data)?.log_marginal_likelihood() > alone);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`MultiTaskGp::fit`]; [`crate::Error::Layout`] naming a task without observations.
    pub fn fit_single_tasks(&self, data: &Dataset) -> Result<SingleTaskGps> {
        SingleTaskGps::fit(self, data)
    }

    /// The task covariance for T tasks: the one set, or the default.
    pub(super) fn task_or_default(&self, n_tasks: usize) -> Task {
        self.task.clone().unwrap_or_else(|| match n_tasks {
            1 => Diagonal::new(),
            2..=DENSE_UP_TO => LowRank::new(2),
            _ => LowRank::plus_noise(2),
        })
    }
}
