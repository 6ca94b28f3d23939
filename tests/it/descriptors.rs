//! Task covariances from descriptors: equal to dense brute force, for tasks that were not seen too.

use std::sync::Arc;

use coregion::estimator::Warning;
use coregion::gp::{Model, Posterior, Scaling};
use coregion::matrix_kernel::Separable;
use coregion::prelude::*;
use coregion::spec::{Spec, Value};
use coregion::task::TaskScales;
use ndarray::{Array1, Array2, Axis, array, s};

use crate::common::{assert_close, assert_near, dense, normal, smooth_outputs};
use crate::support::{assert_gradient, differences};

/// Descriptors of T tasks, the last that of the first again where asked for.
pub(crate) fn places(t: usize, repeated: bool) -> Array2<f64> {
    let mut z = normal(t, 2, 71) * array![1.0, 30.0] + array![0.0, 100.0];
    if repeated {
        let first = z.row(0).to_owned();
        z.row_mut(t - 1).assign(&first);
    }
    z
}

/// Task covariances of several shapes over T tasks.
pub(crate) fn covariances(t: usize) -> Vec<Task> {
    let sum = Matern32::ard().on([0]) * Rbf::ard().on([1]) + 0.5 * Linear::new(0.3).on([0]);
    vec![
        DescriptorKernel::new(Matern52::ard(), places(t, false).view()),
        DescriptorKernel::with_diagonal(sum, places(t, true).view()),
        DescriptorKernel::with_diagonal(Polynomial::new(2, 0.7).on([0]), places(t, false).view()),
    ]
}

/// Complete data, data with gaps, and a list with an entry measured twice.
pub(crate) fn layouts() -> Vec<(Dataset, Vec<Solver>)> {
    let x = normal(11, 2, 72);
    let mut y = smooth_outputs(x.view(), 4, 0.3, 73) + array![3.0, -1.0, 2.0, 0.5];
    let complete = Dataset::new(x.view(), y.view()).unwrap();
    for at in [(0, 0), (3, 2), (4, 2), (9, 1), (10, 3)] {
        y[at] = f64::NAN;
    }
    let masked = Dataset::new(x.view(), y.view()).unwrap();
    let mut entries: Vec<(usize, usize)> =
        (0..44).map(|p| (p / 4, p % 4)).filter(|e| !y[*e].is_nan()).collect();
    entries.push(entries[5]);
    let rows = entries.iter().map(|e| x.row(e.0).to_vec()).collect::<Vec<_>>().concat();
    let long_x = Array2::from_shape_vec((entries.len(), 2), rows).unwrap();
    let tasks: Vec<usize> = entries.iter().map(|e| e.1).collect();
    let values: Array1<f64> = entries.iter().map(|e| y[*e]).collect();
    let long = Dataset::long(long_x.view(), values.view(), &tasks).unwrap();
    vec![
        (complete, vec![Solver::Kronecker, Solver::Choleskys, Solver::Dense]),
        (masked, vec![Solver::Schur, Solver::Dense]),
        (long, vec![Solver::Dense]),
    ]
}

/// A model at random values of its free parameters, factored by a solver.
fn posterior(data: &Dataset, task: &Task, noise: &Noise, solver: Solver, seed: u64) -> Posterior {
    let kernel = Matern52::ard() + 0.3 * Linear::new(0.5);
    of_terms(data, vec![Separable { kernel, task: task.clone() }], noise, solver, seed)
}

fn of_terms(
    data: &Dataset,
    terms: Vec<Separable>,
    noise: &Noise,
    solver: Solver,
    seed: u64,
) -> Posterior {
    let model = Model::new(data, terms, noise, &Mean::Training, Scaling::default()).unwrap();
    factored(model, false, solver, seed)
}

/// The posterior of a model at random values of its free parameters.
pub(crate) fn factored(mut model: Model, restricted: bool, solver: Solver, seed: u64) -> Posterior {
    model.set_restricted(restricted).unwrap();
    model.select_solver(solver, usize::MAX, true).unwrap();
    let mut natural = model.layout().initial();
    let mut free = model.layout().pack(&natural);
    let moves = normal(free.len(), 1, seed);
    free.iter_mut().zip(&moves).for_each(|(u, m)| *u += 0.4 * m);
    model.layout().unpack_into(&free, &mut natural);
    Posterior::new(Arc::new(model), natural, 1 << 30).unwrap()
}

/// Means and variances (m, S) of the functions of new tasks by the covariance of all observations, the
/// constants of the tasks left out.
fn brute(p: &Posterior, xs: &Array2<f64>, zs: &Array2<f64>) -> (Array2<f64>, Array2<f64>) {
    let (model, natural) = (p.model(), p.natural());
    let (n, t, s) = (model.n_rows(), model.n_tasks(), zs.nrows());
    let sigma = model.noise_matrix(natural).to_dense();
    let no_signal = Array2::<f64>::zeros((t, t));
    let mut whole = dense::covariance(Array2::eye(n).view(), no_signal.view(), Some(sigma.view()));
    let mut c = Array2::<f64>::zeros((xs.nrows() * s, n * t));
    let mut prior = Array2::<f64>::zeros((xs.nrows(), s));
    for (term, b) in model.terms().iter().zip(model.task_covariances(natural)) {
        let k = term.gram(natural, model.x());
        whole += &dense::covariance(k.view(), b.view(), None);
        let unseen = term.task().unseen(term.phi(natural), zs.view()).unwrap().unwrap();
        let cross = term.cross(natural, xs.view(), model.x());
        for ((p, q), v) in c.indexed_iter_mut() {
            *v += cross[[p / s, q / t]] * unseen.cross[[q % t, p % s]];
        }
        let own = term.diagonal(natural, xs.view());
        prior += &(&own.insert_axis(Axis(1)) * &unseen.variances);
    }
    let flat: Vec<f64> = (&model.y() - &model.offsets(natural)).iter().copied().collect();
    let observed: Vec<usize> = (0..flat.len()).filter(|&p| !flat[p].is_nan()).collect();
    let residuals: Array1<f64> = observed.iter().map(|&p| flat[p]).collect();
    let lower = dense::cholesky(&whole.select(Axis(0), &observed).select(Axis(1), &observed));
    let c = c.select(Axis(1), &observed);
    let mean = c.dot(&dense::solve(&lower, &residuals.insert_axis(Axis(1))));
    let explained = (&c * &dense::solve(&lower, &c.t().to_owned()).t()).sum_axis(Axis(1));
    let table =
        |of: &dyn Fn(usize) -> f64| Array2::from_shape_fn(prior.dim(), |(i, j)| of(i * s + j));
    (table(&|p| mean[[p, 0]]), &prior - &table(&|p| explained[p]))
}

/// Asserts that predictions of new tasks are those of brute force, besides a constant for each task whose
/// variance does not depend on the row.
#[track_caller]
fn assert_brute(p: &Posterior, xs: &Array2<f64>, zs: &Array2<f64>, what: &str) {
    let found = p.predict_tasks(xs.view(), zs.view(), Uncertainty::Std).unwrap();
    let (mean, variance) = brute(p, xs, zs);
    let (constants, errors) =
        (&found.mean - &mean, found.std().unwrap().mapv(|v| v * v) - &variance);
    let size = |m: &Array2<f64>| m.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let (of_mean, of_variance) = (1e-8 * size(&found.mean), 1e-8 * size(&variance));
    for i in 0..xs.nrows() {
        for s in 0..zs.nrows() {
            assert!((constants[[i, s]] - constants[[0, s]]).abs() < of_mean, "{what}: {constants}");
            assert!((errors[[i, s]] - errors[[0, s]]).abs() < of_variance, "{what}: {errors}");
            assert!(errors[[i, s]] > -of_variance, "{what}: {errors}");
        }
    }
}

#[test]
fn unseen_tasks_equal_brute_force_by_every_solver() {
    let (xs, zs) = (normal(5, 2, 74), normal(3, 2, 75) * array![1.0, 30.0] + array![0.0, 100.0]);
    let far = xs.slice(s![..1, ..]).mapv(|v| v + 1e4);
    for (data, solvers) in layouts() {
        for (i, task) in covariances(4).iter().enumerate() {
            for &solver in &solvers {
                let p = posterior(&data, task, &Noise::Shared, solver, 80 + i as u64);
                assert_brute(&p, &xs, &zs, &format!("{solver}: {task}"));
                let found = p.predict_tasks(xs.view(), zs.view(), Uncertainty::Std).unwrap();
                // Observations of a new task have the shared noise, and nothing else.
                let noise = p.model().noise_matrix(p.natural()).diagonal()[0];
                let observed =
                    p.predict_tasks(xs.view(), zs.view(), Uncertainty::Observation).unwrap();
                let added =
                    observed.std().unwrap().mapv(|v| v * v) - &found.std().unwrap().mapv(|v| v * v);
                assert_close(&added, &Array2::from_elem(added.dim(), noise), 1e-8);
                assert_eq!(observed.mean, found.mean);
                let none = p.predict_tasks(xs.view(), zs.view(), Uncertainty::None).unwrap();
                assert_eq!((none.mean, none.std), (found.mean.clone(), None));
                assert!(p.predict_tasks(far.view(), zs.view(), Uncertainty::Std).is_ok());
            }
        }
    }
}

#[test]
fn a_training_task_asked_for_again_is_predicted_as_it_is() {
    let xs = normal(6, 2, 76);
    for (data, solvers) in layouts() {
        let z = places(4, false);
        let kernels = [Matern52::ard(), Matern12::ard() + 0.5 * Linear::new(0.3).on([0])];
        for (i, kernel) in kernels.into_iter().enumerate() {
            for &solver in &solvers {
                let task = DescriptorKernel::new(kernel.clone(), z.view());
                let p = posterior(&data, &task, &Noise::PerTask, solver, 90 + i as u64);
                let again = p.predict_tasks(xs.view(), z.view(), Uncertainty::Std).unwrap();
                let seen = p.predict(xs.view(), Uncertainty::Std).unwrap();
                assert_close(&again.mean, &seen.mean, 1e-9);
                assert_close(&again.std().unwrap(), &seen.std().unwrap(), 1e-8);
                // With a variance of its own it is another task at the same place.
                let task = DescriptorKernel::with_diagonal(kernel.clone(), z.view());
                let p = posterior(&data, &task, &Noise::PerTask, solver, 90 + i as u64);
                let again = p.predict_tasks(xs.view(), z.view(), Uncertainty::Std).unwrap();
                let seen = p.predict(xs.view(), Uncertainty::Std).unwrap();
                let pairs = again.std().unwrap().to_owned() - seen.std().unwrap();
                assert!(pairs.iter().all(|v| *v > 1e-3), "{pairs}");
            }
        }
    }
}

#[test]
fn repeated_descriptors_are_served() {
    let (data, _) = layouts().remove(0);
    let z = places(4, true);
    let task = DescriptorKernel::new(Rbf::ard(), z.view());
    let p = posterior(&data, &task, &Noise::Shared, Solver::Auto, 95);
    let zs = array![[z[[0, 0]], z[[0, 1]]], [0.3, 90.0]];
    let found = p.predict_tasks(data.x(), zs.view(), Uncertainty::Std).unwrap();
    let seen = p.predict(data.x(), Uncertainty::Std).unwrap();
    // Tasks of one place have one function; the mean of a new one there is that of their two.
    let between = (&seen.mean.column(0) + &seen.mean.column(3)) * 0.5;
    assert_close(&found.mean.column(0), &between, 1e-8);
    assert_close(&found.std().unwrap().column(0), &seen.std().unwrap().column(0), 1e-7);
    let (_, variance) = brute(&p, &data.x().to_owned(), &zs);
    let std = variance.column(0).mapv(f64::sqrt);
    assert_close(&found.std().unwrap().column(0), &std, 1e-6);
}

#[test]
fn added_rows_are_part_of_the_prediction() {
    let (data, _) = layouts().remove(0);
    let x = normal(40, 2, 77);
    let y = smooth_outputs(x.view(), 4, 0.3, 78);
    let first = Dataset::new(x.slice(s![..38, ..]), y.slice(s![..38, ..])).unwrap();
    let task = DescriptorKernel::with_diagonal(Matern32::ard(), places(4, false).view());
    let settings = MultiTaskGp::new(Rbf::ard()).task(task).noise(Noise::Shared);
    let gp = settings.mean(Mean::Training).fit(&first).unwrap();
    let more = gp.condition(x.slice(s![38.., ..]), y.slice(s![38.., ..])).unwrap();
    assert!(more.posterior().factor().is_partial());
    let zs = array![[0.2, 110.0], [-1.0, 80.0]];
    assert_brute(more.posterior(), &data.x().to_owned(), &zs, "rows added");
}

#[test]
fn sums_of_terms_predict_unseen_tasks() {
    let (xs, zs) = (normal(5, 2, 74), normal(3, 2, 75) * array![1.0, 30.0] + array![0.0, 100.0]);
    for (data, _) in layouts() {
        let [first, second, _] = <[Task; 3]>::try_from(covariances(4)).unwrap();
        let terms = vec![
            Separable { kernel: Matern52::ard(), task: first },
            Separable { kernel: Matern12::ard() + 0.3 * Linear::new(0.5), task: second },
        ];
        let p = of_terms(&data, terms.clone(), &Noise::Shared, Solver::Dense, 97);
        assert_brute(&p, &xs, &zs, "two terms");
        // One term that does not follow from descriptors is one too many.
        let mut mixed = terms;
        mixed[1].task = Diagonal::new();
        let p = of_terms(&data, mixed, &Noise::Shared, Solver::Dense, 97);
        let error = p.predict_tasks(xs.view(), zs.view(), Uncertainty::None).unwrap_err();
        assert!(matches!(error, Error::Incompatible { .. }), "{error}");
    }
}

#[test]
fn likelihood_and_gradient_equal_the_dense_ones() {
    for (data, solvers) in layouts() {
        for (i, task) in covariances(4).iter().enumerate() {
            for noise in [Noise::Shared, Noise::PerTask, Noise::Full] {
                let at = |solver| posterior(&data, task, &noise, solver, 60 + i as u64);
                let dense_one = at(Solver::Dense);
                let natural = dense_one.natural().to_vec();
                let (value, gradient) = dense_one.model().log_likelihood(&natural).unwrap();
                for &solver in &solvers {
                    let p = at(solver);
                    let (own, slopes) = p.model().log_likelihood(&natural).unwrap();
                    assert_near(own, value, 1e-8);
                    assert_gradient(&slopes, &gradient, 1e-8, 1.0, &format!("{solver}: {task}"));
                }
                let model = at(solvers[0]);
                let slopes = model.model().log_likelihood(&natural).unwrap().1;
                let f = |v: &[f64]| model.model().log_likelihood_value(v).unwrap();
                let expected = differences(f, &natural, 1e-4);
                assert_gradient(&slopes, &expected, 1e-6, 1.0, &format!("{task}"));
            }
        }
    }
}

/// 80 rows of 60 tasks at random places, with a known lengthscale between them.
fn planted(seed: u64, lengthscale: f64) -> (Dataset, Array2<f64>) {
    let (n, t) = (80, 60);
    let x = Array2::from_shape_fn((n, 1), |(i, _)| i as f64);
    let z = normal(t, 2, seed);
    let k = |a: &Array2<f64>, l: f64| {
        Array2::from_shape_fn((a.nrows(), a.nrows()), |(i, j)| {
            let d = &a.row(i) - &a.row(j);
            let r = (3.0 * d.dot(&d)).sqrt() / l;
            (1.0 + r) * (-r).exp() + if i == j { 1e-10 } else { 0.0 }
        })
    };
    let (row_root, task_root) =
        (dense::cholesky(&k(&x, 5.0)), dense::cholesky(&k(&z, lengthscale)));
    let f = row_root.dot(&normal(n, t, seed + 1000)).dot(&task_root.t()) * 2.0;
    let y = f + normal(n, t, seed + 2000) * 0.3;
    (Dataset::new(x.view(), y.view()).unwrap(), z)
}

#[test]
fn the_lengthscale_between_tasks_is_recovered() {
    for seed in 1..=5 {
        for lengthscale in [0.5, 1.5] {
            let (data, z) = planted(seed, lengthscale);
            let task = DescriptorKernel::new(Matern32::isotropic(1.0), z.view());
            let gp = MultiTaskGp::new(Matern32::ard())
                .task(task)
                .noise(Noise::Shared)
                .fit(&data)
                .unwrap();
            assert!(gp.report().converged);
            let found = &gp.parameters()["terms[0].task.kernel.lengthscale"];
            let ratio = found.sum() / lengthscale;
            assert!((0.8..1.2).contains(&ratio), "seed {seed}: {found} for {lengthscale}");
            let ratio = gp.parameters()["terms[0].task.variance"].sum() / 4.0;
            assert!((0.5..2.0).contains(&ratio), "seed {seed}: {ratio}");
            // What was learned is written into the description, and comes back as it was.
            let child = &gp.task().spec().children[0];
            assert_eq!(child.get("lengthscale").and_then(Value::numbers).unwrap()[0], found.sum());
            let again: FittedMultiTaskGp =
                FittedMultiTaskGp::from_bytes(&gp.to_bytes().unwrap()).unwrap();
            assert_eq!((again.parameters(), again.task()), (gp.parameters(), gp.task()));
        }
    }
}

#[test]
fn values_are_held_where_asked_for() {
    let z = places(4, false);
    let (data, _) = layouts().remove(0);
    let kernel = Rbf::new([0.7, 40.0]);
    let task = DescriptorKernel::starting_at(kernel.clone(), z.view(), 2.0, Some(0.3));
    let held = ["kernel.lengthscale", "diagonal", "variance"];
    let fit = |task: Task| MultiTaskGp::new(Rbf::ard()).task(task).fit(&data).unwrap().parameters();
    for name in held {
        let all = fit(task.clone().fix(name));
        let path = format!("terms[0].task.{name}");
        let given: &[f64] = match name {
            "variance" => &[2.0],
            "diagonal" => &[0.3],
            _ => &[0.7, 40.0],
        };
        assert_eq!(all[&path].iter().copied().collect::<Vec<_>>(), given, "{name}");
    }
    let inner = DescriptorKernel::new(kernel.clone().fix("lengthscale"), z.view());
    let outer = DescriptorKernel::new(kernel, z.view()).fix("kernel");
    assert_eq!(fit(inner), fit(outer));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let scales = TaskScales { std: Array1::ones(3), pooled: 1.0, amplitude: 1.0 };
    let z = array![[0.0, 1.0], [2.0, 1.0], [3.0, 0.0]];
    let of = |z: &Array2<f64>| DescriptorKernel::new(Rbf::ard(), z.view());
    let bare = Spec::new("Kernel").with("features", Value::Matrix(vec![vec![0.0]; 3]));
    let mut broken = z.clone();
    broken[[1, 1]] = f64::NAN;
    let with = |name: &str, value: Value| Task::from_spec(of(&z).spec().clone().with(name, value));
    let cases = [
        (
            of(&z.slice(s![..2, ..]).to_owned()),
            "Kernel.features: found shape (2, 2), expected 3 rows",
        ),
        (of(&Array2::zeros((3, 0))), "Kernel.features: found shape (3, 0)"),
        (of(&Array2::zeros((0, 2))), "Kernel.features"),
        (of(&broken), "Kernel.features: found NaN at row 1, column 1"),
        (
            DescriptorKernel::new(Categorical::levels([0.0, 2.0]).on([0]), z.view()),
            "Kernel.features, column 0: found 3",
        ),
        (DescriptorKernel::new(Rbf::ard().on([2]), z.view()), "columns of `.on`: found 2"),
        (DescriptorKernel::new(Rbf::new([1.0; 3]), z.view()), "RBF.lengthscale"),
        (
            DescriptorKernel::starting_at(Rbf::ard(), z.view(), -1.0, None),
            "Kernel.variance: found -1",
        ),
        (
            DescriptorKernel::starting_at(Rbf::ard(), z.view(), 1.0, Some(-0.5)),
            "Kernel.diagonal: found -0.5",
        ),
        (of(&z).fix("diagonal"), "Kernel.diagonal: found nothing"),
        (of(&z).fix("kernel.period"), "unknown value of Kernel 'kernel.period'"),
        (of(&z).fix("kappa"), "unknown value of Kernel 'kappa'"),
        (with("kernel", Value::Number(1.0)).unwrap(), "Kernel.kernel: found 1"),
        (with("diagonal", Value::Text("on".into())).unwrap(), "Kernel.diagonal"),
        (with("features", Value::Vector(vec![1.0; 3])).unwrap(), "Kernel.features"),
        (
            DescriptorKernel::new(Linear::new(0.0).fix("bias"), (&z * 1e-70).view()),
            "Kernel.kernel: found Linear",
        ),
        (Task::from_spec(bare).unwrap(), "Kernel.kernel: found nothing"),
    ];
    for (task, words) in cases {
        let error = task.bind(&scales).expect_err(words).to_string();
        assert!(error.contains(words), "{error}");
    }
    let unknown = Spec::new("Kernel").with_children(vec![Spec::new("LowRank")]);
    assert!(matches!(Task::from_spec(unknown), Err(Error::UnknownName { .. })));
}

#[test]
fn unseen_tasks_that_cannot_be_predicted_are_refused() {
    let (data, _) = layouts().remove(0);
    let fit = |task: Task, noise: Noise| {
        MultiTaskGp::new(Rbf::ard()).task(task).noise(noise).fit(&data).unwrap()
    };
    let task = DescriptorKernel::new(Rbf::ard(), places(4, false).view());
    let gp = fit(task, Noise::PerTask);
    let zs = array![[0.0, 100.0]];
    let refused = |gp: &FittedMultiTaskGp, zs: &Array2<f64>, u: Uncertainty| {
        gp.predict_tasks(data.x(), zs.view(), u).unwrap_err()
    };
    let error = refused(&gp, &zs, Uncertainty::Observation);
    assert!(
        matches!(&error, Error::Incompatible { options, .. } if options.contains("do not share"))
    );
    assert!(gp.predict_tasks(data.x(), zs.view(), Uncertainty::Std).is_ok());
    // Tasks that are close together have a B of low rank, which is no optimum to be warned of.
    let close =
        DescriptorKernel::new(Rbf::isotropic(1e3).fix("lengthscale"), places(4, true).view());
    let warned = |gp: &FittedMultiTaskGp| {
        gp.report().warnings.iter().any(|w| matches!(w, Warning::RankDeficient { .. }))
    };
    assert!(!warned(&fit(close, Noise::Shared)));
    let error = refused(&gp, &array![[0.0]], Uncertainty::Std).to_string();
    assert!(error.starts_with("task_features: found 1 columns, expected 2"), "{error}");
    let error = refused(&gp, &array![[0.0, f64::NAN]], Uncertainty::Std).to_string();
    assert!(error.starts_with("task_features: found NaN"), "{error}");
    let none = gp.predict_tasks(data.x(), Array2::zeros((0, 2)).view(), Uncertainty::Std).unwrap();
    assert_eq!(none.mean.dim(), (11, 0));
    let error = refused(&fit(LowRank::new(1), Noise::Shared), &zs, Uncertainty::None);
    assert!(
        matches!(&error, Error::Incompatible { options, .. } if options.contains("task_features"))
    );
}
