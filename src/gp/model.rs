//! A model bound to its data: the flat parameter vector, the likelihood and its gradient.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array1, Array2, Axis};

use super::Mean;
use crate::data::{ColumnStatistics, Dataset, task_scales};
use crate::error::Result;
use crate::gram;
use crate::kernel::BoundKernel;
use crate::linalg;
use crate::matrix_kernel::Separable;
use crate::op::{NoiseMatrix, TaskMatrix};
use crate::param::{Layout, ParamSpec, Transform};
use crate::solve::{Congruence, Factor, KroneckerFactor, Spectrum};
use crate::task::{BoundNoise, BoundTask, Noise, TaskScales};

/// Whether the units of parameters follow the columns of x and y.
///
/// Data are never rescaled. Instead every parameter carries the scale of the columns it belongs to,
/// and starts, priors and step lengths act on its ratio to that scale: the optimum is that of
/// standardised data, and every value is in the user's units throughout.
///
/// ```
/// use coregion::gp::{Model, Scaling};
/// use coregion::{matrix_kernel::Separable, prelude::*};
/// use ndarray::array;
/// let data = Dataset::new(array![[0.0], [20.0]].view(), array![[3.0], [4.0]].view())?;
/// let term = Separable { kernel: Rbf::ard(), task: Diagonal::new() };
/// let start = |x| {
///     let model = Model::new(&data, &term, &Noise::PerTask, &Mean::Zero, Scaling { x, y: true })?;
///     Ok::<_, Error>(model.layout().initial()[0]) // the lengthscale
/// };
/// assert_eq!((start(true)?, start(false)?), (10.0, 1.0));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scaling {
    /// Lengthscales and the like are measured in standard deviations of their columns of x.
    pub x: bool,
    /// Task covariances and noise start in standard deviations of the tasks.
    pub y: bool,
}

impl Default for Scaling {
    fn default() -> Self {
        Scaling { x: true, y: true }
    }
}

/// A separable multi-task Gaussian process bound to a complete data set.
///
/// ```
/// use coregion::gp::{Model, Scaling};
/// use coregion::{matrix_kernel::Separable, prelude::*};
/// use ndarray::array;
/// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.1, 1.0], [0.9, 3.0], [0.2, 0.5]]);
/// let data = Dataset::new(x.view(), y.view())?;
/// let term = Separable { kernel: Rbf::ard(), task: LowRank::new(1) };
/// let model = Model::new(&data, &term, &Noise::Shared, &Mean::Training, Scaling::default())?;
/// let natural = model.layout().initial();
/// // One lengthscale; W (2, 1) and kappa (2); one noise variance; two means, which are held.
/// assert_eq!((natural.len(), model.layout().n_free()), (1 + 4 + 1 + 2, 6));
/// assert_eq!(model.theta(&natural).len() + model.phi(&natural).len(), 5);
/// let (value, gradient) = model.log_likelihood(&natural)?;
/// assert_eq!((value, gradient.len()), (model.log_likelihood_value(&natural)?, 8));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug)]
pub struct Model {
    pub(super) kernel: Box<dyn BoundKernel>,
    pub(super) task: Box<dyn BoundTask>,
    pub(super) noise: Box<dyn BoundNoise>,
    pub(super) scales: TaskScales,
    layout: Layout,
    kernel_range: Range<usize>,
    task_range: Range<usize>,
    noise_range: Range<usize>,
    mean_range: Range<usize>,
    x: Array2<f64>,
    y: Array2<f64>,
    eigendecompositions: AtomicUsize,
}

/// What one eigendecomposition of the Gram matrix leaves for all values of B and Sigma.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// let (model, natural) = (gp.posterior().model(), gp.posterior().natural());
/// let spectral = model.spectral(natural)?;
/// assert_eq!((spectral.spectrum.len(), spectral.rotated.dim()), (5, (5, 2)));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Spectral {
    /// The eigendecomposition.
    pub spectrum: Arc<Spectrum>,
    /// `U' (Y - mean)` (n, T).
    pub rotated: Array2<f64>,
}

impl Spectral {
    /// No rows: stands in while another is made.
    pub(super) fn empty(n_tasks: usize) -> Self {
        let spectrum = Spectrum {
            values: Array1::zeros(0),
            vectors: Array2::zeros((0, 0)),
            clipped: 0,
            clipped_magnitude: 0.0,
        };
        Spectral { spectrum: Arc::new(spectrum), rotated: Array2::zeros((0, n_tasks)) }
    }
}

impl Model {
    /// Binds a term, a noise and a mean to a data set.
    ///
    /// # Errors
    /// What any of them refuses; [`crate::Error::Layout`] for data with gaps or noise variances.
    pub fn new(
        data: &Dataset,
        term: &Separable,
        noise: &Noise,
        mean: &Mean,
        scaling: Scaling,
    ) -> Result<Self> {
        // The one place where Gaussian processes refuse gaps and known noise variances.
        data.require_complete("leave the rows with gaps and the noise variances out")?;
        let statistics: Vec<ColumnStatistics> = data
            .x()
            .axis_iter(Axis(1))
            .map(|c| {
                let own = ColumnStatistics::of(c);
                if scaling.x { own } else { ColumnStatistics { scale: 1.0, ..own } }
            })
            .collect();
        let (std, pooled) =
            if scaling.y { task_scales(data.y()) } else { (Array1::ones(data.n_tasks()), 1.0) };
        let bound = term.bind(data.x(), &statistics, std, pooled)?;
        let noise = noise.bind(&bound.scales)?;
        let mut layout = Layout::default();
        let kernel_range = layout.push("terms[0].kernel", bound.kernel.params());
        let task_range = layout.push("terms[0].task", bound.task.params());
        let noise_range = layout.push("noise", noise.params());
        let offsets = mean.offsets(data.y())?.to_vec();
        let mut offset = ParamSpec::new("offset", &[data.n_tasks()], offsets, Transform::Identity);
        offset.free.fill(false);
        offset.given = true;
        let mean_range = layout.push("mean", &[offset]);
        Ok(Model {
            kernel: bound.kernel,
            task: bound.task,
            noise,
            scales: bound.scales,
            layout,
            kernel_range,
            task_range,
            noise_range,
            mean_range,
            x: data.x().to_owned(),
            y: data.y().to_owned(),
            eigendecompositions: AtomicUsize::new(0),
        })
    }

    /// The flat parameter vector.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The flat parameter vector, to hold or tie parameters.
    pub fn layout_mut(&mut self) -> &mut Layout {
        &mut self.layout
    }

    /// Inputs (n, d).
    pub fn x(&self) -> ndarray::ArrayView2<'_, f64> {
        self.x.view()
    }

    /// Outputs (n, T).
    pub fn y(&self) -> ndarray::ArrayView2<'_, f64> {
        self.y.view()
    }

    /// Number of rows n.
    pub fn n_rows(&self) -> usize {
        self.y.nrows()
    }

    /// Number of tasks T.
    pub fn n_tasks(&self) -> usize {
        self.y.ncols()
    }

    /// Number of observations nT.
    pub fn n_observations(&self) -> usize {
        self.y.len()
    }

    /// The scales of the outputs.
    pub fn scales(&self) -> &TaskScales {
        &self.scales
    }

    /// The bound scalar kernel.
    pub fn kernel(&self) -> &dyn BoundKernel {
        self.kernel.as_ref()
    }

    /// The bound task covariance.
    pub fn task(&self) -> &dyn BoundTask {
        self.task.as_ref()
    }

    /// Values of the kernel parameters in a natural vector.
    pub fn theta<'a>(&self, natural: &'a [f64]) -> &'a [f64] {
        &natural[self.kernel_range.clone()]
    }

    /// Values of the task covariance's parameters in a natural vector.
    pub fn phi<'a>(&self, natural: &'a [f64]) -> &'a [f64] {
        &natural[self.task_range.clone()]
    }

    /// Values of the noise parameters in a natural vector.
    pub fn psi<'a>(&self, natural: &'a [f64]) -> &'a [f64] {
        &natural[self.noise_range.clone()]
    }

    /// The mean of each task in a natural vector.
    pub fn offsets(&self, natural: &[f64]) -> Array1<f64> {
        Array1::from(natural[self.mean_range.clone()].to_vec())
    }

    pub(super) fn task_range(&self) -> Range<usize> {
        self.task_range.clone()
    }

    pub(super) fn noise_range(&self) -> Range<usize> {
        self.noise_range.clone()
    }

    /// Y less the mean (n, T).
    pub(super) fn residuals(&self, natural: &[f64]) -> Array2<f64> {
        &self.y - &self.offsets(natural)
    }

    /// B at natural values.
    pub fn task_matrix(&self, natural: &[f64]) -> TaskMatrix {
        self.task.matrix(self.phi(natural))
    }

    /// Sigma at natural values.
    pub fn noise_matrix(&self, natural: &[f64]) -> NoiseMatrix {
        self.noise.matrix(self.psi(natural))
    }

    /// Eigendecompositions made so far.
    pub fn eigendecompositions(&self) -> usize {
        self.eigendecompositions.load(Ordering::Relaxed)
    }

    /// Number of free values that belong to the kernel, where these come first in the free vector
    /// and none is tied to a value outside the kernel; `None` otherwise.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// assert_eq!(gp.posterior().model().kernel_block(), Some(1)); // the lengthscale
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn kernel_block(&self) -> Option<usize> {
        let slots = self.layout.slots();
        let of = |range: &Range<usize>| slots[range.clone()].iter().flatten().copied().max();
        let count = of(&self.kernel_range).map_or(0, |m| m + 1);
        let rest = self.task_range.start..slots.len();
        slots[rest].iter().flatten().all(|&s| s >= count).then_some(count)
    }

    /// The most doubles that making a posterior of this model takes at one time: about 5 n^2 + 10 n T,
    /// and 10 T^2 where B or Sigma is a T x T matrix.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::Array2;
    /// let (x, y) = (Array2::from_shape_fn((30, 1), |(i, _)| i as f64), Array2::eye(30));
    /// let gp = MultiTaskGp::new(Rbf::isotropic(1.0)).task(Diagonal::new());
    /// let gp = gp.fix("terms[0].kernel.lengthscale").fit(&Dataset::new(x.view(), y.view())?)?;
    /// assert!(gp.posterior().model().posterior_doubles() >= 5 * 30 * 30 + 10 * 30 * 30);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn posterior_doubles(&self) -> usize {
        let (n, t, d) = (self.n_rows(), self.n_tasks(), self.x.ncols());
        let independent = || {
            let noise = self.noise.matrix(self.psi(&self.layout.initial()));
            matches!(noise, NoiseMatrix::Diagonal(_))
        };
        let kept = |rank: &usize| Congruence::stays_factored(t, *rank) && independent();
        let between_tasks = match self.task.factored_rank().filter(kept) {
            Some(rank) => t.saturating_mul(10 * (rank + 1)),
            None => t.saturating_mul(t).saturating_mul(10),
        };
        let rows = n.saturating_mul(5 * n + 10 * t + 2 * d);
        rows.saturating_add(between_tasks)
    }

    /// The Gram matrix decomposed and the data rotated: about 9 n^3 + 2 n^2 T operations, at most
    /// 4 n^2 + O(nT) doubles.
    ///
    /// # Errors
    /// As [`Spectrum::of`].
    pub fn spectral(&self, natural: &[f64]) -> Result<Spectral> {
        let k = gram::gram(self.kernel(), self.theta(natural), self.x.view());
        self.eigendecompositions.fetch_add(1, Ordering::Relaxed);
        let spectrum = Spectrum::of(k)?;
        let residuals = self.residuals(natural);
        let rotated = linalg::matmul(spectrum.vectors.t(), residuals.view());
        Ok(Spectral { spectrum: Arc::new(spectrum), rotated })
    }

    /// The covariance of all observations factored on a given spectrum: O(n T^2 + T^3), or O(n T r)
    /// for low rank plus noise over many tasks.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let (model, natural) = (gp.posterior().model(), gp.posterior().natural());
    /// let factor = model.factor(&model.spectral(natural)?, natural)?;
    /// assert!((factor.log_likelihood() - gp.log_marginal_likelihood()).abs() < 1e-9);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Congruence::new`].
    pub fn factor(&self, spectral: &Spectral, natural: &[f64]) -> Result<KroneckerFactor> {
        let congruence = Congruence::new(&self.task_matrix(natural), &self.noise_matrix(natural))?;
        let spectrum = Arc::clone(&spectral.spectrum);
        Ok(KroneckerFactor::new(spectrum, congruence, spectral.rotated.view()))
    }

    /// Adds the gradient of the log-likelihood with respect to the parameters of B and Sigma.
    pub fn add_task_gradient(
        &self,
        factor: &KroneckerFactor,
        natural: &[f64],
        gradient: &mut [f64],
    ) {
        let task = factor.task_adjoint();
        let noise = factor.noise_adjoint();
        self.task.vjp(self.phi(natural), &task, &mut gradient[self.task_range.clone()]);
        let range = self.noise_range.clone();
        self.noise.vjp(self.psi(natural), &noise, &mut gradient[range.clone()]);
        let multiple = self.task_matrix(natural).noise_multiple();
        if multiple != 0.0 {
            let mut through_task = vec![0.0; range.len()];
            self.noise.vjp(self.psi(natural), &task, &mut through_task);
            for (g, v) in gradient[range].iter_mut().zip(through_task) {
                *g += multiple * v;
            }
        }
    }

    /// Adds the gradient of the log-likelihood with respect to the kernel parameters: n^3
    /// multiply-adds.
    pub fn add_kernel_gradient(
        &self,
        factor: &KroneckerFactor,
        natural: &[f64],
        gradient: &mut [f64],
    ) {
        let part = gram::gram_vjp(
            self.kernel(),
            self.theta(natural),
            self.x.view(),
            &factor.kernel_adjoint(),
        );
        for (g, v) in gradient[self.kernel_range.clone()].iter_mut().zip(part) {
            *g += v;
        }
    }

    /// Log marginal likelihood (natural log, total) and its gradient with respect to every natural
    /// value, the mean included.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let (model, mut natural) = (gp.posterior().model(), gp.posterior().natural().to_vec());
    /// let (value, gradient) = model.log_likelihood(&natural)?;
    /// natural[0] += 1e-5;
    /// let slope = (model.log_likelihood_value(&natural)? - value) / 1e-5;
    /// assert!((slope - gradient[0]).abs() < 1e-3);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Model::spectral`] and [`Model::factor`].
    pub fn log_likelihood(&self, natural: &[f64]) -> Result<(f64, Vec<f64>)> {
        let factor = self.factor(&self.spectral(natural)?, natural)?;
        let mut gradient = vec![0.0; natural.len()];
        self.add_task_gradient(&factor, natural, &mut gradient);
        self.add_kernel_gradient(&factor, natural, &mut gradient);
        let sums = factor.dual().sum_axis(Axis(0));
        gradient[self.mean_range.clone()].copy_from_slice(sums.as_slice().unwrap_or_default());
        Ok((factor.log_likelihood(), gradient))
    }

    /// Log marginal likelihood alone.
    ///
    /// # Errors
    /// As [`Model::log_likelihood`].
    pub fn log_likelihood_value(&self, natural: &[f64]) -> Result<f64> {
        Ok(self.factor(&self.spectral(natural)?, natural)?.log_likelihood())
    }

    /// What the solver did at these values.
    pub fn solve_report(&self, factor: &KroneckerFactor) -> crate::solve::SolveReport {
        factor.report()
    }
}
