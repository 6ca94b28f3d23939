//! Predictions of one task for each row: what a list of observations asks.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use super::posterior::{Posterior, Prediction, Uncertainty, finite};
use crate::error::{Error, Result};
use crate::solve::{Rows, views};

impl Posterior {
    /// Means, and standard deviations where asked for, of `tasks[i]` at row i of xs (m, d): both (m, 1).
    ///
    /// Mean O(n) a row; standard deviations O(N^2) with a factor of the N observed entries, and as
    /// [`Posterior::predict`] with the structured ones.
    ///
    /// # Errors
    /// As [`Posterior::predict`]; for tasks of another number than there are rows, or beyond the last.
    pub fn predict_at(
        &self,
        xs: ArrayView2<f64>,
        tasks: &[usize],
        uncertainty: Uncertainty,
    ) -> Result<Prediction> {
        self.check(xs)?;
        self.check_tasks(xs.nrows(), tasks)?;
        let m = xs.nrows();
        let columns = self.mean_columns(xs)?;
        let weights: Vec<Array2<f64>> =
            self.weights.iter().map(|w| w.t().as_standard_layout().into_owned()).collect();
        let mut mean = Array2::zeros((m, 1));
        let mut std = (uncertainty != Uncertainty::None).then(|| Array2::zeros((m, 1)));
        let mut clipped_variances = 0;
        let at_once = self.rows_of(self.factor.row_doubles_of_one());
        for start in (0..m).step_by(at_once) {
            let end = (start + at_once).min(m);
            let (rows, tasks) = (xs.slice(s![start..end, ..]), &tasks[start..end]);
            let k = self.cross(rows);
            let columns = columns.slice(s![start..end, ..]);
            let constants = self.mean_at(columns);
            for (i, &t) in tasks.iter().enumerate() {
                let of_terms = k.iter().zip(&weights).map(|(k, w)| k.row(i).dot(&w.row(t)));
                mean[[start + i, 0]] = constants[[i, t]] + of_terms.sum::<f64>();
            }
            if let Some(std) = &mut std {
                let (mut variances, clipped) = self.variances_at(rows, &k, columns, tasks)?;
                clipped_variances += clipped;
                if uncertainty == Uncertainty::Observation {
                    variances
                        .iter_mut()
                        .zip(tasks)
                        .for_each(|(v, &t)| *v += self.noise_variances[t]);
                }
                std.slice_mut(s![start..end, 0]).assign(&variances.mapv(f64::sqrt));
            }
        }
        finite("the means", &mean)?;
        if let Some(std) = &std {
            finite("the standard deviations", std)?;
        }
        Ok(Prediction { mean, std, clipped_variances })
    }

    /// Variances (m) of the latent functions of one task at each row, with their cross-kernels and the
    /// columns of their mean, and how many were clipped.
    fn variances_at(
        &self,
        rows: ArrayView2<f64>,
        cross: &[Array2<f64>],
        columns: ArrayView2<f64>,
        tasks: &[usize],
    ) -> Result<(Array1<f64>, usize)> {
        let prior = self.prior_variances(rows);
        let prior: Vec<ArrayView1<f64>> = prior.iter().map(|p| p.view()).collect();
        let (mut out, clipped) = self.factor.variances_at(&views(cross), &prior, tasks)?;
        if let Some(estimated) = &self.estimated {
            let at = Rows { basis: columns, cross, tasks: &self.tasks };
            let (of_mean, _) = estimated.effects.row_covariances(&at).variances();
            for ((v, row), &t) in out.iter_mut().zip(of_mean.axis_iter(Axis(0))).zip(tasks) {
                *v += row[t];
            }
        }
        Ok((out, clipped))
    }

    fn check_tasks(&self, n_rows: usize, tasks: &[usize]) -> Result<()> {
        if tasks.len() != n_rows {
            return Err(Error::Shape {
                argument: "tasks".to_string(),
                found: format!("{} tasks", tasks.len()),
                expected: format!("one for each of {n_rows} rows"),
            });
        }
        let n_tasks = self.model.n_tasks();
        match tasks.iter().find(|&&t| t >= n_tasks) {
            None => Ok(()),
            Some(beyond) => Err(Error::InvalidValue {
                argument: "tasks".to_string(),
                found: beyond.to_string(),
                expected: format!("numbers below {n_tasks}"),
            }),
        }
    }
}
