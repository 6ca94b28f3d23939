//! The start of learning of a sum of terms.
//!
//! Terms of one kernel would stay alike: a start that treats them alike is a saddle of the likelihood.
//! Lengthscales that were not given are spread over the terms, from long to short, and the signal is
//! shared out between them in several ways; of what a few steps of learning on some of the rows make of the
//! best for each spread, the best is taken.

use ndarray::Array2;

use super::joint::JointObjective;
use super::model::Model;
use super::start::SHARES;
use crate::error::Result;
use crate::learn::{LbfgsSettings, minimise};
use crate::task::Moment;

/// Observed entries that starts of sums are compared on: there are many of them.
const COMPARED_ON: usize = 400;
/// Steps of joint learning before candidates are compared.
const ROUGH_STEPS: usize = 25;
/// Lengthscales of the first term and of the last, as multiples of where one term would start.
const SPREADS: [(f64, f64); 4] = [(2.0, 0.5), (2.0, 0.125), (1.0, 0.03125), (0.25, 0.03125)];
/// Share of the signal of the term that has most, where it is not shared out evenly.
const DOMINANT: f64 = 0.8;

impl Model {
    /// Start values of B and of the noise for that share of the covariance of Y as signal, itself
    /// shared out between the terms.
    pub(super) fn shared_out(
        &self,
        initial: &[f64],
        rows: &Array2<f64>,
        share: f64,
        of_terms: &[f64],
    ) -> Vec<f64> {
        let start = |(term, own): (&super::Term, &f64)| {
            let scale = (share * own).sqrt() / term.scales().amplitude;
            term.task().start_near(&Moment { rows: rows * scale }, term.phi(initial))
        };
        let phi: Vec<f64> = self.terms().iter().zip(of_terms).flat_map(start).collect();
        let psi = self.noise.start(rows.view(), 1.0 - share);
        self.merged(initial, &phi, &psi)
    }

    /// Natural start values of a sum of terms.
    ///
    /// # Errors
    /// As [`Model::factored`].
    pub(super) fn start_of_terms(&self, initial: &[f64]) -> Result<Vec<f64>> {
        let some = self.some_rows(COMPARED_ON)?;
        let rows = self.moment_rows(initial);
        let mut best = (f64::INFINITY, initial.to_vec());
        let mut tried: Vec<Vec<f64>> = Vec::new();
        for (first, last) in SPREADS {
            let spread = self.with_spread(initial, first, last);
            if tried.contains(&spread) {
                continue;
            }
            if let Some(candidate) = self.best_division(&some, &rows, &spread)? {
                let (value, natural) = roughly_learned(&some, candidate)?;
                if value < best.0 {
                    best = (value, natural);
                }
            }
            tried.push(spread);
        }
        Ok(best.1)
    }

    /// The best way to share the signal out at held kernel parameters, by the likelihood of some rows.
    fn best_division(
        &self,
        some: &Model,
        rows: &Array2<f64>,
        natural: &[f64],
    ) -> Result<Option<Vec<f64>>> {
        let mut best: Option<(f64, Vec<f64>)> = None;
        for of_terms in divisions(self.terms().len()) {
            for share in SHARES {
                let candidate = self.shared_out(natural, rows, share, &of_terms);
                match some.log_likelihood_value(&candidate) {
                    Ok(found) if best.as_ref().is_none_or(|(value, _)| found > *value) => {
                        best = Some((found, candidate));
                    }
                    Ok(_) => {}
                    Err(error) if error.is_numerical() => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(best.map(|(_, natural)| natural))
    }

    /// Natural values with the learned lengthscales that were not given multiplied by a factor of their
    /// term: `first` for the first, `last` for the last, geometric between them.
    fn with_spread(&self, natural: &[f64], first: f64, last: f64) -> Vec<f64> {
        let mut out = natural.to_vec();
        let steps = (self.terms().len() - 1).max(1) as f64;
        for (q, term) in self.terms().iter().enumerate() {
            let factor = first * (last / first).powf(q as f64 / steps);
            for entry in self.layout().entries() {
                let own = term.kernel_range.contains(&entry.range.start);
                if !(own && entry.path.ends_with("lengthscale") && !entry.spec.given) {
                    continue;
                }
                for (k, i) in entry.range.clone().enumerate() {
                    if entry.spec.free[k] {
                        out[i] *= factor;
                    }
                }
            }
        }
        // Ties are respected by a round trip through the free values.
        let free = self.layout().pack(&out);
        self.layout().unpack_into(&free, &mut out);
        out
    }
}

/// Minus the log posterior density per observation of some rows, and natural values, after a few steps of
/// joint learning: candidates far apart are not compared by where they begin.
fn roughly_learned(some: &Model, natural: Vec<f64>) -> Result<(f64, Vec<f64>)> {
    let free = some.layout().pack(&natural);
    let mut out = natural.clone();
    let mut objective = JointObjective::new(some, natural, |_| Ok(()));
    let rough = LbfgsSettings {
        gradient_tolerance: 1e-3,
        max_iterations: ROUGH_STEPS,
        ..LbfgsSettings::default()
    };
    let outcome = minimise(&mut objective, &free, &rough)?;
    some.layout().unpack_into(&outcome.point, &mut out);
    Ok((outcome.value, out))
}

/// Ways to share the signal out between that many terms: evenly, and with each in turn having most.
fn divisions(n_terms: usize) -> Vec<Vec<f64>> {
    let count = n_terms as f64;
    let mut out = vec![vec![1.0 / count; n_terms]];
    for q in 0..n_terms {
        let rest = (1.0 - DOMINANT) / (count - 1.0).max(1.0);
        out.push((0..n_terms).map(|p| if p == q { DOMINANT } else { rest }).collect());
    }
    out
}
