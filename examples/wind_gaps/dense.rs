//! The same answers by the Cholesky factor of the covariance of all observations.

use std::time::Instant;

use coregion::linalg;
use coregion::prelude::*;
use ndarray::ArrayView2;

/// Fits a table by both solvers, and prints times and how far the answers lie apart.
pub(crate) fn both_fits(data: &Dataset, settings: &MultiTaskGp) -> coregion::Result<()> {
    println!(
        "  Learned on the first {} days: {} observations, {} gaps; Matern 1/2, rank 1, a noise for\n  \
         each station",
        data.n_rows(),
        data.n_observed(),
        data.n_missing()
    );
    let fit = |solver| settings.clone().solver(solver).fit(data);
    let (schur, dense) = (fit(Solver::Schur)?, fit(Solver::Dense)?);
    for gp in [&schur, &dense] {
        let r = gp.report();
        println!(
            "    {:6} {:6.2} s, {} evaluations ({}, converged: {}), log marginal likelihood {:.6}",
            r.solve.solver,
            r.wall_time.as_secs_f64(),
            r.evaluations,
            r.optimizer,
            r.converged,
            gp.log_marginal_likelihood()
        );
    }
    let filled = |gp: &FittedMultiTaskGp| gp.impute(Uncertainty::Observation);
    let (a, b) = (filled(&schur)?, filled(&dense)?);
    println!(
        "    values filled in differ by at most {:.1e}, standard deviations by {:.1e}: both end\n    \
         where the gradient is small, not at the same number\n",
        largest(a.mean.view(), b.mean.view()),
        largest(a.std()?, b.std()?)
    );
    Ok(())
}

/// Puts the values learned by one solver into another, and prints how far the answers lie apart.
pub(crate) fn same_values(
    data: &Dataset,
    name: &str,
    gp: &FittedMultiTaskGp,
) -> coregion::Result<()> {
    println!(
        "  The whole table at the values of the {name}: {} observations, {} gaps",
        data.n_observed(),
        data.n_missing()
    );
    let eigenvalues = linalg::eigh(gp.noise_covariance())?.0;
    let most = eigenvalues.iter().fold(0.0f64, |m, v| m.max(*v));
    let least = eigenvalues.iter().fold(f64::INFINITY, |m, v| m.min(*v));
    println!(
        "    eigenvalues of the noise {least:.1e} to {most:.1e}: the further apart, the more of\n    \
         rounding is seen"
    );
    let settings = MultiTaskGp::new(gp.kernel().clone())
        .task(Fixed::at(gp.task_covariance().view()))
        .noise(Noise::Covariance(gp.noise_covariance()))
        .optimizer(Optimizer::None);
    let run = |solver| {
        let clock = Instant::now();
        let gp = settings.clone().solver(solver).fit(data)?;
        let filled = gp.impute(Uncertainty::Observation)?;
        let left_out = gp.leave_one_out(&LeaveOut::Entry)?;
        let seconds = clock.elapsed().as_secs_f64();
        println!(
            "    {:6} {seconds:6.2} s, log marginal likelihood {:.9}, jitter {:e}",
            gp.report().solve.solver,
            gp.log_marginal_likelihood(),
            gp.report().solve.jitter
        );
        Ok::<_, coregion::Error>((filled, left_out))
    };
    let (schur, dense) = (run(Solver::Schur)?, run(Solver::Dense)?);
    println!(
        "    values filled in differ by at most {:.1e}, standard deviations by {:.1e}, means of entries\n    \
         left out by {:.1e}\n",
        largest(schur.0.mean.view(), dense.0.mean.view()),
        largest(schur.0.std()?, dense.0.std()?),
        largest(schur.1.mean.view(), dense.1.mean.view())
    );
    Ok(())
}

/// The largest difference, where both are numbers.
fn largest(a: ArrayView2<f64>, b: ArrayView2<f64>) -> f64 {
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).filter(|d| !d.is_nan()).fold(0.0, f64::max)
}
