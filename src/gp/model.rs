//! A model bound to its data: the flat parameter vector, the likelihood and its gradient.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use ndarray::{Array1, Array2, Axis};

use super::linear_mean::LinearMean;
use super::mixing::{self, MixedPart, check_noise};
use super::table::Table;
use super::term::Term;
use super::{Mean, Scaling};
use crate::data::{ColumnStatistics, Dataset, task_scales};
use crate::error::{Error, Result};
use crate::kernel::BoundKernel;
use crate::learn::Interruption;
use crate::matrix_kernel::{Coregionalization, Separable};
use crate::op::{NoiseMatrix, Pattern, TaskMatrix};
use crate::param::{Layout, ParamSpec, Transform};
use crate::solve::{CgSettings, Choice, RANK_TOL, Solver};
use crate::task::{BoundNoise, BoundTask, Noise, TaskScales};
use crate::warp::{TaskWarps, Warp};

/// A multi-task Gaussian process, of one separable term or a sum of them, bound to a data set.
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
    terms: Vec<Term>,
    /// What mixes the terms, where they are latent functions.
    pub(super) mixed: Option<MixedPart>,
    pub(super) noise: Arc<dyn BoundNoise>,
    layout: Layout,
    kernel_range: Range<usize>,
    pub(super) warp_range: Range<usize>,
    task_range: Range<usize>,
    noise_range: Range<usize>,
    mean_range: Range<usize>,
    pub(super) table: Table,
    /// The mean whose coefficients are estimated, where there is one.
    pub(super) linear_mean: Option<Arc<LinearMean>>,
    pub(super) warps: TaskWarps,
    /// Whether means are those of the outputs as they are warped.
    pub(super) means_follow: bool,
    pub(super) choice: Choice,
    pub(super) cg: CgSettings,
    pub(super) rank_tol: f64,
    pub(super) few_data: Option<&'static str>,
    pub(super) eigendecompositions: Arc<AtomicUsize>,
    /// What may end the work, while there is a fit.
    interruption: Weak<Interruption>,
}

impl Model {
    /// Binds a term or a sum of terms, a noise and a mean to a data set.
    ///
    /// # Errors
    /// What any of them refuses; [`crate::Error::Incompatible`] for no term, and for [`Noise::None`]
    /// without known noise variances.
    pub fn new(
        data: &Dataset,
        terms: impl Into<Coregionalization>,
        noise: &Noise,
        mean: &Mean,
        scaling: Scaling,
    ) -> Result<Self> {
        Self::with_warps(data, terms, noise, mean, scaling, &[])
    }

    /// The same of warped outputs: one warp for each task, or one for all. Scales, starts and means are of
    /// the warped outputs.
    ///
    /// # Errors
    /// As [`Model::new`]; [`crate::Error::InvalidValue`] for outputs outside the domain of their warp;
    /// [`crate::Error::Incompatible`] for warps and known noise variances.
    pub fn with_warps(
        data: &Dataset,
        terms: impl Into<Coregionalization>,
        noise: &Noise,
        mean: &Mean,
        scaling: Scaling,
        warps: &[Warp],
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
        let mut warps = TaskWarps::bind(warps, data.y(), data.task_names())?;
        if table.known.is_some() && !warps.is_identity() {
            return Err(known_noise_and_warp());
        }
        let outputs = warps.start(table.y.clone());
        let (std, pooled) = if scaling.y {
            task_scales(outputs.view())
        } else {
            (Array1::ones(data.n_tasks()), 1.0)
        };
        let Coregionalization { terms, mixing } = terms.into();
        let alike = terms.windows(2).all(|pair| pair[0].kernel == pair[1].kernel);
        let bind = |term: &Separable| term.bind(table.x.view(), &statistics, std.clone(), pooled);
        let mut bound = terms.iter().map(bind).collect::<Result<Vec<_>>>()?;
        let mixing = match &mixing {
            None => None,
            Some(mixing) => {
                check_noise(noise)?;
                Some(mixing::bind(mixing, &mut bound, std.clone())?)
            }
        };
        let Some(first) = bound.first() else {
            return Err(Error::Incompatible {
                options: "`terms` without any term".to_string(),
                advice: "give at least one kernel with its task covariance".to_string(),
            });
        };
        let settings = noise;
        let noise = settings.bind(&first.scales)?;
        if noise.is_none() && table.known.is_none() {
            return Err(Error::Incompatible {
                options: "a noise of zero and data without known noise variances".to_string(),
                advice: "give variances with `Dataset::with_noise_variances`, or let noise be \
                         learned"
                    .to_string(),
            });
        }
        let mut layout = Layout::default();
        // The kernels come first, then the warps, so that they are one block for learning.
        let push = |layout: &mut Layout, what: &str, q: usize, params: &[ParamSpec]| {
            layout.push(&format!("terms[{q}].{what}"), params)
        };
        let each = || (0..).zip(&bound);
        let kernels: Vec<Range<usize>> =
            each().map(|(q, b)| push(&mut layout, "kernel", q, b.kernel.params())).collect();
        let warp_range = warps.push(&mut layout);
        let tasks: Vec<Range<usize>> =
            each().map(|(q, b)| push(&mut layout, "task", q, b.task.params())).collect();
        let (kernel_range, mut task_range) = (whole(&kernels), whole(&tasks));
        let mixed = mixing.map(|bound| {
            task_range = layout.push("mixing", bound.params());
            MixedPart { bound: bound.into(), range: task_range.clone(), alike }
        });
        let ranges = kernels.into_iter().zip(tasks);
        let terms = bound.into_iter().zip(ranges).map(|(b, (k, t))| Term::new(b, k, t)).collect();
        let noise_range = layout.push("noise", noise.params());
        let offsets = mean.offsets(outputs.view())?;
        let linear_mean = LinearMean::bind(mean, &table.with_outputs(outputs), data.task_names())?;
        let mut coefficients = match &linear_mean {
            Some(mean) => mean.parameter(),
            None => {
                let shape = [data.n_tasks()];
                ParamSpec::new("offset", &shape, offsets.to_vec(), Transform::Identity)
            }
        };
        coefficients.free.fill(false);
        coefficients.given = true;
        let mean_range = layout.push("mean", &[coefficients]);
        let mut model = Model {
            terms,
            mixed,
            noise: noise.into(),
            layout,
            kernel_range,
            means_follow: *mean == Mean::Training && !warp_range.is_empty(),
            warp_range,
            task_range,
            noise_range,
            mean_range,
            warps,
            table,
            linear_mean: linear_mean.map(Arc::new),
            choice: Choice { solver: Solver::Auto, why: String::new() },
            cg: CgSettings::default(),
            rank_tol: RANK_TOL,
            few_data: None,
            eigendecompositions: Arc::new(AtomicUsize::new(0)),
            interruption: Weak::new(),
        };
        model.guard_few_data(settings);
        model.select_solver(Solver::Auto, usize::MAX, true)?;
        Ok(model)
    }

    /// The same model of some of its rows: the scales and the flat parameter vector stay.
    pub(crate) fn of_rows(&self, rows: &[usize]) -> Result<Model> {
        let table = self.table.rows(rows);
        let mut model = Model {
            linear_mean: self.linear_mean.as_ref().map(|m| Arc::new(m.of_rows(&table, rows))),
            terms: self.terms.clone(),
            mixed: self.mixed.clone(),
            noise: Arc::clone(&self.noise),
            layout: self.layout.clone(),
            kernel_range: self.kernel_range.clone(),
            task_range: self.task_range.clone(),
            noise_range: self.noise_range.clone(),
            mean_range: self.mean_range.clone(),
            table,
            warps: self.warps.clone(),
            warp_range: self.warp_range.clone(),
            means_follow: self.means_follow,
            choice: self.choice.clone(),
            cg: self.cg.clone(),
            rank_tol: self.rank_tol,
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

    /// The terms; every model has at least one.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// The first term: the only one for the solvers that a spectrum serves.
    pub(super) fn first(&self) -> &Term {
        &self.terms[0]
    }

    /// The scales of the outputs, with the amplitude of the first term's kernel.
    pub fn scales(&self) -> &TaskScales {
        self.first().scales()
    }

    /// The bound scalar kernel of the first term.
    pub fn kernel(&self) -> &dyn BoundKernel {
        self.first().kernel()
    }

    /// The bound task covariance of the first term.
    pub fn task(&self) -> &dyn BoundTask {
        self.first().task()
    }

    /// Values of the kernel parameters of the first term in a natural vector.
    pub fn theta<'a>(&self, natural: &'a [f64]) -> &'a [f64] {
        self.first().theta(natural)
    }

    /// Values of the parameters of the first term's task covariance in a natural vector.
    pub fn phi<'a>(&self, natural: &'a [f64]) -> &'a [f64] {
        self.first().phi(natural)
    }

    /// Values of the noise parameters in a natural vector.
    pub fn psi<'a>(&self, natural: &'a [f64]) -> &'a [f64] {
        &natural[self.noise_range.clone()]
    }

    /// The constant mean of each task in a natural vector; 0 where the mean has a basis.
    pub fn offsets(&self, natural: &[f64]) -> Array1<f64> {
        match &self.linear_mean {
            Some(mean) if !mean.is_constant() => Array1::zeros(self.n_tasks()),
            _ => Array1::from(natural[self.mean_range.clone()].to_vec()),
        }
    }

    /// Where the parameters of all task covariances are.
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

    /// Where the parameters of all kernels are.
    pub(super) fn kernel_range(&self) -> Range<usize> {
        self.kernel_range.clone()
    }

    pub(super) fn mean_range(&self) -> Range<usize> {
        self.mean_range.clone()
    }

    /// Y, warped, less the mean (n, T), 0 where nothing was observed; a mean to be estimated at its ordinary
    /// least squares.
    pub(super) fn residuals(&self, natural: &[f64]) -> Array2<f64> {
        if let Some(mean) = self.linear_mean_at(natural) {
            return mean.residuals().clone();
        }
        let filled = match self.warps.is_identity() {
            true => self.table.filled(),
            false => self.warped_outputs(natural).mapv(|v| if v.is_nan() { 0.0 } else { v }),
        };
        filled - &self.offsets(natural) * &self.table.indicator()
    }

    /// B of the first term at natural values.
    pub fn task_matrix(&self, natural: &[f64]) -> TaskMatrix {
        match self.mixed_tasks(natural) {
            Ok(Some(tasks)) => TaskMatrix::Dense(tasks.task(0)),
            _ => self.first().task_matrix(natural),
        }
    }

    /// B (T, T) of each term at natural values.
    pub fn task_covariances(&self, natural: &[f64]) -> Vec<Array2<f64>> {
        if let Ok(Some(tasks)) = self.mixed_tasks(natural) {
            return (0..tasks.n_latents()).map(|q| tasks.task(q)).collect();
        }
        let noise = self.noise_matrix(natural);
        self.terms.iter().map(|term| term.task_matrix(natural).to_dense(&noise)).collect()
    }

    /// The sum of the B (T, T) of all terms.
    pub(crate) fn total_task_covariance(&self, natural: &[f64]) -> Array2<f64> {
        self.task_covariances(natural).into_iter().reduce(|a, b| a + b).unwrap_or_default()
    }

    /// Sigma at natural values; not a number where a mixing has none there.
    pub fn noise_matrix(&self, natural: &[f64]) -> NoiseMatrix {
        let Some(mixing) = self.mixing() else {
            return self.noise.matrix(self.psi(natural));
        };
        let noise = mixing.noise(self.mixing_values(natural), self.own_noise(natural).view());
        let nowhere = || Array1::from_elem(self.n_tasks(), f64::NAN);
        noise.unwrap_or_else(|_| NoiseMatrix::Diagonal(nowhere()))
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

    /// Number of free values that belong to the kernel and to the warps, where these come first in the free
    /// vector and none is tied to a value outside of them; `None` otherwise.
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
        let count = of(&self.kernel_range).max(of(&self.warp_range)).map_or(0, |m| m + 1);
        let rest = self.task_range.start..slots.len();
        slots[rest].iter().flatten().all(|&s| s >= count).then_some(count)
    }
}

/// The range from the start of the first to the end of the last.
fn whole(ranges: &[Range<usize>]) -> Range<usize> {
    let start = ranges.first().map_or(0, |r| r.start);
    start..ranges.last().map_or(start, |r| r.end)
}

/// The refusal of noise variances that are known in units in which the noise is not.
fn known_noise_and_warp() -> Error {
    Error::Incompatible {
        options: "known noise variances and a warp of the outputs".to_string(),
        advice: "noise is of the warped outputs: let it be learned, or warp the outputs and their \
                 variances before"
            .to_string(),
    }
}
