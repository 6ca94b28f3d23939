//! One Cholesky factor for each direction between tasks: a complete table of few tasks, evaluated once.
//!
//! In the basis of the congruence the covariance is block diagonal with blocks `A_j = d_j K + I`.
//! Their Cholesky factors give everything an eigendecomposition of K gives, T times n^3 / 3 for the
//! likelihood and T n^3 with the gradient, which is cheaper for few tasks; but nothing is kept for
//! other values of B and Sigma.

use std::sync::Arc;

use ndarray::{Array1, Array2, Array3, Array4, ArrayView1, ArrayView2, Axis};

use super::conditional::{DirectionVariances, assembled};
use super::fixed_effects::Directions;
use super::{
    Adjoints, Congruence, Estimate, Factor, FixedEffects, KroneckerFactor, LeaveOut, Residuals,
    RowCovariances, SolveReport, Spectrum, TaskMeans, log_gaussian,
};
use crate::error::Result;
use crate::linalg;
use crate::op::{Adjoint, Pattern, TaskAdjoint};

/// `K (x) B + I (x) Sigma` of a complete table, factored one direction at a time: (T + 1) n^2 doubles.
///
/// ```
/// use coregion::op::{NoiseMatrix, TaskMatrix};
/// use coregion::solve::{CholeskysFactor, Congruence, Factor};
/// use ndarray::array;
/// let (b, sigma) = (TaskMatrix::Dense(array![[2.0]]), NoiseMatrix::Diagonal(array![0.5]));
/// let (k, y) = (array![[1.0, 0.5], [0.5, 1.0]], array![[1.0], [-1.0]]);
/// let factor = CholeskysFactor::new(k, Congruence::whole(&b, &sigma)?, y.view(), "an example")?;
/// // The covariance is [[2.5, 1], [1, 2.5]], and y is its eigenvector of the value 1.5.
/// assert!((factor.dual() - &y / 1.5).iter().all(|v| v.abs() < 1e-14));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CholeskysFactor {
    gram: Array2<f64>,
    congruence: Congruence,
    /// L_j (n, n) with `L_j L_j' = A_j`.
    lowers: Vec<Array2<f64>>,
    /// `A_j^-1` times the whitened data along each direction (n, T).
    solution: Array2<f64>,
    quadratic: f64,
    why: String,
}

impl CholeskysFactor {
    /// Factors the covariance with Gram matrix K (n, n) and solves for data less their mean (n, T).
    /// The congruence must store all its directions. `why` is what the report says of the choice.
    ///
    /// # Errors
    /// [`crate::Error::NotPositive`] where a block has no Cholesky factor.
    pub fn new(
        gram: Array2<f64>,
        congruence: Congruence,
        residuals: ArrayView2<f64>,
        why: &str,
    ) -> Result<Self> {
        let directions: Vec<f64> = congruence.shifts().to_vec();
        let lowers = linalg::for_each(&directions, |d| {
            let mut block = &gram * *d;
            block.diag_mut().mapv_inplace(|v| v + 1.0);
            linalg::cholesky_of(block)
        })?;
        let (solution, why) = (Array2::zeros(residuals.dim()), why.to_string());
        let mut factor =
            CholeskysFactor { gram, congruence, lowers, solution, quadratic: 0.0, why };
        factor.set_data(residuals);
        Ok(factor)
    }

    /// Solves for data less their mean (n, T).
    fn set_data(&mut self, residuals: ArrayView2<f64>) {
        let whitened = self.congruence.root().whiten_rows(residuals);
        let data = linalg::matmul(whitened.view(), self.congruence.vectors.view());
        self.quadratic = 0.0;
        for (j, lower) in self.lowers.iter().enumerate() {
            let column = data.column(j).insert_axis(Axis(1));
            let half = linalg::solve_lower(lower.view(), column);
            self.quadratic += half.iter().map(|v| v * v).sum::<f64>();
            let whole = linalg::solve_lower_transpose(lower.view(), half.view());
            self.solution.column_mut(j).assign(&whole.column(0));
        }
    }

    /// The same covariance in the eigenbasis of K, for what needs one: an eigendecomposition.
    ///
    /// # Errors
    /// As [`Spectrum::of`].
    pub fn to_kronecker(&self) -> Result<KroneckerFactor> {
        let spectrum = Spectrum::of(self.gram.clone())?;
        // A_j times the solution is the data along the direction.
        let mut data = linalg::matmul(self.gram.view(), self.solution.view());
        data *= self.congruence.shifts();
        data += &self.solution;
        let whitened = linalg::matmul(data.view(), self.congruence.vectors());
        let data = self.congruence.color_rows(whitened.view());
        let rotated = linalg::matmul(spectrum.vectors.t(), data.view());
        Ok(KroneckerFactor::new(spectrum.into(), self.congruence.clone(), rotated.view()))
    }

    fn solve_whitened(&self, rhs: ArrayView2<f64>) -> Array2<f64> {
        let whitened = self.congruence.root().whiten_rows(rhs);
        let mut data = linalg::matmul(whitened.view(), self.congruence.vectors.view());
        for (mut column, lower) in data.columns_mut().into_iter().zip(&self.lowers) {
            let half = linalg::solve_lower(lower.view(), column.view().insert_axis(Axis(1)));
            let whole = linalg::solve_lower_transpose(lower.view(), half.view());
            column.assign(&whole.column(0));
        }
        data
    }

    fn dual_of(&self, solution: &Array2<f64>) -> Array2<f64> {
        let whitened = linalg::matmul(solution.view(), self.congruence.vectors());
        self.congruence.root().unwhiten_dual_rows(whitened.view())
    }
}

impl Factor for CholeskysFactor {
    fn solve(&self, rhs: ArrayView2<f64>) -> Result<Array2<f64>> {
        Ok(self.dual_of(&self.solve_whitened(rhs)))
    }

    fn log_det(&self) -> Estimate {
        let logs = |l: &Array2<f64>| l.diag().iter().map(|v| v.ln()).sum::<f64>();
        let n = self.gram.nrows() as f64;
        let blocks: f64 = self.lowers.iter().map(logs).sum();
        Estimate { value: 2.0 * (blocks + n * self.congruence.half_log_det_noise()), std_err: 0.0 }
    }

    fn log_likelihood(&self) -> f64 {
        log_gaussian(self.quadratic, self.log_det().value, self.solution.len())
    }

    fn dual(&self) -> Array2<f64> {
        self.dual_of(&self.solution)
    }

    fn weights(&self) -> Vec<Array2<f64>> {
        let scaled = &self.solution * self.congruence.shifts();
        let whitened = linalg::matmul(scaled.view(), self.congruence.vectors());
        vec![self.congruence.color_rows(whitened.view())]
    }

    fn adjoints(&self, with_kernels: bool) -> Result<Adjoints<'_>> {
        let (n, t) = self.solution.dim();
        let shifts = self.congruence.shifts();
        let (mut signal, mut noise) = (Array1::zeros(t), Array1::zeros(t));
        let mut kernel = with_kernels.then(|| Array2::<f64>::zeros((n, n)));
        for (j, lower) in self.lowers.iter().enumerate() {
            let inverse = linalg::cholesky_inverse(lower.view());
            signal[j] = ndarray::Zip::from(&inverse).and(&self.gram).fold(0.0, |s, a, b| s + a * b);
            noise[j] = inverse.diag().sum();
            if let Some(kernel) = &mut kernel {
                kernel.scaled_add(-0.5 * shifts[j], &inverse);
            }
        }
        if let Some(kernel) = &mut kernel {
            let parts = &self.solution * &shifts.mapv(|d| (0.5 * d).sqrt());
            linalg::matmul_add(parts.view(), parts.t(), kernel.view_mut());
        }
        let through = linalg::matmul(self.gram.view(), self.solution.view());
        let w = self.congruence.dual_vectors();
        let adjoint = |inner: Array2<f64>, traces: &Array1<f64>| {
            let mut inner = inner;
            inner.diag_mut().zip_mut_with(traces, |m, v| *m -= v);
            let noise_inner = 0.5 * inner.diag().sum();
            let matrix = linalg::matmul(linalg::matmul(w.view(), inner.view()).view(), w.t()) * 0.5;
            TaskAdjoint::Dense { matrix, noise_inner }
        };
        let z = self.solution.t();
        Ok(Adjoints {
            kernels: kernel.map(Adjoint::Dense).into_iter().collect(),
            tasks: vec![adjoint(linalg::matmul(z, through.view()), &signal)],
            noise: adjoint(linalg::matmul(z, self.solution.view()), &noise),
        })
    }

    fn at(
        &self,
        cross: &[ArrayView2<f64>],
        prior: &[ArrayView1<f64>],
    ) -> Result<Box<dyn RowCovariances + '_>> {
        let (cross, prior) = (cross[0], prior[0]);
        let mut stored = Array2::zeros((cross.nrows(), self.lowers.len()));
        let mut clipped = 0;
        for (j, (lower, d)) in self.lowers.iter().zip(self.congruence.shifts()).enumerate() {
            let half = linalg::solve_lower(lower.view(), cross.t());
            let explained = half.mapv(|v| v * v).sum_axis(Axis(0));
            let variances = (&prior - &(explained * *d)) * *d;
            clipped += variances.iter().filter(|v| **v < 0.0).count();
            stored.column_mut(j).assign(&variances.mapv(|v| v.max(0.0)));
        }
        Ok(Box::new(DirectionVariances::new(&self.congruence, stored, None, clipped)))
    }

    fn row_doubles(&self) -> usize {
        2 * self.gram.nrows() + self.lowers.len()
    }

    fn joint(&self, cross: &[ArrayView2<f64>], prior: Vec<Array2<f64>>) -> Result<Array4<f64>> {
        let (cross, prior) = (cross[0], &prior[0]);
        let blocks: Vec<Array2<f64>> = self
            .lowers
            .iter()
            .zip(self.congruence.shifts())
            .map(|(lower, d)| {
                let half = linalg::solve_lower(lower.view(), cross.t());
                (prior - &(linalg::matmul(half.t(), half.view()) * *d)) * *d
            })
            .collect();
        Ok(assembled(&self.congruence, &blocks, None))
    }

    fn missing_variances(&self, entries: &[(usize, usize)]) -> Result<Array1<f64>> {
        // A complete table misses nothing.
        Ok(Array1::zeros(entries.len()))
    }

    fn fixed_effects(
        &self,
        basis: ArrayView2<f64>,
        _pattern: &Arc<Pattern>,
    ) -> Result<FixedEffects> {
        let solved = linalg::map(&self.lowers, |lower| {
            let half = linalg::solve_lower(lower.view(), basis);
            linalg::solve_lower_transpose(lower.view(), half.view())
        });
        let through = |z: &Array2<f64>| linalg::matmul(self.gram.view(), z.view());
        let directions = Directions::new(&self.congruence, None, basis, &solved, None, through)?;
        let sums = linalg::matmul(basis.t(), self.solution.view());
        let coefficients = directions.whitened_coefficients(sums.view(), None);
        Ok(directions.effects(coefficients.view()))
    }

    fn with_data(mut self: Box<Self>, residuals: ArrayView2<f64>) -> Result<Box<dyn Factor>> {
        self.set_data(residuals);
        Ok(self)
    }

    fn leave_out(&self, by: &LeaveOut, means: TaskMeans) -> Result<Residuals> {
        self.to_kronecker()?.leave_out(by, means)
    }

    fn leave_out_row_covariances(&self, means: TaskMeans) -> Result<Array3<f64>> {
        self.to_kronecker()?.leave_out_row_covariances(means)
    }

    fn report(&self) -> SolveReport {
        SolveReport { why: self.why.clone().into(), ..SolveReport::exact("choleskys") }
    }
}
