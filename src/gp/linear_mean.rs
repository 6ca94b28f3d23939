//! A mean with coefficients to estimate, bound to the rows of a model.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::table::Table;
use super::{Basis, Mean};
use crate::data::task_means;
use crate::error::{Error, Result};
use crate::linalg;
use crate::param::{ParamSpec, Transform};
use crate::solve::{FixedEffects, LN_TAU};

/// Columns whose part outside the span of others is below this share of their length depend on them.
const INDEPENDENT: f64 = 1e-9;

/// `Q` with orthonormal columns at the rows of a model and `R` with `F = Q R`, and the least-squares
/// residuals of the data, from which generalised least squares starts.
///
/// Everything inside is in the basis Q: it is well conditioned whatever the units of F. The coefficients
/// that the user sees are those of F.
#[derive(Debug, Clone)]
pub(super) struct LinearMean {
    basis: Option<Basis>,
    /// Q (n, p).
    columns: Array2<f64>,
    /// R (p, p), upper triangular.
    triangle: Array2<f64>,
    /// Coefficients of Q by ordinary least squares (p, T).
    start: Array2<f64>,
    /// The data less them (n, T), 0 where nothing was observed.
    residuals: Array2<f64>,
    /// Whether the restricted likelihood is used.
    pub(super) restricted: bool,
    /// `1/2 log|H'H| + r/2 log 2 pi`, for the r coefficients of Q that are estimated.
    constant: f64,
}

impl LinearMean {
    /// The mean of a table whose coefficients are to be estimated; `None` where there are none.
    ///
    /// # Errors
    /// What the basis refuses; [`Error::InvalidValue`] where its columns depend on each other, at the
    /// rows at which a task was observed too.
    pub(super) fn bind(mean: &Mean, table: &Table, task_names: &[String]) -> Result<Option<Self>> {
        let basis = match mean {
            Mean::Constant => None,
            Mean::Basis(basis) => Some(basis.clone()),
            Mean::Zero | Mean::Training | Mean::Given(_) => return Ok(None),
        };
        let f = match &basis {
            None => Array2::ones((table.y.nrows(), 1)),
            Some(basis) => basis.columns(table.x.view())?,
        };
        Self::of(basis, f, table, task_names).map(Some)
    }

    /// The mean with columns F (n, p) at the rows of a table.
    fn of(
        basis: Option<Basis>,
        f: Array2<f64>,
        table: &Table,
        task_names: &[String],
    ) -> Result<Self> {
        let p = f.ncols();
        let lengths = f.mapv(|v| v * v).sum_axis(Axis(0)).mapv(f64::sqrt);
        let (columns, triangle) = linalg::thin_qr((&f / &lengths.mapv(|v| v.max(1e-300))).view());
        let independent =
            (0..columns.ncols()).filter(|&q| triangle[[q, q]].abs() > INDEPENDENT).count();
        if independent < p || columns.ncols() < p {
            return Err(dependent(p, &format!("of rank {independent} at the rows of x")));
        }
        let triangle = triangle * &lengths;
        let (n, t) = table.y.dim();
        let mut out = LinearMean {
            basis,
            columns,
            triangle,
            start: Array2::zeros((p, t)),
            residuals: Array2::zeros((n, t)),
            restricted: false,
            constant: 0.0,
        };
        out.start_from(table, task_names)?;
        Ok(out)
    }

    /// Ordinary least squares of each task at the rows at which it was observed.
    fn start_from(&mut self, table: &Table, task_names: &[String]) -> Result<()> {
        let p = self.columns.ncols();
        let mut seen = Vec::new();
        for (t, name) in task_names.iter().enumerate() {
            let rows = table.pattern.rows_of(t);
            if rows.is_empty() {
                continue;
            }
            seen.push(t);
            let own = self.columns.select(Axis(0), rows);
            let gram = linalg::matmul(own.t(), own.view());
            let lower = linalg::cholesky(gram.view()).ok().filter(|l| {
                let kept = |(pivot, whole): (&f64, &f64)| *pivot > INDEPENDENT * whole.sqrt();
                rows.len() >= p && l.diag().iter().zip(gram.diag()).all(kept)
            });
            let Some(lower) = lower else {
                let what = format!("for the {} observations of task '{name}'", rows.len());
                return Err(dependent(p, &what));
            };
            self.constant += lower.diag().iter().map(|v| v.ln()).sum::<f64>();
            self.constant += 0.5 * p as f64 * LN_TAU;
            let data: Array1<f64> = rows.iter().map(|&i| table.y[[i, t]]).collect();
            let moments = own.t().dot(&data).insert_axis(Axis(1));
            let half = linalg::solve_lower(lower.view(), moments.view());
            let solved = linalg::solve_lower_transpose(lower.view(), half.view());
            self.start.column_mut(t).assign(&solved.column(0));
        }
        let average = self.start.sum_axis(Axis(1)) / seen.len().max(1) as f64;
        for t in (0..task_names.len()).filter(|t| !seen.contains(t)) {
            self.start.column_mut(t).assign(&average);
        }
        self.residuals = match self.is_constant() {
            // To the last digit: the scale of a huge constant task may be far below it.
            true => table.filled() - task_means(table.y.view()),
            false => table.filled() - linalg::matmul(self.columns.view(), self.start.view()),
        };
        self.residuals *= &table.indicator();
        Ok(())
    }

    /// The same mean of some of the rows, held at the least squares of all where they do not tell its
    /// coefficients apart.
    pub(super) fn of_outputs(&self, table: &Table, y: Array2<f64>) -> Self {
        let names = vec![String::new(); y.ncols()];
        let mut out = LinearMean { constant: 0.0, ..self.clone() };
        match out.start_from(&table.with_outputs(y), &names) {
            Ok(()) => out,
            // Its columns served the same rows before.
            Err(_) => self.clone(),
        }
    }

    pub(super) fn of_rows(&self, table: &Table, rows: &[usize]) -> Self {
        let names = vec![String::new(); table.y.ncols()];
        let own = self.columns.select(Axis(0), rows);
        let f = linalg::matmul(own.view(), self.triangle.view());
        match Self::of(self.basis.clone(), f, table, &names) {
            Ok(own) => LinearMean { restricted: self.restricted, ..own },
            Err(_) => LinearMean {
                columns: Array2::zeros((rows.len(), 0)),
                residuals: self.residuals.select(Axis(0), rows),
                constant: 0.0,
                ..self.clone()
            },
        }
    }

    /// The coefficients as a parameter, at ordinary least squares.
    pub(super) fn parameter(&self) -> ParamSpec {
        let initial = self.outer(self.start.view());
        let values = initial.iter().copied().collect();
        match &self.basis {
            None => ParamSpec::new("offset", &[initial.ncols()], values, Transform::Identity),
            Some(_) => {
                let shape = [initial.nrows(), initial.ncols()];
                ParamSpec::new("coefficients", &shape, values, Transform::Identity)
            }
        }
    }

    /// Q (n, p).
    pub(super) fn columns(&self) -> ArrayView2<'_, f64> {
        self.columns.view()
    }

    /// The columns of Q at rows x (m, d): `F(x) R^-1` (m, p).
    pub(super) fn columns_at(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        let f = match &self.basis {
            None => Array2::ones((x.nrows(), 1)),
            Some(basis) => basis.columns(x)?,
        };
        if f.ncols() != self.columns.ncols() {
            return Err(Error::Shape {
                argument: "mean".to_string(),
                found: format!("a basis of {} columns", f.ncols()),
                expected: format!("{}, as at the training rows", self.columns.ncols()),
            });
        }
        let solved = linalg::solve_lower(self.triangle.t(), f.t());
        Ok(solved.reversed_axes().as_standard_layout().into_owned())
    }

    /// The data less their least-squares means (n, T), 0 where nothing was observed.
    pub(super) fn residuals(&self) -> &Array2<f64> {
        &self.residuals
    }

    /// Coefficients of Q (p, T), from those of the residuals.
    pub(super) fn inner_coefficients(&self, effects: &FixedEffects) -> Array2<f64> {
        &self.start + effects.coefficients()
    }

    /// Coefficients of F (p, T), from those of Q.
    pub(super) fn outer(&self, inner: ArrayView2<f64>) -> Array2<f64> {
        linalg::solve_lower_transpose(self.triangle.t(), inner)
    }

    /// What the restricted likelihood has more than the profile likelihood; 0 where it is not used.
    pub(super) fn restriction(&self, effects: &FixedEffects) -> f64 {
        if self.restricted { self.constant - effects.half_log_det() } else { 0.0 }
    }

    /// True for the mean that is a constant for each task.
    pub(super) fn is_constant(&self) -> bool {
        self.basis.is_none()
    }
}

/// The refusal of columns that depend on each other.
fn dependent(p: usize, what: &str) -> Error {
    Error::InvalidValue {
        argument: "mean".to_string(),
        found: format!("a basis of {p} columns, {what}"),
        expected: "columns that do not depend on each other at the observations of each task"
            .to_string(),
    }
}
