//! One job from the choice of the model to the scores of all models.

use std::error::Error;

use coregion::prelude::*;
use ndarray::{Array2, Axis};

use crate::baseline::training_mean;
use crate::data::Wind;
use crate::interpolation::CYCLE;
use crate::joint::Joint;
use crate::report;
use crate::score::{Judge, Score};
use crate::selection;

/// What is predicted from what, and by what else.
pub(crate) struct Job<'a> {
    /// The kernels to choose from.
    pub(crate) kernels: &'a [(&'static str, Kernel)],
    pub(crate) training: Dataset,
    /// The training days: rows of the table.
    pub(crate) known: &'a [usize],
    /// Inputs of the days to predict.
    pub(crate) xs: Array2<f64>,
    /// Those days: rows of the table.
    pub(crate) rows: &'a [usize],
    /// Simpler predictions of the square roots of those days.
    pub(crate) others: Vec<(&'static str, Joint)>,
}

/// What came of a job.
pub(crate) struct Outcome {
    pub(crate) judge: Judge,
    /// The multi-task process chosen.
    pub(crate) gp: FittedMultiTaskGp,
    /// What it and single-task processes with its kernel predict.
    pub(crate) multi: Joint,
    pub(crate) single: Joint,
    /// Shares of the mean winds inside their 95 % intervals.
    pub(crate) inside: [f64; 2],
}

impl Job<'_> {
    /// Chooses the model by the training days, predicts, prints the scores and what they say.
    pub(crate) fn run(&self, wind: &Wind) -> Result<Outcome, Box<dyn Error>> {
        let noises = [Noise::PerTask, Noise::Full];
        let ranks = [None, Some(2)];
        println!("  log marginal likelihood of the training days");
        let candidates = selection::compare(&self.training, self.kernels, &ranks, &noises)?;
        println!("  Lowest Akaike criteria, the first one is taken:");
        for c in candidates.iter().take(3) {
            println!("  {:8.1}  {} ({} parameters)", c.aic(), c.name, c.parameters);
        }
        let best = candidates.into_iter().next().ok_or("no candidates")?;
        println!("  Its kernel: {}\n", best.gp.kernel());

        let alone = best.settings.fit_single_tasks(&self.training)?;
        let season = wind.season(self.rows);
        let multi = Joint::of_tasks(&best.gp, self.xs.view())?.plus(&season);
        let single = Joint::of_single(&alone, self.xs.view())?.plus(&season);
        let known = wind.roots(self.known);
        let judge = Judge {
            truth: wind.roots(self.rows),
            reference: known.sum_axis(Axis(0)) / known.nrows() as f64,
            blocks: self.rows.iter().map(|&i| wind.day[i] / CYCLE).collect(),
        };
        let mut scores = vec![
            judge.joint("multi-task GP", &multi)?,
            judge.joint("single-task GPs", &single)?,
            judge.joint("training mean", &training_mean(wind, self.known, self.rows))?,
        ];
        for (name, p) in &self.others {
            scores.push(judge.joint(name, p)?);
        }
        report::print_stations(&scores);
        report::print_together(&scores);
        report::compare(&judge, &scores);
        report::compare_intervals(&scores[0], &scores[1], &scores[2]);
        let inside = |s: &Score| s.together.as_ref().map_or(f64::NAN, |t| t.coverage[1]);
        let inside = [inside(&scores[0]), inside(&scores[1])];
        Ok(Outcome { judge, gp: best.gp, multi, single, inside })
    }
}
