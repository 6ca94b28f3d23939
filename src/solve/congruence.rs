//! One congruence that makes the noise covariance the identity and the task covariance diagonal.
//!
//! With `Sigma = L L'` and the eigenvectors V of `L^-1 B L^-T` (eigenvalues d), the matrix
//! `W = L^-T V` has `W' Sigma W = I` and `W' B W = diag(d)`. Where B is `F F' + c Sigma` with F
//! (T, r), only the r directions of `L^-1 F` are stored: every other direction has the shift c.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use crate::error::{Error, Result};
use crate::linalg;
use crate::op::{NoiseMatrix, TaskMatrix};

use crate::op::NoiseRoot;

/// Tasks up to which `F F' + c Sigma` is treated as any other matrix.
const DENSE_UP_TO: usize = 64;

/// The shift that all directions without a column share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rest {
    /// Number of such directions, T - k.
    pub(super) count: usize,
    /// Their shift c.
    pub(super) shift: f64,
}

/// Simultaneous diagonalisation of a task covariance B and a noise covariance Sigma.
///
/// ```
/// use coregion::op::{NoiseMatrix, TaskMatrix};
/// use coregion::solve::Congruence;
/// use ndarray::{Array2, array};
/// let (b, sigma) = (array![[1.0, 1.0], [1.0, 4.0]], array![[1.0, 0.5], [0.5, 2.0]]);
/// let c = Congruence::new(&TaskMatrix::Dense(b.clone()), &NoiseMatrix::Dense(sigma.clone()))?;
/// let w = c.dual_vectors();
/// let near = |m: Array2<f64>, n: Array2<f64>| (m - n).iter().all(|v| v.abs() < 1e-12);
/// assert!(near(w.t().dot(&sigma).dot(&w), Array2::eye(2)));
/// assert!(near(w.t().dot(&b).dot(&w), Array2::from_diag(c.shifts())));
/// assert!(near(c.primal_vectors(), sigma.dot(&w)));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Congruence {
    root: NoiseRoot,
    /// Orthonormal columns V (T, k) in the whitened task space.
    pub(super) vectors: Array2<f64>,
    /// Their shifts d (k), at least 0.
    pub(super) shifts: Array1<f64>,
    pub(super) rest: Option<Rest>,
    /// How much of the noise covariance is part of B: what of every shift does not change where the
    /// noise is scaled.
    multiple: f64,
}

impl Congruence {
    /// The congruence of B and Sigma: T^3 operations for a dense B, T r^2 for a low-rank one over
    /// many tasks with independent noise.
    ///
    /// # Errors
    /// [`Error::NotPositive`] where Sigma is not positive definite or B has an eigenvalue below
    /// -1e-8 times its largest.
    pub fn new(task: &TaskMatrix, noise: &NoiseMatrix) -> Result<Self> {
        match (task, noise) {
            (TaskMatrix::LowRankPlusNoise { factor, multiple }, NoiseMatrix::Diagonal(v))
                if Self::stays_factored(v.len(), factor.ncols()) =>
            {
                Self::factored(factor.view(), *multiple, noise)
            }
            _ => Self::whole(task, noise),
        }
    }

    /// The congruence of B and Sigma with all T directions: T^3 operations.
    ///
    /// ```
    /// use coregion::op::{NoiseMatrix, TaskMatrix};
    /// use coregion::solve::Congruence;
    /// use ndarray::Array;
    /// let factor = Array::ones((100, 1));
    /// let b = TaskMatrix::LowRankPlusNoise { factor, multiple: 0.5 };
    /// let sigma = NoiseMatrix::Diagonal(Array::ones(100));
    /// assert_eq!(Congruence::new(&b, &sigma)?.n_shifts(), 2);
    /// assert_eq!(Congruence::whole(&b, &sigma)?.n_shifts(), 100);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Congruence::new`].
    pub fn whole(task: &TaskMatrix, noise: &NoiseMatrix) -> Result<Self> {
        match task {
            TaskMatrix::LowRankPlusNoise { factor, multiple } => {
                let mut dense = Self::dense(&linalg::matmul(factor.view(), factor.t()), noise)?;
                // Directions outside the factor have no signal of their own, not even by rounding.
                let outside = factor.nrows().saturating_sub(factor.ncols());
                dense.shifts.slice_mut(s![..outside]).fill(0.0);
                dense.shifts += *multiple;
                dense.multiple = *multiple;
                Ok(dense)
            }
            TaskMatrix::Dense(b) => Self::dense(b, noise),
        }
    }

    /// The congruence of the same B with `scale` times the noise; a part of B that is a multiple of
    /// the noise grows with it. O(T k) operations.
    ///
    /// ```
    /// use coregion::{op::{NoiseMatrix, TaskMatrix}, solve::Congruence};
    /// use ndarray::array;
    /// let b = TaskMatrix::Dense(array![[1.0, 0.5], [0.5, 2.0]]);
    /// let at = |v| Congruence::new(&b, &NoiseMatrix::Diagonal(array![v, 3.0 * v]));
    /// let (scaled, direct) = (at(1.0)?.scaled(0.1), at(0.1)?);
    /// assert!((scaled.shifts() - direct.shifts()).iter().all(|v| v.abs() < 1e-12));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn scaled(&self, scale: f64) -> Self {
        Congruence {
            root: self.root.scaled(scale.sqrt()),
            vectors: self.vectors.clone(),
            // Rounding may leave less than the multiple.
            shifts: self.shifts.mapv(|d| (d - self.multiple).max(0.0) / scale + self.multiple),
            rest: self.rest,
            multiple: self.multiple,
        }
    }

    /// Whether a factor (T, r) plus a multiple of independent noise is kept as it is.
    pub(crate) fn stays_factored(n_tasks: usize, rank: usize) -> bool {
        n_tasks > DENSE_UP_TO && (1..n_tasks).contains(&rank)
    }

    /// The congruence of any B with all T directions.
    ///
    /// # Errors
    /// As [`Congruence::new`].
    pub fn dense(b: &Array2<f64>, noise: &NoiseMatrix) -> Result<Self> {
        let root = noise.root()?;
        let half = root.whiten(b.view());
        let whitened = root.whiten(half.t());
        let symmetric = (&whitened + &whitened.t()) * 0.5;
        let (shifts, vectors) = linalg::eigh(symmetric)?;
        let largest = shifts.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        if shifts[0] < -1e-8 * largest {
            return Err(Error::NotPositive {
                matrix: "the task covariance".to_string(),
                what: "semidefinite",
                detail: format!(
                    "its eigenvalues relative to the noise reach down to {:e}",
                    shifts[0]
                ),
            });
        }
        Ok(Congruence {
            root,
            vectors,
            shifts: shifts.mapv(|d| d.max(0.0)),
            rest: None,
            multiple: 0.0,
        })
    }

    /// The congruence of `F F' + c Sigma`, with the directions of F alone.
    ///
    /// ```
    /// use coregion::{op::NoiseMatrix, solve::Congruence};
    /// use ndarray::array;
    /// let sigma = NoiseMatrix::Diagonal(array![4.0, 1.0, 1.0]);
    /// let c = Congruence::factored(array![[2.0], [0.0], [0.0]].view(), 0.5, &sigma)?;
    /// assert_eq!((c.n_tasks(), c.n_shifts()), (3, 2)); // 1.5 once, 0.5 elsewhere
    /// assert!((c.shifts()[0] - 1.5).abs() < 1e-14);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Congruence::new`].
    pub fn factored(factor: ArrayView2<f64>, multiple: f64, noise: &NoiseMatrix) -> Result<Self> {
        let root = noise.root()?;
        let (basis, coefficients) = linalg::thin_qr(root.whiten(factor).view());
        let (values, rotation) =
            linalg::eigh(linalg::matmul(coefficients.view(), coefficients.t()))?;
        let vectors = linalg::matmul(basis.view(), rotation.view());
        let count = factor.nrows() - vectors.ncols();
        let shifts = values.mapv(|v| v.max(0.0) + multiple);
        let rest = Some(Rest { count, shift: multiple });
        Ok(Congruence { root, vectors, shifts, rest, multiple })
    }

    /// Number of tasks T.
    pub fn n_tasks(&self) -> usize {
        self.vectors.nrows()
    }

    /// Shifts d of the stored directions, relative to the noise.
    pub fn shifts(&self) -> &Array1<f64> {
        &self.shifts
    }

    /// `V'` (k, T): the stored directions in the whitened task space, as rows.
    pub fn vectors(&self) -> ArrayView2<'_, f64> {
        self.vectors.t()
    }

    /// Number of distinct shifts a model of this B has.
    pub fn n_shifts(&self) -> usize {
        self.shifts.len() + usize::from(self.rest.is_some())
    }

    pub(super) fn root(&self) -> &NoiseRoot {
        &self.root
    }

    /// `W = L^-T V`, with `W' Sigma W = I` (T, k).
    pub fn dual_vectors(&self) -> Array2<f64> {
        self.root.whiten_transpose(self.vectors.view())
    }

    /// `Sigma W = L V` (T, k): the directions in which latent functions vary.
    pub fn primal_vectors(&self) -> Array2<f64> {
        self.root.color(self.vectors.view())
    }

    /// The squares of [`Congruence::primal_vectors`], and what remains of each noise variance: with
    /// the variance c_j of each direction and c of the rest, a task's is `squares c + remainder c`.
    pub(crate) fn variance_weights(
        &self,
        noise_variances: &Array1<f64>,
    ) -> (Array2<f64>, Array1<f64>) {
        let squares = self.primal_vectors().mapv(|v| v * v);
        let remainder = match self.rest {
            None => Array1::zeros(self.n_tasks()),
            Some(_) => (noise_variances - &squares.sum_axis(Axis(1))).mapv(|v| v.max(0.0)),
        };
        (squares, remainder)
    }

    /// The squares of [`Congruence::dual_vectors`], and what remains of the diagonal of `Sigma^-1`:
    /// with the precision q_j of each direction and q of the rest, that of a task is
    /// `squares q + remainder q`.
    pub(crate) fn precision_weights(&self) -> (Array2<f64>, Array1<f64>) {
        let squares = self.dual_vectors().mapv(|v| v * v);
        let remainder = match self.rest {
            None => Array1::zeros(self.n_tasks()),
            Some(_) => {
                (self.root.inverse_diagonal() - squares.sum_axis(Axis(1))).mapv(|v| v.max(0.0))
            }
        };
        (squares, remainder)
    }

    /// How much of the noise covariance is part of B.
    pub(crate) fn multiple(&self) -> f64 {
        self.multiple
    }

    /// Number of directions that are not stored.
    pub(crate) fn n_rest(&self) -> usize {
        self.rest.map_or(0, |r| r.count)
    }

    /// `1/2 log|Sigma|`.
    pub(crate) fn half_log_det_noise(&self) -> f64 {
        self.root.half_log_det()
    }

    /// Sigma.
    pub(crate) fn noise(&self) -> Array2<f64> {
        let root = self.root.color(Array2::eye(self.n_tasks()).view());
        linalg::matmul(root.view(), root.t())
    }

    /// The diagonal of Sigma.
    pub(crate) fn noise_variances(&self) -> Array1<f64> {
        self.root.diagonal()
    }

    /// `L^-1 M` for data M (T, m), task by row.
    pub(crate) fn whiten(&self, data: ArrayView2<f64>) -> Array2<f64> {
        self.root.whiten(data)
    }

    /// `L^-T M` for duals M (T, m) in the whitened task space.
    pub(crate) fn whiten_transpose(&self, duals: ArrayView2<f64>) -> Array2<f64> {
        self.root.whiten_transpose(duals)
    }

    /// The shift of the directions that are not stored.
    pub(crate) fn rest_shift(&self) -> Option<f64> {
        self.rest.map(|r| r.shift)
    }

    /// Rows (m, T) mapped to the whitened task space and projected off the stored directions.
    pub(crate) fn complement(&self, whitened: ArrayView2<f64>) -> Array2<f64> {
        let inside = linalg::matmul(whitened, self.vectors.view());
        &whitened - &linalg::matmul(inside.view(), self.vectors.t())
    }

    /// Rows (m, T) in the whitened task space back to the tasks.
    pub(crate) fn color_rows(&self, whitened: ArrayView2<f64>) -> Array2<f64> {
        self.root.color_rows(whitened)
    }
}
