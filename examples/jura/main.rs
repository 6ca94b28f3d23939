//! Heavy metals in the soil of the Swiss Jura: what seven metals tell about each other.
//!
//! `cargo run --release --example jura [-- FIGURE_DIR]` chooses a multi-task Gaussian process by the
//! 259 training sites, predicts the metals at 100 others and compares it with single-task processes,
//! the training mean and least squares; then predicts cadmium and copper where other metals were
//! measured. The figure goes to `target/figures/jura.svg` or `FIGURE_DIR/jura.svg`.

mod baseline;
mod cokriging;
mod data;
#[path = "../common/difference.rs"]
mod difference;
#[path = "../common/drawing.rs"]
mod drawing;
mod figure;
#[path = "../common/heatmap.rs"]
mod heatmap;
#[path = "../common/paired.rs"]
mod paired;
#[path = "../common/regression.rs"]
mod regression;
#[path = "../common/scatter.rs"]
mod scatter;
mod score;
#[path = "../common/selection.rs"]
mod selection;
#[path = "../common/table.rs"]
mod table;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use baseline::Gaussian;
use cokriging::{Job, PARTS};
use coregion::prelude::*;
use data::{METALS, Sites};
use difference::decimals;
use score::{LEVEL, Score, compared};

fn main() -> Result<(), Box<dyn Error>> {
    let clock = Instant::now();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = root.join("examples/data/jura/data.csv");
    let training = Sites::read(&table, "prediction")?;
    let validation = Sites::read(&table, "validation")?;
    println!(
        "{} training sites, {} validation sites; models are of natural logs",
        training.len(),
        validation.len()
    );

    let metals: Vec<usize> = (0..METALS.len()).collect();
    let all = training.dataset(&metals)?;
    println!("\n1. Choice of the model: log marginal likelihood of the training sites\n");
    let noises = [Noise::PerTask, Noise::Full];
    let candidates = selection::compare(&all, &kernels(), &[None, Some(2), Some(3)], &noises)?;
    println!("  M12, M32: Matern 1/2 and 3/2 on the location; class: the same rock * land use");
    println!("\n  Lowest Akaike criteria:");
    for c in candidates.iter().take(3) {
        let (k, aic, time) = (c.parameters, c.aic(), c.gp.report().wall_time.as_secs_f64());
        println!("  {aic:8.1}  {} ({k} parameters, {time:.1} s)", c.name);
    }
    let best = candidates.first().ok_or("no candidates")?;
    println!("\nThe first of these:\n\n{}", best.gp);

    println!("2. The validation sites from their location, rock and land use\n");
    let cd = Job::new("Cd", &["Ni", "Zn"])?;
    let cu = Job::new("Cu", &["Pb", "Ni", "Zn"])?;
    let single = best.settings.fit_single_tasks(&all)?;
    let xs = validation.x.view();
    let multi = scores(&validation, &best.gp.predict(xs, Uncertainty::Observation)?)?;
    let alone = scores(&validation, &single.predict(xs, Uncertainty::Observation)?)?;
    let mean = metals.iter().map(|&t| mean_score(&training, &validation, t));
    let mean = mean.collect::<coregion::Result<Vec<_>>>()?;
    let mut regression: Vec<Option<Score>> = vec![None; METALS.len()];
    for job in [&cd, &cu] {
        let p = job.regression(&training, &validation)?;
        regression[job.target] = Some(Score::of(validation.logs.column(job.target), &p)?);
    }
    let some = |s: &[Score]| s.iter().cloned().map(Some).collect::<Vec<_>>();
    let rows = [
        ("multi-task GP", some(&multi)),
        ("single-task GPs", some(&alone)),
        ("training mean", some(&mean)),
        ("least squares *", regression.clone()),
    ];
    print_table("mean absolute error, mg/kg", &rows, |s| s.mae);
    print_table("negative log predictive density of the logs", &rows, |s| s.nlpd);
    println!("  * log Cd on log Ni and Zn, log Cu on log Pb, Ni and Zn of the same site, which");
    println!("    the models above do not see here\n");
    report_losses(&multi, &alone, &mean, &regression);

    println!("3. The validation sites with other metals measured there\n");
    println!(
        "  The model is decided by {PARTS}-fold cross-validation on the training sites, squares of\n  \
         {:.0} m left out: the median distance to the nearest site learned from is {:.0} m then,\n  \
         and {:.0} m for the validation sites.\n",
        1000.0 * cokriging::SQUARE,
        1000.0 * median(cokriging::distances_between_parts(&training)),
        1000.0 * median(training.distances_to(&validation))
    );
    let kernel = best.gp.kernel();
    let shown = cokrige(&cd, kernel, &training, &validation)?;
    cokrige(&cu, kernel, &training, &validation)?;

    let measured = validation.metals.column(cd.target);
    let (without, with) = (shown.without.0.mean.mapv(f64::exp), shown.with.0.mean.mapv(f64::exp));
    let correlation = best.gp.task_correlation();
    let errors = best.gp.task_correlation_std_error().map(|e| e.view());
    let path = drawing::place("jura.svg")?;
    figure::draw(
        &path,
        &scatter::Scatter {
            metal: METALS[cd.target],
            ticks: &[0.1, 0.2, 0.5, 1.0, 2.0, 5.0],
            measured,
            predicted: [
                (without.view(), format!("from the location: MAE {:.3}", shown.without.1.mae)),
                (
                    with.view(),
                    format!("with {} at the site: MAE {:.3}", cd.given_names(), shown.with.1.mae),
                ),
            ],
        },
        &heatmap::Correlations {
            title: match errors {
                Some(_) => "Task correlations ± standard errors",
                None => "Task correlations",
            },
            names: best.gp.task_names(),
            values: correlation.view(),
            errors,
        },
    )?;
    println!("Figure: {}", drawing::shown(&path));
    println!("Total time {:.1} s", clock.elapsed().as_secs_f64());
    Ok(())
}

/// Kernels of the location (columns 0 and 1) and the class of the site, its rock (2) and land use
/// (3).
fn kernels() -> [(&'static str, Kernel); 5] {
    let rough = || Matern12::ard().on([0, 1]);
    let class = || Categorical::any().on([2]) * Categorical::any().on([3]);
    [
        ("M32", Matern32::ard().on([0, 1])),
        ("M12", rough()),
        ("M12 * class", rough() * class()),
        ("M12 + class", rough() + 0.3 * class()),
        ("M12 + M12 * class", rough() + 0.3 * rough() * class()),
    ]
}

/// Scores of the predictions of every metal.
fn scores(at: &Sites, p: &Prediction) -> coregion::Result<Vec<Score>> {
    let std = p.std()?;
    (0..METALS.len())
        .map(|t| {
            let one = Gaussian { mean: p.mean.column(t).to_owned(), std: std.column(t).to_owned() };
            Score::of(at.logs.column(t), &one)
        })
        .collect()
}

/// Scores of the mean of the training concentrations; the density is that of the logs' Gaussian.
fn mean_score(training: &Sites, at: &Sites, t: usize) -> coregion::Result<Score> {
    let medians = Gaussian::of_training(training.metals.column(t), at.len()).mean;
    let logs = Gaussian::of_training(training.logs.column(t), at.len());
    Score::with_medians(at.logs.column(t), medians.view(), &logs)
}

fn print_table(title: &str, rows: &[(&str, Vec<Option<Score>>)], value: impl Fn(&Score) -> f64) {
    print!("  {title}\n  {:16}", "");
    METALS.iter().chain(&["mean"]).for_each(|m| print!(" {m:>8}"));
    println!();
    for (name, scores) in rows {
        print!("  {name:16}");
        let values: Vec<Option<f64>> = scores.iter().map(|s| s.as_ref().map(&value)).collect();
        let all: Option<f64> = values.iter().copied().sum();
        for v in values.iter().copied().chain([all.map(|sum| sum / METALS.len() as f64)]) {
            match v {
                Some(v) => print!(" {:>8}", decimals(v)),
                None => print!(" {:>8}", "-"),
            }
        }
        println!();
    }
    println!();
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Says where the multi-task model of section 2 does not win, by how much and why.
fn report_losses(multi: &[Score], alone: &[Score], mean: &[Score], squares: &[Option<Score>]) {
    let total = |s: &[Score]| s.iter().map(|s| s.mae).sum::<f64>();
    println!(
        "  The multi-task GP's mean MAE is {:.1} % of that of the single-task GPs.",
        100.0 * total(multi) / total(alone)
    );
    for (rival, scores) in [("single-task GP", alone), ("training mean", mean)] {
        for (t, (own, other)) in multi.iter().zip(scores).enumerate() {
            if own.mae >= other.mae {
                let gap = compared(&own.errors, &other.errors);
                println!("  {}: its MAE does not beat the {rival}'s ({gap}).", METALS[t]);
            }
            if own.nlpd >= other.nlpd {
                let gap = compared(&own.losses, &other.losses);
                println!("  {}: its NLPD does not beat the {rival}'s ({gap}).", METALS[t]);
            }
        }
    }
    let beaten = |t: &usize| squares[*t].as_ref().is_some_and(|s| multi[*t].mae >= s.mae);
    let beaten: Vec<usize> = (0..METALS.len()).filter(beaten).collect();
    for &t in &beaten {
        if let Some(score) = &squares[t] {
            let gap = compared(&multi[t].errors, &score.errors);
            println!("  {}: its MAE does not beat least squares' ({gap}).", METALS[t]);
        }
    }
    if !beaten.is_empty() {
        println!("  The metals at the site, which it is not given here, tell more than the");
        println!("  neighbours do.");
    }
    println!();
}

/// Predictions of one metal's logs, and their scores.
type Scored = (Gaussian, Score);

/// Predictions of a job's target at the validation sites by the model chosen.
struct Cokriged {
    without: Scored,
    with: Scored,
}

/// Chooses the model of a job on the training sites and scores all of them at the validation sites.
fn cokrige(
    job: &Job,
    kernel: &Kernel,
    training: &Sites,
    validation: &Sites,
) -> Result<Cokriged, Box<dyn Error>> {
    let truth = validation.logs.column(job.target);
    let scored = |p: Gaussian| -> coregion::Result<Scored> {
        let score = Score::of(truth, &p)?;
        Ok((p, score))
    };
    let variants = job.variants();
    let trained = variants
        .iter()
        .map(|v| {
            job.cross_validate(training, |sites, at| {
                let gp = v.fit(kernel, sites)?;
                let with = v.predict(&gp, job.target, &job.given, at)?;
                Ok([with, v.predict(&gp, job.target, &[], at)?])
            })
        })
        .collect::<coregion::Result<Vec<_>>>()?;
    let chosen = cokriging::choose(trained.iter().map(|t| &t[0]));

    let title = format!("{} with {} given", METALS[job.target], job.given_names());
    println!("  {title:36} | {PARTS}-fold, training |       validation");
    println!("  {:36} |    MAE std. error |    MAE    NLPD in {:.0} %", "", 100.0 * LEVEL);
    let row = |name: &str, cv: &Score, score: &Score, mark: &str| {
        println!(
            "  {name:36} | {:>6} {:>10} | {:>6} {:>7.4} {:>5.0} %{mark}",
            decimals(cv.mae),
            decimals(cv.standard_error()),
            decimals(score.mae),
            score.nlpd,
            100.0 * score.coverage
        );
    };
    let mut result = None;
    for (i, (v, cv)) in variants.iter().zip(&trained).enumerate() {
        let gp = v.fit(kernel, training)?;
        let with = scored(v.predict(&gp, job.target, &job.given, validation)?)?;
        row(&v.name, &cv[0], &with.1, if i == chosen { "  <- chosen" } else { "" });
        if i == chosen {
            let without = scored(v.predict(&gp, job.target, &[], validation)?)?;
            result = Some(Cokriged { without, with });
        }
    }
    let result = result.ok_or("no model for the job")?;
    let squares = scored(job.regression(training, validation)?)?.1;
    let cv = job.cross_validate(training, |sites, at| Ok([job.regression(sites, at)?]))?;
    row("least squares on the metals given", &cv[0], &squares, "");
    row("the chosen GP, nothing given", &trained[chosen][1], &result.without.1, "");
    println!("  Chosen: the smallest model within a standard error of the least training MAE.");
    let score = &result.with.1;
    let gap = compared(&score.errors, &squares.errors);
    if score.mae < squares.mae {
        println!("  Its MAE at the validation sites beats least squares' ({gap}).");
    } else {
        println!("  Its MAE at the validation sites does not beat least squares' ({gap}),");
        let gap = compared(&trained[chosen][0].errors, &cv[0].errors);
        println!("  while at the training sites, cross-validated, it is {gap}.");
    }
    for (i, v) in variants.iter().enumerate() {
        if trained[i][0].mae < trained[chosen][0].mae {
            let gap = compared(&trained[i][0].errors, &trained[chosen][0].errors);
            println!("  At the training sites the {} is better ({gap}).", v.name);
        }
    }
    println!();
    Ok(result)
}
