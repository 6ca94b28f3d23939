//! Every operation over rows and tasks, timed by criterion: times, and how they grow.
//!
//! `cargo bench --bench scaling` writes `benchmarks/scaling.md`; with arguments of criterion (a filter,
//! `--test`, a baseline) it writes nothing, and with `-- report` it writes what was measured last.
#![allow(clippy::expect_used)]

mod common;

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use common::{draw, gram_of, normal, publish};
use coregion::gp::{Mean, Model, Posterior, Scaling};
use coregion::gram;
use coregion::linalg;
use coregion::matrix_kernel::Separable;
use coregion::op::Adjoint;
use coregion::prelude::*;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, measurement::WallTime};
use ndarray::{Array1, Array2, s};

const INPUTS: usize = 8;
/// Tasks where rows grow, rows where tasks grow.
const TASKS: usize = 8;
const ROWS: usize = 500;
const GROWING_ROWS: [usize; 4] = [250, 500, 1000, 2000];
const GROWING_TASKS: [usize; 5] = [2, 8, 32, 128, 256];

/// What is timed, and the most rows and tasks it is timed at.
const OPERATIONS: [(&str, usize, usize); 9] = [
    ("Gram matrix", 2000, 8),
    ("pull-back of its adjoint", 2000, 256),
    ("likelihood with gradient", 2000, 256),
    ("fit", 1000, 32),
    ("means of 1000 rows", 2000, 256),
    ("standard deviations of 1000 rows", 2000, 256),
    ("leave out rows", 2000, 256),
    ("leave out entries", 2000, 256),
    ("leave out 10 groups", 2000, 256),
];

/// Three latent functions and noise.
fn data(n: usize, t: usize) -> Dataset {
    let x = normal(n, INPUTS, 1);
    let part = n.min(500);
    let k = gram_of(&Matern52::ard(), x.slice(s![..part, ..]));
    let drawn = draw(k, &normal(t, 3, 2), &vec![0.3; t], 3);
    let e = normal(n, t, 4);
    let y = Array2::from_shape_fn((n, t), |(i, j)| match i < part {
        true => drawn[[i, j]],
        false => (x[[i, j % INPUTS]] + 0.5 * x[[i, 0]]).sin() + 0.3 * e[[i, j]],
    });
    Dataset::new(x.view(), y.view()).expect("a complete table")
}

fn time(group: &mut BenchmarkGroup<'_, WallTime>, operation: &str, n: usize, t: usize) {
    let id = BenchmarkId::from_parameter(format!("n={n} T={t}"));
    let data = data(n, t);
    let term = Separable { kernel: Matern52::ard(), task: LowRank::new(2.min(t)) };
    let model = Model::new(&data, &term, &Noise::PerTask, &Mean::Training, Scaling::default());
    let model = model.expect("a model");
    let natural = model.layout().initial();
    let (kernel, theta) = (model.kernel(), model.theta(&natural));
    match operation {
        "Gram matrix" => {
            group.bench_function(id, |b| b.iter(|| gram::gram(kernel, theta, data.x())));
        }
        "pull-back of its adjoint" => {
            let vectors = linalg::eigh(gram::gram(kernel, theta, data.x())).expect("a spectrum").1;
            let factor = normal(n, t, 5);
            group.bench_function(id, |b| {
                b.iter(|| {
                    let adjoint = Adjoint::Spectral {
                        vectors: vectors.view(),
                        weights: Array1::ones(n),
                        factor: factor.clone(),
                    };
                    gram::gram_vjp(kernel, theta, data.x(), &adjoint)
                });
            });
        }
        "likelihood with gradient" => {
            group.bench_function(id, |b| b.iter(|| model.log_likelihood(&natural)));
        }
        "fit" => {
            let settings = MultiTaskGp::new(Matern52::ard()).task(LowRank::new(2.min(t)));
            group.bench_function(id, |b| b.iter(|| settings.fit(&data)));
        }
        _ => {
            let posterior = Posterior::new(model.into(), natural, 1 << 30).expect("a posterior");
            let xs = normal(1000, INPUTS, 6);
            let predict = |uncertainty| posterior.predict(xs.view(), uncertainty);
            let ten = LeaveOut::blocks(n, 10);
            group.bench_function(id, |b| {
                b.iter(|| match operation {
                    "means of 1000 rows" => drop(black_box(predict(Uncertainty::None))),
                    "standard deviations of 1000 rows" => {
                        drop(black_box(predict(Uncertainty::Std)));
                    }
                    "leave out rows" => drop(black_box(posterior.leave_out(&LeaveOut::Row))),
                    "leave out entries" => drop(black_box(posterior.leave_out(&LeaveOut::Entry))),
                    _ => drop(black_box(posterior.leave_out(&ten))),
                });
            });
        }
    }
}

/// The sizes an operation is timed at: rows at few tasks, then tasks at few rows.
fn sizes(most_rows: usize, most_tasks: usize) -> Vec<(usize, usize)> {
    let rows = GROWING_ROWS.iter().filter(|n| **n <= most_rows).map(|&n| (n, TASKS));
    let more = GROWING_TASKS.iter().filter(|t| **t != TASKS && **t <= most_tasks);
    let tasks = more.map(|&t| (ROWS, t)).filter(|_| most_tasks > TASKS);
    rows.chain(tasks).collect()
}

/// Median seconds that criterion measured.
fn measured(operation: &str, n: usize, t: usize) -> Option<f64> {
    let target = std::env::var("CARGO_TARGET_DIR")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/target").to_string());
    let path = format!("{target}/criterion/{operation}/n={n} T={t}/new/estimates.json");
    let text = std::fs::read_to_string(path).ok()?;
    let json: serde_json::Value = serde_json::from_str(&text).ok()?;
    json["median"]["point_estimate"].as_f64().map(|nanoseconds| 1e-9 * nanoseconds)
}

/// Least-squares slope of the logarithm of the times over that of the sizes.
fn slope(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(a, b)| (a.ln(), b.ln())).collect();
    let count = logs.len() as f64;
    let (a, b) = logs.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / count, b + y / count));
    let (xy, xx) = logs
        .iter()
        .fold((0.0, 0.0), |(xy, xx), (x, y)| (xy + (x - a) * (y - b), xx + (x - a).powi(2)));
    xy / xx
}

fn cell(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "-".to_string(), |v| format!("{:.2}", 1e3 * v))
}

fn report() -> String {
    let mut body = format!(
        "# Every operation over rows and tasks\n\nMatern 5/2 with a lengthscale for each of {INPUTS} \
         columns, low rank 2 + diagonal, noise for each task. Medians in milliseconds; `slope` is \
         the least-squares exponent of the time over the sizes shown (from n = 500, from T = 8). \
         Prediction and leave-out are those of a posterior that is there.\n\n"
    );
    let head = |sizes: &[usize], name: &str| {
        let cells: Vec<String> = sizes.iter().map(|v| format!("{name} = {v}")).collect();
        format!(
            "| operation | {} | slope |\n|{}\n",
            cells.join(" | "),
            "---|".repeat(sizes.len() + 2)
        )
    };
    let line = |body: &mut String, operation: &str, times: &[(usize, Option<f64>)], from: usize| {
        let cells: Vec<String> = times.iter().map(|(_, v)| cell(*v)).collect();
        let known = times.iter().filter(|(size, _)| *size >= from);
        let points: Vec<(f64, f64)> =
            known.filter_map(|(size, v)| v.map(|v| (*size as f64, v))).collect();
        let exponent = slope(&points);
        writeln!(body, "| {operation} | {} | {exponent:.1} |", cells.join(" | "))
            .expect("a string");
    };
    writeln!(body, "T = {TASKS}:\n\n{}", head(&GROWING_ROWS, "n").trim_end()).expect("a string");
    for (operation, most, _) in OPERATIONS {
        let time = |n| if n <= most { measured(operation, n, TASKS) } else { None };
        line(&mut body, operation, &GROWING_ROWS.map(|n| (n, time(n))), 500);
    }
    let tasks = head(&GROWING_TASKS, "T");
    writeln!(body, "\nn = {ROWS}:\n\n{}", tasks.trim_end()).expect("a string");
    for (operation, _, most) in OPERATIONS.into_iter().filter(|o| o.2 > TASKS) {
        let time = |t| if t <= most { measured(operation, ROWS, t) } else { None };
        line(&mut body, operation, &GROWING_TASKS.map(|t| (t, time(t))), 8);
    }
    body
}

fn main() {
    if std::env::args().any(|a| a == "report") {
        publish("scaling", &report());
        return;
    }
    let whole = std::env::args().skip(1).all(|a| a == "--bench");
    let mut criterion = Criterion::default().without_plots().configure_from_args();
    for (operation, most_rows, most_tasks) in OPERATIONS {
        let mut group = criterion.benchmark_group(operation);
        group
            .sampling_mode(SamplingMode::Flat)
            .sample_size(10)
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_secs(1));
        for (n, t) in sizes(most_rows, most_tasks) {
            time(&mut group, operation, n, t);
        }
        group.finish();
    }
    criterion.final_summary();
    if whole {
        publish("scaling", &report());
    }
}
