//! The noise part D of the covariance, factored: diagonal, or one small block for each row.

use ndarray::parallel::prelude::*;
use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::error::{Error, Result};
use crate::linalg;
use crate::op::{MaskedKronecker, NoiseMatrix};

/// A square root R of the noise part, `D = R R'`. Vectors are the rows of matrices (c, N).
#[derive(Debug, Clone)]
pub(super) enum NoiseRoot {
    /// Standard deviations (N).
    Diagonal(Array1<f64>),
    /// For each row of the table, the places of its observed entries and the lower Cholesky factor of
    /// their block.
    Rows(Vec<RowBlock>),
}

/// The factored noise block of one row.
#[derive(Debug, Clone)]
pub(super) struct RowBlock {
    /// Places of the row's observed entries.
    pub(super) places: Vec<usize>,
    /// Lower Cholesky factor of their noise covariance.
    pub(super) lower: Array2<f64>,
}

impl NoiseRoot {
    /// Factors the noise part. Errors where it is not positive definite.
    pub(super) fn of(a: &MaskedKronecker) -> Result<Self> {
        let NoiseMatrix::Dense(sigma) = a.noise() else {
            let variances = a.noise_diagonal();
            return match variances.iter().position(|v| !(*v > 0.0 && v.is_finite())) {
                None => Ok(NoiseRoot::Diagonal(variances.mapv(f64::sqrt))),
                Some(place) => Err(Error::NotPositive {
                    matrix: "the noise covariance".to_string(),
                    what: "definite",
                    detail: format!("observed entry {place} has variance {}", variances[place]),
                }),
            };
        };
        let groups = a.pattern().by_row();
        let block = |group: &Vec<(usize, usize)>| {
            let size = group.len();
            let mut m =
                Array2::from_shape_fn((size, size), |(p, q)| sigma[[group[p].1, group[q].1]]);
            if let Some(known) = a.known() {
                m.diag_mut().iter_mut().zip(group).for_each(|(d, &(place, _))| *d += known[place]);
            }
            let places = group.iter().map(|&(place, _)| place).collect();
            Ok(RowBlock { places, lower: linalg::cholesky_of(m)? })
        };
        let observed: Vec<_> = groups.into_iter().filter(|group| !group.is_empty()).collect();
        Ok(NoiseRoot::Rows(linalg::for_each(&observed, block)?))
    }

    /// `log|D|`.
    pub(super) fn log_det(&self) -> f64 {
        2.0 * match self {
            NoiseRoot::Diagonal(s) => s.iter().map(|v| v.ln()).sum::<f64>(),
            NoiseRoot::Rows(blocks) => {
                let of = |b: &RowBlock| b.lower.diag().iter().map(|v| v.ln()).sum::<f64>();
                blocks.iter().map(of).sum()
            }
        }
    }

    /// `R^-1 v` for each row v.
    pub(super) fn whiten(&self, v: &mut Array2<f64>) {
        self.each(v, |s, x| *x /= s, forward);
    }

    /// `R^-T v` for each row v.
    pub(super) fn whiten_transpose(&self, v: &mut Array2<f64>) {
        self.each(v, |s, x| *x /= s, backward);
    }

    /// `R v` for each row v.
    pub(super) fn color(&self, v: &mut Array2<f64>) {
        self.each(
            v,
            |s, x| *x *= s,
            |l, x| {
                for i in (0..x.len()).rev() {
                    x[i] = (0..=i).map(|j| l[[i, j]] * x[j]).sum();
                }
            },
        );
    }

    /// `R' v` for each row v.
    pub(super) fn color_transpose(&self, v: &mut Array2<f64>) {
        self.each(
            v,
            |s, x| *x *= s,
            |l, x| {
                for i in 0..x.len() {
                    x[i] = (i..x.len()).map(|j| l[[j, i]] * x[j]).sum();
                }
            },
        );
    }

    /// Replaces each row of v, entry by entry or block by block.
    fn each(
        &self,
        v: &mut Array2<f64>,
        scalar: impl Fn(f64, &mut f64) + Sync,
        block: impl Fn(&Array2<f64>, &mut [f64]) + Sync,
    ) {
        v.axis_iter_mut(Axis(0)).into_par_iter().for_each(|mut row| {
            linalg::clear_vector_state();
            match self {
                NoiseRoot::Diagonal(s) => row.zip_mut_with(s, |x, s| scalar(*s, x)),
                NoiseRoot::Rows(blocks) => {
                    let mut values = Vec::new();
                    for b in blocks {
                        values.clear();
                        values.extend(b.places.iter().map(|&p| row[p]));
                        block(&b.lower, &mut values);
                        b.places.iter().zip(&values).for_each(|(&p, x)| row[p] = *x);
                    }
                }
            }
        });
    }

    /// The blocks of `R^-T (I - J' J) R^-1` at the entries of one row, each with its places, where
    /// `columns` gives J (r, k) at k places of vectors.
    pub(super) fn precision_blocks(
        &self,
        columns: impl Fn(&[usize]) -> Array2<f64>,
        mut call: impl FnMut(&[usize], ArrayView2<f64>),
    ) {
        const AT_ONCE: usize = 4096;
        match self {
            NoiseRoot::Diagonal(s) => {
                let places: Vec<usize> = (0..s.len()).collect();
                for places in places.chunks(AT_ONCE) {
                    let taken = squared_columns(&columns(places));
                    for (&p, taken) in places.iter().zip(&taken) {
                        let value = Array2::from_elem((1, 1), (1.0 - taken) / (s[p] * s[p]));
                        call(&[p], value.view());
                    }
                }
            }
            NoiseRoot::Rows(blocks) => {
                let mut rest = &blocks[..];
                while !rest.is_empty() {
                    let mut places: Vec<usize> = Vec::new();
                    let mut taken = 0;
                    while taken < rest.len() && (taken == 0 || places.len() < AT_ONCE) {
                        places.extend(&rest[taken].places);
                        taken += 1;
                    }
                    let j = columns(&places);
                    let mut from = 0;
                    for b in &rest[..taken] {
                        let size = b.places.len();
                        let part = j.slice(ndarray::s![.., from..from + size]);
                        let inner = Array2::eye(size) - linalg::matmul(part.t(), part);
                        // R^-T M R^-1 for a symmetric M.
                        let half = linalg::solve_lower_transpose(b.lower.view(), inner.view());
                        let whole = linalg::solve_lower_transpose(b.lower.view(), half.t());
                        call(&b.places, whole.view());
                        from += size;
                    }
                    rest = &rest[taken..];
                }
            }
        }
    }
}

/// Sums of squares of the columns.
fn squared_columns(j: &Array2<f64>) -> Array1<f64> {
    let mut out = Array1::<f64>::zeros(j.ncols());
    for row in j.rows() {
        out.zip_mut_with(&row, |o, v| *o += v * v);
    }
    out
}

/// `L^-1 x` in place.
fn forward(l: &Array2<f64>, x: &mut [f64]) {
    for i in 0..x.len() {
        let done: f64 = (0..i).map(|j| l[[i, j]] * x[j]).sum();
        x[i] = (x[i] - done) / l[[i, i]];
    }
}

/// `L^-T x` in place.
fn backward(l: &Array2<f64>, x: &mut [f64]) {
    for i in (0..x.len()).rev() {
        let done: f64 = (i + 1..x.len()).map(|j| l[[j, i]] * x[j]).sum();
        x[i] = (x[i] - done) / l[[i, i]];
    }
}
