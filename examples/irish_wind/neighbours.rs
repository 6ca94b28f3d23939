//! The learned correlations between stations against the distances between them.

use coregion::prelude::*;
use ndarray::{Array2, ArrayView2};

use crate::data::STATIONS;

/// Groups of pairs in the table.
const GROUPS: usize = 6;

/// Two stations.
pub(crate) struct Pair {
    pub(crate) stations: [usize; 2],
    /// In km.
    pub(crate) distance: f64,
    /// Correlations: of B, which lasts from day to day; of Sigma, which is the day's; of both.
    pub(crate) learned: [f64; 3],
}

/// All pairs of stations, the nearest first.
pub(crate) fn pairs(gp: &FittedMultiTaskGp, distances: ArrayView2<f64>) -> Vec<Pair> {
    let (b, sigma) = (gp.task_covariance(), gp.noise_covariance());
    let sum = &b + &sigma;
    let rho = |c: &Array2<f64>, t: usize, s: usize| c[[t, s]] / (c[[t, t]] * c[[s, s]]).sqrt();
    let mut out = Vec::new();
    for s in 0..STATIONS.len() {
        for t in 0..s {
            out.push(Pair {
                stations: [t, s],
                distance: distances[[t, s]],
                learned: [&b, &sigma, &sum].map(|c| rho(c, t, s)),
            });
        }
    }
    out.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    out
}

/// Prints the pairs in groups of like distance.
pub(crate) fn print(pairs: &[Pair]) {
    println!("  distance, km | correlation of the signal B | of the noise Sigma | of both");
    for group in pairs.chunks(pairs.len().div_ceil(GROUPS)) {
        let ends = group.first().zip(group.last());
        let (near, far) = ends.map_or((0.0, 0.0), |(a, b)| (a.distance, b.distance));
        let mean = |k: usize| group.iter().map(|p| p.learned[k]).sum::<f64>() / group.len() as f64;
        let (b, sigma, both) = (mean(0), mean(1), mean(2));
        println!("  {near:>5.0} - {far:<4.0} | {b:>27.2} | {sigma:>18.2} | {both:>7.2}");
    }
    let distances: Vec<f64> = pairs.iter().map(|p| p.distance).collect();
    let order = [0, 1, 2].map(|k| {
        let learned: Vec<f64> = pairs.iter().map(|p| p.learned[k]).collect();
        rank_correlation(&distances, &learned)
    });
    println!(
        "  rank correlation with the distance, which no model was told: {:.2} for B, {:.2} for\n  \
         Sigma, {:.2} for both",
        order[0], order[1], order[2]
    );
    for (which, pair) in [("nearest", pairs.first()), ("farthest", pairs.last())] {
        if let Some(p) = pair {
            let [a, b] = p.stations.map(|t| STATIONS[t]);
            println!("  {which}: {a} and {b}, {:.0} km, {:.2}", p.distance, p.learned[2]);
        }
    }
    println!();
}

/// Spearman's rank correlation of values without ties.
fn rank_correlation(x: &[f64], y: &[f64]) -> f64 {
    let ranks = |v: &[f64]| -> Vec<f64> {
        v.iter().map(|a| v.iter().filter(|b| *b < a).count() as f64).collect()
    };
    let n = x.len() as f64;
    let squares: f64 = ranks(x).iter().zip(ranks(y)).map(|(a, b)| (a - b).powi(2)).sum();
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}
