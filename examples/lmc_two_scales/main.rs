//! Metals of the Swiss Jura that share different things over a kilometre and over a hundred metres.
//!
//! `cargo run --release --example lmc_two_scales [-- FIGURE_DIR]` fits a linear model of coregionalization:
//! two nested structures, a kernel of long range and one of short range, each with a covariance of its own
//! between four metals, and full noise as the nugget. It is compared with one structure, and with one
//! covariance between the metals for both ranges, by the likelihood of 259 sites and by predictions of 100
//! others, from the place alone and with the other metals measured. The figure goes to
//! `target/figures/lmc_two_scales.svg` or `FIGURE_DIR/lmc_two_scales.svg`.

#[path = "../jura/baseline.rs"]
mod baseline;
#[path = "../jura/data.rs"]
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
mod predicted;
#[path = "../common/regression.rs"]
mod regression;
mod report;
mod score;
mod structures;
#[path = "../common/table.rs"]
mod table;
mod variogram;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use data::{METALS, Sites};
use predicted::Predicted;
use score::Score;
use variogram::Variogram;

/// The metals of the example.
const CHOSEN: [&str; 4] = ["Cd", "Cu", "Ni", "Pb"];

fn main() -> Result<(), Box<dyn Error>> {
    let clock = Instant::now();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/jura/data.csv");
    let training = Sites::read(&path, "prediction")?;
    let validation = Sites::read(&path, "validation")?;
    let metals = chosen()?;
    println!(
        "{} sites to learn from, {} for validation; models are of natural logs of {},\n\
         predictions medians: the exponentials of the means",
        training.len(),
        validation.len(),
        CHOSEN.join(", ")
    );

    println!("\n1. Nested structures\n");
    let models = structures::fit(&training.dataset(&metals)?)?;
    let Some(last) = models.last() else { return Err("no models".into()) };
    let two = &last.gp;
    let variogram = Variogram::of(&training, &metals);
    report::print_fits(&models);
    report::print_structures(two);
    report::print_variograms(&variogram, two);
    println!(
        "  Median distance to the nearest training site: {:.3} km from a training site, {:.3} km from a\n  \
         validation site\n",
        median((0..training.len()).map(|i| nearest(&training, i)).collect()),
        median(training.distances_to(&validation))
    );

    println!("2. The validation sites from their place alone\n");
    let mut scores = Vec::new();
    for model in models.iter().rev() {
        let p = Predicted::by_place(&model.gp, &validation)?;
        scores.push(Score::of(model.name, &validation, &metals, &p)?);
    }
    let spread = Predicted::by_spread(&training, &validation, &metals);
    scores.push(Score::of("mean and spread of training", &validation, &metals, &spread)?);
    report::print_scores(&scores);

    println!("3. Each metal where the other three were measured\n");
    let mut scores = Vec::new();
    for model in models.iter().rev() {
        let p = Predicted::with_others(&model.gp, &validation, &metals)?;
        scores.push(Score::of(model.name, &validation, &metals, &p)?);
    }
    let squares = Predicted::by_least_squares(&training, &validation, &metals)?;
    scores.push(Score::of("least squares on the others", &validation, &metals, &squares)?);
    report::print_scores(&scores);

    let path = drawing::place("lmc_two_scales.svg")?;
    figure::draw(&path, &variogram, two)?;
    println!("Figure: {}", drawing::shown(&path));
    println!("Total time {:.1} s", clock.elapsed().as_secs_f64());
    Ok(())
}

/// The columns of the metals of the example in the tables.
fn chosen() -> Result<Vec<usize>, String> {
    let place = |name: &&str| METALS.iter().position(|m| m == name);
    CHOSEN.iter().map(|name| place(name).ok_or_else(|| format!("no metal '{name}'"))).collect()
}

/// Distance in km from a site to the nearest other one.
fn nearest(sites: &Sites, i: usize) -> f64 {
    let others: Vec<usize> = (0..sites.len()).filter(|&j| j != i).collect();
    sites.rows(&others).distances_to(&sites.rows(&[i]))[0]
}

/// The middle of some values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
