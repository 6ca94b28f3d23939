//! Columns of a linear mean.

use std::fmt;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2, Axis, s};

use crate::data::check_finite;
use crate::error::{Error, Result};

/// A function of rows x (m, d) that gives columns (m, p).
type Function = dyn Fn(ArrayView2<f64>) -> Result<Array2<f64>> + Send + Sync;

/// A basis of p functions of the inputs: the mean of task t is `sum_q f_q(x) beta_qt`.
///
/// ```
/// use coregion::prelude::*;
/// use ndarray::{Array2, array};
/// // A yearly cycle around a level of each task.
/// let cycle = Basis::new(|x| {
///     Array2::from_shape_fn((x.nrows(), 3), |(i, q)| match q {
///         0 => 1.0,
///         1 => (std::f64::consts::TAU * x[[i, 0]]).sin(),
///         _ => (std::f64::consts::TAU * x[[i, 0]]).cos(),
///     })
/// });
/// assert_eq!(cycle.columns(array![[0.25]].view())?.dim(), (1, 3));
/// assert_eq!(Basis::linear().columns(array![[2.0, 3.0]].view())?, array![[1.0, 2.0, 3.0]]);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Clone)]
pub struct Basis(Form);

#[derive(Clone)]
enum Form {
    /// `(1, x_1, ..., x_d)`.
    Linear,
    Function(Arc<Function>),
}

impl Basis {
    /// A level and a slope for each column of x: `(1, x_1, ..., x_d)`.
    pub fn linear() -> Self {
        Basis(Form::Linear)
    }

    /// The columns (m, p) that a function gives for rows x (m, d), in the user's units. What it gives for
    /// a row must not depend on other rows.
    pub fn new(function: impl Fn(ArrayView2<f64>) -> Array2<f64> + Send + Sync + 'static) -> Self {
        Basis::fallible(move |x| Ok(function(x)))
    }

    /// The same for a function that may fail.
    ///
    /// ```
    /// use coregion::prelude::*;
    /// use ndarray::array;
    /// let never = Basis::fallible(|_| Err(Error::MissingValue { path: "mean".into() }));
    /// assert!(never.columns(array![[1.0]].view()).is_err());
    /// ```
    pub fn fallible(
        function: impl Fn(ArrayView2<f64>) -> Result<Array2<f64>> + Send + Sync + 'static,
    ) -> Self {
        Basis(Form::Function(Arc::new(function)))
    }

    /// True for a function that the user gave: a model file cannot keep it.
    pub fn is_function(&self) -> bool {
        matches!(self.0, Form::Function(_))
    }

    /// The columns (m, p) at rows x (m, d).
    ///
    /// # Errors
    /// [`Error::Shape`] for columns of another length or none; [`Error::NotFinite`] for NaN and infinity
    /// in them; what the function returns.
    pub fn columns(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        let columns = match &self.0 {
            Form::Linear => {
                let mut out = Array2::ones((x.nrows(), x.ncols() + 1));
                out.slice_mut(s![.., 1..]).assign(&x);
                out
            }
            Form::Function(function) => function(x)?,
        };
        if columns.len_of(Axis(0)) != x.nrows() || columns.ncols() == 0 {
            return Err(Error::Shape {
                argument: "mean".to_string(),
                found: format!("a basis of shape ({}, {})", columns.nrows(), columns.ncols()),
                expected: format!(
                    "({}, p): a row for each row of x, and a column or more",
                    x.nrows()
                ),
            });
        }
        check_finite("mean", columns.view())?;
        Ok(columns)
    }
}

impl fmt::Debug for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Form::Linear => "Basis::linear()",
            Form::Function(_) => "Basis(a function)",
        })
    }
}

/// Two functions are equal where they are the same one.
impl PartialEq for Basis {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Form::Linear, Form::Linear) => true,
            (Form::Function(a), Form::Function(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}
