//! The mean of each task.

use ndarray::{Array1, ArrayView2};

use crate::data::task_means;
use crate::error::{Error, Result};

/// The mean function: one constant for each task, held while the rest is learned.
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
    /// The mean of each task over its observations; for a task without any, the mean of the others'.
    #[default]
    Training,
    /// Constants (T) given.
    Given(Vec<f64>),
}

impl Mean {
    /// The constants for outputs y (n, T), NaN where nothing was observed.
    pub(super) fn offsets(&self, y: ArrayView2<f64>) -> Result<Array1<f64>> {
        match self {
            Mean::Zero => Ok(Array1::zeros(y.ncols())),
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
