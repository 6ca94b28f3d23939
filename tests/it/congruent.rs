//! Two terms of which the second is a multiple of the noise: one congruence says what the dense
//! covariance says.

use coregion::prelude::*;
use coregion::task::NoiseMultiple;
use ndarray::{Array2, array};

use crate::common::{assert_close, assert_near, normal, smooth_outputs};
use crate::gaps::gappy;
use crate::support::{assert_gradient, assert_healthy, definite};

/// Smooth signals with noise that is correlated between rows.
fn settings(noise: Noise) -> MultiTaskGp {
    MultiTaskGp::new(Rbf::new(vec![1.5, 0.8]))
        .task(LowRank::starting_at(array![[0.9], [-0.6], [0.3]].view(), &[0.1, 0.2, 0.3]))
        .term(Matern12::new(vec![0.4, 0.7]), NoiseMultiple::starting_at(1.7))
        .noise(noise)
        .mean(Mean::Zero)
        .optimizer(Optimizer::None)
}

fn both(settings: &MultiTaskGp, data: &Dataset) -> [FittedMultiTaskGp; 2] {
    let by = |solver| settings.clone().solver(solver).fit(data).unwrap();
    let gps = [by(Solver::Auto), by(Solver::Dense)];
    assert_eq!(gps[0].report().solve.solver, "congruent");
    assert!(gps[0].report().solve.exact);
    gps
}

#[test]
fn answers_are_those_of_the_dense_covariance() {
    let data = gappy(14, 3, &[]);
    let xs = normal(5, 2, 70);
    for noise in [Noise::Variances(vec![0.05, 0.2, 0.4]), Noise::Covariance(definite(3, 6) * 0.1)] {
        for mean in [Mean::Zero, Mean::Constant] {
            let [fast, slow] = both(&settings(noise.clone()).mean(mean), &data);
            assert_near(fast.log_marginal_likelihood(), slow.log_marginal_likelihood(), 1e-10);
            let of = |gp: &FittedMultiTaskGp| gp.predict(xs.view(), Uncertainty::Std).unwrap();
            let (p, q) = (of(&fast), of(&slow));
            assert_close(&p.mean, &q.mean, 1e-9);
            assert_close(&p.std.unwrap(), &q.std.unwrap(), 1e-9);
            let joint = |gp: &FittedMultiTaskGp| gp.predict_covariance(xs.view(), true).unwrap();
            assert_close(&joint(&fast), &joint(&slow), 1e-9);
            let blocks = |gp: &FittedMultiTaskGp| gp.predict_task_covariances(xs.view()).unwrap();
            assert_close(&blocks(&fast), &blocks(&slow), 1e-9);
            let (f, g) = (fast.posterior().factor(), slow.posterior().factor());
            assert_close(&f.dual(), &g.dual(), 1e-9);
            for (a, b) in f.weights().iter().zip(&g.weights()) {
                assert_close(a, b, 1e-9);
            }
            let rhs = normal(14, 3, 71);
            assert_close(&f.solve(rhs.view()).unwrap(), &g.solve(rhs.view()).unwrap(), 1e-9);
        }
    }
}

#[test]
fn gradients_are_those_of_the_dense_covariance() {
    let data = gappy(14, 3, &[]);
    for noise in [Noise::Shared, Noise::PerTask, Noise::Full] {
        let settings = settings(noise).optimizer(Optimizer::Joint).max_iterations(1);
        let fast = settings.clone().fit(&data).unwrap();
        assert_eq!(fast.report().solve.solver, "congruent");
        // The same values, the other solver.
        let slow = settings.solver(Solver::Dense).fit(&data).unwrap();
        let at: Vec<(String, _)> = fast.parameters().into_iter().collect();
        let at: Vec<(&str, _)> = at.iter().map(|(path, v)| (path.as_str(), v.clone())).collect();
        let (value, gradient) = fast.log_marginal_likelihood_at(&at).unwrap();
        let (expected, other) = slow.log_marginal_likelihood_at(&at).unwrap();
        assert_near(value, expected, 1e-10);
        for (path, own) in &gradient {
            let (own, other) = (own.iter().copied().collect::<Vec<_>>(), &other[path]);
            let other: Vec<f64> = other.iter().copied().collect();
            assert_gradient(&own, &other, 1e-8, 1.0, path);
        }
    }
}

#[test]
fn noise_between_rows_is_learned() {
    // Tasks that share a smooth signal, with noise that drifts: a second kernel for the noise.
    let n = 120;
    let x = Array2::from_shape_fn((n, 1), |(i, _)| 10.0 * i as f64 / n as f64);
    let drift = smooth_outputs((&x * 4.0).view(), 3, 0.0, 5) * 0.5;
    let y = smooth_outputs((&x * 0.4).view(), 3, 0.1, 6) + drift;
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let one = MultiTaskGp::new(Rbf::ard()).task(LowRank::new(2));
    let two = one.clone().term(Matern32::ard(), NoiseMultiple::new());
    // The kappas go to zero, where the gradient vanishes slowly.
    let two = two.gradient_tolerance(1e-7).max_iterations(1000);
    let gp = two.fit(&data).unwrap();
    assert_healthy(&gp);
    assert_eq!(gp.report().solve.solver, "congruent");
    assert!(gp.report().converged, "{}", gp.report());
    let dense = two.solver(Solver::Dense).fit(&data).unwrap();
    assert!(dense.report().converged, "{}", dense.report());
    assert_near(gp.log_marginal_likelihood(), dense.log_marginal_likelihood(), 1e-6);
    let one = one.fit(&data).unwrap();
    assert!(gp.log_marginal_likelihood() > one.log_marginal_likelihood() + 5.0);
}

#[test]
fn other_data_and_terms_are_refused() {
    let gaps = gappy(12, 3, &[(3, 1)]);
    let error = settings(Noise::Variances(vec![0.1; 3])).solver(Solver::Congruent).fit(&gaps);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("it needs a complete table, and 1 entries are missing"), "{error}");
    let data = gappy(12, 3, &[]);
    let error = MultiTaskGp::new(Rbf::ard()).solver(Solver::Congruent).fit(&data).unwrap_err();
    assert!(error.to_string().contains("the second a multiple of the noise"), "{error}");
    // Alone it is a model too: every task has the same share of signal.
    let gp = MultiTaskGp::new(Rbf::ard()).task(NoiseMultiple::new()).fit(&data).unwrap();
    let ratio = gp.task_covariance() / gp.noise_covariance().diag();
    assert_near(ratio[[0, 0]], ratio[[2, 2]], 1e-12);
}
