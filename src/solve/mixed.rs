//! Mixed independent latent functions: one scalar Gaussian process for each, whatever the number of
//! tasks.
//!
//! With `f = H g`, `H = R^1/2 W` and the noise of [`MixedTasks`], rows of latent data `Z = R^-1/2 Y`
//! `W (W' W)^-1` are all that the data say of g, and their columns are independent:
//!
//! `log N(y) = sum_q log N(z_q; 0, K_q + delta_q I) - (||E||^2 + n (T - m) log 2 pi) / 2
//!   - n (log |W' W| + log |R|) / 2`,
//!
//! with E what is orthogonal to W in the whitened space (Bruinsma et al. 2020, prop. 7; Truffinet et al.
//! 2023). With `A_q = K_q + delta_q I`, `a_q = A_q^-1 z_q` and `C = (W' W)^-1` the gradient with respect
//! to W is `E' (Z - a C) + W C (a' Z - n I)`, and nothing of size T x T is formed. Gaps are in
//! [`super::mixed_gaps`].

use std::sync::Arc;

use ndarray::{Array1, Array2, Array3, Array4, ArrayView1, ArrayView2, Axis, s};

use super::fixed_effects::{FixedEffects, Latents, one_by_one};
use super::mixed_gaps::Gaps;
use super::mixed_posterior::LatentCovariances;
use super::{
    Adjoints, Estimate, Factor, LeaveOut, Residuals, RowCovariances, SolveReport, TaskMeans,
    log_gaussian,
};
use crate::error::{Error, Result};
use crate::linalg;
use crate::op::{Adjoint, MixedAdjoint, MixedTasks, Pattern};

/// The covariance of a table of mixed latent functions, factored one latent function at a time: m n^3 / 3
/// multiply-adds and m n^2 doubles for m of them, m n^3 more for the gradient, and O(n T m) for the
/// tasks. With M gaps M^3 / 3 more for the likelihood, m M n (M + n) / 2 for the gradient, and m n^2 +
/// 2 M^2 doubles.
///
/// ```
/// use coregion::op::{MixedTasks, Pattern};
/// use coregion::solve::MixedFactor;
/// use ndarray::array;
/// let tasks = MixedTasks::new(array![[1.0], [1.0]], array![1.0, 4.0].view(), array![0.75])?;
/// let (k, y) = (array![[1.0, 0.5], [0.5, 1.0]], array![[1.0, f64::NAN], [-1.0, 2.0]]);
/// let pattern = Pattern::of(y.view()).into();
/// let factor = MixedFactor::new(|_| k.clone(), tasks, y.view(), pattern, "an example")?;
/// assert_eq!(factor.tasks().mixing(), array![[1.0], [2.0]]);
/// assert_eq!(factor.latent_log_likelihoods().len(), 1);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MixedFactor {
    pub(super) tasks: MixedTasks,
    /// L_q (n, n) with `L_q L_q' = A_q`.
    lowers: Vec<Array2<f64>>,
    /// What is missing, with `A_q^-1`.
    pub(super) gaps: Option<Gaps>,
    pub(super) pattern: Arc<Pattern>,
    /// Z (n, m), of the table with its gaps filled.
    pub(super) data: Array2<f64>,
    /// `A_q^-1 z_q` as columns (n, m).
    pub(super) solution: Array2<f64>,
    /// E (n, T).
    pub(super) rest: Array2<f64>,
    pub(super) why: String,
}

impl MixedFactor {
    /// Factors the covariance and solves for data less their mean (n, T), whose missing entries are
    /// ignored. `gram` makes the Gram matrix K_q (n, n) of a latent function. `why` is what the report
    /// says of the choice.
    ///
    /// # Errors
    /// [`Error::NotPositive`] where a block has no Cholesky factor; [`Error::Shape`] where the data have
    /// not T columns.
    pub fn new(
        gram: impl Fn(usize) -> Array2<f64> + Sync,
        tasks: MixedTasks,
        residuals: ArrayView2<f64>,
        pattern: Arc<Pattern>,
        why: &str,
    ) -> Result<Self> {
        if residuals.ncols() != tasks.n_tasks() {
            return Err(Error::Shape {
                argument: "residuals".to_string(),
                found: format!("{} columns", residuals.ncols()),
                expected: format!("{}, one for each task", tasks.n_tasks()),
            });
        }
        let latents: Vec<usize> = (0..tasks.n_latents()).collect();
        let lowers = linalg::for_each(&latents, |&q| {
            let mut block = gram(q);
            block.diag_mut().mapv_inplace(|v| v + tasks.noises()[q]);
            linalg::cholesky_of(block)
        })?;
        let mut factor = MixedFactor {
            lowers,
            gaps: None,
            data: Array2::zeros((0, 0)),
            solution: Array2::zeros((0, 0)),
            rest: Array2::zeros((0, 0)),
            tasks,
            pattern,
            why: why.to_string(),
        };
        if !factor.pattern.is_complete() {
            let inverses = linalg::map(&latents, |&q| factor.inverse(q));
            factor.gaps = Some(Gaps::new(inverses, &factor.tasks, factor.pattern.missing())?);
        }
        factor.set_data(residuals);
        Ok(factor)
    }

    /// Solves for other data less their mean (n, T).
    fn set_data(&mut self, residuals: ArrayView2<f64>) {
        let mut table = self.pattern.scatter(self.pattern.gather(residuals).view());
        if let Some(gaps) = &self.gaps {
            self.fill(gaps, &mut table);
        }
        (self.data, self.rest) = self.tasks.split(table.view());
        self.solution = self.solved(&self.data);
    }

    /// What mixes the latent functions.
    pub fn tasks(&self) -> &MixedTasks {
        &self.tasks
    }

    /// `A_q^-1 z_q` as columns (n, m): the posterior mean of g_q is `k_q(x, X)` times column q.
    pub fn solution(&self) -> &Array2<f64> {
        &self.solution
    }

    /// Log densities (m) of the latent data of each latent function.
    pub fn latent_log_likelihoods(&self) -> Array1<f64> {
        let quadratic = (&self.data * &self.solution).sum_axis(Axis(0));
        let n = self.data.nrows();
        quadratic.iter().zip(&self.lowers).map(|(q, l)| log_gaussian(*q, log_det(l), n)).collect()
    }

    /// `A_q^-1` (n, n).
    fn inverse(&self, q: usize) -> Array2<f64> {
        linalg::cholesky_inverse(self.lowers[q].view())
    }

    /// The least-squares problems of columns F (n, p) in a complete table.
    pub(super) fn latent_effects(&self, basis: ArrayView2<f64>) -> Result<Latents> {
        let solved: Vec<Array2<f64>> =
            self.lowers.iter().map(|lower| both_triangles(lower, basis)).collect();
        Latents::new(&self.tasks, basis, &solved)
    }

    /// Diagonals of `A_q^-1` as columns (n, m).
    pub(super) fn inverse_diagonals(&self) -> Array2<f64> {
        let latents: Vec<usize> = (0..self.lowers.len()).collect();
        let diagonals = linalg::map(&latents, |&q| match &self.gaps {
            Some(gaps) => gaps.inverses()[q].diag().to_owned(),
            None => self.inverse(q).diag().to_owned(),
        });
        columns(&diagonals, self.data.nrows())
    }

    /// `A_q^-1 z_q` for the columns of Z (n, m).
    fn solved(&self, data: &Array2<f64>) -> Array2<f64> {
        let mut out = Array2::zeros(data.dim());
        for ((mut column, z), lower) in
            out.columns_mut().into_iter().zip(data.columns()).zip(&self.lowers)
        {
            column.assign(&both_triangles(lower, z.insert_axis(Axis(1))).column(0));
        }
        out
    }

    /// `A^-1` of the whole table times a table (n, T).
    fn solve_whole(&self, table: ArrayView2<f64>) -> Array2<f64> {
        let (data, rest) = self.tasks.split(table);
        self.tasks.dual(&self.solved(&data), &rest)
    }

    /// Fills the gaps of a table with zeros there by their conditional means.
    fn fill(&self, gaps: &Gaps, table: &mut Array2<f64>) {
        let zeroed = self.solve_whole(table.view());
        let missing = self.pattern.missing();
        let at_gaps: Array1<f64> = missing.iter().map(|&e| zeroed[e]).collect();
        for (&e, excess) in missing.iter().zip(&gaps.solve(at_gaps)) {
            table[e] = -excess;
        }
    }

    pub(super) fn solve_table(&self, rhs: ArrayView2<f64>) -> Array2<f64> {
        let mut table = self.pattern.scatter(self.pattern.gather(rhs).view());
        if let Some(gaps) = &self.gaps {
            self.fill(gaps, &mut table);
        }
        let solution = self.solve_whole(table.view());
        self.pattern.scatter(self.pattern.gather(solution.view()).view())
    }

    pub(super) fn dual_table(&self) -> Array2<f64> {
        // Zero at the gaps up to rounding, and exactly zero for the user.
        let dual = self.tasks.dual(&self.solution, &self.rest);
        self.pattern.scatter(self.pattern.gather(dual.view()).view())
    }

    pub(super) fn log_determinant(&self) -> f64 {
        let blocks: f64 = self.lowers.iter().map(log_det).sum();
        let n = self.data.nrows() as f64;
        let gaps = self.gaps.as_ref().map_or(0.0, Gaps::log_det);
        blocks + 2.0 * n * self.tasks.half_log_det() + gaps
    }

    pub(super) fn quadratic(&self) -> f64 {
        let inside: f64 = self.data.iter().zip(&self.solution).map(|(z, a)| z * a).sum();
        inside + self.rest.iter().map(|v| v * v).sum::<f64>()
    }

    /// The adjoint of what mixes the latent functions, and what `each` makes of the adjoint of every
    /// Gram matrix K_q: one of them at a time is kept on each thread.
    pub fn adjoints_with<R: Send>(
        &self,
        each: impl Fn(usize, Adjoint<'static>) -> R + Sync,
    ) -> (MixedAdjoint, Vec<R>) {
        let latents: Vec<usize> = (0..self.lowers.len()).collect();
        let parts = linalg::map(&latents, |&q| {
            let mut inner = match &self.gaps {
                Some(gaps) => gaps.inverses()[q].clone(),
                None => self.inverse(q),
            };
            let a = self.solution.column(q);
            for (mut row, left) in inner.rows_mut().into_iter().zip(&a) {
                row.zip_mut_with(&a, |v, right| *v = 0.5 * (left * right - *v));
            }
            if let Some(gaps) = &self.gaps {
                gaps.add_kernel_adjoint(q, &mut inner);
            }
            // delta_q and the diagonal of K_q are one.
            let noise = inner.diag().sum();
            (noise, each(q, Adjoint::Dense(inner)))
        });
        let mut adjoint = self.complete_adjoint();
        if let Some(gaps) = &self.gaps {
            gaps.add_mixing_adjoint(&self.tasks, &mut adjoint);
        }
        let (noises, results): (Vec<f64>, Vec<R>) = parts.into_iter().unzip();
        adjoint.noises = noises.into();
        (adjoint, results)
    }

    /// The adjoint of W and `R^1/2` of the table as it was filled.
    fn complete_adjoint(&self) -> MixedAdjoint {
        let (w, c) = (self.tasks.whitened(), self.tasks.inverse());
        let n = self.data.nrows() as f64;
        let through = linalg::matmul(self.solution.view(), c.view());
        let mut inner = linalg::matmul(self.solution.t(), self.data.view());
        inner.diag_mut().mapv_inplace(|v| v - n);
        let inner = linalg::matmul(c.view(), inner.view());
        let mut whitened = linalg::matmul(w.view(), inner.view());
        linalg::matmul_add(self.rest.t(), (&self.data - &through).view(), whitened.view_mut());
        // Whitened data, and their duals.
        let rows = linalg::matmul(self.data.view(), w.t()) + &self.rest;
        let dual = linalg::matmul(through.view(), w.t()) + &self.rest;
        let root = ((rows * dual).sum_axis(Axis(0)) - n) / self.tasks.root();
        MixedAdjoint { whitened, root, noises: Array1::zeros(w.ncols()) }
    }

    /// Posterior covariances of the latent functions at rows with cross-kernels `k_q(x, X)` (c, n) and
    /// priors `k_q(x, x)` (c).
    pub(super) fn covariances_at(
        &self,
        cross: &[ArrayView2<f64>],
        prior: &[ArrayView1<f64>],
    ) -> LatentCovariances {
        let latents: Vec<usize> = (0..self.lowers.len()).collect();
        let variances = linalg::map(&latents, |&q| {
            let half = linalg::solve_lower(self.lowers[q].view(), cross[q].t());
            &prior[q] - &half.mapv(|v| v * v).sum_axis(Axis(0))
        });
        let rows = prior.first().map_or(0, |p| p.len());
        let gains = self.gaps.as_ref().map(|gaps| gaps.gains(cross));
        LatentCovariances::new(self.tasks.mixing(), columns(&variances, rows), gains)
    }

    /// Covariances (c, c) of each latent function between rows, given the whole table.
    fn given_whole(&self, cross: &[ArrayView2<f64>], prior: Vec<Array2<f64>>) -> Vec<Array2<f64>> {
        let of_latent =
            |((prior, cross), lower): ((Array2<f64>, &ArrayView2<f64>), &Array2<f64>)| {
                let half = linalg::solve_lower(lower.view(), cross.t());
                prior - linalg::matmul(half.t(), half.view())
            };
        prior.into_iter().zip(cross).zip(&self.lowers).map(of_latent).collect()
    }

    /// Posterior covariances of the latent functions at rows with cross-kernels (c, n) and priors (c, c): one
    /// (c, c) for each of a complete table, and one (c m, c m) for all, counted row by row, with gaps.
    pub(crate) fn latent_covariances(
        &self,
        cross: &[ArrayView2<f64>],
        prior: Vec<Array2<f64>>,
    ) -> Vec<Array2<f64>> {
        let blocks = self.given_whole(cross, prior);
        let Some(gaps) = &self.gaps else { return blocks };
        let gains = gaps.gains(cross);
        let mut whole = linalg::matmul(gains.t(), gains.view());
        let m = blocks.len();
        for (q, block) in blocks.iter().enumerate() {
            let mut own = whole.slice_mut(s![q..;m, q..;m]);
            own += block;
        }
        vec![whole]
    }

    /// The joint covariance `[i, t, j, s]` at rows with cross-kernels (c, n) and priors
    /// `k_q(x, x')` (c, c).
    pub(super) fn joint_covariance(
        &self,
        cross: &[ArrayView2<f64>],
        prior: Vec<Array2<f64>>,
    ) -> Array4<f64> {
        let blocks = self.given_whole(cross, prior);
        let gains = self.gaps.as_ref().map(|gaps| gaps.gains(cross));
        super::mixed_posterior::joint(&self.tasks.mixing(), &blocks, gains.as_ref())
    }
}

impl Factor for MixedFactor {
    fn solve(&self, rhs: ArrayView2<f64>) -> Result<Array2<f64>> {
        Ok(self.solve_table(rhs))
    }

    fn log_det(&self) -> Estimate {
        Estimate { value: self.log_determinant(), std_err: 0.0 }
    }

    fn log_likelihood(&self) -> f64 {
        log_gaussian(self.quadratic(), self.log_determinant(), self.pattern.n_observed())
    }

    fn dual(&self) -> Array2<f64> {
        self.dual_table()
    }

    fn weights(&self) -> Vec<Array2<f64>> {
        // alpha h_q is the solution of the latent function.
        let h = self.tasks.mixing();
        let of_latent = |(a, h): (ArrayView1<f64>, ArrayView1<f64>)| {
            linalg::matmul(a.insert_axis(Axis(1)), h.insert_axis(Axis(0)))
        };
        self.solution.columns().into_iter().zip(h.columns()).map(of_latent).collect()
    }

    /// The task covariances and Sigma share what mixes the latent functions, and have no adjoints of
    /// their own here: [`MixedFactor::adjoints_with`].
    fn adjoints(&self, _with_kernels: bool) -> Result<Adjoints<'_>> {
        Err(Error::Incompatible {
            options: "the solver mixed and adjoints of single task covariances".to_string(),
            advice: "take `MixedFactor::adjoints_with`, or the solver dense".to_string(),
        })
    }

    fn at(
        &self,
        cross: &[ArrayView2<f64>],
        prior: &[ArrayView1<f64>],
    ) -> Result<Box<dyn RowCovariances + '_>> {
        Ok(Box::new(self.covariances_at(cross, prior)))
    }

    fn row_doubles(&self) -> usize {
        let gaps = self.gaps.as_ref().map_or(0, Gaps::row_doubles);
        self.solution.len() + self.tasks.n_tasks() + gaps
    }

    fn joint(&self, cross: &[ArrayView2<f64>], prior: Vec<Array2<f64>>) -> Result<Array4<f64>> {
        Ok(self.joint_covariance(cross, prior))
    }

    fn missing_variances(&self, entries: &[(usize, usize)]) -> Result<Array1<f64>> {
        let Some(gaps) = &self.gaps else { return Ok(Array1::zeros(entries.len())) };
        let variances = gaps.variances();
        let places: std::collections::BTreeMap<(usize, usize), usize> =
            self.pattern.missing().iter().copied().zip(0..).collect();
        Ok(entries.iter().map(|e| places.get(e).map_or(0.0, |&p| variances[p])).collect())
    }

    fn as_mixed(&self) -> Option<&MixedFactor> {
        Some(self)
    }

    fn with_data(mut self: Box<Self>, residuals: ArrayView2<f64>) -> Result<Box<dyn Factor>> {
        self.set_data(residuals);
        Ok(self)
    }

    /// In closed form for rows and entries of complete tables.
    fn leave_out(&self, by: &LeaveOut, means: TaskMeans) -> Result<Residuals> {
        self.left_out(by, means)
    }

    fn leave_out_row_covariances(&self, means: TaskMeans) -> Result<Array3<f64>> {
        self.row_covariances_left_out(means)
    }

    /// Of a complete table one least-squares problem for each latent function and one for what is white;
    /// of a table with gaps one solve for each coefficient.
    fn fixed_effects(
        &self,
        basis: ArrayView2<f64>,
        pattern: &Arc<Pattern>,
    ) -> Result<FixedEffects> {
        if self.gaps.is_some() {
            return one_by_one(self, basis, pattern);
        }
        Ok(self.latent_effects(basis)?.effects(basis, &self.solution, &self.rest))
    }

    fn report(&self) -> SolveReport {
        SolveReport { why: self.why.clone().into(), ..SolveReport::exact("mixed") }
    }
}

/// `(L L')^-1 R`.
fn both_triangles(lower: &Array2<f64>, rhs: ArrayView2<f64>) -> Array2<f64> {
    let half = linalg::solve_lower(lower.view(), rhs);
    linalg::solve_lower_transpose(lower.view(), half.view())
}

fn log_det(lower: &Array2<f64>) -> f64 {
    2.0 * lower.diag().iter().map(|v| v.ln()).sum::<f64>()
}

/// Vectors (n) as columns.
fn columns(vectors: &[Array1<f64>], n: usize) -> Array2<f64> {
    let mut out = Array2::zeros((n, vectors.len()));
    for (mut column, v) in out.columns_mut().into_iter().zip(vectors) {
        column.assign(v);
    }
    out
}
