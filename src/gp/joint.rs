//! Joint learning: every free value at once.

use ndarray::Array1;

use super::model::Model;
use crate::error::Result;
use crate::learn::Objective;
use crate::solve::CgState;

/// Minus the log posterior density per observation as a function of all free values. One
/// evaluation costs an eigendecomposition and one product of n x n matrices.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// use coregion::gp::JointObjective;
/// use coregion::learn::Objective;
/// let (model, natural) = (gp.posterior().model(), gp.posterior().natural());
/// let mut objective = JointObjective::new(model, natural.to_vec(), |_| Ok(()));
/// let (value, gradient) = objective.evaluate(&model.layout().pack(natural))?;
/// let prior = model.layout().log_prior(natural, &mut vec![0.0; natural.len()]);
/// assert!((value + (gp.log_marginal_likelihood() + prior) / 10.0).abs() < 1e-9);
/// assert!(gradient.iter().all(|g| g.abs() < 1e-4)); // the fit ended at an optimum
/// # Ok::<(), coregion::Error>(())
/// ```
pub struct JointObjective<'a, F> {
    model: &'a Model,
    natural: Vec<f64>,
    report: F,
    /// Whether a kernel parameter is learned.
    with_kernel: bool,
    /// What an iterative solver found last.
    state: Option<CgState>,
}

impl<'a, F: FnMut(f64) -> Result<()>> JointObjective<'a, F> {
    /// The objective around natural values, whose held entries stay. `report` is called with the log
    /// posterior density at each evaluation and may end the work with an error.
    pub fn new(model: &'a Model, natural: Vec<f64>, report: F) -> Self {
        let kernel = &model.layout().slots()[model.kernel_range()];
        let with_kernel = kernel.iter().any(Option::is_some);
        JointObjective { model, natural, report, with_kernel, state: None }
    }
}

impl<F: FnMut(f64) -> Result<()>> Objective for JointObjective<'_, F> {
    fn evaluate(&mut self, point: &[f64]) -> Result<(f64, Vec<f64>)> {
        let layout = self.model.layout();
        layout.unpack_into(point, &mut self.natural);
        self.model.follow(&mut self.natural);
        let found = self.model.factored_from(&self.natural, self.state.as_ref(), true)?;
        self.state = found.factor.state();
        let (mut value, mut gradient) =
            self.model.value_and_gradient(&found, &self.natural, self.with_kernel)?;
        let of_means = Array1::from(gradient[self.model.mean_range()].to_vec());
        self.model.add_gradient_through_means(of_means.view(), &self.natural, &mut gradient);
        value += layout.log_prior(&self.natural, &mut gradient);
        (self.report)(value)?;
        let count = -(self.model.n_observations() as f64);
        let free = layout.pullback(point, &gradient);
        Ok((value / count, free.into_iter().map(|g| g / count).collect()))
    }
}
