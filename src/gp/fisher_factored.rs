//! Scoring steps for a task covariance of low rank plus a multiple of the noise, over many tasks.
//!
//! A task's own direction is nearly orthogonal to the few directions of the factor when tasks are
//! many. The Fisher information is then nearly block diagonal, one block for each row of W, and all
//! these blocks are one r x r matrix: with `w = W_t / sigma_t`, M = V' L^-1 W and
//! `h_j = sum_i s_i^2 / ((1 + s_i c) (1 + s_i d_j))` the information about w is `M' diag(h) M`, that
//! about `log sigma_t^2` is n / 2. What all rows do together, `W -> W A`, moves B within the span of V
//! and carries far less information, `sum_i s_i^2 / (Lam_ij Lam_ik)` for entry (j, k): that part of the
//! step is taken by itself. Leaving the rest out changes the path, not the optimum.

use ndarray::{Array1, Array2, Axis};

use super::fisher::Place;
use super::model::Model;
use crate::linalg;
use crate::op::{NoiseMatrix, TaskMatrix};
use crate::solve::KroneckerFactor;

/// A damped step with the block-diagonal information: O(n r + T r^2). `None` for other structures,
/// and where some entry of W or of the noise is held.
pub(super) fn factored_step(
    model: &Model,
    factor: &KroneckerFactor,
    place: &Place,
    gradient: &[f64],
    damping: f64,
) -> Option<Vec<f64>> {
    let (TaskMatrix::LowRankPlusNoise { factor: w, .. }, NoiseMatrix::Diagonal(variances)) =
        (model.task_matrix(place.natural), model.noise_matrix(place.natural))
    else {
        return None;
    };
    let (inverse, inverse_rest) = factor.inverse_shifts();
    let inverse_rest = inverse_rest?;
    let (t, r) = w.dim();
    let (task, noise) = (model.task_range(), model.noise_range());
    let slots = model.layout().slots();
    let w_range = task.start..task.start + t * r;
    let all_free = slots[w_range.clone()].iter().chain(&slots[noise.clone()]).all(Option::is_some);
    if !all_free || !(noise.len() == t || noise.len() == 1) {
        return None;
    }
    let observations = model.n_observations() as f64;
    let derivative = model.layout().derivatives(place.free);
    let natural_gradient = |i: usize| {
        slots[i].map_or(0.0, |slot| gradient[slot - place.offset] / derivative[i]) * observations
    };
    let mut step = vec![0.0; gradient.len()];
    let mut put = |i: usize, change: f64| {
        if let Some(slot) = slots[i] {
            step[slot - place.offset] = change / derivative[i];
        }
    };

    let std = variances.mapv(f64::sqrt);
    let whitened = &w / &std.view().insert_axis(Axis(1));
    let s = &factor.spectrum().values;
    let v = factor.congruence().vectors();
    let m = linalg::matmul(v, whitened.view());
    if m.nrows() != r {
        return None;
    }
    let gradient_rows = Array2::from_shape_fn((t, r), |(task, a)| {
        natural_gradient(w_range.start + task * r + a) * std[task]
    });
    let h = inverse.t().dot(&(inverse_rest * &s.mapv(|v| v * v)));
    let mut information = linalg::matmul((&m.t() * &h).view(), m.view());
    let largest = information.diag().iter().fold(0.0f64, |a, v| a.max(*v));
    for v in information.diag_mut() {
        *v += damping * *v + 1e-8 * largest + f64::MIN_POSITIVE;
    }
    let l = linalg::cholesky(information.view()).ok()?;
    let half = linalg::solve_lower(l.view(), gradient_rows.t());
    let rows = linalg::solve_lower_transpose(l.view(), half.view());
    let inside = linalg::matmul(rows.view(), v.t());
    let outside = &rows - &linalg::matmul(inside.view(), v);
    let along = span_step(factor, &m, linalg::matmul(v, gradient_rows.view()), damping)?;
    let change = linalg::matmul(along.t(), v) - &outside;
    for ((a, task), value) in change.indexed_iter() {
        put(w_range.start + task * r + a, value * std[task]);
    }

    // One variance for all tasks carries the information of each of them.
    let n = model.n_rows() as f64;
    let tasks_of_each = t as f64 / noise.len() as f64;
    for (k, i) in noise.enumerate() {
        let information = 0.5 * n * tasks_of_each / (variances[k] * variances[k]);
        put(i, -natural_gradient(i) / (information * (1.0 + damping)));
    }

    let own: f64 = inverse
        .iter()
        .zip(s.iter().flat_map(|v| std::iter::repeat_n(v, inverse.ncols())))
        .map(|(i, s)| (i * s) * (i * s))
        .sum();
    let rest: Array1<f64> = inverse_rest * s;
    let outside = (t - inverse.ncols()) as f64 * rest.iter().map(|v| v * v).sum::<f64>();
    let i = w_range.end;
    let prior = slots[i].map_or(0.0, |slot| model.layout().prior_information(place.free)[slot]);
    let information = 0.5 * (own + outside) + prior / (derivative[i] * derivative[i]);
    put(i, -natural_gradient(i) / (information * (1.0 + damping)));
    step.iter().all(|v| v.is_finite()).then_some(step)
}

/// The step of M = V' L^-1 W (r, r) within the span of V, for the gradient `V' dL/d(L^-1 W)`: the
/// scoring step of `M M'` entry by entry, and the symmetric change of M that makes it.
fn span_step(
    factor: &KroneckerFactor,
    m: &Array2<f64>,
    gradient: Array2<f64>,
    damping: f64,
) -> Option<Array2<f64>> {
    let (inverse, _) = factor.inverse_shifts();
    let s = factor.spectrum().values.view().insert_axis(Axis(1));
    let scaled = inverse * &s;
    let bb = linalg::matmul(scaled.t(), scaled.view());
    // M M' is diagonal, which inverts M.
    let lengths = m.mapv(|v| v * v).sum_axis(Axis(1));
    if lengths.iter().any(|v| *v <= 0.0) {
        return None;
    }
    let m_inverse = &m.t() / &lengths;
    let of_product = linalg::matmul(gradient.view(), m_inverse.view()) * 0.5;
    let symmetric = (&of_product + &of_product.t()) * 0.5;
    let change = symmetric / (bb * (0.5 * (1.0 + damping)));
    Some(linalg::matmul(change.view(), m_inverse.t()) * -0.5)
}
