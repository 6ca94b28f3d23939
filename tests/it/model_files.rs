//! Models that are saved and loaded: everything they say is what it was.

use coregion::prelude::*;
use coregion::{kernel, task};
use ndarray::{Array1, Array2, array};

use crate::common::sealed::Parts;
use crate::common::{normal, smooth_outputs};
use crate::support::{answers, kernels, mixed_rows, tasks};

fn data(t: usize) -> Dataset {
    let x = mixed_rows(14, 1);
    Dataset::new(x.view(), smooth_outputs(x.view(), t, 0.3, 2).view()).unwrap()
}

pub(crate) fn quick(kernel: Kernel) -> MultiTaskGp {
    MultiTaskGp::new(kernel).max_iterations(3)
}

/// Asserts that nothing tells two models apart.
#[track_caller]
pub(crate) fn assert_same(a: &FittedMultiTaskGp, b: &FittedMultiTaskGp, xs: &Array2<f64>) {
    assert_eq!(a.to_string(), b.to_string());
    assert_eq!(format!("{:?}", a.report()), format!("{:?}", b.report()));
    assert_eq!((a.kernel(), a.task()), (b.kernel(), b.task()));
    assert_eq!((a.task_names(), a.feature_names()), (b.task_names(), b.feature_names()));
    assert_eq!((a.data(), a.data().layout()), (b.data(), b.data().layout()));
    assert_eq!(a.posterior().natural(), b.posterior().natural());
    let (la, lb) = (a.posterior().model().layout(), b.posterior().model().layout());
    assert_eq!(format!("{la:?}"), format!("{lb:?}"));
    assert_eq!(a.task_correlation_std_error(), b.task_correlation_std_error());
    assert_eq!(a.posterior().memory_budget(), b.posterior().memory_budget());
    for uncertainty in [Uncertainty::None, Uncertainty::Std, Uncertainty::Observation] {
        assert_eq!(a.predict(xs.view(), uncertainty), b.predict(xs.view(), uncertainty));
    }
    assert_eq!(a.sample(xs.view(), 2, true, 3), b.sample(xs.view(), 2, true, 3));
    assert_eq!(a.log_marginal_likelihood(), b.log_marginal_likelihood());
    assert_eq!(a.log_marginal_likelihood_at(&[]), b.log_marginal_likelihood_at(&[]));
    assert_eq!(a.to_bytes().unwrap(), b.to_bytes().unwrap());
}

#[track_caller]
pub(crate) fn assert_round_trip(gp: &FittedMultiTaskGp) -> FittedMultiTaskGp {
    let bytes = gp.to_bytes().unwrap();
    let again = FittedMultiTaskGp::from_bytes(&bytes).unwrap();
    let d = gp.feature_names().len();
    let xs = normal(5, d, 9).mapv(|v| (4.0 * v).round() / 4.0);
    assert_same(gp, &again, &xs);
    again
}

#[test]
fn every_kernel() {
    for kernel in kernels() {
        let gp = quick(kernel.clone()).fit(&data(3)).unwrap();
        let again = assert_round_trip(&gp);
        answers(&again).unwrap();
        let parts = Parts::of(&gp.to_bytes().unwrap());
        let requires = parts.header["__metadata__"]["requires"].as_str().unwrap().to_string();
        assert!(requires.contains(&format!("\"kernel/{}\"", kernel.spec().name)), "{requires}");
    }
    assert!(kernels().len() >= kernel::registry().len());
}

#[test]
fn every_task_covariance_noise_and_mean() {
    let means = [Mean::Zero, Mean::Training, Mean::Given(vec![0.5, -0.0, 1.0 / 3.0])];
    for task in tasks(3) {
        for (i, noise) in task::noises(3).into_iter().enumerate() {
            let mean = means[i % 3].clone();
            let model = quick(Rbf::ard()).task(task.clone()).noise(noise).mean(mean);
            assert_round_trip(&model.fit(&data(3)).unwrap());
        }
    }
}

#[test]
fn one_task_one_row_constant_columns() {
    let table = data(1);
    let gp = assert_round_trip(&quick(Rbf::ard()).fit(&table).unwrap());
    assert!(!gp.data().is_vector());
    let mut column = table.y().column(0).to_owned();
    for gaps in [false, true] {
        let vector = Dataset::vector(table.x(), column.view()).unwrap();
        let gp = assert_round_trip(&quick(Rbf::ard()).fit(&vector).unwrap());
        assert_eq!((gp.data().is_vector(), gp.data().is_complete()), (true, !gaps));
        assert!(gp.data().rows(&[0, 1]).unwrap().is_vector());
        column[3] = f64::NAN;
    }
    let row = Dataset::new(array![[1.0, 2.0]].view(), array![[3.0, 4.0]].view()).unwrap();
    assert_round_trip(&quick(Matern12::ard()).fit(&row).unwrap());
    let x = Array2::from_shape_fn((8, 2), |(i, j)| if j == 0 { 7.0 } else { i as f64 });
    let y = Array2::from_shape_fn((8, 2), |(i, t)| if t == 0 { -3.0 } else { (i as f64).sin() });
    let constant = Dataset::new(x.view(), y.view()).unwrap();
    let again = assert_round_trip(&quick(Matern52::ard()).fit(&constant).unwrap());
    assert!(again.report().warnings.len() >= 2, "{}", again.report());
}

#[test]
fn held_and_tied_parameters() {
    let kernel = Rbf::ard() + 0.5 * Matern32::ard().fix("lengthscale");
    let path = |i: usize| format!("terms[0].kernel.parts[{i}].lengthscale");
    let held = quick(kernel.clone()).fix("noise.variance").fix("terms[0].task.W").fix(&path(0));
    let again = assert_round_trip(&held.fit(&data(3)).unwrap());
    let layout = again.posterior().model().layout();
    assert!(layout.entry("noise.variance").unwrap().spec.free.iter().all(|free| !free));
    let kernel = Rbf::ard() + 0.5 * Matern32::ard();
    let tied = quick(kernel).tie(&path(0), &path(1)).tie(&path(0), &path(1));
    let again = assert_round_trip(&tied.fit(&data(3)).unwrap());
    assert_eq!(again.parameters()[&path(0)], again.parameters()[&path(1)]);
    let slots = again.posterior().model().layout().slots().to_vec();
    assert_eq!(slots[0], slots[3]);
    let moved = array![0.7, 0.9].into_dyn();
    let (value, gradient) = again.log_marginal_likelihood_at(&[(&path(0), moved)]).unwrap();
    assert!(value.is_finite() && gradient.contains_key(&path(1)));
}

#[test]
fn settings_and_reports_of_every_sort() {
    let none = MultiTaskGp::new(Rbf::isotropic(0.7))
        .task(FreeForm::starting_at(Array2::eye(3).view()))
        .noise(Noise::Variances(vec![0.1, 0.2, 0.3]))
        .optimizer(Optimizer::None);
    assert_round_trip(&none.fit(&data(3)).unwrap());
    for scaled in [true, false] {
        let model = quick(Linear::learned() + Periodic::new(1.1, 2.0).on([1]))
            .normalize_x(scaled)
            .normalize_y(!scaled)
            .memory_budget(12_345)
            .n_restarts(2)
            .optimizer(Optimizer::Joint);
        assert_round_trip(&model.fit(&data(2)).unwrap());
    }
}

#[test]
fn names_of_any_letters() {
    let names = ["\"quoted\", {brace}", "Zürich \u{1F30A}\n\t\\", "", "\u{0}null"];
    let data = data(4).with_task_names(names).unwrap();
    let data = data.with_feature_names(["x,y]", "\"__metadata__\":{"]).unwrap();
    let again = assert_round_trip(&quick(Rbf::ard()).fit(&data).unwrap());
    assert_eq!(again.task_names(), names);
}

/// Enough rows for factorisations to spread over the threads.
#[test]
fn many_rows() {
    let x = normal(300, 3, 1);
    let data = Dataset::new(x.view(), smooth_outputs(x.view(), 4, 0.3, 2).view()).unwrap();
    assert_round_trip(&quick(Matern52::ard()).fit(&data).unwrap());
}

#[test]
fn a_thousand_tasks_stay_factored() {
    let x = normal(6, 1, 1);
    let y = normal(6, 1000, 2);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let gp = quick(Rbf::isotropic(1.0)).task(LowRank::plus_noise(2)).fit(&data).unwrap();
    let again = assert_round_trip(&gp);
    assert_eq!(again.posterior().kronecker().unwrap().congruence().n_shifts(), 3);
}

#[test]
fn readable_without_this_crate() {
    let names = ["a", "b", "c"];
    let data = data(3).with_task_names(names).unwrap();
    let model = quick(Rbf::new([0.5, 2.0])).mean(Mean::Given(vec![1.0, 2.0, 3.0]));
    let gp = model.noise(Noise::Covariance(Array2::eye(3))).fit(&data).unwrap();
    let bytes = gp.to_bytes().unwrap();
    let plain = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |name: &str| -> Vec<f64> {
        let tensor = plain.tensor(name).unwrap();
        let chunks = tensor.data().chunks_exact(8);
        chunks.map(|c| f64::from_le_bytes(c.try_into().unwrap())).collect()
    };
    assert_eq!(numbers("x"), data.x().iter().copied().collect::<Vec<_>>());
    assert_eq!(numbers("y"), data.y().iter().copied().collect::<Vec<_>>());
    assert_eq!(numbers("parameters"), gp.posterior().natural());
    assert_eq!(numbers("mean"), [1.0, 2.0, 3.0]);
    assert_eq!(Array1::from(numbers("noise")).sum(), 3.0);
    let mut found = plain.names();
    found.sort_unstable();
    let expected = ["checksum", "mean", "noise", "parameters", "standard_errors", "x", "y"];
    assert_eq!(found, expected);
    assert_eq!(plain.tensor("checksum").unwrap().data(), &bytes[bytes.len() - 32..]);
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = metadata.metadata().as_ref().unwrap();
    assert_eq!((&*metadata["format"], &*metadata["version"]), ("coregion", "1"));
    assert_eq!(metadata["kind"], "multi-task-gp");
    let requires: Vec<String> = serde_json::from_str(&metadata["requires"]).unwrap();
    let features =
        ["kernel/RBF", "layout/complete", "mean/given", "noise/covariance", "task/LowRank"];
    assert_eq!(requires, features);
    let document: serde_json::Value = serde_json::from_str(&metadata["model"]).unwrap();
    assert_eq!(document["task_names"], serde_json::json!(names));
    assert_eq!(document["kernel"]["values"]["lengthscale"], serde_json::json!([0.5, 2.0]));
    assert_eq!(document["log_marginal_likelihood"], gp.log_marginal_likelihood());
}

/// The keys of the document are the format: whoever changes them changes its version, or lets files
/// say what they require.
#[test]
fn the_document_of_version_1() {
    let gp = quick(Rbf::ard()).fit(&data(2)).unwrap();
    let document = Parts::of(&gp.to_bytes().unwrap()).document();
    let keys = |v: &serde_json::Value| v.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let expected = "cg feature_names fixed kernel learns log_marginal_likelihood mean memory_budget noise \
                    report scale_x scale_y solver solver_memory task task_names ties";
    assert_eq!(keys(&document).join(" "), expected);
    let report = "converged eigendecompositions evaluations gradient_norm identifiability \
                  iterations optimizer restarts solve stop strategy trace wall_time warnings";
    assert_eq!(keys(&document["report"]).join(" "), report);
    let solve = "clipped_eigenvalues clipped_magnitude exact iterations jitter log_det_std_err \
                 precision rank relative_residual solver tolerance why";
    assert_eq!(keys(&document["report"]["solve"]).join(" "), solve);
    assert_eq!(keys(&document["report"]["trace"][0]).join(" "), "evaluation value");
    let restart = "evaluations iterations log_posterior stop";
    assert_eq!(keys(&document["report"]["restarts"][0]).join(" "), restart);
}
