//! Few gaps: the Kronecker factorisation of the whole table, and a Schur complement on what is
//! missing.
//!
//! Let A be the covariance of the whole table, E_m its missing entries and `G = E_m' A^-1 E_m`. Filling
//! the gaps with `y_m = -G^-1 (A^-1 y_0)_m`, where y_0 has zeros there, gives `alpha = A^-1 y` that is 0
//! at the gaps and `A_oo^-1 y_o` elsewhere; `log|A_oo| = log|A| + log|G|`, and `Cov(y_m | y_o) = G^-1`.
//! Nothing is approximated. (Block inversion; for separable covariances with gaps also Stegle et al.
//! 2011, supplement.)
//!
//! With the rows U_m of the eigenvectors and W_m of the dual vectors at the gaps, `G = R R'` and
//! `H_q = R^-1 diag(W_m[:, q]) U_m` (m, n), the gaps add to the adjoints of a complete table
//!
//! - of K: `1/2 U [sum_q d_q (H_q' H_q) / (Lam_q Lam_q')] U'`,
//! - of B: `1/2 W C W'` with `C_ab = sum_i s_i (H_a' H_b)_ii / (Lam_ia Lam_ib)`, and of Sigma the same
//!   without s.

use std::sync::Arc;

use ndarray::{Array1, Array2, Array3, Array4, ArrayView1, ArrayView2, Axis, s};

use super::conditional::DirectionVariances;
use super::leave_out::{self, SchurPrecision};
use super::{
    Adjoints, Congruence, Estimate, Factor, KroneckerFactor, LeaveOut, Residuals, RowCovariances,
    SolveReport, Spectrum, TaskMeans, log_gaussian,
};
use crate::error::Result;
use crate::linalg;
use crate::op::{Adjoint, Pattern, TaskAdjoint};

/// The covariance of a table with m gaps, factored exactly: beyond a complete table's cost n m^2 +
/// m^3 / 3 multiply-adds for the likelihood, and T m n (m + n) / 2 for the gradient, which keeps T m n
/// doubles.
///
/// ```
/// use coregion::op::{NoiseMatrix, Pattern, TaskMatrix};
/// use coregion::solve::{Congruence, Factor, SchurFactor, Spectrum};
/// use ndarray::array;
/// let y = array![[1.0, f64::NAN], [2.0, 3.0]];
/// let (k, b) = (array![[1.0, 0.5], [0.5, 1.0]], TaskMatrix::Dense(array![[2.0, 1.0], [1.0, 3.0]]));
/// let noise = NoiseMatrix::Diagonal(array![0.1, 0.2]);
/// let (spectrum, pattern) = (Spectrum::of(k)?, Pattern::of(y.view()));
/// let rotated = spectrum.vectors.t().dot(&y.mapv(|v: f64| if v.is_nan() { 0.0 } else { v }));
/// let congruence = Congruence::whole(&b, &noise)?;
/// let factor = SchurFactor::new(spectrum.into(), congruence, rotated.view(), pattern.into())?;
/// assert_eq!(factor.dual()[[0, 1]], 0.0); // where nothing was observed
/// assert!(factor.report().exact);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SchurFactor {
    /// The complete table, its gaps filled.
    filled: KroneckerFactor,
    pattern: Arc<Pattern>,
    /// U_m (m, n).
    vectors: Array2<f64>,
    /// W_m (m, T).
    duals: Array2<f64>,
    /// R (m, m).
    lower: Array2<f64>,
}

impl SchurFactor {
    /// Factors the covariance of a table with gaps and solves for data given in the eigenbasis of K:
    /// `rotated = U' Y_0` (n, T), with zeros at the gaps. The congruence must store all its directions
    /// ([`Congruence::whole`]).
    ///
    /// # Errors
    /// [`crate::Error::NotPositive`] where G has no Cholesky factor.
    pub fn new(
        spectrum: Arc<Spectrum>,
        congruence: Congruence,
        rotated: ArrayView2<f64>,
        pattern: Arc<Pattern>,
    ) -> Result<Self> {
        let missing = pattern.missing();
        let (rows, tasks): (Vec<usize>, Vec<usize>) = missing.iter().copied().unzip();
        let vectors = spectrum.vectors.select(Axis(0), &rows);
        let dual_vectors = congruence.dual_vectors();
        let duals = dual_vectors.select(Axis(0), &tasks);
        let zeroed = KroneckerFactor::new(spectrum, congruence, rotated);
        let g = complement(&zeroed, &dual_vectors, &vectors, &tasks);
        let lower = linalg::cholesky(g.view())?;
        let mut factor = SchurFactor { filled: zeroed, pattern, vectors, duals, lower };
        factor.fill(rotated.to_owned());
        Ok(factor)
    }

    /// Fills the gaps of the data `U' Y` (n, T) that the table was just solved for.
    fn fill(&mut self, mut rotated: Array2<f64>) {
        let dual = self.filled.rotated_dual();
        let rows = || self.vectors.rows().into_iter().zip(self.pattern.missing());
        let at_gaps: Array1<f64> = rows().map(|(u, &(_, t))| u.dot(&dual.column(t))).collect();
        for ((u, &(_, t)), gap) in rows().zip(&excess(&self.lower, at_gaps)) {
            rotated.column_mut(t).scaled_add(-gap, &u);
        }
        self.filled.set_rotated(rotated.view());
    }

    /// Solves for other data `U' Y` (n, T), whatever stands at the gaps.
    pub(crate) fn set_rotated(&mut self, rotated: Array2<f64>) {
        self.filled.set_rotated(rotated.view());
        self.fill(rotated);
    }

    /// The table with its gaps filled by their conditional means.
    pub fn filled(&self) -> &KroneckerFactor {
        &self.filled
    }

    /// Which entries were observed.
    pub fn pattern(&self) -> &Arc<Pattern> {
        &self.pattern
    }

    /// U_m (m, n), and the factor R of G (m, m).
    pub(super) fn gaps(&self) -> (&Array2<f64>, &Array2<f64>) {
        (&self.vectors, &self.lower)
    }

    /// `R^-1 diag(W_m[:, q]) U_m diag(1 / Lam_q)` (m, n).
    fn half(&self, q: usize) -> Array2<f64> {
        let scaled = &self.vectors * &self.duals.column(q).insert_axis(Axis(1));
        let mut half = linalg::solve_lower(self.lower.view(), scaled.view());
        half *= &self.filled.inverse_shifts().0.column(q);
        half
    }

    /// What the gaps add to twice the adjoints of B and Sigma in the common eigenbasis.
    fn task_sides(&self, halves: &[Array2<f64>]) -> (Array2<f64>, Array2<f64>) {
        let t = halves.len();
        let s = &self.filled.spectrum().values;
        let (mut task, mut noise) = (Array2::zeros((t, t)), Array2::zeros((t, t)));
        let pairs: Vec<(usize, usize)> =
            (0..t).flat_map(|a| (0..=a).map(move |b| (a, b))).collect();
        let sums = linalg::map(&pairs, |&(a, b)| {
            let mut overlap = Array1::<f64>::zeros(s.len());
            for (x, y) in halves[a].rows().into_iter().zip(halves[b].rows()) {
                ndarray::Zip::from(&mut overlap).and(&x).and(&y).for_each(|o, x, y| *o += x * y);
            }
            (overlap.dot(s), overlap.sum())
        });
        for (&(a, b), (with_s, without)) in pairs.iter().zip(sums) {
            for e in [[a, b], [b, a]] {
                task[e] = with_s;
                noise[e] = without;
            }
        }
        (task, noise)
    }

    /// `R^-1 diag(W_m[:, q]) U_m diag(1 / Lam_q)` for all directions.
    fn halves(&self) -> Vec<Array2<f64>> {
        (0..self.filled.congruence().n_tasks()).map(|q| self.half(q)).collect()
    }

    /// Adjoint of the log-likelihood with respect to K.
    pub fn kernel_adjoint(&self) -> Adjoint<'_> {
        self.adjoint_of_kernel(self.halves())
    }

    /// The adjoint of K: `U M U'`, with what a complete table has and what the gaps add as M.
    fn adjoint_of_kernel(&self, halves: Vec<Array2<f64>>) -> Adjoint<'_> {
        let shifts = self.filled.congruence().shifts();
        let n = self.vectors.ncols();
        let mut middle = Array2::zeros((n, n));
        for (mut half, d) in halves.into_iter().zip(shifts) {
            half *= (0.5 * d).sqrt();
            linalg::add_gram(half.view(), middle.view_mut());
        }
        let (weights, parts) = self.filled.kernel_adjoint_parts();
        linalg::add_gram(parts.t(), middle.view_mut());
        linalg::mirror(&mut middle);
        middle.diag_mut().zip_mut_with(&weights, |m, w| *m += w);
        let vectors = self.filled.spectrum().vectors.view();
        Adjoint::Rotated { left: linalg::matmul(vectors, middle.view()), vectors }
    }

    /// `R^-1 J'` (m, c T) for the rows of `cross` (c, n), where J (T, m) is what the conditional mean
    /// of the latent functions at a row gains from a unit of each gap.
    fn gains(&self, cross: ArrayView2<f64>) -> Array2<f64> {
        let congruence = self.filled.congruence();
        let (c, m, t) = (cross.nrows(), self.vectors.nrows(), congruence.n_tasks());
        let q = linalg::matmul(cross, self.filled.spectrum().vectors.view());
        let inverse = self.filled.inverse_shifts().0;
        let primal = congruence.primal_vectors();
        let mut gains = Array2::<f64>::zeros((m, c * t));
        for (l, d) in congruence.shifts().iter().enumerate() {
            let scaled = &q * &inverse.column(l);
            let mut part = linalg::matmul(self.vectors.view(), scaled.t()); // (m, c)
            part *= &(&self.duals.column(l) * *d).insert_axis(Axis(1));
            for u in 0..t {
                gains.slice_mut(s![.., u..;t]).scaled_add(primal[[u, l]], &part);
            }
        }
        linalg::solve_lower(self.lower.view(), gains.view())
    }
}

/// `G^-1 a`: how far zeros at the gaps exceed their conditional means, from the dual coefficients a
/// there of the table that has them.
fn excess(lower: &Array2<f64>, dual: Array1<f64>) -> Array1<f64> {
    let half = linalg::solve_lower(lower.view(), dual.insert_axis(Axis(1)).view());
    linalg::solve_lower_transpose(lower.view(), half.view()).remove_axis(Axis(1))
}

/// G (m, m), one pair of tasks at a time: `U_t diag(sum_l W_tl W_ul / Lam_l) U_u'`.
fn complement(
    factor: &KroneckerFactor,
    duals: &Array2<f64>,
    vectors: &Array2<f64>,
    tasks: &[usize],
) -> Array2<f64> {
    let m = tasks.len();
    let inverse = factor.inverse_shifts().0;
    // The gaps come task by task.
    let mut spans: Vec<(usize, usize, usize)> = Vec::new();
    for (place, &t) in tasks.iter().enumerate() {
        match spans.last_mut() {
            Some((task, _, end)) if *task == t => *end = place + 1,
            _ => spans.push((t, place, place + 1)),
        }
    }
    let mut g = Array2::zeros((m, m));
    for (index, &(t, start, end)) in spans.iter().enumerate() {
        for &(u, from, to) in &spans[..=index] {
            let weights = inverse.dot(&(&duals.row(t) * &duals.row(u)));
            let left = &vectors.slice(s![start..end, ..]) * &weights;
            let right = vectors.slice(s![from..to, ..]);
            linalg::matmul_into(left.view(), right.t(), g.slice_mut(s![start..end, from..to]));
        }
    }
    linalg::mirror(&mut g);
    g
}

/// Covariances of the filled table, and what the gaps leave unknown on top.
struct WithGaps<'a> {
    filled: DirectionVariances<'a>,
    /// `R^-1 J'` (m, c T).
    gains: Array2<f64>,
    n_tasks: usize,
}

impl RowCovariances for WithGaps<'_> {
    fn variances(&self) -> (Array2<f64>, usize) {
        let (mut out, clipped) = self.filled.variances();
        let added = self.gains.mapv(|v| v * v).sum_axis(Axis(0));
        out.iter_mut().zip(&added).for_each(|(v, a)| *v += a);
        (out, clipped)
    }

    fn block(&self, i: usize, rows: &[usize], columns: &[usize]) -> Array2<f64> {
        let of = |tasks: &[usize]| {
            let places: Vec<usize> = tasks.iter().map(|t| i * self.n_tasks + t).collect();
            self.gains.select(Axis(1), &places)
        };
        self.filled.block(i, rows, columns) + linalg::matmul(of(rows).t(), of(columns).view())
    }
}

impl Factor for SchurFactor {
    fn solve(&self, rhs: ArrayView2<f64>) -> Result<Array2<f64>> {
        let mut table = self.pattern.scatter(self.pattern.gather(rhs).view());
        let zeroed = self.filled.solve(table.view())?;
        let missing = self.pattern.missing();
        let at_gaps: Array1<f64> = missing.iter().map(|&e| zeroed[e]).collect();
        for (&e, gap) in missing.iter().zip(&excess(&self.lower, at_gaps)) {
            table[e] = -gap;
        }
        let solution = self.filled.solve(table.view())?;
        Ok(self.pattern.scatter(self.pattern.gather(solution.view()).view()))
    }

    fn log_det(&self) -> Estimate {
        let gaps = 2.0 * self.lower.diag().iter().map(|v| v.ln()).sum::<f64>();
        Estimate { value: self.filled.log_det().value + gaps, std_err: 0.0 }
    }

    fn log_likelihood(&self) -> f64 {
        log_gaussian(self.filled.quadratic(), self.log_det().value, self.pattern.n_observed())
    }

    fn dual(&self) -> Array2<f64> {
        // Zero at the gaps up to rounding, and exactly zero for the user.
        let dual = self.filled.dual();
        self.pattern.scatter(self.pattern.gather(dual.view()).view())
    }

    fn weights(&self) -> Vec<Array2<f64>> {
        self.filled.weights()
    }

    fn adjoints(&self, with_kernels: bool) -> Result<Adjoints<'_>> {
        let halves = self.halves();
        let sides = self.task_sides(&halves);
        let w = self.filled.congruence().dual_vectors();
        let added = |c: &Array2<f64>| {
            linalg::matmul(linalg::matmul(w.view(), c.view()).view(), w.t()) * 0.5
        };
        let noise_inner = |c: &Array2<f64>| 0.5 * c.diag().sum();
        let with = |base: TaskAdjoint, c: &Array2<f64>| match base {
            TaskAdjoint::Dense { matrix, noise_inner: base } => {
                TaskAdjoint::Dense { matrix: matrix + added(c), noise_inner: base + noise_inner(c) }
            }
            // The congruence stores every direction, and then the adjoint is a matrix.
            other => other,
        };
        Ok(Adjoints {
            tasks: vec![with(self.filled.task_adjoint(), &sides.0)],
            noise: with(self.filled.noise_adjoint(), &sides.1),
            kernels: with_kernels.then(|| self.adjoint_of_kernel(halves)).into_iter().collect(),
        })
    }

    fn at(
        &self,
        cross: &[ArrayView2<f64>],
        prior: &[ArrayView1<f64>],
    ) -> Result<Box<dyn RowCovariances + '_>> {
        Ok(Box::new(WithGaps {
            filled: self.filled.direction_variances(cross[0], prior[0]),
            gains: self.gains(cross[0]),
            n_tasks: self.filled.congruence().n_tasks(),
        }))
    }

    fn row_doubles(&self) -> usize {
        self.filled.row_doubles() + 2 * self.vectors.nrows() * self.duals.ncols()
    }

    fn joint(&self, cross: &[ArrayView2<f64>], prior: Vec<Array2<f64>>) -> Result<Array4<f64>> {
        let mut out = self.filled.joint(cross, prior)?;
        let gains = self.gains(cross[0]);
        let added = linalg::matmul(gains.t(), gains.view());
        out.iter_mut().zip(&added).for_each(|(v, a)| *v += a);
        Ok(out)
    }

    fn missing_variances(&self, entries: &[(usize, usize)]) -> Result<Array1<f64>> {
        let half = linalg::solve_lower(self.lower.view(), Array2::eye(self.lower.nrows()).view());
        let variances = half.mapv(|v| v * v).sum_axis(Axis(0));
        let places: std::collections::BTreeMap<(usize, usize), usize> =
            self.pattern.missing().iter().copied().zip(0..).collect();
        Ok(entries.iter().map(|e| places.get(e).map_or(0.0, |&p| variances[p])).collect())
    }

    fn with_data(mut self: Box<Self>, residuals: ArrayView2<f64>) -> Result<Box<dyn Factor>> {
        let rotated = linalg::matmul(self.filled.spectrum().vectors.t(), residuals);
        self.set_rotated(rotated);
        Ok(self)
    }

    fn leave_out(&self, by: &LeaveOut, means: TaskMeans) -> Result<Residuals> {
        leave_out::observed::leave_out(&SchurPrecision::new(self), by, means)
    }

    fn leave_out_row_covariances(&self, means: TaskMeans) -> Result<Array3<f64>> {
        leave_out::observed::row_covariances(&SchurPrecision::new(self), means)
    }

    fn report(&self) -> SolveReport {
        SolveReport {
            why: format!(
                "{} of {} entries missing, one separable term: the Kronecker eigendecomposition \
                 and a Schur complement on what is missing",
                self.pattern.n_missing(),
                self.pattern.n_missing() + self.pattern.n_observed()
            )
            .into(),
            ..SolveReport { solver: "schur".into(), ..self.filled.report() }
        }
    }
}
