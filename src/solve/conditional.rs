//! What a complete table, factored by the congruence engine, says of the latent functions at other
//! rows.
//!
//! With `q = U' k(X, x)`, `Cov(f(x), f(x')) = (Sigma W) diag_j(d_j k(x, x') - d_j^2 sum_i q_i q'_i /
//! Lam_ij) (Sigma W)'` for any two rows: one direction of the congruence at a time.

use ndarray::{Array1, Array2, Array4, ArrayView1, ArrayView2, Axis, s};

use super::{Congruence, KroneckerFactor, RowCovariances};
use crate::linalg;

/// The variances `c_j` of each stored direction, and of the rest, at some rows.
pub(super) struct DirectionVariances<'a> {
    congruence: &'a Congruence,
    stored: Array2<f64>,
    rest: Option<Array1<f64>>,
    clipped: usize,
    primal: Array2<f64>,
    noise_variances: Array1<f64>,
}

impl<'a> DirectionVariances<'a> {
    /// From the variances of each stored direction (m, k), and of the rest (m).
    pub(super) fn new(
        congruence: &'a Congruence,
        stored: Array2<f64>,
        rest: Option<Array1<f64>>,
        clipped: usize,
    ) -> Self {
        let primal = congruence.primal_vectors();
        let noise_variances = congruence.noise_variances();
        DirectionVariances { congruence, stored, rest, clipped, primal, noise_variances }
    }
}

impl RowCovariances for DirectionVariances<'_> {
    fn variances(&self) -> (Array2<f64>, usize) {
        let (squares, remainder) = self.congruence.variance_weights(&self.noise_variances);
        let mut out = linalg::matmul(self.stored.view(), squares.t());
        if let Some(rest) = &self.rest {
            out += &(&rest.view().insert_axis(Axis(1)) * &remainder);
        }
        (out, self.clipped)
    }

    fn block(&self, i: usize, rows: &[usize], columns: &[usize]) -> Array2<f64> {
        let rest = self.rest.as_ref().map_or(0.0, |r| r[i]);
        let c = self.stored.row(i).mapv(|v| v - rest);
        let left = self.primal.select(Axis(0), rows) * &c;
        let mut out = linalg::matmul(left.view(), self.primal.select(Axis(0), columns).t());
        if rest > 0.0 {
            // Directions that are not stored exist with independent noises only.
            for ((a, b), v) in out.indexed_iter_mut() {
                if rows[a] == columns[b] {
                    *v += rest * self.noise_variances[rows[a]];
                }
            }
        }
        out
    }
}

impl KroneckerFactor {
    /// The first eigenvalue of K above the level of rounding.
    fn first_eigenvalue(&self) -> usize {
        let spectrum = self.spectrum();
        let largest = spectrum.values.last().copied().unwrap_or(0.0);
        let level = spectrum.len() as f64 * f64::EPSILON * largest;
        spectrum.values.iter().position(|&s| s > level).unwrap_or(spectrum.values.len())
    }

    /// The variances of each direction at rows with cross-kernel `cross` (m, n) and prior variances
    /// `k(x, x)` (m).
    ///
    /// `c_j = d_j (k(x, x) - sum_i e_i) + d_j sum_i e_i / Lam_ij` with `e_i = q_i^2 / s_i` is a sum
    /// of two terms that are not negative, so that it does not cancel. Eigenvalues at the level of
    /// rounding, where e_i is 0/0, take the direct form.
    pub(super) fn direction_variances(
        &self,
        cross: ArrayView2<f64>,
        prior: ArrayView1<f64>,
    ) -> DirectionVariances<'_> {
        let spectrum = self.spectrum();
        let mut q2 = linalg::matmul(cross, spectrum.vectors.view());
        let outside = spectrum.left_of(cross, &q2);
        let outside =
            outside.map(|m| m.rows().into_iter().map(|v| v.dot(&v)).collect::<Array1<_>>());
        q2.mapv_inplace(|v| v * v);
        let first = self.first_eigenvalue();
        let small = q2.slice(s![.., ..first]).to_owned();
        let mut explained = q2.slice_move(s![.., first..]);
        explained /= &spectrum.values.slice(s![first..]);
        let unexplained = &prior - &explained.sum_axis(Axis(1));
        let clipped = unexplained.iter().filter(|v| **v < 0.0).count();
        // Of a spectrum that was cut off the last directions explain too much, and are weighted down.
        let unexplained = match spectrum.is_truncated() {
            true => unexplained,
            false => unexplained.mapv(|v| v.max(0.0)),
        };
        let (inverse, inverse_rest) = self.inverse_shifts();
        let shifts = self.congruence().shifts();
        let mut stored = linalg::matmul(explained.view(), inverse.slice(s![first.., ..]));
        stored += &unexplained.view().insert_axis(Axis(1));
        stored -= &(linalg::matmul(small.view(), inverse.slice(s![..first, ..])) * shifts);
        if let Some(outside) = &outside {
            stored -= &(&outside.view().insert_axis(Axis(1)) * shifts);
        }
        stored *= shifts;
        stored.mapv_inplace(|v| v.max(0.0));
        let rest = self.congruence().rest_shift().zip(inverse_rest).map(|(shift, inv)| {
            let direct = small.dot(&inv.slice(s![..first])) * shift;
            let mut sum = explained.dot(&inv.slice(s![first..])) + &unexplained - &direct;
            if let Some(outside) = &outside {
                sum.scaled_add(-shift, outside);
            }
            sum.mapv(|v| (v * shift).max(0.0))
        });
        DirectionVariances::new(self.congruence(), stored, rest, clipped)
    }

    /// Variances (m, S) at rows with cross-kernel `cross` (m, n) and prior variances `k(x, x)` (m) of
    /// tasks whose covariances with the training tasks are `between` (T, S) and whose own variances are
    /// `variances` (S); and how many came out negative by rounding and were set to zero. For B without
    /// directions left out.
    ///
    /// With `g = W' b` it is `k(x, x) (b** - sum_j g_j^2 / d_j) + sum_j (g_j / d_j)^2 c_j`, two terms that
    /// are not negative; directions whose d_j is at the level of rounding, where g_j / d_j is 0/0, take
    /// the direct form `-g_j^2 sum_i q_i^2 / Lam_ij`.
    pub(crate) fn unseen_variances(
        &self,
        cross: ArrayView2<f64>,
        prior: ArrayView1<f64>,
        between: ArrayView2<f64>,
        variances: ArrayView1<f64>,
    ) -> (Array2<f64>, usize) {
        let shifts = self.congruence().shifts();
        let level =
            shifts.iter().fold(0.0f64, |m, d| m.max(*d)) * shifts.len() as f64 * f64::EPSILON;
        let g = linalg::matmul(self.congruence().dual_vectors().t(), between);
        let g2 = g.mapv(|v| v * v);
        let known = shifts.mapv(|d| if d > level { 1.0 / d } else { 0.0 }).insert_axis(Axis(1));
        let unexplained = &variances - &(&g2 * &known).sum_axis(Axis(0));
        let unexplained = unexplained.mapv(|v| v.max(0.0));
        let mut out = &prior.insert_axis(Axis(1)) * &unexplained;
        let directions = self.direction_variances(cross, prior);
        out += &linalg::matmul(directions.stored.view(), (&g2 * &known * &known).view());
        let small: Vec<usize> = (0..shifts.len()).filter(|&j| shifts[j] <= level).collect();
        if !small.is_empty() {
            let mut q2 = linalg::matmul(cross, self.spectrum().vectors.view());
            q2.mapv_inplace(|v| v * v);
            let kept = self.inverse_shifts().0.select(Axis(1), &small);
            let explained = linalg::matmul(q2.view(), kept.view());
            out -= &linalg::matmul(explained.view(), g2.select(Axis(0), &small).view());
        }
        let clipped = directions.clipped + out.iter().filter(|v| **v < 0.0).count();
        (out.mapv(|v| v.max(0.0)), clipped)
    }

    /// The covariance between rows of each stored direction, and of the rest: the sum that
    /// [`KroneckerFactor::direction_variances`] takes, for pairs of rows with prior `k(x, x')` (m, m).
    pub(crate) fn direction_covariances(
        &self,
        cross: ArrayView2<f64>,
        prior: Array2<f64>,
    ) -> (Vec<Array2<f64>>, Option<Array2<f64>>) {
        let spectrum = self.spectrum();
        let q = linalg::matmul(cross, spectrum.vectors.view());
        let outside = spectrum.left_of(cross, &q);
        let outside = outside.map(|m| linalg::matmul(m.view(), m.t()));
        let first = self.first_eigenvalue();
        let small = q.slice(s![.., ..first]);
        let explained =
            &q.slice(s![.., first..]) / &spectrum.values.slice(s![first..]).mapv(f64::sqrt);
        let mut unexplained = prior;
        unexplained -= &linalg::matmul(explained.view(), explained.t());
        // Rows that the training rows explain to rounding have nothing left to share.
        for i in 0..unexplained.nrows() {
            if !spectrum.is_truncated() && unexplained[[i, i]] <= 0.0 {
                unexplained.row_mut(i).fill(0.0);
                unexplained.column_mut(i).fill(0.0);
            }
        }
        let one = |shift: f64, inverse: ArrayView1<f64>| {
            let kept = &explained * &inverse.slice(s![first..]);
            let mut sum = linalg::matmul(kept.view(), explained.t()) + &unexplained;
            let direct = &small * &(&inverse.slice(s![..first]) * shift);
            sum -= &linalg::matmul(direct.view(), small.t());
            if let Some(outside) = &outside {
                sum.scaled_add(-shift, outside);
            }
            sum * shift
        };
        let (inverse, inverse_rest) = self.inverse_shifts();
        let shifts = self.congruence().shifts();
        let stored =
            shifts.iter().zip(inverse.columns()).map(|(&d, column)| one(d, column)).collect();
        let rest = self.congruence().rest_shift().zip(inverse_rest);
        (stored, rest.map(|(shift, inverse)| one(shift, inverse.view())))
    }
}

/// The joint covariance `[i, t, j, s]` from the covariances between rows (m, m) of each stored
/// direction, and of the rest.
pub(super) fn assembled(
    congruence: &Congruence,
    blocks: &[Array2<f64>],
    rest: Option<&Array2<f64>>,
) -> Array4<f64> {
    let (m, t) = (blocks.first().map_or(0, Array2::nrows), congruence.n_tasks());
    let primal = congruence.primal_vectors();
    let noise = rest.map(|_| congruence.noise());
    let mut out = Array4::zeros((m, t, m, t));
    for i in 0..m {
        for j in 0..m {
            let shared = rest.map_or(0.0, |r| r[[i, j]]);
            let c: Array1<f64> = blocks.iter().map(|b| b[[i, j]] - shared).collect();
            let mut block = linalg::matmul((&primal * &c).view(), primal.t());
            if let Some(noise) = &noise {
                block.scaled_add(shared, noise);
            }
            out.slice_mut(s![i, .., j, ..]).assign(&block);
        }
    }
    out
}
