//! Mixing of independent latent functions whose noise leaves them independent: structures of their own
//! beside sums of separable terms.
//!
//! `f(x) = H g(x)` with m independent latent functions `g_q ~ GP(0, k_q)` is a linear model of
//! coregionalization with `B_q = h_q h_q'`. For the noise covariances of [`Mixing::orthogonal`] and
//! [`Mixing::projected`] the data fall into m scalar problems ([`crate::op::MixedTasks`]).

mod orthogonal;
mod polar;
mod projected;
mod registry;

use std::fmt;

use ndarray::{Array1, Array2, ArrayView1};
use serde::{Deserialize, Serialize};

pub use registry::{MixingEntry, mixings};

use crate::error::Result;
use crate::linalg;
use crate::op::{MixedAdjoint, MixedTasks, NoiseMatrix};
use crate::param::ParamSpec;
use crate::spec::{Spec, Value};

/// How independent latent functions are mixed into tasks, as users write it.
///
/// ```
/// use coregion::matrix_kernel::Mixing;
/// assert_eq!(Mixing::orthogonal(2).to_string(), "Orthogonal(latents=2)");
/// assert_eq!(Mixing::projected(2).n_latents()?, 2);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mixing(pub(crate) Spec);

/// The scales that a mixing is bound to.
///
/// ```
/// use coregion::matrix_kernel::{Mixing, MixingScales};
/// use ndarray::array;
/// let scales = MixingScales { std: array![1.0, 2.0, 0.5], amplitudes: array![1.0] };
/// let bound = Mixing::orthogonal(1).bind(&scales)?;
/// assert_eq!(bound.params()[0].shape, [3, 1]);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MixingScales {
    /// Scale of each task (T): its standard deviation, never 0.
    pub std: Array1<f64>,
    /// Roots (m) of the mean variances of the latent functions at the training rows.
    pub amplitudes: Array1<f64>,
}

/// What the data say before anything is learned, whitened by the noise they start from.
///
/// ```
/// use coregion::matrix_kernel::MixingStart;
/// use ndarray::array;
/// let start = MixingStart { directions: array![[1.0], [0.0]], variances: array![3.0] };
/// assert_eq!(start.directions.ncols(), start.variances.len());
/// ```
#[derive(Debug, Clone)]
pub struct MixingStart {
    /// Orthonormal leading directions (T, m) of the whitened outputs.
    pub directions: Array2<f64>,
    /// Variances (m) of the outputs along them beyond that of the noise.
    pub variances: Array1<f64>,
}

/// A mixing that knows the scales of its tasks; values arrive as a slice in the order of
/// [`BoundMixing::params`], and the noise variances R (T) beside them.
///
/// ```
/// use coregion::matrix_kernel::{Mixing, MixingScales};
/// use ndarray::array;
/// let scales = MixingScales { std: array![1.0, 2.0], amplitudes: array![1.0] };
/// let bound = Mixing::orthogonal(1).bind(&scales)?;
/// let (values, r) = ([3.0, 4.0, 25.0], array![1.0, 4.0]); // V (2, 1) and S
/// let tasks = bound.tasks(&values, r.view())?;
/// let h = tasks.mixing(); // R^1/2 U S^1/2 with U = (0.6, 0.8)
/// assert!((h - array![[3.0], [8.0]]).iter().all(|v| v.abs() < 1e-14));
/// assert_eq!(bound.noise(&values, r.view())?.to_dense(), array![[1.0, 0.0], [0.0, 4.0]]);
/// # Ok::<(), coregion::Error>(())
/// ```
pub trait BoundMixing: fmt::Debug + Send + Sync {
    /// The parameters.
    fn params(&self) -> &[ParamSpec];

    /// W, R and delta.
    ///
    /// # Errors
    /// [`crate::Error::NotPositive`] where columns of the mixing matrix are dependent.
    fn tasks(&self, values: &[f64], noise: ArrayView1<f64>) -> Result<MixedTasks>;

    /// The covariance Sigma (T, T) of the noise at one input.
    ///
    /// # Errors
    /// As [`BoundMixing::tasks`].
    fn noise(&self, values: &[f64], noise: ArrayView1<f64>) -> Result<NoiseMatrix> {
        Ok(self.tasks(values, noise)?.noise())
    }

    /// Adds the derivatives of a scalar with an adjoint of what [`BoundMixing::tasks`] gives to `grad`,
    /// and those with respect to R (T) to `grad_noise`.
    ///
    /// # Errors
    /// As [`BoundMixing::tasks`].
    fn vjp(
        &self,
        values: &[f64],
        noise: ArrayView1<f64>,
        adjoint: &MixedAdjoint,
        grad: &mut [f64],
        grad_noise: &mut Array1<f64>,
    ) -> Result<()>;

    /// The adjoint of W, R and delta from those of each `h_q h_q'` and of Sigma, all (T, T): for solvers
    /// that know nothing of the mixing.
    ///
    /// # Errors
    /// As [`BoundMixing::tasks`].
    fn pull(
        &self,
        values: &[f64],
        noise: ArrayView1<f64>,
        tasks: &[Array2<f64>],
        sigma: &Array2<f64>,
    ) -> Result<MixedAdjoint> {
        Ok(self.tasks(values, noise)?.pull(tasks, sigma))
    }

    /// Values to start learning from.
    fn start(&self, start: &MixingStart, noise: ArrayView1<f64>) -> Vec<f64>;

    /// The values of the same model with its latent functions in another order, and everything that
    /// does not change the model at its convention: the largest entry of each column is positive, in units
    /// of the noise or of the tasks.
    ///
    /// # Errors
    /// As [`BoundMixing::tasks`].
    fn canonical(&self, values: &[f64], order: &[usize]) -> Result<Vec<f64>>;

    /// The values to write into the description of the fitted mixing.
    fn describe(&self, values: &[f64]) -> Vec<(String, Value)> {
        let mut start = 0;
        let described = self.params().iter().map(|p| {
            let end = start + p.init.len();
            let value = Value::from_numbers(&p.shape, &values[start..end]);
            start = end;
            (p.name.clone(), value)
        });
        described.collect()
    }
}

impl Mixing {
    /// `H = R^1/2 U S^1/2` with orthonormal U (T, m), S > 0, and noise `Sigma = R`, the diagonal noise
    /// of the model: the orthogonal instantaneous linear mixing model (Bruinsma et al. 2020). T m + m
    /// parameters beside the noise. S are signal-to-noise ratios; U is the polar factor of the basis
    /// `V (V' V)^-1/2`.
    pub fn orthogonal(latents: usize) -> Self {
        Mixing(Spec::new("Orthogonal").with("latents", Value::Count(latents)))
    }

    /// Any H (T, m) of full rank, and `Sigma = R^1/2 (I - P) R^1/2 + H diag(D) H'` with P the projector
    /// on the span of `R^-1/2 H`: the projected linear model of coregionalization (Truffinet et al.
    /// 2023) with a block-diagonal noise. T m + m parameters beside the noise.
    pub fn projected(latents: usize) -> Self {
        Mixing(Spec::new("Projected").with("latents", Value::Count(latents)))
    }

    /// An orthogonal mixing whose latent functions have noise of their own, `Sigma = R + H diag(D) H'`.
    ///
    /// ```
    /// use coregion::matrix_kernel::{Mixing, MixingScales};
    /// use ndarray::array;
    /// let scales = MixingScales { std: array![1.0, 2.0], amplitudes: array![1.0] };
    /// let names = |mixing: Mixing| {
    ///     let bound = mixing.bind(&scales)?;
    ///     Ok::<_, coregion::Error>(bound.params().iter().map(|p| p.name.clone()).collect::<Vec<_>>())
    /// };
    /// assert_eq!(names(Mixing::orthogonal(1))?, ["basis", "strength"]);
    /// let with = names(Mixing::orthogonal(1).with_latent_noise())?;
    /// assert_eq!(with, ["basis", "strength", "latent_variances"]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn with_latent_noise(mut self) -> Self {
        self.0 = self.0.with("latent_noise", Value::Bool(true));
        self
    }

    /// The mixing with a value set to start from: `basis` (T, m), `strength` (m) or `latent_variances`
    /// (m).
    ///
    /// ```
    /// use coregion::matrix_kernel::Mixing;
    /// use coregion::spec::Value;
    /// let mixing = Mixing::projected(1).starting_at("basis", Value::Matrix(vec![vec![1.0], vec![2.0]]));
    /// assert_eq!(mixing.to_string(), "Projected(basis=[[1], [2]], latents=1)");
    /// ```
    pub fn starting_at(mut self, name: &str, value: Value) -> Self {
        self.0 = self.0.with(name, value);
        self
    }

    /// A mixing from its description, checked against the registry.
    ///
    /// ```
    /// use coregion::{Error, matrix_kernel::Mixing, spec::Spec};
    /// let error = Mixing::from_spec(Spec::new("Diagonal")).unwrap_err();
    /// assert!(matches!(error, Error::UnknownName { .. }));
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::UnknownName`] where the name is not registered.
    pub fn from_spec(spec: Spec) -> Result<Self> {
        registry::find(&spec.name)?;
        Ok(Mixing(spec))
    }

    /// The description.
    pub fn spec(&self) -> &Spec {
        &self.0
    }

    /// Number of latent functions m.
    ///
    /// # Errors
    /// [`crate::Error::InvalidValue`] where the description has no such number.
    pub fn n_latents(&self) -> Result<usize> {
        self.0.count("latents")
    }

    /// Holds a named value, such as `basis`, at what was given, or else at its start.
    ///
    /// ```
    /// let mixing = coregion::matrix_kernel::Mixing::orthogonal(2).fix("strength");
    /// assert!(mixing.spec().is_fixed("strength"));
    /// ```
    pub fn fix(mut self, name: &str) -> Self {
        self.0.fixed.push(name.to_string());
        self
    }

    /// The mixing bound to the scales of the outputs and of the latent functions.
    ///
    /// # Errors
    /// [`crate::Error::InvalidValue`] or [`crate::Error::UnknownName`] where a value does not fit.
    pub fn bind(&self, scales: &MixingScales) -> Result<Box<dyn BoundMixing>> {
        self.0.check_leaf()?;
        (registry::find(&self.0.name)?.bind)(&self.0, scales)
    }

    /// The mixing with fitted values written into it.
    ///
    /// ```
    /// use coregion::matrix_kernel::{Mixing, MixingScales};
    /// use ndarray::array;
    /// let scales = MixingScales { std: array![1.0, 2.0], amplitudes: array![1.0] };
    /// let mixing = Mixing::orthogonal(1);
    /// let fitted = mixing.with_values(mixing.bind(&scales)?.as_ref(), &[3.0, 4.0, 25.0]);
    /// assert_eq!(fitted.to_string(), "Orthogonal(basis=[[3], [4]], latents=1, strength=[25])");
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn with_values(&self, bound: &dyn BoundMixing, values: &[f64]) -> Self {
        let mut spec = self.0.clone();
        spec.values.extend(bound.describe(values));
        Mixing(spec)
    }
}

impl fmt::Display for Mixing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of latent functions of a description, checked.
fn n_latents(spec: &Spec, scales: &MixingScales) -> Result<usize> {
    let m = spec.count("latents")?;
    let t = scales.std.len();
    if m == 0 || m > t {
        let expected = format!("a whole number from 1 to {t}, the number of tasks");
        return Err(spec.invalid("latents", spec.get("latents"), &expected));
    }
    Ok(m)
}

/// Orthonormal columns (T, m) that no data are behind: cosines.
fn cosines(t: usize, m: usize) -> Array2<f64> {
    Array2::from_shape_fn((t, m), |(i, j)| {
        let length = if j == 0 { 1.0 } else { 2f64.sqrt() } / (t as f64).sqrt();
        length * (std::f64::consts::PI * (i as f64 + 0.5) * j as f64 / t as f64).cos()
    })
}

/// The matrix (rows, columns) in a slice of row-major values.
fn as_matrix(values: &[f64], rows: usize, columns: usize) -> ndarray::ArrayView2<'_, f64> {
    // The slices come from layouts of the same shapes.
    ndarray::ArrayView2::from_shape((rows, columns), values)
        .unwrap_or_else(|_| ArrayView1::from(values).insert_axis(ndarray::Axis(1)))
}

/// Columns in another order, their largest entries in these units of the rows positive.
fn ordered(columns: &Array2<f64>, order: &[usize], units: ArrayView1<f64>) -> Array2<f64> {
    let mut out = columns.select(ndarray::Axis(1), order);
    for mut column in out.columns_mut() {
        let ratios = column.iter().zip(&units).map(|(v, u)| v / u);
        let largest = ratios.fold(0.0f64, |a, v| if v.abs() > a.abs() { v } else { a });
        if largest < 0.0 {
            column.mapv_inplace(|v| -v);
        }
    }
    out
}

/// The leading directions (T, m) of rows R (k, T), and the variances `R' R` along them: O(k T min(k, T)).
///
/// ```
/// use ndarray::array;
/// let rows = array![[3.0, 0.0], [0.0, 1.0], [0.0, 0.0]];
/// let (directions, variances) = coregion::matrix_kernel::principal(rows.view(), 1)?;
/// assert_eq!((directions[[0, 0]].abs(), variances), (1.0, array![9.0]));
/// # Ok::<(), coregion::Error>(())
/// ```
///
/// # Errors
/// As [`linalg::eigh`].
pub fn principal(rows: ndarray::ArrayView2<f64>, m: usize) -> Result<(Array2<f64>, Array1<f64>)> {
    let (k, t) = rows.dim();
    let wide = t > k;
    let small = if wide { linalg::matmul(rows, rows.t()) } else { linalg::matmul(rows.t(), rows) };
    let (values, vectors) = linalg::eigh(small)?;
    let (n, largest) = (values.len(), values.last().copied().unwrap_or(0.0).max(0.0));
    let mut candidates = Array2::zeros((t, 2 * m));
    let mut variances = Array1::zeros(m);
    for j in 0..m.min(n) {
        let value = values[n - 1 - j];
        if value <= 1e-10 * largest || value <= 0.0 {
            break;
        }
        variances[j] = value;
        let v = vectors.column(n - 1 - j);
        let direction = if wide { rows.t().dot(&v) / value.sqrt() } else { v.to_owned() };
        candidates.column_mut(j).assign(&direction);
    }
    // Directions without data behind them come from cosines, made orthogonal to the others.
    candidates.slice_mut(ndarray::s![.., m..]).assign(&cosines(t, m));
    let found = variances.iter().take_while(|v| **v > 0.0).count();
    let kept: Vec<usize> = (0..found).chain(m..2 * m).collect();
    let (q, _) = linalg::thin_qr(candidates.select(ndarray::Axis(1), &kept).view());
    Ok((q.slice(ndarray::s![.., ..m]).to_owned(), variances))
}
