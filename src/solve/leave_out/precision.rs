//! The precision of all observations, seen through its diagonals and blocks.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use crate::linalg;
use crate::solve::{Factor, KroneckerFactor};

/// Rows of the eigenvectors squared at a time.
const TILE: usize = 256;

/// The inverse P of the covariance that a factor holds, less what an unpenalised column takes away.
///
/// In direction j of the congruence it is `P_j = U diag(1 / Lam_j) U' - p_j p_j'` (n, n), with `I - U U'`
/// more where the spectrum was cut off, where
/// `p_j = U (u / Lam_j) / sqrt(sum u^2 / Lam_j)` for the column `U u`.
///
/// ```
/// use coregion::solve::Precision;
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let data = Dataset::new(x.view(), y.view())?;
/// # let gp = MultiTaskGp::new(Rbf::ard()).mean(Mean::Training).fit(&data)?;
/// let precision = Precision::new(gp.posterior().kronecker().unwrap(), None);
/// let variances = precision.entries(&precision.diagonals()).mapv(f64::recip);
/// let left_out = gp.leave_one_out(&LeaveOut::Entry)?;
/// assert!((variances - left_out.std.mapv(|s| s * s)).iter().all(|v| v.abs() < 1e-12));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug)]
pub struct Precision<'a> {
    factor: &'a KroneckerFactor,
    fixed: Option<FixedEffect>,
    /// What the precision of each direction adds to that of each task (T, k), and that of the rest (T).
    task_shares: (Array2<f64>, Array1<f64>),
}

/// The scaled columns `p_j` (n, k), and that of the directions which are not stored.
#[derive(Debug)]
struct FixedEffect {
    stored: Array2<f64>,
    rest: Option<Array1<f64>>,
}

/// A number for each row and direction: the diagonals of the `P_j`.
///
/// ```
/// use coregion::solve::{Precision, PrecisionDiagonals};
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// let diagonals: PrecisionDiagonals = Precision::new(gp.posterior().kronecker().unwrap(), None).diagonals();
/// assert_eq!((diagonals.stored.dim(), diagonals.rest), ((5, 2), None));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PrecisionDiagonals {
    /// Those of the stored directions (n, k).
    pub stored: Array2<f64>,
    /// That of all other directions (n), where there are any.
    pub rest: Option<Array1<f64>>,
}

/// `(U o U) M`, in tiles: no second n x n matrix.
pub(crate) fn squares_times(u: ArrayView2<f64>, m: ArrayView2<f64>) -> Array2<f64> {
    let mut out = Array2::zeros((u.nrows(), m.ncols()));
    for start in (0..u.nrows()).step_by(TILE) {
        let rows = s![start..(start + TILE).min(u.nrows()), ..];
        let squares = u.slice(rows).mapv(|v| v * v);
        linalg::matmul_into(squares.view(), m, out.slice_mut(rows));
    }
    out
}

impl<'a> Precision<'a> {
    /// The precision of a factor; `fixed` is `U' h` for an unpenalised column h.
    pub fn new(factor: &'a KroneckerFactor, fixed: Option<ArrayView1<f64>>) -> Self {
        let fixed = fixed.map(|u| {
            let (inverse, inverse_rest) = factor.inverse_shifts();
            let squares = u.mapv(|v| v * v);
            let scale = squares.dot(inverse).mapv(|c| c.sqrt().recip());
            let columns = inverse * &u.insert_axis(Axis(1)) * &scale;
            let vectors = factor.spectrum().vectors.view();
            FixedEffect {
                stored: linalg::matmul(vectors, columns.view()),
                rest: inverse_rest.map(|rest| vectors.dot(&(&u * rest)) / squares.dot(rest).sqrt()),
            }
        });
        Precision { factor, fixed, task_shares: factor.congruence().precision_weights() }
    }

    pub(super) fn factor(&self) -> &'a KroneckerFactor {
        self.factor
    }

    /// The dual coefficients along the stored directions (n, k): not read off those in the tasks,
    /// where a direction with much signal would drown in the others.
    pub(super) fn inside(&self) -> Array2<f64> {
        let u = self.factor.spectrum().vectors.view();
        linalg::matmul(u, self.factor.coefficients().view())
    }

    /// The dual coefficients in the whitened task space outside the stored directions (n, T), where
    /// some are not stored.
    pub(super) fn outside(&self, inside: &Array2<f64>) -> Option<Array2<f64>> {
        let congruence = self.factor.congruence();
        (congruence.n_rest() > 0).then(|| {
            let u = self.factor.spectrum().vectors.view();
            linalg::matmul(u, self.factor.whitened_solution().view())
                - &linalg::matmul(inside.view(), congruence.vectors())
        })
    }

    /// The dual coefficients C (n, T).
    pub(super) fn dual(&self) -> Array2<f64> {
        self.factor.dual()
    }

    /// The diagonals of the precisions of all directions: 2 n^2 operations for each.
    pub fn diagonals(&self) -> PrecisionDiagonals {
        let u = self.factor.spectrum().vectors.view();
        let (inverse, inverse_rest) = self.factor.inverse_shifts();
        let mut stored = squares_times(u, inverse.view());
        let mut rest = inverse_rest
            .map(|r| squares_times(u, r.view().insert_axis(Axis(1))).remove_axis(Axis(1)));
        if let Some(outside) = self.factor.spectrum().outside() {
            // Nothing but noise there: the whitened precision is 1.
            stored += &outside.view().insert_axis(Axis(1));
            if let Some(rest) = &mut rest {
                *rest += &outside;
            }
        }
        if let Some(fixed) = &self.fixed {
            stored.zip_mut_with(&fixed.stored, |q, p| *q -= p * p);
            if let (Some(rest), Some(p)) = (&mut rest, &fixed.rest) {
                rest.zip_mut_with(p, |q, p| *q -= p * p);
            }
        }
        PrecisionDiagonals { stored, rest }
    }

    /// The diagonal of P (n, T) from those of the directions.
    pub fn entries(&self, diagonals: &PrecisionDiagonals) -> Array2<f64> {
        self.spread(&diagonals.stored, diagonals.rest.as_ref())
    }

    /// `h` (n, T), with which the block of task t is `U diag(h_t) U'` where nothing is unpenalised and the
    /// vectors U span everything.
    pub(super) fn task_weights(&self) -> Array2<f64> {
        let (inverse, inverse_rest) = self.factor.inverse_shifts();
        self.spread(inverse, inverse_rest)
    }

    /// What task t has of the precision in directions that the vectors U do not span (T).
    pub(super) fn outside_weights(&self) -> Array1<f64> {
        let (squares, remainder) = &self.task_shares;
        squares.sum_axis(Axis(1)) + remainder
    }

    /// `sum_j W_tj^2 m_ij` and what the other directions add (n, T).
    fn spread(&self, stored: &Array2<f64>, rest: Option<&Array1<f64>>) -> Array2<f64> {
        let (squares, remainder) = &self.task_shares;
        let mut out = linalg::matmul(stored.view(), squares.t());
        if let Some(rest) = rest {
            out += &(&rest.view().insert_axis(Axis(1)) * remainder);
        }
        out
    }

    /// Variances of observations (n, T) whose precision is diagonal in the directions.
    pub(super) fn variances(
        &self,
        stored: &Array2<f64>,
        rest: Option<&Array1<f64>>,
    ) -> Array2<f64> {
        let congruence = self.factor.congruence();
        let (squares, remainder) = congruence.variance_weights(&congruence.noise_variances());
        let mut out = linalg::matmul(stored.mapv(f64::recip).view(), squares.t());
        if let Some(rest) = rest {
            out += &(&rest.mapv(f64::recip).insert_axis(Axis(1)) * &remainder);
        }
        out
    }

    /// P seen at some rows alone.
    pub(super) fn at(&self, rows: &[usize]) -> AtRows<'_, 'a> {
        AtRows {
            precision: self,
            vectors: self.factor.spectrum().vectors.select(Axis(0), rows),
            fixed: self.fixed.as_ref().map(|f| FixedEffect {
                stored: f.stored.select(Axis(0), rows),
                rest: f.rest.as_ref().map(|p| p.select(Axis(0), rows)),
            }),
        }
    }
}

/// The blocks of P for some rows: these rows of the eigenvectors and of the `p_j`.
pub(super) struct AtRows<'p, 'a> {
    precision: &'p Precision<'a>,
    vectors: Array2<f64>,
    fixed: Option<FixedEffect>,
}

impl AtRows<'_, '_> {
    /// The block of P_j, and of the rest for j = k.
    pub(super) fn direction_block(&self, j: usize) -> Array2<f64> {
        let (inverse, inverse_rest) = self.precision.factor.inverse_shifts();
        let rest = inverse_rest.filter(|_| j == inverse.ncols());
        let weights = rest.map_or_else(|| inverse.column(j), |r| r.view());
        let mut block = self.weighted_block(weights, 1.0);
        if let Some(fixed) = &self.fixed {
            let column = match &fixed.rest {
                Some(p) if j == inverse.ncols() => p.view(),
                _ => fixed.stored.column(j),
            };
            subtract_outer(&mut block, column, 1.0);
        }
        block
    }

    /// The block of P for one task, with the weights h of [`Precision::task_weights`].
    pub(super) fn task_block(&self, weights: ArrayView1<f64>, task: usize) -> Array2<f64> {
        let mut block = self.weighted_block(weights, self.precision.outside_weights()[task]);
        if let Some(fixed) = &self.fixed {
            let (squares, remainder) = &self.precision.task_shares;
            for (column, share) in fixed.stored.columns().into_iter().zip(squares.row(task)) {
                subtract_outer(&mut block, column, *share);
            }
            if let Some(p) = &fixed.rest {
                subtract_outer(&mut block, p.view(), remainder[task]);
            }
        }
        block
    }

    /// `U_S diag(weights) U_S'`, and `outside` in the directions that the vectors do not span.
    fn weighted_block(&self, weights: ArrayView1<f64>, outside: f64) -> Array2<f64> {
        if self.precision.factor.spectrum().hidden() == 0 {
            return linalg::matmul((&self.vectors * &weights).view(), self.vectors.t());
        }
        let weights = weights.mapv(|w| w - outside);
        let mut block = linalg::matmul((&self.vectors * &weights).view(), self.vectors.t());
        block.diag_mut().mapv_inplace(|v| v + outside);
        block
    }
}

/// Subtracts `scale p p'`.
fn subtract_outer(block: &mut Array2<f64>, p: ArrayView1<f64>, scale: f64) {
    for (mut row, a) in block.rows_mut().into_iter().zip(p) {
        row.scaled_add(-scale * a, &p);
    }
}
