//! A hundred thousand damaged model files: each is refused, or is a model that says what its file says.
//!
//! Two thirds are changed as files are by accident; the checksum must catch every one of them. One
//! third is changed and sealed again with a right checksum, which is what somebody would do on
//! purpose. Such a file may load, with another meaning: then the model must be the one that its
//! arrays and its document describe. That is tested by a second way from the file to predictions,
//! through the safetensors crate and the public parts of the model; both must agree bit for bit, and
//! where nothing that predictions depend on was changed they must be those of the model saved.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod counting;
mod mutate;
#[path = "../it/common/sealed.rs"]
#[allow(dead_code)]
mod sealed;

use std::panic::{AssertUnwindSafe, catch_unwind};

use coregion::gp::{Model, Posterior, Scaling};
use coregion::matrix_kernel::Separable;
use coregion::prelude::*;
use ndarray::{Array2, ArrayView2, s};
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use rand_xoshiro::Xoshiro256PlusPlus as Random;
use safetensors::SafeTensors;
use serde_json::Value as Json;

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

const FILES: usize = 100_000;
/// Memory of an attempt, the file included, in sizes of the file.
const MOST_MEMORY: f64 = 10.0;
/// Bytes that a refusal may take besides, however short the file.
const MESSAGE: usize = 2048;

fn normal(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut random = Random::seed_from_u64(seed);
    Array2::from_shape_simple_fn((rows, columns), || random.sample(StandardNormal))
}

/// Models whose files hold every sort of part.
fn models() -> Vec<FittedMultiTaskGp> {
    let x = normal(16, 2, 1);
    let data = |t: usize| {
        let y = normal(16, t, 2) + x.slice(s![.., ..1]).mapv(|v| 2.0 * v.sin());
        let names: Vec<String> = (0..t).map(|i| format!("task \"{i}\"")).collect();
        Dataset::new(x.view(), y.view()).unwrap().with_task_names(names).unwrap()
    };
    let mixture = SpectralMixture::learned(2);
    let sum = Matern52::ard().on([1]) + 0.5 * Rbf::isotropic(1.0) * Linear::new(1.0);
    let same = ["terms[0].kernel.parts[0].lengthscale", "terms[0].kernel.parts[1].lengthscale"];
    let tied = MultiTaskGp::new(Rbf::ard() + 0.3 * Matern12::ard()).tie(same[0], same[1]);
    let fits = [
        MultiTaskGp::new(Rbf::ard()).fit(&data(6)),
        MultiTaskGp::new(sum).task(FreeForm::new()).noise(Noise::Full).fit(&data(5)),
        MultiTaskGp::new(mixture)
            .task(LowRank::plus_noise(1))
            .noise(Noise::Variances(vec![0.3; 5]))
            .mean(Mean::Given(vec![0.1, 0.2, 0.3, 0.4, 0.5]))
            .max_iterations(5)
            .fit(&data(5)),
        tied.task(Fixed::at(Array2::eye(4).view()))
            .noise(Noise::Covariance(Array2::eye(4)))
            .mean(Mean::Zero)
            .fix("mean.offset")
            .fit(&data(4)),
    ];
    // What the clock said is no part of the test.
    let timeless = |gp: FittedMultiTaskGp| {
        let zero = serde_json::json!({"secs": 0, "nanos": 0});
        let bytes =
            sealed::with_document(&gp.to_bytes().unwrap(), |d| d["report"]["wall_time"] = zero);
        FittedMultiTaskGp::from_bytes(&bytes).unwrap()
    };
    fits.into_iter().map(|fit| timeless(fit.unwrap())).collect()
}

type Answers = (Result<Prediction>, Result<ndarray::Array3<f64>>);

fn answers(posterior: &Posterior) -> Answers {
    let x = posterior.model().x();
    let xs = x.slice(s![..x.nrows().min(3), ..]).mapv(|v| 0.9 * v + 0.05);
    (posterior.predict(xs.view(), Uncertainty::Observation), posterior.task_covariances(xs.view()))
}

fn array(file: &SafeTensors, name: &str) -> Array2<f64> {
    let tensor = file.tensor(name).unwrap();
    let chunks = tensor.data().chunks_exact(8);
    let values: Vec<f64> = chunks.map(|c| f64::from_le_bytes(c.try_into().unwrap())).collect();
    let rows = if tensor.shape().len() == 2 { tensor.shape()[0] } else { 1 };
    let columns = values.len() / rows;
    Array2::from_shape_vec((rows, columns), values).unwrap()
}

fn words<'a>(document: &'a Json, key: &str) -> Vec<&'a str> {
    document[key].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect()
}

/// The model in a file by another way: without the reader, the report and every check.
fn direct(bytes: &[u8]) -> Posterior {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
    let document = &metadata.metadata().as_ref().unwrap()["model"];
    let document: Json = serde_json::from_str(document).unwrap();
    let row = |name: &str| array(&file, name).iter().copied().collect::<Vec<f64>>();
    let data = Dataset::new(array(&file, "x").view(), array(&file, "y").view()).unwrap();
    let data = data.with_task_names(words(&document, "task_names")).unwrap();
    let term = Separable {
        kernel: Kernel::from_spec(serde_json::from_value(document["kernel"].clone()).unwrap())
            .unwrap(),
        task: Task::from_spec(serde_json::from_value(document["task"].clone()).unwrap()).unwrap(),
    };
    let noise = match document["noise"].as_str().unwrap() {
        "variances" => Noise::Variances(row("noise")),
        "covariance" => Noise::Covariance(array(&file, "noise")),
        learned => learned.parse().unwrap(),
    };
    let mean = match document["mean"].as_str().unwrap() {
        "zero" => Mean::Zero,
        "training" => Mean::Training,
        _ => Mean::Given(row("mean")),
    };
    let scale = |key: &str| document[key].as_bool().unwrap();
    let scaling = Scaling { x: scale("scale_x"), y: scale("scale_y") };
    let mut model = Model::new(&data, &term, &noise, &mean, scaling).unwrap();
    for tie in document["ties"].as_array().unwrap() {
        let path = |i: usize| tie[i].as_str().unwrap();
        model.layout_mut().tie(path(0), path(1)).unwrap();
    }
    for path in words(&document, "fixed") {
        model.layout_mut().fix(path).unwrap();
    }
    let budget = document["memory_budget"].as_u64().unwrap() as usize;
    Posterior::new(model.into(), row("parameters"), budget).unwrap()
}

fn no_nan(posterior: &Posterior, (prediction, covariances): &Answers) {
    let finite = |m: ArrayView2<f64>| assert!(m.iter().all(|v| v.is_finite()), "{m}");
    if let Ok(p) = prediction {
        finite(p.mean.view());
        finite(p.std().unwrap());
    }
    if let Ok(c) = covariances {
        assert!(c.iter().all(|v| v.is_finite()));
    }
    assert!(posterior.factor().log_likelihood().is_finite());
}

/// What became of some files.
#[derive(Default, Debug)]
struct Tally {
    damaged: usize,
    sealed_refused: usize,
    sealed_memory: usize,
    loaded_as_saved: usize,
    loaded_as_changed: usize,
    most_of_refused: f64,
    most_of_loaded: f64,
    problems: std::collections::BTreeMap<String, usize>,
}

fn check(case: usize, saved: &[(Vec<u8>, Answers)], tally: &mut Tally) {
    let mut random = Random::seed_from_u64(case as u64);
    let (original, expected) = &saved[case % saved.len()];
    let seal = case % 3 == 2;
    let mut file = original.clone();
    if seal {
        file = mutate::sealed(original, &mut random);
    } else {
        mutate::bytes(&mut file, &mut random);
    }
    let (result, used) = counting::peak(|| FittedMultiTaskGp::from_bytes(&file));
    let most = MOST_MEMORY * file.len() as f64 + MESSAGE as f64;
    assert!(((used + file.len()) as f64) <= most, "{used} bytes for {}: {result:?}", file.len());
    let ratio = (used + file.len()) as f64 / file.len().max(MESSAGE) as f64;
    match result {
        Err(Error::ModelFile { problem, .. }) => {
            tally.most_of_refused = tally.most_of_refused.max(ratio);
            *if seal { &mut tally.sealed_refused } else { &mut tally.damaged } += 1;
            let words: String = problem.chars().filter(|c| !c.is_ascii_digit()).take(36).collect();
            *tally.problems.entry(words).or_default() += 1;
        }
        Err(Error::Memory { .. }) => {
            assert!(seal);
            tally.sealed_memory += 1;
        }
        Err(other) => panic!("{other:?}"),
        Ok(gp) => {
            tally.most_of_loaded = tally.most_of_loaded.max(ratio);
            assert!(seal || file == *original, "a damaged file was loaded");
            let found = answers(gp.posterior());
            no_nan(gp.posterior(), &found);
            let other = direct(&file);
            assert_eq!(gp.posterior().natural(), other.natural());
            assert_eq!(found, answers(&other));
            if found == *expected {
                tally.loaded_as_saved += 1;
            } else {
                tally.loaded_as_changed += 1;
                // Nothing that predictions depend on was changed: they may not have changed either.
                assert_ne!(meaning(&file), meaning(original));
            }
        }
    }
}

/// Everything in a file that predictions depend on.
fn meaning(bytes: &[u8]) -> String {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
    let mut document: Json =
        serde_json::from_str(&metadata.metadata().as_ref().unwrap()["model"]).unwrap();
    let map = document.as_object_mut().unwrap();
    for key in ["report", "task_names", "feature_names", "log_marginal_likelihood"] {
        map.remove(key);
    }
    let bits = |name| file.tensor(name).map(|t| format!("{:?}", t.data())).unwrap_or_default();
    ["x", "y", "parameters", "noise", "mean"].map(bits).concat() + &document.to_string()
}

#[test]
fn damaged_files_are_refused_or_mean_what_they_say() {
    let gps = models();
    let saved: Vec<(Vec<u8>, Answers)> =
        gps.iter().map(|gp| (gp.to_bytes().unwrap(), answers(gp.posterior()))).collect();
    let sizes: Vec<usize> = saved.iter().map(|(bytes, _)| bytes.len()).collect();
    // Each half runs on one thread, whose memory is counted.
    let half = |first: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let saved = &saved;
        pool.install(|| {
            let mut tally = Tally::default();
            for case in (first..FILES).step_by(2) {
                let one = AssertUnwindSafe(|| check(case, saved, &mut tally));
                assert!(catch_unwind(one).is_ok(), "file {case}");
            }
            tally
        })
    };
    let tallies = std::thread::scope(|scope| {
        let threads = [0, 1].map(|first| scope.spawn(move || half(first)));
        threads.map(|thread| thread.join().unwrap())
    });
    let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
    let refused = sum(|t| t.damaged) + sum(|t| t.sealed_refused) + sum(|t| t.sealed_memory);
    let loaded = sum(|t| t.loaded_as_saved) + sum(|t| t.loaded_as_changed);
    println!("files of {sizes:?} bytes; {refused} refused, {loaded} loaded\n{tallies:#?}");
    assert_eq!(refused + loaded, FILES);
    // The changes reach every stage of reading.
    assert!(sum(|t| t.loaded_as_saved) > 100 && sum(|t| t.loaded_as_changed) > 100);
    assert!(sum(|t| t.sealed_refused) > FILES / 5);
}

/// Documents whose text is as small as can be beside what is made of it.
#[test]
fn the_densest_documents_take_twenty_times_their_size() {
    let gp = &models()[0];
    let bytes = gp.to_bytes().unwrap();
    let ones = |n: usize| serde_json::json!(vec![1; n]);
    let rows = |n: usize| serde_json::json!(vec![[1]; n]);
    let words = |n: usize| serde_json::json!(vec![""; n]);
    let nodes = |n: usize| serde_json::json!(vec![serde_json::json!({"name": ""}); n]);
    type Place = fn(&mut Json) -> &mut Json;
    let value: Place = |d| &mut d["kernel"]["values"]["levels"];
    let children: Place = |d| &mut d["kernel"]["children"];
    let trace: Place = |d| &mut d["report"]["trace"];
    let fixed: Place = |d| &mut d["fixed"];
    let names: Place = |d| &mut d["task_names"];
    let point = serde_json::json!({"evaluation": 1, "value": 1});
    let dense = [
        (value, ones(400_000)),
        (value, rows(200_000)),
        (value, Json::from("\u{1}".repeat(100_000))),
        (children, nodes(900)),
        (children, nodes(100_000)),
        (trace, Json::from(vec![point; 20_000])),
        (fixed, words(4_000)),
        (fixed, words(400_000)),
        (names, words(400_000)),
    ];
    for (i, (place, filling)) in dense.into_iter().enumerate() {
        let file = sealed::with_document(&bytes, |d| *place(d) = filling);
        let (result, used) = counting::peak(|| FittedMultiTaskGp::from_bytes(&file));
        let ratio = (used + file.len()) as f64 / file.len() as f64;
        println!("{i}: {ratio:.1} times {} bytes", file.len());
        assert!(matches!(result, Ok(_) | Err(Error::ModelFile { .. })), "{i}: {result:?}");
        assert!(ratio < 20.0, "{i}: {ratio}");
    }
}
