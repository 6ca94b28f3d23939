//! The congruence engine against dense brute force, with n != T and unequal noise.

use std::sync::Arc;

use coregion::gram;
use coregion::op::{NoiseMatrix, TaskMatrix};
use coregion::prelude::*;
use coregion::solve::{Congruence, Factor, KroneckerFactor, Spectrum};
use ndarray::{Array1, Array2, Axis, s};

use crate::common::{assert_close, assert_near, bind, dense, normal, smooth_outputs};

struct Case {
    k: Array2<f64>,
    y: Array2<f64>,
    task: TaskMatrix,
    noise: NoiseMatrix,
}

fn cases() -> Vec<Case> {
    let (n, t) = (11, 4);
    let x = normal(n, 2, 1);
    let (kernel, theta) = bind(&Matern52::new([0.9, 1.4]), x.view());
    let k = gram::gram(&*kernel, &theta, x.view());
    let y = smooth_outputs(x.view(), t, 0.3, 2);
    let g = normal(t, t, 3);
    let full = g.dot(&g.t()) * 0.1 + Array2::<f64>::eye(t) * 0.05;
    let w = normal(t, 2, 4);
    let free = g.t().dot(&g);
    let rank_one = w.slice(s![.., ..1]).dot(&w.slice(s![.., ..1]).t());
    let diagonal = NoiseMatrix::Diagonal(Array1::from(vec![0.01, 0.1, 0.5, 1.0]));
    let plus_noise = TaskMatrix::LowRankPlusNoise { factor: w, multiple: 0.3 };
    let tasks = [TaskMatrix::Dense(free), TaskMatrix::Dense(rank_one), plus_noise];
    let noises = [diagonal, NoiseMatrix::Dense(full)];
    let mut out = Vec::new();
    for task in &tasks {
        for noise in &noises {
            out.push(Case { k: k.clone(), y: y.clone(), task: task.clone(), noise: noise.clone() });
        }
    }
    out
}

fn factor(case: &Case, congruence: Congruence) -> KroneckerFactor {
    let spectrum = Arc::new(Spectrum::of(case.k.clone()).unwrap());
    let rotated = spectrum.vectors.t().dot(&case.y);
    KroneckerFactor::new(spectrum, congruence, rotated.view())
}

fn dense_of(case: &Case) -> Array2<f64> {
    let b = case.task.to_dense(&case.noise);
    dense::covariance(case.k.view(), b.view(), Some(case.noise.to_dense().view()))
}

/// Both ways to make the congruence: all directions, and those of the factor alone.
fn congruences(case: &Case) -> Vec<Congruence> {
    let b = case.task.to_dense(&case.noise);
    let mut out = vec![Congruence::dense(&b, &case.noise).unwrap()];
    if let (TaskMatrix::LowRankPlusNoise { factor, multiple }, NoiseMatrix::Diagonal(_)) =
        (&case.task, &case.noise)
    {
        out.push(Congruence::factored(factor.view(), *multiple, &case.noise).unwrap());
    }
    out
}

#[test]
fn likelihood_solve_and_log_determinant() {
    let mut factored = 0;
    for case in cases() {
        let c = dense_of(&case);
        let l = dense::cholesky(&c);
        for congruence in congruences(&case) {
            factored += usize::from(congruence.n_shifts() == 3);
            let f = factor(&case, congruence);
            assert_near(f.log_likelihood(), dense::log_density(&c, case.y.view()), 1e-10);
            let log_det: f64 = 2.0 * l.diag().iter().map(|v| v.ln()).sum::<f64>();
            assert_near(f.log_det().value, log_det, 1e-10);
            let rhs = normal(11, 4, 9);
            let flat = Array1::from_iter(rhs.iter().copied()).insert_axis(Axis(1));
            let expected = dense::solve(&l, &flat);
            let expected = expected.to_shape((11, 4)).unwrap().to_owned();
            assert_close(&f.solve(rhs.view()).unwrap(), &expected, 1e-9);
            let flat = Array1::from_iter(case.y.iter().copied()).insert_axis(Axis(1));
            let alpha = dense::solve(&l, &flat).to_shape((11, 4)).unwrap().to_owned();
            assert_close(&f.dual(), &alpha, 1e-9);
            let b = case.task.to_dense(&case.noise);
            let u = f.spectrum().vectors.view();
            assert_close(&u.dot(&f.mean_weights()), &alpha.dot(&b), 1e-9);
        }
    }
    assert_eq!(factored, 1);
}

#[test]
fn adjoints_match_differences_of_the_dense_density() {
    for case in cases() {
        let b = case.task.to_dense(&case.noise);
        let sigma = case.noise.to_dense();
        let value = |k: &Array2<f64>, b: &Array2<f64>, s: &Array2<f64>| {
            dense::log_density(
                &dense::covariance(k.view(), b.view(), Some(s.view())),
                case.y.view(),
            )
        };
        // A symmetric direction for each matrix; sum(G o direction) is the derivative.
        let symmetric = |m: Array2<f64>| &m + &m.t();
        let (dk, db) = (symmetric(normal(11, 11, 5)), symmetric(normal(4, 4, 6)));
        let ds = match &case.noise {
            NoiseMatrix::Diagonal(_) => Array2::from_diag(&normal(4, 1, 7).column(0)),
            NoiseMatrix::Dense(_) => symmetric(normal(4, 4, 7)),
        };
        let h = 1e-6;
        let slope = |f: &dyn Fn(f64) -> f64| (f(h) - f(-h)) / (2.0 * h);
        let by_k = slope(&|e| value(&(&case.k + &(&dk * e)), &b, &sigma));
        let by_b = slope(&|e| value(&case.k, &(&b + &(&db * e)), &sigma));
        let by_s = slope(&|e| value(&case.k, &b, &(&sigma + &(&ds * e))));
        for congruence in congruences(&case) {
            let f = factor(&case, congruence);
            let adjoint = f.kernel_adjoint();
            let g = ndarray::concatenate![Axis(0), adjoint.band(0..4, 11), adjoint.band(4..11, 11)];
            assert_near((&g * &dk).sum(), by_k, 1e-6);
            let task = f.task_adjoint();
            let noise = f.noise_adjoint();
            assert_near((&task.to_dense() * &db).sum(), by_b, 1e-6);
            assert_near((&noise.to_dense() * &ds).sum(), by_s, 1e-6);
            let dense_task = task.to_dense();
            assert_close(&task.diagonal(), &dense_task.diag().to_owned(), 1e-10);
            assert_near(task.noise_inner(), (&dense_task * &sigma).sum(), 1e-9);
            let m = normal(4, 3, 8);
            assert_close(&task.times(m.view()), &dense_task.dot(&m), 1e-10);
        }
    }
}

#[test]
fn fisher_blocks_match_the_dense_information() {
    for case in cases() {
        let b = case.task.to_dense(&case.noise);
        let f = factor(&case, Congruence::dense(&b, &case.noise).unwrap());
        let blocks = f.fisher().unwrap();
        let w = f.congruence().dual_vectors();
        let symmetric = |m: Array2<f64>| &m + &m.t();
        let (db, ds) = (symmetric(normal(4, 4, 16)), symmetric(normal(4, 4, 17)));
        let (rb, rs) = (w.t().dot(&db).dot(&w), w.t().dot(&ds).dot(&w));
        let found = 0.5
            * (&blocks.bb * &rb * &rb + 2.0 * &blocks.bs * &rb * &rs + &blocks.ss * &rs * &rs)
                .sum();
        // 1/2 tr(C^-1 dC C^-1 dC) for the change along (db, ds).
        let c = dense_of(&case);
        let l = dense::cholesky(&c);
        let change = dense::covariance(case.k.view(), db.view(), Some(ds.view()));
        let half = dense::solve(&l, &change);
        let expected = 0.5 * (&half * &half.t()).sum();
        assert_near(found, expected, 1e-8);
    }
}

#[test]
fn a_wrong_order_would_be_seen() {
    let case = &cases()[0];
    let b = case.task.to_dense(&case.noise);
    let swapped = dense::covariance(b.view(), case.k.view(), None);
    let right = dense::covariance(case.k.view(), b.view(), None);
    assert_ne!(swapped, right);
    assert_eq!(right[[5, 2]], case.k[[1, 0]] * b[[1, 2]]);
}

#[test]
fn predictions_given_other_tasks_equal_dense_conditioning() {
    let (n, t, m) = (9, 3, 4);
    let (x, xs) = (normal(n, 2, 21), normal(m, 2, 22));
    let y = smooth_outputs(x.view(), t, 0.2, 23);
    let g = normal(t, t, 24);
    let b = g.dot(&g.t());
    let sigma = normal(t, t, 25);
    let sigma = sigma.dot(&sigma.t()) * 0.2 + Array2::<f64>::eye(t) * 0.1;
    let kernel = Rbf::new([0.8, 1.1]);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let gp = MultiTaskGp::new(kernel.clone())
        .task(Fixed::at(b.view()))
        .noise(Noise::Covariance(sigma.clone()))
        .mean(Mean::Given(vec![0.3, -0.2, 0.1]))
        .optimizer(Optimizer::None)
        .fit(&data)
        .unwrap();
    let offsets = ndarray::array![0.3, -0.2, 0.1];
    let mut given = normal(m, t, 26);
    given[[0, 1]] = f64::NAN;
    given[[1, 0]] = f64::NAN;
    given[[1, 2]] = f64::NAN;
    given.row_mut(2).fill(f64::NAN);
    let observed = gp.predict_given(xs.view(), given.view(), Uncertainty::Observation).unwrap();
    let latent = gp.predict_given(xs.view(), given.view(), Uncertainty::Std).unwrap();
    let (bound, theta) = bind(&kernel, x.view());
    let k = gram::gram(&*bound, &theta, x.view());
    let c = dense::covariance(k.view(), b.view(), Some(sigma.view()));
    for i in 0..m {
        let row = xs.slice(s![i..i + 1, ..]);
        let cross = gram::cross(&*bound, &theta, row, x.view());
        let cross = dense::covariance(cross.view(), b.view(), None);
        let (mean, cov) = dense::posterior(&c, &cross, &b, (&y - &offsets).view());
        let mean = &mean.row(0) + &offsets;
        let total = &cov + &sigma;
        let known: Vec<usize> = (0..t).filter(|&a| !given[[i, a]].is_nan()).collect();
        for a in 0..t {
            if known.contains(&a) {
                assert_eq!(observed.mean[[i, a]], given[[i, a]]);
                assert_eq!(observed.std().unwrap()[[i, a]], 0.0);
                continue;
            }
            let oo = total.select(Axis(0), &known).select(Axis(1), &known);
            let l = dense::cholesky(&oo);
            let gap = Array2::from_shape_fn((known.len(), 1), |(p, _)| {
                given[[i, known[p]]] - mean[known[p]]
            });
            let wo = total.select(Axis(0), &[a]).select(Axis(1), &known);
            let expected = mean[a] + wo.dot(&dense::solve(&l, &gap)).sum();
            assert!((observed.mean[[i, a]] - expected).abs() < 1e-10);
            assert!((latent.mean[[i, a]] - expected).abs() < 1e-10);
            let explained = wo.dot(&dense::solve(&l, &wo.t().to_owned())).sum();
            let std = (total[[a, a]] - explained).sqrt();
            assert!((observed.std().unwrap()[[i, a]] - std).abs() < 1e-10);
            let wo = cov.select(Axis(0), &[a]).select(Axis(1), &known);
            let explained = wo.dot(&dense::solve(&l, &wo.t().to_owned())).sum();
            let std = (cov[[a, a]] - explained).sqrt();
            assert!((latent.std().unwrap()[[i, a]] - std).abs() < 1e-10);
        }
    }
}
