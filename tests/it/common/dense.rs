//! The slow and obvious way: the whole nT x nT covariance, ordered by row then task as the crate's
//! conventions say, with elimination written out.

use coregion::solve::LeaveOut;
use ndarray::{Array1, Array2, ArrayView2, Axis};

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
    let v = Array1::from_iter(y.iter().copied()).insert_axis(Axis(1));
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
    let v = Array1::from_iter(y.iter().copied()).insert_axis(Axis(1));
    let t = y.ncols();
    let mean = cross.dot(&solve(&l, &v));
    let mean = Array2::from_shape_vec((mean.len() / t, t), mean.iter().copied().collect()).unwrap();
    let covariance = prior - &cross.dot(&solve(&l, &cross.t().to_owned()));
    (mean, covariance)
}

/// What was left out, predicted from the rest.
pub struct Predicted {
    pub mean: Vec<f64>,
    pub covariance: Array2<f64>,
    pub log_density: f64,
}

/// The observations `block` (places in `vec(Y)`) from all others, whose covariance with all is `c`:
/// kriging with the columns of `fixed` unpenalised, refitted without the block (universal kriging).
pub fn refit_without(
    c: &Array2<f64>,
    fixed: Option<&Array2<f64>>,
    y: &Array1<f64>,
    block: &[usize],
) -> Predicted {
    let kept: Vec<usize> = (0..y.len()).filter(|i| !block.contains(i)).collect();
    let pick = |a: &[usize], b: &[usize]| c.select(Axis(0), a).select(Axis(1), b);
    let l = cholesky(&pick(&kept, &kept));
    let cross = pick(block, &kept);
    let known = y.select(Axis(0), &kept).insert_axis(Axis(1));
    let weights = solve(&l, &cross.t().to_owned()); // C_kk^-1 C_kS
    let mut mean = weights.t().dot(&known);
    let mut covariance = pick(block, block) - weights.t().dot(&cross.t());
    if let Some(h) = fixed {
        let (h_kept, h_block) = (h.select(Axis(0), &kept), h.select(Axis(0), block));
        let information = h_kept.t().dot(&solve(&l, &h_kept));
        let root = cholesky(&information);
        let b = solve(&root, &h_kept.t().dot(&solve(&l, &known)));
        let gap = h_block - weights.t().dot(&h_kept);
        mean += &gap.dot(&b);
        covariance += &gap.dot(&solve(&root, &gap.t().to_owned()));
    }
    let truth = y.select(Axis(0), block).insert_axis(Axis(1));
    let log_density = log_density(&covariance, (&truth - &mean).view());
    Predicted { mean: mean.iter().copied().collect(), covariance, log_density }
}

/// The blocks that a way of leaving out takes from an (n, T) table, in the order of the densities.
pub fn left_out_blocks(by: &LeaveOut, n: usize, t: usize) -> Vec<Vec<usize>> {
    let entries = |rows: &[usize], tasks: &[usize]| {
        rows.iter().flat_map(|i| tasks.iter().map(move |s| i * t + s)).collect::<Vec<_>>()
    };
    let every_row: Vec<usize> = (0..n).collect();
    let every_task: Vec<usize> = (0..t).collect();
    let groups = |labels: &[usize]| {
        let mut distinct = labels.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let rows = |g: &usize| every_row.iter().copied().filter(|&i| labels[i] == *g).collect();
        distinct.iter().map(rows).collect::<Vec<Vec<usize>>>()
    };
    let by_task = |rows: Vec<Vec<usize>>| {
        rows.iter().flat_map(|r| every_task.iter().map(|&s| entries(r, &[s]))).collect()
    };
    let singles = || every_row.iter().map(|&i| vec![i]).collect::<Vec<_>>();
    match by {
        LeaveOut::Entry => by_task(singles()),
        LeaveOut::Row => singles().iter().map(|r| entries(r, &every_task)).collect(),
        LeaveOut::Task => by_task(vec![every_row.clone()]),
        LeaveOut::Groups(labels) => {
            groups(labels).iter().map(|r| entries(r, &every_task)).collect()
        }
        LeaveOut::GroupsByTask(labels) => by_task(groups(labels)),
    }
}

/// What leaving out should say, by refitting without each block: means, standard deviations of the
/// observation (n, T), and log densities in the order of the blocks. What is NaN in the table was not
/// observed, and is NaN in the answer.
pub fn leave_out(
    c: &Array2<f64>,
    fixed: Option<&Array2<f64>>,
    y: &Array2<f64>,
    by: &LeaveOut,
) -> (Array2<f64>, Array2<f64>, Vec<f64>) {
    let (n, t) = y.dim();
    let nothing = || Array2::from_elem((n, t), f64::NAN);
    let (mut mean, mut std) = (nothing(), nothing());
    let mut densities = Vec::new();
    for block in left_out_blocks(by, n, t) {
        let (block, p) = refit_observed_without(c, fixed, y, &block);
        for (local, &place) in block.iter().enumerate() {
            mean[[place / t, place % t]] = p.mean[local];
            std[[place / t, place % t]] = p.covariance[[local, local]].sqrt();
        }
        densities.push(if block.is_empty() { f64::NAN } else { p.log_density });
    }
    (mean, std, densities)
}

/// [`refit_without`] on the observed entries of a table: those of the block, and what is said of them.
pub fn refit_observed_without(
    c: &Array2<f64>,
    fixed: Option<&Array2<f64>>,
    y: &Array2<f64>,
    block: &[usize],
) -> (Vec<usize>, Predicted) {
    let flat = Array1::from_iter(y.iter().copied());
    let observed: Vec<usize> = (0..flat.len()).filter(|&p| !flat[p].is_nan()).collect();
    let local: Vec<usize> = (0..observed.len()).filter(|&q| block.contains(&observed[q])).collect();
    let fixed = fixed.map(|h| {
        let h = h.select(Axis(0), &observed);
        let used: Vec<usize> =
            (0..h.ncols()).filter(|&q| h.column(q).iter().any(|v| *v != 0.0)).collect();
        h.select(Axis(1), &used)
    });
    let c = c.select(Axis(0), &observed).select(Axis(1), &observed);
    let p = refit_without(&c, fixed.as_ref(), &flat.select(Axis(0), &observed), &local);
    (local.iter().map(|&q| observed[q]).collect(), p)
}
