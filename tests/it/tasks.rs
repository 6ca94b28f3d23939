//! What every registered task covariance and every noise must satisfy, and what they refuse.

use coregion::Error;
use coregion::op::{NoiseMatrix, TaskAdjoint, TaskMatrix};
use coregion::param::Layout;
use coregion::prelude::*;
use coregion::spec::{Spec, Value};
use coregion::task::{self, BoundNoise, BoundTask, Moment, TaskScales};
use ndarray::{Array1, Array2, Axis, array};

use crate::common::{assert_close, assert_near, dense, normal};
use crate::support::{
    assert_covariance, assert_gradient, definite, differences, random_values, symmetric, tasks,
};

/// Tasks of very different scales, and an amplitude that is not 1.
fn scales(t: usize) -> TaskScales {
    let std = Array1::from_shape_fn(t, |i| [1.0, 30.0, 0.02, 5.0, 0.7][i % 5]);
    let pooled = (std.mapv(|s| s * s).sum() / t as f64).sqrt();
    TaskScales { std, pooled, amplitude: 1.7 }
}

fn noise_variances(t: usize) -> Array1<f64> {
    Array1::from_shape_fn(t, |i| 0.1 + 0.3 * i as f64)
}

/// Each task covariance for T tasks, bound, with random values.
fn bound(t: usize) -> Vec<(Task, Box<dyn BoundTask>, Vec<f64>)> {
    let with_values = |(i, task): (usize, Task)| {
        let bound = task.bind(&scales(t)).unwrap();
        let phi = random_values(bound.params(), 0.4, 200 + i as u64);
        (task, bound, phi)
    };
    tasks(t).into_iter().enumerate().map(with_values).collect()
}

/// Each noise for T tasks, bound, with random values.
fn bound_noises(t: usize) -> Vec<(Noise, Box<dyn BoundNoise>, Vec<f64>)> {
    let with_values = |(i, noise): (usize, Noise)| {
        let bound = noise.bind(&scales(t)).unwrap();
        let psi = random_values(bound.params(), 0.4, 300 + i as u64);
        (noise, bound, psi)
    };
    task::noises(t).into_iter().enumerate().map(with_values).collect()
}

fn noises_beside(t: usize) -> [NoiseMatrix; 2] {
    [NoiseMatrix::Diagonal(noise_variances(t)), NoiseMatrix::Dense(definite(t, 5))]
}

#[test]
fn every_entry_has_examples_of_its_name() {
    for entry in task::registry() {
        let examples = (entry.examples)(4);
        assert!(!examples.is_empty() && examples.iter().all(|e| e.spec().name == entry.name));
    }
}

#[test]
fn arguments_are_the_values_that_a_description_may_have() {
    let scales = TaskScales { std: array![1.0, 2.0], pooled: 1.5, amplitude: 1.0 };
    for entry in task::registry() {
        let examples = (entry.examples)(2).into_iter().map(|task| task.spec().clone());
        let refused = |spec: Spec| match (entry.bind)(&spec, &scales) {
            Err(Error::UnknownName { known, .. }) => known,
            other => panic!("{}: {other:?}", entry.name),
        };
        let refused = examples.map(|spec| refused(spec.with("?", Value::Bool(true)))).collect();
        let names = entry.arguments.iter().map(|a| a.name.to_string()).collect();
        crate::support::assert_known(entry.name, refused, names);
        assert!(entry.about.ends_with('.'), "{}", entry.about);
    }
}

#[test]
fn matrices_are_covariances_in_every_view() {
    for t in [2, 3, 5] {
        for (task, bound, phi) in bound(t) {
            for noise in noises_beside(t) {
                let matrix = bound.matrix(&phi);
                let b = matrix.to_dense(&noise);
                assert_eq!((matrix.n_tasks(), b.dim()), (t, (t, t)));
                assert_covariance(b.view(), &task.to_string());
                assert_close(&matrix.diagonal(&noise), &b.diag().to_owned(), 1e-14);
                let (rows, columns) = ([t - 1, 0], [1, 0]);
                let part = b.select(Axis(0), &rows).select(Axis(1), &columns);
                assert_close(&matrix.block(&noise, &rows, &columns), &part, 1e-14);
            }
        }
        for (noise, bound, psi) in bound_noises(t) {
            let matrix = bound.matrix(&psi);
            let sigma = matrix.to_dense();
            assert_covariance(sigma.view(), &noise.to_string());
            assert!(dense::cholesky(&sigma).iter().all(|v| v.is_finite()), "{noise}");
            assert_eq!(matrix.diagonal(), sigma.diag());
            assert_eq!(matrix.entry(1, 0), sigma[[1, 0]]);
        }
    }
}

/// `L^-1 (Z' diag(u) Z - V diag(w) V' - rest I) L^-1 / 2`, as the engine gives it for many tasks, and
/// dense.
fn factored(t: usize) -> (TaskAdjoint, Array2<f64>) {
    let (rows, vectors) = (normal(6, t, 31), normal(t, 2, 32));
    let row_weights = normal(6, 1, 34).column(0).mapv(|v| v * v);
    let (weights, rest) = (array![0.7, -1.9], 2.3);
    let inverse_root = noise_variances(t).mapv(|v| 1.0 / v.sqrt());
    let inner = (&rows.t() * &row_weights).dot(&rows)
        - (&vectors * &weights).dot(&vectors.t())
        - Array2::<f64>::eye(t) * rest;
    let scale = Array2::from_diag(&inverse_root);
    let dense = scale.dot(&inner).dot(&scale) * 0.5;
    let noise_inner = (&dense.diag() * &noise_variances(t)).sum();
    let adjoint = TaskAdjoint::Factored {
        rows: std::sync::Arc::new(rows),
        row_weights,
        vectors,
        weights,
        rest,
        inverse_root,
        noise_inner,
    };
    (adjoint, dense)
}

#[test]
fn factored_adjoints_equal_dense_ones() {
    let (adjoint, dense) = factored(5);
    let m = normal(5, 3, 33);
    assert_close(&adjoint.times(m.view()), &dense.dot(&m), 1e-13);
    assert_close(&adjoint.diagonal(), &dense.diag().to_owned(), 1e-13);
    assert_close(&adjoint.to_dense(), &dense, 1e-13);
}

#[test]
fn task_pullbacks_match_differences() {
    for t in [2, 3, 5] {
        for (task, bound, phi) in bound(t) {
            for noise in noises_beside(t) {
                let g = symmetric(t, 34);
                let noise_inner = (&g * &noise.to_dense()).sum();
                let mut cases = vec![(TaskAdjoint::Dense { matrix: g.clone(), noise_inner }, g)];
                if matches!(noise, NoiseMatrix::Diagonal(_)) {
                    cases.push(factored(t));
                }
                for (adjoint, g) in cases {
                    let value = |p: &[f64]| (&bound.matrix(p).to_dense(&noise) * &g).sum();
                    let expected = differences(value, &phi, 1e-3);
                    let mut found = vec![1.0; phi.len()];
                    bound.vjp(&phi, &adjoint, &mut found);
                    found.iter_mut().for_each(|v| *v -= 1.0);
                    // Tasks of a large scale drown the others' entries in rounding: each entry is
                    // compared at the size of its parameter.
                    let units: Vec<f64> =
                        bound.params().iter().flat_map(|p| p.unit.clone()).collect();
                    let scaled = |v: &[f64]| -> Vec<f64> {
                        v.iter().zip(&units).map(|(v, u)| v * u).collect()
                    };
                    assert_gradient(
                        &scaled(&found),
                        &scaled(&expected),
                        1e-9,
                        1e-3,
                        &task.to_string(),
                    );
                }
            }
        }
    }
}

#[test]
fn noise_pullbacks_match_differences() {
    for t in [2, 3, 5] {
        for (noise, bound, psi) in bound_noises(t) {
            let g = symmetric(t, 35);
            let dense = TaskAdjoint::Dense { matrix: g.clone(), noise_inner: 0.0 };
            for (adjoint, g) in [(dense, g), factored(t)] {
                let value = |p: &[f64]| (&bound.matrix(p).to_dense() * &g).sum();
                let expected = differences(value, &psi, 1e-3);
                let mut found = vec![0.0; psi.len()];
                bound.vjp(&psi, &adjoint, &mut found);
                assert_gradient(&found, &expected, 1e-9, 1e-3, &noise.to_string());
            }
        }
    }
}

#[test]
fn changes_match_differences() {
    for t in [2, 3, 5] {
        for (task, bound, phi) in bound(t) {
            for noise in noises_beside(t) {
                let direction = normal(phi.len(), 1, 36);
                let dphi: Vec<f64> =
                    direction.iter().zip(&phi).map(|(d, p)| d * p.abs().max(0.01)).collect();
                let along = |h: f64| {
                    let moved: Vec<f64> = phi.iter().zip(&dphi).map(|(p, d)| p + h * d).collect();
                    bound.matrix(&moved).to_dense(&noise)
                };
                // Where B is a polynomial of degree 2 in phi a wide step is exact; a kernel over
                // descriptors is none.
                if task.spec().children.is_empty() {
                    let expected = (along(0.5) - along(-0.5)) / 1.0;
                    assert_close(&bound.jvp(&phi, &dphi, &noise), &expected, 1e-13);
                } else {
                    let (near, far) = (along(1e-3) - along(-1e-3), along(2e-3) - along(-2e-3));
                    let expected = (near * 8.0 - far) / 12e-3;
                    assert_close(&bound.jvp(&phi, &dphi, &noise), &expected, 1e-9);
                }
                assert!(bound.jvp(&phi, &dphi, &noise).iter().all(|v| v.is_finite()), "{task}");
            }
        }
        for (_, bound, psi) in bound_noises(t) {
            let dpsi: Vec<f64> =
                normal(psi.len(), 1, 37).iter().zip(&psi).map(|(d, p)| d * p.abs()).collect();
            let along = |h: f64| {
                let moved: Vec<f64> = psi.iter().zip(&dpsi).map(|(p, d)| p + h * d).collect();
                bound.matrix(&moved).to_dense()
            };
            assert_close(&bound.jvp(&psi, &dpsi), &(along(0.5) - along(-0.5)), 1e-13);
        }
    }
}

/// `-log|B| - tr(B^-1 M)`.
fn expected_log_density(b: &Array2<f64>, m: &Array2<f64>) -> f64 {
    let l = dense::cholesky(b);
    let log_det: f64 = 2.0 * l.diag().iter().map(|v| v.ln()).sum::<f64>();
    -log_det - dense::solve(&l, m).diag().sum()
}

/// A moment in the units of the tasks, well above every floor.
fn moment(t: usize, units: &Array1<f64>) -> Array2<f64> {
    definite(t, 38) * units.view().insert_axis(Axis(1)) * units
}

/// Asserts that no small step of the free values raises `f`, and that its slope vanishes.
#[track_caller]
fn assert_maximum(params: &[coregion::param::ParamSpec], at: &[f64], f: impl Fn(&[f64]) -> f64) {
    let mut layout = Layout::default();
    layout.push("p", params);
    let free = layout.pack(at);
    let value = |u: &[f64]| {
        let mut natural = at.to_vec();
        layout.unpack_into(u, &mut natural);
        f(&natural)
    };
    let best = value(&free);
    for slope in differences(value, &free, 1e-3) {
        assert!(slope.abs() < 1e-7, "slope {slope}");
    }
    for seed in 0..20 {
        let step = normal(free.len(), 1, 400 + seed);
        let moved: Vec<f64> = free.iter().zip(&step).map(|(u, s)| u + 0.3 * s).collect();
        assert!(value(&moved) < best);
    }
}

#[test]
fn closed_forms_are_maxima() {
    for t in [2, 3, 4] {
        let scales = scales(t);
        let mut with_closed_form = 0;
        for (task, bound, _) in bound(t) {
            let m = moment(t, &scales.units());
            let found = bound.closed_form(m.view());
            assert_eq!(found.is_some(), bound.has_closed_form(), "{task}");
            let Some(phi) = found else { continue };
            with_closed_form += 1;
            let noise = NoiseMatrix::Diagonal(noise_variances(t));
            assert_maximum(bound.params(), &phi, |p| {
                expected_log_density(&bound.matrix(p).to_dense(&noise), &m)
            });
        }
        assert!(with_closed_form >= 2);
        for (noise, bound, _) in bound_noises(t) {
            let m = moment(t, &scales.std);
            let psi = bound.closed_form(m.view());
            assert_eq!(psi.len(), bound.params().iter().map(|p| p.init.len()).sum::<usize>());
            if psi.is_empty() {
                continue;
            }
            assert_maximum(bound.params(), &psi, |p| {
                expected_log_density(&bound.matrix(p).to_dense(), &m)
            });
            // What lies below the floor is lifted to where it may be learned.
            for m in [Array2::zeros((t, t)), m * 1e-12] {
                for p in bound.params() {
                    let psi = bound.closed_form(m.view());
                    for (i, v) in psi.iter().enumerate() {
                        assert!(p.transform[i].admits(v / p.unit[i], p.free[i]), "{noise}");
                    }
                }
            }
        }
    }
}

/// Free values are finite: the natural ones are where they may be learned.
#[track_caller]
fn assert_learnable(params: &[coregion::param::ParamSpec], natural: &[f64]) {
    let mut layout = Layout::default();
    layout.push("p", params);
    assert_eq!(layout.n_natural(), natural.len());
    assert!(layout.pack(natural).iter().all(|u| u.is_finite()), "{natural:?}");
}

#[test]
fn starts_are_close_to_their_target() {
    for t in [2, 3, 5] {
        let scales = scales(t);
        for m in [1, t + 4] {
            let target = Moment { rows: normal(m, t, 39) * &scales.units() };
            let wanted = target.to_dense() / &scales.units() / scales.units().insert_axis(Axis(1));
            for (task, bound, _) in bound(t) {
                let phi = bound.start(&target);
                assert_learnable(bound.params(), &phi);
                if phi.is_empty() {
                    continue;
                }
                let noise = NoiseMatrix::Diagonal(scales.units().mapv(|u| 0.1 * u * u));
                let b = bound.matrix(&phi).to_dense(&noise);
                assert_covariance(b.view(), &task.to_string());
                if !task.spec().children.is_empty() {
                    // One variance for all: what all tasks have together is compared.
                    let (v, w) = (b.diag().sum(), target.to_dense().diag().sum());
                    assert!(v > 0.09 * w && v < 1.2 * w, "{task}: {v} for {w}");
                    continue;
                }
                if task.spec().name == "NoiseMultiple" {
                    // It follows the noise, whatever the signal.
                    continue;
                }
                let b = b / &scales.units() / scales.units().insert_axis(Axis(1));
                // Without a diagonal of its own a low rank leaves some of a moment of full rank out.
                let of_noise = bound.params().iter().any(|p| p.name == "noise_multiple");
                let partial = m > 1 && of_noise;
                let least = if partial { 0.0 } else { 0.3 };
                for (v, w) in b.diag().iter().zip(&wanted.diag()) {
                    assert!(*v > least * w && *v < 1.2 * w + 0.2, "{task}: {v} for {w}");
                }
                if task.spec().name == "FreeForm" {
                    let shrunk = &wanted * 0.9 + Array2::from_diag(&wanted.diag()) * 0.1;
                    assert_close(&b, &shrunk, 1e-2);
                }
            }
        }
        for (noise, bound, _) in bound_noises(t) {
            // Rows scaled so that their second moment is a covariance.
            let rows = normal(40, t, 40) * &scales.std / 40f64.sqrt();
            let wanted = rows.mapv(|v| v * v).sum_axis(Axis(0)) * 0.4;
            let psi = bound.start(rows.view(), 0.4);
            assert_learnable(bound.params(), &psi);
            let found = bound.matrix(&psi).diagonal();
            match noise {
                Noise::Shared => assert_near(found[0], wanted.sum() / t as f64, 1e-12),
                Noise::PerTask | Noise::Full => assert_close(&found, &wanted, 1e-12),
                _ => {}
            }
            // Nothing to start from.
            let psi = bound.start(Array2::zeros((1, t)).view(), 0.4);
            assert_learnable(bound.params(), &psi);
        }
        for (_, bound, _) in bound(t) {
            let phi = bound.start(&Moment { rows: Array2::zeros((1, t)) });
            assert_learnable(bound.params(), &phi);
            assert!(phi.iter().all(|v| v.is_finite()));
        }
    }
}

#[test]
fn descriptions_survive_fits_and_json() {
    for t in [2, 3, 5] {
        for (task, bound, phi) in bound(t) {
            let fitted = task.with_values(&*bound, &phi);
            let text = serde_json::to_string(&fitted).unwrap();
            let back: Task = serde_json::from_str(&text).unwrap();
            assert_eq!(Task::from_spec(fitted.spec().clone()).unwrap(), fitted);
            assert_eq!(back.to_string(), fitted.to_string());
            let noise = NoiseMatrix::Diagonal(noise_variances(t));
            let b = bound.matrix(&phi).to_dense(&noise);
            for again in [fitted, back] {
                let again = again.bind(&scales(t)).unwrap();
                assert!(again.params().iter().all(|p| p.given));
                let init: Vec<f64> = again.params().iter().flat_map(|p| p.init.clone()).collect();
                let matrix = again.matrix(&init);
                assert_close(&matrix.to_dense(&noise), &b, 1e-13);
                let factored = |m: &TaskMatrix| matches!(m, TaskMatrix::LowRankPlusNoise { .. });
                assert_eq!(factored(&matrix), factored(&bound.matrix(&phi)), "{task}");
            }
        }
    }
    let error = Task::from_spec(Spec::new("Cluster")).unwrap_err();
    assert!(matches!(&error, Error::UnknownName { name, .. } if name == "Cluster"), "{error}");
    for noise in ["shared", "per-task", "full"] {
        assert_eq!(noise.parse::<Noise>().unwrap().to_string(), noise);
    }
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Shape { .. } => "shape",
        Error::InvalidValue { .. } => "value",
        Error::UnknownName { .. } => "name",
        Error::NotPositive { .. } => "positive",
        Error::NotFinite { .. } => "finite",
        _ => "other",
    }
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let square = definite(3, 41);
    let fixed = |change: &dyn Fn(&mut Array2<f64>)| {
        let mut b = square.clone();
        change(&mut b);
        [Fixed::at(b.view()), FreeForm::starting_at(b.view())]
    };
    let ragged = Value::Matrix(vec![vec![1.0], vec![0.0, 1.0], vec![0.0]]);
    let spec =
        |name: &str, key: &str, v: Value| Task::from_spec(Spec::new(name).with(key, v)).unwrap();
    let leaf = Spec::new("Diagonal").with_children(vec![Spec::new("Diagonal")]);
    let mut cases = vec![
        (LowRank::new(0), "value", "rank"),
        (LowRank::new(4), "value", "rank"),
        (LowRank::plus_noise(0), "value", "rank"),
        (LowRank::plus_noise(4), "value", "rank"),
        (spec("LowRank", "W", Value::Number(1.0)), "value", "rank"),
        (LowRank::starting_at(normal(2, 1, 42).view(), &[1.0; 3]), "value", "shape [3, 1]"),
        (LowRank::starting_at(normal(3, 1, 42).view(), &[1.0; 2]), "value", "shape [3]"),
        (LowRank::starting_at(normal(3, 1, 42).view(), &[1.0, 0.0, 1.0]), "value", "above"),
        (LowRank::starting_at(normal(3, 1, 42).view(), &[1.0, -1.0, 1.0]), "value", "above"),
        (LowRank::starting_at((normal(3, 1, 42) / 0.0).view(), &[1.0; 3]), "value", "finite"),
        (Diagonal::starting_at([1.0, 2.0]), "value", "shape [3]"),
        (Diagonal::starting_at([1.0, 0.0, 2.0]), "value", "above"),
        (Diagonal::starting_at([1.0, f64::NAN, 2.0]), "value", "NaN"),
        (Diagonal::new().fix("kappa"), "name", "kappa"),
        (spec("FreeForm", "rank", Value::Count(2)), "name", "rank"),
        (spec("Fixed", "B", Value::Number(2.0)), "value", "matrix"),
        (spec("Fixed", "B", ragged.clone()), "value", "equal length"),
        (spec("FreeForm", "B", ragged), "value", "equal length"),
        (Task::from_spec(Spec::new("Fixed")).unwrap(), "value", "matrix"),
        (Task::from_spec(leaf).unwrap(), "value", "no parts"),
    ];
    for b in [definite(2, 43), normal(3, 2, 43), Array2::zeros((0, 0))] {
        cases.push((Fixed::at(b.view()), "shape", "shape (3, 3)"));
        cases.push((FreeForm::starting_at(b.view()), "shape", "shape (3, 3)"));
    }
    cases.extend(fixed(&|b| b[[0, 1]] += 1e-3).map(|t| (t, "value", "symmetric")));
    cases.extend(fixed(&|b| b[[1, 1]] = -1.0).map(|t| (t, "positive", "semidefinite")));
    cases.extend(fixed(&|b| b[[2, 2]] = f64::NAN).map(|t| (t, "finite", "NaN")));
    cases.extend(fixed(&|b| b[[2, 0]] = f64::INFINITY).map(|t| (t, "finite", "inf")));
    for (task, expected, words) in cases {
        let error = task.bind(&scales(3)).expect_err(&format!("{task} was accepted"));
        assert_eq!(kind(&error), expected, "{task}: {error}");
        assert!(error.to_string().contains(words), "{task}: {error}");
    }
    // On the boundary: semidefinite B is accepted, a semidefinite Sigma is not.
    let w = normal(3, 1, 44);
    let rank_one = w.dot(&w.t());
    assert!(Fixed::at(rank_one.view()).bind(&scales(3)).is_ok());
    assert!(Fixed::at(Array2::zeros((3, 3)).view()).bind(&scales(3)).is_ok());
    let mut skew = square.clone();
    skew[[0, 1]] += 1e-3;
    let noises = [
        (Noise::Variances(vec![1.0, 0.0, 1.0]), "value", "variance of 0"),
        (Noise::Variances(vec![1.0, -1.0, 1.0]), "value", "variance of -1"),
        (Noise::Variances(vec![1.0, f64::NAN, 1.0]), "value", "NaN"),
        (Noise::Variances(vec![1.0, f64::INFINITY, 1.0]), "value", "inf"),
        (Noise::Variances(vec![1.0; 2]), "shape", "2 variances"),
        (Noise::Variances(vec![]), "shape", "0 variances"),
        (Noise::Covariance(definite(2, 45)), "shape", "shape (3, 3)"),
        (Noise::Covariance(skew), "value", "symmetric"),
        (Noise::Covariance(&square * f64::NAN), "finite", "NaN"),
        (Noise::Covariance(-&square), "positive", "definite"),
        (Noise::Covariance(rank_one), "positive", "definite"),
        (Noise::Covariance(Array2::zeros((3, 3))), "positive", "definite"),
    ];
    for (noise, expected, words) in noises {
        let error = noise.bind(&scales(3)).expect_err(&format!("{noise} was accepted"));
        assert_eq!(kind(&error), expected, "{noise}: {error}");
        assert!(error.to_string().contains(words), "{noise}: {error}");
    }
}
