//! The report of a fit as a part of documents.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::description::{read_list, to_raw};
use super::refusal::{NOT_OURS, refuse, shown};
use crate::error::Result;
use crate::estimator::FitReport;
use crate::learn::Stop;
use crate::solve::SolveReport;

const OPTIMIZERS: [&str; 3] = ["alternating", "joint", "none"];
/// Most starts and evaluations of a fit that are read.
const MANY: usize = 1_000_000;

/// The lists of a report as JSON, which a [`ReportDocument`] points into.
pub(super) struct Lists {
    restarts: Box<RawValue>,
    trace: Box<RawValue>,
    warnings: Box<RawValue>,
}

/// [`FitReport`] in a document.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportDocument<'a> {
    optimizer: String,
    strategy: String,
    converged: bool,
    gradient_norm: f64,
    stop: Stop,
    iterations: usize,
    evaluations: usize,
    eigendecompositions: usize,
    #[serde(borrow)]
    restarts: &'a RawValue,
    #[serde(borrow)]
    trace: &'a RawValue,
    solve: SolveReport,
    #[serde(deserialize_with = "present")]
    identifiability: Option<f64>,
    wall_time: Duration,
    #[serde(borrow)]
    warnings: &'a RawValue,
}

/// A field that may be null, but not absent.
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Option::deserialize(deserializer)
}

impl Lists {
    /// # Errors
    /// A refusal where a number is not finite.
    pub(super) fn of(report: &FitReport) -> Result<Self> {
        if report.restarts.len().max(report.trace.len()) > MANY {
            let problem = format!("the report has more than {MANY} restarts or evaluations");
            return Err(refuse(problem, "a model file keeps fewer only"));
        }
        Ok(Lists {
            restarts: to_raw("the list of restarts", &report.restarts)?,
            trace: to_raw("the trace", &report.trace)?,
            warnings: to_raw("the list of warnings", &report.warnings)?,
        })
    }
}

impl<'a> ReportDocument<'a> {
    pub(super) fn new(report: &FitReport, lists: &'a Lists) -> Self {
        // Every field is named, so that a new one cannot be forgotten here.
        let FitReport {
            optimizer,
            strategy,
            converged,
            gradient_norm,
            stop,
            iterations,
            evaluations,
            eigendecompositions,
            restarts: _,
            trace: _,
            solve,
            identifiability,
            wall_time,
            warnings: _,
        } = report;
        ReportDocument {
            optimizer: optimizer.to_string(),
            strategy: strategy.to_string(),
            converged: *converged,
            gradient_norm: *gradient_norm,
            stop: *stop,
            iterations: *iterations,
            evaluations: *evaluations,
            eigendecompositions: *eigendecompositions,
            restarts: &lists.restarts,
            trace: &lists.trace,
            solve: solve.clone(),
            identifiability: *identifiability,
            wall_time: *wall_time,
            warnings: &lists.warnings,
        }
    }

    /// The report, of a model with so many columns and tasks.
    ///
    /// # Errors
    /// A refusal where a list is too long or broken, or the optimizer unknown.
    pub(super) fn read(self, n_columns: usize, n_tasks: usize) -> Result<FitReport> {
        let optimizer = OPTIMIZERS.into_iter().find(|name| *name == self.optimizer);
        let optimizer = optimizer.ok_or_else(|| {
            refuse(format!("its report has an optimizer {}", shown(&self.optimizer)), NOT_OURS)
        })?;
        // Each column and task can be warned of, the latter more than once.
        let warnings = n_columns.saturating_add(n_tasks.saturating_mul(4)).saturating_add(16);
        Ok(FitReport {
            optimizer,
            strategy: self.strategy.into(),
            converged: self.converged,
            gradient_norm: self.gradient_norm,
            stop: self.stop,
            iterations: self.iterations,
            evaluations: self.evaluations,
            eigendecompositions: self.eigendecompositions,
            restarts: read_list("list of restarts", self.restarts, MANY)?,
            trace: read_list("trace", self.trace, MANY)?,
            solve: self.solve,
            identifiability: self.identifiability,
            wall_time: self.wall_time,
            warnings: read_list("list of warnings", self.warnings, warnings)?,
        })
    }
}
