//! The congruence engine: the covariance `K (x) B + I (x) Sigma` of a complete table, factored by one
//! eigendecomposition of K and one congruence of (B, Sigma).
//!
//! In the common eigenbasis the covariance is diagonal with entries `1 + s_i d_j` after whitening by
//! Sigma. With `Lam = 1 + s d'`, `Y~ = U' Y W` and `A = Y~ / Lam` the solution is
//! `alpha = U A W'`, and
//!
//! `log N(Y) = -1/2 sum(Y~ o A) - 1/2 sum log Lam - n/2 log|Sigma| - nT/2 log 2 pi`.
//!
//! (Rakitsch, Lippert, Borgwardt & Stegle 2013 for the whitening of full noise; Stegle et al. 2011
//! for the two eigendecompositions.) Nothing of size nT x nT is formed. Directions that the
//! congruence does not store share the shift c: their sums are taken over the part of the whitened
//! data that lies outside the stored directions.

use std::sync::Arc;

use ndarray::{Array1, Array2, Array3, Array4, ArrayView1, ArrayView2, Axis};

use super::conditional::assembled;
use super::fixed_effects::Directions;
use super::{
    Adjoints, Congruence, Estimate, Factor, FixedEffects, LeaveOut, Residuals, RowCovariances,
    SolveReport, Spectrum, TaskMeans, leave_out, log_gaussian,
};
use crate::error::Result;
use crate::linalg;
use crate::op::{Adjoint, Pattern, TaskAdjoint};

/// The Fisher information of (B, Sigma) in the common eigenbasis: for directions `dB~ = W' dB W` and
/// `dS~ = W' dSigma W` it is `1/2 sum_jk (bb dB~^2 + 2 bs dB~ dS~ + ss dS~^2)`.
///
/// ```
/// use coregion::op::{NoiseMatrix, TaskMatrix};
/// use coregion::solve::{Congruence, KroneckerFactor, Spectrum};
/// use ndarray::{Array2, array};
/// let (b, sigma) = (TaskMatrix::Dense(array![[1.0]]), NoiseMatrix::Diagonal(array![1.0]));
/// let (spectrum, congruence) = (Spectrum::of(Array2::eye(2))?, Congruence::new(&b, &sigma)?);
/// let factor = KroneckerFactor::new(spectrum.into(), congruence, array![[1.0], [0.0]].view());
/// let blocks = factor.fisher().unwrap(); // s = 1 and Lam = 2, twice
/// assert_eq!((blocks.bb[[0, 0]], blocks.bs[[0, 0]], blocks.ss[[0, 0]]), (0.5, 0.5, 0.5));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FisherBlocks {
    /// `sum_i s_i^2 / (Lam_ij Lam_ik)` (T, T).
    pub bb: Array2<f64>,
    /// `sum_i s_i / (Lam_ij Lam_ik)` (T, T).
    pub bs: Array2<f64>,
    /// `sum_i 1 / (Lam_ij Lam_ik)` (T, T).
    pub ss: Array2<f64>,
}

/// `K (x) B + I (x) Sigma`, factored, with the solution for one table of data.
///
/// ```
/// use coregion::op::{NoiseMatrix, TaskMatrix};
/// use coregion::solve::{Congruence, Factor, KroneckerFactor, Spectrum};
/// use ndarray::array;
/// let (b, sigma) = (TaskMatrix::Dense(array![[2.0]]), NoiseMatrix::Diagonal(array![0.5]));
/// let spectrum = Spectrum::of(array![[1.0, 0.5], [0.5, 1.0]])?;
/// let y = array![[1.0], [-1.0]];
/// let rotated = spectrum.vectors.t().dot(&y);
/// let factor =
///     KroneckerFactor::new(spectrum.into(), Congruence::new(&b, &sigma)?, rotated.view());
/// // The covariance is [[2.5, 1], [1, 2.5]], and y is its eigenvector of the value 1.5.
/// assert!((factor.dual() - &y / 1.5).iter().all(|v| v.abs() < 1e-14));
/// let expected = -0.5 * (2.0 / 1.5 + 5.25f64.ln()) - std::f64::consts::TAU.ln();
/// assert!((factor.log_likelihood() - expected).abs() < 1e-14);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct KroneckerFactor {
    spectrum: Arc<Spectrum>,
    congruence: Congruence,
    /// `1 / (1 + s_i d_j)` (n, k).
    inverse: Array2<f64>,
    /// `1 / (1 + s_i c)` (n), where some directions are not stored.
    inverse_rest: Option<Array1<f64>>,
    /// `U' alpha L` (n, T): the solution in the eigenbasis of K and the whitened task space.
    solution: Arc<Array2<f64>>,
    /// Squared lengths of the rows of the solution (n).
    row_squares: Array1<f64>,
    /// A (n, k): the solution in the common eigenbasis.
    coefficients: Array2<f64>,
    quadratic: f64,
}

impl KroneckerFactor {
    /// Factors the covariance and solves for data given in the eigenbasis of K: `rotated = U' Y`
    /// (n, T); of a spectrum that was cut off Y is the data that it was made with. Time O(n T^2), or O(n T r) where B has low rank over many tasks.
    pub fn new(spectrum: Arc<Spectrum>, congruence: Congruence, rotated: ArrayView2<f64>) -> Self {
        let mut factor = Self::unsolved(spectrum, congruence);
        factor.set_rotated(rotated);
        factor
    }

    /// Factors the covariance and solves for data less a linear mean with columns `U' F` (n, p), by
    /// generalised least squares: O(n p (k + T)) more.
    ///
    /// # Errors
    /// [`crate::Error::NotPositive`] where the columns cannot be told apart.
    pub(crate) fn profiled(
        spectrum: Arc<Spectrum>,
        congruence: Congruence,
        rotated: ArrayView2<f64>,
        basis: ArrayView2<f64>,
    ) -> Result<(Self, FixedEffects)> {
        let mut factor = Self::unsolved(spectrum, congruence);
        let mut data = factor.congruence.root().whiten_rows(rotated);
        let (directions, coefficients) = factor.whitened_effects(basis, data.view())?;
        data -= &linalg::matmul(basis, coefficients.view());
        factor.set_whitened(data);
        Ok((factor, directions.effects(coefficients.view())))
    }

    /// The least-squares problems of columns `U' F`, and the coefficients (p, T) of whitened data (n, T)
    /// in the whitened task space.
    fn whitened_effects(
        &self,
        basis: ArrayView2<f64>,
        data: ArrayView2<f64>,
    ) -> Result<(Directions, Array2<f64>)> {
        let solved = |inverse: ArrayView1<f64>| &basis * &inverse.insert_axis(Axis(1));
        let stored: Vec<Array2<f64>> = self.inverse.columns().into_iter().map(solved).collect();
        let rest = self.inverse_rest.as_ref().map(|inverse| solved(inverse.view()));
        let s = self.spectrum.values.view().insert_axis(Axis(1));
        let directions = Directions::new(
            &self.congruence,
            Some(Arc::clone(&self.spectrum)),
            basis,
            &stored,
            rest.as_ref(),
            |z| z * &s,
        )?;
        let projected = linalg::matmul(data, self.congruence.vectors.view());
        let inside = linalg::matmul(basis.t(), (&projected * &self.inverse).view());
        let outside =
            rest.map(|rest| linalg::matmul(rest.t(), self.congruence.complement(data).view()));
        let coefficients = directions.whitened_coefficients(inside.view(), outside.as_ref());
        Ok((directions, coefficients))
    }

    /// The covariance factored, without data.
    fn unsolved(spectrum: Arc<Spectrum>, congruence: Congruence) -> Self {
        let s = spectrum.values.view().insert_axis(Axis(1));
        let inverse = (&s * &congruence.shifts).mapv(|v| 1.0 / (1.0 + v));
        let inverse_rest =
            congruence.rest.map(|r| spectrum.values.mapv(|s| 1.0 / (1.0 + s * r.shift)));
        KroneckerFactor {
            spectrum,
            congruence,
            inverse,
            inverse_rest,
            solution: Arc::new(Array2::zeros((0, 0))),
            row_squares: Array1::zeros(0),
            coefficients: Array2::zeros((0, 0)),
            quadratic: 0.0,
        }
    }

    /// Solves for other data `U' Y` (n, T).
    pub(super) fn set_rotated(&mut self, rotated: ArrayView2<f64>) {
        self.set_whitened(self.congruence.root().whiten_rows(rotated));
    }

    /// Solves for whitened data (n, T) in the eigenbasis of K.
    fn set_whitened(&mut self, mut data: Array2<f64>) {
        let lengths = row_squares(&data);
        let projected = self.apply_inverse(&mut data);
        // Along the stored directions each square has its own weight; what is left of a row's
        // squared length has that of the rest.
        self.coefficients = &projected * &self.inverse;
        self.quadratic = (&projected * &self.coefficients).sum();
        if let Some(rest) = &self.inverse_rest {
            let inside = row_squares(&projected);
            self.quadratic += rest.dot(&(lengths - inside).mapv(|v| v.max(0.0)));
        }
        self.row_squares = row_squares(&data);
        self.solution = Arc::new(data);
    }

    /// Replaces whitened data (n, T) in the eigenbasis of K by the solution there; returns the data
    /// along the stored directions (n, k).
    fn apply_inverse(&self, data: &mut Array2<f64>) -> Array2<f64> {
        let v = self.congruence.vectors.view();
        let projected = linalg::matmul(data.view(), v);
        let coefficients = &projected * &self.inverse;
        match &self.inverse_rest {
            None => linalg::matmul_into(coefficients.view(), v.t(), data.view_mut()),
            Some(rest) => {
                let rest = rest.view().insert_axis(Axis(1));
                *data *= &rest;
                let inside = &coefficients - &(&projected * &rest);
                linalg::matmul_add(inside.view(), v.t(), data.view_mut());
            }
        }
        projected
    }

    /// The covariance times Z (n, T) in the eigenbasis of K and the whitened task space, and its
    /// largest eigenvalue there.
    pub(crate) fn times_whitened(&self, z: ArrayView2<f64>) -> (Array2<f64>, f64) {
        let Congruence { vectors, shifts, rest, .. } = &self.congruence;
        let rest = rest.map_or(0.0, |r| r.shift);
        let along = linalg::matmul(z, vectors.view()) * &shifts.mapv(|d| d - rest);
        let mut out = linalg::matmul(along.view(), vectors.t());
        out.scaled_add(rest, &z);
        out *= &self.spectrum.values.view().insert_axis(Axis(1));
        out += &z;
        let largest = |values: &Array1<f64>| values.iter().fold(0.0f64, |m, v| m.max(*v));
        (out, 1.0 + largest(&self.spectrum.values) * largest(shifts).max(rest))
    }

    /// The eigendecomposition of K.
    pub fn spectrum(&self) -> &Arc<Spectrum> {
        &self.spectrum
    }

    /// The congruence of B and Sigma.
    pub fn congruence(&self) -> &Congruence {
        &self.congruence
    }

    /// `U' alpha L` (n, T): the solution in the eigenbasis of K and the whitened task space.
    pub(crate) fn whitened_solution(&self) -> &Array2<f64> {
        &self.solution
    }

    /// `sum(B o alpha' K alpha)`, the squared norm of the posterior mean in the space of `k B`.
    pub(crate) fn signal_norm_squared(&self) -> f64 {
        let s = &self.spectrum.values;
        let stored = (&self.coefficients * &self.coefficients).dot(&self.congruence.shifts);
        let mut norm = s.dot(&stored);
        if let Some(rest) = self.congruence.rest {
            let outside = self.congruence.complement(self.solution.view());
            norm += rest.shift * s.dot(&row_squares(&outside));
        }
        norm
    }

    /// A (n, k): the solution in the common eigenbasis.
    pub(crate) fn coefficients(&self) -> &Array2<f64> {
        &self.coefficients
    }

    /// The data `U' Y` (n, T).
    pub(super) fn rotated_data(&self) -> Array2<f64> {
        // Along each direction by its own weight: the solution alone would drown those with much
        // signal in the others.
        let v = self.congruence.vectors.t();
        let mut whitened = linalg::matmul((&self.coefficients / &self.inverse).view(), v);
        if let Some(rest) = &self.inverse_rest {
            let outside = &*self.solution - &linalg::matmul(self.coefficients.view(), v);
            whitened += &(outside / rest.view().insert_axis(Axis(1)));
        }
        self.congruence.color_rows(whitened.view())
    }

    /// `U' alpha` (n, T).
    pub fn rotated_dual(&self) -> Array2<f64> {
        self.congruence.root().unwhiten_dual_rows(self.solution.view())
    }

    /// `U' alpha B` (n, T): the posterior mean is `k(x, X) U` times it.
    pub fn mean_weights(&self) -> Array2<f64> {
        let shifts = &self.congruence.shifts;
        let scaled = match self.congruence.rest {
            None => {
                linalg::matmul((&self.coefficients * shifts).view(), self.congruence.vectors.t())
            }
            Some(rest) => {
                let extra = shifts.mapv(|d| d - rest.shift);
                linalg::matmul((&self.coefficients * &extra).view(), self.congruence.vectors.t())
                    + &*self.solution * rest.shift
            }
        };
        self.congruence.color_rows(scaled.view())
    }

    /// `1 / (1 + s_i d_j)` (n, k), and the same for the directions that are not stored.
    pub fn inverse_shifts(&self) -> (&Array2<f64>, Option<&Array1<f64>>) {
        (&self.inverse, self.inverse_rest.as_ref())
    }

    /// Adjoint of the log-likelihood with respect to K.
    pub fn kernel_adjoint(&self) -> Adjoint<'_> {
        let (mut weights, parts) = self.kernel_adjoint_parts();
        let u = self.spectrum.vectors.view();
        if self.spectrum.hidden() > 0 {
            // Directions that the vectors do not span have a weight too: that of the eigenvalue 0.
            let rest = self.congruence.rest.map_or(0.0, |r| r.count as f64 * r.shift);
            let shared = -0.5 * (self.congruence.shifts.sum() + rest);
            weights -= shared;
            let mut middle = linalg::matmul(parts.view(), parts.t());
            middle.diag_mut().zip_mut_with(&weights, |m, w| *m += w);
            let left = linalg::matmul(u, middle.view());
            let inside = Box::new(Adjoint::Rotated { left, vectors: u });
            return Adjoint::Shifted { inside, shift: shared };
        }
        if parts.ncols() < parts.nrows() {
            return Adjoint::Spectral {
                vectors: u,
                weights,
                factor: linalg::matmul(u, parts.view()),
            };
        }
        // More columns than rows: the product of the factor with itself is the smaller matrix.
        let mut middle = linalg::matmul(parts.view(), parts.t());
        middle.diag_mut().zip_mut_with(&weights, |m, w| *m += w);
        Adjoint::Dense(linalg::matmul(linalg::matmul(u, middle.view()).view(), u.t()))
    }

    /// Weights (n) and factor (n, k) of the adjoint of K in its eigenbasis: `diag(weights) + P P'`.
    pub(super) fn kernel_adjoint_parts(&self) -> (Array1<f64>, Array2<f64>) {
        let shifts = &self.congruence.shifts;
        let mut weights = self.inverse.dot(shifts) * -0.5;
        let mut parts = &self.coefficients * &shifts.mapv(|d| (0.5 * d).sqrt());
        if let (Some(rest), Some(inverse)) = (self.congruence.rest, &self.inverse_rest) {
            weights.scaled_add(-0.5 * rest.count as f64 * rest.shift, inverse);
            let outside = self.congruence.complement(self.solution.view());
            let outside = outside * (0.5 * rest.shift).sqrt();
            parts = ndarray::concatenate![Axis(1), parts, outside];
        }
        (weights, parts)
    }

    /// `y' A^-1 y`.
    pub(super) fn quadratic(&self) -> f64 {
        self.quadratic
    }

    /// Adjoint of the log-likelihood with respect to B (at a held Sigma).
    pub fn task_adjoint(&self) -> TaskAdjoint {
        self.task_side_adjoint(|s| s)
    }

    /// Adjoint of the log-likelihood with respect to Sigma (at a held B).
    pub fn noise_adjoint(&self) -> TaskAdjoint {
        self.task_side_adjoint(|_| 1.0)
    }

    /// `1/2 (alpha' D alpha - W diag(v) W')` with D = diag(weight(s_i)) in the eigenbasis of K and
    /// `v_j = sum_i weight(s_i) / Lam_ij`.
    fn task_side_adjoint(&self, weight: impl Fn(f64) -> f64) -> TaskAdjoint {
        let weights = self.spectrum.values.mapv(&weight);
        // Directions that the vectors do not span: nothing but noise.
        let hidden = self.spectrum.hidden() as f64 * weight(0.0);
        let v = self.inverse.t().dot(&weights) + hidden;
        let squares = weights.dot(&self.row_squares);
        let root = self.congruence.root();
        let rest = match (self.congruence.rest, &self.inverse_rest) {
            (Some(rest), Some(inverse)) => Some((rest, inverse.dot(&weights) + hidden)),
            _ => None,
        };
        let trace = v.sum() + rest.map_or(0.0, |(r, shared)| r.count as f64 * shared);
        let noise_inner = 0.5 * (squares - trace);
        match rest {
            None => {
                let whitened = &*self.solution * &weights.mapv(f64::sqrt).insert_axis(Axis(1));
                let v_half = &self.congruence.vectors * &v;
                let mut g = linalg::matmul(whitened.t(), whitened.view());
                g -= &linalg::matmul(v_half.view(), self.congruence.vectors.t());
                let left = root.whiten_transpose(g.view());
                let matrix = root.whiten_transpose(left.t()) * 0.5;
                TaskAdjoint::Dense { matrix, noise_inner }
            }
            Some((_, shared)) => TaskAdjoint::Factored {
                rows: Arc::clone(&self.solution),
                row_weights: weights,
                vectors: self.congruence.vectors.clone(),
                weights: v.mapv(|v| v - shared),
                rest: shared,
                inverse_root: root.inverse_diagonal().mapv(f64::sqrt),
                noise_inner,
            },
        }
    }

    /// The Fisher information of (B, Sigma); `None` where some directions are not stored.
    pub fn fisher(&self) -> Option<FisherBlocks> {
        if self.congruence.rest.is_some() {
            return None;
        }
        let s = self.spectrum.values.view().insert_axis(Axis(1));
        let scaled = &self.inverse * &s;
        Some(FisherBlocks {
            bb: linalg::matmul(scaled.t(), scaled.view()),
            bs: linalg::matmul(scaled.t(), self.inverse.view()),
            ss: linalg::matmul(self.inverse.t(), self.inverse.view())
                + self.spectrum.hidden() as f64,
        })
    }
}

impl Factor for KroneckerFactor {
    fn solve(&self, rhs: ArrayView2<f64>) -> Result<Array2<f64>> {
        let u = self.spectrum.vectors.view();
        let root = self.congruence.root();
        let rotated = linalg::matmul(u.t(), rhs);
        let mut solution = root.whiten_rows(rotated.view());
        self.apply_inverse(&mut solution);
        let mut out = linalg::matmul(u, root.unwhiten_dual_rows(solution.view()).view());
        if let Some(outside) = self.spectrum.left_of(rhs.t(), &rotated.t().to_owned()) {
            // Nothing but noise there.
            let whitened = root.whiten_rows(outside.t());
            out += &root.unwhiten_dual_rows(whitened.view());
        }
        Ok(out)
    }

    fn log_det(&self) -> Estimate {
        let n = self.spectrum.len() as f64;
        let mut value = 2.0 * n * self.congruence.root().half_log_det();
        value -= self.inverse.iter().map(|v| v.ln()).sum::<f64>();
        if let (Some(rest), Some(inverse)) = (self.congruence.rest, &self.inverse_rest) {
            value -= rest.count as f64 * inverse.iter().map(|v| v.ln()).sum::<f64>();
        }
        Estimate { value, std_err: 0.0 }
    }

    fn log_likelihood(&self) -> f64 {
        let count = self.spectrum.len() * self.solution.ncols();
        log_gaussian(self.quadratic, self.log_det().value, count)
    }

    fn dual(&self) -> Array2<f64> {
        linalg::matmul(self.spectrum.vectors.view(), self.rotated_dual().view())
    }

    fn weights(&self) -> Vec<Array2<f64>> {
        vec![linalg::matmul(self.spectrum.vectors.view(), self.mean_weights().view())]
    }

    fn adjoints(&self, with_kernels: bool) -> Result<Adjoints<'_>> {
        Ok(Adjoints {
            kernels: with_kernels.then(|| self.kernel_adjoint()).into_iter().collect(),
            tasks: vec![self.task_adjoint()],
            noise: self.noise_adjoint(),
        })
    }

    fn at(
        &self,
        cross: &[ArrayView2<f64>],
        prior: &[ArrayView1<f64>],
    ) -> Result<Box<dyn RowCovariances + '_>> {
        Ok(Box::new(self.direction_variances(cross[0], prior[0])))
    }

    fn row_doubles(&self) -> usize {
        3 * self.spectrum.len() + self.congruence.shifts().len()
    }

    fn joint(&self, cross: &[ArrayView2<f64>], mut prior: Vec<Array2<f64>>) -> Result<Array4<f64>> {
        let (blocks, rest) = self.direction_covariances(cross[0], prior.swap_remove(0));
        Ok(assembled(&self.congruence, &blocks, rest.as_ref()))
    }

    fn missing_variances(&self, entries: &[(usize, usize)]) -> Result<Array1<f64>> {
        // A complete table misses nothing.
        Ok(Array1::zeros(entries.len()))
    }

    fn as_kronecker(&self) -> Option<&KroneckerFactor> {
        Some(self)
    }

    fn fixed_effects(
        &self,
        basis: ArrayView2<f64>,
        _pattern: &Arc<Pattern>,
    ) -> Result<FixedEffects> {
        let rotated = linalg::matmul(self.spectrum.vectors.t(), basis);
        let data = self.congruence.root().whiten_rows(self.rotated_data().view());
        let (directions, coefficients) = self.whitened_effects(rotated.view(), data.view())?;
        Ok(directions.effects(coefficients.view()))
    }

    fn with_data(mut self: Box<Self>, residuals: ArrayView2<f64>) -> Result<Box<dyn Factor>> {
        self.set_rotated(linalg::matmul(self.spectrum.vectors.t(), residuals).view());
        Ok(self)
    }

    fn leave_out(&self, by: &LeaveOut, means: TaskMeans) -> Result<Residuals> {
        leave_out::complete(self, by, means)
    }

    fn leave_out_row_covariances(&self, means: TaskMeans) -> Result<Array3<f64>> {
        leave_out::complete_row_covariances(self, means)
    }

    fn report(&self) -> SolveReport {
        self.spectral_report()
    }
}

/// Squared lengths of the rows.
fn row_squares(m: &Array2<f64>) -> Array1<f64> {
    m.rows().into_iter().map(|row| row.dot(&row)).collect()
}
