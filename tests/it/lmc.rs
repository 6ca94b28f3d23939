//! Sums of separable terms: against other software, dense brute force, differences, and themselves in
//! other words.

use coregion::matrix_kernel::{Coregionalization, Separable};
use coregion::prelude::*;
use ndarray::{Array1, Array2, ArrayD, Axis, array, s};
use serde_json::Value as Json;

use crate::common::masked::Masked;
use crate::common::{array as array_of, assert_close, assert_near, matrix, normal, vector};
use crate::gaps::gappy;
use crate::reference::{kernel, load};
use crate::reference_gaps::{held, number, picked, tasks};
use crate::solvers::{by_each_of, serving_sums};
use crate::support::{assert_gradient, definite, differences};

/// The model of all terms of a case, each B as a whole or by its factor.
fn sum(terms: &[Json], by_factor: bool, noise: Noise) -> MultiTaskGp {
    let task = |term: &Json| tasks(term).swap_remove(usize::from(by_factor));
    let first = held(kernel(&terms[0]["kernel"]), task(&terms[0]), noise);
    terms[1..].iter().fold(first, |gp, term| gp.term(kernel(&term["kernel"]), task(term)))
}

#[test]
fn complete_tables_of_other_software() {
    let mut seen = 0;
    for case in load("gpytorch")["cases"].as_array().unwrap() {
        if !case["name"].as_str().unwrap().starts_with("lmc") {
            continue;
        }
        let (x, y, xs) = (matrix(&case["X"]), matrix(&case["Y"]), matrix(&case["Xs"]));
        let data = Dataset::new(x.view(), y.view()).unwrap();
        let noise = Noise::Covariance(matrix(&case["noise_covariance"]));
        let (mean, joint) = (matrix(&case["mean"]), array_of(&case["latent_cov"]));
        for by_factor in [false, true] {
            let model = sum(case["terms"].as_array().unwrap(), by_factor, noise.clone());
            for (solver, gp) in by_each_of(serving_sums(), &model, &data) {
                let lml = gp.log_marginal_likelihood();
                assert_near(lml, number(&case["lml"]), solver.likelihood_of(&gp));
                let p = gp.predict(xs.view(), Uncertainty::Std).unwrap();
                assert_close(&p.mean, &mean, solver.answers);
                let found = gp.predict_covariance(xs.view(), false).unwrap().into_dyn();
                assert_close(&found, &joint, solver.answers);
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 3 * 2 * 2);
}

#[test]
fn lists_of_observations_of_other_software() {
    let mut seen = 0;
    for case in load("gpy")["cases"].as_array().unwrap() {
        let terms = case["terms"].as_array().unwrap();
        if terms.len() < 2 {
            continue;
        }
        let labels = |key: &str| -> Vec<usize> {
            vector(&case[key]).into_iter().map(|v| v as usize).collect()
        };
        let (x, y) = (matrix(&case["X"]), Array1::from(vector(&case["y"])));
        let data = Dataset::long(x.view(), y.view(), &labels("task")).unwrap();
        // GPy adds 1e-8 to the diagonal of every covariance that it inverts.
        let noise = vector(&case["per_task_noise"]).into_iter().map(|v| v + 1e-8).collect();
        let (xs, at) = (matrix(&case["Xs"]), labels("task_s"));
        let (mean, variances) = (vector(&case["mean"]), vector(&case["latent_var"]));
        for by_factor in [false, true] {
            let model = sum(terms, by_factor, Noise::Variances(Clone::clone(&noise)));
            for (solver, gp) in by_each_of(serving_sums(), &model, &data) {
                let lml = gp.log_marginal_likelihood();
                assert_near(lml, number(&case["lml"]), solver.likelihood_of(&gp));
                let p = gp.predict(xs.view(), Uncertainty::Std).unwrap();
                let found = picked(&p.std().unwrap().mapv(|v| v * v), &at);
                assert_close(&picked(&p.mean, &at), &Array1::from(mean.clone()), solver.answers);
                assert_close(&found, &Array1::from(variances.clone()), solver.answers);
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 2 * 2);
}

/// Three terms with values of their own: a whole B, a factor, and independent tasks.
fn three_terms(noise: Noise) -> MultiTaskGp {
    let factor = array![[0.9], [-0.6], [0.3]];
    held(Rbf::new(vec![1.5, 0.8]), FreeForm::starting_at(definite(3, 5).view()), noise)
        .term(Matern32::new(vec![0.4, 0.7]), LowRank::starting_at(factor.view(), &[0.1, 0.2, 0.3]))
        .term(Rbf::isotropic(0.3), Diagonal::starting_at([0.2, 0.5, 0.1]))
}

fn noises() -> [Noise; 2] {
    [Noise::Variances(vec![0.05, 0.2, 0.4]), Noise::Covariance(definite(3, 6) * 0.1)]
}

/// A complete table, one with gaps, and one with known noise besides.
fn layouts() -> [Dataset; 3] {
    let masked = gappy(11, 3, &[(0, 1), (4, 2), (4, 0), (9, 1)]);
    let known = normal(11, 3, 4).mapv(|v| 0.01 + v * v);
    [gappy(10, 3, &[]), masked.clone(), masked.with_noise_variances(known.view()).unwrap()]
}

#[test]
fn every_answer_is_that_of_the_dense_covariance() {
    let xs = normal(4, 2, 77);
    for data in layouts() {
        for noise in noises() {
            for (solver, gp) in by_each_of(serving_sums(), &three_terms(noise), &data) {
                let slow = Masked::new(&gp);
                let lml = gp.log_marginal_likelihood();
                assert_near(lml, slow.log_density(), solver.likelihood_of(&gp));
                let (mean, covariance) = slow.predict(xs.view());
                let p = gp.predict(xs.view(), Uncertainty::Std).unwrap();
                assert_close(&p.mean, &mean, solver.answers);
                let std = covariance.diag().mapv(f64::sqrt).into_shape_with_order((4, 3)).unwrap();
                assert_close(&p.std().unwrap().to_owned(), &std, solver.answers);
                let joint = gp.predict_covariance(xs.view(), false).unwrap();
                let joint = joint.into_shape_with_order((12, 12)).unwrap();
                assert_close(&joint, &covariance, solver.answers);
                let blocks = gp.predict_task_covariances(xs.view()).unwrap();
                let own = covariance.slice(s![3..6, 3..6]).to_owned();
                assert_close(&blocks.index_axis(Axis(0), 1).to_owned(), &own, solver.answers);
                let (table, _, observed) = slow.impute();
                let found = gp.impute(Uncertainty::Observation).unwrap();
                assert_close(&found.mean, &table, solver.answers);
                // Known noise of a gap is not known.
                if data.noise_variances().is_none() {
                    assert_close(&found.std().unwrap().to_owned(), &observed, solver.answers);
                }
            }
        }
    }
}

#[test]
fn gradients_are_central_differences() {
    for data in layouts() {
        for noise in [Noise::PerTask, Noise::Full] {
            let factor = array![[0.9], [-0.6], [0.3]];
            let gp = MultiTaskGp::new(Rbf::new(vec![1.5, 0.8]))
                .task(FreeForm::starting_at(definite(3, 5).view()))
                .term(
                    Matern32::new(vec![0.4, 0.7]),
                    LowRank::starting_at(factor.view(), &[0.1, 0.2, 0.3]),
                )
                .noise(noise)
                .max_iterations(1)
                .fit(&data)
                .unwrap();
            // Off the boundary, where learning may have gone.
            let mut values = gp.parameters();
            values.insert(
                "terms[1].task.kappa".to_string(),
                Array1::from(vec![0.1, 0.2, 0.3]).into_dyn(),
            );
            let evaluate = |changed: &str, to: &ArrayD<f64>| {
                let at: Vec<(&str, ArrayD<f64>)> = values
                    .iter()
                    .map(|(path, v)| (path.as_str(), if path == changed { to } else { v }.clone()))
                    .collect();
                gp.log_marginal_likelihood_at(&at).unwrap()
            };
            let (_, gradient) = evaluate("", &ArrayD::zeros(vec![0]));
            for (path, value) in values.iter().filter(|(path, _)| !path.starts_with("mean")) {
                // The factor of a free form is lower triangular.
                let lower = |i: usize| !path.ends_with("factor") || i % 3 <= i / 3;
                let moved = |u: &[f64]| {
                    let mut at: ArrayD<f64> = value.clone();
                    at.iter_mut().zip(u).for_each(|(v, step)| *v += step);
                    evaluate(path, &at).0
                };
                let expected = differences(moved, &vec![0.0; value.len()], 1e-4);
                let kept = |all: Vec<f64>| -> Vec<f64> {
                    (0..).zip(all).filter(|(i, _)| lower(*i)).map(|(_, v)| v).collect()
                };
                let found = kept(gradient[path].iter().copied().collect());
                assert_gradient(&found, &kept(expected), 1e-6, 1.0, path);
            }
        }
    }
}

#[test]
fn two_terms_of_one_kernel_are_one_term_of_the_sum() {
    let (a, b) = (definite(3, 7), definite(3, 8));
    for data in layouts() {
        let kernel = || Rbf::new(vec![0.9, 1.2]);
        let noise = Noise::Variances(vec![0.05, 0.2, 0.4]);
        let both = &a + &b;
        let one = held(kernel(), FreeForm::starting_at(both.view()), noise.clone());
        let two = held(kernel(), FreeForm::starting_at(a.view()), noise)
            .term(kernel(), FreeForm::starting_at(b.view()));
        let (one, two) = (one.solver(Solver::Dense).fit(&data), two.fit(&data));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_near(one.log_marginal_likelihood(), two.log_marginal_likelihood(), 1e-10);
        assert_close(&two.task_covariance(), &both, 1e-12);
        let xs = normal(5, 2, 3);
        let draw = |gp: &FittedMultiTaskGp| gp.sample(xs.view(), 2, true, 5).unwrap();
        assert_close(&draw(&one), &draw(&two), 1e-6);
        for by in [LeaveOut::Row, LeaveOut::Entry] {
            let (p, q) = (one.leave_one_out(&by), two.leave_one_out(&by));
            let observed = data.y().mapv(|v| !v.is_nan());
            for ((u, v), _) in
                p.unwrap().mean.iter().zip(&q.unwrap().mean).zip(&observed).filter(|(_, o)| **o)
            {
                assert_near(*u, *v, 1e-8);
            }
        }
    }
}

#[test]
fn rows_added_are_rows_fitted() {
    let data = gappy(40, 3, &[(3, 1)]);
    let (first, rest) =
        (data.rows(&(0..38).collect::<Vec<_>>()).unwrap(), data.rows(&[38, 39]).unwrap());
    let model = three_terms(Noise::Variances(vec![0.05, 0.2, 0.4]));
    let (whole, gp) = (model.fit(&data).unwrap(), model.fit(&first).unwrap());
    let added = gp.condition(rest.x(), rest.y()).unwrap();
    assert!(added.report().solve.why.contains("without factoring anew"));
    assert_near(added.log_marginal_likelihood(), whole.log_marginal_likelihood(), 1e-8);
    let xs = normal(5, 2, 9);
    let (p, q) = (
        added.predict(xs.view(), Uncertainty::Std).unwrap(),
        whole.predict(xs.view(), Uncertainty::Std).unwrap(),
    );
    assert_close(&p.mean, &q.mean, 1e-8);
    assert_close(&p.std.unwrap(), &q.std.unwrap(), 1e-8);
}

#[test]
fn files_keep_every_term() {
    let data = gappy(12, 3, &[(2, 1)]);
    let settings = MultiTaskGp::new(Rbf::ard())
        .task(LowRank::new(1))
        .term(2.0 * Matern12::ard() + Matern32::ard(), Diagonal::new())
        .max_iterations(3);
    let gp = settings.fit(&data).unwrap();
    let again = FittedMultiTaskGp::from_bytes(&gp.to_bytes().unwrap()).unwrap();
    assert_eq!(gp.terms(), again.terms());
    assert_eq!(gp.task_covariances(), again.task_covariances());
    assert_eq!(gp.log_marginal_likelihood(), again.log_marginal_likelihood());
    let xs = normal(3, 2, 1);
    let p = |gp: &FittedMultiTaskGp| gp.predict(xs.view(), Uncertainty::Std).unwrap();
    assert_eq!(p(&gp), p(&again));
}

#[test]
fn what_sums_cannot_do_is_refused() {
    let data = gappy(10, 2, &[]);
    let settings = || MultiTaskGp::new(Rbf::ard()).term(Matern12::ard(), Diagonal::new());
    for solver in [Solver::Kronecker, Solver::Choleskys, Solver::Schur] {
        let error = settings().solver(solver).fit(&data).unwrap_err().to_string();
        assert!(error.contains("it needs one separable term, and there are 2"), "{error}");
        assert!(error.contains("auto, dense, cg"), "{error}");
    }
    let error = settings().optimizer(Optimizer::Alternating).fit(&data).unwrap_err().to_string();
    assert!(error.contains("joint"), "{error}");
    let none = Coregionalization::from(Vec::<Separable>::new());
    let none = coregion::gp::Model::new(
        &data,
        none,
        &Noise::Shared,
        &Mean::Zero,
        coregion::gp::Scaling::default(),
    );
    assert!(matches!(none, Err(Error::Incompatible { .. })));
    // A wide factor of T = 3 does not fit data of two tasks, in whichever term it is.
    let wide = LowRank::starting_at(Array2::ones((3, 1)).view(), &[0.1; 3]);
    let error = MultiTaskGp::new(Rbf::ard()).term(Rbf::ard(), wide).fit(&data).unwrap_err();
    assert!(error.to_string().contains("LowRank.W"), "{error}");
}
