//! Data and kernel decomposed once, for all penalties and task covariances.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::Candidate;
use crate::data::{ColumnStatistics, Dataset, check_finite, check_positive};
use crate::error::{Error, Result};
use crate::gram;
use crate::kernel::{BoundKernel, Inputs, Kernel};
use crate::linalg;
use crate::param::Layout;
use crate::solve::{
    KroneckerFactor, LeaveOut, LeftOut, Spectrum, fixed_effects, leave_out, row_covariances,
};

/// A data set with weights and a kernel at given values, decomposed: `W^1/2 K W^1/2 = U diag(s) U'`.
///
/// ```
/// use coregion::ridge::{Candidate, Criterion, Problem};
/// use coregion::prelude::*;
/// use ndarray::array;
/// let data = Dataset::new(array![[0.0], [1.0], [2.0]].view(), array![[0.1], [0.9], [0.3]].view())?;
/// let problem = Problem::new(&data, &Rbf::isotropic(1.0), None, false)?;
/// let identity = Candidate::new(&problem, &Diagonal::starting_at([1.0]), array![1.0].view())?;
/// let (value, slope) = problem.evaluate(&identity, 0.1, &Criterion::Gcv)?;
/// let (next, _) = problem.evaluate(&identity, 0.1 * 1e-6f64.exp(), &Criterion::Gcv)?;
/// assert!(((next - value) / 1e-6 - slope).abs() < 1e-5); // with respect to ln(alpha)
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug)]
pub struct Problem {
    kernel: Box<dyn BoundKernel>,
    theta: Vec<f64>,
    x: Array2<f64>,
    y: Array2<f64>,
    weights: Option<Array1<f64>>,
    /// Their roots.
    root_weights: Option<Array1<f64>>,
    pub(super) spectrum: Arc<Spectrum>,
    /// `U' W^1/2 Y` (n, T).
    pub(super) rotated: Array2<f64>,
    /// `U' W^1/2 1`, where intercepts are fitted.
    pub(super) ones: Option<Array1<f64>>,
}

/// The solution at one penalty and task covariance.
///
/// ```
/// use coregion::ridge::{Candidate, Problem};
/// use coregion::prelude::*;
/// use ndarray::array;
/// let data = Dataset::new(array![[0.0], [1.0]].view(), array![[1.0], [3.0]].view())?;
/// let problem = Problem::new(&data, &Constant::unit(), None, false)?;
/// let identity = Candidate::new(&problem, &Diagonal::starting_at([1.0]), array![1.0].view())?;
/// let solution = problem.solve(&identity, 2.0)?; // sum (y - c)^2 + 2 c^2 is smallest at c = 1
/// assert!((problem.predict(&solution, array![[7.0]].view())? - 1.0).sum().abs() < 1e-14);
/// assert!((solution.rkhs_norm_squared() - 1.0).abs() < 1e-14);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Solution {
    /// The penalty alpha.
    pub alpha: f64,
    /// Dual coefficients C (n, T): `f(x) = b + k(x, X) C B`.
    pub dual: Array2<f64>,
    /// Intercepts b (T), where fitted.
    pub intercept: Option<Array1<f64>>,
    /// `C B` (n, T).
    pub(crate) weights: Array2<f64>,
    factor: KroneckerFactor,
}

impl Solution {
    /// `|f|_K^2 = tr(B C' K C)`, the intercepts apart.
    pub fn rkhs_norm_squared(&self) -> f64 {
        self.factor.signal_norm_squared()
    }
}

impl Problem {
    /// Decomposes the Gram matrix of a data set: about 9 n^3 + 2 n^2 T operations, 4 n^2 doubles.
    /// `weights` (n) are those of the rows.
    ///
    /// # Errors
    /// [`Error::MissingValue`] where a parameter of the kernel has no value; [`Error::Shape`] or
    /// [`Error::InvalidValue`] for weights that do not fit; [`Error::Layout`] for data with gaps or
    /// noise variances; what the kernel refuses.
    pub fn new(
        data: &Dataset,
        kernel: &Kernel,
        weights: Option<ArrayView1<f64>>,
        fit_intercept: bool,
    ) -> Result<Self> {
        data.require_complete("`MultiTaskGp` with given noise has the same mean")?;
        let unit = |c| ColumnStatistics { scale: 1.0, ..ColumnStatistics::of(c) };
        let statistics: Vec<ColumnStatistics> = data.x().columns().into_iter().map(unit).collect();
        let bound = kernel.bind(&Inputs::all(&statistics))?;
        bound.check(data.x())?;
        let mut layout = Layout::default();
        layout.push("terms[0].kernel", bound.params());
        layout.require_given()?;
        let theta = layout.initial();
        let root_weights = weights.map(|w| root(w, data.n_rows())).transpose()?;
        let mut k = gram::gram(bound.as_ref(), &theta, data.x());
        let mut weighted = data.y().to_owned();
        let mut ones = Array1::ones(data.n_rows());
        if let Some(root) = &root_weights {
            let column = root.view().insert_axis(Axis(1));
            k *= &column;
            k *= root;
            weighted *= &column;
            ones.assign(root);
        }
        let spectrum = Spectrum::of(k)?;
        let u = spectrum.vectors.view();
        Ok(Problem {
            rotated: linalg::matmul(u.t(), weighted.view()),
            ones: fit_intercept.then(|| u.t().dot(&ones)),
            spectrum: Arc::new(spectrum),
            kernel: bound,
            theta,
            x: data.x().to_owned(),
            y: data.y().to_owned(),
            weights: weights.map(|w| w.to_owned()),
            root_weights,
        })
    }

    /// Inputs (n, d).
    pub fn x(&self) -> ArrayView2<'_, f64> {
        self.x.view()
    }

    /// Outputs (n, T).
    pub fn y(&self) -> ArrayView2<'_, f64> {
        self.y.view()
    }

    /// The weights of the rows (n), where given.
    pub fn weights(&self) -> Option<&Array1<f64>> {
        self.weights.as_ref()
    }

    /// True where an intercept for each task is fitted, free of penalty.
    pub fn fits_intercept(&self) -> bool {
        self.ones.is_some()
    }

    /// `sum_i ln w_i / 2`.
    pub(super) fn log_root_weights(&self) -> f64 {
        self.root_weights.as_ref().map_or(0.0, |r| r.iter().map(|v| v.ln()).sum())
    }

    /// `sum_i w_i`.
    pub(super) fn total_weight(&self) -> f64 {
        self.root_weights.as_ref().map_or(self.x.nrows() as f64, |r| r.dot(r))
    }

    /// The solution at a penalty: O(n^2 T + n T^2).
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for a penalty that is not positive and finite; [`Error::Numerical`]
    /// where the solution overflows.
    pub fn solve(&self, candidate: &Candidate, alpha: f64) -> Result<Solution> {
        check_positive("alpha", alpha)?;
        self.check_candidate(candidate)?;
        let congruence = candidate.congruence().scaled(alpha);
        let factor = |data: ArrayView2<f64>| {
            KroneckerFactor::new(Arc::clone(&self.spectrum), congruence.clone(), data)
        };
        let mut solved = factor(self.rotated.view());
        let intercept = self.ones.as_ref().map(|ones| {
            let b = fixed_effects(&solved, ones.view());
            let fixed = &ones.view().insert_axis(Axis(1)) * &b;
            solved = factor((&self.rotated - &fixed).view());
            b
        });
        let u = self.spectrum.vectors.view();
        let mut dual = linalg::matmul(u, solved.rotated_dual().view());
        let mut weights = linalg::matmul(u, solved.mean_weights().view());
        if let Some(root) = &self.root_weights {
            let column = root.view().insert_axis(Axis(1));
            dual *= &column;
            weights *= &column;
        }
        let norm = solved.signal_norm_squared();
        let values = dual.iter().chain(&weights).chain(intercept.iter().flatten());
        if !values.chain([&norm]).all(|v| v.is_finite()) {
            return Err(Error::Numerical {
                operation: "kernel ridge regression".to_string(),
                detail: format!("the solution at alpha = {alpha:e} is not finite"),
            });
        }
        Ok(Solution { alpha, dual, intercept, weights, factor: solved })
    }

    /// How far other dual coefficients (n, T) and intercepts (T) are from solving the equations of a
    /// solution: the largest entry of what they leave of them, as a share of the largest term.
    ///
    /// This is the backward error of the usual error analysis (Higham 2002, sec. 7.1), in the weighted
    /// and whitened data. Every stable method makes it as small as rounding, whatever the penalty; the
    /// coefficients of two such methods, the norm and the likelihood may share no digit where the
    /// penalty is small beside the rounding errors of the Gram matrix.
    pub(crate) fn backward_error(
        &self,
        solution: &Solution,
        dual: &Array2<f64>,
        intercept: Option<&Array1<f64>>,
    ) -> f64 {
        if *dual == solution.dual && intercept == solution.intercept.as_ref() {
            return 0.0;
        }
        let root_noise = solution.factor.congruence().noise_variances().mapv(f64::sqrt);
        let mut change = dual - &solution.dual;
        if let Some(root) = &self.root_weights {
            change /= &root.view().insert_axis(Axis(1));
        }
        let change = linalg::matmul(self.spectrum.vectors.t(), change.view()) * &root_noise;
        let (mut left, largest) = solution.factor.times_whitened(change.view());
        let sizes = |m: ArrayView2<f64>| m.iter().fold(0.0f64, |a, v| a.max(v.abs()));
        let solved = sizes(solution.factor.whitened_solution().view());
        let data = sizes((&self.rotated / &root_noise).view());
        let (Some(ones), Some(b), Some(solution_b)) = (&self.ones, intercept, &solution.intercept)
        else {
            return share(&left, largest * solved + data);
        };
        let column = ones.view().insert_axis(Axis(1));
        left += &(&column * &((b - solution_b) / &root_noise));
        let fixed = sizes((&column * &(solution_b / &root_noise)).view());
        // The intercepts are free: the dual coefficients of a task sum to zero.
        let sums = change.t().dot(ones).insert_axis(Axis(1));
        let length = ones.dot(ones).sqrt();
        let of_sums = share(&sums, length * (solved + data + fixed));
        share(&left, largest * solved + data + fixed).max(of_sums)
    }

    /// Predictions (m, T) of a solution at xs (m, d): O(n (d + T)) a row.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`] or [`Error::InvalidValue`] for rows that do not fit;
    /// [`Error::Numerical`] where a prediction overflows.
    pub fn predict(&self, solution: &Solution, xs: ArrayView2<f64>) -> Result<Array2<f64>> {
        /// Rows of a tile.
        const TILE: usize = 1024;
        self.check_solution(solution)?;
        if xs.ncols() != self.x.ncols() {
            return Err(Error::Shape {
                argument: "xs".to_string(),
                found: format!("{} columns", xs.ncols()),
                expected: format!("{} columns, as in training", self.x.ncols()),
            });
        }
        check_finite("xs", xs)?;
        self.kernel.check(xs)?;
        let mut out = Array2::zeros((xs.nrows(), self.y.ncols()));
        for start in (0..xs.nrows()).step_by(TILE) {
            let rows = ndarray::s![start..(start + TILE).min(xs.nrows()), ..];
            let k = gram::cross(self.kernel.as_ref(), &self.theta, xs.slice(rows), self.x());
            linalg::matmul_into(k.view(), solution.weights.view(), out.slice_mut(rows));
        }
        if let Some(b) = &solution.intercept {
            out += b;
        }
        match out.iter().find(|v| !v.is_finite()) {
            None => Ok(out),
            Some(value) => Err(Error::Numerical {
                operation: "prediction".to_string(),
                detail: format!("a prediction is {value}: xs lies too far from the training rows"),
            }),
        }
    }

    /// What a solution says of the training observations, each block of them from all others, with
    /// penalties as noise variances; intercepts are learned anew from what is left.
    ///
    /// # Errors
    /// As [`crate::gp::Posterior::leave_out`]; [`Error::Incompatible`] for intercepts of tasks that
    /// are left out at every row.
    pub fn leave_out(&self, solution: &Solution, by: &LeaveOut) -> Result<LeftOut> {
        let ones = self.ones.as_ref().map(|u| u.view());
        self.check_solution(solution)?;
        let residuals = leave_out(&solution.factor, ones, by)?;
        match &self.root_weights {
            None => residuals.of(self.y()),
            Some(root) => residuals.unweighted(root.view(), by).of(self.y()),
        }
    }

    /// Covariances (n, T, T) between the observations of a row given all other rows.
    ///
    /// # Errors
    /// As [`Problem::leave_out`] by rows.
    pub fn leave_out_row_covariances(&self, solution: &Solution) -> Result<ndarray::Array3<f64>> {
        self.check_solution(solution)?;
        self.check(&LeaveOut::Row.into())?;
        let ones = self.ones.as_ref().map(|u| u.view());
        let mut out = row_covariances(&solution.factor, ones);
        if let Some(root) = &self.root_weights {
            for (mut block, r) in out.outer_iter_mut().zip(root) {
                block /= r * r;
            }
        }
        match out.iter().find(|v| !v.is_finite()) {
            None => Ok(out),
            Some(value) => Err(Error::Numerical {
                operation: "leave-out".to_string(),
                detail: format!("a covariance is {value}: signal and noise are too far apart"),
            }),
        }
    }

    /// Refuses the solution of another problem.
    fn check_solution(&self, solution: &Solution) -> Result<()> {
        same_shape("solution", solution.dual.dim(), self.y.dim())
    }

    /// Refuses the candidate of another problem.
    pub(super) fn check_candidate(&self, candidate: &Candidate) -> Result<()> {
        let (n, t) = (candidate.inside.ncols(), candidate.task_weights.len());
        same_shape("candidate", (n, t), self.y.dim())
    }
}

fn same_shape(argument: &str, found: (usize, usize), expected: (usize, usize)) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Shape {
        argument: argument.to_string(),
        found: format!("one of {} rows and {} tasks", found.0, found.1),
        expected: format!("one of {} rows and {} tasks", expected.0, expected.1),
    })
}

/// The largest magnitude as a share of a size, infinite where one of them is not finite.
fn share(m: &Array2<f64>, size: f64) -> f64 {
    let finite = size.is_finite() && m.iter().all(|v| v.is_finite());
    let largest = m.iter().fold(0.0f64, |a, v| v.abs().max(a));
    if finite { largest / size } else { f64::INFINITY }
}

/// Roots of the weights of n rows.
fn root(weights: ArrayView1<f64>, n: usize) -> Result<Array1<f64>> {
    if weights.len() != n {
        return Err(Error::Shape {
            argument: "weights".to_string(),
            found: format!("{} weights", weights.len()),
            expected: format!("{n}, one for each row"),
        });
    }
    match weights.iter().position(|w| !(*w > 0.0 && w.is_finite())) {
        None => Ok(weights.mapv(f64::sqrt)),
        Some(row) => Err(Error::InvalidValue {
            argument: "weights".to_string(),
            found: format!("{} at row {row}", weights[row]),
            expected: "positive finite weights: leave rows of weight 0 out of the data set"
                .to_string(),
        }),
    }
}
