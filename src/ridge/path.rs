//! Many penalties and many task covariances on one spectrum.

use ndarray::{Array1, Array2, Zip, s};
use rayon::prelude::*;

use super::evaluate::Rotated;
use super::score::{self, Loss, Pieces};
use super::{Candidate, Criterion, Problem};
use crate::data::check_positive;
use crate::error::{Error, Result};
use crate::linalg;
use crate::solve::{Combined, LeaveOut, Resolvent, squares_times};

/// Columns of right-hand sides taken at a time.
const COLUMNS: usize = 256;

/// How far a path has come.
///
/// ```
/// use coregion::prelude::*;
/// # use ndarray::array;
/// # let data = Dataset::new(array![[0.0], [1.0], [2.0]].view(), array![[0.1], [0.9], [0.3]].view())?;
/// use std::ops::ControlFlow;
/// let settings = MultiTaskKernelRidge::new(Rbf::isotropic(1.0))
///     .alphas(vec![0.1, 1.0])
///     .observer(|p: &coregion::ridge::PathProgress| {
///         assert!(p.done <= p.total);
///         ControlFlow::Break(())
///     });
/// assert_eq!(settings.fit(&data).unwrap_err(), Error::Cancelled { evaluations: 2 });
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathProgress {
    /// Values of the criterion computed.
    pub done: usize,
    /// Values in all.
    pub total: usize,
}

impl Problem {
    /// A criterion (candidates, penalties) for every task covariance and penalty.
    ///
    /// Rows and entries cost O(n^2 T) for each of few penalties; for many, the precision and the
    /// duals are read off tables over the shift alone, exact to about 1e-13 of the largest,
    /// at O(n T) for each and 2 n T^2 more for entries. Tasks and generalised cross-validation cost O(n T^2) each. `observe` is told
    /// of every finished part and may stop the path.
    ///
    /// ```
    /// use coregion::ridge::{Candidate, Criterion, Problem};
    /// use coregion::prelude::*;
    /// use ndarray::array;
    /// let data = Dataset::new(array![[0.0], [1.0]].view(), array![[1.0], [3.0]].view())?;
    /// let problem = Problem::new(&data, &Rbf::isotropic(1.0), None, false)?;
    /// let one = Candidate::new(&problem, &Diagonal::starting_at([1.0]), array![1.0].view())?;
    /// let criterion = Criterion::from(LeaveOut::Row);
    /// let path = problem.path(&[one.clone()], &[0.1, 1.0], &criterion, &|_| Ok(()))?;
    /// let (value, _) = problem.evaluate(&one, 1.0, &criterion)?;
    /// assert!((path[[0, 1]] - value).abs() < 1e-12);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// Where a criterion cannot be computed (a penalty so small that a block has no Cholesky factor) its
    /// value is infinite.
    ///
    /// # Errors
    /// What [`Problem::evaluate`] refuses; what `observe` returns.
    pub fn path(
        &self,
        candidates: &[Candidate],
        alphas: &[f64],
        criterion: &Criterion,
        observe: &(dyn Fn(&PathProgress) -> Result<()> + Sync),
    ) -> Result<Array2<f64>> {
        alphas.iter().try_for_each(|alpha| check_positive("alphas", *alpha))?;
        candidates.iter().try_for_each(|c| self.check_candidate(c))?;
        self.check(criterion)?;
        let total = candidates.len() * alphas.len();
        let done = std::sync::atomic::AtomicUsize::new(0);
        let finished = |count: usize| {
            let done = done.fetch_add(count, std::sync::atomic::Ordering::Relaxed) + count;
            observe(&PathProgress { done, total })
        };
        let by_columns = match criterion {
            Criterion::SquaredError(by) | Criterion::LogDensity(by) => {
                matches!(by, LeaveOut::Row | LeaveOut::Entry)
            }
            Criterion::Gcv => false,
        };
        let table = if by_columns { self.table(candidates, alphas) } else { None };
        let one = |scratch: &mut Scratch, candidate: &Candidate| -> Result<Vec<f64>> {
            linalg::clear_vector_state();
            let values = if by_columns && candidate.outside.is_none() {
                let values = match &table {
                    Some(table) => self.by_table(candidate, alphas, criterion, table, scratch),
                    None => self.by_products(candidate, alphas, criterion),
                };
                finished(alphas.len())?;
                values
            } else {
                let value = |&alpha: &f64| {
                    let value = match criterion {
                        Criterion::Gcv => {
                            self.gcv(candidate, &Rotated::new(self, candidate, alpha)).0
                        }
                        _ => match self.evaluate(candidate, alpha, criterion) {
                            Err(Error::Numerical { .. } | Error::NotPositive { .. }) => {
                                f64::INFINITY
                            }
                            other => other?.0,
                        },
                    };
                    finished(1)?;
                    Ok(value)
                };
                alphas.iter().map(value).collect::<Result<_>>()?
            };
            let known = |v: f64| if v.is_finite() { v } else { f64::INFINITY };
            Ok(values.into_iter().map(known).collect())
        };
        let rows =
            candidates.par_iter().map_init(Scratch::default, one).collect::<Result<Vec<_>>>()?;
        let flat: Vec<f64> = rows.into_iter().flatten().collect();
        Ok(Array2::from_shape_fn((candidates.len(), alphas.len()), |(c, a)| {
            flat[c * alphas.len() + a]
        }))
    }

    /// Tables over the shift, where they cost less than products for each shift.
    fn table(&self, candidates: &[Candidate], alphas: &[f64]) -> Option<Resolvent> {
        let dense = || candidates.iter().filter(|c| c.outside.is_none());
        let shifts = || {
            dense().flat_map(|c| alphas.iter().flat_map(|&alpha| c.shifts(alpha))).map(|(d, _)| d)
        };
        let (count, t) = (shifts().count(), self.rotated.ncols());
        let (low, high) = Resolvent::range(&self.spectrum, shifts())?;
        let columns = t + usize::from(self.ones.is_some());
        // A node costs a product for each column of the data, a shift one for its dual; both one for
        // the precision.
        let nodes = Resolvent::nodes(low, high);
        let cost = (nodes * (columns + 1)) as f64 + 0.02 * count as f64;
        if cost > 2.0 * count as f64 || !Resolvent::fits(&self.spectrum, nodes, columns) {
            return None;
        }
        let mut data = self.rotated.clone();
        if let Some(ones) = &self.ones {
            data.push_column(ones.view()).ok()?;
        }
        Some(Resolvent::new(&self.spectrum, data.view(), low, high))
    }

    /// Values from what `made` holds for some penalties.
    fn values(
        &self,
        candidate: &Candidate,
        alphas: &[f64],
        criterion: &Criterion,
        made: &mut Columns,
        out: &mut Vec<f64>,
    ) {
        let k = candidate.inside.nrows();
        if let (Some(fixed), Some(ones)) = (&made.fixed, &self.ones) {
            for (a, &alpha) in alphas.iter().enumerate() {
                for (j, (shift, _)) in candidate.shifts(alpha).into_iter().enumerate() {
                    let column: Array1<f64> = Zip::from(ones)
                        .and(&self.spectrum.values)
                        .map_collect(|u, s| u / (1.0 + s * shift));
                    let sum = column.dot(ones);
                    let b = candidate.inside.row(j).dot(&column) / sum;
                    let p = fixed.row(a * k + j);
                    made.dual.row_mut(a * k + j).scaled_add(-b, &p);
                    let mut q = made.precision.row_mut(a * k + j);
                    q.zip_mut_with(&p, |q, p| *q -= p * p / sum);
                }
            }
        }
        for (a, &alpha) in alphas.iter().enumerate() {
            let rows = s![a * k..(a + 1) * k, ..];
            let at = Pieces {
                precision: made.precision.slice(rows).into(),
                dual: made.dual.slice(rows).into(),
                outside: None,
            };
            let loss = match criterion {
                Criterion::LogDensity(_) => Loss::Density { alpha },
                _ => Loss::Squared,
            };
            let sum = match criterion.leave_out() {
                Some(LeaveOut::Entry) => score::entries(candidate, loss, &at, None),
                _ => score::rows(candidate, loss, &at, None),
            };
            out.push(self.normalised(candidate, criterion, sum).0);
        }
    }

    /// One product for each shift.
    fn by_products(
        &self,
        candidate: &Candidate,
        alphas: &[f64],
        criterion: &Criterion,
    ) -> Vec<f64> {
        let k = candidate.inside.nrows();
        let u = self.spectrum.vectors.view();
        let mut out = Vec::with_capacity(alphas.len());
        for alphas in alphas.chunks((COLUMNS / k.max(1)).max(1)) {
            let mut inverse = Array2::zeros((k * alphas.len(), u.ncols()));
            for (a, &alpha) in alphas.iter().enumerate() {
                for (j, (shift, _)) in candidate.shifts(alpha).into_iter().enumerate() {
                    let row = self.spectrum.values.mapv(|s| 1.0 / (1.0 + s * shift));
                    inverse.row_mut(a * k + j).assign(&row);
                }
            }
            let mut data = inverse.clone();
            for (row, mut data) in data.rows_mut().into_iter().enumerate() {
                data *= &candidate.inside.row(row % k);
            }
            let fixed = |ones: &Array1<f64>| linalg::matmul((&inverse * ones).view(), u.t());
            let mut made = Columns {
                precision: squares_times(u, inverse.t()).reversed_axes(),
                dual: linalg::matmul(data.view(), u.t()),
                fixed: self.ones.as_ref().map(fixed),
            };
            self.values(candidate, alphas, criterion, &mut made, &mut out);
        }
        out
    }

    /// Everything read off tables over the shift.
    fn by_table(
        &self,
        candidate: &Candidate,
        alphas: &[f64],
        criterion: &Criterion,
        table: &Resolvent,
        scratch: &mut Scratch,
    ) -> Vec<f64> {
        let (k, (n, t)) = (candidate.inside.nrows(), self.rotated.dim());
        let directions = candidate.congruence().dual_vectors(); // (T, k)
        table.combine(directions.view(), &mut scratch.along);
        let mut out = Vec::with_capacity(alphas.len());
        for alphas in alphas.chunks((COLUMNS / k.max(1)).max(1)) {
            let count = alphas.len();
            scratch.columns.resize(k * count, n, self.ones.is_some());
            let made = &mut scratch.columns;
            let shifts: Vec<Vec<(f64, f64)>> =
                alphas.iter().map(|&alpha| candidate.shifts(alpha)).collect();
            for j in 0..k {
                let of_direction: Vec<f64> = shifts.iter().map(|d| d[j].0).collect();
                let reading = table.reading(&of_direction);
                // The shift of penalty a and direction j is in row `a k + j`.
                let rows = s![j..k * count; k, ..];
                reading.read(table.diagonals(), made.precision.slice_mut(rows));
                reading.read(scratch.along.row(j), made.dual.slice_mut(rows));
                if let Some(p) = &mut made.fixed {
                    reading.read(table.products(t), p.slice_mut(rows));
                }
            }
            self.values(candidate, alphas, criterion, made, &mut out);
        }
        out
    }
}

/// For some penalties and all directions of a candidate, one row (n) for each pair, penalty by
/// penalty: precisions, dual coefficients and, with intercepts, `U (u / Lam)`.
#[derive(Debug, Default)]
struct Columns {
    precision: Array2<f64>,
    dual: Array2<f64>,
    fixed: Option<Array2<f64>>,
}

impl Columns {
    fn resize(&mut self, rows: usize, n: usize, fixed: bool) {
        if self.precision.dim() != (rows, n) {
            self.precision = Array2::zeros((rows, n));
            self.dual = Array2::zeros((rows, n));
            self.fixed = fixed.then(|| Array2::zeros((rows, n)));
        }
    }
}

/// Memory that a thread uses again for one candidate after another.
#[derive(Debug, Default)]
struct Scratch {
    along: Combined,
    columns: Columns,
}
