//! Standard errors of task correlations against the dense Fisher information, by differences.

use coregion::gp::{
    Mean, Model, Scaling, correlation_standard_errors, identifiability, observed_standard_errors,
};
use coregion::gram;
use coregion::matrix_kernel::Separable;
use coregion::prelude::*;
use ndarray::{Array1, Array2, Axis};

use crate::common::{assert_close, dense, normal, smooth_outputs};

fn model(task: Task, noise: &Noise) -> (Model, Vec<f64>) {
    let x = normal(12, 2, 31);
    let y = smooth_outputs(x.view(), 3, 0.3, 32);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let term = Separable { kernel: Matern52::new([0.9, 1.3]), task };
    let model = Model::new(&data, &term, noise, &Mean::Training, Scaling::default()).unwrap();
    let (natural, _) = model.start(&model.layout().initial()).unwrap();
    (model, natural)
}

/// The covariance of all observations, and the task correlations, at free values.
fn at(model: &Model, natural: &[f64], free: &[f64]) -> (Array2<f64>, Array2<f64>) {
    let mut natural = natural.to_vec();
    model.layout().unpack_into(free, &mut natural);
    let noise = model.noise_matrix(&natural);
    let b = model.task_matrix(&natural).to_dense(&noise);
    let k = gram::gram(model.kernel(), model.theta(&natural), model.x());
    let c = dense::covariance(k.view(), b.view(), Some(noise.to_dense().view()));
    let rho = Array2::from_shape_fn(b.dim(), |(t, s)| b[[t, s]] / (b[[t, t]] * b[[s, s]]).sqrt());
    (c, rho)
}

#[test]
fn standard_errors_equal_the_dense_delta_method() {
    let cases = [
        (FreeForm::new(), Noise::PerTask),
        (FreeForm::new(), Noise::Full),
        (LowRank::new(1), Noise::Shared),
        (LowRank::plus_noise(1), Noise::PerTask),
    ];
    for (task, noise) in cases {
        let (model, natural) = model(task, &noise);
        let free = model.layout().pack(&natural);
        let offset = model.kernel_block().unwrap();
        let p = free.len() - offset;
        let h = 1e-5;
        let (mut dc, mut drho) = (Vec::new(), Vec::new());
        for i in 0..p {
            let moved = |e: f64| {
                let mut u = free.clone();
                u[offset + i] += e;
                at(&model, &natural, &u)
            };
            let ((c1, r1), (c0, r0)) = (moved(h), moved(-h));
            dc.push((c1 - c0) / (2.0 * h));
            drho.push((r1 - r0) / (2.0 * h));
        }
        let l = dense::cholesky(&at(&model, &natural, &free).0);
        let whitened: Vec<Array2<f64>> = dc.iter().map(|d| dense::solve(&l, d)).collect();
        let information =
            Array2::from_shape_fn((p, p), |(i, j)| 0.5 * (&whitened[i] * &whitened[j].t()).sum());
        let inverse = dense::solve(&dense::cholesky(&information), &Array2::eye(p));
        let expected = Array2::from_shape_fn((3, 3), |(t, s)| {
            let g: Array1<f64> = drho.iter().map(|d| d[[t, s]]).collect();
            let column = g.clone().insert_axis(Axis(1));
            g.dot(&inverse.dot(&column).column(0)).max(0.0).sqrt()
        });
        let factor = model.factor(&model.spectral(&natural).unwrap(), &natural).unwrap();
        let mut found = correlation_standard_errors(&model, factor.kronecker(), &natural).unwrap();
        found.diag_mut().assign(&expected.diag());
        assert_close(&found, &expected, 1e-5);
        assert!(expected[[0, 1]] > 1e-3);
    }
}

#[test]
fn a_rotation_of_the_factor_changes_no_standard_error() {
    // Rank 2 has a direction without information; the correlations are identified all the same.
    let (model, natural) = model(LowRank::new(2), &Noise::PerTask);
    let factor = model.factor(&model.spectral(&natural).unwrap(), &natural).unwrap();
    let errors = correlation_standard_errors(&model, factor.kronecker(), &natural).unwrap();
    assert!(errors.iter().all(|v| v.is_finite() && *v < 10.0), "{errors}");
    assert!(errors[[0, 1]] > 0.0);
}

#[test]
fn identifiability_vanishes_for_a_diagonal_gram_matrix() {
    let x = Array2::from_shape_fn((10, 1), |(i, _)| i as f64);
    let y = smooth_outputs(x.view(), 2, 0.3, 33);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let share = |lengthscale: f64| {
        let term = Separable { kernel: Rbf::new([lengthscale]), task: FreeForm::new() };
        let noise = Noise::PerTask;
        let model = Model::new(&data, &term, &noise, &Mean::Training, Scaling::default()).unwrap();
        let natural = model.layout().initial();
        let factor = model.factor(&model.spectral(&natural).unwrap(), &natural).unwrap();
        identifiability(factor.kronecker()).unwrap()
    };
    assert!(share(1e-3) < 1e-12);
    assert!(share(2.0) > 0.3, "{}", share(2.0));
}

/// What the data hold and what they are expected to hold agree where there are many of them, and gaps
/// take some of it.
#[test]
fn observed_information_is_the_expected_one_for_many_rows() {
    let (n, t) = (400, 3);
    let x = Array2::from_shape_fn((n, 1), |(i, _)| 0.1 * i as f64);
    let y = smooth_outputs(x.view(), t, 0.5, 34) + normal(n, t, 35) * 0.3;
    let complete = Dataset::new(x.view(), y.view()).unwrap();
    let mut masked = y.clone();
    masked.slice_mut(ndarray::s![..;3, 0]).fill(f64::NAN);
    let masked = Dataset::new(x.view(), masked.view()).unwrap();
    let settings = MultiTaskGp::new(Matern52::ard()).task(FreeForm::new());
    let gp = settings.fit(&complete).unwrap();
    let expected = gp.task_correlation_std_error().unwrap();
    let (model, natural) = (gp.posterior().model(), gp.posterior().natural());
    let observed = observed_standard_errors(model, natural).unwrap().unwrap();
    let with_gaps = settings.fit(&masked).unwrap();
    let with_gaps = with_gaps.task_correlation_std_error().unwrap();
    for (i, j) in [(1, 0), (2, 0), (2, 1)] {
        let (e, o, g) = (expected[[i, j]], observed[[i, j]], with_gaps[[i, j]]);
        assert!((0.75..1.33).contains(&(o / e)), "{i} {j}: {o} observed, {e} expected");
        assert!((0.75..2.0).contains(&(g / e)), "{i} {j}: {g} with gaps, {e} without");
    }
}
