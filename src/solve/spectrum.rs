//! The eigendecomposition of a Gram matrix.

use ndarray::{Array1, Array2};

use super::Truncation;
use crate::error::{Error, Result};
use crate::linalg;

/// Negative eigenvalues up to this share of the largest are rounding and set to zero.
pub(super) const ROUNDING: f64 = 1e-8;

/// `K = U diag(s) U'` with s >= 0 in ascending order: whole, or cut off ([`Spectrum::low_rank`]) with r < n
/// columns in U.
///
/// ```
/// use coregion::{Error, solve::Spectrum};
/// use ndarray::array;
/// let spectrum = Spectrum::of(array![[2.0, 1.0], [1.0, 2.0]])?;
/// assert!((&spectrum.values - array![1.0, 3.0]).iter().all(|v| v.abs() < 1e-14));
/// let indefinite = Spectrum::of(array![[1.0, 2.0], [2.0, 1.0]]);
/// assert!(matches!(indefinite, Err(Error::NotPositive { .. })));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Spectrum {
    /// Eigenvalues s (r), where nothing was cut off (n).
    pub values: Array1<f64>,
    /// Eigenvectors U (n, r), in columns.
    pub vectors: Array2<f64>,
    /// Negative eigenvalues set to zero.
    pub clipped: usize,
    /// Largest magnitude among them, relative to the largest eigenvalue.
    pub clipped_magnitude: f64,
    /// Whether and where it was cut off.
    pub truncation: Truncation,
}

impl Spectrum {
    /// Decomposes a symmetric positive semidefinite matrix, reusing its memory.
    ///
    /// Eigenvalues of a positive semidefinite matrix come out negative by rounding (of the order of
    /// n eps times the largest); these are set to zero and counted. No jitter is added.
    ///
    /// # Errors
    /// [`Error::NotPositive`] where an eigenvalue is below -1e-8 times the largest;
    /// [`Error::Numerical`] where the matrix is not finite.
    pub fn of(k: Array2<f64>) -> Result<Self> {
        let n = k.nrows();
        let (mut values, vectors) = linalg::eigh(k)?;
        let largest = values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let smallest = values.first().copied().unwrap_or(0.0);
        if smallest < -ROUNDING * largest {
            return Err(Error::NotPositive {
                matrix: format!("the Gram matrix of {n} rows"),
                what: "semidefinite",
                detail: format!(
                    "its eigenvalues reach from {smallest:e} to {largest:e}: the kernel is no \
                     covariance on these inputs"
                ),
            });
        }
        let clipped = values.iter().filter(|v| **v < 0.0).count();
        values.mapv_inplace(|v| v.max(0.0));
        let clipped_magnitude = if clipped > 0 { -smallest / largest } else { 0.0 };
        Ok(Spectrum { values, vectors, clipped, clipped_magnitude, truncation: Truncation::None })
    }

    /// Number of rows n.
    pub fn len(&self) -> usize {
        self.vectors.nrows()
    }

    /// True where there is no row.
    pub fn is_empty(&self) -> bool {
        self.vectors.is_empty()
    }
}
