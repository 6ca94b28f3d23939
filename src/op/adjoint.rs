//! Derivatives of a scalar with respect to a symmetric matrix, in the shape they come in.
//!
//! An adjoint `G` of a symmetric matrix `M` satisfies `dL = sum(G o dM)`.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use super::NoiseMatrix;
use crate::linalg;

/// Adjoint of a Gram matrix (n x n), consumed band by band.
///
/// ```
/// use coregion::op::Adjoint;
/// use ndarray::{Array2, array};
/// let u = Array2::eye(2);
/// let (weights, factor) = (array![1.0, 2.0], array![[1.0], [1.0]]);
/// let spectral = Adjoint::Spectral { vectors: u.view(), weights, factor };
/// let dense = Adjoint::Dense(array![[2.0, 1.0], [1.0, 3.0]]);
/// assert_eq!(spectral.n_rows(), 2);
/// assert_eq!(spectral.band(1..2, 2), dense.band(1..2, 2));
/// ```
#[derive(Debug, Clone)]
pub enum Adjoint<'a> {
    /// The matrix itself.
    Dense(Array2<f64>),
    /// `U diag(weights) U' + A A' `, as the congruence engine gives it.
    Spectral {
        /// Eigenvectors U (n, n).
        vectors: ArrayView2<'a, f64>,
        /// Weights (n).
        weights: Array1<f64>,
        /// Factor A (n, k).
        factor: Array2<f64>,
    },
    /// `U M U'` as the product `U M` and U.
    Rotated {
        /// `U M` (n, n).
        left: Array2<f64>,
        /// Eigenvectors U (n, n).
        vectors: ArrayView2<'a, f64>,
    },
    /// `G + c I`, for spectra that were cut off.
    Shifted {
        /// The adjoint G.
        inside: Box<Adjoint<'a>>,
        /// The multiple c of the identity.
        shift: f64,
    },
}

impl Adjoint<'_> {
    /// Number of rows n.
    pub fn n_rows(&self) -> usize {
        match self {
            Adjoint::Dense(g) => g.nrows(),
            Adjoint::Spectral { vectors, .. } | Adjoint::Rotated { vectors, .. } => vectors.nrows(),
            Adjoint::Shifted { inside, .. } => inside.n_rows(),
        }
    }

    /// Adds `P P'` for P (n, k).
    pub(crate) fn add_low_rank(&mut self, parts: Array2<f64>) {
        match self {
            Adjoint::Dense(matrix) => {
                linalg::matmul_add(parts.view(), parts.t(), matrix.view_mut());
            }
            Adjoint::Spectral { factor, .. } => {
                let mut both = Array2::zeros((factor.nrows(), factor.ncols() + parts.ncols()));
                both.slice_mut(s![.., ..factor.ncols()]).assign(factor);
                both.slice_mut(s![.., factor.ncols()..]).assign(&parts);
                *factor = both;
            }
            Adjoint::Rotated { left, vectors } => {
                let inside = linalg::matmul(parts.t(), *vectors);
                linalg::matmul_add(parts.view(), inside.view(), left.view_mut());
            }
            Adjoint::Shifted { inside, .. } => inside.add_low_rank(parts),
        }
    }

    /// Adds a symmetric matrix (n, n).
    pub(crate) fn add_dense(&mut self, matrix: &Array2<f64>) {
        match self {
            Adjoint::Dense(own) => *own += matrix,
            Adjoint::Rotated { left, vectors } => {
                linalg::matmul_add(matrix.view(), *vectors, left.view_mut());
            }
            Adjoint::Shifted { inside, .. } => inside.add_dense(matrix),
            Adjoint::Spectral { .. } => {
                let n = self.n_rows();
                *self = Adjoint::Dense(self.band(0..n, n) + matrix);
            }
        }
    }

    /// The block of rows `rows` and columns up to `end`.
    pub fn band(&self, rows: Range<usize>, end: usize) -> Array2<f64> {
        let first = rows.start;
        match self {
            Adjoint::Dense(g) => g.slice(s![rows, ..end]).to_owned(),
            Adjoint::Rotated { left, vectors } => {
                linalg::matmul(left.slice(s![rows, ..]), vectors.slice(s![..end, ..]).t())
            }
            Adjoint::Shifted { inside, shift } => {
                let mut out = inside.band(rows.clone(), end);
                for i in rows.filter(|i| *i < end) {
                    out[[i - first, i]] += shift;
                }
                out
            }
            Adjoint::Spectral { vectors, weights, factor } => {
                let left = &vectors.slice(s![rows.clone(), ..]) * weights;
                let mut out = linalg::matmul(left.view(), vectors.slice(s![..end, ..]).t());
                if factor.ncols() > 0 {
                    out += &linalg::matmul(
                        factor.slice(s![rows, ..]),
                        factor.slice(s![..end, ..]).t(),
                    );
                }
                out
            }
        }
    }
}

/// Adjoint of a task covariance or a noise covariance (T x T).
///
/// ```
/// use coregion::op::TaskAdjoint;
/// use ndarray::array;
/// let g = TaskAdjoint::Factored {
///     rows: array![[1.0, 2.0]].into(),
///     row_weights: array![1.0],
///     vectors: array![[1.0], [0.0]],
///     weights: array![0.5],
///     rest: 1.0,
///     inverse_root: array![1.0, 1.0],
///     noise_inner: 1.25,
/// };
/// assert_eq!(g.to_dense(), array![[-0.25, 1.0], [1.0, 1.5]]);
/// assert_eq!(g.diagonal().sum(), g.noise_inner()); // Sigma is the identity here
/// assert_eq!(g.times(array![[2.0], [0.0]].view()), array![[-0.5], [2.0]]);
/// ```
#[derive(Debug, Clone)]
pub enum TaskAdjoint {
    /// The matrix itself.
    Dense {
        /// The adjoint G (T, T).
        matrix: Array2<f64>,
        /// `sum(G o Sigma)`.
        noise_inner: f64,
    },
    /// A diagonal matrix, for covariances that are diagonal themselves.
    Diagonal {
        /// The diagonal of G (T).
        diagonal: Array1<f64>,
        /// `sum(G o Sigma)`.
        noise_inner: f64,
    },
    /// `L^-1 (Z' diag(w) Z - V diag(weights) V' - rest I) L^-1 / 2` for a diagonal `Sigma = L L`:
    /// never formed, and without a copy of Z.
    Factored {
        /// Z (n, T), the solution in the whitened task space.
        rows: Arc<Array2<f64>>,
        /// w (n).
        row_weights: Array1<f64>,
        /// V (T, k).
        vectors: Array2<f64>,
        /// Weights (k).
        weights: Array1<f64>,
        /// The multiple of the identity.
        rest: f64,
        /// Diagonal of `L^-1` (T).
        inverse_root: Array1<f64>,
        /// `sum(G o Sigma)`.
        noise_inner: f64,
    },
}

impl TaskAdjoint {
    /// The adjoint with matrix G (T, T), for noise covariance Sigma.
    pub fn of_dense(matrix: Array2<f64>, noise: &NoiseMatrix) -> Self {
        let noise_inner = match noise {
            NoiseMatrix::Diagonal(v) => matrix.diag().dot(v),
            NoiseMatrix::Dense(m) => (&matrix * m).sum(),
        };
        TaskAdjoint::Dense { matrix, noise_inner }
    }

    /// Adds a matrix (T, T) to an adjoint that is one, for noise covariance Sigma.
    pub(crate) fn add_dense(&mut self, added: &Array2<f64>, noise: &NoiseMatrix) {
        if let (
            TaskAdjoint::Dense { matrix, noise_inner },
            TaskAdjoint::Dense { noise_inner: inner, .. },
        ) = (self, TaskAdjoint::of_dense(added.clone(), noise))
        {
            *matrix += added;
            *noise_inner += inner;
        }
    }

    /// The product `G M` for M (T, k).
    pub fn times(&self, m: ArrayView2<f64>) -> Array2<f64> {
        match self {
            TaskAdjoint::Dense { matrix, .. } => linalg::matmul(matrix.view(), m),
            TaskAdjoint::Diagonal { diagonal, .. } => &m * &diagonal.view().insert_axis(Axis(1)),
            TaskAdjoint::Factored {
                rows,
                row_weights,
                vectors,
                weights,
                rest,
                inverse_root,
                ..
            } => {
                let root = inverse_root.view().insert_axis(Axis(1));
                let m = &m * &root;
                let mut inner = linalg::matmul(rows.view(), m.view());
                inner *= &row_weights.view().insert_axis(Axis(1));
                let mut out = linalg::matmul(rows.t(), inner.view());
                let mut c = linalg::matmul(vectors.t(), m.view());
                c *= &weights.view().insert_axis(Axis(1));
                out -= &linalg::matmul(vectors.view(), c.view());
                out.scaled_add(-rest, &m);
                out * root * 0.5
            }
        }
    }

    /// The diagonal of G.
    pub fn diagonal(&self) -> Array1<f64> {
        match self {
            TaskAdjoint::Dense { matrix, .. } => matrix.diag().to_owned(),
            TaskAdjoint::Diagonal { diagonal, .. } => diagonal.clone(),
            TaskAdjoint::Factored {
                rows,
                row_weights,
                vectors,
                weights,
                rest,
                inverse_root,
                ..
            } => {
                let mut sums = Array1::<f64>::zeros(rows.ncols());
                for (row, w) in rows.rows().into_iter().zip(row_weights) {
                    sums.zip_mut_with(&row, |s, v| *s += w * v * v);
                }
                let shared = vectors.mapv(|v| v * v).dot(weights);
                (sums - shared - *rest) * inverse_root.mapv(|v| 0.5 * v * v)
            }
        }
    }

    /// `sum(G o Sigma)`: the derivative with respect to a multiple of the noise covariance.
    pub fn noise_inner(&self) -> f64 {
        match self {
            TaskAdjoint::Dense { noise_inner, .. }
            | TaskAdjoint::Diagonal { noise_inner, .. }
            | TaskAdjoint::Factored { noise_inner, .. } => *noise_inner,
        }
    }

    /// The whole matrix G. T^2 memory.
    pub fn to_dense(&self) -> Array2<f64> {
        match self {
            TaskAdjoint::Dense { matrix, .. } => matrix.clone(),
            TaskAdjoint::Diagonal { diagonal, .. } => Array2::from_diag(diagonal),
            TaskAdjoint::Factored { inverse_root, .. } => {
                self.times(Array2::eye(inverse_root.len()).view())
            }
        }
    }
}
