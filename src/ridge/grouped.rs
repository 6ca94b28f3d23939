//! Criteria of groups of rows left out together, with their derivatives.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::evaluate::Rotated;
use super::score::Loss;
use super::{Candidate, Problem};
use crate::error::Result;
use crate::linalg;
use crate::solve::group_rows;

/// A block of the precision and its derivative.
struct Block {
    matrix: Array2<f64>,
    d_matrix: Array2<f64>,
}

impl Block {
    /// `U_S diag(w) U_S'` and the same for the derivative of w.
    fn weighted(u: &Array2<f64>, w: ArrayView1<f64>, d_w: ArrayView1<f64>) -> Self {
        Block {
            matrix: linalg::matmul((u * &w).view(), u.t()),
            d_matrix: linalg::matmul((u * &d_w).view(), u.t()),
        }
    }

    /// Takes `scale p p' / c` away, with the derivatives of p and c.
    fn subtract(&mut self, scale: f64, p: &Array1<f64>, d_p: &Array1<f64>, c: f64, d_c: f64) {
        for a in 0..p.len() {
            for b in 0..p.len() {
                let share = p[a] * p[b] / c;
                self.matrix[[a, b]] -= scale * share;
                let change = p[a] * d_p[b] + d_p[a] * p[b] - share * d_c;
                self.d_matrix[[a, b]] -= scale * change / c;
            }
        }
    }

    /// The loss of what the block leaves out and its derivative, for duals r (g, m) whose columns
    /// share the block with `multiplicity` directions.
    fn loss(
        &self,
        loss: Loss,
        r: ArrayView2<f64>,
        d_r: ArrayView2<f64>,
        multiplicity: f64,
    ) -> Result<(f64, f64)> {
        let l = linalg::cholesky(self.matrix.view())?;
        let solve = |b: ArrayView2<f64>| {
            let half = linalg::solve_lower(l.view(), b);
            linalg::solve_lower_transpose(l.view(), half.view())
        };
        let e = solve(r);
        let through = linalg::matmul(self.d_matrix.view(), e.view());
        match loss {
            Loss::Squared => {
                let d_e = solve((&d_r - &through).view());
                Ok(((&e * &e).sum(), 2.0 * (&e * &d_e).sum()))
            }
            Loss::Density { alpha } => {
                let fit = 0.5 * (&e * &r).sum() / alpha;
                let log_det: f64 = 2.0 * l.diag().iter().map(|v| v.ln()).sum::<f64>();
                let half = 0.5 * multiplicity;
                let value = fit + half * (r.nrows() as f64 * alpha.ln() - log_det);
                let trace = solve(self.d_matrix.view()).diag().sum();
                let d_fit = ((&e * &d_r).sum() - 0.5 * (&e * &through).sum()) / alpha - fit;
                Ok((value, d_fit + half * (r.nrows() as f64 - trace)))
            }
        }
    }
}

/// Sums over groups, in parallel.
fn over_groups(
    problem: &Problem,
    labels: &[usize],
    one: impl Fn(&[usize], &Array2<f64>) -> Result<(f64, f64)> + Sync,
) -> Result<(f64, f64)> {
    let parts = linalg::for_each(&group_rows(labels), |rows| {
        one(rows, &problem.spectrum.vectors.select(Axis(0), rows))
    })?;
    Ok(parts.into_iter().fold((0.0, 0.0), |(a, b), (v, d)| (a + v, b + d)))
}

/// All tasks of each group.
pub(super) fn groups(
    problem: &Problem,
    candidate: &Candidate,
    rotated: &Rotated,
    loss: Loss,
    labels: &[usize],
) -> Result<(f64, f64)> {
    let (dual, d_dual) = rotated.duals_at_rows(problem.spectrum.vectors.view());
    let k = dual.inside.nrows();
    over_groups(problem, labels, |rows, u| {
        let (mut value, mut slope) = (0.0, 0.0);
        for (j, &multiplicity) in candidate.multiplicity.iter().enumerate() {
            let mut block = Block::weighted(u, rotated.inverse.row(j), rotated.d_inverse.row(j));
            if let Some(f) = &rotated.fixed {
                let (p, d_p) = (u.dot(&f.columns.row(j)), u.dot(&f.d_columns.row(j)));
                block.subtract(1.0, &p, &d_p, f.sums[j], f.d_sums[j]);
            }
            let of = |inside: &Array2<f64>, outside: Option<&Array2<f64>>| match outside {
                Some(outside) if j == k => outside.select(Axis(1), rows).reversed_axes(),
                _ => inside.row(j).select(Axis(0), rows).insert_axis(Axis(1)),
            };
            let r = of(&dual.inside, dual.outside.as_ref());
            let d_r = of(&d_dual.inside, d_dual.outside.as_ref());
            let (v, d) = block.loss(loss, r.view(), d_r.view(), multiplicity)?;
            value += v;
            slope += d;
        }
        Ok((value, slope))
    })
}

/// Each task of each group.
pub(super) fn groups_by_task(
    problem: &Problem,
    candidate: &Candidate,
    rotated: &Rotated,
    loss: Loss,
    labels: &[usize],
) -> Result<(f64, f64)> {
    let (dual, d_dual) = rotated.duals_at_rows(problem.spectrum.vectors.view());
    let dual = candidate.to_tasks(dual.inside.view(), dual.outside.as_ref());
    let d_dual = candidate.to_tasks(d_dual.inside.view(), d_dual.outside.as_ref());
    let spread = |m: &Array2<f64>| linalg::matmul(candidate.spread.view(), m.view());
    let (h, d_h) = (spread(&rotated.inverse), spread(&rotated.d_inverse));
    over_groups(problem, labels, |rows, u| {
        let (mut value, mut slope) = (0.0, 0.0);
        let pairs =
            rotated.fixed.iter().flat_map(|f| f.columns.rows().into_iter().zip(f.d_columns.rows()));
        let columns: Vec<_> = pairs.map(|(p, d_p)| (u.dot(&p), u.dot(&d_p))).collect();
        for t in 0..h.nrows() {
            let mut block = Block::weighted(u, h.row(t), d_h.row(t));
            if let Some(f) = &rotated.fixed {
                for (j, (p, d_p)) in columns.iter().enumerate() {
                    block.subtract(candidate.spread[[t, j]], p, d_p, f.sums[j], f.d_sums[j]);
                }
            }
            let of = |m: &Array2<f64>| m.row(t).select(Axis(0), rows).insert_axis(Axis(1));
            let (v, d) = block.loss(loss, of(&dual).view(), of(&d_dual).view(), 1.0)?;
            let weight = match loss {
                Loss::Squared => candidate.task_weights[t],
                Loss::Density { .. } => 1.0,
            };
            value += weight * v;
            slope += weight * d;
        }
        Ok((value, slope))
    })
}
