//! The scales of the outputs, and moments to start from.

use ndarray::{Array1, Array2, Axis};

use crate::linalg;

/// What a task covariance is told about the outputs.
///
/// ```
/// use coregion::task::TaskScales;
/// use ndarray::array;
/// let scales = TaskScales { std: array![1.0, 3.0], pooled: 5f64.sqrt(), amplitude: 2.0 };
/// assert_eq!((scales.n_tasks(), scales.units()), (2, array![0.5, 1.5]));
/// ```
#[derive(Debug, Clone)]
pub struct TaskScales {
    /// Scale of each task (T): its standard deviation, never 0.
    pub std: Array1<f64>,
    /// One scale for all tasks: the root mean square of theirs.
    pub pooled: f64,
    /// Root of the mean of k(x, x) over the training rows: B times its square is a variance.
    pub amplitude: f64,
}

impl TaskScales {
    /// Number of tasks T.
    pub fn n_tasks(&self) -> usize {
        self.std.len()
    }

    /// The scale of a factor of B for each task, so that `(unit amplitude)^2` is a variance.
    pub fn units(&self) -> Array1<f64> {
        &self.std / self.amplitude
    }
}

/// A target covariance between tasks, `R' R` for the rows R (m, T): never formed for many tasks.
///
/// ```
/// use coregion::task::Moment;
/// use ndarray::array;
/// let moment = Moment { rows: array![[1.0, 2.0], [0.0, 1.0]] };
/// assert_eq!(moment.to_dense(), array![[1.0, 2.0], [2.0, 5.0]]);
/// assert_eq!(moment.diagonal(), array![1.0, 5.0]);
/// ```
#[derive(Debug, Clone)]
pub struct Moment {
    /// The rows R (m, T).
    pub rows: Array2<f64>,
}

impl Moment {
    /// The whole T x T matrix.
    pub fn to_dense(&self) -> Array2<f64> {
        linalg::matmul(self.rows.t(), self.rows.view())
    }

    /// Its diagonal.
    pub fn diagonal(&self) -> Array1<f64> {
        self.rows.mapv(|v| v * v).sum_axis(Axis(0))
    }

    /// Factor W (T, rank) of the leading eigenpairs of the matrix scaled to unit diagonal by
    /// `units`, less the mean of the remaining eigenvalues (probabilistic principal components,
    /// Tipping & Bishop 1999, eq. 7), in the units of the tasks. Columns are kept away from zero,
    /// where the likelihood has a saddle.
    pub(crate) fn leading_factor(&self, units: &Array1<f64>, rank: usize) -> Array2<f64> {
        let t = units.len();
        let scaled = &self.rows / units;
        let wide = t > scaled.nrows();
        let small = if wide {
            linalg::matmul(scaled.view(), scaled.t())
        } else {
            linalg::matmul(scaled.t(), scaled.view())
        };
        let total: f64 = small.diag().sum();
        let mut factor = Array2::from_shape_fn((t, rank), |(i, j)| {
            // A full-rank pattern for columns without data behind them.
            let sign = if (i >> (j % 16)) & 1 == 0 { 1.0 } else { -1.0 };
            0.05 * sign * (total.max(1e-6) / t as f64).sqrt()
        });
        if let Ok((values, vectors)) = linalg::eigh(small) {
            let n = values.len();
            let kept = rank.min(n).min(t);
            let rest = if t > kept {
                values.iter().take(n - kept).map(|v| v.max(0.0)).sum::<f64>() / (t - kept) as f64
            } else {
                0.0
            };
            for j in 0..kept {
                let value = values[n - 1 - j];
                if value <= 1e-12 * total {
                    continue;
                }
                let vector = vectors.column(n - 1 - j);
                let direction =
                    if wide { scaled.t().dot(&vector) / value.sqrt() } else { vector.to_owned() };
                let length = (value - rest).max(0.05 * value).sqrt();
                factor.column_mut(j).assign(&(direction * length));
            }
        }
        factor * units.view().insert_axis(Axis(1))
    }
}
