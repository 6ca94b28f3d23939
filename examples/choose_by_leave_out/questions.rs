//! The same models asked different questions.

use coregion::prelude::LeaveOut;

use crate::baseline::Baseline;
use crate::data::Sites;
use crate::models::Judged;
use crate::places;

/// Prints the mean log density of a value for everything that can be left out.
pub(crate) fn print(
    training: &Sites,
    validation: &Sites,
    fits: &[Judged],
    baselines: &[Baseline],
) -> coregion::Result<()> {
    let squares = places::squares(training);
    let own: Vec<usize> = (0..training.len()).collect();
    println!(
        "  site    all metals of a site from the other sites: what is at a new place nearby?\n  \
         entry   one metal from the others at the site as well: what would fill a gap?\n  \
         metal   a whole column from the other metals, its mean and covariances known: what do they tell?\n  \
         square  all sites of a square of {:.0} km: what is at a new place further away?\n\n  \
         Median distance to the nearest site learned from: {:.0} m for sites left out one at a time,\n  \
         {:.0} m for squares, {:.0} m for the validation sites.\n",
        places::SQUARE,
        1000.0 * places::distance_between(training, &own),
        1000.0 * places::distance_between(training, &squares),
        1000.0 * places::median(training.distances_to(validation))
    );
    let ways = [LeaveOut::Row, LeaveOut::Entry, LeaveOut::Task, LeaveOut::Groups(squares)];
    let values = training.logs.len() as f64;
    let mut table = Vec::new();
    for m in fits {
        let baseline = baselines.iter().find(|b| b.name == m.name);
        let said = ways.iter().map(|by| {
            let densities = match baseline {
                Some(b) => b.left_out(training, by)?,
                None => m.asked(by)?,
            };
            Ok(densities.map(|d| d.sum() / values))
        });
        table.push((&m.name, said.collect::<coregion::Result<Vec<_>>>()?));
    }
    let best = |k: usize| {
        let column = table.iter().filter_map(|(_, row)| row[k]);
        column.fold(f64::NEG_INFINITY, f64::max)
    };
    println!("  {:37} {:>9} {:>9} {:>9} {:>9}", "nats a value", "site", "entry", "metal", "square");
    for (name, row) in &table {
        print!("  {name:37}");
        for (k, value) in row.iter().enumerate() {
            match value {
                Some(v) => print!(" {v:8.4}{}", if *v == best(k) { "*" } else { " " }),
                None => print!(" {:>8} ", "-"),
            }
        }
        println!();
    }
    println!("  *: the best. -: nothing is left to learn the mean of a metal from.\n");
    Ok(())
}
