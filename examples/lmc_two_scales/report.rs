//! The tables.

use coregion::prelude::*;
use ndarray::Array2;

use crate::CHOSEN;
use crate::score::{LEVELS, Score};
use crate::structures::{Model, Structure, modelled};
use crate::variogram::Variogram;

/// Metals whose variograms are printed and drawn: places in [`CHOSEN`].
pub(crate) const SHOWN: [usize; 2] = [2, 3];

/// Prints the likelihoods.
pub(crate) fn print_fits(models: &[Model]) {
    println!(
        "  {:24} | {:>14} {:>10} {:>9} | {:>9} {:>8}",
        "", "log likelihood", "parameters", "Akaike", "solver", "time, s"
    );
    for model in models {
        let report = model.gp.report();
        println!(
            "  {:24} | {:14.2} {:10} {:9.1} | {:>9} {:8.1}",
            model.name,
            model.gp.log_marginal_likelihood(),
            model.parameters(),
            model.aic(),
            report.solve.solver.to_string(),
            report.wall_time.as_secs_f64()
        );
    }
    println!();
}

/// Prints what varies over which distance, and what it has in common between the metals.
pub(crate) fn print_structures(gp: &FittedMultiTaskGp) {
    let (found, noise) = (Structure::all(gp), gp.noise_covariance());
    let [long, short] = found.as_slice() else { return };
    println!(
        "  Lengthscales {:.3} and {:.3} km: 95 % of each structure is reached within {:.2} and {:.2} km.\n",
        long.scale,
        short.scale,
        long.range(),
        short.range()
    );
    let parts = [&long.b, &short.b, &noise];
    println!("  Shares of the variance of each metal, in per cent");
    println!("    {:5} {:>7} {:>7} {:>7}", "", "long", "short", "nugget");
    for (t, metal) in CHOSEN.iter().enumerate() {
        let total: f64 = parts.iter().map(|part| part[[t, t]]).sum();
        print!("    {metal:5}");
        parts.iter().for_each(|part| print!(" {:7.0}", 100.0 * part[[t, t]] / total));
        println!();
    }
    println!("\n  Correlations: of the long range below the diagonal, of the short range above it");
    print_correlations(&long.b, Some(&short.b));
    println!("  and of the nugget");
    print_correlations(&noise, None);
}

/// The correlations of a covariance.
pub(crate) fn correlations(b: &Array2<f64>) -> Array2<f64> {
    Array2::from_shape_fn(b.dim(), |(i, j)| b[[i, j]] / (b[[i, i]] * b[[j, j]]).sqrt())
}

/// Prints the correlations of one covariance below the diagonal and those of another above it.
fn print_correlations(below: &Array2<f64>, above: Option<&Array2<f64>>) {
    let (low, high) = (correlations(below), above.map(correlations));
    print!("    {:5}", "");
    CHOSEN.iter().for_each(|metal| print!(" {metal:>7}"));
    println!();
    for (i, metal) in CHOSEN.iter().enumerate() {
        print!("    {metal:5}");
        (0..i).for_each(|j| print!(" {:7.2}", low[[i, j]]));
        if let Some(high) = &high {
            print!(" {:7}", "");
            (i + 1..CHOSEN.len()).for_each(|j| print!(" {:7.2}", high[[i, j]]));
        }
        println!();
    }
    println!();
}

/// Prints measured and modelled semivariances of two metals.
pub(crate) fn print_variograms(variogram: &Variogram, gp: &FittedMultiTaskGp) {
    let said = modelled(gp, &variogram.lags);
    println!("  Semivariances of the logs, measured and modelled");
    print!("    {:>6} {:>6}", "km", "pairs");
    SHOWN.iter().for_each(|&t| print!(" | {:>8} {:>8}", CHOSEN[t], "model"));
    println!();
    for (k, count) in variogram.counts.iter().enumerate() {
        print!("    {:6.3} {count:6}", variogram.lags[k]);
        for t in SHOWN {
            print!(" | {:8.3} {:8.3}", variogram.measured[[k, t]], said[[k, t]]);
        }
        println!();
    }
    println!();
}

/// Prints the scores, and what the model of two structures is worth against the others.
pub(crate) fn print_scores(scores: &[Score]) {
    print!("  {:32} |", "MAE, mg/kg");
    CHOSEN.iter().for_each(|metal| print!(" {metal:>7}"));
    print!(" | {:>7} |", "NLPD");
    LEVELS.iter().for_each(|level| print!(" {:>8}", format!("in {:.0} %", 100.0 * level)));
    println!();
    for s in scores {
        print!("  {:32} |", s.name);
        s.mae.iter().for_each(|error| print!(" {error:7.3}"));
        print!(" | {:7.4} |", s.nlpd);
        s.inside.iter().for_each(|share| print!(" {:6.1} %", 100.0 * share));
        println!();
    }
    let Some((own, others)) = scores.split_first() else { return };
    println!("\n  {} against", own.name);
    for other in others {
        let (each, losses) = own.gaps(other);
        println!("    {}:\n      NLPD {losses}", other.name);
        let clear = each.iter().zip(CHOSEN).filter(|(gap, _)| gap.is_clear());
        clear.for_each(|(gap, metal)| println!("      MAE of {metal} {gap}"));
        let unclear = each.iter().filter(|gap| !gap.is_clear()).count();
        println!("      MAE of {unclear} of {} metals: no clear difference", CHOSEN.len());
    }
    println!();
}
