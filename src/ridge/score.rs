//! Criteria from the precision and the dual coefficients of what is left out.

use ndarray::{Array2, CowArray, Ix2, Zip};

use super::Candidate;

/// The loss of one thing left out, with residual `r / q` and variance `alpha / q` for a dual
/// coefficient r and a precision q in the units of the penalties at alpha = 1.
#[derive(Debug, Clone, Copy)]
pub(super) enum Loss {
    /// The squared residual.
    Squared,
    /// Minus the log density, `log 2 pi` apart.
    Density {
        /// The penalty.
        alpha: f64,
    },
}

impl Loss {
    /// The loss of `multiplicity` things with the same precision q and the sum of squared duals
    /// `squares`, and its derivatives with respect to q, `squares` and, explicitly, `ln(alpha)`.
    pub(super) fn of(self, q: f64, squares: f64, multiplicity: f64) -> [f64; 4] {
        match self {
            Loss::Squared => {
                let value = squares / q / q; // q * q may underflow
                [value, -2.0 * value / q, 1.0 / q / q, 0.0]
            }
            Loss::Density { alpha } => {
                let fit = 0.5 * squares / (q * alpha);
                let half = 0.5 * multiplicity;
                let value = fit + half * (alpha.ln() - q.ln());
                [value, -(half + fit) / q, 0.5 / (q * alpha), half - fit]
            }
        }
    }
}

/// Precisions q (K, n) and dual coefficients (k, n) along the directions of a candidate, and the duals
/// (T, n) outside them: values, or their derivatives with respect to `ln(alpha)`.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    pub(super) precision: CowArray<'a, f64, Ix2>,
    pub(super) dual: CowArray<'a, f64, Ix2>,
    pub(super) outside: Option<Array2<f64>>,
}

/// Sum of the losses of all rows and its derivative.
pub(super) fn rows(
    candidate: &Candidate,
    loss: Loss,
    at: &Pieces<'_>,
    tangent: Option<&Pieces<'_>>,
) -> (f64, f64) {
    let (mut value, mut slope) = (0.0, 0.0);
    let k = at.dual.nrows();
    for (j, &multiplicity) in candidate.multiplicity.iter().enumerate() {
        let q = at.precision.row(j);
        let rest = if j == k { at.outside.as_ref() } else { None };
        for i in 0..q.len() {
            let squares = match rest {
                None => at.dual[[j, i]].powi(2),
                Some(outside) => outside.column(i).iter().map(|v| v * v).sum(),
            };
            let [v, by_q, by_squares, by_alpha] = loss.of(q[i], squares, multiplicity);
            value += v;
            if let Some(d) = tangent {
                let change = match (rest, &d.outside) {
                    (Some(a), Some(b)) => 2.0 * a.column(i).dot(&b.column(i)),
                    _ => 2.0 * at.dual[[j, i]] * d.dual[[j, i]],
                };
                slope += by_q * d.precision[[j, i]] + by_squares * change + by_alpha;
            }
        }
    }
    (value, slope)
}

/// Sum of the losses of all entries and its derivative.
pub(super) fn entries(
    candidate: &Candidate,
    loss: Loss,
    at: &Pieces<'_>,
    tangent: Option<&Pieces<'_>>,
) -> (f64, f64) {
    let tasks = |p: &Pieces<'_>| {
        let dual = candidate.to_tasks(p.dual.view(), p.outside.as_ref());
        (crate::linalg::matmul(candidate.spread.view(), p.precision.view()), dual)
    };
    let (q, r) = tasks(at);
    table(candidate, loss, (&q, &r), tangent.map(tasks).as_ref().map(|(q, r)| (q, r)))
}

/// Sum of the losses of a table (T, n) of precisions and duals, each with the weight of its task in
/// the squared error.
pub(super) fn table(
    candidate: &Candidate,
    loss: Loss,
    (q, r): (&Array2<f64>, &Array2<f64>),
    tangent: Option<(&Array2<f64>, &Array2<f64>)>,
) -> (f64, f64) {
    let (mut value, mut slope) = (0.0, 0.0);
    for t in 0..q.nrows() {
        let weight = match loss {
            Loss::Squared => candidate.task_weights[t],
            Loss::Density { .. } => 1.0,
        };
        Zip::indexed(q.row(t)).and(r.row(t)).for_each(|i, &q, &r| {
            let [v, by_q, by_squares, by_alpha] = loss.of(q, r * r, 1.0);
            value += weight * v;
            if let Some((dq, dr)) = tangent {
                slope +=
                    weight * (by_q * dq[[t, i]] + by_squares * 2.0 * r * dr[[t, i]] + by_alpha);
            }
        });
    }
    (value, slope)
}
