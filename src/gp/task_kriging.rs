//! The mean of a task that was not seen: ordinary kriging of the coefficients of the training tasks.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::error::Result;
use crate::linalg;
use crate::task::UnseenTasks;

/// Part of the variance of a task that is its own, in the kriging of means: without it smooth kernels
/// would weight the training tasks by numbers of any size.
const OWN: f64 = 1e-6;

/// Ordinary kriging between tasks (Cressie 1993, sec. 3.2): the p coefficients of the mean of each task are
/// unknown constants mu (p) plus p processes with the covariances S (p, p) between them and the
/// correlations R of the learned B; S is s^2 where the mean is a constant.
///
/// With the cross-correlations r of a new task the weights of every coefficient are
/// `w = R^-1 (r + 1 (1 - 1' R^-1 r) / (1' R^-1 1))`, which sum to one, and the covariance of the errors is
/// S times `r** - r' R^-1 r + (1 - 1' R^-1 r)^2 / (1' R^-1 1)`. A millionth of the mean variance is
/// added to the diagonal of R and to r**; a new task that is a training task again has its coefficients,
/// without error. None of this depends on the basis that the coefficients belong to.
#[derive(Debug)]
pub(super) struct Kriging {
    /// Lower Cholesky factor of R (T, T).
    root: Array2<f64>,
    /// `R^-1 1` (T).
    ones: Array1<f64>,
    /// Weights (T, S).
    weights: Array2<f64>,
    /// Variances of the errors in units of S, one for each new task.
    variances: Array1<f64>,
}

impl Kriging {
    /// From B (T, T) and what it says of the new tasks: T^3 / 3 operations.
    ///
    /// # Errors
    /// [`crate::Error::NotPositive`] where B is no covariance.
    pub(super) fn new(b: Array2<f64>, unseen: &UnseenTasks) -> Result<Self> {
        let t = b.nrows();
        let size = b.diag().sum() / t as f64;
        let mut r = b / size;
        r.diag_mut().mapv_inplace(|v| v + OWN);
        let root = linalg::cholesky(r.view())?;
        let inverse = |m: Array2<f64>| {
            linalg::solve_lower_transpose(
                root.view(),
                linalg::solve_lower(root.view(), m.view()).view(),
            )
        };
        let cross = &unseen.cross / size;
        let ones = inverse(Array2::ones((t, 1))).remove_axis(Axis(1));
        let mut weights = inverse(cross.clone());
        let explained = (&weights * &cross).sum_axis(Axis(0));
        let missing = 1.0 - weights.sum_axis(Axis(0));
        let total = ones.sum();
        let mut variances = &unseen.variances / size + OWN - explained;
        variances += &missing.mapv(|v| v * v / total);
        variances.mapv_inplace(|v| v.max(0.0));
        for (s, equal) in unseen.equal.iter().enumerate() {
            let mut column = weights.column_mut(s);
            if equal.is_empty() {
                column.scaled_add(missing[s] / total, &ones);
                continue;
            }
            column.fill(0.0);
            for &t in equal {
                column[t] = 1.0 / equal.len() as f64;
            }
            variances[s] = 0.0;
        }
        Ok(Kriging { root, ones, weights, variances })
    }

    /// The weights (T, S) of the training tasks.
    pub(super) fn weights(&self) -> ArrayView2<'_, f64> {
        self.weights.view()
    }

    /// Variances (S) of the errors of the new tasks in units of [`Kriging::spread`].
    pub(super) fn variances(&self) -> &Array1<f64> {
        &self.variances
    }

    /// The constants mu (p) of some coefficients (p, T) by generalised least squares.
    fn constants(&self, coefficients: ArrayView2<f64>) -> Array1<f64> {
        coefficients.dot(&self.ones) / self.ones.sum()
    }

    /// The coefficients of the new tasks (p, S) from those of the training tasks (p, T).
    pub(super) fn coefficients(&self, coefficients: ArrayView2<f64>) -> Array2<f64> {
        // Around the constants: weights sum to one to rounding only.
        let constants = self.constants(coefficients).insert_axis(Axis(1));
        linalg::matmul((&coefficients - &constants).view(), self.weights.view()) + constants
    }

    /// The plug-in `S = (beta - mu 1') R^-1 (beta - mu 1')' / (T - 1)` (p, p) of some coefficients beta
    /// (p, T); zero where there is one task.
    pub(super) fn spread(&self, coefficients: ArrayView2<f64>) -> Array2<f64> {
        let constants = self.constants(coefficients).insert_axis(Axis(1));
        let around = &coefficients - &constants;
        let whitened = linalg::solve_lower(self.root.view(), around.t());
        let freedom = coefficients.ncols().saturating_sub(1).max(1) as f64;
        linalg::matmul(whitened.t(), whitened.view()) / freedom
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ndarray::array;

    use super::*;

    fn exponential(a: &[f64], b: &[f64]) -> Array2<f64> {
        Array2::from_shape_fn((a.len(), b.len()), |(i, j)| 3.0 * (-(a[i] - b[j]).abs()).exp())
    }

    fn unseen(tasks: &[f64], new: &[f64]) -> UnseenTasks {
        UnseenTasks {
            cross: exponential(tasks, new),
            variances: Array1::from_elem(new.len(), 3.0),
            equal: vec![vec![]; new.len()],
        }
    }

    #[test]
    fn weights_solve_the_bordered_system() {
        let (tasks, new) = ([0.0, 0.7, 2.0], [1.1, 9.0]);
        let kriging = Kriging::new(exponential(&tasks, &tasks), &unseen(&tasks, &new)).unwrap();
        // Lagrange's condition: R w - r is the same number for every task.
        let r = exponential(&tasks, &tasks) / 3.0 + Array2::<f64>::eye(3) * OWN;
        let slack = r.dot(&kriging.weights) - exponential(&tasks, &new) / 3.0;
        for s in 0..2 {
            let w = kriging.weights.column(s);
            assert!((w.sum() - 1.0).abs() < 1e-12);
            for t in 1..3 {
                assert!((slack[[t, s]] - slack[[0, s]]).abs() < 1e-12);
            }
            let cross = exponential(&tasks, &new).column(s).to_owned() / 3.0;
            let error = 1.0 + OWN - 2.0 * w.dot(&cross) + w.dot(&r.dot(&w));
            assert!((kriging.variances[s] - error).abs() < 1e-12);
        }
        // The spread by its definition.
        let means = array![[1.0, 4.0, -2.0], [0.5, 0.1, 7.0]];
        let around = &means - &kriging.constants(means.view()).insert_axis(Axis(1));
        let root = linalg::cholesky(r.view()).unwrap();
        let half = linalg::solve_lower(root.view(), around.t());
        let spread = half.t().dot(&half) / 2.0;
        assert!((kriging.spread(means.view()) - spread).iter().all(|v| v.abs() < 1e-12));
        // Coefficients of another basis: the same functions.
        let change = array![[2.0, 1.0], [-0.5, 3.0]];
        let moved = kriging.coefficients(change.dot(&means).view());
        let expected = change.dot(&kriging.coefficients(means.view()));
        assert!((moved - expected).iter().all(|v| v.abs() < 1e-12));
    }

    #[test]
    fn equal_means_and_equal_tasks_are_kept() {
        let tasks = [0.0, 0.7, 2.0];
        let of = |new: &[f64], equal: Vec<Vec<usize>>| {
            let unseen = UnseenTasks { equal, ..unseen(&tasks, new) };
            Kriging::new(exponential(&tasks, &tasks), &unseen).unwrap()
        };
        let kriging = of(&[0.3, 5.0], vec![vec![], vec![]]);
        let same = array![[7.0, 7.0, 7.0]];
        assert!((kriging.coefficients(same.view()) - 7.0).iter().all(|v| v.abs() < 1e-13));
        assert!(kriging.spread(same.view())[[0, 0]] < 1e-20);
        let kriging = of(&[0.7, 2.0], vec![vec![1], vec![0, 2]]);
        let means = array![[1.0, 4.0, -2.0]];
        let found = kriging.coefficients(means.view());
        assert!((found - array![[4.0, -0.5]]).iter().all(|v| v.abs() < 1e-14));
        assert_eq!(kriging.variances, array![0.0, 0.0]);
        // Tasks of one descriptor: B is singular, and the weights stay bounded.
        let twice = [1.0, 1.0];
        let kriging = Kriging::new(exponential(&twice, &twice), &unseen(&twice, &[1.5])).unwrap();
        assert!((&kriging.weights - 0.5).iter().all(|v| v.abs() < 1e-9));
    }
}
