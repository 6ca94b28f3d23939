//! The deterministic start of learning for mixed latent functions.

use std::sync::Arc;

use ndarray::{Axis, concatenate};

use super::model::Model;
use crate::error::Result;
use crate::linalg;
use crate::matrix_kernel::{MixingStart, principal};
use crate::op::Pattern;
use crate::solve::MixedFactor;

/// Factors of the lengthscales that are tried for each latent function.
const LENGTHSCALE_FACTORS: [f64; 5] = [4.0, 2.0, 1.0, 0.25, 0.0625];
/// Rows up to which they are.
const TRIED_UP_TO: usize = 4000;
/// Least share of a task's variance that is noise.
const NOISE_SHARE: f64 = 0.02;
/// Least share of the variance along a direction that is signal.
const SIGNAL_SHARE: f64 = 0.1;

impl Model {
    /// Natural start values of a model with a mixing. The noise is what the leading principal components of
    /// the scaled outputs leave of them; the mixing has the leading components of the outputs in units of
    /// that noise, and their variances beyond it (probabilistic principal components, Tipping & Bishop
    /// 1999). Then each latent function takes the lengthscales among a few multiples of those specified
    /// that make its data most likely. Gaps count as zeros. Values the user gave are kept.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).mixing(Mixing::orthogonal(1)).fit(&data)?;
    /// let model = gp.posterior().model();
    /// let initial = model.layout().initial();
    /// let start = model.start_mixed(&initial)?;
    /// assert!(model.log_likelihood_value(&start)? > model.log_likelihood_value(&initial)?);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`linalg::eigh`]; [`crate::Error::NotPositive`] for values given that have no mixing.
    pub fn start_mixed(&self, initial: &[f64]) -> Result<Vec<f64>> {
        let Some(mixing) = self.mixing() else { return Ok(initial.to_vec()) };
        let (t, m) = (self.n_tasks(), self.terms().len());
        if self.n_rows() < 2 {
            return Ok(initial.to_vec());
        }
        let rows = self.moment_rows(initial);
        let std = &self.scales().std;
        let scaled = &rows / std;
        let (directions, _) = principal(scaled.view(), m)?;
        let inside = linalg::matmul(scaled.view(), directions.view());
        let outside = (scaled - linalg::matmul(inside.view(), directions.t())) * std;
        // The components hold their part of the noise too.
        let whole = if m < t { (t as f64 / (t - m) as f64).min(4.0) } else { 1.0 };
        let noise = concatenate![Axis(0), outside * whole.sqrt(), &rows * NOISE_SHARE.sqrt()];
        let psi = self.noise.start(noise.view(), 1.0);
        let mut natural = self.merged(initial, self.mixing_values(initial), &psi);
        let own = self.own_noise(&natural);
        let (directions, variances) = principal((rows / own.mapv(f64::sqrt)).view(), m)?;
        let variances = variances.mapv(|v| (v - 1.0).max(SIGNAL_SHARE * v).max(1e-3));
        let values = mixing.start(&MixingStart { directions, variances }, own.view());
        natural = self.merged(&natural, &values, &psi);
        self.with_likely_lengthscales(natural)
    }

    /// The lengthscales of each latent function that make its data most likely, among a few multiples.
    fn with_likely_lengthscales(&self, natural: Vec<f64>) -> Result<Vec<f64>> {
        if self.n_rows() > TRIED_UP_TO {
            return Ok(natural);
        }
        let Some(tasks) = self.mixed_tasks(&natural)? else { return Ok(natural) };
        let (table, mut out) = (self.residuals(&natural), natural.clone());
        let pattern = Arc::new(Pattern::of(table.view()));
        let mut best = vec![f64::NEG_INFINITY; self.terms().len()];
        for factor in LENGTHSCALE_FACTORS {
            let moved = match self.with_lengthscales(&natural, factor) {
                Some(moved) => moved,
                None if factor == 1.0 => natural.clone(),
                None => continue,
            };
            let gram = |q: usize| self.terms()[q].gram(&moved, self.x());
            let (tasks, pattern) = (tasks.clone(), Arc::clone(&pattern));
            let Ok(factor) = MixedFactor::new(gram, tasks, table.view(), pattern, "") else {
                continue;
            };
            for (q, &value) in factor.latent_log_likelihoods().iter().enumerate() {
                if value > best[q] {
                    best[q] = value;
                    let range = self.terms()[q].kernel_range.clone();
                    out[range.clone()].copy_from_slice(&moved[range]);
                }
            }
        }
        // Ties are respected by a round trip through the free values.
        let free = self.layout().pack(&out);
        self.layout().unpack_into(&free, &mut out);
        Ok(out)
    }
}
