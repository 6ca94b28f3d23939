//! Models whose terms are independent latent functions, mixed by a structure of their own.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, Axis};

use super::model::Model;
use super::posterior::Posterior;
use super::sample::square_root;
use crate::error::{Error, Result};
use crate::gram;
use crate::linalg;
use crate::matrix_kernel::{BoundMixing, BoundSeparable, Mixing, MixingScales};
use crate::op::{Adjoint, MixedAdjoint, MixedTasks, NoiseMatrix, TaskAdjoint, TaskMatrix};
use crate::param::ParamSpec;
use crate::solve::{Adjoints, FixedEffects, MixedFactor, views};
use crate::task::{BoundTask, Moment, Noise};

/// A mixing, and where its values are in the flat parameter vector.
#[derive(Debug, Clone)]
pub(super) struct MixedPart {
    pub(super) bound: Arc<dyn BoundMixing>,
    pub(super) range: Range<usize>,
    /// Whether all latent functions have kernels written alike.
    pub(super) alike: bool,
}

/// Stands in a term for a task covariance that the mixing of the model makes.
#[derive(Debug)]
pub(super) struct OfMixing {
    pub(super) n_tasks: usize,
}

impl BoundTask for OfMixing {
    fn params(&self) -> &[ParamSpec] {
        &[]
    }

    fn matrix(&self, _phi: &[f64]) -> TaskMatrix {
        let factor = Array2::zeros((self.n_tasks, 0));
        TaskMatrix::LowRankPlusNoise { factor, multiple: 0.0 }
    }

    fn vjp(&self, _phi: &[f64], _adjoint: &TaskAdjoint, _grad: &mut [f64]) {}

    fn jvp(&self, _phi: &[f64], _dphi: &[f64], _noise: &NoiseMatrix) -> Array2<f64> {
        Array2::zeros((self.n_tasks, self.n_tasks))
    }

    fn start(&self, _target: &Moment) -> Vec<f64> {
        Vec::new()
    }
}

/// Binds a mixing to the terms that are its latent functions, whose task covariances it makes.
///
/// # Errors
/// What the mixing refuses; [`Error::InvalidValue`] where there are not as many terms.
pub(super) fn bind(
    mixing: &Mixing,
    terms: &mut [BoundSeparable],
    std: Array1<f64>,
) -> Result<Box<dyn BoundMixing>> {
    let m = mixing.n_latents()?;
    if m != terms.len() {
        return Err(Error::InvalidValue {
            argument: "terms".to_string(),
            found: format!("{} terms", terms.len()),
            expected: format!("{m}, one for each latent function of the mixing"),
        });
    }
    let amplitudes = terms.iter().map(|term| term.scales.amplitude).collect();
    for term in terms.iter_mut() {
        term.task = Box::new(OfMixing { n_tasks: std.len() });
    }
    mixing.bind(&MixingScales { std, amplitudes })
}

/// Refuses noises that a mixing cannot whiten the tasks by.
///
/// # Errors
/// [`Error::Incompatible`] for all but independent noises with variances of their own.
pub(super) fn check_noise(noise: &Noise) -> Result<()> {
    match noise {
        Noise::Shared | Noise::PerTask | Noise::Variances(_) => Ok(()),
        Noise::Full | Noise::None | Noise::Covariance(_) => Err(Error::Incompatible {
            options: format!("a mixing and the noise '{noise}'"),
            advice: "a mixing makes the covariance of the noise from variances: choose shared or \
                     per-task noise, or give variances"
                .to_string(),
        }),
    }
}

impl Model {
    /// The mixing of the latent functions, where there is one.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).mixing(Mixing::orthogonal(1)).fit(&data)?;
    /// assert_eq!(gp.posterior().model().mixing().unwrap().params()[0].name, "basis");
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn mixing(&self) -> Option<&dyn BoundMixing> {
        self.mixed.as_ref().map(|part| part.bound.as_ref())
    }

    /// Values of the mixing's parameters in a natural vector; none without a mixing.
    pub fn mixing_values<'a>(&self, natural: &'a [f64]) -> &'a [f64] {
        self.mixed.as_ref().map_or(&[], |part| &natural[part.range.clone()])
    }

    /// The noise variances R (T) that a mixing is given; without one the diagonal of Sigma.
    pub(crate) fn own_noise(&self, natural: &[f64]) -> Array1<f64> {
        self.noise.matrix(self.psi(natural)).diagonal()
    }

    /// What mixes the latent functions at natural values; `None` for other models.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).mixing(Mixing::projected(1)).fit(&data)?;
    /// let (model, natural) = (gp.posterior().model(), gp.posterior().natural());
    /// assert_eq!(Some(model.mixed_tasks(natural)?.unwrap().mixing()), gp.mixing_matrix());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotPositive`] where columns of the mixing matrix are dependent.
    pub fn mixed_tasks(&self, natural: &[f64]) -> Result<Option<MixedTasks>> {
        let of = |m: &dyn BoundMixing| {
            m.tasks(self.mixing_values(natural), self.own_noise(natural).view())
        };
        self.mixing().map(of).transpose()
    }

    /// The covariance of all observations factored one latent function at a time.
    pub(super) fn factored_by_latents(&self, natural: &[f64]) -> Result<MixedFactor> {
        let Some(tasks) = self.mixed_tasks(natural)? else {
            return Err(Error::Incompatible {
                options: "the solver 'mixed' and a model without a mixing".to_string(),
                advice: "leave the solver to `auto`, or set a mixing".to_string(),
            });
        };
        let (residuals, pattern) = (self.finite_residuals(natural)?, Arc::clone(self.pattern()));
        let gram = |q: usize| self.terms()[q].gram(natural, self.x());
        MixedFactor::new(gram, tasks, residuals.view(), pattern, self.why_solver())
    }

    /// Adds the gradient of the log-likelihood of a mixed factor with respect to everything but the means,
    /// of the restricted one where the effects of the mean are given.
    pub(super) fn add_mixed_gradient(
        &self,
        factor: &MixedFactor,
        restricted: Option<&FixedEffects>,
        natural: &[f64],
        with_kernels: bool,
        gradient: &mut [f64],
    ) -> Result<()> {
        let latents = restricted.and_then(FixedEffects::as_latents);
        let (mut adjoint, kernels) = factor.adjoints_with(|q, mut adjoint| {
            let term = &self.terms()[q];
            let learned = with_kernels && !term.kernel_range.is_empty();
            learned.then(|| {
                if let Some(latents) = latents {
                    latents.add_kernel(q, &mut adjoint);
                }
                gram::gram_vjp(term.kernel(), term.theta(natural), self.x(), &adjoint)
            })
        });
        for (term, part) in self.terms().iter().zip(kernels) {
            let places = &mut gradient[term.kernel_range.clone()];
            places.iter_mut().zip(part.into_iter().flatten()).for_each(|(g, v)| *g += v);
        }
        match (latents, restricted) {
            (Some(latents), _) => latents.add_mixing(&mut adjoint),
            (None, Some(effects)) => self.add_restriction(effects, natural, gradient)?,
            (None, None) => {}
        }
        self.add_mixing_gradient(&adjoint, natural, gradient)
    }

    /// Adds the gradient of what the restricted likelihood of a table with gaps has more.
    fn add_restriction(
        &self,
        effects: &FixedEffects,
        natural: &[f64],
        gradient: &mut [f64],
    ) -> Result<()> {
        let (n, t) = (self.n_rows(), self.n_tasks());
        let none = TaskAdjoint::Dense { matrix: Array2::zeros((t, t)), noise_inner: 0.0 };
        let mut adjoints = Adjoints {
            kernels: vec![Adjoint::Dense(Array2::zeros((n, n))); self.terms().len()],
            tasks: vec![none.clone(); self.terms().len()],
            noise: none,
        };
        effects.restrict(&mut adjoints, || self.covariance(natural));
        for (term, kernel) in self.terms().iter().zip(&adjoints.kernels) {
            self.add_kernel_gradient(term, kernel, natural, gradient);
        }
        self.pull_mixing_gradient(&adjoints.tasks, &adjoints.noise, natural, gradient)
    }

    /// Adds the gradient with respect to the values of the mixing and the noise.
    fn add_mixing_gradient(
        &self,
        adjoint: &MixedAdjoint,
        natural: &[f64],
        gradient: &mut [f64],
    ) -> Result<()> {
        let Some(part) = &self.mixed else { return Ok(()) };
        let noise = self.own_noise(natural);
        let mut of_noise = Array1::zeros(noise.len());
        let (values, own) = (self.mixing_values(natural), &mut gradient[part.range.clone()]);
        part.bound.vjp(values, noise.view(), adjoint, own, &mut of_noise)?;
        let noise_inner = of_noise.dot(&noise);
        let of_noise = TaskAdjoint::Diagonal { diagonal: of_noise, noise_inner };
        let range = self.noise_range();
        self.noise.vjp(self.psi(natural), &of_noise, &mut gradient[range]);
        Ok(())
    }

    /// The same from adjoints of every B and of Sigma, of a solver that knows nothing of the mixing.
    pub(super) fn pull_mixing_gradient(
        &self,
        tasks: &[TaskAdjoint],
        noise: &TaskAdjoint,
        natural: &[f64],
        gradient: &mut [f64],
    ) -> Result<()> {
        let Some(mixing) = self.mixing() else { return Ok(()) };
        let tasks: Vec<Array2<f64>> = tasks.iter().map(TaskAdjoint::to_dense).collect();
        let (values, own) = (self.mixing_values(natural), self.own_noise(natural));
        let adjoint = mixing.pull(values, own.view(), &tasks, &noise.to_dense())?;
        self.add_mixing_gradient(&adjoint, natural, gradient)
    }

    /// Shares (m) of the variance of the signal, in units of the tasks' scales, that each latent function
    /// has; `None` without a mixing.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).mixing(Mixing::orthogonal(2)).fit(&data)?;
    /// let shares = gp.posterior().model().latent_shares(gp.posterior().natural()).unwrap();
    /// assert!((shares.sum() - 1.0).abs() < 1e-12 && shares[0] >= shares[1]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn latent_shares(&self, natural: &[f64]) -> Option<Array1<f64>> {
        let tasks = self.mixed_tasks(natural).ok().flatten()?;
        let scaled = tasks.mixing() / self.scales().std.view().insert_axis(Axis(1));
        let of = |(h, q): (ArrayView1<f64>, usize)| {
            let amplitude = self.terms()[q].scales().amplitude;
            h.dot(&h) * amplitude * amplitude
        };
        let variances: Array1<f64> = scaled.columns().into_iter().zip(0..).map(of).collect();
        let total = variances.sum();
        Some(variances / total)
    }

    /// The same model with its latent functions sorted by their share of the signal, where they are
    /// written alike, and with columns of the mixing whose largest entries are positive: neither is known
    /// from the data. Left as it is where values of the mixing are held or tied.
    ///
    /// # Errors
    /// As [`Model::mixed_tasks`].
    pub(crate) fn canonical(&self, natural: Vec<f64>) -> Result<Vec<f64>> {
        let (Some(part), Some(shares)) = (&self.mixed, self.latent_shares(&natural)) else {
            return Ok(natural);
        };
        let slots = self.layout().slots();
        let mut counts = vec![0; self.layout().n_free()];
        slots.iter().flatten().for_each(|&s| counts[s] += 1);
        let alone = |i: usize| slots[i].is_some_and(|s| counts[s] == 1);
        if !part.range.clone().all(alone) {
            return Ok(natural);
        }
        let mut order: Vec<usize> = (0..shares.len()).collect();
        let kernels_move = self.kernel_range().all(|i| slots[i].is_none() || alone(i));
        if part.alike && kernels_move && self.latents_are_alike() {
            order.sort_by(|&a, &b| shares[b].total_cmp(&shares[a]));
        }
        let values = part.bound.canonical(&natural[part.range.clone()], &order)?;
        let mut out = natural.clone();
        out[part.range.clone()].copy_from_slice(&values);
        for (term, &from) in self.terms().iter().zip(&order) {
            let moved = &natural[self.terms()[from].kernel_range.clone()];
            out[term.kernel_range.clone()].copy_from_slice(moved);
        }
        Ok(out)
    }

    /// True where the kernels of all latent functions have the same start and the same held values.
    fn latents_are_alike(&self) -> bool {
        let of_term = |range: &Range<usize>| -> Vec<&ParamSpec> {
            let entries = self.layout().entries().iter();
            entries.filter(|e| range.contains(&e.range.start)).map(|e| &e.spec).collect()
        };
        let first = of_term(&self.first().kernel_range);
        self.terms().iter().all(|term| of_term(&term.kernel_range) == first)
    }
}

impl Posterior {
    /// Fills `out` (c, T, n_samples) with draws around 0 of mixed latent functions: one latent function at a
    /// time for complete tables, all of them together with gaps.
    pub(super) fn by_latent(
        &self,
        xs: ArrayView2<f64>,
        normal: &mut impl FnMut() -> f64,
        out: &mut Array3<f64>,
    ) -> Result<()> {
        let Some(factor) = self.factor.as_mixed() else { return Ok(()) };
        let (c, m) = (xs.nrows(), self.model.terms().len());
        let side = if self.model.pattern().is_complete() { c } else { c.saturating_mul(m) };
        self.fits("their covariances", side.saturating_mul(side).saturating_mul(m + 1))?;
        let cross = self.cross(xs);
        let blocks = factor.latent_covariances(&views(&cross), self.prior(xs));
        let roots = blocks.into_iter().map(square_root).collect::<Result<Vec<_>>>()?;
        let mixing = factor.tasks().mixing();
        for mut draw in out.axis_iter_mut(Axis(2)) {
            let mut white = |rows: usize| Array2::from_shape_simple_fn((rows, 1), &mut *normal);
            let mut latent = Array2::zeros((c, m));
            if let [root] = roots.as_slice() {
                let values = linalg::matmul(root.view(), white(c * m).view());
                latent.iter_mut().zip(&values).for_each(|(l, v)| *l = *v);
            } else {
                for (mut column, root) in latent.columns_mut().into_iter().zip(&roots) {
                    column.assign(&linalg::matmul(root.view(), white(c).view()).column(0));
                }
            }
            draw.assign(&linalg::matmul(latent.view(), mixing.t()));
        }
        Ok(())
    }
}
