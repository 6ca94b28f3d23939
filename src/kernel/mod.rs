//! Scalar kernels k(x, z): what users compose, and what acts on tiles of rows.
//!
//! A [`Kernel`] is a description: a [`Spec`] tree that can be added, multiplied, scaled, restricted
//! to columns, printed, compared and stored. Bound to the columns of a data set by [`Kernel::bind`]
//! it becomes a [`BoundKernel`], which computes blocks of the Gram matrix and pulls adjoints back to
//! its parameters.
//!
//! Kernels have unit amplitude: the scale of a separable term is that of its task covariance. Inside
//! a term the first amplitude is held, so that the two cannot trade places.

mod categorical;
mod columns;
mod constant;
mod cosine;
mod inputs;
mod linear;
mod matern12;
mod matern32;
mod matern52;
mod pairwise;
mod periodic;
mod polynomial;
mod product;
mod rational_quadratic;
mod rbf;
mod registry;
mod scale;
mod spectral_mixture;
mod stationary;
mod sum;

use std::fmt;
use std::ops::{Add, Mul};

use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};
use serde::{Deserialize, Serialize};

pub use categorical::Categorical;
pub use constant::Constant;
pub use cosine::Cosine;
pub use inputs::{Amplitude, Inputs};
pub use linear::Linear;
pub use matern12::Matern12;
pub use matern32::Matern32;
pub use matern52::Matern52;
pub use periodic::Periodic;
pub use polynomial::Polynomial;
pub use rational_quadratic::RationalQuadratic;
pub use rbf::Rbf;
pub use registry::{KernelEntry, registry};
pub use spectral_mixture::SpectralMixture;

use crate::error::{Error, Result};
use crate::param::ParamSpec;
use crate::spec::{Spec, Value};

/// A kernel that knows its columns and computes on tiles of rows; parameter values arrive as a slice
/// in the order of [`BoundKernel::params`], natural and in the user's units.
///
/// ```
/// use coregion::data::ColumnStatistics;
/// use coregion::kernel::{BoundKernel, Inputs, Rbf};
/// use ndarray::{Array2, array};
/// let inputs = Inputs::all(&[ColumnStatistics::of(array![0.0, 2.0].view())]);
/// let kernel: Box<dyn BoundKernel> = Rbf::isotropic(1.0).bind(&inputs)?;
/// let (x, z) = (array![[0.0]], array![[2.0]]);
/// let (mut k, mut gradient) = (Array2::zeros((1, 1)), [0.0]);
/// kernel.block(&[1.0], x.view(), z.view(), k.view_mut());
/// kernel.block_vjp(&[1.0], x.view(), z.view(), array![[1.0]].view(), &mut gradient);
/// assert!((k[[0, 0]] - (-2f64).exp()).abs() < 1e-15);
/// assert!((gradient[0] - 4.0 * k[[0, 0]]).abs() < 1e-15); // dk/dl = k r^2 / l^3
/// # Ok::<(), coregion::Error>(())
/// ```
pub trait BoundKernel: fmt::Debug + Send + Sync {
    /// The parameters.
    fn params(&self) -> &[ParamSpec];

    /// Writes `out[i, j] = k(x_i, z_j)` for x (a, d) and z (b, d).
    fn block(&self, theta: &[f64], x: ArrayView2<f64>, z: ArrayView2<f64>, out: ArrayViewMut2<f64>);

    /// Adds `sum_ij adjoint[i, j] dk(x_i, z_j)/dtheta_p` to `grad[p]`, in one pass over the tile.
    fn block_vjp(
        &self,
        theta: &[f64],
        x: ArrayView2<f64>,
        z: ArrayView2<f64>,
        adjoint: ArrayView2<f64>,
        grad: &mut [f64],
    );

    /// Writes `out[i] = k(x_i, x_i)`.
    fn diag(&self, theta: &[f64], x: ArrayView2<f64>, out: ArrayViewMut1<f64>);

    /// Refuses inputs the kernel is not defined on.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] that names the column.
    fn check(&self, _x: ArrayView2<f64>) -> Result<()> {
        Ok(())
    }
}

/// A scalar kernel as users write it: an expression of named kernels.
///
/// ```
/// use coregion::kernel::{Linear, Matern52, Periodic};
/// let kernel = Matern52::ard().on([0, 1]) + 0.5 * Periodic::new(1.0, 12.0).on([2]) * Linear::new(1.0);
/// assert_eq!(
///     kernel.to_string(),
///     "Matern52().on([0, 1]) + 0.5 * Periodic(lengthscale=1, period=12).on([2]) * Linear(bias=1)"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kernel(pub(crate) Spec);

impl Kernel {
    /// A kernel from its description, checked against the registry.
    ///
    /// ```
    /// use coregion::{Error, kernel::Kernel, spec::Spec};
    /// assert_eq!(Kernel::from_spec(Spec::new("Matern32"))?, coregion::kernel::Matern32::ard());
    /// assert!(matches!(Kernel::from_spec(Spec::new("Matern")), Err(Error::UnknownName { .. })));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownName`] where a node has no registered name.
    pub fn from_spec(spec: Spec) -> Result<Self> {
        registry::check(&spec)?;
        Ok(Kernel(spec))
    }

    /// The description.
    ///
    /// ```
    /// use coregion::{kernel::RationalQuadratic, spec::Value};
    /// let kernel = RationalQuadratic::new(0.7, 1.9);
    /// assert_eq!(kernel.spec().get("alpha"), Some(&Value::Number(1.9)));
    /// ```
    pub fn spec(&self) -> &Spec {
        &self.0
    }

    /// The kernel restricted to some columns of x.
    ///
    /// ```
    /// use coregion::{data::ColumnStatistics, gram, kernel::{Inputs, Rbf}};
    /// let x = ndarray::array![[0.0, 5.0], [3.0, 5.0]]; // the second column does not vary
    /// let inputs = Inputs::all(&[0, 1].map(|j| ColumnStatistics::of(x.column(j))));
    /// let (all, second) = (Rbf::isotropic(1.0), Rbf::isotropic(1.0).on([1]));
    /// assert_eq!(gram::gram(second.bind(&inputs)?.as_ref(), &[1.0], x.view())[[0, 1]], 1.0);
    /// assert!(gram::gram(all.bind(&inputs)?.as_ref(), &[1.0], x.view())[[0, 1]] < 0.1);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn on<C: Into<Vec<usize>>>(self, columns: C) -> Kernel {
        columns::on(self, columns.into())
    }

    /// Holds a named value of this kernel, such as `lengthscale`, at what was given, or else at its
    /// start.
    ///
    /// ```
    /// use coregion::{data::ColumnStatistics, kernel::{Inputs, Periodic}};
    /// let inputs = Inputs::all(&[ColumnStatistics::of(ndarray::array![0.0, 2.0].view())]);
    /// let kernel = Periodic::new(1.0, 12.0).fix("period").bind(&inputs)?;
    /// let [lengthscale, period] = kernel.params() else { unreachable!() };
    /// assert!(lengthscale.free[0] && !period.free[0]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn fix(mut self, name: &str) -> Kernel {
        owner(&mut self.0, name).fixed.push(name.to_string());
        self
    }

    /// Sets whether each column has a lengthscale of its own (`true`) or all share one (`false`).
    /// Without it stationary kernels have one for each of up to 30 columns.
    ///
    /// ```
    /// use coregion::{data::ColumnStatistics, kernel::{Inputs, Rbf}};
    /// let inputs = Inputs::all(&[ColumnStatistics::of(ndarray::array![0.0, 2.0].view()); 3]);
    /// assert_eq!(Rbf::ard().bind(&inputs)?.params()[0].init.len(), 3);
    /// assert_eq!(Rbf::ard().with_ard(false).bind(&inputs)?.params()[0].init.len(), 1);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn with_ard(mut self, ard: bool) -> Kernel {
        owner(&mut self.0, "ard").values.insert("ard".to_string(), Value::Bool(ard));
        self
    }

    /// The kernel bound to the columns of a data set.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] or [`Error::UnknownName`] where a value does not fit.
    pub fn bind(&self, inputs: &Inputs) -> Result<Box<dyn BoundKernel>> {
        registry::bind(&self.0, inputs)
    }

    /// The kernel with fitted values written into it: `theta` in the order of `bound.params()`.
    ///
    /// ```
    /// use coregion::{data::ColumnStatistics, kernel::{Inputs, Matern12, Rbf}};
    /// let kernel = Rbf::ard() + 0.5 * Matern12::ard();
    /// let inputs = Inputs::all(&[ColumnStatistics::of(ndarray::array![0.0, 2.0].view())]);
    /// let bound = kernel.bind(&inputs)?;
    /// assert_eq!(
    ///     kernel.with_values(bound.as_ref(), &[0.3, 2.0, 0.7]).to_string(),
    ///     "RBF(lengthscale=[0.3]) + 2 * Matern12(lengthscale=[0.7])"
    /// );
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn with_values(&self, bound: &dyn BoundKernel, theta: &[f64]) -> Kernel {
        let mut spec = self.0.clone();
        let mut start = 0;
        for p in bound.params() {
            let end = start + p.init.len();
            write_value(&mut spec, &p.name, Value::from_numbers(&p.shape, &theta[start..end]));
            start = end;
        }
        Kernel(spec)
    }
}

/// The node that has the value of that name: nodes that only choose columns, and a number in front
/// for values other than itself, pass it on.
fn owner<'a>(spec: &'a mut Spec, name: &str) -> &'a mut Spec {
    let passes = spec.name == "Columns" || (spec.name == "Scale" && name != "scale");
    if passes && spec.children.len() == 1 {
        return owner(&mut spec.children[0], name);
    }
    spec
}

/// Writes a value at a path such as `parts[1].lengthscale`. Nodes that add no step to the path
/// (`Scale` below its own value, `Columns`) pass it on to their only child.
pub(crate) fn write_value(spec: &mut Spec, path: &str, value: Value) {
    if let Some(rest) = path.strip_prefix("parts[")
        && matches!(spec.name.as_str(), "Sum" | "Product")
        && let Some((index, rest)) = rest.split_once("].")
        && let Ok(index) = index.parse::<usize>()
        && let Some(child) = spec.children.get_mut(index)
    {
        return write_value(child, rest, value);
    }
    let own = spec.name == "Scale" && path == "scale";
    match spec.children.first_mut() {
        Some(child) if !own => write_value(child, path, value),
        _ => {
            spec.values.insert(path.to_string(), value);
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Add for Kernel {
    type Output = Kernel;
    fn add(self, other: Kernel) -> Kernel {
        Kernel(sum::join("Sum", self.0, other.0))
    }
}

impl Mul for Kernel {
    type Output = Kernel;
    fn mul(self, other: Kernel) -> Kernel {
        product::multiply(self, other)
    }
}

impl Mul<Kernel> for f64 {
    type Output = Kernel;
    fn mul(self, kernel: Kernel) -> Kernel {
        scale::scaled(self, kernel)
    }
}

/// The error that a kernel needs exactly one column.
fn one_column(name: &str, found: usize) -> Error {
    Error::InvalidValue {
        argument: name.to_string(),
        found: format!("{found} columns"),
        expected: "one column: choose it with `.on([j])`".to_string(),
    }
}
