//! Shared by the tests: dense brute force, central differences, seeded data.

pub mod bordered;
pub mod dense;
pub mod masked;
pub mod sealed;

use coregion::data::ColumnStatistics;
use coregion::kernel::{BoundKernel, Inputs, Kernel};
use ndarray::{Array2, ArrayD, ArrayView2, Axis, Dimension, IxDyn};
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use rand_xoshiro::Xoshiro256PlusPlus;

/// Standard normal entries.
pub fn normal(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    Array2::from_shape_simple_fn((rows, columns), || rng.sample(StandardNormal))
}

/// Outputs (n, T) with a shared smooth signal of the first column and noise of unequal size.
pub fn smooth_outputs(x: ArrayView2<f64>, tasks: usize, noise: f64, seed: u64) -> Array2<f64> {
    let e = normal(x.nrows(), tasks, seed);
    Array2::from_shape_fn((x.nrows(), tasks), |(i, t)| {
        let (u, v) = (x[[i, 0]], x[[i, x.ncols() - 1]]);
        let load = 1.0 - 0.45 * t as f64;
        load * (1.3 * u).sin()
            + 0.4 * (v + 0.3 * t as f64).cos() * (t as f64 + 0.5)
            + noise * (1.0 + 0.5 * t as f64) * e[[i, t]]
    })
}

/// Asserts that two arrays agree to a tolerance relative to the largest magnitude of the second.
#[track_caller]
pub fn assert_close<D: Dimension>(
    found: &ndarray::ArrayRef<f64, D>,
    expected: &ndarray::ArrayRef<f64, D>,
    tolerance: f64,
) {
    assert_eq!(found.shape(), expected.shape());
    let size = expected.iter().fold(1e-300f64, |m, v| m.max(v.abs()));
    for ((index, a), b) in found.indexed_iter().zip(expected.iter()) {
        let error = (a - b).abs() / size;
        assert!(error <= tolerance, "at {index:?}: found {a}, expected {b}, relative {error:e}");
    }
}

/// Asserts that two numbers agree to a relative tolerance.
#[track_caller]
pub fn assert_near(found: f64, expected: f64, tolerance: f64) {
    let error = (found - expected).abs() / expected.abs().max(1e-300);
    assert!(error <= tolerance, "found {found}, expected {expected}, relative {error:e}");
}

/// A kernel bound to the columns of x, and its start values.
pub fn bind(kernel: &Kernel, x: ArrayView2<f64>) -> (Box<dyn BoundKernel>, Vec<f64>) {
    let statistics: Vec<_> = x.axis_iter(Axis(1)).map(ColumnStatistics::of).collect();
    let bound = kernel.bind(&Inputs::all(&statistics)).unwrap();
    let theta = bound.params().iter().flat_map(|p| p.init.clone()).collect();
    (bound, theta)
}

/// An array of any dimension from nested JSON lists.
pub fn array(value: &serde_json::Value) -> ArrayD<f64> {
    let (mut shape, mut numbers) = (Vec::new(), Vec::new());
    collect(value, 0, &mut shape, &mut numbers);
    ArrayD::from_shape_vec(IxDyn(&shape), numbers).unwrap()
}

fn collect(
    value: &serde_json::Value,
    depth: usize,
    shape: &mut Vec<usize>,
    numbers: &mut Vec<f64>,
) {
    match value.as_array() {
        None => numbers.push(value.as_f64().unwrap_or(f64::NAN)),
        Some(list) => {
            if shape.len() == depth {
                shape.push(list.len());
            }
            list.iter().for_each(|v| collect(v, depth + 1, shape, numbers));
        }
    }
}

/// A matrix from nested JSON lists.
pub fn matrix(value: &serde_json::Value) -> Array2<f64> {
    array(value).into_dimensionality().unwrap()
}

/// The numbers of a JSON list, or of a single number.
pub fn vector(value: &serde_json::Value) -> Vec<f64> {
    array(value).iter().copied().collect()
}
