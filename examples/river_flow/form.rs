//! The form in which flows are learned: as they are or their logs, themselves or their change.

use std::fmt;

use ndarray::{Array1, Array2, Axis};

use crate::data::Windows;

/// What models see and say.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    /// Natural logs of the flows instead of the flows.
    pub(crate) logs: bool,
    /// The change until the hour predicted instead of its level.
    pub(crate) change: bool,
}

/// The forms to choose from.
pub(crate) const FORMS: [Form; 4] = [
    Form { logs: false, change: false },
    Form { logs: false, change: true },
    Form { logs: true, change: false },
    Form { logs: true, change: true },
];

impl Form {
    fn of(self, flows: &Array2<f64>) -> Array2<f64> {
        if self.logs { flows.mapv(f64::ln) } else { flows.clone() }
    }

    /// Inputs (n, 64), standardised by the training rows.
    pub(crate) fn inputs(self, training: &Windows, at: &Windows) -> Array2<f64> {
        let known = self.of(&training.x);
        let mean: Array1<f64> = known.sum_axis(Axis(0)) / known.nrows() as f64;
        (self.of(&at.x) - &mean) / known.std_axis(Axis(0), 0.0)
    }

    /// Outputs (n, 8).
    pub(crate) fn outputs(self, at: &Windows) -> Array2<f64> {
        let level = self.of(&at.y);
        if self.change { level - self.of(&at.now()) } else { level }
    }

    /// Flows from outputs.
    pub(crate) fn flows(self, outputs: Array2<f64>, at: &Windows) -> Array2<f64> {
        let level = if self.change { outputs + self.of(&at.now()) } else { outputs };
        if self.logs { level.mapv(f64::exp) } else { level }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.logs { "logs" } else { "flows" };
        if self.change { write!(f, "change of {what}") } else { f.write_str(what) }
    }
}
