//! Smooth kernels: one log-likelihood by a pivoted Cholesky factor of the Gram matrix against its
//! eigendecomposition.
//!
//! `cargo bench --bench low_rank` writes `benchmarks/low_rank.md`.
#![allow(clippy::expect_used)]

mod common;

use std::fmt::Write as _;
use std::time::Instant;

use common::{median, normal, publish};
use coregion::gp::{Mean, Model, Scaling};
use coregion::matrix_kernel::Separable;
use coregion::prelude::*;
use ndarray::Array2;

const TASKS: usize = 8;
const INPUTS: usize = 2;
const ROWS: [usize; 3] = [1000, 2000, 4000];
/// Runs of each solver, in turn.
const RUNS: usize = 3;

/// Smooth functions of two inputs, and noise of a tenth of their standard deviation.
fn data(n: usize) -> Dataset {
    let (x, e) = (normal(n, INPUTS, 1), normal(n, TASKS, 2));
    let y = Array2::from_shape_fn((n, TASKS), |(i, j)| {
        let phase = 0.7 * j as f64;
        let signal = (1.3 * x[[i, 0]] + phase).sin() + (x[[i, 1]] - 0.5 * phase).cos();
        signal + 0.1 * e[[i, j]]
    });
    Dataset::new(x.view(), y.view()).expect("a complete table")
}

fn model(data: &Dataset, solver: Solver) -> Model {
    let term = Separable { kernel: Rbf::ard(), task: LowRank::new(2) };
    let noise = Noise::Variances(vec![0.01; TASKS]);
    let mut model = Model::new(data, &term, &noise, &Mean::Training, Scaling::default())
        .expect("a model of the data");
    model.select_solver(solver, usize::MAX, true).expect("a solver that serves");
    model
}

fn main() {
    let mut body = format!(
        "# One log-likelihood of a smooth kernel\n\nSquared exponential kernel with a lengthscale of one \
         standard deviation for each of {INPUTS} columns, {TASKS} tasks, low rank 2 + diagonal, noise \
         variance 0.01: the solver `low-rank` at its default `rank_tol` against `kronecker`. Median \
         seconds of {RUNS} interleaved runs each; with the gradient in the columns after. `difference` \
         is that of the log-likelihoods in nats, `bound` what the report says it is at most.\n\n\
         | n | rank | kronecker | low-rank | ratio | kronecker, gradient | low-rank, gradient | ratio \
         | difference | bound |\n|---|---|---|---|---|---|---|---|---|---|\n"
    );
    for n in ROWS {
        let data = data(n);
        let models = [Solver::Kronecker, Solver::LowRank].map(|solver| model(&data, solver));
        let natural = models[0].layout().initial();
        let mut times = [const { Vec::new() }; 4];
        let mut values = [0.0; 2];
        for _ in 0..RUNS {
            for (s, model) in models.iter().enumerate() {
                let start = Instant::now();
                values[s] = model.log_likelihood_value(&natural).expect("a likelihood");
                times[s].push(start.elapsed().as_secs_f64());
                let start = Instant::now();
                model.log_likelihood(&natural).expect("a gradient");
                times[2 + s].push(start.elapsed().as_secs_f64());
            }
        }
        let report = models[1].factored(&natural).expect("a factor").report();
        let [whole, low, whole_gradient, low_gradient] = times.map(|t| median(&t));
        let _ = writeln!(
            body,
            "| {n} | {} | {whole:.3} | {low:.4} | {:.0} | {whole_gradient:.3} | {low_gradient:.4} | {:.0} \
             | {:.1e} | {:.1e} |",
            report.rank.map_or_else(|| "all".to_string(), |r| r.to_string()),
            whole / low,
            whole_gradient / low_gradient,
            (values[0] - values[1]).abs(),
            report.log_likelihood_bound.unwrap_or(0.0)
        );
    }
    publish("low_rank", &body);
}
