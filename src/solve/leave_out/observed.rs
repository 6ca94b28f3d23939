//! Leave-out of tables with gaps: blocks of the precision of what was observed.
//!
//! With `P = A_oo^-1` over the observed entries and `alpha = P (y - mean)`, a set S of them left out
//! together has residuals `P_SS^-1 alpha_S`, covariance `P_SS^-1` and log density
//! `1/2 log|P_SS| - 1/2 alpha_S' P_SS^-1 alpha_S - |S|/2 log 2 pi`. Constants that are not known, with
//! the indicators H of the tasks, turn P into `P - Q Q'` and alpha into `alpha - Q C^-1 H' alpha`, where
//! `H' P H = C C'` and `Q = P H C^-T`.

use ndarray::{Array1, Array2, Array3, Axis, s};

use super::blocks::{Block, solve};
use super::observed_precision::ObservedPrecision;
use super::{LN_TAU, LeaveOut, Residuals, TaskMeans, group_rows, log_density, too_far_apart};
use crate::error::{Error, Result};
use crate::linalg;
use crate::op::Pattern;

/// Observed entries left out together, and where their log density belongs.
struct Set {
    places: Vec<usize>,
    density: [usize; 2],
}

/// The sets of a way of leaving out, those of one task after those of another where each lies in one
/// task, and the shape of their log densities.
fn sets(by: &LeaveOut, pattern: &Pattern) -> (Vec<Set>, (usize, usize)) {
    let (n, t) = (pattern.n_rows(), pattern.n_tasks());
    let together = |groups: &[Vec<usize>]| -> Vec<Set> {
        let by_row = pattern.by_row();
        let set = |(g, rows): (usize, &Vec<usize>)| {
            let places = rows.iter().flat_map(|&i| by_row[i].iter().map(|e| e.0)).collect();
            Set { places, density: [g, 0] }
        };
        groups.iter().enumerate().map(set).collect()
    };
    let by_task = |labels: &[usize], count: usize| -> Vec<Set> {
        let set = |(g, task)| Set { places: Vec::new(), density: [g, task] };
        let mut out: Vec<Set> =
            (0..t).flat_map(|task| (0..count).map(move |g| (g, task))).map(set).collect();
        for (place, (i, task)) in pattern.observed().enumerate() {
            out[task * count + labels[i]].places.push(place);
        }
        out
    };
    match by {
        LeaveOut::Entry => (by_task(&(0..n).collect::<Vec<_>>(), n), (n, t)),
        LeaveOut::Row => (together(&(0..n).map(|i| vec![i]).collect::<Vec<_>>()), (n, 1)),
        LeaveOut::Task => (by_task(&vec![0; n], 1), (1, t)),
        LeaveOut::Groups(labels) => {
            let groups = group_rows(labels);
            (together(&groups), (groups.len(), 1))
        }
        LeaveOut::GroupsByTask(labels) => {
            let groups = group_rows(labels);
            let mut numbers = vec![0; n];
            for (g, rows) in groups.iter().enumerate() {
                rows.iter().for_each(|&i| numbers[i] = g);
            }
            (by_task(&numbers, groups.len()), (groups.len(), t))
        }
    }
}

/// Refuses sets that leave a task without an observation.
fn check_means(sets: &[Set], pattern: &Pattern, by: &LeaveOut) -> Result<()> {
    let tasks: Vec<usize> = pattern.observed().map(|e| e.1).collect();
    let mut counts = vec![0; pattern.n_tasks()];
    for set in sets {
        set.places.iter().for_each(|&p| counts[tasks[p]] += 1);
        if let Some(&p) =
            set.places.iter().find(|&&p| counts[tasks[p]] == pattern.span(tasks[p]).len())
        {
            return Err(Error::Incompatible {
                options: format!("an intercept for each task and leaving out by {by}"),
                advice: format!(
                    "no observation of task {} is left to learn its intercept from: leave out by \
                     rows, entries or smaller groups, or keep the means as they are",
                    tasks[p]
                ),
            });
        }
        set.places.iter().for_each(|&p| counts[tasks[p]] = 0);
    }
    Ok(())
}

/// P, less what unknown constants take away.
struct Contrasts<'a, P> {
    precision: &'a P,
    dual: Array1<f64>,
    /// Q (N, tasks), where the constants are unknown.
    taken: Option<Array2<f64>>,
}

impl<'a, P: ObservedPrecision> Contrasts<'a, P> {
    fn new(precision: &'a P, means: TaskMeans) -> Result<Self> {
        let mut dual = precision.dual();
        if means == TaskMeans::Held {
            return Ok(Contrasts { precision, dual, taken: None });
        }
        let pattern = precision.pattern();
        let tasks: Vec<usize> =
            (0..pattern.n_tasks()).filter(|&t| !pattern.rows_of(t).is_empty()).collect();
        let columns = precision.task_sums(&tasks)?;
        // H' M sums the rows of each task.
        let sums = |m: &Array2<f64>| {
            let mut out = Array2::zeros((tasks.len(), m.ncols()));
            for (&t, mut row) in tasks.iter().zip(out.rows_mut()) {
                row.assign(&m.slice(s![pattern.span(t), ..]).sum_axis(Axis(0)));
            }
            out
        };
        let lower = linalg::cholesky(sums(&columns).view())?;
        let taken = linalg::solve_lower(lower.view(), columns.t()).reversed_axes();
        let column = dual.view().insert_axis(Axis(1)).to_owned();
        let shares = linalg::solve_lower(lower.view(), sums(&column).view());
        dual -= &taken.dot(&shares.column(0));
        Ok(Contrasts { precision, dual, taken: Some(taken) })
    }

    fn diagonal(&self) -> Array1<f64> {
        let mut out = self.precision.diagonal();
        if let Some(q) = &self.taken {
            out.zip_mut_with(&q.mapv(|v| v * v).sum_axis(Axis(1)), |v, s| *v -= s);
        }
        out
    }

    /// Calls with each set that is not empty and what `one` makes of its block of P, in their order.
    fn each<R: Send>(
        &self,
        sets: &[Set],
        one: impl Fn(&[usize], &Array2<f64>) -> Result<R> + Sync,
        mut call: impl FnMut(&Set, R),
    ) -> Result<()> {
        let sets: Vec<&Set> = sets.iter().filter(|set| !set.places.is_empty()).collect();
        let mut rest = &sets[..];
        while !rest.is_empty() {
            let mut total = 0;
            let fits = |set: &&&Set| {
                total += set.places.len();
                total <= self.precision.at_once()
            };
            let (batch, after) = rest.split_at(rest.iter().take_while(fits).count().max(1));
            rest = after;
            let places: Vec<&[usize]> = batch.iter().map(|set| &set.places[..]).collect();
            let mut blocks: Vec<_> = places.iter().zip(self.precision.blocks(&places)).collect();
            if let Some(q) = &self.taken {
                for (places, block) in &mut blocks {
                    let q = q.select(Axis(0), places);
                    *block -= &linalg::matmul(q.view(), q.t());
                }
            }
            let made = linalg::for_each(&blocks, |(places, block)| one(places, block))?;
            batch.iter().zip(made).for_each(|(set, made)| call(set, made));
        }
        Ok(())
    }

    fn solved(&self, places: &[usize], block: &Array2<f64>) -> Result<Block> {
        solve(block, self.dual.select(Axis(0), places).insert_axis(Axis(1)).view())
    }

    fn density(&self, set: &Set, block: &Block) -> f64 {
        let residual = block.residual.column(0);
        let quadratic: f64 = set.places.iter().zip(residual).map(|(&p, e)| self.dual[p] * e).sum();
        block.half_log_det - 0.5 * (quadratic + residual.len() as f64 * LN_TAU)
    }
}

/// Leaves out what `by` says from the observed entries; NaN where nothing was observed.
pub(in crate::solve) fn leave_out(
    precision: &impl ObservedPrecision,
    by: &LeaveOut,
    means: TaskMeans,
) -> Result<Residuals> {
    let pattern = precision.pattern();
    by.check(pattern.n_rows())?;
    let (sets, shape) = sets(by, pattern);
    if means == TaskMeans::Free {
        check_means(&sets, pattern, by)?;
    }
    let contrasts = Contrasts::new(precision, means)?;
    let mut residual = Array1::zeros(pattern.n_observed());
    let mut variances = Array1::zeros(pattern.n_observed());
    let mut log_densities = Array2::from_elem(shape, f64::NAN);
    if *by == LeaveOut::Entry {
        // Sets of one: nothing to factor.
        let diagonal = contrasts.diagonal();
        residual = &contrasts.dual / &diagonal;
        variances = diagonal.mapv(f64::recip);
        for ((e, g), c) in pattern.observed().zip(&diagonal).zip(&contrasts.dual) {
            log_densities[e] = log_density(*g, *c);
        }
    } else {
        let solved = |places: &[usize], block: &Array2<f64>| contrasts.solved(places, block);
        contrasts.each(&sets, solved, |set, block| {
            for (local, &place) in set.places.iter().enumerate() {
                residual[place] = block.residual[[local, 0]];
                variances[place] = block.variances[local];
            }
            log_densities[set.density] = contrasts.density(set, &block);
        })?;
    }
    let std = variances.mapv(f64::sqrt);
    let occupied = sets.iter().filter(|set| !set.places.is_empty());
    let densities = occupied.map(|set| log_densities[set.density]);
    let mut all = residual.iter().chain(&std).copied().chain(densities);
    if let Some(value) = all.find(|v| !v.is_finite()) {
        return Err(too_far_apart("prediction", value));
    }
    let table = |values: &Array1<f64>| {
        let mut out = Array2::from_elem((pattern.n_rows(), pattern.n_tasks()), f64::NAN);
        pattern.observed().zip(values).for_each(|(e, v)| out[e] = *v);
        out
    };
    Ok(Residuals { residual: table(&residual), std: table(&std), log_density: log_densities })
}

/// Covariances (n, T, T) of the observed entries of each row given all other rows; NaN where nothing
/// was observed.
pub(in crate::solve) fn row_covariances(
    precision: &impl ObservedPrecision,
    means: TaskMeans,
) -> Result<Array3<f64>> {
    let pattern = precision.pattern();
    let (sets, _) = sets(&LeaveOut::Row, pattern);
    if means == TaskMeans::Free {
        check_means(&sets, pattern, &LeaveOut::Row)?;
    }
    let by_row = pattern.by_row();
    let mut beyond = None;
    let mut out =
        Array3::from_elem((pattern.n_rows(), pattern.n_tasks(), pattern.n_tasks()), f64::NAN);
    let inverse = |_: &[usize], block: &Array2<f64>| {
        Ok(linalg::cholesky_inverse(linalg::cholesky(block.view())?.view()))
    };
    Contrasts::new(precision, means)?.each(&sets, inverse, |set, covariance| {
        let i = set.density[0];
        beyond = beyond.or(covariance.iter().find(|v| !v.is_finite()).copied());
        for (a, &(_, t)) in by_row[i].iter().enumerate() {
            for (b, &(_, u)) in by_row[i].iter().enumerate() {
                out[[i, t, u]] = covariance[[a, b]];
            }
        }
    })?;
    match beyond {
        None => Ok(out),
        Some(value) => Err(too_far_apart("covariance", value)),
    }
}
