//! Kernel ridge regressions that are saved and loaded.

use coregion::Error;
use coregion::estimator::Fitted;
use coregion::io::LoadOptions;
use coregion::prelude::*;
use ndarray::{Array1, Array2, array};
use serde_json::{Value as Json, json};

use crate::common::sealed::{Parts, with_document};
use crate::common::{normal, smooth_outputs};
use crate::leave_out::ways;
use crate::support::{definite, kernels, mixed_rows, tasks};

const N: usize = 14;

fn data(n: usize, t: usize) -> Dataset {
    let x = mixed_rows(n, 1);
    Dataset::new(x.view(), (smooth_outputs(x.view(), t, 0.3, 2) + 4.0).view()).unwrap()
}

fn weights(n: usize) -> Array1<f64> {
    normal(n, 1, 6).column(0).mapv(|v| 0.2 + v * v)
}

fn settings() -> MultiTaskKernelRidge {
    MultiTaskKernelRidge::new(Matern52::new([0.9, 1.4]) + 0.3 * Linear::new(0.5))
}

/// Two task covariances, three penalties, and everything else that can be set.
fn everything() -> MultiTaskKernelRidge {
    settings()
        .tasks(vec![Fixed::at(definite(3, 4).view()), Diagonal::starting_at([1.0, 2.0, 0.5])])
        .alphas(vec![0.03, 0.3, 3.0])
        .task_penalties(vec![0.5, 1.0, 2.0])
        .task_weights(vec![1.0 / 3.0, 1.0, 7.0])
        .fit_intercept(true)
}

fn criteria(n: usize) -> Vec<Criterion> {
    let by = ways(n).into_iter();
    by.flat_map(|by| [Criterion::SquaredError(by.clone()), Criterion::LogDensity(by)])
        .chain([Criterion::Gcv])
        .collect()
}

/// Asserts that nothing tells a model from the one that is loaded from its file.
#[track_caller]
fn assert_round_trip(a: &FittedMultiTaskKernelRidge) -> Vec<u8> {
    let bytes = a.to_bytes().unwrap();
    let b = &FittedMultiTaskKernelRidge::from_bytes(&bytes).unwrap();
    assert_eq!(a.to_string(), b.to_string());
    assert_eq!((a.kernel(), a.task(), a.data()), (b.kernel(), b.task(), b.data()));
    assert_eq!((a.alpha(), a.penalties()), (b.alpha(), b.penalties()));
    assert_eq!((a.dual_coef(), a.intercept()), (b.dual_coef(), b.intercept()));
    assert_eq!(a.rkhs_norm_squared(), b.rkhs_norm_squared());
    assert_eq!((a.cv_errors(), a.alphas()), (b.cv_errors(), b.alphas()));
    assert_eq!((a.criterion_value(), a.criterion()), (b.criterion_value(), b.criterion()));
    assert_eq!((a.warnings(), a.weights()), (b.warnings(), b.weights()));
    assert_eq!(a.task_covariance(), b.task_covariance());
    let xs = mixed_rows(5, 9);
    let xs = xs.slice(ndarray::s![.., ..a.data().n_features()]);
    assert_eq!(a.predict(xs), b.predict(xs));
    for by in ways(a.data().n_rows().max(5)) {
        assert_eq!(a.leave_one_out(&by), b.leave_one_out(&by));
    }
    assert_eq!(a.leave_one_row_out_covariances(), b.leave_one_row_out_covariances());
    match (a.posterior(), b.posterior()) {
        (Ok(p), Ok(q)) => assert_eq!(
            p.predict(xs, Uncertainty::Observation),
            q.predict(xs, Uncertainty::Observation)
        ),
        (p, q) => assert_eq!(p.map(drop), q.map(drop)),
    }
    assert_eq!(b.to_bytes().unwrap(), bytes);
    bytes
}

#[test]
fn every_criterion() {
    for criterion in criteria(N) {
        let takes_columns = criterion.to_string().ends_with("task")
            && !matches!(
                criterion,
                Criterion::SquaredError(LeaveOut::GroupsByTask(_))
                    | Criterion::LogDensity(LeaveOut::GroupsByTask(_))
            );
        let model = everything().criterion(criterion.clone()).fit_intercept(!takes_columns);
        for refine in [false, true] {
            let ridge = model.clone().refine(refine).fit_weighted(&data(N, 3), weights(N).view());
            let bytes = assert_round_trip(&ridge.unwrap());
            let requires = Parts::of(&bytes).header["__metadata__"]["requires"].to_string();
            assert!(requires.contains("criterion/") && requires.contains("weights/rows"));
        }
        // Without a choice it is kept all the same.
        assert_round_trip(&settings().criterion(criterion).fit(&data(N, 3)).unwrap());
    }
}

#[test]
fn every_kernel_and_task_covariance() {
    for kernel in kernels() {
        let gp = MultiTaskGp::new(kernel).max_iterations(2).fit(&data(N, 3)).unwrap();
        let ridge = MultiTaskKernelRidge::new(gp.kernel().clone()).task(gp.task().clone());
        assert_round_trip(&ridge.fit(&data(N, 3)).unwrap());
    }
    for task in tasks(3) {
        let gp = MultiTaskGp::new(Rbf::ard()).task(task).max_iterations(2).fit(&data(N, 3));
        let ridge = settings().task(gp.unwrap().task().clone()).fit_intercept(true);
        assert_round_trip(&ridge.fit(&data(N, 3)).unwrap());
    }
}

#[test]
fn each_option_alone() {
    let plain = settings().alpha(0.2);
    for model in [
        plain.clone(),
        plain.clone().fit_intercept(true),
        plain.clone().task_penalties(vec![0.5, 1.0, 2.0]),
        plain.clone().task_weights(vec![0.5, 1.0, 2.0]),
        plain.clone().refine(true),
        plain.clone().alphas(vec![1.0, 0.1]),
        plain.clone().alphas(vec![0.1, 0.1]),
        plain.tasks(vec![Diagonal::starting_at([1.0, 2.0, 3.0]); 2]),
    ] {
        assert_round_trip(&model.fit(&data(N, 3)).unwrap());
        assert_round_trip(&model.fit_weighted(&data(N, 3), weights(N).view()).unwrap());
    }
    assert_round_trip(&settings().fit(&data(N, 1)).unwrap());
    for intercept in [false, true] {
        let one = settings().fit_intercept(intercept).alpha(1e-3);
        assert_round_trip(&one.fit(&data(1, 2)).unwrap());
    }
    let labelled = settings().criterion(LeaveOut::Groups(vec![usize::MAX; N]));
    assert_round_trip(&labelled.fit(&data(N, 2)).unwrap());
    let names = ["\"quoted\", {brace}", "Z\u{fc}rich \u{1F30A}\n\t\\", "", "\u{0}null"];
    let named = data(N, 4).with_task_names(names).unwrap();
    assert_round_trip(&settings().fit(&named).unwrap());
}

#[test]
fn penalties_that_could_not_be_judged() {
    let x = Array2::from_shape_fn((12, 1), |(i, _)| f64::from(i as u32 / 4));
    let y = smooth_outputs(x.view(), 2, 0.3, 41);
    let ridge = MultiTaskKernelRidge::new(Rbf::isotropic(1.0))
        .criterion(LeaveOut::Groups((0..12).map(|i| i / 4).collect()))
        .alphas(vec![1e-300, 0.1, 1.0])
        .memory_budget(12_345)
        .fit(&Dataset::new(x.view(), y.view()).unwrap())
        .unwrap();
    assert!(ridge.cv_errors()[[0, 0]].is_infinite());
    assert_round_trip(&ridge);
}

/// Enough rows for factorisations to spread over the threads; tasks that stay factored.
#[test]
fn many_rows_and_tasks() {
    let x = normal(300, 2, 1);
    let many = Dataset::new(x.view(), smooth_outputs(x.view(), 4, 0.3, 2).view()).unwrap();
    assert_round_trip(&settings().alphas(vec![0.01, 0.1, 1.0]).fit(&many).unwrap());
    let (t, w) = (70, normal(70, 2, 7));
    let penalties: Vec<f64> = (0..t).map(|s| 0.4 + 0.01 * s as f64).collect();
    for intercept in [false, true] {
        let model = settings()
            .task(LowRank::plus_noise_starting_at(w.view(), 0.3))
            .task_penalties(penalties.clone())
            .fit_intercept(intercept)
            .alphas(vec![0.1, 0.6]);
        assert_round_trip(&model.fit(&data(6, t)).unwrap());
    }
}

/// The bytes of a file with the numbers of an array replaced.
fn with_array(bytes: &[u8], name: &str, values: &[f64]) -> Vec<u8> {
    let mut parts = Parts::of(bytes);
    let place = parts.place(name);
    let new: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    parts.data[place].copy_from_slice(&new);
    parts.sealed()
}

/// A penalty far below the rounding errors of the Gram matrix: the coefficients of another stable
/// method, here the same with the rows in reverse, share no digit, and yet the file is one.
#[test]
fn near_singular_models_of_other_machines() {
    let x = Array2::from_shape_fn((40, 1), |(i, _)| 0.05 * i as f64);
    let y = smooth_outputs(x.view(), 2, 0.1, 2);
    let forward = Dataset::new(x.view(), y.view()).unwrap();
    let back: Vec<usize> = (0..40).rev().collect();
    for (alpha, intercept) in [(1e-18, false), (1e-18, true), (1e-14, false), (1e-3, true)] {
        let settings =
            MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).alpha(alpha).fit_intercept(intercept);
        let ridge = settings.fit(&forward).unwrap();
        let other = settings.fit(&forward.rows(&back).unwrap()).unwrap();
        let dual = other.dual_coef().select(ndarray::Axis(0), &back);
        let largest = dual.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let apart = (&dual - &ridge.dual_coef()).iter().fold(0.0f64, |m, v| m.max(v.abs()));
        assert!((apart > 1e-3 * largest) == (alpha < 1e-10), "{alpha:e}: {apart:e}, {largest:e}");
        let numbers: Vec<f64> = dual.iter().copied().collect();
        let mut file = with_array(&assert_round_trip(&ridge), "dual", &numbers);
        if let Some(b) = other.intercept() {
            file = with_array(&file, "intercept", b.as_slice().unwrap());
        }
        let again = FittedMultiTaskKernelRidge::from_bytes(&file).unwrap();
        assert_eq!(again.dual_coef(), ridge.dual_coef());
    }
}

#[track_caller]
fn assert_refused(bytes: &[u8], problem: &str) {
    match FittedMultiTaskKernelRidge::from_bytes(bytes) {
        Err(error @ Error::ModelFile { .. }) => {
            let text = error.to_string();
            assert!(text.starts_with(&format!("model file (bytes): {problem}")), "{text}");
        }
        Err(other) => panic!("{problem}: {other:?}"),
        Ok(_) => panic!("{problem}: accepted"),
    }
}

fn model() -> FittedMultiTaskKernelRidge {
    let groups = everything().criterion(LeaveOut::blocks(N, 4));
    groups.fit_weighted(&data(N, 3), weights(N).view()).unwrap()
}

/// The file without an array.
fn without(bytes: &[u8], name: &str) -> Parts {
    let mut parts = Parts::of(bytes);
    let place = parts.place(name);
    parts.header.as_object_mut().unwrap().remove(name);
    parts.data.drain(place.clone());
    for (_, tensor) in parts.header.as_object_mut().unwrap().iter_mut() {
        let Some(offsets) = tensor.get_mut("data_offsets") else { continue };
        if offsets[0].as_u64().unwrap() >= place.end as u64 {
            for i in 0..2 {
                offsets[i] = json!(offsets[i].as_u64().unwrap() - place.len() as u64);
            }
        }
    }
    parts
}

fn requires(parts: &mut Parts, old: &str, new: &str) {
    let list = parts.metadata()["requires"].as_str().unwrap().replace(old, new);
    parts.metadata().insert("requires".into(), json!(list));
}

#[test]
fn numbers_that_do_not_fit() {
    let ridge = model();
    let bytes = ridge.to_bytes().unwrap();
    let with = |name: &str, place: usize, value: f64| {
        let mut parts = Parts::of(&bytes);
        let start = parts.place(name).start + 8 * place;
        parts.data[start..start + 8].copy_from_slice(&value.to_le_bytes());
        parts.sealed()
    };
    for name in [
        "x",
        "y",
        "dual",
        "intercept",
        "weights",
        "task_penalties",
        "unit_penalties",
        "alphas",
        "cv_errors",
    ] {
        assert_refused(&with(name, 1, f64::NAN), &format!("its array '{name}' holds NaN"));
        let mut parts = without(&bytes, name);
        let problem = match name {
            "x" | "y" | "dual" | "intercept" | "task_penalties" | "unit_penalties" => {
                format!("its array '{name}' is missing")
            }
            "weights" => "what it requires is not what it holds".to_string(),
            "cv_errors" => "it has a choice without its values".to_string(),
            _ => "its array 'alphas' is missing".to_string(),
        };
        assert_refused(&parts.sealed(), &problem);
        if name == "weights" {
            requires(&mut parts, ",\"weights/rows\"", "");
            assert_refused(&parts.sealed(), "its dual coefficients leave");
        }
    }
    for name in ["task_penalties", "unit_penalties", "alphas"] {
        assert_refused(&with(name, 1, 0.0), &format!("its array '{name}' holds 0"));
    }
    assert_refused(&with("weights", 1, -1.0), "it holds no usable model: weights");
    for (name, value) in [
        ("x", 0.123),
        ("y", 0.123),
        ("weights", 0.9),
        ("dual", 0.5),
        ("dual", 1e300),
        ("intercept", 0.1),
        ("intercept", -1e300),
        ("unit_penalties", 3.0),
    ] {
        assert_refused(&with(name, 2, value), "its dual coefficients leave");
    }
    let moved = 1e-3;
    let file = with_document(&bytes, |d| d["alpha"] = json!(ridge.alpha() * (1.0 + moved)));
    assert_refused(&file, "its dual coefficients leave");
    let close = ridge.dual_coef().mapv(|v| v * (1.0 + 1e-12));
    let close: Vec<f64> = close.iter().copied().collect();
    FittedMultiTaskKernelRidge::from_bytes(&with_array(&bytes, "dual", &close)).unwrap();
}

/// Coefficients and intercepts that give the data exactly are not enough: the coefficients of each
/// task sum to zero.
#[test]
fn intercepts_that_are_not_the_free_ones() {
    let data = data(N, 1);
    let free = settings().fit_intercept(true).fit(&data).unwrap();
    let none = settings().fit(&data).unwrap();
    let numbers: Vec<f64> = none.dual_coef().iter().copied().collect();
    let file = with_array(&free.to_bytes().unwrap(), "dual", &numbers);
    assert_refused(&with_array(&file, "intercept", &[0.0]), "its dual coefficients leave");
}

#[test]
fn documents_that_do_not_fit() {
    let bytes = model().to_bytes().unwrap();
    let with = |key: &str, value: Json| with_document(&bytes, |d| d[key] = value);
    let broken = "its document is not one of version 1: ";
    let keys = "alpha criterion criterion_value feature_names fit_intercept kernel labels \
                memory_budget search_ended task task_names wall_time";
    let document = Parts::of(&bytes).document();
    let found: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(found, keys.split(' ').collect::<Vec<_>>()); // they are the format
    for key in keys.split(' ') {
        let less = with_document(&bytes, |d| drop(d.as_object_mut().unwrap().remove(key)));
        assert_refused(&less, &format!("{broken}missing field `{key}`"));
    }
    assert_refused(&with("else", json!(1)), &format!("{broken}unknown field `else`"));
    assert_refused(&with("alpha", json!(null)), broken);
    assert_refused(&with("alpha", json!(-1.0)), "it holds no usable model: alpha: found -1");
    let requirement = "what it requires is not what it holds";
    assert_refused(&with("fit_intercept", json!(false)), requirement);
    assert_refused(&with("criterion", json!("gcv")), requirement);
    assert_refused(&with("labels", json!(vec![0; N - 1])), "it holds no usable model: groups");
    assert_refused(&with("labels", json!(vec![-1; N])), "its list of labels is broken");
    assert_refused(&with("criterion_value", json!(null)), "it has a choice without its values");
    assert_refused(&with("task_names", json!(["a"])), "it holds no usable model");
    let mut parts = Parts::of(&with("criterion", json!("gcv")));
    requires(&mut parts, "criterion/squared-error-groups", "criterion/gcv");
    assert_refused(&parts.sealed(), "its criterion 'gcv' has no labels");
    let mut parts = Parts::of(&with("fit_intercept", json!(false)));
    requires(&mut parts, "\"intercept/tasks\",", "");
    assert_refused(&parts.sealed(), "it has an array 'intercept' that no such model has");
    let later =
        ["criterion/later", "criterion/squared-error-later", "weights/entries", "intercept/x"];
    for feature in later {
        let mut parts = Parts::of(&bytes);
        parts.metadata().insert("requires".into(), json!(format!("[\"{feature}\"]")));
        let problem = format!("it requires '{feature}', which this version does not have");
        assert_refused(&parts.sealed(), &problem);
    }
    let other = without(&bytes, "cv_errors").sealed();
    let other = with_document(&other, |d| d["criterion_value"] = json!(null));
    assert_refused(&other, "its penalty is not the one it was given");
    // Values that are not given.
    let missing = with_document(&bytes, |d| d["task"]["values"].as_object_mut().unwrap().clear());
    assert_refused(&missing, "it holds no usable model");
    let task = json!({"name": "LowRank", "values": {"rank": 1_000_000, "W": 1.0, "kappa": 1.0}});
    let mut parts = Parts::of(&with("task", task));
    let name = document["task"]["name"].as_str().unwrap();
    requires(&mut parts, &format!("task/{name}"), "task/LowRank");
    assert_refused(&parts.sealed(), "'LowRank'.rank is 1000000, but it has only 3");
}

#[test]
fn memory_is_asked_for_before_it_is_taken() {
    let bytes = model().to_bytes().unwrap();
    let what = |bytes: &[u8], budget| {
        let options = LoadOptions::new().memory_budget(budget);
        match FittedMultiTaskKernelRidge::from_bytes_with(bytes, &options) {
            Err(Error::Memory { what, .. }) => what,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(what(&bytes, 1000), "the eigendecomposition of its rows");
    assert_eq!(what(&bytes, 10_000), "rebuilding the model");
    // One row of many tasks: a file of 200 kB, whose dense B would have 3 GB.
    let t = 20_000;
    let y = Array2::from_shape_fn((1, t), |(_, i)| i as f64);
    let row = Dataset::new(array![[0.0]].view(), y.view()).unwrap();
    let w = Array2::ones((t, 1));
    let task = LowRank::plus_noise_starting_at(w.view(), 0.3);
    let ridge = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).task(task).fit(&row).unwrap();
    let bytes = ridge.to_bytes().unwrap();
    assert!(FittedMultiTaskKernelRidge::from_bytes(&bytes).is_ok());
    let mut parts = Parts::of(&bytes);
    let mut document = parts.document();
    document["task"] = json!({"name": "Diagonal", "values": {"variances": 1.0}});
    parts.set_document(&document);
    requires(&mut parts, "LowRankPlusNoise", "Diagonal");
    assert_eq!(what(&parts.sealed(), 8 << 30), "rebuilding the model");
    // No rows, and as many tasks as can be counted.
    let mut parts = Parts::of(&model().to_bytes().unwrap());
    parts.header["x"]["shape"] = json!([0, 2]);
    parts.header["y"]["shape"] = json!([0, u64::MAX >> 4]);
    assert!(FittedMultiTaskKernelRidge::from_bytes(&parts.sealed()).is_err());
}

#[test]
fn what_cannot_be_read_is_not_written() {
    let rank = |rank: usize| {
        let spec = LowRank::new(rank).spec().clone();
        Task::from_spec(
            spec.with("W", coregion::spec::Value::Number(0.1))
                .with("kappa", coregion::spec::Value::Number(1.0)),
        )
    };
    let x = normal(4, 1, 1);
    let wide = Dataset::new(x.view(), normal(4, 80, 2).view()).unwrap();
    let fit = |r| MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).task(rank(r).unwrap()).fit(&wide);
    assert_round_trip(&fit(64).unwrap());
    let error = fit(65).unwrap().to_bytes().unwrap_err().to_string();
    assert!(error.contains("'LowRank'.rank is 65, but it has only"), "{error}");
}

#[test]
fn one_call_loads_whatever_the_file_holds() {
    let path = std::env::temp_dir().join(format!("coregion-any-{}", std::process::id()));
    let ridge = model();
    ridge.save(&path).unwrap();
    match coregion::load(&path).unwrap() {
        Fitted::Ridge(again) => assert_eq!(again.to_bytes(), ridge.to_bytes()),
        other => panic!("{other:?}"),
    }
    let again = FittedMultiTaskKernelRidge::load(&path).unwrap();
    assert_eq!(again.to_bytes(), ridge.to_bytes());
    let problem = |error: Error| match error {
        Error::ModelFile { problem, advice, .. } => (problem, advice),
        other => panic!("{other:?}"),
    };
    let (what, advice) = problem(FittedMultiTaskGp::load(&path).map(drop).unwrap_err());
    assert_eq!(what, "it holds a model of the kind 'multi-task-kernel-ridge', not multi-task-gp");
    assert!(advice.contains("`coregion::load`"));
    let gp = MultiTaskGp::new(Rbf::ard()).max_iterations(2).fit(&data(N, 2)).unwrap();
    gp.save(&path).unwrap();
    match coregion::load(&path).unwrap() {
        Fitted::Gp(again) => assert_eq!(again.to_bytes(), gp.to_bytes()),
        other => panic!("{other:?}"),
    }
    let mut parts = Parts::of(&gp.to_bytes().unwrap());
    parts.metadata().insert("kind".into(), json!("later"));
    std::fs::write(&path, parts.sealed()).unwrap();
    let (what, advice) = problem(coregion::load(&path).map(drop).unwrap_err());
    let kinds = "multi-task-gp or multi-task-kernel-ridge";
    assert_eq!(what, format!("it holds a model of the kind 'later', not {kinds}"));
    assert!(advice.starts_with("read it with 'coregion 0.1.0'"), "{advice}");
    let few = LoadOptions::new().memory_budget(100);
    let error = coregion::io::load_with(&path, &few).map(drop).unwrap_err();
    assert!(matches!(error, Error::Memory { .. }));
    std::fs::remove_file(&path).unwrap();
}
