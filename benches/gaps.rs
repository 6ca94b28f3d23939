//! Few gaps: likelihood with its gradient by the Schur complement against the dense Cholesky factor of
//! the observed entries, interleaved, and where the fits of both end.
#![allow(clippy::expect_used)]

mod common;

use std::fmt::Write as _;
use std::time::Instant;

use common::{draw, gram_of, median, normal, publish};
use coregion::gp::{Model, Scaling};
use coregion::matrix_kernel::Separable;
use coregion::prelude::*;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A table (n, T) of rank 2 plus noise, with that share of its entries removed.
fn table(n: usize, t: usize, missing: f64) -> Dataset {
    let x = normal(n, 3, 1);
    let factor = normal(t, 2, 2);
    let k = gram_of(&Matern52::ard(), x.view());
    let mut y = draw(k, &factor, &vec![0.3; t], 3);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
    y.mapv_inplace(|v| if rng.random_bool(missing) { f64::NAN } else { v });
    Dataset::new(x.view(), y.view()).expect("a table")
}

fn evaluations(body: &mut String) {
    let term = Separable { kernel: Matern52::ard(), task: LowRank::new(2) };
    for (n, t, rounds) in [(500, 10, 5), (1000, 10, 3), (2000, 10, 1)] {
        let data = table(n, t, 0.05);
        let (noise, mean) = (Noise::PerTask, Mean::Training);
        let mut model = Model::new(&data, &term, &noise, &mean, Scaling::default()).expect("fits");
        let natural = model.layout().initial();
        let (mut times, mut answers) = ([Vec::new(), Vec::new()], Vec::new());
        for _ in 0..rounds {
            for (times, solver) in times.iter_mut().zip([Solver::Schur, Solver::Dense]) {
                model.select_solver(solver, usize::MAX, true).expect("serves");
                let clock = Instant::now();
                let answer = model.log_likelihood(&natural).expect("positive definite");
                times.push(clock.elapsed().as_secs_f64());
                answers.push(answer);
            }
        }
        let ((a, ga), (b, gb)) = (&answers[0], &answers[1]);
        let size = gb.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let gap = ga.iter().zip(gb).fold(0.0f64, |m, (a, b)| m.max((a - b).abs())) / size;
        let (schur, dense) = (median(&times[0]), median(&times[1]));
        let _ = writeln!(
            body,
            "| {n} | {t} | {} | {dense:.2} | {schur:.3} | {:.0} | {:.0e} | {gap:.0e} |",
            data.n_missing(),
            dense / schur,
            ((a - b) / b).abs(),
        );
        eprintln!("{}", body.lines().last().unwrap_or_default());
    }
}

fn fits(body: &mut String) {
    let _ = write!(
        body,
        "\nFits of a table of 300 rows and 6 tasks, 5% missing, by both solvers and both ways of \
         learning: the log posterior density is the objective.\n\n\
         | solver | learning | seconds | evaluations | log likelihood | largest gradient entry |\n\
         |---|---|---|---|---|---|\n"
    );
    let data = table(300, 6, 0.05);
    for (solver, optimizer) in [
        (Solver::Schur, Optimizer::Alternating),
        (Solver::Schur, Optimizer::Joint),
        (Solver::Dense, Optimizer::Joint),
    ] {
        let settings = MultiTaskGp::new(Matern52::ard()).solver(solver).optimizer(optimizer);
        let gp = settings.fit(&data).expect("a fit");
        let report = gp.report();
        let _ = writeln!(
            body,
            "| {} | {} | {:.2} | {} | {:.4} | {:.0e} |",
            report.solve.solver,
            report.optimizer,
            report.wall_time.as_secs_f64(),
            report.evaluations,
            gp.log_marginal_likelihood(),
            report.gradient_norm
        );
        eprintln!("{}", body.lines().last().unwrap_or_default());
    }
}

fn main() {
    let mut body = String::from(
        "# Few gaps: Schur complement against the dense way\n\n\
         Tables with 5% of their entries missing, Matern 5/2 on three columns, rank 2 plus diagonal, a \
         noise variance for each task. One log-likelihood with its whole gradient, at the start values. \
         `dense` is the Cholesky factor of the covariance of the observed entries with its explicit \
         inverse (n^3 / 3 + 2 n^3 / 3 multiply-adds of N observed entries), `ours` the Kronecker \
         eigendecomposition with a Schur complement on the gaps. Median over interleaved rounds (one \
         round for 2,000 rows); differences are relative, those of gradients to the largest entry.\n\n\
         | n | T | gaps | dense s | ours s | dense / ours | difference | gradient |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    evaluations(&mut body);
    fits(&mut body);
    publish("gaps", &body);
}
