//! Work on one triangle of symmetric matrices.

use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use super::{backend, clear_vector_state};

/// Adds `A' A` to the lower triangle of `out`; what stands above it is undefined afterwards. Half the
/// operations of a whole product where the backend can.
///
/// ```
/// use ndarray::{Array2, array};
/// let mut out = Array2::zeros((2, 2));
/// coregion::linalg::add_gram(array![[1.0, 2.0], [0.0, 1.0]].view(), out.view_mut());
/// coregion::linalg::mirror(&mut out);
/// assert_eq!(out, array![[1.0, 2.0], [2.0, 5.0]]);
/// ```
pub fn add_gram(a: ArrayView2<f64>, out: ArrayViewMut2<f64>) {
    if a.nrows() > 0 && !out.is_empty() {
        backend::add_gram(a, out);
        clear_vector_state();
    }
}

/// Copies the lower triangle of a square matrix to the upper one.
///
/// ```
/// let mut a = ndarray::array![[1.0, 9.0], [2.0, 3.0]];
/// coregion::linalg::mirror(&mut a);
/// assert_eq!(a, ndarray::array![[1.0, 2.0], [2.0, 3.0]]);
/// ```
pub fn mirror(a: &mut Array2<f64>) {
    const BLOCK: usize = 64;
    let n = a.nrows();
    // In blocks, so that both sides stay in the cache.
    for from in (0..n).step_by(BLOCK) {
        for to in (0..=from).step_by(BLOCK) {
            for i in from..(from + BLOCK).min(n) {
                for j in to..(to + BLOCK).min(i) {
                    a[[j, i]] = a[[i, j]];
                }
            }
        }
    }
}

/// `(L L')^-1` for a lower triangular L: 2 n^3 / 3 multiply-adds.
///
/// ```
/// use ndarray::array;
/// let inverse = coregion::linalg::cholesky_inverse(array![[2.0, 0.0], [0.0, 4.0]].view());
/// assert_eq!(inverse, array![[0.25, 0.0], [0.0, 0.0625]]);
/// ```
pub fn cholesky_inverse(l: ArrayView2<f64>) -> Array2<f64> {
    if l.is_empty() {
        return l.to_owned();
    }
    let mut out = backend::cholesky_inverse(l);
    clear_vector_state();
    mirror(&mut out);
    out
}
