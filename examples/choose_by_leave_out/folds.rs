//! Cross-validation that learns every parameter anew, beside the closed form that holds them.

use std::time::Instant;

use coregion::prelude::*;
use ndarray::{Array1, Array2};
use rayon::prelude::*;

use crate::density::{Gap, log_density};
use crate::models;

/// A candidate by both ways.
pub(crate) struct Refit {
    pub(crate) name: String,
    parameters: usize,
    /// Log density of each part together: parameters held, and learned anew.
    held: Array1<f64>,
    pub(crate) refitted: Array1<f64>,
    seconds: [f64; 2],
}

/// Both ways for the candidates that share the kernel or the form of the one named, the parts the same
/// random ones.
pub(crate) fn run(
    data: &Dataset,
    like: &str,
    (k, seed): (usize, u64),
) -> coregion::Result<Vec<Refit>> {
    let by = LeaveOut::folds(data.n_rows(), k, seed);
    let LeaveOut::Groups(labels) = &by else { return Ok(Vec::new()) };
    let parts = |name: &str| name.split_once(", ").map(|(a, b)| (a.to_string(), b.to_string()));
    let akin = |name: &str| match (parts(name), parts(like)) {
        (Some(a), Some(b)) => a.0 == b.0 || a.1 == b.1,
        _ => false,
    };
    let chosen = models::processes().into_iter().filter(|(name, _)| akin(name));
    chosen
        .map(|(name, settings)| {
            let gp = settings.fit(data)?;
            let clock = Instant::now();
            let held = gp.leave_one_out(&by)?.log_density.iter().copied().collect();
            let closed = clock.elapsed().as_secs_f64();
            let clock = Instant::now();
            let refitted = (0..k)
                .into_par_iter()
                .map(|part| refit(&settings, data, labels, part))
                .collect::<coregion::Result<Vec<_>>>()?;
            let seconds = [closed, clock.elapsed().as_secs_f64()];
            let parameters = gp.posterior().model().layout().n_free();
            Ok(Refit { name, parameters, held, refitted: refitted.into(), seconds })
        })
        .collect()
}

/// Log density of a part's outputs together, learned from the others.
fn refit(
    settings: &MultiTaskGp,
    data: &Dataset,
    labels: &[usize],
    part: usize,
) -> coregion::Result<f64> {
    let rows = |inside: bool| {
        let rows = (0..data.n_rows()).filter(|i| (labels[*i] == part) == inside);
        data.rows(&rows.collect::<Vec<_>>())
    };
    let (from, at) = (rows(false)?, rows(true)?);
    let gp = settings.fit(&from)?;
    let residual = &at.y() - &gp.predict(at.x(), Uncertainty::None)?.mean;
    let covariance = gp.predict_covariance(at.x(), true)?;
    let (m, t) = residual.dim();
    let square =
        Array2::from_shape_fn((m * t, m * t), |(a, b)| covariance[[a / t, a % t, b / t, b % t]]);
    log_density(residual.flatten().view(), square.view())
}

/// Prints both ways side by side.
pub(crate) fn print(refits: &[Refit]) {
    let best = |of: fn(&Refit) -> &Array1<f64>| {
        refits.iter().max_by(|a, b| of(a).sum().total_cmp(&of(b).sum()))
    };
    let (Some(held), Some(anew)) = (best(|r| &r.held), best(|r| &r.refitted)) else { return };
    println!(
        "  {} random parts, the same for both; the sites of a part are predicted together.\n",
        held.held.len()
    );
    println!(
        "  {:37} |  closed form, parameters held |    learned anew for each part | held - anew",
        ""
    );
    println!(
        "  {:37} | {1:>9} {2:>10} {3:>8} | {1:>9} {2:>10} {3:>8} | {4:>7} {5:>11}",
        "", "density", "to best", "std err", "sum", "a parameter",
    );
    for r in refits {
        let (a, b) = (Gap::of(&r.held, &held.held), Gap::of(&r.refitted, &anew.refitted));
        let gap = Gap::of(&r.held, &r.refitted).sum;
        println!(
            "  {:37} | {:9.2} {:10.2} {:8.2} | {:9.2} {:10.2} {:8.2} | {gap:7.2} {:11.2}",
            r.name,
            r.held.sum(),
            a.sum,
            a.error,
            r.refitted.sum(),
            b.sum,
            b.error,
            gap / r.parameters as f64
        );
    }
    let seconds = |i: usize| refits.iter().map(|r| r.seconds[i]).sum::<f64>();
    let gap = Gap::of(&held.refitted, &anew.refitted);
    println!(
        "\n  Once the candidates are fitted the closed form takes {:.3} s for all of them, the refits {:.1} s:\n  \
         {:.0} times as long. Best with parameters held: {};\n  \
         with all learned anew: {}",
        seconds(0),
        seconds(1),
        seconds(1) / seconds(0),
        held.name,
        if held.name == anew.name {
            "the same.".to_string()
        } else {
            format!("{}, by {:.2} ± {:.2} nats.", anew.name, -gap.sum, gap.error)
        }
    );
    println!("  What is held has seen what is left out, and flatters.\n");
}
