//! The likelihood of a model and its gradient, by whichever solver was chosen.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};

use super::model::Model;
use super::profiled::Profiled;
use super::term::Term;
use crate::error::Result;
use crate::gram;
use crate::linalg;
use crate::op::{Adjoint, KroneckerTerm, MaskedKronecker, TaskAdjoint};
use crate::solve::{
    CgState, CholeskysFactor, Congruence, CongruentFactor, DenseFactor, Factor, IterativeFactor,
    KroneckerFactor, SchurFactor, Solver, Spectrum, Truncation,
};

/// What one eigendecomposition of the Gram matrix leaves for all values of B and Sigma.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// let (model, natural) = (gp.posterior().model(), gp.posterior().natural());
/// let spectral = model.spectral(natural)?;
/// assert_eq!((spectral.spectrum.len(), spectral.rotated.dim()), (5, (5, 2)));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Spectral {
    /// The eigendecomposition.
    pub spectrum: Arc<Spectrum>,
    /// `U' (Y - mean)` (n, T); a mean to be estimated stands at its ordinary least squares.
    pub rotated: Array2<f64>,
    /// `U'` times orthonormal columns (n, p) of a mean to be estimated.
    pub columns: Option<Array2<f64>>,
}

impl Spectral {
    /// No rows: stands in while another is made.
    pub(super) fn empty(n_tasks: usize) -> Self {
        let spectrum = Spectrum {
            values: Array1::zeros(0),
            vectors: Array2::zeros((0, 0)),
            clipped: 0,
            clipped_magnitude: 0.0,
            truncation: Truncation::None,
        };
        Spectral {
            spectrum: Arc::new(spectrum),
            rotated: Array2::zeros((0, n_tasks)),
            columns: None,
        }
    }
}

/// The covariance of all observations, factored in the eigenbasis of the Gram matrix.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// use coregion::gp::SpectralFactor;
/// let (model, natural) = (gp.posterior().model(), gp.posterior().natural());
/// let factor = model.factor(&model.spectral(natural)?, natural)?;
/// assert!(matches!(factor, SpectralFactor::Complete(_)));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub enum SpectralFactor {
    /// That of a complete table.
    Complete(KroneckerFactor),
    /// That of a table with gaps.
    Gaps(SchurFactor),
}

impl SpectralFactor {
    /// The factor of the complete table, or of the table with its gaps filled.
    pub fn kronecker(&self) -> &KroneckerFactor {
        match self {
            SpectralFactor::Complete(factor) => factor,
            SpectralFactor::Gaps(factor) => factor.filled(),
        }
    }

    /// What it has in common with other factors.
    pub fn as_factor(&self) -> &dyn Factor {
        match self {
            SpectralFactor::Complete(factor) => factor,
            SpectralFactor::Gaps(factor) => factor,
        }
    }

    /// Adjoint of the log-likelihood with respect to K.
    pub fn kernel_adjoint(&self) -> Adjoint<'_> {
        match self {
            SpectralFactor::Complete(factor) => factor.kernel_adjoint(),
            SpectralFactor::Gaps(factor) => factor.kernel_adjoint(),
        }
    }

    pub(super) fn boxed(self) -> Box<dyn Factor> {
        match self {
            SpectralFactor::Complete(factor) => Box::new(factor),
            SpectralFactor::Gaps(factor) => Box::new(factor),
        }
    }
}

impl Model {
    /// The Gram matrix (n, n) of the first term.
    fn gram(&self, natural: &[f64]) -> Array2<f64> {
        self.first().gram(natural, self.x())
    }

    /// The Gram matrix decomposed and the data rotated: about 9 n^3 + 2 n^2 T operations, at most
    /// 4 n^2 + O(nT) doubles; with the solver `low-rank` n r columns of it and `n r (3 r + T)` operations
    /// ([`Spectrum::low_rank`]).
    ///
    /// # Errors
    /// As [`Spectrum::of`] and [`Spectrum::low_rank`].
    pub fn spectral(&self, natural: &[f64]) -> Result<Spectral> {
        self.go_on()?;
        self.eigendecompositions.fetch_add(1, Ordering::Relaxed);
        let residuals = self.finite_residuals(natural)?;
        let spectrum = match self.solver() {
            Solver::LowRank => self.low_rank(natural, &residuals)?,
            _ => Spectrum::of(self.gram(natural))?,
        };
        let rotated = linalg::matmul(spectrum.vectors.t(), residuals.view());
        let of_mean = self.free_columns();
        let columns = of_mean.map(|columns| linalg::matmul(spectrum.vectors.t(), columns));
        Ok(Spectral { spectrum: Arc::new(spectrum), rotated, columns })
    }

    /// The spectrum cut off where `rank_tol` of the trace is left, and whole where that takes too many
    /// columns.
    fn low_rank(&self, natural: &[f64], residuals: &Array2<f64>) -> Result<Spectrum> {
        let (kernel, theta, x) = (self.kernel(), self.theta(natural), self.x());
        let column = |i: usize| {
            gram::cross(kernel, theta, x, x.slice(s![i..i + 1, ..])).remove_axis(Axis(1))
        };
        // Constants are no data, but means are learned anew in leave-out.
        let ones = Array2::ones((self.n_rows(), 1));
        let data = match self.free_columns() {
            Some(columns) => concatenate![Axis(1), ones, columns, *residuals],
            None => concatenate![Axis(1), ones, *residuals],
        };
        let diagonal = gram::diagonal(kernel, theta, x);
        match Spectrum::low_rank(diagonal, column, data.view(), self.rank_tol)? {
            Some(spectrum) => Ok(spectrum),
            None => {
                let truncation = Truncation::GivenUp { limit: self.n_rows() / 3 };
                Ok(Spectrum { truncation, ..Spectrum::of(self.gram(natural))? })
            }
        }
    }

    /// The covariance of all observations factored on a given spectrum: O(n T^2 + T^3), or O(n T r)
    /// for low rank plus noise over many tasks; with m gaps n m^2 + m^3 / 3 more.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let (model, natural) = (gp.posterior().model(), gp.posterior().natural());
    /// let factor = model.factor(&model.spectral(natural)?, natural)?;
    /// let value = factor.as_factor().log_likelihood();
    /// assert!((value - gp.log_marginal_likelihood()).abs() < 1e-9);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Congruence::new`] and [`SchurFactor::new`].
    pub fn factor(&self, spectral: &Spectral, natural: &[f64]) -> Result<SpectralFactor> {
        Ok(self.profiled(spectral, natural)?.factor)
    }

    /// The factor of the table with every gap at its mean: what it is for complete tables, and cheap.
    pub(super) fn zero_filled(
        &self,
        spectral: &Spectral,
        natural: &[f64],
    ) -> Result<KroneckerFactor> {
        let congruence = Congruence::new(&self.task_matrix(natural), &self.noise_matrix(natural))?;
        let spectrum = Arc::clone(&spectral.spectrum);
        Ok(KroneckerFactor::new(spectrum, congruence, spectral.rotated.view()))
    }

    /// Both terms in one congruence, where the second is a multiple of the noise.
    fn congruent(&self, natural: &[f64], residuals: ArrayView2<f64>) -> Result<CongruentFactor> {
        let noise = self.noise_matrix(natural);
        let congruence = Congruence::whole(&self.task_matrix(natural), &noise)?;
        let of_term = |q: usize| self.terms()[q].gram(natural, self.x());
        let multiple = self.terms()[1].task_matrix(natural).noise_multiple();
        let why = &self.choice.why;
        CongruentFactor::new(of_term(0), of_term(1), multiple, congruence, residuals, why)
    }

    /// The covariance of the observed entries.
    pub(super) fn covariance(&self, natural: &[f64]) -> MaskedKronecker {
        let noise = self.noise_matrix(natural);
        let of_term = |(term, task): (&Term, Array2<f64>)| KroneckerTerm {
            gram: Arc::new(term.gram(natural, self.x())),
            task,
        };
        let tasks = self.task_covariances(natural);
        let terms = self.terms().iter().zip(tasks).map(of_term).collect();
        let (known, pattern) = (self.table.known.clone(), Arc::clone(self.pattern()));
        MaskedKronecker::sum(terms, noise, known, pattern)
    }

    /// The covariance of all observations, factored by the solver chosen, for the data less their mean: one
    /// that is estimated at its best coefficients.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let (model, natural) = (gp.posterior().model(), gp.posterior().natural());
    /// let factor = model.factored(natural)?;
    /// assert_eq!(factor.report().solver, "kronecker");
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// What the solver refuses; [`crate::Error::NotPositive`] where the covariance is not positive definite.
    pub fn factored(&self, natural: &[f64]) -> Result<Box<dyn Factor>> {
        Ok(self.factored_from(natural, None, false)?.factor)
    }

    /// The same where an iterative solver starts from the state of an earlier factor; `with_gradient`
    /// says that its gradient will be asked for.
    pub(super) fn factored_from(
        &self,
        natural: &[f64],
        state: Option<&CgState>,
        with_gradient: bool,
    ) -> Result<Profiled<Box<dyn Factor>>> {
        self.go_on()?;
        let why = &self.choice.why;
        let residuals = || self.finite_residuals(natural);
        let factor: Box<dyn Factor> = match self.solver() {
            Solver::Auto | Solver::Kronecker | Solver::LowRank | Solver::Schur => {
                let found = self.profiled(&self.spectral(natural)?, natural)?;
                return Ok(found.map(SpectralFactor::boxed));
            }
            Solver::Choleskys => {
                let noise = self.noise_matrix(natural);
                let congruence = Congruence::whole(&self.task_matrix(natural), &noise)?;
                let gram = self.gram(natural);
                Box::new(CholeskysFactor::new(gram, congruence, residuals()?.view(), why)?)
            }
            Solver::Congruent => Box::new(self.congruent(natural, residuals()?.view())?),
            Solver::Mixed => Box::new(self.factored_by_latents(natural)?),
            Solver::Dense => {
                Box::new(DenseFactor::new(self.covariance(natural), residuals()?.view(), why)?)
            }
            Solver::Cg => {
                let make = match with_gradient {
                    true => IterativeFactor::new,
                    false => IterativeFactor::for_posterior,
                };
                let covariance = self.covariance(natural);
                Box::new(make(covariance, residuals()?.view(), &self.cg, state, why)?)
            }
        };
        self.with_mean(factor, natural)
    }

    /// Adds the gradient of the log-likelihood with respect to the parameters of every B and of Sigma, from
    /// their adjoints.
    pub fn add_task_gradient(
        &self,
        tasks: &[TaskAdjoint],
        noise: &TaskAdjoint,
        natural: &[f64],
        gradient: &mut [f64],
    ) {
        let range = self.noise_range();
        self.noise.vjp(self.psi(natural), noise, &mut gradient[range.clone()]);
        for (term, task) in self.terms().iter().zip(tasks) {
            term.task().vjp(term.phi(natural), task, &mut gradient[term.task_range.clone()]);
            let multiple = term.task_matrix(natural).noise_multiple();
            if multiple != 0.0 {
                let mut through_task = vec![0.0; range.len()];
                self.noise.vjp(self.psi(natural), task, &mut through_task);
                for (g, v) in gradient[range.clone()].iter_mut().zip(through_task) {
                    *g += multiple * v;
                }
            }
        }
    }

    /// Adds the gradient of the log-likelihood with respect to the kernel parameters of a term, from the
    /// adjoint of its K: n^3 / 2 multiply-adds or more.
    pub(super) fn add_kernel_gradient(
        &self,
        term: &Term,
        adjoint: &Adjoint,
        natural: &[f64],
        gradient: &mut [f64],
    ) {
        let part = gram::gram_vjp(term.kernel(), term.theta(natural), self.x(), adjoint);
        for (g, v) in gradient[term.kernel_range.clone()].iter_mut().zip(part) {
            *g += v;
        }
    }

    /// The log-likelihood of a factored covariance and its gradient with respect to every natural
    /// value.
    pub(super) fn value_and_gradient(
        &self,
        found: &Profiled<Box<dyn Factor>>,
        natural: &[f64],
        with_kernels: bool,
    ) -> Result<(f64, Vec<f64>)> {
        let (factor, effects) = (&found.factor, found.effects.as_ref());
        let mut gradient = vec![0.0; natural.len()];
        if let Some(mixed) = factor.as_mixed() {
            let effects = self.restricted(effects);
            self.add_mixed_gradient(mixed, effects, natural, with_kernels, &mut gradient)?;
        } else {
            let mut adjoints = factor.adjoints(with_kernels)?;
            self.restrict(effects, natural, &mut adjoints);
            let (tasks, noise) = (&adjoints.tasks, &adjoints.noise);
            match self.mixing() {
                Some(_) => self.pull_mixing_gradient(tasks, noise, natural, &mut gradient)?,
                None => self.add_task_gradient(tasks, noise, natural, &mut gradient),
            }
            for (term, kernel) in self.terms().iter().zip(&adjoints.kernels) {
                self.add_kernel_gradient(term, kernel, natural, &mut gradient);
            }
        }
        let dual = factor.dual();
        self.add_warp_gradient(dual.view(), natural, &mut gradient);
        if self.linear_mean.is_none() {
            let sums = dual.sum_axis(Axis(0));
            gradient[self.mean_range()].copy_from_slice(sums.as_slice().unwrap_or_default());
        }
        let value = factor.log_likelihood() + self.restriction(effects);
        Ok((value + self.log_jacobian(natural), gradient))
    }

    /// Log marginal likelihood (natural log, total, of the outputs as given) and its gradient with respect to every natural
    /// value, the mean included. Coefficients of a mean that is estimated are those that are best at the
    /// other values, whatever the natural vector has for them, and their entries of the gradient are 0;
    /// the likelihood is the restricted one where the model uses that ([`Model::set_restricted`]).
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let (model, mut natural) = (gp.posterior().model(), gp.posterior().natural().to_vec());
    /// let (value, gradient) = model.log_likelihood(&natural)?;
    /// natural[0] += 1e-5;
    /// let slope = (model.log_likelihood_value(&natural)? - value) / 1e-5;
    /// assert!((slope - gradient[0]).abs() < 1e-3);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Model::factored`].
    pub fn log_likelihood(&self, natural: &[f64]) -> Result<(f64, Vec<f64>)> {
        let with_kernels = !self.kernel_range().is_empty();
        self.value_and_gradient(&self.factored_from(natural, None, false)?, natural, with_kernels)
    }

    /// Log marginal likelihood alone.
    ///
    /// # Errors
    /// As [`Model::log_likelihood`].
    pub fn log_likelihood_value(&self, natural: &[f64]) -> Result<f64> {
        let found = self.factored_from(natural, None, false)?;
        let value = found.factor.log_likelihood() + self.restriction(found.effects.as_ref());
        Ok(value + self.log_jacobian(natural))
    }
}
