//! Unpenalised columns in a complete table of mixed latent functions: one least-squares problem for each
//! latent function, and an ordinary one for everything that is white.
//!
//! With `beta = (zeta W' + eps) R^1/2`, eps orthogonal to W, the data `Z, E` of [`MixedTasks`] have means
//! `F zeta` and `F eps`, so that `beta' A beta = sum_q zeta_q' A_q zeta_q + tr(eps' F' F eps)` with
//! `A_q = F' (K_q + delta_q I)^-1 F`, and
//!
//! `log |A| = sum_q log |A_q| + (T - m) log |F' F| - p (log |W' W| + log |R|)`.
//!
//! `Z_q = (K_q + delta_q I)^-1 F L_q^-T` is n x p. Nothing of size T x T is formed: O(n T p) and m
//! triangular solves of p columns.

use ndarray::{Array1, Array2, Array4, ArrayView2, Axis, s};

use super::part::{Part, drawn, squares};
use super::{FixedEffects, Rows};
use crate::error::Result;
use crate::linalg;
use crate::op::{Adjoint, MixedAdjoint, MixedTasks};
use crate::solve::RowCovariances;
use crate::solve::mixed_posterior::joint;

/// The problems of all latent functions and of what is white.
#[derive(Debug, Clone)]
pub(crate) struct Latents {
    tasks: MixedTasks,
    parts: Vec<Part>,
    white: Part,
}

impl Latents {
    /// The problems for columns F (n, p), from the solutions of the covariance of each latent function
    /// for them.
    ///
    /// # Errors
    /// [`crate::Error::NotPositive`] where the columns cannot be told apart.
    pub(in crate::solve) fn new(
        tasks: &MixedTasks,
        basis: ArrayView2<f64>,
        solved: &[Array2<f64>],
    ) -> Result<Self> {
        let one = |solved: &Array2<f64>| Part::new(basis, solved.view());
        let parts = solved.iter().map(one).collect::<Result<_>>()?;
        Ok(Latents { tasks: tasks.clone(), parts, white: Part::new(basis, basis)? })
    }

    /// The effects, from the columns F (n, p), the solutions of the latent functions for their data
    /// (n, m), and the data that are white (n, T).
    pub(in crate::solve) fn effects(
        self,
        basis: ArrayView2<f64>,
        solution: &Array2<f64>,
        rest: &Array2<f64>,
    ) -> FixedEffects {
        let moments = linalg::matmul(basis.t(), solution.view());
        let mut latent = Array2::zeros(moments.dim());
        for (q, part) in self.parts.iter().enumerate() {
            let solved = part.solve(moments.column(q).insert_axis(Axis(1)));
            latent.column_mut(q).assign(&solved.column(0));
        }
        let white = self.white.solve(linalg::matmul(basis.t(), rest.view()).view());
        let coefficients = self.tasks.joined(&latent, &white);
        let n_white = (self.tasks.n_tasks() - self.parts.len()) as f64;
        let half_log_det = self.parts.iter().map(Part::half_log_det).sum::<f64>()
            + n_white * self.white.half_log_det()
            - basis.ncols() as f64 * self.tasks.half_log_det();
        FixedEffects::of_latents(coefficients, half_log_det, self)
    }

    /// `F(x) L_q^-T - k_q(x, X) Z_q` (c, p) of each latent function, and `F(x) L^-T` of what is white.
    fn shares(&self, rows: &Rows) -> (Vec<Array2<f64>>, Array2<f64>) {
        let one = |(part, cross): (&Part, &Array2<f64>)| {
            part.known(rows.basis) - linalg::matmul(cross.view(), part.half.view())
        };
        (self.parts.iter().zip(rows.cross).map(one).collect(), self.white.known(rows.basis))
    }

    pub(super) fn row_covariances(&self, rows: &Rows) -> LatentShares<'_> {
        let (shares, white) = self.shares(rows);
        let mut latent = Array2::zeros((rows.basis.nrows(), shares.len()));
        for (mut column, share) in latent.columns_mut().into_iter().zip(&shares) {
            column.assign(&squares(share));
        }
        LatentShares { tasks: &self.tasks, latent, white: squares(&white) }
    }

    pub(super) fn joint(&self, rows: &Rows) -> Array4<f64> {
        let (shares, white) = self.shares(rows);
        let square = |share: &Array2<f64>| linalg::matmul(share.view(), share.t());
        let blocks: Vec<Array2<f64>> = shares.iter().map(square).collect();
        let mut out = joint(&self.tasks.mixing(), &blocks, None);
        let all: Vec<usize> = (0..self.tasks.n_tasks()).collect();
        let between = self.tasks.white_covariance(&all, &all);
        for ((i, j), &v) in square(&white).indexed_iter() {
            out.slice_mut(s![i, .., j, ..]).scaled_add(v, &between);
        }
        out
    }

    pub(super) fn draws(
        &self,
        rows: &Rows,
        count: usize,
        normal: &mut impl FnMut() -> f64,
    ) -> Vec<Array2<f64>> {
        let (shares, white) = self.shares(rows);
        let (m, p) = rows.basis.dim();
        let one = |_| {
            let latent = drawn(&shares, m, normal);
            let draw = Array2::from_shape_simple_fn((p, self.tasks.n_tasks()), &mut *normal);
            let outside = linalg::matmul(white.view(), self.tasks.outside(draw).view());
            self.tasks.joined(&latent, &outside)
        };
        (0..count).map(one).collect()
    }

    pub(super) fn row_doubles(&self) -> usize {
        let p = self.white.lower.nrows();
        2 * p * (self.parts.len() + 1) + self.tasks.n_tasks()
    }

    /// Adds `1/2 Z_q Z_q'` to the adjoint of K_q: what the restricted likelihood has more.
    pub(crate) fn add_kernel(&self, latent: usize, adjoint: &mut Adjoint<'_>) {
        adjoint.add_low_rank(&self.parts[latent].half * 0.5f64.sqrt());
    }

    /// The same for W, `R^1/2` and delta: `p W (W' W)^-1`, `p R^-1/2` and `1/2 sum(Z_q o Z_q)`.
    pub(crate) fn add_mixing(&self, adjoint: &mut MixedAdjoint) {
        let p = self.white.lower.nrows() as f64;
        let inverse = linalg::matmul(self.tasks.whitened().view(), self.tasks.inverse().view());
        adjoint.whitened.scaled_add(p, &inverse);
        adjoint.root += &self.tasks.root().mapv(|v| p / v);
        for (own, part) in adjoint.noises.iter_mut().zip(&self.parts) {
            *own += 0.5 * part.half.iter().map(|v| v * v).sum::<f64>();
        }
    }

    /// Data of the latent functions (n, m), solved, and what is white (n, T) less what the columns take of
    /// them; and what they take of the diagonals of the precisions, (n, m) and (n).
    pub(in crate::solve) fn contrasts(
        &self,
        data: &Array2<f64>,
        solution: &Array2<f64>,
        rest: &Array2<f64>,
    ) -> Contrasts {
        let mut out = Contrasts {
            solution: solution.clone(),
            rest: rest.clone(),
            latent: Array2::zeros(data.dim()),
            white: squares(&self.white.half),
        };
        for (q, part) in self.parts.iter().enumerate() {
            let taken = part.half.dot(&part.half.t().dot(&data.column(q)));
            out.solution.column_mut(q).scaled_add(-1.0, &taken);
            out.latent.column_mut(q).assign(&squares(&part.half));
        }
        let taken = linalg::matmul(self.white.half.t(), rest.view());
        out.rest -= &linalg::matmul(self.white.half.view(), taken.view());
        out
    }
}

/// What columns take of the data and their precisions.
pub(in crate::solve) struct Contrasts {
    pub(in crate::solve) solution: Array2<f64>,
    pub(in crate::solve) rest: Array2<f64>,
    pub(in crate::solve) latent: Array2<f64>,
    pub(in crate::solve) white: Array1<f64>,
}

/// Variances of the latent functions (c, m), and of what is white (c), at some rows.
pub(super) struct LatentShares<'a> {
    tasks: &'a MixedTasks,
    latent: Array2<f64>,
    white: Array1<f64>,
}

impl RowCovariances for LatentShares<'_> {
    fn variances(&self) -> (Array2<f64>, usize) {
        let weights = self.tasks.mixing().mapv(|v| v * v);
        let out = linalg::matmul(self.latent.view(), weights.t());
        let white = self.white.view().insert_axis(Axis(1));
        (out + &white * &self.tasks.white_variances(), 0)
    }

    fn block(&self, i: usize, rows: &[usize], columns: &[usize]) -> Array2<f64> {
        let h = self.tasks.mixing();
        let left = h.select(Axis(0), rows) * self.latent.row(i);
        let out = linalg::matmul(left.view(), h.select(Axis(0), columns).t());
        out + self.tasks.white_covariance(rows, columns) * self.white[i]
    }
}
