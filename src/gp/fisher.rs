//! Fisher information of B and Sigma in the common eigenbasis: scoring steps, standard errors, and
//! whether signal and noise can be told apart.
//!
//! In the coordinates `dB~ = W' dB W`, `dS~ = W' dSigma W` the information is diagonal but for the
//! pairing of B and Sigma at the same entry (see [`FisherBlocks`]). For free B and Sigma a scoring
//! step is therefore T (T + 1) / 2 systems of two equations; for structured ones the information is
//! `J' F J` with J the derivative of B and Sigma by their own parameters.

use ndarray::{Array1, Array2, Axis};

use super::model::Model;
use crate::error::Result;
use crate::linalg;
use crate::op::{TaskAdjoint, correlation};
use crate::solve::{FisherBlocks, KroneckerFactor};

/// Operations that the information in structured coordinates may cost.
const AFFORDABLE: f64 = 2e9;
/// Multiply-adds that the gradients of an observed information may cost.
const AFFORDABLE_GRADIENTS: f64 = 2e10;
/// Step of their differences, in the free values.
const DIFFERENCE: f64 = 1e-4;

/// The point at which a step is wanted.
pub(super) struct Place<'a> {
    /// Number of free values before those of B and Sigma.
    pub(super) offset: usize,
    /// Free values of the whole model.
    pub(super) free: &'a [f64],
    /// Natural values of the whole model.
    pub(super) natural: &'a [f64],
}

/// Changes of B and Sigma by each free value of theirs, as rows of T^2 entries.
struct Changes {
    task: Array2<f64>,
    noise: Array2<f64>,
}

/// The derivative J of B and Sigma; `None` where it would be too large.
fn changes(model: &Model, place: &Place) -> Option<Changes> {
    let t = model.n_tasks();
    let p = place.free.len() - place.offset;
    let (pf, tf) = (p as f64, t as f64);
    if pf * tf.powi(3) * 8.0 + pf * pf * tf * tf * 3.0 > AFFORDABLE {
        return None;
    }
    let noise_matrix = model.noise_matrix(place.natural);
    let multiple = model.task_matrix(place.natural).noise_multiple();
    let derivative = model.layout().derivatives(place.free);
    let slots = model.layout().slots();
    let mut out = Changes { task: Array2::zeros((p, t * t)), noise: Array2::zeros((p, t * t)) };
    let add = |rows: &mut Array2<f64>, slot: usize, change: &Array2<f64>, times: f64| {
        let flat = change.iter();
        rows.row_mut(slot - place.offset).iter_mut().zip(flat).for_each(|(r, v)| *r += times * v);
    };
    let range = model.task_range();
    let mut dphi = vec![0.0; range.len()];
    for i in range.clone() {
        if let Some(slot) = slots[i].filter(|s| *s >= place.offset) {
            dphi[i - range.start] = derivative[i];
            let change = model.task().jvp(model.phi(place.natural), &dphi, &noise_matrix);
            dphi[i - range.start] = 0.0;
            add(&mut out.task, slot, &change, 1.0);
        }
    }
    let range = model.noise_range();
    let mut dpsi = vec![0.0; range.len()];
    for i in range.clone() {
        if let Some(slot) = slots[i].filter(|s| *s >= place.offset) {
            dpsi[i - range.start] = derivative[i];
            let change = model.noise.jvp(model.psi(place.natural), &dpsi);
            dpsi[i - range.start] = 0.0;
            add(&mut out.noise, slot, &change, 1.0);
            add(&mut out.task, slot, &change, multiple);
        }
    }
    Some(out)
}

/// Rows of T^2 entries mapped to the common eigenbasis: each becomes `W' M W`.
fn rotate(rows: &Array2<f64>, w: &Array2<f64>) -> Array2<f64> {
    let t = w.nrows();
    let mut out = Array2::zeros(rows.dim());
    for (row, mut target) in rows.axis_iter(Axis(0)).zip(out.axis_iter_mut(Axis(0))) {
        if row.iter().all(|v| *v == 0.0) {
            continue;
        }
        if let Ok(m) = row.to_shape((t, t)) {
            let rotated = linalg::matmul(linalg::matmul(w.t(), m.view()).view(), w.view());
            target.iter_mut().zip(&rotated).for_each(|(a, b)| *a = *b);
        }
    }
    out
}

/// The information `J' F J` of the free values of B and Sigma.
fn information(changes: &Changes, blocks: &FisherBlocks, w: &Array2<f64>) -> Array2<f64> {
    let (b, s) = (rotate(&changes.task, w), rotate(&changes.noise, w));
    let flat = |m: &Array2<f64>| m.iter().copied().collect::<Array1<f64>>();
    let bs = flat(&blocks.bs);
    let weighted_b = &b * &flat(&blocks.bb) + &s * &bs;
    let weighted_s = &s * &flat(&blocks.ss) + &b * &bs;
    let total = linalg::matmul(weighted_b.view(), b.t()) + linalg::matmul(weighted_s.view(), s.t());
    (&total + &total.t()) * 0.25
}

/// A damped scoring step in the coordinates of B and Sigma's own parameters.
pub(super) fn coordinate_step(
    model: &Model,
    factor: &KroneckerFactor,
    place: &Place,
    gradient: &[f64],
    damping: f64,
) -> Option<Vec<f64>> {
    let blocks = factor.fisher()?;
    let w = factor.congruence().dual_vectors();
    let mut f = information(&changes(model, place)?, &blocks, &w);
    let prior = model.layout().prior_information(place.free);
    for (v, p) in f.diag_mut().iter_mut().zip(&prior[place.offset..]) {
        *v += p;
    }
    f /= model.n_observations() as f64;
    let largest = f.diag().iter().fold(0.0f64, |m, v| m.max(*v));
    for v in f.diag_mut() {
        *v += damping * *v + 1e-12 * largest + f64::MIN_POSITIVE;
    }
    let l = linalg::cholesky(f.view()).ok()?;
    let rhs = Array1::from(gradient.to_vec()).insert_axis(Axis(1));
    let half = linalg::solve_lower(l.view(), rhs.view());
    Some(linalg::solve_lower_transpose(l.view(), half.view()).iter().map(|v| -v).collect())
}

/// A damped scoring step for a free B and a free Sigma given by their Cholesky factors: systems of
/// two equations, O(n T^2 + T^3). `None` for other structures and for a singular factor.
pub(super) fn separable_step(
    model: &Model,
    factor: &KroneckerFactor,
    (task, noise): &(TaskAdjoint, TaskAdjoint),
    place: &Place,
    damping: f64,
) -> Option<Vec<f64>> {
    let t = model.n_tasks();
    if !(model.task().is_free_factor() && model.noise.is_free_factor()) {
        return None;
    }
    let triangle = t * (t + 1) / 2;
    if place.free.len() - place.offset != 2 * triangle {
        return None;
    }
    let blocks = factor.fisher()?;
    let primal = factor.congruence().primal_vectors();
    let into =
        |g: Array2<f64>| linalg::matmul(linalg::matmul(primal.t(), g.view()).view(), primal.view());
    let (gb, gs) = (into(task.to_dense()), into(noise.to_dense()));
    let (mut db, mut ds) = (Array2::zeros((t, t)), Array2::zeros((t, t)));
    for j in 0..t {
        for k in 0..t {
            let e = [j, k];
            let bb = 0.5 * blocks.bb[e] * (1.0 + damping);
            let ss = 0.5 * blocks.ss[e] * (1.0 + damping);
            let bs = 0.25 * (blocks.bs[e] + blocks.bs[[k, j]]);
            let determinant = bb * ss - bs * bs;
            if determinant <= 1e-14 * bb * ss {
                return None;
            }
            db[e] = (ss * gb[e] - bs * gs[e]) / determinant;
            ds[e] = (bb * gs[e] - bs * gb[e]) / determinant;
        }
    }
    let out_of =
        |d: Array2<f64>| linalg::matmul(linalg::matmul(primal.view(), d.view()).view(), primal.t());
    let derivative = model.layout().derivatives(place.free);
    let slots = model.layout().slots();
    let mut step = vec![0.0; 2 * triangle];
    for (range, change) in [(model.task_range(), out_of(db)), (model.noise_range(), out_of(ds))] {
        let l = place.natural[range.clone()].to_vec();
        let l = Array2::from_shape_vec((t, t), l).ok()?;
        let dl = factor_step(&l, &change)?;
        for i in range.clone() {
            let (row, column) = ((i - range.start) / t, (i - range.start) % t);
            if let Some(slot) = slots[i] {
                step[slot - place.offset] = dl[[row, column]] / derivative[i];
            }
        }
    }
    step.iter().all(|v| v.is_finite()).then_some(step)
}

/// The change of a Cholesky factor L that changes `L L'` by M: `L tril(L^-1 M L^-T)` with the
/// diagonal halved.
fn factor_step(l: &Array2<f64>, change: &Array2<f64>) -> Option<Array2<f64>> {
    let largest = l.diag().iter().fold(0.0f64, |m, v| m.max(v.abs()));
    if l.diag().iter().any(|v| v.abs() <= 1e-7 * largest) {
        return None;
    }
    let half = linalg::solve_lower(l.view(), change.view());
    let mut inner = linalg::solve_lower(l.view(), half.t());
    for ((i, j), v) in inner.indexed_iter_mut() {
        *v *= if i > j {
            1.0
        } else if i == j {
            0.5
        } else {
            0.0
        };
    }
    Some(linalg::matmul(l.view(), inner.view()))
}

/// Standard errors (T, T) of the task correlations from the Fisher information of B and Sigma, at
/// held kernel parameters (delta method). Directions without information, such as rotations of a
/// low-rank factor, change no correlation and are left out. `None` where nothing of B is learned or
/// the information is too large to be formed.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// use coregion::gp::correlation_standard_errors;
/// let p = gp.posterior();
/// let errors = correlation_standard_errors(p.model(), p.kronecker().unwrap(), p.natural());
/// assert_eq!(errors.as_ref(), gp.task_correlation_std_error());
/// assert!(errors.unwrap()[[0, 1]] > 0.0);
/// # Ok::<(), coregion::Error>(())
/// ```
pub fn correlation_standard_errors(
    model: &Model,
    factor: &KroneckerFactor,
    natural: &[f64],
) -> Option<Array2<f64>> {
    let offset = model.kernel_block()?;
    let free = model.layout().pack(natural);
    let place = Place { offset, free: &free, natural };
    let blocks = factor.fisher()?;
    let learned = model.layout().slots()[model.task_range()].iter().any(Option::is_some);
    if !learned {
        return None;
    }
    let changes = changes(model, &place)?;
    let f = information(&changes, &blocks, &factor.congruence().dual_vectors());
    Some(delta_method(model, natural, &changes, &f))
}

/// The same with the information that the data hold (minus the second derivatives of the likelihood, by
/// central differences of its gradient) in place of what they are expected to hold: for data with gaps
/// and any exact solver. Two gradients for each value of B and the noise that is learned; `None` where
/// that is too much.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, f64::NAN]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// use coregion::gp::observed_standard_errors;
/// let p = gp.posterior();
/// let errors = observed_standard_errors(p.model(), p.natural())?;
/// assert_eq!(errors.as_ref(), gp.task_correlation_std_error());
/// # Ok::<(), coregion::Error>(())
/// ```
///
/// # Errors
/// As [`Model::log_likelihood`].
pub fn observed_standard_errors(model: &Model, natural: &[f64]) -> Result<Option<Array2<f64>>> {
    let Some(offset) = model.kernel_block() else { return Ok(None) };
    let free = model.layout().pack(natural);
    let place = Place { offset, free: &free, natural };
    let learned = model.layout().slots()[model.task_range()].iter().any(Option::is_some);
    let gradients = 2 * (free.len() - offset);
    let affordable = gradients as f64 * model.problem().gradient_cost() <= AFFORDABLE_GRADIENTS;
    let Some(changes) =
        Some(()).filter(|()| learned && affordable).and_then(|()| changes(model, &place))
    else {
        return Ok(None);
    };
    let p = free.len() - offset;
    let mut f = Array2::zeros((p, p));
    let mut moved = natural.to_vec();
    for j in 0..p {
        for side in [1.0, -1.0] {
            let mut point = free.clone();
            point[offset + j] += side * DIFFERENCE;
            model.layout().unpack_into(&point, &mut moved);
            let (_, gradient) = model.log_likelihood(&moved)?;
            let gradient = model.layout().pullback(&point, &gradient);
            for (v, g) in f.row_mut(j).iter_mut().zip(&gradient[offset..]) {
                *v -= side * g / (2.0 * DIFFERENCE);
            }
        }
    }
    let symmetric = (&f + &f.t()) * 0.5;
    Ok(Some(delta_method(model, natural, &changes, &symmetric)))
}

/// Standard errors of correlations from an information matrix of the free values of B and the noise.
fn delta_method(model: &Model, natural: &[f64], changes: &Changes, f: &Array2<f64>) -> Array2<f64> {
    // Scaled to unit diagonal, so that one threshold serves parameters of every unit.
    let scale = f.diag().mapv(|v| if v > 0.0 { 1.0 / v.sqrt() } else { 0.0 });
    let scaled = f * &scale * scale.view().insert_axis(Axis(1));
    let t = model.n_tasks();
    let Ok((values, vectors)) = linalg::eigh(scaled) else { return Array2::ones((t, t)) };
    let largest = values.iter().fold(0.0f64, |m, v| m.max(*v));
    let b = model.task_matrix(natural).to_dense(&model.noise_matrix(natural));
    let rho = correlation(b.view());
    let mut out = Array2::zeros((t, t));
    for i in 0..t {
        for j in 0..i {
            if b[[i, i]] <= 0.0 || b[[j, j]] <= 0.0 {
                continue;
            }
            let (vi, vj) = (b[[i, i]].sqrt(), b[[j, j]].sqrt());
            let gradient = changes.task.column(i * t + j).mapv(|v| v / (vi * vj))
                - changes.task.column(i * t + i).mapv(|v| 0.5 * rho[[i, j]] * v / b[[i, i]])
                - changes.task.column(j * t + j).mapv(|v| 0.5 * rho[[i, j]] * v / b[[j, j]]);
            let along = vectors.t().dot(&(&gradient * &scale));
            let variance: f64 = along
                .iter()
                .zip(&values)
                .filter(|(_, v)| **v > 1e-10 * largest)
                .map(|(a, v)| a * a / v)
                .sum();
            // No variable between -1 and 1 has a larger one: nothing is known of this correlation.
            out[[i, j]] = variance.sqrt().min(1.0);
            out[[j, i]] = out[[i, j]];
        }
    }
    out
}

/// How well signal and noise can be told apart: the smallest share, over the directions of the
/// common eigenbasis, of the information about B that is left when Sigma is unknown too,
/// `1 - bs^2 / (bb ss)`. It is 0 where the Gram matrix is a multiple of the identity (lengthscales
/// far below the spacing of the rows) and near 1 where the spectrum is wide.
///
/// ```
/// use coregion::op::{NoiseMatrix, TaskMatrix};
/// use coregion::solve::{Congruence, KroneckerFactor, Spectrum};
/// use ndarray::{Array2, array};
/// let share = |k: Array2<f64>| {
///     let (b, sigma) = (TaskMatrix::Dense(array![[1.0]]), NoiseMatrix::Diagonal(array![1.0]));
///     let (spectrum, congruence) = (Spectrum::of(k)?, Congruence::new(&b, &sigma)?);
///     let factor = KroneckerFactor::new(spectrum.into(), congruence, array![[1.0], [0.0]].view());
///     Ok::<_, coregion::Error>(coregion::gp::identifiability(&factor).unwrap())
/// };
/// assert!(share(Array2::eye(2))? < 1e-12);
/// assert!(share(array![[1.0, 0.9], [0.9, 1.0]])? > 0.5);
/// # Ok::<(), coregion::Error>(())
/// ```
pub fn identifiability(factor: &KroneckerFactor) -> Option<f64> {
    let blocks = factor.fisher()?;
    (0..blocks.bb.nrows())
        .map(|j| {
            let e = [j, j];
            1.0 - blocks.bs[e] * blocks.bs[e] / (blocks.bb[e] * blocks.ss[e])
        })
        .filter(|v| v.is_finite())
        .map(|v| v.clamp(0.0, 1.0))
        .reduce(f64::min)
}
