//! Two terms of which the second is noise that is correlated between rows, factored by one congruence.
//!
//! With the covariance `K1 (x) B + c K2 (x) Sigma + I (x) Sigma` write `M = I + c K2 = L L'`, the
//! eigenvectors U of `L^-1 K1 L^-T` (eigenvalues s) and `P = L^-T U`: then `P' M P = I` and
//! `P' K1 P = diag(s)`. With the congruence W of (B, Sigma), `W' Sigma W = I` and `W' B W = diag(d)`, and
//! `Lam = 1 + s d'` the solution is `alpha = P A W'` for `A = (P' Y W) / Lam`, and
//!
//! `log N(Y) = -1/2 sum((P' Y W) o A) - 1/2 sum log Lam - T sum log L_ii - n/2 log|Sigma| - nT/2 log 2 pi`
//!
//! (simultaneous diagonalisation on both sides; Rakitsch, Lippert, Borgwardt & Stegle 2013). M has no
//! eigenvalue below 1, so that nothing is lost by its root.

use std::ops::Mul;

use ndarray::{Array1, Array2, Array4, ArrayView1, ArrayView2, Axis};

use super::conditional::{DirectionVariances, assembled};
use super::{
    Adjoints, Congruence, Estimate, Factor, RowCovariances, SolveReport, Spectrum, log_gaussian,
};
use crate::error::Result;
use crate::linalg;
use crate::op::{Adjoint, TaskAdjoint};

/// `K1 (x) B + c K2 (x) Sigma + I (x) Sigma` for a complete table: an eigendecomposition, a Cholesky
/// factor and two triangular solves of n x n matrices, n^3 / 3 + 10 n^3 operations and 6 n^2 doubles; then
/// n T^2.
///
/// ```
/// use coregion::op::{NoiseMatrix, TaskMatrix};
/// use coregion::solve::{Congruence, CongruentFactor, Factor};
/// use ndarray::array;
/// let (k1, k2) = (array![[1.0, 0.5], [0.5, 1.0]], array![[1.0, 0.2], [0.2, 1.0]]);
/// let (b, sigma) = (TaskMatrix::Dense(array![[2.0]]), NoiseMatrix::Diagonal(array![0.5]));
/// let congruence = Congruence::whole(&b, &sigma)?;
/// let y = array![[1.0], [-1.0]];
/// let factor = CongruentFactor::new(k1, k2, 3.0, congruence, y.view(), "an example")?;
/// // The covariance is [[4, 1.3], [1.3, 4]].
/// assert!((factor.log_det().value - (16.0f64 - 1.69).ln()).abs() < 1e-12);
/// assert!((factor.dual()[[0, 0]] - 1.0 / 2.7).abs() < 1e-12);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CongruentFactor {
    /// K2 (n, n).
    second: Array2<f64>,
    /// c.
    multiple: f64,
    congruence: Congruence,
    /// s with P in place of eigenvectors.
    spectrum: Spectrum,
    /// `sum log L_ii`.
    half_log_det: f64,
    /// `1 / Lam` (n, T).
    inverse: Array2<f64>,
    /// A (n, T).
    coefficients: Array2<f64>,
    quadratic: f64,
    why: String,
}

impl CongruentFactor {
    /// Factors the covariance with Gram matrices K1 and K2 (n, n), the multiple c and the congruence of
    /// (B, Sigma), and solves for data less their mean (n, T). `why` is what the report says of the choice.
    ///
    /// # Errors
    /// [`crate::Error::NotPositive`] where K1 or K2 is no covariance.
    pub fn new(
        first: Array2<f64>,
        second: Array2<f64>,
        multiple: f64,
        congruence: Congruence,
        residuals: ArrayView2<f64>,
        why: &str,
    ) -> Result<Self> {
        let mut m = &second * multiple;
        m.diag_mut().mapv_inplace(|v| v + 1.0);
        let lower = linalg::cholesky_of(m)?;
        let half = linalg::solve_lower(lower.view(), first.view());
        let whitened = linalg::solve_lower(lower.view(), half.t());
        let mut spectrum = Spectrum::of((&whitened + &whitened.t()) * 0.5)?;
        spectrum.vectors = linalg::solve_lower_transpose(lower.view(), spectrum.vectors.view());
        let s = spectrum.values.view().insert_axis(Axis(1));
        let inverse = (&s * congruence.shifts()).mapv(|v| 1.0 / (1.0 + v));
        let mut factor = CongruentFactor {
            second,
            multiple,
            congruence,
            half_log_det: lower.diag().iter().map(|v| v.ln()).sum(),
            spectrum,
            coefficients: Array2::zeros(inverse.dim()),
            inverse,
            quadratic: 0.0,
            why: why.to_string(),
        };
        factor.set_data(residuals);
        Ok(factor)
    }

    /// `P' R W` (n, T).
    fn rotated(&self, rhs: ArrayView2<f64>) -> Array2<f64> {
        let rotated = linalg::matmul(self.p().t(), rhs);
        linalg::matmul(rotated.view(), self.congruence.dual_vectors().view())
    }

    /// `P C W'` (n, T).
    fn back(&self, coefficients: &Array2<f64>) -> Array2<f64> {
        let rows = linalg::matmul(self.p(), coefficients.view());
        linalg::matmul(rows.view(), self.congruence.dual_vectors().t())
    }

    /// `P C (Sigma W)'` (n, T).
    fn colored(&self, coefficients: &Array2<f64>) -> Array2<f64> {
        let rows = linalg::matmul(self.p(), coefficients.view());
        linalg::matmul(rows.view(), self.congruence.primal_vectors().t())
    }

    fn p(&self) -> ArrayView2<'_, f64> {
        self.spectrum.vectors.view()
    }

    fn set_data(&mut self, residuals: ArrayView2<f64>) {
        let rotated = self.rotated(residuals);
        self.coefficients = &rotated * &self.inverse;
        self.quadratic = (&rotated * &self.coefficients).sum();
    }

    /// `1/2 (alpha' X alpha - W diag(v) W')` from `alpha' X alpha` and v, with its inner product with Sigma.
    fn task_adjoint(&self, mut moment: Array2<f64>, v: &Array1<f64>) -> TaskAdjoint {
        let w = self.congruence.dual_vectors();
        moment -= &linalg::matmul((&w * v).view(), w.t());
        moment *= 0.5;
        let noise_inner = (&moment * &self.congruence.noise()).sum();
        TaskAdjoint::Dense { matrix: moment, noise_inner }
    }

    /// Prior and cross-covariance of direction j at rows, from those of the terms.
    fn direction<T>(&self, j: usize, of_terms: [&T; 2]) -> T
    where
        for<'a> &'a T: Mul<f64, Output = T>,
        T: std::ops::Add<T, Output = T>,
    {
        of_terms[0] * self.congruence.shifts()[j] + of_terms[1] * self.multiple
    }

    /// `cross P` of both terms (m, n).
    fn crossed(&self, cross: &[ArrayView2<f64>]) -> [Array2<f64>; 2] {
        [0, 1].map(|q| linalg::matmul(cross[q], self.p()))
    }
}

impl Factor for CongruentFactor {
    fn solve(&self, rhs: ArrayView2<f64>) -> Result<Array2<f64>> {
        Ok(self.back(&(self.rotated(rhs) * &self.inverse)))
    }

    fn log_det(&self) -> Estimate {
        let (n, t) = (self.inverse.nrows() as f64, self.inverse.ncols() as f64);
        let roots = n * self.congruence.half_log_det_noise() + t * self.half_log_det;
        let value = 2.0 * roots - self.inverse.iter().map(|v| v.ln()).sum::<f64>();
        Estimate { value, std_err: 0.0 }
    }

    fn log_likelihood(&self) -> f64 {
        log_gaussian(self.quadratic, self.log_det().value, self.inverse.len())
    }

    fn dual(&self) -> Array2<f64> {
        self.back(&self.coefficients)
    }

    fn weights(&self) -> Vec<Array2<f64>> {
        let first = &self.coefficients * self.congruence.shifts();
        let second = &self.coefficients * self.multiple;
        vec![self.colored(&first), self.colored(&second)]
    }

    fn adjoints(&self, with_kernels: bool) -> Result<Adjoints<'_>> {
        let (p, shifts) = (self.p(), self.congruence.shifts());
        let mut kernels = Vec::new();
        if with_kernels {
            // Of K1 and of K2: 1/2 (alpha X alpha' - P diag(sum_j x_j / Lam_:j) P').
            let scales = [shifts.to_owned(), Array1::from_elem(shifts.len(), self.multiple)];
            for scale in scales {
                let parts = &self.coefficients * &scale.mapv(|v| (0.5 * v).sqrt());
                kernels.push(Adjoint::Spectral {
                    vectors: p,
                    weights: self.inverse.dot(&scale) * -0.5,
                    factor: linalg::matmul(p, parts.view()),
                });
            }
        }
        let alpha = self.dual();
        let through = linalg::matmul(self.second.view(), alpha.view());
        let s = self.spectrum.values.view().insert_axis(Axis(1));
        // P' K2 P and P' P have the diagonals that the traces need.
        let seen = linalg::matmul(self.second.view(), p);
        let of_second = (&seen * &p).sum_axis(Axis(0));
        let of_white = p.mapv(|v| v * v).sum_axis(Axis(0));
        let traces = |weights: &Array1<f64>| self.inverse.t().dot(weights);
        let moment = |rows: &Array2<f64>| linalg::matmul(alpha.t(), rows.view());
        // alpha' K1 alpha = W A' diag(s) A W'.
        let w = self.congruence.dual_vectors();
        let inner = linalg::matmul(self.coefficients.t(), (&self.coefficients * &s).view());
        let first = linalg::matmul(linalg::matmul(w.view(), inner.view()).view(), w.t());
        Ok(Adjoints {
            kernels,
            tasks: vec![
                self.task_adjoint(first, &traces(&self.spectrum.values)),
                self.task_adjoint(moment(&through), &traces(&of_second)),
            ],
            noise: self.task_adjoint(moment(&alpha), &traces(&of_white)),
        })
    }

    fn at(
        &self,
        cross: &[ArrayView2<f64>],
        prior: &[ArrayView1<f64>],
    ) -> Result<Box<dyn RowCovariances + '_>> {
        let [first, second] = self.crossed(cross);
        let (m, t) = (first.nrows(), self.inverse.ncols());
        let explained = |a: &Array2<f64>, b: &Array2<f64>| (a * b).dot(&self.inverse);
        let (d, c) = (self.congruence.shifts(), self.multiple);
        let known = explained(&first, &first) * &d.mapv(|d| d * d)
            + explained(&first, &second) * &(d * (2.0 * c))
            + explained(&second, &second) * (c * c);
        let mut clipped = 0;
        let stored = Array2::from_shape_fn((m, t), |(i, j)| {
            let v = d[j] * prior[0][i] + c * prior[1][i] - known[[i, j]];
            clipped += usize::from(v < 0.0);
            v.max(0.0)
        });
        Ok(Box::new(DirectionVariances::new(&self.congruence, stored, None, clipped)))
    }

    fn row_doubles(&self) -> usize {
        6 * self.inverse.nrows() + 4 * self.inverse.ncols()
    }

    fn joint(&self, cross: &[ArrayView2<f64>], prior: Vec<Array2<f64>>) -> Result<Array4<f64>> {
        let [first, second] = self.crossed(cross);
        let block = |j: usize| {
            let prior = self.direction(j, [&prior[0], &prior[1]]);
            let cross = self.direction(j, [&first, &second]);
            let weighted = &cross * &self.inverse.column(j);
            prior - linalg::matmul(weighted.view(), cross.t())
        };
        let blocks: Vec<Array2<f64>> = (0..self.inverse.ncols()).map(block).collect();
        Ok(assembled(&self.congruence, &blocks, None))
    }

    fn missing_variances(&self, entries: &[(usize, usize)]) -> Result<Array1<f64>> {
        // A complete table misses nothing.
        Ok(Array1::zeros(entries.len()))
    }

    fn with_data(mut self: Box<Self>, residuals: ArrayView2<f64>) -> Result<Box<dyn Factor>> {
        self.set_data(residuals);
        Ok(self)
    }

    fn report(&self) -> SolveReport {
        SolveReport {
            why: self.why.clone().into(),
            clipped_eigenvalues: self.spectrum.clipped,
            clipped_magnitude: self.spectrum.clipped_magnitude,
            ..SolveReport::exact("congruent")
        }
    }
}
