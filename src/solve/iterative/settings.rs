//! What the iterative solver is asked for, and what one factor hands to the next.

use std::collections::BTreeMap;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::op::Pattern;

/// Settings of the iterative solver, and what each does to the error.
///
/// Relative residuals are those of `r' P^-1 r` to `y' P^-1 y`, square roots taken, which do not depend
/// on the units of the tasks.
///
/// ```
/// use coregion::solve::CgSettings;
/// let settings = CgSettings { n_probes: 32, ..CgSettings::default() };
/// assert!(settings.tolerance < settings.probe_tolerance);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CgSettings {
    /// Relative residual of the data's solution. Means have errors of this order, the quadratic form of
    /// the likelihood its square; posterior covariances, whose columns are solved to its root, have
    /// errors of its order.
    pub tolerance: f64,
    /// Relative residual of the probes. The log-determinant errs by the order of its square times N at
    /// most, its gradient by about this share of what the preconditioner leaves to the probes.
    pub probe_tolerance: f64,
    /// Iterations after which a solve ends. What was reached is reported, and refused above a relative
    /// residual of 0.01.
    pub max_iterations: usize,
    /// Landmarks of the preconditioner at most. More make for fewer iterations and less that is left to
    /// the probes, and cost `2 N rank^2` operations and `N rank` doubles; solutions do not depend on
    /// it.
    pub rank: usize,
    /// Probes. The standard errors of the log-determinant and of its gradient fall with the root of
    /// their number. At least 2.
    pub n_probes: usize,
    /// Seed of landmarks and probes. The same seed gives the same results.
    pub seed: u64,
}

impl Default for CgSettings {
    /// Tolerances 1e-8 and 1e-3, 1000 iterations, rank 500, 16 probes, seed 0.
    fn default() -> Self {
        CgSettings {
            tolerance: 1e-8,
            probe_tolerance: 1e-3,
            max_iterations: 1000,
            rank: 500,
            n_probes: 16,
            seed: 0,
        }
    }
}

impl CgSettings {
    pub(crate) fn check(&self) -> Result<()> {
        let invalid = |argument: &str, found: String, expected: &str| Error::InvalidValue {
            argument: argument.to_string(),
            found,
            expected: expected.to_string(),
        };
        for (name, value) in
            [("tolerance", self.tolerance), ("probe_tolerance", self.probe_tolerance)]
        {
            if !(value > 0.0 && value <= super::USELESS) {
                return Err(invalid(name, value.to_string(), "a number above 0, at most 0.01"));
            }
        }
        if self.n_probes < 2 {
            let found = self.n_probes.to_string();
            return Err(invalid("n_probes", found, "at least 2, for a standard error"));
        }
        if self.max_iterations == 0 {
            return Err(invalid("max_iterations", "0".to_string(), "at least 1"));
        }
        Ok(())
    }
}

/// What one factor hands to the next: the landmarks of its preconditioner, so that the likelihood of
/// the same landmarks is a smooth function of the parameters, and its solution as a first guess.
///
/// ```
/// use coregion::solve::CgState;
/// let state = CgState::of_landmarks(vec![(0, 1), (3, 0)]); // entries (row, task)
/// assert_eq!(state.landmarks().len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct CgState {
    pub(super) landmarks: Vec<(usize, usize)>,
    /// The solution, a table (n, T).
    pub(super) guess: Option<Array2<f64>>,
}

impl CgState {
    /// Landmarks at observed entries (row, task), without a guess.
    pub fn of_landmarks(landmarks: Vec<(usize, usize)>) -> Self {
        CgState { landmarks, guess: None }
    }

    /// The observed entries (row, task) that are landmarks.
    pub fn landmarks(&self) -> &[(usize, usize)] {
        &self.landmarks
    }

    /// The places of the landmarks. Errors where one was not observed, or the guess has another shape.
    pub(super) fn places(&self, pattern: &Pattern) -> Result<Vec<usize>> {
        if let Some(guess) = &self.guess
            && guess.dim() != (pattern.n_rows(), pattern.n_tasks())
        {
            return Err(Error::Shape {
                argument: "state".to_string(),
                found: format!("a solution of shape {:?}", guess.dim()),
                expected: format!("({}, {})", pattern.n_rows(), pattern.n_tasks()),
            });
        }
        let places: BTreeMap<(usize, usize), usize> = pattern.observed().zip(0..).collect();
        let place = |entry: &(usize, usize)| {
            places.get(entry).copied().ok_or_else(|| Error::InvalidValue {
                argument: "state".to_string(),
                found: format!("a landmark at row {}, task {}", entry.0, entry.1),
                expected: "observed entries".to_string(),
            })
        };
        self.landmarks.iter().map(place).collect()
    }
}
