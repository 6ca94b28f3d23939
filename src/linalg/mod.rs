//! Dense linear algebra behind one door: everything the crate needs, from one of two backends.
//!
//! The default backend is faer and needs no system library. The feature `lapack` routes Cholesky
//! factorisations, triangular solves and products through ndarray-linalg with the system's OpenBLAS
//! and the eigendecomposition through LAPACK's `dsyevd`. Both are double precision and are tested by
//! the same tests. Products and triangular solves panic where shapes do not match, as ndarray's do.

#[cfg(not(feature = "lapack"))]
mod faer_backend;
#[cfg(feature = "lapack")]
mod lapack_backend;

#[cfg(not(feature = "lapack"))]
use faer_backend as backend;
#[cfg(feature = "lapack")]
use lapack_backend as backend;

mod symmetric;

pub use symmetric::{add_gram, cholesky_inverse, mirror};

use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis};

use rayon::prelude::*;

use crate::error::{Error, Result};

/// Name of the backend compiled in.
///
/// ```
/// assert!(["faer", "lapack"].iter().any(|name| coregion::linalg::BACKEND.contains(name)));
/// ```
pub const BACKEND: &str = backend::NAME;

/// Ends the vector state that a product kernel may leave behind on this thread.
///
/// The product kernels of the default backend return with the upper halves of the vector registers
/// in use. On x86-64 every scalar or 128-bit instruction then carries a false dependency on them:
/// code compiled for the baseline, ours and ndarray's, was measured to run 8 times slower until the
/// halves are cleared. The functions of this module clear them on the calling thread; loops that
/// spread over threads call this at the start of each piece of work.
pub(crate) fn clear_vector_state() {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx")]
        fn zero_upper() {
            std::arch::x86_64::_mm256_zeroupper();
        }
        if std::arch::is_x86_feature_detected!("avx") {
            // SAFETY: the processor was just seen to have the instruction, which changes nothing
            // but register halves that no compiled code relies on across a call.
            unsafe { zero_upper() }
        }
    }
}

/// Eigenvalues in ascending order and eigenvectors as columns of a symmetric matrix, whose lower
/// triangle is read and whose memory is reused.
///
/// Time about 9 n^3 operations; memory at most 4 n^2 doubles, the matrix included.
///
/// ```
/// use ndarray::{Array2, array};
/// let a = array![[2.0, 1.0], [1.0, 2.0]];
/// let (s, u) = coregion::linalg::eigh(a.clone())?;
/// assert!((s[0] - 1.0).abs() < 1e-14 && (s[1] - 3.0).abs() < 1e-14);
/// let rebuilt = (&u * &s).dot(&u.t());
/// assert!((rebuilt - a).iter().all(|v: &f64| v.abs() < 1e-14));
/// assert!(coregion::linalg::eigh(Array2::from_elem((2, 2), f64::NAN)).is_err());
/// # Ok::<(), coregion::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] for a matrix that is not square; [`Error::Numerical`] where it is not finite or
/// the iteration does not converge.
pub fn eigh(a: Array2<f64>) -> Result<(Array1<f64>, Array2<f64>)> {
    square("a", a.view())?;
    if !a.iter().all(|v| v.is_finite()) {
        return Err(Error::Numerical {
            operation: "eigendecomposition".to_string(),
            detail: "the matrix holds NaN or infinity".to_string(),
        });
    }
    match a.nrows() {
        0 => Ok((Array1::zeros(0), a)),
        1 => Ok((Array1::from_elem(1, a[[0, 0]]), Array2::ones((1, 1)))),
        _ => {
            // Squares of the entries must neither overflow nor vanish.
            let size = a.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            let unusual = size > 0.0 && !(1e-100..=1e100).contains(&size);
            let result = if unusual {
                backend::eigh(a / size).map(|(values, vectors)| (values * size, vectors))
            } else {
                backend::eigh(a)
            };
            clear_vector_state();
            result
        }
    }
}

/// Lower Cholesky factor of a symmetric positive definite matrix.
///
/// ```
/// use coregion::{Error, linalg::cholesky};
/// use ndarray::array;
/// let l = cholesky(array![[4.0, 2.0], [2.0, 5.0]].view())?;
/// assert_eq!(l, array![[2.0, 0.0], [1.0, 2.0]]);
/// let indefinite = array![[1.0, 2.0], [2.0, 1.0]];
/// assert!(matches!(cholesky(indefinite.view()), Err(Error::NotPositive { .. })));
/// # Ok::<(), coregion::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] for a matrix that is not square; [`Error::NotPositive`] where a pivot is not
/// positive.
pub fn cholesky(a: ArrayView2<f64>) -> Result<Array2<f64>> {
    cholesky_of(a.as_standard_layout().into_owned())
}

/// The same in the memory of the matrix, which is row-major.
pub(crate) fn cholesky_of(a: Array2<f64>) -> Result<Array2<f64>> {
    square("a", a.view())?;
    let (rows, columns) = a.dim();
    if a.is_empty() {
        return Ok(a);
    }
    let failure = |detail: String| Error::NotPositive {
        matrix: format!("a {rows} x {columns} matrix"),
        what: "definite",
        detail,
    };
    if !a.iter().all(|v| v.is_finite()) {
        return Err(failure("it holds NaN or infinity".to_string()));
    }
    let factor = backend::cholesky(a);
    clear_vector_state();
    let mut l = factor.map_err(failure)?;
    for (i, mut row) in l.axis_iter_mut(Axis(0)).enumerate() {
        row.slice_mut(ndarray::s![i + 1..]).fill(0.0);
    }
    Ok(l)
}

fn square(argument: &str, a: ArrayView2<f64>) -> Result<()> {
    if a.is_square() {
        return Ok(());
    }
    Err(Error::Shape {
        argument: argument.to_string(),
        found: format!("shape ({}, {})", a.nrows(), a.ncols()),
        expected: "a square matrix".to_string(),
    })
}

/// Lower triangular factor of a symmetric positive *semi*definite matrix: pivots below `1e-14` of
/// their diagonal entry become zero columns.
///
/// ```
/// use ndarray::array;
/// let singular = array![[4.0, 2.0], [2.0, 1.0]];
/// let l = coregion::linalg::semidefinite_cholesky(singular.view());
/// assert_eq!(l, array![[2.0, 0.0], [1.0, 0.0]]);
/// ```
pub fn semidefinite_cholesky(a: ArrayView2<f64>) -> Array2<f64> {
    let n = a.nrows();
    let mut l = Array2::<f64>::zeros((n, n));
    for j in 0..n {
        let done: f64 = l.row(j).iter().take(j).map(|v| v * v).sum();
        let pivot = a[[j, j]] - done;
        if pivot <= 1e-14 * a[[j, j]].abs() {
            continue;
        }
        l[[j, j]] = pivot.sqrt();
        for i in j + 1..n {
            let dot: f64 = (0..j).map(|k| l[[i, k]] * l[[j, k]]).sum();
            l[[i, j]] = (a[[i, j]] - dot) / l[[j, j]];
        }
    }
    l
}

/// `L^-1 B` for a lower triangular `L`.
///
/// ```
/// use ndarray::array;
/// let l = array![[2.0, 0.0], [1.0, 4.0]];
/// let x = coregion::linalg::solve_lower(l.view(), array![[2.0], [9.0]].view());
/// assert_eq!(x, array![[1.0], [2.0]]);
/// ```
pub fn solve_lower(l: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    let x = backend::solve_lower(l, b);
    clear_vector_state();
    x
}

/// `L^-T B` for a lower triangular `L`.
///
/// ```
/// use ndarray::array;
/// let l = array![[2.0, 0.0], [1.0, 4.0]];
/// let x = coregion::linalg::solve_lower_transpose(l.view(), array![[4.0], [8.0]].view());
/// assert_eq!(x, array![[1.0], [2.0]]);
/// ```
pub fn solve_lower_transpose(l: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    let x = backend::solve_lower_transpose(l, b);
    clear_vector_state();
    x
}

/// Results of independent pieces of linear algebra: in parallel, or one after the other where the
/// backend's own threads would get into each other's way.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], one: impl Fn(&T) -> R + Sync) -> Vec<R> {
    for_each(items, |item| Ok(one(item))).unwrap_or_default()
}

/// The same where a piece may fail.
pub(crate) fn for_each<T: Sync, R: Send>(
    items: &[T],
    one: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    if backend::OWN_THREADS {
        return items.iter().map(one).collect();
    }
    let each = |item: &T| {
        clear_vector_state();
        one(item)
    };
    items.par_iter().map(each).collect()
}

/// The product `A B`, row-major.
///
/// ```
/// use ndarray::array;
/// let (a, b) = (array![[1.0, 2.0], [0.0, 1.0]], array![[3.0], [4.0]]);
/// assert_eq!(coregion::linalg::matmul(a.view(), b.view()), array![[11.0], [4.0]]);
/// ```
pub fn matmul(a: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    let mut out = Array2::zeros((a.nrows(), b.ncols()));
    matmul_into(a, b, out.view_mut());
    out
}

/// Writes the product `A B`.
///
/// ```
/// use ndarray::{Array2, array};
/// let mut out = Array2::from_elem((1, 1), 9.0);
/// let (a, b) = (array![[1.0, 2.0]], array![[3.0], [4.0]]);
/// coregion::linalg::matmul_into(a.view(), b.view(), out.view_mut());
/// assert_eq!(out, array![[11.0]]);
/// ```
pub fn matmul_into(a: ArrayView2<f64>, b: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
    if a.ncols() == 0 || out.is_empty() {
        out.fill(0.0);
    } else {
        backend::matmul_into(a, b, out);
        clear_vector_state();
    }
}

/// Adds the product `A B` to `out`.
///
/// ```
/// use coregion::linalg::matmul_add;
/// use ndarray::array;
/// let mut out = array![[1.0]];
/// matmul_add(array![[2.0, 3.0]].view(), array![[4.0], [5.0]].view(), out.view_mut());
/// assert_eq!(out, array![[24.0]]);
/// ```
pub fn matmul_add(a: ArrayView2<f64>, b: ArrayView2<f64>, out: ArrayViewMut2<f64>) {
    if a.ncols() > 0 && !out.is_empty() {
        backend::matmul_add(a, b, out);
        clear_vector_state();
    }
}

/// Orthonormal basis `Q` (m, k) and coefficients `R` (k, r) with `A = Q R`, where k <= r counts the
/// columns that are independent to `1e-12` of their length: Gram-Schmidt done twice.
///
/// ```
/// use ndarray::array;
/// let a = array![[3.0, 6.0], [4.0, 8.0]]; // the second column is twice the first
/// let (q, r) = coregion::linalg::thin_qr(a.view());
/// assert_eq!((q.dim(), r.dim()), ((2, 1), (1, 2)));
/// assert!((q.dot(&r) - a).iter().all(|v: &f64| v.abs() < 1e-14));
/// ```
pub fn thin_qr(a: ArrayView2<f64>) -> (Array2<f64>, Array2<f64>) {
    let (m, r) = a.dim();
    let mut basis: Vec<Array1<f64>> = Vec::new();
    let mut coefficients = Array2::<f64>::zeros((r.min(m), r));
    for j in 0..r {
        let mut v = a.column(j).to_owned();
        let length = v.dot(&v).sqrt();
        for _ in 0..2 {
            for (k, q) in basis.iter().enumerate() {
                let c = q.dot(&v);
                coefficients[[k, j]] += c;
                v.scaled_add(-c, q);
            }
        }
        let rest = v.dot(&v).sqrt();
        if rest > 1e-12 * length && basis.len() < m {
            coefficients[[basis.len(), j]] = rest;
            basis.push(v / rest);
        }
    }
    let k = basis.len();
    let mut q = Array2::zeros((m, k));
    for (mut column, v) in q.axis_iter_mut(Axis(1)).zip(&basis) {
        column.assign(v);
    }
    (q, coefficients.slice(ndarray::s![..k, ..]).to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ndarray::Array;
    use rand::{Rng, SeedableRng};

    fn random(n: usize, m: usize, seed: u64) -> Array2<f64> {
        let mut rng = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(seed);
        Array::from_shape_fn((n, m), |_| rng.random_range(-1.0..1.0))
    }

    fn close(a: &Array2<f64>, b: &Array2<f64>, tolerance: f64) {
        let worst = (a - b).iter().fold(0.0f64, |m, v| m.max(v.abs()));
        assert!(worst < tolerance, "difference {worst}");
    }

    #[test]
    fn eigenvectors_rebuild_the_matrix() {
        for n in [1, 2, 5, 40, 150, 301] {
            let g = random(n, n + 3, n as u64);
            let a = g.dot(&g.t());
            let (s, u) = eigh(a.clone()).unwrap();
            assert!(s.iter().zip(s.iter().skip(1)).all(|(a, b)| a <= b));
            close(&(&u * &s).dot(&u.t()), &a, 1e-11 * n as f64);
            close(&u.t().dot(&u), &Array2::eye(n), 1e-12 * n as f64);
        }
    }

    #[test]
    fn triangular_solves_and_products() {
        let g = random(60, 70, 3);
        let a = g.dot(&g.t());
        let b = random(60, 7, 4);
        let l = cholesky(a.view()).unwrap();
        close(&matmul(l.view(), l.t()), &a, 1e-12);
        close(&l.dot(&solve_lower(l.view(), b.view())), &b, 1e-12);
        close(&l.t().dot(&solve_lower_transpose(l.view(), b.view())), &b, 1e-12);
        close(&matmul(g.t(), b.view()), &g.t().dot(&b), 1e-12);
        close(&matmul(b.t(), g.view()), &b.t().dot(&g), 1e-12);
        let part = g.slice(ndarray::s![3..50;2, 5..;3]);
        close(&matmul(part, part.t()), &part.dot(&part.t()), 1e-12);
    }

    #[test]
    fn factors_of_singular_matrices() {
        let g = random(6, 2, 5);
        let a = g.dot(&g.t());
        let l = semidefinite_cholesky(a.view());
        close(&l.dot(&l.t()), &a, 1e-12);
        let doubled = ndarray::concatenate![Axis(1), g, g];
        let (q, r) = thin_qr(doubled.view());
        assert_eq!(q.dim(), (6, 2));
        close(&q.dot(&r), &doubled, 1e-13);
        close(&q.t().dot(&q), &Array2::eye(2), 1e-14);
    }

    #[test]
    fn hostile_matrices_are_refused() {
        let mut a = Array2::<f64>::eye(3);
        a[[2, 2]] = -1.0;
        assert!(matches!(cholesky(a.view()), Err(Error::NotPositive { .. })));
        a[[1, 0]] = f64::NAN;
        assert!(matches!(cholesky(a.view()), Err(Error::NotPositive { .. })));
        assert!(matches!(eigh(a), Err(Error::Numerical { .. })));
    }
}
