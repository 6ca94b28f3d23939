//! L-BFGS by argmin, with the guards it lacks.
//!
//! argmin's L-BFGS with the line search of More & Thuente (1994) ends without an error where a cost
//! is infinite, has no guard against bad curvature and may stop on a small change of cost. So: a
//! point that cannot be evaluated gets a finite bowl around the best point, the gradient is checked
//! here at the end, and a run that stopped early is repeated from its best point with an empty
//! history as long as that helps. (Nocedal & Wright 2006, algorithm 7.5.)

use std::cell::RefCell;

use argmin::core::{CostFunction, Executor, Gradient, State, TerminationReason, TerminationStatus};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use super::objective::{Objective, Outcome, Stop, TracePoint, checked, max_norm, recoverable};
use crate::error::{Error, Result};

/// When L-BFGS stops, and how much it remembers.
///
/// ```
/// use coregion::learn::LbfgsSettings;
/// let short = LbfgsSettings { max_iterations: 20, ..LbfgsSettings::default() };
/// assert_eq!((short.max_iterations, short.gradient_tolerance), (20, 1e-5));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LbfgsSettings {
    /// Largest entry of the gradient at convergence.
    pub gradient_tolerance: f64,
    /// Most iterations.
    pub max_iterations: usize,
    /// Pairs of steps and gradient changes remembered.
    pub memory: usize,
    /// How well values are known: where the gradient of a point is below the tolerance, it ends the
    /// search although another point's value is lower by up to this.
    pub value_noise: f64,
    /// Longest move of one variable away from the best point that is evaluated.
    pub max_move: f64,
}

impl Default for LbfgsSettings {
    fn default() -> Self {
        LbfgsSettings {
            gradient_tolerance: 1e-5,
            max_iterations: 200,
            memory: 10,
            value_noise: 0.0,
            max_move: 5.0,
        }
    }
}

/// Curvature of the bowl that replaces the objective where it cannot be evaluated.
const BOWL: f64 = 10.0;
/// Calls without a better point that end a run.
const PATIENCE: usize = 100;
/// Runs from the best point with an empty history, at most.
const RUNS: usize = 6;
/// A run that gains less than this is the last.
const WORTHWHILE: f64 = 1e-10;

struct Evaluator<'a> {
    objective: &'a mut dyn Objective,
    best: (Vec<f64>, f64, Vec<f64>),
    last: (Vec<f64>, f64, Vec<f64>),
    gradient_tolerance: f64,
    value_noise: f64,
    max_move: f64,
    /// Factor between the objective and what argmin sees.
    scale: f64,
    trace: Vec<TracePoint>,
    fatal: Option<Error>,
    /// Calls since the best point was found.
    idle: usize,
}

impl Evaluator<'_> {
    /// Value and gradient, remembered for the call that follows at the same point.
    fn at(&mut self, point: &[f64]) -> Result<(f64, Vec<f64>), argmin::core::Error> {
        // The line search has no limit of its own, and can go round for ever where rounding hides
        // the descent.
        self.idle += 1;
        if self.idle > PATIENCE {
            return Err(stopped());
        }
        if self.last.0 == point {
            return Ok((self.last.1, self.last.2.clone()));
        }
        let far = point
            .iter()
            .zip(&self.best.0)
            .any(|(p, b)| (p - b).is_nan() || (p - b).abs() > self.max_move);
        let (value, gradient) = if far {
            self.bowl(point)
        } else {
            match checked(self.objective, point) {
                Ok((value, gradient)) => {
                    self.trace.push(TracePoint { evaluation: self.trace.len() + 1, value });
                    if value < self.best.1 {
                        self.best = (point.to_vec(), value, gradient.clone());
                        self.idle = 0;
                    } else if value <= self.best.1 + self.value_noise
                        && max_norm(&gradient) <= self.gradient_tolerance
                    {
                        self.best = (point.to_vec(), value, gradient);
                        return Err(stopped());
                    }
                    (value, gradient)
                }
                Err(error) if recoverable(&error) => self.bowl(point),
                Err(error) => {
                    self.fatal = Some(error);
                    return Err(stopped());
                }
            }
        };
        self.last = (point.to_vec(), value, gradient.clone());
        Ok((value, gradient))
    }

    fn bowl(&self, point: &[f64]) -> (f64, Vec<f64>) {
        let away: Vec<f64> = point
            .iter()
            .zip(&self.best.0)
            .map(|(p, b)| if p.is_finite() { (p - b).clamp(-1e6, 1e6) } else { 1e6 })
            .collect();
        let squares: f64 = away.iter().map(|a| a * a).sum();
        let value = self.best.1 + 1.0 + 0.5 * BOWL * squares;
        (value, away.iter().map(|a| BOWL * a).collect())
    }
}

/// Ends a run of argmin.
fn stopped() -> argmin::core::Error {
    argmin::core::ArgminError::ImpossibleError { text: "stopped".to_string() }.into()
}

/// The first step of L-BFGS is the gradient itself: the objective is scaled so that this moves no
/// variable by more than this, and the fastest one by as much.
const FIRST_MOVE: f64 = 0.5;
/// A start whose gradient is below this many tolerances is close to an optimum and is not scaled.
const CLOSE: f64 = 20.0;

struct Problem<'a, 'b>(&'a RefCell<Evaluator<'b>>);

impl CostFunction for Problem<'_, '_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, point: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        let mut e = self.0.borrow_mut();
        let value = e.at(point)?.0;
        Ok(value * e.scale)
    }
}

impl Gradient for Problem<'_, '_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, point: &Vec<f64>) -> Result<Vec<f64>, argmin::core::Error> {
        let mut e = self.0.borrow_mut();
        let gradient = e.at(point)?.1;
        Ok(gradient.into_iter().map(|g| g * e.scale).collect())
    }
}

/// Minimises an objective from a start.
///
/// ```
/// use coregion::learn::{LbfgsSettings, Objective, Stop, minimise};
/// struct Valley;
/// impl Objective for Valley {
///     fn evaluate(&mut self, p: &[f64]) -> coregion::Result<(f64, Vec<f64>)> {
///         let (a, b) = (1.0 - p[0], p[1] - p[0] * p[0]);
///         Ok((a * a + 9.0 * b * b, vec![-2.0 * a - 36.0 * p[0] * b, 18.0 * b]))
///     }
/// }
/// let found = minimise(&mut Valley, &[-1.0, 1.5], &LbfgsSettings::default())?;
/// assert_eq!(found.stop, Stop::Converged);
/// assert!(found.point.iter().all(|v| (v - 1.0).abs() < 1e-4));
/// # Ok::<(), coregion::Error>(())
/// ```
///
/// # Errors
/// What the objective returns at the start, and what is not recoverable later (a cancellation).
pub fn minimise(
    objective: &mut dyn Objective,
    start: &[f64],
    settings: &LbfgsSettings,
) -> Result<Outcome> {
    let (value, gradient) = checked(objective, start)?;
    let trace = vec![TracePoint { evaluation: 1, value }];
    let here = (start.to_vec(), value, gradient);
    let evaluator = RefCell::new(Evaluator {
        objective,
        best: here.clone(),
        last: here,
        gradient_tolerance: settings.gradient_tolerance,
        value_noise: settings.value_noise,
        max_move: settings.max_move,
        scale: 1.0,
        trace,
        fatal: None,
        idle: 0,
    });
    let mut iterations = 0;
    let mut stop = if start.is_empty() { Stop::NothingFree } else { Stop::Stalled };
    for run in 0..if start.is_empty() { 0 } else { RUNS } {
        let (point, before) = {
            let e = evaluator.borrow();
            if max_norm(&e.best.2) <= settings.gradient_tolerance {
                stop = Stop::Converged;
                break;
            }
            (e.best.0.clone(), e.best.1)
        };
        if iterations >= settings.max_iterations {
            stop = Stop::Limit;
            break;
        }
        let steepness = max_norm(&evaluator.borrow().best.2);
        let scale = if run == 0 && steepness > CLOSE * settings.gradient_tolerance {
            FIRST_MOVE / steepness
        } else {
            1.0
        };
        {
            let mut e = evaluator.borrow_mut();
            (e.scale, e.idle) = (scale, 0);
        }
        // The Euclidean norm bounds the largest entry from above.
        let solver = LBFGS::new(MoreThuenteLineSearch::new(), settings.memory)
            .with_tolerance_grad(settings.gradient_tolerance * scale)
            .and_then(|s| s.with_tolerance_cost(1e-14 * scale))
            .map_err(internal)?;
        let limit = (settings.max_iterations - iterations) as u64;
        let run = Executor::new(Problem(&evaluator), solver)
            .configure(|state| state.param(point).max_iters(limit))
            .run();
        if let Some(error) = evaluator.borrow_mut().fatal.take() {
            return Err(error);
        }
        // A failed line search is the end of a run like any other: what counts is the best point.
        if let Ok(result) = &run {
            iterations += result.state().get_iter() as usize;
            if result.state().get_termination_status()
                == &TerminationStatus::Terminated(TerminationReason::MaxItersReached)
            {
                stop = Stop::Limit;
                break;
            }
        } else {
            iterations += 1;
        }
        if before - evaluator.borrow().best.1 < WORTHWHILE {
            break;
        }
    }
    let e = evaluator.into_inner();
    if max_norm(&e.best.2) <= settings.gradient_tolerance && stop != Stop::NothingFree {
        stop = Stop::Converged;
    }
    Ok(Outcome {
        point: e.best.0,
        value: e.best.1,
        gradient: e.best.2,
        stop,
        iterations,
        evaluations: e.trace.len(),
        trace: e.trace,
    })
}

fn internal(error: argmin::core::Error) -> Error {
    Error::Numerical { operation: "L-BFGS".to_string(), detail: error.to_string() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    struct Rosenbrock {
        wall: f64,
        evaluations: usize,
    }

    impl Objective for Rosenbrock {
        fn evaluate(&mut self, p: &[f64]) -> Result<(f64, Vec<f64>)> {
            self.evaluations += 1;
            if p[0].abs() > self.wall {
                return Err(Error::Numerical { operation: String::new(), detail: String::new() });
            }
            let (a, b) = (1.0 - p[0], p[1] - p[0] * p[0]);
            let gradient = vec![-2.0 * a - 400.0 * p[0] * b, 200.0 * b];
            Ok((a * a + 100.0 * b * b, gradient))
        }
    }

    #[test]
    fn finds_the_minimum_also_behind_a_wall() {
        for wall in [f64::INFINITY, 1.3] {
            let mut objective = Rosenbrock { wall, evaluations: 0 };
            let out = minimise(&mut objective, &[-1.2, 1.0], &LbfgsSettings::default()).unwrap();
            assert_eq!(out.stop, Stop::Converged);
            assert!((out.point[0] - 1.0).abs() < 1e-4, "{:?}", out.point);
            assert!(out.gradient_norm() <= 1e-5);
            assert!(objective.evaluations >= out.evaluations);
        }
    }

    #[test]
    fn the_limit_is_kept_and_said() {
        let mut objective = Rosenbrock { wall: f64::INFINITY, evaluations: 0 };
        let settings = LbfgsSettings { max_iterations: 3, ..LbfgsSettings::default() };
        let out = minimise(&mut objective, &[-1.2, 1.0], &settings).unwrap();
        assert_eq!((out.stop, out.iterations), (Stop::Limit, 3));
    }

    #[test]
    fn noise_of_the_values_does_not_hide_the_minimum() {
        /// A bowl whose values are off by up to 1e-7, with exact gradients.
        struct Noisy(usize);
        impl Objective for Noisy {
            fn evaluate(&mut self, p: &[f64]) -> Result<(f64, Vec<f64>)> {
                self.0 += 1;
                let noise = 1e-7 * ((self.0 * 7919) % 101) as f64 / 101.0;
                Ok((p[0] * p[0] + noise, vec![2.0 * p[0]]))
            }
        }
        // The first value is lower than any that follows near the minimum.
        let settings = LbfgsSettings { value_noise: 1e-7, ..LbfgsSettings::default() };
        for start in [1e-4, 2e-5, -7e-5, 0.3] {
            let mut objective = Noisy(0);
            let out = minimise(&mut objective, &[start], &settings).unwrap();
            assert_eq!(out.stop, Stop::Converged, "from {start}");
            assert!(out.gradient_norm() <= 1e-5 && objective.0 < 40, "{}", objective.0);
        }
    }

    #[test]
    fn a_fatal_error_comes_through() {
        struct Cancelled;
        impl Objective for Cancelled {
            fn evaluate(&mut self, p: &[f64]) -> Result<(f64, Vec<f64>)> {
                if p[0] == 1.0 {
                    Ok((1.0, vec![2.0]))
                } else {
                    Err(Error::Cancelled { evaluations: 1 })
                }
            }
        }
        let out = minimise(&mut Cancelled, &[1.0], &LbfgsSettings::default());
        assert!(matches!(out, Err(Error::Cancelled { .. })));
    }
}
