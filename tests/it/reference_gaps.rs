//! Numbers of other software for tables with gaps and lists of observations, and for complete tables
//! by every solver.

use coregion::prelude::*;
use ndarray::{Array1, Array2};
use serde_json::Value as Json;

use crate::common::{array, assert_close, assert_near, matrix, vector};
use crate::reference::{kernel, load};
use crate::solvers::{SOLVERS, by_each_solver, serving};

/// A model whose values are all given.
pub(crate) fn held(kernel: Kernel, task: Task, noise: Noise) -> MultiTaskGp {
    MultiTaskGp::new(kernel)
        .task(task)
        .noise(noise)
        .mean(Mean::Zero)
        .normalize_x(false)
        .normalize_y(false)
        .optimizer(Optimizer::None)
}

/// B as a whole, and by its factor where the case has one.
pub(crate) fn tasks(term: &Json) -> Vec<Task> {
    let mut out = vec![FreeForm::starting_at(matrix(&term["B"]).view())];
    if term.get("W").is_some() {
        out.push(LowRank::starting_at(matrix(&term["W"]).view(), &vector(&term["kappa"])));
    }
    out
}

pub(crate) fn number(json: &Json) -> f64 {
    json.as_f64().unwrap()
}

#[test]
fn a_table_with_gaps() {
    let json = load("dense");
    let mut seen = 0;
    for case in json["cases"].as_array().unwrap().iter().filter(|c| c.get("observed").is_some()) {
        let (x, mut y, xs) = (matrix(&case["X"]), matrix(&case["Y"]), matrix(&case["Xs"]));
        let observed = matrix(&case["observed"]);
        y.zip_mut_with(&observed, |v, o| *v = if *o == 1.0 { *v } else { f64::NAN });
        let data = Dataset::new(x.view(), y.view()).unwrap();
        assert_eq!((data.n_missing(), data.observed_rows().len()), (7, 11));
        let kernel = Rbf::new(vector(&case["lengthscale"]));
        let model = held(kernel, tasks(case).remove(0), Noise::Variances(vector(&case["noise"])));
        let (mean, variances) = (matrix(&case["mean"]), matrix(&case["latent_var"]));
        for (solver, gp) in by_each_solver(&model, &data) {
            assert_near(
                gp.log_marginal_likelihood(),
                number(&case["lml"]),
                solver.likelihood_of(&gp),
            );
            let p = gp.predict(xs.view(), Uncertainty::Std).unwrap();
            assert_close(&p.mean, &mean, solver.answers);
            assert_close(&p.std().unwrap().mapv(|v| v * v), &variances, solver.answers);
            seen += 1;
        }
    }
    assert_eq!(seen, SOLVERS.len() - 3);
}

/// The answers at (xs, task_s) of tables (m, T).
pub(crate) fn picked(table: &Array2<f64>, tasks: &[usize]) -> Array1<f64> {
    tasks.iter().enumerate().map(|(i, t)| table[[i, *t]]).collect()
}

#[test]
fn lists_of_observations() {
    let mut seen = 0;
    for file in ["gpytorch", "gpy"] {
        for case in load(file)["cases"].as_array().unwrap() {
            let terms = case["terms"].as_array().unwrap();
            if case.get("task").is_none() || terms.len() > 1 {
                continue;
            }
            let labels = |key: &str| -> Vec<usize> {
                vector(&case[key]).into_iter().map(|v| v as usize).collect()
            };
            let (x, y) = (matrix(&case["X"]), Array1::from(vector(&case["y"])));
            let data = Dataset::long(x.view(), y.view(), &labels("task")).unwrap();
            assert_eq!(data.n_observed(), 17);
            let noise = match case.get("per_task_noise") {
                // GPy adds 1e-8 to the diagonal of every covariance that it inverts.
                Some(variances) => vector(variances).into_iter().map(|v| v + 1e-8).collect(),
                None => vec![number(&case["noise"]); data.n_tasks()],
            };
            let (xs, at) = (matrix(&case["Xs"]), labels("task_s"));
            let mean = Array1::from(vector(&case["mean"]));
            for task in tasks(&terms[0]) {
                let noise = Noise::Variances(noise.clone());
                let model = held(kernel(&terms[0]["kernel"]), task, noise);
                for (solver, gp) in by_each_solver(&model, &data) {
                    assert_near(
                        gp.log_marginal_likelihood(),
                        number(&case["lml"]),
                        solver.likelihood_of(&gp),
                    );
                    let p = gp.predict(xs.view(), Uncertainty::Std).unwrap();
                    assert_close(&picked(&p.mean, &at), &mean, solver.answers);
                    let found = picked(&p.std().unwrap().mapv(|v| v * v), &at);
                    if let Some(variances) = case.get("latent_var") {
                        let variances = Array1::from(vector(variances));
                        assert_close(&found, &variances, solver.answers);
                    } else {
                        let expected = matrix(&case["latent_cov"]);
                        assert_close(&found, &expected.diag().to_owned(), solver.answers);
                        let joint = gp.predict_covariance(xs.view(), false).unwrap();
                        let joint = Array2::from_shape_fn(expected.dim(), |(i, j)| {
                            joint[[i, at[i], j, at[j]]]
                        });
                        assert_close(&joint, &expected, solver.answers);
                    }
                    seen += 1;
                }
            }
        }
    }
    assert_eq!(seen, 2 * 2 * (SOLVERS.len() - 3));
}

#[test]
fn complete_tables_by_every_solver() {
    let mut seen = 0;
    for case in load("gpytorch")["cases"].as_array().unwrap() {
        if !case["name"].as_str().unwrap().starts_with("icm") {
            continue;
        }
        let (x, y, xs) = (matrix(&case["X"]), matrix(&case["Y"]), matrix(&case["Xs"]));
        let data = Dataset::new(x.view(), y.view()).unwrap();
        assert_eq!(serving(&data).len(), SOLVERS.len());
        let term = &case["terms"][0];
        let noise = Noise::Covariance(matrix(&case["noise_covariance"]));
        for task in tasks(term) {
            let model = held(kernel(&term["kernel"]), task, noise.clone());
            for (solver, gp) in by_each_solver(&model, &data) {
                assert_near(
                    gp.log_marginal_likelihood(),
                    number(&case["lml"]),
                    solver.likelihood_of(&gp),
                );
                let mean = gp.predict(xs.view(), Uncertainty::None).unwrap().mean;
                assert_close(&mean, &matrix(&case["mean"]), solver.answers);
                let joint = gp.predict_covariance(xs.view(), false).unwrap().into_dyn();
                assert_close(&joint, &array(&case["latent_cov"]), solver.answers);
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 6 * 2 * SOLVERS.len());
}

#[test]
fn full_noise_gradients_by_every_solver() {
    let json = load("dense");
    let case = &json["cases"][0];
    let (x, y) = (matrix(&case["X"]), matrix(&case["Y"]));
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let kernel = Rbf::new(vector(&case["lengthscale"]));
    let noise = Noise::Covariance(matrix(&case["noise_covariance"]));
    for (solver, gp) in by_each_solver(&held(kernel, tasks(case).remove(0), noise), &data) {
        assert_near(gp.log_marginal_likelihood(), number(&case["lml"]), solver.likelihood_of(&gp));
        // The numbers are differences: they, not the solvers, have five digits.
        let (_, gradient) = gp.log_marginal_likelihood_at(&[]).unwrap();
        let expected = array(&case["d_lml_d_lengthscale"]);
        assert_close(&gradient["terms[0].kernel.lengthscale"], &expected, 1e-5);
        let adjoints = gp.posterior().factor().adjoints(false).unwrap();
        let expected = matrix(&case["d_lml_d_B_entries_free"]);
        assert_close(&adjoints.tasks[0].to_dense(), &expected, 1e-5);
        let expected = matrix(&case["d_lml_d_noise_entries_free"]);
        assert_close(&adjoints.noise.to_dense(), &expected, 1e-5);
    }
}
