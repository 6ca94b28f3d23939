//! The mean of each task.

use ndarray::{Array1, ArrayView2};

use super::Basis;
use crate::data::task_means;
use crate::error::{Error, Result};

/// The mean function of each task.
///
/// A constant, or a linear combination of basis functions, whose coefficients are not given is
/// estimated by generalised least squares: at every value of the other parameters it has the values that
/// maximise the likelihood, which is what [`crate::gp::Model::log_likelihood`] evaluates, and the
/// predictions carry what is not known of them (universal kriging; Rasmussen & Williams 2006, section
/// 2.7). With [`crate::estimator::MultiTaskGp::reml`] the other parameters are learned from the
/// restricted likelihood instead. A task without observations has the mean of the coefficients of the
/// other tasks, in the predictions and in their uncertainty alike.
///
/// ```
/// use coregion::prelude::*;
/// use ndarray::array;
/// let data = Dataset::new(array![[0.0], [1.0]].view(), array![[3.0], [4.0]].view())?;
/// let kernel = Rbf::isotropic(1.0).fix("lengthscale");
/// let gp = MultiTaskGp::new(kernel).mean(Mean::Given(vec![5.0])).fit(&data)?;
/// let far = gp.predict(array![[100.0]].view(), Uncertainty::None)?;
/// assert_eq!(far.mean, array![[5.0]]);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Mean {
    /// Zero.
    Zero,
    /// A constant for each task, by generalised least squares.
    #[default]
    Constant,
    /// Coefficients (p, T) of a basis, by generalised least squares.
    Basis(Basis),
    /// The mean of each task over its observations, held; for a task without any, the mean of the
    /// others'.
    Training,
    /// Constants (T) given.
    Given(Vec<f64>),
}

impl Mean {
    /// A level and a slope for each column of x: [`Basis::linear`].
    ///
    /// ```
    /// use coregion::prelude::*;
    /// use ndarray::{Array2, array};
    /// let x = Array2::from_shape_fn((12, 1), |(i, _)| i as f64);
    /// let y = Array2::from_shape_fn((12, 1), |(i, _)| 3.0 * i as f64 + [0.1, -0.1, 0.05][i % 3]);
    /// let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::isotropic(2.0)).mean(Mean::linear()).reml(true).fit(&data)?;
    /// let slope = gp.parameters()["mean.coefficients"][[1, 0]];
    /// assert!((slope - 3.0).abs() < 0.1);
    /// let far = gp.predict(array![[100.0]].view(), Uncertainty::None)?;
    /// assert!((far.mean[[0, 0]] - 300.0).abs() < 10.0);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn linear() -> Self {
        Mean::Basis(Basis::linear())
    }

    /// True where coefficients are estimated by generalised least squares.
    pub fn is_estimated(&self) -> bool {
        matches!(self, Mean::Constant | Mean::Basis(_))
    }

    /// The constants for outputs y (n, T), NaN where nothing was observed; 0 where coefficients are
    /// estimated.
    pub(super) fn offsets(&self, y: ArrayView2<f64>) -> Result<Array1<f64>> {
        match self {
            Mean::Zero | Mean::Constant | Mean::Basis(_) => Ok(Array1::zeros(y.ncols())),
            Mean::Training => Ok(task_means(y)),
            Mean::Given(values) if values.len() != y.ncols() => Err(Error::Shape {
                argument: "mean".to_string(),
                found: format!("{} values", values.len()),
                expected: format!("{}, one for each task", y.ncols()),
            }),
            Mean::Given(values) => match values.iter().find(|v| !v.is_finite()) {
                Some(bad) => Err(Error::InvalidValue {
                    argument: "mean".to_string(),
                    found: bad.to_string(),
                    expected: "finite values".to_string(),
                }),
                None => Ok(Array1::from(values.clone())),
            },
        }
    }
}
