//! Models that are the same in two words must say the same.

use coregion::prelude::*;
use ndarray::{Array1, Array2, Axis, array, concatenate, s};

use crate::common::{assert_close, assert_near, bind, dense, normal, smooth_outputs};
use crate::support::definite;

type Table = Array2<f64>;

fn tables(n: usize, t: usize) -> (Table, Table) {
    let x = normal(n, 2, 1);
    let y = smooth_outputs(x.view(), t, 0.3, 2);
    (x, y)
}

/// A model held at the values given.
fn held(kernel: Kernel, task: Task, noise: Noise) -> MultiTaskGp {
    MultiTaskGp::new(kernel).task(task).noise(noise).optimizer(Optimizer::None)
}

fn fit(model: &MultiTaskGp, x: &Table, y: &Table) -> FittedMultiTaskGp {
    model.fit(&Dataset::new(x.view(), y.view()).unwrap()).unwrap()
}

/// Asserts that two models answer alike: likelihood, means, covariances, and given measurements.
#[track_caller]
fn assert_same(a: &FittedMultiTaskGp, b: &FittedMultiTaskGp, tolerance: f64) {
    assert_near(a.log_marginal_likelihood(), b.log_marginal_likelihood(), tolerance);
    assert_close(&a.task_covariance(), &b.task_covariance(), tolerance);
    assert_close(&a.noise_covariance(), &b.noise_covariance(), tolerance);
    let xs = normal(5, a.feature_names().len(), 3);
    for uncertainty in [Uncertainty::Std, Uncertainty::Observation] {
        let (p, q) = (
            a.predict(xs.view(), uncertainty).unwrap(),
            b.predict(xs.view(), uncertainty).unwrap(),
        );
        assert_close(&p.mean, &q.mean, tolerance);
        assert_close(&p.std().unwrap(), &q.std().unwrap(), tolerance);
        let mut given = &q.mean + 0.4;
        given.slice_mut(s![.., ..;2]).fill(f64::NAN);
        let (p, q) = (
            a.predict_given(xs.view(), given.view(), uncertainty).unwrap(),
            b.predict_given(xs.view(), given.view(), uncertainty).unwrap(),
        );
        assert_close(&p.mean, &q.mean, tolerance);
        assert_close(&p.std().unwrap(), &q.std().unwrap(), tolerance);
    }
    let joint = |gp: &FittedMultiTaskGp| gp.predict_covariance(xs.view(), true).unwrap();
    assert_close(&joint(a), &joint(b), tolerance);
    let blocks = |gp: &FittedMultiTaskGp| gp.predict_task_covariances(xs.view()).unwrap();
    assert_close(&blocks(a), &blocks(b), tolerance);
}

#[test]
fn one_b_in_every_structure() {
    let (x, y) = tables(17, 3);
    let b = definite(3, 4);
    let noise = || Noise::Covariance(definite(3, 5) * 0.1);
    let kernel = || Matern32::new([0.9, 1.4]);
    let reference = fit(&held(kernel(), Fixed::at(b.view()), noise()), &x, &y);
    let free = fit(&held(kernel(), FreeForm::starting_at(b.view()), noise()), &x, &y);
    assert_same(&free, &reference, 1e-10);
    // Rank T: the factor is a whole one, and next to nothing is left for the diagonal.
    let whole = dense::cholesky(&b);
    let low = LowRank::starting_at(whole.view(), &[1e-14; 3]);
    assert_same(&fit(&held(kernel(), low, noise()), &x, &y), &reference, 1e-10);
    // A diagonal of its own, and as a multiple of the noise.
    let (w, kappa) = (normal(3, 2, 6), array![0.3, 0.1, 0.7]);
    let plus = w.dot(&w.t()) + Table::from_diag(&kappa);
    let variances = (&kappa * 0.4).to_vec();
    let reference = held(kernel(), Fixed::at(plus.view()), Noise::Variances(variances.clone()));
    let reference = fit(&reference, &x, &y);
    let low = LowRank::starting_at(w.view(), &kappa.to_vec());
    let low = held(kernel(), low, Noise::Variances(variances.clone()));
    assert_same(&fit(&low, &x, &y), &reference, 1e-10);
    let rows = w.rows().into_iter().map(|r| r.to_vec()).collect();
    let spec = LowRank::plus_noise(2)
        .spec()
        .clone()
        .with("W", coregion::spec::Value::Matrix(rows))
        .with("noise_multiple", coregion::spec::Value::Number(2.5));
    let multiple =
        held(kernel(), Task::from_spec(spec).unwrap(), Noise::Variances(variances.clone()));
    assert_same(&fit(&multiple, &x, &y), &reference, 1e-10);
    // Independent noises as variances and as a matrix.
    let matrix = Noise::Covariance(Table::from_diag(&Array1::from(variances)));
    let matrix = held(kernel(), Fixed::at(plus.view()), matrix);
    assert_same(&fit(&matrix, &x, &y), &reference, 1e-10);
}

#[test]
fn kernels_in_other_words() {
    let (x, y) = tables(17, 3);
    let b = definite(3, 7);
    let of = |kernel: Kernel, scale: f64| {
        fit(&held(kernel, Fixed::at((&b * scale).view()), Noise::Variances(vec![0.1; 3])), &x, &y)
    };
    let (l, m) = (0.8, 1.7);
    let same = |a: (Kernel, f64), c: (Kernel, f64)| {
        let (a, c) = (of(a.0, a.1), of(c.0, c.1));
        // B differs by the scale that the kernel took: the rest of the answers is compared.
        assert_near(a.log_marginal_likelihood(), c.log_marginal_likelihood(), 1e-11);
        let xs = normal(5, 2, 8);
        let joint = |gp: &FittedMultiTaskGp| gp.predict_covariance(xs.view(), true).unwrap();
        assert_close(&joint(&a), &joint(&c), 1e-11);
        let mean = |gp: &FittedMultiTaskGp| gp.predict(xs.view(), Uncertainty::None).unwrap().mean;
        assert_close(&mean(&a), &mean(&c), 1e-11);
    };
    let product = Rbf::isotropic(l).on([0]) * Rbf::isotropic(m).on([1]);
    same((Rbf::new([l, m]), 1.0), (product, 1.0));
    same((Rbf::new([l, m]), 1.0), (Rbf::new([m, l]).on([1, 0]), 1.0));
    same((Matern52::isotropic(l), 1.0), (Matern52::new([l, l]), 1.0));
    same((2.0 * Matern52::isotropic(l), 1.0), (Matern52::isotropic(l), 2.0));
    let sum = 0.6 * Rbf::isotropic(l) + 0.4 * Rbf::isotropic(l);
    same((sum, 1.0), (Rbf::isotropic(l), 1.0));
    let distributed = Linear::new(l) * Rbf::isotropic(m) + 0.3 * Rbf::isotropic(m);
    same(((Linear::new(l) + 0.3 * Constant::unit()) * Rbf::isotropic(m), 1.0), (distributed, 1.0));
    same((Linear::new(l), 1.0), (Polynomial::new(1, l), 1.0));
    same((Linear::new(l) * Linear::new(l), 1.0), (Polynomial::new(2, l), 1.0));
    let cosine = |p: f64| Cosine::new(p).on([0]);
    let mixture = SpectralMixture::new(vec![1.0], vec![vec![1.0 / l]], vec![vec![1e-12]]).on([0]);
    same((cosine(l), 1.0), (mixture, 1.0));
    same((RationalQuadratic::new(l, 1e13), 1.0), (Rbf::isotropic(l), 1.0));
}

#[test]
fn permuted_tasks_and_rows() {
    let (x, y) = tables(17, 4);
    let (b, sigma) = (definite(4, 9), definite(4, 10) * 0.2);
    let order = [2, 0, 3, 1];
    let both = |m: &Table| m.select(Axis(0), &order).select(Axis(1), &order);
    let kernel = || Rbf::new([0.7, 1.5]);
    let a = held(kernel(), Fixed::at(b.view()), Noise::Covariance(sigma.clone()));
    let a = fit(&a, &x, &y);
    let permuted = held(kernel(), Fixed::at(both(&b).view()), Noise::Covariance(both(&sigma)));
    let permuted = fit(&permuted, &x, &y.select(Axis(1), &order));
    assert_near(permuted.log_marginal_likelihood(), a.log_marginal_likelihood(), 1e-11);
    let xs = normal(5, 2, 11);
    let p = a.predict(xs.view(), Uncertainty::Std).unwrap();
    let q = permuted.predict(xs.view(), Uncertainty::Std).unwrap();
    assert_close(&q.mean, &p.mean.select(Axis(1), &order), 1e-10);
    assert_close(&q.std().unwrap(), &p.std().unwrap().select(Axis(1), &order), 1e-10);
    let joint = a.predict_covariance(xs.view(), true).unwrap();
    let joint = joint.select(Axis(1), &order).select(Axis(3), &order);
    assert_close(&permuted.predict_covariance(xs.view(), true).unwrap(), &joint, 1e-10);
    // Rows in another order.
    let rows: Vec<usize> = (0..17).map(|i| (5 * i + 3) % 17).collect();
    let model = held(kernel(), Fixed::at(b.view()), Noise::Covariance(sigma));
    let shuffled = fit(&model, &x.select(Axis(0), &rows), &y.select(Axis(0), &rows));
    assert_same(&shuffled, &a, 1e-9);
}

#[test]
fn a_fit_of_permuted_tasks_is_the_permuted_fit() {
    let (x, y) = tables(40, 3);
    let order = [2, 0, 1];
    for (task, noise) in [(FreeForm::new(), Noise::Full), (LowRank::new(1), Noise::PerTask)] {
        let model = MultiTaskGp::new(Matern52::ard()).task(task).noise(noise);
        let model = model.gradient_tolerance(1e-8);
        let a = fit(&model, &x, &y);
        let b = fit(&model, &x, &y.select(Axis(1), &order));
        let density = |gp: &FittedMultiTaskGp| gp.report().restarts[0].log_posterior;
        assert_near(density(&b), density(&a), 1e-9);
        let moved = a.task_covariance().select(Axis(0), &order).select(Axis(1), &order);
        assert_close(&b.task_covariance(), &moved, 1e-4);
    }
}

#[test]
fn one_task_is_the_textbook() {
    // Rasmussen & Williams 2006, algorithm 2.1, without any Kronecker product.
    let (x, y) = tables(15, 1);
    let xs = normal(4, 2, 12);
    let (variance, noise, offset) = (1.7, 0.2, 0.3);
    let kernel = Matern52::new([0.9, 1.3]);
    let task = Diagonal::starting_at([variance]);
    let model = held(kernel.clone(), task, Noise::Variances(vec![noise]));
    let gp = fit(&model.mean(Mean::Given(vec![offset])), &x, &y);
    let (bound, theta) = bind(&kernel, x.view());
    let block = |a: &Table, b: &Table| {
        let mut k = Table::zeros((a.nrows(), b.nrows()));
        bound.block(&theta, a.view(), b.view(), k.view_mut());
        k * variance
    };
    let c = block(&x, &x) + Table::eye(15) * noise;
    let residual = &y - offset;
    assert_near(gp.log_marginal_likelihood(), dense::log_density(&c, residual.view()), 1e-11);
    let l = dense::cholesky(&c);
    let cross = block(&xs, &x);
    let p = gp.predict(xs.view(), Uncertainty::Std).unwrap();
    assert_close(&p.mean, &(cross.dot(&dense::solve(&l, &residual)) + offset), 1e-11);
    let covariance = block(&xs, &xs) - cross.dot(&dense::solve(&l, &cross.t().to_owned()));
    let found = gp.predict_covariance(xs.view(), false).unwrap();
    assert_close(&found.slice(s![.., 0, .., 0]), &covariance, 1e-11);
    let variances = covariance.diag().to_owned().insert_axis(Axis(1));
    assert_close(&p.std().unwrap().mapv(|v| v * v), &variances, 1e-11);
}

#[test]
fn the_posterior_mean_is_vector_valued_ridge_regression() {
    let (x, y) = tables(13, 3);
    let xs = normal(4, 2, 13);
    let (b, alpha) = (definite(3, 14), 0.3);
    let kernel = Rbf::new([0.8, 1.2]);
    let model = held(kernel.clone(), Fixed::at(b.view()), Noise::Variances(vec![alpha; 3]));
    let gp = fit(&model.mean(Mean::Zero), &x, &y);
    let (bound, theta) = bind(&kernel, x.view());
    let mut k = Table::zeros((17, 13));
    let all = concatenate![Axis(0), x, xs];
    bound.block(&theta, all.view(), x.view(), k.view_mut());
    // (K (x) B + alpha I) vec(A) = vec(Y), and the prediction is K* A B.
    let mut system = dense::covariance(k.slice(s![..13, ..]), b.view(), None);
    system.diag_mut().mapv_inplace(|v| v + alpha);
    let flat = Array1::from_iter(y.iter().copied()).insert_axis(Axis(1));
    let dual = dense::solve(&dense::cholesky(&system), &flat);
    let dual = dual.to_shape((13, 3)).unwrap().to_owned();
    assert_close(&gp.posterior().factor().dual(), &dual, 1e-11);
    let expected = k.slice(s![13.., ..]).dot(&dual).dot(&b);
    assert_close(&gp.predict(xs.view(), Uncertainty::None).unwrap().mean, &expected, 1e-11);
    // Its fit at the training rows is what is left after alpha times the dual coefficients.
    let fitted = gp.predict(x.view(), Uncertainty::None).unwrap().mean;
    assert_close(&fitted, &(&y - &(&dual * alpha)), 1e-10);
}

#[test]
fn settings_that_say_the_same() {
    let (x, y) = tables(14, 3);
    let means = y.mean_axis(Axis(0)).unwrap();
    let model = MultiTaskGp::new(Matern32::ard()).max_iterations(4).mean(Mean::Training);
    let a = fit(&model, &x, &y);
    let given = model.clone().mean(Mean::Given(means.to_vec()));
    assert_same(&fit(&given, &x, &y), &a, 1e-7);
    let centred = model.clone().mean(Mean::Zero);
    let b = fit(&centred, &x, &(&y - &means));
    assert_near(b.log_marginal_likelihood(), a.log_marginal_likelihood(), 1e-9);
    // The default is what it is said to be.
    let spelled = model
        .clone()
        .task(LowRank::new(2))
        .noise(Noise::PerTask)
        .mean(Mean::Constant)
        .normalize_x(true)
        .normalize_y(true)
        .optimizer(Optimizer::Alternating)
        .solver(Solver::Kronecker)
        .seed(99);
    let default = MultiTaskGp::new(Matern32::ard()).max_iterations(4);
    assert_eq!(fit(&spelled, &x, &y).parameters(), fit(&default, &x, &y).parameters());
    // Rows together and one at a time; nothing measured is no condition.
    let xs = normal(6, 2, 15);
    let p = a.predict(xs.view(), Uncertainty::Std).unwrap();
    for i in 0..6 {
        let q = a.predict(xs.slice(s![i..i + 1, ..]), Uncertainty::Std).unwrap();
        assert_close(&q.mean.row(0), &p.mean.row(i), 1e-13);
        assert_close(&q.std().unwrap().row(0), &p.std().unwrap().row(i), 1e-12);
    }
    let nothing = Table::from_elem((6, 3), f64::NAN);
    assert_eq!(a.predict_given(xs.view(), nothing.view(), Uncertainty::Std).unwrap(), p);
}
