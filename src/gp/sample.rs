//! Draws from the posterior.

use ndarray::{Array2, Array3, ArrayView2, Axis};
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::posterior::Posterior;
use crate::error::Result;
use crate::linalg;
use crate::op::NoiseMatrix;
use crate::solve::KroneckerFactor;

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
        self.fits("the samples", m.saturating_mul(t).saturating_mul(n_samples))?;
        let mean = self.predict(xs, super::Uncertainty::None)?.mean;
        let mut normal = {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            move || -> f64 { rng.sample(StandardNormal) }
        };
        let mut out = Array3::zeros((m, t, n_samples));
        match self.factor.as_kronecker() {
            Some(factor) => self.by_direction(factor, xs, &mut normal, &mut out)?,
            None => self.jointly(xs, &mut normal, &mut out)?,
        }
        for mut draw in out.axis_iter_mut(Axis(2)) {
            draw += &mean;
            if include_noise {
                draw += &self.noise_draw(m, &mut normal)?;
            }
        }
        super::posterior::finite("the draws", &out)?;
        Ok(out)
    }

    /// One draw of the noise at m rows.
    fn noise_draw(&self, m: usize, normal: &mut impl FnMut() -> f64) -> Result<Array2<f64>> {
        let white = Array2::from_shape_simple_fn((m, self.model.n_tasks()), normal);
        Ok(match &self.noise {
            NoiseMatrix::Diagonal(v) => white * &v.mapv(f64::sqrt),
            NoiseMatrix::Dense(m) => linalg::matmul(white.view(), linalg::cholesky(m.view())?.t()),
        })
    }

    /// Fills `out` with draws around 0, one direction of the congruence at a time.
    fn by_direction(
        &self,
        factor: &KroneckerFactor,
        xs: ArrayView2<f64>,
        normal: &mut impl FnMut() -> f64,
        out: &mut Array3<f64>,
    ) -> Result<()> {
        let congruence = factor.congruence();
        let (m, t, k) = (xs.nrows(), self.model.n_tasks(), congruence.shifts().len());
        self.fits("their covariances", m.saturating_mul(m).saturating_mul(k + 1))?;
        let (blocks, rest) = factor.direction_covariances(self.cross(xs).view(), self.prior(xs));
        let roots = blocks.into_iter().map(square_root).collect::<Result<Vec<_>>>()?;
        let rest = rest.map(square_root).transpose()?;
        let primal = congruence.primal_vectors();
        let mut normals = |rows: usize, columns: usize| -> Array2<f64> {
            Array2::from_shape_simple_fn((rows, columns), &mut *normal)
        };
        for mut draw in out.axis_iter_mut(Axis(2)) {
            let mut directions = Array2::zeros((m, k));
            for (mut column, root) in directions.columns_mut().into_iter().zip(&roots) {
                column.assign(&linalg::matmul(root.view(), normals(m, 1).view()).column(0));
            }
            draw.assign(&linalg::matmul(directions.view(), primal.t()));
            if let Some(root) = &rest {
                let white = linalg::matmul(root.view(), normals(m, t).view());
                draw += &congruence.color_rows(congruence.complement(white.view()).view());
            }
        }
        Ok(())
    }

    /// Fills `out` with draws around 0 from the joint covariance of all tasks at all rows.
    fn jointly(
        &self,
        xs: ArrayView2<f64>,
        normal: &mut impl FnMut() -> f64,
        out: &mut Array3<f64>,
    ) -> Result<()> {
        let (m, t, n_samples) = out.dim();
        let side = m.saturating_mul(t);
        self.fits("their covariance", side.saturating_mul(side))?;
        let joint = self.joint_covariance(xs, false)?;
        let joint = joint.to_shape((side, side)).map(|c| c.to_owned()).unwrap_or_default();
        let white = Array2::from_shape_simple_fn((side, n_samples), normal);
        let draws = linalg::matmul(square_root(joint)?.view(), white.view());
        out.iter_mut().zip(&draws).for_each(|(o, d)| *o = *d);
        Ok(())
    }
}

/// A square root of a positive semidefinite matrix, negative rounding clipped.
fn square_root(c: Array2<f64>) -> Result<Array2<f64>> {
    let (values, vectors) = linalg::eigh(c)?;
    Ok(vectors * &values.mapv(|v| v.max(0.0).sqrt()))
}
