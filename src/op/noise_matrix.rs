//! The covariance of the noise at one input.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::error::Result;
use crate::linalg;

/// Noise covariance Sigma (T x T) of the outputs at one input.
///
/// ```
/// use coregion::op::NoiseMatrix;
/// use ndarray::array;
/// let sigma = NoiseMatrix::Diagonal(array![0.1, 0.4]);
/// assert_eq!((sigma.n_tasks(), sigma.entry(0, 1)), (2, 0.0));
/// assert_eq!(sigma.to_dense(), array![[0.1, 0.0], [0.0, 0.4]]);
/// let full = NoiseMatrix::Dense(array![[0.1, 0.05], [0.05, 0.4]]);
/// assert_eq!((full.diagonal(), full.entry(0, 1)), (sigma.diagonal(), 0.05));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum NoiseMatrix {
    /// Independent between tasks: variances (T).
    Diagonal(Array1<f64>),
    /// Any symmetric positive definite matrix.
    Dense(Array2<f64>),
}

/// A square root `L` of the noise covariance: `Sigma = L L'`.
#[derive(Debug, Clone)]
pub(crate) enum NoiseRoot {
    /// Standard deviations.
    Diagonal(Array1<f64>),
    /// Lower Cholesky factor.
    Lower(Array2<f64>),
}

impl NoiseMatrix {
    /// Number of tasks T.
    pub fn n_tasks(&self) -> usize {
        match self {
            NoiseMatrix::Diagonal(v) => v.len(),
            NoiseMatrix::Dense(m) => m.nrows(),
        }
    }

    /// Variances of the tasks.
    pub fn diagonal(&self) -> Array1<f64> {
        match self {
            NoiseMatrix::Diagonal(v) => v.clone(),
            NoiseMatrix::Dense(m) => m.diag().to_owned(),
        }
    }

    /// The whole T x T matrix.
    pub fn to_dense(&self) -> Array2<f64> {
        match self {
            NoiseMatrix::Diagonal(v) => Array2::from_diag(v),
            NoiseMatrix::Dense(m) => m.clone(),
        }
    }

    /// One entry.
    pub fn entry(&self, t: usize, s: usize) -> f64 {
        match self {
            NoiseMatrix::Diagonal(v) => {
                if t == s {
                    v[t]
                } else {
                    0.0
                }
            }
            NoiseMatrix::Dense(m) => m[[t, s]],
        }
    }

    /// A square root. Errors where the matrix is not positive definite.
    pub(crate) fn root(&self) -> Result<NoiseRoot> {
        match self {
            NoiseMatrix::Diagonal(v) if v.iter().all(|&x| x > 0.0 && x.is_finite()) => {
                Ok(NoiseRoot::Diagonal(v.mapv(f64::sqrt)))
            }
            NoiseMatrix::Diagonal(v) => Err(crate::error::Error::NotPositive {
                matrix: "the noise covariance".to_string(),
                what: "definite",
                detail: format!("its variances are {v}"),
            }),
            NoiseMatrix::Dense(m) => linalg::cholesky(m.view()).map(NoiseRoot::Lower),
        }
    }
}

impl NoiseRoot {
    /// `L^-1 M` for M (T, k).
    pub(crate) fn whiten(&self, m: ArrayView2<f64>) -> Array2<f64> {
        match self {
            NoiseRoot::Diagonal(s) => &m / &s.view().insert_axis(Axis(1)),
            NoiseRoot::Lower(l) => linalg::solve_lower(l.view(), m),
        }
    }

    /// `L^-T M` for M (T, k).
    pub(crate) fn whiten_transpose(&self, m: ArrayView2<f64>) -> Array2<f64> {
        match self {
            NoiseRoot::Diagonal(_) => self.whiten(m),
            NoiseRoot::Lower(l) => linalg::solve_lower_transpose(l.view(), m),
        }
    }

    /// `M L^-T` for rows M (n, T): each row is one vector over the tasks.
    pub(crate) fn whiten_rows(&self, m: ArrayView2<f64>) -> Array2<f64> {
        match self {
            NoiseRoot::Diagonal(s) => &m / s,
            NoiseRoot::Lower(_) => self.whiten(m.t()).reversed_axes(),
        }
    }

    /// `M L^-1` for rows M (n, T).
    pub(crate) fn unwhiten_dual_rows(&self, m: ArrayView2<f64>) -> Array2<f64> {
        match self {
            NoiseRoot::Diagonal(s) => &m / s,
            NoiseRoot::Lower(_) => self.whiten_transpose(m.t()).reversed_axes(),
        }
    }

    /// `L M` for M (T, k).
    pub(crate) fn color(&self, m: ArrayView2<f64>) -> Array2<f64> {
        match self {
            NoiseRoot::Diagonal(s) => &m * &s.view().insert_axis(Axis(1)),
            NoiseRoot::Lower(l) => linalg::matmul(l.view(), m),
        }
    }

    /// `M L'` for rows M (m, T).
    pub(crate) fn color_rows(&self, m: ArrayView2<f64>) -> Array2<f64> {
        match self {
            NoiseRoot::Diagonal(s) => &m * s,
            NoiseRoot::Lower(l) => linalg::matmul(m, l.t()),
        }
    }

    /// `sum_t log L_tt`, half the log-determinant of Sigma.
    pub(crate) fn half_log_det(&self) -> f64 {
        match self {
            NoiseRoot::Diagonal(s) => s.iter().map(|v| v.ln()).sum(),
            NoiseRoot::Lower(l) => l.diag().iter().map(|v| v.ln()).sum(),
        }
    }

    /// The root of Sigma times the square of `factor`.
    pub(crate) fn scaled(&self, factor: f64) -> Self {
        match self {
            NoiseRoot::Diagonal(s) => NoiseRoot::Diagonal(s * factor),
            NoiseRoot::Lower(l) => NoiseRoot::Lower(l * factor),
        }
    }

    /// Diagonal of Sigma.
    pub(crate) fn diagonal(&self) -> Array1<f64> {
        match self {
            NoiseRoot::Diagonal(s) => s.mapv(|v| v * v),
            NoiseRoot::Lower(l) => l.mapv(|v| v * v).sum_axis(Axis(1)),
        }
    }

    /// Diagonal of `Sigma^-1`.
    pub(crate) fn inverse_diagonal(&self) -> Array1<f64> {
        match self {
            NoiseRoot::Diagonal(s) => s.mapv(|v| 1.0 / (v * v)),
            NoiseRoot::Lower(l) => {
                let inverse = linalg::solve_lower(l.view(), Array2::eye(l.nrows()).view());
                inverse.mapv(|v| v * v).sum_axis(Axis(0))
            }
        }
    }
}
