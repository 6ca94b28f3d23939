//! A fitted model of a table with gaps, the slow and obvious way: the covariance of all nT entries, of
//! which those observed are taken.

use coregion::gram;
use coregion::prelude::*;
use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::dense;

/// What a model says, from the covariance of its observed entries. Entries are counted row by row.
pub struct Masked {
    gp: FittedMultiTaskGp,
    natural: Vec<f64>,
    /// The task covariance of each term.
    b: Vec<Array2<f64>>,
    sigma: Array2<f64>,
    offsets: Array1<f64>,
    /// Covariance of the latent functions at all entries of the table.
    latent: Array2<f64>,
    /// The same with all noise, known variances included.
    whole: Array2<f64>,
    observed: Vec<usize>,
    /// Observations less their means.
    residuals: Array2<f64>,
    lower: Array2<f64>,
}

impl Masked {
    pub fn new(gp: &FittedMultiTaskGp) -> Self {
        Self::at(gp, gp.posterior().natural())
    }

    /// The model at other natural values.
    pub fn at(gp: &FittedMultiTaskGp, natural: &[f64]) -> Self {
        let (model, data) = (gp.posterior().model(), gp.data());
        let noise = model.noise_matrix(natural);
        let (b, sigma) = (model.task_covariances(natural), noise.to_dense());
        let mut latent = Array2::zeros((data.y().len(), data.y().len()));
        for (term, b) in model.terms().iter().zip(&b) {
            let k = gram::gram(term.kernel(), term.theta(natural), data.x());
            latent += &dense::covariance(k.view(), b.view(), None);
        }
        let identity = Array2::<f64>::eye(data.n_rows());
        let mut whole = &latent + &dense::covariance(identity.view(), sigma.view(), None);
        let t = data.n_tasks();
        if let Some(known) = data.noise_variances() {
            for ((i, u), v) in known.indexed_iter().filter(|(_, v)| !v.is_nan()) {
                whole[[i * t + u, i * t + u]] += v;
            }
        }
        let offsets = model.offsets(natural);
        let flat: Vec<f64> = (&data.y() - &offsets).iter().copied().collect();
        let observed: Vec<usize> = (0..flat.len()).filter(|&p| !flat[p].is_nan()).collect();
        let residuals = observed.iter().map(|&p| flat[p]).collect::<Array1<f64>>();
        let part = whole.select(Axis(0), &observed).select(Axis(1), &observed);
        Masked {
            gp: gp.clone(),
            natural: natural.to_vec(),
            b,
            sigma,
            offsets,
            latent,
            whole,
            observed,
            residuals: residuals.insert_axis(Axis(1)),
            lower: dense::cholesky(&part),
        }
    }

    pub fn log_density(&self) -> f64 {
        let c = self.whole.select(Axis(0), &self.observed).select(Axis(1), &self.observed);
        dense::log_density(&c, self.residuals.view())
    }

    /// `C A^-1 r` and `C A^-1 C'` for covariances C with the observed entries.
    fn through(&self, cross: &Array2<f64>) -> (Array2<f64>, Array2<f64>) {
        let mean = cross.dot(&dense::solve(&self.lower, &self.residuals));
        (mean, cross.dot(&dense::solve(&self.lower, &cross.t().to_owned())))
    }

    /// Means (m, T) and the covariance (mT, mT) of the latent functions at xs.
    pub fn predict(&self, xs: ArrayView2<f64>) -> (Array2<f64>, Array2<f64>) {
        let model = self.gp.posterior().model();
        let t = self.sigma.nrows();
        let m = xs.nrows() * t;
        let (mut cross, mut prior) =
            (Array2::zeros((m, self.latent.ncols())), Array2::zeros((m, m)));
        for (term, b) in model.terms().iter().zip(&self.b) {
            let theta = term.theta(&self.natural);
            let k = gram::cross(term.kernel(), theta, xs, self.gp.data().x());
            cross += &dense::covariance(k.view(), b.view(), None);
            let k = gram::gram(term.kernel(), theta, xs);
            prior += &dense::covariance(k.view(), b.view(), None);
        }
        let (mean, explained) = self.through(&cross.select(Axis(1), &self.observed));
        let mean =
            Array2::from_shape_fn((xs.nrows(), t), |(i, u)| mean[[i * t + u, 0]] + self.offsets[u]);
        (mean, prior - explained)
    }

    /// The table with its gaps filled, standard deviations of the latent functions there, and those of
    /// the observations: 0 at what was observed.
    pub fn impute(&self) -> (Array2<f64>, Array2<f64>, Array2<f64>) {
        let data = self.gp.data();
        let t = data.n_tasks();
        let gaps: Vec<usize> =
            (0..self.whole.nrows()).filter(|p| !self.observed.contains(p)).collect();
        let with = |c: &Array2<f64>| {
            self.through(&c.select(Axis(0), &gaps).select(Axis(1), &self.observed))
        };
        let ((means, known), (_, of_latent)) = (with(&self.whole), with(&self.latent));
        let mut mean = data.y().to_owned();
        let (mut latent, mut std) = (Array2::zeros(mean.dim()), Array2::zeros(mean.dim()));
        for (q, &p) in gaps.iter().enumerate() {
            let at = [p / t, p % t];
            mean[at] = self.offsets[p % t] + means[[q, 0]];
            latent[at] = (self.latent[[p, p]] - of_latent[[q, q]]).sqrt();
            std[at] = (self.whole[[p, p]] - known[[q, q]]).sqrt();
        }
        (mean, latent, std)
    }

    /// Sigma.
    pub fn noise(&self) -> &Array2<f64> {
        &self.sigma
    }
}
