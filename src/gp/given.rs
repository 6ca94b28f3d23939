//! Predictions at rows where some tasks were measured, and the gaps of the training table.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use super::posterior::{Posterior, Prediction, Uncertainty, finite};
use crate::data::check_finite;
use crate::error::{Error, Result};
use crate::linalg;
use crate::op::NoiseMatrix;

impl Posterior {
    /// Predictions at xs (m, d) where some tasks were measured there: `given` (m, T) holds the
    /// measurements, `NaN` where wanted.
    ///
    /// Each row is conditioned on its own measurements, exactly: with `S = Cov(f(x)) + Sigma` the
    /// mean of the wanted *observations* is `m_w + S_wo S_oo^-1 (y_o - m_o)`, so that what the noises
    /// of two tasks share is used too. Standard deviations are of the latent functions or of the
    /// observations, as asked. Entries given come back as they are, with standard deviation 0.
    /// O(n^2 + nT + T^3) a row.
    ///
    /// # Errors
    /// [`Error::Shape`] where `given` is not (m, T); [`Error::NotFinite`] for an infinity in it; as
    /// [`Posterior::predict`].
    pub fn predict_given(
        &self,
        xs: ArrayView2<f64>,
        given: ArrayView2<f64>,
        uncertainty: Uncertainty,
    ) -> Result<Prediction> {
        let (m, t) = (xs.nrows(), self.model.n_tasks());
        if given.dim() != (m, t) {
            return Err(Error::Shape {
                argument: "given".to_string(),
                found: format!("shape ({}, {})", given.nrows(), given.ncols()),
                expected: format!(
                    "shape ({m}, {t}), a row for each of xs and a column for each task"
                ),
            });
        }
        check_finite("given", given.mapv(|v| if v.is_nan() { 0.0 } else { v }).view())?;
        let mut out = self.predict(xs, uncertainty)?;
        for start in (0..m).step_by(self.tile_rows()) {
            let rows = xs.slice(s![start..(start + self.tile_rows()).min(m), ..]);
            let columns = self.mean_columns(rows)?;
            let covariances = self.at(rows, &self.cross(rows), columns.view())?;
            for local in 0..rows.nrows() {
                let i = start + local;
                let (known, wanted): (Vec<usize>, Vec<usize>) =
                    (0..t).partition(|&task| !given[[i, task]].is_nan());
                if known.is_empty() {
                    continue;
                }
                let block = |a: &[usize], b: &[usize]| covariances.block(local, a, b);
                let noise = |a: &[usize], b: &[usize]| {
                    Array2::from_shape_fn((a.len(), b.len()), |(p, q)| self.noise.entry(a[p], b[q]))
                };
                let observed = block(&known, &known) + noise(&known, &known);
                let l = linalg::cholesky(observed.view())?;
                let latent = block(&wanted, &known);
                let cross = &latent + &noise(&wanted, &known);
                let gap: Array1<f64> =
                    known.iter().map(|&task| given[[i, task]] - out.mean[[i, task]]).collect();
                let gap = linalg::solve_lower(l.view(), gap.insert_axis(Axis(1)).view());
                let half = linalg::solve_lower(l.view(), cross.t());
                let shift = linalg::matmul(half.t(), gap.view());
                let explaining = match uncertainty {
                    Uncertainty::Std => linalg::solve_lower(l.view(), latent.t()),
                    _ => half,
                };
                for (w, &task) in wanted.iter().enumerate() {
                    out.mean[[i, task]] += shift[[w, 0]];
                    if let Some(std) = &mut out.std {
                        let explained: f64 = explaining.column(w).iter().map(|v| v * v).sum();
                        let variance = std[[i, task]] * std[[i, task]] - explained;
                        out.clipped_variances += usize::from(variance < 0.0);
                        std[[i, task]] = variance.max(0.0).sqrt();
                    }
                }
                for &task in &known {
                    out.mean[[i, task]] = given[[i, task]];
                    if let Some(std) = &mut out.std {
                        std[[i, task]] = 0.0;
                    }
                }
            }
        }
        finite("the conditioned means", &out.mean)?;
        if let Some(std) = &out.std {
            finite("the conditioned standard deviations", std)?;
        }
        Ok(out)
    }

    /// The training table (n, T) with its gaps filled: what was observed as it is, with standard
    /// deviation 0, and elsewhere the conditional mean of the observation,
    /// `m + (K alpha B + alpha Sigma)`, which uses what the noises of a row's tasks share.
    ///
    /// Standard deviations are of the latent functions or of the observations, as asked. Exact where the
    /// solver is. O(n T) an entry for the means; for those of observations also `diag(G^-1)` with few gaps
    /// and N^2 an entry with a dense factor.
    ///
    /// # Errors
    /// As [`Posterior::predict`].
    pub fn impute(&self, uncertainty: Uncertainty) -> Result<Prediction> {
        let (model, pattern) = (&self.model, self.model.pattern());
        let mut mean = model.warped_outputs(&self.natural);
        let mut std = (uncertainty != Uncertainty::None).then(|| Array2::zeros(mean.dim()));
        let mut clipped_variances = 0;
        let missing = pattern.missing();
        if missing.is_empty() {
            return Ok(Prediction { mean, std, clipped_variances });
        }
        let dual = self.factor.dual();
        let mut rows: Vec<usize> = missing.iter().map(|(i, _)| *i).collect();
        rows.sort_unstable();
        rows.dedup();
        let x = model.x().select(Axis(0), &rows);
        let latent_uncertainty = match uncertainty {
            Uncertainty::Std => Uncertainty::Std,
            _ => Uncertainty::None,
        };
        let latent = self.predict(x.view(), latent_uncertainty)?;
        clipped_variances += latent.clipped_variances;
        let of_noise = match &self.noise {
            NoiseMatrix::Diagonal(_) => None,
            NoiseMatrix::Dense(sigma) => Some(linalg::matmul(dual.view(), sigma.view())),
        };
        let variances = match uncertainty {
            Uncertainty::Observation => Some(self.missing_variances(missing)?),
            _ => None,
        };
        for (place, &(i, t)) in missing.iter().enumerate() {
            // The rows were sorted and hold every row with a gap.
            let local = rows.binary_search(&i).unwrap_or_default();
            let shared = of_noise.as_ref().map_or(0.0, |m| m[[i, t]]);
            mean[[i, t]] = latent.mean[[local, t]] + shared;
            if let Some(std) = &mut std {
                std[[i, t]] = match (&variances, &latent.std) {
                    (Some(v), _) => v[place].sqrt(),
                    (None, Some(s)) => s[[local, t]],
                    (None, None) => 0.0,
                };
            }
        }
        finite("the gaps", &mean)?;
        Ok(Prediction { mean, std, clipped_variances })
    }
}
