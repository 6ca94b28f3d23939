//! Shared by the conformance tests: accurate differences, mixed data, registries as lists, and what
//! every fitted model must satisfy.

use coregion::estimator::Warning;
use coregion::gp::JointObjective;
use coregion::gram;
use coregion::kernel;
use coregion::learn::{Objective, Stop};
use coregion::linalg;
use coregion::param::{Layout, ParamSpec};
use coregion::prelude::*;
use coregion::solve::Congruence;
use coregion::task;
use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::common::normal;

/// Central differences of fourth order: `(8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12 h`.
pub(crate) fn differences(mut f: impl FnMut(&[f64]) -> f64, at: &[f64], step: f64) -> Vec<f64> {
    let mut point = at.to_vec();
    (0..at.len())
        .map(|p| {
            let h = step * at[p].abs().max(0.1);
            let mut moved = |times: f64| {
                point[p] = at[p] + times * h;
                let value = f(&point);
                point[p] = at[p];
                value
            };
            let (near, far) = (moved(1.0) - moved(-1.0), moved(2.0) - moved(-2.0));
            (8.0 * near - far) / (12.0 * h)
        })
        .collect()
}

/// Asserts that two gradients agree to a tolerance relative to the largest entry of the second, or
/// to `floor` where that is larger.
#[track_caller]
pub(crate) fn assert_gradient(
    found: &[f64],
    expected: &[f64],
    tolerance: f64,
    floor: f64,
    what: &str,
) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let size = expected.iter().fold(floor, |m, v| m.max(v.abs()));
    for (p, (a, b)) in found.iter().zip(expected).enumerate() {
        let error = (a - b).abs() / size;
        assert!(
            error <= tolerance,
            "{what}, entry {p}: found {a}, expected {b}, relative {error:e}"
        );
    }
}

/// Two columns with whole numbers, normal draws and repeated rows among them.
pub(crate) fn mixed_rows(n: usize, seed: u64) -> Array2<f64> {
    let draws = normal(n, 2, seed);
    let mut x = Array2::from_shape_fn((n, 2), |(i, j)| match (i + j) % 3 {
        0 => ((i / 3 + j) % 3) as f64,
        _ => draws[[i, j]],
    });
    for i in (5..n).step_by(7) {
        let earlier = x.row(i - 4).to_owned();
        x.row_mut(i).assign(&earlier);
    }
    x
}

/// A random symmetric matrix.
pub(crate) fn symmetric(n: usize, seed: u64) -> Array2<f64> {
    let g = normal(n, n, seed);
    &g + &g.t()
}

/// A random symmetric positive definite matrix, eigenvalues bounded away from zero.
pub(crate) fn definite(n: usize, seed: u64) -> Array2<f64> {
    let g = normal(n, n, seed);
    g.dot(&g.t()) / n as f64 + Array2::<f64>::eye(n) * 0.2
}

/// Asserts symmetry and that no eigenvalue is below -1e-10 of the largest.
#[track_caller]
pub(crate) fn assert_covariance(m: ArrayView2<f64>, what: &str) {
    let size = m.iter().fold(0.0f64, |a, v| a.max(v.abs()));
    assert!(size.is_finite(), "{what}");
    for ((i, j), v) in m.indexed_iter() {
        assert!((v - m[[j, i]]).abs() <= 1e-14 * size, "{what}: not symmetric at {i}, {j}");
    }
    let (values, _) = linalg::eigh(m.to_owned()).unwrap();
    let largest = values.iter().fold(0.0f64, |a, v| a.max(v.abs()));
    assert!(values[0] >= -1e-10 * largest, "{what}: eigenvalues {} to {largest}", values[0]);
}

/// Natural values of some parameters after a random move of the free ones, in their order.
pub(crate) fn random_values(params: &[ParamSpec], size: f64, seed: u64) -> Vec<f64> {
    let mut layout = Layout::default();
    layout.push("p", params);
    let mut natural = layout.initial();
    let mut free = layout.pack(&natural);
    let moves = normal(free.len(), 1, seed);
    free.iter_mut().zip(&moves).for_each(|(u, m)| *u += size * m);
    layout.unpack_into(&free, &mut natural);
    natural
}

/// Every example of every registered kernel.
pub(crate) fn kernels() -> Vec<Kernel> {
    kernel::registry().iter().flat_map(|entry| (entry.examples)()).collect()
}

/// Every example of every registered task covariance.
pub(crate) fn tasks(n_tasks: usize) -> Vec<Task> {
    task::registry().iter().flat_map(|entry| (entry.examples)(n_tasks)).collect()
}

/// The names that refusals of an unknown value listed are those of the arguments.
pub(crate) fn assert_known(entry: &str, refused: Vec<Vec<String>>, mut names: Vec<String>) {
    assert!(!refused.is_empty(), "{entry} refused no unknown value");
    let mut known = refused.concat();
    known.sort();
    known.dedup();
    names.sort();
    assert_eq!(known, names, "{entry}");
}

/// Names of the warnings of a fit, in order.
pub(crate) fn warnings(gp: &FittedMultiTaskGp) -> Vec<String> {
    let name = |w: &Warning| format!("{w:?}").split([' ', '{']).next().unwrap().to_string();
    gp.report().warnings.iter().map(name).collect()
}

/// Largest entry of the gradient of the log posterior density per observation, over every free
/// value of the fitted model: B and Sigma included, whichever way they were learned.
pub(crate) fn gradient_norm(gp: &FittedMultiTaskGp) -> f64 {
    let (model, natural) = (gp.posterior().model(), gp.posterior().natural());
    let free = model.layout().pack(natural);
    let mut objective = JointObjective::new(model, natural.to_vec(), |_| Ok(()));
    let (_, gradient) = objective.evaluate(&free).unwrap();
    gradient.iter().fold(0.0f64, |m, g| m.max(g.abs()))
}

#[track_caller]
fn assert_finite<'a>(what: &str, values: impl IntoIterator<Item = &'a f64>) {
    for v in values {
        assert!(v.is_finite(), "{what} holds {v}");
    }
}

/// Asserts that nothing a fitted model says is NaN or infinite, and that its answers agree with each
/// other: at its training rows, between them and far away.
#[track_caller]
pub(crate) fn assert_healthy(gp: &FittedMultiTaskGp) {
    answers(gp).unwrap();
    assert_consistent(gp);
}

/// Some training rows, and one far away.
fn questions(gp: &FittedMultiTaskGp) -> Array2<f64> {
    let x = gp.posterior().model().x();
    let far = x.row(0).mapv(|v| (3.0 * v + 1.0).clamp(f64::MIN, f64::MAX));
    let mut xs = x.select(Axis(0), &(0..x.nrows().min(6)).collect::<Vec<_>>());
    xs.push_row(far.view()).unwrap();
    xs
}

/// Asserts that standard deviations, covariances between tasks and joint covariances agree.
#[track_caller]
fn assert_consistent(gp: &FittedMultiTaskGp) {
    let xs = questions(gp);
    let of = |uncertainty| gp.predict(xs.view(), uncertainty).unwrap().std.unwrap();
    let (std, total) = (of(Uncertainty::Std), of(Uncertainty::Observation));
    let blocks = gp.predict_task_covariances(xs.view()).unwrap();
    let joint = gp.predict_covariance(xs.view(), false).unwrap();
    let noisy = gp.predict_covariance(xs.view(), true).unwrap();
    let (b, sigma) = (gp.task_covariance(), gp.noise_covariance());
    let model = gp.posterior().model();
    let theta = model.theta(gp.posterior().natural());
    let prior = gram::diagonal(model.kernel(), theta, xs.view());
    // Where the signal is more than 1e8 times the noise in some direction, which only noise that is
    // given or a full one allows, differences of variances are rounding.
    let largest = |v: &Array1<f64>| v.iter().fold(0.0f64, |a, v| a.max(*v));
    let shifts = Congruence::new(&gp.task_matrix(), &gp.noise_matrix()).unwrap().shifts().clone();
    if largest(&shifts) * largest(&prior) > 1e8 {
        return;
    }
    for i in 0..xs.nrows() {
        for (a, variance) in sigma.diag().iter().enumerate() {
            let (of_latent, of_data) = (std[[i, a]].powi(2), total[[i, a]].powi(2));
            // Differences of nearly equal numbers: rounding is measured against the prior variance.
            let size = 1e-7 * (of_data + prior[i] * b[[a, a]]);
            assert!((of_data - of_latent - variance).abs() <= size);
            assert!((blocks[[i, a, a]] - of_latent).abs() <= size);
            assert!((joint[[i, a, i, a]] - of_latent).abs() <= size);
            assert!((noisy[[i, a, i, a]] - of_data).abs() <= size);
        }
    }
}

/// That nothing is NaN or infinite, where answers may be refused: the first refusal.
pub(crate) fn answers(gp: &FittedMultiTaskGp) -> Result<()> {
    let (xs, t) = (questions(gp), gp.task_names().len());
    assert!(gp.log_marginal_likelihood().is_finite());
    for (path, values) in gp.parameters() {
        assert_finite(&path, &values);
    }
    let latent = gp.predict(xs.view(), Uncertainty::Std)?;
    let observed = gp.predict(xs.view(), Uncertainty::Observation)?;
    let (std, total) = (latent.std()?, observed.std()?);
    assert_finite("mean", &latent.mean);
    assert_finite("std", std);
    assert_finite("std of observations", total);
    assert!(std.iter().all(|v| *v >= 0.0) && total.iter().all(|v| *v > 0.0));
    assert_eq!(latent.mean, observed.mean);
    assert_finite("covariances between tasks", &gp.predict_task_covariances(xs.view())?);
    for include_noise in [false, true] {
        assert_finite("covariances", &gp.predict_covariance(xs.view(), include_noise)?);
    }
    assert_covariance(gp.task_covariance().view(), "B");
    assert_covariance(gp.noise_covariance().view(), "Sigma");
    let draws = gp.sample(xs.view(), 2, true, 1)?;
    assert_finite("draws", &draws);
    let mut given = latent.mean.clone();
    given.column_mut(t - 1).fill(f64::NAN);
    let conditioned = gp.predict_given(xs.view(), given.view(), Uncertainty::Std)?;
    assert_finite("conditioned", conditioned.mean.iter().chain(&conditioned.std()?));
    let correlation = gp.task_correlation();
    assert!(correlation.iter().all(|v| (-1.0..=1.0).contains(v)));
    if let Some(errors) = gp.task_correlation_std_error() {
        assert_finite("standard errors", errors);
        assert!(errors.iter().all(|v| *v >= 0.0));
    }
    let (value, gradient) = gp.log_marginal_likelihood_at(&[])?;
    assert!((value - gp.log_marginal_likelihood()).abs() <= 1e-9 * value.abs().max(1.0));
    for (path, values) in &gradient {
        assert_finite(path, values);
    }
    assert_report(gp);
    let text = gp.to_string();
    assert!(text.split_whitespace().all(|word| word != "inf" && !word.contains("NaN")), "{text}");
    Ok(())
}

/// Asserts that the report of a fit is finite and true.
#[track_caller]
fn assert_report(gp: &FittedMultiTaskGp) {
    let report = gp.report();
    assert!(report.gradient_norm.is_finite() && report.gradient_norm >= 0.0);
    assert_eq!(report.converged, !warnings(gp).contains(&"NotConverged".to_string()));
    assert_eq!(report.evaluations, report.trace.len());
    assert_finite("trace", report.trace.iter().map(|p| &p.value));
    assert_finite("restarts", report.restarts.iter().map(|r| &r.log_posterior));
    assert_finite("identifiability", &report.identifiability);
    assert!(report.identifiability.is_none_or(|share| (0.0..=1.0).contains(&share)));
    assert!(report.solve.exact && report.solve.jitter == 0.0);
    if report.solve.solver == "kronecker" {
        assert!(report.eigendecompositions > report.restarts.len());
    }
    if report.optimizer == "none" {
        assert_eq!((report.stop, report.restarts.len()), (Stop::NothingFree, 0));
        return;
    }
    let best = report.restarts.iter().map(|r| r.log_posterior).fold(f64::NEG_INFINITY, f64::max);
    let traced = report.trace.iter().map(|p| p.value).fold(f64::NEG_INFINITY, f64::max);
    let rounding = 1e-9 * best.abs().max(1.0);
    // A point of small gradient may end the search up to the inner problems' precision below the
    // highest value.
    let precision = 1e-6 * gp.posterior().model().n_observations() as f64;
    assert!(best <= traced + rounding && best >= traced - precision - rounding, "{best} {traced}");
    if report.converged {
        // What is said of the kernel parameters holds for B and Sigma too.
        let norm = gradient_norm(gp);
        assert!(norm <= 1.1e-5, "converged with a gradient of {norm:e}");
    }
}
