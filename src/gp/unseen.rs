//! Tasks that were not seen, predicted from their descriptors.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};

use super::posterior::{Posterior, Prediction, Uncertainty, finite};
use super::task_kriging::Kriging;
use super::term::Term;
use crate::error::{Error, Result};
use crate::linalg;
use crate::solve::Rows;
use crate::task::UnseenTasks;

impl Posterior {
    /// Means, and standard deviations where asked for, at xs (m, d) for tasks that were not seen, of
    /// descriptors `task_features` (S, q): both (m, S).
    ///
    /// With `b` the covariances of a new task with the training tasks, the mean of its function is that of
    /// the task plus `k(x, X) alpha b`, and its variance `k(x, x) b** - c' C^-1 c` with
    /// `c = k(X, x) (x) b`, each a sum over the terms: exact where the solver is. The diagonal of a task
    /// covariance is a variance of the new task's own, and part of `b**`.
    ///
    /// The mean of a new task is `F(x) beta w`: every coefficient, whether estimated or held, is that of
    /// the training tasks by ordinary kriging under the learned B, with weights w that sum to one. Its
    /// standard deviations have two parts more than the variance above:
    ///
    /// - the error of kriging, `v F(x) S F(x)'`: v is the kriging variance in units of the covariance S
    ///   (p, p) between coefficients, which is the spread of those of the training tasks: plugged in, not
    ///   learned, and zero where they are equal or of one task only. The spread of estimates holds the
    ///   errors of the estimates too, so that this is too much rather than too little;
    /// - where the mean was estimated, what is not known of beta at these weights,
    ///   `|(F(x) (x) w') L^-T - c' Z|^2`, as for training tasks ([`crate::solve::FixedEffects`]). That the
    ///   weights are not known either is no part of it.
    ///
    /// A new task with the descriptor of a training task has its mean and its uncertainty, unless tasks have
    /// a variance of their own.
    ///
    /// Mean O(n (T + S)) a row, after O(n T S + T^3). Standard deviations O(n^2 + n T + T S) a row for a
    /// complete table, elsewhere a solve for each row and new task.
    ///
    /// ```
    /// use coregion::prelude::*;
    /// use ndarray::{Array2, array};
    /// let x = Array2::from_shape_fn((12, 1), |(i, _)| i as f64);
    /// let y = Array2::from_shape_fn((12, 3), |(i, t)| {
    ///     (0.7 * i as f64 + 0.5 * t as f64).sin() + 0.02 * ((7 * i + 3 * t) % 5) as f64
    /// });
    /// let places = array![[0.0], [1.0], [2.0]];
    /// let gp = MultiTaskGp::new(Rbf::ard())
    ///     .task(DescriptorKernel::new(Matern32::ard(), places.view()))
    ///     .fit(&Dataset::new(x.view(), y.view())?)?;
    /// // A place that was measured is predicted as it is.
    /// let seen = gp.posterior().predict(x.view(), Uncertainty::Std)?;
    /// let again = gp.posterior().predict_tasks(x.view(), places.view(), Uncertainty::Std)?;
    /// assert!((&again.mean - &seen.mean).iter().all(|v| v.abs() < 1e-8));
    /// // Noise of a task that was not measured is known where tasks share it.
    /// let observed = gp.posterior().predict_tasks(x.view(), places.view(), Uncertainty::Observation);
    /// assert!(matches!(observed, Err(Error::Incompatible { .. })));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Posterior::predict`]; [`Error::Shape`], [`Error::NotFinite`] or [`Error::InvalidValue`] for
    /// descriptors that do not fit; [`Error::Incompatible`] where B does not follow from descriptors, and
    /// for [`Uncertainty::Observation`] where the noise is not [`crate::task::Noise::Shared`].
    pub fn predict_tasks(
        &self,
        xs: ArrayView2<f64>,
        task_features: ArrayView2<f64>,
        uncertainty: Uncertainty,
    ) -> Result<Prediction> {
        self.check(xs)?;
        let unseen = self.unseen(task_features)?;
        let noise = match uncertainty {
            Uncertainty::Observation => self.unseen_noise()?,
            Uncertainty::None | Uncertainty::Std => 0.0,
        };
        let kriging = self.kriging(&unseen)?;
        let own = self.task_coefficients();
        let (coefficients, spread) = (kriging.coefficients(own), kriging.spread(own));
        let columns = match &self.estimated {
            Some(_) => self.mean_columns(xs)?,
            None => Array2::ones((xs.nrows(), 1)),
        };
        let dual = self.factor.dual();
        let weights: Vec<Array2<f64>> =
            unseen.iter().map(|q| linalg::matmul(dual.view(), q.cross.view())).collect();
        let (m, s) = (xs.nrows(), task_features.nrows());
        let mut mean = Array2::zeros((m, s));
        let mut std = (uncertainty != Uncertainty::None).then(|| Array2::zeros((m, s)));
        let mut clipped_variances = 0;
        // Rows of more new tasks than training tasks take more.
        let tasks = self.model.n_tasks();
        let tile_rows = (self.tile_rows().saturating_mul(tasks) / tasks.max(s).max(1)).max(1);
        for start in (0..m).step_by(tile_rows) {
            let end = (start + tile_rows).min(m);
            let rows = xs.slice(s![start..end, ..]);
            let k = self.cross(rows);
            let columns = columns.slice(s![start..end, ..]);
            let tile = self.moved(&k, &weights) + columns.dot(&coefficients);
            mean.slice_mut(s![start..end, ..]).assign(&tile);
            if let Some(std) = &mut std {
                let (variances, clipped) = self.unseen_variances(rows, &k, &unseen)?;
                clipped_variances += clipped;
                let errors = (columns.dot(&spread) * columns).sum_axis(Axis(1));
                let errors = outer(errors.view(), kriging.variances().view());
                let of_mean = self.unseen_mean_variances(columns, &k, &unseen, &kriging)?;
                let tile = (variances + errors + of_mean + noise).mapv(f64::sqrt);
                std.slice_mut(s![start..end, ..]).assign(&tile);
            }
        }
        finite("the means", &mean)?;
        if let Some(std) = &std {
            finite("the standard deviations", std)?;
        }
        Ok(Prediction { mean, std, clipped_variances })
    }

    /// The coefficients (p, T) of the mean of each task: its constant where they are held.
    fn task_coefficients(&self) -> ArrayView2<'_, f64> {
        match &self.estimated {
            Some(estimated) => estimated.coefficients(),
            None => self.offsets.view().insert_axis(Axis(0)),
        }
    }

    /// Variances (rows, S) from what is not known of the coefficients of an estimated mean, at rows with
    /// these columns and cross-kernels.
    fn unseen_mean_variances(
        &self,
        columns: ArrayView2<f64>,
        cross: &[Array2<f64>],
        unseen: &[UnseenTasks],
        kriging: &Kriging,
    ) -> Result<Array2<f64>> {
        let Some(estimated) = &self.estimated else {
            return Ok(Array2::zeros((columns.nrows(), kriging.variances().len())));
        };
        let tasks: Vec<Array2<f64>> = unseen.iter().map(|q| q.cross.clone()).collect();
        let rows = Rows { basis: columns, cross, tasks: &tasks };
        estimated.effects.unseen_variances(&rows, kriging.weights())
    }

    /// What the B of each term says of tasks of these descriptors.
    fn unseen(&self, task_features: ArrayView2<f64>) -> Result<Vec<UnseenTasks>> {
        let of_term = |term: &Term| {
            let found = term.task().unseen(term.phi(&self.natural), task_features)?;
            found.ok_or_else(|| Error::Incompatible {
                options:
                    "`task_features` and a task covariance that does not follow from descriptors"
                        .to_string(),
                advice:
                    "fit with a kernel over descriptors of the tasks as the task covariance of \
                         every term"
                        .to_string(),
            })
        };
        self.model.terms().iter().map(of_term).collect()
    }

    /// Kriging under the sum of B of all terms, each times the mean variance of its kernel at the rows.
    fn kriging(&self, unseen: &[UnseenTasks]) -> Result<Kriging> {
        let (t, s) = (self.model.n_tasks(), unseen.first().map_or(0, |q| q.variances.len()));
        let mut b = Array2::zeros((t, t));
        let mut all = UnseenTasks {
            cross: Array2::zeros((t, s)),
            variances: Array1::zeros(s),
            equal: vec![(0..t).collect(); s],
        };
        for (term, own) in self.model.terms().iter().zip(unseen) {
            let diagonal = term.diagonal(&self.natural, self.model.x());
            let size = diagonal.sum() / diagonal.len() as f64;
            b.scaled_add(size, &term.task_matrix(&self.natural).to_dense(&self.noise));
            all.cross.scaled_add(size, &own.cross);
            all.variances.scaled_add(size, &own.variances);
            for (tasks, same) in all.equal.iter_mut().zip(&own.equal) {
                tasks.retain(|t| same.contains(t));
            }
        }
        Kriging::new(b, &all)
    }

    /// The noise variance of any task.
    fn unseen_noise(&self) -> Result<f64> {
        let psi = self.model.psi(&self.natural);
        self.model.noise.shared_variance(psi).ok_or_else(|| Error::Incompatible {
            options: "the noise of tasks that were not seen and noise that tasks do not share"
                .to_string(),
            advice: "fit with shared noise, or ask for standard deviations of the latent functions"
                .to_string(),
        })
    }

    /// Variances (rows, S) of the functions of new tasks at rows with the cross-kernels (rows, n) of each
    /// term, and how many came out negative by rounding.
    fn unseen_variances(
        &self,
        rows: ArrayView2<f64>,
        cross: &[Array2<f64>],
        unseen: &[UnseenTasks],
    ) -> Result<(Array2<f64>, usize)> {
        let terms = self.model.terms().iter();
        let prior: Vec<Array1<f64>> = terms.map(|q| q.diagonal(&self.natural, rows)).collect();
        if let (Some(factor), [k], [prior], [b]) = (self.kronecker(), cross, &*prior, unseen) {
            return Ok(factor.unseen_variances(
                k.view(),
                prior.view(),
                b.cross.view(),
                b.variances.view(),
            ));
        }
        let priors = prior.iter().zip(unseen);
        let mut out = sum(priors.map(|(k, b)| outer(k.view(), b.variances.view())));
        for ((i, s), variance) in out.indexed_iter_mut() {
            let terms = cross.iter().zip(unseen);
            let c = sum(terms.map(|(k, b)| outer(k.row(i), b.cross.column(s))));
            *variance -= (&self.factor.solve(c.view())? * &c).sum();
        }
        let clipped = out.iter().filter(|v| **v < 0.0).count();
        Ok((out.mapv(|v| v.max(0.0)), clipped))
    }
}

/// The sum over terms.
fn sum(terms: impl Iterator<Item = Array2<f64>>) -> Array2<f64> {
    terms.reduce(|a, b| a + b).unwrap_or_default()
}

/// The matrix `a b'`.
fn outer(a: ArrayView1<f64>, b: ArrayView1<f64>) -> Array2<f64> {
    &a.insert_axis(Axis(1)) * &b
}
