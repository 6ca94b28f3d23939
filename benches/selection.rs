//! Kernel ridge regression chosen by leaving out rows, against one fit of the same kernel.
#![allow(clippy::expect_used)]

mod common;

use std::fmt::Write as _;
use std::time::Instant;

use common::{median, normal, publish};
use coregion::prelude::*;
use ndarray::Array2;

const INPUTS: usize = 8;

fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let clock = Instant::now();
    std::hint::black_box(work());
    clock.elapsed().as_secs_f64()
}

fn main() {
    let mut body = String::from(
        "# Penalties and task covariances chosen by leaving out rows\n\n\
         Kernel ridge regression, RBF over 8 inputs. `fit` is one penalty: Gram matrix, \
         eigendecomposition, solution. The other columns are whole fits that choose, in units of it: \
         the decomposition is among them. Median over interleaved rounds.\n\n\
         | n | T | fit s | 100 penalties | with intercepts | 100 penalties x 50 task covariances | \
         with intercepts |\n|---|---|---|---|---|---|---|\n",
    );
    let alphas: Vec<f64> = (0..100).map(|i| 10f64.powf(-4.0 + 0.06 * f64::from(i))).collect();
    for (n, t, rounds) in [(2000, 10, 5), (1000, 10, 7), (2000, 3, 3), (500, 30, 9)] {
        let x = normal(n, INPUTS, 1);
        let e = normal(n, t, 2);
        let y = Array2::from_shape_fn((n, t), |(i, s)| {
            (x[[i, s % INPUTS]] + x[[i, 0]]).sin() + 0.3 * e[[i, s]]
        });
        let data = Dataset::new(x.view(), y.view()).expect("a complete table");
        let tasks: Vec<Task> = (0..50)
            .map(|c| {
                let w = normal(t, t, 100 + c);
                Fixed::at((w.dot(&w.t()) / t as f64).view())
            })
            .collect();
        let one = MultiTaskKernelRidge::new(Rbf::isotropic(3.0)).task(tasks[0].clone());
        let path = one.clone().alphas(alphas.clone());
        let grid = path.clone().tasks(tasks);
        let settings = [
            one.alpha(0.1),
            path.clone(),
            path.fit_intercept(true),
            grid.clone(),
            grid.fit_intercept(true),
        ];
        let mut times: [Vec<f64>; 5] = Default::default();
        for _ in 0..rounds {
            for (s, times) in settings.iter().zip(&mut times) {
                times.push(seconds(|| s.fit(&data).expect("a fit")));
            }
        }
        let [fit, others @ ..] = times.map(|t| median(&t));
        let ratios: Vec<String> = others.iter().map(|v| format!("{:.2}", v / fit)).collect();
        writeln!(body, "| {n} | {t} | {fit:.3} | {} |", ratios.join(" | ")).expect("a string");
        println!("{body}");
    }
    publish("selection", &body);
}
