//! Model files of data with gaps, of long data, and of data whose noise is known.

use coregion::Error;
use coregion::data::Layout;
use coregion::estimator::Fitted;
use coregion::io::LoadOptions;
use coregion::prelude::*;
use ndarray::{Array1, Array2, Axis, s};
use serde_json::{Value as Json, json};

use crate::common::sealed::{Parts, with_document, with_header};
use crate::common::{assert_close, normal, smooth_outputs};
use crate::leave_out::ways;
use crate::model_file_refusals::assert_refused;
use crate::model_files::{assert_round_trip, quick};
use crate::support::mixed_rows;

const GAP: f64 = f64::NAN;
const N: usize = 14;

/// A table (14, 3) without the entries at some places, counted row by row.
fn masked(missing: impl Fn(usize) -> bool) -> Dataset {
    let x = mixed_rows(N, 1);
    let mut y = smooth_outputs(x.view(), 3, 0.3, 2);
    y.iter_mut().enumerate().filter(|(i, _)| missing(*i)).for_each(|(_, v)| *v = GAP);
    Dataset::new(x.view(), y.view()).unwrap()
}

/// A few gaps, and a row without entries.
fn few() -> Dataset {
    masked(|i| [3, 10, 18, 19, 20, 40].contains(&i))
}

/// Observations in an order of no meaning, some repeated, some inputs shared, the last task without any.
fn long() -> Dataset {
    let x = mixed_rows(30, 4);
    let y = smooth_outputs(x.view(), 1, 0.3, 2).column(0).to_owned();
    let labels: Vec<&str> = (0..30).map(|i| ["b", "a", "c"][i * i % 7 % 3]).collect();
    let names = Some(&["a", "b", "c", "none"][..]);
    Dataset::long_labelled(x.view(), y.view(), &labels, names).unwrap()
}

fn variances(data: &Dataset) -> Array2<f64> {
    Array2::from_shape_fn(data.y().dim(), |(i, t)| 0.01 * ((i + 2 * t) % 4) as f64 + 0.02)
}

fn bits(table: &Array2<f64>) -> Vec<u64> {
    let one = |v: &f64| if v.is_nan() { GAP.to_bits() } else { v.to_bits() };
    table.iter().map(one).collect()
}

/// Asserts that nothing tells a model from the one that is loaded from its file, which requires that
/// layout.
#[track_caller]
fn assert_kept(a: &FittedMultiTaskGp, solver: &str, layout: Layout) -> FittedMultiTaskGp {
    assert_eq!((&*a.report().solve.solver, a.data().layout()), (solver, layout));
    let b = assert_round_trip(a);
    assert_eq!(a.data().entries(), b.data().entries());
    let table = |data: &Dataset| data.y().to_owned();
    assert_eq!(bits(&table(a.data())), bits(&table(b.data())));
    for uncertainty in [Uncertainty::None, Uncertainty::Std, Uncertainty::Observation] {
        assert_eq!(a.impute(uncertainty).unwrap(), b.impute(uncertainty).unwrap());
    }
    let n = a.data().n_rows();
    for by in ways(n.max(5)) {
        match (a.leave_one_out(&by), b.leave_one_out(&by)) {
            (Ok(p), Ok(q)) => {
                assert_eq!((bits(&p.mean), bits(&p.std)), (bits(&q.mean), bits(&q.std)));
                assert_eq!(bits(&p.log_density), bits(&q.log_density));
            }
            (p, q) => assert_eq!(p.map(drop), q.map(drop)),
        }
    }
    let (d, t) = (a.data().n_features(), a.data().n_tasks());
    let (xs, mut ys) = (normal(2, d, 5), normal(2, t, 6));
    ys[[0, 0]] = GAP;
    let known = a.data().noise_variances().map(|_| Array2::from_elem((2, t), 0.3));
    let more = |gp: &FittedMultiTaskGp| match &known {
        Some(v) => gp.condition_with_noise_variances(xs.view(), ys.view(), v.view()).unwrap(),
        None => gp.condition(xs.view(), ys.view()).unwrap(),
    };
    let (c, e) = (more(a), more(&b));
    assert_eq!(c.data(), e.data());
    let predicted = |gp: &FittedMultiTaskGp| gp.predict(xs.view(), Uncertainty::Std).unwrap();
    assert_eq!(predicted(&c), predicted(&e));
    assert_eq!(c.to_bytes().unwrap(), e.to_bytes().unwrap());
    // Rows that were added to a factor are factored with the others on loading.
    let loaded = FittedMultiTaskGp::from_bytes(&c.to_bytes().unwrap()).unwrap();
    assert_eq!(loaded.data(), c.data());
    for (path, values) in loaded.parameters() {
        // A mean that is estimated is estimated by the factor at hand.
        let within = if path.starts_with("mean.") { 1e-9 } else { 0.0 };
        assert_close(&values, &c.parameters()[&path], within);
    }
    let (p, q) = (predicted(&loaded), predicted(&c));
    assert_close(&p.mean, &q.mean, 1e-9);
    assert_close(&p.std.unwrap(), &q.std.unwrap(), 1e-8);
    for name in a.task_names() {
        let view = |gp: &FittedMultiTaskGp| {
            let view = gp.task_view(name).unwrap();
            let one = view.predict(xs.view(), Uncertainty::Observation).unwrap();
            (one, view.variance(), view.noise_variance())
        };
        assert_eq!(view(a), view(&b));
    }
    let requires = Parts::of(&a.to_bytes().unwrap()).header["__metadata__"]["requires"].to_string();
    assert!(requires.contains(&format!("layout/{layout}\\\"")), "{requires}");
    assert_eq!(requires.contains("noise-variances/entries"), known.is_some(), "{requires}");
    b
}

#[test]
fn tables_with_gaps() {
    let noises = [Noise::PerTask, Noise::Full, Noise::Variances(vec![0.1, 0.2, 0.3])];
    for noise in noises {
        let model = quick(Rbf::ard()).noise(noise);
        assert_kept(&model.fit(&few()).unwrap(), "schur", Layout::Masked);
        let many = masked(|i| i % 2 == 0 || i > 35);
        assert_kept(&model.fit(&many).unwrap(), "dense", Layout::Masked);
        let dense = model.solver(Solver::Dense);
        assert_kept(&dense.fit(&few()).unwrap(), "dense", Layout::Masked);
        let complete = masked(|_| false);
        assert_kept(&dense.fit(&complete).unwrap(), "dense", Layout::Complete);
    }
    let without = masked(|i| i % 3 == 1);
    let model = quick(Matern52::ard()).task(FreeForm::new()).mean(Mean::Given(vec![0.5, 1.0, 2.0]));
    let again = assert_kept(&model.fit(&without).unwrap(), "dense", Layout::Masked);
    assert!(again.data().y().column(1).iter().all(|v| v.is_nan()));
    let asked = model.solver(Solver::Schur).solver_memory(1 << 20).optimizer(Optimizer::Joint);
    assert_kept(&asked.fit(&without).unwrap(), "schur", Layout::Masked);
}

#[test]
fn solvers_of_models_that_learn_nothing() {
    let given = MultiTaskGp::new(Rbf::isotropic(0.7))
        .task(FreeForm::starting_at(Array2::eye(3).view()))
        .noise(Noise::Variances(vec![0.1, 0.2, 0.3]))
        .optimizer(Optimizer::None);
    let complete = masked(|_| false);
    assert_kept(&given.fit(&complete).unwrap(), "choleskys", Layout::Complete);
    assert_kept(&given.fit(&few()).unwrap(), "schur", Layout::Masked);
}

#[test]
fn lists_of_observations() {
    let data = long();
    let gp = quick(Rbf::ard()).fit(&data).unwrap();
    let again = assert_kept(&gp, "dense", Layout::Long);
    let list = |gp: &FittedMultiTaskGp| gp.data().to_long(gp.data().y()).unwrap();
    assert_eq!(list(&again), smooth_outputs(mixed_rows(30, 4).view(), 1, 0.3, 2).column(0));
    let known = data.with_noise_variances(variances(&long()).view()).unwrap();
    let model = quick(Matern32::ard());
    assert_kept(&model.fit(&known).unwrap(), "dense", Layout::Long);
    let model = model.noise(Noise::None);
    assert_kept(&model.fit(&known).unwrap(), "dense", Layout::Long);
    // A list that fills its table stays a list.
    let x = normal(5, 2, 1).select(Axis(0), &[0, 1, 2, 3, 4, 4, 3, 2, 1, 0]);
    let tasks = [1, 0, 1, 0, 1, 0, 1, 0, 1, 0];
    let y = Array1::from_iter((0..10).map(|i| (i as f64).sin()));
    let filled = Dataset::long(x.view(), y.view(), &tasks).unwrap();
    assert!(filled.is_complete());
    assert_kept(&quick(Rbf::ard()).fit(&filled).unwrap(), "kronecker", Layout::Long);
    let one = Dataset::long(x.slice(s![..1, ..]), y.slice(s![..1]), &[0]).unwrap();
    assert_kept(&quick(Rbf::ard()).fit(&one).unwrap(), "kronecker", Layout::Long);
    // Kernel ridge regression takes it for the table that it is.
    let ridge = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).fit(&filled).unwrap();
    let again = FittedMultiTaskKernelRidge::from_bytes(&ridge.to_bytes().unwrap()).unwrap();
    assert_eq!(again.data(), &Dataset::new(filled.x(), filled.y()).unwrap());
    assert_eq!(again.dual_coef(), ridge.dual_coef());
}

#[test]
fn known_noise_and_parts_of_data() {
    for data in [masked(|_| false), few()] {
        let known = data.clone().with_noise_variances(variances(&data).view()).unwrap();
        let layout = data.layout();
        for noise in [Noise::None, Noise::PerTask] {
            let model = quick(Rbf::ard()).noise(noise);
            assert_kept(&model.fit(&known).unwrap(), "dense", layout);
            let part = known.rows(&[7, 2, 6, 7, 1]).unwrap();
            assert_kept(&model.fit(&part).unwrap(), "dense", part.layout());
            let one = known.task(2).unwrap();
            assert_kept(&model.fit(&one).unwrap(), "dense", Layout::Complete);
        }
    }
    let part = few().rows(&[6, 9, 2, 9, 1, 3]).unwrap();
    assert_kept(&quick(Rbf::ard()).fit(&part).unwrap(), "schur", Layout::Masked);
}

#[test]
fn files_by_their_path() {
    let name = format!("coregion-gaps-{}.safetensors", std::process::id());
    let path = std::env::temp_dir().join(name);
    let known = long().with_noise_variances(variances(&long()).view()).unwrap();
    let gp = quick(Rbf::ard()).fit(&known).unwrap();
    gp.save(&path).unwrap();
    let Fitted::Gp(again) = coregion::load(&path).unwrap() else { panic!("another kind") };
    assert_eq!(again.data(), &known);
    assert_eq!(again.to_bytes().unwrap(), gp.to_bytes().unwrap());
    std::fs::remove_file(&path).unwrap();
}

/// The file of a model of a table with gaps, and of one of a list with known noise.
fn files() -> [Vec<u8>; 2] {
    let gp = quick(Rbf::ard()).fit(&few()).unwrap();
    let known = long().with_noise_variances(variances(&long()).view()).unwrap();
    let listed = quick(Rbf::ard()).fit(&known).unwrap();
    [gp.to_bytes().unwrap(), listed.to_bytes().unwrap()]
}

fn with_number(bytes: &[u8], name: &str, place: usize, value: f64) -> Vec<u8> {
    let mut parts = Parts::of(bytes);
    let start = parts.place(name).start + 8 * place;
    parts.data[start..start + 8].copy_from_slice(&value.to_le_bytes());
    parts.sealed()
}

#[test]
fn gaps_where_none_may_be() {
    let [table, list] = files();
    for bytes in [&table, &list] {
        for name in ["x", "parameters"] {
            let expected = format!("its array '{name}' holds NaN at place 1");
            assert_refused(&with_number(bytes, name, 1, GAP), &expected, "only finite numbers");
        }
        for infinite in [f64::INFINITY, f64::NEG_INFINITY] {
            let expected = format!("its array 'y' holds {infinite} at place 3");
            assert_refused(&with_number(bytes, "y", 3, infinite), &expected, "");
        }
    }
    // Another gap is another model, and no gap at all is none.
    let likelihood = "its log marginal likelihood is stored as";
    assert_refused(&with_number(&table, "y", 0, GAP), likelihood, "");
    assert_refused(&with_number(&table, "y", 3, 0.5), likelihood, "");
    let full = [3, 10, 18, 19, 20, 40]
        .iter()
        .fold(table.clone(), |bytes, &place| with_number(&bytes, "y", place, 0.5));
    assert_refused(&full, "its data are complete, but it requires masked", "");
    let empty = (0..3 * N).fold(table, |bytes, place| with_number(&bytes, "y", place, GAP));
    assert_refused(&empty, "it holds no usable model", "all 42 entries of y are NaN");
    let gaps = "its array 'noise_variances' has other gaps than 'y'";
    let observed = long().y().iter().position(|v| !v.is_nan()).unwrap();
    let missing = long().y().iter().position(|v| v.is_nan()).unwrap();
    assert_refused(&with_number(&list, "noise_variances", observed, GAP), gaps, "");
    assert_refused(&with_number(&list, "noise_variances", missing, 0.1), gaps, "");
    let negative = with_number(&list, "noise_variances", observed, -0.1);
    assert_refused(&negative, "it holds no usable model", "zero or more");
    assert_refused(&with_number(&list, "noise_variances", observed, 0.5), likelihood, "");
    let ridge = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).fit(&masked(|_| false)).unwrap();
    let gap = with_number(&ridge.to_bytes().unwrap(), "y", 4, GAP);
    let error = FittedMultiTaskKernelRidge::from_bytes(&gap).unwrap_err().to_string();
    assert!(error.contains("its array 'y' holds NaN at place 4"), "{error}");
}

#[test]
fn entries_that_are_not_those_observed() {
    let [_, list] = files();
    let count = long().n_observed();
    let with = |place: usize, value: f64| with_number(&list, "entries", place, value);
    let none = "it holds no usable model";
    for value in [-1.0, 0.5, 1e300, -1e-300, 5e-324] {
        let result = FittedMultiTaskGp::from_bytes(&with(4, value));
        assert!(matches!(result, Err(Error::ModelFile { .. })), "{value}");
    }
    assert_refused(&with(4, 0.5), "its array 'entries' holds 0.5", "");
    assert_refused(&with(4, -1.0), "its array 'entries' holds -1", "");
    assert_refused(&with(4, GAP), "its array 'entries' holds NaN", "");
    assert_refused(&with(4, 1e300), none, "each entry that was observed, and once");
    assert_refused(&with(5, 4.0), none, "each entry that was observed, and once");
    assert_refused(&with(5, 3.0), none, "each entry that was observed, and once");
    let entries = long().entries();
    let [first, second] = [0, 1].map(|i| [entries[i].0 as f64, entries[i].1 as f64]);
    let twice = with_number(&with(2, first[0]), "entries", 3, first[1]);
    assert_refused(&twice, none, "once");
    let swapped = with_number(&with(0, second[0]), "entries", 1, second[1]);
    let swapped = with_number(&swapped, "entries", 2, first[0]);
    let swapped = with_number(&swapped, "entries", 3, first[1]);
    assert_refused(&swapped, none, "row 1 before row 0");
    let shaped = |shape: Json| with_header(&list, |h| h["entries"]["shape"] = shape);
    assert_refused(&shaped(json!([2, count])), "its array 'entries' has shape", "");
    assert_refused(&shaped(json!([2 * count])), "its array 'entries' has shape", "");
    let other = with_number(&list, "y", long().y().iter().position(|v| v.is_nan()).unwrap(), 1.0);
    assert_refused(&other, none, &format!("{count} entries"));
}

#[test]
fn layouts_that_are_not_those_of_the_data() {
    let [table, list] = files();
    let requires = |bytes: &[u8], from: &str, to: &str| {
        with_header(bytes, |h| {
            let text = h["__metadata__"]["requires"].as_str().unwrap().replace(from, to);
            h["__metadata__"]["requires"] = json!(text);
        })
    };
    let gap = "its array 'y' holds NaN";
    assert_refused(&requires(&table, "layout/masked", "layout/complete"), gap, "");
    assert_refused(&requires(&list, "layout/long", "layout/complete"), gap, "");
    let missing = "its array 'entries' is missing";
    assert_refused(&requires(&table, "layout/masked", "layout/long"), missing, "");
    let more = "it has an array 'entries' that no such model has";
    assert_refused(&requires(&list, "layout/long", "layout/masked"), more, "");
    let other = "what it requires is not what its document needs";
    assert_refused(&requires(&list, "\"noise-variances/entries\",", ""), other, "");
    let known = ["\"noise/per-task\"", "\"noise-variances/entries\",\"noise/per-task\""];
    assert_refused(&requires(&table, known[0], known[1]), other, "");
    let two = ["\"layout/masked\"", "\"layout/complete\",\"layout/masked\""];
    assert_refused(&requires(&table, two[0], two[1]), other, "");
    assert_refused(&requires(&table, "\"layout/masked\",", ""), other, "");
    let unknown = "it requires 'noise-variances/later', which this version does not have";
    assert_refused(&requires(&list, "variances/entries", "variances/later"), unknown, "");
}

#[test]
fn solvers_that_cannot_serve() {
    let [table, list] = files();
    let with =
        |bytes: &[u8], key: &str, value: Json| with_document(bytes, |d| d[key] = value.clone());
    assert_refused(&with(&table, "solver", json!("sparse")), "its solver 'sparse' is unknown", "");
    assert_refused(&with(&table, "solver", json!("")), "its solver '' is unknown", "");
    let none = "it holds no usable model";
    for solver in ["kronecker", "choleskys"] {
        assert_refused(&with(&table, "solver", json!(solver)), none, "needs a complete table");
    }
    for solver in ["kronecker", "choleskys", "schur"] {
        assert_refused(&with(&list, "solver", json!(solver)), none, "this data");
    }
    FittedMultiTaskGp::from_bytes(&with(&table, "solver", json!("dense"))).unwrap();
    let little = "its solver_memory is too little for the solver";
    for bytes in [&table, &list] {
        assert_refused(&with(bytes, "solver_memory", json!(8)), little, "");
        // It estimates, or is not there: no file of it brings the reader down.
        let estimated = FittedMultiTaskGp::from_bytes(&with(bytes, "solver", json!("cg")));
        assert!(matches!(estimated, Ok(_) | Err(Error::ModelFile { .. })), "{estimated:?}");
    }
}

/// A file of ones for a table (n, t), in which nothing was observed at some entries.
fn of_ones(n: usize, t: usize, solver: &str, missing: impl Fn(usize, usize) -> bool) -> Vec<u8> {
    let small = few().rows(&[0, 1, 2]).unwrap();
    let model = quick(Rbf::isotropic(1.0)).task(Diagonal::new());
    let mut parts = Parts::of(&model.fit(&small).unwrap().to_bytes().unwrap());
    let y = Array2::from_shape_fn((n, t), |(i, u)| if missing(i, u) { GAP } else { 1.0 });
    let arrays = [
        ("parameters", vec![1 + 3 * t], vec![1.0; 1 + 3 * t]),
        ("x", vec![n, 1], vec![1.0; n]),
        ("y", vec![n, t], y.iter().copied().collect()),
    ];
    parts.header.as_object_mut().unwrap().retain(|key, _| key == "__metadata__");
    parts.data.clear();
    let tensor = |dtype: &str, shape: Vec<usize>, from: usize, to: usize| json!({"dtype": dtype, "shape": shape, "data_offsets": [from, to]});
    for (name, shape, values) in arrays {
        let start = parts.data.len();
        parts.data.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        parts.header[name] = tensor("F64", shape, start, parts.data.len());
    }
    let end = parts.data.len();
    parts.header["checksum"] = tensor("U8", vec![32], end, end + 32);
    let mut document = parts.document();
    document["solver"] = json!(solver);
    document["solver_memory"] = json!(u64::MAX >> 1);
    document["task_names"] = (0..t).map(|i| json!(i.to_string())).collect();
    document["feature_names"] = json!(["x0"]);
    parts.set_document(&document);
    parts.sealed()
}

#[test]
fn memory_of_the_solver_is_asked_for_before_it_is_taken() {
    let needed = |result: Result<FittedMultiTaskGp>| match result {
        Err(Error::Memory { what, needed, .. }) => (what, needed),
        other => panic!("{other:?}"),
    };
    // A few hundred kilobytes each, for which a solver would take more than 8 GiB.
    let corner = |i: usize, u: usize| i == 0 && u == 0;
    let half = |i: usize, u: usize| (i + u).is_multiple_of(2);
    for (file, least) in [
        (of_ones(2000, 20, "dense", corner), 24 * 39_999_usize.pow(2)),
        (of_ones(2000, 20, "schur", half), 8 * (20 * 20_000 * 2000)),
        (of_ones(20, 2000, "schur", half), 8 * (2000 * 20_000 * 20)),
        (of_ones(20_000, 1, "dense", corner), 24 * 19_999_usize.pow(2)),
    ] {
        let (what, bytes) = needed(FittedMultiTaskGp::from_bytes(&file));
        assert!(what == "rebuilding the model" && bytes > least, "{what}: {bytes}, not {least}");
    }
    // Rows without observations take nothing.
    let sparse = of_ones(100_000, 2, "auto", |i, _| i > 5);
    assert_refused(&sparse, "its log marginal likelihood", "");
    for bytes in files() {
        let gp = FittedMultiTaskGp::from_bytes(&bytes).unwrap();
        let enough = 8 * gp.posterior().model().posterior_doubles();
        let load = |budget| {
            FittedMultiTaskGp::from_bytes_with(&bytes, &LoadOptions::new().memory_budget(budget))
        };
        assert!(load(enough).is_ok());
        let (what, asked) = needed(load(enough - 1));
        assert_eq!((what.as_str(), asked), ("rebuilding the model", enough));
    }
}
