//! The one flat vector of named parameters: specifications, transforms, priors and their layout.

mod layout;
mod prior;
mod transform;

pub use layout::{Entry, Layout};
pub use prior::Prior;
pub use transform::Transform;

use crate::error::{Error, Result};
use crate::spec::{Spec, Value};

/// What is to be known of one parameter: shape, start, unit, transform, prior, and what is learned.
///
/// `init` is natural, in the user's units. `unit` is the scale of each entry that makes
/// `value / unit` of order one: the optimiser, the priors and the gradient norm see that ratio.
///
/// ```
/// use coregion::param::{ParamSpec, Transform};
/// let p = ParamSpec::new("lengthscale", &[2], vec![3.0, 0.1], Transform::POSITIVE)
///     .with_unit(vec![3.0, 0.1]);
/// assert_eq!(p.transform[0].free(p.init[0] / p.unit[0]), 0.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ParamSpec {
    /// Name inside its owner.
    pub name: String,
    /// Shape of the array, empty for a single number.
    pub shape: Vec<usize>,
    /// Start values, natural, row-major.
    pub init: Vec<f64>,
    /// Scale of each entry.
    pub unit: Vec<f64>,
    /// Map between the ratio `value / unit` and the unconstrained value of each entry.
    pub transform: Vec<Transform>,
    /// Prior on the ratio `value / unit`, without the Jacobian of the transform.
    pub prior: Option<Prior>,
    /// Which entries are learned.
    pub free: Vec<bool>,
    /// True where the user gave the values.
    pub given: bool,
}

impl ParamSpec {
    /// A learned parameter with unit scale and without a prior.
    pub fn new(name: &str, shape: &[usize], init: Vec<f64>, transform: Transform) -> Self {
        let len = init.len();
        ParamSpec {
            name: name.to_string(),
            shape: shape.to_vec(),
            unit: vec![1.0; len],
            transform: vec![transform; len],
            prior: None,
            free: vec![true; len],
            given: false,
            init,
        }
    }

    /// The parameter with the scale of its entries set.
    pub fn with_unit(mut self, unit: Vec<f64>) -> Self {
        self.unit = unit;
        self
    }

    /// The parameter with a prior.
    pub fn with_prior(mut self, prior: Prior) -> Self {
        self.prior = Some(prior);
        self
    }

    /// The parameter with start and held state taken from the value of the same name in `spec`.
    ///
    /// A single number serves every entry.
    ///
    /// ```
    /// use coregion::{param::{ParamSpec, Transform}, spec::{Spec, Value}};
    /// let start = ParamSpec::new("period", &[], vec![1.0], Transform::POSITIVE);
    /// let mut spec = Spec::new("Cosine").with("period", Value::Number(12.0));
    /// assert_eq!(start.clone().from_spec(&spec)?.init, [12.0]);
    /// spec = spec.with("period", Value::Number(-1.0));
    /// assert!(start.from_spec(&spec).is_err());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidValue`] where the shape differs, or a value is not finite or lies outside
    /// the transform's range.
    pub fn from_spec(mut self, spec: &Spec) -> Result<Self> {
        if let Some(value) = spec.get(&self.name) {
            let Some(numbers) = value.numbers() else {
                return Err(spec.invalid(&self.name, Some(value), "numbers"));
            };
            let spread = matches!(value, Value::Number(_) | Value::Count(_));
            if !spread && (value.shape() != self.shape || numbers.len() != self.init.len()) {
                let expected = format!("shape {:?}", self.shape);
                return Err(spec.invalid(&self.name, Some(value), &expected));
            }
            for (i, entry) in self.init.iter_mut().enumerate() {
                *entry = if spread { numbers[0] } else { numbers[i] };
            }
            self.given = true;
        }
        if spec.is_fixed(&self.name) {
            self.free.fill(false);
        }
        self.check(&spec.name)?;
        Ok(self)
    }

    /// Checks that every start value is finite and inside its transform's range.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] that names the parameter.
    pub fn check(&self, owner: &str) -> Result<()> {
        for i in 0..self.init.len() {
            let ratio = self.init[i] / self.unit[i];
            if !self.transform[i].admits(ratio, self.free[i]) {
                let range = self.transform[i].range(self.unit[i]);
                let ends = match (self.transform[i], self.free[i]) {
                    (Transform::Interval { .. }, true) => {
                        "; at an end of that range it must be held"
                    }
                    (Transform::Interval { .. }, false) => ", or at an end of that range",
                    (_, true) => ", or held",
                    (_, false) => "",
                };
                return Err(Error::InvalidValue {
                    argument: format!("{owner}.{}", self.name),
                    found: format!("{}", self.init[i]),
                    expected: format!("{range}{ends}"),
                });
            }
        }
        Ok(())
    }
}
