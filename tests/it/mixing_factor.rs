//! Mixed latent functions against the dense covariance `sum_q K_q (x) h_q h_q' + I (x) Sigma`.

use std::sync::Arc;

use coregion::matrix_kernel::{BoundMixing, Mixing, MixingScales, mixings};
use coregion::op::{KroneckerTerm, MaskedKronecker, MixedAdjoint, Pattern};
use coregion::solve::{DenseFactor, Factor, LeaveOut, MixedFactor, TaskMeans};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array};

use crate::common::{assert_close, assert_near, dense, normal};

const N: usize = 9;
const T: usize = 4;

struct Case {
    bound: Box<dyn BoundMixing>,
    values: Vec<f64>,
    noise: Array1<f64>,
    x: Array1<f64>,
    y: Array2<f64>,
    lengthscales: Vec<f64>,
}

fn kernel(a: ArrayView1<f64>, b: ArrayView1<f64>, lengthscale: f64) -> Array2<f64> {
    Array2::from_shape_fn((a.len(), b.len()), |(i, j)| {
        (-0.5 * ((a[i] - b[j]) / lengthscale).powi(2)).exp()
    })
}

impl Case {
    fn new(mixing: &Mixing, gaps: &[(usize, usize)]) -> Self {
        let m = mixing.n_latents().unwrap();
        let noise = array![0.3, 0.1, 0.5, 0.05];
        let std = array![1.0, 2.0, 0.5, 1.5];
        let bound = mixing.bind(&MixingScales { std, amplitudes: Array1::ones(m) }).unwrap();
        let random = normal(1, 100, 3).row(0).to_owned();
        let mut random = random.iter();
        let mut values = Vec::new();
        for p in bound.params() {
            for _ in 0..p.init.len() {
                let z = random.next().unwrap();
                values.push(if p.name == "basis" { *z } else { (0.3 * z).exp() });
            }
        }
        let x = Array1::from_shape_fn(N, |i| 0.4 * i as f64 + 0.1 * (i as f64).sin());
        let mut y = normal(N, T, 5);
        gaps.iter().for_each(|&e| y[e] = f64::NAN);
        Case { bound, values, noise, x, y, lengthscales: vec![0.7, 1.3, 0.4, 2.0] }
    }

    fn gram(&self, q: usize) -> Array2<f64> {
        kernel(self.x.view(), self.x.view(), self.lengthscales[q])
    }

    fn m(&self) -> usize {
        self.bound.tasks(&self.values, self.noise.view()).unwrap().n_latents()
    }

    fn pattern(&self) -> Arc<Pattern> {
        Pattern::of(self.y.view()).into()
    }

    fn factor(&self, values: &[f64], noise: ArrayView1<f64>, y: ArrayView2<f64>) -> MixedFactor {
        let tasks = self.bound.tasks(values, noise).unwrap();
        MixedFactor::new(|q| self.gram(q), tasks, y, self.pattern(), "a test").unwrap()
    }

    fn own(&self) -> MixedFactor {
        self.factor(&self.values, self.noise.view(), self.y.view())
    }

    /// The same model for a solver that knows nothing of the mixing.
    fn dense(&self) -> DenseFactor {
        let tasks = self.bound.tasks(&self.values, self.noise.view()).unwrap();
        let noise = self.bound.noise(&self.values, self.noise.view()).unwrap();
        let term = |q| KroneckerTerm { gram: self.gram(q).into(), task: tasks.task(q) };
        let terms = (0..self.m()).map(term).collect();
        let covariance = MaskedKronecker::sum(terms, noise, None, self.pattern());
        DenseFactor::new(covariance, self.y.view(), "a test").unwrap()
    }

    /// Gradients with respect to the values and R, from an adjoint.
    fn pulled(&self, adjoint: &MixedAdjoint) -> (Array1<f64>, Array1<f64>) {
        let (mut grad, mut of_noise) = (vec![0.0; self.values.len()], Array1::zeros(T));
        let noise = self.noise.view();
        self.bound.vjp(&self.values, noise, adjoint, &mut grad, &mut of_noise).unwrap();
        (grad.into(), of_noise)
    }
}

/// Every mixing, for one latent function to as many as there are tasks, without gaps and with some, two
/// of them in one row and a row with one observation among them.
fn cases() -> Vec<(String, Case)> {
    let gaps = [(0, 1), (2, 0), (2, 3), (5, 1), (7, 0), (7, 1), (7, 3), (8, 2)];
    let mut out = Vec::new();
    for entry in mixings() {
        for m in [1, 2, 3, T] {
            for mixing in (entry.examples)(m) {
                for gaps in [&[][..], &gaps[..1], &gaps[..]] {
                    let what = format!("{mixing}, {} gaps", gaps.len());
                    out.push((what, Case::new(&mixing, gaps)));
                }
            }
        }
    }
    out
}

#[test]
fn likelihood_and_duals_are_those_of_the_dense_model() {
    for (what, case) in cases() {
        println!("{what}");
        let (own, dense) = (case.own(), case.dense());
        assert_near(own.log_likelihood(), dense.log_likelihood(), 1e-10);
        assert_near(own.log_det().value, dense.log_det().value, 1e-9);
        assert_close(&own.dual(), &dense.dual(), 1e-9);
        let weights: Vec<Array2<f64>> = dense.weights();
        for (a, b) in own.weights().iter().zip(&weights) {
            assert_close(a, b, 1e-8);
        }
        let rhs = normal(N, T, 8);
        assert_close(&own.solve(rhs.view()).unwrap(), &dense.solve(rhs.view()).unwrap(), 1e-8);
        let missing = case.pattern();
        let found = own.missing_variances(missing.missing()).unwrap();
        let expected = dense.missing_variances(missing.missing()).unwrap();
        assert_close(&found, &expected, 1e-8);
    }
}

#[test]
fn adjoints_are_those_of_the_dense_model() {
    for (what, case) in cases() {
        println!("{what}");
        let (own, dense) = (case.own(), case.dense());
        let (adjoint, kernels) = own.adjoints_with(|_, g| g.band(0..N, N));
        let expected = dense.adjoints(true).unwrap();
        for (found, expected) in kernels.iter().zip(&expected.kernels) {
            assert_close(found, &expected.band(0..N, N), 1e-8);
        }
        let tasks: Vec<Array2<f64>> = expected.tasks.iter().map(|g| g.to_dense()).collect();
        let sigma = expected.noise.to_dense();
        let pulled = case.bound.pull(&case.values, case.noise.view(), &tasks, &sigma).unwrap();
        let ((values, noise), (of_values, of_noise)) =
            (case.pulled(&adjoint), case.pulled(&pulled));
        assert_close(&values, &of_values, 1e-8);
        // Where there are as many latent functions as tasks the likelihood of a projected mixing does
        // not depend on R.
        let size = of_values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        assert!((noise - of_noise).iter().all(|v| v.abs() < 1e-8 * size.max(1.0)), "{what}");
    }
}

#[test]
fn gradients_are_central_differences() {
    let h = 1e-5;
    for (what, case) in cases() {
        let (values, noise) = case.pulled(&case.own().adjoints_with(|_, _| ()).0);
        let scale = values.iter().chain(&noise).fold(1.0f64, |m, v| m.max(v.abs()));
        let check = |found: f64, up: f64, down: f64, name: &str| {
            let expected = (up - down) / (2.0 * h);
            assert!((found - expected).abs() < 1e-6 * scale, "{what} {name}: {found} {expected}");
        };
        for p in 0..values.len() {
            let at = |step: f64| {
                let mut moved = case.values.clone();
                moved[p] += step;
                case.factor(&moved, case.noise.view(), case.y.view()).log_likelihood()
            };
            check(values[p], at(h), at(-h), "value");
        }
        for t in 0..T {
            let at = |step: f64| {
                let mut moved = case.noise.clone();
                moved[t] += step;
                case.factor(&case.values, moved.view(), case.y.view()).log_likelihood()
            };
            check(noise[t], at(h), at(-h), "noise");
        }
    }
}

#[test]
fn posterior_covariances_are_those_of_the_dense_model() {
    let xs = array![0.15, 1.0, 2.2, 6.0];
    for (what, case) in cases() {
        println!("{what}");
        let (own, dense) = (case.own(), case.dense());
        let m = case.m();
        let own_kernel = |a: &Array1<f64>, b: &Array1<f64>| -> Vec<Array2<f64>> {
            (0..m).map(|q| kernel(a.view(), b.view(), case.lengthscales[q])).collect()
        };
        let (cross, prior) = (own_kernel(&xs, &case.x), own_kernel(&xs, &xs));
        let cross: Vec<ArrayView2<f64>> = cross.iter().map(|k| k.view()).collect();
        let ones = Array1::ones(xs.len());
        let diagonal = vec![ones.view(); m];
        let (a, b) = (own.at(&cross, &diagonal).unwrap(), dense.at(&cross, &diagonal).unwrap());
        assert_close(&a.variances().0, &b.variances().0, 1e-8);
        for i in 0..xs.len() {
            assert_close(&a.block(i, &[0, 2], &[3, 1, 0]), &b.block(i, &[0, 2], &[3, 1, 0]), 1e-8);
        }
        let joint = own.joint(&cross, prior.clone()).unwrap();
        assert_close(&joint, &dense.joint(&cross, prior).unwrap(), 1e-8);
    }
}

#[test]
fn rows_and_entries_are_left_out_as_by_refitting() {
    for (what, case) in cases().into_iter().filter(|(_, c)| c.pattern().is_complete()) {
        println!("{what}");
        let (own, reference) = (case.own(), case.dense());
        for means in [TaskMeans::Held, TaskMeans::Free] {
            for by in [LeaveOut::Row, LeaveOut::Entry] {
                let found = own.leave_out(&by, means).unwrap();
                let expected = reference.leave_out(&by, means).unwrap();
                assert_close(&found.residual, &expected.residual, 1e-8);
                assert_close(&found.std, &expected.std, 1e-8);
                assert_close(&found.log_density, &expected.log_density, 1e-8);
            }
            let found = own.leave_out_row_covariances(means).unwrap();
            assert_close(&found, &reference.leave_out_row_covariances(means).unwrap(), 1e-8);
        }
    }
}

#[test]
fn coefficients_of_means_are_those_of_the_dense_model() {
    let columns = |x: &Array1<f64>| {
        Array2::from_shape_fn((x.len(), 3), |(i, q)| [1.0, 5.0 + x[i], (2.0 * x[i]).sin()][q])
    };
    for (what, case) in cases() {
        println!("{what}");
        let (own, dense, f) = (case.own(), case.dense(), columns(&case.x));
        let a = own.fixed_effects(f.view(), &case.pattern()).unwrap();
        let b = dense.fixed_effects(f.view(), &case.pattern()).unwrap();
        assert_close(a.coefficients(), b.coefficients(), 1e-8);
        assert_near(a.half_log_det(), b.half_log_det(), 1e-9);
        // Columns that depend on each other are refused.
        let twice = ndarray::concatenate![Axis(1), f, f];
        let error = own.fixed_effects(twice.view(), &case.pattern());
        assert!(matches!(error, Err(coregion::Error::NotPositive { .. })), "{what}");
    }
}

#[test]
fn the_noise_of_an_orthogonal_mixing_is_the_diagonal_one() {
    let case = Case::new(&Mixing::orthogonal(2), &[]);
    let tasks = case.bound.tasks(&case.values, case.noise.view()).unwrap();
    let sigma = case.bound.noise(&case.values, case.noise.view()).unwrap().to_dense();
    assert_close(&tasks.noise().to_dense(), &sigma, 1e-13);
    let whole = dense::covariance(case.gram(0).view(), sigma.view(), None);
    assert_eq!(whole.nrows(), N * T);
}

#[test]
fn the_same_model_has_one_canonical_form() {
    for entry in mixings() {
        let case = Case::new(&(entry.examples)(2)[0], &[]);
        let canonical = case.bound.canonical(&case.values, &[0, 1]).unwrap();
        let again = case.factor(&canonical, case.noise.view(), case.y.view());
        assert_near(again.log_likelihood(), case.own().log_likelihood(), 1e-12);
        let twice = case.bound.canonical(&canonical, &[0, 1]).unwrap();
        assert_close(&Array1::from(twice), &Array1::from(canonical.clone()), 1e-12);
        let swapped = case.bound.canonical(&canonical, &[1, 0]).unwrap();
        let of = |values: &[f64]| case.bound.tasks(values, case.noise.view()).unwrap().mixing();
        assert_close(&of(&swapped).select(Axis(1), &[1, 0]), &of(&canonical), 1e-12);
    }
}

#[test]
fn dependent_columns_are_refused() {
    let scales = MixingScales { std: array![1.0, 2.0, 1.0], amplitudes: array![1.0, 1.0] };
    let noise = array![0.1, 0.1, 0.1];
    for mixing in [Mixing::orthogonal(2), Mixing::projected(2)] {
        let bound = mixing.bind(&scales).unwrap();
        let error = bound.tasks(&[1.0, 2.0, 2.0, 4.0, 3.0, 6.0, 1.0, 1.0], noise.view());
        assert!(matches!(error, Err(coregion::Error::NotPositive { .. })));
    }
}
