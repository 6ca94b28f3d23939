//! How the covariance of a model is factored: the choice, and what it takes.

use super::model::Model;
use crate::error::Result;
use crate::op::NoiseMatrix;
use crate::solve::{CgSettings, Congruence, Problem, Solver, check_rank_tol, select};

impl Model {
    /// Chooses how the covariance is factored: what is asked for, within that many bytes, for `learning`
    /// or for one evaluation. Models start with [`Solver::Auto`], no bound, and learning.
    ///
    /// ```
    /// # use coregion::gp::{Model, Scaling};
    /// # use coregion::{matrix_kernel::Separable, prelude::*};
    /// # use ndarray::array;
    /// # let data = Dataset::new(array![[0.0], [1.0]].view(), array![[3.0], [4.0]].view())?;
    /// # let term = Separable { kernel: Rbf::ard(), task: Diagonal::new() };
    /// let none = (&Noise::PerTask, &Mean::Zero, Scaling::default());
    /// let mut model = Model::new(&data, &term, none.0, none.1, none.2)?;
    /// assert_eq!(model.solver(), Solver::Kronecker);
    /// model.select_solver(Solver::Dense, 1 << 20, true)?;
    /// assert_eq!(model.solver(), Solver::Dense);
    /// assert!(matches!(model.select_solver(Solver::Auto, 8, true), Err(Error::Memory { .. })));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Incompatible`] where the solver asked for cannot serve, naming those that can;
    /// [`crate::Error::Memory`] where nothing fits.
    pub fn select_solver(&mut self, request: Solver, memory: usize, learning: bool) -> Result<()> {
        let problem =
            Problem { learning: learning && self.layout().n_free() > 0, ..self.problem() };
        self.choice = select(request, &problem, memory)?;
        Ok(())
    }

    /// Sets the tolerances of the iterative solver.
    pub fn set_cg(&mut self, settings: CgSettings) {
        self.cg = settings;
    }

    /// Sets the share of the Gram matrix's trace that the solver `low-rank` may leave out.
    ///
    /// ```
    /// # use coregion::gp::{Model, Scaling};
    /// # use coregion::{matrix_kernel::Separable, prelude::*};
    /// # use ndarray::{Array1, array};
    /// let x = Array1::linspace(0.0, 1.0, 30).insert_axis(ndarray::Axis(1));
    /// let data = Dataset::new(x.view(), x.mapv(f64::sin).view())?;
    /// let term = Separable { kernel: Rbf::isotropic(1.0), task: Diagonal::new() };
    /// let mut model =
    ///     Model::new(&data, &term, &Noise::PerTask, &Mean::Training, Scaling::default())?;
    /// model.select_solver(Solver::LowRank, 1 << 20, true)?;
    /// let mut rank = |share| {
    ///     model.set_rank_tol(share)?;
    ///     Ok::<_, Error>(model.factored(&model.layout().initial())?.report().rank.unwrap())
    /// };
    /// assert!(rank(1e-3)? < rank(1e-9)?);
    /// assert!(matches!(rank(2.0), Err(Error::InvalidValue { .. })));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::InvalidValue`] for what is no number from 1e-14 to 0.1.
    pub fn set_rank_tol(&mut self, share: f64) -> Result<()> {
        check_rank_tol(share)?;
        self.rank_tol = share;
        Ok(())
    }

    /// Why that solver was chosen.
    pub fn why_solver(&self) -> &str {
        &self.choice.why
    }

    /// The solver chosen.
    pub fn solver(&self) -> Solver {
        self.choice.solver
    }

    pub(crate) fn problem(&self) -> Problem {
        Problem {
            n_rows: self.n_rows(),
            n_tasks: self.n_tasks(),
            n_observed: self.n_observations(),
            known_noise: self.table.known.is_some(),
            no_noise: self.noise.is_none(),
            n_terms: self.terms().len(),
            mixed: self.mixing().is_some(),
            congruent: self.mixing().is_none()
                && matches!(self.terms(), [_, second] if second.task().is_noise_multiple()),
            factored: self.kept_rank().is_some(),
            cg_vectors: self
                .cg
                .rank
                .min(self.n_observations())
                .saturating_add(self.cg.n_probes.saturating_mul(6)),
            n_coefficients: self.n_coefficients(),
            learning: true,
        }
    }

    /// The rank of B where it is kept as a factor.
    fn kept_rank(&self) -> Option<usize> {
        let independent = || {
            let noise = self.noise.matrix(self.psi(&self.layout().initial()));
            matches!(noise, NoiseMatrix::Diagonal(_))
        };
        let kept =
            |rank: &usize| Congruence::stays_factored(self.n_tasks(), *rank) && independent();
        match self.terms() {
            [term] => term.task().factored_rank().filter(kept),
            _ => None,
        }
    }

    /// The most doubles that making a posterior of this model takes at one time, by the solver that was
    /// chosen: about 5 n^2 for a complete table, T m n + 3 m^2 more with m gaps, 3 N^2 + 2 n^2 for a
    /// dense factor of N observations; 10 n T besides, 10 T^2 where B or Sigma is a T x T matrix, and 3 N for
    /// each coefficient of a mean where they are found one by one.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::Array2;
    /// let (x, y) = (Array2::from_shape_fn((30, 1), |(i, _)| i as f64), Array2::eye(30));
    /// let gp = MultiTaskGp::new(Rbf::isotropic(1.0)).task(Diagonal::new());
    /// let gp = gp.fix("terms[0].kernel.lengthscale").fit(&Dataset::new(x.view(), y.view())?)?;
    /// assert!(gp.posterior().model().posterior_doubles() >= 5 * 30 * 30 + 10 * 30 * 30);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn posterior_doubles(&self) -> usize {
        let (n, t, d) = (self.n_rows(), self.n_tasks(), self.x().ncols());
        // Other solvers make a matrix of a factored B.
        let spectral = matches!(self.solver(), Solver::Kronecker | Solver::LowRank);
        let between_tasks = match self.kept_rank().filter(|_| spectral) {
            Some(rank) => t.saturating_mul(10 * (rank + 1)),
            None => t.saturating_mul(t).saturating_mul(10),
        };
        let rows = match self.solver() {
            Solver::Kronecker | Solver::LowRank => n.saturating_mul(2 * d),
            _ => n.saturating_mul(10 * t + 2 * d),
        };
        let factored = self.problem().doubles(self.solver());
        factored.saturating_add(rows).saturating_add(between_tasks)
    }
}
