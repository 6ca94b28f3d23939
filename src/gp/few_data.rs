//! Priors that keep covariances between tasks from running away where data are too few for them.
//!
//! A full noise covariance of T tasks has singular maximum likelihood estimates where there are no more
//! rows than tasks, a task covariance with more free values than there are observations can explain all of
//! them, and the variances of a task with a few observations vanish where these happen to agree with its
//! mean: the likelihood then has no maximum, or one that means nothing. In these cases, and in no other,
//! the free values of B and of the noise, or those of the task concerned, get priors on their ratio to the
//! scale of their task: noise variances a log-normal one around 0.3 and the diagonal of B one around 0.7,
//! diagonals of factors around the roots of these, with a spread on the log of `sqrt(2 / n)` for n rows or
//! observations, which makes them weigh as much as what n observations can gain from a vanishing variance;
//! other entries of factors a standard normal one.

use super::model::Model;
use crate::param::{Entry, Prior, Transform};
use crate::task::Noise;

/// Why priors were given, for the user to read.
const NOISE: &str = "a full noise covariance with no more rows than tasks";
const TASKS: &str = "a task covariance with more parameters than there are observations";
/// Observations below which a task has priors of its own.
const FEW: usize = 5;
/// Shares of a task's variance around which noise and the diagonal of B are expected.
const NOISE_SHARE: f64 = 0.3;
const SIGNAL_SHARE: f64 = 0.7;

impl Model {
    /// Gives priors to B and the noise where data are too few; says why.
    pub(super) fn guard_few_data(&mut self, noise: &Noise) {
        let learned =
            |range: std::ops::Range<usize>| self.layout().slots()[range].iter().flatten().count();
        let (n, t) = (self.n_rows(), self.n_tasks());
        let (of_task, of_noise) = (learned(self.task_range()), learned(self.noise_range()));
        let few_rows = matches!(noise, Noise::Full) && of_noise > 0 && t > 1 && n <= t;
        let few_entries = of_task > self.n_observations();
        self.few_data = match (few_rows, few_entries) {
            (true, _) => Some(NOISE),
            (false, true) => Some(TASKS),
            (false, false) => None,
        };
        let everywhere = self.few_data.is_some();
        let counts: Vec<usize> = (0..t).map(|u| self.pattern().rows_of(u).len()).collect();
        if !everywhere && counts.iter().all(|&count| count >= FEW) {
            return;
        }
        let (task, noise) = (self.task_range(), self.noise_range());
        self.layout_mut().add_priors(|entry, k| {
            let of_noise = noise.contains(&entry.range.start);
            if !of_noise && !task.contains(&entry.range.start) {
                return None;
            }
            // The first axis of what belongs to tasks counts them.
            let own = (entry.spec.shape.first() == Some(&t)).then(|| k / (entry.range.len() / t));
            let count = match own {
                _ if everywhere => n,
                Some(own) if counts[own] < FEW => counts[own].max(1),
                _ => return None,
            };
            Some(of_value(entry, k, count, if of_noise { NOISE_SHARE } else { SIGNAL_SHARE }))
        });
    }

    /// Why B and the noise have priors, where data are too few for them.
    pub fn few_data(&self) -> Option<&'static str> {
        self.few_data
    }

    /// Tasks with so few observations that their values of B and the noise have priors, and their number.
    pub fn few_observations(&self) -> Vec<(usize, usize)> {
        let counts = (0..self.n_tasks()).map(|t| (t, self.pattern().rows_of(t).len()));
        counts.filter(|(_, count)| *count < FEW).collect()
    }
}

/// The prior of one value that belongs to about that many observations.
fn of_value(entry: &Entry, k: usize, count: usize, share: f64) -> Prior {
    let log_std = (2.0 / count as f64).sqrt();
    let shape = &entry.spec.shape;
    let square = shape.len() == 2 && shape[0] == shape[1];
    let on_diagonal = square && k / shape[0] == k % shape[0];
    match entry.spec.transform[k] {
        Transform::Positive { .. } if square => Prior::LogNormal { median: share.sqrt(), log_std },
        Transform::Positive { .. } => Prior::LogNormal { median: share, log_std },
        _ if on_diagonal => Prior::Normal { mean: share.sqrt(), std: 1.0 },
        _ => Prior::Normal { mean: 0.0, std: 1.0 },
    }
}
