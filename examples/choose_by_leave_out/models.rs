//! The candidates, fitted and judged.

use coregion::estimator::Settings;
use coregion::prelude::*;
use ndarray::{Array1, Axis};
use rayon::prelude::*;

use crate::density::log_density;

/// Kernels of the location (columns 0 and 1) and the class of the site, its rock and land use.
fn kernels() -> [(&'static str, Kernel); 4] {
    let rough = || Matern12::ard().on([0, 1]);
    let class = || Categorical::any().on([2]) * Categorical::any().on([3]);
    [
        ("M32", Matern32::ard().on([0, 1])),
        ("M12", rough()),
        ("M12 + class", rough() + 0.3 * class()),
        ("M12 + M12 * class", rough() + 0.3 * rough() * class()),
    ]
}

/// The processes to choose from: every kernel with four forms of task covariance and noise.
pub(crate) fn processes() -> Vec<(String, MultiTaskGp)> {
    let forms = [
        ("diagonal", Diagonal::new(), Noise::PerTask),
        ("rank 2", LowRank::new(2), Noise::PerTask),
        ("rank 2, full noise", LowRank::new(2), Noise::Full),
        ("free, full noise", FreeForm::new(), Noise::Full),
    ];
    let of = |(kernel, k): (&str, Kernel)| {
        forms.clone().map(|(form, task, noise)| {
            (format!("{kernel}, {form}"), MultiTaskGp::new(k.clone()).task(task).noise(noise))
        })
    };
    kernels().into_iter().flat_map(of).collect()
}

/// Kernel ridge regression with the covariance of the training logs as task covariance; lengthscale
/// and penalty by the density of sites left out.
pub(crate) fn ridge(data: &Dataset) -> coregion::Result<MultiTaskKernelRidge> {
    let centred = &data.y() - &(data.y().sum_axis(Axis(0)) / data.n_rows() as f64);
    let covariance = centred.t().dot(&centred) / data.n_rows() as f64;
    let weights: Vec<f64> = covariance.diag().iter().map(|v| v.recip()).collect();
    let alphas: Vec<f64> = (-30..=20).map(|k| 2f64.powf(0.2 * f64::from(k))).collect();
    let mut best: Option<(f64, MultiTaskKernelRidge)> = None;
    for power in -4..=4 {
        let lengthscale = 2f64.powf(0.5 * f64::from(power));
        let settings = MultiTaskKernelRidge::new(Matern12::isotropic(lengthscale).on([0, 1]))
            .task(Fixed::at(covariance.view()))
            .task_weights(weights.clone())
            .alphas(alphas.clone())
            .fit_intercept(true)
            .criterion(Criterion::LogDensity(LeaveOut::Row));
        let value = settings.fit(data)?.criterion_value().unwrap_or(f64::INFINITY);
        if best.as_ref().is_none_or(|(least, _)| value < *least) {
            best = Some((value, settings));
        }
    }
    best.map(|(_, settings)| settings).ok_or_else(|| Error::Numerical {
        operation: "choice".to_string(),
        detail: "no lengthscale".to_string(),
    })
}

/// All of these as `compare` takes them.
pub(crate) fn settings(ridge: &MultiTaskKernelRidge) -> Vec<(String, Settings)> {
    let processes = processes().into_iter().map(|(name, gp)| (name, gp.into()));
    processes.chain([("ridge, M12".to_string(), ridge.clone().into())]).collect()
}

/// A fitted model that can be asked for more.
pub(crate) enum Fit {
    Gp(Box<FittedMultiTaskGp>),
    Ridge(Box<FittedMultiTaskKernelRidge>),
    Alone(SingleTaskGps),
    Baseline,
}

/// A model and what it says of each site.
pub(crate) struct Judged {
    pub(crate) name: String,
    fit: Fit,
    /// Log density of each training site, left out.
    pub(crate) left_out: Array1<f64>,
    /// Log density of each validation site.
    pub(crate) unseen: Array1<f64>,
}

/// Fits every candidate, and one process for each metal.
pub(crate) fn fit(data: &Dataset, ridge: &MultiTaskKernelRidge) -> coregion::Result<Vec<Judged>> {
    let of =
        |(name, gp): (String, MultiTaskGp)| Judged::new(name, Fit::Gp(Box::new(gp.fit(data)?)));
    let mut out = processes().into_par_iter().map(of).collect::<coregion::Result<Vec<_>>>()?;
    out.push(Judged::new("ridge, M12".into(), Fit::Ridge(Box::new(ridge.fit(data)?)))?);
    for (name, kernel) in kernels() {
        let alone = MultiTaskGp::new(kernel).fit_single_tasks(data)?;
        out.push(Judged::new(format!("{name}, one metal each"), Fit::Alone(alone))?);
    }
    Ok(out)
}

impl Judged {
    fn new(name: String, fit: Fit) -> coregion::Result<Self> {
        let left_out = fit.left_out(&LeaveOut::Row)?.unwrap_or_default();
        Ok(Judged { name, fit, left_out, unseen: Array1::default(0) })
    }

    /// A baseline judged elsewhere.
    pub(crate) fn baseline(name: &str, left_out: Array1<f64>, unseen: Array1<f64>) -> Self {
        Judged { name: name.to_string(), fit: Fit::Baseline, left_out, unseen }
    }

    /// Sum of the log densities of the sites left out.
    pub(crate) fn total(&self) -> f64 {
        self.left_out.sum()
    }

    /// Whether it is among those that `compare` takes.
    pub(crate) fn is_compared(&self) -> bool {
        matches!(self.fit, Fit::Gp(_) | Fit::Ridge(_))
    }

    /// Log densities of what is left out; `None` for a baseline.
    pub(crate) fn asked(&self, by: &LeaveOut) -> coregion::Result<Option<Array1<f64>>> {
        self.fit.left_out(by)
    }

    /// Adds what the model says of other sites.
    pub(crate) fn judge(&mut self, at: &Dataset) -> coregion::Result<()> {
        match &self.fit {
            Fit::Gp(gp) => self.unseen = at_sites(gp, at)?,
            Fit::Ridge(ridge) => self.unseen = at_sites(&ridge.posterior()?, at)?,
            Fit::Alone(alone) => {
                let mut sum = Array1::zeros(at.n_rows());
                for (t, gp) in alone.models().iter().enumerate() {
                    sum += &at_sites(gp, &at.task(t)?)?;
                }
                self.unseen = sum;
            }
            Fit::Baseline => {}
        }
        Ok(())
    }
}

impl Fit {
    fn left_out(&self, by: &LeaveOut) -> coregion::Result<Option<Array1<f64>>> {
        let flat = |left: LeftOut| left.log_density.iter().copied().collect::<Array1<f64>>();
        match self {
            Fit::Gp(gp) => Ok(Some(flat(gp.leave_one_out(by)?))),
            Fit::Ridge(ridge) => match ridge.leave_one_out(by) {
                // No row is left to learn the intercept of a task from.
                Err(Error::Incompatible { .. }) => Ok(None),
                left => Ok(Some(flat(left?))),
            },
            Fit::Alone(alone) => {
                let each = alone.models().iter().map(|gp| gp.leave_one_out(by).map(flat));
                let each = each.collect::<coregion::Result<Vec<_>>>()?;
                Ok(Some(match by {
                    LeaveOut::Entry | LeaveOut::Task => each.into_iter().flatten().collect(),
                    _ => each.iter().skip(1).fold(each[0].clone(), |sum, one| sum + one),
                }))
            }
            Fit::Baseline => Ok(None),
        }
    }
}

/// Log density of the outputs of each row together.
fn at_sites(gp: &FittedMultiTaskGp, at: &Dataset) -> coregion::Result<Array1<f64>> {
    let residuals = &at.y() - &gp.predict(at.x(), Uncertainty::None)?.mean;
    let signal = gp.predict_task_covariances(at.x())?;
    let noise = gp.noise_covariance();
    let rows = residuals.outer_iter().zip(signal.outer_iter());
    rows.map(|(r, c)| log_density(r, (&c + &noise).view())).collect()
}
