//! The choice among a short list of models, by the training sites alone.

use std::time::Duration;

use coregion::prelude::*;
use rayon::prelude::*;

/// How the metals hang together: in the signal and in the noise.
struct Structure {
    task: Task,
    noise: Noise,
    name: &'static str,
    /// Directions in which the parameters move without changing the model: the rotations of the
    /// factor of a low-rank covariance.
    redundant: usize,
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

/// Kernels of the location (columns 0 and 1) and the class of the site, its rock (2) and land use
/// (3).
fn kernels() -> Vec<(&'static str, Kernel)> {
    let rough = || Matern12::ard().on([0, 1]);
    let class = || Categorical::any().on([2]) * Categorical::any().on([3]);
    vec![
        ("M32", Matern32::ard().on([0, 1])),
        ("M12", rough()),
        ("M12 * class", rough() * class()),
        ("M12 + class", rough() + 0.3 * class()),
        ("M12 + M12 * class", rough() + 0.3 * rough() * class()),
    ]
}

fn structures() -> Vec<Structure> {
    let mut out = Vec::new();
    for noise in [Noise::PerTask, Noise::Full] {
        for (name, task, redundant) in [
            ("free-form", FreeForm::new(), 0),
            ("rank 2", LowRank::new(2), 1),
            ("rank 3", LowRank::new(3), 3),
        ] {
            out.push(Structure { task, noise: noise.clone(), name, redundant });
        }
    }
    out
}

/// Fits every model of the list and prints the log likelihoods. The models come back in the order
/// of Akaike's criterion, the best first.
pub(crate) fn compare(training: &Dataset) -> coregion::Result<Vec<Candidate>> {
    let (kernels, structures) = (kernels(), structures());
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

    println!("  {:18} noise per-task {:19} noise full", "", "");
    print!("  {:18}", "kernel");
    structures.iter().for_each(|s| print!(" {:>10}", s.name));
    println!(" {:>10}", "time, s");
    for (row, (kernel, _)) in fits.chunks(structures.len()).zip(&kernels) {
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
