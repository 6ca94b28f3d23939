//! Joint learning: every free value at once.

use super::model::Model;
use crate::error::Result;
use crate::learn::Objective;

/// Minus the log posterior density per observation as a function of all free values. One
/// evaluation costs an eigendecomposition and one product of n x n matrices.
pub struct JointObjective<'a, F> {
    model: &'a Model,
    natural: Vec<f64>,
    report: F,
}

impl<'a, F: FnMut(f64) -> Result<()>> JointObjective<'a, F> {
    /// The objective around natural values, whose held entries stay. `report` is called with the log
    /// posterior density at each evaluation and may end the work with an error.
    pub fn new(model: &'a Model, natural: Vec<f64>, report: F) -> Self {
        JointObjective { model, natural, report }
    }
}

impl<F: FnMut(f64) -> Result<()>> Objective for JointObjective<'_, F> {
    fn evaluate(&mut self, point: &[f64]) -> Result<(f64, Vec<f64>)> {
        let layout = self.model.layout();
        layout.unpack_into(point, &mut self.natural);
        let (mut value, mut gradient) = self.model.log_likelihood(&self.natural)?;
        value += layout.log_prior(&self.natural, &mut gradient);
        (self.report)(value)?;
        let count = -(self.model.n_observations() as f64);
        let free = layout.pullback(point, &gradient);
        Ok((value / count, free.into_iter().map(|g| g / count).collect()))
    }
}
