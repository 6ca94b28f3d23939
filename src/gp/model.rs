//! A model bound to its data: the flat parameter vector, the likelihood and its gradient.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use ndarray::{Array1, Array2, Axis};

use super::Mean;
use super::table::Table;
use crate::data::{ColumnStatistics, Dataset, task_scales};
use crate::error::{Error, Result};
use crate::kernel::BoundKernel;
use crate::learn::Interruption;
use crate::matrix_kernel::Separable;
use crate::op::{NoiseMatrix, Pattern, TaskMatrix};
use crate::param::{Layout, ParamSpec, Transform};
use crate::solve::{CgSettings, Choice, Congruence, Problem, Solver, select};
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

/// A separable multi-task Gaussian process bound to a data set.
///
/// Rows at which nothing was observed are left out: they say nothing. A `NaN` in the outputs is an
/// entry that was not observed.
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
    pub(super) kernel: Arc<dyn BoundKernel>,
    pub(super) task: Arc<dyn BoundTask>,
    pub(super) noise: Arc<dyn BoundNoise>,
    pub(super) scales: TaskScales,
    layout: Layout,
    kernel_range: Range<usize>,
    task_range: Range<usize>,
    noise_range: Range<usize>,
    mean_range: Range<usize>,
    pub(super) table: Table,
    pub(super) choice: Choice,
    pub(super) cg: CgSettings,
    pub(super) few_data: Option<&'static str>,
    pub(super) eigendecompositions: Arc<AtomicUsize>,
    /// What may end the work, while there is a fit.
    interruption: Weak<Interruption>,
}

impl Model {
    /// Binds a term, a noise and a mean to a data set.
    ///
    /// # Errors
    /// What any of them refuses; [`crate::Error::Incompatible`] for [`Noise::None`] without known noise
    /// variances.
    pub fn new(
        data: &Dataset,
        term: &Separable,
        noise: &Noise,
        mean: &Mean,
        scaling: Scaling,
    ) -> Result<Self> {
        // Rows without an observation say nothing, of the scales neither.
        let table = Table::of(data);
        let statistics: Vec<ColumnStatistics> = table
            .x
            .axis_iter(Axis(1))
            .map(|c| {
                let own = ColumnStatistics::of(c);
                if scaling.x { own } else { ColumnStatistics { scale: 1.0, ..own } }
            })
            .collect();
        let (std, pooled) = if scaling.y {
            task_scales(table.y.view())
        } else {
            (Array1::ones(data.n_tasks()), 1.0)
        };
        let bound = term.bind(table.x.view(), &statistics, std, pooled)?;
        let settings = noise;
        let noise = settings.bind(&bound.scales)?;
        if noise.is_none() && table.known.is_none() {
            return Err(Error::Incompatible {
                options: "a noise of zero and data without known noise variances".to_string(),
                advice: "give variances with `Dataset::with_noise_variances`, or let noise be \
                         learned"
                    .to_string(),
            });
        }
        let mut layout = Layout::default();
        let kernel_range = layout.push("terms[0].kernel", bound.kernel.params());
        let task_range = layout.push("terms[0].task", bound.task.params());
        let noise_range = layout.push("noise", noise.params());
        let offsets = mean.offsets(table.y.view())?.to_vec();
        let mut offset = ParamSpec::new("offset", &[data.n_tasks()], offsets, Transform::Identity);
        offset.free.fill(false);
        offset.given = true;
        let mean_range = layout.push("mean", &[offset]);
        let mut model = Model {
            kernel: bound.kernel.into(),
            task: bound.task.into(),
            noise: noise.into(),
            scales: bound.scales,
            layout,
            kernel_range,
            task_range,
            noise_range,
            mean_range,
            table,
            choice: Choice { solver: Solver::Auto, why: String::new() },
            cg: CgSettings::default(),
            few_data: None,
            eigendecompositions: Arc::new(AtomicUsize::new(0)),
            interruption: Weak::new(),
        };
        model.guard_few_data(settings);
        model.select_solver(Solver::Auto, usize::MAX, true)?;
        Ok(model)
    }

    /// Chooses how the covariance is factored: what is asked for, within that many bytes, for `learning`
    /// or for one evaluation. Models start with [`Solver::Auto`], no bound, and learning.
    ///
    /// ```
    /// # use coregion::gp::{Model, Scaling};
    /// # use coregion::{matrix_kernel::Separable, prelude::*};
    /// # use ndarray::array;
    /// # let data = Dataset::new(array![[0.0], [1.0]].view(), array![[3.0], [4.0]].view())?;
    /// # let term = Separable { kernel: Rbf::ard(), task: Diagonal::new() };
    /// let none = (&Noise::PerTask, &Mean::Zero, Scaling::default());
    /// let mut model = Model::new(&data, &term, none.0, none.1, none.2)?;
    /// assert_eq!(model.solver(), Solver::Kronecker);
    /// model.select_solver(Solver::Dense, 1 << 20, true)?;
    /// assert_eq!(model.solver(), Solver::Dense);
    /// assert!(matches!(model.select_solver(Solver::Auto, 8, true), Err(Error::Memory { .. })));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Incompatible`] where the solver asked for cannot serve, naming those that can;
    /// [`crate::Error::Memory`] where nothing fits.
    pub fn select_solver(&mut self, request: Solver, memory: usize, learning: bool) -> Result<()> {
        let problem = Problem { learning: learning && self.layout.n_free() > 0, ..self.problem() };
        self.choice = select(request, &problem, memory)?;
        Ok(())
    }

    /// Sets the tolerances of the iterative solver.
    pub fn set_cg(&mut self, settings: CgSettings) {
        self.cg = settings;
    }

    /// Why that solver was chosen.
    pub fn why_solver(&self) -> &str {
        &self.choice.why
    }

    /// The solver chosen.
    pub fn solver(&self) -> Solver {
        self.choice.solver
    }

    pub(crate) fn problem(&self) -> Problem {
        Problem {
            n_rows: self.n_rows(),
            n_tasks: self.n_tasks(),
            n_observed: self.n_observations(),
            known_noise: self.table.known.is_some(),
            no_noise: self.noise.is_none(),
            full_noise: self.noise.is_free_factor(),
            factored: self.kept_rank().is_some(),
            cg_vectors: self
                .cg
                .rank
                .min(self.n_observations())
                .saturating_add(self.cg.n_probes.saturating_mul(6)),
            learning: true,
        }
    }

    /// The rank of B where it is kept as a factor.
    fn kept_rank(&self) -> Option<usize> {
        let independent = || {
            let noise = self.noise.matrix(self.psi(&self.layout.initial()));
            matches!(noise, NoiseMatrix::Diagonal(_))
        };
        let kept =
            |rank: &usize| Congruence::stays_factored(self.n_tasks(), *rank) && independent();
        self.task.factored_rank().filter(kept)
    }

    /// The same model of some of its rows: the scales and the flat parameter vector stay.
    pub(crate) fn of_rows(&self, rows: &[usize]) -> Result<Model> {
        let mut model = Model {
            kernel: Arc::clone(&self.kernel),
            task: Arc::clone(&self.task),
            noise: Arc::clone(&self.noise),
            scales: self.scales.clone(),
            layout: self.layout.clone(),
            kernel_range: self.kernel_range.clone(),
            task_range: self.task_range.clone(),
            noise_range: self.noise_range.clone(),
            mean_range: self.mean_range.clone(),
            table: self.table.rows(rows),
            choice: self.choice.clone(),
            cg: self.cg.clone(),
            few_data: self.few_data,
            eigendecompositions: Arc::clone(&self.eigendecompositions),
            interruption: Weak::clone(&self.interruption),
        };
        model.select_solver(Solver::Auto, usize::MAX, true)?;
        Ok(model)
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
        self.table.x.view()
    }

    /// Outputs (n, T), `NaN` where nothing was observed.
    pub fn y(&self) -> ndarray::ArrayView2<'_, f64> {
        self.table.y.view()
    }

    /// Which entries of the table were observed.
    pub fn pattern(&self) -> &Arc<Pattern> {
        &self.table.pattern
    }

    /// Known noise variances (n, T).
    pub(super) fn known_variances(&self) -> Option<&Array2<f64>> {
        self.table.variances.as_ref()
    }

    /// The rows of the data set that are rows of the model: those with an observed entry.
    pub(crate) fn rows(&self) -> &[usize] {
        &self.table.rows
    }

    /// Number of rows n.
    pub fn n_rows(&self) -> usize {
        self.table.y.nrows()
    }

    /// Number of tasks T.
    pub fn n_tasks(&self) -> usize {
        self.table.y.ncols()
    }

    /// Number of observed entries, nT for a complete table.
    pub fn n_observations(&self) -> usize {
        self.table.pattern.n_observed()
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

    /// Paths of parameters of the kernel, B and the noise that are held though they were given no value.
    pub(crate) fn held_without_values(&self) -> Vec<String> {
        let covariances = self.kernel_range.start..self.noise_range.end;
        let held = self.layout.entries().iter().filter(|entry| {
            let free = self.layout.slots()[entry.range.clone()].iter().any(Option::is_some);
            let learnable = !entry.range.is_empty() && covariances.contains(&entry.range.start);
            learnable && !free && !entry.spec.given
        });
        held.map(|entry| entry.path.clone()).collect()
    }

    pub(super) fn noise_range(&self) -> Range<usize> {
        self.noise_range.clone()
    }

    pub(super) fn kernel_range(&self) -> Range<usize> {
        self.kernel_range.clone()
    }

    pub(super) fn mean_range(&self) -> Range<usize> {
        self.mean_range.clone()
    }

    /// Y less the mean (n, T), 0 where nothing was observed.
    pub(super) fn residuals(&self, natural: &[f64]) -> Array2<f64> {
        self.table.filled() - &self.offsets(natural) * &self.table.indicator()
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

    /// Lets `interruption` end the work, as long as it lives.
    pub(crate) fn watch(&mut self, interruption: &Arc<Interruption>) {
        self.interruption = Arc::downgrade(interruption);
    }

    /// Refuses to begin another factorisation where the work is to end.
    ///
    /// # Errors
    /// [`crate::Error::Cancelled`].
    pub(super) fn go_on(&self) -> Result<()> {
        self.interruption.upgrade().map_or(Ok(()), |interruption| interruption.check())
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

    /// The most doubles that making a posterior of this model takes at one time, by the solver that was
    /// chosen: about 5 n^2 for a complete table, T m n + 3 m^2 more with m gaps, 3 N^2 + 2 n^2 for a
    /// dense factor of N observations; 10 n T besides, and 10 T^2 where B or Sigma is a T x T matrix.
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
        let (n, t, d) = (self.n_rows(), self.n_tasks(), self.x().ncols());
        // Other solvers make a matrix of a factored B.
        let between_tasks = match self.kept_rank().filter(|_| self.solver() == Solver::Kronecker) {
            Some(rank) => t.saturating_mul(10 * (rank + 1)),
            None => t.saturating_mul(t).saturating_mul(10),
        };
        let rows = match self.solver() {
            Solver::Kronecker => n.saturating_mul(2 * d),
            _ => n.saturating_mul(10 * t + 2 * d),
        };
        let factored = self.problem().doubles(self.solver());
        factored.saturating_add(rows).saturating_add(between_tasks)
    }
}
