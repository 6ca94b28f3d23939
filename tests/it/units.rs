//! Units: what is reported can be evaluated as it stands, and answers follow the units of the data.

use coregion::prelude::*;
use coregion::task;
use ndarray::{Array1, Array2, Axis, array};

use crate::common::{assert_close, assert_near, normal, smooth_outputs};
use crate::support::{kernels, tasks};

/// Columns and tasks of very different scales and offsets; whole numbers in the first column, so
/// that categories repeat.
fn unequal() -> (Array2<f64>, Array2<f64>) {
    let mut x = normal(25, 2, 1);
    let mut y = smooth_outputs(x.view(), 3, 0.3, 2);
    x.column_mut(0).mapv_inplace(|v| (2.0 * v).round());
    x.column_mut(1).mapv_inplace(|v| 400.0 * v + 30.0);
    for (t, (scale, offset)) in [(2e3, 5e3), (3e-2, -0.4), (7.0, -3.0)].into_iter().enumerate() {
        y.column_mut(t).mapv_inplace(|v| scale * v + offset);
    }
    (x, y)
}

/// Asserts that a model held at what a fit reports is that fit, with and without scaling.
fn assert_reproduced(model: MultiTaskGp, x: &Array2<f64>, y: &Array2<f64>, what: &str) {
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let gp = model.max_iterations(5).fit(&data).unwrap();
    let xs = x.slice(ndarray::s![..6, ..]).mapv(|v| v.round());
    let p = gp.predict(xs.view(), Uncertainty::Observation).unwrap();
    let offsets: Vec<f64> = gp.parameters()["mean.offset"].iter().copied().collect();
    for task in [Fixed::at(gp.task_covariance().view()), gp.task().clone()] {
        for normalize in [false, true] {
            let again = MultiTaskGp::new(gp.kernel().clone())
                .task(task.clone())
                .noise(gp.noise())
                .mean(Mean::Given(offsets.clone()))
                .normalize_x(normalize)
                .normalize_y(normalize)
                .optimizer(Optimizer::None)
                .fit(&data)
                .unwrap();
            let (found, reported) = (again.log_marginal_likelihood(), gp.log_marginal_likelihood());
            assert!(
                (found - reported).abs() <= 1e-8 * reported.abs(),
                "{what}: {found} {reported}"
            );
            let q = again.predict(xs.view(), Uncertainty::Observation).unwrap();
            for t in 0..3 {
                let columns = |m: &Array2<f64>| m.column(t).to_owned();
                assert_close(&columns(&q.mean), &columns(&p.mean), 1e-6);
                let (a, b) = (q.std.as_ref().unwrap(), p.std.as_ref().unwrap());
                assert_close(&columns(a), &columns(b), 1e-6);
            }
        }
    }
}

#[test]
fn of_every_kernel() {
    let (x, y) = unequal();
    for kernel in kernels() {
        let what = kernel.to_string();
        assert_reproduced(MultiTaskGp::new(kernel), &x, &y, &what);
    }
}

#[test]
fn of_every_task_covariance_and_noise() {
    let (x, y) = unequal();
    let std = y.std_axis(Axis(0), 0.0);
    let in_units = |b: Array2<f64>| &b * &std * std.view().insert_axis(Axis(1));
    for task in tasks(3) {
        for noise in task::noises(3) {
            let what = format!("{task}, {noise}");
            // Values given are in the units of the tasks.
            let given = array![[1.0, 0.3, -0.2], [0.3, 0.8, 0.1], [-0.2, 0.1, 1.2]];
            let task = match task.spec().name.as_str() {
                "Fixed" => Fixed::at(in_units(given.clone()).view()),
                _ => task.clone(),
            };
            let noise = match noise {
                Noise::Variances(_) => Noise::Variances(std.mapv(|s| 0.1 * s * s).to_vec()),
                Noise::Covariance(_) => Noise::Covariance(in_units(given * 0.1)),
                learned => learned,
            };
            let model = MultiTaskGp::new(Matern52::ard()).task(task).noise(noise);
            assert_reproduced(model, &x, &y, &what);
        }
    }
}

/// Asserts that a fit to scaled and shifted outputs and scaled inputs says the same. Both are
/// refitted: their paths differ by rounding alone, answers agree to a millionth.
fn assert_scaled(model: &MultiTaskGp, factors: &Array1<f64>, inputs: &Array1<f64>) {
    const TOLERANCE: f64 = 1e-6;
    let (x, e) = (normal(40, 2, 3), normal(40, 3, 4));
    // A function of its own for each task: an optimum on the boundary would magnify rounding.
    let y = Array2::from_shape_fn((40, 3), |(i, t)| {
        let own = (1.0 + 0.4 * t as f64) * x[[i, 0]] + 1.3 * t as f64;
        own.sin() + 0.5 * x[[i, 1]].cos() + 0.3 * e[[i, t]]
    });
    let shifts = array![7.0, -1.0, 400.0] * factors;
    let (scaled_x, scaled_y) = (&x * inputs, &y * factors + &shifts);
    let fit = |x: &Array2<f64>, y: &Array2<f64>| {
        model.fit(&Dataset::new(x.view(), y.view()).unwrap()).unwrap()
    };
    let (a, b) = (fit(&x, &y), fit(&scaled_x, &scaled_y));
    assert!(a.report().converged && b.report().converged);
    let both = factors.view().insert_axis(Axis(1)).to_owned() * factors;
    assert_close(&(b.task_covariance() / &both), &a.task_covariance(), TOLERANCE);
    assert_close(&(b.noise_covariance() / &both), &a.noise_covariance(), TOLERANCE);
    assert_close(&b.task_correlation(), &a.task_correlation(), TOLERANCE);
    let jacobian = 40.0 * factors.mapv(f64::ln).sum();
    let found = b.log_marginal_likelihood() + jacobian;
    assert_near(found, a.log_marginal_likelihood(), TOLERANCE);
    let path = "terms[0].kernel.lengthscale";
    let lengthscale = &b.parameters()[path] / &inputs.clone().into_dyn();
    assert_close(&lengthscale, &a.parameters()[path], TOLERANCE);
    let xs = normal(7, 2, 5);
    let p = a.predict(xs.view(), Uncertainty::Observation).unwrap();
    let q = b.predict((&xs * inputs).view(), Uncertainty::Observation).unwrap();
    assert_close(&((&q.mean - &shifts) / factors), &p.mean, TOLERANCE);
    assert_close(&(&q.std().unwrap() / factors), &p.std().unwrap(), TOLERANCE);
    let (c, d) = (
        a.predict_task_covariances(xs.view()).unwrap(),
        b.predict_task_covariances((&xs * inputs).view()).unwrap(),
    );
    assert_close(&(d / &both), &c, TOLERANCE);
    assert_eq!(a.report().evaluations, b.report().evaluations);
}

#[test]
fn of_the_outputs_and_of_the_inputs() {
    let ones = Array1::<f64>::ones;
    let kernels = [Matern12::ard(), Matern52::ard(), Rbf::ard(), RationalQuadratic::ard()];
    for kernel in kernels {
        for (noise, task) in [
            (Noise::PerTask, LowRank::new(2)),
            (Noise::PerTask, LowRank::new(1)),
            (Noise::Full, FreeForm::new()),
            (Noise::PerTask, Diagonal::new()),
            (Noise::PerTask, LowRank::plus_noise(1)),
        ] {
            let model = MultiTaskGp::new(kernel.clone()).task(task).noise(noise);
            assert_scaled(&model, &array![100.0, 0.02, 3.0], &ones(2));
            assert_scaled(&model, &ones(3), &array![50.0, 1e-3]);
            assert_scaled(&model, &array![1e-7, 30.0, 1e9], &array![0.3, 1e5]);
        }
        // One noise variance has one unit: the outputs may be scaled together.
        let model = MultiTaskGp::new(kernel).noise(Noise::Shared);
        assert_scaled(&model, &(ones(3) * 42.0), &array![50.0, 1e-3]);
    }
}
