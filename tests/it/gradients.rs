//! Gradients of the likelihood, of the joint objective and of the profiled one, for every task
//! covariance with every noise, against differences.

use coregion::gp::{AlternatingBlocks, JointObjective, Model, Scaling};
use coregion::learn::{Blocks, Objective, ScoringSettings, score};
use coregion::matrix_kernel::Separable;
use coregion::prelude::*;
use coregion::task;
use ndarray::ArrayD;

use crate::common::{normal, smooth_outputs};
use crate::support::{assert_gradient, differences, tasks};

fn data(n: usize) -> Dataset {
    let x = normal(n, 2, 1);
    let y = smooth_outputs(x.view(), 3, 0.3, 2);
    Dataset::new(x.view(), y.view()).unwrap()
}

fn kernels() -> [Kernel; 3] {
    [
        Matern52::new([0.9, 1.6]),
        1.5 * Rbf::new([0.8, 1.1]) + 0.4 * Matern32::isotropic(0.7),
        Rbf::isotropic(1.2) * Linear::new(0.6),
    ]
}

/// Every kernel with every task covariance and every noise.
fn structures() -> Vec<(Kernel, Task, Noise)> {
    let mut out = Vec::new();
    for kernel in kernels() {
        for task in tasks(3) {
            for noise in task::noises(3) {
                out.push((kernel.clone(), task.clone(), noise));
            }
        }
    }
    out
}

#[test]
fn of_the_likelihood_by_every_parameter() {
    let data = data(9);
    let mut parameters = 0;
    for (i, (kernel, task, noise)) in structures().into_iter().enumerate() {
        let what = format!("{kernel} (x) {task}, {noise}");
        let model = MultiTaskGp::new(kernel).task(task).noise(noise).max_iterations(1);
        let gp = model.fit(&data).unwrap();
        // Away from the optimum, where gradients are large, and from the floor of the noise, where
        // the likelihood has fewer digits.
        let layout = gp.posterior().model().layout();
        let mut natural = layout.initial();
        let mut free = layout.pack(&natural);
        let moves = normal(free.len(), 1, 100 + i as u64);
        free.iter_mut().zip(&moves).for_each(|(u, m)| *u += 0.3 * m);
        layout.unpack_into(&free, &mut natural);
        let entries = layout.entries().iter();
        let at: Vec<(String, ArrayD<f64>)> =
            entries.map(|e| (e.path.clone(), e.array(&natural))).collect();
        let evaluate = |at: &[(String, ArrayD<f64>)]| {
            let at: Vec<(&str, ArrayD<f64>)> =
                at.iter().map(|(path, values)| (path.as_str(), values.clone())).collect();
            gp.log_marginal_likelihood_at(&at).unwrap()
        };
        let (_, gradient) = evaluate(&at);
        assert_eq!(gradient.len(), at.len());
        for k in 0..at.len() {
            let (path, values) = at[k].clone();
            // In units of each value, so that steps keep variances positive.
            let sizes = values.iter().map(|v| v.abs()).filter(|v| *v > 0.0);
            let smallest = sizes.fold(f64::INFINITY, f64::min);
            let unit = values.mapv(|v| if v == 0.0 { smallest } else { v.abs() });
            let expected = differences(
                |u| {
                    let mut moved = at.clone();
                    let steps = unit.iter().zip(u).map(|(unit, u)| unit * u);
                    moved[k].1.iter_mut().zip(steps).for_each(|(v, step)| *v += step);
                    evaluate(&moved).0
                },
                &vec![0.0; values.len()],
                1e-3,
            );
            let found: Vec<f64> = (&gradient[&path] * &unit).iter().copied().collect();
            assert_gradient(&found, &expected, 1e-7, 1.0, &format!("{what}: {path}"));
            parameters += values.len();
        }
    }
    assert!(parameters > 1000, "{parameters}");
}

fn model(data: &Dataset, kernel: Kernel, task: Task, noise: &Noise) -> (Model, Vec<f64>) {
    let term = Separable { kernel, task };
    let model = Model::new(data, &term, noise, &Mean::Training, Scaling::default()).unwrap();
    let (natural, _) = model.start(&model.layout().initial()).unwrap();
    (model, natural)
}

#[test]
fn of_the_joint_objective_in_free_coordinates() {
    let data = data(9);
    for (kernel, task, noise) in structures() {
        let what = format!("{kernel} (x) {task}, {noise}");
        let (model, natural) = model(&data, kernel, task, &noise);
        let mut reported = 0.0;
        let mut joint = JointObjective::new(&model, natural.clone(), |value| {
            reported = value;
            Ok(())
        });
        let free: Vec<f64> = model.layout().pack(&natural).iter().map(|u| u + 0.1).collect();
        let (value, found) = joint.evaluate(&free).unwrap();
        let expected = differences(|u| joint.evaluate(u).unwrap().0, &free, 1e-3);
        assert_gradient(&found, &expected, 1e-7, 1e-2, &what);
        // It is minus the log posterior density per observation, and what is reported is total.
        joint.evaluate(&free).unwrap();
        drop(joint);
        let mut at = natural.clone();
        model.layout().unpack_into(&free, &mut at);
        let mut unused = vec![0.0; at.len()];
        let prior = model.layout().log_prior(&at, &mut unused);
        let density = model.log_likelihood_value(&at).unwrap() + prior;
        assert!((reported - density).abs() < 1e-9 * density.abs(), "{what}");
        assert!((value * 27.0 + density).abs() < 1e-9 * density.abs(), "{what}");
        // The lengthscale has a prior.
        assert!(prior != 0.0, "{what}");
    }
}

#[test]
fn of_the_profiled_objective() {
    let data = data(16);
    let settings = ScoringSettings {
        gradient_tolerance: 1e-10,
        max_iterations: 200,
        ..ScoringSettings::default()
    };
    let mut learned = 0;
    for (kernel, task, noise) in structures() {
        let what = format!("{kernel} (x) {task}, {noise}");
        let (model, natural) = model(&data, kernel, task, &noise);
        let free = model.layout().pack(&natural);
        let spectral = model.spectral(&natural).unwrap();
        let mut blocks =
            AlternatingBlocks::new(&model, natural.clone(), spectral, |_| Ok(())).unwrap();
        let n_outer = blocks.n_outer();
        let (outer, inner) = free.split_at(n_outer);
        learned += usize::from(!inner.is_empty());
        let best = score(blocks.inner(), inner, &settings).unwrap();
        let (own, found) = blocks.outer_gradient(&best.point).unwrap();
        assert_eq!(own, 0.0);
        let mut profiled = |outer: &[f64]| {
            blocks.prepare(outer).unwrap();
            score(blocks.inner(), &best.point, &settings).unwrap().value
        };
        let expected = differences(&mut profiled, outer, 1e-2);
        assert_gradient(&found, &expected, 1e-6, 1e-2, &what);
    }
    assert!(learned >= 3 * (6 * 5 + 3), "{learned}");
}
