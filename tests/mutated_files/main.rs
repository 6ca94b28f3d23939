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
mod memory;
mod mutate;
#[path = "../it/common/sealed.rs"]
#[allow(dead_code)]
mod sealed;

use std::panic::{AssertUnwindSafe, catch_unwind};

use coregion::estimator::Fitted;
use coregion::gp::{Model, Posterior, Scaling};
use coregion::linalg;
use coregion::matrix_kernel::Separable;
use coregion::prelude::*;
use coregion::ridge::{Candidate, Problem, Solution};
use ndarray::{Array1, Array2, Array3, ArrayView2, s};
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
fn models() -> Vec<Fitted> {
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
        MultiTaskGp::new(Matern52::ard()).fit(&with_gaps(&data(5))),
        MultiTaskGp::new(Rbf::ard()).noise(Noise::None).max_iterations(5).fit(&list()),
    ];
    let related = |r: f64| {
        let mut b = Array2::from_elem((4, 4), r);
        b.diag_mut().fill(1.0);
        Fixed::at(b.view())
    };
    let rows = x.column(0).mapv(|v| 0.5 + v * v);
    let (w, kernel) = (normal(5, 1, 3), Rbf::new([0.7, 1.2]) + 0.2 * Linear::new(1.0));
    let ridges = [
        MultiTaskKernelRidge::new(Matern32::isotropic(1.0)).alpha(0.3).fit(&data(6)),
        MultiTaskKernelRidge::new(kernel)
            .tasks(vec![related(1.0), related(0.4)])
            .alphas(vec![0.01, 0.1, 1.0])
            .task_penalties(vec![0.5, 1.0, 1.5, 2.0])
            .task_weights(vec![1.0, 0.3, 0.2, 0.1])
            .criterion(LeaveOut::blocks(16, 5))
            .fit_intercept(true)
            .fit_weighted(&data(4), rows.view()),
        MultiTaskKernelRidge::new(Rbf::isotropic(0.8))
            .task(LowRank::plus_noise_starting_at(w.view(), 0.3))
            .alphas(vec![0.1, 1.0])
            .criterion(Criterion::LogDensity(LeaveOut::Entry))
            .refine(true)
            .fit(&data(5)),
    ];
    let gps = fits.into_iter().map(|fit| Fitted::Gp(Box::new(fit.unwrap())));
    gps.chain(ridges.into_iter().map(|fit| Fitted::Ridge(Box::new(fit.unwrap())))).collect()
}

/// The same data with a few gaps and a row without observations.
fn with_gaps(data: &Dataset) -> Dataset {
    let mut y = data.y().to_owned();
    y.row_mut(7).fill(f64::NAN);
    [[0, 1], [9, 4], [9, 0], [15, 2]].into_iter().for_each(|at| y[at] = f64::NAN);
    Dataset::new(data.x(), y.view()).unwrap()
}

/// A list of observations whose noise is known.
fn list() -> Dataset {
    let (x, y) = (normal(20, 2, 4).mapv(f64::round), normal(20, 1, 5));
    let tasks: Vec<usize> = (0..20).map(|i| i * i % 7 % 3).collect();
    let noise = y.column(0).mapv(|v| 0.1 + v * v);
    let data = Dataset::long(x.view(), y.column(0), &tasks).unwrap();
    data.with_long_noise_variances(noise.view()).unwrap()
}

/// The file of a model; what the clock said is no part of the test.
fn file_of(model: &Fitted) -> Vec<u8> {
    let zero = serde_json::json!({"secs": 0, "nanos": 0});
    match model {
        Fitted::Gp(gp) => {
            sealed::with_document(&gp.to_bytes().unwrap(), |d| d["report"]["wall_time"] = zero)
        }
        Fitted::Ridge(ridge) => {
            sealed::with_document(&ridge.to_bytes().unwrap(), |d| d["wall_time"] = zero)
        }
        other => panic!("{other:?}"),
    }
}

/// Loads a file as the kind of model it is expected to be.
fn load(bytes: &[u8], gp: bool) -> Result<Fitted> {
    Ok(match gp {
        true => Fitted::Gp(Box::new(FittedMultiTaskGp::from_bytes(bytes)?)),
        false => Fitted::Ridge(Box::new(FittedMultiTaskKernelRidge::from_bytes(bytes)?)),
    })
}

/// What a model says, bit for bit.
#[derive(Debug, PartialEq)]
enum Answers {
    Gp {
        natural: Vec<f64>,
        entries: Vec<(usize, usize)>,
        imputed: Result<Prediction>,
        prediction: Result<Prediction>,
        covariances: Result<Array3<f64>>,
    },
    Ridge {
        dual: Array2<f64>,
        intercept: Option<Array1<f64>>,
        prediction: Result<Array2<f64>>,
        left_out: Box<Result<LeftOut>>,
        norm: f64,
    },
}

fn near(x: ArrayView2<f64>) -> Array2<f64> {
    x.slice(s![..x.nrows().min(3), ..]).mapv(|v| 0.9 * v + 0.05)
}

fn answers(posterior: &Posterior, entries: Vec<(usize, usize)>) -> Answers {
    let xs = near(posterior.model().x());
    assert!(posterior.factor().log_likelihood().is_finite());
    Answers::Gp {
        natural: posterior.natural().to_vec(),
        entries,
        imputed: posterior.impute(Uncertainty::Observation),
        prediction: posterior.predict(xs.view(), Uncertainty::Observation),
        covariances: posterior.task_covariances(xs.view()),
    }
}

fn ridge_answers(problem: &Problem, solution: &Solution) -> Answers {
    Answers::Ridge {
        dual: solution.dual.clone(),
        intercept: solution.intercept.clone(),
        prediction: problem.predict(solution, near(problem.x()).view()),
        left_out: Box::new(problem.leave_out(solution, &LeaveOut::Entry)),
        norm: solution.rkhs_norm_squared(),
    }
}

fn of_model(model: &Fitted) -> Answers {
    match model {
        Fitted::Gp(gp) => answers(gp.posterior(), gp.data().entries()),
        Fitted::Ridge(ridge) => Answers::Ridge {
            dual: ridge.dual_coef().to_owned(),
            intercept: ridge.intercept().cloned(),
            prediction: ridge.predict(near(ridge.data().x()).view()),
            left_out: Box::new(ridge.leave_one_out(&LeaveOut::Entry)),
            norm: ridge.rkhs_norm_squared(),
        },
        other => panic!("{other:?}"),
    }
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

/// What the model in a file says by another way: without the reader, the report and every check.
fn direct(bytes: &[u8]) -> Answers {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
    let metadata = metadata.metadata().as_ref().unwrap();
    let document: Json = serde_json::from_str(&metadata["model"]).unwrap();
    let row = |name: &str| array(&file, name).iter().copied().collect::<Vec<f64>>();
    let data = Dataset::new(array(&file, "x").view(), array(&file, "y").view()).unwrap();
    let data = data.with_task_names(words(&document, "task_names")).unwrap();
    let data = match file.tensor("noise_variances") {
        Ok(_) => data.with_noise_variances(array(&file, "noise_variances").view()).unwrap(),
        Err(_) => data,
    };
    let entries = match file.tensor("entries") {
        Ok(_) => {
            let pairs = array(&file, "entries");
            pairs.rows().into_iter().map(|p| (p[0] as usize, p[1] as usize)).collect()
        }
        Err(_) => data.entries(),
    };
    let spec = |key: &str| serde_json::from_value(document[key].clone()).unwrap();
    let term = Separable {
        kernel: Kernel::from_spec(spec("kernel")).unwrap(),
        task: Task::from_spec(spec("task")).unwrap(),
    };
    if metadata["kind"] == "multi-task-kernel-ridge" {
        let weights = file.tensor("weights").is_ok().then(|| Array1::from(row("weights")));
        let view = weights.as_ref().map(|w| w.view());
        let fit_intercept = document["fit_intercept"].as_bool().unwrap();
        let problem = Problem::new(&data, &term.kernel, view, fit_intercept).unwrap();
        let units = Array1::from(row("unit_penalties"));
        let candidate = Candidate::new(&problem, &term.task, units.view()).unwrap();
        let alpha = document["alpha"].as_f64().unwrap();
        return ridge_answers(&problem, &problem.solve(&candidate, alpha).unwrap());
    }
    let noise = match document["noise"].as_str().unwrap() {
        "variances" => Noise::Variances(row("noise")),
        "covariance" => Noise::Covariance(array(&file, "noise")),
        learned => learned.parse().unwrap(),
    };
    let mean = match document["mean"].as_str().unwrap() {
        "zero" => Mean::Zero,
        "training" => Mean::Training,
        "constant" | "constant-restricted" => Mean::Constant,
        "linear" | "linear-restricted" => Mean::linear(),
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
    let number = |key: &str| document[key].as_u64().unwrap() as usize;
    let (solver, memory) = (document["solver"].as_str().unwrap(), number("solver_memory"));
    model.select_solver(solver.parse().unwrap(), memory, scale("learns")).unwrap();
    let budget = number("memory_budget");
    answers(&Posterior::new(model.into(), row("parameters"), budget).unwrap(), entries)
}

fn no_nan(found: &Answers) {
    let finite = |m: ArrayView2<f64>| assert!(m.iter().all(|v| v.is_finite()), "{m}");
    match found {
        Answers::Gp { imputed, prediction, covariances, .. } => {
            for p in imputed.iter().chain(prediction) {
                finite(p.mean.view());
                finite(p.std().unwrap());
            }
            if let Ok(c) = covariances {
                assert!(c.iter().all(|v| v.is_finite()));
            }
        }
        Answers::Ridge { dual, prediction, left_out, .. } => {
            finite(dual.view());
            prediction.iter().for_each(|p| finite(p.view()));
            left_out.iter().for_each(|l| finite(l.std.view()));
        }
    }
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
    let (original, expected) = &saved[case / 3 % saved.len()];
    let seal = case % 3 == 2;
    let mut file = original.clone();
    if seal {
        file = mutate::sealed(original, &mut random);
    } else {
        mutate::bytes(&mut file, &mut random);
    }
    let (result, used) = counting::peak(|| load(&file, matches!(expected, Answers::Gp { .. })));
    // The vectors of an iterative solver are more than a small file: they were compared with the budget.
    let rebuilt = match &result {
        Ok(Fitted::Gp(gp)) if gp.posterior().model().solver() == Solver::Cg => {
            8 * gp.posterior().model().posterior_doubles()
        }
        _ => 0,
    };
    let most = MOST_MEMORY * file.len() as f64 + (MESSAGE + rebuilt) as f64;
    assert!(((used + file.len()) as f64) <= most, "{used} bytes for {}: {result:?}", file.len());
    let ratio = (used.saturating_sub(rebuilt) + file.len()) as f64 / file.len().max(MESSAGE) as f64;
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
        Ok(model) => {
            tally.most_of_loaded = tally.most_of_loaded.max(ratio);
            assert!(seal || file == *original, "a damaged file was loaded");
            let found = of_model(&model);
            no_nan(&found);
            assert_eq!(found, direct(&file));
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
    let no_part = ["report", "task_names", "feature_names", "log_marginal_likelihood"];
    let of_ridges = ["wall_time", "criterion", "labels", "criterion_value"];
    for key in no_part.into_iter().chain(of_ridges) {
        map.remove(key);
    }
    let bits = |name| file.tensor(name).map(|t| format!("{:?}", t.data())).unwrap_or_default();
    let of_data = ["x", "y", "noise_variances", "entries", "weights"].map(bits).concat();
    let of_settings = ["parameters", "noise", "mean", "unit_penalties"].map(bits).concat();
    of_data + &of_settings + &document.to_string()
}

#[test]
fn damaged_files_are_refused_or_mean_what_they_say() {
    let saved: Vec<(Vec<u8>, Answers)> =
        models().iter().map(|model| (file_of(model), of_model(model))).collect();
    let sizes: Vec<usize> = saved.iter().map(|(bytes, _)| bytes.len()).collect();
    // Each half runs on one thread, whose memory is counted.
    let half = |first: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let saved = &saved;
        pool.install(|| {
            // The first large product of a thread makes the room that all later ones pack into.
            let square = Array2::<f64>::eye(300);
            assert_eq!(linalg::matmul(square.view(), square.view()), square);
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
