//! Rows added to a factored covariance, which is not factored again.
//!
//! With the covariance S of the new observations given the old ones and `delta = S^-1 (y_new - mu)`, the
//! duals of the new observations are delta, those of the old ones lose `A^-1 C delta`, and the density of
//! all is that of the old times `N(y_new; mu, S)`: the bordered system of A and the new block (block
//! inversion; Rasmussen & Williams 2006, A.3).

use std::sync::Arc;

use ndarray::{Array1, Array2, Array3, Array4, ArrayView1, ArrayView2, Axis, concatenate, s};

use super::{Adjoints, Estimate, Factor, LN_TAU, RowCovariances, SolveReport, log_gaussian, views};
use crate::error::{Error, Result};
use crate::linalg;
use crate::op::{NoiseMatrix, Pattern};

/// Rows taken together at least where their covariances are asked for.
const AT_ONCE: usize = 16;

/// What is known of the rows added.
#[derive(Debug)]
pub(crate) struct Added<'a> {
    /// Cross-kernels `k(x_new, X)` (p, n) of each term.
    pub(crate) cross: Vec<Array2<f64>>,
    /// Kernels between the new rows (p, p).
    pub(crate) prior: Vec<Array2<f64>>,
    /// Data less their mean (p, T), NaN where nothing was observed.
    pub(crate) residuals: ArrayView2<'a, f64>,
    /// Known noise variances (p, T), where there are some.
    pub(crate) known: Option<ArrayView2<'a, f64>>,
    /// Number of observed entries, the old ones included.
    pub(crate) n_observed: usize,
}

/// A factor and q observations in p rows added to it: q solves with it, q^2 doubles beside it.
#[derive(Debug, Clone)]
pub(crate) struct AppendedFactor {
    base: Arc<dyn Factor>,
    tasks: Vec<Array2<f64>>,
    cross: Vec<Array2<f64>>,
    prior: Vec<Array2<f64>>,
    pattern: Pattern,
    /// The Cholesky factor of S (q, q).
    lower: Array2<f64>,
    /// All duals (n + p, T).
    dual: Array2<f64>,
    log_likelihood: f64,
    n_observed: usize,
}

impl AppendedFactor {
    /// Adds rows to a factor, with the task covariances B of the terms and the noise covariance Sigma.
    ///
    /// # Errors
    /// [`Error::NotPositive`] where S has no Cholesky factor; as [`Factor::joint`].
    pub(crate) fn new(
        base: Arc<dyn Factor>,
        tasks: Vec<Array2<f64>>,
        noise: &NoiseMatrix,
        added: Added<'_>,
    ) -> Result<Self> {
        let Added { cross, prior, residuals, known, n_observed } = added;
        let pattern = Pattern::of(residuals);
        let joint = base.joint(&views(&cross), prior.clone())?;
        let places: Vec<(usize, usize)> = pattern.observed().collect();
        let entry = |a: usize, b: usize| {
            let ((i, t), (j, u)) = (places[a], places[b]);
            let mut value = joint[[i, t, j, u]];
            if i == j {
                value += noise.entry(t, u);
            }
            if a == b {
                value += known.map_or(0.0, |v| v[[i, t]]);
            }
            value
        };
        let covariance = Array2::from_shape_fn((places.len(), places.len()), |(a, b)| entry(a, b));
        let lower = linalg::cholesky_of(covariance)?;
        let means = through(&views(&cross), &base.weights());
        let gap: Array1<f64> =
            places.iter().map(|&(i, t)| residuals[[i, t]] - means[[i, t]]).collect();
        let half = linalg::solve_lower(lower.view(), gap.insert_axis(Axis(1)).view());
        let delta = linalg::solve_lower_transpose(lower.view(), half.view());
        let squares: f64 = half.iter().map(|v| v * v).sum();
        let logs: f64 = lower.diag().iter().map(|v| v.ln()).sum();
        let gain = -0.5 * (squares + places.len() as f64 * LN_TAU) - logs;
        let log_likelihood = base.log_likelihood() + gain;
        let new = pattern.scatter(delta.column(0));
        let old = base.dual() - &base.solve(back(&cross, &new, &tasks).view())?;
        let dual = concatenate![Axis(0), old, new];
        Ok(AppendedFactor {
            base,
            tasks,
            cross,
            prior,
            pattern,
            lower,
            dual,
            log_likelihood,
            n_observed,
        })
    }

    fn n_old(&self) -> usize {
        self.cross.first().map_or(0, |cross| cross.ncols())
    }

    /// Number of rows added.
    fn n_new(&self) -> usize {
        self.cross.first().map_or(0, |cross| cross.nrows())
    }

    fn n_tasks(&self) -> usize {
        self.pattern.n_tasks()
    }

    /// The refusal of what needs the whole covariance factored.
    fn needs_all<T>(&self) -> Result<T> {
        Err(Error::Incompatible {
            options: "rows added and this question".to_string(),
            advice: "factor the covariance of all rows".to_string(),
        })
    }

    /// The joint covariance of some rows given the old observations, with a `prior` (m, m) and a
    /// cross-kernel (m, n + p) of each term, and `L^-1 G'` (q, m T) for their covariances G with the new
    /// observations.
    fn with_new(
        &self,
        cross: &[ArrayView2<f64>],
        prior: &[ArrayView2<f64>],
    ) -> Result<(Array4<f64>, Array2<f64>)> {
        let (p, t, n) = (self.n_new(), self.n_tasks(), self.n_old());
        let m = cross.first().map_or(0, |cross| cross.nrows());
        let (mut all, mut kernels) = (Vec::new(), Vec::new());
        for (q, (cross, prior)) in cross.iter().zip(prior).enumerate() {
            all.push(concatenate![Axis(0), self.cross[q], cross.slice(s![.., ..n])]);
            let mut kernel = Array2::zeros((p + m, p + m));
            kernel.slice_mut(s![..p, ..p]).assign(&self.prior[q]);
            kernel.slice_mut(s![p.., ..p]).assign(&cross.slice(s![.., n..]));
            kernel.slice_mut(s![..p, p..]).assign(&cross.slice(s![.., n..]).t());
            kernel.slice_mut(s![p.., p..]).assign(prior);
            kernels.push(kernel);
        }
        let joint = self.base.joint(&views(&all), kernels)?;
        let mut shared = Array2::zeros((self.lower.nrows(), m * t));
        for (a, (i, u)) in self.pattern.observed().enumerate() {
            let row = joint.slice(s![i, u, p.., ..]);
            shared.row_mut(a).iter_mut().zip(row.iter()).for_each(|(v, c)| *v = *c);
        }
        let halves = linalg::solve_lower(self.lower.view(), shared.view());
        Ok((joint.slice(s![p.., .., p.., ..]).to_owned(), halves))
    }
}

/// The sum over the terms of `k(x, X) W`: means at the rows of the cross-kernels for weights W.
fn through(cross: &[ArrayView2<f64>], weights: &[Array2<f64>]) -> Array2<f64> {
    let products = cross.iter().zip(weights).map(|(k, w)| linalg::matmul(*k, w.view()));
    products.reduce(|a, b| a + b).unwrap_or_default()
}

/// Covariances (n, T) of the old latent functions with new duals: `k(X, x_new) delta B`, summed over
/// the terms.
fn back(cross: &[Array2<f64>], new: &Array2<f64>, tasks: &[Array2<f64>]) -> Array2<f64> {
    let of_terms = cross.iter().zip(tasks);
    let products =
        of_terms.map(|(k, b)| linalg::matmul(linalg::matmul(k.t(), new.view()).view(), b.view()));
    products.reduce(|a, b| a + b).unwrap_or_default()
}

/// Whole T x T blocks for each row.
struct Blocks(Array3<f64>);

impl RowCovariances for Blocks {
    fn variances(&self) -> (Array2<f64>, usize) {
        let (m, t, _) = self.0.dim();
        let mut clipped = 0;
        let out = Array2::from_shape_fn((m, t), |(i, u)| {
            clipped += usize::from(self.0[[i, u, u]] < 0.0);
            self.0[[i, u, u]].max(0.0)
        });
        (out, clipped)
    }

    fn block(&self, i: usize, rows: &[usize], columns: &[usize]) -> Array2<f64> {
        let entry = |(a, b): (usize, usize)| self.0[[i, rows[a], columns[b]]];
        Array2::from_shape_fn((rows.len(), columns.len()), entry)
    }
}

impl Factor for AppendedFactor {
    fn solve(&self, rhs: ArrayView2<f64>) -> Result<Array2<f64>> {
        let n = self.n_old();
        let old = self.base.solve(rhs.slice(s![..n, ..]))?;
        let weights: Vec<Array2<f64>> =
            self.tasks.iter().map(|b| linalg::matmul(old.view(), b.view())).collect();
        let gap = &rhs.slice(s![n.., ..]) - &through(&views(&self.cross), &weights);
        let gap = self.pattern.gather(gap.view()).insert_axis(Axis(1));
        let half = linalg::solve_lower(self.lower.view(), gap.view());
        let delta = linalg::solve_lower_transpose(self.lower.view(), half.view());
        let new = self.pattern.scatter(delta.column(0));
        let old = old - &self.base.solve(back(&self.cross, &new, &self.tasks).view())?;
        Ok(concatenate![Axis(0), old, new])
    }

    fn log_det(&self) -> Estimate {
        let own = 2.0 * self.lower.diag().iter().map(|v| v.ln()).sum::<f64>();
        let base = self.base.log_det();
        Estimate { value: base.value + own, ..base }
    }

    fn log_likelihood(&self) -> f64 {
        self.log_likelihood
    }

    fn dual(&self) -> Array2<f64> {
        self.dual.clone()
    }

    fn weights(&self) -> Vec<Array2<f64>> {
        self.tasks.iter().map(|b| linalg::matmul(self.dual.view(), b.view())).collect()
    }

    fn adjoints(&self, _with_kernels: bool) -> Result<Adjoints<'_>> {
        self.needs_all()
    }

    fn at(
        &self,
        cross: &[ArrayView2<f64>],
        prior: &[ArrayView1<f64>],
    ) -> Result<Box<dyn RowCovariances + '_>> {
        let t = self.n_tasks();
        let m = cross.first().map_or(0, |cross| cross.nrows());
        let mut out = Array3::zeros((m, t, t));
        // The new rows come along with each part.
        let at_once = AT_ONCE.max(2 * self.n_new());
        for start in (0..m).step_by(at_once) {
            let end = (start + at_once).min(m);
            let part: Vec<ArrayView2<f64>> =
                cross.iter().map(|k| k.slice_move(s![start..end, ..])).collect();
            // Covariances between these rows are not asked for, and their prior is not needed.
            let own: Vec<Array2<f64>> =
                prior.iter().map(|v| Array2::from_diag(&v.slice(s![start..end]))).collect();
            let (joint, halves) = self.with_new(&part, &views(&own))?;
            for i in 0..end - start {
                let half = halves.slice(s![.., i * t..(i + 1) * t]);
                let known = linalg::matmul(half.t(), half);
                let block = &joint.slice(s![i, .., i, ..]) - &known;
                out.index_axis_mut(Axis(0), start + i).assign(&block);
            }
        }
        Ok(Box::new(Blocks(out)))
    }

    fn row_doubles(&self) -> usize {
        let t = self.n_tasks();
        self.base.row_doubles() + t * t + self.lower.nrows() * t
    }

    fn joint(&self, cross: &[ArrayView2<f64>], prior: Vec<Array2<f64>>) -> Result<Array4<f64>> {
        let (mut joint, halves) = self.with_new(cross, &views(&prior))?;
        let known = linalg::matmul(halves.t(), halves.view());
        joint.iter_mut().zip(&known).for_each(|(v, k)| *v -= k);
        Ok(joint)
    }

    fn missing_variances(&self, _entries: &[(usize, usize)]) -> Result<Array1<f64>> {
        self.needs_all()
    }

    fn with_data(mut self: Box<Self>, residuals: ArrayView2<f64>) -> Result<Box<dyn Factor>> {
        self.dual = self.solve(residuals)?;
        let quadratic = (&self.dual * &residuals).sum();
        self.log_likelihood = log_gaussian(quadratic, self.log_det().value, self.n_observed);
        Ok(self)
    }

    fn is_partial(&self) -> bool {
        true
    }

    fn report(&self) -> SolveReport {
        let report = self.base.report();
        let why = format!("{}; {} rows added without factoring anew", report.why, self.n_new());
        // The bound was of the rows that were factored.
        SolveReport { why: why.into(), log_likelihood_bound: None, ..report }
    }
}
