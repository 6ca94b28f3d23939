//! Warps of the outputs: what users write, and what acts.
//!
//! A warped Gaussian process (Snelson, Rasmussen & Ghahramani 2004) is one of `z = w(y; psi)`, a strictly
//! increasing function of each task's outputs whose parameters are learned with the rest:
//! `log p(y) = log N(z) + sum log w'(y)` over the observed entries. What is predicted of z is mapped back:
//! quantiles by `w^-1`, means and standard deviations by an integral over it (for compositions of such maps
//! and their inverses see Rios & Tobar 2019).
//!
//! A [`Warp`] is a description; bound to the outputs of a task by [`Warp::bind`] it becomes a
//! [`BoundWarp`]. Every warp but the logarithm has the value 0 and the slope 1 at a reference point taken
//! from the data and held, so that the scale of B and of the noise does not run away with the parameters:
//! they are of the warped outputs, in units of the outputs about that point. Under the logarithm they
//! are of `ln y`.

mod box_cox;
mod column;
mod fitted;
mod identity;
mod log;
mod moments;
mod power;
mod registry;
mod sinh_arcsinh;
mod tasks;
mod yeo_johnson;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use column::Column;
pub use fitted::FittedWarp;
pub use registry::{WarpEntry, registry};
pub(crate) use tasks::TaskWarps;

use crate::error::{Error, Result};
use crate::param::ParamSpec;
use crate::spec::{Spec, Value};

/// A warp that knows its parameters and where the outputs of its task lie; values arrive as a slice in
/// the order of [`BoundWarp::params`], natural.
///
/// ```
/// use coregion::warp::{BoundWarp, Column, Warp};
/// let warp: Box<dyn BoundWarp> = Warp::box_cox().bind(&Column::of([1.0, 4.0]))?;
/// let psi = [0.5, 2.0]; // lambda, and the reference, the geometric mean
/// let z = warp.forward(&psi, 8.0);
/// assert!((z - 4.0).abs() < 1e-12); // 2 ((8 / 2)^0.5 - 1) / 0.5
/// assert!((warp.inverse(&psi, z) - 8.0).abs() < 1e-12);
/// assert!((warp.log_slope(&psi, 8.0) - 0.5f64.ln()).abs() < 1e-12);
/// # Ok::<(), coregion::Error>(())
/// ```
pub trait BoundWarp: fmt::Debug + Send + Sync {
    /// The parameters.
    fn params(&self) -> &[ParamSpec];

    /// True where only positive outputs have an image.
    fn needs_positive(&self) -> bool {
        false
    }

    /// True where nothing is changed.
    fn is_identity(&self) -> bool {
        false
    }

    /// `w(y)`.
    fn forward(&self, psi: &[f64], y: f64) -> f64;

    /// `ln w'(y)`.
    fn log_slope(&self, psi: &[f64], y: f64) -> f64;

    /// `w^-1(z)`; a z below the range of w is mapped to the lower end of the domain.
    fn inverse(&self, psi: &[f64], z: f64) -> f64;

    /// Adds `of_value dw(y)/dpsi + of_slope d(ln w'(y))/dpsi` to `grad`.
    fn vjp(&self, psi: &[f64], y: f64, of_value: f64, of_slope: f64, grad: &mut [f64]);

    /// The z at which the inverse is not smooth.
    fn kink(&self, _psi: &[f64]) -> Option<f64> {
        None
    }

    /// Mean and standard deviation of `w^-1(z)` for z normal with this mean and standard deviation: by
    /// quadrature to about 1e-10 of the latter, where no closed form is at hand.
    fn moments(&self, psi: &[f64], mean: f64, std: f64) -> (f64, f64) {
        moments::by_quadrature(|z| self.inverse(psi, z), self.kink(psi), mean, std)
    }
}

/// A warp as users write it.
///
/// ```
/// use coregion::warp::Warp;
/// assert_eq!("box-cox".parse::<Warp>()?, Warp::box_cox());
/// assert!("square".parse::<Warp>().is_err());
/// assert_eq!(Warp::box_cox().at("lambda", 0.5).to_string(), "box-cox(lambda=0.5)");
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Warp(Spec);

impl Default for Warp {
    fn default() -> Self {
        Warp::identity()
    }
}

impl Warp {
    /// `z = y`.
    pub fn identity() -> Self {
        Warp(Spec::new(identity::ENTRY.name))
    }

    /// `z = ln y`, for positive outputs.
    pub fn log() -> Self {
        Warp(Spec::new(log::ENTRY.name))
    }

    /// A power of positive outputs, its exponent learned (Box & Cox 1964).
    pub fn box_cox() -> Self {
        Warp(Spec::new(box_cox::ENTRY.name))
    }

    /// A power on either side of the middle of the outputs, of any sign (Yeo & Johnson 2000).
    pub fn yeo_johnson() -> Self {
        Warp(Spec::new(yeo_johnson::ENTRY.name))
    }

    /// Skewness and weight of the tails learned (Jones & Pewsey 2009).
    pub fn sinh_arcsinh() -> Self {
        Warp(Spec::new(sinh_arcsinh::ENTRY.name))
    }

    /// A warp from its description, checked against the registry.
    ///
    /// ```
    /// use coregion::{Error, spec::Spec, warp::Warp};
    /// assert_eq!(Warp::from_spec(Spec::new("log"))?, Warp::log());
    /// assert!(matches!(Warp::from_spec(Spec::new("exp")), Err(Error::UnknownName { .. })));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownName`] where the name is not registered.
    pub fn from_spec(spec: Spec) -> Result<Self> {
        registry::find(&spec.name)?;
        Ok(Warp(spec))
    }

    /// The description.
    pub fn spec(&self) -> &Spec {
        &self.0
    }

    /// Its registered name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// True where nothing is changed.
    pub fn is_identity(&self) -> bool {
        self.name() == identity::ENTRY.name
    }

    /// Starts a parameter at a value in place of one from the data. At an end of its range it must be held.
    ///
    /// ```
    /// use coregion::warp::{Column, Warp};
    /// let column = Column::of([1.0, 4.0]);
    /// let warp = Warp::box_cox().at("lambda", 0.5).fix("lambda").bind(&column)?;
    /// let lambda = &warp.params()[0];
    /// assert_eq!((lambda.init[0], lambda.free[0]), (0.5, false));
    /// assert!(Warp::box_cox().at("power", 0.5).bind(&column).is_err());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn at(mut self, name: &str, value: f64) -> Self {
        self.0 = self.0.with(name, Value::Number(value));
        self
    }

    /// Holds a parameter at what was given, or else at its start.
    pub fn fix(mut self, name: &str) -> Self {
        self.0.fixed.push(name.to_string());
        self
    }

    /// The warp bound to the outputs of a task: the reference and the start are theirs.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] or [`Error::UnknownName`] where a value does not fit.
    pub fn bind(&self, column: &Column) -> Result<Box<dyn BoundWarp>> {
        self.0.check_leaf()?;
        (registry::find(&self.0.name)?.bind)(&self.0, column)
    }
}

impl FromStr for Warp {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Warp::from_spec(Spec::new(name))
    }
}

impl fmt::Display for Warp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = self.0.values.is_empty() && self.0.fixed.is_empty();
        if bare { f.write_str(&self.0.name) } else { self.0.fmt(f) }
    }
}
