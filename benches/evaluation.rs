//! One log-likelihood with its full gradient against its own building blocks: one eigendecomposition
//! and one n x n x n product of the same backend, interleaved; and the peak memory.
#![allow(clippy::expect_used)]

mod common;

use std::fmt::Write as _;
use std::time::Instant;

use common::{draw, gram_of, median, normal, peak_memory, publish};
use coregion::gp::{Mean, Model, Scaling};
use coregion::linalg;
use coregion::matrix_kernel::Separable;
use coregion::prelude::*;

const INPUTS: usize = 8;
const TASKS: usize = 16;

fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let clock = Instant::now();
    std::hint::black_box(work());
    clock.elapsed().as_secs_f64()
}

fn main() {
    let mut body = String::from(
        "# One likelihood with its full gradient\n\n\
         Matern 5/2 with a lengthscale for each of 8 columns, low rank 2 + diagonal, noise for each \
         task, T = 16. Median over interleaved rounds; `ratio` is that of the medians. Memory is the \
         growth of the process's peak during one evaluation, in units of n^2 doubles, measured in a \
         process that has done nothing else.\n\n\
         | n | likelihood + gradient s | eigendecomposition s | n x n x n product s | ratio | \
         memory / n^2 doubles |\n|---|---|---|---|---|---|\n",
    );
    // The largest first: the peak is that of the process.
    for (n, rounds) in [(2000, 5), (1000, 9), (500, 15)] {
        let x = normal(n, INPUTS, 1);
        let k = gram_of(&Matern52::ard(), x.view().slice(ndarray::s![..200, ..]));
        let loads = normal(TASKS, 3, 2);
        let part = draw(k, &loads, &[0.3; TASKS], 3);
        let y = ndarray::Array2::from_shape_fn((n, TASKS), |(i, t)| {
            part[[i % 200, t]] + 0.1 * (x[[i, t % INPUTS]]).sin()
        });
        let data = Dataset::new(x.view(), y.view()).expect("a complete table");
        let term = Separable { kernel: Matern52::ard(), task: LowRank::new(2) };
        let model = Model::new(&data, &term, &Noise::PerTask, &Mean::Training, Scaling::default())
            .expect("a model");
        let natural = model.layout().initial();
        let before = peak_memory();
        model.log_likelihood(&natural).expect("a value");
        let memory = before.zip(peak_memory()).map(|(a, b)| (b - a) as f64 / (8 * n * n) as f64);
        let k = gram_of(&Matern52::ard(), x.view());
        let (mut whole, mut eigh, mut product) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            whole.push(seconds(|| model.log_likelihood(&natural)));
            let copy = k.clone();
            eigh.push(seconds(|| linalg::eigh(copy)));
            product.push(seconds(|| linalg::matmul(k.view(), k.view())));
        }
        let (w, e, p) = (median(&whole), median(&eigh), median(&product));
        let memory = match memory {
            Some(m) if n == 2000 => format!("{m:.2}"),
            _ => "-".to_string(),
        };
        let _ =
            writeln!(body, "| {n} | {w:.3} | {e:.3} | {p:.3} | {:.2} | {memory} |", w / (e + p));
        eprintln!("{}", body.lines().last().unwrap_or_default());
    }
    publish("evaluation", &body);
}
