//! Shared by the conformance tests: accurate differences, mixed data, registries as lists.

use coregion::kernel::{self, Kernel};
use coregion::linalg;
use coregion::param::{Layout, ParamSpec};
use coregion::task::{self, Task};
use ndarray::{Array2, ArrayView2};

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
