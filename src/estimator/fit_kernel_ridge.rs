//! From a data set to a fitted kernel ridge regression.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::fitted_kernel_ridge::{FittedMultiTaskKernelRidge, Selection};
use super::kernel_ridge::MultiTaskKernelRidge;
use crate::data::{Dataset, check_positive};
use crate::error::{Error, Result};
use crate::ridge::{Candidate, PathProgress, Problem};
use crate::task::{Diagonal, Task};

impl MultiTaskKernelRidge {
    pub(super) fn fit_with(
        &self,
        data: &Dataset,
        weights: Option<ArrayView1<f64>>,
    ) -> Result<FittedMultiTaskKernelRidge> {
        let clock = Instant::now();
        let mut units = self.unit_penalties(data.n_tasks())?;
        let alphas = self.checked_alphas()?;
        let identity = || vec![Diagonal::starting_at(vec![1.0; data.n_tasks()])];
        let tasks = self.tasks.clone().unwrap_or_else(identity);
        self.check(data, &tasks)?;
        let problem = Problem::new(data, &self.kernel, weights, self.fit_intercept)?;
        let mut candidates = tasks
            .iter()
            .map(|task| Candidate::new(&problem, task, units.view()))
            .collect::<Result<Vec<_>>>()?;
        let selected = alphas.len() * candidates.len() > 1 || self.refine || self.each_task;
        let mut errors = Array2::zeros((0, 0));
        let (mut best, mut alpha) = (0, alphas[0]);
        if selected {
            let observe = |p: &PathProgress| match self.observer.as_ref().map(|o| o(p)) {
                Some(ControlFlow::Break(())) => Err(Error::Cancelled { evaluations: p.done }),
                _ => Ok(()),
            };
            errors = problem.path(&candidates, alphas, &self.criterion, &observe)?;
            (best, alpha) = choice(errors.view(), alphas);
            if errors.iter().all(|v| v.is_infinite()) {
                // No penalty can be judged: the reason is that of one of them.
                problem.evaluate(&candidates[best], alpha, &self.criterion)?;
                return Err(Error::Numerical {
                    operation: format!("the criterion ({})", self.criterion),
                    detail: "it is finite at none of the penalties".to_string(),
                });
            }
        }
        let mut value = selected.then(|| errors.iter().fold(f64::INFINITY, |m, v| m.min(*v)));
        let mut search_ended = false;
        if self.refine {
            let (found, converged) =
                problem.refine(&candidates[best], alphas, alpha, &self.criterion)?;
            (alpha, search_ended) = (found, !converged);
            value = Some(problem.evaluate(&candidates[best], alpha, &self.criterion)?.0);
        }
        let mut relative = self.relative_penalties.clone().map(Array1::from);
        if self.each_task {
            let weights = self.task_weights.clone().map(Array1::from);
            let weights = weights.unwrap_or_else(|| Array1::ones(data.n_tasks()));
            let (task, criterion) = (&tasks[best], &self.criterion);
            let start = vec![alpha; data.n_tasks()];
            let (penalties, converged) =
                problem.refine_each_task(task, &start, weights.view(), criterion)?;
            let least =
                problem.evaluate_each_task(task, penalties.view(), weights.view(), criterion)?.0;
            search_ended = !converged;
            let own = penalties / alpha;
            units = &own / &weights;
            candidates[best] = Candidate::new(&problem, task, units.view())?;
            (relative, value) = (Some(own), Some(least));
        }
        let solution = problem.solve(&candidates[best], alpha)?;
        let selection = Selection {
            criterion: self.criterion.clone(),
            alphas: alphas.to_vec(),
            errors,
            value,
            search_ended,
        };
        Ok(FittedMultiTaskKernelRidge {
            kernel: self.kernel.clone(),
            task: tasks[best].clone(),
            data: data.clone(),
            problem: Arc::new(problem),
            task_matrix: candidates[best].task_matrix().clone(),
            relative_penalties: relative.unwrap_or_else(|| Array1::ones(data.n_tasks())),
            unit_penalties: units,
            solution,
            selection,
            memory_budget: self.memory_budget,
            wall_time: clock.elapsed(),
        })
    }

    /// Penalties that a fit to so many tasks chooses.
    pub(super) fn n_penalties_chosen(&self, n_tasks: usize) -> usize {
        match self.each_task {
            true => n_tasks,
            false => usize::from(self.refine || self.alphas.len() > 1),
        }
    }

    /// Refuses what does not fit before anything is computed.
    fn check(&self, data: &Dataset, tasks: &[Task]) -> Result<()> {
        if tasks.is_empty() {
            return Err(Error::InvalidValue {
                argument: "tasks".to_string(),
                found: "none".to_string(),
                expected: "at least one task covariance".to_string(),
            });
        }
        tasks.iter().try_for_each(|task| Candidate::check(task, data.n_tasks()))?;
        // Where nothing is chosen the criterion is only asked whether it fits.
        let selected = self.alphas.len() * tasks.len() > 1 || self.refine || self.each_task;
        self.criterion.check(data.n_rows(), self.fit_intercept && selected)?;
        if self.each_task && self.relative_penalties.is_some() {
            return Err(Error::Incompatible {
                options: "`task_penalties` and a penalty chosen for each task".to_string(),
                advice: "give the penalties, or let them be chosen from those of the grid"
                    .to_string(),
            });
        }
        if self.each_task { self.criterion.check_each_task() } else { Ok(()) }
    }

    fn checked_alphas(&self) -> Result<&[f64]> {
        if self.alphas.is_empty() {
            return Err(Error::InvalidValue {
                argument: "alphas".to_string(),
                found: "none".to_string(),
                expected: "at least one penalty".to_string(),
            });
        }
        self.alphas.iter().try_for_each(|a| check_positive("alpha", *a))?;
        Ok(&self.alphas)
    }

    /// The noise variance of each task at alpha = 1.
    fn unit_penalties(&self, n_tasks: usize) -> Result<Array1<f64>> {
        let mut out = Array1::ones(n_tasks);
        let given =
            [("task_penalties", &self.relative_penalties), ("task_weights", &self.task_weights)];
        for (argument, values) in given {
            let Some(values) = values else { continue };
            if values.len() != n_tasks {
                return Err(Error::Shape {
                    argument: argument.to_string(),
                    found: format!("{} values", values.len()),
                    expected: format!("{n_tasks}, one for each task"),
                });
            }
            for (unit, &value) in out.iter_mut().zip(values) {
                check_positive(argument, value)?;
                *unit *= if argument == "task_weights" { value.recip() } else { value };
            }
        }
        out.iter().try_for_each(|v| check_positive("task_penalties over task_weights", *v))?;
        Ok(out)
    }
}

/// The task covariance and the penalty with the least error (candidates, penalties); of penalties that
/// do not differ the largest is the safest.
pub(super) fn choice(errors: ArrayView2<f64>, alphas: &[f64]) -> (usize, f64) {
    let least = errors.iter().fold(f64::INFINITY, |m, v| m.min(*v));
    let equal = |v: f64| v <= least + 1e-10 * least.abs();
    let best = errors.indexed_iter().filter(|(_, v)| equal(**v)).map(|((c, a), _)| (c, alphas[a]));
    best.reduce(|b, other| if other.1 > b.1 { other } else { b }).unwrap_or((0, alphas[0]))
}
