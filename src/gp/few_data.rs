//! Priors that keep covariances between tasks from running away where data are too few for them.
//!
//! A full noise covariance of T tasks has singular maximum likelihood estimates where there are no more
//! rows than tasks, and a task covariance with more free values than there are observations can explain
//! all of them: the likelihood then grows without bound as variances vanish. In these cases, and in no
//! other, the free values of B and of the noise get weak priors on their ratio to the scale of their
//! task: variances and the diagonal of factors a log-normal one around 0.3 and the root of 0.5 whose
//! spread, the root of 2 / n, makes it weigh as much as what n rows can gain from a vanishing variance;
//! other entries of factors a standard normal one.

use super::model::Model;
use crate::param::{Prior, Transform};
use crate::task::Noise;

/// Why priors were given, for the user to read.
const NOISE: &str = "a full noise covariance with no more rows than tasks";
const TASKS: &str = "a task covariance with more parameters than there are observations";

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
            (false, false) => return,
        };
        let log_std = (2.0 / n as f64).sqrt();
        let whole_factor = self.noise.is_free_factor();
        let (task, noise) = (self.task_range(), self.noise_range());
        let variance = Prior::LogNormal { median: 0.3, log_std };
        let root = Prior::LogNormal { median: 0.5f64.sqrt(), log_std };
        let entry = Prior::Normal { mean: 0.0, std: 1.0 };
        let by = |positive: Prior| {
            move |transform: Transform| match transform {
                Transform::Positive { .. } => positive,
                _ => entry,
            }
        };
        self.layout_mut().add_priors(task, by(variance));
        self.layout_mut().add_priors(noise, by(if whole_factor { root } else { variance }));
    }

    /// Why B and the noise have priors, where data are too few for them.
    pub fn few_data(&self) -> Option<&'static str> {
        self.few_data
    }
}
