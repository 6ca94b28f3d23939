//! Unpenalised columns in any table: one least-squares problem of all tasks, with `Z = C^-1 H L^-T` by its
//! entries at what was observed.
//!
//! N r doubles for r coefficients, and r solves with the covariance.

use std::sync::Arc;

use ndarray::{Array1, Array2, Array4, ArrayView2, Axis, s};

use super::{FixedEffects, Rows, root};
use crate::error::Result;
use crate::linalg;
use crate::op::{KroneckerTerm, NoiseMatrix, Pattern};
use crate::solve::RowCovariances;

/// Z by its entries at what was observed.
#[derive(Debug, Clone)]
pub(in crate::solve) struct Entries {
    pattern: Arc<Pattern>,
    /// Tasks with observations: coefficient q of the s-th of them is number `s p + q`.
    tasks: Vec<usize>,
    /// `L^-1 H' C^-1`, which is Z' (r, N).
    halves: Array2<f64>,
    /// L (r, r).
    lower: Array2<f64>,
}

/// The effects of columns F (n, p) at the rows of a table with that pattern, from the dual coefficients
/// (n, T) of the data and solutions of the covariance for vectors over the observed entries (r, N).
pub(in crate::solve) fn solve_entries(
    solve: impl FnOnce(Array2<f64>) -> Result<Array2<f64>>,
    dual: ArrayView2<f64>,
    basis: ArrayView2<f64>,
    pattern: &Arc<Pattern>,
) -> Result<FixedEffects> {
    let (p, t) = (basis.ncols(), pattern.n_tasks());
    let tasks: Vec<usize> = (0..t).filter(|&u| !pattern.rows_of(u).is_empty()).collect();
    let count = tasks.len() * p;
    let mut columns = Array2::zeros((count, pattern.n_observed()));
    for (place, &task) in tasks.iter().enumerate() {
        let own = basis.select(Axis(0), pattern.rows_of(task));
        columns.slice_mut(s![place * p..(place + 1) * p, pattern.span(task)]).assign(&own.t());
    }
    let solved = solve(columns)?;
    let mut information = Array2::zeros((count, count));
    for (place, &task) in tasks.iter().enumerate() {
        let own = basis.select(Axis(0), pattern.rows_of(task));
        let part = information.slice_mut(s![.., place * p..(place + 1) * p]);
        linalg::matmul_into(solved.slice(s![.., pattern.span(task)]), own.view(), part);
    }
    let lower = root(information)?;
    let sums = linalg::matmul(basis.t(), dual);
    let rhs: Array1<f64> = (0..count).map(|a| sums[[a % p, tasks[a / p]]]).collect();
    let half = linalg::solve_lower(lower.view(), rhs.insert_axis(Axis(1)).view());
    let flat = linalg::solve_lower_transpose(lower.view(), half.view());
    let mut coefficients = Array2::zeros((p, t));
    for (place, &task) in tasks.iter().enumerate() {
        let own = flat.slice(s![place * p..(place + 1) * p, 0]);
        coefficients.column_mut(task).assign(&own);
    }
    let average = coefficients.sum_axis(Axis(1)) / tasks.len().max(1) as f64;
    for task in (0..t).filter(|&u| pattern.rows_of(u).is_empty()) {
        coefficients.column_mut(task).assign(&average);
    }
    let half_log_det = lower.diag().iter().map(|v| v.ln()).sum();
    let halves = linalg::solve_lower(lower.view(), solved.view());
    let entries = Entries { pattern: Arc::clone(pattern), tasks, halves, lower };
    Ok(FixedEffects::of_entries(coefficients, half_log_det, entries))
}

impl Entries {
    /// The weights (T, T) of the coefficients of the tasks observed in those of all tasks: a task without
    /// observations has the mean of the coefficients of the others.
    fn own_weights(&self) -> Array2<f64> {
        let mut out = Array2::eye(self.pattern.n_tasks());
        let share = 1.0 / self.tasks.len().max(1) as f64;
        for task in (0..out.ncols()).filter(|&u| self.pattern.rows_of(u).is_empty()) {
            out[[task, task]] = 0.0;
            self.tasks.iter().for_each(|&u| out[[u, task]] = share);
        }
        out
    }

    /// `H(x) L^-T` (m S, r) for columns F (m, p) at m rows and coefficients that are those of the tasks
    /// observed times weights (T, S).
    fn known(&self, basis: ArrayView2<f64>, weights: ArrayView2<f64>) -> Array2<f64> {
        let ((m, p), count) = (basis.dim(), weights.ncols());
        let mut columns = Array2::zeros((self.lower.nrows(), m * count));
        for (place, &task) in self.tasks.iter().enumerate() {
            let rows = place * p..(place + 1) * p;
            for (v, &weight) in weights.row(task).iter().enumerate().filter(|(_, w)| **w != 0.0) {
                let mut own = columns.slice_mut(s![rows.clone(), v..;count]);
                own.scaled_add(weight, &basis.t());
            }
        }
        linalg::solve_lower(self.lower.view(), columns.view()).reversed_axes()
    }

    /// `H(x) L^-T - C(x)' Z` (m S, r), for the covariances C(x) of S functions at the rows with the
    /// observations.
    fn shares_of(&self, rows: &Rows, weights: ArrayView2<f64>) -> Array2<f64> {
        let count = weights.ncols();
        let mut out = self.known(rows.basis, weights);
        for (cross, task) in rows.cross.iter().zip(rows.tasks) {
            for &u in &self.tasks {
                let cross = cross.select(Axis(1), self.pattern.rows_of(u));
                let own = self.halves.slice(s![.., self.pattern.span(u)]);
                // A sum in an order that does not depend on where in memory the parts lie.
                let through = cross.dot(&own.t()); // (m, r)
                for v in 0..count {
                    out.slice_mut(s![v..;count, ..]).scaled_add(-task[[u, v]], &through);
                }
            }
        }
        out
    }

    /// The same for the latent functions of the tasks.
    fn shares(&self, rows: &Rows) -> Array2<f64> {
        self.shares_of(rows, self.own_weights().view())
    }

    pub(super) fn unseen_variances(&self, rows: &Rows, weights: ArrayView2<f64>) -> Array2<f64> {
        let weights = linalg::matmul(self.own_weights().view(), weights);
        let shares = self.shares_of(rows, weights.view());
        Shares { shares, n_tasks: weights.ncols() }.variances().0
    }

    pub(super) fn row_covariances(&self, rows: &Rows) -> Shares {
        Shares { shares: self.shares(rows), n_tasks: self.pattern.n_tasks() }
    }

    pub(super) fn joint(&self, rows: &Rows) -> Array4<f64> {
        let (m, t) = (rows.basis.nrows(), self.pattern.n_tasks());
        let shares = self.shares(rows);
        let flat = linalg::matmul(shares.view(), shares.t());
        let mut out = Array4::zeros((m, t, m, t));
        out.iter_mut().zip(&flat).for_each(|(v, f)| *v = *f);
        out
    }

    pub(super) fn draws(
        &self,
        rows: &Rows,
        count: usize,
        normal: &mut impl FnMut() -> f64,
    ) -> Vec<Array2<f64>> {
        let (m, t) = (rows.basis.nrows(), self.pattern.n_tasks());
        let shares = self.shares(rows);
        let one = |_| {
            let white = Array1::from_shape_simple_fn(shares.ncols(), &mut *normal);
            let flat = shares.dot(&white);
            Array2::from_shape_fn((m, t), |(i, u)| flat[i * t + u])
        };
        (0..count).map(one).collect()
    }

    pub(super) fn missing_variances(
        &self,
        rows: &Rows,
        noise: &NoiseMatrix,
        missing: &[(usize, usize, usize)],
    ) -> Array1<f64> {
        let t = self.pattern.n_tasks();
        let shares = self.shares(rows);
        let groups = match noise {
            NoiseMatrix::Dense(_) => self.pattern.by_row(),
            NoiseMatrix::Diagonal(_) => Vec::new(),
        };
        let variance = |&(local, i, u): &(usize, usize, usize)| {
            let mut own = shares.row(local * t + u).to_owned();
            // Noise that the tasks of a row share tells of the missing ones too.
            for &(place, v) in groups.get(i).into_iter().flatten() {
                own.scaled_add(-noise.entry(v, u), &self.halves.column(place));
            }
            own.dot(&own)
        };
        missing.iter().map(variance).collect()
    }

    pub(super) fn row_doubles(&self) -> usize {
        3 * self.pattern.n_tasks() * self.lower.nrows()
    }

    /// `1/2` of `Z Z'` folded with the K and B of a term: what the restricted likelihood adds to the adjoints
    /// of K (where wanted), and of B.
    pub(super) fn signal_adjoints(
        &self,
        term: &KroneckerTerm,
        with_kernel: bool,
    ) -> (Option<Array2<f64>>, Array2<f64>) {
        let KroneckerTerm { gram, task } = term;
        let mut of_task = Array2::zeros(task.dim());
        let mut of_kernel = with_kernel.then(|| Array2::<f64>::zeros(gram.dim()));
        for &t in &self.tasks {
            for &u in &self.tasks {
                let (rows, columns) = (self.pattern.rows_of(t), self.pattern.rows_of(u));
                let left = self.halves.slice(s![.., self.pattern.span(t)]);
                let right = self.halves.slice(s![.., self.pattern.span(u)]);
                let block = linalg::matmul(left.t(), right);
                let mut sum = 0.0;
                for (values, &i) in block.rows().into_iter().zip(rows) {
                    let along = gram.row(i);
                    sum += values.iter().zip(columns).map(|(v, &j)| v * along[j]).sum::<f64>();
                    if let Some(kernel) = &mut of_kernel {
                        let mut target = kernel.row_mut(i);
                        let weight = 0.5 * task[[t, u]];
                        values.iter().zip(columns).for_each(|(v, &j)| target[j] += weight * v);
                    }
                }
                of_task[[t, u]] = 0.5 * sum;
            }
        }
        (of_kernel, of_task)
    }

    /// What the restricted likelihood adds to the adjoint of Sigma.
    pub(super) fn noise_adjoint(&self) -> Array2<f64> {
        let t = self.pattern.n_tasks();
        let mut out = Array2::zeros((t, t));
        for group in self.pattern.by_row() {
            for &(a, u) in &group {
                for &(b, v) in &group {
                    out[[u, v]] += 0.5 * self.halves.column(a).dot(&self.halves.column(b));
                }
            }
        }
        out
    }
}

/// Rows `i T + t` of shares (m T, r).
pub(super) struct Shares {
    shares: Array2<f64>,
    n_tasks: usize,
}

impl RowCovariances for Shares {
    fn variances(&self) -> (Array2<f64>, usize) {
        let t = self.n_tasks;
        let squares = |(i, u): (usize, usize)| {
            let row = self.shares.row(i * t + u);
            row.dot(&row)
        };
        (Array2::from_shape_fn((self.shares.nrows() / t.max(1), t), squares), 0)
    }

    fn block(&self, i: usize, rows: &[usize], columns: &[usize]) -> Array2<f64> {
        let of = |tasks: &[usize]| {
            let places: Vec<usize> = tasks.iter().map(|u| i * self.n_tasks + u).collect();
            self.shares.select(Axis(0), &places)
        };
        linalg::matmul(of(rows).view(), of(columns).t())
    }
}
