//! The builder of vector-valued kernel ridge regression.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::fitted_kernel_ridge::{FittedMultiTaskKernelRidge, Selection};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::ridge::{Candidate, Criterion, PathProgress, Problem};
use crate::task::{Diagonal, Task};

type PathObserver = dyn Fn(&PathProgress) -> ControlFlow<()> + Send + Sync;

/// Vector-valued kernel ridge regression: `f = b + sum_i k(x, x_i) B c_i` that minimises
/// `sum_it w_i v_t (y_it - f_t(x_i))^2 + alpha |f|_K^2`, K = k B.
///
/// No factor n, and no intercept unless asked for. Every value of the kernel and of the task
/// covariance must be given; without a task covariance B is the identity. Of several penalties, and
/// several task covariances, the best by a leave-out criterion is taken, on one eigendecomposition of
/// the n x n Gram matrix (see [`Problem::path`] for the cost of a grid; thousands of candidates cost a
/// few times the decomposition where n is much larger than T^2). Exact. Memory about 4 n^2 doubles, and
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
    kernel: Kernel,
    tasks: Option<Vec<Task>>,
    alphas: Vec<f64>,
    relative_penalties: Option<Vec<f64>>,
    task_weights: Option<Vec<f64>>,
    fit_intercept: bool,
    criterion: Criterion,
    refine: bool,
    each_task: bool,
    memory_budget: usize,
    observer: Option<Arc<PathObserver>>,
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
    /// [`Error::MissingValue`] where a value of the kernel or of B is not given;
    /// [`Error::InvalidValue`] or [`Error::Shape`] for penalties, weights and labels that do not fit;
    /// [`Error::Incompatible`] for intercepts of tasks that the criterion leaves out at every row;
    /// [`Error::Cancelled`] by the observer; [`Error::NotPositive`] or [`Error::Numerical`] where the
    /// kernel is no covariance on these inputs or a result overflows.
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

    fn fit_with(
        &self,
        data: &Dataset,
        weights: Option<ArrayView1<f64>>,
    ) -> Result<FittedMultiTaskKernelRidge> {
        let clock = Instant::now();
        let mut units = self.unit_penalties(data.n_tasks())?;
        let alphas = self.checked_alphas()?;
        let identity = || vec![Diagonal::starting_at(vec![1.0; data.n_tasks()])];
        let tasks = self.tasks.clone().unwrap_or_else(identity);
        self.check(data, &tasks)?;
        let problem = Problem::new(data, &self.kernel, weights, self.fit_intercept)?;
        let mut candidates = tasks
            .iter()
            .map(|task| Candidate::new(&problem, task, units.view()))
            .collect::<Result<Vec<_>>>()?;
        let selected = alphas.len() * candidates.len() > 1 || self.refine || self.each_task;
        let mut errors = Array2::zeros((0, 0));
        let (mut best, mut alpha) = (0, alphas[0]);
        if selected {
            let observe = |p: &PathProgress| match self.observer.as_ref().map(|o| o(p)) {
                Some(ControlFlow::Break(())) => Err(Error::Cancelled { evaluations: p.done }),
                _ => Ok(()),
            };
            errors = problem.path(&candidates, alphas, &self.criterion, &observe)?;
            (best, alpha) = choice(errors.view(), alphas);
            if errors.iter().all(|v| v.is_infinite()) {
                // No penalty can be judged: the reason is that of one of them.
                problem.evaluate(&candidates[best], alpha, &self.criterion)?;
                return Err(Error::Numerical {
                    operation: format!("the criterion ({})", self.criterion),
                    detail: "it is finite at none of the penalties".to_string(),
                });
            }
        }
        let mut value = selected.then(|| errors.iter().fold(f64::INFINITY, |m, v| m.min(*v)));
        let mut search_ended = false;
        if self.refine {
            let (found, converged) =
                problem.refine(&candidates[best], alphas, alpha, &self.criterion)?;
            (alpha, search_ended) = (found, !converged);
            value = Some(problem.evaluate(&candidates[best], alpha, &self.criterion)?.0);
        }
        let mut relative = self.relative_penalties.clone().map(Array1::from);
        if self.each_task {
            let weights = self.task_weights.clone().map(Array1::from);
            let weights = weights.unwrap_or_else(|| Array1::ones(data.n_tasks()));
            let (task, criterion) = (&tasks[best], &self.criterion);
            let start = vec![alpha; data.n_tasks()];
            let (penalties, converged) =
                problem.refine_each_task(task, &start, weights.view(), criterion)?;
            let least =
                problem.evaluate_each_task(task, penalties.view(), weights.view(), criterion)?.0;
            search_ended = !converged;
            let own = penalties / alpha;
            units = &own / &weights;
            candidates[best] = Candidate::new(&problem, task, units.view())?;
            (relative, value) = (Some(own), Some(least));
        }
        let solution = problem.solve(&candidates[best], alpha)?;
        let selection = Selection {
            criterion: self.criterion.clone(),
            alphas: alphas.to_vec(),
            errors,
            value,
            search_ended,
        };
        Ok(FittedMultiTaskKernelRidge {
            kernel: self.kernel.clone(),
            task: tasks[best].clone(),
            data: data.clone(),
            problem: Arc::new(problem),
            task_matrix: candidates[best].task_matrix().clone(),
            relative_penalties: relative.unwrap_or_else(|| Array1::ones(data.n_tasks())),
            unit_penalties: units,
            solution,
            selection,
            memory_budget: self.memory_budget,
            wall_time: clock.elapsed(),
        })
    }

    /// Refuses what does not fit before anything is computed.
    fn check(&self, data: &Dataset, tasks: &[Task]) -> Result<()> {
        if tasks.is_empty() {
            return Err(Error::InvalidValue {
                argument: "tasks".to_string(),
                found: "none".to_string(),
                expected: "at least one task covariance".to_string(),
            });
        }
        tasks.iter().try_for_each(|task| Candidate::check(task, data.n_tasks()))?;
        // Where nothing is chosen the criterion is only asked whether it fits.
        let selected = self.alphas.len() * tasks.len() > 1 || self.refine || self.each_task;
        self.criterion.check(data.n_rows(), self.fit_intercept && selected)?;
        if self.each_task && self.relative_penalties.is_some() {
            return Err(Error::Incompatible {
                options: "`task_penalties` and a penalty chosen for each task".to_string(),
                advice: "give the penalties, or let them be chosen from those of the grid"
                    .to_string(),
            });
        }
        if self.each_task { self.criterion.check_each_task() } else { Ok(()) }
    }

    fn checked_alphas(&self) -> Result<&[f64]> {
        if self.alphas.is_empty() {
            return Err(Error::InvalidValue {
                argument: "alphas".to_string(),
                found: "none".to_string(),
                expected: "at least one penalty".to_string(),
            });
        }
        self.alphas.iter().try_for_each(|a| positive("alpha", *a))?;
        Ok(&self.alphas)
    }

    /// The noise variance of each task at alpha = 1.
    fn unit_penalties(&self, n_tasks: usize) -> Result<Array1<f64>> {
        let mut out = Array1::ones(n_tasks);
        let given =
            [("task_penalties", &self.relative_penalties), ("task_weights", &self.task_weights)];
        for (argument, values) in given {
            let Some(values) = values else { continue };
            if values.len() != n_tasks {
                return Err(Error::Shape {
                    argument: argument.to_string(),
                    found: format!("{} values", values.len()),
                    expected: format!("{n_tasks}, one for each task"),
                });
            }
            for (unit, &value) in out.iter_mut().zip(values) {
                positive(argument, value)?;
                *unit *= if argument == "task_weights" { value.recip() } else { value };
            }
        }
        out.iter().try_for_each(|v| positive("task_penalties over task_weights", *v))?;
        Ok(out)
    }
}

/// The task covariance and the penalty with the least error (candidates, penalties); of penalties that
/// do not differ the largest is the safest.
pub(super) fn choice(errors: ArrayView2<f64>, alphas: &[f64]) -> (usize, f64) {
    let least = errors.iter().fold(f64::INFINITY, |m, v| m.min(*v));
    let equal = |v: f64| v <= least + 1e-10 * least.abs();
    let best = errors.indexed_iter().filter(|(_, v)| equal(**v)).map(|((c, a), _)| (c, alphas[a]));
    best.reduce(|b, other| if other.1 > b.1 { other } else { b }).unwrap_or((0, alphas[0]))
}

fn positive(argument: &str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::InvalidValue {
        argument: argument.to_string(),
        found: value.to_string(),
        expected: "positive finite numbers".to_string(),
    })
}
