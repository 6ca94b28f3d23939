//! Fits as users make them: convergence and reports of every structure, ties and held values,
//! observers, restarts, samples.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use coregion::Error;
use coregion::learn::{Observer, Progress, Stop};
use coregion::prelude::*;
use coregion::task;
use ndarray::{Array2, Array3, Array4, Axis, s};

use crate::common::{assert_close, assert_near, normal, smooth_outputs};
use crate::support::{assert_healthy, gradient_norm, kernels, tasks, warnings};

fn data(n: usize, t: usize, seed: u64) -> Dataset {
    let x = normal(n, 2, seed);
    let y = smooth_outputs(x.view(), t, 0.3, seed + 1);
    Dataset::new(x.view(), y.view()).unwrap()
}

#[test]
fn ordinary_problems_converge_in_every_structure() {
    let data = data(30, 3, 1);
    let mut open = Vec::new();
    let mut check = |what: String, model: MultiTaskGp, optimizer: &str| {
        let gp = model.fit(&data).unwrap();
        assert_healthy(&gp);
        let learned = gp.posterior().model().layout().n_free() > 0;
        assert_eq!(gp.report().optimizer, if learned { optimizer } else { "none" }, "{what}");
        if warnings(&gp).contains(&"NotConverged".to_string()) {
            open.push(format!("{what}: {:e}", gradient_norm(&gp)));
        }
    };
    for task in tasks(3) {
        for noise in task::noises(3) {
            let what = format!("{task}, {noise}");
            let model = MultiTaskGp::new(Matern52::ard()).task(task.clone()).noise(noise);
            check(what.clone(), model.clone(), "alternating");
            let joint = model.optimizer(Optimizer::Joint).max_iterations(2000);
            check(format!("{what}, joint"), joint, "joint");
        }
    }
    // A period where there is none ends in a comb of needles, on which the digits of the likelihood
    // are used up before the gradient is small.
    for kernel in kernels().into_iter().filter(|k| !k.to_string().starts_with("Periodic")) {
        check(kernel.to_string(), MultiTaskGp::new(kernel), "alternating");
    }
    assert!(open.is_empty(), "{open:#?}");
}

#[test]
fn both_optimizers_reach_one_optimum() {
    let default = MultiTaskGp::new(Matern52::ard());
    let problems = [
        (data(60, 3, 3), default.clone()),
        (data(120, 5, 5), default.clone()),
        (data(80, 4, 7), default.clone().task(FreeForm::new()).noise(Noise::Full)),
        (data(70, 4, 9), default.task(LowRank::plus_noise(2)).noise(Noise::Shared)),
        (data(60, 3, 11), MultiTaskGp::new(Rbf::ard() + 0.2 * Linear::learned())),
    ];
    for (data, model) in problems {
        let fit = |optimizer| {
            let gp = model.clone().optimizer(optimizer).max_iterations(3000).fit(&data).unwrap();
            assert!(gp.report().converged, "{}", gp.report());
            gp
        };
        let (a, j) = (fit(Optimizer::Alternating), fit(Optimizer::Joint));
        let density = |gp: &FittedMultiTaskGp| gp.report().restarts[0].log_posterior;
        let gap = (density(&a) - density(&j)) / data.y().len() as f64;
        assert!(gap.abs() < 1e-4, "{gap:e}\n{}\n{}", a.report(), j.report());
        let xs = normal(5, 2, 12);
        let mean = |gp: &FittedMultiTaskGp| gp.predict(xs.view(), Uncertainty::None).unwrap().mean;
        assert_close(&mean(&a), &mean(&j), 2e-2);
        // The alternation needs no more decompositions than the joint search.
        assert!(a.report().eigendecompositions <= j.report().eigendecompositions);
    }
}

#[test]
fn held_values_stay_and_the_rest_is_learned() {
    let data = data(25, 3, 13);
    let kernel = 1.0 * Rbf::new([0.9, 1.7]) + 0.5 * Matern32::new([0.4, 0.6]);
    let plain = MultiTaskGp::new(kernel.clone()).noise(Noise::Full).fit(&data).unwrap();
    let layout = plain.posterior().model().layout();
    let start = layout.initial();
    for entry in layout.entries().iter().filter(|e| e.spec.free.contains(&true)) {
        let model = MultiTaskGp::new(kernel.clone()).noise(Noise::Full).fix(&entry.path);
        let gp = model.fit(&data).unwrap();
        assert_healthy(&gp);
        assert_eq!(gp.parameters()[&entry.path], entry.array(&start), "{}", entry.path);
        let moved = gp.parameters().into_iter();
        let moved = moved.filter(|(path, v)| *v != layout.array(path, &start).unwrap());
        assert!(moved.count() >= 3, "{}", entry.path);
        assert!(gp.to_string().contains("held"));
    }
    // Held in the description is held in the fit.
    let (w, kappa) = (normal(3, 1, 14), [0.3, 0.2, 0.1]);
    let task = LowRank::starting_at(w.view(), &kappa).fix("W");
    let gp = MultiTaskGp::new(Rbf::new([0.9, 1.7]).fix("lengthscale")).task(task).fit(&data);
    let parameters = gp.unwrap().parameters();
    assert_eq!(parameters["terms[0].task.W"], w.into_dyn());
    let lengthscale = "terms[0].kernel.lengthscale";
    assert_eq!(parameters[lengthscale].as_slice().unwrap(), [0.9, 1.7]);
    assert_ne!(parameters["terms[0].task.kappa"].as_slice().unwrap(), kappa);
    // Values given are the start, not the end.
    let given = MultiTaskGp::new(Rbf::new([0.9, 1.7]));
    let start = given.clone().max_iterations(0).fit(&data).unwrap();
    assert_close(&start.parameters()[lengthscale], &parameters[lengthscale], 1e-14);
    assert_ne!(given.fit(&data).unwrap().parameters()[lengthscale], parameters[lengthscale]);
}

#[test]
fn tied_values_are_one_parameter() {
    let data = data(25, 3, 15);
    let paths =
        ["parts[0].lengthscale", "parts[1].lengthscale"].map(|p| format!("terms[0].kernel.{p}"));
    let kernel = 1.0 * Rbf::new([0.9, 1.7]) + 0.5 * Matern32::new([0.4, 0.6]);
    for optimizer in [Optimizer::Auto, Optimizer::Alternating, Optimizer::Joint] {
        let model = MultiTaskGp::new(kernel.clone()).optimizer(optimizer).max_iterations(2000);
        let gp = model.tie(&paths[0], &paths[1]).fit(&data).unwrap();
        assert_healthy(&gp);
        assert!(gp.report().converged, "{}", gp.report());
        assert_eq!(gp.parameters()[&paths[0]], gp.parameters()[&paths[1]]);
        assert_ne!(gp.parameters()[&paths[0]].as_slice().unwrap(), [0.9, 1.7]);
        assert_eq!(gp.posterior().model().layout().n_free(), 2 + 1 + 9 + 3);
    }
    // A tie of kernel and B leaves no spectrum to alternate on.
    let (scale, multiple) = ("terms[0].kernel.parts[1].scale", "terms[0].task.noise_multiple");
    let model = MultiTaskGp::new(Rbf::ard() + 0.3 * Linear::learned())
        .task(LowRank::plus_noise(1))
        .tie(scale, multiple);
    let gp = model.clone().max_iterations(2000).fit(&data).unwrap();
    assert_healthy(&gp);
    assert_eq!(gp.report().optimizer, "joint");
    let parameters = gp.parameters();
    assert_eq!(parameters[scale], parameters[multiple]);
    assert_ne!(parameters[scale].iter().next(), Some(&0.3));
    let refused = model.optimizer(Optimizer::Alternating).fit(&data).unwrap_err();
    assert!(matches!(&refused, Error::Incompatible { .. }), "{refused}");
    assert!(refused.to_string().contains("joint"), "{refused}");
}

#[test]
fn observers_see_every_evaluation() {
    let data = data(25, 3, 17);
    for (optimizer, n_restarts) in [(Optimizer::Alternating, 2), (Optimizer::Joint, 0)] {
        let seen: Arc<Mutex<Vec<Progress>>> = Arc::default();
        let log = Arc::clone(&seen);
        let model = MultiTaskGp::new(Matern52::ard()).optimizer(optimizer).n_restarts(n_restarts);
        let watched = model.clone().observer(move |p: &Progress| {
            log.lock().unwrap().push(*p);
            ControlFlow::Continue(())
        });
        let gp = watched.fit(&data).unwrap();
        assert_eq!(gp.parameters(), model.fit(&data).unwrap().parameters());
        let seen = seen.lock().unwrap();
        for (restart, summary) in gp.report().restarts.iter().enumerate() {
            let own: Vec<&Progress> = seen.iter().filter(|p| p.restart == restart).collect();
            assert!(own.len() >= summary.evaluations, "{restart}");
            let counts: Vec<usize> = own.iter().map(|p| p.evaluations).collect();
            assert_eq!(counts, (1..=own.len()).collect::<Vec<_>>());
            let best = own.iter().map(|p| p.log_posterior).fold(f64::NEG_INFINITY, f64::max);
            assert_near(best, summary.log_posterior, 1e-9);
        }
        assert!(seen.iter().all(|p| p.eigendecompositions >= 1));
    }
}

#[test]
fn observers_cancel() {
    let data = data(25, 3, 19);
    for optimizer in [Optimizer::Alternating, Optimizer::Joint] {
        for limit in [1, 2, 5] {
            let model = MultiTaskGp::new(Matern52::ard()).optimizer(optimizer);
            let model = model.observer(move |p: &Progress| match p.evaluations {
                e if e < limit => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            });
            let error = model.fit(&data).unwrap_err();
            assert_eq!(error, Error::Cancelled { evaluations: limit });
        }
    }
}

#[test]
fn a_cancellation_ends_every_restart() {
    let data = data(25, 3, 19);
    for optimizer in [Optimizer::Alternating, Optimizer::Joint] {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let model = MultiTaskGp::new(Matern52::ard()).optimizer(optimizer).n_restarts(40);
        let model = model.observer(move |_: &Progress| {
            count.fetch_add(1, Ordering::Relaxed);
            ControlFlow::Break(())
        });
        assert!(matches!(model.fit(&data), Err(Error::Cancelled { .. })));
        // Those that were being made on other threads were told of as well.
        assert!(asked.load(Ordering::Relaxed) <= rayon::current_num_threads());
    }
}

/// Cancels once it was told of as many evaluations, when it is asked between two of them.
struct Impatient {
    limit: usize,
    told: AtomicUsize,
}

impl Observer for Impatient {
    fn progress(&self, _: &Progress) -> ControlFlow<()> {
        self.told.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Continue(())
    }

    fn is_cancelled(&self) -> bool {
        self.told.load(Ordering::Relaxed) >= self.limit
    }
}

#[test]
fn observers_cancel_between_evaluations() {
    let data = data(25, 3, 19);
    for limit in [0, 1, 3] {
        for solver in [Solver::Kronecker, Solver::Dense] {
            let observer = Impatient { limit, told: AtomicUsize::new(0) };
            let model = MultiTaskGp::new(Matern52::ard()).solver(solver).observer(observer);
            assert_eq!(model.fit(&data).unwrap_err(), Error::Cancelled { evaluations: limit });
        }
    }
    // A model that was fitted is never told to stop.
    let last = MultiTaskGp::new(Matern52::ard()).fit(&data).unwrap().report().evaluations;
    let observer = Impatient { limit: last + 1, told: AtomicUsize::new(0) };
    let gp = MultiTaskGp::new(Matern52::ard()).observer(observer).fit(&data).unwrap();
    assert!(gp.log_marginal_likelihood_at(&[]).is_ok());
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let data = data(40, 3, 21);
    for (task, noise) in [(LowRank::new(2), Noise::PerTask), (FreeForm::new(), Noise::Full)] {
        let model = MultiTaskGp::new(Matern52::ard()).task(task).noise(noise).n_restarts(2);
        let fit = |seed| model.clone().seed(seed).fit(&data).unwrap();
        let (a, b, c) = (fit(1), fit(1), fit(2));
        assert_eq!(a.parameters(), b.parameters());
        assert_eq!(a.report().restarts, b.report().restarts);
        assert_eq!(a.report().trace, b.report().trace);
        assert_eq!(a.log_marginal_likelihood(), b.log_marginal_likelihood());
        assert_healthy(&a);
        let restarts = &a.report().restarts;
        assert_eq!(restarts.len(), 3);
        assert_eq!(restarts[0], c.report().restarts[0]);
        assert_ne!(restarts[1], c.report().restarts[1]);
        assert_ne!(restarts[1], restarts[2]);
        // The best start is kept.
        let best = restarts.iter().map(|r| r.log_posterior).fold(f64::NEG_INFINITY, f64::max);
        let kept = a.report().trace.iter().map(|p| p.value).fold(f64::NEG_INFINITY, f64::max);
        assert_near(kept, best, 1e-12);
        let alone = model.n_restarts(0).fit(&data).unwrap();
        assert_eq!(alone.report().restarts[0], restarts[0]);
        assert_eq!(a.report().stop, Stop::Converged);
    }
}

/// Means (m, T) and covariance (m, T, m, T) of draws (m, T, samples).
fn moments(draws: &Array3<f64>) -> (Array2<f64>, Array4<f64>) {
    let (m, t, n) = draws.dim();
    let flat = draws.to_shape((m * t, n)).unwrap();
    let mean = flat.mean_axis(Axis(1)).unwrap();
    let centred = &flat - &mean.view().insert_axis(Axis(1));
    let covariance = centred.dot(&centred.t()) / n as f64;
    (
        mean.to_shape((m, t)).unwrap().to_owned(),
        covariance.to_shape((m, t, m, t)).unwrap().to_owned(),
    )
}

/// Asserts that draws have the moments said, to five standard errors.
fn assert_moments(gp: &FittedMultiTaskGp, xs: &Array2<f64>, include_noise: bool) {
    const DRAWS: usize = 4000;
    let draws = gp.sample(xs.view(), DRAWS, include_noise, 7).unwrap();
    let (mean, covariance) = moments(&draws);
    let expected_mean = gp.predict(xs.view(), Uncertainty::None).unwrap().mean;
    let expected = gp.predict_covariance(xs.view(), include_noise).unwrap();
    let variance = |i: usize, t: usize| expected[[i, t, i, t]];
    for ((i, t), v) in mean.indexed_iter() {
        let error = (variance(i, t) / DRAWS as f64).sqrt();
        let gap = (v - expected_mean[[i, t]]).abs();
        assert!(gap <= 5.0 * error + 1e-12, "mean {i} {t}: {} standard errors", gap / error);
    }
    for ((i, t, j, s), v) in covariance.indexed_iter() {
        let c = expected[[i, t, j, s]];
        let error = ((variance(i, t) * variance(j, s) + c * c) / DRAWS as f64).sqrt();
        let gap = (v - c).abs();
        assert!(gap <= 5.0 * error + 1e-12, "{i} {t} {j} {s}: {} standard errors", gap / error);
    }
}

#[test]
fn samples_have_the_moments_predicted() {
    // Two rows that coincide and one of training: no jitter is needed.
    let mut xs = normal(4, 2, 23);
    for structure in [
        MultiTaskGp::new(Rbf::ard()),
        MultiTaskGp::new(Matern32::ard()).task(FreeForm::new()).noise(Noise::Full),
        MultiTaskGp::new(Linear::learned()).task(Diagonal::new()),
    ] {
        let data = data(15, 3, 25);
        let gp = structure.max_iterations(3).fit(&data).unwrap();
        let first = xs.row(0).to_owned();
        xs.row_mut(1).assign(&first);
        xs.row_mut(2).assign(&data.x().row(3));
        for include_noise in [false, true] {
            assert_moments(&gp, &xs, include_noise);
        }
        let draws = |seed| gp.sample(xs.view(), 3, true, seed).unwrap();
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
        let latent = gp.sample(xs.view(), 3, false, 1).unwrap();
        let (a, b) = (latent.slice(s![0, .., ..]), latent.slice(s![1, .., ..]));
        assert_close(&a.to_owned(), &b.to_owned(), 1e-6);
    }
}

/// The model of a fit with B as a matrix: the dense path at the same values.
fn dense_twin(gp: &FittedMultiTaskGp, data: &Dataset) -> FittedMultiTaskGp {
    MultiTaskGp::new(gp.kernel().clone())
        .task(Fixed::at(gp.task_covariance().view()))
        .noise(gp.noise())
        .optimizer(Optimizer::None)
        .fit(data)
        .unwrap()
}

#[test]
fn many_tasks_take_the_factored_path_to_the_same_answers() {
    let data = data(12, 80, 27);
    for (rank, noise) in [(2, Noise::PerTask), (1, Noise::Shared)] {
        let gp = MultiTaskGp::new(Matern52::ard())
            .task(LowRank::plus_noise(rank))
            .noise(noise)
            .max_iterations(20)
            .fit(&data)
            .unwrap();
        let dense = dense_twin(&gp, &data);
        let shifts =
            |gp: &FittedMultiTaskGp| gp.posterior().kronecker().unwrap().congruence().n_shifts();
        assert_eq!((shifts(&gp), shifts(&dense)), (rank + 1, 80));
        assert_healthy(&gp);
        assert_near(gp.log_marginal_likelihood(), dense.log_marginal_likelihood(), 1e-11);
        let xs = normal(3, 2, 29);
        for uncertainty in [Uncertainty::Std, Uncertainty::Observation] {
            let p = gp.predict(xs.view(), uncertainty).unwrap();
            let q = dense.predict(xs.view(), uncertainty).unwrap();
            assert_close(&p.mean, &q.mean, 1e-10);
            assert_close(&p.std().unwrap(), &q.std().unwrap(), 1e-9);
            let mut given = &q.mean + 0.3;
            given.slice_mut(s![.., ..70]).fill(f64::NAN);
            let p = gp.predict_given(xs.view(), given.view(), uncertainty).unwrap();
            let q = dense.predict_given(xs.view(), given.view(), uncertainty).unwrap();
            assert_close(&p.mean, &q.mean, 1e-9);
            assert_close(&p.std().unwrap(), &q.std().unwrap(), 1e-8);
        }
        let joint = |gp: &FittedMultiTaskGp| gp.predict_covariance(xs.view(), true).unwrap();
        assert_close(&joint(&gp), &joint(&dense), 1e-10);
        let blocks = |gp: &FittedMultiTaskGp| gp.predict_task_covariances(xs.view()).unwrap();
        assert_close(&blocks(&gp), &blocks(&dense), 1e-10);
        let gradient = |gp: &FittedMultiTaskGp| {
            let (_, gradient) = gp.log_marginal_likelihood_at(&[]).unwrap();
            gradient["terms[0].kernel.lengthscale"].clone()
        };
        assert_close(&gradient(&gp), &gradient(&dense), 1e-7);
        for include_noise in [false, true] {
            assert_moments(&gp, &xs.slice(s![..2, ..]).to_owned(), include_noise);
        }
    }
}
