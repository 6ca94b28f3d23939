//! One metal wanted where others were measured: the table with gaps, and what fills it.

use coregion::prelude::*;
use ndarray::{Array2, ArrayView2, Axis, concatenate, s};

use crate::baseline::Gaussian;
use crate::data::{METALS, Sites};
use crate::selection::{self, Candidate};

/// The metal wanted and those measured at every site: columns of the tables.
pub(crate) struct Job {
    pub(crate) target: usize,
    pub(crate) given: Vec<usize>,
}

impl Job {
    /// The metal called `target` from those called `given`.
    pub(crate) fn new(target: &str, given: &[&str]) -> Result<Self, String> {
        let place = |name: &&str| {
            let found = METALS.iter().position(|m| m == name);
            found.ok_or_else(|| format!("no metal '{name}'"))
        };
        let given = given.iter().map(place).collect::<Result<_, _>>()?;
        Ok(Job { target: place(&target)?, given })
    }

    /// The metal wanted first, then the others.
    pub(crate) fn metals(&self) -> Vec<usize> {
        let mut all = vec![self.target];
        all.extend(&self.given);
        all
    }

    /// Their names.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.metals().into_iter().map(|c| METALS[c]).collect()
    }

    /// All sites in one table, the training sites first; the metal wanted is missing at the others.
    pub(crate) fn table(&self, all: &Sites, n_training: usize) -> coregion::Result<Dataset> {
        let complete = all.dataset(&self.metals())?;
        let mut y = complete.y().to_owned();
        y.slice_mut(s![n_training.., 0]).fill(f64::NAN);
        Dataset::new(complete.x(), y.view())?
            .with_task_names(complete.task_names().to_vec())?
            .with_feature_names(complete.feature_names().to_vec())
    }

    /// What a model of the table with gaps says of the sites after the first `n_training`.
    pub(crate) fn imputed(
        &self,
        gp: &FittedMultiTaskGp,
        n_training: usize,
    ) -> coregion::Result<Gaussian> {
        let p = gp.impute(Uncertainty::Observation)?;
        let of = |table: ArrayView2<f64>| table.slice(s![n_training.., 0]).to_owned();
        Ok(Gaussian { mean: of(p.mean.view()), std: of(p.std()?.view()) })
    }

    /// What a model of other sites says of these, the metals given being known at each by itself.
    pub(crate) fn conditioned(
        &self,
        gp: &FittedMultiTaskGp,
        at: &Sites,
    ) -> coregion::Result<Gaussian> {
        let mut given = at.logs.select(Axis(1), &self.metals());
        given.column_mut(0).fill(f64::NAN);
        let p = gp.predict_given(at.x.view(), given.view(), Uncertainty::Observation)?;
        Ok(Gaussian { mean: p.mean.column(0).to_owned(), std: p.std()?.column(0).to_owned() })
    }

    /// Least squares of the log on the logs of the metals given at the same site.
    pub(crate) fn least_squares(&self, training: &Sites, at: &Sites) -> coregion::Result<Gaussian> {
        let z = |sites: &Sites| sites.logs.select(Axis(1), &self.given);
        Gaussian::of_regression(z(training).view(), training.logs.column(self.target), z(at).view())
    }

    /// A single-task process with the settings given, on the place of the sites alone.
    pub(crate) fn by_place(
        &self,
        settings: &MultiTaskGp,
        training: &Sites,
        at: &Sites,
    ) -> coregion::Result<Gaussian> {
        let gps = settings.fit_single_tasks(&training.dataset(&[self.target])?)?;
        let p = gps.predict(at.x.view(), Uncertainty::Observation)?;
        Ok(Gaussian { mean: p.mean.column(0).to_owned(), std: p.std()?.column(0).to_owned() })
    }

    /// Single-task processes of the metal wanted with the others as further inputs, in the order of
    /// Akaike's criterion.
    pub(crate) fn with_inputs(&self, training: &Sites) -> coregion::Result<Vec<Candidate>> {
        let metals: Vec<usize> = (0..self.given.len()).map(|k| training.x.ncols() + k).collect();
        let mut all = vec![0, 1];
        all.extend(&metals);
        let trend = || Linear::learned().on(metals.clone());
        let class = || Categorical::any().on([2]) * Categorical::any().on([3]);
        let kernels = [
            ("RBF", Rbf::ard().on(all.clone())),
            ("M32", Matern32::ard().on(all.clone())),
            ("linear + M12", trend() + 0.3 * Matern12::ard().on([0, 1])),
            ("linear+M12+class", trend() + 0.3 * Matern12::ard().on([0, 1]) + 0.1 * class()),
        ];
        let x = self.inputs(training, training)?;
        let y = training.logs.select(Axis(1), &[self.target]);
        let data = Dataset::new(x.view(), y.view())?.with_task_names([METALS[self.target]])?;
        selection::compare(&data, &kernels, &[None], &[Noise::PerTask])
    }

    /// What such a process says of some sites.
    pub(crate) fn by_inputs(
        &self,
        gp: &FittedMultiTaskGp,
        training: &Sites,
        at: &Sites,
    ) -> coregion::Result<Gaussian> {
        let xs = self.inputs(training, at)?;
        let p = gp.predict(xs.view(), Uncertainty::Observation)?;
        Ok(Gaussian { mean: p.mean.column(0).to_owned(), std: p.std()?.column(0).to_owned() })
    }

    /// The inputs of the sites and the logs of the metals given, less their training means.
    fn inputs(&self, training: &Sites, at: &Sites) -> coregion::Result<Array2<f64>> {
        let z = |sites: &Sites| sites.logs.select(Axis(1), &self.given);
        let mean = z(training).sum_axis(Axis(0)) / training.len() as f64;
        joined(Axis(1), &at.x, &(z(at) - mean))
    }
}

/// All sites of two groups, those of the first group first.
pub(crate) fn all(first: &Sites, second: &Sites) -> coregion::Result<Sites> {
    let of = |a: &Array2<f64>, b: &Array2<f64>| joined(Axis(0), a, b);
    Ok(Sites {
        x: of(&first.x, &second.x)?,
        metals: of(&first.metals, &second.metals)?,
        logs: of(&first.logs, &second.logs)?,
    })
}

fn joined(axis: Axis, a: &Array2<f64>, b: &Array2<f64>) -> coregion::Result<Array2<f64>> {
    concatenate(axis, &[a.view(), b.view()]).map_err(|e| coregion::Error::Shape {
        argument: "sites".to_string(),
        found: e.to_string(),
        expected: "tables that go together".to_string(),
    })
}
