//! The posterior of the latent functions and of new observations, in tiles of rows.
//!
//! With `q = U' k(X, x)` the posterior mean is `k(x, X) alpha B` and, for any two points,
//! `Cov(f(x), f(x')) = (Sigma W) diag_j(d_j k(x, x') - d_j^2 sum_i q_i q'_i / Lam_ij) (Sigma W)'`:
//! one point costs O(n^2 + nT + T^2), whatever the number of points.

use std::sync::Arc;

use ndarray::{Array1, Array2, Array3, Array4, ArrayView1, ArrayView2, Axis, s};

use super::model::Model;
use crate::data::check_finite;
use crate::error::{Error, Result};
use crate::gram;
use crate::linalg;
use crate::op::NoiseMatrix;
use crate::solve::KroneckerFactor;

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
    pub(super) factor: KroneckerFactor,
    pub(super) noise: NoiseMatrix,
    /// alpha B (n, T).
    weights: Array2<f64>,
    offsets: Array1<f64>,
    noise_variances: Array1<f64>,
    squares: Array2<f64>,
    remainder: Array1<f64>,
    pub(super) memory_budget: usize,
}

/// What the posterior covariance at some points is made of: `c_j` for each stored direction and for
/// the rest.
struct Variances {
    stored: Array2<f64>,
    rest: Option<Array1<f64>>,
    clipped: usize,
}

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
    /// The posterior at natural values: one eigendecomposition. `memory_budget` in bytes bounds the
    /// tiles of predictions and the size of covariances.
    ///
    /// # Errors
    /// As [`Model::spectral`] and [`Model::factor`].
    pub fn new(model: Arc<Model>, natural: Vec<f64>, memory_budget: usize) -> Result<Self> {
        let spectral = model.spectral(&natural)?;
        let factor = model.factor(&spectral, &natural)?;
        let noise = model.noise_matrix(&natural);
        let u = factor.spectrum().vectors.view();
        let weights = linalg::matmul(u, factor.mean_weights().view());
        let noise_variances = noise.diagonal();
        let (squares, remainder) = factor.congruence().variance_weights(&noise_variances);
        let offsets = model.offsets(&natural);
        Ok(Posterior {
            model,
            natural,
            factor,
            noise,
            weights,
            offsets,
            noise_variances,
            squares,
            remainder,
            memory_budget,
        })
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
    pub fn factor(&self) -> &KroneckerFactor {
        &self.factor
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
        self.model.kernel().check(xs)
    }

    /// Rows of a tile under the memory budget.
    fn tile_rows(&self) -> usize {
        let doubles = 3 * self.model.n_rows() + 4 * self.model.n_tasks() + self.squares.ncols();
        (self.memory_budget / (8 * doubles)).clamp(1, 4096)
    }

    pub(super) fn cross(&self, xs: ArrayView2<f64>) -> Array2<f64> {
        let model = &self.model;
        gram::cross(model.kernel(), model.theta(&self.natural), xs, model.x())
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
        let mut mean = Array2::zeros((m, t));
        let mut std = (uncertainty != Uncertainty::None).then(|| Array2::zeros((m, t)));
        let mut clipped_variances = 0;
        for start in (0..m).step_by(self.tile_rows()) {
            let end = (start + self.tile_rows()).min(m);
            let rows = xs.slice(s![start..end, ..]);
            let k = self.cross(rows);
            let tile = linalg::matmul(k.view(), self.weights.view()) + &self.offsets;
            mean.slice_mut(s![start..end, ..]).assign(&tile);
            if let Some(std) = &mut std {
                let variances = self.variances(rows, &k);
                clipped_variances += variances.clipped;
                let mut tile = linalg::matmul(variances.stored.view(), self.squares.t());
                if let Some(rest) = &variances.rest {
                    tile += &(&rest.view().insert_axis(Axis(1)) * &self.remainder);
                }
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

    /// The first eigenvalue of K above the level of rounding.
    fn first_eigenvalue(&self) -> usize {
        let spectrum = self.factor.spectrum();
        let largest = spectrum.values.last().copied().unwrap_or(0.0);
        let level = spectrum.len() as f64 * f64::EPSILON * largest;
        spectrum.values.iter().position(|&s| s > level).unwrap_or(spectrum.len())
    }

    /// The variances `c_j` of each direction at some rows, with cross-kernel k (m, n).
    ///
    /// `c_j = d_j (k(x, x) - sum_i e_i) + d_j sum_i e_i / Lam_ij` with `e_i = q_i^2 / s_i` is a sum
    /// of two terms that are not negative, so that it does not cancel. Eigenvalues at the level of
    /// rounding, where e_i is 0/0, take the direct form.
    fn variances(&self, rows: ArrayView2<f64>, k: &Array2<f64>) -> Variances {
        let spectrum = self.factor.spectrum();
        let theta = self.model.theta(&self.natural);
        let prior = gram::diagonal(self.model.kernel(), theta, rows);
        let mut q2 = linalg::matmul(k.view(), spectrum.vectors.view());
        q2.mapv_inplace(|v| v * v);
        let first = self.first_eigenvalue();
        let small = q2.slice(s![.., ..first]).to_owned();
        let mut explained = q2.slice_move(s![.., first..]);
        explained /= &spectrum.values.slice(s![first..]);
        let unexplained = &prior - &explained.sum_axis(Axis(1));
        let clipped = unexplained.iter().filter(|v| **v < 0.0).count();
        let unexplained = unexplained.mapv(|v| v.max(0.0));
        let (inverse, inverse_rest) = self.factor.inverse_shifts();
        let shifts = self.factor.congruence().shifts();
        let mut stored = linalg::matmul(explained.view(), inverse.slice(s![first.., ..]));
        stored += &unexplained.view().insert_axis(Axis(1));
        stored -= &(linalg::matmul(small.view(), inverse.slice(s![..first, ..])) * shifts);
        stored *= shifts;
        stored.mapv_inplace(|v| v.max(0.0));
        let rest = self.factor.congruence().rest_shift().zip(inverse_rest).map(|(shift, inv)| {
            let direct = small.dot(&inv.slice(s![..first])) * shift;
            let sum = explained.dot(&inv.slice(s![first..])) + &unexplained - &direct;
            sum.mapv(|v| (v * shift).max(0.0))
        });
        Variances { stored, rest, clipped }
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
        let k = self.cross(xs);
        let variances = self.variances(xs, &k);
        let primal = self.factor.congruence().primal_vectors();
        for (i, mut matrix) in out.axis_iter_mut(Axis(0)).enumerate() {
            matrix.assign(&self.block(&primal, &variances, i, &tasks, &tasks));
        }
        finite("the covariances between tasks", &out)?;
        Ok(out)
    }

    /// The latent covariance between two lists of tasks at row i.
    fn block(
        &self,
        primal: &Array2<f64>,
        variances: &Variances,
        i: usize,
        rows: &[usize],
        columns: &[usize],
    ) -> Array2<f64> {
        let rest = variances.rest.as_ref().map_or(0.0, |r| r[i]);
        let c = variances.stored.row(i).mapv(|v| v - rest);
        let left = primal.select(Axis(0), rows) * &c;
        let mut out = linalg::matmul(left.view(), primal.select(Axis(0), columns).t());
        if rest > 0.0 {
            for ((a, b), v) in out.indexed_iter_mut() {
                *v += rest * self.noise.entry(rows[a], columns[b]);
            }
        }
        out
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
        self.fits("the joint covariance", side.saturating_mul(side))?;
        let (blocks, rest) = self.direction_covariances(xs);
        let primal = self.factor.congruence().primal_vectors();
        let noise = self.noise.to_dense();
        let mut out = Array4::zeros((m, t, m, t));
        for i in 0..m {
            for j in 0..m {
                let shared = rest.as_ref().map_or(0.0, |r| r[[i, j]]);
                let c: Array1<f64> = blocks.iter().map(|b| b[[i, j]] - shared).collect();
                let mut block = linalg::matmul((&primal * &c).view(), primal.t());
                block.scaled_add(shared + f64::from(u8::from(include_noise && i == j)), &noise);
                out.slice_mut(s![i, .., j, ..]).assign(&block);
            }
        }
        finite("the joint covariance", &out)?;
        Ok(out)
    }

    /// The covariance between rows of each stored direction, and of the rest: the sum that
    /// [`Posterior::variances`] takes, for pairs of rows.
    pub(super) fn direction_covariances(
        &self,
        xs: ArrayView2<f64>,
    ) -> (Vec<Array2<f64>>, Option<Array2<f64>>) {
        let spectrum = self.factor.spectrum();
        let theta = self.model.theta(&self.natural);
        let q = linalg::matmul(self.cross(xs).view(), spectrum.vectors.view());
        let first = self.first_eigenvalue();
        let small = q.slice(s![.., ..first]);
        let explained =
            &q.slice(s![.., first..]) / &spectrum.values.slice(s![first..]).mapv(f64::sqrt);
        let mut unexplained = gram::gram(self.model.kernel(), theta, xs);
        unexplained -= &linalg::matmul(explained.view(), explained.t());
        // Rows that the training rows explain to rounding have nothing left to share.
        for i in 0..xs.nrows() {
            if unexplained[[i, i]] <= 0.0 {
                unexplained.row_mut(i).fill(0.0);
                unexplained.column_mut(i).fill(0.0);
            }
        }
        let one = |shift: f64, inverse: ArrayView1<f64>| {
            let kept = &explained * &inverse.slice(s![first..]);
            let mut sum = linalg::matmul(kept.view(), explained.t()) + &unexplained;
            let direct = &small * &(&inverse.slice(s![..first]) * shift);
            sum -= &linalg::matmul(direct.view(), small.t());
            sum * shift
        };
        let (inverse, inverse_rest) = self.factor.inverse_shifts();
        let shifts = self.factor.congruence().shifts();
        let stored =
            shifts.iter().zip(inverse.columns()).map(|(&d, column)| one(d, column)).collect();
        let rest = self.factor.congruence().rest_shift().zip(inverse_rest);
        (stored, rest.map(|(shift, inverse)| one(shift, inverse.view())))
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

    /// Predictions at xs (m, d) where some tasks were measured there: `given` (m, T) holds the
    /// measurements, `NaN` where wanted.
    ///
    /// Each row is conditioned on its own measurements, exactly: with `S = Cov(f(x)) + Sigma` the
    /// mean of the wanted *observations* is `m_w + S_wo S_oo^-1 (y_o - m_o)`, so that what the noises
    /// of two tasks share is used too. Standard deviations are of the latent functions or of the
    /// observations, as asked. Entries given come back as they are, with standard deviation 0.
    /// O(n^2 + nT + T^3) a row.
    ///
    /// # Errors
    /// [`Error::Shape`] where `given` is not (m, T); [`Error::NotFinite`] for an infinity in it; as
    /// [`Posterior::predict`].
    pub fn predict_given(
        &self,
        xs: ArrayView2<f64>,
        given: ArrayView2<f64>,
        uncertainty: Uncertainty,
    ) -> Result<Prediction> {
        let (m, t) = (xs.nrows(), self.model.n_tasks());
        if given.dim() != (m, t) {
            return Err(Error::Shape {
                argument: "given".to_string(),
                found: format!("shape ({}, {})", given.nrows(), given.ncols()),
                expected: format!(
                    "shape ({m}, {t}), a row for each of xs and a column for each task"
                ),
            });
        }
        check_finite("given", given.mapv(|v| if v.is_nan() { 0.0 } else { v }).view())?;
        let mut out = self.predict(xs, uncertainty)?;
        let primal = self.factor.congruence().primal_vectors();
        for start in (0..m).step_by(self.tile_rows()) {
            let rows = xs.slice(s![start..(start + self.tile_rows()).min(m), ..]);
            let variances = self.variances(rows, &self.cross(rows));
            for local in 0..rows.nrows() {
                let i = start + local;
                let (known, wanted): (Vec<usize>, Vec<usize>) =
                    (0..t).partition(|&task| !given[[i, task]].is_nan());
                if known.is_empty() {
                    continue;
                }
                let block = |a: &[usize], b: &[usize]| self.block(&primal, &variances, local, a, b);
                let noise = |a: &[usize], b: &[usize]| {
                    Array2::from_shape_fn((a.len(), b.len()), |(p, q)| self.noise.entry(a[p], b[q]))
                };
                let observed = block(&known, &known) + noise(&known, &known);
                let l = linalg::cholesky(observed.view())?;
                let latent = block(&wanted, &known);
                let cross = &latent + &noise(&wanted, &known);
                let gap: Array1<f64> =
                    known.iter().map(|&task| given[[i, task]] - out.mean[[i, task]]).collect();
                let gap = linalg::solve_lower(l.view(), gap.insert_axis(Axis(1)).view());
                let half = linalg::solve_lower(l.view(), cross.t());
                let shift = linalg::matmul(half.t(), gap.view());
                let explaining = match uncertainty {
                    Uncertainty::Std => linalg::solve_lower(l.view(), latent.t()),
                    _ => half,
                };
                for (w, &task) in wanted.iter().enumerate() {
                    out.mean[[i, task]] += shift[[w, 0]];
                    if let Some(std) = &mut out.std {
                        let explained: f64 = explaining.column(w).iter().map(|v| v * v).sum();
                        let variance = std[[i, task]] * std[[i, task]] - explained;
                        out.clipped_variances += usize::from(variance < 0.0);
                        std[[i, task]] = variance.max(0.0).sqrt();
                    }
                }
                for &task in &known {
                    out.mean[[i, task]] = given[[i, task]];
                    if let Some(std) = &mut out.std {
                        std[[i, task]] = 0.0;
                    }
                }
            }
        }
        finite("the conditioned means", &out.mean)?;
        if let Some(std) = &out.std {
            finite("the conditioned standard deviations", std)?;
        }
        Ok(out)
    }
}
