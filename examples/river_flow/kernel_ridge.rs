//! Kernel ridge regression of the outputs, chosen by what it says of training rows left out.

use coregion::prelude::*;
use coregion::ridge::{Candidate, Problem};
use ndarray::{Array1, Array2, Axis};

use crate::data::{GAUGES, Windows};
use crate::form::Form;
use crate::score::rrmse;

/// Powers of two of the lengthscales to choose from.
const LENGTHSCALES: [i32; 5] = [2, 4, 6, 8, 10];
/// Twice the powers of ten of the penalties to choose from for one gauge.
const PENALTIES: std::ops::RangeInclusive<i32> = -18..=12;
/// Multiples of these penalties to choose from for all gauges together.
const MULTIPLES: [f64; 5] = [0.1, 0.3, 1.0, 3.0, 10.0];
/// Shares of the correlation matrix of the training outputs in that of the tasks.
const SHARES: [f64; 4] = [0.0, 0.3, 0.6, 0.9];

/// The training rows, inputs and outputs standardised, and the test inputs.
pub(crate) struct Setting<'a> {
    training: &'a Windows,
    form: Form,
    data: Dataset,
    mean: Array1<f64>,
    scale: Array1<f64>,
    correlation: Array2<f64>,
}

/// What leaving out says of one kernel for each gauge alone.
pub(crate) struct Alone {
    pub(crate) kernel: Kernel,
    pub(crate) name: String,
    /// The best penalty (T) and its RRMSE.
    pub(crate) penalties: Vec<f64>,
    errors: Vec<f64>,
}

/// The multi-task model taken.
pub(crate) struct Shared {
    pub(crate) ridge: FittedMultiTaskKernelRidge,
    /// Its kernel in words, and the share of the correlations.
    pub(crate) name: String,
    pub(crate) share: f64,
    /// aRRMSE as leaving out estimates it.
    pub(crate) error: f64,
}

/// The model of one gauge taken.
pub(crate) struct Own {
    pub(crate) name: String,
    pub(crate) ridge: FittedMultiTaskKernelRidge,
    pub(crate) penalty: f64,
    /// RRMSE as leaving out estimates it.
    pub(crate) error: f64,
}

/// The kernels to choose from: the linear one is the limit of long lengthscales, the shortest has a
/// star.
fn kernels() -> Vec<(String, Kernel)> {
    let star = |p: &i32| if LENGTHSCALES.first() == Some(p) { "*" } else { "" };
    let rbf = |p: &i32| (format!("RBF 2^{p}{}", star(p)), Rbf::isotropic(2f64.powi(*p)));
    let linear = ("linear".to_string(), Linear::new(1.0));
    LENGTHSCALES.iter().map(rbf).chain([linear]).collect()
}

fn penalties() -> Vec<f64> {
    PENALTIES.map(|k| 10f64.powf(0.5 * f64::from(k))).collect()
}

/// Whether a share is the largest there is.
pub(crate) fn is_largest(share: f64) -> bool {
    SHARES.last() == Some(&share)
}

/// Whether a penalty is at an end of the grid.
pub(crate) fn at_end(penalty: f64) -> bool {
    let all = penalties();
    all.first() == Some(&penalty) || all.last() == Some(&penalty)
}

impl<'a> Setting<'a> {
    pub(crate) fn of(training: &'a Windows, form: Form) -> coregion::Result<Self> {
        let (x, y) = (form.inputs(training, training), form.outputs(training));
        let scale = y.std_axis(Axis(0), 0.0);
        let mean = y.sum_axis(Axis(0)) / y.nrows() as f64;
        let y = (y - &mean) / &scale;
        let correlation = y.t().dot(&y) / y.nrows() as f64;
        let data = Dataset::new(x.view(), y.view())?.with_task_names(GAUGES)?;
        Ok(Setting { training, form, data, mean, scale, correlation })
    }

    fn tasks(&self) -> usize {
        self.data.n_tasks()
    }

    /// What leaving out says of every kernel for each gauge alone: one eigendecomposition a kernel.
    pub(crate) fn alone(&self, by: &LeaveOut) -> coregion::Result<Vec<Alone>> {
        let ones = Array1::ones(self.tasks());
        let one = |(name, kernel): (String, Kernel)| {
            let problem = Problem::new(&self.data, &kernel, None, true)?;
            let identity = Diagonal::starting_at(ones.to_vec());
            let identity = Candidate::new(&problem, &identity, ones.view())?;
            let mut best = vec![(f64::INFINITY, 0.0); self.tasks()];
            for penalty in penalties() {
                let left = problem.leave_out(&problem.solve(&identity, penalty)?, by)?;
                let errors = self.errors(&left.mean, self.training);
                for (best, &error) in best.iter_mut().zip(&errors) {
                    if error < best.0 {
                        *best = (error, penalty);
                    }
                }
            }
            let (errors, penalties) = best.into_iter().unzip();
            Ok(Alone { kernel, name, penalties, errors })
        };
        kernels().into_iter().map(one).collect()
    }

    /// For each gauge its kernel and penalty.
    pub(crate) fn own(&self, alone: &[Alone]) -> coregion::Result<Vec<Own>> {
        let best = |t: usize| alone.iter().min_by(|a, b| a.errors[t].total_cmp(&b.errors[t]));
        let taken = (0..self.tasks()).filter_map(|t| best(t).map(|a| (t, a)));
        let one = |(t, a): (usize, &Alone)| {
            let (penalty, error) = (a.penalties[t], a.errors[t]);
            let settings = MultiTaskKernelRidge::new(a.kernel.clone()).fit_intercept(true);
            let ridge = settings.alpha(penalty).fit(&self.data.task(t)?)?;
            Ok(Own { name: a.name.clone(), ridge, penalty, error })
        };
        taken.map(one).collect()
    }

    /// The best of all kernels, task covariances and penalties.
    ///
    /// A task covariance is `D^1/2 ((1 - rho) I + rho R) D^1/2` with the correlations R of the training
    /// outputs, and in `1 / D` the penalties that are best for the gauges by themselves: with rho = 0
    /// nothing is shared but the kernel. The criterion chooses rho and a multiple of the penalties for
    /// each kernel, the aRRMSE of what is left out the kernel.
    pub(crate) fn shared(&self, alone: &[Alone], by: &LeaveOut) -> coregion::Result<Shared> {
        let mut best: Option<Shared> = None;
        for a in alone {
            let ridge = MultiTaskKernelRidge::new(a.kernel.clone())
                .tasks(SHARES.iter().map(|rho| self.covariance(&a.penalties, *rho)).collect())
                .alphas(MULTIPLES.to_vec())
                .criterion(by.clone())
                .fit_intercept(true)
                .refine(true)
                .fit(&self.data)?;
            let errors = self.errors(&ridge.leave_one_out(by)?.mean, self.training);
            let error = errors.sum() / errors.len() as f64;
            if best.as_ref().is_none_or(|b| error < b.error) {
                let share = SHARES[ridge.task_index()];
                best = Some(Shared { name: a.name.clone(), share, error, ridge });
            }
        }
        best.ok_or_else(|| Error::Numerical {
            operation: "choice".to_string(),
            detail: "no kernel to choose from".to_string(),
        })
    }

    fn covariance(&self, penalties: &[f64], rho: f64) -> Task {
        let root: Array1<f64> = penalties.iter().map(|p| p.powf(-0.5)).collect();
        let eye = Array2::<f64>::eye(self.tasks());
        let b = (eye * (1.0 - rho) + &self.correlation * rho)
            * root.view().insert_axis(Axis(1))
            * &root;
        Fixed::at(b.view())
    }

    /// Flows (m, T) from standardised outputs.
    fn flows(&self, outputs: &Array2<f64>, at: &Windows) -> Array2<f64> {
        self.form.flows(outputs * &self.scale + &self.mean, at)
    }

    /// RRMSE of each gauge (T) by standardised outputs.
    fn errors(&self, outputs: &Array2<f64>, at: &Windows) -> Array1<f64> {
        rrmse(&at.y, &self.flows(outputs, at), &self.training.y)
    }

    /// Flows (m, T) by the multi-task model.
    pub(crate) fn by_shared(&self, s: &Shared, at: &Windows) -> coregion::Result<Array2<f64>> {
        Ok(self.flows(&s.ridge.predict(self.form.inputs(self.training, at).view())?, at))
    }

    /// Flows (m, T), each gauge by its own model.
    pub(crate) fn by_own(&self, own: &[Own], at: &Windows) -> coregion::Result<Array2<f64>> {
        let x = self.form.inputs(self.training, at);
        let mut out = Array2::zeros((at.len(), own.len()));
        for (mut column, one) in out.columns_mut().into_iter().zip(own) {
            column.assign(&one.ridge.predict(x.view())?.column(0));
        }
        Ok(self.flows(&out, at))
    }
}
