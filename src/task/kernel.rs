//! The task covariance that follows from descriptors of the tasks.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use super::registry::TaskEntry;
use super::{BoundTask, Moment, Task, TaskScales};
use crate::data::{ColumnStatistics, check_finite};
use crate::error::{Error, Result};
use crate::kernel::{BoundKernel, Inputs, Kernel, Matern32, Matern52};
use crate::linalg;
use crate::op::{NoiseMatrix, TaskAdjoint, TaskMatrix};
use crate::param::{ParamSpec, Transform};
use crate::spec::{Argument, ArgumentKind, Spec, Value};

pub(super) const ENTRY: TaskEntry = TaskEntry {
    name: "Kernel",
    about: "B = variance k(Z, Z) + diagonal I with a scalar kernel k over descriptors Z (T, q) of the tasks, such as the coordinates of stations (Bonilla, Agakov & Williams 2007). Learned with the rest: the kernel's values are of the columns of Z. Tasks that were not seen are predicted from their descriptors.",
    arguments: &[
        Argument::new("kernel", ArgumentKind::Kernel, "the kernel over the descriptors"),
        Argument::new(
            "features",
            ArgumentKind::Given("T, q"),
            "descriptors of the tasks Z, one row for each",
        ),
        Argument::new(
            "variance",
            ArgumentKind::Numbers(""),
            "the multiple of the kernel, in squared units of the outputs",
        ),
        Argument::new(
            "diagonal",
            ArgumentKind::Added,
            "a variance that each task has of its own, seen or not, in squared units of the outputs",
        ),
    ],
    bind,
    examples: |t| {
        let z =
            Array2::from_shape_fn((t, 2), |(i, j)| ((3 * i + 5 * j) % 7) as f64 + 0.3 * i as f64);
        let sum = Matern32::ard().on([0]) + 0.4 * crate::kernel::Linear::new(0.5).on([1]);
        vec![
            DescriptorKernel::new(Matern52::ard(), z.view()),
            DescriptorKernel::with_diagonal(sum, z.view()),
        ]
    },
};

/// Mean variances of a kernel at the descriptors that leave room for their squares.
const VARIANCES: std::ops::RangeInclusive<f64> = 1e-100..=1e100;
/// Smallest variance that learning starts from, as a share of its unit.
const FLOOR: f64 = 1e-3;

/// B = variance k(Z, Z) + diagonal I with a scalar kernel k over descriptors Z (T, q) of the tasks
/// (Bonilla, Agakov & Williams 2007): tasks with like descriptors are alike, and a task that was not
/// seen is predicted from its descriptor ([`crate::estimator::FittedMultiTaskGp::predict_tasks`]).
///
/// Everything is learned: `variance`, `diagonal` where there is one, and the parameters of the kernel,
/// as `kernel.lengthscale`. Lengthscales are measured in the scales of the columns of Z, and the
/// variances in the pooled variance of the tasks, over the mean of k(z, z) for the one in front of the
/// kernel: kernels have unit amplitude, but linear ones do not have a unit diagonal. A diagonal lets a
/// task differ from others of the same descriptor; without one B is singular where descriptors repeat.
///
/// ```
/// use coregion::kernel::Matern32;
/// use coregion::task::DescriptorKernel;
/// let places = ndarray::array![[0.0, 1.0], [2.0, 1.5], [3.0, 0.5]];
/// assert_eq!(
///     DescriptorKernel::new(Matern32::ard(), places.view()).to_string(),
///     "Kernel(Matern32(), features=[[0, 1], [2, 1.5], [3, 0.5]])"
/// );
/// ```
#[derive(Debug, Clone, Copy)]
pub struct DescriptorKernel;

impl DescriptorKernel {
    /// Learned variance and kernel, without a diagonal.
    pub fn new(kernel: Kernel, features: ArrayView2<f64>) -> Task {
        let rows = features.rows().into_iter().map(|r| r.to_vec()).collect();
        Task(
            Spec::new(ENTRY.name)
                .with("features", Value::Matrix(rows))
                .with_children(vec![kernel.0]),
        )
    }

    /// Learned variance, kernel and diagonal.
    ///
    /// ```
    /// use coregion::{kernel::Rbf, task::{DescriptorKernel, TaskScales}};
    /// use ndarray::array;
    /// let scales = TaskScales { std: array![1.0, 2.0], pooled: 1.5, amplitude: 1.0 };
    /// let z = array![[0.0], [3.0]];
    /// let bound = DescriptorKernel::with_diagonal(Rbf::ard(), z.view()).bind(&scales)?;
    /// let names: Vec<&str> = bound.params().iter().map(|p| p.name.as_str()).collect();
    /// assert_eq!(names, ["variance", "diagonal", "kernel.lengthscale"]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn with_diagonal(kernel: Kernel, features: ArrayView2<f64>) -> Task {
        let Task(spec) = DescriptorKernel::new(kernel, features);
        Task(spec.with("diagonal", Value::Bool(true)))
    }

    /// Starting at the variance given and, where there is to be one, at the diagonal given.
    ///
    /// ```
    /// use coregion::{kernel::Rbf, op::NoiseMatrix, task::{DescriptorKernel, TaskScales}};
    /// use ndarray::{Array1, array};
    /// let scales = TaskScales { std: array![1.0, 2.0], pooled: 1.5, amplitude: 1.0 };
    /// let (kernel, z) = (Rbf::isotropic(1.0), array![[0.0], [0.0]]);
    /// let task = DescriptorKernel::starting_at(kernel, z.view(), 2.0, Some(0.5)).bind(&scales)?;
    /// let b = task.matrix(&[2.0, 0.5, 1.0]).to_dense(&NoiseMatrix::Diagonal(Array1::ones(2)));
    /// assert_eq!(b, array![[2.5, 2.0], [2.0, 2.5]]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn starting_at(
        kernel: Kernel,
        features: ArrayView2<f64>,
        variance: f64,
        diagonal: Option<f64>,
    ) -> Task {
        let Task(spec) = DescriptorKernel::new(kernel, features);
        let spec = spec.with("variance", Value::Number(variance));
        Task(match diagonal {
            Some(value) => spec.with("diagonal", Value::Number(value)),
            None => spec,
        })
    }
}

/// What B says of tasks that were not seen, from their descriptors.
///
/// ```
/// use coregion::{kernel::Rbf, task::{DescriptorKernel, TaskScales}};
/// use ndarray::array;
/// let scales = TaskScales { std: array![1.0, 2.0], pooled: 1.5, amplitude: 1.0 };
/// let (kernel, z) = (Rbf::isotropic(1.0), array![[0.0], [1.0]]);
/// let task = DescriptorKernel::new(kernel, z.view()).bind(&scales)?;
/// let unseen = task.unseen(&[2.0, 1.0], array![[1.0], [9.0]].view())?.unwrap();
/// assert_eq!((unseen.cross[[1, 0]], unseen.variances), (2.0, array![2.0, 2.0]));
/// assert_eq!(unseen.equal, [vec![1], vec![]]); // the first is the second task again
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct UnseenTasks {
    /// Covariances between the training tasks and the new ones (T, S).
    pub cross: Array2<f64>,
    /// Variances of the new tasks (S).
    pub variances: Array1<f64>,
    /// The training tasks that each new task is again: those with its descriptor, where tasks have no
    /// variance of their own.
    pub equal: Vec<Vec<usize>>,
}

#[derive(Debug)]
struct Bound {
    features: Array2<f64>,
    kernel: Box<dyn BoundKernel>,
    /// True where there is a diagonal.
    diagonal: bool,
    params: Vec<ParamSpec>,
}

fn bind(spec: &Spec, scales: &TaskScales) -> Result<Box<dyn BoundTask>> {
    let (of_kernel, own): (Vec<String>, Vec<String>) =
        spec.fixed.iter().cloned().partition(|name| name.starts_with("kernel."));
    let known = ["kernel", "features", "variance", "diagonal"];
    Spec { fixed: own, ..spec.clone() }.check_names(&known)?;
    let ([child], None) = (spec.children.as_slice(), spec.get("kernel")) else {
        return Err(spec.invalid("kernel", spec.get("kernel"), "one kernel, as a part"));
    };
    let features = descriptors(spec, scales.n_tasks())?;
    let statistics: Vec<ColumnStatistics> =
        features.columns().into_iter().map(ColumnStatistics::of).collect();
    let kernel = Kernel(child.clone()).bind(&Inputs::all(&statistics))?;
    check_domain(kernel.as_ref(), features.view(), "Kernel.features")?;
    let theta: Vec<f64> = kernel.params().iter().flat_map(|p| p.init.clone()).collect();
    let mut diagonal = Array1::zeros(features.nrows());
    kernel.diag(&theta, features.view(), diagonal.view_mut());
    let mean = diagonal.sum() / diagonal.len() as f64;
    if !VARIANCES.contains(&mean) {
        return Err(Error::InvalidValue {
            argument: "Kernel.kernel".to_string(),
            found: format!("{child} with a mean variance of {mean:e} at the features"),
            expected: "a variance between 1e-100 and 1e100: scale the features".to_string(),
        });
    }
    let unit = (scales.pooled / scales.amplitude).powi(2);
    let positive = |name: &str, unit: f64, share: f64| {
        ParamSpec::new(name, &[], vec![share * unit], Transform::POSITIVE).with_unit(vec![unit])
    };
    let mut params = vec![positive("variance", unit / mean, 0.5).from_spec(spec)?];
    let own = positive("diagonal", unit, 0.1);
    match spec.get("diagonal") {
        None | Some(Value::Bool(false)) if spec.is_fixed("diagonal") => {
            return Err(spec.invalid("diagonal", None, "a number to be held"));
        }
        None | Some(Value::Bool(false)) => {}
        Some(Value::Bool(true)) => {
            let asked = Spec { fixed: spec.fixed.clone(), ..Spec::new(&spec.name) };
            params.push(own.from_spec(&asked)?);
        }
        Some(_) => params.push(own.from_spec(spec)?),
    }
    let with_diagonal = params.len() == 2;
    let names: Vec<String> = kernel.params().iter().map(|p| format!("kernel.{}", p.name)).collect();
    if let Some(name) = of_kernel.iter().find(|name| !names.contains(name)) {
        let kind = format!("value of {}", spec.name);
        return Err(Error::UnknownName { kind, name: name.clone(), known: names });
    }
    for (p, name) in kernel.params().iter().zip(names) {
        let held = spec.is_fixed("kernel") || spec.is_fixed(&name);
        let free = p.free.iter().map(|f| *f && !held).collect();
        params.push(ParamSpec { name, free, ..p.clone() });
    }
    Ok(Box::new(Bound { features, kernel, diagonal: with_diagonal, params }))
}

/// The descriptors (T, q), finite and with at least one column.
fn descriptors(spec: &Spec, n_tasks: usize) -> Result<Array2<f64>> {
    let Some(z) = spec.matrix("features")? else {
        return Err(spec.invalid("features", None, "a matrix, one row for each task"));
    };
    if z.nrows() != n_tasks || z.ncols() == 0 {
        return Err(Error::Shape {
            argument: format!("{}.features", spec.name),
            found: format!("shape ({}, {})", z.nrows(), z.ncols()),
            expected: format!("{n_tasks} rows, one for each task, and at least one column"),
        });
    }
    check_finite(&format!("{}.features", spec.name), z.view())?;
    Ok(z)
}

/// Refuses descriptors that the kernel is not defined on, by the name of the argument.
fn check_domain(kernel: &dyn BoundKernel, z: ArrayView2<f64>, name: &str) -> Result<()> {
    kernel.check(z).map_err(|error| match error {
        Error::InvalidValue { argument, found, expected } => {
            let place = argument.strip_prefix('x').unwrap_or_default();
            Error::InvalidValue { argument: format!("{name}{place}"), found, expected }
        }
        other => other,
    })
}

/// Variance, diagonal and kernel values in a slice.
struct Values<'a> {
    variance: f64,
    diagonal: f64,
    theta: &'a [f64],
}

impl Bound {
    fn values<'a>(&self, phi: &'a [f64]) -> Values<'a> {
        let own = self.n_own();
        let diagonal = if self.diagonal { phi[1] } else { 0.0 };
        Values { variance: phi[0], diagonal, theta: &phi[own..] }
    }

    /// Number of values before those of the kernel.
    fn n_own(&self) -> usize {
        1 + usize::from(self.diagonal)
    }

    /// k(Z, Z).
    fn gram(&self, theta: &[f64]) -> Array2<f64> {
        let z = self.features.view();
        let mut k = Array2::zeros((z.nrows(), z.nrows()));
        self.kernel.block(theta, z, z, k.view_mut());
        // Kernels may differ from their transpose by rounding; a covariance does not.
        for i in 0..k.nrows() {
            for j in 0..i {
                k[[j, i]] = k[[i, j]];
            }
        }
        k
    }

    /// The change of k(Z, Z) along `dtheta`, pair by pair.
    fn gram_change(&self, theta: &[f64], dtheta: &[f64]) -> Array2<f64> {
        let (z, t) = (self.features.view(), self.features.nrows());
        let one = ndarray::arr2(&[[1.0]]);
        let rows: Vec<usize> = (0..t).collect();
        let lower = linalg::map(&rows, |&i| {
            let mut grad = vec![0.0; theta.len()];
            let pair = |j: usize| {
                grad.fill(0.0);
                let (a, b) = (z.slice(s![i..=i, ..]), z.slice(s![j..=j, ..]));
                self.kernel.block_vjp(theta, a, b, one.view(), &mut grad);
                grad.iter().zip(dtheta).map(|(g, d)| g * d).sum::<f64>()
            };
            (0..=i).map(pair).collect::<Vec<f64>>()
        });
        Array2::from_shape_fn((t, t), |(i, j)| if j <= i { lower[i][j] } else { lower[j][i] })
    }
}

impl BoundTask for Bound {
    fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    fn matrix(&self, phi: &[f64]) -> TaskMatrix {
        let v = self.values(phi);
        let mut b = self.gram(v.theta) * v.variance;
        b.diag_mut().mapv_inplace(|entry| entry + v.diagonal);
        TaskMatrix::Dense(b)
    }

    fn vjp(&self, phi: &[f64], adjoint: &TaskAdjoint, grad: &mut [f64]) {
        let (v, z) = (self.values(phi), self.features.view());
        let g = adjoint.to_dense();
        grad[0] += (&self.gram(v.theta) * &g).sum();
        if self.diagonal {
            grad[1] += g.diag().sum();
        }
        let scaled = g * v.variance;
        self.kernel.block_vjp(v.theta, z, z, scaled.view(), &mut grad[self.n_own()..]);
    }

    fn jvp(&self, phi: &[f64], dphi: &[f64], _noise: &NoiseMatrix) -> Array2<f64> {
        let (v, d) = (self.values(phi), self.values(dphi));
        let mut change = self.gram(v.theta) * d.variance;
        if d.theta.iter().any(|x| *x != 0.0) {
            change.scaled_add(v.variance, &self.gram_change(v.theta, d.theta));
        }
        change.diag_mut().mapv_inplace(|entry| entry + d.diagonal);
        change
    }

    fn start(&self, target: &Moment) -> Vec<f64> {
        let init: Vec<f64> = self.params.iter().flat_map(|p| p.init.clone()).collect();
        self.start_near(target, &init)
    }

    /// The variance and the diagonal that are closest to the target by least squares, at the kernel's
    /// values in `phi`.
    fn start_near(&self, target: &Moment, phi: &[f64]) -> Vec<f64> {
        let k = self.gram(self.values(phi).theta);
        let t = k.nrows() as f64;
        let (kk, trace) = ((&k * &k).sum(), k.diag().sum());
        let with_kernel = (&linalg::matmul(target.rows.view(), k.view()) * &target.rows).sum();
        let total = target.rows.mapv(|v| v * v).sum();
        let mut out = phi.to_vec();
        // Never so little of the kernel that learning could not see it.
        let least = (0.1 * total / trace).max(FLOOR * self.params[0].unit[0]);
        if !self.diagonal {
            out[0] = (with_kernel / kk).max(least);
            return out;
        }
        let floor = FLOOR * self.params[1].unit[0];
        let determinant = kk * t - trace * trace;
        let variance = if determinant > 1e-10 * kk * t {
            (t * with_kernel - trace * total) / determinant
        } else {
            0.5 * total / trace
        };
        out[0] = variance.max(least);
        out[1] = (total - out[0] * trace) / t;
        if out[1] < floor {
            out[1] = floor;
            out[0] = ((with_kernel - floor * trace) / kk).max(least);
        }
        out
    }

    fn has_descriptors(&self) -> bool {
        true
    }

    fn unseen(&self, phi: &[f64], features: ArrayView2<f64>) -> Result<Option<UnseenTasks>> {
        const NAME: &str = "task_features";
        let (t, q) = self.features.dim();
        if features.ncols() != q {
            return Err(Error::Shape {
                argument: NAME.to_string(),
                found: format!("{} columns", features.ncols()),
                expected: format!("{q} columns, as many as `features` of the task covariance has"),
            });
        }
        check_finite(NAME, features)?;
        check_domain(self.kernel.as_ref(), features, NAME)?;
        let v = self.values(phi);
        let mut cross = Array2::zeros((t, features.nrows()));
        self.kernel.block(v.theta, self.features.view(), features, cross.view_mut());
        let mut variances = Array1::zeros(features.nrows());
        self.kernel.diag(v.theta, features, variances.view_mut());
        let equal = |row: ndarray::ArrayView1<f64>| -> Vec<usize> {
            let tasks = self.features.axis_iter(Axis(0)).enumerate();
            tasks.filter(|(_, own)| !self.diagonal && *own == row).map(|(t, _)| t).collect()
        };
        Ok(Some(UnseenTasks {
            cross: cross * v.variance,
            variances: variances * v.variance + v.diagonal,
            equal: features.axis_iter(Axis(0)).map(equal).collect(),
        }))
    }
}
