//! One tree of structure and values behind constructors, printing, equality and model files.
//!
//! A [`Spec`] says what a kernel, a task covariance or a noise is (`name`), which values were given
//! (`values`), which of them are held (`fixed`) and what it is composed of (`children`). Everything
//! that acts is made from it by the registries.

mod argument;
mod reading;
mod values;

use serde::{Deserialize, Serialize};
use std::fmt;

pub use argument::{Argument, ArgumentKind};
pub use values::Values;

use crate::error::{Error, Result};

/// A value inside a [`Spec`].
///
/// ```
/// use coregion::spec::Value;
/// let value = Value::from_numbers(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
/// assert_eq!(value, Value::Matrix(vec![vec![1.0, 2.0], vec![3.0, 4.0]]));
/// assert_eq!((value.shape(), value.numbers().unwrap().len()), (vec![2, 2], 4));
/// assert_eq!(value.to_string(), "[[1, 2], [3, 4]]");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A switch.
    Bool(bool),
    /// A count.
    Count(usize),
    /// A number.
    Number(f64),
    /// Column numbers: what a list of whole numbers without a decimal point is read back as.
    Counts(Vec<usize>),
    /// A vector of numbers.
    Vector(Vec<f64>),
    /// A matrix, row by row.
    Matrix(Vec<Vec<f64>>),
    /// A word.
    Text(String),
}

impl Value {
    /// The numbers of the value in row-major order; `None` where it holds no numbers.
    pub fn numbers(&self) -> Option<Vec<f64>> {
        match self {
            Value::Number(v) => Some(vec![*v]),
            Value::Count(c) => Some(vec![*c as f64]),
            Value::Vector(v) => Some(v.clone()),
            Value::Counts(v) => Some(v.iter().map(|&c| c as f64).collect()),
            Value::Matrix(rows) => Some(rows.concat()),
            Value::Bool(_) | Value::Text(_) => None,
        }
    }

    /// The value with the given shape made of numbers in row-major order.
    pub fn from_numbers(shape: &[usize], numbers: &[f64]) -> Self {
        match shape {
            [] => Value::Number(numbers.first().copied().unwrap_or(f64::NAN)),
            [_, columns] => {
                Value::Matrix(numbers.chunks((*columns).max(1)).map(<[f64]>::to_vec).collect())
            }
            _ => Value::Vector(numbers.to_vec()),
        }
    }

    /// The shape of the value: empty for a single one.
    pub fn shape(&self) -> Vec<usize> {
        match self {
            Value::Vector(v) => vec![v.len()],
            Value::Counts(v) => vec![v.len()],
            Value::Matrix(rows) => vec![rows.len(), rows.first().map_or(0, Vec::len)],
            _ => vec![],
        }
    }
}

impl Value {
    /// The value as messages show it: what is large in part.
    fn shortened(&self) -> String {
        const SHOWN: usize = 12;
        match self {
            Value::Vector(v) if v.len() > SHOWN => {
                format!("[{}, ...], {} numbers", numbers(&v[..SHOWN]), v.len())
            }
            Value::Counts(v) if v.len() > SHOWN => {
                let first: Vec<f64> = v[..SHOWN].iter().map(|c| *c as f64).collect();
                format!("[{}, ...], {} numbers", numbers(&first), v.len())
            }
            Value::Matrix(rows) if rows.iter().map(Vec::len).sum::<usize>() > SHOWN * SHOWN => {
                format!("a matrix of {} rows", rows.len())
            }
            Value::Text(text) if text.len() > SHOWN * SHOWN => {
                format!("\"{}...\"", text.chars().take(SHOWN * SHOWN).collect::<String>())
            }
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(b) => write!(f, "{b}"),
            Value::Count(c) => write!(f, "{c}"),
            Value::Number(v) => f.write_str(&number(*v)),
            Value::Vector(v) => write!(f, "[{}]", numbers(v)),
            Value::Counts(v) => write!(f, "{v:?}"),
            Value::Matrix(rows) => {
                let rows: Vec<String> = rows.iter().map(|r| format!("[{}]", numbers(r))).collect();
                write!(f, "[{}]", rows.join(", "))
            }
            Value::Text(t) => write!(f, "\"{t}\""),
        }
    }
}

/// A number with five significant digits, without trailing zeros.
pub(crate) fn number(v: f64) -> String {
    if v == 0.0 || !v.is_finite() {
        return format!("{v}");
    }
    let digits = v.abs().log10().floor();
    if (-4.0..6.0).contains(&digits) {
        let text = format!("{v:.*}", (4.0 - digits).max(0.0) as usize);
        if text.contains('.') {
            return text.trim_end_matches('0').trim_end_matches('.').to_string();
        }
        return text;
    }
    format!("{v:.4e}")
}

fn numbers(v: &[f64]) -> String {
    v.iter().map(|&x| number(x)).collect::<Vec<_>>().join(", ")
}

/// A node of the tree: a name, its values, which of them are held, and its parts.
///
/// ```
/// use coregion::kernel::Rbf;
/// let kernel = 2.0 * Rbf::new([0.7, 1.2]);
/// assert_eq!(kernel.to_string(), "2 * RBF(lengthscale=[0.7, 1.2])");
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Registered name.
    pub name: String,
    /// Values given or fitted, by name.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub values: Values,
    /// Names of the values that are held when the rest is learned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixed: Vec<String>,
    /// Parts that this node is composed of.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "reading::list")]
    pub children: Vec<Spec>,
}

impl Spec {
    /// A node without values.
    pub fn new(name: &str) -> Self {
        Spec { name: name.to_string(), ..Spec::default() }
    }

    /// The node with a value set.
    ///
    /// ```
    /// use coregion::spec::{Spec, Value};
    /// let spec = Spec::new("Polynomial").with("degree", Value::Count(2));
    /// let spec = spec.with("bias", Value::Number(0.5));
    /// assert_eq!(spec.get("bias"), Some(&Value::Number(0.5)));
    /// assert_eq!(spec.to_string(), "Polynomial(bias=0.5, degree=2)");
    /// ```
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.values.insert(name.to_string(), value);
        self
    }

    /// The node with its parts set.
    ///
    /// ```
    /// use coregion::spec::Spec;
    /// let sum = Spec::new("Sum").with_children(vec![Spec::new("RBF"), Spec::new("Matern12")]);
    /// assert_eq!(sum.to_string(), "RBF() + Matern12()");
    /// ```
    pub fn with_children(mut self, children: Vec<Spec>) -> Self {
        self.children = children;
        self
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// True where the value of that name is held.
    ///
    /// ```
    /// let kernel = coregion::kernel::Periodic::new(1.0, 12.0).fix("period");
    /// assert!(kernel.spec().is_fixed("period") && !kernel.spec().is_fixed("lengthscale"));
    /// ```
    pub fn is_fixed(&self, name: &str) -> bool {
        self.fixed.iter().any(|f| f == name)
    }

    /// The count of that name.
    ///
    /// ```
    /// use coregion::spec::{Spec, Value};
    /// let spec = Spec::new("LowRank").with("rank", Value::Number(2.0));
    /// assert_eq!(spec.count("rank")?, 2);
    /// assert!(spec.with("rank", Value::Number(2.5)).count("rank").is_err());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidValue`] where it is absent or not a count.
    pub fn count(&self, name: &str) -> Result<usize> {
        match self.get(name) {
            Some(Value::Count(c)) => Ok(*c),
            Some(Value::Number(v)) if *v >= 0.0 && v.fract() == 0.0 => Ok(*v as usize),
            other => Err(self.invalid(name, other, "a whole number of at least 0")),
        }
    }

    /// The matrix of that name, `None` where it is absent.
    ///
    /// ```
    /// use coregion::spec::Spec;
    /// let fixed = coregion::task::Fixed::at(ndarray::array![[1.0, 0.5], [0.5, 2.0]].view());
    /// assert_eq!(fixed.spec().matrix("B")?.unwrap()[[1, 0]], 0.5);
    /// assert!(Spec::new("FreeForm").matrix("B")?.is_none());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidValue`] where it is no matrix or its rows differ in length.
    pub fn matrix(&self, name: &str) -> Result<Option<ndarray::Array2<f64>>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Matrix(rows)) => {
                let columns = rows.first().map_or(0, Vec::len);
                ndarray::Array2::from_shape_vec((rows.len(), columns), rows.concat())
                    .map(Some)
                    .map_err(|_| self.invalid(name, self.get(name), "rows of equal length"))
            }
            other => Err(self.invalid(name, other, "a matrix")),
        }
    }

    /// The error that a value of this node is not what it should be.
    ///
    /// ```
    /// use coregion::spec::{Spec, Value};
    /// let error = Spec::new("LowRank").invalid("rank", Some(&Value::Count(0)), "at least 1");
    /// assert_eq!(error.to_string(), "LowRank.rank: found 0, expected at least 1");
    /// let many = Value::Vector(vec![1.0; 5000]); // messages stay short
    /// let error = Spec::new("RBF").invalid("lengthscale", Some(&many), "shape [2]").to_string();
    /// assert!(error.ends_with("1, 1, ...], 5000 numbers, expected shape [2]"));
    /// ```
    pub fn invalid(&self, name: &str, found: Option<&Value>, expected: &str) -> Error {
        Error::InvalidValue {
            argument: format!("{}.{name}", self.name),
            found: found.map_or_else(|| "nothing".to_string(), Value::shortened),
            expected: expected.to_string(),
        }
    }

    /// Refuses values and held names that the node does not have.
    ///
    /// ```
    /// use coregion::spec::{Spec, Value};
    /// let spec = Spec::new("RBF").with("lenghtscale", Value::Number(1.0));
    /// let error = spec.check_names(&["lengthscale", "ard"]).unwrap_err();
    /// assert!(error.to_string().contains("expected one of: lengthscale, ard"));
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownName`] with the names that exist.
    pub fn check_names(&self, known: &[&str]) -> Result<()> {
        match self.values.keys().chain(&self.fixed).find(|k| !known.contains(&k.as_str())) {
            None => Ok(()),
            Some(name) => Err(Error::UnknownName {
                kind: format!("value of {}", self.name),
                name: name.clone(),
                known: known.iter().map(ToString::to_string).collect(),
            }),
        }
    }

    /// Refuses parts under a node that has none.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] with their number.
    pub fn check_leaf(&self) -> Result<()> {
        if self.children.is_empty() {
            return Ok(());
        }
        Err(Error::InvalidValue {
            argument: format!("{}.children", self.name),
            found: format!("{} parts", self.children.len()),
            expected: "no parts".to_string(),
        })
    }

    fn arguments(&self) -> String {
        let mut parts: Vec<String> = self
            .values
            .iter()
            .map(|(k, v)| {
                let long = v.shape().iter().product::<usize>() > 12;
                let shape: Vec<String> = v.shape().iter().map(ToString::to_string).collect();
                if long { format!("{k}=<{}>", shape.join(" x ")) } else { format!("{k}={v}") }
            })
            .collect();
        if !self.fixed.is_empty() {
            parts.push(format!("fixed={:?}", self.fixed));
        }
        parts.join(", ")
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inside = |c: &Spec| if c.name == "Sum" { format!("({c})") } else { c.to_string() };
        match (self.name.as_str(), self.children.as_slice()) {
            ("Sum", parts) => {
                f.write_str(&parts.iter().map(Spec::to_string).collect::<Vec<_>>().join(" + "))
            }
            ("Product", parts) => {
                f.write_str(&parts.iter().map(inside).collect::<Vec<_>>().join(" * "))
            }
            ("Scale", [part]) => match self.get("scale") {
                Some(scale) => write!(f, "{scale} * {}", inside(part)),
                None => write!(f, "Scale({part})"),
            },
            ("Columns", [part]) => match self.get("columns") {
                Some(columns) => write!(f, "{}.on({columns})", inside(part)),
                None => write!(f, "{part}"),
            },
            (_, []) => write!(f, "{}({})", self.name, self.arguments()),
            (_, parts) => {
                let mut inside: Vec<String> = parts.iter().map(Spec::to_string).collect();
                inside.extend(Some(self.arguments()).filter(|values| !values.is_empty()));
                write!(f, "{}({})", self.name, inside.join(", "))
            }
        }
    }
}
