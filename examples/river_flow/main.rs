//! River flow 48 hours ahead at 8 gauges, tested on blocks of time that were not learned from.
//!
//! `cargo run --release --example river_flow [-- FIGURE_DIR]` cuts windows from the hourly flows, learns
//! from blocks of them and predicts others; chooses multi-task kernel ridge regression by leaving out
//! whole blocks of time in closed form, and compares it with the same for each gauge alone, a Gaussian
//! process, the training mean, persistence and linear ridge regression. The figure goes to `target/figures/river_flow.svg` or
//! `FIGURE_DIR/river_flow.svg`.

mod choice;
mod data;
#[path = "../common/difference.rs"]
mod difference;
#[path = "../common/drawing.rs"]
mod drawing;
mod figure;
mod form;
mod kernel_ridge;
mod process;
mod ridge;
mod score;
#[path = "../common/table.rs"]
mod table;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use choice::Chosen;
use coregion::prelude::LeaveOut;
use data::{AHEAD, CYCLE, GAUGES, SPAN, Split, TEST, TRAINING};
use form::FORMS;
use kernel_ridge::Setting;
use ndarray::{Array2, Axis};
use process::Process;
use ridge::Ridge;
use score::{Judge, Score};

/// Rows to learn from and to test on.
const ROWS: (usize, usize) = (1000, 1000);

fn main() -> Result<(), Box<dyn Error>> {
    let clock = Instant::now();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let split = Split::read(&root.join("examples/data/mulan_rf1/flows.csv"), ROWS.0, ROWS.1)?;
    let (training, test) = (&split.training, &split.test);
    let count = |blocks: &[usize]| ridge::blocks(blocks).len();
    println!(
        "Of every {CYCLE} hours, {TRAINING} are learned from and {TEST} tested on, {SPAN} left out between them:\n\
         {} training rows in {} blocks, {} test rows in {} blocks, no two of them closer than {}\n\
         hours: a window spans {SPAN}, none of a training row overlaps one of a test row.",
        training.len(),
        count(&training.block),
        test.len(),
        count(&test.block),
        split.apart
    );

    println!("\n1. What to learn: aRRMSE of ridge regression, training blocks left out in turn\n");
    let mut fits = Vec::new();
    for form in FORMS {
        let ridge = Ridge::fit(training, form)?;
        println!("  {:16} {:.4}", form.to_string(), ridge.error);
        fits.push((form, ridge));
    }
    let persistence = score::rrmse(&training.y, &training.now(), &training.y);
    println!("  (persistence {:>11.4})", persistence.sum() / persistence.len() as f64);
    fits.sort_by(|a, b| a.1.error.total_cmp(&b.1.error));
    let (form, ridge) = fits.into_iter().next().ok_or("no form")?;
    println!("  Taken: {form}.\n");

    println!("2. The model, by the training rows\n");
    let setting = Setting::of(training, form)?;
    let by_block = Chosen::by(LeaveOut::Groups(training.block.clone()), &setting)?;
    let by_row = Chosen::by(LeaveOut::Row, &setting)?;
    by_block.print(&ridge);
    choice::print_optimism(&setting, [&by_row, &by_block], &split)?;

    println!("3. The test blocks, {AHEAD} hours ahead\n");
    let judge = Judge { truth: &test.y, training: &training.y, blocks: &test.block };
    let mean = training.y.mean_axis(Axis(0)).ok_or("no training rows")?;
    let process = Process::fit(training, form)?;
    let scores = [
        judge.score("multi-task ridge", setting.by_shared(&by_block.shared, test)?),
        judge.score("own kernel ridge", setting.by_own(&by_block.own, test)?),
        judge.score("linear ridge", ridge.predict(training, test)),
        judge.score("persistence", test.now()),
        judge.score("training mean", Array2::zeros(test.y.dim()) + &mean),
        judge.score("multi-task GP", process.predict(training, test)?),
    ];
    print_scores(&scores);
    report_winners(&scores);
    println!(
        "  The GP has one Matern kernel, and its likelihood takes what is left of neighbouring hours for\n  \
         independent: {}.\n",
        process.gp.kernel()
    );

    let path = drawing::place("river_flow.svg")?;
    figure::draw(&path, test, &scores)?;
    println!("Figure: {}", drawing::shown(&path));
    println!("Total time {:.1} s", clock.elapsed().as_secs_f64());
    Ok(())
}

fn print_scores(scores: &[Score]) {
    print!("  {:16}", "RRMSE");
    GAUGES.iter().chain(&["aRRMSE"]).for_each(|name| print!(" {name:>7}"));
    println!();
    for s in scores {
        print!("  {:16}", s.name);
        s.errors.iter().chain([&s.mean]).for_each(|v| print!(" {v:>7.4}"));
        println!();
    }
    println!();
    let Some((own, others)) = scores.split_first() else { return };
    println!("  aRRMSE of the {} against the others:", own.name);
    for other in others {
        println!("    {:16} {}", other.name, own.against(other));
    }
}

/// Says which model is best in all, and where the first one is not.
fn report_winners(scores: &[Score]) {
    let Some((own, others)) = scores.split_first() else { return };
    for other in others {
        let ahead = |t: &usize| other.errors[*t] <= own.errors[*t];
        let names: Vec<&str> = (0..GAUGES.len()).filter(ahead).map(|t| GAUGES[t]).collect();
        if !names.is_empty() {
            println!("  At {} the {} is no worse.", names.join(", "), other.name);
        }
    }
    if let Some(best) = scores.iter().min_by(|a, b| a.mean.total_cmp(&b.mean)) {
        println!("  Least aRRMSE: {}, {:.4}.\n", best.name, best.mean);
    }
}
