//! Posterior covariances from solves with the covariance of the observed entries.
//!
//! `Cov(f_t(x), f_s(x') | y) = sum_q B_q[t, s] k_q(x, x') - c' A^-1 c'` with the covariances c between the
//! observed entries and the latent functions.

use ndarray::{Array1, Array2, Array4, ArrayView1, ArrayView2, Axis, s};

use super::RowCovariances;
use crate::error::Result;
use crate::linalg;
use crate::op::MaskedKronecker;

/// Covariances between tasks at some rows, each from its own T columns.
pub(super) struct RowBlocks<'a> {
    covariance: &'a MaskedKronecker,
    /// `k(x, x)` of each term (m).
    prior: Vec<Array1<f64>>,
    /// `l` and `r` (N, m T) with `l' r = C' A^-1 C`.
    halves: (Array2<f64>, Array2<f64>),
}

impl<'a> RowBlocks<'a> {
    /// For rows with cross-kernels `cross` (m, n) and prior variances (m) of each term; `halves` turns C
    /// into l and r with `l' r = C' A^-1 C`.
    pub(super) fn new(
        covariance: &'a MaskedKronecker,
        cross: &[ArrayView2<f64>],
        prior: &[ArrayView1<f64>],
        halves: impl Fn(&Array2<f64>) -> Result<(Array2<f64>, Array2<f64>)>,
    ) -> Result<Self> {
        let halves = halves(&columns(covariance, cross))?;
        let prior = prior.iter().map(|p| p.to_owned()).collect();
        Ok(RowBlocks { covariance, prior, halves })
    }

    /// The prior covariance of two tasks at row i.
    fn prior(&self, i: usize, t: usize, u: usize) -> f64 {
        let of_terms = self.covariance.terms().iter().zip(&self.prior);
        of_terms.map(|(term, prior)| term.task[[t, u]] * prior[i]).sum()
    }
}

impl RowCovariances for RowBlocks<'_> {
    fn variances(&self) -> (Array2<f64>, usize) {
        let t = self.covariance.pattern().n_tasks();
        let m = self.halves.0.ncols() / t;
        let explained = (&self.halves.0 * &self.halves.1).sum_axis(Axis(0));
        let mut clipped = 0;
        let out = Array2::from_shape_fn((m, t), |(i, u)| {
            let v = self.prior(i, u, u) - explained[i * t + u];
            clipped += usize::from(v < 0.0);
            v.max(0.0)
        });
        (out, clipped)
    }

    fn block(&self, i: usize, rows: &[usize], columns: &[usize]) -> Array2<f64> {
        let t = self.covariance.pattern().n_tasks();
        let (left, right) = &self.halves;
        Array2::from_shape_fn((rows.len(), columns.len()), |(p, q)| {
            let explained = left.column(i * t + rows[p]).dot(&right.column(i * t + columns[q]));
            self.prior(i, rows[p], columns[q]) - explained
        })
    }
}

/// The covariances (N, m T) with all tasks at the rows, in the order of rows and then tasks.
fn columns(covariance: &MaskedKronecker, cross: &[ArrayView2<f64>]) -> Array2<f64> {
    let (m, t) = (n_rows(cross), covariance.pattern().n_tasks());
    let rows: Vec<usize> = (0..m * t).map(|q| q / t).collect();
    let tasks: Vec<usize> = (0..m * t).map(|q| q % t).collect();
    let repeated: Vec<Array2<f64>> = cross.iter().map(|k| k.select(Axis(0), &rows)).collect();
    let repeated: Vec<ArrayView2<f64>> = repeated.iter().map(|k| k.view()).collect();
    covariance.cross(&repeated, &tasks)
}

/// Rows of the cross-kernels, which all terms have alike.
fn n_rows(cross: &[ArrayView2<f64>]) -> usize {
    cross.first().map_or(0, |k| k.nrows())
}

/// The joint covariance at rows with cross-kernels (m, n) and priors (m, m) of each term, where
/// `explained` gives `C' A^-1 C`.
pub(super) fn joint_of(
    covariance: &MaskedKronecker,
    cross: &[ArrayView2<f64>],
    prior: &[Array2<f64>],
    explained: impl Fn(&Array2<f64>) -> Result<Array2<f64>>,
) -> Result<Array4<f64>> {
    let (m, t) = (n_rows(cross), covariance.pattern().n_tasks());
    let explained = explained(&columns(covariance, cross))?;
    let mut out = Array4::zeros((m, t, m, t));
    for i in 0..m {
        for j in 0..m {
            let known = explained.slice(s![i * t..(i + 1) * t, j * t..(j + 1) * t]);
            let mut block = out.slice_mut(s![i, .., j, ..]);
            for (term, prior) in covariance.terms().iter().zip(prior) {
                block.scaled_add(prior[[i, j]], &term.task);
            }
            block -= &known;
        }
    }
    Ok(out)
}

/// `alpha B` for the B of each term.
pub(super) fn weights_of(covariance: &MaskedKronecker, dual: ArrayView2<f64>) -> Vec<Array2<f64>> {
    covariance.terms().iter().map(|term| linalg::matmul(dual, term.task.view())).collect()
}

/// Variances of the latent function of one task at each row, with cross-kernels (m, n) and prior
/// variances (m) of each term, and how many were clipped; `explained` gives the diagonal of `C' A^-1 C`.
pub(super) fn variances_at(
    covariance: &MaskedKronecker,
    cross: &[ArrayView2<f64>],
    prior: &[ArrayView1<f64>],
    tasks: &[usize],
    explained: impl Fn(&Array2<f64>) -> Result<Array1<f64>>,
) -> Result<(Array1<f64>, usize)> {
    let mut out = -explained(&covariance.cross(cross, tasks))?;
    for (term, prior) in covariance.terms().iter().zip(prior) {
        for ((v, prior), &t) in out.iter_mut().zip(*prior).zip(tasks) {
            *v += term.task[[t, t]] * prior;
        }
    }
    let clipped = out.iter().filter(|v| **v < 0.0).count();
    out.mapv_inplace(|v| v.max(0.0));
    Ok((out, clipped))
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
    let noise = covariance.noise();
    for (part, mut target) in
        entries.chunks(AT_ONCE).zip(out.axis_chunks_iter_mut(Axis(0), AT_ONCE))
    {
        let known = explained(&covariance.cross_missing(part))?;
        for ((v, &(i, t)), known) in target.iter_mut().zip(part).zip(&known) {
            *v = (covariance.signal_entry((i, t), (i, t)) + noise.entry(t, t) - known).max(0.0);
        }
    }
    Ok(out)
}
