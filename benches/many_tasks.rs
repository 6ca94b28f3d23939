//! Thousands of tasks: low rank plus a multiple of the noise, against a planted truth.
#![allow(clippy::expect_used, clippy::panic)]

mod common;

use std::fmt::Write as _;

use common::{draw, gram_of, normal, peak_memory, publish};
use coregion::linalg;
use coregion::op::TaskMatrix;
use coregion::prelude::*;
use coregion::task::Noise;

const N: usize = 300;
const RANK: usize = 3;

/// Largest angle in degrees between the column spaces of two factors.
fn largest_angle(a: &ndarray::Array2<f64>, b: &ndarray::Array2<f64>) -> f64 {
    let (qa, _) = linalg::thin_qr(a.view());
    let (qb, _) = linalg::thin_qr(b.view());
    let c = linalg::matmul(qa.t(), qb.view());
    let (s, _) = linalg::eigh(linalg::matmul(c.t(), c.view())).expect("finite");
    s[0].clamp(0.0, 1.0).sqrt().acos().to_degrees()
}

fn main() {
    let mut body = format!(
        "# Thousands of tasks\n\n\
         n = {N}, planted rank {RANK}, `LowRank::plus_noise({RANK})`, noise for each task. The truth \
         is B = W W' (no multiple of the noise), its likelihood that of the generating parameters. \
         Peak memory is that of the whole process, data included, tasks in rising order.\n\n\
         | T | fit s | per T = 1000 | largest subspace angle, degrees | log likelihood - truth, % | \
         eigendecompositions | converged | peak memory MB |\n|---|---|---|---|---|---|---|---|\n"
    );
    let mut base = f64::NAN;
    for tasks in [1000usize, 5000] {
        let x = normal(N, 2, 1);
        let kernel = Matern52::new([0.8, 1.5]);
        let w = normal(tasks, RANK, 2);
        let noise: Vec<f64> = (0..tasks).map(|t| 0.3 + 0.1 * (t % 7) as f64).collect();
        let y = draw(gram_of(&kernel, x.view()), &w, &noise, 4);
        let data = Dataset::new(x.view(), y.view()).expect("a complete table");
        let gp = MultiTaskGp::new(Matern52::ard())
            .task(LowRank::plus_noise(RANK))
            .fit(&data)
            .expect("a fit");
        let seconds = gp.report().wall_time.as_secs_f64();
        if tasks == 1000 {
            base = seconds;
        }
        let printed = gp.to_string();
        let memory = peak_memory().map_or(f64::NAN, |b| b as f64 / 1e6);
        let TaskMatrix::LowRankPlusNoise { factor, .. } = gp.task_matrix() else {
            panic!("another structure")
        };
        let angle = largest_angle(&factor, &w);
        // The generating parameters, evaluated without scaling or mean, in a held model.
        let variances = noise.iter().map(|s| s * s).collect();
        let rows: Vec<Vec<f64>> = w.rows().into_iter().map(|r| r.to_vec()).collect();
        let mut spec = LowRank::plus_noise(RANK).spec().clone();
        spec = spec.with("W", coregion::spec::Value::Matrix(rows));
        spec = spec.with("noise_multiple", coregion::spec::Value::Number(1e-12));
        let truth = MultiTaskGp::new(kernel)
            .task(Task::from_spec(spec).expect("a registered task"))
            .noise(Noise::Variances(variances))
            .mean(Mean::Zero)
            .optimizer(Optimizer::None)
            .fit(&data)
            .expect("an evaluation")
            .log_marginal_likelihood();
        let gain = 100.0 * (gp.log_marginal_likelihood() - truth) / truth.abs();
        let _ = writeln!(
            body,
            "| {tasks} | {seconds:.1} | {:.1} | {angle:.2} | {gain:+.2} | {} | {} | {memory:.0} |",
            seconds / base,
            gp.report().eigendecompositions,
            gp.report().converged
        );
        eprintln!("{}\n{printed}", body.lines().last().unwrap_or_default());
    }
    publish("many_tasks", &body);
}
