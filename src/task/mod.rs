//! Covariances between tasks, and of the noise: what users write, and what acts.
//!
//! A [`Task`] is a description; bound to the scales of the outputs by [`Task::bind`] it becomes a
//! [`BoundTask`], which turns parameter values into a [`TaskMatrix`] and pulls adjoints back.
//! [`Noise`] is the same for the covariance of the noise at one input.

mod diagonal;
mod fixed;
mod free_form;
mod kernel;
mod low_rank;
mod low_rank_noise;
mod noise;
mod noise_multiple;
mod registry;
mod scales;

use std::fmt;

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

pub use diagonal::Diagonal;
pub use fixed::Fixed;
pub use free_form::FreeForm;
pub use kernel::{DescriptorKernel, UnseenTasks};
pub use low_rank::LowRank;
pub(crate) use noise::NOISE_FLOOR;
pub use noise::{BoundNoise, Noise};
pub use noise_multiple::NoiseMultiple;
pub use registry::{TaskEntry, noises, registry};
pub use scales::{Moment, TaskScales};

use crate::error::Result;
use crate::kernel::{Kernel, write_value};
use crate::op::{NoiseMatrix, TaskAdjoint, TaskMatrix};
use crate::param::ParamSpec;
use crate::spec::{Spec, Value};

/// A task covariance B(phi) that knows the scales of its tasks; values arrive as a slice in the
/// order of [`BoundTask::params`], natural and in the user's units.
///
/// ```
/// use coregion::op::NoiseMatrix;
/// use coregion::task::{BoundTask, LowRank, TaskScales};
/// use ndarray::array;
/// let scales = TaskScales { std: array![1.0, 2.0], pooled: 1.5, amplitude: 1.0 };
/// let task: Box<dyn BoundTask> = LowRank::new(1).bind(&scales)?;
/// let (phi, sigma) = ([1.0, 2.0, 0.5, 0.25], NoiseMatrix::Diagonal(array![1.0, 1.0]));
/// assert_eq!(task.matrix(&phi).to_dense(&sigma), array![[1.5, 2.0], [2.0, 4.25]]);
/// let along_w0 = task.jvp(&phi, &[1.0, 0.0, 0.0, 0.0], &sigma);
/// assert_eq!(along_w0, array![[2.0, 2.0], [2.0, 0.0]]);
/// # Ok::<(), coregion::Error>(())
/// ```
pub trait BoundTask: fmt::Debug + Send + Sync {
    /// The parameters.
    fn params(&self) -> &[ParamSpec];

    /// The covariance B.
    fn matrix(&self, phi: &[f64]) -> TaskMatrix;

    /// Adds the derivative of a scalar with adjoint G of B to `grad`: `sum(G o dB/dphi_p)`. What B
    /// owes to the noise covariance is not part of it (see [`TaskMatrix::noise_multiple`]).
    fn vjp(&self, phi: &[f64], adjoint: &TaskAdjoint, grad: &mut [f64]);

    /// The change of B along `dphi`, at a held noise covariance: a T x T matrix.
    fn jvp(&self, phi: &[f64], dphi: &[f64], noise: &NoiseMatrix) -> Array2<f64>;

    /// Parameter values whose B is close to a target moment: the start of learning.
    fn start(&self, target: &Moment) -> Vec<f64>;

    /// The same where values that the target does not determine stay as they are in `phi`.
    fn start_near(&self, target: &Moment, _phi: &[f64]) -> Vec<f64> {
        self.start(target)
    }

    /// Moves factors of B off the points that learning could not leave, where a direction of B has
    /// vanished. Values that must be positive are lifted by the layout.
    fn lift(&self, _phi: &mut [f64]) {}

    /// The maximiser over phi of `-log|B| - tr(B^-1 M)`, the M-step of EM, where it has a closed
    /// form.
    fn closed_form(&self, _moment: ArrayView2<f64>) -> Option<Vec<f64>> {
        None
    }

    /// True where [`BoundTask::closed_form`] gives values.
    fn has_closed_form(&self) -> bool {
        false
    }

    /// True where phi is a whole lower triangular factor L of B = L L', row-major: scoring steps are
    /// then taken in B itself.
    fn is_free_factor(&self) -> bool {
        false
    }

    /// The rank r where B is a factor (T, r) plus a multiple of the noise, and is not formed for many
    /// tasks; `None` where B is a T x T matrix.
    fn factored_rank(&self) -> Option<usize> {
        None
    }

    /// True where B is a multiple of the noise covariance and nothing else.
    fn is_noise_multiple(&self) -> bool {
        false
    }

    /// True where B follows from descriptors of the tasks: those that were not seen have theirs too.
    fn has_descriptors(&self) -> bool {
        false
    }

    /// Covariances with tasks of the descriptors given (S, q), which were not seen; `None` where B does
    /// not follow from descriptors.
    ///
    /// # Errors
    /// [`crate::Error::Shape`], [`crate::Error::NotFinite`] or [`crate::Error::InvalidValue`] for
    /// descriptors that do not fit.
    fn unseen(&self, _phi: &[f64], _features: ArrayView2<f64>) -> Result<Option<UnseenTasks>> {
        Ok(None)
    }

    /// The values to write into the description of the fitted covariance; those of its kernel are named
    /// `kernel.lengthscale` and so on.
    fn describe(&self, phi: &[f64]) -> Vec<(String, Value)> {
        let mut start = 0;
        self.params()
            .iter()
            .map(|p| {
                let end = start + p.init.len();
                let value = Value::from_numbers(&p.shape, &phi[start..end]);
                start = end;
                (p.name.clone(), value)
            })
            .collect()
    }
}

/// A task covariance as users write it.
///
/// ```
/// use coregion::task::LowRank;
/// assert_eq!(LowRank::new(2).to_string(), "LowRank(rank=2)");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Task(pub(crate) Spec);

impl Task {
    /// A task covariance from its description, checked against the registry.
    ///
    /// ```
    /// use coregion::{Error, spec::Spec, task::{FreeForm, Task}};
    /// assert_eq!(Task::from_spec(Spec::new("FreeForm"))?, FreeForm::new());
    /// assert!(matches!(Task::from_spec(Spec::new("free")), Err(Error::UnknownName { .. })));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::UnknownName`] where the name is not registered.
    pub fn from_spec(spec: Spec) -> Result<Self> {
        if registry::find(&spec.name)?.has_kernel() {
            for child in &spec.children {
                Kernel::from_spec(child.clone())?;
            }
        }
        Ok(Task(spec))
    }

    /// The description.
    pub fn spec(&self) -> &Spec {
        &self.0
    }

    /// Holds a named value, such as `W`, at what was given, or else at its start.
    ///
    /// ```
    /// use coregion::task::{LowRank, TaskScales};
    /// use ndarray::array;
    /// let scales = TaskScales { std: array![1.0, 2.0], pooled: 1.5, amplitude: 1.0 };
    /// let task = LowRank::starting_at(array![[1.0], [2.0]].view(), &[0.1, 0.2]).fix("W");
    /// let learned: Vec<bool> = task.bind(&scales)?.params().iter().map(|p| p.free[0]).collect();
    /// assert_eq!(learned, [false, true]); // W and kappa
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn fix(mut self, name: &str) -> Task {
        self.0.fixed.push(name.to_string());
        self
    }

    /// The task covariance bound to the scales of the outputs.
    ///
    /// # Errors
    /// [`crate::Error::InvalidValue`] or [`crate::Error::UnknownName`] where a value does not fit.
    pub fn bind(&self, scales: &TaskScales) -> Result<Box<dyn BoundTask>> {
        let entry = registry::find(&self.0.name)?;
        if !entry.has_kernel() {
            self.0.check_leaf()?;
        }
        (entry.bind)(&self.0, scales)
    }

    /// The task covariance with fitted values written into it.
    ///
    /// ```
    /// use coregion::task::{Diagonal, TaskScales};
    /// use ndarray::array;
    /// let scales = TaskScales { std: array![1.0, 2.0], pooled: 1.5, amplitude: 1.0 };
    /// let task = Diagonal::new();
    /// let fitted = task.with_values(task.bind(&scales)?.as_ref(), &[0.3, 0.4]);
    /// assert_eq!(fitted, Diagonal::starting_at([0.3, 0.4]));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn with_values(&self, bound: &dyn BoundTask, phi: &[f64]) -> Task {
        let mut spec = self.0.clone();
        for (name, value) in bound.describe(phi) {
            match (name.strip_prefix("kernel."), spec.children.first_mut()) {
                (Some(path), Some(child)) => write_value(child, path, value),
                _ => {
                    spec.values.insert(name, value);
                }
            }
        }
        Task(spec)
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Smallest length of a direction of B that learning starts from, as a share of its unit.
pub(crate) const LIFT: f64 = 0.1;

/// The matrix in a slice of row-major values.
fn as_matrix(values: &[f64], rows: usize, columns: usize) -> ArrayView2<'_, f64> {
    // The slices come from layouts of the same shapes; another length would show in the next product.
    ArrayView2::from_shape((rows, columns), values)
        .unwrap_or_else(|_| ArrayView1::from(values).insert_axis(Axis(1)))
}

/// Tasks up to which a covariance of T (T + 1) / 2 parameters is learned.
pub(crate) const FREE_UP_TO: usize = 1000;

/// Refuses to learn a whole covariance between very many tasks.
fn check_free_size(argument: &str, n_tasks: usize, advice: &str) -> Result<()> {
    if n_tasks <= FREE_UP_TO {
        return Ok(());
    }
    Err(crate::error::Error::InvalidValue {
        argument: argument.to_string(),
        found: format!("{n_tasks} tasks, {} parameters", n_tasks * (n_tasks + 1) / 2),
        expected: format!("at most {FREE_UP_TO} tasks: use {advice}"),
    })
}

/// Checks that a matrix given as a covariance is square of size T, finite, symmetric to 1e-10 and
/// positive semidefinite to 1e-10 of its largest eigenvalue.
fn check_covariance(argument: &str, m: ArrayView2<f64>, n_tasks: usize) -> Result<()> {
    use crate::error::Error;
    if m.dim() != (n_tasks, n_tasks) {
        return Err(Error::Shape {
            argument: argument.to_string(),
            found: format!("shape ({}, {})", m.nrows(), m.ncols()),
            expected: format!("shape ({n_tasks}, {n_tasks}), one row for each task"),
        });
    }
    crate::data::check_finite(argument, m)?;
    let size = m.iter().fold(0.0f64, |a, v| a.max(v.abs()));
    let skew = (&m - &m.t()).iter().fold(0.0f64, |a, v| a.max(v.abs()));
    if skew > 1e-10 * size {
        return Err(Error::InvalidValue {
            argument: argument.to_string(),
            found: format!("a matrix that differs from its transpose by {skew:e}"),
            expected: "a symmetric matrix".to_string(),
        });
    }
    let (values, _) = crate::linalg::eigh(m.to_owned())?;
    if values[0] < -1e-10 * size {
        return Err(Error::NotPositive {
            matrix: argument.to_string(),
            what: "semidefinite",
            detail: format!("its smallest eigenvalue is {:e}", values[0]),
        });
    }
    Ok(())
}
