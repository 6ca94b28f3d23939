//! Learning from tables with gaps, and which solvers serve them.

use coregion::Error;
use coregion::prelude::*;
use ndarray::{Array2, ArrayView1, Axis, array, s};

use crate::common::{assert_close, normal, smooth_outputs};
use crate::gaps::{GAP, Table, gappy, given};
use crate::solvers::by_each_solver;
use crate::support::{assert_healthy, definite, gradient_norm};

/// Draws of a model with B of rank one and a diagonal, a tenth of the variance noise, one entry of
/// seven missing.
fn simulated(n: usize) -> (Dataset, Table) {
    let x = normal(n, 2, 11);
    let k = Table::from_shape_fn((n, n), |(i, j)| {
        let gap = (&x.row(i) - &x.row(j)).mapv(|v| v / 1.2);
        (-0.5 * gap.dot(&gap)).exp() + if i == j { 1e-8 } else { 0.0 }
    });
    let lower = crate::common::dense::cholesky(&k);
    let w = array![[1.0, -0.8, 0.6]];
    let own = normal(n, 3, 12) * &array![0.4, 0.5, 0.6];
    let signal = lower.dot(&(normal(n, 1, 13).dot(&w) + own));
    let mut y = signal + normal(n, 3, 14) * &array![0.2, 0.3, 0.4];
    let whole = y.clone();
    y.indexed_iter_mut().filter(|((i, t), _)| (3 * i + 5 * t) % 7 == 2).for_each(|(_, v)| *v = GAP);
    (Dataset::new(x.view(), y.view()).unwrap(), whole)
}

#[test]
fn solvers_and_optimizers_reach_one_optimum() {
    let (data, _) = simulated(60);
    let per_observation = 1.0 / data.n_observed() as f64;
    for (task, noise) in [(LowRank::new(1), Noise::PerTask), (FreeForm::new(), Noise::Shared)] {
        let model = MultiTaskGp::new(Rbf::isotropic(0.5)).task(task).noise(noise);
        let fit = |solver, optimizer| {
            let gp = model.clone().solver(solver).optimizer(optimizer).fit(&data).unwrap();
            let report = gp.report();
            assert_eq!(report.solve.solver, solver.to_string());
            assert!(report.converged && gradient_norm(&gp) < 1.1e-5, "{report}");
            assert_healthy(&gp);
            (report.optimizer, report.restarts[0].log_posterior, gp)
        };
        let fits = [
            fit(Solver::Schur, Optimizer::Alternating),
            fit(Solver::Schur, Optimizer::Joint),
            fit(Solver::Dense, Optimizer::Auto),
        ];
        assert_eq!(fits.each_ref().map(|f| f.0), ["alternating", "joint", "joint"]);
        let best = fits.iter().map(|f| f.1).fold(f64::NEG_INFINITY, f64::max);
        for (name, density, gp) in &fits {
            assert!((best - density) * per_observation < 1e-4, "{name}: {density} and {best}");
            let lengthscale = gp.parameters()["terms[0].kernel.lengthscale"].sum();
            assert!((lengthscale / 1.2).ln().abs() < 0.35, "{lengthscale}");
        }
    }
}

#[test]
fn every_solver_learns_the_same_from_a_complete_table() {
    let (_, whole) = simulated(40);
    let data = Dataset::new(normal(40, 2, 11).view(), whole.view()).unwrap();
    let model = MultiTaskGp::new(Rbf::isotropic(0.5)).task(LowRank::new(1));
    let fits = by_each_solver(&model, &data);
    let density = |gp: &FittedMultiTaskGp| gp.report().restarts[0].log_posterior;
    for (solver, gp) in &fits {
        assert!(gp.report().converged, "{}: {}", solver.solver, gp.report());
        assert!((density(gp) - density(&fits[0].1)).abs() < 1e-4 * 120.0, "{}", solver.solver);
    }
}

/// Kernels with a tie, further starts and parameters held are learned from gaps too.
#[test]
fn ties_holds_and_restarts_serve_gaps() {
    let (data, _) = simulated(40);
    let [one, two] = [0, 1].map(|i| format!("terms[0].kernel.parts[{i}].lengthscale"));
    let held = "noise.variance";
    for solver in [Solver::Schur, Solver::Dense] {
        let model = MultiTaskGp::new(Rbf::ard() + 0.5 * Matern12::ard())
            .task(LowRank::new(1))
            .solver(solver)
            .tie(&one, &two)
            .n_restarts(2);
        let gp = model.fit(&data).unwrap();
        assert_eq!(gp.parameters()[&one], gp.parameters()[&two]);
        assert_eq!(gp.report().restarts.len(), 3);
        assert_healthy(&gp);
        // Noise has a floor and kappa none.
        let refused = refusal(&model.clone().tie("terms[0].task.kappa", held), &data);
        assert!(matches!(refused, Error::Incompatible { .. }), "{refused:?}");
        let gp = model.fix(held).fit(&data).unwrap();
        let free = gp.posterior().model().layout().initial();
        let at = gp.posterior().model().psi(&free).to_vec();
        assert_eq!(gp.parameters()[held].iter().copied().collect::<Vec<_>>(), at);
    }
}

#[test]
fn gaps_are_filled_by_what_the_rest_says() {
    let (data, whole) = simulated(60);
    let gp = MultiTaskGp::new(Rbf::isotropic(0.5)).task(LowRank::new(1)).fit(&data).unwrap();
    let filled = gp.impute(Uncertainty::Observation).unwrap();
    let std = filled.std().unwrap();
    let alone = MultiTaskGp::new(Rbf::isotropic(0.5)).fit_single_tasks(&data).unwrap();
    let alone = alone.predict(data.x(), Uncertainty::None).unwrap().mean;
    let (mut scores, mut ours, mut theirs, mut count) = (0.0, 0.0, 0.0, 0);
    for ((i, t), truth) in whole.indexed_iter() {
        if !data.y()[[i, t]].is_nan() {
            assert_eq!((filled.mean[[i, t]], std[[i, t]]), (*truth, 0.0));
            continue;
        }
        let error = filled.mean[[i, t]] - truth;
        scores += (error / std[[i, t]]).powi(2);
        ours += error * error;
        theirs += (alone[[i, t]] - truth).powi(2);
        count += 1;
    }
    assert_eq!(count, data.n_missing());
    let score = scores / count as f64;
    assert!((0.4..1.9).contains(&score), "{score}");
    assert!(ours < theirs, "{ours} {theirs}");
}

/// With nothing of task 1 observed, its prediction is that of task 0 through B.
#[test]
fn a_task_without_observations_is_known_through_b() {
    let gaps: Vec<(usize, usize)> = (0..10).map(|i| (i, 1)).collect();
    let data = gappy(10, 2, &gaps);
    let b = definite(2, 30);
    let [model, _] = given(2);
    for solver in [Solver::Schur, Solver::Dense] {
        let gp = model.clone().solver(solver).fit(&data).unwrap();
        let xs = normal(6, 2, 3);
        let p = gp.predict(xs.view(), Uncertainty::Std).unwrap();
        let (offset, ratio) = (data.y().column(0).mean().unwrap(), b[[1, 0]] / b[[0, 0]]);
        // Without observations of its own it has the mean of the other tasks' means.
        let expected = p.mean.column(0).mapv(|v| offset + ratio * (v - offset));
        assert_close(&p.mean.column(1), &expected, 1e-10);
        let std = p.std().unwrap();
        let expected = std.column(0).mapv(|v| b[[1, 1]] - ratio * ratio * (b[[0, 0]] - v * v));
        assert_close(&std.column(1).mapv(|v| v * v), &expected, 1e-10);
        // Alone the task 0 is predicted the same.
        let alone = model.clone().task(Diagonal::starting_at([b[[0, 0]]]));
        let alone = alone.noise(Noise::Variances(vec![gp.noise_covariance()[[0, 0]]]));
        let alone = alone.fit(&data.task(0).unwrap()).unwrap();
        let q = alone.predict(xs.view(), Uncertainty::Std).unwrap();
        assert_close(&q.mean.column(0), &p.mean.column(0), 1e-10);
        assert_close(&q.std().unwrap().column(0), &std.column(0), 1e-10);
        let (one, two) = (alone.log_marginal_likelihood(), gp.log_marginal_likelihood());
        assert!((one - two).abs() < 1e-10 * two.abs());
    }
}

#[test]
fn a_task_without_observations_does_not_hinder_a_fit() {
    let (data, _) = simulated(30);
    let mut y = data.y().to_owned();
    y.column_mut(1).fill(GAP);
    let data = Dataset::new(data.x(), y.view()).unwrap();
    for noise in [Noise::PerTask, Noise::Shared, Noise::Full] {
        for solver in [Solver::Schur, Solver::Dense] {
            let model = MultiTaskGp::new(Rbf::isotropic(1.0)).noise(noise.clone()).solver(solver);
            let gp = model.task(LowRank::new(1)).fit(&data).unwrap();
            assert_healthy(&gp);
            assert!(gp.report().converged, "{noise} {solver}: {}", gp.report());
            let p = gp.predict(data.x(), Uncertainty::Std).unwrap();
            assert!(p.std().unwrap().column(1).iter().all(|v| v.is_finite() && *v > 0.0));
        }
    }
}

#[track_caller]
fn refusal(model: &MultiTaskGp, data: &Dataset) -> Error {
    model.fit(data).unwrap_err()
}

#[test]
fn solvers_that_cannot_serve_name_those_that_can() {
    let masked = gappy(9, 3, &[(4, 1), (5, 0)]);
    let known = masked.clone().with_noise_variances(Table::ones((9, 3)).view()).unwrap();
    let all = gappy(9, 3, &[]).with_noise_variances(Table::ones((9, 3)).view()).unwrap();
    for model in given(3) {
        let text = |solver, data: &Dataset| {
            let error = refusal(&model.clone().solver(solver), data);
            assert!(matches!(error, Error::Incompatible { .. }), "{error:?}");
            error.to_string()
        };
        for solver in [Solver::Kronecker, Solver::LowRank, Solver::Choleskys] {
            assert_eq!(
                text(solver, &masked),
                format!(
                    "solver '{solver}' and this data (it needs a complete table, and 2 entries are \
                     missing) cannot be combined: use one of: auto, schur, dense, cg"
                )
            );
        }
        for solver in [Solver::Kronecker, Solver::LowRank, Solver::Choleskys, Solver::Schur] {
            assert_eq!(
                text(solver, &all),
                format!(
                    "solver '{solver}' and this data (it needs the same noise at every row) cannot \
                     be combined: use one of: auto, dense, cg"
                )
            );
        }
        assert!(text(Solver::Schur, &known).ends_with("use one of: auto, dense, cg"));
        let many = gappy(3, 65, &[]);
        let model = MultiTaskGp::new(Rbf::ard()).solver(Solver::Choleskys);
        let error = refusal(&model, &many).to_string();
        assert!(error.contains("at most 64 tasks"), "{error}");
        assert!(
            error.ends_with("use one of: auto, kronecker, low-rank, schur, dense, cg"),
            "{error}"
        );
    }
    // Alternating learning needs a spectrum.
    let model = MultiTaskGp::new(Rbf::ard()).optimizer(Optimizer::Alternating);
    let error = refusal(&model.clone().solver(Solver::Dense), &masked);
    assert!(matches!(error, Error::Incompatible { .. }), "{error:?}");
    assert!(error.to_string().contains("use the joint optimizer"), "{error}");
    assert!(matches!(refusal(&model, &known), Error::Incompatible { .. }));
}

#[test]
fn solvers_keep_within_their_memory() {
    let data = gappy(40, 3, &[(4, 1), (5, 0)]);
    let [model, _] = given(3);
    let memory = |error: &Error| match error {
        Error::Memory { needed, budget, advice, .. } => (*needed, *budget, advice.clone()),
        other => panic!("{other:?}"),
    };
    for solver in [Solver::Auto, Solver::Schur, Solver::Dense] {
        let (needed, budget, advice) =
            memory(&refusal(&model.clone().solver(solver).solver_memory(1000), &data));
        assert!(needed > budget && budget == 1000);
        assert!(advice.contains("raise `solver_memory`, or fit fewer rows"), "{advice}");
    }
    // The dense factor does not fit, the others do.
    let few = model.clone().solver_memory(150_000);
    let (needed, _, advice) = memory(&refusal(&few.clone().solver(Solver::Dense), &data));
    assert!(needed > 3 * 118 * 118 * 8, "{needed}");
    assert!(advice.starts_with("raise `solver_memory`, or use one of: schur"), "{advice}");
    assert_eq!(few.fit(&data).unwrap().report().solve.solver, "schur");
    // What is conditioned on more rows keeps to it too.
    let gp = model.solver_memory(150_000).fit(&data).unwrap();
    let (x, y) = (normal(60, 2, 5), smooth_outputs(normal(60, 2, 5).view(), 3, 0.3, 6));
    assert!(matches!(gp.condition(x.view(), y.view()), Err(Error::Memory { .. })));
    let one = (x.slice(s![..1, ..]), y.slice(s![..1, ..]));
    assert_eq!(gp.condition(one.0, one.1).unwrap().data().n_rows(), 41);
}

#[test]
fn the_selection_is_by_what_is_missing() {
    let solver = |gaps: usize, optimizer| {
        let places: Vec<(usize, usize)> = (0..gaps).map(|p| (p % 20, p / 20)).collect();
        let model = MultiTaskGp::new(Matern52::new([1.0, 1.0])).optimizer(optimizer);
        let model = model.task(Fixed::at(Array2::eye(8).view())).max_iterations(1);
        let model = match optimizer {
            Optimizer::None => model.noise(Noise::Variances(vec![0.1; 8])),
            _ => model,
        };
        model.fit(&gappy(20, 8, &places)).unwrap().report().solve.solver.to_string()
    };
    assert_eq!(solver(0, Optimizer::Auto), "kronecker");
    assert_eq!(solver(1, Optimizer::Auto), "schur");
    assert_eq!(solver(20, Optimizer::None), "schur");
    assert_eq!(solver(21, Optimizer::Auto), "schur");
    // Half of the table: a dense factor is cheaper.
    assert_eq!(solver(90, Optimizer::Auto), "dense");
    let two = gappy(20, 2, &[]);
    let [model, _] = given(2);
    assert_eq!(model.fit(&two).unwrap().report().solve.solver, "choleskys");
}

/// Rows taken one at a time say what rows taken together say.
#[test]
fn predictions_from_gaps_are_tiled() {
    let data = gappy(14, 3, &[(4, 1), (5, 0), (5, 2)]);
    let (xs, mut known) = (normal(9, 2, 5), normal(9, 3, 6));
    known.column_mut(1).fill(GAP);
    for model in given(3) {
        for solver in [Solver::Schur, Solver::Dense] {
            let fit = |bytes| model.clone().solver(solver).memory_budget(bytes).fit(&data).unwrap();
            let (plain, small) = (fit(1 << 30), fit(1));
            for u in [Uncertainty::Std, Uncertainty::Observation] {
                let of = |gp: &FittedMultiTaskGp| {
                    [
                        gp.predict(xs.view(), u).unwrap(),
                        gp.predict_given(xs.view(), known.view(), u).unwrap(),
                        gp.impute(u).unwrap(),
                    ]
                };
                for (p, q) in of(&small).into_iter().zip(of(&plain)) {
                    assert_close(&p.mean, &q.mean, 1e-12);
                    assert_close(&p.std.unwrap(), &q.std.unwrap(), 1e-12);
                }
            }
            let refused = small.predict_covariance(xs.view(), false);
            assert!(matches!(refused, Err(Error::Memory { .. })));
        }
    }
}

/// Parameters and means have the units of what was observed.
#[test]
fn units_follow_what_was_observed() {
    let (data, _) = simulated(30);
    let model = MultiTaskGp::new(Rbf::ard()).max_iterations(5).mean(Mean::Training);
    let gp = model.fit(&data).unwrap();
    let scaled = |c: f64, d: f64| {
        let x = data.x().to_owned() * c;
        Dataset::new(x.view(), (&data.y() * d).view()).unwrap()
    };
    let other = model.fit(&scaled(4.0, 0.25)).unwrap();
    let lengths = |gp: &FittedMultiTaskGp| gp.parameters()["terms[0].kernel.lengthscale"].clone();
    assert_close(&lengths(&other), &(lengths(&gp) * 4.0), 1e-6);
    assert_close(&(other.task_covariance() * 16.0), &gp.task_covariance(), 1e-6);
    let mean = |row: ArrayView1<f64>| row.iter().filter(|v| !v.is_nan()).sum::<f64>();
    let sums = data.y().axis_iter(Axis(1)).map(mean).collect::<Vec<_>>();
    let offsets = gp.parameters()["mean.offset"].clone();
    for (t, sum) in sums.iter().enumerate() {
        let count = data.y().column(t).iter().filter(|v| !v.is_nan()).count() as f64;
        assert!((offsets[t] - sum / count).abs() < 1e-12);
    }
}
