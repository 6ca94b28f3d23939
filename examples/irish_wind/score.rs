//! Scores of predicted Gaussians, station by station and for all stations together.

use coregion::analysis::metrics::{self, Normalizer, PerTask};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::difference::Difference;
use crate::joint::Joint;
use crate::paired;

/// The measurements that predictions are judged by.
pub(crate) struct Judge {
    /// Square roots measured (m, T).
    pub(crate) truth: Array2<f64>,
    /// Mean of each station over the training days: the reference.
    pub(crate) reference: Array1<f64>,
    /// The block of each day: days of different blocks count as independent of each other.
    pub(crate) blocks: Vec<usize>,
}

/// How good the predictions of a model are.
pub(crate) struct Score {
    pub(crate) name: &'static str,
    /// Mean squared error at each station over that of the training mean.
    pub(crate) smse: PerTask,
    pub(crate) rmse: PerTask,
    /// Mean negative log density at each station by itself, in nats.
    pub(crate) nlpd: PerTask,
    /// Shares of the measurements inside their 50 % and 95 % intervals.
    pub(crate) coverage: [f64; 2],
    /// Contribution of each day to the mean SMSE.
    squares: Array1<f64>,
    /// Of all stations together, where the model says what they have in common.
    pub(crate) together: Option<Together>,
}

/// How good a joint prediction of all stations is.
pub(crate) struct Together {
    /// Negative log density of all stations on each day, in nats.
    losses: Array1<f64>,
    /// Its mean.
    pub(crate) loss: f64,
    /// Of the mean over the stations: root mean squared error, negative log density, and shares
    /// inside the 50 % and 95 % intervals.
    pub(crate) rmse: f64,
    pub(crate) nlpd: f64,
    pub(crate) coverage: [f64; 2],
}

impl Judge {
    /// Scores the predictions of each station by itself, from means and standard deviations (m, T).
    pub(crate) fn alone(
        &self,
        name: &'static str,
        mean: ArrayView2<f64>,
        std: ArrayView2<f64>,
    ) -> coregion::Result<Score> {
        let truth = self.truth.view();
        let trivial = (&self.truth - &self.reference).mapv(|e| e * e);
        let references = trivial.sum_axis(Axis(0)) / truth.nrows() as f64;
        let squares = (&truth - &mean).mapv(|e| e * e) / references;
        Ok(Score {
            name,
            smse: metrics::smse(truth, mean, Normalizer::TrainMean(self.reference.view()))?,
            rmse: metrics::rmse(truth, mean)?,
            nlpd: metrics::nlpd(truth, mean, std)?,
            coverage: coverage(truth, mean, std)?,
            squares: squares.sum_axis(Axis(1)) / truth.ncols() as f64,
            together: None,
        })
    }

    /// Scores joint predictions.
    pub(crate) fn joint(&self, name: &'static str, p: &Joint) -> coregion::Result<Score> {
        let losses = p.losses(self.truth.view())?;
        let all = self.truth.sum_axis(Axis(1)).insert_axis(Axis(1)) / self.truth.ncols() as f64;
        let (mean, std) = p.of_mean();
        let (all, mean, std) = (all.view(), mean.view(), std.view());
        let together = Together {
            loss: losses.sum() / losses.len() as f64,
            losses,
            rmse: metrics::rmse(all, mean)?.mean,
            nlpd: metrics::nlpd(all, mean, std)?.mean,
            coverage: coverage(all, mean, std)?,
        };
        let alone = self.alone(name, p.mean.view(), p.std().view())?;
        Ok(Score { together: Some(together), ..alone })
    }

    /// How the mean SMSE of a model differs from that of another.
    pub(crate) fn smse_gap(&self, one: &Score, other: &Score) -> Difference {
        self.gap(one.squares.view(), other.squares.view())
    }

    /// How the joint negative log density of a model differs from that of another.
    pub(crate) fn joint_gap(&self, one: &Together, other: &Together) -> Difference {
        self.gap(one.losses.view(), other.losses.view())
    }

    fn gap(&self, one: ArrayView1<f64>, other: ArrayView1<f64>) -> Difference {
        paired::compared(one, other, &self.blocks)
    }
}

/// Mean shares inside the 50 % and 95 % intervals.
fn coverage(
    truth: ArrayView2<f64>,
    mean: ArrayView2<f64>,
    std: ArrayView2<f64>,
) -> coregion::Result<[f64; 2]> {
    let at = |level| Ok::<_, coregion::Error>(metrics::coverage(truth, mean, std, level)?.mean);
    Ok([at(0.5)?, at(0.95)?])
}
