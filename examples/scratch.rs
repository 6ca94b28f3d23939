//! scratch
#[path = "../benches/common/mod.rs"]
mod common;
use common::*;
use coregion::prelude::*;
use coregion::{gram, linalg, op::Adjoint};
use std::time::Instant;
fn main() {
    let n = 2000;
    let x = normal(n, 8, 1);
    let st: Vec<_> =
        x.axis_iter(ndarray::Axis(1)).map(coregion::data::ColumnStatistics::of).collect();
    let b = Matern52::ard().bind(&coregion::kernel::Inputs::all(&st)).unwrap();
    let th: Vec<f64> = b.params().iter().flat_map(|p| p.init.clone()).collect();
    for _ in 0..3 {
        let c = Instant::now();
        let k = gram::gram(&*b, &th, x.view());
        println!("gram {:.3}", c.elapsed().as_secs_f64());
        let c = Instant::now();
        let _ = std::hint::black_box(linalg::matmul(k.view(), k.view()));
        println!("product {:.3}", c.elapsed().as_secs_f64());
        let c = Instant::now();
        let (_s, u) = linalg::eigh(k.clone()).unwrap();
        println!("eigh {:.3}", c.elapsed().as_secs_f64());
        let c = Instant::now();
        let _ = std::hint::black_box(linalg::matmul(u.t(), x.view()));
        println!("rot {:.3}", c.elapsed().as_secs_f64());
        let a = Adjoint::Spectral {
            vectors: u.view(),
            weights: ndarray::Array1::ones(n),
            factor: normal(n, 16, 3),
        };
        let c = Instant::now();
        for s in (0..n).step_by(256) {
            let e = (s + 256).min(n);
            std::hint::black_box(a.band(s..e, e));
        }
        println!("bands {:.3}", c.elapsed().as_secs_f64());
        let d = Adjoint::Dense(k.clone());
        let c = Instant::now();
        let _ = std::hint::black_box(gram::gram_vjp(&*b, &th, x.view(), &d));
        println!("vjp dense {:.3}", c.elapsed().as_secs_f64());
        let c = Instant::now();
        let _ = std::hint::black_box(gram::gram_vjp(&*b, &th, x.view(), &a));
        println!("vjp {:.3}", c.elapsed().as_secs_f64());
    }
}
