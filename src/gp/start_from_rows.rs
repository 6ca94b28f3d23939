//! The start of learning where no spectrum serves: by the likelihood of some of the rows.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::model::Model;
use super::start::{LENGTHSCALE_FACTORS, SHARES};
use crate::error::Result;
use crate::solve::Solver;

/// Observed entries that starts are compared on.
const COMPARED_ON: usize = 1500;

impl Model {
    /// Natural start values, as [`Model::start`] takes them, where the covariance of the observations
    /// is factored without a spectrum. Candidates are compared by the likelihood of at most 1500
    /// observed entries, those of sums of terms, which are learned a little first,
    /// by that of 400.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let model = gp.posterior().model();
    /// let initial = model.layout().initial();
    /// let start = model.start_from_rows(&initial)?;
    /// assert!(model.log_likelihood_value(&start)? > model.log_likelihood_value(&initial)?);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Model::factored`].
    pub fn start_from_rows(&self, initial: &[f64]) -> Result<Vec<f64>> {
        let n_free_kernel = self.kernel_block().unwrap_or(0);
        if self.layout().n_free() == n_free_kernel || self.n_rows() < 2 {
            return Ok(initial.to_vec());
        }
        if self.terms().len() > 1 {
            return self.start_of_terms(initial);
        }
        let some = self.some_rows(COMPARED_ON)?;
        let (mut best, mut blind) = (self.best_share(&some, initial)?, true);
        if let Some((_, _, share)) = &best {
            blind = *share <= SHARES[0];
        }
        // Where the smallest share of signal is best, the kernel may be blind at this scale.
        for factor in LENGTHSCALE_FACTORS.into_iter().filter(|_| blind) {
            let Some(moved) = self.with_lengthscales(initial, factor) else { break };
            let candidate = self.best_share(&some, &moved)?;
            if value(&candidate) > value(&best) {
                best = candidate;
            }
        }
        Ok(best.map_or_else(|| initial.to_vec(), |(_, natural, _)| natural))
    }

    /// The best share of signal at held kernel parameters: value, natural values, share.
    fn best_share(&self, some: &Model, initial: &[f64]) -> Result<Option<(f64, Vec<f64>, f64)>> {
        let rows = self.moment_rows(initial);
        let mut best: Option<(f64, Vec<f64>, f64)> = None;
        for share in SHARES {
            let candidate = self.shared_out(initial, &rows, share, &[1.0]);
            match some.log_likelihood_value(&candidate) {
                Ok(found) if found > value(&best) => best = Some((found, candidate, share)),
                Ok(_) => {}
                Err(error) if error.is_numerical() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(best)
    }

    /// The model of rows with about that many observed entries, drawn with a fixed seed so that every
    /// task has its share; factored densely.
    ///
    /// # Errors
    /// None where the data fit in memory.
    pub(crate) fn some_rows(&self, n_observed: usize) -> Result<Model> {
        let pattern = self.pattern();
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(0);
        let mut queues: Vec<Vec<usize>> = (0..self.n_tasks())
            .map(|t| {
                let mut rows = pattern.rows_of(t).to_vec();
                rows.shuffle(&mut rng);
                rows
            })
            .collect();
        let counts: Vec<usize> = pattern.by_row().iter().map(Vec::len).collect();
        let (mut taken, mut seen) = (vec![false; self.n_rows()], 0);
        while seen < n_observed && queues.iter().any(|q| !q.is_empty()) {
            for queue in &mut queues {
                while let Some(row) = queue.pop() {
                    if !taken[row] {
                        taken[row] = true;
                        seen += counts[row];
                        break;
                    }
                }
                if seen >= n_observed {
                    break;
                }
            }
        }
        let rows: Vec<usize> = (0..self.n_rows()).filter(|&i| taken[i]).collect();
        let mut some = self.of_rows(&rows)?;
        some.select_solver(Solver::Dense, usize::MAX, true)?;
        Ok(some)
    }
}

fn value(candidate: &Option<(f64, Vec<f64>, f64)>) -> f64 {
    candidate.as_ref().map_or(f64::NEG_INFINITY, |(value, _, _)| *value)
}
