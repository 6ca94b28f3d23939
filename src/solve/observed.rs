//! Posterior covariances from solves with the covariance of the observed entries.
//!
//! `Cov(f_t(x), f_s(x') | y) = B[t, s] k(x, x') - c' A^-1 c'` with the covariances c between the
//! observed entries and the latent functions.

use ndarray::{Array1, Array2, Array4, ArrayView1, ArrayView2, Axis, s};

use super::RowCovariances;
use crate::error::Result;
use crate::op::MaskedKronecker;

/// Covariances between tasks at some rows, each from its own T columns.
pub(super) struct RowBlocks<'a> {
    covariance: &'a MaskedKronecker,
    prior: Array1<f64>,
    /// `l` and `r` (N, m T) with `l' r = C' A^-1 C`.
    halves: (Array2<f64>, Array2<f64>),
}

impl<'a> RowBlocks<'a> {
    /// For rows with cross-kernel `cross` (m, n) and prior variances (m); `halves` turns C into l and
    /// r with `l' r = C' A^-1 C`.
    pub(super) fn new(
        covariance: &'a MaskedKronecker,
        cross: ArrayView2<f64>,
        prior: ArrayView1<f64>,
        halves: impl Fn(&Array2<f64>) -> Result<(Array2<f64>, Array2<f64>)>,
    ) -> Result<Self> {
        let halves = halves(&columns(covariance, cross))?;
        Ok(RowBlocks { covariance, prior: prior.to_owned(), halves })
    }
}

impl RowCovariances for RowBlocks<'_> {
    fn variances(&self) -> (Array2<f64>, usize) {
        let (m, t) = (self.prior.len(), self.covariance.task().nrows());
        let explained = (&self.halves.0 * &self.halves.1).sum_axis(Axis(0));
        let mut clipped = 0;
        let out = Array2::from_shape_fn((m, t), |(i, u)| {
            let v = self.covariance.task()[[u, u]] * self.prior[i] - explained[i * t + u];
            clipped += usize::from(v < 0.0);
            v.max(0.0)
        });
        (out, clipped)
    }

    fn block(&self, i: usize, rows: &[usize], columns: &[usize]) -> Array2<f64> {
        let b = self.covariance.task();
        let t = b.nrows();
        let (left, right) = &self.halves;
        Array2::from_shape_fn((rows.len(), columns.len()), |(p, q)| {
            let explained = left.column(i * t + rows[p]).dot(&right.column(i * t + columns[q]));
            b[[rows[p], columns[q]]] * self.prior[i] - explained
        })
    }
}

/// The covariances (N, m T) with all tasks at the rows, in the order of rows and then tasks.
fn columns(covariance: &MaskedKronecker, cross: ArrayView2<f64>) -> Array2<f64> {
    let t = covariance.task().nrows();
    let rows: Vec<usize> = (0..cross.nrows() * t).map(|q| q / t).collect();
    let tasks: Vec<usize> = (0..cross.nrows() * t).map(|q| q % t).collect();
    covariance.cross(cross.select(Axis(0), &rows).view(), &tasks)
}

/// The joint covariance at rows with cross-kernel (m, n) and prior (m, m), where `explained` gives
/// `C' A^-1 C`.
pub(super) fn joint_of(
    covariance: &MaskedKronecker,
    cross: ArrayView2<f64>,
    prior: &Array2<f64>,
    explained: impl Fn(&Array2<f64>) -> Result<Array2<f64>>,
) -> Result<Array4<f64>> {
    let (m, t) = (cross.nrows(), covariance.task().nrows());
    let explained = explained(&columns(covariance, cross))?;
    let mut out = Array4::zeros((m, t, m, t));
    for i in 0..m {
        for j in 0..m {
            let known = explained.slice(s![i * t..(i + 1) * t, j * t..(j + 1) * t]);
            let block = covariance.task() * prior[[i, j]] - known;
            out.slice_mut(s![i, .., j, ..]).assign(&block);
        }
    }
    Ok(out)
}

/// Variances of the observations at missing entries, where `explained` gives the diagonal of
/// `C' A^-1 C` for their covariances C with what was observed.
pub(super) fn variances_of(
    covariance: &MaskedKronecker,
    entries: &[(usize, usize)],
    explained: impl Fn(&Array2<f64>) -> Result<Array1<f64>>,
) -> Result<Array1<f64>> {
    const AT_ONCE: usize = 512;
    let mut out = Array1::zeros(entries.len());
    let (b, k, noise) = (covariance.task(), covariance.gram(), covariance.noise());
    for (part, mut target) in
        entries.chunks(AT_ONCE).zip(out.axis_chunks_iter_mut(Axis(0), AT_ONCE))
    {
        let known = explained(&covariance.cross_missing(part))?;
        for ((v, &(i, t)), known) in target.iter_mut().zip(part).zip(&known) {
            *v = (b[[t, t]] * k[[i, i]] + noise.entry(t, t) - known).max(0.0);
        }
    }
    Ok(out)
}
