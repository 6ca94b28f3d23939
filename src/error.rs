//! The one error type of the crate: one variant for each kind of failure, with the numbers in fields.

/// Result with the crate's [`Error`].
///
/// ```
/// use coregion::{Dataset, Result};
/// use ndarray::{Array2, array};
/// fn n_rows(table: &Array2<f64>) -> Result<usize> {
///     Ok(Dataset::new(table.view(), table.view())?.n_rows())
/// }
/// assert_eq!(n_rows(&array![[1.0], [2.0]])?, 2);
/// assert!(n_rows(&array![[f64::INFINITY]]).is_err());
/// # Ok::<(), coregion::Error>(())
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong, with the argument concerned, what it was and what was expected.
///
/// ```
/// use coregion::{Dataset, Error};
/// use ndarray::array;
/// let x = array![[0.0], [1.0], [2.0]];
/// let y = array![[1.0, 2.0], [3.0, 4.0]];
/// let error = Dataset::new(x.view(), y.view()).unwrap_err();
/// assert!(matches!(error, Error::Shape { .. }));
/// assert_eq!(error.to_string(), "y: found 2 rows, expected 3 rows, as many as x has");
/// ```
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An array has the wrong shape.
    #[error("{argument}: found {found}, expected {expected}")]
    Shape {
        /// The argument concerned.
        argument: String,
        /// The shape it had.
        found: String,
        /// The shape it should have had.
        expected: String,
    },
    /// An array holds NaN or an infinity where a finite number is needed.
    #[error("{argument}: found {value} at row {row}, column {column}, expected finite numbers")]
    NotFinite {
        /// The argument concerned.
        argument: String,
        /// Row of the first offending entry.
        row: usize,
        /// Column of the first offending entry.
        column: usize,
        /// The offending entry.
        value: f64,
    },
    /// A value or an option is outside what is accepted.
    #[error("{argument}: found {found}, expected {expected}")]
    InvalidValue {
        /// The argument concerned.
        argument: String,
        /// The value it had.
        found: String,
        /// The values it may have.
        expected: String,
    },
    /// A name (of a kernel, a parameter path, an option, a task) is not known.
    #[error("unknown {kind} '{name}'{}", expected(.kind, .known))]
    UnknownName {
        /// What the name should be a name of.
        kind: String,
        /// The name as given.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// The data has a layout that the method asked for does not serve.
    #[error("{layout} data ({detail}) is not served: {advice}")]
    Layout {
        /// The layout, such as `masked` or `long`.
        layout: String,
        /// Where it was seen.
        detail: String,
        /// What to do instead.
        advice: String,
    },
    /// Two options were asked for that exclude each other.
    #[error("{options} cannot be combined: {advice}")]
    Incompatible {
        /// The options concerned.
        options: String,
        /// What to do instead.
        advice: String,
    },
    /// A parameter has no value although nothing is to be learned.
    #[error("{path} has no value, and nothing is learned here: give the value")]
    MissingValue {
        /// Path of the parameter.
        path: String,
    },
    /// A matrix that must be positive (semi)definite is not.
    #[error("{matrix} is not positive {what}: {detail}")]
    NotPositive {
        /// The matrix concerned.
        matrix: String,
        /// `definite` or `semidefinite`.
        what: &'static str,
        /// The figure that shows it.
        detail: String,
    },
    /// An algorithm of linear algebra or an optimiser broke down.
    #[error("{operation} failed: {detail}")]
    Numerical {
        /// The operation.
        operation: String,
        /// What was seen.
        detail: String,
    },
    /// A result would not fit in the memory that the caller allowed.
    #[error("{what} needs {needed} bytes, more than the budget of {budget} bytes: {advice}")]
    Memory {
        /// The result concerned.
        what: String,
        /// Bytes it would take.
        needed: usize,
        /// Bytes allowed.
        budget: usize,
        /// What to do instead.
        advice: String,
    },
    /// A model file cannot be written, read or used.
    #[error("model file {file}: {problem}; {advice}")]
    ModelFile {
        /// The path as given, or `(bytes)`.
        file: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        advice: String,
    },
    /// The observer asked to stop.
    #[error("cancelled by the observer after {evaluations} evaluations")]
    Cancelled {
        /// Evaluations of the objective made until then.
        evaluations: usize,
    },
}

/// The names that exist, as the end of a message.
fn expected(kind: &str, known: &[String]) -> String {
    match (known.is_empty(), kind.strip_prefix("value of ")) {
        (false, _) => format!(", expected one of: {}", known.join(", ")),
        (true, Some(owner)) => format!(": {owner} has no parameters"),
        (true, None) => ": there is none".to_string(),
    }
}

impl Error {
    /// True where values were such that a computation failed: other values may do.
    pub(crate) fn is_numerical(&self) -> bool {
        matches!(self, Error::Numerical { .. } | Error::NotPositive { .. })
    }
}
