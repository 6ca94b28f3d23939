//! Predictions of all metals at some sites.

use coregion::prelude::*;
use ndarray::{Array2, Axis};

use crate::baseline::Gaussian;
use crate::data::Sites;

/// Means and standard deviations (m, T) of logs.
pub(crate) struct Predicted {
    pub(crate) mean: Array2<f64>,
    pub(crate) std: Array2<f64>,
}

impl Predicted {
    /// What a model says of the sites from their place.
    pub(crate) fn by_place(gp: &FittedMultiTaskGp, at: &Sites) -> coregion::Result<Self> {
        let p = gp.predict(at.x.view(), Uncertainty::Observation)?;
        Ok(Predicted { std: p.std()?.to_owned(), mean: p.mean })
    }

    /// What a model says of each metal from the place and the other metals of its site.
    pub(crate) fn with_others(
        gp: &FittedMultiTaskGp,
        at: &Sites,
        metals: &[usize],
    ) -> coregion::Result<Self> {
        let mut out = Self::empty(at, metals);
        for t in 0..metals.len() {
            let mut given = at.logs.select(Axis(1), metals);
            given.column_mut(t).fill(f64::NAN);
            let p = gp.predict_given(at.x.view(), given.view(), Uncertainty::Observation)?;
            out.mean.column_mut(t).assign(&p.mean.column(t));
            out.std.column_mut(t).assign(&p.std()?.column(t));
        }
        Ok(out)
    }

    /// The same by least squares of the log on the logs of the other metals.
    pub(crate) fn by_least_squares(
        training: &Sites,
        at: &Sites,
        metals: &[usize],
    ) -> coregion::Result<Self> {
        let mut out = Self::empty(at, metals);
        for (t, &metal) in metals.iter().enumerate() {
            let others: Vec<usize> = metals.iter().copied().filter(|&m| m != metal).collect();
            let z = |sites: &Sites| sites.logs.select(Axis(1), &others);
            let (known, y) = (z(training), training.logs.column(metal));
            out.put(t, &Gaussian::of_regression(known.view(), y, z(at).view())?);
        }
        Ok(out)
    }

    /// The mean and the spread of the training logs, whatever the place.
    pub(crate) fn by_spread(training: &Sites, at: &Sites, metals: &[usize]) -> Self {
        let mut out = Self::empty(at, metals);
        for (t, &metal) in metals.iter().enumerate() {
            out.put(t, &Gaussian::of_training(training.logs.column(metal), at.len()));
        }
        out
    }

    fn empty(at: &Sites, metals: &[usize]) -> Self {
        let zeros = || Array2::zeros((at.len(), metals.len()));
        Predicted { mean: zeros(), std: zeros() }
    }

    fn put(&mut self, t: usize, p: &Gaussian) {
        self.mean.column_mut(t).assign(&p.mean);
        self.std.column_mut(t).assign(&p.std);
    }
}
