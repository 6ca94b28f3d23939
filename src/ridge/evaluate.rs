//! A criterion and its derivative at one penalty.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::score::{self, Loss, Pieces};
use super::{Candidate, Criterion, Problem, grouped};
use crate::data::check_positive;
use crate::error::{Error, Result};
use crate::linalg;
use crate::solve::{LN_TAU, LeaveOut, squares_times};

/// A candidate at one penalty in the eigenbasis of K, all arrays direction by row; with `d_` the
/// derivatives with respect to `ln(alpha)`. The rest counts as the last direction.
#[derive(Debug)]
pub(super) struct Rotated {
    /// `1 / (1 + s d)` (K, n).
    pub(super) inverse: Array2<f64>,
    pub(super) d_inverse: Array2<f64>,
    /// Duals along the stored directions (k, n).
    pub(super) dual: Array2<f64>,
    pub(super) d_dual: Array2<f64>,
    /// Duals outside them (T, n).
    pub(super) outside: Option<(Array2<f64>, Array2<f64>)>,
    /// `u / Lam` (K, n) and the sums `u^2 / Lam` (K), where intercepts are fitted.
    pub(super) fixed: Option<Fixed>,
}

#[derive(Debug)]
pub(super) struct Fixed {
    pub(super) columns: Array2<f64>,
    pub(super) d_columns: Array2<f64>,
    pub(super) sums: Array1<f64>,
    pub(super) d_sums: Array1<f64>,
}

impl Rotated {
    pub(super) fn new(problem: &Problem, candidate: &Candidate, alpha: f64) -> Self {
        let s = &problem.spectrum.values;
        let shifts = candidate.shifts(alpha);
        let k = candidate.inside.nrows();
        let mut inverse = Array2::zeros((shifts.len(), s.len()));
        let mut d_inverse = inverse.clone();
        for (j, (shift, d_shift)) in shifts.iter().enumerate() {
            inverse.row_mut(j).assign(&s.mapv(|s| 1.0 / (1.0 + s * shift)));
            let row = -(&inverse.row(j) * &inverse.row(j) * s) * *d_shift;
            d_inverse.row_mut(j).assign(&row);
        }
        let fixed = problem.ones.as_ref().map(|u| {
            let (columns, d_columns) = (&inverse * u, &d_inverse * u);
            Fixed { sums: columns.dot(u), d_sums: d_columns.dot(u), columns, d_columns }
        });
        let stored = |m: &Array2<f64>| m.slice(ndarray::s![..k, ..]).to_owned();
        let mut dual = &candidate.inside * &stored(&inverse);
        let mut d_dual = &candidate.inside * &stored(&d_inverse);
        let mut outside = candidate
            .outside
            .as_ref()
            .map(|data| (data * &inverse.row(k), data * &d_inverse.row(k)));
        if let Some(f) = &fixed {
            for j in 0..k {
                // b and its derivative keep sum u (data - u b) / Lam = 0.
                let b = candidate.inside.row(j).dot(&f.columns.row(j)) / f.sums[j];
                let d_b = (candidate.inside.row(j).dot(&f.d_columns.row(j)) - b * f.d_sums[j])
                    / f.sums[j];
                dual.row_mut(j).scaled_add(-b, &f.columns.row(j));
                d_dual.row_mut(j).scaled_add(-b, &f.d_columns.row(j));
                d_dual.row_mut(j).scaled_add(-d_b, &f.columns.row(j));
            }
            if let (Some((dual, d_dual)), Some(data)) = (&mut outside, &candidate.outside) {
                let b = data.dot(&f.columns.row(k)) / f.sums[k];
                let d_b = (data.dot(&f.d_columns.row(k)) - &b * f.d_sums[k]) / f.sums[k];
                *dual -= &(&b.view().insert_axis(Axis(1)) * &f.columns.row(k));
                *d_dual -= &(&b.insert_axis(Axis(1)) * &f.d_columns.row(k));
                *d_dual -= &(&d_b.insert_axis(Axis(1)) * &f.columns.row(k));
            }
        }
        Rotated { inverse, d_inverse, dual, d_dual, outside, fixed }
    }

    /// Duals of both kinds back at the rows.
    pub(super) fn duals_at_rows(&self, u: ArrayView2<f64>) -> (Duals, Duals) {
        let back = |m: &Array2<f64>| linalg::matmul(m.view(), u.t());
        let (outside, d_outside) = match &self.outside {
            None => (None, None),
            Some((a, b)) => (Some(back(a)), Some(back(b))),
        };
        (
            Duals { inside: back(&self.dual), outside },
            Duals { inside: back(&self.d_dual), outside: d_outside },
        )
    }
}

/// Dual coefficients at the rows: along the directions (k, n) and outside them (T, n).
#[derive(Debug)]
pub(super) struct Duals {
    pub(super) inside: Array2<f64>,
    pub(super) outside: Option<Array2<f64>>,
}

impl Problem {
    /// A criterion and its derivative with respect to `ln(alpha)` at one penalty: O(n^2 T), for
    /// groups as [`crate::gp::Posterior::leave_out`].
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for a penalty that is not positive and finite; [`Error::Shape`] for
    /// labels of another number than there are rows; [`Error::Incompatible`] for intercepts of tasks
    /// left out at every row; [`Error::Numerical`] where the value is not finite.
    pub fn evaluate(
        &self,
        candidate: &Candidate,
        alpha: f64,
        criterion: &Criterion,
    ) -> Result<(f64, f64)> {
        check_positive("alpha", alpha)?;
        self.check_candidate(candidate)?;
        self.check(criterion)?;
        let rotated = Rotated::new(self, candidate, alpha);
        let (value, slope) = match criterion {
            Criterion::Gcv => self.gcv(candidate, &rotated),
            Criterion::SquaredError(by) => {
                let sum = self.sum(candidate, &rotated, Loss::Squared, by)?;
                self.normalised(candidate, criterion, sum)
            }
            Criterion::LogDensity(by) => {
                let sum = self.sum(candidate, &rotated, Loss::Density { alpha }, by)?;
                self.normalised(candidate, criterion, sum)
            }
        };
        if !(value.is_finite() && slope.is_finite()) {
            return Err(not_finite(criterion, alpha, value));
        }
        Ok((value, slope))
    }

    /// Refuses criteria that do not fit the data.
    pub(super) fn check(&self, criterion: &Criterion) -> Result<()> {
        criterion.check(self.spectrum.len(), self.ones.is_some())
    }

    fn sum(
        &self,
        candidate: &Candidate,
        rotated: &Rotated,
        loss: Loss,
        by: &LeaveOut,
    ) -> Result<(f64, f64)> {
        match by {
            LeaveOut::Row => {
                let (at, tangent) = self.pieces(rotated);
                Ok(score::rows(candidate, loss, &at, Some(&tangent)))
            }
            LeaveOut::Entry => {
                let (at, tangent) = self.pieces(rotated);
                Ok(score::entries(candidate, loss, &at, Some(&tangent)))
            }
            LeaveOut::Task => Ok(tasks(candidate, rotated, loss)),
            LeaveOut::Groups(labels) => grouped::groups(self, candidate, rotated, loss, labels),
            LeaveOut::GroupsByTask(labels) => {
                grouped::groups_by_task(self, candidate, rotated, loss, labels)
            }
        }
    }

    /// Precisions and duals at the rows, and their derivatives.
    fn pieces(&self, rotated: &Rotated) -> (Pieces<'static>, Pieces<'static>) {
        let u = self.spectrum.vectors.view();
        let squares = |m: &Array2<f64>| squares_times(u, m.t()).reversed_axes();
        let (mut q, mut d_q) = (squares(&rotated.inverse), squares(&rotated.d_inverse));
        if let Some(f) = &rotated.fixed {
            let p = linalg::matmul(f.columns.view(), u.t());
            let d_p = linalg::matmul(f.d_columns.view(), u.t());
            for j in 0..q.nrows() {
                let (c, d_c) = (f.sums[j], f.d_sums[j]);
                for i in 0..q.ncols() {
                    let share = p[[j, i]] / c;
                    q[[j, i]] -= p[[j, i]] * share;
                    d_q[[j, i]] -= share * (2.0 * d_p[[j, i]] - share * d_c);
                }
            }
        }
        let (dual, d_dual) = rotated.duals_at_rows(u);
        let pieces = |q: Array2<f64>, dual: Duals| Pieces {
            precision: q.into(),
            dual: dual.inside.into(),
            outside: dual.outside,
        };
        (pieces(q, dual), pieces(d_q, d_dual))
    }

    /// A sum of losses as the criterion reports it.
    pub(super) fn normalised(
        &self,
        candidate: &Candidate,
        criterion: &Criterion,
        (sum, slope): (f64, f64),
    ) -> (f64, f64) {
        let (n, t) = self.rotated.dim();
        match criterion {
            Criterion::SquaredError(_) | Criterion::Gcv => {
                let total = self.total_weight() * candidate.task_weights.sum();
                (sum / total, slope / total)
            }
            Criterion::LogDensity(by) => {
                let count = (n * t) as f64;
                // Densities along directions are those of whitened rows.
                let whitening = match by {
                    LeaveOut::Row | LeaveOut::Groups(_) => {
                        n as f64 * candidate.congruence().half_log_det_noise()
                    }
                    _ => 0.0,
                };
                let shared = 0.5 * count * LN_TAU + whitening - t as f64 * self.log_root_weights();
                ((sum + shared) / count, slope / count)
            }
        }
    }

    /// `N |r|^2 / (N - dof)^2` in the weights of the objective, which sum to `total`: with N = total
    /// where all are 1.
    pub(super) fn gcv(&self, candidate: &Candidate, rotated: &Rotated) -> (f64, f64) {
        let (mut fit, mut d_fit, mut left, mut d_left) = (0.0, 0.0, 0.0, 0.0);
        for (j, &multiplicity) in candidate.multiplicity.iter().enumerate() {
            left += multiplicity * rotated.inverse.row(j).sum();
            d_left += multiplicity * rotated.d_inverse.row(j).sum();
            if let Some(f) = &rotated.fixed {
                let (p, d_p, c) = (f.columns.row(j), f.d_columns.row(j), f.sums[j]);
                let share = p.dot(&p) / c;
                left -= multiplicity * share;
                d_left -= multiplicity * (2.0 * p.dot(&d_p) - share * f.d_sums[j]) / c;
            }
        }
        let pairs = std::iter::once((&rotated.dual, &rotated.d_dual))
            .chain(rotated.outside.as_ref().map(|(a, b)| (a, b)));
        for (dual, d_dual) in pairs {
            fit += dual.iter().map(|v| v * v).sum::<f64>();
            d_fit += 2.0 * dual.iter().zip(d_dual).map(|(v, d)| v * d).sum::<f64>();
        }
        let (n, t) = self.rotated.dim();
        let count = (n * t) as f64;
        // The residuals have the weights of the objective; their mean square is per unit of weight.
        let scale = count * count / (self.total_weight() * candidate.task_weights.sum());
        let value = scale * fit / (left * left);
        (value, scale * (d_fit - 2.0 * fit * d_left / left) / (left * left))
    }
}

/// Whole columns: their precisions are diagonal in the eigenbasis of K, where the sum of squares is
/// the same.
fn tasks(candidate: &Candidate, rotated: &Rotated, loss: Loss) -> (f64, f64) {
    let spread = |m: &Array2<f64>| linalg::matmul(candidate.spread.view(), m.view());
    let (outside, d_outside) = match &rotated.outside {
        None => (None, None),
        Some((a, b)) => (Some(a), Some(b)),
    };
    let dual = candidate.to_tasks(rotated.dual.view(), outside);
    let d_dual = candidate.to_tasks(rotated.d_dual.view(), d_outside);
    let (h, d_h) = (spread(&rotated.inverse), spread(&rotated.d_inverse));
    score::table(candidate, loss, (&h, &dual), Some((&d_h, &d_dual)))
}

fn not_finite(criterion: &Criterion, alpha: f64, value: f64) -> Error {
    Error::Numerical {
        operation: format!("the criterion ({criterion})"),
        detail: format!("it is {value} at alpha = {alpha:e}"),
    }
}
