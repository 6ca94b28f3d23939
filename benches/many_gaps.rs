//! A table too large for a dense factor: 5,000 rows, 20 tasks, 30% missing, learned by conjugate
//! gradients, against the model with the true parameters.
#![allow(clippy::expect_used)]

mod common;

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::time::Instant;

use common::{normal, peak_memory, publish};
use coregion::data::ColumnStatistics;
use coregion::gram;
use coregion::kernel::Inputs;
use coregion::learn::Progress;
use coregion::linalg;
use coregion::prelude::*;
use ndarray::{Array2, Axis};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

const LENGTHSCALES: [f64; 2] = [1.0, 2.0];
const NOISE: f64 = 0.1;

/// A problem whose parameters are known.
struct Planted {
    data: Dataset,
    /// The table before entries were removed.
    whole: Array2<f64>,
    task: Array2<f64>,
}

fn planted(n: usize, t: usize, missing: f64) -> Planted {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let x = Array2::from_shape_simple_fn((n, 2), || rng.random_range(0.0..10.0));
    let kernel = Matern52::new(LENGTHSCALES);
    let statistics: Vec<_> = x.axis_iter(Axis(1)).map(ColumnStatistics::of).collect();
    let bound = kernel.bind(&Inputs::all(&statistics)).expect("a kernel that fits");
    let mut k = gram::gram(&*bound, &LENGTHSCALES, x.view());
    k.diag_mut().mapv_inplace(|v| v + 1e-9);
    let root = linalg::cholesky(k.view()).expect("positive definite");
    let w = normal(t, 2, 2);
    let task = w.dot(&w.t()) + Array2::<f64>::eye(t) * 0.2;
    let task_root = linalg::cholesky(task.view()).expect("positive definite");
    let latent = linalg::matmul(root.view(), normal(n, t, 3).view());
    let mut whole = linalg::matmul(latent.view(), task_root.t());
    whole.scaled_add(NOISE.sqrt(), &normal(n, t, 4));
    let y = whole.mapv(|v| if rng.random_bool(missing) { f64::NAN } else { v });
    Planted { data: Dataset::new(x.view(), y.view()).expect("a table"), whole, task }
}

impl Planted {
    /// Root mean square error at the entries that were removed.
    fn error(&self, gp: &FittedMultiTaskGp) -> f64 {
        let filled = gp.impute(Uncertainty::None).expect("converges").mean;
        let y = self.data.y();
        let gaps = y.iter().zip(&filled).zip(&self.whole).filter(|((y, _), _)| y.is_nan());
        let squares: Vec<f64> = gaps.map(|((_, f), w)| (f - w).powi(2)).collect();
        (squares.iter().sum::<f64>() / squares.len() as f64).sqrt()
    }
}

fn main() {
    let (n, t) = (5000, 20);
    let problem = planted(n, t, 0.3);
    let n_observed = problem.data.n_observed();
    let clock = Instant::now();
    let watch = move |p: &Progress| {
        let seconds = clock.elapsed().as_secs_f64();
        eprintln!("{:4} {seconds:8.1} s  {:.2}", p.evaluations, p.log_posterior);
        ControlFlow::Continue(())
    };
    let gp = MultiTaskGp::new(Matern52::ard()).observer(watch).fit(&problem.data).expect("a fit");
    let seconds = clock.elapsed().as_secs_f64();
    let memory = peak_memory().map_or(f64::NAN, |bytes| bytes as f64 / 1e9);
    let truth = MultiTaskGp::new(Matern52::new(LENGTHSCALES))
        .task(Fixed::at(problem.task.view()))
        .noise(Noise::Variances(vec![NOISE; t]))
        .mean(Mean::Zero)
        .optimizer(Optimizer::None)
        .fit(&problem.data)
        .expect("a fit");
    let (ours, best) = (problem.error(&gp), problem.error(&truth));
    let (report, solve) = (gp.report(), &gp.report().solve);
    let per = solve.log_det_std_err / n_observed as f64;
    let lengthscales = &gp.parameters()["terms[0].kernel.lengthscale"];
    let mut body = String::from(
        "# Many gaps: 70,000 observations without an exact solver\n\n\
         A table of 5,000 rows and 20 tasks drawn from a Matern 5/2 kernel with lengthscales 1 and 2 on \
         a square of side 10, B of rank 2 plus 0.2 I and noise variance 0.1, 30% of its entries removed. \
         Learned with default settings; `true parameters` is the model that knows them. The error is \
         that of the removed observations, noise included.\n\n",
    );
    let _ = writeln!(body, "| figure | value |\n|---|---|");
    let mut row = |name: &str, value: String| {
        let _ = writeln!(body, "| {name} | {value} |");
    };
    row("observations", n_observed.to_string());
    row("solver", format!("{}, rank {}", solve.solver, solve.rank.unwrap_or(0)));
    row("fit", format!("{:.1} min, {} evaluations", seconds / 60.0, report.evaluations));
    row("converged", format!("{} (gradient {:.0e})", report.converged, report.gradient_norm));
    row("peak memory", format!("{memory:.2} GB"));
    row("iterations of the last solve", solve.iterations.to_string());
    row("its relative residual", format!("{:.0e}", solve.relative_residual.unwrap_or(f64::NAN)));
    row("standard error of the log-determinant", format!("{per:.5} nats per observation"));
    row("lengthscales", format!("{:.3}, {:.3}", lengthscales[0], lengthscales[1]));
    row("error, learned", format!("{ours:.4}"));
    row("error, true parameters", format!("{best:.4}"));
    row("ratio", format!("{:.4}", ours / best));
    publish("many_gaps", &body);
}
