//! The low-rank-plus-diagonal task covariance.

use ndarray::{Array1, Array2, ArrayView2};

use super::registry::TaskEntry;
use super::{BoundTask, LIFT, Moment, Task, TaskScales, as_matrix, low_rank_noise};
use crate::error::Result;
use crate::linalg;
use crate::op::{NoiseMatrix, TaskAdjoint, TaskMatrix};
use crate::param::{ParamSpec, Transform};
use crate::spec::{Argument, ArgumentKind, Spec, Value};

pub(super) const RANK: Argument =
    Argument::new("rank", ArgumentKind::Count(1), "columns of W, at least 1 and at most T");
pub(super) const W: Argument =
    Argument::new("W", ArgumentKind::Numbers("T, rank"), "factor, in units of the outputs");
pub(super) const NOISE_MULTIPLE: Argument = Argument::new(
    "noise_multiple",
    ArgumentKind::Numbers(""),
    "the multiple c of the noise covariance",
);

pub(super) const ENTRY: TaskEntry = TaskEntry {
    name: "LowRank",
    about: "B = W W' + diag(kappa), or W W' + c Sigma where the residual is that of the noise: factor analysis between tasks (the intrinsic coregionalization model; Bonilla, Chai & Williams 2007, sec. 2.2). With `residual = noise` nothing of size T x T is formed: for very many tasks.",
    arguments: &[
        RANK,
        W,
        Argument::new(
            "kappa",
            ArgumentKind::Numbers("T"),
            "residual variances, in squared units of the outputs",
        ),
        Argument::new(
            "residual",
            ArgumentKind::Word(&["diagonal", "noise"]),
            "what is left beside W W': diag(kappa) or c Sigma",
        ),
        NOISE_MULTIPLE,
    ],
    bind,
    examples: |_| {
        let noise = LowRank::new(1).0.with("residual", Value::Text("noise".to_string()));
        vec![LowRank::new(1), LowRank::new(2), Task(noise)]
    },
};

/// B = W W' + diag(kappa) with W (T, rank): factor analysis between tasks, T (rank + 1) parameters
/// (the intrinsic coregionalization model; Bonilla, Chai & Williams 2007, sec. 2.2).
///
/// ```
/// use coregion::task::LowRank;
/// assert_eq!(LowRank::plus_noise(3).to_string(), "LowRankPlusNoise(rank=3)");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct LowRank;

impl LowRank {
    /// Learned W and kappa.
    pub fn new(rank: usize) -> Task {
        Task(Spec::new("LowRank").with("rank", Value::Count(rank)))
    }

    /// Starting at the W (T, rank) and kappa (T) given.
    ///
    /// ```
    /// use coregion::task::LowRank;
    /// let task = LowRank::starting_at(ndarray::array![[1.0], [2.0]].view(), &[0.1, 0.2]);
    /// assert_eq!(task.to_string(), "LowRank(W=[[1], [2]], kappa=[0.1, 0.2], rank=1)");
    /// ```
    pub fn starting_at(w: ArrayView2<f64>, kappa: &[f64]) -> Task {
        let rows = w.rows().into_iter().map(|r| r.to_vec()).collect();
        Task(
            Spec::new("LowRank")
                .with("rank", Value::Count(w.ncols()))
                .with("W", Value::Matrix(rows))
                .with("kappa", Value::Vector(kappa.to_vec())),
        )
    }

    /// B = W W' + c Sigma with Sigma the noise covariance: r + 1 distinct shifts whatever T is, and
    /// nothing of size T x T is formed. For very many tasks.
    ///
    /// ```
    /// use coregion::op::TaskMatrix;
    /// use coregion::task::{LowRank, TaskScales};
    /// let scales = TaskScales { std: ndarray::Array1::ones(1000), pooled: 1.0, amplitude: 1.0 };
    /// let task = LowRank::plus_noise(2).bind(&scales)?;
    /// let phi: Vec<f64> = task.params().iter().flat_map(|p| p.init.clone()).collect();
    /// assert_eq!(phi.len(), 2001);
    /// assert!(matches!(task.matrix(&phi), TaskMatrix::LowRankPlusNoise { .. }));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn plus_noise(rank: usize) -> Task {
        Task(Spec::new("LowRankPlusNoise").with("rank", Value::Count(rank)))
    }

    /// B = W W' + c Sigma starting at the W (T, rank) and the multiple c given.
    ///
    /// ```
    /// use coregion::task::LowRank;
    /// let task = LowRank::plus_noise_starting_at(ndarray::array![[1.0], [2.0]].view(), 0.1);
    /// assert!(task.to_string().ends_with("noise_multiple=0.1, rank=1)"));
    /// ```
    pub fn plus_noise_starting_at(w: ArrayView2<f64>, multiple: f64) -> Task {
        let rows = w.rows().into_iter().map(|r| r.to_vec()).collect();
        Task(
            Spec::new("LowRankPlusNoise")
                .with("rank", Value::Count(w.ncols()))
                .with("W", Value::Matrix(rows))
                .with("noise_multiple", Value::Number(multiple)),
        )
    }
}

/// The factor W of a low-rank covariance.
pub(super) fn factor(spec: &Spec, scales: &TaskScales) -> Result<(usize, ParamSpec)> {
    let rank = spec.count("rank")?;
    let t = scales.n_tasks();
    if rank == 0 || rank > t {
        let expected = format!("a whole number from 1 to {t}, the number of tasks");
        return Err(spec.invalid("rank", spec.get("rank"), &expected));
    }
    let unit: Vec<f64> =
        scales.units().iter().flat_map(|&u| std::iter::repeat_n(u, rank)).collect();
    let init = unit.iter().enumerate().map(|(i, u)| if i % rank == 0 { 0.5 * u } else { 0.1 * u });
    let init = init.collect();
    let w = ParamSpec::new("W", &[t, rank], init, Transform::Identity).with_unit(unit);
    Ok((rank, w.from_spec(spec)?))
}

/// Lengthens the columns of W that have vanished: those shorter than `LIFT` units a task.
pub(super) fn lift_factor(w: &mut [f64], rank: usize, units: &Array1<f64>) {
    for a in 0..rank {
        let ratio = |t: usize| w[t * rank + a] / units[t];
        let squares: f64 = (0..units.len()).map(|t| ratio(t) * ratio(t)).sum();
        if squares < LIFT * LIFT * units.len() as f64 {
            for (t, unit) in units.iter().enumerate() {
                let sign = if (t >> (a % 16)) & 1 == 0 { 1.0 } else { -1.0 };
                w[t * rank + a] += LIFT * sign * unit;
            }
        }
    }
}

/// The change of `W W'` along `dW`.
pub(super) fn factor_change(w: ArrayView2<f64>, dw: ArrayView2<f64>) -> Array2<f64> {
    let half = linalg::matmul(dw, w.t());
    &half + &half.t()
}

#[derive(Debug)]
struct Bound {
    n_tasks: usize,
    rank: usize,
    units: Array1<f64>,
    params: Vec<ParamSpec>,
}

fn bind(spec: &Spec, scales: &TaskScales) -> Result<Box<dyn BoundTask>> {
    match spec.get("residual") {
        None => {}
        Some(Value::Text(word)) if word == "diagonal" => {}
        Some(Value::Text(word)) if word == "noise" => {
            let known = ["rank", "W", "noise_multiple", "residual"];
            return low_rank_noise::bound(spec, scales, &known);
        }
        other => return Err(spec.invalid("residual", other, "\"diagonal\" or \"noise\"")),
    }
    spec.check_names(&["rank", "W", "kappa", "residual"])?;
    let (rank, w) = factor(spec, scales)?;
    let units = scales.units();
    let unit: Vec<f64> = units.iter().map(|u| u * u).collect();
    let init = unit.iter().map(|u| 0.2 * u).collect();
    let kappa = ParamSpec::new("kappa", &[units.len()], init, Transform::POSITIVE)
        .with_unit(unit)
        .from_spec(spec)?;
    Ok(Box::new(Bound { n_tasks: units.len(), rank, units, params: vec![w, kappa] }))
}

impl Bound {
    fn split<'a>(&self, phi: &'a [f64]) -> (ArrayView2<'a, f64>, &'a [f64]) {
        let (w, kappa) = phi.split_at(self.n_tasks * self.rank);
        (as_matrix(w, self.n_tasks, self.rank), kappa)
    }
}

impl BoundTask for Bound {
    fn params(&self) -> &[ParamSpec] {
        &self.params
    }

    fn matrix(&self, phi: &[f64]) -> TaskMatrix {
        let (w, kappa) = self.split(phi);
        let mut b = linalg::matmul(w, w.t());
        for (v, k) in b.diag_mut().iter_mut().zip(kappa) {
            *v += k;
        }
        TaskMatrix::Dense(b)
    }

    fn vjp(&self, phi: &[f64], adjoint: &TaskAdjoint, grad: &mut [f64]) {
        let (grad_w, grad_kappa) = grad.split_at_mut(self.n_tasks * self.rank);
        for (g, v) in grad_w.iter_mut().zip(&adjoint.times(self.split(phi).0)) {
            *g += 2.0 * v;
        }
        for (g, v) in grad_kappa.iter_mut().zip(&adjoint.diagonal()) {
            *g += v;
        }
    }

    fn jvp(&self, phi: &[f64], dphi: &[f64], _noise: &NoiseMatrix) -> Array2<f64> {
        let ((w, _), (dw, dkappa)) = (self.split(phi), self.split(dphi));
        let mut change = factor_change(w, dw);
        for (v, k) in change.diag_mut().iter_mut().zip(dkappa) {
            *v += k;
        }
        change
    }

    fn lift(&self, phi: &mut [f64]) {
        lift_factor(&mut phi[..self.n_tasks * self.rank], self.rank, &self.units);
    }

    fn start(&self, target: &Moment) -> Vec<f64> {
        let w = target.leading_factor(&self.units, self.rank);
        let explained = w.mapv(|v| v * v).sum_axis(ndarray::Axis(1));
        let total = target.diagonal();
        let kappa = (0..self.n_tasks).map(|t| {
            let unit = self.units[t] * self.units[t];
            (total[t] - explained[t]).max(0.05 * total[t]).max(1e-3 * unit)
        });
        w.iter().copied().chain(kappa).collect()
    }
}
