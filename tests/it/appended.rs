//! Rows added without factoring anew, against the covariance of all rows factored.

use coregion::prelude::*;
use ndarray::{Array2, Axis, array, concatenate, s};

use crate::common::{assert_close, normal, smooth_outputs};

/// The same model of all the data at held parameters.
fn anew(gp: &FittedMultiTaskGp) -> FittedMultiTaskGp {
    let offsets = gp.parameters()["mean.offset"].iter().copied().collect();
    MultiTaskGp::new(gp.kernel().clone())
        .task(gp.task().clone())
        .noise(gp.noise())
        .mean(Mean::Given(offsets))
        .optimizer(Optimizer::None)
        .solver(Solver::Dense)
        .fit(gp.data())
        .unwrap()
}

fn assert_same(gp: &FittedMultiTaskGp, tolerance: f64, what: &str) {
    let other = anew(gp);
    println!("{what}");
    let xs = array![[0.3, -0.2], [1.4, 0.9], [4.0, 4.0]];
    let (a, b) = (gp.log_marginal_likelihood(), other.log_marginal_likelihood());
    assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{what}: {a} {b}");
    for uncertainty in [Uncertainty::Std, Uncertainty::Observation] {
        let of = |gp: &FittedMultiTaskGp| gp.predict(xs.view(), uncertainty).unwrap();
        let (a, b) = (of(gp), of(&other));
        assert_close(&a.mean, &b.mean, tolerance);
        assert_close(&a.std.unwrap(), &b.std.unwrap(), tolerance);
        let (a, b) = (gp.impute(uncertainty).unwrap(), other.impute(uncertainty).unwrap());
        assert_close(&a.mean, &b.mean, tolerance);
        assert_close(&a.std.unwrap(), &b.std.unwrap(), tolerance);
    }
    let joint = |gp: &FittedMultiTaskGp| gp.predict_covariance(xs.view(), true).unwrap();
    assert_close(&joint(gp), &joint(&other), tolerance);
    let blocks = |gp: &FittedMultiTaskGp| gp.predict_task_covariances(xs.view()).unwrap();
    assert_close(&blocks(gp), &blocks(&other), tolerance);
    let given = array![[0.5, f64::NAN, f64::NAN], [f64::NAN; 3], [f64::NAN, 1.0, -1.0]];
    let of = |gp: &FittedMultiTaskGp| {
        gp.predict_given(xs.view(), given.view(), Uncertainty::Std).unwrap()
    };
    let (a, b) = (of(gp), of(&other));
    assert_close(&a.mean, &b.mean, tolerance);
    assert_close(&a.std.unwrap(), &b.std.unwrap(), tolerance);
    let of = |gp: &FittedMultiTaskGp| gp.leave_one_out(&LeaveOut::Row).unwrap().std;
    let seen = |m: Array2<f64>| m.mapv(|v| if v.is_nan() { 0.0 } else { v });
    assert_close(&seen(of(gp)), &seen(of(&other)), tolerance);
    let residuals = normal(gp.data().n_rows(), 3, 9);
    let solve = |gp: &FittedMultiTaskGp| gp.posterior().factor().solve(residuals.view()).unwrap();
    assert_close(&solve(gp), &solve(&other), tolerance);
    let log_det = |gp: &FittedMultiTaskGp| gp.posterior().factor().log_det().value;
    assert!((log_det(gp) - log_det(&other)).abs() <= tolerance * log_det(&other).abs().max(1.0));
}

#[test]
fn rows_added_one_by_one() {
    let (n, t) = (40, 3);
    let x = normal(n + 3, 2, 1);
    let mut y = smooth_outputs(x.view(), t, 0.3, 2);
    y[[n, 1]] = f64::NAN;
    y.slice_mut(s![n + 2, ..2]).fill(f64::NAN);
    let mut gappy = y.clone();
    gappy.slice_mut(s![..n;7, 0]).fill(f64::NAN);
    let variances = normal(n + 3, t, 3).mapv(|v| 0.01 + 0.1 * v * v);
    for noise in [Noise::PerTask, Noise::Full] {
        for (solver, table, known, tolerance) in [
            (Solver::Kronecker, &y, false, 1e-8),
            (Solver::Schur, &gappy, false, 1e-8),
            (Solver::Dense, &gappy, false, 1e-8),
            (Solver::Dense, &gappy, true, 1e-8),
            (Solver::Cg, &gappy, true, 1e-5),
        ] {
            let part = |from: usize, to: usize| {
                let rows = s![from..to, ..];
                (x.slice(rows), table.slice(rows), variances.slice(rows))
            };
            let (first, values, known_first) = part(0, n);
            let mut data = Dataset::new(first, values).unwrap();
            if known {
                data = data.with_noise_variances(known_first).unwrap();
            }
            let settings =
                MultiTaskGp::new(Matern52::ard()).noise(noise.clone()).mean(Mean::Training);
            let mut gp = settings.solver(solver).max_iterations(5).fit(&data).unwrap();
            for i in n..n + 3 {
                let (x, y, v) = part(i, i + 1);
                // A table that becomes one with gaps keeps the factor it had.
                let asked = if solver == Solver::Kronecker { i == n } else { false };
                let more = match known {
                    true => gp.condition_with_noise_variances(x, y, v),
                    false => gp.condition(x, y),
                };
                if asked {
                    // The solver asked for cannot serve gaps.
                    assert!(matches!(more, Err(Error::Incompatible { .. })));
                    continue;
                }
                let Ok(more) = more else { continue };
                gp = more;
                assert!(gp.report().solve.why.contains("rows added"), "{}", gp.report().solve.why);
                assert_same(&gp, tolerance, &format!("{solver} {noise} known {known} row {i}"));
            }
        }
    }
}

#[test]
fn a_complete_table_takes_rows_with_gaps() {
    let x = normal(33, 2, 1);
    let mut y = smooth_outputs(x.view(), 3, 0.3, 2);
    y[[31, 0]] = f64::NAN;
    let first = Dataset::new(x.slice(s![..30, ..]), y.slice(s![..30, ..])).unwrap();
    let gp = MultiTaskGp::new(Rbf::ard()).mean(Mean::Training).fit(&first).unwrap();
    let more = gp.condition(x.slice(s![30.., ..]), y.slice(s![30.., ..])).unwrap();
    assert_same(&more, 1e-8, "three rows");
    assert!(more.report().solve.why.contains("3 rows added"));
    // More rows than a tenth are factored with the others.
    let all = concatenate![Axis(0), x, x];
    let many = gp.condition(all.view(), concatenate![Axis(0), y, y].view()).unwrap();
    assert!(!many.report().solve.why.contains("rows added"));
    assert_same(&many, 1e-8, "many rows");
    // Draws have the spread that predictions say.
    let xs = array![[0.3, -0.2], [1.4, 0.9]];
    let draws = more.sample(xs.view(), 4000, false, 3).unwrap();
    let std = more.predict(xs.view(), Uncertainty::Std).unwrap().std.unwrap();
    assert!((draws.std_axis(Axis(2), 0.0) / std).iter().all(|r| (0.9..1.1).contains(r)));
}
