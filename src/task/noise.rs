//! The covariance of the noise at one input.

use std::fmt;
use std::str::FromStr;

use ndarray::{Array1, Array2, ArrayView2};

use super::{TaskScales, as_matrix, check_covariance, check_free_size};
use crate::error::{Error, Result};
use crate::linalg;
use crate::op::{NoiseMatrix, TaskAdjoint};
use crate::param::{ParamSpec, Transform};

/// Smallest learned noise variance, as a share of a task's variance.
pub(crate) const NOISE_FLOOR: f64 = 1e-6;

/// The noise of an observation: how its covariance Sigma (T x T) at one input is modelled.
///
/// Learned variances never fall below 1e-6 of a task's variance; values given are used as they are.
///
/// ```
/// use coregion::task::Noise;
/// assert_eq!("per-task".parse::<Noise>()?, Noise::PerTask);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Noise {
    /// One learned variance for all tasks.
    Shared,
    /// A learned variance for each task.
    #[default]
    PerTask,
    /// A learned covariance between the tasks' noises: T (T + 1) / 2 parameters.
    Full,
    /// None besides the variances that are known for each observation
    /// ([`crate::Dataset::with_noise_variances`]).
    None,
    /// Variances (T) given and held.
    Variances(Vec<f64>),
    /// A covariance (T, T) given and held.
    Covariance(Array2<f64>),
}

impl FromStr for Noise {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "shared" => Ok(Noise::Shared),
            "per-task" => Ok(Noise::PerTask),
            "full" => Ok(Noise::Full),
            "none" => Ok(Noise::None),
            _ => Err(Error::UnknownName {
                kind: "noise".to_string(),
                name: name.to_string(),
                known: ["shared", "per-task", "full", "none"].map(String::from).to_vec(),
            }),
        }
    }
}

impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Noise::Shared => "shared",
            Noise::PerTask => "per-task",
            Noise::Full => "full",
            Noise::None => "none",
            Noise::Variances(_) => "given variances",
            Noise::Covariance(_) => "given covariance",
        })
    }
}

/// A noise covariance Sigma(psi) that knows the scales of its tasks.
///
/// ```
/// use coregion::task::{BoundNoise, Noise, TaskScales};
/// use ndarray::array;
/// let scales = TaskScales { std: array![1.0, 2.0], pooled: 1.5, amplitude: 1.0 };
/// let noise: Box<dyn BoundNoise> = Noise::PerTask.bind(&scales)?;
/// assert_eq!(noise.matrix(&[0.1, 0.2]).to_dense(), array![[0.1, 0.0], [0.0, 0.2]]);
/// assert_eq!(noise.jvp(&[0.1, 0.2], &[0.0, 1.0]), array![[0.0, 0.0], [0.0, 1.0]]);
/// # Ok::<(), coregion::Error>(())
/// ```
pub trait BoundNoise: fmt::Debug + Send + Sync {
    /// The parameters.
    fn params(&self) -> &[ParamSpec];

    /// The covariance.
    fn matrix(&self, psi: &[f64]) -> NoiseMatrix;

    /// Adds `sum(G o dSigma/dpsi_p)` to `grad`.
    fn vjp(&self, psi: &[f64], adjoint: &TaskAdjoint, grad: &mut [f64]);

    /// The change of Sigma along `dpsi`: a T x T matrix.
    fn jvp(&self, psi: &[f64], dpsi: &[f64]) -> Array2<f64>;

    /// Parameter values whose Sigma is close to `share` times the covariance of the rows (m, T),
    /// which are scaled so that their second moment is that covariance.
    fn start(&self, rows: ArrayView2<f64>, share: f64) -> Vec<f64>;

    /// The maximiser over psi of `-log|Sigma| - tr(Sigma^-1 M)`: the M-step of EM. What lies below
    /// the floor is lifted to it.
    fn closed_form(&self, moment: ArrayView2<f64>) -> Vec<f64>;

    /// True where psi is a whole lower triangular factor of Sigma, row-major.
    fn is_free_factor(&self) -> bool {
        false
    }

    /// The variance that all tasks share by design, tasks that were not seen among them.
    fn shared_variance(&self, _psi: &[f64]) -> Option<f64> {
        None
    }

    /// True where Sigma is zero: all noise is known in advance.
    fn is_none(&self) -> bool {
        false
    }
}

impl Noise {
    /// The noise bound to the scales of the outputs.
    ///
    /// ```
    /// use coregion::{Error, task::{Noise, TaskScales}};
    /// let scales = TaskScales { std: ndarray::array![1.0, 2.0], pooled: 1.5, amplitude: 1.0 };
    /// assert_eq!(Noise::Full.bind(&scales)?.params()[0].shape, [2, 2]);
    /// let one = Noise::Variances(vec![0.1]);
    /// assert!(matches!(one.bind(&scales), Err(Error::Shape { .. })));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::InvalidValue`] or [`Error::NotPositive`] for values that do not
    /// fit.
    pub fn bind(&self, scales: &TaskScales) -> Result<Box<dyn BoundNoise>> {
        let floor = Transform::Positive { floor: NOISE_FLOOR };
        let squares: Vec<f64> = scales.std.iter().map(|s| s * s).collect();
        let t = squares.len();
        match self {
            Noise::Shared => {
                let unit = scales.pooled * scales.pooled;
                let p = ParamSpec::new("variance", &[], vec![0.5 * unit], floor);
                Ok(Box::new(Shared { n_tasks: t, params: [p.with_unit(vec![unit])] }))
            }
            Noise::PerTask => {
                let init = squares.iter().map(|u| 0.5 * u).collect();
                let p = ParamSpec::new("variance", &[t], init, floor);
                Ok(Box::new(PerTask { params: [p.with_unit(squares)] }))
            }
            Noise::Full => {
                check_free_size("noise", t, "`Noise::PerTask`")?;
                let root = Array2::from_diag(&scales.std.mapv(|s| 0.5f64.sqrt() * s));
                let init = root.iter().copied().collect();
                let unit = scales.std.iter().flat_map(|&s| std::iter::repeat_n(s, t)).collect();
                let mut p =
                    ParamSpec::new("factor", &[t, t], init, Transform::Identity).with_unit(unit);
                for i in 0..t * t {
                    p.free[i] = i % t <= i / t;
                    if i % t == i / t {
                        // The square of a diagonal entry is the variance of that task's noise given
                        // those before it: the floor of the variances bounds it.
                        p.transform[i] = Transform::Positive { floor: NOISE_FLOOR.sqrt() };
                    }
                }
                Ok(Box::new(Full { n_tasks: t, params: [p] }))
            }
            Noise::None => Ok(Box::new(Given(NoiseMatrix::Diagonal(Array1::zeros(t))))),
            Noise::Variances(v) => {
                if v.len() != t {
                    return Err(Error::Shape {
                        argument: "noise".to_string(),
                        found: format!("{} variances", v.len()),
                        expected: format!("{t}, one for each task"),
                    });
                }
                if let Some(bad) = v.iter().find(|x| !(x.is_finite() && **x > 0.0)) {
                    return Err(Error::InvalidValue {
                        argument: "noise".to_string(),
                        found: format!("a variance of {bad}"),
                        expected: "positive finite variances".to_string(),
                    });
                }
                Ok(Box::new(Given(NoiseMatrix::Diagonal(Array1::from(v.clone())))))
            }
            Noise::Covariance(m) => {
                check_covariance("noise", m.view(), t)?;
                linalg::cholesky(m.view()).map_err(|_| Error::NotPositive {
                    matrix: "noise".to_string(),
                    what: "definite",
                    detail: "it has no Cholesky factor".to_string(),
                })?;
                Ok(Box::new(Given(NoiseMatrix::Dense(m.clone()))))
            }
        }
    }
}

/// Mean squares of the columns of some rows.
fn mean_squares(rows: ArrayView2<f64>) -> Array1<f64> {
    rows.mapv(|v| v * v).sum_axis(ndarray::Axis(0))
}

/// A value lifted well above the floor of its parameter.
fn lift(p: &ParamSpec, i: usize, value: f64) -> f64 {
    match p.transform[i] {
        Transform::Positive { floor } => value.max(1.01 * floor * p.unit[i]),
        _ => value,
    }
}

#[derive(Debug)]
struct Shared {
    n_tasks: usize,
    params: [ParamSpec; 1],
}

impl BoundNoise for Shared {
    fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    fn matrix(&self, psi: &[f64]) -> NoiseMatrix {
        NoiseMatrix::Diagonal(Array1::from_elem(self.n_tasks, psi[0]))
    }

    fn vjp(&self, _psi: &[f64], adjoint: &TaskAdjoint, grad: &mut [f64]) {
        grad[0] += adjoint.diagonal().sum();
    }

    fn shared_variance(&self, psi: &[f64]) -> Option<f64> {
        Some(psi[0])
    }

    fn jvp(&self, _psi: &[f64], dpsi: &[f64]) -> Array2<f64> {
        Array2::eye(self.n_tasks) * dpsi[0]
    }

    fn start(&self, rows: ArrayView2<f64>, share: f64) -> Vec<f64> {
        let mean = share * mean_squares(rows).sum() / self.n_tasks as f64;
        vec![mean.max(1e-3 * self.params[0].unit[0])]
    }

    fn closed_form(&self, moment: ArrayView2<f64>) -> Vec<f64> {
        vec![lift(&self.params[0], 0, moment.diag().sum() / self.n_tasks as f64)]
    }
}

#[derive(Debug)]
struct PerTask {
    params: [ParamSpec; 1],
}

impl BoundNoise for PerTask {
    fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    fn matrix(&self, psi: &[f64]) -> NoiseMatrix {
        NoiseMatrix::Diagonal(Array1::from(psi.to_vec()))
    }

    fn vjp(&self, _psi: &[f64], adjoint: &TaskAdjoint, grad: &mut [f64]) {
        for (g, v) in grad.iter_mut().zip(&adjoint.diagonal()) {
            *g += v;
        }
    }

    fn jvp(&self, _psi: &[f64], dpsi: &[f64]) -> Array2<f64> {
        Array2::from_diag(&Array1::from(dpsi.to_vec()))
    }

    fn start(&self, rows: ArrayView2<f64>, share: f64) -> Vec<f64> {
        let unit = &self.params[0].unit;
        mean_squares(rows).iter().zip(unit).map(|(v, u)| (share * v).max(1e-3 * u)).collect()
    }

    fn closed_form(&self, moment: ArrayView2<f64>) -> Vec<f64> {
        moment.diag().iter().enumerate().map(|(i, &v)| lift(&self.params[0], i, v)).collect()
    }
}

#[derive(Debug)]
struct Full {
    n_tasks: usize,
    params: [ParamSpec; 1],
}

impl Full {
    fn lifted(&self, covariance: ArrayView2<f64>) -> Vec<f64> {
        let l = linalg::semidefinite_cholesky(covariance);
        l.iter().enumerate().map(|(i, &v)| lift(&self.params[0], i, v)).collect()
    }
}

impl BoundNoise for Full {
    fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    fn matrix(&self, psi: &[f64]) -> NoiseMatrix {
        let l = as_matrix(psi, self.n_tasks, self.n_tasks);
        NoiseMatrix::Dense(linalg::matmul(l, l.t()))
    }

    fn vjp(&self, psi: &[f64], adjoint: &TaskAdjoint, grad: &mut [f64]) {
        let product = adjoint.times(as_matrix(psi, self.n_tasks, self.n_tasks));
        for (g, v) in grad.iter_mut().zip(&product) {
            *g += 2.0 * v;
        }
    }

    fn jvp(&self, psi: &[f64], dpsi: &[f64]) -> Array2<f64> {
        let l = as_matrix(psi, self.n_tasks, self.n_tasks);
        let half = linalg::matmul(as_matrix(dpsi, self.n_tasks, self.n_tasks), l.t());
        &half + &half.t()
    }

    fn start(&self, rows: ArrayView2<f64>, share: f64) -> Vec<f64> {
        let mut m = linalg::matmul(rows.t(), rows) * (0.9 * share);
        let unit = &self.params[0].unit;
        for t in 0..self.n_tasks {
            let u = unit[t * self.n_tasks] * unit[t * self.n_tasks];
            m[[t, t]] = (m[[t, t]] / 0.9).max(1e-3 * u);
        }
        self.lifted(m.view())
    }

    fn closed_form(&self, moment: ArrayView2<f64>) -> Vec<f64> {
        self.lifted(moment)
    }

    fn is_free_factor(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Given(NoiseMatrix);

impl BoundNoise for Given {
    fn params(&self) -> &[ParamSpec] {
        &[]
    }

    fn matrix(&self, _psi: &[f64]) -> NoiseMatrix {
        self.0.clone()
    }

    fn is_none(&self) -> bool {
        matches!(&self.0, NoiseMatrix::Diagonal(v) if v.iter().all(|v| *v == 0.0))
    }

    fn vjp(&self, _psi: &[f64], _adjoint: &TaskAdjoint, _grad: &mut [f64]) {}

    fn jvp(&self, _psi: &[f64], _dpsi: &[f64]) -> Array2<f64> {
        Array2::zeros((self.0.n_tasks(), self.0.n_tasks()))
    }

    fn start(&self, _rows: ArrayView2<f64>, _share: f64) -> Vec<f64> {
        Vec::new()
    }

    fn closed_form(&self, _moment: ArrayView2<f64>) -> Vec<f64> {
        Vec::new()
    }
}
