//! Mixed latent functions: 1,000 tasks against a planted truth, and tables with gaps by every solver.
#![allow(clippy::expect_used)]

mod common;

use std::fmt::Write as _;
use std::time::Instant;

use common::{draw, gram_of, normal, peak_memory, publish};
use coregion::linalg;
use coregion::prelude::*;
use ndarray::{Array2, Axis};

const N: usize = 1000;
const TASKS: usize = 1000;
const LATENTS: usize = 8;

/// Independent latent functions at scales from 0.3 to 1.7 mixed by columns of unequal strength, with
/// noise for each task: inputs, outputs, mixing matrix, variances.
fn planted(
    n: usize,
    tasks: usize,
    latents: usize,
) -> (Array2<f64>, Array2<f64>, Array2<f64>, Vec<f64>) {
    let x = normal(n, 2, 1);
    let noise: Vec<f64> = (0..tasks).map(|t| 0.5 + 0.2 * (t % 7) as f64).collect();
    let (u, _) = linalg::thin_qr(normal(tasks, latents, 2).view());
    let mut h = u * (tasks as f64).sqrt();
    let mut y = Array2::zeros((n, tasks));
    for (q, mut column) in h.columns_mut().into_iter().enumerate() {
        // Columns are orthogonal in units of the noise, as the orthogonal mixing has them.
        column *= 0.5 / (1.0 + q as f64).sqrt();
        column.iter_mut().zip(&noise).for_each(|(v, s)| *v *= s);
        let kernel = Matern52::isotropic(0.3 + 0.2 * q as f64);
        let factor = column.to_owned().insert_axis(Axis(1));
        y += &draw(gram_of(&kernel, x.view()), &factor, &vec![0.0; tasks], 10 + q as u64);
    }
    let e = normal(n, tasks, 99);
    y.indexed_iter_mut().for_each(|((i, t), v)| *v += noise[t] * e[[i, t]]);
    (x, y, h, noise.iter().map(|s| s * s).collect())
}

/// Largest angle in degrees between the column spaces of two matrices.
fn largest_angle(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    let (qa, _) = linalg::thin_qr(a.view());
    let (qb, _) = linalg::thin_qr(b.view());
    let c = linalg::matmul(qa.t(), qb.view());
    let (s, _) = linalg::eigh(linalg::matmul(c.t(), c.view())).expect("finite");
    s[0].clamp(0.0, 1.0).sqrt().acos().to_degrees()
}

/// Learning with every setting at its default.
fn many_tasks(body: &mut String) {
    let _ = write!(
        body,
        "n = {N}, T = {TASKS}, {LATENTS} latent functions, each with a Matern52 kernel of its own, noise \
         for each task. Everything is learned, with every setting at its default; the planted mixing is \
         orthogonal in units of the noise. Peak memory is that of the whole process.\n\n\
         | mixing | parameters | fit s | evaluations | converged | largest subspace angle, degrees | R^2 of \
         the planted signal | peak memory MB |\n|---|---|---|---|---|---|---|---|\n"
    );
    let (x, y, h, _) = planted(N, TASKS, LATENTS);
    let data = Dataset::new(x.view(), y.view()).expect("a complete table");
    for mixing in [Mixing::orthogonal(LATENTS), Mixing::projected(LATENTS)] {
        let name = mixing.to_string();
        let gp =
            MultiTaskGp::new(Matern52::isotropic(1.0)).mixing(mixing).fit(&data).expect("a fit");
        let found = gp.mixing_matrix().expect("a mixing");
        // The planted signal again, less the noise.
        let mean = gp.predict(x.view(), Uncertainty::None).expect("finite inputs").mean;
        let signal = &y - &noise_of(N, TASKS);
        let left = (&mean - &signal).mapv(|v| v * v).sum();
        let centred = &signal - &signal.mean_axis(Axis(0)).expect("rows");
        let share = 1.0 - left / centred.mapv(|v| v * v).sum();
        let memory = peak_memory().map_or(f64::NAN, |b| b as f64 / 1e6);
        let report = gp.report();
        let _ = writeln!(
            body,
            "| {name} | {} | {:.1} | {} | {} | {:.2} | {share:.4} | {memory:.0} |",
            gp.posterior().model().layout().n_free(),
            report.wall_time.as_secs_f64(),
            report.evaluations,
            report.converged,
            largest_angle(&found, &h),
        );
        eprintln!("{}", body.lines().last().unwrap_or_default());
        for warning in &report.warnings {
            eprintln!("{warning}");
        }
    }
}

/// The noise of the planted outputs.
fn noise_of(n: usize, tasks: usize) -> Array2<f64> {
    let mut e = normal(n, tasks, 99);
    e.indexed_iter_mut().for_each(|((_, t), v)| *v *= 0.5 + 0.2 * (t % 7) as f64);
    e
}

/// One likelihood with its gradient at the same values, by each solver that serves.
fn gaps(body: &mut String) {
    let (n, tasks, latents) = (150, 20, 3);
    let _ = write!(
        body,
        "\n## Gaps\n\nn = {n}, T = {tasks}, {latents} latent functions: one log-likelihood with its whole \
         gradient at the values learned from the complete table. `mixed` and `dense` are exact; `cg` is \
         not, and says how uncertain its log-determinant is.\n\n\
         | missing | gaps | solver | s | log likelihood - dense | standard error reported |\n\
         |---|---|---|---|---|---|\n"
    );
    let (x, y, _, _) = planted(n, tasks, latents);
    let data = Dataset::new(x.view(), y.view()).expect("a complete table");
    let settings = MultiTaskGp::new(Matern52::isotropic(1.0)).mixing(Mixing::orthogonal(latents));
    let complete = settings.fit(&data).expect("a fit");
    let natural = complete.posterior().natural().to_vec();
    let draws = normal(n, tasks, 5);
    let mut order: Vec<(usize, usize)> = draws.indexed_iter().map(|(place, _)| place).collect();
    order.sort_by(|a, b| draws[*a].total_cmp(&draws[*b]));
    for share in [0.01, 0.05, 0.1, 0.3] {
        let count = (share * (n * tasks) as f64) as usize;
        let mut table = y.clone();
        order[..count].iter().for_each(|&place| table[place] = f64::NAN);
        let data = Dataset::new(x.view(), table.view()).expect("a table with gaps");
        let mut exact = f64::NAN;
        for solver in [Solver::Dense, Solver::Mixed, Solver::Cg] {
            // One iteration binds the model; its values are those of the complete table.
            let gp = settings.clone().solver(solver).max_iterations(1).fit(&data).expect("a fit");
            let model = gp.posterior().model();
            let clock = Instant::now();
            let (value, gradient) = model.log_likelihood(&natural).expect("a likelihood");
            let seconds = clock.elapsed().as_secs_f64();
            assert!(gradient.iter().all(|g| g.is_finite()));
            if solver == Solver::Dense {
                exact = value;
            }
            let factor = model.factored(&natural).expect("a factor");
            let _ = writeln!(
                body,
                "| {:.0}% | {count} | {solver} | {seconds:.3} | {:+.1e} | {:.1e} |",
                100.0 * share,
                value - exact,
                factor.report().log_det_std_err,
            );
            eprintln!("{}", body.lines().last().unwrap_or_default());
        }
    }
}

fn main() {
    let mut body = "# Mixed latent functions\n\n".to_string();
    many_tasks(&mut body);
    gaps(&mut body);
    publish("mixing", &body);
}
