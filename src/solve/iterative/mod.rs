//! The covariance of the observed entries, solved by preconditioned conjugate gradients.
//!
//! For tables whose covariance is too large to be formed: memory for the Gram matrix K and r vectors.
//! Solutions have the accuracy asked for; the log-determinant and its gradient are estimates from random
//! probes, of known standard error, which a preconditioner of rank r makes small. With the landmarks of
//! the preconditioner and the random numbers of the probes held, the likelihood is a smooth function of
//! the parameters.

mod adjoints;
mod cg;
mod landmarks;
mod noise;
mod preconditioner;
mod probes;
mod settings;

use std::sync::{Arc, OnceLock};

use ndarray::{
    Array1, Array2, Array3, Array4, ArrayView1, ArrayView2, ArrayView3, Axis, concatenate, s,
};

use super::leave_out::not_exact;
use super::observed::{RowBlocks, joint_of, variances_at, variances_of, weights_of};
use super::select::DENSE_UP_TO;
use super::{
    Adjoints, DenseFactor, Estimate, Factor, FixedEffects, LeaveOut, Residuals, RowCovariances,
    SolveReport, TaskMeans, log_gaussian, solve_entries,
};
use crate::error::{Error, Result};
use crate::linalg;
use crate::op::{MaskedKronecker, Pattern};
use cg::Solved;
use noise::NoiseRoot;
use preconditioner::Preconditioner;
use probes::Probes;
pub use settings::{CgSettings, CgState};

/// Relative residuals above this are no solution.
const USELESS: f64 = 1e-2;
/// Right-hand sides solved together: bounds the memory of a solve.
const AT_ONCE: usize = 32;

/// `A x = y` by conjugate gradients, with the preconditioner `P = L L' + D` of landmarks and noise.
///
/// An iteration costs `2 n^2 T` operations and `4 r N` for each vector, the preconditioner `2 N r^2`
/// and the gradient `3 N r^2` more. Memory: r N doubles, and some for each vector in work.
///
/// ```
/// use coregion::op::{MaskedKronecker, NoiseMatrix, Pattern};
/// use coregion::solve::{CgSettings, DenseFactor, Factor, IterativeFactor};
/// use ndarray::array;
/// let y = array![[1.0, f64::NAN], [2.0, 3.0]];
/// let (k, b) = (array![[1.0, 0.5], [0.5, 1.0]], array![[2.0, 1.0], [1.0, 3.0]]);
/// let noise = NoiseMatrix::Diagonal(array![0.1, 0.2]);
/// let a = MaskedKronecker::new(k.into(), b, noise, None, Pattern::of(y.view()).into());
/// let settings = CgSettings::default();
/// let factor = IterativeFactor::new(a.clone(), y.view(), &settings, None, "an example")?;
/// let dense = DenseFactor::new(a.clone(), y.view(), "an example")?;
/// assert!((factor.dual() - dense.dual()).iter().all(|v| v.abs() < 1e-8));
/// // So few entries are all landmarks, and nothing is left to the probes.
/// assert!((factor.log_likelihood() - dense.log_likelihood()).abs() < 1e-6);
/// // The next step of an optimiser starts from what this one found.
/// let next = IterativeFactor::new(a, y.view(), &settings, Some(&factor.state()), "an example")?;
/// assert_eq!(next.state().landmarks(), factor.state().landmarks());
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct IterativeFactor {
    covariance: MaskedKronecker,
    preconditioner: Preconditioner,
    settings: CgSettings,
    /// The observed entries less their mean.
    data: Array1<f64>,
    solution: Array1<f64>,
    quadratic: f64,
    relative_residual: f64,
    iterations: usize,
    probes: OnceLock<Probes>,
    why: String,
}

impl IterativeFactor {
    /// The diagonal of `C' A^-1 C`.
    fn explained(&self, c: &Array2<f64>) -> Result<Array1<f64>> {
        let (x, rest) = self.solve_columns(c)?;
        Ok((&x * &(c + &rest)).sum_axis(Axis(0)))
    }

    /// Solves for the observed entries of `residuals` (n, T), data less their mean, together with the
    /// probes of the log-determinant. A state of an earlier factor gives the landmarks, which are chosen
    /// anew without one, and the solution to start from. `why` is what the report says of the choice.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for settings out of range; [`Error::NotPositive`] where the noise of an
    /// observed entry is zero; [`Error::Numerical`] where the solution is worse than a relative residual
    /// of 0.01.
    pub fn new(
        covariance: MaskedKronecker,
        residuals: ArrayView2<f64>,
        settings: &CgSettings,
        state: Option<&CgState>,
        why: &str,
    ) -> Result<Self> {
        Self::build(covariance, residuals, settings, state, why, true)
    }

    /// The same without the probes, which run when the log-determinant or its gradient is first asked
    /// for: for posteriors, which need neither.
    ///
    /// ```
    /// # use coregion::op::{MaskedKronecker, NoiseMatrix, Pattern};
    /// # use coregion::solve::{CgSettings, Factor, IterativeFactor};
    /// # use ndarray::array;
    /// # let y = array![[1.0, f64::NAN], [2.0, 3.0]];
    /// # let (k, b) = (array![[1.0, 0.5], [0.5, 1.0]], array![[2.0, 1.0], [1.0, 3.0]]);
    /// # let noise = NoiseMatrix::Diagonal(array![0.1, 0.2]);
    /// # let a = MaskedKronecker::new(k.into(), b, noise, None, Pattern::of(y.view()).into());
    /// let settings = CgSettings::default();
    /// let factor = IterativeFactor::for_posterior(a, y.view(), &settings, None, "an example")?;
    /// let missing = factor.missing_variances(&[(0, 1)])?;
    /// assert!(missing[0] > 0.2 && missing[0] < 3.2);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`IterativeFactor::new`].
    pub fn for_posterior(
        covariance: MaskedKronecker,
        residuals: ArrayView2<f64>,
        settings: &CgSettings,
        state: Option<&CgState>,
        why: &str,
    ) -> Result<Self> {
        Self::build(covariance, residuals, settings, state, why, false)
    }

    fn build(
        covariance: MaskedKronecker,
        residuals: ArrayView2<f64>,
        settings: &CgSettings,
        state: Option<&CgState>,
        why: &str,
        with_probes: bool,
    ) -> Result<Self> {
        settings.check()?;
        let pattern = std::sync::Arc::clone(covariance.pattern());
        let noise = NoiseRoot::of(&covariance)?;
        let places = match state {
            Some(state) => state.places(&pattern)?,
            None => landmarks::choose(&covariance, settings.rank, settings.seed),
        };
        let preconditioner = Preconditioner::new(&covariance, noise, places)?;
        let data = pattern.gather(residuals);
        let count = if with_probes { settings.n_probes } else { 0 };
        let draws = preconditioner.draw(count, settings.seed);
        let all = adjoints::with_data(&data, &draws);
        let mut tolerances = vec![settings.probe_tolerance; count + 1];
        tolerances[0] = settings.tolerance;
        let guess = state.and_then(|state| state.guess.as_ref()).map(|guess| {
            let mut start = Array2::zeros(all.dim());
            start.row_mut(0).assign(&pattern.gather(guess.view()));
            start
        });
        let limit = settings.max_iterations;
        let mut solved =
            cg::solve(&covariance, &preconditioner, all.view(), guess, &tolerances, limit);
        let own = Solved {
            x: solved.x.slice(s![..1, ..]).to_owned(),
            relative: vec![solved.relative[0]],
            iterations: solved.iterations,
            coefficients: Vec::new(),
        };
        let row = all.slice(s![..1, ..]);
        let (own, rest) =
            cg::solve_measured(&covariance, &preconditioner, row, own, settings.tolerance, limit);
        check(&own)?;
        let probes = OnceLock::new();
        if with_probes {
            solved.x = solved.x.slice(s![1.., ..]).to_owned();
            solved.relative.remove(0);
            solved.coefficients.remove(0);
            let _ = probes.set(Probes::new(&preconditioner, &draws, solved)?);
        }
        let solution = own.x.row(0).to_owned();
        // y' A^-1 y to second order in the error of the solution.
        let quadratic = solution.dot(&data) + solution.dot(&rest.row(0));
        Ok(IterativeFactor {
            covariance,
            preconditioner,
            settings: settings.clone(),
            data,
            solution,
            quadratic,
            relative_residual: own.relative[0],
            iterations: own.iterations,
            probes,
            why: why.to_string(),
        })
    }

    /// Solves for the observed entries of other data less their mean (n, T), from the solution at hand.
    fn set_data(&mut self, residuals: ArrayView2<f64>) -> Result<()> {
        let data = self.covariance.pattern().gather(residuals);
        let (a, p) = (&self.covariance, &self.preconditioner);
        let (limit, tolerance) = (self.settings.max_iterations, self.settings.tolerance);
        let row = data.view().insert_axis(Axis(0));
        let guess = self.solution.view().insert_axis(Axis(0)).to_owned();
        let solved = cg::solve(a, p, row, Some(guess), &[tolerance], limit);
        let (own, rest) = cg::solve_measured(a, p, row, solved, tolerance, limit);
        check(&own)?;
        self.solution = own.x.row(0).to_owned();
        self.quadratic = self.solution.dot(&data) + self.solution.dot(&rest.row(0));
        self.relative_residual = own.relative[0];
        self.iterations += own.iterations;
        self.data = data;
        Ok(())
    }

    /// The same covariance factored densely, for what needs its inverse.
    ///
    /// # Errors
    /// [`Error::Incompatible`] for more observed entries than the dense solver is chosen for.
    pub fn to_dense(&self) -> Result<DenseFactor> {
        if self.data.len() > DENSE_UP_TO {
            return Err(not_exact("cg"));
        }
        let data = self.covariance.pattern().scatter(self.data.view());
        DenseFactor::new(self.covariance.clone(), data.view(), &self.why)
    }

    /// The covariance of the observed entries.
    pub fn covariance(&self) -> &MaskedKronecker {
        &self.covariance
    }

    /// The landmarks and the solution, to start the next factor from.
    pub fn state(&self) -> CgState {
        CgState {
            landmarks: self.covariance.entries_at(self.preconditioner.places()),
            guess: Some(self.dual()),
        }
    }

    /// The probes, run where they have not been.
    fn probes(&self) -> Result<&Probes> {
        if let Some(probes) = self.probes.get() {
            return Ok(probes);
        }
        let s = &self.settings;
        let draws = self.preconditioner.draw(s.n_probes, s.seed);
        let tolerances = vec![s.probe_tolerance; s.n_probes];
        let (a, p) = (&self.covariance, &self.preconditioner);
        let solved = cg::solve(a, p, draws.view(), None, &tolerances, s.max_iterations);
        let probes = Probes::new(p, &draws, solved)?;
        Ok(self.probes.get_or_init(|| probes))
    }

    /// `A^-1 b` for the rows b of (c, N), some at a time, and the residuals.
    fn solve_rows(&self, b: ArrayView2<f64>, tolerance: f64) -> Result<(Array2<f64>, Array2<f64>)> {
        let (a, p, limit) = (&self.covariance, &self.preconditioner, self.settings.max_iterations);
        let (mut out, mut rest) = (Array2::zeros(b.dim()), Array2::zeros(b.dim()));
        for from in (0..b.nrows()).step_by(AT_ONCE) {
            let part = s![from..(from + AT_ONCE).min(b.nrows()), ..];
            let own = b.slice(part);
            let tolerances = vec![tolerance; own.nrows()];
            let solved = cg::solve(a, p, own, None, &tolerances, limit);
            let (solved, residual) = cg::solve_measured(a, p, own, solved, tolerance, limit);
            check(&solved)?;
            out.slice_mut(part).assign(&solved.x);
            rest.slice_mut(part).assign(&residual);
        }
        Ok((out, rest))
    }

    /// X near `A^-1 C` and `R = C - A X` for C (N, c). `C' X + X' R` is `C' A^-1 C` to second order in
    /// the error of X, which therefore need not be smaller than the root of the tolerance.
    fn solve_columns(&self, c: &Array2<f64>) -> Result<(Array2<f64>, Array2<f64>)> {
        let (x, rest) = self.solve_rows(c.t(), self.settings.tolerance.sqrt())?;
        Ok((x.reversed_axes(), rest.reversed_axes()))
    }

    /// Dual weights (k, n, T) of k draws from the posterior: for draws of the latent functions at the
    /// rows from their prior (k, n, T), `A^-1 (y - f - e)` with draws e of the noise. The function
    /// `f(x) + k(x, X) weights B`, with the same prior draw f, is a draw from the posterior (Wilson et
    /// al. 2021, J. Mach. Learn. Res. 22:105).
    ///
    /// ```
    /// # use coregion::op::{MaskedKronecker, NoiseMatrix, Pattern};
    /// # use coregion::solve::{CgSettings, Factor, IterativeFactor};
    /// # use ndarray::{Array3, array};
    /// # let y = array![[1.0, f64::NAN], [2.0, 3.0]];
    /// # let (k, b) = (array![[1.0, 0.5], [0.5, 1.0]], array![[2.0, 1.0], [1.0, 3.0]]);
    /// # let noise = NoiseMatrix::Diagonal(array![0.1, 0.2]);
    /// # let a = MaskedKronecker::new(k.into(), b, noise, None, Pattern::of(y.view()).into());
    /// # let settings = CgSettings::default();
    /// let factor = IterativeFactor::for_posterior(a, y.view(), &settings, None, "an example")?;
    /// let prior = Array3::zeros((4, 2, 2)); // draws of the latent functions belong here
    /// let weights = factor.pathwise(prior.view(), 1)?;
    /// assert_eq!((weights.dim(), weights[[0, 0, 1]]), ((4, 2, 2), 0.0));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Factor::solve`], and [`Error::Shape`] where the draws are not tables of (n, T).
    pub fn pathwise(&self, prior: ArrayView3<f64>, seed: u64) -> Result<Array3<f64>> {
        let pattern = self.covariance.pattern();
        let (k, n, t) = prior.dim();
        if (n, t) != (pattern.n_rows(), pattern.n_tasks()) {
            return Err(Error::Shape {
                argument: "prior".to_string(),
                found: format!("tables of shape ({n}, {t})"),
                expected: format!("({}, {})", pattern.n_rows(), pattern.n_tasks()),
            });
        }
        let mut draws = preconditioner::normal((k, pattern.n_observed()), seed);
        self.preconditioner.noise().color(&mut draws);
        for (mut row, table) in draws.rows_mut().into_iter().zip(prior.outer_iter()) {
            row += &pattern.gather(table);
        }
        let moved = self.solve_rows(draws.view(), self.settings.tolerance)?.0;
        let mut out = Array3::zeros((k, n, t));
        for (mut table, row) in out.outer_iter_mut().zip(moved.rows()) {
            table.assign(&pattern.scatter((&self.solution - &row).view()));
        }
        Ok(out)
    }
}

/// Refuses what is no solution.
fn check(solved: &Solved) -> Result<()> {
    match solved.relative.iter().find(|r| r.is_nan() || **r > USELESS) {
        None => Ok(()),
        Some(relative) => Err(Error::Numerical {
            operation: "conjugate gradients".to_string(),
            detail: format!(
                "relative residual {relative:e} after {} iterations",
                solved.iterations
            ),
        }),
    }
}

impl Factor for IterativeFactor {
    fn solve(&self, rhs: ArrayView2<f64>) -> Result<Array2<f64>> {
        let pattern = self.covariance.pattern();
        let data = pattern.gather(rhs).insert_axis(Axis(0));
        let solved = self.solve_rows(data.view(), self.settings.tolerance)?.0;
        Ok(pattern.scatter(solved.row(0)))
    }

    /// An estimate; not a number, where probes that were put off cannot be solved for.
    fn log_det(&self) -> Estimate {
        let unknown = Estimate { value: f64::NAN, std_err: f64::NAN };
        self.probes().map_or(unknown, |probes| probes.log_det)
    }

    fn log_likelihood(&self) -> f64 {
        log_gaussian(self.quadratic, self.log_det().value, self.solution.len())
    }

    fn dual(&self) -> Array2<f64> {
        self.covariance.pattern().scatter(self.solution.view())
    }

    fn weights(&self) -> Vec<Array2<f64>> {
        weights_of(&self.covariance, self.dual().view())
    }

    fn adjoints(&self, with_kernels: bool) -> Result<Adjoints<'_>> {
        self.estimated_adjoints(with_kernels)
    }

    fn at(
        &self,
        cross: &[ArrayView2<f64>],
        prior: &[ArrayView1<f64>],
    ) -> Result<Box<dyn RowCovariances + '_>> {
        Ok(Box::new(RowBlocks::new(&self.covariance, cross, prior, |c| {
            let (x, rest) = self.solve_columns(c)?;
            Ok((concatenate![Axis(0), *c, x], concatenate![Axis(0), x, rest]))
        })?))
    }

    fn row_doubles(&self) -> usize {
        self.row_doubles_of_one() * self.covariance.pattern().n_tasks()
    }

    fn row_doubles_of_one(&self) -> usize {
        7 * self.solution.len()
    }

    fn joint(&self, cross: &[ArrayView2<f64>], prior: Vec<Array2<f64>>) -> Result<Array4<f64>> {
        joint_of(&self.covariance, cross, &prior, |c| {
            let (x, rest) = self.solve_columns(c)?;
            let mut out = linalg::matmul(c.t(), x.view());
            linalg::matmul_add(x.t(), rest.view(), out.view_mut());
            Ok(out)
        })
    }

    fn missing_variances(&self, entries: &[(usize, usize)]) -> Result<Array1<f64>> {
        variances_of(&self.covariance, entries, |c| self.explained(c))
    }

    fn variances_at(
        &self,
        cross: &[ArrayView2<f64>],
        prior: &[ArrayView1<f64>],
        tasks: &[usize],
    ) -> Result<(Array1<f64>, usize)> {
        variances_at(&self.covariance, cross, prior, tasks, |c| self.explained(c))
    }

    fn fixed_effects(
        &self,
        basis: ArrayView2<f64>,
        pattern: &Arc<Pattern>,
    ) -> Result<FixedEffects> {
        let all =
            |columns: Array2<f64>| Ok(self.solve_rows(columns.view(), self.settings.tolerance)?.0);
        solve_entries(all, self.dual().view(), basis, pattern)
    }

    fn with_data(mut self: Box<Self>, residuals: ArrayView2<f64>) -> Result<Box<dyn Factor>> {
        self.set_data(residuals)?;
        Ok(self)
    }

    fn leave_out(&self, by: &LeaveOut, means: TaskMeans) -> Result<Residuals> {
        self.to_dense()?.leave_out(by, means)
    }

    fn leave_out_row_covariances(&self, means: TaskMeans) -> Result<Array3<f64>> {
        self.to_dense()?.leave_out_row_covariances(means)
    }

    fn state(&self) -> Option<CgState> {
        Some(IterativeFactor::state(self))
    }

    fn as_iterative(&self) -> Option<&IterativeFactor> {
        Some(self)
    }

    fn report(&self) -> SolveReport {
        SolveReport {
            why: self.why.clone().into(),
            exact: false,
            iterations: self.iterations,
            rank: Some(self.preconditioner.rank()),
            tolerance: Some(self.settings.tolerance),
            relative_residual: Some(self.relative_residual),
            log_det_std_err: self.log_det().std_err,
            ..SolveReport::exact("cg")
        }
    }
}
