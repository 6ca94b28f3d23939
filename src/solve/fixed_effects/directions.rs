//! Unpenalised columns in a complete table: one least-squares problem for each direction between tasks.
//!
//! In direction j of the congruence the whitened data have covariance `D_j = 1 + d_j K`, so that
//! `A_j = F' D_j^-1 F` is p x p, `Z_j = D_j^-1 F L_j^-T` is n x p, and what is not known of the mean adds
//! `|F(x) L_j^-T - d_j k(x, X) Z_j|^2` to the variance of the direction. Directions that are not stored
//! share one problem. (ALGORITHMS: generalised least squares in the rotated basis.)

use std::sync::Arc;

use ndarray::{Array1, Array2, Array4, ArrayView2, Axis};

use super::part::{Part, drawn, squares};
use super::{FixedEffects, Rows};
use crate::error::Result;
use crate::linalg;
use crate::op::{Adjoint, TaskAdjoint};
use crate::solve::conditional::{DirectionVariances, assembled};
use crate::solve::{Congruence, Spectrum};

/// The problem of one direction.
#[derive(Debug, Clone)]
pub(in crate::solve) struct Direction {
    part: Part,
    /// `sum(Z_j o K Z_j)`.
    signal: f64,
    /// `sum(Z_j o Z_j)`.
    noise: f64,
}

impl Direction {
    /// The problem for columns F and `D^-1 F`; `through` gives K times columns.
    fn new(
        basis: ArrayView2<f64>,
        solved: &Array2<f64>,
        through: impl Fn(&Array2<f64>) -> Array2<f64>,
    ) -> Result<Self> {
        let part = Part::new(basis, solved.view())?;
        let signal = (&part.half * &through(&part.half)).sum();
        let noise = part.half.iter().map(|v| v * v).sum();
        Ok(Direction { part, signal, noise })
    }

    /// `F(x) L_j^-T - d_j k(x, X) Z_j` (m, p).
    fn shares(&self, rows: &Rows, shift: f64) -> Array2<f64> {
        let mut out = self.part.known(rows.basis);
        for cross in rows.cross {
            out.scaled_add(-shift, &linalg::matmul(cross.view(), self.part.half.view()));
        }
        out
    }
}

/// The problems of all directions.
#[derive(Debug, Clone)]
pub(in crate::solve) struct Directions {
    congruence: Congruence,
    /// The basis that the Z_j are given in; none is that of the rows.
    spectrum: Option<Arc<Spectrum>>,
    stored: Vec<Direction>,
    rest: Option<Direction>,
}

impl Directions {
    /// The problems for columns F (n, p), from `D_j^-1 F` of each stored direction and of the rest.
    ///
    /// # Errors
    /// [`crate::Error::NotPositive`] where the columns cannot be told apart.
    pub(in crate::solve) fn new(
        congruence: &Congruence,
        spectrum: Option<Arc<Spectrum>>,
        basis: ArrayView2<f64>,
        solved: &[Array2<f64>],
        rest: Option<&Array2<f64>>,
        through: impl Fn(&Array2<f64>) -> Array2<f64>,
    ) -> Result<Self> {
        let one = |solved: &Array2<f64>| Direction::new(basis, solved, &through);
        Ok(Directions {
            congruence: congruence.clone(),
            spectrum,
            stored: solved.iter().map(one).collect::<Result<_>>()?,
            rest: rest.map(one).transpose()?,
        })
    }

    /// The coefficients (p, T) in the whitened task space, from `F' D_j^-1 y` of each stored direction
    /// (p, k), and of the rest in the whitened task space off the stored directions (p, T).
    pub(in crate::solve) fn whitened_coefficients(
        &self,
        stored: ArrayView2<f64>,
        rest: Option<&Array2<f64>>,
    ) -> Array2<f64> {
        let mut along = Array2::zeros(stored.dim());
        for (j, direction) in self.stored.iter().enumerate() {
            let solved = direction.part.solve(stored.column(j).insert_axis(Axis(1)));
            along.column_mut(j).assign(&solved.column(0));
        }
        let mut out = linalg::matmul(along.view(), self.congruence.vectors());
        if let (Some(direction), Some(rhs)) = (&self.rest, rest) {
            out += &direction.part.solve(rhs.view());
        }
        out
    }

    /// The effects with coefficients given in the whitened task space.
    pub(in crate::solve) fn effects(self, whitened: ArrayView2<f64>) -> FixedEffects {
        let coefficients = self.congruence.color_rows(whitened);
        let p = coefficients.nrows() as f64;
        let mut half_log_det: f64 = self.stored.iter().map(|one| one.part.half_log_det()).sum();
        if let Some(rest) = &self.rest {
            half_log_det += self.congruence.n_rest() as f64 * rest.part.half_log_det();
        }
        half_log_det -= p * self.congruence.half_log_det_noise();
        FixedEffects::of_directions(coefficients, half_log_det, self)
    }

    /// The same in the basis of the rows.
    pub(super) fn at_rows(mut self) -> Self {
        if let Some(spectrum) = self.spectrum.take() {
            for direction in self.stored.iter_mut().chain(&mut self.rest) {
                let half = &mut direction.part.half;
                *half = linalg::matmul(spectrum.vectors.view(), half.view());
            }
        }
        self
    }

    /// The shares of each stored direction (m, p), and of the rest.
    fn shares(&self, rows: &Rows) -> (Vec<Array2<f64>>, Option<Array2<f64>>) {
        let shifts = self.congruence.shifts();
        let stored = self.stored.iter().zip(shifts).map(|(one, &d)| one.shares(rows, d)).collect();
        let rest = self.rest.as_ref().zip(self.congruence.rest_shift());
        (stored, rest.map(|(one, shift)| one.shares(rows, shift)))
    }

    pub(super) fn row_covariances(&self, rows: &Rows) -> DirectionVariances<'_> {
        let (shares, rest) = self.shares(rows);
        let mut stored = Array2::zeros((rows.basis.nrows(), shares.len()));
        for (mut column, share) in stored.columns_mut().into_iter().zip(&shares) {
            column.assign(&squares(share));
        }
        DirectionVariances::new(&self.congruence, stored, rest.as_ref().map(squares), 0)
    }

    /// `sum_j |(P_j w) F(x) L_j^-T - (W_j b) k(x, X) Z_j|^2` for the primal P and dual W of each direction, and
    /// the same over the directions that are not stored.
    pub(super) fn unseen_variances(&self, rows: &Rows, weights: ArrayView2<f64>) -> Array2<f64> {
        let of = |direction: &Direction| {
            let first = direction.shares(&Rows { cross: &[], ..*rows }, 0.0);
            (direction.shares(rows, 1.0) - &first, first)
        };
        let squares = |(taken, known): &(Array2<f64>, Array2<f64>)| {
            let product = |a: &Array2<f64>, b: &Array2<f64>| (a * b).sum_axis(Axis(1));
            [product(known, known), product(known, taken), product(taken, taken)]
        };
        let mut out = Array2::zeros((rows.basis.nrows(), weights.ncols()));
        let mut add = |factors: [Array1<f64>; 3], of_rows: [Array1<f64>; 3]| {
            for ((factor, of_rows), times) in factors.iter().zip(&of_rows).zip([1.0, 2.0, 1.0]) {
                out.scaled_add(times, &(&of_rows.view().insert_axis(Axis(1)) * factor));
            }
        };
        let cross = rows.tasks.iter().fold(Array2::zeros(weights.dim()), |sum, b| sum + b);
        let along = linalg::matmul(self.congruence.primal_vectors().t(), weights);
        let through = linalg::matmul(self.congruence.dual_vectors().t(), cross.view());
        for ((direction, u), v) in self.stored.iter().zip(along.rows()).zip(through.rows()) {
            add([&u * &u, &u * &v, &v * &v], squares(&of(direction)));
        }
        if let Some(direction) = &self.rest {
            // Sigma^1/2 w and Sigma^-1/2 b off the stored directions.
            let variances = self.congruence.noise_variances().mapv(f64::sqrt);
            let u = self.congruence.complement((&weights.t() * &variances).view());
            let v = self.congruence.complement((&cross.t() / &variances).view());
            let product = |a: &Array2<f64>, b: &Array2<f64>| (a * b).sum_axis(Axis(1));
            add([product(&u, &u), product(&u, &v), product(&v, &v)], squares(&of(direction)));
        }
        out
    }

    pub(super) fn joint(&self, rows: &Rows) -> Array4<f64> {
        let (shares, rest) = self.shares(rows);
        let square = |r: &Array2<f64>| linalg::matmul(r.view(), r.t());
        let blocks: Vec<Array2<f64>> = shares.iter().map(square).collect();
        assembled(&self.congruence, &blocks, rest.as_ref().map(square).as_ref())
    }

    pub(super) fn draws(
        &self,
        rows: &Rows,
        count: usize,
        normal: &mut impl FnMut() -> f64,
    ) -> Vec<Array2<f64>> {
        let (shares, rest) = self.shares(rows);
        let (m, p) = rows.basis.dim();
        let (primal, t) = (self.congruence.primal_vectors(), self.congruence.n_tasks());
        let one = |_| {
            let along = drawn(&shares, m, normal);
            let mut draw = linalg::matmul(along.view(), primal.t());
            if let Some(share) = &rest {
                let white = Array2::from_shape_simple_fn((p, t), &mut *normal);
                let outside = self.congruence.complement(white.view());
                let outside = linalg::matmul(share.view(), outside.view());
                draw += &self.congruence.color_rows(outside.view());
            }
            draw
        };
        (0..count).map(one).collect()
    }

    pub(super) fn row_doubles(&self) -> usize {
        let p = self.stored.first().or(self.rest.as_ref()).map_or(0, |d| d.part.lower.nrows());
        2 * p * (self.stored.len() + 1) + self.congruence.shifts().len()
    }

    /// Adds to the adjoint of K what the restricted likelihood has more: `1/2 sum_j d_j Z_j Z_j'`.
    pub(super) fn add_kernel(&self, adjoint: &mut Adjoint<'_>) {
        let shifts = self.congruence.shifts().iter();
        let stored = self.stored.iter().zip(shifts).map(|(one, d)| (one, *d));
        let count = self.congruence.n_rest() as f64;
        let rest = self.rest.as_ref().zip(self.congruence.rest_shift().map(|c| count * c));
        let parts: Vec<Array2<f64>> = stored
            .chain(rest)
            .map(|(one, weight)| &one.part.half * (0.5 * weight).sqrt())
            .collect();
        let views: Vec<ArrayView2<f64>> = parts.iter().map(|part| part.view()).collect();
        let Ok(parts) = ndarray::concatenate(Axis(1), &views) else { return };
        let parts = match &self.spectrum {
            Some(spectrum) => linalg::matmul(spectrum.vectors.view(), parts.view()),
            None => parts,
        };
        adjoint.add_low_rank(parts);
    }

    /// Adds to the adjoint of B what the restricted likelihood has more.
    pub(super) fn add_task(&self, adjoint: &mut TaskAdjoint) {
        self.add_to_tasks(adjoint, |direction| direction.signal);
    }

    /// Adds to the adjoint of Sigma what the restricted likelihood has more.
    pub(super) fn add_noise(&self, adjoint: &mut TaskAdjoint) {
        self.add_to_tasks(adjoint, |direction| direction.noise);
    }

    /// Adds `1/2 W diag(v) W'`, with what the directions that are not stored share.
    fn add_to_tasks(&self, adjoint: &mut TaskAdjoint, of: impl Fn(&Direction) -> f64) {
        let v: Array1<f64> = self.stored.iter().map(&of).collect();
        let shared = self.rest.as_ref().map_or(0.0, &of);
        let added = 0.5 * (v.sum() + self.congruence.n_rest() as f64 * shared);
        match adjoint {
            TaskAdjoint::Dense { matrix, noise_inner } => {
                let w = self.congruence.dual_vectors();
                linalg::matmul_add((&w * &(v * 0.5)).view(), w.t(), matrix.view_mut());
                *noise_inner += added;
            }
            TaskAdjoint::Diagonal { diagonal, noise_inner } => {
                let squares = self.congruence.dual_vectors().mapv(|w| w * w);
                *diagonal += &(squares.dot(&v) * 0.5);
                *noise_inner += added;
            }
            TaskAdjoint::Factored { weights, rest, noise_inner, .. } => {
                weights.zip_mut_with(&v, |w, v| *w -= v - shared);
                *rest -= shared;
                *noise_inner += added;
            }
        }
    }
}
