//! A warp with its values, as a fitted model shows it.

use std::sync::Arc;

use super::{BoundWarp, Warp};
use crate::error::{Error, Result};
use crate::spec::number;

/// The warp of one task with the values learned: between the outputs in the user's units and the warped
/// scale, on which B, the noise and the posterior are.
///
/// ```
/// use coregion::prelude::*;
/// use ndarray::array;
/// let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// let y = array![[1.0], [2.2], [2.5], [1.1], [0.4]];
/// let data = Dataset::new(x.view(), y.view())?;
/// let gp = MultiTaskGp::new(Rbf::ard()).warp(Warp::log()).fit(&data)?;
/// let warps = gp.warps();
/// assert_eq!(warps[0].forward(2.5)?, 2.5f64.ln());
/// assert!((warps[0].inverse(0.5) - 0.5f64.exp()).abs() < 1e-15);
/// assert_eq!(warps[0].log_slope(2.5)?, -2.5f64.ln());
/// assert!(warps[0].forward(-1.0).is_err());
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FittedWarp {
    pub(super) warp: Warp,
    pub(super) bound: Arc<dyn BoundWarp>,
    pub(super) values: Vec<f64>,
    pub(super) task: String,
}

impl FittedWarp {
    /// The warp with the values learned.
    pub fn warp(&self) -> Warp {
        let values = self.bound.params().iter().zip(&self.values);
        values.fold(self.warp.clone(), |warp, (p, value)| warp.at(&p.name, *value))
    }

    /// True where the outputs are as they are.
    pub fn is_identity(&self) -> bool {
        self.bound.is_identity()
    }

    /// The warped value of an output.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for an output outside the domain of the warp, [`Error::Numerical`] where
    /// its image overflows.
    pub fn forward(&self, y: f64) -> Result<f64> {
        self.check("y", y)?;
        finite("the warped output", self.bound.forward(&self.values, y))
    }

    /// Logarithm of the slope of the warp at an output: what a log density on the warped scale lacks.
    ///
    /// # Errors
    /// As [`FittedWarp::forward`].
    pub fn log_slope(&self, y: f64) -> Result<f64> {
        self.check("y", y)?;
        finite("the slope of the warp", self.bound.log_slope(&self.values, y))
    }

    /// The output of a warped value; the end of the domain for values beyond the range of the warp. NaN
    /// for NaN, infinite where it overflows.
    pub fn inverse(&self, z: f64) -> f64 {
        self.bound.inverse(&self.values, z)
    }

    /// Mean and standard deviation of the output for a warped value that is normal.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let (x, y) = (array![[0.0], [1.0], [2.0]], array![[1.0], [2.2], [2.5]]);
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// # let gp = MultiTaskGp::new(Rbf::ard()).warp(Warp::log()).fit(&data)?;
    /// let (mean, _) = gp.warps()[0].moments(0.2, 0.6);
    /// assert!((mean - (0.2f64 + 0.18).exp()).abs() < 1e-14);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn moments(&self, mean: f64, std: f64) -> (f64, f64) {
        self.bound.moments(&self.values, mean, std)
    }

    /// Refuses what the warp has no image for.
    pub(crate) fn check(&self, argument: &str, y: f64) -> Result<()> {
        if !y.is_finite() {
            return Err(Error::InvalidValue {
                argument: argument.to_string(),
                found: y.to_string(),
                expected: "finite outputs".to_string(),
            });
        }
        if y > 0.0 || !self.bound.needs_positive() {
            return Ok(());
        }
        Err(outside(argument, &self.task, &y.to_string(), self.warp.name()))
    }
}

/// The refusal of an output outside the domain of a warp.
pub(super) fn outside(argument: &str, task: &str, found: &str, warp: &str) -> Error {
    Error::InvalidValue {
        argument: format!("{argument}, task '{task}'"),
        found: found.to_string(),
        expected: format!("outputs above 0, as the warp '{warp}' needs"),
    }
}

fn finite(what: &str, value: f64) -> Result<f64> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(Error::Numerical { operation: "warping".to_string(), detail: format!("{what} is {value}") })
}

impl std::fmt::Display for FittedWarp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let values = self.bound.params().iter().zip(&self.values);
        let shown: Vec<String> =
            values.map(|(p, v)| format!("{}={}", p.name, number(*v))).collect();
        match shown.is_empty() {
            true => f.write_str(self.warp.name()),
            false => write!(f, "{}({})", self.warp.name(), shown.join(", ")),
        }
    }
}
