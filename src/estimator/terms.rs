//! The terms of a sum, and of a fitted one their order, their shares, and which of them say nothing of their own.

use ndarray::{Array1, Array2};

use super::fitted::FittedMultiTaskGp;
use super::multi_task_gp::MultiTaskGp;
use super::report::Warning;
use super::structure::Structure;
use crate::error::Result;
use crate::gp::{Model, Term};
use crate::kernel::Kernel;
use crate::matrix_kernel::{Coregionalization, Separable};
use crate::task::Task;

/// Shares of the signal below which a term could as well be left out.
const NEGLIGIBLE: f64 = 1e-3;
/// Correlations of the entries of two Gram matrices from which their terms could be one.
const ALIKE: f64 = 0.9999;
/// Rows that Gram matrices are compared on.
const COMPARED_ON: usize = 200;

/// The share of each term in the variance of the signal at the training rows, each task measured in its
/// own scale: they sum to 1.
fn shares(model: &Model, natural: &[f64]) -> Vec<f64> {
    if let Some(of_latents) = model.latent_shares(natural) {
        return of_latents.to_vec();
    }
    let (noise, x) = (model.noise_matrix(natural), model.x());
    let of_term = |term: &Term| {
        let own = term.task_matrix(natural).diagonal(&noise);
        let prior = term.diagonal(natural, x).mean().unwrap_or(0.0);
        prior * own.iter().zip(&term.scales().std).map(|(b, s)| b / (s * s)).sum::<f64>()
    };
    let each: Vec<f64> = model.terms().iter().map(of_term).collect();
    let total: f64 = each.iter().sum();
    each.into_iter().map(|v| if total > 0.0 { v / total } else { 0.0 }).collect()
}

/// Natural values with terms that are written alike, and therefore interchangeable, sorted by their
/// share of the signal, the largest first. Models with values held or tied by path are left as they are.
pub(super) fn sorted(structure: &Structure, model: &Model, natural: Vec<f64>) -> Vec<f64> {
    let (written, bound) = (&structure.terms.terms, model.terms());
    let mixed = structure.terms.mixing.is_some();
    if mixed || bound.len() < 2 || !structure.fixed.is_empty() || !structure.ties.is_empty() {
        return natural;
    }
    let shares = shares(model, &natural);
    let mut out = natural.clone();
    for (q, term) in written.iter().enumerate() {
        let alike: Vec<usize> = (0..written.len()).filter(|&p| written[p] == *term).collect();
        if alike[0] != q {
            continue;
        }
        let mut order = alike.clone();
        order.sort_by(|&a, &b| shares[b].total_cmp(&shares[a]));
        for (&to, &from) in alike.iter().zip(&order) {
            for (target, source) in bound[to].ranges().into_iter().zip(bound[from].ranges()) {
                out[target].copy_from_slice(&natural[source]);
            }
        }
    }
    out
}

/// What deserves attention: terms without a share of the signal, and terms that could be one. Latent functions
/// of a mixing may be alike: their columns tell them apart.
pub(super) fn warnings(model: &Model, natural: &[f64]) -> Vec<Warning> {
    let terms = model.terms();
    if terms.len() < 2 {
        return Vec::new();
    }
    let shares = shares(model, natural);
    let small = shares.iter().enumerate().filter(|(_, share)| **share < NEGLIGIBLE);
    let mut out: Vec<Warning> =
        small.map(|(term, &share)| Warning::NegligibleTerm { term, share }).collect();
    if model.mixing().is_some() {
        return out;
    }
    let rows = model.n_rows().min(COMPARED_ON);
    let x = model.x();
    let x = x.slice(ndarray::s![..rows, ..]);
    let grams: Vec<Array2<f64>> = terms.iter().map(|term| term.gram(natural, x)).collect();
    for last in 1..terms.len() {
        for first in 0..last {
            let shown = shares[first].min(shares[last]) >= NEGLIGIBLE;
            if shown && alike(&grams[first], &grams[last]) {
                out.push(Warning::AlikeTerms { first, last });
            }
        }
    }
    out
}

/// Whether two Gram matrices are multiples of each other, nearly.
fn alike(a: &Array2<f64>, b: &Array2<f64>) -> bool {
    let product = |u: &Array2<f64>, v: &Array2<f64>| (u * v).sum();
    product(a, b) >= ALIKE * (product(a, a) * product(b, b)).sqrt()
}

impl MultiTaskGp {
    /// Adds a separable term, `k(x, z) B` with its own kernel and task covariance: the linear model of
    /// coregionalization (Goovaerts 1997, sec. 4.2.3). Paths are `terms[0]` for the first, `terms[1]` for
    /// the next. Terms written alike are interchangeable: they come out sorted by their share of the
    /// signal. Every evaluation factors the covariance of all N observations, N^3 / 3, but where
    /// the second of two terms is a multiple of the noise ([`crate::task::NoiseMultiple`]).
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let settings = MultiTaskGp::new(Rbf::isotropic(3.0)).task(LowRank::new(1));
    /// let gp = settings.term(Rbf::isotropic(0.5), Diagonal::new()).fit(&data)?;
    /// assert!(gp.parameters().contains_key("terms[1].kernel.lengthscale"));
    /// assert_eq!(gp.report().solve.solver, "dense");
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn term(mut self, kernel: Kernel, task: Task) -> Self {
        self.further.push(Separable { kernel, task });
        self
    }

    /// The terms for that many tasks.
    pub(super) fn coregionalization(&self, n_tasks: usize) -> Result<Coregionalization> {
        if let Some(mixed) = self.mixed(n_tasks)? {
            return Ok(mixed);
        }
        let task = self.task_or_default(n_tasks);
        let mut terms = vec![Separable { kernel: self.kernel.clone(), task }];
        terms.extend(self.further.iter().cloned());
        Ok(terms.into())
    }
}

impl FittedMultiTaskGp {
    /// The prior variance (T) of the function of each task, the mean over the training rows: the diagonals
    /// of B times `k(x, x)`, summed over the terms.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// assert_eq!(gp.signal_variances(), gp.task_covariance().diag());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn signal_variances(&self) -> Array1<f64> {
        let (model, natural) = (self.posterior.model(), self.posterior.natural());
        let of_terms = model.terms().iter().zip(self.task_covariances());
        let of_term = |(term, b): (&Term, Array2<f64>)| {
            b.diag().to_owned() * term.diagonal(natural, model.x()).mean().unwrap_or(0.0)
        };
        of_terms.map(of_term).reduce(|a, b| a + b).unwrap_or_default()
    }

    /// The share of each term in the variance of the signal at the training rows, each task measured in
    /// its own scale; they sum to 1.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let settings = MultiTaskGp::new(Rbf::ard()).task(LowRank::new(1));
    /// let shares = settings.term(Matern12::ard(), Diagonal::new()).fit(&data)?.signal_shares();
    /// assert!((shares[0] + shares[1] - 1.0).abs() < 1e-12);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn signal_shares(&self) -> Vec<f64> {
        shares(self.posterior.model(), self.posterior.natural())
    }
}
