//! The posterior of the latent functions and of new observations, in tiles of rows.
//!
//! The posterior mean is `sum_q k_q(x, X) alpha B_q`, whatever the solver; covariances are the factor's
//! ([`Factor::at`]). For a complete table one row costs O(n^2 + nT + T^2), with m gaps T n m + T m^2
//! more, and with a dense factor of N observations T N^2.

use std::sync::{Arc, OnceLock};

use ndarray::{Array1, Array2, Array3, Array4, ArrayView2, Axis, s};

use super::kriging::Estimated;
use super::model::Model;
use super::profiled::Profiled;
use crate::data::check_finite;
use crate::error::{Error, Result};
use crate::linalg;
use crate::op::NoiseMatrix;
use crate::solve::{Added, AppendedFactor, Factor, KroneckerFactor};

/// Which uncertainty a prediction carries.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// let std = |u| Ok::<_, Error>(gp.predict(array![[2.5]].view(), u)?.std()?[[0, 0]]);
/// let (latent, observed) = (std(Uncertainty::Std)?, std(Uncertainty::Observation)?);
/// let noise = gp.noise_covariance()[[0, 0]];
/// assert!((observed.powi(2) - latent.powi(2) - noise).abs() < 1e-12);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Uncertainty {
    /// None: means only, at a fraction of the cost.
    #[default]
    None,
    /// Standard deviations of the latent functions.
    Std,
    /// Standard deviations of new observations: the noise is added.
    Observation,
}

/// Predictions at m rows for T tasks.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// let p: Prediction = gp.predict(array![[1.5], [2.5]].view(), Uncertainty::None)?;
/// assert_eq!(p.mean.dim(), (2, 2));
/// assert!(matches!(p.std(), Err(Error::Incompatible { .. }))); // ask for `Uncertainty::Std`
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Means (m, T).
    pub mean: Array2<f64>,
    /// Standard deviations (m, T); `None` for [`Uncertainty::None`].
    pub std: Option<Array2<f64>>,
    /// Variances that came out negative by rounding and were set to zero.
    pub clipped_variances: usize,
}

impl Prediction {
    /// Standard deviations (m, T), for predictions that carry them.
    ///
    /// # Errors
    /// [`Error::Incompatible`] for a prediction made with [`Uncertainty::None`].
    pub fn std(&self) -> Result<ArrayView2<'_, f64>> {
        self.std.as_ref().map(|s| s.view()).ok_or_else(|| Error::Incompatible {
            options: "`Uncertainty::None` and standard deviations".to_string(),
            advice: "predict with `Uncertainty::Std` or `Uncertainty::Observation`".to_string(),
        })
    }
}

/// The posterior of a model at given parameter values.
///
/// ```
/// use coregion::gp::{Model, Posterior, Scaling};
/// use coregion::{matrix_kernel::Separable, prelude::*};
/// use ndarray::array;
/// let data = Dataset::new(array![[0.0], [1.0]].view(), array![[0.0, 1.0], [2.0, 0.5]].view())?;
/// let term = Separable { kernel: Rbf::ard(), task: LowRank::new(1) };
/// let model = Model::new(&data, &term, &Noise::Shared, &Mean::Zero, Scaling::default())?;
/// let natural = model.layout().initial();
/// let posterior = Posterior::new(model.into(), natural, 1 << 20)?;
/// let xs = array![[0.3], [2.0]];
/// let std = posterior.predict(xs.view(), Uncertainty::Std)?;
/// let joint = posterior.joint_covariance(xs.view(), false)?;
/// assert!((joint[[1, 0, 1, 0]].sqrt() - std.std()?[[1, 0]]).abs() < 1e-12);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Posterior {
    pub(super) model: Arc<Model>,
    pub(super) natural: Vec<f64>,
    pub(super) factor: Arc<dyn Factor>,
    /// The covariance of all observations factored, where the factor is of some with rows added.
    whole: OnceLock<Arc<dyn Factor>>,
    /// The posterior that rows were added to.
    base: Option<Arc<Posterior>>,
    pub(super) noise: NoiseMatrix,
    /// alpha B (n, T) of each term.
    pub(super) weights: Vec<Array2<f64>>,
    pub(super) offsets: Array1<f64>,
    /// The coefficients of a mean that was estimated.
    pub(super) estimated: Option<Estimated>,
    /// B (T, T) of each term, where the uncertainty of the mean needs it.
    pub(super) tasks: Vec<Array2<f64>>,
    pub(super) noise_variances: Array1<f64>,
    pub(super) memory_budget: usize,
}

/// Entries of the rows added up to which a factor is bordered rather than made anew.
const BORDERED_UP_TO: usize = 512;
/// Coefficients of the mean up to which it is: each takes a solve.
const SOLVED_UP_TO: usize = 64;

/// Refuses results that overflowed: inputs so far from the training rows that the kernel is not a
/// finite number there.
pub(super) fn finite<'a>(what: &str, values: impl IntoIterator<Item = &'a f64>) -> Result<()> {
    match values.into_iter().find(|v| !v.is_finite()) {
        None => Ok(()),
        Some(value) => Err(Error::Numerical {
            operation: "prediction".to_string(),
            detail: format!(
                "{what} hold {value}: the inputs lie too far from the training rows, or what was \
                 measured there is too large"
            ),
        }),
    }
}

impl Posterior {
    /// The posterior at natural values: one factorisation. `memory_budget` in bytes bounds the tiles of
    /// predictions and the size of covariances.
    ///
    /// # Errors
    /// As [`Model::factored`].
    pub fn new(model: Arc<Model>, natural: Vec<f64>, memory_budget: usize) -> Result<Self> {
        let found = model.factored_from(&natural, None, false)?;
        Ok(Self::of_factor(model, natural, found, memory_budget))
    }

    fn of_factor(
        model: Arc<Model>,
        mut natural: Vec<f64>,
        found: Profiled<Box<dyn Factor>>,
        memory_budget: usize,
    ) -> Self {
        let factor: Arc<dyn Factor> = found.factor.into();
        let estimated = Estimated::of(&model, found.effects, &mut natural);
        let tasks = match &estimated {
            Some(estimated) if estimated.effects.needs_tasks() => model.task_covariances(&natural),
            _ => Vec::new(),
        };
        let noise = model.noise_matrix(&natural);
        let weights = factor.weights();
        let noise_variances = noise.diagonal();
        let offsets = model.offsets(&natural);
        Posterior {
            model,
            natural,
            factor,
            whole: OnceLock::new(),
            base: None,
            noise,
            weights,
            offsets,
            estimated,
            tasks,
            noise_variances,
            memory_budget,
        }
    }

    /// The posterior of a model with rows after those of this one, at the same values: without factoring
    /// anew where few rows were added: at most a tenth, of at most 512 entries.
    ///
    /// # Errors
    /// As [`Model::factored`].
    pub(crate) fn extended(&self, model: Arc<Model>) -> Result<Self> {
        let base = self.base.clone().unwrap_or_else(|| Arc::new(self.clone()));
        let (n, all) = (base.model.n_rows(), model.n_rows());
        let added = all.saturating_sub(n);
        if added == 0
            || 10 * added > n
            || added * model.n_tasks() > BORDERED_UP_TO
            || model.n_coefficients() > SOLVED_UP_TO
        {
            return Posterior::new(model, self.natural.clone(), self.memory_budget);
        }
        let x = model.x().slice_move(s![n.., ..]);
        let means = base.mean_at(base.mean_columns(x)?.view());
        let outputs = model.warped_outputs(&self.natural);
        let residuals = &outputs.slice(s![n.., ..]) - &means;
        let known = model.known_variances();
        let rows = Added {
            cross: base.cross(x),
            prior: base.prior(x),
            residuals: residuals.view(),
            known: known.as_ref().map(|v| v.slice(s![n.., ..])),
            n_observed: model.n_observations(),
        };
        let tasks = model.task_covariances(&self.natural);
        let factor = AppendedFactor::new(Arc::clone(&base.factor), tasks, &base.noise, rows)?;
        let found = model.remeaned(Box::new(factor), &self.natural)?;
        let mut out = Self::of_factor(model, self.natural.clone(), found, self.memory_budget);
        out.base = Some(base);
        Ok(out)
    }

    /// The covariance of all observations, factored as a whole: made on demand where rows were added.
    pub(super) fn whole(&self) -> Result<&dyn Factor> {
        if !self.factor.is_partial() {
            return Ok(self.factor.as_ref());
        }
        if let Some(whole) = self.whole.get() {
            return Ok(whole.as_ref());
        }
        let whole: Arc<dyn Factor> = self.model.factored(&self.natural)?.into();
        Ok(self.whole.get_or_init(|| whole).as_ref())
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Natural values of every parameter.
    pub fn natural(&self) -> &[f64] {
        &self.natural
    }

    /// The factored covariance of the training data.
    pub fn factor(&self) -> &dyn Factor {
        self.factor.as_ref()
    }

    /// The factor of a complete table, whose structure says more than every factor can; `None` for
    /// other data and solvers.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// assert_eq!(gp.posterior().kronecker().unwrap().congruence().n_tasks(), 2);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn kronecker(&self) -> Option<&KroneckerFactor> {
        self.factor.as_kronecker()
    }

    /// Bytes that tiles, covariances and samples may take.
    pub fn memory_budget(&self) -> usize {
        self.memory_budget
    }

    /// Checks rows to predict at: as many columns as the training rows, finite, in the kernel's
    /// domain.
    pub(super) fn check(&self, xs: ArrayView2<f64>) -> Result<()> {
        let d = self.model.x().ncols();
        if xs.ncols() != d {
            return Err(Error::Shape {
                argument: "xs".to_string(),
                found: format!("{} columns", xs.ncols()),
                expected: format!("{d} columns, as in training"),
            });
        }
        check_finite("xs", xs)?;
        self.model.terms().iter().try_for_each(|term| term.kernel().check(xs))
    }

    /// Rows of a tile under the memory budget.
    pub(super) fn tile_rows(&self) -> usize {
        self.rows_of(self.factor.row_doubles())
    }

    /// Rows of a tile under the memory budget where the factor takes so many doubles for each.
    pub(super) fn rows_of(&self, of_factor: usize) -> usize {
        let of_rows = self.model.n_rows() * self.model.terms().len() + 4 * self.model.n_tasks();
        let of_rows = of_rows.saturating_add(self.mean_doubles());
        let doubles = of_rows.saturating_add(of_factor);
        (self.memory_budget / doubles.saturating_mul(8)).clamp(1, 4096)
    }

    /// The kernel of each term between the rows and those of the data (m, n).
    pub(super) fn cross(&self, xs: ArrayView2<f64>) -> Vec<Array2<f64>> {
        let model = &self.model;
        model.terms().iter().map(|q| q.cross(&self.natural, xs, model.x())).collect()
    }

    /// The kernel of each term between the rows (m, m).
    pub(super) fn prior(&self, xs: ArrayView2<f64>) -> Vec<Array2<f64>> {
        self.model.terms().iter().map(|q| q.gram(&self.natural, xs)).collect()
    }

    /// Means less those of the data (m, T) at rows with these cross-kernels.
    pub(super) fn moved(&self, cross: &[Array2<f64>], weights: &[Array2<f64>]) -> Array2<f64> {
        let of_terms = cross.iter().zip(weights);
        let products = of_terms.map(|(k, w)| linalg::matmul(k.view(), w.view()));
        products.reduce(|a, b| a + b).unwrap_or_default()
    }

    /// Means, and standard deviations where asked for, at xs (m, d).
    ///
    /// Mean O(nT) a row; standard deviations O(n^2 + nT + T k) a row.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`] or [`Error::InvalidValue`] for rows that do not fit.
    pub fn predict(&self, xs: ArrayView2<f64>, uncertainty: Uncertainty) -> Result<Prediction> {
        self.check(xs)?;
        let (m, t) = (xs.nrows(), self.model.n_tasks());
        let columns = self.mean_columns(xs)?;
        let mut mean = Array2::zeros((m, t));
        let mut std = (uncertainty != Uncertainty::None).then(|| Array2::zeros((m, t)));
        let mut clipped_variances = 0;
        for start in (0..m).step_by(self.tile_rows()) {
            let end = (start + self.tile_rows()).min(m);
            let rows = xs.slice(s![start..end, ..]);
            let k = self.cross(rows);
            let columns = columns.slice(s![start..end, ..]);
            let tile = self.moved(&k, &self.weights) + self.mean_at(columns);
            mean.slice_mut(s![start..end, ..]).assign(&tile);
            if let Some(std) = &mut std {
                let (mut tile, clipped) = self.at(rows, &k, columns)?.variances();
                clipped_variances += clipped;
                if uncertainty == Uncertainty::Observation {
                    tile += &self.noise_variances;
                }
                std.slice_mut(s![start..end, ..]).assign(&tile.mapv(f64::sqrt));
            }
        }
        finite("the means", &mean)?;
        if let Some(std) = &std {
            finite("the standard deviations", std)?;
        }
        Ok(Prediction { mean, std, clipped_variances })
    }

    /// The covariance of the latent functions between all tasks at each row: (m, T, T).
    ///
    /// # Errors
    /// As [`Posterior::predict`]; [`Error::Memory`] beyond the memory budget.
    pub fn task_covariances(&self, xs: ArrayView2<f64>) -> Result<Array3<f64>> {
        self.check(xs)?;
        let (m, t) = (xs.nrows(), self.model.n_tasks());
        self.fits("the covariances between tasks", m.saturating_mul(t).saturating_mul(t))?;
        let tasks: Vec<usize> = (0..t).collect();
        let mut out = Array3::zeros((m, t, t));
        for start in (0..m).step_by(self.tile_rows()) {
            let rows = xs.slice(s![start..(start + self.tile_rows()).min(m), ..]);
            let columns = self.mean_columns(rows)?;
            let at = self.at(rows, &self.cross(rows), columns.view())?;
            for local in 0..rows.nrows() {
                let block = at.block(local, &tasks, &tasks);
                out.index_axis_mut(Axis(0), start + local).assign(&block);
            }
        }
        finite("the covariances between tasks", &out)?;
        Ok(out)
    }

    /// The joint covariance `[i, t, j, s] = Cov(f_t(x_i), f_s(x_j))` of the latent functions at xs
    /// (m, d); `include_noise` adds the noise at each row.
    ///
    /// # Errors
    /// As [`Posterior::predict`]; [`Error::Memory`] beyond the memory budget.
    pub fn joint_covariance(
        &self,
        xs: ArrayView2<f64>,
        include_noise: bool,
    ) -> Result<Array4<f64>> {
        self.check(xs)?;
        let (m, t) = (xs.nrows(), self.model.n_tasks());
        let side = m.saturating_mul(t);
        // Beside a structured result what the factor needs on the way is small.
        let with_rows = match self.kronecker() {
            Some(_) => 0,
            None => m.saturating_mul(self.factor.row_doubles()),
        };
        self.fits("the joint covariance", side.saturating_mul(side).saturating_add(with_rows))?;
        let mut out = self.joint(xs)?;
        if include_noise {
            let noise = self.noise.to_dense();
            for i in 0..m {
                let mut block = out.slice_mut(s![i, .., i, ..]);
                block += &noise;
            }
        }
        finite("the joint covariance", &out)?;
        Ok(out)
    }

    pub(super) fn fits(&self, what: &str, doubles: usize) -> Result<()> {
        let needed = doubles.saturating_mul(8);
        if needed <= self.memory_budget {
            return Ok(());
        }
        Err(Error::Memory {
            what: what.to_string(),
            needed,
            budget: self.memory_budget,
            advice: "ask for fewer rows at a time, for standard deviations, or raise \
                     `memory_budget`"
                .to_string(),
        })
    }
}
