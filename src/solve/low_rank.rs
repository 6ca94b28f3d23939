//! Spectra of smooth kernels without their Gram matrices: greedy pivoted Cholesky.
//!
//! Columns of K are asked for one at a time, each the one with the largest variance that those before
//! leave unexplained, until what is left, `E = K - L L'`, has a small enough trace (Harbrecht, Peters &
//! Schneider 2012). `L = Q R` and the eigendecomposition of the small `R R'` then give `L L' = U diag(s)
//! U'` with columns that are orthogonal to rounding, however fast s falls. Directions outside U have the
//! eigenvalue 0. Those that the data have a part in are added to the vectors, so that everything made of
//! the data is found in `U' Y`; the others are only counted.
//!
//! With `0 <= E` and `tau = tr E` the log-likelihood of `K (x) B + I (x) Sigma` lies within
//! `tau / 2 max(tr(Sigma^-1 B), tr(alpha B alpha'))` of that of `L L' (x) B + I (x) Sigma`, where alpha
//! are the dual coefficients of the latter: the log-determinant grows by at most the first trace, and
//! the quadratic form falls by at most the second.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, concatenate, s};

use super::spectrum::ROUNDING;
use super::{KroneckerFactor, SolveReport, Spectrum};
use crate::error::{Error, Result};
use crate::linalg;

/// Columns of data that are made orthogonal at a time.
const BLOCK: usize = 32;
/// What is left of a column, as a share of its length, below which it adds no direction.
const NOTHING: f64 = 1e-12;

/// Share of the trace that is left out unless told.
pub(crate) const RANK_TOL: f64 = 1e-12;

/// # Errors
/// [`Error::InvalidValue`] for a share of the trace that is no number from 1e-14 to 0.1.
pub(crate) fn check_rank_tol(share: f64) -> Result<()> {
    match (1e-14..=0.1).contains(&share) {
        true => Ok(()),
        false => Err(Error::InvalidValue {
            argument: "rank_tol".to_string(),
            found: share.to_string(),
            expected: "a number from 1e-14 to 0.1".to_string(),
        }),
    }
}

/// How a spectrum was cut off.
///
/// ```
/// use coregion::solve::{Spectrum, Truncation};
/// use ndarray::{Array1, Array2};
/// let (k, y) = (Array2::<f64>::ones((9, 9)), Array2::eye(9));
/// let column = |j: usize| k.column(j).to_owned();
/// let spectrum = Spectrum::low_rank(k.diag().to_owned(), column, y.slice(ndarray::s![.., ..2]), 1e-10)?;
/// let spectrum = spectrum.unwrap();
/// assert!(matches!(spectrum.truncation, Truncation::At { rank: 1, left } if left < 1e-12));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Truncation {
    /// It was not.
    #[default]
    None,
    /// All but the directions of a pivoted Cholesky factor have the eigenvalue 0.
    At {
        /// Columns of the factor.
        rank: usize,
        /// Trace of what they leave of K, rounding included.
        left: f64,
    },
    /// More than this many directions would have been needed, and all were kept.
    GivenUp {
        /// A third of the rows.
        limit: usize,
    },
}

/// The rows of a pivoted Cholesky factor `L'` (r, n), and the trace of what it leaves.
struct Pivoted {
    rows: Array2<f64>,
    left: f64,
}

/// Columns of K until at most `share` of its trace is left; `None` beyond `limit` columns.
fn pivoted(
    diagonal: Array1<f64>,
    mut column: impl FnMut(usize) -> Array1<f64>,
    share: f64,
    limit: usize,
) -> Result<Option<Pivoted>> {
    let n = diagonal.len();
    let total = diagonal.sum();
    finite(diagonal.view())?;
    let floor = -ROUNDING * diagonal.iter().fold(0.0f64, |m, v| m.max(*v));
    let mut rest = diagonal;
    let mut flat: Vec<f64> = Vec::new();
    for rank in 0.. {
        // Each subtraction may have lost a few units in the last place.
        let left = rest.sum() + 4.0 * rank as f64 * f64::EPSILON * total;
        let known = ArrayView2::from_shape((rank, n), &flat).map_err(|e| broken(&e.to_string()))?;
        if left <= share * total {
            return Ok(Some(Pivoted { rows: known.to_owned(), left }));
        }
        if rank == limit {
            return Ok(None);
        }
        let largest = |best: (usize, f64), (i, v): (usize, &f64)| match *v > best.1 {
            true => (i, *v),
            false => best,
        };
        let (pivot, variance) = rest.iter().enumerate().fold((0, 0.0), largest);
        let mut new = column(pivot);
        finite(new.view())?;
        let at = known.column(pivot).to_owned().insert_axis(Axis(0));
        new -= &linalg::matmul(at.view(), known).row(0);
        new /= variance.sqrt();
        rest.zip_mut_with(&new, |v, l| *v -= l * l);
        rest[pivot] = 0.0;
        if let Some(negative) = rest.iter().find(|v| **v < floor) {
            return Err(Error::NotPositive {
                matrix: format!("the Gram matrix of {n} rows"),
                what: "semidefinite",
                detail: format!(
                    "{} columns leave a variance of {negative:e}: the kernel is no covariance on \
                     these inputs",
                    rank + 1
                ),
            });
        }
        rest.mapv_inplace(|v| v.max(0.0));
        flat.extend(&new);
    }
    Ok(None)
}

fn finite(values: ArrayView1<f64>) -> Result<()> {
    match values.iter().all(|v| v.is_finite()) {
        true => Ok(()),
        false => Err(broken("the Gram matrix holds NaN or infinity")),
    }
}

fn broken(detail: &str) -> Error {
    Error::Numerical { operation: "pivoted Cholesky".to_string(), detail: detail.to_string() }
}

/// `A = Q R` for independent columns (n, r): Cholesky factors of `A' A`, three times, the first with a
/// shift where it needs one (Fukaya, Kannan, Nakatsukasa, Yamamoto & Yanagisawa 2020). Returns Q' and R.
fn orthonormal(mut rows: Array2<f64>) -> Result<(Array2<f64>, Array2<f64>)> {
    let (r, n) = rows.dim();
    let mut upper = Array2::eye(r);
    for _ in 0..3 {
        let gram = linalg::matmul(rows.view(), rows.t());
        let lower = linalg::cholesky(gram.view()).or_else(|_| {
            let mut shifted = gram.clone();
            let size = 11.0 * (r * (n + r + 1)) as f64 * f64::EPSILON * gram.diag().sum();
            shifted.diag_mut().mapv_inplace(|v| v + size);
            linalg::cholesky(shifted.view())
        })?;
        rows = linalg::solve_lower(lower.view(), rows.view());
        upper = linalg::matmul(lower.t(), upper.view());
    }
    Ok((rows, upper))
}

/// Directions orthogonal to the orthonormal columns of U (n, r) in which the columns of the data (n, c)
/// have a part.
fn directions_of(data: ArrayView2<f64>, u: ArrayView2<f64>) -> Array2<f64> {
    let (n, r) = u.dim();
    let mut all = Array2::zeros((n, (r + data.ncols()).min(n)));
    all.slice_mut(s![.., ..r]).assign(&u);
    let mut count = r;
    for first in (0..data.ncols()).step_by(BLOCK) {
        let mut block = data.slice(s![.., first..(first + BLOCK).min(data.ncols())]).to_owned();
        let lengths: Array1<f64> = block.columns().into_iter().map(|c| c.dot(&c).sqrt()).collect();
        for pass in 0..2 {
            let known = all.slice(s![.., ..count]);
            let inside = linalg::matmul(known.t(), block.view());
            block -= &linalg::matmul(known, inside.view());
            for (mut column, length) in block.columns_mut().into_iter().zip(&lengths) {
                if pass == 0 && column.dot(&column).sqrt() <= NOTHING * length {
                    column.fill(0.0);
                }
            }
            block = linalg::thin_qr(block.view()).0;
        }
        let added = block.ncols().min(all.ncols() - count);
        all.slice_mut(s![.., count..count + added]).assign(&block.slice(s![.., ..added]));
        count += added;
    }
    all.slice(s![.., r..count]).to_owned()
}

impl Spectrum {
    /// The spectrum of a positive semidefinite matrix K (n, n) given by its diagonal and its columns, cut
    /// off where at most `share` of its trace is left; `None` where more than n / 3 directions carry more.
    /// What is rotated by it must lie in the span of the columns of K and of `data` (n, c): its vectors
    /// are U and, with the eigenvalue 0, an orthonormal basis of what U leaves of the data.
    ///
    /// r columns of K, `n r (3 r + c)` multiply-adds and an eigendecomposition of an r x r matrix; memory
    /// `3 n r + 2 n c` doubles.
    ///
    /// ```
    /// use coregion::solve::Spectrum;
    /// use ndarray::{Array2, array};
    /// let points: Vec<f64> = (0..40).map(|i| 0.05 * f64::from(i)).collect();
    /// let k = Array2::from_shape_fn((40, 40), |(i, j)| (-(points[i] - points[j]).powi(2)).exp());
    /// let y = Array2::from_shape_fn((40, 2), |(i, t)| ((i * (t + 3)) % 7) as f64);
    /// let column = |j: usize| k.column(j).to_owned();
    /// let cut = Spectrum::low_rank(k.diag().to_owned(), column, y.view(), 1e-12)?.unwrap();
    /// assert!(cut.values.len() < 16 && cut.hidden() == 40 - cut.values.len());
    /// let again = (&cut.vectors * &cut.values).dot(&cut.vectors.t());
    /// assert!((again - &k).iter().all(|v| v.abs() < 1e-10));
    /// let kept = cut.vectors.dot(&cut.vectors.t().dot(&y));
    /// assert!((kept - &y).iter().all(|v| v.abs() < 1e-12));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotPositive`] where K is not semidefinite; [`Error::Numerical`] where it is not finite.
    pub fn low_rank(
        diagonal: Array1<f64>,
        column: impl FnMut(usize) -> Array1<f64>,
        data: ArrayView2<f64>,
        share: f64,
    ) -> Result<Option<Self>> {
        let n = diagonal.len();
        let Some(Pivoted { rows, left }) = pivoted(diagonal, column, share, n / 3)? else {
            return Ok(None);
        };
        let rank = rows.nrows();
        let (q, upper) = orthonormal(rows)?;
        let (s, v) = linalg::eigh(linalg::matmul(upper.view(), upper.t()))?;
        let u = linalg::matmul(q.t(), v.view());
        let extra = directions_of(data, u.view());
        let clipped = s.iter().filter(|v| **v < 0.0).count();
        let largest = s.last().copied().unwrap_or(0.0);
        let clipped_magnitude = if clipped > 0 { -s[0] / largest } else { 0.0 };
        let values = concatenate![Axis(0), Array1::zeros(extra.ncols()), s.mapv(|v| v.max(0.0))];
        Ok(Some(Spectrum {
            values,
            vectors: concatenate![Axis(1), extra, u],
            clipped,
            clipped_magnitude,
            truncation: Truncation::At { rank, left },
        }))
    }

    /// Directions that the vectors do not span: their eigenvalue is 0, and the data have no part in them.
    pub fn hidden(&self) -> usize {
        self.vectors.nrows() - self.vectors.ncols()
    }

    /// True where it was cut off.
    pub(super) fn is_truncated(&self) -> bool {
        matches!(self.truncation, Truncation::At { .. })
    }

    /// `I - U U'` at the rows: the share (n) of each row that lies in no direction of the vectors; `None`
    /// where they span everything.
    pub(super) fn outside(&self) -> Option<Array1<f64>> {
        let inside = |row: ArrayView1<f64>| row.dot(&row);
        let rows = || self.vectors.rows().into_iter();
        (self.hidden() > 0).then(|| rows().map(|row| (1.0 - inside(row)).max(0.0)).collect())
    }

    /// What is left of the rows `q` (m, n) outside the vectors, given `q U`; `None` where they span
    /// everything.
    pub(super) fn left_of(&self, q: ArrayView2<f64>, inside: &Array2<f64>) -> Option<Array2<f64>> {
        (self.hidden() > 0).then(|| &q - &linalg::matmul(inside.view(), self.vectors.t()))
    }
}

impl KroneckerFactor {
    /// How far the log-likelihood of the whole matrix K may be from this one: `None` where nothing was cut
    /// off.
    pub(super) fn truncation_bound(&self) -> Option<f64> {
        let Truncation::At { left, .. } = self.spectrum().truncation else { return None };
        let congruence = self.congruence();
        let stored = congruence.shifts();
        let mut shifts = stored.sum();
        let mut squares = (self.coefficients() * self.coefficients()).dot(stored).sum();
        if let Some(shift) = congruence.rest_shift() {
            shifts += congruence.n_rest() as f64 * shift;
            let outside = congruence.complement(self.whitened_solution().view());
            squares += shift * outside.iter().map(|v| v * v).sum::<f64>();
        }
        Some(0.5 * left * shifts.max(squares))
    }

    /// The report on the way the spectrum was found.
    pub(super) fn spectral_report(&self) -> SolveReport {
        let spectrum = self.spectrum();
        let (name, why) = match spectrum.truncation {
            Truncation::None => (
                "kronecker",
                "complete table, one separable term: one eigendecomposition of the Gram matrix \
                 serves every task"
                    .to_string(),
            ),
            Truncation::At { rank, .. } => (
                "low-rank",
                format!(
                    "asked for: {rank} columns of the Gram matrix of {} rows leave less than \
                     `rank_tol` of its trace",
                    spectrum.len()
                ),
            ),
            Truncation::GivenUp { limit } => (
                "kronecker",
                format!(
                    "low-rank was asked for, but {limit} columns of the Gram matrix, a third, leave \
                     more than `rank_tol` of its trace: one eigendecomposition of the whole"
                ),
            ),
        };
        let rank = match spectrum.truncation {
            Truncation::At { rank, .. } => Some(rank),
            _ => None,
        };
        SolveReport {
            why: why.into(),
            exact: rank.is_none(),
            rank,
            log_likelihood_bound: self.truncation_bound(),
            clipped_eigenvalues: spectrum.clipped,
            clipped_magnitude: spectrum.clipped_magnitude,
            ..SolveReport::exact(name)
        }
    }
}
