//! Draws from the posterior.

use ndarray::{Array2, Array3, ArrayView2, Axis};
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::posterior::Posterior;
use crate::error::Result;
use crate::linalg;

impl Posterior {
    /// Joint draws of the latent functions at xs (m, d): (m, T, n_samples). `include_noise` draws
    /// observations. The same seed gives the same draws.
    ///
    /// Each direction of the common eigenbasis is a Gaussian vector of its own over the rows; its
    /// covariance (m x m) is factored by an eigendecomposition, so that coinciding rows need no
    /// jitter. O(T m^3 + n^2 m) time, O(m^2 + m n) memory beyond the result.
    ///
    /// # Errors
    /// As [`Posterior::predict`]; [`crate::Error::Memory`] beyond the memory budget.
    pub fn sample(
        &self,
        xs: ArrayView2<f64>,
        n_samples: usize,
        include_noise: bool,
        seed: u64,
    ) -> Result<Array3<f64>> {
        self.check(xs)?;
        let (m, t) = (xs.nrows(), self.model.n_tasks());
        let k = self.factor.congruence().shifts().len();
        self.fits("the samples", m.saturating_mul(t).saturating_mul(n_samples))?;
        self.fits("their covariances", m.saturating_mul(m).saturating_mul(k + 1))?;
        let mean = self.predict(xs, super::Uncertainty::None)?.mean;
        let (blocks, rest) = self.direction_covariances(xs);
        let roots = blocks.into_iter().map(square_root).collect::<Result<Vec<_>>>()?;
        let rest = rest.map(square_root).transpose()?;
        let primal = self.factor.congruence().primal_vectors();
        let noise = self.noise.root()?;
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut normals = |rows: usize, columns: usize| -> Array2<f64> {
            Array2::from_shape_simple_fn((rows, columns), || rng.sample(StandardNormal))
        };
        let mut out = Array3::zeros((m, t, n_samples));
        for mut draw in out.axis_iter_mut(Axis(2)) {
            let mut directions = Array2::zeros((m, k));
            for (mut column, root) in directions.columns_mut().into_iter().zip(&roots) {
                column.assign(&linalg::matmul(root.view(), normals(m, 1).view()).column(0));
            }
            let mut one = linalg::matmul(directions.view(), primal.t()) + &mean;
            if let Some(root) = &rest {
                let white = linalg::matmul(root.view(), normals(m, t).view());
                let outside = self.factor.congruence().complement(white.view());
                one += &self.factor.congruence().color_rows(outside.view());
            }
            if include_noise {
                one += &noise.color_rows(normals(m, t).view());
            }
            draw.assign(&one);
        }
        super::posterior::finite("the draws", &out)?;
        Ok(out)
    }
}

/// A square root of a positive semidefinite matrix, negative rounding clipped.
fn square_root(c: Array2<f64>) -> Result<Array2<f64>> {
    let (values, vectors) = linalg::eigh(c)?;
    Ok(vectors * &values.mapv(|v| v.max(0.0).sqrt()))
}
