//! The tables of a job, and what they say in words.

use coregion::prelude::*;
use ndarray::Array2;

use crate::data::{METALS, Sites};
use crate::difference::decimals;
use crate::job::Job;
use crate::places;
use crate::score::{LEVEL, Score, compared};

/// A way of predicting, and its score at the validation sites.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) score: Score,
    /// Whether it is something simpler, that the models are measured by.
    pub(crate) is_baseline: bool,
}

/// The baseline of the smallest mean absolute error at the validation sites.
pub(crate) fn strongest(lines: &[Line]) -> Option<&Line> {
    let baselines = lines.iter().filter(|l| l.is_baseline);
    baselines.min_by(|a, b| a.score.mae.total_cmp(&b.score.mae))
}

/// Prints the scores with their differences to the strongest baseline.
pub(crate) fn print_lines(job: &Job, lines: &[Line]) {
    let Some(best) = strongest(lines) else { return };
    println!(
        "  {:46} |    MAE ± std.err. |  less the best * |    NLPD | in {:.0} %",
        "",
        100.0 * LEVEL
    );
    for l in lines {
        let gap = compared(&l.score.errors, &best.score.errors);
        let gap = match std::ptr::eq(l, best) {
            true => format!("{:>16}", "*"),
            false => format!(
                "{:>+7.3} ± {:>5.3} {}",
                gap.excess,
                gap.error,
                if gap.is_clear() { "!" } else { " " }
            ),
        };
        println!(
            "  {:46} | {:>6} ± {:>9} | {gap:>16} | {:>7.4} | {:>3.0} %",
            l.name,
            decimals(l.score.mae),
            decimals(l.score.standard_error()),
            l.score.nlpd,
            100.0 * l.score.coverage
        );
    }
    println!(
        "  * the baseline of the least error at these very sites; differences with paired standard\n    \
         errors, ! where above two of them. mg/kg of {}\n",
        METALS[job.target]
    );
}

/// Says in words what the first line, the table with gaps and full noise, is worth.
pub(crate) fn print_words(lines: &[Line]) {
    let Some((own, others)) = lines.split_first() else { return };
    println!("  {} against", own.name);
    for other in others {
        let gap = compared(&own.score.errors, &other.score.errors);
        let loss = compared(&own.score.losses, &other.score.losses);
        println!("    {}:\n      MAE {gap}\n      NLPD {loss}", other.name);
    }
    println!();
}

/// The share of the first task's variance that is noise.
pub(crate) fn noise_share(gp: &FittedMultiTaskGp) -> f64 {
    let (b, noise) = (gp.task_covariance()[[0, 0]], gp.noise_covariance()[[0, 0]]);
    noise / (noise + b)
}

/// Prints the correlations of B below the diagonal and of the noise above it, and the share of each
/// metal's variance that is noise.
pub(crate) fn print_correlations(job: &Job, gp: &FittedMultiTaskGp) {
    let (b, noise) = (gp.task_covariance(), gp.noise_covariance());
    let rho = |c: &Array2<f64>, i: usize, j: usize| c[[i, j]] / (c[[i, i]] * c[[j, j]]).sqrt();
    let names = job.names();
    print!("    {:4}", "");
    names.iter().for_each(|n| print!(" {n:>6}"));
    println!("   noise / all variance");
    for (i, name) in names.iter().enumerate() {
        print!("    {name:4}");
        for j in 0..names.len() {
            match i.cmp(&j) {
                std::cmp::Ordering::Equal => print!(" {:>6}", ""),
                std::cmp::Ordering::Greater => print!(" {:>6.2}", rho(&b, i, j)),
                std::cmp::Ordering::Less => print!(" {:>6.2}", rho(&noise, i, j)),
            }
        }
        println!(" {:>10.2}", noise[[i, i]] / (noise[[i, i]] + b[[i, i]]));
    }
    println!("    kernel {}", gp.kernel());
}

/// Prints what the model says of its training sites, the metal wanted left out there in closed form.
pub(crate) fn print_forecast(
    job: &Job,
    name: &str,
    gp: &FittedMultiTaskGp,
    all: &Sites,
    validated: &Score,
) -> coregion::Result<()> {
    let squares = LeaveOut::GroupsByTask(places::squares(all));
    let y = gp.data().y();
    let mae = |by: &LeaveOut| {
        let mean = gp.leave_one_out(by)?.mean;
        let errors = (&mean.column(0).mapv(f64::exp) - &y.column(0).mapv(f64::exp)).mapv(f64::abs);
        let known: Vec<f64> = errors.into_iter().filter(|e| !e.is_nan()).collect();
        Ok::<_, coregion::Error>(known.iter().sum::<f64>() / known.len() as f64)
    };
    println!(
        "    {name:10} {} alone left out of a site {}; of all sites in squares of {:.0} km {};\n    \
         {:10} at the validation sites {}",
        METALS[job.target],
        decimals(mae(&LeaveOut::Entry)?),
        places::SQUARE,
        decimals(mae(&squares)?),
        "",
        decimals(validated.mae)
    );
    Ok(())
}
