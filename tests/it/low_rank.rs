//! The solver `low-rank`: its bound, and its answers against the dense ones.

use coregion::gp::{Model, Posterior, Scaling};
use coregion::matrix_kernel::Separable;
use coregion::prelude::*;
use coregion::solve::TaskMeans;
use ndarray::{Array1, Array2, Array4, ArrayView2, Axis};
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use rand_xoshiro::Xoshiro256PlusPlus;

/// Rows, so many times the rank that a cut pays.
const ROWS: usize = 300;

/// A problem that a smooth kernel suits.
struct Problem {
    kernel: Kernel,
    task: Task,
    x: Array2<f64>,
    y: Array2<f64>,
    noise: Vec<f64>,
}

impl Problem {
    fn random(seed: u64) -> Self {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (d, t) = (1 + (seed % 3) as usize, 1 + (seed / 3 % 4) as usize);
        let x = Array2::from_shape_simple_fn((ROWS, d), || rng.random_range(-1.0..1.0));
        let lengthscale = rng.random_range(1.5..3.0) * (d as f64).sqrt();
        let kernel = match seed % 5 {
            0 | 3 => Rbf::isotropic(lengthscale),
            1 => RationalQuadratic::new(lengthscale, 3.0),
            2 => Rbf::isotropic(lengthscale) * Linear::new(1.5),
            _ => Rbf::isotropic(lengthscale) * RationalQuadratic::new(2.0 * lengthscale, 2.0),
        };
        let w = Array2::from_shape_simple_fn((t, 1), || rng.random_range(-1.5..1.5));
        let kappa: Array1<f64> = (0..t).map(|_| rng.random_range(0.1..1.0)).collect();
        let task = Fixed::at((w.dot(&w.t()) + Array2::<f64>::from_diag(&kappa)).view());
        let noise: Vec<f64> = (0..t).map(|_| 10f64.powf(rng.random_range(-3.0..0.0))).collect();
        let y = Array2::from_shape_fn((ROWS, t), |(i, j)| {
            let signal = (x.row(i).sum() * 1.3 + j as f64).sin() * (1.0 + 0.4 * j as f64);
            let e: f64 = rng.sample(StandardNormal);
            signal + noise[j].sqrt() * e
        });
        Problem { kernel, task, x, y, noise }
    }

    fn dataset(&self) -> Dataset {
        Dataset::new(self.x.view(), self.y.view()).unwrap()
    }

    fn model(&self, solver: Solver, rank_tol: f64) -> Model {
        let term = Separable { kernel: self.kernel.clone(), task: self.task.clone() };
        let noise = Noise::Variances(self.noise.clone());
        let scaling = Scaling { x: false, y: false };
        let mut model =
            Model::new(&self.dataset(), &term, &noise, &Mean::Training, scaling).unwrap();
        model.select_solver(solver, usize::MAX, true).unwrap();
        model.set_rank_tol(rank_tol).unwrap();
        model
    }

    fn posterior(&self, solver: Solver, rank_tol: f64) -> Posterior {
        let model = self.model(solver, rank_tol);
        let natural = model.layout().initial();
        Posterior::new(model.into(), natural, 1 << 30).unwrap()
    }
}

#[test]
fn the_likelihood_is_within_its_bound_of_the_exact_one() {
    let (mut served, mut loose) = (0, 0);
    for seed in 0..50 {
        let problem = Problem::random(seed);
        let exact = problem.model(Solver::Dense, 1e-10);
        let exact = exact.log_likelihood_value(&exact.layout().initial()).unwrap();
        for tol in [1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12] {
            let model = problem.model(Solver::LowRank, tol);
            let factor = model.factored(&model.layout().initial()).unwrap();
            let (value, report) = (factor.log_likelihood(), factor.report());
            let error = (value - exact).abs();
            let Some(bound) = report.log_likelihood_bound else {
                assert_eq!((&*report.solver, report.exact), ("kronecker", true));
                assert!(error <= 1e-9 * exact.abs().max(1.0), "seed {seed}: {error:e}");
                continue;
            };
            served += 1;
            assert_eq!((&*report.solver, report.exact), ("low-rank", false));
            let rounding = 1e-9 * exact.abs().max(1.0);
            assert!(error <= bound + rounding, "seed {seed}, {tol:e}: {error:e} > {bound:e}");
            // And it says something, but where the two parts of the error happen to cancel.
            loose += usize::from(bound > 1e4 * error && bound > 1e-3);
            assert!(bound <= 1e6 * error || bound <= 1e-3, "seed {seed}: {bound:e} for {error:e}");
        }
    }
    assert!(served >= 270, "{served} of 300 had a low rank");
    assert!(loose <= 15, "{loose} of {served} bounds are more than 10,000 times the error");
}

fn close<'a>(
    what: &str,
    found: impl IntoIterator<Item = &'a f64>,
    expected: impl IntoIterator<Item = &'a f64>,
    tolerance: f64,
) {
    let (found, expected): (Vec<f64>, Vec<f64>) =
        (found.into_iter().copied().collect(), expected.into_iter().copied().collect());
    assert_eq!(found.len(), expected.len());
    let size = expected.iter().fold(f64::MIN_POSITIVE, |m, v| m.max(v.abs()));
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - b).abs() <= tolerance * size, "{what}: {a} for {b}, largest {size}");
    }
}

/// Noises, B stored whole and of low rank, one task and several.
fn cases() -> Vec<Problem> {
    (0..12).map(Problem::random).collect()
}

const TINY: f64 = 1e-12;

#[test]
fn posteriors_are_the_dense_ones() {
    let mut served = 0;
    for problem in cases() {
        let (low, dense) =
            (problem.posterior(Solver::LowRank, TINY), problem.posterior(Solver::Dense, TINY));
        served += usize::from(low.factor().report().solver == "low-rank");
        let xs = Array2::from_shape_fn((7, problem.x.ncols()), |(i, j)| {
            0.37 * (i as f64 - 3.0) + 0.1 * j as f64
        });
        let both = |p: &Posterior| p.predict(xs.view(), Uncertainty::Std).unwrap();
        let (a, b) = (both(&low), both(&dense));
        close("means", &a.mean, &b.mean, 1e-8);
        close("standard deviations", a.std().unwrap(), b.std().unwrap(), 1e-8);
        let joint = |p: &Posterior| -> Array4<f64> { p.joint_covariance(xs.view(), true).unwrap() };
        close("joint covariances", &joint(&low), &joint(&dense), 1e-8);
        let blocks = |p: &Posterior| p.task_covariances(xs.view()).unwrap();
        close("covariances between tasks", &blocks(&low), &blocks(&dense), 1e-8);
        let rhs: ArrayView2<f64> = problem.y.view();
        let odd = rhs.mapv(|v| (5.0 * v).cos());
        let solve = |p: &Posterior| p.factor().solve(odd.view()).unwrap();
        close("solutions", &solve(&low), &solve(&dense), 1e-7);
        close("dual coefficients", &low.factor().dual(), &dense.factor().dual(), 1e-7);
    }
    assert!(served >= 9, "{served} of 12");
}

#[test]
fn samples_have_the_joint_covariance() {
    let problem = Problem::random(6);
    let posterior = problem.posterior(Solver::LowRank, 1e-10);
    assert_eq!(posterior.factor().report().solver, "low-rank");
    let xs = ndarray::array![[-1.4], [0.2], [1.3]];
    let draws = posterior.sample(xs.view(), 20_000, true, 3).unwrap();
    let joint = posterior.joint_covariance(xs.view(), true).unwrap();
    let mean = posterior.predict(xs.view(), Uncertainty::None).unwrap().mean;
    let t = mean.ncols();
    let centred = &draws - &mean.insert_axis(Axis(2));
    for (i, j) in (0..3).flat_map(|i| (0..3).map(move |j| (i, j))) {
        for (a, b) in (0..t).flat_map(|a| (0..t).map(move |b| (a, b))) {
            let draws = |i: usize, a: usize| -> Array1<f64> {
                centred.slice(ndarray::s![i, a, ..]).to_owned()
            };
            let product = (draws(i, a) * draws(j, b)).sum() / 20_000.0;
            let size = (joint[[i, a, i, a]] * joint[[j, b, j, b]]).sqrt();
            assert!((product - joint[[i, a, j, b]]).abs() < 0.05 * size);
        }
    }
}

#[test]
fn leaving_out_is_the_dense_way() {
    let folds = LeaveOut::folds(ROWS, 4, 1);
    let LeaveOut::Groups(labels) = folds.clone() else { unreachable!() };
    let ways =
        [LeaveOut::Row, LeaveOut::Entry, LeaveOut::Task, folds, LeaveOut::GroupsByTask(labels)];
    for problem in cases() {
        let (low, dense) =
            (problem.posterior(Solver::LowRank, TINY), problem.posterior(Solver::Dense, TINY));
        for by in &ways {
            for means in [TaskMeans::Held, TaskMeans::Free] {
                if *by == LeaveOut::Task && means == TaskMeans::Free {
                    continue;
                }
                let (a, b) = (
                    low.factor().leave_out(by, means).unwrap(),
                    dense.factor().leave_out(by, means).unwrap(),
                );
                close("residuals", &a.residual, &b.residual, 1e-7);
                close("standard deviations", &a.std, &b.std, 1e-7);
                close("log densities", &a.log_density, &b.log_density, 1e-7);
            }
        }
        let rows = |p: &Posterior| p.leave_out_row_covariances().unwrap();
        close("covariances of rows", &rows(&low), &rows(&dense), 1e-7);
    }
}

/// A model whose every parameter is learned.
fn learned(task: Task, noise: &Noise, solver: Solver) -> (Model, Vec<f64>) {
    let problem = Problem::random(7); // two columns, three tasks
    assert_eq!(problem.y.ncols(), 3);
    let term = Separable { kernel: Rbf::ard(), task };
    let mut model =
        Model::new(&problem.dataset(), &term, noise, &Mean::Training, Scaling::default()).unwrap();
    model.select_solver(solver, usize::MAX, true).unwrap();
    model.set_rank_tol(TINY).unwrap();
    let mut natural = model.layout().initial();
    let lengthscales = model.theta(&natural).len();
    natural[..lengthscales].iter_mut().for_each(|l| *l *= 2.5);
    for (k, v) in natural[lengthscales..].iter_mut().enumerate() {
        *v *= 1.0 + 0.07 * (k as f64).sin();
    }
    (model, natural)
}

#[test]
fn gradients_are_the_dense_ones_and_those_of_differences() {
    for (task, noise) in [
        (LowRank::new(2), Noise::PerTask),
        (FreeForm::new(), Noise::Shared),
        (LowRank::plus_noise(1), Noise::PerTask),
        (Diagonal::new(), Noise::PerTask),
    ] {
        let (model, natural) = learned(task.clone(), &noise, Solver::LowRank);
        let factor = model.factored(&natural).unwrap();
        assert_eq!(factor.report().solver, "low-rank");
        let (value, gradient) = model.log_likelihood(&natural).unwrap();
        let (dense, _) = learned(task, &noise, Solver::Dense);
        let (expected, of_dense) = dense.log_likelihood(&natural).unwrap();
        assert!((value - expected).abs() < 1e-8 * expected.abs());
        close("gradient", &gradient, &of_dense, 1e-7);
        for i in 0..natural.len() {
            let step = 1e-4 * natural[i].abs().max(0.1);
            let at = |side: f64| {
                let mut moved = natural.clone();
                moved[i] += side * step;
                model.log_likelihood_value(&moved).unwrap()
            };
            let slope = (at(1.0) - at(-1.0)) / (2.0 * step);
            let size = gradient[i].abs().max(1.0);
            assert!((slope - gradient[i]).abs() < 1e-5 * size, "{i}: {slope} for {}", gradient[i]);
        }
    }
}

#[test]
fn many_tasks_of_low_rank_stay_factored() {
    let (n, t) = (45, 70);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let x = Array2::from_shape_simple_fn((n, 1), || rng.random_range(-1.0..1.0));
    let y = Array2::from_shape_fn((n, t), |(i, j)| {
        let e: f64 = rng.sample(StandardNormal);
        (2.0 * x[[i, 0]] + 0.3 * j as f64).sin() + 0.1 * e
    });
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let posterior = |solver| {
        let term = Separable { kernel: Rbf::isotropic(1.5), task: LowRank::plus_noise(2) };
        let parts = (&Noise::PerTask, &Mean::Training, Scaling::default());
        let mut model = Model::new(&data, &term, parts.0, parts.1, parts.2).unwrap();
        model.select_solver(solver, usize::MAX, true).unwrap();
        model.set_rank_tol(TINY).unwrap();
        let natural = model.start(&model.layout().initial()).unwrap().0;
        (model.log_likelihood(&natural).unwrap(), natural, model)
    };
    let ((value, gradient), natural, model) = posterior(Solver::LowRank);
    let (_, _, dense) = posterior(Solver::Dense);
    let (expected, of_dense) = dense.log_likelihood(&natural).unwrap();
    assert!((value - expected).abs() < 1e-8 * expected.abs(), "{value} for {expected}");
    close("gradient", &gradient, &of_dense, 1e-7);
    let posterior = |model: Model| Posterior::new(model.into(), natural.clone(), 1 << 30).unwrap();
    let (low, dense) = (posterior(model), posterior(dense));
    assert_eq!(low.factor().report().solver, "low-rank");
    assert_eq!(low.kronecker().unwrap().congruence().n_shifts(), 3);
    let exact = dense.factor().log_likelihood();
    let bound = low.factor().report().log_likelihood_bound.unwrap();
    assert!((value - exact).abs() <= bound + 1e-9 * exact.abs());
    let xs = ndarray::array![[-1.2], [0.1], [2.0]];
    let std = |p: &Posterior| p.predict(xs.view(), Uncertainty::Std).unwrap();
    close("means", &std(&low).mean, &std(&dense).mean, 1e-8);
    close("standard deviations", std(&low).std().unwrap(), std(&dense).std().unwrap(), 1e-8);
    let joint = |p: &Posterior| p.joint_covariance(xs.view(), false).unwrap();
    close("joint covariances", &joint(&low), &joint(&dense), 1e-8);
    for by in [LeaveOut::Row, LeaveOut::Entry, LeaveOut::Task, LeaveOut::blocks(n, 6)] {
        let left = |p: &Posterior| p.factor().leave_out(&by, TaskMeans::Held).unwrap();
        let (a, b) = (left(&low), left(&dense));
        close("residuals", &a.residual, &b.residual, 1e-7);
        close("standard deviations", &a.std, &b.std, 1e-7);
        close("log densities", &a.log_density, &b.log_density, 1e-7);
    }
}

#[test]
fn learning_ends_where_the_eigendecomposition_ends() {
    let problem = Problem::random(7);
    for (task, noise) in [(LowRank::new(1), Noise::PerTask), (FreeForm::new(), Noise::Full)] {
        let fit = |solver| {
            let gp = MultiTaskGp::new(Rbf::ard()).task(task.clone()).noise(noise.clone());
            gp.solver(solver).fit(&problem.dataset()).unwrap()
        };
        let (low, whole) = (fit(Solver::LowRank), fit(Solver::Kronecker));
        let report = low.report();
        assert_eq!((&*report.solve.solver, report.optimizer), ("low-rank", "alternating"));
        assert!(report.converged, "{report}");
        let bound = report.solve.log_likelihood_bound.unwrap();
        assert!(bound < 1e-3, "{bound:e}");
        assert!(report.to_string().contains("nats of the exact one"));
        let (a, b) = (low.log_marginal_likelihood(), whole.log_marginal_likelihood());
        assert!((a - b).abs() < 1e-4, "{a} and {b}");
        let (a, b) = (low.task_correlation_std_error(), whole.task_correlation_std_error());
        close("standard errors", a.unwrap(), b.unwrap(), 1e-2);
        let again = FittedMultiTaskGp::from_bytes(&low.to_bytes().unwrap()).unwrap();
        assert_eq!(again.setup().solver, Solver::LowRank);
        assert_eq!(again.report().solve, report.solve);
    }
}

#[test]
fn rows_can_be_added() {
    let problem = Problem::random(9); // one column, four tasks
    let (old, new) = (ndarray::s![..ROWS - 2, ..], ndarray::s![ROWS - 2.., ..]);
    let data = Dataset::new(problem.x.slice(old), problem.y.slice(old)).unwrap();
    let conditioned = |solver| {
        let gp = MultiTaskGp::new(problem.kernel.clone()).task(problem.task.clone());
        let gp = gp.noise(Noise::Variances(problem.noise.clone())).optimizer(Optimizer::None);
        let mut gp = gp.normalize_x(false).normalize_y(false).solver(solver);
        if solver == Solver::LowRank {
            gp = gp.rank_tol(TINY);
        }
        let gp = gp.fit(&data).unwrap();
        gp.condition(problem.x.slice(new), problem.y.slice(new)).unwrap()
    };
    let (low, whole) = (conditioned(Solver::LowRank), conditioned(Solver::Kronecker));
    let solve = low.posterior().factor().report();
    assert_eq!((&*solve.solver, solve.log_likelihood_bound), ("low-rank", None));
    let (a, b) = (low.log_marginal_likelihood(), whole.log_marginal_likelihood());
    assert!((a - b).abs() < 1e-8 * b.abs(), "{a} and {b}");
    let xs = ndarray::array![[-1.1], [0.3], [1.2]];
    let std = |gp: &FittedMultiTaskGp| gp.predict(xs.view(), Uncertainty::Std).unwrap();
    close("means", &std(&low).mean, &std(&whole).mean, 1e-8);
    close("standard deviations", std(&low).std().unwrap(), std(&whole).std().unwrap(), 1e-8);
}

#[test]
fn what_it_does_not_serve_is_refused_or_said() {
    let problem = Problem::random(7);
    let gp = MultiTaskGp::new(Rbf::ard()).solver(Solver::LowRank);
    let mut gappy = problem.y.clone();
    gappy[[3, 1]] = f64::NAN;
    let error = gp.fit(&Dataset::new(problem.x.view(), gappy.view()).unwrap()).unwrap_err();
    assert!(error.to_string().contains("auto, schur, dense, cg"), "{error}");
    for share in [0.0, -1.0, 0.5, f64::NAN] {
        let error = gp.clone().rank_tol(share).fit(&problem.dataset()).unwrap_err();
        assert!(matches!(error, Error::InvalidValue { argument, .. } if argument == "rank_tol"));
    }
    let error = MultiTaskGp::new(Rbf::ard()).rank_tol(1e-6).fit(&problem.dataset()).unwrap_err();
    assert!(error.to_string().contains("it is for the solver low-rank"), "{error}");
    // What is cut off early says so.
    let loose = gp.clone().rank_tol(0.1).fit(&problem.dataset()).unwrap();
    let of_rank = |w: &coregion::estimator::Warning| w.to_string().contains("lower `rank_tol`");
    assert!(loose.report().warnings.iter().any(of_rank), "{}", loose.report());
    // Lengthscales far below the spacing: every column says something of its own.
    let rough = MultiTaskGp::new(Rbf::isotropic(1e-3).fix("lengthscale")).solver(Solver::LowRank);
    let rough = rough.rank_tol(1e-6).fit(&problem.dataset()).unwrap();
    let solve = &rough.report().solve;
    assert_eq!((&*solve.solver, solve.exact, solve.rank), ("kronecker", true, None));
    assert!(solve.why.contains("low-rank was asked for"), "{}", solve.why);
    let again = FittedMultiTaskGp::from_bytes(&rough.to_bytes().unwrap()).unwrap();
    assert_eq!(again.setup().rank_tol, 1e-6);
}
