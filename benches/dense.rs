//! One log-likelihood by the dense nT x nT matrix against the Kronecker engine, interleaved.
#![allow(clippy::expect_used)]

mod common;

use std::fmt::Write as _;
use std::time::Instant;

use common::{gram_of, median, normal, publish};
use coregion::linalg;
use coregion::op::{NoiseMatrix, TaskMatrix};
use coregion::prelude::*;
use coregion::solve::Factor;
use coregion::solve::{Congruence, KroneckerFactor, Spectrum};
use ndarray::{Array1, Array2};

/// The dense way: the whole covariance, one Cholesky factor, one triangular solve.
fn dense(k: &Array2<f64>, b: &Array2<f64>, noise: &Array1<f64>, y: &Array2<f64>) -> f64 {
    let t = b.nrows();
    let c = Array2::from_shape_fn((y.len(), y.len()), |(p, q)| {
        let (i, a, j, s) = (p / t, p % t, q / t, q % t);
        k[[i, j]] * b[[a, s]] + if p == q { noise[a] } else { 0.0 }
    });
    let l = linalg::cholesky(c.view()).expect("positive definite");
    let v = Array2::from_shape_vec((y.len(), 1), y.iter().copied().collect()).expect("a column");
    let z = linalg::solve_lower(l.view(), v.view());
    let log_det: f64 = l.diag().iter().map(|d| d.ln()).sum();
    -0.5 * z.iter().map(|v| v * v).sum::<f64>()
        - log_det
        - 0.5 * y.len() as f64 * (2.0 * std::f64::consts::PI).ln()
}

fn kronecker(k: &Array2<f64>, b: &Array2<f64>, noise: &Array1<f64>, y: &Array2<f64>) -> f64 {
    let spectrum = std::sync::Arc::new(Spectrum::of(k.clone()).expect("semidefinite"));
    let rotated = linalg::matmul(spectrum.vectors.t(), y.view());
    let task = TaskMatrix::Dense(b.clone());
    let congruence = Congruence::new(&task, &NoiseMatrix::Diagonal(noise.clone()));
    KroneckerFactor::new(spectrum, congruence.expect("definite"), rotated.view()).log_likelihood()
}

fn main() {
    let mut body = String::from(
        "# One likelihood: dense against Kronecker\n\n\
         The same Gram matrix, task covariance and noise (one for each task), given; both ways use \
         the same linear algebra backend. `dense` forms the nT x nT matrix and its Cholesky factor, \
         `ours` decomposes the n x n Gram matrix. Median over interleaved rounds. Memory is that of \
         the matrices: two of nT x nT against four of n x n, in MB.\n\n\
         | n | T | dense s | ours s | dense / ours | dense MB | ours MB | relative difference |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for (n, t, rounds) in [(200, 8, 5), (500, 8, 5), (500, 16, 3), (1000, 8, 3)] {
        let x = normal(n, 4, 1);
        let k = gram_of(&Matern52::ard(), x.view());
        let g = normal(t, t, 2);
        let b = g.dot(&g.t());
        let noise = Array1::from_shape_fn(t, |i| 0.1 + 0.05 * i as f64);
        let y = normal(n, t, 3);
        let (mut slow, mut fast, mut difference) = (Vec::new(), Vec::new(), 0.0f64);
        for _ in 0..rounds {
            let clock = Instant::now();
            let a = dense(&k, &b, &noise, &y);
            slow.push(clock.elapsed().as_secs_f64());
            let clock = Instant::now();
            let c = kronecker(&k, &b, &noise, &y);
            fast.push(clock.elapsed().as_secs_f64());
            difference = difference.max(((a - c) / a).abs());
        }
        let (s, f) = (median(&slow), median(&fast));
        let megabytes = |side: usize, count: usize| (count * side * side * 8) as f64 / 1e6;
        let _ = writeln!(
            body,
            "| {n} | {t} | {s:.3} | {f:.3} | {:.0} | {:.0} | {:.0} | {difference:.0e} |",
            s / f,
            megabytes(n * t, 2),
            megabytes(n, 4)
        );
        eprintln!("{}", body.lines().last().unwrap_or_default());
    }
    publish("dense", &body);
}
