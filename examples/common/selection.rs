//! The choice among a short list of models, by the training rows alone.

use std::time::Duration;

use coregion::prelude::*;
use rayon::prelude::*;

/// How the tasks hang together: in the signal and in the noise.
struct Structure {
    name: String,
    task: Task,
    noise: Noise,
    /// Directions in which the parameters move without changing the model: the rotations of the
    /// factor of a low-rank covariance.
    redundant: usize,
}

/// Task covariances of those ranks, of free form for `None`, under each noise.
fn structures(ranks: &[Option<usize>], noises: &[Noise]) -> Vec<Structure> {
    let one = |noise: &Noise, rank: &Option<usize>| {
        let (name, task, redundant) = match *rank {
            None => ("free-form".to_string(), FreeForm::new(), 0),
            Some(r) => (format!("rank {r}"), LowRank::new(r), r * (r - 1) / 2),
        };
        Structure { name, task, noise: noise.clone(), redundant }
    };
    noises.iter().flat_map(|noise| ranks.iter().map(move |rank| one(noise, rank))).collect()
}

/// A model of the list, fitted.
pub(crate) struct Candidate {
    /// The kernel and the structure in words.
    pub(crate) name: String,
    /// Number of parameters learned.
    pub(crate) parameters: usize,
    pub(crate) settings: MultiTaskGp,
    pub(crate) gp: FittedMultiTaskGp,
}

impl Candidate {
    /// Akaike's criterion: twice the number of parameters less twice the log likelihood.
    pub(crate) fn aic(&self) -> f64 {
        2.0 * (self.parameters as f64 - self.gp.log_marginal_likelihood())
    }
}

/// Fits every model of the list and prints the log likelihoods. The models come back in the order
/// of Akaike's criterion, the best first.
pub(crate) fn compare(
    training: &Dataset,
    kernels: &[(&str, Kernel)],
    ranks: &[Option<usize>],
    noises: &[Noise],
) -> coregion::Result<Vec<Candidate>> {
    let structures = structures(ranks, noises);
    let pairs: Vec<_> =
        kernels.iter().flat_map(|k| structures.iter().map(move |s| (k, s))).collect();
    let mut fits = pairs
        .into_par_iter()
        .map(|((kernel_name, kernel), s)| {
            let settings =
                MultiTaskGp::new(kernel.clone()).task(s.task.clone()).noise(s.noise.clone());
            let gp = settings.fit(training)?;
            let parameters = gp.posterior().model().layout().n_free() - s.redundant;
            let name = format!("{kernel_name}, B {}, noise {}", s.name, s.noise);
            Ok(Candidate { name, parameters, settings, gp })
        })
        .collect::<coregion::Result<Vec<_>>>()?;

    let width = 11 * ranks.len() - 1;
    let over: Vec<String> =
        noises.iter().map(|n| format!("{:width$}", format!("noise {n}"))).collect();
    println!("  {:18}  {}", "", over.join(" ").trim_end());
    print!("  {:18}", "kernel");
    structures.iter().for_each(|s| print!(" {:>10}", s.name));
    println!(" {:>10}", "time, s");
    for (row, (kernel, _)) in fits.chunks(structures.len()).zip(kernels) {
        print!("  {kernel:18}");
        row.iter().for_each(|c| print!(" {:>10.1}", c.gp.log_marginal_likelihood()));
        let time: Duration = row.iter().map(|c| c.gp.report().wall_time).sum();
        println!(" {:>10.1}", time.as_secs_f64());
    }
    let unconverged = fits.iter().filter(|c| !c.gp.report().converged).count();
    let decompositions: usize = fits.iter().map(|c| c.gp.report().eigendecompositions).sum();
    println!(
        "  ({} fits, {unconverged} not converged; {decompositions} eigendecompositions)",
        fits.len()
    );
    fits.sort_by(|a, b| a.aic().total_cmp(&b.aic()));
    Ok(fits)
}
