//! Draws from the posterior.

use ndarray::{Array2, Array3, ArrayView2, Axis};
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::posterior::Posterior;
use crate::error::Result;
use crate::linalg;
use crate::op::NoiseMatrix;
use crate::solve::{IterativeFactor, KroneckerFactor};

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
        let mut normal = {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            move || -> f64 { rng.sample(StandardNormal) }
        };
        let mut out = Array3::zeros((m, t, n_samples));
        let offsets = match (self.factor.as_kronecker(), self.factor.as_iterative()) {
            _ if self.factor.as_mixed().is_some() => {
                self.by_latent(xs, &mut normal, &mut out)?;
                self.predict(xs, super::Uncertainty::None)?.mean
            }
            (_, Some(factor)) => {
                self.pathwise(factor, xs, &mut normal, &mut out, seed)?;
                self.mean_at(self.mean_columns(xs)?.view())
            }
            (Some(factor), None) => {
                self.by_direction(factor, xs, &mut normal, &mut out)?;
                self.predict(xs, super::Uncertainty::None)?.mean
            }
            (None, None) => {
                self.jointly(xs, &mut normal, &mut out)?;
                self.predict(xs, super::Uncertainty::None)?.mean
            }
        };
        // Draws from the joint covariance of all tasks have what is not known of the mean.
        let structured = self.factor.as_mixed().is_some()
            || self.factor.as_kronecker().is_some()
            || self.factor.as_iterative().is_some();
        let of_mean = match structured {
            true => self.mean_draws(xs, n_samples, &mut normal)?,
            false => Vec::new(),
        };
        for (mut draw, of_mean) in out.axis_iter_mut(Axis(2)).zip(&of_mean) {
            draw += of_mean;
        }
        let root = match &self.noise {
            NoiseMatrix::Dense(sigma) if include_noise => Some(linalg::cholesky(sigma.view())?),
            _ => None,
        };
        for mut draw in out.axis_iter_mut(Axis(2)) {
            draw += &offsets;
            if include_noise {
                draw += &self.noise_draw(m, root.as_ref(), &mut normal);
            }
        }
        super::posterior::finite("the draws", &out)?;
        Ok(out)
    }

    /// One draw of the noise at m rows, with the Cholesky factor of a full covariance.
    fn noise_draw(
        &self,
        m: usize,
        root: Option<&Array2<f64>>,
        normal: &mut impl FnMut() -> f64,
    ) -> Array2<f64> {
        let white = Array2::from_shape_simple_fn((m, self.model.n_tasks()), normal);
        match root {
            Some(root) => linalg::matmul(white.view(), root.t()),
            None => white * &self.noise_variances.mapv(f64::sqrt),
        }
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
        let (blocks, rest) =
            factor.direction_covariances(self.cross(xs)[0].view(), self.prior(xs).swap_remove(0));
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

    /// Fills `out` with draws by pathwise conditioning, their means included: a prior draw f at all rows,
    /// corrected by `k(x, X) A^-1 (y - f - e) B` (Wilson et al. 2021). Exact draws up to the tolerance of
    /// the solver and a nugget of at most 1e-8 of the kernel's variance.
    fn pathwise(
        &self,
        factor: &IterativeFactor,
        xs: ArrayView2<f64>,
        normal: &mut impl FnMut() -> f64,
        out: &mut Array3<f64>,
        seed: u64,
    ) -> Result<()> {
        let (m, t, n_samples) = out.dim();
        let n = self.model.n_rows();
        let all = n + m;
        let draws = n_samples.saturating_mul(n).saturating_mul(3 * t);
        let doubles = all.saturating_mul(all).saturating_mul(3).saturating_add(draws);
        self.fits("prior draws at all rows", doubles)?;
        let x = ndarray::concatenate![Axis(0), self.model.x(), xs];
        let tasks = self.model.task_covariances(&self.natural);
        let (mut prior, mut there) =
            (Array3::zeros((n_samples, n, t)), Array3::zeros((n_samples, m, t)));
        for (gram, b) in self.prior(x.view()).into_iter().zip(&tasks) {
            let root = nugget_root(gram)?;
            let task_root = linalg::semidefinite_cholesky(b.view());
            for (mut here, mut there) in prior.outer_iter_mut().zip(there.outer_iter_mut()) {
                let white = Array2::from_shape_simple_fn((all, t), &mut *normal);
                let rows = linalg::matmul(root.view(), white.view());
                let draw = linalg::matmul(rows.view(), task_root.t());
                here += &draw.slice(ndarray::s![..n, ..]);
                there += &draw.slice(ndarray::s![n.., ..]);
            }
        }
        let weights = factor.pathwise(prior.view(), seed.wrapping_add(1))?;
        let cross = self.cross(xs);
        let draws = out.axis_iter_mut(Axis(2)).zip(there.outer_iter());
        for ((mut draw, own), dual) in draws.zip(weights.outer_iter()) {
            let weights: Vec<Array2<f64>> =
                tasks.iter().map(|b| linalg::matmul(dual, b.view())).collect();
            draw.assign(&(&own + &self.moved(&cross, &weights)));
        }
        Ok(())
    }
}

/// The Cholesky factor of a Gram matrix with the smallest of a few nuggets that makes it one.
fn nugget_root(gram: Array2<f64>) -> Result<Array2<f64>> {
    let largest = gram.diag().iter().fold(0.0f64, |m, v| m.max(*v));
    let with = |share: f64| {
        let mut moved = gram.clone();
        moved.diag_mut().mapv_inplace(|v| v + share * largest);
        linalg::cholesky(moved.view())
    };
    with(1e-12).or_else(|_| with(1e-10)).or_else(|_| with(1e-8))
}

/// A square root of a positive semidefinite matrix, negative rounding clipped.
pub(super) fn square_root(c: Array2<f64>) -> Result<Array2<f64>> {
    let (values, vectors) = linalg::eigh(c)?;
    Ok(vectors * &values.mapv(|v| v.max(0.0).sqrt()))
}
