//! A choice among models by leave-out in closed form, and how far it can be trusted.
//!
//! `cargo run --release --example choose_by_leave_out [-- FIGURE_DIR]` compares Gaussian processes,
//! kernel ridge regression and simple baselines on the metals of the Swiss Jura by what each says of
//! sites left out; puts refitted ten-fold cross-validation, other things to leave out and 100 validation
//! sites beside it. The figure goes to `target/figures/choose_by_leave_out.svg` or
//! `FIGURE_DIR/choose_by_leave_out.svg`.

mod baseline;
#[path = "../jura/data.rs"]
mod data;
mod density;
#[path = "../common/drawing.rs"]
mod drawing;
mod figure;
mod folds;
mod models;
mod places;
mod questions;
mod referee;
#[path = "../common/regression.rs"]
mod regression;
#[path = "../common/table.rs"]
mod table;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use coregion::estimator::compare;
use coregion::prelude::*;
use data::{METALS, Sites};
use density::Gap;
use models::Judged;

/// Parts of the cross-validation, and the seed of their draw.
const FOLDS: (usize, u64) = (10, 1);

fn main() -> Result<(), Box<dyn Error>> {
    let clock = Instant::now();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/jura/data.csv");
    let training = Sites::read(&path, "prediction")?;
    let validation = Sites::read(&path, "validation")?;
    let metals: Vec<usize> = (0..METALS.len()).collect();
    let (data, unseen) = (training.dataset(&metals)?, validation.dataset(&metals)?);
    println!(
        "{} training sites, {} validation sites; logs of {} metals, in nats\n",
        training.len(),
        validation.len(),
        METALS.len()
    );

    println!("1. Every candidate in one call, the sites left out one at a time\n");
    let ridge = models::ridge(&data)?;
    let table = compare(&data, &LeaveOut::Row, models::settings(&ridge))?;
    println!("{table}");
    println!(
        "  M12, M32: Matern 1/2 and 3/2 on the location; class: rock * land use; density of the"
    );
    println!(
        "  {} metals of a site together; error: root mean square in standard deviations\n",
        METALS.len()
    );

    let mut fits = models::fit(&data, &ridge)?;
    let baselines = baseline::all(&training);
    for b in &baselines {
        fits.push(b.judged(&training, &validation)?);
    }
    println!("  What is simpler, left out in the same way, and the processes of one metal each:\n");
    print_simple(&fits);

    let first = table.models().first().ok_or("no models")?;
    println!("2. The same sites by ten-fold cross-validation that learns everything anew\n");
    let refits = folds::run(&data, &first.name, FOLDS)?;
    folds::print(&refits);

    println!("3. Other questions: what else can be left out\n");
    questions::print(&training, &validation, &fits, &baselines)?;

    println!("4. The referee: {} validation sites\n", validation.len());
    fits.iter_mut().try_for_each(|m| m.judge(&unseen))?;
    referee::print(&fits);
    let squares = LeaveOut::Groups(places::squares(&training));
    referee::sizes(&fits, &squares, &refits)?;

    let path = drawing::place("choose_by_leave_out.svg")?;
    figure::draw(&path, &fits, &refits)?;
    println!("Figure: {}", drawing::shown(&path));
    println!("Total time {:.1} s", clock.elapsed().as_secs_f64());
    Ok(())
}

/// Prints log densities of the models that `compare` does not know, against the best of all.
fn print_simple(fits: &[Judged]) {
    let Some(best) = fits.iter().max_by(|a, b| a.total().total_cmp(&b.total())) else { return };
    println!("  {:37} log density  difference  std err", "");
    for m in fits.iter().filter(|m| !m.is_compared()) {
        let gap = Gap::of(&m.left_out, &best.left_out);
        println!("  {:37} {:11.2} {:11.2} {:8.2}", m.name, m.total(), gap.sum, gap.error);
    }
    println!("  (differences to {})\n", best.name);
}
