//! Whether the order by leaving out holds at sites that nothing was learned from.

use coregion::prelude::LeaveOut;
use ndarray::Array1;

use crate::density::Gap;
use crate::folds::Refit;
use crate::models::Judged;
use crate::places;

/// Prints both orders and how far they agree.
pub(crate) fn print(fits: &[Judged]) {
    let mean = |d: &Array1<f64>| d.sum() / d.len() as f64;
    let error = |d: &Array1<f64>| d.std(1.0) / (d.len() as f64).sqrt();
    let mut order: Vec<&Judged> = fits.iter().collect();
    order.sort_by(|a, b| b.total().total_cmp(&a.total()));
    let ranks = ranks(&order.iter().map(|m| m.unseen.sum()).collect::<Vec<_>>());
    println!("  {:37} | {:>23} | {:>23}", "nats a site", "left out one at a time", "validation");
    println!(
        "  {:37} | {:>4} {:>9} {:>8} | {:>4} {:>9} {:>8}",
        "", "rank", "density", "std err", "rank", "density", "std err"
    );
    for (k, m) in order.iter().enumerate() {
        println!(
            "  {:37} | {:4} {:9.3} {:8.3} | {:4} {:9.3} {:8.3}",
            m.name,
            k + 1,
            mean(&m.left_out),
            error(&m.left_out),
            ranks[k],
            mean(&m.unseen),
            error(&m.unseen)
        );
    }
    let n = order.len() as f64;
    let squares = ranks.iter().enumerate().map(|(k, r)| (k as f64 + 1.0 - *r as f64).powi(2));
    let spearman = 1.0 - 6.0 * squares.sum::<f64>() / (n * (n * n - 1.0));
    println!("\n  Rank correlation of the two orders: {spearman:.2}.");
    let (mut clear, mut same, mut against) = (0, 0, 0);
    for (i, a) in order.iter().enumerate() {
        for b in &order[i + 1..] {
            if Gap::of(&a.left_out, &b.left_out).is_clear() {
                let there = Gap::of(&a.unseen, &b.unseen);
                clear += 1;
                same += usize::from(there.sum > 0.0);
                against += usize::from(there.sum < 0.0 && there.is_clear());
            }
        }
    }
    println!(
        "  Of {} pairs, {clear} differ by two standard errors when left out; {same} of these are in the\n  \
         same order at the validation sites, {against} clearly in the other.",
        order.len() * (order.len() - 1) / 2
    );
    let there = fits.iter().max_by(|a, b| a.unseen.sum().total_cmp(&b.unseen.sum()));
    if let (Some(first), Some(there)) = (order.first(), there) {
        let gap = Gap::of(&first.unseen, &there.unseen);
        let count = first.unseen.len() as f64;
        println!(
            "  Chosen: {}. At the validation sites the best is {};\n  \
             the chosen one has {:.3} nats a site less, standard error {:.3}.\n",
            first.name,
            there.name,
            -gap.sum / count,
            gap.error / count
        );
    }
}

/// Prints what every way of leaving out says of the chosen model, beside the validation sites.
pub(crate) fn sizes(fits: &[Judged], squares: &LeaveOut, refits: &[Refit]) -> coregion::Result<()> {
    let Some(first) = fits.iter().max_by(|a, b| a.total().total_cmp(&b.total())) else {
        return Ok(());
    };
    let n = first.left_out.len() as f64;
    let anew = refits.iter().find(|r| r.name == first.name).map(|r| r.refitted.sum());
    let ways = [
        ("sites left out one at a time", Some(first.total())),
        ("squares left out", first.asked(squares)?.map(|d| d.sum())),
        ("random parts left out, all learned anew", anew),
    ];
    println!("  The chosen model in nats a site:");
    for (name, sum) in ways {
        sum.iter().for_each(|sum| println!("    {name:40} {:7.3}", sum / n));
    }
    let m = first.unseen.len() as f64;
    let (mean, error) = (first.unseen.sum() / m, first.unseen.std(1.0) / m.sqrt());
    println!("    {:40} {mean:7.3} ± {error:.3}", "validation sites");
    let middle = |d: &Array1<f64>| places::median(d.to_vec());
    println!(
        "  The median site has {:.3} left out by itself, the median validation site {:.3}.\n",
        middle(&first.left_out),
        middle(&first.unseen)
    );
    Ok(())
}

/// The rank of each value, the largest first.
fn ranks(values: &[f64]) -> Vec<usize> {
    values.iter().map(|v| 1 + values.iter().filter(|w| *w > v).count()).collect()
}
