//! One metal from others measured at the same site: which model, decided by cross-validation on the
//! training sites.

use coregion::prelude::*;
use ndarray::{Array2, Axis};
use rayon::prelude::*;

use crate::baseline::Gaussian;
use crate::data::{METALS, Sites};
use crate::score::Score;

/// Parts of the cross-validation.
pub(crate) const PARTS: usize = 5;
/// Side in km of the squares that the parts are made of. Training sites lie in clusters, validation
/// sites do not: with whole squares left out, the distances to the nearest site learned from are
/// those of the validation sites.
pub(crate) const SQUARE: f64 = 0.5;

/// A metal wanted, and the metals measured beside it: columns of the table.
pub(crate) struct Job {
    pub(crate) target: usize,
    pub(crate) given: Vec<usize>,
}

/// A model for a job: of some of the metals, with a noise.
pub(crate) struct Variant {
    pub(crate) name: String,
    metals: Vec<usize>,
    noise: Noise,
}

impl Job {
    /// The metal called `target` from those called `given`.
    pub(crate) fn new(target: &str, given: &[&str]) -> Result<Self, String> {
        let place = |name: &str| {
            let found = METALS.iter().position(|m| *m == name);
            found.ok_or_else(|| format!("no metal '{name}'"))
        };
        let given = given.iter().map(|g| place(g)).collect::<Result<_, _>>()?;
        Ok(Job { target: place(target)?, given })
    }

    /// `Ni, Zn`.
    pub(crate) fn given_names(&self) -> String {
        names(&self.given)
    }

    /// The models compared: the metals concerned or all seven, with independent noises or not, the
    /// fewest parameters first.
    pub(crate) fn variants(&self) -> Vec<Variant> {
        let mut concerned = vec![self.target];
        concerned.extend(&self.given);
        let mut out = Vec::new();
        for (metals, which) in
            [(concerned.clone(), names(&concerned)), ((0..METALS.len()).collect(), "all 7".into())]
        {
            for noise in [Noise::PerTask, Noise::Full] {
                let name = format!("GP of {which}, noise {noise}");
                out.push(Variant { name, metals: metals.clone(), noise });
            }
        }
        out
    }

    /// The target's log at some sites by least squares on the logs of the metals given there.
    pub(crate) fn regression(&self, training: &Sites, at: &Sites) -> coregion::Result<Gaussian> {
        let z = training.logs.select(Axis(1), &self.given);
        let zs = at.logs.select(Axis(1), &self.given);
        Gaussian::of_regression(z.view(), training.logs.column(self.target), zs.view())
    }

    /// Scores at the training sites of N kinds of predictions, each made for the sites of one part
    /// (second argument) from those of the other parts (first argument).
    pub(crate) fn cross_validate<const N: usize>(
        &self,
        training: &Sites,
        predict: impl Fn(&Sites, &Sites) -> coregion::Result<[Gaussian; N]> + Sync,
    ) -> coregion::Result<Vec<Score>> {
        let parts = (0..PARTS)
            .into_par_iter()
            .map(|part| {
                let (kept, out) = split(training, part);
                Ok((predict(&training.rows(&kept), &training.rows(&out))?, out))
            })
            .collect::<coregion::Result<Vec<_>>>()?;
        let truth = training.logs.column(self.target);
        (0..N)
            .map(|kind| {
                let mut all = Gaussian { mean: truth.to_owned(), std: truth.to_owned() };
                for (p, rows) in &parts {
                    for (k, &i) in rows.iter().enumerate() {
                        (all.mean[i], all.std[i]) = (p[kind].mean[k], p[kind].std[k]);
                    }
                }
                Score::of(truth, &all)
            })
            .collect()
    }
}

impl Variant {
    /// The model of this variant, its kernel started at the values given.
    pub(crate) fn fit(
        &self,
        kernel: &Kernel,
        training: &Sites,
    ) -> coregion::Result<FittedMultiTaskGp> {
        MultiTaskGp::new(kernel.clone())
            .task(FreeForm::new())
            .noise(self.noise.clone())
            .fit(&training.dataset(&self.metals)?)
    }

    /// The log of the job's target at some sites, the metals `given` being known there.
    pub(crate) fn predict(
        &self,
        gp: &FittedMultiTaskGp,
        target: usize,
        given: &[usize],
        at: &Sites,
    ) -> coregion::Result<Gaussian> {
        let mut table = Array2::from_elem((at.len(), self.metals.len()), f64::NAN);
        let mut wanted = 0;
        for (place, &metal) in self.metals.iter().enumerate() {
            if given.contains(&metal) {
                table.column_mut(place).assign(&at.logs.column(metal));
            }
            if metal == target {
                wanted = place;
            }
        }
        let p = gp.predict_given(at.x.view(), table.view(), Uncertainty::Observation)?;
        let std = p.std()?.column(wanted).to_owned();
        Ok(Gaussian { mean: p.mean.column(wanted).to_owned(), std })
    }
}

/// The rows kept and the rows left out when a part is left out: squares a knight's move apart belong
/// to the same part, so that no two of a part touch.
fn split(sites: &Sites, part: usize) -> (Vec<usize>, Vec<usize>) {
    let square = |v: f64| (v / SQUARE).floor() as usize;
    let of = |row: &usize| {
        let (x, y) = (square(sites.x[[*row, 0]]), square(sites.x[[*row, 1]]));
        (x + 2 * y) % PARTS
    };
    (0..sites.len()).partition(|row| of(row) != part)
}

/// Distances in km from the training sites to the nearest one of another part.
pub(crate) fn distances_between_parts(training: &Sites) -> Vec<f64> {
    let of = |part| {
        let (kept, out) = split(training, part);
        training.rows(&kept).distances_to(&training.rows(&out))
    };
    (0..PARTS).flat_map(of).collect()
}

/// The simplest model whose cross-validated error lies within one standard error of the smallest
/// one (Breiman, Friedman, Olshen & Stone 1984, sec. 3.4.3), the models being in order of size.
pub(crate) fn choose<'a>(scores: impl Iterator<Item = &'a Score> + Clone) -> usize {
    let smallest = scores.clone().min_by(|a, b| a.mae.total_cmp(&b.mae));
    let limit = smallest.map_or(f64::INFINITY, |s| s.mae + s.standard_error());
    scores.clone().position(|s| s.mae <= limit).unwrap_or(0)
}

fn names(metals: &[usize]) -> String {
    metals.iter().map(|&c| METALS[c]).collect::<Vec<_>>().join(", ")
}
