//! The deterministic, data-driven start of learning.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::inner::InnerObjective;
use super::likelihood::Spectral;
use super::model::Model;
use crate::error::Result;
use crate::learn::{ScoringSettings, score};
use crate::linalg;
use crate::op::TaskMatrix;
use crate::solve::Factor;
use crate::task::Moment;

/// Shares of the covariance of Y that are tried as signal.
pub(super) const SHARES: [f64; 6] = [0.1, 0.3, 0.5, 0.7, 0.9, 0.97];
/// EM steps from the best share, where they have a closed form.
const EM_STEPS: usize = 5;

/// Factors of the lengthscales that are tried where no signal is seen at their start.
pub(super) const LENGTHSCALE_FACTORS: [f64; 4] = [0.25, 0.0625, 0.015625, 4.0];
/// Variances below this share of their unit are lifted before an inner problem starts ...
const VANISHED: f64 = 1e-4;
/// ... to this one.
const LIFTED: f64 = 1e-2;

/// How far B and Sigma are learned before candidates are compared.
const ROUGH: ScoringSettings =
    ScoringSettings { gradient_tolerance: 1e-4, max_iterations: 15, max_polish: 15 };

/// A candidate start: natural values, spectrum, and the share of signal.
struct Candidate {
    natural: Vec<f64>,
    spectral: Spectral,
    share: f64,
}

impl Candidate {
    /// True where the smallest share of signal was best.
    fn blind(&self) -> bool {
        self.share <= SHARES[0]
    }
}

impl Model {
    /// Natural start values: kernel parameters as specified, B and Sigma as the best of a grid over
    /// how much of the covariance of Y is signal, `B = rho cov(Y)` and `Sigma = (1 - rho) cov(Y)` in
    /// the structure of each, then a few EM steps. Values the user gave are kept.
    ///
    /// Where the smallest share of signal is best, lengthscales that were not given are moved by
    /// factors from 1/64 to 4 and the best is kept: at B = 0 the likelihood is flat in the kernel,
    /// and learning could not leave it. Returns the spectrum beside the values; usually one
    /// eigendecomposition.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let model = gp.posterior().model();
    /// let initial = model.layout().initial();
    /// let (start, _) = model.start(&initial)?;
    /// assert!(model.log_likelihood_value(&start)? > model.log_likelihood_value(&initial)?);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Model::spectral`].
    pub fn start(&self, initial: &[f64]) -> Result<(Vec<f64>, Spectral)> {
        let n_free_kernel = self.kernel_block().unwrap_or(0);
        if self.layout().n_free() == n_free_kernel || self.n_rows() < 2 {
            return Ok((initial.to_vec(), self.spectral(initial)?));
        }
        let mut best = self.start_at(initial)?;
        if !best.blind() {
            return Ok((best.natural, best.spectral));
        }
        let mut value = self.roughly_learned(&best)?;
        for factor in LENGTHSCALE_FACTORS {
            let Some(moved) = self.with_lengthscales(initial, factor) else { break };
            let candidate = self.start_at(&moved)?;
            let other = self.roughly_learned(&candidate)?;
            if other > value {
                (best, value) = (candidate, other);
            } else if !best.blind() {
                break;
            }
        }
        Ok((best.natural, best.spectral))
    }

    /// Residuals scaled so that their second moments are the covariances of the tasks: each task by
    /// the number of its own observations.
    pub(super) fn moment_rows(&self, natural: &[f64]) -> Array2<f64> {
        let counts = (0..self.n_tasks()).map(|t| self.pattern().rows_of(t).len().max(1) as f64);
        self.residuals(natural) / &counts.map(f64::sqrt).collect::<Array1<f64>>()
    }

    /// Natural values with the learned lengthscales of the inputs that were not given multiplied; `None` where
    /// there are none.
    pub(super) fn with_lengthscales(&self, natural: &[f64], factor: f64) -> Option<Vec<f64>> {
        let mut out = natural.to_vec();
        for entry in self.layout().entries() {
            let is_lengthscale = entry.path.ends_with("lengthscale")
                && !entry.path.contains(".task.")
                && !entry.spec.given;
            for (k, i) in entry.range.clone().enumerate() {
                if is_lengthscale && entry.spec.free[k] {
                    out[i] *= factor;
                }
            }
        }
        (out != natural).then_some(out)
    }

    /// The best start of B and Sigma at held kernel parameters.
    fn start_at(&self, initial: &[f64]) -> Result<Candidate> {
        let spectral = self.spectral(initial)?;
        let rows = self.moment_rows(initial);
        let mut best = (f64::NEG_INFINITY, initial.to_vec(), SHARES[0]);
        for share in SHARES {
            let target = Moment { rows: &rows * (share.sqrt() / self.scales().amplitude) };
            let phi = self.task().start_near(&target, self.phi(initial));
            let psi = self.noise.start(rows.view(), 1.0 - share);
            let candidate = self.merged(initial, &phi, &psi);
            if let Ok(factor) = self.zero_filled(&spectral, &candidate) {
                let value = factor.log_likelihood();
                if value > best.0 {
                    best = (value, candidate, share);
                }
            }
        }
        if let Some(candidate) = self.with_residual_noise(rows.view(), &best.1)
            && let Ok(factor) = self.zero_filled(&spectral, &candidate)
        {
            let value = factor.log_likelihood();
            if value > best.0 {
                best = (value, candidate, best.2);
            }
        }
        for _ in 0..EM_STEPS {
            let Some(candidate) = self.em_step(&spectral, &best.1)? else { break };
            let Ok(factor) = self.zero_filled(&spectral, &candidate) else { break };
            let value = factor.log_likelihood();
            if value <= best.0 {
                break;
            }
            best = (value, candidate, best.2);
        }
        Ok(Candidate { natural: best.1, spectral, share: best.2 })
    }

    /// For B of low rank plus a multiple of the noise: the noise of what the factor leaves of the
    /// rows. The residual of B is small there, and the share of a task's variance that is signal is
    /// its own.
    fn with_residual_noise(&self, rows: ArrayView2<f64>, natural: &[f64]) -> Option<Vec<f64>> {
        let TaskMatrix::LowRankPlusNoise { factor, .. } = self.task_matrix(natural) else {
            return None;
        };
        let std = &self.scales().std;
        let scaled = &rows / std;
        let (basis, _) = linalg::thin_qr((&factor / &std.view().insert_axis(Axis(1))).view());
        let inside = linalg::matmul(scaled.view(), basis.view());
        let outside = (&scaled - &linalg::matmul(inside.view(), basis.t())) * std;
        Some(self.merged(natural, self.phi(natural), &self.noise.start(outside.view(), 1.0)))
    }

    /// Log posterior density after a few inner steps. Candidates are compared by it: before, a Gram
    /// matrix close to the identity, for which the covariance of Y is B plus Sigma exactly, would
    /// look too good.
    fn roughly_learned(&self, candidate: &Candidate) -> Result<f64> {
        let offset = self.kernel_block().unwrap_or(0);
        let free = self.layout().pack(&candidate.natural);
        let start = free[offset..].to_vec();
        let (spectral, natural) = (candidate.spectral.clone(), candidate.natural.clone());
        let mut inner = InnerObjective::new(self, spectral, offset, free, natural);
        let outcome = score(&mut inner, &start, &ROUGH)?;
        Ok(-outcome.value * self.n_observations() as f64)
    }

    /// Free values from `offset` on of a point moved off the boundaries of B and Sigma.
    pub(super) fn lifted(&self, free: &[f64], offset: usize) -> Vec<f64> {
        let mut natural = self.layout().initial();
        self.layout().unpack_into(free, &mut natural);
        let held = natural.clone();
        self.task().lift(&mut natural[self.task_range()]);
        for (i, slot) in self.layout().slots().iter().enumerate() {
            if slot.is_none() {
                natural[i] = held[i];
            }
        }
        self.layout().lift_positive(&mut natural, VANISHED, LIFTED);
        let lifted = self.layout().pack(&natural);
        lifted[offset..].to_vec()
    }

    /// Natural values with phi and psi in place of those that are learned and were not given.
    pub(super) fn merged(&self, natural: &[f64], phi: &[f64], psi: &[f64]) -> Vec<f64> {
        let mut out = natural.to_vec();
        let starts = [(self.task_range(), phi), (self.noise_range(), psi)];
        for entry in self.layout().entries().iter().filter(|e| !e.spec.given) {
            for (range, values) in &starts {
                if entry.range.start >= range.start && entry.range.end <= range.end {
                    for (k, i) in entry.range.clone().enumerate() {
                        if entry.spec.free[k] {
                            out[i] = values[i - range.start];
                        }
                    }
                }
            }
        }
        // Ties and ranges are respected by a round trip through the free values.
        let free = self.layout().pack(&out);
        self.layout().unpack_into(&free, &mut out);
        out
    }

    /// One EM step in the eigenbasis: `B <- B + B G_B B / n` and `Sigma <- Sigma + Sigma G_Sigma
    /// Sigma / n` with twice the adjoints as G, each put into its structure. `None` where the
    /// structure of B has no closed form or a value of it is held.
    fn em_step(&self, spectral: &Spectral, natural: &[f64]) -> Result<Option<Vec<f64>>> {
        let slots = self.layout().slots();
        let learned = slots[self.task_range()].iter().any(Option::is_some);
        if !(learned && self.task().has_closed_form()) {
            return Ok(None);
        }
        let n = self.n_rows() as f64;
        let noise = self.noise_matrix(natural).to_dense();
        let b = self.task_matrix(natural).to_dense(&self.noise_matrix(natural));
        let factor = self.zero_filled(spectral, natural)?;
        let moment = |m: &Array2<f64>, g: Array2<f64>| {
            let change = linalg::matmul(linalg::matmul(m.view(), g.view()).view(), m.view());
            m + &(change * (2.0 / n))
        };
        let task_moment = moment(&b, factor.task_adjoint().to_dense());
        let Some(phi) = self.task().closed_form(task_moment.view()) else { return Ok(None) };
        let psi = self.noise.closed_form(moment(&noise, factor.noise_adjoint().to_dense()).view());
        Ok(Some(self.merged(natural, &phi, &psi)))
    }

    /// Log posterior density and natural values at the optimum over B and Sigma, at held kernel
    /// parameters: what alternating learning maximises over the kernel. One eigendecomposition.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let model = gp.posterior().model();
    /// let (start, _) = model.start(&model.layout().initial())?;
    /// let (_, best) = model.inner_optimum(&start)?;
    /// assert_eq!(model.theta(&best), model.theta(&start));
    /// assert!(model.log_likelihood_value(&best)? >= model.log_likelihood_value(&start)?);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`score`].
    pub fn inner_optimum(&self, natural: &[f64]) -> Result<(f64, Vec<f64>)> {
        let offset = self.kernel_block().unwrap_or(0);
        let free = self.layout().pack(natural);
        let start = free[offset..].to_vec();
        let spectral = self.spectral(natural)?;
        let mut inner = InnerObjective::new(self, spectral, offset, free, natural.to_vec());
        let settings = ScoringSettings::default();
        let outcome = score(&mut inner, &start, &settings)?;
        inner.visit(&outcome.point)?;
        Ok((-outcome.value * self.n_observations() as f64, inner.natural))
    }
}
