//! Landmarks: the observed entries whose columns of the signal part carry most of it.
//!
//! Randomly pivoted Cholesky in blocks, with rejection inside a block so that the pivots have the
//! distribution of one-at-a-time sampling (Chen, Epperly, Tropp & Webber 2025, Comm. Pure Appl. Math.
//! 78:995; Epperly, Tropp & Webber, arXiv 2410.03969).

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::linalg;
use crate::op::MaskedKronecker;

/// Proposals made at a time.
const BLOCK: usize = 96;
/// Share of the signal's trace, relative to the noise, that is left unexplained without harm.
const NEGLIGIBLE: f64 = 1e-10;

/// Chooses at most `rank` places, in proportion to what the places before leave of the signal
/// variance, in units of the noise variance: the choice does not depend on the units of the tasks. All
/// places where there are no more.
pub(super) fn choose(a: &MaskedKronecker, rank: usize, seed: u64) -> Vec<usize> {
    let signal = a.signal_diagonal();
    let noise = a.noise_diagonal();
    let n = signal.len();
    if rank >= n {
        // What rounding leaves of the last ones would decide whether they are taken.
        return (0..n).collect();
    }
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut rest = signal.clone();
    let total: f64 = (&rest / &noise).sum();
    let mut factor = Array2::<f64>::zeros((rank, n));
    let mut places: Vec<usize> = Vec::new();
    while places.len() < rank {
        let weights = &rest / &noise;
        let left: f64 = weights.sum();
        if left.is_nan() || left <= NEGLIGIBLE * total {
            break;
        }
        let proposals = sample(&weights, BLOCK.min(4 * (rank - places.len())), &mut rng);
        let known = factor.slice(s![..places.len(), ..]);
        // Rows of the residual matrix at the proposals.
        let mut rows = a.signal_rows(&proposals, 0..n);
        let overlap = known.select(Axis(1), &proposals).mapv(|v| -v);
        linalg::matmul_add(overlap.t(), known, rows.view_mut());
        let core = rows.select(Axis(1), &proposals);
        let (mut accepted, lower) = accept(core.view(), &mut rng);
        accepted.truncate(rank - places.len());
        let k = accepted.len();
        let block = rows.select(Axis(0), &accepted);
        let fresh = linalg::solve_lower(lower.slice(s![..k, ..k]), block.view());
        for row in fresh.rows() {
            rest.zip_mut_with(&row, |d, v| *d -= v * v);
        }
        let from = places.len();
        factor.slice_mut(s![from..from + k, ..]).assign(&fresh);
        places.extend(accepted.iter().map(|&p| proposals[p]));
        rest.zip_mut_with(&signal, |d, v| *d = if *d > 1e-10 * v { *d } else { 0.0 });
        places[from..].iter().for_each(|&p| rest[p] = 0.0);
    }
    places
}

/// Distinct places drawn in proportion to the weights, in the order they were drawn.
fn sample(weights: &Array1<f64>, count: usize, rng: &mut impl Rng) -> Vec<usize> {
    let mut sums = Vec::with_capacity(weights.len());
    let mut sum = 0.0;
    for w in weights {
        sum += w;
        sums.push(sum);
    }
    let mut out: Vec<usize> = Vec::with_capacity(count);
    for _ in 0..count {
        let at = rng.random::<f64>() * sum;
        let place = sums.partition_point(|s| *s <= at).min(weights.len() - 1);
        if weights[place] > 0.0 && !out.contains(&place) {
            out.push(place);
        }
    }
    out
}

/// The proposals kept, each with the probability that the ones kept before it leave of its variance,
/// and the lower Cholesky factor of their block.
fn accept(core: ArrayView2<f64>, rng: &mut impl Rng) -> (Vec<usize>, Array2<f64>) {
    let count = core.nrows();
    let mut lower = Array2::<f64>::zeros((count, count));
    let mut kept: Vec<usize> = Vec::new();
    for p in 0..count {
        let k = kept.len();
        for (j, &q) in kept.iter().enumerate() {
            let done: f64 = (0..j).map(|i| lower[[k, i]] * lower[[j, i]]).sum();
            lower[[k, j]] = (core[[p, q]] - done) / lower[[j, j]];
        }
        let left = core[[p, p]] - (0..k).map(|i| lower[[k, i]] * lower[[k, i]]).sum::<f64>();
        // The first is always kept, so that every round adds one.
        let keep = k == 0 || rng.random::<f64>() * core[[p, p]] < left;
        if keep && (k == 0 || left > 1e-8 * core[[p, p]]) {
            lower[[k, k]] = left.max(f64::MIN_POSITIVE).sqrt();
            kept.push(p);
        } else {
            lower.row_mut(k).fill(0.0);
        }
    }
    (kept, lower)
}
