//! Unpenalised means: the coefficients of a linear mean by generalised least squares, and what not
//! knowing them changes.
//!
//! With `y_t = F beta_t + f_t + e_t`, the covariance C of all observations and `H = F (x) I_T` at them,
//! `A = H' C^-1 H` and
//!
//! - `beta = A^-1 H' C^-1 y` maximises the likelihood at a given C, and the adjoints of the profile
//!   likelihood are those of the residuals `y - H beta` (envelope theorem);
//! - the restricted likelihood is the density of N - r orthonormal contrasts of the data that H does
//!   not reach, r being the number of coefficients (Patterson & Thompson 1971; Harville 1974): the
//!   profile likelihood plus `-1/2 log|A| + 1/2 log|H'H| + r/2 log 2 pi`. It does not depend on the basis
//!   chosen for the span of F, and its adjoint of C has `1/2 Z Z'` more, with `A = L L'` and
//!   `Z = C^-1 H L^-T`;
//! - what is not known of beta adds `|F(x) L^-T - c' Z|^2` to the variance of a latent function whose
//!   covariances with the observations are c (universal kriging; Rasmussen & Williams 2006, eq. 2.42).
//!
//! For a complete table everything is diagonal in the directions of the congruence ([`directions`]), or in
//! the coordinates of a mixing ([`latents`]); in general Z is held by its entries at what was observed ([`entries`]).

mod directions;
mod entries;
mod latents;
mod part;

use std::sync::Arc;

use ndarray::{Array1, Array2, Array4, ArrayView2};

use super::{Adjoints, Factor, RowCovariances};
use crate::error::{Error, Result};
use crate::linalg;
use crate::op::{Adjoint, MaskedKronecker, NoiseMatrix, Pattern};

pub(super) use directions::Directions;
pub(super) use entries::{Entries, solve_entries};
pub(super) use latents::Contrasts;
pub(crate) use latents::Latents;

/// The coefficients of a linear mean in the data of a factor, and what is not known of them.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::{Array2, array};
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// let posterior = gp.posterior();
/// let (factor, pattern) = (posterior.factor(), posterior.model().pattern());
/// let effects = factor.fixed_effects(Array2::ones((5, 1)).view(), pattern)?;
/// // The data of the factor are less their mean already: nothing is left to estimate.
/// assert!(effects.coefficients().iter().all(|v| v.abs() < 1e-9));
/// assert!(effects.half_log_det().is_finite());
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FixedEffects {
    coefficients: Array2<f64>,
    half_log_det: f64,
    taken: Taken,
}

/// Z, by what is known of the covariance.
#[derive(Debug, Clone)]
enum Taken {
    Directions(Box<Directions>),
    Entries(Box<Entries>),
    Latents(Box<Latents>),
}

/// The rows at which the uncertainty of a mean is wanted.
pub(crate) struct Rows<'a> {
    /// Columns F of the basis there (m, p).
    pub(crate) basis: ArrayView2<'a, f64>,
    /// The cross-kernel (m, n) of each term.
    pub(crate) cross: &'a [Array2<f64>],
    /// The task covariance of each term, for factors that do not hold it as a congruence.
    pub(crate) tasks: &'a [Array2<f64>],
}

impl FixedEffects {
    pub(super) fn of_directions(
        coefficients: Array2<f64>,
        half_log_det: f64,
        directions: Directions,
    ) -> Self {
        let taken = Taken::Directions(Box::new(directions));
        FixedEffects { coefficients, half_log_det, taken }
    }

    pub(super) fn of_entries(
        coefficients: Array2<f64>,
        half_log_det: f64,
        entries: Entries,
    ) -> Self {
        let taken = Taken::Entries(Box::new(entries));
        FixedEffects { coefficients, half_log_det, taken }
    }

    pub(super) fn of_latents(
        coefficients: Array2<f64>,
        half_log_det: f64,
        latents: Latents,
    ) -> Self {
        let taken = Taken::Latents(Box::new(latents));
        FixedEffects { coefficients, half_log_det, taken }
    }

    /// The problems of mixed latent functions of a complete table, where they are that.
    pub(crate) fn as_latents(&self) -> Option<&Latents> {
        match &self.taken {
            Taken::Latents(latents) => Some(latents),
            _ => None,
        }
    }

    /// beta (p, T). A task without observations has the mean of the other tasks' coefficients.
    pub fn coefficients(&self) -> &Array2<f64> {
        &self.coefficients
    }

    /// `1/2 log|A|`.
    pub fn half_log_det(&self) -> f64 {
        self.half_log_det
    }

    /// The same for predictions, where an eigenbasis of the rows only stands in the way.
    pub(crate) fn at_rows(self) -> Self {
        let taken = match self.taken {
            Taken::Directions(directions) => Taken::Directions(Box::new(directions.at_rows())),
            other => other,
        };
        FixedEffects { taken, ..self }
    }

    /// What is added to covariances between tasks at each of some rows.
    pub(crate) fn row_covariances<'a>(&'a self, rows: &Rows) -> Box<dyn RowCovariances + 'a> {
        match &self.taken {
            Taken::Directions(directions) => Box::new(directions.row_covariances(rows)),
            Taken::Entries(entries) => Box::new(entries.row_covariances(rows)),
            Taken::Latents(latents) => Box::new(latents.row_covariances(rows)),
        }
    }

    /// Variances (m, S) of the means of tasks that were not seen at some rows, less what the observations say of
    /// them: their coefficients are those of the training tasks times weights (T, S), and the matrices of the
    /// rows their covariances (T, S) with the training tasks.
    ///
    /// # Errors
    /// [`Error::Incompatible`] for mixed latent functions, which say nothing of other tasks.
    pub(crate) fn unseen_variances(
        &self,
        rows: &Rows,
        weights: ArrayView2<f64>,
    ) -> Result<Array2<f64>> {
        match &self.taken {
            Taken::Directions(directions) => Ok(directions.unseen_variances(rows, weights)),
            Taken::Entries(entries) => Ok(entries.unseen_variances(rows, weights)),
            Taken::Latents(_) => Err(Error::Incompatible {
                options: "a mixing and tasks that were not seen".to_string(),
                advice: "fit with a kernel over descriptors of the tasks as the task covariance"
                    .to_string(),
            }),
        }
    }

    /// What is added to the joint covariance of some rows.
    pub(crate) fn joint(&self, rows: &Rows) -> Array4<f64> {
        match &self.taken {
            Taken::Directions(directions) => directions.joint(rows),
            Taken::Entries(entries) => entries.joint(rows),
            Taken::Latents(latents) => latents.joint(rows),
        }
    }

    /// Draws (k, m, T) of what the mean may be away from its estimate at some rows.
    pub(crate) fn draws(
        &self,
        rows: &Rows,
        count: usize,
        normal: &mut impl FnMut() -> f64,
    ) -> Vec<Array2<f64>> {
        match &self.taken {
            Taken::Directions(directions) => directions.draws(rows, count, normal),
            Taken::Entries(entries) => entries.draws(rows, count, normal),
            Taken::Latents(latents) => latents.draws(rows, count, normal),
        }
    }

    /// What is added to the variances of missing observations: for each its place among `rows`, its row of
    /// the table and its task.
    pub(crate) fn missing_variances(
        &self,
        rows: &Rows,
        noise: &NoiseMatrix,
        missing: &[(usize, usize, usize)],
    ) -> Array1<f64> {
        match &self.taken {
            // A complete table misses nothing.
            Taken::Directions(_) | Taken::Latents(_) => Array1::zeros(missing.len()),
            Taken::Entries(entries) => entries.missing_variances(rows, noise, missing),
        }
    }

    /// Adds to adjoints what the restricted likelihood has more than the profile likelihood; `covariance` is
    /// that of the observed entries, for factors that do not hold it as a congruence.
    pub(crate) fn restrict(
        &self,
        adjoints: &mut Adjoints<'_>,
        covariance: impl FnOnce() -> MaskedKronecker,
    ) {
        match &self.taken {
            Taken::Directions(directions) => {
                adjoints.kernels.iter_mut().for_each(|kernel| directions.add_kernel(kernel));
                adjoints.tasks.iter_mut().for_each(|task| directions.add_task(task));
                directions.add_noise(&mut adjoints.noise);
            }
            Taken::Entries(entries) => {
                let covariance = covariance();
                let noise = covariance.noise();
                for (q, (term, task)) in
                    covariance.terms().iter().zip(&mut adjoints.tasks).enumerate()
                {
                    let kernel = adjoints.kernels.get_mut(q);
                    let (of_kernel, of_task) = entries.signal_adjoints(term, kernel.is_some());
                    if let (Some(kernel), Some(added)) = (kernel, of_kernel) {
                        kernel.add_dense(&added);
                    }
                    task.add_dense(&of_task, noise);
                }
                adjoints.noise.add_dense(&entries.noise_adjoint(), noise);
            }
            // Their factor has no such adjoints: [`Latents::add_kernel`] and [`Latents::add_mixing`].
            Taken::Latents(_) => {}
        }
    }

    /// The same for the adjoint of the K of a single term alone.
    pub(crate) fn restrict_kernel(
        &self,
        adjoint: &mut Adjoint<'_>,
        covariance: impl FnOnce() -> MaskedKronecker,
    ) {
        match &self.taken {
            Taken::Directions(directions) => directions.add_kernel(adjoint),
            Taken::Entries(entries) => {
                for term in covariance().terms() {
                    if let (Some(kernel), _) = entries.signal_adjoints(term, true) {
                        adjoint.add_dense(&kernel);
                    }
                }
            }
            Taken::Latents(_) => {}
        }
    }

    /// True where what is asked of rows needs the matrices B of their terms.
    pub(crate) fn needs_tasks(&self) -> bool {
        matches!(self.taken, Taken::Entries(_))
    }

    /// Doubles that a row takes on the way.
    pub(crate) fn row_doubles(&self) -> usize {
        match &self.taken {
            Taken::Directions(directions) => directions.row_doubles(),
            Taken::Entries(entries) => entries.row_doubles(),
            Taken::Latents(latents) => latents.row_doubles(),
        }
    }
}

/// The refusal of columns that the factored data cannot tell apart.
fn not_identified(error: Error) -> Error {
    match error {
        Error::NotPositive { .. } => Error::NotPositive {
            matrix: "the information about the coefficients of the mean".to_string(),
            what: "definite",
            detail: "its columns cannot be told apart: give it fewer".to_string(),
        },
        other => other,
    }
}

/// Lower L with `L L' = A` for the symmetric part of A.
fn root(a: Array2<f64>) -> Result<Array2<f64>> {
    let symmetric = (&a + &a.t()) * 0.5;
    linalg::cholesky_of(symmetric).map_err(not_identified)
}

/// The factor of the residuals of a linear mean with columns F (n, p) at the rows, given the factor of
/// the data (n, T), and the coefficients: the covariance is not factored again.
pub(crate) fn profiled(
    factor: Box<dyn Factor>,
    data: ArrayView2<f64>,
    basis: ArrayView2<f64>,
    pattern: &Arc<Pattern>,
) -> Result<(Box<dyn Factor>, FixedEffects)> {
    let effects = factor.fixed_effects(basis, pattern)?;
    let residuals = &data - &linalg::matmul(basis, effects.coefficients.view());
    Ok((factor.with_data(residuals.view())?, effects))
}

/// The coefficients by one solve with a factor for each.
pub(super) fn one_by_one<F: Factor + ?Sized>(
    factor: &F,
    basis: ArrayView2<f64>,
    pattern: &Arc<Pattern>,
) -> Result<FixedEffects> {
    let each = |mut columns: Array2<f64>| {
        for mut column in columns.rows_mut() {
            let solved = factor.solve(pattern.scatter(column.view()).view())?;
            column.assign(&pattern.gather(solved.view()));
        }
        Ok(columns)
    };
    solve_entries(each, factor.dual().view(), basis, pattern)
}

/// Two covariances added.
pub(crate) struct Added<'a>(
    pub(crate) Box<dyn RowCovariances + 'a>,
    pub(crate) Box<dyn RowCovariances + 'a>,
);

impl RowCovariances for Added<'_> {
    fn variances(&self) -> (Array2<f64>, usize) {
        let (mut out, clipped) = self.0.variances();
        out += &self.1.variances().0;
        (out, clipped)
    }

    fn block(&self, i: usize, rows: &[usize], columns: &[usize]) -> Array2<f64> {
        self.0.block(i, rows, columns) + self.1.block(i, rows, columns)
    }
}
