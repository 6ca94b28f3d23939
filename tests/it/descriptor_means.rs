//! Means that are estimated, of tasks that were not seen: against the covariance of all observations.

use coregion::gp::{Model, Posterior, Scaling};
use coregion::matrix_kernel::Separable;
use coregion::prelude::*;
use ndarray::{Array1, Array2, Axis, array};

use crate::common::{assert_close, dense, normal};
use crate::descriptors::{covariances, factored, layouts, places};

/// Part of the variance of a task that is its own, in the kriging of coefficients.
const OWN: f64 = 1e-6;

/// Universal kriging of new tasks, the slow and obvious way.
struct Kriged<'a> {
    p: &'a Posterior,
    /// Lower Cholesky factor of the covariance of what was observed.
    lower: Array2<f64>,
    observed: Vec<usize>,
    /// `F (x) I` at what was observed (N, p T), and its coefficients (p, T).
    h: Array2<f64>,
    coefficients: Array2<f64>,
    residuals: Array2<f64>,
    /// Covariances (T, S) and variances of the new tasks.
    cross: Array2<f64>,
    own: Array1<f64>,
}

/// A level, and a slope for each column of x where there are more columns.
fn columns(x: &Array2<f64>, p: usize) -> Array2<f64> {
    Array2::from_shape_fn((x.nrows(), p), |(i, q)| if q == 0 { 1.0 } else { x[[i, q - 1]] })
}

/// Rows `i S + s` of `F (x) w`, for weights (T, S): column `q T + t`.
fn fixed(f: &Array2<f64>, weights: &Array2<f64>) -> Array2<f64> {
    let (t, s) = weights.dim();
    Array2::from_shape_fn((f.nrows() * s, f.ncols() * t), |(row, column)| {
        f[[row / s, column / t]] * weights[[column % t, row % s]]
    })
}

fn inverse(a: &Array2<f64>) -> Array2<f64> {
    dense::solve(&dense::cholesky(a), &Array2::eye(a.nrows()))
}

impl<'a> Kriged<'a> {
    fn new(p: &'a Posterior, zs: &Array2<f64>, count: usize) -> Self {
        let (model, natural) = (p.model(), p.natural());
        let [term] = model.terms() else { panic!("one term") };
        let t = model.n_tasks();
        let b = &model.task_covariances(natural)[0];
        let sigma = model.noise_matrix(natural).to_dense();
        let k = term.gram(natural, model.x());
        let whole = dense::covariance(k.view(), b.view(), Some(sigma.view()));
        let flat: Vec<f64> = model.y().iter().copied().collect();
        let observed: Vec<usize> = (0..flat.len()).filter(|&i| !flat[i].is_nan()).collect();
        let lower = dense::cholesky(&whole.select(Axis(0), &observed).select(Axis(1), &observed));
        let y: Array1<f64> = observed.iter().map(|&i| flat[i]).collect();
        let y = y.insert_axis(Axis(1));
        let f = columns(&model.x().to_owned(), count);
        let h = fixed(&f, &Array2::eye(t)).select(Axis(0), &observed);
        let solved = dense::solve(&lower, &h);
        let beta = inverse(&h.t().dot(&solved)).dot(&solved.t().dot(&y));
        let residuals = &y - &h.dot(&beta);
        let coefficients = beta.to_shape((count, t)).unwrap().to_owned();
        let unseen = term.task().unseen(term.phi(natural), zs.view()).unwrap().unwrap();
        assert!(unseen.equal.iter().all(|tasks| tasks.is_empty()));
        let (cross, own) = (unseen.cross, unseen.variances);
        Kriged { p, lower, observed, h, coefficients, residuals, cross, own }
    }

    /// Weights (T, S) of ordinary kriging, its variances (S), and the covariance of the coefficients.
    fn kriging(&self) -> (Array2<f64>, Array1<f64>, Array2<f64>) {
        let b = &self.p.model().task_covariances(self.p.natural())[0];
        let t = b.nrows();
        let size = b.diag().sum() / t as f64;
        let r = b / size + Array2::<f64>::eye(t) * OWN;
        let (inverse, cross) = (inverse(&r), &self.cross / size);
        let ones = Array2::<f64>::ones((t, 1));
        let along = inverse.dot(&ones);
        let total = along.sum();
        let multiplier = (1.0 - ones.t().dot(&inverse.dot(&cross))) / total;
        let weights = inverse.dot(&(&cross + &ones.dot(&multiplier)));
        let variances = &self.own / size + OWN - (&weights * &cross).sum_axis(Axis(0)) * 2.0
            + (&weights * &r.dot(&weights)).sum_axis(Axis(0));
        let errors = &self.own / size + OWN - (&cross * &inverse.dot(&cross)).sum_axis(Axis(0))
            + (&multiplier * &multiplier).sum_axis(Axis(0)) * total;
        // Two ways to the variance of the error.
        assert_close(&variances, &errors, 1e-6);
        let constants = self.coefficients.dot(&along) / total;
        let around = &self.coefficients - &constants;
        (weights, errors, around.dot(&inverse).dot(&around.t()) / (t - 1) as f64)
    }

    /// Means and variances (m, S) of the functions at xs.
    fn predict(&self, xs: &Array2<f64>) -> (Array2<f64>, Array2<f64>) {
        let (model, natural) = (self.p.model(), self.p.natural());
        let term = &model.terms()[0];
        let (weights, errors, spread) = self.kriging();
        let k = term.cross(natural, xs.view(), model.x());
        let (t, s) = self.cross.dim();
        let c = Array2::from_shape_fn((k.nrows() * s, k.ncols() * t), |(p, q)| {
            k[[p / s, q / t]] * self.cross[[q % t, p % s]]
        });
        let c = c.select(Axis(1), &self.observed);
        let f = columns(xs, self.coefficients.nrows());
        let m = xs.nrows();
        let table = |flat: Array1<f64>| flat.to_shape((m, s)).unwrap().to_owned();
        let known = c.dot(&dense::solve(&self.lower, &self.residuals)).remove_axis(Axis(1));
        let mean = table(known) + f.dot(&self.coefficients).dot(&weights);
        let solved = dense::solve(&self.lower, &c.t().to_owned());
        let explained = table((&c * &solved.t()).sum_axis(Axis(1)));
        let prior = term.diagonal(natural, xs.view()).insert_axis(Axis(1)) * &self.own;
        let shares = fixed(&f, &weights) - solved.t().dot(&self.h);
        let information = self.h.t().dot(&dense::solve(&self.lower, &self.h));
        let of_mean = table((&shares * &shares.dot(&inverse(&information))).sum_axis(Axis(1)));
        let kriged = (f.dot(&spread) * &f).sum_axis(Axis(1)).insert_axis(Axis(1)) * &errors;
        (mean, prior - explained + of_mean + kriged)
    }
}

/// A model at random values of its free parameters.
fn with_mean(
    data: &Dataset,
    task: &Task,
    mean: &Mean,
    restricted: bool,
    solver: Solver,
) -> Posterior {
    let term = Separable { kernel: Matern52::ard() + 0.3 * Linear::new(0.5), task: task.clone() };
    let model = Model::new(data, &term, &Noise::PerTask, mean, Scaling::default()).unwrap();
    factored(model, restricted, solver, 91)
}

#[test]
fn a_training_task_asked_for_again_has_its_estimated_mean_and_its_uncertainty() {
    let xs = normal(6, 2, 76) * 2.0;
    let z = places(4, false);
    let task = DescriptorKernel::new(Matern52::ard(), z.view());
    for (data, solvers) in layouts() {
        for mean in [Mean::Constant, Mean::linear(), Mean::Zero] {
            for &solver in &solvers {
                let p = with_mean(&data, &task, &mean, mean.is_estimated(), solver);
                let again = p.predict_tasks(xs.view(), z.view(), Uncertainty::Std).unwrap();
                let seen = p.predict(xs.view(), Uncertainty::Std).unwrap();
                assert_close(&again.mean, &seen.mean, 1e-9);
                assert_close(&again.std().unwrap(), &seen.std().unwrap(), 1e-8);
            }
        }
    }
}

#[test]
fn estimated_means_of_unseen_tasks_are_kriged_and_all_of_their_uncertainty_is_counted() {
    let (xs, zs) = (normal(5, 2, 74), normal(3, 2, 75) * array![1.0, 30.0] + array![0.0, 100.0]);
    for (data, solvers) in layouts() {
        for task in covariances(4) {
            for (mean, p_columns) in [(Mean::Constant, 1), (Mean::linear(), 3)] {
                let of = |solver| with_mean(&data, &task, &mean, false, solver);
                let dense_one = of(Solver::Dense);
                let reference = Kriged::new(&dense_one, &zs, p_columns);
                let (means, variances) = reference.predict(&xs);
                for &solver in &solvers {
                    let p = of(solver);
                    let found = p.predict_tasks(xs.view(), zs.view(), Uncertainty::Std).unwrap();
                    assert_close(&found.mean, &means, 1e-7);
                    let squares = found.std().unwrap().mapv(|v| v * v);
                    assert_close(&squares, &variances, 1e-7);
                    let none = p.predict_tasks(xs.view(), zs.view(), Uncertainty::None).unwrap();
                    assert_eq!((none.mean, none.std), (found.mean, None));
                }
            }
        }
    }
}

#[test]
fn constant_outputs_are_constant_for_unseen_tasks() {
    let x = normal(11, 2, 72);
    let y = Array2::from_elem((11, 4), 7.0);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let task = DescriptorKernel::new(Matern52::ard(), places(4, false).view());
    let p = with_mean(&data, &task, &Mean::Constant, false, Solver::Auto);
    let zs = array![[0.2, 110.0], [-1.0, 80.0], [9.0, 300.0]];
    let found = p.predict_tasks(x.view(), zs.view(), Uncertainty::Std).unwrap();
    assert_close(&found.mean, &Array2::from_elem((11, 3), 7.0), 1e-9);
    assert!(found.std().unwrap().iter().all(|v| v.is_finite()));
}
