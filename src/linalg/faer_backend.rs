//! The default backend: faer, pure Rust.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{self, ComputeEigenvectors, SelfAdjointEvdParams, tridiag};
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::{cholesky::llt, householder, matmul, qr, triangular_solve};
use faer::{Accum, Conj, Mat, MatMut, MatRef, Par, Spec};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, ShapeBuilder};

use crate::error::{Error, Result};

/// Whether every operation spreads over threads of a pool of its own.
pub(super) const OWN_THREADS: bool = false;

pub(super) const NAME: &str = "faer";

/// Products of fewer operations than this are not worth a second thread.
const PARALLEL_FROM: usize = 1 << 18;

fn view(a: ArrayView2<'_, f64>) -> MatRef<'_, f64> {
    let (n, m) = a.dim();
    let (rs, cs) = (a.strides()[0], a.strides()[1]);
    // SAFETY: pointer, shape and strides come from a live ndarray view of the same lifetime, which
    // guarantees that every element they reach is initialised and inside its allocation.
    unsafe { MatRef::from_raw_parts(a.as_ptr(), n, m, rs, cs) }
}

fn view_mut(mut a: ArrayViewMut2<'_, f64>) -> MatMut<'_, f64> {
    let (n, m) = a.dim();
    let (rs, cs) = (a.strides()[0], a.strides()[1]);
    // SAFETY: as in `view`; the mutable ndarray view is consumed, so no other access remains for its
    // lifetime, and mutable views never alias themselves.
    unsafe { MatMut::from_raw_parts_mut(a.as_mut_ptr(), n, m, rs, cs) }
}

fn parallelism(operations: usize) -> Par {
    if operations < PARALLEL_FROM { Par::Seq } else { Par::rayon(0) }
}

/// Reduces in place to tridiagonal form, so that no second copy of the matrix is kept, then solves
/// the tridiagonal problem and transforms its vectors back.
pub(super) fn eigh(mut a: Array2<f64>) -> Result<(Array1<f64>, Array2<f64>)> {
    let n = a.nrows();
    let par = parallelism(n * n * n);
    let params: Spec<SelfAdjointEvdParams, f64> = Spec::default();
    let block = qr::no_pivoting::factor::recommended_block_size::<f64>(n, n);
    let mut reflectors = Mat::<f64>::zeros(block, n - 1);
    let mut buffer =
        MemBuffer::new(tridiag::tridiag_in_place_scratch::<f64>(n, par, Spec::default()));
    // The transpose of a row-major matrix is column-major, as faer prefers; only the lower triangle
    // of that is read, the upper one of ours.
    for i in 0..n {
        for j in i + 1..n {
            a[[i, j]] = a[[j, i]];
        }
    }
    tridiag::tridiag_in_place(
        view_mut(a.view_mut().reversed_axes()),
        reflectors.as_mut(),
        par,
        MemStack::new(&mut buffer),
        Spec::default(),
    );
    drop(buffer);
    let mut s = Array1::from_shape_fn(n, |i| a[[i, i]]);
    let diagonal = s.to_vec();
    let off: Vec<f64> = (0..n).map(|i| if i + 1 < n { a[[i, i + 1]] } else { 0.0 }).collect();
    let mut u = Array2::<f64>::zeros((n, n).f());
    // The scratch of the whole decomposition covers that of its tridiagonal part; the n^2 doubles it
    // has beyond that are never touched.
    let mut buffer = MemBuffer::new(evd::self_adjoint_evd_scratch::<f64>(
        n,
        ComputeEigenvectors::Yes,
        par,
        params,
    ));
    evd::tridiagonal_self_adjoint_evd(
        faer::ColRef::from_slice(&diagonal).as_diagonal(),
        faer::ColRef::from_slice(&off).as_diagonal(),
        faer::ColMut::from_slice_mut(s.as_slice_mut().unwrap_or_default()).as_diagonal_mut(),
        Some(view_mut(u.view_mut())),
        par,
        MemStack::new(&mut buffer),
        params,
    )
    .map_err(|e| Error::Numerical {
        operation: "eigendecomposition".to_string(),
        detail: format!("{e:?} for a {n} x {n} matrix"),
    })?;
    drop(buffer);
    let mut buffer = MemBuffer::new(
        householder::apply_block_householder_sequence_on_the_left_in_place_scratch::<f64>(
            n - 1,
            block,
            n,
        ),
    );
    householder::apply_block_householder_sequence_on_the_left_in_place_with_conj(
        view(a.view().reversed_axes()).submatrix(1, 0, n - 1, n - 1),
        reflectors.as_ref(),
        Conj::No,
        view_mut(u.view_mut()).subrows_mut(1, n - 1),
        par,
        MemStack::new(&mut buffer),
    );
    Ok((s, u))
}

pub(super) fn cholesky(mut l: Array2<f64>) -> Result<Array2<f64>, String> {
    let n = l.nrows();
    let par = parallelism(n * n * n / 3);
    let mut buffer =
        MemBuffer::new(llt::factor::cholesky_in_place_scratch::<f64>(n, par, Spec::default()));
    llt::factor::cholesky_in_place(
        view_mut(l.view_mut()),
        Default::default(),
        par,
        MemStack::new(&mut buffer),
        Spec::default(),
    )
    .map_err(|e| format!("{e:?}"))?;
    Ok(l)
}

/// The lower triangle of `(L L')^-1`.
pub(super) fn cholesky_inverse(l: ArrayView2<f64>) -> Array2<f64> {
    let n = l.nrows();
    let par = parallelism(n * n * n);
    let mut out = Array2::zeros((n, n));
    let mut buffer = MemBuffer::new(llt::inverse::inverse_scratch::<f64>(n, par));
    llt::inverse::inverse(view_mut(out.view_mut()), view(l), par, MemStack::new(&mut buffer));
    out
}

/// Adds `A' A` to the lower triangle.
pub(super) fn add_gram(a: ArrayView2<f64>, out: ArrayViewMut2<f64>) {
    let par = parallelism(a.nrows() * a.ncols() * a.ncols());
    let whole = BlockStructure::Rectangular;
    let (left, right) = (view(a.reversed_axes()), view(a));
    let out = view_mut(out);
    triangular::matmul(
        out,
        BlockStructure::TriangularLower,
        Accum::Add,
        left,
        whole,
        right,
        whole,
        1.0,
        par,
    );
}

pub(super) fn solve_lower(l: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    let mut x = b.as_standard_layout().into_owned();
    let par = parallelism(l.nrows() * l.nrows() * b.ncols());
    triangular_solve::solve_lower_triangular_in_place(view(l), view_mut(x.view_mut()), par);
    x
}

pub(super) fn solve_lower_transpose(l: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    let mut x = b.as_standard_layout().into_owned();
    let par = parallelism(l.nrows() * l.nrows() * b.ncols());
    triangular_solve::solve_upper_triangular_in_place(
        view(l.reversed_axes()),
        view_mut(x.view_mut()),
        par,
    );
    x
}

pub(super) fn matmul_into(a: ArrayView2<f64>, b: ArrayView2<f64>, out: ArrayViewMut2<f64>) {
    product(a, b, out, Accum::Replace);
}

pub(super) fn matmul_add(a: ArrayView2<f64>, b: ArrayView2<f64>, out: ArrayViewMut2<f64>) {
    product(a, b, out, Accum::Add);
}

fn product(a: ArrayView2<f64>, b: ArrayView2<f64>, out: ArrayViewMut2<f64>, accum: Accum) {
    let par = parallelism(a.nrows() * a.ncols() * b.ncols());
    matmul::matmul(view_mut(out), accum, view(a), view(b), 1.0, par);
}
