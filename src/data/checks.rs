//! What every table, number and list of names is checked for.

use ndarray::{Array2, ArrayView2};

use super::ColumnStatistics;
use crate::error::{Error, Result};

/// Largest magnitude of a column's scale; its inverse is the smallest.
const SCALE_LIMIT: f64 = 1e100;

/// Checks the rows of `x` and `y` for themselves: shapes, and NaN in `y` alone.
///
/// # Errors
/// [`Error::Shape`] or [`Error::NotFinite`].
pub(super) fn check_tables(x: ArrayView2<f64>, y: ArrayView2<f64>) -> Result<()> {
    check_inputs(x)?;
    if y.nrows() != x.nrows() {
        return Err(Error::Shape {
            argument: "y".to_string(),
            found: format!("{} rows", y.nrows()),
            expected: format!("{} rows, as many as x has", x.nrows()),
        });
    }
    if y.ncols() == 0 {
        return Err(shape("y", &y, "at least one column, one for each task"));
    }
    match y.indexed_iter().find(|(_, v)| v.is_infinite()) {
        None => Ok(()),
        Some(((row, column), &value)) => {
            Err(Error::NotFinite { argument: "y".to_string(), row, column, value })
        }
    }
}

/// # Errors
/// [`Error::Shape`] without rows or columns, [`Error::NotFinite`].
pub(super) fn check_inputs(x: ArrayView2<f64>) -> Result<()> {
    if x.nrows() == 0 || x.ncols() == 0 {
        return Err(shape("x", &x, "at least one row and one column"));
    }
    check_finite("x", x)
}

/// Refuses columns whose scale is out of range; NaN does not count. `column` is what one column of the
/// table is called.
///
/// # Errors
/// [`Error::InvalidValue`].
pub(super) fn check_scales(argument: &str, table: ArrayView2<f64>, column: &str) -> Result<()> {
    for (j, values) in table.columns().into_iter().enumerate() {
        let (s, _) = ColumnStatistics::of_observed(values);
        if !s.constant && !(1.0 / SCALE_LIMIT..SCALE_LIMIT).contains(&s.scale) {
            return Err(Error::InvalidValue {
                argument: format!("{argument}, {column} {j}"),
                found: format!("a standard deviation of {:e}", s.scale),
                expected: "one between 1e-100 and 1e100: change the unit".to_string(),
            });
        }
    }
    Ok(())
}

/// The number of observations in a table of outputs.
///
/// # Errors
/// [`Error::Layout`] where there is none.
pub(super) fn count_observed(y: ArrayView2<f64>) -> Result<usize> {
    match y.iter().filter(|v| !v.is_nan()).count() {
        0 => Err(Error::Layout {
            layout: "masked".to_string(),
            detail: format!("all {} entries of y are NaN", y.len()),
            advice: "give at least one observation".to_string(),
        }),
        count => Ok(count),
    }
}

/// Known variances of the noise beside the outputs they belong to; NaN where there is no output.
///
/// # Errors
/// [`Error::Shape`], or the first variance of an observation that is negative or not finite.
pub(super) fn check_noise_variances(
    table: ArrayView2<f64>,
    y: ArrayView2<f64>,
) -> Result<Array2<f64>> {
    if table.dim() != y.dim() {
        let expected = format!("shape ({}, {}), that of y", y.nrows(), y.ncols());
        return Err(shape("noise_variances", &table, &expected));
    }
    let mut out = Array2::from_elem(y.raw_dim(), f64::NAN);
    for ((row, column), _) in y.indexed_iter().filter(|(_, v)| !v.is_nan()) {
        let value = table[[row, column]];
        check_noise_variance(value, row, column, || format!("row {row}, column {column}"))?;
        out[[row, column]] = value;
    }
    Ok(out)
}

/// Checks the variance of one observation's noise; `place` says where it stood in words.
///
/// # Errors
/// [`Error::NotFinite`] or [`Error::InvalidValue`].
pub(super) fn check_noise_variance(
    value: f64,
    row: usize,
    column: usize,
    place: impl Fn() -> String,
) -> Result<()> {
    if !value.is_finite() {
        let argument = "noise_variances".to_string();
        return Err(Error::NotFinite { argument, row, column, value });
    }
    if value >= 0.0 {
        return Ok(());
    }
    Err(Error::InvalidValue {
        argument: format!("noise_variances, {}", place()),
        found: value.to_string(),
        expected: "zero or more".to_string(),
    })
}

pub(super) fn shape(argument: &str, table: &ArrayView2<f64>, expected: &str) -> Error {
    Error::Shape {
        argument: argument.to_string(),
        found: format!("shape ({}, {})", table.nrows(), table.ncols()),
        expected: expected.to_string(),
    }
}

/// # Errors
/// [`Error::Shape`] for a list of another length.
pub(super) fn check_count(argument: &str, found: usize, expected: usize, each: &str) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Shape {
        argument: argument.to_string(),
        found: format!("{found} values"),
        expected: format!("{expected}, one for each {each}"),
    })
}

/// Checks that a table holds finite numbers only.
///
/// # Errors
/// [`Error::NotFinite`] with the first entry that is not.
pub(crate) fn check_finite(argument: &str, table: ArrayView2<f64>) -> Result<()> {
    match table.indexed_iter().find(|(_, v)| !v.is_finite()) {
        None => Ok(()),
        Some(((row, column), &value)) => {
            Err(Error::NotFinite { argument: argument.to_string(), row, column, value })
        }
    }
}

/// Refuses numbers that are not positive and finite.
pub(crate) fn check_positive(argument: &str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::InvalidValue {
        argument: argument.to_string(),
        found: value.to_string(),
        expected: "positive finite numbers".to_string(),
    })
}

/// # Errors
/// [`Error::Shape`] for another number of names, [`Error::InvalidValue`] for repeated ones.
pub(super) fn check_names<S: Into<String>>(
    argument: &str,
    names: impl IntoIterator<Item = S>,
    expected: usize,
) -> Result<Vec<String>> {
    let names: Vec<String> = names.into_iter().map(Into::into).collect();
    if names.len() != expected {
        return Err(Error::Shape {
            argument: argument.to_string(),
            found: format!("{} names", names.len()),
            expected: format!("{expected} names"),
        });
    }
    let mut seen = std::collections::BTreeSet::new();
    match names.iter().find(|n| !seen.insert(n.as_str())) {
        None => Ok(names),
        Some(name) => Err(Error::InvalidValue {
            argument: argument.to_string(),
            found: format!("'{name}' twice"),
            expected: "distinct names".to_string(),
        }),
    }
}
