//! Eigendecompositions until learning is within 1e-3 nats per observation of the best likelihood
//! seen: alternating against joint, from the same start.
#![allow(clippy::expect_used)]

mod common;

use std::fmt::Write as _;

use common::{draw, gram_of, median, normal, publish};
use coregion::prelude::*;

const N: usize = 500;
const TASKS: usize = 16;
const INPUTS: usize = 4;
const SEEDS: u64 = 5;

/// Log posterior and number of eigendecompositions in the order of evaluation: every evaluation of
/// either optimiser makes one, the first at the start.
fn trace(gp: &FittedMultiTaskGp) -> Vec<(usize, f64)> {
    gp.report().trace.iter().map(|p| (p.evaluation, p.value)).collect()
}

fn until(trace: &[(usize, f64)], level: f64) -> f64 {
    trace.iter().find(|(_, v)| *v >= level).map_or(f64::INFINITY, |(count, _)| *count as f64)
}

fn main() {
    let mut body = format!(
        "# Eigendecompositions until converged\n\n\
         n = {N}, T = {TASKS}, d = {INPUTS}; Matern 5/2 with a lengthscale for each column; data \
         drawn from the model with B of rank 3 plus a diagonal and unequal noise. Count of n x n \
         eigendecompositions, the one at the start included, until the log posterior density is within 1e-3 \
         nats per observation of the best that either optimiser reached.\n\n\
         | task covariance | seed | alternating | joint | joint / alternating | alternating s | joint s | \
         final difference (nats per observation) |\n|---|---|---|---|---|---|---|---|\n"
    );
    let structures: [(&str, Task); 3] = [
        ("low rank 2 + diagonal (default)", LowRank::new(2)),
        ("low rank 3 + diagonal", LowRank::new(3)),
        ("free form", FreeForm::new()),
    ];
    for (name, task) in structures {
        let (mut alternating_counts, mut joint_counts) = (Vec::new(), Vec::new());
        for seed in 0..SEEDS {
            let x = normal(N, INPUTS, 100 + seed);
            let k = gram_of(&Matern52::new([1.0, 2.0, 4.0, 8.0]), x.view());
            let w = normal(TASKS, 3, 200 + seed);
            let factor = ndarray::concatenate![
                ndarray::Axis(1),
                w,
                ndarray::Array2::<f64>::eye(TASKS) * 0.5
            ];
            let noise: Vec<f64> = (0..TASKS).map(|t| 0.2 + 0.1 * (t % 5) as f64).collect();
            let y = draw(k, &factor, &noise, 300 + seed);
            let data = Dataset::new(x.view(), y.view()).expect("a complete table");
            let fit = |optimizer| {
                MultiTaskGp::new(Matern52::ard())
                    .task(task.clone())
                    .optimizer(optimizer)
                    .max_iterations(1000)
                    .fit(&data)
                    .expect("a fit")
            };
            let (a, j) = (fit(Optimizer::Alternating), fit(Optimizer::Joint));
            let (ta, tj) = (trace(&a), trace(&j));
            let best = ta.iter().chain(&tj).fold(f64::NEG_INFINITY, |m, p| m.max(p.1));
            let count = (N * TASKS) as f64;
            let level = best - 1e-3 * count;
            let (ca, cj) = (until(&ta, level), until(&tj, level));
            alternating_counts.push(ca);
            joint_counts.push(cj);
            let last = |t: &[(usize, f64)]| t.iter().fold(f64::NEG_INFINITY, |m, p| m.max(p.1));
            let _ = writeln!(
                body,
                "| {name} | {seed} | {ca} | {cj} | {:.1} | {:.1} | {:.1} | {:.1e} |",
                cj / ca,
                a.report().wall_time.as_secs_f64(),
                j.report().wall_time.as_secs_f64(),
                (last(&ta) - last(&tj)) / count
            );
            eprintln!("{}", body.lines().last().unwrap_or_default());
            if !a.report().converged || !j.report().converged {
                eprintln!("  {}\n  {}", a.report(), j.report());
            }
        }
        let (ma, mj) = (median(&alternating_counts), median(&joint_counts));
        let _ = writeln!(
            body,
            "| **{name}** | **median** | **{ma}** | **{mj}** | **{:.1}** | | | |",
            mj / ma
        );
    }
    publish("learning", &body);
}
