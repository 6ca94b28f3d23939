//! Damped Fisher scoring.

use super::lbfgs::{LbfgsSettings, minimise};
use super::objective::{
    Objective, Outcome, Scoring, Stop, TracePoint, checked, max_norm, recoverable,
};
use crate::error::Result;

/// When scoring stops.
///
/// ```
/// use coregion::learn::ScoringSettings;
/// let exact = ScoringSettings { gradient_tolerance: 1e-10, ..ScoringSettings::default() };
/// assert_eq!(exact.max_iterations, 60);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoringSettings {
    /// Largest entry of the gradient at convergence.
    pub gradient_tolerance: f64,
    /// Most scoring steps before L-BFGS takes over.
    pub max_iterations: usize,
    /// Most iterations of L-BFGS after that.
    pub max_polish: usize,
}

impl Default for ScoringSettings {
    fn default() -> Self {
        ScoringSettings { gradient_tolerance: 1e-6, max_iterations: 60, max_polish: 500 }
    }
}

/// Dampings above this end the scoring.
const MAX_DAMPING: f64 = 1e8;

/// Minimises an objective by Fisher scoring with Levenberg's damping: a step is taken where it
/// lowers the objective, and the damping follows the agreement with the quadratic model (Osborne
/// 1992). Where scoring is not available or stalls, L-BFGS goes on from the best point.
///
/// ```
/// use coregion::learn::{Objective, Scoring, ScoringSettings, score};
/// struct Rate; // the Poisson likelihood of 7 events at the rate exp(u)
/// impl Objective for Rate {
///     fn evaluate(&mut self, u: &[f64]) -> coregion::Result<(f64, Vec<f64>)> {
///         Ok((u[0].exp() - 7.0 * u[0], vec![u[0].exp() - 7.0]))
///     }
/// }
/// impl Scoring for Rate {
///     fn step(&mut self, u: &[f64], gradient: &[f64], damping: f64) -> Option<Vec<f64>> {
///         Some(vec![-gradient[0] / (u[0].exp() * (1.0 + damping))])
///     }
/// }
/// let found = score(&mut Rate, &[0.0], &ScoringSettings::default())?;
/// assert!((found.point[0] - 7f64.ln()).abs() < 1e-6 && found.iterations < 20);
/// # Ok::<(), coregion::Error>(())
/// ```
///
/// # Errors
/// What the objective returns at the start, and what is not recoverable later.
pub fn score(
    objective: &mut dyn Scoring,
    start: &[f64],
    settings: &ScoringSettings,
) -> Result<Outcome> {
    let (mut value, mut gradient) = checked_scoring(objective, start)?;
    let mut point = start.to_vec();
    let mut trace = vec![TracePoint { evaluation: 1, value }];
    let (mut damping, mut iterations) = (1e-3, 0);
    let tolerance = settings.gradient_tolerance;
    let mut fresh = true;
    while max_norm(&gradient) > tolerance && iterations < settings.max_iterations {
        if !fresh {
            // The information belongs to the point last evaluated.
            checked_scoring(objective, &point)?;
            fresh = true;
        }
        let Some(step) = objective.step(&point, &gradient, damping) else { break };
        let candidate: Vec<f64> =
            point.iter().zip(&step).map(|(p, s)| p + s.clamp(-3.0, 3.0)).collect();
        iterations += 1;
        match checked_scoring(objective, &candidate) {
            Ok((lower, new_gradient)) if lower < value => {
                let predicted: f64 =
                    -0.5 * gradient.iter().zip(&step).map(|(g, s)| g * s).sum::<f64>();
                let agreement = (value - lower) / predicted.max(f64::MIN_POSITIVE);
                damping = if agreement > 0.5 { (damping * 0.2).max(1e-12) } else { damping * 2.0 };
                (point, value, gradient) = (candidate, lower, new_gradient);
                trace.push(TracePoint { evaluation: trace.len() + 1, value });
            }
            Ok(_) => {
                fresh = false;
                damping = (damping * 8.0).max(1e-6);
            }
            Err(error) if recoverable(&error) => {
                fresh = false;
                damping = (damping * 8.0).max(1e-6);
            }
            Err(error) => return Err(error),
        }
        if damping > MAX_DAMPING {
            break;
        }
    }
    let scored = Outcome {
        stop: match () {
            () if point.is_empty() => Stop::NothingFree,
            () if max_norm(&gradient) <= tolerance => Stop::Converged,
            () => Stop::Stalled,
        },
        evaluations: trace.len(),
        point,
        value,
        gradient,
        iterations,
        trace,
    };
    if scored.stop != Stop::Stalled {
        return Ok(scored);
    }
    let polish = LbfgsSettings {
        gradient_tolerance: tolerance,
        max_iterations: settings.max_polish,
        memory: 20,
        ..LbfgsSettings::default()
    };
    let mut polished = minimise(&mut AsObjective(objective), &scored.point, &polish)?;
    polished.iterations += scored.iterations;
    polished.evaluations += scored.evaluations;
    Ok(polished)
}

fn checked_scoring(objective: &mut dyn Scoring, point: &[f64]) -> Result<(f64, Vec<f64>)> {
    checked(&mut AsObjective(objective), point)
}

/// A scoring objective seen as a plain one.
struct AsObjective<'a>(&'a mut dyn Scoring);

impl Objective for AsObjective<'_> {
    fn evaluate(&mut self, point: &[f64]) -> Result<(f64, Vec<f64>)> {
        self.0.evaluate(point)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Least squares of `exp(a x) = y`: its Gauss-Newton matrix plays the information.
    struct Curve {
        scoring: bool,
    }

    impl Objective for Curve {
        fn evaluate(&mut self, p: &[f64]) -> Result<(f64, Vec<f64>)> {
            let (mut value, mut gradient) = (0.0, 0.0);
            for x in [0.5, 1.0, 2.0] {
                let residual = (p[0] * x).exp() - (0.7 * x).exp();
                value += 0.5 * residual * residual;
                gradient += residual * x * (p[0] * x).exp();
            }
            Ok((value, vec![gradient]))
        }
    }

    impl Scoring for Curve {
        fn step(&mut self, p: &[f64], gradient: &[f64], damping: f64) -> Option<Vec<f64>> {
            let f: f64 = [0.5, 1.0, 2.0].iter().map(|x| (x * (p[0] * x).exp()).powi(2)).sum();
            self.scoring.then(|| vec![-gradient[0] / (f * (1.0 + damping))])
        }
    }

    #[test]
    fn scoring_and_its_fallback_reach_the_minimum() {
        for scoring in [true, false] {
            let out = score(&mut Curve { scoring }, &[-1.0], &ScoringSettings::default()).unwrap();
            assert_eq!(out.stop, Stop::Converged);
            assert!((out.point[0] - 0.7).abs() < 1e-6, "{:?}", out.point);
        }
    }
}
