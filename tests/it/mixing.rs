//! Models of mixed latent functions: learned, predicted from, and the same as a dense sum of terms.

use coregion::estimator::Warning;
use coregion::matrix_kernel::mixings;
use coregion::prelude::*;
use coregion::spec::Value;
use ndarray::{Array2, ArrayD, Axis, array};

use crate::common::{assert_close, assert_near, normal, smooth_outputs};
use crate::model_files::assert_round_trip;
use crate::support::{assert_gradient, differences};

const N: usize = 12;
const T: usize = 4;

fn table(gaps: usize) -> (Array2<f64>, Array2<f64>) {
    let x = normal(N, 2, 1);
    let mut y = smooth_outputs(x.view(), T, 0.3, 2);
    let at = [(0, 1), (2, 0), (2, 3), (5, 1), (7, 0), (7, 1), (7, 3), (8, 2)];
    at[..gaps].iter().for_each(|&e| y[e] = f64::NAN);
    (x, y)
}

fn data(gaps: usize) -> Dataset {
    let (x, y) = table(gaps);
    Dataset::new(x.view(), y.view()).unwrap()
}

/// Every mixing of two latent functions with kernels of different kinds.
fn settings() -> Vec<MultiTaskGp> {
    let examples = mixings().iter().flat_map(|entry| (entry.examples)(2));
    let kernels = || [Rbf::ard(), Matern32::isotropic(0.5)];
    examples
        .map(|m| {
            MultiTaskGp::new(Rbf::ard()).mixing(m).latent_kernels(kernels()).max_iterations(15)
        })
        .collect()
}

/// The parameters of a model, moved a little, so that no test is at an optimum.
fn moved(gp: &FittedMultiTaskGp) -> Vec<(String, ArrayD<f64>)> {
    let parameters = gp.parameters().into_iter().filter(|(path, _)| !path.starts_with("mean"));
    parameters.map(|(path, v)| (path, v.mapv(|v| v * 1.07))).collect()
}

fn as_paths(parameters: &[(String, ArrayD<f64>)]) -> Vec<(&str, ArrayD<f64>)> {
    parameters.iter().map(|(path, v)| (path.as_str(), v.clone())).collect()
}

/// Means that are estimated and one that is held, by the likelihood or the restricted one.
fn means() -> [(Mean, bool); 5] {
    [
        (Mean::Constant, false),
        (Mean::Constant, true),
        (Mean::linear(), false),
        (Mean::linear(), true),
        (Mean::Training, false),
    ]
}

#[test]
fn the_dense_solver_says_the_same() {
    for gaps in [0, 1, 8] {
        for (settings, (mean, reml)) in
            settings().into_iter().flat_map(|s| means().map(|m| (s.clone(), m)))
        {
            let settings = settings.mean(mean).reml(reml).max_iterations(3);
            let gp = settings.clone().solver(Solver::Mixed).fit(&data(gaps)).unwrap();
            assert_eq!(gp.report().solve.solver, "mixed");
            assert!(gp.report().solve.exact);
            let dense = settings.clone().solver(Solver::Dense).max_iterations(1);
            let dense = dense.fit(&data(gaps)).unwrap();
            let at = moved(&gp);
            let (value, gradient) = gp.log_marginal_likelihood_at(&as_paths(&at)).unwrap();
            let (expected, slopes) = dense.log_marginal_likelihood_at(&as_paths(&at)).unwrap();
            assert_near(value, expected, 1e-10);
            for (path, slope) in &slopes {
                assert_close(&gradient[path], slope, 1e-8);
            }
        }
    }
}

#[test]
fn gradients_with_estimated_means_are_central_differences() {
    for gaps in [0, 8] {
        for (settings, (mean, reml)) in
            settings().into_iter().flat_map(|s| means().map(|m| (s.clone(), m)))
        {
            let settings = settings.mean(mean.clone()).reml(reml).max_iterations(2);
            let gp = settings.solver(Solver::Mixed).fit(&data(gaps)).unwrap();
            let model = gp.posterior().model();
            let natural = gp.posterior().natural().to_vec();
            let (_, found) = model.log_likelihood(&natural).unwrap();
            let value = |v: &[f64]| model.log_likelihood_value(v).unwrap();
            let expected = differences(value, &natural, 1e-3);
            assert_gradient(&found, &expected, 1e-7, 1.0, &format!("{mean:?}, {reml}, {gaps}"));
        }
    }
}

/// The same covariance as a sum of terms with the learned task covariances and noise.
fn as_terms(gp: &FittedMultiTaskGp) -> FittedMultiTaskGp {
    let [first, rest @ ..] = gp.terms() else { panic!("no terms") };
    let mut same = MultiTaskGp::new(first.kernel.clone())
        .task(first.task.clone())
        .noise(gp.noise())
        .mean(gp.setup().mean)
        .reml(gp.setup().reml)
        .optimizer(Optimizer::None);
    for term in rest {
        same = same.term(term.kernel.clone(), term.task.clone());
    }
    same.fit(gp.data()).unwrap()
}

#[test]
fn a_sum_of_terms_with_the_same_covariances_says_the_same() {
    let xs = normal(5, 2, 9);
    for gaps in [0, 8] {
        for (settings, (mean, reml)) in
            settings().into_iter().flat_map(|s| means().map(|m| (s.clone(), m)))
        {
            let settings = settings.mean(mean).reml(reml).max_iterations(5);
            let gp = settings.fit(&data(gaps)).unwrap();
            let same = as_terms(&gp);
            assert_eq!(same.report().solve.solver, "dense");
            assert_near(gp.log_marginal_likelihood(), same.log_marginal_likelihood(), 1e-9);
            let (_, gradient) = gp.log_marginal_likelihood_at(&[]).unwrap();
            let (_, slopes) = same.log_marginal_likelihood_at(&[]).unwrap();
            for (path, slope) in slopes.iter().filter(|(path, _)| path.contains(".kernel.")) {
                let size = slope.iter().fold(1.0f64, |m, v| m.max(v.abs()));
                let error = (&gradient[path] - slope).mapv(f64::abs).sum();
                assert!(error < 1e-8 * size, "{path}: {error:e}");
            }
            let of_mean = |gp: &FittedMultiTaskGp| {
                let found = gp.parameters().into_iter().find(|(path, _)| path.starts_with("mean"));
                found.unwrap().1
            };
            assert_close(&of_mean(&gp), &of_mean(&same), 1e-8);
            for uncertainty in [Uncertainty::Std, Uncertainty::Observation] {
                let (a, b) =
                    (gp.predict(xs.view(), uncertainty), same.predict(xs.view(), uncertainty));
                let (a, b) = (a.unwrap(), b.unwrap());
                assert_close(&a.mean, &b.mean, 1e-8);
                assert_close(&a.std.unwrap(), &b.std.unwrap(), 1e-8);
                let (a, b) = (gp.impute(uncertainty).unwrap(), same.impute(uncertainty).unwrap());
                assert_close(&a.mean, &b.mean, 1e-8);
                assert_close(&a.std.unwrap(), &b.std.unwrap(), 1e-8);
            }
            let joint = gp.predict_covariance(xs.view(), true).unwrap();
            assert_close(&joint, &same.predict_covariance(xs.view(), true).unwrap(), 1e-8);
            let blocks = gp.predict_task_covariances(xs.view()).unwrap();
            assert_close(&blocks, &same.predict_task_covariances(xs.view()).unwrap(), 1e-8);
            let mut given = Array2::from_elem((5, T), f64::NAN);
            given[[0, 1]] = 0.7;
            given[[3, 0]] = -0.2;
            given[[3, 2]] = 0.4;
            let of = |gp: &FittedMultiTaskGp| {
                gp.predict_given(xs.view(), given.view(), Uncertainty::Observation).unwrap()
            };
            assert_close(&of(&gp).mean, &of(&same).mean, 1e-8);
            assert_close(&of(&gp).std.unwrap(), &of(&same).std.unwrap(), 1e-8);
            let (x, y) = (normal(1, 2, 3), normal(1, T, 4));
            let of = |gp: &FittedMultiTaskGp| gp.condition(x.view(), y.view()).unwrap();
            let (a, b) = (of(&gp), of(&same));
            let mean =
                |gp: &FittedMultiTaskGp| gp.predict(xs.view(), Uncertainty::None).unwrap().mean;
            assert_close(&mean(&a), &mean(&b), 1e-8);
            let total: Array2<f64> =
                gp.task_covariances().iter().fold(Array2::zeros((T, T)), |a, b| a + b);
            assert_close(&total, &gp.task_covariance(), 1e-14);
            let h = gp.mixing_matrix().unwrap();
            assert_close(&h.dot(&h.t()), &total, 1e-12);
        }
    }
}

#[test]
fn as_many_latent_functions_as_tasks_with_one_kernel_are_one_term() {
    let kernel = || Matern52::new([0.8, 1.5]);
    for entry in mixings() {
        for mixing in (entry.examples)(T) {
            let gp = MultiTaskGp::new(kernel()).mixing(mixing);
            let gp = gp.fix("terms[0].kernel.lengthscale");
            let gp = (1..T).fold(gp, |gp, q| gp.fix(&format!("terms[{q}].kernel.lengthscale")));
            let gp = gp.max_iterations(10).fit(&data(0)).unwrap();
            let one = MultiTaskGp::new(kernel())
                .task(Fixed::at(gp.task_covariance().view()))
                .noise(Noise::Covariance(gp.noise_covariance()))
                .optimizer(Optimizer::None)
                .solver(Solver::Kronecker)
                .fit(&data(0))
                .unwrap();
            assert_near(gp.log_marginal_likelihood(), one.log_marginal_likelihood(), 1e-9);
            let xs = normal(4, 2, 9);
            let (a, b) =
                (gp.predict(xs.view(), Uncertainty::Std), one.predict(xs.view(), Uncertainty::Std));
            let (a, b) = (a.unwrap(), b.unwrap());
            assert_close(&a.mean, &b.mean, 1e-8);
            assert_close(&a.std.unwrap(), &b.std.unwrap(), 1e-8);
        }
    }
}

#[test]
fn known_noise_and_many_gaps_go_to_the_dense_solver_with_the_right_gradient() {
    let (x, y) = table(8);
    let known = normal(N, T, 6).mapv(|v| 0.1 * v * v);
    let with_known = Dataset::new(x.view(), y.view()).unwrap();
    let with_known = with_known.with_noise_variances(known.view()).unwrap();
    for settings in settings() {
        let gp = settings.max_iterations(3).fit(&with_known).unwrap();
        assert_eq!(gp.report().solve.solver, "dense");
        let (_, gradient) = gp.log_marginal_likelihood_at(&[]).unwrap();
        let h = 1e-5;
        for (path, slope) in gradient.iter().filter(|(path, _)| path.starts_with("mixing")) {
            for k in 0..slope.len() {
                let at = |step: f64| {
                    let mut values = gp.parameters()[path].clone();
                    *values.iter_mut().nth(k).unwrap() += step;
                    gp.log_marginal_likelihood_at(&[(path, values)]).unwrap().0
                };
                let (found, expected) =
                    (slope.iter().nth(k).unwrap(), (at(h) - at(-h)) / (2.0 * h));
                assert!((found - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{path}[{k}]");
            }
        }
    }
}

/// Three latent functions at three scales, mixed by orthogonal columns into 12 tasks of unequal noise.
fn planted() -> (Dataset, Array2<f64>) {
    let (n, t) = (80, 12);
    let x = ndarray::Array1::linspace(0.0, 10.0, n).insert_axis(Axis(1));
    let (u, _) = coregion::linalg::thin_qr(normal(t, 3, 4).view());
    let noise = |t: usize| 0.1 + 0.05 * (t % 4) as f64;
    let h = Array2::from_shape_fn((t, 3), |(t, q)| noise(t) * u[[t, q]] * [20.0, 14.0, 9.0][q]);
    let g = Array2::from_shape_fn((n, 3), |(i, q)| {
        let v: f64 = x[[i, 0]];
        [(0.6 * v).sin(), (2.0 * v + 1.0).cos(), (5.0 * v).sin()][q] * 1.3
    });
    let e = normal(n, t, 5);
    let y = Array2::from_shape_fn((n, t), |(i, t)| g.row(i).dot(&h.row(t)) + noise(t) * e[[i, t]]);
    (Dataset::new(x.view(), y.view()).unwrap(), h)
}

#[test]
fn a_planted_mixing_is_found_and_sorted() {
    let (data, h) = planted();
    for entry in mixings() {
        for mixing in (entry.examples)(3) {
            let settings = MultiTaskGp::new(Rbf::ard()).mixing(mixing).max_iterations(1000);
            let gp = settings.fit(&data).unwrap();
            assert!(gp.report().gradient_norm < 1e-4, "{}", gp.report());
            let found = gp.mixing_matrix().unwrap();
            for q in 0..3 {
                let (a, b) = (found.column(q), h.column(q));
                let cosine = a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt();
                assert!(cosine.abs() > 0.99, "column {q}: {cosine}");
            }
            let model = gp.posterior().model();
            let shares = model.latent_shares(gp.posterior().natural()).unwrap();
            assert!(shares[0] >= shares[1] && shares[1] >= shares[2], "{shares}");
            let scale = |q: usize| gp.parameters()[&format!("terms[{q}].kernel.lengthscale")].sum();
            assert!(scale(0) > scale(1) && scale(1) > scale(2), "kernels follow their columns");
        }
    }
}

#[test]
fn a_latent_function_too_many_is_reported() {
    let (data, _) = planted();
    let gp = MultiTaskGp::new(Rbf::ard()).mixing(Mixing::orthogonal(7)).fit(&data).unwrap();
    let small = |w: &Warning| matches!(w, Warning::NegligibleTerm { share, .. } if *share < 1e-3);
    assert!(gp.report().warnings.iter().any(small), "{}", gp.report());
}

#[test]
fn units_of_the_tasks_do_not_matter() {
    let (x, y) = table(1);
    let scales = array![1e3, 1e-2, 1.0, 7.0];
    for mixing in mixings().iter().flat_map(|entry| (entry.examples)(2)) {
        let fit = |y: &Array2<f64>| {
            let data = Dataset::new(x.view(), y.view()).unwrap();
            MultiTaskGp::new(Rbf::ard())
                .mixing(mixing.clone())
                .max_iterations(8)
                .fit(&data)
                .unwrap()
        };
        let (a, b) = (fit(&y), fit(&(&y * &scales)));
        assert_close(
            &(a.mixing_matrix().unwrap() * scales.view().insert_axis(Axis(1))),
            &b.mixing_matrix().unwrap(),
            1e-5,
        );
        let xs = normal(4, 2, 9);
        let mean = |gp: &FittedMultiTaskGp| gp.predict(xs.view(), Uncertainty::None).unwrap().mean;
        let (mine, other) = (&mean(&a) * &scales, mean(&b));
        for (p, q) in mine.columns().into_iter().zip(other.columns()) {
            assert_close(&p, &q, 1e-5);
        }
    }
}

#[test]
fn values_given_are_used_as_they_are() {
    let basis = vec![vec![3.0], vec![0.0], vec![0.0], vec![4.0]];
    let mixing = Mixing::orthogonal(1)
        .starting_at("basis", Value::Matrix(basis))
        .starting_at("strength", Value::Vector(vec![4.0]));
    let gp = MultiTaskGp::new(Rbf::new([1.0, 1.0]))
        .mixing(mixing)
        .noise(Noise::Variances(vec![1.0, 4.0, 9.0, 16.0]))
        .optimizer(Optimizer::None)
        .fit(&data(0))
        .unwrap();
    let expected = array![[1.2], [0.0], [0.0], [6.4]]; // R^1/2 U S^1/2
    assert_close(&gp.mixing_matrix().unwrap(), &expected, 1e-14);
    let missing = MultiTaskGp::new(Rbf::new([1.0, 1.0])).mixing(Mixing::projected(1));
    let error = missing.optimizer(Optimizer::None).fit(&data(0)).unwrap_err();
    assert_eq!(error, Error::MissingValue { path: "mixing.basis".to_string() });
}

#[test]
fn what_cannot_be_mixed_is_refused() {
    let mixed = |m| MultiTaskGp::new(Rbf::ard()).mixing(Mixing::orthogonal(m));
    let refused = |settings: MultiTaskGp, word: &str| {
        let error = settings.fit(&data(0)).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    };
    refused(mixed(2).noise(Noise::Full), "full");
    refused(mixed(2).task(LowRank::new(1)), "task covariance");
    refused(mixed(2).term(Rbf::ard(), LowRank::new(1)), "further terms");
    refused(mixed(2).latent_kernels([Rbf::ard(), Rbf::ard(), Rbf::ard()]), "3 kernels");
    refused(mixed(2).latent_kernels([Rbf::ard()]), "2, one for each latent function");
    refused(mixed(T + 1), "from 1 to 4");
    refused(mixed(0), "from 1 to 4");
    refused(mixed(usize::MAX), "from 1 to 4");
    refused(MultiTaskGp::new(Rbf::ard()).latent_kernels([Rbf::ard()]), "no mixing");
    refused(mixed(2).solver(Solver::Kronecker), "no mixing makes");
    refused(MultiTaskGp::new(Rbf::ard()).solver(Solver::Mixed), "needs a mixing");
    refused(mixed(2).optimizer(Optimizer::Alternating), "alternating");
}

#[test]
fn rows_and_entries_left_out_are_those_of_the_dense_solver() {
    for settings in settings() {
        // Constants that are estimated are learned anew from what is left.
        for mean in [Mean::Constant, Mean::Training] {
            let gp = settings.clone().mean(mean).fit(&data(0)).unwrap();
            let same = as_terms(&gp);
            for by in [LeaveOut::Row, LeaveOut::Entry] {
                let (a, b) = (gp.leave_one_out(&by).unwrap(), same.leave_one_out(&by).unwrap());
                assert_close(&a.mean, &b.mean, 1e-8);
                assert_close(&a.std, &b.std, 1e-8);
                assert_close(&a.log_density, &b.log_density, 1e-8);
            }
            let of_rows = |gp: &FittedMultiTaskGp| gp.leave_one_row_out_covariances().unwrap();
            assert_close(&of_rows(&gp), &of_rows(&same), 1e-8);
            assert!(matches!(gp.leave_one_out(&LeaveOut::Task), Err(Error::Incompatible { .. })));
        }
    }
}

#[test]
fn draws_have_the_joint_covariance() {
    let xs = array![[0.3, 0.1], [1.2, -0.4]];
    for gaps in [0, 8] {
        for settings in settings() {
            let gp = settings.max_iterations(3).fit(&data(gaps)).unwrap();
            let (count, expected) = (20_000, gp.predict_covariance(xs.view(), true).unwrap());
            let draws = gp.sample(xs.view(), count, true, 1).unwrap();
            let mean = gp.predict(xs.view(), Uncertainty::None).unwrap().mean;
            let draws = draws.to_shape((2 * T, count)).unwrap().to_owned();
            let centred = draws - mean.to_shape((2 * T, 1)).unwrap();
            let found = centred.dot(&centred.t()) / count as f64;
            let expected = expected.to_shape((2 * T, 2 * T)).unwrap().to_owned();
            let size = |p: usize| expected[[p, p]].sqrt();
            for ((p, q), value) in found.indexed_iter() {
                // Four standard errors of an entry are below this.
                let error = (value - expected[[p, q]]).abs() / (size(p) * size(q));
                assert!(error < 0.05, "entry {p}, {q}: {error}");
            }
        }
    }
}

#[test]
fn models_come_back_from_their_files() {
    for gaps in [0, 8] {
        for settings in settings() {
            let gp = settings.max_iterations(3).fit(&data(gaps)).unwrap();
            let again = assert_round_trip(&gp);
            assert_eq!(gp.mixing(), again.mixing());
            assert_eq!(gp.mixing_matrix(), again.mixing_matrix());
        }
    }
}

#[test]
fn tasks_alone_have_nothing_to_mix() {
    let settings = MultiTaskGp::new(Rbf::ard()).mixing(Mixing::orthogonal(2));
    let alone = settings.fix("terms[1].kernel.lengthscale").fit_single_tasks(&data(0)).unwrap();
    assert_eq!(alone.models().len(), T);
    assert!(alone.models().iter().all(|gp| gp.mixing().is_none()));
}
