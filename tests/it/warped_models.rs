//! Models of warped outputs: likelihood, gradient, learning, and everything that is predicted, against the
//! same of outputs that were transformed before.

use coregion::gp::{AlternatingBlocks, JointObjective};
use coregion::learn::{Blocks, Objective, ScoringSettings, score};
use coregion::prelude::*;
use coregion::warp::{FittedWarp, registry};
use ndarray::{Array2, ArrayD, Axis};

use crate::common::{assert_close, assert_near, normal, smooth_outputs};
use crate::support::{assert_gradient, differences};

/// Positive, skewed outputs of three tasks at n places.
pub fn outputs(n: usize) -> (Array2<f64>, Array2<f64>) {
    let x = normal(n, 2, 11);
    let y = smooth_outputs(x.view(), 3, 0.3, 12).mapv(|v| (0.6 * v).exp());
    (x, y)
}

/// The same with a third of the entries missing.
fn with_gaps(y: &Array2<f64>) -> Array2<f64> {
    let gap = |i: usize, t: usize| (5 * i + 3 * t) % 7 < 2;
    Array2::from_shape_fn(y.dim(), |(i, t)| if gap(i, t) { f64::NAN } else { y[[i, t]] })
}

/// Observations in a list, some at inputs of their own.
fn long(x: &Array2<f64>, y: &Array2<f64>) -> Dataset {
    let places: Vec<(usize, usize)> =
        (0..y.nrows()).flat_map(|i| [(i, i % 3), (i, (i + 1) % 3)]).collect();
    let rows: Vec<usize> = places.iter().map(|(i, _)| *i).collect();
    let values: Vec<f64> = places.iter().map(|&(i, t)| y[[i, t]]).collect();
    let tasks: Vec<usize> = places.iter().map(|(_, t)| *t).collect();
    let values = ndarray::Array1::from(values);
    Dataset::long(x.select(Axis(0), &rows).view(), values.view(), &tasks).unwrap()
}

pub fn settings() -> MultiTaskGp {
    MultiTaskGp::new(Matern52::ard())
        .task(LowRank::new(1))
        .noise(Noise::PerTask)
        .mean(Mean::Training)
}

/// A data set with its outputs warped by what a model learned.
fn transformed(gp: &FittedMultiTaskGp) -> Dataset {
    let (data, warps) = (gp.data(), gp.warps());
    let mut z = data.y().to_owned();
    for ((_, t), v) in z.indexed_iter_mut().filter(|(_, v)| !v.is_nan()) {
        *v = warps[t].forward(*v).unwrap();
    }
    Dataset::new(data.x(), z.view()).unwrap()
}

/// The sum of the log slopes.
fn jacobian(gp: &FittedMultiTaskGp) -> f64 {
    let warps = gp.warps();
    let y = gp.data().y();
    let observed = y.indexed_iter().filter(|(_, v)| !v.is_nan());
    observed.map(|((_, t), v)| warps[t].log_slope(*v).unwrap()).sum()
}

/// The model of outputs transformed before, at the same values.
fn twin(gp: &FittedMultiTaskGp, solver: Solver) -> FittedMultiTaskGp {
    let setup = gp.setup();
    let mean = match setup.mean {
        Mean::Constant => Mean::Constant,
        _ => Mean::Given(gp.parameters()["mean.offset"].iter().copied().collect()),
    };
    MultiTaskGp::new(gp.kernel().clone())
        .task(gp.task().clone())
        .noise(gp.noise())
        .mean(mean)
        .reml(setup.reml)
        .optimizer(Optimizer::None)
        .solver(solver)
        .fit(&transformed(gp))
        .unwrap()
}

#[test]
fn the_likelihood_is_that_of_transformed_data_plus_the_jacobian() {
    let (x, y) = outputs(24);
    let complete = Dataset::new(x.view(), y.view()).unwrap();
    let gaps = Dataset::new(x.view(), with_gaps(&y).view()).unwrap();
    for entry in registry() {
        for (data, solver) in [
            (&complete, Solver::Kronecker),
            (&gaps, Solver::Schur),
            (&gaps, Solver::Dense),
            (&long(&x, &y), Solver::Auto),
        ] {
            let warp: Warp = entry.name.parse().unwrap();
            for (mean, reml) in
                [(Mean::Training, false), (Mean::Constant, false), (Mean::Constant, true)]
            {
                let gp = settings().mean(mean).reml(reml).warp(warp.clone()).solver(solver);
                let gp = gp.max_iterations(6).fit(data).unwrap();
                let own = gp.log_marginal_likelihood();
                let other = twin(&gp, solver).log_marginal_likelihood() + jacobian(&gp);
                assert_near(own, other, 1e-10);
                assert_near(own, gp.log_marginal_likelihood_at(&[]).unwrap().0, 1e-10);
            }
        }
    }
}

#[test]
fn gradients_by_every_parameter_match_central_differences() {
    let (x, y) = outputs(14);
    for (entry, y, mean) in registry().iter().flat_map(|e| {
        let tables = [y.clone(), with_gaps(&y)];
        tables.map(|y| [(e, y.clone(), Mean::Training), (e, y, Mean::Constant)]).concat()
    }) {
        let data = Dataset::new(x.view(), y.view()).unwrap();
        let warp: Warp = entry.name.parse().unwrap();
        let gp = settings().mean(mean).warp(warp).max_iterations(2).fit(&data).unwrap();
        let (_, gradient) = gp.log_marginal_likelihood_at(&[]).unwrap();
        for (path, values) in gp.parameters() {
            // Parameters of warps may be any number, variances must stay positive.
            let least = if path.starts_with("warp") { 0.1 } else { 0.0 };
            let units = values.mapv(|v| v.abs().max(least));
            let at = |u: &[f64]| {
                let steps = units.iter().zip(u).map(|(unit, u)| unit * u);
                let mut moved: ArrayD<f64> = values.clone();
                moved.iter_mut().zip(steps).for_each(|(v, step)| *v += step);
                gp.log_marginal_likelihood_at(&[(path.as_str(), moved)]).unwrap().0
            };
            let expected = differences(at, &vec![0.0; values.len()], 1e-3);
            let found: Vec<f64> = (&gradient[&path] * &units).iter().copied().collect();
            assert_gradient(&found, &expected, 1e-6, 1.0, &format!("{}: {path}", entry.name));
        }
    }
}

#[test]
fn the_objectives_of_learning_have_the_gradient_of_means_that_follow() {
    let (x, y) = outputs(14);
    let tight = ScoringSettings {
        gradient_tolerance: 1e-10,
        max_iterations: 200,
        ..ScoringSettings::default()
    };
    for (entry, y, mean) in registry().iter().flat_map(|e| {
        let tables = [y.clone(), with_gaps(&y)];
        tables.map(|y| [(e, y.clone(), Mean::Training), (e, y, Mean::Constant)]).concat()
    }) {
        let data = Dataset::new(x.view(), y.view()).unwrap();
        let warp: Warp = entry.name.parse().unwrap();
        let gp = settings().mean(mean).warp(warp).max_iterations(2).fit(&data).unwrap();
        let (model, natural) = (gp.posterior().model(), gp.posterior().natural());
        let mut joint = JointObjective::new(model, natural.to_vec(), |_| Ok(()));
        let free: Vec<f64> = model.layout().pack(natural).iter().map(|u| u + 0.1).collect();
        let (_, found) = joint.evaluate(&free).unwrap();
        let expected = differences(|u| joint.evaluate(u).unwrap().0, &free, 1e-3);
        assert_gradient(&found, &expected, 1e-7, 1e-2, entry.name);

        let spectral = model.spectral(natural).unwrap();
        let mut blocks =
            AlternatingBlocks::new(model, natural.to_vec(), spectral, |_| Ok(())).unwrap();
        let (outer, inner) = free.split_at(blocks.n_outer());
        blocks.prepare(outer).unwrap();
        let best = score(blocks.inner(), inner, &tight).unwrap();
        let (_, found) = blocks.outer_gradient(&best.point).unwrap();
        let mut profiled = |outer: &[f64]| {
            blocks.prepare(outer).unwrap();
            score(blocks.inner(), &best.point, &tight).unwrap().value
        };
        let expected = differences(&mut profiled, outer, 1e-2);
        assert_gradient(&found, &expected, 1e-5, 1e-2, entry.name);
    }
}

#[test]
fn alternating_and_joint_learning_reach_the_same_warps() {
    let (x, y) = outputs(80);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    for entry in registry().iter().filter(|e| !e.arguments.is_empty()) {
        let fit = |optimizer| {
            let gp = settings().warp(entry.name.parse().unwrap()).optimizer(optimizer);
            gp.gradient_tolerance(1e-7).max_iterations(2000).fit(&data).unwrap()
        };
        let (a, j) = (fit(Optimizer::Alternating), fit(Optimizer::Joint));
        assert_eq!(a.report().optimizer, "alternating");
        let reached = |gp: &FittedMultiTaskGp| gp.report().restarts[0].log_posterior;
        assert!((reached(&a) - reached(&j)).abs() < 1e-3, "{}: {a}\n{j}", entry.name);
        // The means are those of the warped outputs.
        let means = transformed(&a).y().mean_axis(Axis(0)).unwrap();
        assert_close(&a.parameters()["mean.offset"], &means.into_dyn(), 1e-12);
    }
}

#[test]
fn a_planted_exponent_is_found() {
    let x = normal(300, 1, 21);
    let latent = smooth_outputs(x.view(), 2, 0.3, 22);
    // Fourth roots of the outputs are a process about 3.
    let y = latent.mapv(|v| (3.0 + 0.8 * v).powi(4));
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let gp = settings().warp(Warp::box_cox()).fit(&data).unwrap();
    assert!(gp.report().converged, "{gp}");
    for t in 0..2 {
        let lambda = gp.parameters()[&format!("warp[{t}].lambda")].sum();
        assert!((lambda - 0.25).abs() < 0.12, "{lambda}");
    }
    let plain = settings().fit(&data).unwrap().log_marginal_likelihood();
    assert!(gp.log_marginal_likelihood() > plain + 20.0, "{gp}");
}

/// The mean and the standard deviation of an output, by brute force.
fn brute(warp: &FittedWarp, mean: f64, std: f64) -> (f64, f64) {
    let n = 20_000;
    let each = |f: &dyn Fn(f64) -> f64| {
        let at = |k: usize| 24.0 * k as f64 / n as f64 - 12.0;
        (0..=n).map(at).map(|t| (-0.5 * t * t).exp() * f(warp.inverse(mean + std * t))).sum::<f64>()
    };
    let total = each(&|_| 1.0);
    let centre = each(&|v| v) / total;
    (centre, (each(&|v| (v - centre) * (v - centre)) / total).sqrt())
}

#[test]
fn predictions_are_those_of_the_warped_outputs_mapped_back() {
    let (x, y) = outputs(30);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let warps = [Warp::box_cox(), Warp::identity(), Warp::sinh_arcsinh()];
    let gp = settings().mean(Mean::Constant).warps(warps).fit(&data).unwrap();
    let (plain, warps) = (twin(&gp, Solver::Auto), gp.warps());
    let xs = normal(5, 2, 31);
    let latent = plain.predict(xs.view(), Uncertainty::Std).unwrap();
    let observed = plain.predict(xs.view(), Uncertainty::Observation).unwrap();
    let found = gp.predict(xs.view(), Uncertainty::Std).unwrap();
    let new = gp.predict(xs.view(), Uncertainty::Observation).unwrap();
    let means = gp.predict(xs.view(), Uncertainty::None).unwrap();
    assert!(means.std.is_none());
    let levels = [0.05, 0.5, 0.9];
    let quantiles = gp.predict_quantiles(xs.view(), &levels, true).unwrap();
    for ((i, t), mu) in latent.mean.indexed_iter() {
        let of = |p: &Prediction| p.std().unwrap()[[i, t]];
        let (mean, std) = brute(&warps[t], *mu, of(&observed));
        let (_, of_latent) = brute(&warps[t], *mu, of(&latent));
        for p in [&found, &new, &means] {
            assert_near(p.mean[[i, t]], mean, 1e-8);
        }
        assert_near(of(&new), std, 1e-7);
        assert_near(of(&found), of_latent, 1e-7);
        for (q, level) in levels.into_iter().enumerate() {
            let score = coregion::analysis::metrics::normal_quantile(level).unwrap();
            let expected = warps[t].inverse(mu + score * of(&observed));
            assert_near(quantiles[[i, t, q]], expected, 1e-10);
        }
    }
    let draws = gp.sample(xs.view(), 3, true, 9).unwrap();
    let of_plain = gp.posterior().sample(xs.view(), 3, true, 9).unwrap();
    for ((i, t, k), v) in draws.indexed_iter() {
        assert_eq!(*v, warps[t].inverse(of_plain[[i, t, k]]));
    }
    // One task is the whole's.
    let view = gp.task_view("task 2").unwrap();
    let (mean, std) = view.predict(xs.view(), Uncertainty::Observation).unwrap();
    assert_close(&mean, &new.mean.column(2).to_owned(), 1e-12);
    assert_close(&std.unwrap(), &new.std().unwrap().column(2).to_owned(), 1e-10);
}

#[test]
fn what_is_given_is_warped_and_comes_back_as_it_is() {
    let (x, y) = outputs(30);
    for noise in [Noise::PerTask, Noise::Full] {
        let data = Dataset::new(x.view(), y.view()).unwrap();
        let gp = settings().noise(noise.clone()).warp(Warp::yeo_johnson()).fit(&data).unwrap();
        let (plain, warps) = (twin(&gp, Solver::Auto), gp.warps());
        let xs = normal(4, 2, 41);
        let mut given = Array2::from_elem((4, 3), f64::NAN);
        given[[0, 1]] = 1.3;
        given[[2, 0]] = 0.4;
        given[[2, 2]] = 2.2;
        let mut of_plain = given.clone();
        for ((_, t), v) in of_plain.indexed_iter_mut().filter(|(_, v)| !v.is_nan()) {
            *v = warps[t].forward(*v).unwrap();
        }
        let how = Uncertainty::Observation;
        let found = gp.predict_given(xs.view(), given.view(), how).unwrap();
        let expected = plain.predict_given(xs.view(), of_plain.view(), how).unwrap();
        let medians = gp.predict_given_quantiles(xs.view(), given.view(), &[0.5], true).unwrap();
        for ((i, t), mu) in expected.mean.indexed_iter() {
            if !given[[i, t]].is_nan() {
                assert_eq!(
                    (found.mean[[i, t]], found.std().unwrap()[[i, t]]),
                    (given[[i, t]], 0.0)
                );
                assert_eq!(medians[[i, t, 0]], given[[i, t]]);
                continue;
            }
            let (mean, std) = brute(&warps[t], *mu, expected.std().unwrap()[[i, t]]);
            assert_near(found.mean[[i, t]], mean, 1e-7);
            assert_near(found.std().unwrap()[[i, t]], std, 1e-7);
            assert_near(medians[[i, t, 0]], warps[t].inverse(*mu), 1e-8);
        }
        let latent = gp.predict_given(xs.view(), given.view(), Uncertainty::Std);
        let of_latent = gp.predict_given_quantiles(xs.view(), given.view(), &[0.5], false);
        match noise {
            Noise::Full => assert!(
                matches!(latent, Err(Error::Incompatible { .. }))
                    && matches!(of_latent, Err(Error::Incompatible { .. }))
            ),
            _ => assert_close(&latent.unwrap().mean, &found.mean, 1e-9),
        }
    }
}

#[test]
fn gaps_are_filled_and_rows_added_in_the_units_given() {
    let (x, y) = outputs(30);
    let mut gaps = with_gaps(&y);
    gaps.row_mut(7).fill(f64::NAN);
    let data = Dataset::new(x.view(), gaps.view()).unwrap();
    let gp = settings().warp(Warp::box_cox()).fit(&data).unwrap();
    let (plain, warps) = (twin(&gp, Solver::Auto), gp.warps());
    let how = Uncertainty::Observation;
    let (found, expected) = (gp.impute(how).unwrap(), plain.impute(how).unwrap());
    let quantiles = gp.impute_quantiles(&[0.25, 0.75], true).unwrap();
    for ((i, t), v) in gaps.indexed_iter() {
        if !v.is_nan() {
            assert_eq!((found.mean[[i, t]], found.std().unwrap()[[i, t]]), (*v, 0.0));
            continue;
        }
        let (mu, s) = (expected.mean[[i, t]], expected.std().unwrap()[[i, t]]);
        let (mean, std) = brute(&warps[t], mu, s);
        assert_near(found.mean[[i, t]], mean, 1e-7);
        assert_near(found.std().unwrap()[[i, t]], std, 1e-6);
        assert_near(quantiles[[i, t, 1]], warps[t].inverse(mu + 0.674_489_750_196_081_7 * s), 1e-8);
    }
    let (xn, yn) = (normal(2, 2, 51), ndarray::array![[1.2, f64::NAN, 0.7], [0.3, 2.0, f64::NAN]]);
    let more = gp.condition(xn.view(), yn.view()).unwrap();
    assert_eq!(more.parameters(), gp.parameters());
    let other = twin(&more, Solver::Auto).log_marginal_likelihood() + jacobian(&more);
    assert_near(more.log_marginal_likelihood(), other, 1e-9);
    let refused = gp.condition(xn.view(), ndarray::array![[1.2, 0.0, 0.7], [0.3, 2.0, 1.0]].view());
    let message = refused.unwrap_err().to_string();
    assert!(
        message.starts_with("y, task 'task 1': found 0, expected outputs above 0"),
        "{message}"
    );
}

#[test]
fn what_is_left_out_has_the_density_of_the_outputs() {
    let (x, y) = outputs(18);
    for y in [y.clone(), with_gaps(&y)] {
        let data = Dataset::new(x.view(), y.view()).unwrap();
        let gp = settings().warp(Warp::log()).fit(&data).unwrap();
        let plain = twin(&gp, Solver::Auto);
        let labels: Vec<usize> = (0..18).map(|i| i % 4).collect();
        let minus_logs = y.mapv(|v| if v.is_nan() { 0.0 } else { -v.ln() });
        let by_label = |each: &Array2<f64>| {
            let rows = |g: usize| (0..18).filter(|i| i % 4 == g).collect::<Vec<_>>();
            let sums: Vec<_> =
                (0..4).map(|g| each.select(Axis(0), &rows(g)).sum_axis(Axis(0))).collect();
            Array2::from_shape_fn((4, each.ncols()), |(g, t)| sums[g][t])
        };
        let of_rows = minus_logs.sum_axis(Axis(1)).insert_axis(Axis(1));
        for (by, jacobian) in [
            (LeaveOut::Entry, minus_logs.clone()),
            (LeaveOut::Row, of_rows.clone()),
            (LeaveOut::Task, minus_logs.sum_axis(Axis(0)).insert_axis(Axis(0))),
            (LeaveOut::Groups(labels.clone()), by_label(&of_rows)),
            (LeaveOut::GroupsByTask(labels.clone()), by_label(&minus_logs)),
        ] {
            let (found, expected) =
                (gp.leave_one_out(&by).unwrap(), plain.leave_one_out(&by).unwrap());
            let medians = gp.leave_one_out_quantiles(&by, &[0.5]).unwrap();
            for ((i, t), mu) in expected.mean.indexed_iter() {
                let s = expected.std[[i, t]];
                if y[[i, t]].is_nan() {
                    assert!(found.mean[[i, t]].is_nan() && medians[[i, t, 0]].is_nan());
                    continue;
                }
                let mean = (mu + 0.5 * s * s).exp();
                assert_near(found.mean[[i, t]], mean, 1e-8);
                assert_near(found.std[[i, t]], mean * (s * s).exp_m1().sqrt(), 1e-7);
                assert_near(medians[[i, t, 0]], mu.exp(), 1e-8);
            }
            let densities = &expected.log_density + &jacobian;
            for (a, b) in found.log_density.iter().zip(&densities) {
                assert!((a - b).abs() < 1e-8 || (a.is_nan() && b.is_nan()), "{by}: {a} and {b}");
            }
        }
        let (folded, grouped) =
            (gp.k_fold(&labels).unwrap(), gp.leave_one_out(&LeaveOut::Groups(labels)).unwrap());
        for ((index, a), b) in folded.mean.indexed_iter().zip(&grouped.mean) {
            assert!((a - b).abs() < 1e-8 || a.is_nan(), "{index:?}: {a} and {b}");
        }
    }
}

#[test]
fn model_files_keep_warps() {
    let (x, y) = outputs(20);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    for entry in registry() {
        let gp = settings().warp(entry.name.parse().unwrap()).fit(&data).unwrap();
        let bytes = gp.to_bytes().unwrap();
        assert!(String::from_utf8_lossy(&bytes).contains(&format!("warp/{}", entry.name)));
        let again = FittedMultiTaskGp::from_bytes(&bytes).unwrap();
        assert_eq!(again.to_bytes().unwrap(), bytes, "{}", entry.name);
        assert_eq!(again.to_string(), gp.to_string());
        let xs = normal(3, 2, 61);
        let p = |gp: &FittedMultiTaskGp| gp.predict(xs.view(), Uncertainty::Std).unwrap();
        assert_eq!(p(&again), p(&gp));
    }
}

#[test]
fn single_tasks_have_their_own_warps() {
    let (x, y) = outputs(30);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let warps = [Warp::log(), Warp::identity(), Warp::box_cox()];
    let alone = settings().warps(warps).fit_single_tasks(&data).unwrap();
    let names: Vec<String> =
        alone.models().iter().map(|gp| gp.warps()[0].warp().name().to_string()).collect();
    assert_eq!(names, ["log", "identity", "box-cox"]);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let (x, y) = outputs(12);
    let data =
        Dataset::new(x.view(), y.view()).unwrap().with_task_names(["Cd", "Ni", "Zn"]).unwrap();
    let known = data.clone().with_noise_variances(Array2::from_elem((12, 3), 0.1).view()).unwrap();
    let error = settings().warp(Warp::log()).fit(&known).unwrap_err();
    assert!(matches!(error, Error::Incompatible { .. }), "{error}");
    settings().warp(Warp::identity()).fit(&known).unwrap();
    let error = settings().warps([Warp::log(), Warp::log()]).fit(&data).unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
    for warp in [Warp::log(), Warp::box_cox()] {
        let mut below = y.clone();
        below[[4, 1]] = -0.25;
        let below = Dataset::new(x.view(), below.view()).unwrap();
        let below = below.with_task_names(["Cd", "Ni", "Zn"]).unwrap();
        let message = settings().warp(warp).fit(&below).unwrap_err().to_string();
        assert!(message.starts_with("y, task 'Ni': found -0.25 at row 4"), "{message}");
    }
    let gp = settings().warp(Warp::log()).fit(&data).unwrap();
    let xs = normal(2, 2, 71);
    for error in [
        gp.predict_covariance(xs.view(), true).unwrap_err(),
        gp.predict_task_covariances(xs.view()).unwrap_err(),
        gp.leave_one_row_out_covariances().unwrap_err(),
    ] {
        assert!(matches!(error, Error::Incompatible { .. }), "{error}");
    }
    let given = ndarray::array![[f64::NAN, 1.0, 0.0], [f64::NAN; 3]];
    let error = gp.predict_given(xs.view(), given.view(), Uncertainty::None).unwrap_err();
    assert!(error.to_string().starts_with("given, task 'Zn': found 0"), "{error}");
    for level in [0.0, 1.0, f64::NAN] {
        assert!(gp.predict_quantiles(xs.view(), &[0.5, level], true).is_err());
    }
    assert!(settings().warp(Warp::box_cox()).optimizer(Optimizer::None).fit(&data).is_err());
}
