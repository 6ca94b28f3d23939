//! Metals of the Swiss Jura in the units they were measured in, with warps of the outputs side by side.
//!
//! `cargo run --release --example warped_metals [-- FIGURE_DIR]` fills in cadmium and copper at 100 validation
//! sites from metals known at all 359, as `jura_cokriging` does: without a warp, under the logarithm, and
//! under warps whose parameters are learned in the likelihood. Predictions are medians, intervals are between
//! quantiles, densities are of concentrations. The figure goes to `target/figures/warped_metals.svg` or
//! `FIGURE_DIR/warped_metals.svg`.

#[path = "../common/drawing.rs"]
mod drawing;
mod figure;
mod score;
#[path = "../common/table.rs"]
mod table;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use coregion::prelude::*;
use ndarray::{Array1, Axis, s};
use score::Score;
use table::Table;

/// A metal wanted, and those known at every site.
const JOBS: [(&str, &[&str]); 2] = [("Cd", &["Ni", "Zn"]), ("Cu", &["Pb", "Ni", "Zn"])];

/// Names of the warps compared, in the order in which they are printed.
const WARPS: [&str; 5] = ["identity", "log", "box-cox", "yeo-johnson", "sinh-arcsinh"];

/// A warp, the model fitted with it, and what it is worth at the validation sites.
struct Line {
    name: &'static str,
    gp: FittedMultiTaskGp,
    score: Score,
}

fn main() -> Result<(), Box<dyn Error>> {
    let clock = Instant::now();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/jura/data.csv");
    let sites = Table::read(&path)?;
    let split = sites.texts("split")?;
    let rows =
        |part: &str| -> Vec<usize> { (0..split.len()).filter(|&i| split[i] == part).collect() };
    let (training, validation) = (rows("prediction"), rows("validation"));
    let order = [training.clone(), validation.clone()].concat();
    println!(
        "{} sites, {} of them for validation; concentrations in mg/kg as they were measured, predictions\n\
         medians, likelihoods and densities of concentrations",
        order.len(),
        validation.len()
    );
    let mut drawn = Vec::new();
    for (number, (target, given)) in JOBS.iter().enumerate() {
        println!("\n{}. {target} with {} known at all sites\n", number + 1, given.join(", "));
        let (table, truth) = gaps(&sites, &order, training.len(), target, given)?;
        let lines = run(&table, &truth, training.len())?;
        print(&lines);
        drawn.push((*target, lines, truth));
    }
    let path = drawing::place("warped_metals.svg")?;
    figure::draw(&path, &drawn)?;
    println!("Figure: {}", drawing::shown(&path));
    println!("Total time {:.1} s", clock.elapsed().as_secs_f64());
    Ok(())
}

/// The table with the metal wanted missing after the first `n_training` sites, and what was measured there.
fn gaps(
    sites: &Table,
    order: &[usize],
    n_training: usize,
    target: &str,
    given: &[&str],
) -> Result<(Dataset, Array1<f64>), Box<dyn Error>> {
    let names: Vec<&str> = [target].into_iter().chain(given.iter().copied()).collect();
    let x = sites.numbers(&["Xloc", "Yloc"])?.select(Axis(0), order);
    let mut y = sites.numbers(&names)?.select(Axis(0), order);
    let truth = y.slice(s![n_training.., 0]).to_owned();
    y.slice_mut(s![n_training.., 0]).fill(f64::NAN);
    let data = Dataset::new(x.view(), y.view())?.with_task_names(names)?;
    Ok((data, truth))
}

/// Fits a model with each warp, all else equal, and scores what it fills in.
fn run(table: &Dataset, truth: &Array1<f64>, n_training: usize) -> coregion::Result<Vec<Line>> {
    let line = |name: &'static str| {
        let gp = MultiTaskGp::new(Matern12::ard().on([0, 1]))
            .task(FreeForm::new())
            .noise(Noise::Full)
            .warp(name.parse()?)
            .fit(table)?;
        let score = Score::of(&gp, truth, n_training)?;
        Ok(Line { name, gp, score })
    };
    WARPS.into_iter().map(line).collect()
}

/// Prints the scores, what the learned warps lose or gain against the logarithm, and their parameters.
fn print(lines: &[Line]) {
    println!(
        "  {:12} | log likelihood |    MAE ± std.err. |    NLPD | in 50 % | in 95 % | converged",
        ""
    );
    for l in lines {
        let s = &l.score;
        println!(
            "  {:12} | {:>14.1} | {:>7.4} ± {:>7.4} | {:>7.4} | {:>5.0} % | {:>5.0} % | {}",
            l.name,
            l.gp.log_marginal_likelihood(),
            s.mae(),
            s.standard_error(),
            s.nlpd,
            100.0 * s.in_half,
            100.0 * s.in_most,
            if l.gp.report().converged { "yes" } else { "no" }
        );
    }
    let Some(log) = lines.iter().find(|l| l.name == "log") else { return };
    println!("\n  Mean absolute error against that under the logarithm:");
    for l in lines.iter().filter(|l| l.name != "log") {
        println!("    {:12} {:+.1} %", l.name, 100.0 * (l.score.mae() / log.score.mae() - 1.0));
    }
    println!("\n  Parameters learned:");
    for l in lines {
        for (path, value) in learned(&l.gp) {
            println!("    {:12} {path:18} {value:.3}", l.name);
        }
    }
}

/// Paths and values of the parameters of warps that were learned.
fn learned(gp: &FittedMultiTaskGp) -> Vec<(String, f64)> {
    let held = ["reference", "location", "scale"];
    let of_warp = |path: &str| path.starts_with("warp") && !held.iter().any(|h| path.ends_with(h));
    let all = gp.parameters().into_iter().filter(|(path, _)| of_warp(path));
    all.map(|(path, value)| (path, value.sum())).collect()
}
