//! A penalty moved from the grid to the minimum near it.

use super::{Candidate, Criterion, Problem};
use crate::error::{Error, Result};
use crate::learn::{LbfgsSettings, Objective, Stop, minimise};

/// How far beyond the grid a penalty may move.
const BEYOND: f64 = 1e3;

/// A criterion as a function of `ln(alpha)`; squared errors by their logarithm, so that steps and
/// tolerances do not depend on units.
struct OfLogPenalty<'a> {
    problem: &'a Problem,
    candidate: &'a Candidate,
    criterion: &'a Criterion,
    range: (f64, f64),
}

impl Objective for OfLogPenalty<'_> {
    fn evaluate(&mut self, point: &[f64]) -> Result<(f64, Vec<f64>)> {
        let alpha = point[0].exp();
        if !(self.range.0..=self.range.1).contains(&alpha) {
            return Err(Error::Numerical {
                operation: "the search for a penalty".to_string(),
                detail: format!("alpha = {alpha:e} lies far outside of the grid"),
            });
        }
        let (value, slope) = self.problem.evaluate(self.candidate, alpha, self.criterion)?;
        match self.criterion {
            Criterion::LogDensity(_) => Ok((value, vec![slope])),
            _ if value > 0.0 => Ok((value.ln(), vec![slope / value])),
            _ => Ok((f64::MIN_POSITIVE.ln(), vec![0.0])), // an exact fit: nothing is better
        }
    }
}

impl Problem {
    /// The penalty at the local minimum of a criterion near `start`, at most 1,000 times beyond the
    /// range `alphas` spans, and whether it was reached: L-BFGS on `ln(alpha)` with the analytic derivative.
    ///
    /// ```
    /// use coregion::ridge::{Candidate, Criterion, Problem};
    /// use coregion::prelude::*;
    /// use ndarray::{Array2, array};
    /// let x = Array2::from_shape_fn((12, 1), |(i, _)| i as f64);
    /// let y = x.mapv(|v| (0.7 * v).sin() + 0.2 * f64::from((v as i32 * 7) % 5 - 2));
    /// let data = Dataset::new(x.view(), y.view())?;
    /// let problem = Problem::new(&data, &Rbf::isotropic(2.0), None, false)?;
    /// let one = Candidate::new(&problem, &Diagonal::starting_at([1.0]), array![1.0].view())?;
    /// let criterion = Criterion::from(LeaveOut::Row);
    /// let (alpha, _) = problem.refine(&one, &[0.01, 1.0], 0.1, &criterion)?;
    /// assert!(problem.evaluate(&one, alpha, &criterion)?.1.abs() < 1e-5);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Problem::evaluate`] at the start.
    pub fn refine(
        &self,
        candidate: &Candidate,
        alphas: &[f64],
        start: f64,
        criterion: &Criterion,
    ) -> Result<(f64, bool)> {
        let low = alphas.iter().fold(start, |m, a| m.min(*a)) / BEYOND;
        let high = alphas.iter().fold(start, |m, a| m.max(*a)) * BEYOND;
        let mut objective =
            OfLogPenalty { problem: self, candidate, criterion, range: (low, high) };
        let settings = LbfgsSettings { gradient_tolerance: 1e-7, ..LbfgsSettings::default() };
        let outcome = minimise(&mut objective, &[start.ln()], &settings)?;
        Ok((outcome.point[0].exp(), outcome.stop == Stop::Converged))
    }
}
