//! Preconditioned conjugate gradients for several right-hand sides in one product.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::preconditioner::Preconditioner;
use crate::op::MaskedKronecker;

/// Iterations without progress after which a column is given up.
const PATIENCE: usize = 150;
/// Solves from where the last one stopped, until the true residual is as small as asked.
const RESTARTS: usize = 3;

/// What was reached. Vectors are the rows of matrices (c, N).
#[derive(Debug, Clone)]
pub(super) struct Solved {
    /// The solutions.
    pub(super) x: Array2<f64>,
    /// Residual of each relative to its right-hand side, both in the norm of `P^-1`.
    pub(super) relative: Vec<f64>,
    /// Iterations made.
    pub(super) iterations: usize,
    /// Step and direction coefficients (alpha, beta) of each column's iterations.
    pub(super) coefficients: Vec<Vec<(f64, f64)>>,
}

/// The columns that are not solved yet.
struct Active {
    /// Their places among the right-hand sides.
    index: Vec<usize>,
    x: Array2<f64>,
    residual: Array2<f64>,
    direction: Array2<f64>,
    /// `r' P^-1 r`.
    rho: Vec<f64>,
    /// The smallest relative residual so far, and the iteration of it.
    best: Vec<(f64, usize)>,
}

impl Active {
    fn keep(&mut self, keep: &[usize]) {
        self.index = keep.iter().map(|&k| self.index[k]).collect();
        self.rho = keep.iter().map(|&k| self.rho[k]).collect();
        self.best = keep.iter().map(|&k| self.best[k]).collect();
        for m in [&mut self.x, &mut self.residual, &mut self.direction] {
            *m = m.select(Axis(0), keep);
        }
    }
}

/// Solves `A x = b` for the rows b of (c, N) to the given relative residuals, from a guess where there
/// is one. A column that stops making progress is left where it is.
pub(super) fn solve(
    a: &MaskedKronecker,
    p: &Preconditioner,
    b: ArrayView2<f64>,
    guess: Option<Array2<f64>>,
    tolerances: &[f64],
    max_iterations: usize,
) -> Solved {
    let count = b.nrows();
    let mut residual = b.to_owned();
    let mut z = p.solve(&residual);
    let mut rho = products(&residual, &z);
    let sizes: Vec<f64> = rho.iter().map(|v| v.sqrt()).collect();
    let x = guess.unwrap_or_else(|| Array2::zeros(b.dim()));
    if x.iter().any(|v| *v != 0.0) {
        residual -= &a.rows_times(x.view(), true);
        z = p.solve(&residual);
        rho = products(&residual, &z);
    }
    let relative_of =
        |rho: f64, size: f64| if size > 0.0 { rho.max(0.0).sqrt() / size } else { 0.0 };
    let mut out = Solved {
        x: x.clone(),
        relative: rho.iter().zip(&sizes).map(|(r, s)| relative_of(*r, *s)).collect(),
        iterations: 0,
        coefficients: vec![Vec::new(); count],
    };
    let best = out.relative.iter().map(|r| (*r, 0)).collect();
    let mut active = Active { index: (0..count).collect(), x, residual, direction: z, rho, best };
    // Not `<=`: a column that is not a number is done too.
    let unsolved = |q: usize, relative: f64| relative > tolerances[q];
    let open: Vec<usize> = (0..count).filter(|&q| unsolved(q, out.relative[q])).collect();
    active.keep(&open);
    while !active.index.is_empty() && out.iterations < max_iterations {
        let product = a.rows_times(active.direction.view(), true);
        let curvature = products(&active.direction, &product);
        let steps: Vec<f64> = active.rho.iter().zip(&curvature).map(|(r, c)| r / c).collect();
        add_scaled(&mut active.x, &steps, &active.direction);
        let back: Vec<f64> = steps.iter().map(|s| -s).collect();
        add_scaled(&mut active.residual, &back, &product);
        let z = p.solve(&active.residual);
        let rho = products(&active.residual, &z);
        out.iterations += 1;
        let mut keep = Vec::new();
        let mut betas = Vec::new();
        for (k, &q) in active.index.iter().enumerate() {
            let beta = rho[k] / active.rho[k];
            out.coefficients[q].push((steps[k], beta));
            out.relative[q] = relative_of(rho[k], sizes[q]);
            // The energy norm of the error falls at every step, the residual need not.
            if out.relative[q] < 0.9 * active.best[k].0 {
                active.best[k] = (out.relative[q], out.iterations);
            }
            let sound = curvature[k] > 0.0 && rho[k] > 0.0 && beta.is_finite();
            let patient = out.iterations - active.best[k].1 < PATIENCE;
            if unsolved(q, out.relative[q]) && sound && patient {
                keep.push(k);
                betas.push(beta);
            } else {
                out.x.row_mut(q).assign(&active.x.row(k));
            }
        }
        let all = keep.len() == active.index.len();
        active.rho = rho;
        let z = if all { z } else { z.select(Axis(0), &keep) };
        if !all {
            active.keep(&keep);
        }
        for ((mut d, z), beta) in active.direction.rows_mut().into_iter().zip(z.rows()).zip(&betas)
        {
            d.zip_mut_with(&z, |d, z| *d = z + beta * *d);
        }
    }
    for (k, &q) in active.index.iter().enumerate() {
        out.x.row_mut(q).assign(&active.x.row(k));
    }
    out
}

/// Solves for the rows of b (c, N) and measures the residuals anew: where rounding has let them drift
/// away from those of the iteration, it goes on from where it stopped. The coefficients are those of
/// the first solve.
pub(super) fn solve_measured(
    a: &MaskedKronecker,
    p: &Preconditioner,
    b: ArrayView2<f64>,
    first: Solved,
    tolerance: f64,
    max_iterations: usize,
) -> (Solved, Array2<f64>) {
    let sizes = products(&b.to_owned(), &p.solve(&b.to_owned()));
    let mut out = first;
    let mut residual = &b - &a.rows_times(out.x.view(), true);
    for attempt in 0..RESTARTS {
        let rho = products(&residual, &p.solve(&residual));
        for ((relative, rho), size) in out.relative.iter_mut().zip(&rho).zip(&sizes) {
            *relative = if *size > 0.0 { (rho.max(0.0) / size).sqrt() } else { 0.0 };
        }
        let enough = !out.relative.iter().any(|r| *r > tolerance);
        if enough || attempt + 1 == RESTARTS || out.iterations >= max_iterations {
            break;
        }
        let tolerances = vec![tolerance; b.nrows()];
        let left = max_iterations - out.iterations;
        let again = solve(a, p, b, Some(out.x.clone()), &tolerances, left);
        let better = again.relative.iter().zip(&out.relative).all(|(new, old)| new <= old);
        if !better {
            break;
        }
        out.iterations += again.iterations;
        out.x = again.x;
        residual = &b - &a.rows_times(out.x.view(), true);
    }
    (out, residual)
}

/// Inner products of the rows of two matrices.
pub(super) fn products(a: &Array2<f64>, b: &Array2<f64>) -> Vec<f64> {
    a.rows().into_iter().zip(b.rows()).map(|(a, b)| a.dot(&b)).collect()
}

/// Adds multiples of the rows of one matrix to those of another.
fn add_scaled(target: &mut Array2<f64>, scales: &[f64], rows: &Array2<f64>) {
    for ((mut t, row), s) in target.rows_mut().into_iter().zip(rows.rows()).zip(scales) {
        t.scaled_add(*s, &row);
    }
}

/// The diagonal and the side of the tridiagonal matrix that the iterations of one column stand for.
pub(super) fn tridiagonal(coefficients: &[(f64, f64)]) -> Array2<f64> {
    let m = coefficients.len();
    let mut out = Array2::<f64>::zeros((m, m));
    let mut before: Option<(f64, f64)> = None;
    for (j, &(alpha, beta)) in coefficients.iter().enumerate() {
        out[[j, j]] = 1.0 / alpha + before.map_or(0.0, |(a, b)| b / a);
        if j + 1 < m {
            let side = beta.max(0.0).sqrt() / alpha;
            out[[j, j + 1]] = side;
            out[[j + 1, j]] = side;
        }
        before = Some((alpha, beta));
    }
    out
}

/// Rows scaled, each by its own number.
pub(super) fn scaled_rows(m: &Array2<f64>, scales: &Array1<f64>) -> Array2<f64> {
    m * &scales.view().insert_axis(Axis(1))
}
