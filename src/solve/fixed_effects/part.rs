//! The least-squares problem of one direction or latent function.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::root;
use crate::error::Result;
use crate::linalg;

/// The problem of columns F (n, p) under a covariance D (n, n): `A = F' D^-1 F = L L'`.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// `Z = D^-1 F L^-T` (n, p).
    pub(super) half: Array2<f64>,
    /// L (p, p).
    pub(super) lower: Array2<f64>,
}

impl Part {
    /// The problem for columns F (n, p) and `D^-1 F`.
    ///
    /// # Errors
    /// [`crate::Error::NotPositive`] where the columns cannot be told apart.
    pub(super) fn new(basis: ArrayView2<f64>, solved: ArrayView2<f64>) -> Result<Self> {
        let lower = root(linalg::matmul(basis.t(), solved))?;
        let half = linalg::solve_lower(lower.view(), solved.t()).reversed_axes();
        Ok(Part { half: half.as_standard_layout().into_owned(), lower })
    }

    /// `A^-1 R` for R (p, c).
    pub(super) fn solve(&self, rhs: ArrayView2<f64>) -> Array2<f64> {
        let half = linalg::solve_lower(self.lower.view(), rhs);
        linalg::solve_lower_transpose(self.lower.view(), half.view())
    }

    /// `F(x) L^-T` (m, p) for columns at other rows (m, p).
    pub(super) fn known(&self, basis: ArrayView2<f64>) -> Array2<f64> {
        let known = linalg::solve_lower(self.lower.view(), basis.t());
        known.reversed_axes().as_standard_layout().into_owned()
    }

    /// `1/2 log |A|`.
    pub(super) fn half_log_det(&self) -> f64 {
        self.lower.diag().iter().map(|v| v.ln()).sum()
    }
}

/// Sums of squares of rows.
pub(super) fn squares(m: &Array2<f64>) -> Array1<f64> {
    m.mapv(|v| v * v).sum_axis(Axis(1))
}

/// A draw from each of k shares (m, p), as columns (m, k).
pub(super) fn drawn(
    shares: &[Array2<f64>],
    rows: usize,
    normal: &mut impl FnMut() -> f64,
) -> Array2<f64> {
    let mut out = Array2::zeros((rows, shares.len()));
    for (mut column, share) in out.columns_mut().into_iter().zip(shares) {
        let white = Array1::from_shape_simple_fn(share.ncols(), &mut *normal);
        column.assign(&share.dot(&white));
    }
    out
}
