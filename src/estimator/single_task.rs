//! One Gaussian process for each task alone: what multi-task models are compared with.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::fitted::FittedMultiTaskGp;
use super::multi_task_gp::MultiTaskGp;
use super::warped::held;
use crate::data::Dataset;
use crate::error::Result;
use crate::gp::{Mean, Prediction, Uncertainty};
use crate::task::{Diagonal, Noise};
use crate::warp::Warp;

/// T Gaussian processes that share nothing, each with a kernel of its own.
///
/// ```
/// use coregion::prelude::*;
/// use ndarray::array;
/// let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// let y = array![[0.0, 0.1], [0.8, 0.9], [0.9, 1.0], [0.1, 0.2], [-0.8, -0.7]];
/// let data = Dataset::new(x.view(), y.view())?;
/// let alone = MultiTaskGp::new(Rbf::ard()).fit_single_tasks(&data)?;
/// assert_eq!(alone.predict(array![[1.5]].view(), Uncertainty::Std)?.mean.dim(), (1, 2));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SingleTaskGps {
    models: Vec<FittedMultiTaskGp>,
}

impl SingleTaskGps {
    pub(super) fn fit(settings: &MultiTaskGp, data: &Dataset) -> Result<Self> {
        // A task without observations is refused before any other is fitted.
        let parts = (0..data.n_tasks()).map(|t| data.task(t)).collect::<Result<Vec<_>>>()?;
        let warps = held(&settings.warps, data.n_tasks(), &settings.fixed, &settings.ties);
        let models = parts
            .par_iter()
            .enumerate()
            .map(|(t, part)| {
                let mut one = settings.clone().task(Diagonal::new());
                one.further.iter_mut().for_each(|term| term.task = Diagonal::new());
                // One task has nothing to mix: the first latent function's kernel is its own.
                if one.mixing.take().is_some() {
                    one.kernel = one.latent_kernels.first().cloned().unwrap_or(one.kernel);
                    one.latent_kernels.clear();
                    one.fixed.retain(|path| path.starts_with("terms[0]."));
                    one.ties.retain(|(a, b)| [a, b].iter().all(|p| p.starts_with("terms[0].")));
                }
                // What is held or tied between tasks has no place in a model of one.
                let of_kernel = |path: &String| path.contains("].kernel.");
                one.fixed.retain(of_kernel);
                one.ties.retain(|(a, b)| of_kernel(a) && of_kernel(b));
                one.noise = match &settings.noise {
                    Noise::Variances(v) => {
                        Noise::Variances(v.get(t).copied().into_iter().collect())
                    }
                    Noise::Covariance(m) => {
                        Noise::Variances(m.get((t, t)).copied().into_iter().collect())
                    }
                    _ => Noise::PerTask,
                };
                one.warps = of_task(&warps, t);
                if let Mean::Given(values) = &settings.mean {
                    one.mean = Mean::Given(values.get(t).copied().into_iter().collect());
                }
                one.fit(part)
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(SingleTaskGps { models })
    }

    /// The model of each task.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let alone = MultiTaskGp::new(Rbf::ard()).fit_single_tasks(&data)?;
    /// let each: Vec<f64> = alone.models().iter().map(|gp| gp.log_marginal_likelihood()).collect();
    /// assert_eq!((each.len(), each.iter().sum()), (2, alone.log_marginal_likelihood()));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn models(&self) -> &[FittedMultiTaskGp] {
        &self.models
    }

    /// Sum of the tasks' log marginal likelihoods.
    pub fn log_marginal_likelihood(&self) -> f64 {
        self.models.iter().map(FittedMultiTaskGp::log_marginal_likelihood).sum()
    }

    /// Means, and standard deviations where asked for, at xs (m, d): both (m, T).
    ///
    /// # Errors
    /// As [`FittedMultiTaskGp::predict`].
    pub fn predict(&self, xs: ArrayView2<f64>, uncertainty: Uncertainty) -> Result<Prediction> {
        let shape = (xs.nrows(), self.models.len());
        let mut out = Prediction {
            mean: Array2::zeros(shape),
            std: (uncertainty != Uncertainty::None).then(|| Array2::zeros(shape)),
            clipped_variances: 0,
        };
        for (t, model) in self.models.iter().enumerate() {
            let one = model.predict(xs, uncertainty)?;
            out.mean.column_mut(t).assign(&one.mean.index_axis(Axis(1), 0));
            if let (Some(all), Some(std)) = (&mut out.std, &one.std) {
                all.column_mut(t).assign(&std.index_axis(Axis(1), 0));
            }
            out.clipped_variances += one.clipped_variances;
        }
        Ok(out)
    }
}

/// The warp of one task, where there are any.
fn of_task(warps: &[Warp], t: usize) -> Vec<Warp> {
    match warps {
        [all] => vec![all.clone()],
        each => each.get(t).cloned().into_iter().collect(),
    }
}
