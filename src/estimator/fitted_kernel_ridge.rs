//! Fitted vector-valued kernel ridge regression.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ndarray::{Array1, Array2, Array3, ArrayView2};

use super::fit_kernel_ridge::choice;
use super::fitted::FittedMultiTaskGp;
use super::multi_task_gp::MultiTaskGp;
use super::optimizer::Optimizer;
use super::report::Warning;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::gp::Mean;
use crate::kernel::Kernel;
use crate::op::{NoiseMatrix, TaskMatrix};
use crate::ridge::{Criterion, Problem, Solution};
use crate::solve::{LeaveOut, LeftOut};
use crate::spec::number;
use crate::task::{Noise, Task};

/// How the penalty and the task covariance were chosen.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    pub(crate) criterion: Criterion,
    pub(crate) alphas: Vec<f64>,
    /// The criterion (candidates, penalties); empty where there was no choice.
    pub(crate) errors: Array2<f64>,
    /// Its value at the penalty taken.
    pub(crate) value: Option<f64>,
    /// Whether a search beyond the grid ended before a minimum.
    pub(crate) search_ended: bool,
}

/// A fitted vector-valued kernel ridge regression.
///
/// ```
/// use coregion::prelude::*;
/// use ndarray::array;
/// let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// let data = Dataset::new(x.view(), y.view())?;
/// let ridge = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).alpha(0.1).fit(&data)?;
/// let residuals = &y - &ridge.predict(x.view())?; // alpha times the dual coefficients, B = I
/// assert!((residuals - &ridge.dual_coef() * 0.1).iter().all(|v| v.abs() < 1e-12));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FittedMultiTaskKernelRidge {
    pub(crate) kernel: Kernel,
    pub(crate) task: Task,
    pub(crate) data: Dataset,
    pub(crate) problem: Arc<Problem>,
    pub(crate) task_matrix: TaskMatrix,
    pub(crate) relative_penalties: Array1<f64>,
    /// Noise variances at alpha = 1: relative penalties over task weights.
    pub(crate) unit_penalties: Array1<f64>,
    pub(crate) solution: Solution,
    pub(crate) selection: Selection,
    pub(crate) memory_budget: usize,
    pub(crate) wall_time: Duration,
}

impl FittedMultiTaskKernelRidge {
    /// Predictions (m, T) at xs (m, d): O(n (d + T)) a row.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`] or [`Error::InvalidValue`] for rows that do not fit;
    /// [`Error::Numerical`] where a prediction overflows.
    pub fn predict(&self, xs: ArrayView2<f64>) -> Result<Array2<f64>> {
        self.problem.predict(&self.solution, xs)
    }

    /// The penalty alpha, given or chosen. Where each task got a penalty of its own it is the one they
    /// started from: see [`FittedMultiTaskKernelRidge::penalties`].
    pub fn alpha(&self) -> f64 {
        self.solution.alpha
    }

    /// The penalty of each task (T): alpha times its entry of `task_penalties`.
    pub fn penalties(&self) -> Array1<f64> {
        &self.relative_penalties * self.solution.alpha
    }

    /// Dual coefficients C (n, T): `f(x) = b + k(x, X) C B`.
    pub fn dual_coef(&self) -> ArrayView2<'_, f64> {
        self.solution.dual.view()
    }

    /// Intercepts (T), where fitted.
    pub fn intercept(&self) -> Option<&Array1<f64>> {
        self.solution.intercept.as_ref()
    }

    /// `|f|_K^2`, the squared norm of the solution in the space of the kernel, intercepts apart.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// let data = Dataset::new(array![[0.0]].view(), array![[3.0]].view())?;
    /// let ridge = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).alpha(0.5).fit(&data)?;
    /// assert!((ridge.rkhs_norm_squared() - 4.0).abs() < 1e-14); // f = 2 k(x, 0)
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn rkhs_norm_squared(&self) -> f64 {
        self.solution.rkhs_norm_squared()
    }

    /// The criterion for every task covariance (rows) and penalty (columns), in the order given; empty
    /// where there was no choice, infinite where it could not be computed.
    pub fn cv_errors(&self) -> ArrayView2<'_, f64> {
        self.selection.errors.view()
    }

    /// The place of the task covariance taken among those given, a row of `cv_errors`.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let tasks: Vec<Task> = [-0.8, 0.0, 0.8]
    ///     .map(|rho| Fixed::at(array![[1.0, rho], [rho, 1.0]].view()))
    ///     .to_vec();
    /// let ridge = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).tasks(tasks).fit(&data)?;
    /// assert_eq!(ridge.task_index(), 2);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn task_index(&self) -> usize {
        choice(self.cv_errors(), self.alphas()).0
    }

    /// The criterion at the penalty taken; `None` where there was no choice.
    pub fn criterion_value(&self) -> Option<f64> {
        self.selection.value
    }

    /// What the penalty and the task covariance were chosen by.
    pub fn criterion(&self) -> &Criterion {
        &self.selection.criterion
    }

    /// The penalties there were to choose from.
    pub fn alphas(&self) -> &[f64] {
        &self.selection.alphas
    }

    /// The scalar kernel.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The task covariance, given or chosen.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The task covariance B (T, T), made on request.
    pub fn task_covariance(&self) -> Array2<f64> {
        self.task_matrix.to_dense(&NoiseMatrix::Diagonal(self.noise_variances()))
    }

    /// The noise variance of each task that the penalties amount to: its penalty over its weight.
    fn noise_variances(&self) -> Array1<f64> {
        &self.unit_penalties * self.solution.alpha
    }

    /// What the model says of the training observations, each entry, row, task or group of rows from
    /// all others, in closed form; intercepts are learned anew from what is left, everything else is
    /// held. Standard deviations and log densities are those of the Gaussian process with the
    /// penalties as noise variances.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::{array, s};
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// let settings = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).fit_intercept(true);
    /// let all = settings.fit(&Dataset::new(x.view(), y.view())?)?.leave_one_out(&LeaveOut::Row)?;
    /// let first = settings.fit(&Dataset::new(x.slice(s![1.., ..]), y.slice(s![1.., ..]))?)?;
    /// let refitted = first.predict(x.slice(s![..1, ..]))?;
    /// assert!((&refitted.row(0) - &all.mean.row(0)).iter().all(|v| v.abs() < 1e-12));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] for labels of another number than there are rows; [`Error::Incompatible`] for
    /// intercepts of tasks left out at every row; [`Error::NotPositive`] or [`Error::Numerical`] where
    /// penalties are too small beside the kernel.
    pub fn leave_one_out(&self, by: &LeaveOut) -> Result<LeftOut> {
        self.problem.leave_out(&self.solution, by)
    }

    /// Covariances (n, T, T) between the observations of a row given all other rows.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let ridge = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).fit(&data)?;
    /// let variance = ridge.leave_one_row_out_covariances()?[[2, 1, 1]];
    /// let std = ridge.leave_one_out(&LeaveOut::Row)?.std;
    /// assert!((variance - std[[2, 1]].powi(2)).abs() < 1e-12);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Memory`] beyond the memory budget; as [`FittedMultiTaskKernelRidge::leave_one_out`].
    pub fn leave_one_row_out_covariances(&self) -> Result<Array3<f64>> {
        let (n, t) = self.data.y().dim();
        let needed = n.saturating_mul(t).saturating_mul(t).saturating_mul(8);
        if needed > self.memory_budget {
            return Err(Error::Memory {
                what: "the covariances of the rows left out".to_string(),
                needed,
                budget: self.memory_budget,
                advice: "ask for standard deviations (`leave_one_out`), or raise `memory_budget`"
                    .to_string(),
            });
        }
        self.problem.leave_out_row_covariances(&self.solution)
    }

    /// The Gaussian process whose posterior mean this is: the penalties are its noise variances, the
    /// intercepts its means, which are held. One eigendecomposition.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let ridge = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).alpha(0.2).fit(&data)?;
    /// let (gp, xs) = (ridge.posterior()?, array![[1.7]]);
    /// let p = gp.predict(xs.view(), Uncertainty::Std)?; // the same mean, with its uncertainty
    /// assert!((p.mean - ridge.predict(xs.view())?).iter().all(|v| v.abs() < 1e-12));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Incompatible`] for a fit with sample weights, whose noise differs between rows.
    pub fn posterior(&self) -> Result<FittedMultiTaskGp> {
        if self.problem.weights().is_some() {
            return Err(Error::Incompatible {
                options: "sample weights and the posterior of a Gaussian process".to_string(),
                advice: "noise that differs between rows is not served: fit without weights"
                    .to_string(),
            });
        }
        let mean = self.intercept().map_or(Mean::Zero, |b| Mean::Given(b.to_vec()));
        MultiTaskGp::new(self.kernel.clone())
            .task(self.task.clone())
            .noise(Noise::Variances(self.noise_variances().to_vec()))
            .mean(mean)
            .memory_budget(self.memory_budget)
            .optimizer(Optimizer::None)
            .fit(&self.data)
    }

    /// What deserves attention.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let settings = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).alphas(vec![10.0, 100.0]);
    /// let warning = settings.fit(&data)?.warnings()[0].to_string();
    /// assert_eq!(warning, "the penalty 10 is at an end of the grid: widen it");
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn warnings(&self) -> Vec<Warning> {
        let (alpha, alphas) = (self.alpha(), self.alphas());
        let inside = alphas.iter().any(|a| *a < alpha) && alphas.iter().any(|a| *a > alpha);
        let mut out = Vec::new();
        let own = self.relative_penalties.iter().any(|r| *r != self.relative_penalties[0]);
        if alphas.len() > 1 && !inside && !own && alphas.contains(&alpha) {
            out.push(Warning::PenaltyAtEnd { alpha });
        }
        if self.selection.search_ended {
            out.push(Warning::PenaltySearchEnded);
        }
        let count = self.cv_errors().iter().filter(|v| v.is_infinite()).count();
        if count > 0 {
            out.push(Warning::PenaltiesNotJudged { count });
        }
        out
    }

    /// Names of the tasks.
    pub fn task_names(&self) -> &[String] {
        self.data.task_names()
    }

    /// Names of the columns of x.
    pub fn feature_names(&self) -> &[String] {
        self.data.feature_names()
    }

    /// The data it was fitted to.
    pub fn data(&self) -> &Dataset {
        &self.data
    }

    /// The weights of the rows (n), where given.
    pub fn weights(&self) -> Option<&Array1<f64>> {
        self.problem.weights()
    }
}

impl fmt::Display for FittedMultiTaskKernelRidge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, t, d) = (self.data.n_rows(), self.data.n_tasks(), self.data.n_features());
        writeln!(f, "Vector-valued kernel ridge regression: {n} rows, {t} tasks, {d} inputs")?;
        writeln!(f, "  kernel               {}", self.kernel)?;
        writeln!(f, "  task covariance      {}", self.task)?;
        writeln!(f, "  alpha                {}", number(self.alpha()))?;
        if self.relative_penalties.iter().any(|r| *r != 1.0) {
            let penalties = self.penalties();
            let values: Vec<String> = penalties.iter().take(12).map(|v| number(*v)).collect();
            let more = if penalties.len() > 12 { ", ..." } else { "" };
            writeln!(f, "  task penalties       {}{more}", values.join(", "))?;
        }
        let squared_norm = number(self.rkhs_norm_squared());
        writeln!(f, "  squared norm         {squared_norm}")?;
        if let Some(b) = self.intercept() {
            let values: Vec<String> = b.iter().take(12).map(|v| number(*v)).collect();
            let more = if b.len() > 12 { ", ..." } else { "" };
            writeln!(f, "  intercepts           {}{more}", values.join(", "))?;
        }
        if let Some(value) = self.criterion_value() {
            let (candidates, alphas) = self.cv_errors().dim();
            writeln!(
                f,
                "  chosen by            {}: {}, among {candidates} task covariance(s) x {alphas} \
                 penalties",
                self.criterion(),
                number(value)
            )?;
        }
        writeln!(f, "  wall time            {:.2} s", self.wall_time.as_secs_f64())?;
        for warning in self.warnings() {
            writeln!(f, "  warning: {warning}")?;
        }
        Ok(())
    }
}
