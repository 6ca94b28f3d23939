//! Shared by the benches: simulated problems and tables.
#![allow(dead_code, unreachable_pub, clippy::expect_used)]

use std::fmt::Write as _;

use coregion::data::ColumnStatistics;
use coregion::gram;
use coregion::kernel::{Inputs, Kernel};
use coregion::linalg;
use ndarray::{Array2, ArrayView2, Axis};
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use rand_xoshiro::Xoshiro256PlusPlus;

/// Standard normal entries.
pub fn normal(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    Array2::from_shape_simple_fn((rows, columns), || rng.sample(StandardNormal))
}

/// The Gram matrix of a kernel at its start values.
pub fn gram_of(kernel: &Kernel, x: ArrayView2<f64>) -> Array2<f64> {
    let statistics: Vec<_> = x.axis_iter(Axis(1)).map(ColumnStatistics::of).collect();
    let bound = kernel.bind(&Inputs::all(&statistics)).expect("a kernel that fits");
    let theta: Vec<f64> = bound.params().iter().flat_map(|p| p.init.clone()).collect();
    gram::gram(&*bound, &theta, x)
}

/// A draw from the model: latent functions with Gram matrix K and task factor F (`B = F F'`), plus
/// independent noise of the given standard deviations.
pub fn draw(k: Array2<f64>, factor: &Array2<f64>, noise_std: &[f64], seed: u64) -> Array2<f64> {
    let (n, t, r) = (k.nrows(), factor.nrows(), factor.ncols());
    let (s, u) = linalg::eigh(k).expect("a finite matrix");
    let root = &u * &s.mapv(|v| v.max(0.0).sqrt());
    let latent = linalg::matmul(root.view(), normal(n, r, seed).view());
    let mut y = linalg::matmul(latent.view(), factor.t());
    let e = normal(n, t, seed + 1_000_003);
    for ((i, j), v) in y.indexed_iter_mut() {
        *v += noise_std[j] * e[[i, j]];
    }
    y
}

/// The middle value.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Largest resident memory of this process so far, in bytes; `None` where the system does not say.
pub fn peak_memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<usize>().ok().map(|kib| kib * 1024)
}

/// Prints a report and writes it to `benchmarks/NAME.md`, with the hardware it was made on.
pub fn publish(name: &str, body: &str) {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|l| l.starts_with("model name"))?.to_string();
        line.split(':').nth(1).map(|s| s.trim().to_string())
    });
    let mut text = String::new();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let _ = writeln!(text, "{body}");
    let _ = writeln!(
        text,
        "Made by `cargo bench --bench {name}` on {} ({cores} logical cores), backend {}. Shared \
         machine: compare the ratios, which come from interleaved runs, rather than the seconds.",
        cpu.unwrap_or_else(|| "an unknown processor".to_string()),
        linalg::BACKEND
    );
    println!("{text}");
    let suffix =
        if linalg::BACKEND == "faer" { String::new() } else { format!("_{}", linalg::BACKEND) };
    let path = format!("{}/benchmarks/{name}{suffix}.md", env!("CARGO_MANIFEST_DIR"));
    if let Err(error) = std::fs::write(&path, text) {
        eprintln!("could not write {path}: {error}");
    }
}
