//! What the gaps of a table of mixed latent functions add: a Schur complement on the missing entries.
//!
//! Let A be the covariance of the whole table and E_m its missing entries. With `V = R^-1/2 W C` (T, m)
//! and `P_q = A_q^-1` the matrix `G = E_m' A^-1 E_m` has the entries
//!
//! `G_ab = sum_q V_tq V_uq P_q[i, j] + [i = j] (R^-1/2 (I - W C W') R^-1/2)_tu`
//!
//! for the gaps a = (i, t) and b = (j, u). As in [`super::SchurFactor`] zeros at the gaps are replaced by
//! `-G^-1 (A^-1 y)_m`, and `log |A_oo| = log |A| + log |G|`; the filled values are stationary, so that
//! the gradient is that of the filled table less half that of `log |G|`. Nothing is approximated.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use crate::error::Result;
use crate::linalg;
use crate::op::{MixedAdjoint, MixedTasks};

/// The Schur complement on M gaps, factored.
#[derive(Debug, Clone)]
pub(super) struct Gaps {
    /// `A_q^-1` (n, n).
    inverses: Vec<Array2<f64>>,
    rows: Vec<usize>,
    tasks: Vec<usize>,
    /// Rows of V at the tasks of the gaps (M, m).
    projection: Array2<f64>,
    /// The Cholesky factor of G (M, M).
    lower: Array2<f64>,
}

impl Gaps {
    /// From the inverses of the blocks and the missing entries (row, task): m M^2 / 2 + M^3 / 3
    /// multiply-adds.
    pub(super) fn new(
        inverses: Vec<Array2<f64>>,
        tasks: &MixedTasks,
        missing: &[(usize, usize)],
    ) -> Result<Self> {
        let projection = tasks.projection();
        let (w, root) = (tasks.whitened(), tasks.root());
        let (rows, columns): (Vec<usize>, Vec<usize>) = missing.iter().copied().unzip();
        let projection = projection.select(Axis(0), &columns);
        let places: Vec<usize> = (0..missing.len()).collect();
        let lines = linalg::map(&places, |&a| {
            let (i, t) = missing[a];
            let mut line = Array1::<f64>::zeros(a + 1);
            for (q, inverse) in inverses.iter().enumerate() {
                let (precisions, own) = (inverse.row(i), projection[[a, q]]);
                let others = rows.iter().zip(projection.column(q));
                line.iter_mut().zip(others).for_each(|(g, (&j, v))| *g += own * v * precisions[j]);
            }
            for (b, &(j, u)) in missing[..=a].iter().enumerate() {
                if i == j {
                    let white = f64::from(u8::from(t == u)) / root[t];
                    line[b] += (white - projection.row(a).dot(&w.row(u))) / root[u];
                }
            }
            line
        });
        let mut g = Array2::zeros((missing.len(), missing.len()));
        for (a, line) in lines.iter().enumerate() {
            g.slice_mut(s![a, ..=a]).assign(line);
        }
        linalg::mirror(&mut g);
        let lower = linalg::cholesky_of(g)?;
        Ok(Gaps { inverses, rows, tasks: columns, projection, lower })
    }

    /// `A_q^-1`.
    pub(super) fn inverses(&self) -> &[Array2<f64>] {
        &self.inverses
    }

    /// `G^-1 a`.
    pub(super) fn solve(&self, a: Array1<f64>) -> Array1<f64> {
        let half = linalg::solve_lower(self.lower.view(), a.insert_axis(Axis(1)).view());
        linalg::solve_lower_transpose(self.lower.view(), half.view()).remove_axis(Axis(1))
    }

    /// `log |G|`.
    pub(super) fn log_det(&self) -> f64 {
        2.0 * self.lower.diag().iter().map(|v| v.ln()).sum::<f64>()
    }

    /// The diagonal of `G^-1`: variances of the missing observations given those observed.
    pub(super) fn variances(&self) -> Array1<f64> {
        let half = linalg::solve_lower(self.lower.view(), Array2::eye(self.lower.nrows()).view());
        half.mapv(|v| v * v).sum_axis(Axis(0))
    }

    /// Doubles that [`Gaps::gains`] takes for each row.
    pub(super) fn row_doubles(&self) -> usize {
        2 * self.lower.nrows() * self.inverses.len()
    }

    /// Adds `T' G^-1 T / 2` to the adjoint of K_q, `T = diag(V_q) P_q` at the gaps (M, n).
    pub(super) fn add_kernel_adjoint(&self, q: usize, adjoint: &mut Array2<f64>) {
        let mut scaled = self.inverses[q].select(Axis(0), &self.rows);
        scaled *= &self.projection.column(q).insert_axis(Axis(1));
        let mut half = linalg::solve_lower(self.lower.view(), scaled.view());
        half *= 0.5f64.sqrt();
        linalg::add_gram(half.view(), adjoint.view_mut());
        linalg::mirror(adjoint);
    }

    /// Adds minus half the gradient of `log |G|` to the adjoints of W and `R^1/2`.
    pub(super) fn add_mixing_adjoint(&self, tasks: &MixedTasks, adjoint: &mut MixedAdjoint) {
        let (w, c, root) = (tasks.whitened(), tasks.inverse(), tasks.root());
        let scaled = w / &root.view().insert_axis(Axis(1)); // R^-1/2 W
        let inverse = linalg::cholesky_inverse(self.lower.view());
        let places: Vec<usize> = (0..self.rows.len()).collect();
        // With respect to the rows of V at the gaps (M, m).
        let of_gaps = linalg::map(&places, |&a| {
            let weights = inverse.row(a);
            let sums = self.inverses.iter().enumerate().map(|(q, precisions)| {
                let precisions = precisions.row(self.rows[a]);
                let others = self.rows.iter().zip(self.projection.column(q)).zip(&weights);
                -others.map(|((&j, v), g)| g * precisions[j] * v).sum::<f64>()
            });
            sums.collect::<Array1<f64>>()
        });
        let mut of_projection = Array2::<f64>::zeros(w.dim());
        for (&t, row) in self.tasks.iter().zip(&of_gaps) {
            of_projection.row_mut(t).scaled_add(1.0, row);
        }
        // With respect to what is white, N (T, T), which has entries for gaps of one row only: its
        // product with R^-1/2 W, and its own part in R^-1/2.
        let mut products = Array2::<f64>::zeros(w.dim());
        let mut of_inverse_root = Array1::<f64>::zeros(root.len());
        for (a, b) in self.pairs() {
            let (t, u) = (self.tasks[a], self.tasks[b]);
            let n = -0.5 * inverse[[a, b]];
            products.row_mut(t).scaled_add(n, &scaled.row(u));
            let white = f64::from(u8::from(t == u)) / root[u];
            of_inverse_root[t] += 2.0 * n * (white - self.projection.row(b).dot(&w.row(t)));
        }
        // V = R^-1/2 W C.
        let through = linalg::matmul(of_projection.view(), c.view());
        of_inverse_root += &(through.clone() * w).sum_axis(Axis(1));
        let mut of_c = linalg::matmul(scaled.t(), of_projection.view());
        of_c -= &linalg::matmul(scaled.t(), products.view());
        let of_c = (&of_c + &of_c.t()) * 0.5;
        let direct = through - linalg::matmul(products.view(), c.view()) * 2.0;
        adjoint.whitened += &(direct / root.view().insert_axis(Axis(1)));
        // dC = -C (dW' W + W' dW) C.
        let inner = linalg::matmul(linalg::matmul(c.view(), of_c.view()).view(), c.view());
        adjoint.whitened.scaled_add(-2.0, &linalg::matmul(w.view(), inner.view()));
        adjoint.root -= &(of_inverse_root / root.mapv(|v| v * v));
    }

    /// Pairs of gaps in one row.
    fn pairs(&self) -> Vec<(usize, usize)> {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by_key(|&a| self.rows[a]);
        let groups = order.chunk_by(|&a, &b| self.rows[a] == self.rows[b]);
        groups.flat_map(|g| g.iter().flat_map(|&a| g.iter().map(move |&b| (a, b)))).collect()
    }

    /// `L^-1 J'` (M, c m) at rows with cross-kernels (c, n), where column `i m + q` of J' is what the
    /// conditional mean of the latent function q at row i gains from a unit of each gap.
    pub(super) fn gains(&self, cross: &[ArrayView2<f64>]) -> Array2<f64> {
        let (m, c) = (self.inverses.len(), cross.first().map_or(0, |k| k.nrows()));
        let mut gains = Array2::<f64>::zeros((self.rows.len(), c * m));
        for (q, inverse) in self.inverses.iter().enumerate() {
            let mut part = linalg::matmul(inverse.select(Axis(0), &self.rows).view(), cross[q].t());
            part *= &self.projection.column(q).insert_axis(Axis(1));
            gains.slice_mut(s![.., q..;m]).assign(&part);
        }
        linalg::solve_lower(self.lower.view(), gains.view())
    }
}
