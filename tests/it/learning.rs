//! Learning: gradients of every structure, units, equivalences, and both optimisers at one optimum.

use coregion::gp::{AlternatingBlocks, JointObjective, Mean, Model, Scaling};
use coregion::kernel::{self, Kernel};
use coregion::learn::{Blocks, Objective, Progress};
use coregion::matrix_kernel::Separable;
use coregion::prelude::*;
use coregion::task;
use ndarray::{Array2, Axis};
use std::ops::ControlFlow;

use crate::common::{assert_close, assert_near, normal, smooth_outputs};
use crate::support::{assert_gradient, differences};

fn data(n: usize, t: usize, seed: u64) -> Dataset {
    let x = normal(n, 2, seed);
    let y = smooth_outputs(x.view(), t, 0.3, seed + 1);
    Dataset::new(x.view(), y.view()).unwrap()
}

fn model(data: &Dataset, kernel: Kernel, task: Task, noise: &Noise) -> (Model, Vec<f64>) {
    let term = Separable { kernel, task };
    let model = Model::new(data, &term, noise, &Mean::Training, Scaling::default()).unwrap();
    let (natural, _) = model.start(&model.layout().initial()).unwrap();
    (model, natural)
}

fn structures(t: usize) -> Vec<(Task, Noise)> {
    let tasks: Vec<Task> = task::registry().iter().flat_map(|e| (e.examples)(t)).collect();
    let all = tasks.iter().flat_map(|b| task::noises(t).into_iter().map(|s| (b.clone(), s)));
    all.collect()
}

#[test]
fn likelihood_gradients_of_every_structure() {
    let data = data(9, 3, 41);
    let kernels = [
        Matern52::ard(),
        1.5 * Rbf::ard() + 0.4 * Matern32::isotropic(0.7),
        Rbf::ard() * Linear::new(0.6),
    ];
    for (i, (task, noise)) in structures(3).into_iter().enumerate() {
        let (model, natural) = model(&data, kernels[i % 3].clone(), task.clone(), &noise);
        let (_, found) = model.log_likelihood(&natural).unwrap();
        let value = |p: &[f64]| model.log_likelihood_value(p).unwrap();
        // Entries above the diagonal of a factor are no parameters: they stay 0.
        let expected = differences(value, &natural, 1e-4);
        for (entry, range) in model.layout().entries().iter().map(|e| (e, e.range.clone())) {
            for k in range {
                if entry.spec.free[k - entry.range.start] || entry.path == "mean.offset" {
                    let size = expected[k].abs().max(1.0);
                    let error = (found[k] - expected[k]).abs() / size;
                    assert!(error < 1e-6, "{task} {noise} {}: {error:e}", entry.path);
                }
            }
        }
        // The joint objective in free coordinates, priors included.
        let free = model.layout().pack(&natural);
        let mut joint = JointObjective::new(&model, natural.clone(), |_| Ok(()));
        let (_, found) = joint.evaluate(&free).unwrap();
        let expected = differences(|u| joint.evaluate(u).unwrap().0, &free, 1e-4);
        assert_gradient(&found, &expected, 1e-6, 1e-2, &format!("{task} {noise}"));
    }
}

#[test]
fn the_outer_gradient_is_that_of_the_profiled_objective() {
    let data = data(14, 3, 43);
    for (task, noise) in [(FreeForm::new(), Noise::Full), (LowRank::new(1), Noise::PerTask)] {
        let (model, natural) = model(&data, Matern52::ard(), task, &noise);
        let (_, optimum) = model.inner_optimum(&natural).unwrap();
        let free = model.layout().pack(&optimum);
        let n_outer = model.kernel_block().unwrap();
        let spectral = model.spectral(&optimum).unwrap();
        let report = |_| Ok(());
        let mut blocks = AlternatingBlocks::new(&model, optimum.clone(), spectral, report).unwrap();
        let (_, found) = blocks.outer_gradient(&free[n_outer..]).unwrap();
        let profiled = |outer: &[f64]| {
            let mut natural = optimum.clone();
            let mut moved = free.clone();
            moved[..n_outer].copy_from_slice(outer);
            model.layout().unpack_into(&moved, &mut natural);
            -model.inner_optimum(&natural).unwrap().0 / model.n_observations() as f64
        };
        let expected = differences(profiled, &free[..n_outer], 1e-3);
        assert_gradient(&found, &expected, 1e-4, 1e-3, "outer gradient");
    }
}

/// The model of a fit at its reported values, held, without scaling.
fn reproduced(gp: &FittedMultiTaskGp, data: &Dataset) -> FittedMultiTaskGp {
    MultiTaskGp::new(gp.kernel().clone())
        .task(Fixed::at(gp.task_covariance().view()))
        .noise(gp.noise())
        .mean(Mean::Given(gp.parameters()["mean.offset"].iter().copied().collect()))
        .normalize_x(false)
        .normalize_y(false)
        .optimizer(Optimizer::None)
        .fit(data)
        .unwrap()
}

/// Columns and tasks of very different scales and offsets; integers in the first column, so that
/// categories repeat.
fn unequal() -> Dataset {
    let mut x = normal(24, 2, 51);
    x.column_mut(0).mapv_inplace(|v| (2.0 * v).round());
    let mut y = smooth_outputs(x.view(), 3, 0.3, 52);
    x.column_mut(1).mapv_inplace(|v| 40.0 * v + 3.0);
    for (t, (scale, offset)) in [(1e3, 5e3), (1e-2, 0.0), (7.0, -3.0)].into_iter().enumerate() {
        y.column_mut(t).mapv_inplace(|v| scale * v + offset);
    }
    Dataset::new(x.view(), y.view()).unwrap()
}

#[test]
fn reported_values_give_the_reported_likelihood() {
    let data = unequal();
    let kernels: Vec<Kernel> =
        kernel::registry().iter().flat_map(|entry| (entry.examples)()).collect();
    let mut checked = 0;
    let mut check = |builder: MultiTaskGp| {
        let gp = builder.max_iterations(3).fit(&data).unwrap();
        let again = reproduced(&gp, &data);
        let (a, b) = (gp.log_marginal_likelihood(), again.log_marginal_likelihood());
        assert!((a - b).abs() <= 1e-8 * a.abs().max(1.0), "{}: {a} {b}", gp.kernel());
        checked += 1;
    };
    for kernel in &kernels {
        check(MultiTaskGp::new(kernel.clone()));
    }
    let scaled_fixed = ndarray::array![[1e6, 1.0, 10.0], [1.0, 1e-4, 1e-3], [10.0, 1e-3, 50.0]];
    for (task, noise) in structures(3) {
        let task = if task.spec().name == "Fixed" { Fixed::at(scaled_fixed.view()) } else { task };
        check(MultiTaskGp::new(Matern52::ard()).task(task).noise(noise));
    }
    assert!(checked >= 16 + 35, "{checked}");
}

#[test]
fn scaling_a_column_scales_every_answer() {
    let data = data(30, 3, 61);
    let factors = ndarray::array![100.0, 0.02, 3.0];
    let shifts = ndarray::array![7.0, -1.0, 400.0];
    let inputs = ndarray::array![50.0, 1e-3];
    let y = &data.y() * &factors + &shifts;
    let x = &data.x() * &inputs;
    let scaled = Dataset::new(x.view(), y.view()).unwrap();
    let fit = |data: &Dataset, noise: Noise, task: Task| {
        MultiTaskGp::new(Matern52::ard()).task(task).noise(noise).fit(data).unwrap()
    };
    for (noise, task) in [(Noise::PerTask, LowRank::new(1)), (Noise::Full, FreeForm::new())] {
        let a = fit(&data, noise.clone(), task.clone());
        let b = fit(&scaled, noise, task);
        // Both are refitted, each to its tolerance: answers agree as far as optima do.
        let tolerance = 1e-4;
        let both = &factors.view().insert_axis(Axis(1)) * &factors;
        assert_close(&(a.task_covariance() * &both), &b.task_covariance(), tolerance);
        assert_close(&(a.noise_covariance() * &both), &b.noise_covariance(), tolerance);
        let jacobian = 30.0 * factors.mapv(f64::ln).sum();
        assert_near(a.log_marginal_likelihood() - jacobian, b.log_marginal_likelihood(), tolerance);
        let path = "terms[0].kernel.lengthscale";
        let lengthscale = &a.parameters()[path] * &inputs;
        assert_close(&lengthscale, &b.parameters()[path].clone(), 1e-3);
        let xs = normal(5, 2, 62);
        let p = a.predict(xs.view(), Uncertainty::Observation).unwrap();
        let q = b.predict((&xs * &inputs).view(), Uncertainty::Observation).unwrap();
        let means = (&q.mean - &shifts) / &factors;
        assert_close(&p.mean, &means, 1e-3);
        assert_close(&p.std().unwrap().to_owned(), &(&q.std().unwrap() / &factors), 1e-3);
    }
}

#[test]
fn alternating_and_joint_reach_the_same_optimum() {
    let problems = [
        (data(60, 3, 71), MultiTaskGp::new(Matern52::ard())),
        (data(80, 4, 73), MultiTaskGp::new(Rbf::ard()).noise(Noise::Full).task(FreeForm::new())),
        (data(50, 5, 75), MultiTaskGp::new(Matern32::ard()).noise(Noise::Shared)),
    ];
    for (data, model) in problems {
        let fit =
            |optimizer| model.clone().optimizer(optimizer).max_iterations(5000).fit(&data).unwrap();
        let (a, j) = (fit(Optimizer::Alternating), fit(Optimizer::Joint));
        let reached = |gp: &FittedMultiTaskGp| gp.report().restarts[0].log_posterior;
        let difference = (reached(&a) - reached(&j)) / data.y().len() as f64;
        assert!(a.report().converged, "{}", a.report());
        assert!(difference.abs() < 1e-4, "{difference:e}\n{}\n{}", a.report(), j.report());
        assert_eq!((a.report().optimizer, j.report().optimizer), ("alternating", "joint"));
    }
}

#[test]
fn independent_tasks_are_single_task_models() {
    let data = data(20, 3, 81);
    let xs = normal(6, 2, 82);
    let variances = [0.7, 1.9, 0.2];
    let noise = [0.1, 0.05, 0.3];
    let kernel = Matern32::new([0.8, 1.6]);
    let held = |task: Task, noise: Vec<f64>| {
        MultiTaskGp::new(kernel.clone())
            .task(task)
            .noise(Noise::Variances(noise))
            .optimizer(Optimizer::None)
    };
    let together = held(Diagonal::starting_at(variances), noise.to_vec()).fit(&data).unwrap();
    let p = together.predict(xs.view(), Uncertainty::Std).unwrap();
    let mut total = 0.0;
    for t in 0..3 {
        let alone = held(Diagonal::starting_at([variances[t]]), vec![noise[t]]);
        let alone = alone.fit(&data.task(t).unwrap()).unwrap();
        total += alone.log_marginal_likelihood();
        let q = alone.predict(xs.view(), Uncertainty::Std).unwrap();
        assert_close(&p.mean.column(t).to_owned(), &q.mean.column(0).to_owned(), 1e-12);
        let (a, b) = (p.std().unwrap(), q.std().unwrap());
        assert_close(&a.column(t).to_owned(), &b.column(0).to_owned(), 1e-10);
    }
    assert_near(together.log_marginal_likelihood(), total, 1e-12);
}

#[test]
fn permuted_tasks_permute_every_answer() {
    let data = data(25, 3, 83);
    let order = [2, 0, 1];
    let permuted = Dataset::new(data.x(), data.y().select(Axis(1), &order).view()).unwrap();
    let fit = |d: &Dataset| MultiTaskGp::new(Rbf::ard()).task(FreeForm::new()).fit(d).unwrap();
    let (a, b) = (fit(&data), fit(&permuted));
    assert_near(a.log_marginal_likelihood(), b.log_marginal_likelihood(), 1e-6);
    let moved = a.task_covariance().select(Axis(0), &order).select(Axis(1), &order);
    assert_close(&moved, &b.task_covariance(), 1e-3);
}

#[test]
fn thousands_of_tasks_in_small_equal_the_dense_path() {
    // T = 80 takes the factored path; the same B given as a matrix takes the dense one.
    let data = data(15, 80, 91);
    let gp = MultiTaskGp::new(Matern52::ard())
        .task(LowRank::plus_noise(2))
        .mean(Mean::Training)
        .max_iterations(5)
        .fit(&data)
        .unwrap();
    assert_eq!(gp.posterior().kronecker().unwrap().congruence().n_shifts(), 3);
    let dense = reproduced(&gp, &data);
    assert_eq!(dense.posterior().kronecker().unwrap().congruence().n_shifts(), 80);
    assert_near(gp.log_marginal_likelihood(), dense.log_marginal_likelihood(), 1e-9);
    let xs = normal(4, 2, 92);
    let (p, q) = (
        gp.predict(xs.view(), Uncertainty::Observation).unwrap(),
        dense.predict(xs.view(), Uncertainty::Observation).unwrap(),
    );
    assert_close(&p.mean, &q.mean, 1e-8);
    assert_close(&p.std().unwrap().to_owned(), &q.std().unwrap().to_owned(), 1e-8);
    let (c, d) = (
        gp.predict_covariance(xs.view(), true).unwrap(),
        dense.predict_covariance(xs.view(), true).unwrap(),
    );
    assert_close(&c, &d, 1e-8);
    let mut given = q.mean.clone();
    given.slice_mut(ndarray::s![.., 3..]).fill(f64::NAN);
    given.mapv_inplace(|v| v + 0.3);
    let (c, d) = (
        gp.predict_given(xs.view(), given.view(), Uncertainty::Std).unwrap(),
        dense.predict_given(xs.view(), given.view(), Uncertainty::Std).unwrap(),
    );
    assert_close(&c.mean, &d.mean, 1e-8);
    assert_close(&c.std().unwrap().to_owned(), &d.std().unwrap().to_owned(), 1e-6);
}

#[test]
fn samples_have_the_posterior_moments() {
    let plus = MultiTaskGp::new(Rbf::ard()).task(LowRank::plus_noise(1));
    for (data, model) in [(data(12, 2, 93), MultiTaskGp::new(Rbf::ard())), (data(10, 66, 94), plus)]
    {
        let gp = model.max_iterations(3).fit(&data).unwrap();
        let xs = normal(3, 2, 95);
        let draws = gp.sample(xs.view(), 4000, true, 7).unwrap();
        assert_eq!(draws, gp.sample(xs.view(), 4000, true, 7).unwrap());
        assert_ne!(draws, gp.sample(xs.view(), 4000, true, 8).unwrap());
        let mean = gp.predict(xs.view(), Uncertainty::None).unwrap().mean;
        let covariance = gp.predict_covariance(xs.view(), true).unwrap();
        let centred =
            |i: usize, t: usize| draws.slice(ndarray::s![i, t, ..]).mapv(|v| v - mean[[i, t]]);
        for (i, t, j, s) in [(0, 0, 0, 0), (0, 1, 2, 0), (1, 0, 1, 1), (2, 1, 2, 1)] {
            let (a, b) = (centred(i, t), centred(j, s));
            let (va, vb) = (covariance[[i, t, i, t]], covariance[[j, s, j, s]]);
            let expected = covariance[[i, t, j, s]];
            let error = ((va * vb + expected * expected) / 4000.0).sqrt();
            assert!(a.mean().unwrap().abs() < 5.0 * (va / 4000.0).sqrt());
            assert!(((&a * &b).mean().unwrap() - expected).abs() < 5.0 * error);
        }
    }
}

#[test]
fn fixes_and_ties_hold() {
    let data = data(25, 3, 97);
    let kernel = 1.0 * Rbf::new([0.9, 1.7]) + 0.5 * Matern32::new([0.4, 0.6]);
    let paths =
        ["parts[0].lengthscale", "parts[1].lengthscale"].map(|p| format!("terms[0].kernel.{p}"));
    let gp = MultiTaskGp::new(kernel.clone()).fix(&paths[0]).fit(&data).unwrap();
    assert_eq!(gp.parameters()[&paths[0]].as_slice().unwrap(), [0.9, 1.7]);
    assert_ne!(gp.parameters()[&paths[1]].as_slice().unwrap(), [0.4, 0.6]);
    let gp = MultiTaskGp::new(kernel.clone()).tie(&paths[0], &paths[1]).fit(&data).unwrap();
    assert_eq!(gp.parameters()[&paths[0]], gp.parameters()[&paths[1]]);
    assert_ne!(gp.parameters()[&paths[0]].as_slice().unwrap(), [0.9, 1.7]);
    let unknown = MultiTaskGp::new(kernel).fix("terms[0].kernel.lenghtscale").fit(&data);
    assert!(matches!(unknown, Err(Error::UnknownName { .. })));
    // A tie between the kernel and the noise leaves no spectrum to alternate on.
    let tied = MultiTaskGp::new(Linear::learned() + 0.2 * Rbf::ard())
        .noise(Noise::Shared)
        .tie("terms[0].kernel.parts[0].bias", "noise.variance");
    assert!(matches!(tied.fit(&data), Err(Error::Incompatible { .. })), "other ranges");
}

#[test]
fn observers_see_progress_and_cancel() {
    let data = data(25, 3, 98);
    let cancelled = MultiTaskGp::new(Rbf::ard())
        .observer(|p: &Progress| {
            if p.evaluations < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .fit(&data);
    assert_eq!(cancelled.unwrap_err(), Error::Cancelled { evaluations: 3 });
}

#[test]
fn the_same_seed_gives_the_same_fit() {
    let data = data(25, 3, 99);
    let fit = |seed| MultiTaskGp::new(Matern52::ard()).n_restarts(2).seed(seed).fit(&data).unwrap();
    let (a, b) = (fit(5), fit(5));
    assert_eq!(a.parameters(), b.parameters());
    assert_eq!(a.report().restarts, b.report().restarts);
    assert_eq!(a.report().restarts.len(), 3);
    assert_ne!(a.report().restarts[1], fit(6).report().restarts[1]);
}

#[test]
fn single_task_models_are_those_of_each_task() {
    let data = data(20, 2, 100);
    let settings = MultiTaskGp::new(Rbf::ard());
    let alone = settings.fit_single_tasks(&data).unwrap();
    let first = settings.fit(&data.task(0).unwrap()).unwrap();
    assert_near(
        alone.models()[0].log_marginal_likelihood(),
        first.log_marginal_likelihood(),
        1e-12,
    );
    let xs: Array2<f64> = normal(3, 2, 101);
    let p = alone.predict(xs.view(), Uncertainty::Observation).unwrap();
    let q = first.predict(xs.view(), Uncertainty::Observation).unwrap();
    assert_eq!(p.mean.column(0), q.mean.column(0));
    assert_eq!(p.std().unwrap().column(0), q.std().unwrap().column(0));
}
