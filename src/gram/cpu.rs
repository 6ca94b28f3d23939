//! Gram matrices on the CPU: bands of rows spread over the threads by rayon.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

use crate::kernel::BoundKernel;
use crate::linalg;
use crate::op::Adjoint;

/// Rows and columns of one tile.
const TILE: usize = 128;

/// The symmetric Gram matrix `K[i, j] = k(x_i, x_j)` of x (n, d): n^2 / 2 kernel evaluations.
///
/// ```
/// use coregion::{data::ColumnStatistics, gram, kernel::{Inputs, Rbf}};
/// let x = ndarray::array![[0.0], [2.0]];
/// let kernel = Rbf::isotropic(1.0).bind(&Inputs::all(&[ColumnStatistics::of(x.column(0))]))?;
/// let k = gram::gram(kernel.as_ref(), &[1.0], x.view());
/// assert!(k[[0, 0]] == 1.0 && (k[[0, 1]] - (-2f64).exp()).abs() < 1e-15);
/// # Ok::<(), coregion::Error>(())
/// ```
pub fn gram(kernel: &dyn BoundKernel, theta: &[f64], x: ArrayView2<f64>) -> Array2<f64> {
    let n = x.nrows();
    let mut k = Array2::zeros((n, n));
    k.axis_chunks_iter_mut(Axis(0), TILE).into_par_iter().enumerate().for_each(
        |(band, mut out)| {
            linalg::clear_vector_state();
            let start = band * TILE;
            let end = start + out.nrows();
            let rows = x.slice(s![start..end, ..]);
            for first in (0..end).step_by(TILE) {
                let last = (first + TILE).min(end);
                let columns = x.slice(s![first..last, ..]);
                kernel.block(theta, rows, columns, out.slice_mut(s![.., first..last]));
            }
        },
    );
    for first in (0..n).step_by(TILE) {
        for second in (0..=first).step_by(TILE) {
            for i in first..(first + TILE).min(n) {
                for j in second..(second + TILE).min(i) {
                    k[[j, i]] = k[[i, j]];
                }
            }
        }
    }
    k
}

/// The block `K[i, j] = k(x_i, z_j)` for x (m, d) and z (n, d).
///
/// ```
/// use coregion::{data::ColumnStatistics, gram, kernel::{Inputs, Rbf}};
/// use ndarray::array;
/// let (x, z) = (array![[0.0]], array![[0.0], [2.0]]);
/// let kernel = Rbf::isotropic(1.0).bind(&Inputs::all(&[ColumnStatistics::of(z.column(0))]))?;
/// let k = gram::cross(kernel.as_ref(), &[2.0], x.view(), z.view());
/// assert!(k[[0, 0]] == 1.0 && (k[[0, 1]] - (-0.5f64).exp()).abs() < 1e-15);
/// # Ok::<(), coregion::Error>(())
/// ```
pub fn cross(
    kernel: &dyn BoundKernel,
    theta: &[f64],
    x: ArrayView2<f64>,
    z: ArrayView2<f64>,
) -> Array2<f64> {
    let mut k = Array2::zeros((x.nrows(), z.nrows()));
    k.axis_chunks_iter_mut(Axis(0), TILE).into_par_iter().enumerate().for_each(
        |(band, mut out)| {
            linalg::clear_vector_state();
            let start = band * TILE;
            let rows = x.slice(s![start..start + out.nrows(), ..]);
            for first in (0..z.nrows()).step_by(TILE) {
                let last = (first + TILE).min(z.nrows());
                let columns = z.slice(s![first..last, ..]);
                kernel.block(theta, rows, columns, out.slice_mut(s![.., first..last]));
            }
        },
    );
    k
}

/// The diagonal `k(x_i, x_i)`.
///
/// ```
/// use coregion::{data::ColumnStatistics, gram, kernel::{Inputs, Linear}};
/// use ndarray::array;
/// let x = array![[0.0], [2.0]];
/// let kernel = Linear::new(1.0).bind(&Inputs::all(&[ColumnStatistics::of(x.column(0))]))?;
/// assert_eq!(gram::diagonal(kernel.as_ref(), &[1.0], x.view()), array![1.0, 5.0]);
/// # Ok::<(), coregion::Error>(())
/// ```
pub fn diagonal(kernel: &dyn BoundKernel, theta: &[f64], x: ArrayView2<f64>) -> Array1<f64> {
    let mut out = Array1::zeros(x.nrows());
    kernel.diag(theta, x, out.view_mut());
    out
}

/// The gradient `sum_ij G[i, j] dK[i, j]/dtheta_p` of a scalar whose adjoint with respect to the
/// Gram matrix of x (n, d) is the symmetric G.
///
/// One pass over the lower triangle; no matrix of derivatives is stored. A band of G at a time
/// exists: memory O(n) rows of a tile; time n^3 multiply-adds for a spectral adjoint, and
/// O(n^2 (d + p)) for the kernel.
///
/// ```
/// use coregion::{data::ColumnStatistics, gram, kernel::{Inputs, Rbf}, op::Adjoint};
/// use ndarray::array;
/// let x = array![[0.0], [2.0]];
/// let kernel = Rbf::isotropic(1.0).bind(&Inputs::all(&[ColumnStatistics::of(x.column(0))]))?;
/// let adjoint = Adjoint::Dense(array![[0.0, 0.5], [0.5, 0.0]]); // of the entry K[0, 1]
/// let gradient = gram::gram_vjp(kernel.as_ref(), &[1.0], x.view(), &adjoint);
/// assert!((gradient[0] - 4.0 * (-2f64).exp()).abs() < 1e-15);
/// # Ok::<(), coregion::Error>(())
/// ```
pub fn gram_vjp(
    kernel: &dyn BoundKernel,
    theta: &[f64],
    x: ArrayView2<f64>,
    adjoint: &Adjoint,
) -> Vec<f64> {
    let (n, p) = (x.nrows(), theta.len());
    let mut grad = vec![0.0; p];
    if p == 0 {
        return grad;
    }
    let band_rows = 2 * TILE;
    for start in (0..n).step_by(band_rows) {
        let end = (start + band_rows).min(n);
        let mut band = adjoint.band(start..end, end);
        // Entries left of the diagonal block stand for their mirror images too.
        band.slice_mut(s![.., ..start]).mapv_inplace(|v| 2.0 * v);
        let rows = x.slice(s![start..end, ..]);
        let tiles: Vec<usize> = (0..end).step_by(TILE).collect();
        let parts: Vec<Vec<f64>> = tiles
            .par_iter()
            .map(|&first| {
                linalg::clear_vector_state();
                let last = (first + TILE).min(end);
                let mut part = vec![0.0; p];
                let columns = x.slice(s![first..last, ..]);
                let weights = band.slice(s![.., first..last]);
                kernel.block_vjp(theta, rows, columns, weights, &mut part);
                part
            })
            .collect();
        for part in parts {
            grad.iter_mut().zip(part).for_each(|(g, v)| *g += v);
        }
    }
    grad
}
