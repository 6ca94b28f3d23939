//! The orthonormal factor of a matrix.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::error::{Error, Result};
use crate::linalg;

/// The polar factor `U = V (V' V)^-1/2` of V (T, m): the closest matrix with orthonormal columns (Higham
/// 2008, sec. 8.1). O(T m^2 + m^3).
#[derive(Debug)]
pub(super) struct Polar {
    /// U (T, m).
    pub(super) u: Array2<f64>,
    /// Eigenvectors E (m, m) and the roots p (m) of the eigenvalues of `V' V`.
    vectors: Array2<f64>,
    roots: Array1<f64>,
}

impl Polar {
    /// Of a matrix of full rank.
    ///
    /// # Errors
    /// [`Error::NotPositive`] where its columns are dependent.
    pub(super) fn of(v: ArrayView2<f64>) -> Result<Self> {
        let (values, vectors) = linalg::eigh(linalg::matmul(v.t(), v))?;
        let largest = values.last().copied().unwrap_or(0.0);
        if values.iter().any(|s| s.is_nan() || *s <= 1e-14 * largest) {
            return Err(Error::NotPositive {
                matrix: "the Gram matrix of the basis of a mixing".to_string(),
                what: "definite",
                detail: "up to rounding, its columns are dependent".to_string(),
            });
        }
        let roots = values.mapv(f64::sqrt);
        let inner = linalg::matmul((&vectors / &roots).view(), vectors.t());
        let u = linalg::matmul(v, inner.view());
        Ok(Polar { u, vectors, roots })
    }

    /// The adjoint of V from that of U: with `P = (V' V)^1/2 = E diag(p) E'`, `X = (U' G - G' U) / 2` and
    /// `Y = E [(E' X E)_ij / (p_i + p_j)] E'` it is `(I - U U') G P^-1 + 2 U Y`.
    pub(super) fn vjp(&self, g: ArrayView2<f64>) -> Array2<f64> {
        let (u, e) = (self.u.view(), self.vectors.view());
        let inside = linalg::matmul(u.t(), g);
        let outside = &g - &linalg::matmul(u, inside.view());
        let scaled = linalg::matmul(outside.view(), e) / &self.roots;
        let skew = &inside - &inside.t(); // 2 X
        let mut turned = linalg::matmul(linalg::matmul(e.t(), skew.view()).view(), e);
        turned /= &(&self.roots + &self.roots.view().insert_axis(Axis(1)));
        let y = linalg::matmul(linalg::matmul(e, turned.view()).view(), e.t());
        linalg::matmul(scaled.view(), e.t()) + linalg::matmul(u, y.view())
    }
}
