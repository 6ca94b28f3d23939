//! The slow and obvious way: the whole nT x nT covariance, ordered by row then task as the crate's
//! conventions say, with elimination written out.

use ndarray::{Array1, Array2, ArrayView2};

/// `K (x) B + I (x) Sigma` with entry `[i T + t, j T + s]`.
pub fn covariance(
    k: ArrayView2<f64>,
    b: ArrayView2<f64>,
    sigma: Option<ArrayView2<f64>>,
) -> Array2<f64> {
    let (rows, columns, t) = (k.nrows(), k.ncols(), b.nrows());
    Array2::from_shape_fn((rows * t, columns * t), |(p, q)| {
        let (i, a, j, c) = (p / t, p % t, q / t, q % t);
        let noise = sigma.map_or(0.0, |s| if i == j { s[[a, c]] } else { 0.0 });
        k[[i, j]] * b[[a, c]] + noise
    })
}

/// Cholesky factor by its definition.
pub fn cholesky(a: &Array2<f64>) -> Array2<f64> {
    let n = a.nrows();
    let mut l = Array2::<f64>::zeros((n, n));
    for i in 0..n {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| l[[i, k]] * l[[j, k]]).sum();
            l[[i, j]] =
                if i == j { (a[[i, i]] - sum).sqrt() } else { (a[[i, j]] - sum) / l[[j, j]] };
        }
    }
    l
}

/// `A^-1 B` from the Cholesky factor of A.
pub fn solve(l: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    let n = l.nrows();
    let mut x = b.clone();
    for c in 0..b.ncols() {
        for i in 0..n {
            let sum: f64 = (0..i).map(|k| l[[i, k]] * x[[k, c]]).sum();
            x[[i, c]] = (x[[i, c]] - sum) / l[[i, i]];
        }
        for i in (0..n).rev() {
            let sum: f64 = (i + 1..n).map(|k| l[[k, i]] * x[[k, c]]).sum();
            x[[i, c]] = (x[[i, c]] - sum) / l[[i, i]];
        }
    }
    x
}

/// Log density of `vec(Y)` under a zero-mean Gaussian.
pub fn log_density(c: &Array2<f64>, y: ArrayView2<f64>) -> f64 {
    let l = cholesky(c);
    let v = Array1::from_iter(y.iter().copied()).insert_axis(ndarray::Axis(1));
    let quadratic: f64 = (&v * &solve(&l, &v)).sum();
    let log_det: f64 = 2.0 * l.diag().iter().map(|d| d.ln()).sum::<f64>();
    -0.5 * (quadratic + log_det + v.len() as f64 * (2.0 * std::f64::consts::PI).ln())
}

/// Mean (m, T) and covariance (mT, mT) of the latent functions given `vec(Y)`.
pub fn posterior(
    c: &Array2<f64>,
    cross: &Array2<f64>,
    prior: &Array2<f64>,
    y: ArrayView2<f64>,
) -> (Array2<f64>, Array2<f64>) {
    let l = cholesky(c);
    let v = Array1::from_iter(y.iter().copied()).insert_axis(ndarray::Axis(1));
    let t = y.ncols();
    let mean = cross.dot(&solve(&l, &v));
    let mean = Array2::from_shape_vec((mean.len() / t, t), mean.iter().copied().collect()).unwrap();
    let covariance = prior - &cross.dot(&solve(&l, &cross.t().to_owned()));
    (mean, covariance)
}
