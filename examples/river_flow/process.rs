//! What learning by the likelihood makes of these rows.

use coregion::prelude::*;
use ndarray::Array2;

use crate::data::{GAUGES, Windows};
use crate::form::Form;

/// A multi-task Gaussian process of the outputs in some form, one lengthscale for all inputs. Its
/// parameters maximise the marginal likelihood, which takes what is left of neighbouring hours for
/// independent noise: where it is not, the lengthscale comes out short.
pub(crate) struct Process {
    form: Form,
    pub(crate) gp: FittedMultiTaskGp,
}

impl Process {
    /// Learns from the training rows.
    pub(crate) fn fit(training: &Windows, form: Form) -> coregion::Result<Self> {
        let (x, y) = (form.inputs(training, training), form.outputs(training));
        let data = Dataset::new(x.view(), y.view())?.with_task_names(GAUGES)?;
        let kernel = Matern52::ard().with_ard(false);
        let gp = MultiTaskGp::new(kernel).task(FreeForm::new()).noise(Noise::Full).fit(&data)?;
        Ok(Process { form, gp })
    }

    /// Flows (m, T) at some rows.
    pub(crate) fn predict(
        &self,
        training: &Windows,
        at: &Windows,
    ) -> coregion::Result<Array2<f64>> {
        let x = self.form.inputs(training, at);
        Ok(self.form.flows(self.gp.predict(x.view(), Uncertainty::None)?.mean, at))
    }
}
