//! One metal of the Swiss Jura from others that were measured at more sites: a table with gaps.
//!
//! `cargo run --release --example jura_cokriging [-- FIGURE_DIR]` follows the published protocol: cadmium
//! with nickel and zinc, copper with lead, nickel and zinc, the first missing at 100 validation sites, the
//! others known at all 359. Multi-task Gaussian processes of the table with gaps are compared with what is
//! learned at the 259 training sites alone, with single-task processes and with least squares. The figure
//! goes to `target/figures/jura_cokriging.svg` or `FIGURE_DIR/jura_cokriging.svg`.

#[path = "../jura/baseline.rs"]
mod baseline;
#[path = "../jura/data.rs"]
mod data;
#[path = "../common/difference.rs"]
mod difference;
#[path = "../common/drawing.rs"]
mod drawing;
mod figure;
mod job;
#[path = "../common/paired.rs"]
mod paired;
#[path = "../choose_by_leave_out/places.rs"]
mod places;
#[path = "../common/regression.rs"]
mod regression;
mod report;
#[path = "../common/scatter.rs"]
mod scatter;
#[path = "../jura/score.rs"]
mod score;
#[path = "../common/selection.rs"]
mod selection;
#[path = "../common/table.rs"]
mod table;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use baseline::Gaussian;
use coregion::prelude::*;
use data::{METALS, Sites};
use job::Job;
use ndarray::Array1;
use report::Line;
use score::{Score, compared};
use selection::Candidate;

/// The first so many lines of a job see the other metals at the validation sites; the last of them is
/// least squares.
const SEEING: usize = 6;

/// The sites of the protocol.
struct Split {
    training: Sites,
    validation: Sites,
    /// The training sites, then the validation sites.
    all: Sites,
}

/// What came of a job.
struct Outcome {
    lines: Vec<Line>,
    /// Medians filled in with full noise, and those of least squares.
    medians: [Array1<f64>; 2],
}

fn main() -> Result<(), Box<dyn Error>> {
    let clock = Instant::now();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/jura/data.csv");
    let training = Sites::read(&path, "prediction")?;
    let validation = Sites::read(&path, "validation")?;
    let all = job::all(&training, &validation)?;
    let split = Split { training, validation, all };
    println!(
        "{} sites, {} of them for validation; models are of natural logs, predictions medians: the\n\
         exponentials of the means",
        split.all.len(),
        split.validation.len()
    );

    let jobs = [Job::new("Cd", &["Ni", "Zn"])?, Job::new("Cu", &["Pb", "Ni", "Zn"])?];
    let [cd, cu] = [run(&jobs[0], &split, 1)?, run(&jobs[1], &split, 2)?];

    let measured = split.validation.metals.column(jobs[1].target);
    let path = drawing::place("jura_cokriging.svg")?;
    let bars = cd.lines.iter().zip(&cu.lines).take(SEEING).map(|(a, b)| figure::Bar {
        name: a.name,
        shares: [(&cd.lines, a), (&cu.lines, b)].map(|(all, own)| share(all, own)).to_vec(),
    });
    figure::draw(
        &path,
        &scatter::Scatter {
            metal: METALS[jobs[1].target],
            ticks: &[5.0, 10.0, 20.0, 50.0, 100.0, 150.0],
            measured,
            predicted: [
                (
                    cu.medians[1].view(),
                    format!(
                        "least squares on the other metals: MAE {:.2}",
                        cu.lines[SEEING - 1].score.mae
                    ),
                ),
                (
                    cu.medians[0].view(),
                    format!("GP, table with gaps, full noise: MAE {:.2}", cu.lines[0].score.mae),
                ),
            ],
        },
        &jobs.each_ref().map(|j| METALS[j.target].to_string()),
        &bars.collect::<Vec<_>>(),
    )?;
    println!("Figure: {}", drawing::shown(&path));
    println!("Total time {:.1} s", clock.elapsed().as_secs_f64());
    Ok(())
}

/// The difference of a line to the strongest baseline as a share of its error, and twice the standard
/// error.
fn share(lines: &[Line], own: &Line) -> (f64, f64) {
    report::strongest(lines).map_or((f64::NAN, f64::NAN), |best| {
        let gap = compared(&own.score.errors, &best.score.errors);
        (gap.excess / best.score.mae, 2.0 * gap.error / best.score.mae)
    })
}

/// Kernels of the location (columns 0 and 1) and the class of the site, its rock (2) and land use (3).
fn kernels() -> [(&'static str, Kernel); 4] {
    let rough = || Matern12::ard().on([0, 1]);
    let class = || Categorical::any().on([2]) * Categorical::any().on([3]);
    [
        ("M32", Matern32::ard().on([0, 1])),
        ("M12", rough()),
        ("M12 + class", rough() + 0.3 * class()),
        ("M12 * class", rough() * class()),
    ]
}

/// Chooses, predicts and prints one job.
fn run(job: &Job, split: &Split, number: usize) -> Result<Outcome, Box<dyn Error>> {
    let Split { training, validation, all } = split;
    let names = job.names();
    let (target, given) = (names[0], names[1..].join(", "));
    println!("\n{number}. {target} with {given} known at all sites\n");
    let table = job.table(all, training.len())?;
    println!(
        "  {} rows, {} tasks, {} gaps: log marginal likelihood of what was observed",
        table.n_rows(),
        table.n_tasks(),
        table.n_missing()
    );
    let noises = [Noise::PerTask, Noise::Full];
    // Of three tasks one factor and a diagonal are no less than the free form.
    let ranks = if table.n_tasks() > 3 { vec![None, Some(1)] } else { vec![None] };
    let candidates = selection::compare(&table, &kernels(), &ranks, &noises)?;
    let (full, each): (Vec<Candidate>, Vec<Candidate>) =
        candidates.into_iter().partition(|c| c.gp.noise_covariance()[[0, 1]] != 0.0);
    let (full, each) = (first(full)?, first(each)?);
    println!("  lowest Akaike criteria with each noise, which decide:");
    for c in [&full, &each] {
        println!("    {:8.1}  {} ({} parameters)", c.aic(), c.name, c.parameters);
    }
    let solve = &full.gp.report().solve;
    println!("  Solver {}: {}", solve.solver, solve.why.replacen(": ", ":\n  ", 1));
    let gain = full.gp.log_marginal_likelihood() - each.gp.log_marginal_likelihood();
    let more = full.parameters as f64 - each.parameters as f64;
    println!("  Full noise: {gain:.1} nats for {more} more parameters.\n");

    println!("  {target} with those metals as inputs of a single-task process, training sites:");
    let inputs = first(job.with_inputs(training)?)?;
    println!("    {:8.1}  {}\n", inputs.aic(), inputs.name);

    let sites = training.dataset(&job.metals())?;
    let (full_sites, each_sites) = (full.settings.fit(&sites)?, each.settings.fit(&sites)?);
    let truth = validation.logs.column(job.target);
    let line = |name, p: &Gaussian, is_baseline| {
        Ok::<_, coregion::Error>(Line { name, score: Score::of(truth, p)?, is_baseline })
    };
    let filled = [job.imputed(&full.gp, training.len())?, job.imputed(&each.gp, training.len())?];
    let logs = Gaussian::of_training(training.logs.column(job.target), validation.len());
    let middle = places::median(training.metals.column(job.target).to_vec());
    let constant = |value: f64| {
        let medians = Array1::from_elem(validation.len(), value);
        Score::with_medians(truth, medians.view(), &logs)
    };
    let mean = training.metals.column(job.target).sum() / training.len() as f64;
    let squares = job.least_squares(training, validation)?;
    let lines = vec![
        line("GP, table with gaps, full noise", &filled[0], false)?,
        line("GP, table with gaps, noise for each metal", &filled[1], false)?,
        line(
            "GP of training sites, full noise",
            &job.conditioned(&full_sites, validation)?,
            false,
        )?,
        line(
            "GP of training sites, noise for each metal",
            &job.conditioned(&each_sites, validation)?,
            false,
        )?,
        line(
            "single-task GP, other metals as inputs",
            &job.by_inputs(&inputs.gp, training, validation)?,
            true,
        )?,
        line("least squares on the other metals", &squares, true)?,
        line(
            "single-task GP, place alone",
            &job.by_place(&each.settings, training, validation)?,
            true,
        )?,
        Line { name: "training median", score: constant(middle)?, is_baseline: true },
        Line { name: "training mean", score: constant(mean)?, is_baseline: true },
    ];
    report::print_lines(job, &lines);
    report::print_words(&lines[..SEEING]);

    println!("  Correlations learned, of B below the diagonal, of the noise above it");
    for (noise, c) in [("full noise", &full), ("a noise for each metal", &each)] {
        println!("    {noise}:");
        report::print_correlations(job, &c.gp);
    }
    let [with, without] = [&full, &each].map(|c| report::noise_share(&c.gp));
    println!(
        "  With a noise for each metal, what the measurements at a site have in common is B's alone:\n  \
         noise is {:.0} % of the variance of {target}, {:.0} % with full noise.",
        100.0 * without,
        100.0 * with
    );
    println!("\n  What the models of the table said of their error, in closed form:");
    for (k, (name, c)) in [("full", &full), ("each metal", &each)].into_iter().enumerate() {
        report::print_forecast(job, name, &c.gp, all, &lines[k].score)?;
    }
    let distances = training.distances_to(validation);
    println!(
        "    Median distance to the nearest {target} measured: {:.2} km from a validation site, {:.2} km\n    \
         from a site whose square is left out",
        places::median(distances),
        places::distance_between(training, &places::squares(training))
    );
    Ok(Outcome { lines, medians: [&filled[0], &squares].map(|p| p.mean.mapv(f64::exp)) })
}

fn first(candidates: Vec<Candidate>) -> Result<Candidate, &'static str> {
    candidates.into_iter().next().ok_or("no candidates")
}
