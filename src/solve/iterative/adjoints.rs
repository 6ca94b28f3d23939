//! Adjoints of the log-likelihood from the solution of the data and the probes.
//!
//! With `a = A^-1 (y - mean)` the likelihood changes by `1/2 (a' dA a - tr(A^-1 dA))`. The trace is
//! exact for the preconditioner, and the probes see the rest:
//!
//! `tr(A^-1 dA) = tr(P^-1 dP) + E[u' dA v - v' dP v]`, with `u = A^-1 z` and `v = P^-1 z`,
//!
//! whose variance vanishes as P approaches A (Wenger et al. 2022, ICML). P changes with the parameters
//! through its columns, `dP = dS_p W' + W dS_p' - W dS_pp W' + dD` with `W = S_p (S_pp + delta)^-1`, so
//! that with `Q = P^-1 - E[v v']` what is left is
//! `E[u' dA v] + 2 <Q W, dS_p> - <W' Q W, dS_pp> + <Q, dD>`.

use ndarray::{Array1, Array2, Axis, concatenate, s};

use super::IterativeFactor;
use super::cg::scaled_rows;
use super::probes::Probes;
use crate::error::Result;
use crate::linalg;
use crate::op::{Adjoint, TaskAdjoint};
use crate::solve::Adjoints;

/// What the parts add up to: twice the adjoints.
struct Sums {
    terms: Vec<TermSums>,
    noise: Array2<f64>,
}

/// Those of one term.
struct TermSums {
    kernel: Option<Array2<f64>>,
    task: Array2<f64>,
}

impl IterativeFactor {
    /// The adjoints, those of K where asked for.
    pub(super) fn estimated_adjoints(&self, with_kernels: bool) -> Result<Adjoints<'_>> {
        let probes = self.probes()?;
        let (n, t) = (self.covariance.pattern().n_rows(), self.covariance.pattern().n_tasks());
        let of_term = |_| TermSums {
            kernel: with_kernels.then(|| Array2::zeros((n, n))),
            task: Array2::zeros((t, t)),
        };
        let terms = self.covariance.terms().iter().map(of_term).collect();
        let mut sums = Sums { terms, noise: Array2::zeros((t, t)) };
        self.add_products(probes, &mut sums);
        self.add_landmarks(probes, &mut sums);
        self.add_noise(probes, &mut sums);
        let sigma = self.covariance.noise();
        let of = |mut matrix: Array2<f64>| {
            halve_symmetric(&mut matrix);
            TaskAdjoint::of_dense(matrix, sigma)
        };
        let (mut kernels, mut tasks) = (Vec::new(), Vec::new());
        for term in sums.terms {
            kernels.extend(term.kernel.map(|mut kernel| {
                halve_symmetric(&mut kernel);
                Adjoint::Dense(kernel)
            }));
            tasks.push(of(term.task));
        }
        Ok(Adjoints { kernels, tasks, noise: of(sums.noise) })
    }

    /// `a' dS a - E[u' dS v]`: products of tables.
    fn add_products(&self, probes: &Probes, sums: &mut Sums) {
        let a = &self.covariance;
        let t = a.pattern().n_tasks();
        let own = self.solution.view().insert_axis(Axis(0));
        let scaled = scaled_rows(&probes.solutions, &probes.weights.mapv(|w| -w));
        let left = concatenate![Axis(0), own, scaled];
        let right = concatenate![Axis(0), own, probes.preconditioned];
        let (left_tables, right_tables) = (a.tables(left.view()), a.tables(right.view()));
        for (term, sums) in a.terms().iter().zip(&mut sums.terms) {
            let through = a.kernel_times(term, right.view(), &right_tables);
            for q in 0..left.nrows() {
                let block = s![q * t..(q + 1) * t, ..];
                let (l, r) = (left_tables.slice(block), through.slice(block));
                linalg::matmul_add(l, r.t(), sums.task.view_mut());
            }
            drop(through);
            if let Some(kernel) = &mut sums.kernel {
                let mut mixed = Array2::<f64>::zeros(left_tables.dim());
                for q in 0..left.nrows() {
                    let block = s![q * t..(q + 1) * t, ..];
                    let part = mixed.slice_mut(block);
                    linalg::matmul_into(term.task.view(), left_tables.slice(block), part);
                }
                linalg::matmul_add(mixed.t(), right_tables.view(), kernel.view_mut());
            }
        }
    }

    /// `- 2 <Q W, dS_p> + <W' Q W, dS_pp>`.
    fn add_landmarks(&self, probes: &Probes, sums: &mut Sums) {
        let (a, p) = (&self.covariance, &self.preconditioner);
        if p.rank() == 0 {
            return;
        }
        let places = p.places();
        let landmarks = a.entries_at(places);
        let entries: Vec<(usize, usize)> = a.pattern().observed().collect();
        let v = &probes.preconditioned;
        let weights = p.landmark_weights(v.view()); // W' v (r, s)
        let scaled = &weights * &probes.weights.mapv(|w| -w);
        let mut between = p.landmark_precision(|from, mut piece| {
            let part = v.slice(s![.., from..from + piece.ncols()]);
            linalg::matmul_add(scaled.view(), part, piece.view_mut());
            for (term, sums) in a.terms().iter().zip(&mut sums.terms) {
                for (row, &(j, u)) in piece.rows().into_iter().zip(&landmarks) {
                    let along = term.gram.row(j);
                    let mut task = sums.task.row_mut(u);
                    for (value, &(i, t)) in row.iter().zip(&entries[from..]) {
                        task[t] -= 2.0 * value * along[i];
                    }
                    if let Some(kernel) = &mut sums.kernel {
                        let mut kernel = kernel.row_mut(j);
                        for (value, &(i, t)) in row.iter().zip(&entries[from..]) {
                            kernel[i] -= 2.0 * value * term.task[[u, t]];
                        }
                    }
                }
            }
        });
        linalg::matmul_add(scaled.view(), weights.t(), between.view_mut());
        for (term, sums) in a.terms().iter().zip(&mut sums.terms) {
            for (row, &(i, t)) in between.rows().into_iter().zip(&landmarks) {
                for (value, &(j, u)) in row.iter().zip(&landmarks) {
                    sums.task[[t, u]] += value * term.gram[[i, j]];
                    if let Some(kernel) = &mut sums.kernel {
                        kernel[[i, j]] += value * term.task[[t, u]];
                    }
                }
            }
        }
    }

    /// `a' dD a - E[u' dD v] - <Q, dD>`.
    fn add_noise(&self, probes: &Probes, sums: &mut Sums) {
        let (a, p) = (&self.covariance, &self.preconditioner);
        let (u, v, weights) = (&probes.solutions, &probes.preconditioned, &probes.weights);
        let differences = v - u;
        // By place, so that the products of two places run along contiguous memory.
        let v = v.t().as_standard_layout().into_owned();
        let differences = differences.t().as_standard_layout().into_owned();
        let seen = |x: usize, y: usize| {
            let (d, v) = (differences.row(x), v.row(y));
            d.iter().zip(v).zip(weights).map(|((d, v), w)| w * d * v).sum::<f64>()
        };
        sums.noise += &a.fold_noise(|x, y| self.solution[x] * self.solution[y] + seen(x, y));
        let tasks: Vec<usize> = a.pattern().observed().map(|(_, t)| t).collect();
        p.noise().precision_blocks(
            |places| p.inner_columns(places),
            |places, block| {
                for (row, &x) in block.rows().into_iter().zip(places) {
                    for (value, &y) in row.iter().zip(places) {
                        sums.noise[[tasks[x], tasks[y]]] -= value;
                    }
                }
            },
        );
    }
}

/// A quarter of the sum with the transpose, in place: half the symmetric part.
fn halve_symmetric(m: &mut Array2<f64>) {
    const BLOCK: usize = 64;
    let n = m.nrows();
    for from in (0..n).step_by(BLOCK) {
        for to in (0..=from).step_by(BLOCK) {
            for i in from..(from + BLOCK).min(n) {
                for j in to..(to + BLOCK).min(i + 1) {
                    let value = 0.25 * (m[[i, j]] + m[[j, i]]);
                    m[[i, j]] = value;
                    m[[j, i]] = value;
                }
            }
        }
    }
}

/// The draws, one below the data.
pub(super) fn with_data(data: &Array1<f64>, draws: &Array2<f64>) -> Array2<f64> {
    concatenate![Axis(0), data.view().insert_axis(Axis(0)), draws.view()]
}
