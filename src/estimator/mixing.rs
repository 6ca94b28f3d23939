//! Mixed latent functions: how they are set, and what was learned of them.

use ndarray::Array2;

use super::fitted::FittedMultiTaskGp;
use super::multi_task_gp::MultiTaskGp;
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::matrix_kernel::{Coregionalization, Mixing};

impl MultiTaskGp {
    /// Mixes independent latent functions, `f = H g`, by a structure that costs one scalar problem for
    /// each latent function whatever the number of tasks: m n^3 multiply-adds an evaluation, with the
    /// solver [`crate::solve::Solver::Mixed`]. Takes the place of a task covariance; the kernel is copied for
    /// each latent function, with parameters of its own (`terms[q].kernel`).
    ///
    /// Tables with up to about 2 n gaps are served exactly by the same solver. Others go to the dense
    /// solver, exact too, or beyond its limit to [`crate::solve::Solver::Cg`], as noise variances that are known for
    /// each observation do.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).mixing(Mixing::orthogonal(1)).fit(&data)?;
    /// assert_eq!(gp.report().solve.solver, "mixed");
    /// let h = gp.mixing_matrix().unwrap();
    /// assert!((h.dot(&h.t()) - gp.task_covariance()).iter().all(|v| v.abs() < 1e-12));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn mixing(mut self, mixing: Mixing) -> Self {
        self.mixing = Some(mixing);
        self
    }

    /// The kernels of the latent functions of a mixing, one for each.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let settings = MultiTaskGp::new(Rbf::ard()).mixing(Mixing::orthogonal(2));
    /// let gp = settings.latent_kernels([Rbf::ard(), Matern12::ard()]).fit(&data)?;
    /// assert!(gp.terms()[1].kernel.to_string().starts_with("Matern12"));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn latent_kernels(mut self, kernels: impl IntoIterator<Item = Kernel>) -> Self {
        self.latent_kernels = kernels.into_iter().collect();
        self
    }

    /// The latent functions and what mixes them, where a mixing was set.
    pub(super) fn mixed(&self, n_tasks: usize) -> Result<Option<Coregionalization>> {
        let refused = |options: &str, advice: &str| {
            Err(Error::Incompatible { options: options.to_string(), advice: advice.to_string() })
        };
        let Some(mixing) = &self.mixing else {
            return match self.latent_kernels.is_empty() {
                true => Ok(None),
                false => refused(
                    "kernels of latent functions and no mixing",
                    "set a mixing, or give the kernel alone",
                ),
            };
        };
        if self.task.is_some() || !self.further.is_empty() {
            return refused(
                "a mixing and a task covariance or further terms",
                "the mixing makes the task covariances: leave them out",
            );
        }
        let own = std::slice::from_ref(&self.kernel);
        let kernels = if self.latent_kernels.is_empty() { own } else { &self.latent_kernels };
        let found = Coregionalization::mixed(kernels, mixing.clone(), n_tasks)?;
        let (given, m) = (self.latent_kernels.len(), found.terms.len());
        if given > 0 && given != m {
            return Err(Error::InvalidValue {
                argument: "the kernels of the latent functions".to_string(),
                found: format!("a list of {given}"),
                expected: format!(
                    "{m}, one for each latent function, or one kernel without a list"
                ),
            });
        }
        Ok(Some(found))
    }
}

impl FittedMultiTaskGp {
    /// The mixing with its learned values; `None` for models without one.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).mixing(Mixing::projected(1)).fit(&data)?;
    /// assert!(gp.mixing().unwrap().to_string().starts_with("Projected(basis=[["));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn mixing(&self) -> Option<Mixing> {
        let (model, natural) = (self.posterior.model(), self.posterior.natural());
        let settings = self.structure().terms.mixing.as_ref()?;
        Some(settings.with_values(model.mixing()?, model.mixing_values(natural)))
    }

    /// The mixing matrix H (T, m), in the units of the tasks, with `B_q = h_q h_q'`; `None` for models
    /// without one. Latent functions whose kernels were written alike come sorted by their share of the
    /// signal, and the largest entry of each column is positive (in units of the noise for orthogonal
    /// mixings, of the tasks' scales for projected ones), unless values of the mixing were held.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, -0.3], [0.8, -0.7], [0.9, -1.1], [0.1, -0.4], [-0.8, 0.9]];
    /// # let data = Dataset::new(x.view(), y.view())?;
    /// let gp = MultiTaskGp::new(Rbf::ard()).mixing(Mixing::orthogonal(1)).fit(&data)?;
    /// let h = gp.mixing_matrix().unwrap();
    /// assert!(h[[0, 0]] * h[[1, 0]] < 0.0); // the tasks mirror each other
    /// # Ok::<(), coregion::Error>(())
    /// ```
    pub fn mixing_matrix(&self) -> Option<Array2<f64>> {
        let tasks = self.posterior.model().mixed_tasks(self.posterior.natural());
        tasks.ok().flatten().map(|tasks| tasks.mixing())
    }
}
