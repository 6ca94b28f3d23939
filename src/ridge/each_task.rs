//! A penalty for each task, chosen by leaving out rows.
//!
//! With noise variances `sigma_t`, the precision P of all observations changes by
//! `-P (I (x) E_tt) P dsigma_t`. In the directions of the congruence its T x T blocks are
//! `P_ik = W diag_j((P_j)_ik) W'`, so that all derivatives of what rows leave out follow from the numbers
//! `(P_j P_l)_ii`: one product with `U o U` for each pair of directions.

use ndarray::{Array1, Array2, ArrayView1, Axis};

use super::candidate::check_length;
use super::evaluate::Rotated;
use super::{Candidate, Criterion, Problem};
use crate::data::check_positive;
use crate::error::{Error, Result};
use crate::learn::{LbfgsSettings, Objective, Stop, minimise};
use crate::linalg;
use crate::solve::{LN_TAU, squares_times};
use crate::task::Task;

/// How far a penalty may move from its start.
const BEYOND: f64 = 1e6;

/// A criterion of rows left out as a function of the logarithms of the tasks' penalties.
struct OfLogPenalties<'a> {
    problem: &'a Problem,
    task: &'a Task,
    /// The weights v of the tasks.
    weights: ArrayView1<'a, f64>,
    criterion: &'a Criterion,
    start: &'a [f64],
}

impl Objective for OfLogPenalties<'_> {
    fn evaluate(&mut self, point: &[f64]) -> Result<(f64, Vec<f64>)> {
        if point.iter().zip(self.start).any(|(p, s)| (p - s).abs() > BEYOND.ln()) {
            return Err(Error::Numerical {
                operation: "the search for penalties".to_string(),
                detail: "a penalty moved a million times away from the grid's".to_string(),
            });
        }
        let penalties: Array1<f64> = point.iter().map(|p| p.exp()).collect();
        let (value, gradient) = self.problem.evaluate_each_task(
            self.task,
            penalties.view(),
            self.weights,
            self.criterion,
        )?;
        if matches!(self.criterion, Criterion::LogDensity(_)) {
            return Ok((value, gradient.to_vec()));
        }
        if value > 0.0 {
            return Ok((value.ln(), (gradient / value).to_vec()));
        }
        Ok((f64::MIN_POSITIVE.ln(), vec![0.0; point.len()])) // an exact fit
    }
}

/// What the rows leave, direction by row.
struct Rows {
    /// `W' e` (k, n): residuals.
    residual: Array2<f64>,
    /// `(P_j)_ii` (k, n).
    precision: Array2<f64>,
    /// `(P_j P_l)_ii` for j <= l, row after row (k (k + 1) / 2, n).
    products: Array2<f64>,
}

impl Problem {
    /// The penalty of each task at the local minimum of a criterion of rows left out, found from
    /// `start` (T) by L-BFGS with the analytic gradient, and whether it was reached. Errors are weighed
    /// by `weights` (T), those of the tasks in the objective.
    ///
    /// Each step costs O(n^2 T^2).
    ///
    /// ```
    /// use coregion::ridge::{Criterion, Problem};
    /// use coregion::prelude::*;
    /// use ndarray::{Array2, array};
    /// let x = Array2::from_shape_fn((20, 1), |(i, _)| 0.5 * i as f64);
    /// let rough = |i: usize| f64::from((i as i32 * 7) % 5 - 2);
    /// let y = Array2::from_shape_fn((20, 2), |(i, t)| x[[i, 0]].sin() + [0.01, 0.5][t] * rough(i));
    /// let problem = Problem::new(&Dataset::new(x.view(), y.view())?, &Rbf::isotropic(1.0), None, false)?;
    /// let task = Diagonal::starting_at([1.0, 1.0]);
    /// let one = array![1.0, 1.0];
    /// let criterion = Criterion::from(LeaveOut::Row);
    /// let (a, _) = problem.refine_each_task(&task, &[0.1, 0.1], one.view(), &criterion)?;
    /// assert!(a[0] < 0.1 && a[1] > 0.1); // the second task is noisier
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Incompatible`] for another criterion, and for low rank plus noise over many tasks; as
    /// [`Problem::evaluate`] at the start.
    pub fn refine_each_task(
        &self,
        task: &Task,
        start: &[f64],
        weights: ArrayView1<f64>,
        criterion: &Criterion,
    ) -> Result<(Array1<f64>, bool)> {
        check_length("start", start.len(), self.rotated.ncols())?;
        let start: Vec<f64> = start.iter().map(|a| a.ln()).collect();
        let mut objective =
            OfLogPenalties { problem: self, task, weights, criterion, start: &start };
        let settings = LbfgsSettings { gradient_tolerance: 1e-6, ..LbfgsSettings::default() };
        let outcome = minimise(&mut objective, &start, &settings)?;
        let penalties = outcome.point.iter().map(|p| p.exp()).collect();
        Ok((penalties, outcome.stop == Stop::Converged))
    }

    /// A criterion of rows left out and its gradient with respect to the logarithms of the tasks'
    /// penalties (T): O(n^2 T^2). Squared errors are weighed by `weights` (T).
    ///
    /// ```
    /// use coregion::ridge::{Criterion, Problem};
    /// use coregion::prelude::*;
    /// use ndarray::array;
    /// let data = Dataset::new(array![[0.0], [1.0]].view(), array![[1.0], [3.0]].view())?;
    /// let problem = Problem::new(&data, &Rbf::isotropic(1.0), None, false)?;
    /// let (task, one) = (Diagonal::starting_at([1.0]), array![1.0]);
    /// let at = |a: f64| {
    ///     problem.evaluate_each_task(&task, array![a].view(), one.view(), &Criterion::default())
    /// };
    /// let slope = (at(0.5 * 1e-6f64.exp())?.0 - at(0.5)?.0) / 1e-6;
    /// assert!((slope - at(0.5)?.1[0]).abs() < 1e-5);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Problem::refine_each_task`].
    pub fn evaluate_each_task(
        &self,
        task: &Task,
        penalties: ArrayView1<f64>,
        weights: ArrayView1<f64>,
        criterion: &Criterion,
    ) -> Result<(f64, Array1<f64>)> {
        criterion.check_each_task()?;
        self.check(criterion)?;
        let density = matches!(criterion, Criterion::LogDensity(_));
        let t = self.rotated.ncols();
        check_length("penalties", penalties.len(), t)?;
        check_length("weights", weights.len(), t)?;
        penalties.iter().try_for_each(|a| check_positive("penalties", *a))?;
        let noise = &penalties / &weights;
        let candidate = Candidate::new(self, task, noise.view())?;
        if candidate.outside.is_some() {
            return Err(Error::Incompatible {
                options: "a penalty chosen for each task and low rank plus noise over many tasks"
                    .to_string(),
                advice: "choose one penalty, or give those of the tasks".to_string(),
            });
        }
        let rotated = Rotated::new(self, &candidate, 1.0);
        let (rows, dual) = self.rows_left(&candidate, &rotated);
        let (n, t) = self.rotated.dim();
        let w = candidate.congruence().dual_vectors(); // (T, k)
        if density {
            let fit: f64 = rows.residual.iter().zip(&rows.precision).map(|(e, q)| e * e * q).sum();
            let log_det: f64 = rows.precision.iter().map(|q| q.ln()).sum();
            let count = (n * t) as f64;
            let shared = n as f64 * candidate.congruence().half_log_det_noise()
                + 0.5 * count * LN_TAU
                - t as f64 * self.log_root_weights();
            let value = (0.5 * (fit - log_det) + shared) / count;
            // tr(G^-1 dG), e' dG e and e' dC; the trace with the noise's own part in `log_det`.
            let (trace, _) = rows.contracted(&rows.precision.mapv(f64::recip), None);
            let (_, bilinear) = rows.contracted(&rows.residual, Some(&rows.residual));
            let applied = self.applied(&candidate, &rotated, &rows.residual);
            let gradient = (0..t)
                .map(|s| {
                    let row = w.row(s);
                    let squares = row.mapv(|v| v * v);
                    let change = 0.5 * (squares.dot(&trace) + row.dot(&bilinear.dot(&row)))
                        - applied.row(s).dot(&dual.row(s));
                    noise[s] * change / count
                })
                .collect();
            return finite(criterion, value, gradient);
        }
        // e in the tasks, weighed; z = P_ii^-1 (v o e) along the directions.
        let residual =
            linalg::matmul(candidate.congruence().primal_vectors().view(), rows.residual.view());
        let weighed = &residual * &weights.insert_axis(Axis(1));
        let total = self.total_weight() * weights.sum();
        let value = (&residual * &weighed).sum() / total;
        let scaled = &weighed * &noise.view().insert_axis(Axis(1));
        let z = linalg::matmul(w.t(), scaled.view()) / &rows.precision;
        let (_, bilinear) = rows.contracted(&z, Some(&rows.residual));
        let applied = self.applied(&candidate, &rotated, &z);
        let gradient = (0..t)
            .map(|s| {
                let row = w.row(s);
                let change = row.dot(&bilinear.dot(&row)) - applied.row(s).dot(&dual.row(s));
                2.0 * noise[s] * change / total
            })
            .collect();
        finite(criterion, value, gradient)
    }

    /// Residuals, precisions and their products at the rows, and the dual coefficients (T, n).
    fn rows_left(&self, candidate: &Candidate, rotated: &Rotated) -> (Rows, Array2<f64>) {
        let u = self.spectrum.vectors.view();
        let k = rotated.inverse.nrows();
        let back = |m: &Array2<f64>| linalg::matmul(m.view(), u.t());
        let mut pairs = Array2::zeros((k * (k + 1) / 2, u.ncols()));
        for (row, (j, l)) in pairs_of(k).enumerate() {
            pairs.row_mut(row).assign(&(&rotated.inverse.row(j) * &rotated.inverse.row(l)));
        }
        let mut precision = squares_times(u, rotated.inverse.t()).reversed_axes();
        let mut products = squares_times(u, pairs.t()).reversed_axes();
        if let Some(f) = &rotated.fixed {
            // With P_j = U D_j U' - p_j p_j': D_j p_l at the rows for every pair.
            let scaled = &f.columns / &f.sums.mapv(f64::sqrt).insert_axis(Axis(1));
            let p = back(&scaled);
            precision.zip_mut_with(&p, |q, p| *q -= p * p);
            for (row, (j, l)) in pairs_of(k).enumerate() {
                let of = |a: usize, b: usize| u.dot(&(&rotated.inverse.row(a) * &scaled.row(b)));
                let inner = scaled.row(j).dot(&scaled.row(l));
                let mut change = of(j, l) * p.row(l);
                change += &(of(l, j) * p.row(j));
                change.scaled_add(-inner, &(&p.row(j) * &p.row(l)));
                products.row_mut(row).scaled_add(-1.0, &change);
            }
        }
        let whitened = back(&rotated.dual);
        let residual = &whitened / &precision;
        let dual = candidate.to_tasks(whitened.view(), None);
        (Rows { residual, precision, products }, dual)
    }

    /// `P Z` (T, n) for Z given along the directions (k, n).
    fn applied(&self, candidate: &Candidate, rotated: &Rotated, z: &Array2<f64>) -> Array2<f64> {
        let u = self.spectrum.vectors.view();
        let mut solved = linalg::matmul(z.view(), u) * &rotated.inverse;
        if let (Some(f), Some(ones)) = (&rotated.fixed, &self.ones) {
            for (j, mut row) in solved.rows_mut().into_iter().enumerate() {
                let share = row.dot(ones) / f.sums[j];
                row.scaled_add(-share, &f.columns.row(j));
            }
        }
        let back = linalg::matmul(solved.view(), u.t());
        candidate.to_tasks(back.view(), None)
    }
}

/// Refuses values that are not finite.
fn finite(criterion: &Criterion, value: f64, gradient: Array1<f64>) -> Result<(f64, Array1<f64>)> {
    if value.is_finite() && gradient.iter().all(|g| g.is_finite()) {
        return Ok((value, gradient));
    }
    Err(Error::Numerical {
        operation: format!("the criterion ({criterion})"),
        detail: format!("it is {value}, or its gradient overflows"),
    })
}

/// Pairs j <= l.
fn pairs_of(k: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..k).flat_map(move |j| (j..k).map(move |l| (j, l)))
}

impl Rows {
    /// `sum_i a_ij (P_j P_j)_ii` (k), and with b `sum_i a_ij b_il (P_j P_l)_ii` (k, k).
    fn contracted(&self, a: &Array2<f64>, b: Option<&Array2<f64>>) -> (Array1<f64>, Array2<f64>) {
        let k = a.nrows();
        let (mut diagonal, mut all) = (Array1::zeros(k), Array2::zeros((k, k)));
        for ((j, l), products) in pairs_of(k).zip(self.products.rows()) {
            if j == l {
                diagonal[j] = a.row(j).dot(&products);
            }
            if let Some(b) = b {
                let sum = |p: usize, q: usize| (&a.row(p) * &b.row(q)).dot(&products);
                all[[j, l]] = sum(j, l);
                all[[l, j]] = sum(l, j);
            }
        }
        (diagonal, all)
    }
}
