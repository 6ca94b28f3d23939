//! The models compared, and the nested structures of a sum of two terms.

use coregion::prelude::*;
use ndarray::{Array1, Array2};

/// Lengthscales in km that learning starts from: about a third of ranges published for these data.
const LONG: f64 = 0.4;
const SHORT: f64 = 0.07;

/// A model, fitted.
pub(crate) struct Model {
    pub(crate) name: &'static str,
    pub(crate) gp: FittedMultiTaskGp,
}

impl Model {
    /// Number of parameters learned.
    pub(crate) fn parameters(&self) -> usize {
        self.gp.posterior().model().layout().n_free()
    }

    /// Akaike's criterion.
    pub(crate) fn aic(&self) -> f64 {
        2.0 * (self.parameters() as f64 - self.gp.log_marginal_likelihood())
    }
}

/// The exponential covariance of the distance, whatever its direction.
fn exponential(scale: f64) -> Kernel {
    Matern12::isotropic(scale).on([0, 1])
}

/// Fits the models compared: the sum of two terms last.
pub(crate) fn fit(training: &Dataset) -> coregion::Result<Vec<Model>> {
    let one = |kernel| MultiTaskGp::new(kernel).task(FreeForm::new()).noise(Noise::Full);
    let described = [
        ("one range, one B", one(exponential(LONG))),
        ("two ranges, one B", one(exponential(LONG) + exponential(SHORT))),
        (
            "two ranges, each its B",
            one(exponential(LONG)).term(exponential(SHORT), FreeForm::new()),
        ),
    ];
    let fitted = described.into_iter().map(|(name, settings)| {
        let gp = settings.fit(training)?;
        Ok(Model { name, gp })
    });
    fitted.collect()
}

/// A part of what varies: over a distance, or from one sample to the next.
pub(crate) struct Structure {
    /// Lengthscale in km.
    pub(crate) scale: f64,
    /// Covariance between the metals.
    pub(crate) b: Array2<f64>,
}

impl Structure {
    /// The structures of a sum of terms.
    pub(crate) fn all(gp: &FittedMultiTaskGp) -> Vec<Structure> {
        let learned = gp.parameters();
        let scale = |q: usize| learned[&format!("terms[{q}].kernel.lengthscale")].sum();
        let each = gp.task_covariances().into_iter().enumerate();
        each.map(|(q, b)| Structure { scale: scale(q), b }).collect()
    }

    /// The distance in km within which 95 % of it is reached.
    pub(crate) fn range(&self) -> f64 {
        3.0 * self.scale
    }

    /// Its part of the semivariance of a metal at some distance in km.
    pub(crate) fn semivariance(&self, lag: f64, metal: usize) -> f64 {
        (1.0 - (-lag / self.scale).exp()) * self.b[[metal, metal]]
    }
}

/// Semivariances (k, T) of the logs that a sum of terms says at distances (k).
pub(crate) fn modelled(gp: &FittedMultiTaskGp, lags: &Array1<f64>) -> Array2<f64> {
    let (all, noise) = (Structure::all(gp), gp.noise_covariance());
    Array2::from_shape_fn((lags.len(), noise.nrows()), |(k, t)| {
        noise[[t, t]] + all.iter().map(|s| s.semivariance(lags[k], t)).sum::<f64>()
    })
}
