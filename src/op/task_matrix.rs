//! The covariance between tasks.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::NoiseMatrix;
use crate::linalg;

/// Task covariance B (T x T).
///
/// ```
/// use coregion::op::{NoiseMatrix, TaskMatrix};
/// use ndarray::array;
/// let b = TaskMatrix::LowRankPlusNoise { factor: array![[1.0], [2.0]], multiple: 0.5 };
/// let sigma = NoiseMatrix::Diagonal(array![2.0, 4.0]);
/// assert_eq!((b.n_tasks(), b.noise_multiple()), (2, 0.5));
/// assert_eq!(b.to_dense(&sigma), array![[2.0, 2.0], [2.0, 6.0]]);
/// assert_eq!(b.diagonal(&sigma), array![2.0, 6.0]);
/// assert_eq!(b.block(&sigma, &[1], &[0, 1]), array![[2.0, 6.0]]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum TaskMatrix {
    /// Any symmetric positive semidefinite matrix.
    Dense(Array2<f64>),
    /// `W W' + c Sigma`, for very many tasks: only `W` (T, r) and `c` are stored, and the model has
    /// r + 1 distinct shifts whatever T is.
    LowRankPlusNoise {
        /// The factor W (T, r).
        factor: Array2<f64>,
        /// The multiple c of the noise covariance.
        multiple: f64,
    },
}

impl TaskMatrix {
    /// Number of tasks T.
    pub fn n_tasks(&self) -> usize {
        match self {
            TaskMatrix::Dense(b) => b.nrows(),
            TaskMatrix::LowRankPlusNoise { factor, .. } => factor.nrows(),
        }
    }

    /// How much of the noise covariance is part of B: the `c` of `dB = c dSigma`.
    pub fn noise_multiple(&self) -> f64 {
        match self {
            TaskMatrix::Dense(_) => 0.0,
            TaskMatrix::LowRankPlusNoise { multiple, .. } => *multiple,
        }
    }

    /// Diagonal of B given the noise covariance.
    pub fn diagonal(&self, noise: &NoiseMatrix) -> Array1<f64> {
        match self {
            TaskMatrix::Dense(b) => b.diag().to_owned(),
            TaskMatrix::LowRankPlusNoise { factor, multiple } => {
                factor.mapv(|v| v * v).sum_axis(Axis(1)) + noise.diagonal() * *multiple
            }
        }
    }

    /// The whole matrix given the noise covariance. T^2 memory.
    pub fn to_dense(&self, noise: &NoiseMatrix) -> Array2<f64> {
        match self {
            TaskMatrix::Dense(b) => b.clone(),
            TaskMatrix::LowRankPlusNoise { factor, multiple } => {
                linalg::matmul(factor.view(), factor.t()) + noise.to_dense() * *multiple
            }
        }
    }

    /// The block of B between two lists of tasks, given the noise covariance.
    pub fn block(&self, noise: &NoiseMatrix, rows: &[usize], columns: &[usize]) -> Array2<f64> {
        match self {
            TaskMatrix::Dense(b) => Array2::from_shape_fn((rows.len(), columns.len()), |(i, j)| {
                b[[rows[i], columns[j]]]
            }),
            TaskMatrix::LowRankPlusNoise { factor, multiple } => {
                let (a, b) = (factor.select(Axis(0), rows), factor.select(Axis(0), columns));
                let mut out = linalg::matmul(a.view(), b.t());
                for ((i, j), v) in out.indexed_iter_mut() {
                    *v += multiple * noise.entry(rows[i], columns[j]);
                }
                out
            }
        }
    }
}

/// Correlation matrix of a covariance matrix; rows of zero variance correlate with themselves only.
pub(crate) fn correlation(covariance: ArrayView2<f64>) -> Array2<f64> {
    let std: Vec<f64> = covariance.diag().iter().map(|v| v.max(0.0).sqrt()).collect();
    Array2::from_shape_fn(covariance.dim(), |(t, s)| {
        if t == s {
            1.0
        } else if std[t] > 0.0 && std[s] > 0.0 {
            (covariance[[t, s]] / std[t] / std[s]).clamp(-1.0, 1.0)
        } else {
            0.0
        }
    })
}
