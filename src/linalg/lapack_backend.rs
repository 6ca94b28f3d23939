//! The backend of the feature `lapack`: ndarray-linalg and LAPACK over the system's OpenBLAS.

use cblas_sys::{
    CBLAS_TRANSPOSE, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, CblasRowMajor, CblasTrans,
    cblas_dtrsm,
};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2};
use ndarray_linalg::{CholeskyInto, UPLO};

use crate::error::{Error, Result};

/// Whether every operation spreads over threads of a pool of its own.
pub(super) const OWN_THREADS: bool = true;

pub(super) const NAME: &str = "lapack";

/// Divide and conquer through `dsyevd`: ndarray-linalg's own `eigh` calls the several times slower
/// QL iteration.
pub(super) fn eigh(a: Array2<f64>) -> Result<(Array1<f64>, Array2<f64>)> {
    let n = a.nrows();
    let mut a = a.as_standard_layout().into_owned();
    let mut s = Array1::<f64>::zeros(n);
    let failure = |detail: String| Error::Numerical {
        operation: "eigendecomposition (dsyevd)".to_string(),
        detail,
    };
    let size = i32::try_from(n).map_err(|_| failure(format!("order {n} is too large")))?;
    let (mut work, mut iwork) = (vec![0.0f64; 1], vec![0i32; 1]);
    let mut info = 0;
    // A row-major symmetric matrix is its own transpose; its lower triangle is LAPACK's upper one.
    let (job, triangle) = (b'V' as std::ffi::c_char, b'U' as std::ffi::c_char);
    let (mut lwork, mut liwork) = (-1i32, -1i32);
    for _ in 0..2 {
        // SAFETY: the first call (lengths -1) only asks for the sizes of the work spaces, the second
        // is made with arrays of those sizes; `a` is n x n and contiguous and `s` has length n.
        unsafe {
            lapack_sys::dsyevd_(
                &job,
                &triangle,
                &size,
                a.as_mut_ptr(),
                &size,
                s.as_mut_ptr(),
                work.as_mut_ptr(),
                &lwork,
                iwork.as_mut_ptr(),
                &liwork,
                &mut info,
            );
        }
        if info != 0 {
            return Err(failure(format!("info = {info} for a {n} x {n} matrix")));
        }
        if lwork == -1 {
            (lwork, liwork) = (work[0] as i32, iwork[0]);
            work.resize(lwork.max(1) as usize, 0.0);
            iwork.resize(liwork.max(1) as usize, 0);
        }
    }
    Ok((s, a.reversed_axes()))
}

pub(super) fn cholesky(a: Array2<f64>) -> Result<Array2<f64>, String> {
    a.cholesky_into(UPLO::Lower).map_err(|e| e.to_string())
}

/// The lower triangle of `(L L')^-1`, by `dpotri`.
pub(super) fn cholesky_inverse(l: ArrayView2<f64>) -> Array2<f64> {
    let mut out = l.as_standard_layout().into_owned();
    let failed = Array2::from_elem(out.raw_dim(), f64::NAN);
    let Ok(size) = i32::try_from(out.nrows()) else { return failed };
    let mut info = 0;
    // A row-major lower triangle is LAPACK's upper one.
    let triangle = b'U' as std::ffi::c_char;
    // SAFETY: `out` is n x n, contiguous and not used by anything else during the call.
    unsafe { lapack_sys::dpotri_(&triangle, &size, out.as_mut_ptr(), &size, &mut info) };
    // A failure shows as NaN and is caught where the result is used.
    if info == 0 { out } else { failed }
}

/// Adds `A' A`, both triangles.
pub(super) fn add_gram(a: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
    general_mat_mul(1.0, &a.t(), &a, 1.0, &mut out);
}

pub(super) fn solve_lower(l: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    solve(l, CblasNoTrans, b)
}

pub(super) fn solve_lower_transpose(l: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    solve(l, CblasTrans, b)
}

/// `op(L)^-1 B` in the memory of one copy of B: ndarray-linalg's own solve copies the triangle too. A pivot of
/// zero shows as infinity or NaN and is caught where the result is used.
fn solve(l: ArrayView2<f64>, op: CBLAS_TRANSPOSE, b: ArrayView2<f64>) -> Array2<f64> {
    assert!(l.is_square() && l.nrows() == b.nrows(), "a triangle {:?} and {:?}", l.dim(), b.dim());
    let mut x = b.as_standard_layout().into_owned();
    let (Ok(n), Ok(columns)) = (i32::try_from(x.nrows()), i32::try_from(x.ncols())) else {
        return Array2::from_elem(x.raw_dim(), f64::NAN);
    };
    if x.is_empty() {
        return x;
    }
    let l = l.as_standard_layout();
    let (layout, side, triangle, diagonal) = (CblasRowMajor, CblasLeft, CblasLower, CblasNonUnit);
    // SAFETY: `l` is n x n and `x` n x columns, both row-major and contiguous; `x` is not used by
    // anything else during the call.
    unsafe {
        cblas_dtrsm(
            layout,
            side,
            triangle,
            op,
            diagonal,
            n,
            columns,
            1.0,
            l.as_ptr(),
            n,
            x.as_mut_ptr(),
            columns,
        );
    }
    x
}

pub(super) fn matmul_into(a: ArrayView2<f64>, b: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
    general_mat_mul(1.0, &a, &b, 0.0, &mut out);
}

pub(super) fn matmul_add(a: ArrayView2<f64>, b: ArrayView2<f64>, mut out: ArrayViewMut2<f64>) {
    general_mat_mul(1.0, &a, &b, 1.0, &mut out);
}
