//! What mixed latent functions say of the tasks at other rows: `Cov f = H Cov(g) H'`.

use ndarray::{Array1, Array2, Array4, Axis, s};

use super::RowCovariances;
use crate::linalg;

/// Posterior covariances of m latent functions at c rows, independent but for what gaps leave unknown.
pub(super) struct LatentCovariances {
    /// H (T, m).
    mixing: Array2<f64>,
    /// Variances (c, m) given the whole table.
    variances: Array2<f64>,
    /// `L^-1 J'` (M, c m): see [`super::mixed_gaps::Gaps::gains`].
    gains: Option<Array2<f64>>,
    clipped: usize,
}

impl LatentCovariances {
    pub(super) fn new(
        mixing: Array2<f64>,
        mut variances: Array2<f64>,
        gains: Option<Array2<f64>>,
    ) -> Self {
        let clipped = variances.iter().filter(|v| **v < 0.0).count();
        variances.mapv_inplace(|v| v.max(0.0));
        LatentCovariances { mixing, variances, gains, clipped }
    }

    /// `Cov(g)` (m, m) at row i.
    fn latent(&self, i: usize) -> Array2<f64> {
        let mut out = Array2::from_diag(&self.variances.row(i));
        if let Some(gains) = &self.gains {
            let m = self.variances.ncols();
            let own = gains.slice(s![.., i * m..(i + 1) * m]);
            out += &linalg::matmul(own.t(), own);
        }
        out
    }
}

impl RowCovariances for LatentCovariances {
    fn variances(&self) -> (Array2<f64>, usize) {
        let h = &self.mixing;
        let out = match self.gains {
            None => linalg::matmul(self.variances.view(), h.mapv(|v| v * v).view().reversed_axes()),
            Some(_) => {
                let mut out = Array2::zeros((self.variances.nrows(), h.nrows()));
                for (i, mut row) in out.rows_mut().into_iter().enumerate() {
                    let through = linalg::matmul(h.view(), self.latent(i).view());
                    row.assign(&(through * h).sum_axis(Axis(1)));
                }
                out
            }
        };
        (out, self.clipped)
    }

    fn block(&self, i: usize, rows: &[usize], columns: &[usize]) -> Array2<f64> {
        let left = linalg::matmul(self.mixing.select(Axis(0), rows).view(), self.latent(i).view());
        linalg::matmul(left.view(), self.mixing.select(Axis(0), columns).t())
    }
}

/// The joint covariance `[i, t, j, s]` from the covariances between rows (c, c) of each latent function.
pub(super) fn joint(
    mixing: &Array2<f64>,
    blocks: &[Array2<f64>],
    gains: Option<&Array2<f64>>,
) -> Array4<f64> {
    let (t, m) = mixing.dim();
    let c = blocks.first().map_or(0, Array2::nrows);
    let known = gains.map(|g| linalg::matmul(g.t(), g.view()));
    let mut out = Array4::zeros((c, t, c, t));
    for i in 0..c {
        for j in 0..c {
            let own: Array1<f64> = blocks.iter().map(|b| b[[i, j]]).collect();
            let mut latent = Array2::from_diag(&own);
            if let Some(known) = &known {
                latent += &known.slice(s![i * m..(i + 1) * m, j * m..(j + 1) * m]);
            }
            let left = linalg::matmul(mixing.view(), latent.view());
            let block = linalg::matmul(left.view(), mixing.t());
            out.slice_mut(s![i, .., j, ..]).assign(&block);
        }
    }
    out
}
