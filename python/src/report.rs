//! What a fit did, as a dictionary.

use coregion::estimator::{FitReport, Warning};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The kind of a warning, as model files name it, and what it says.
pub(crate) fn warning(warning: &Warning) -> (String, String) {
    let kind = match serde_json::to_value(warning) {
        Ok(serde_json::Value::String(kind)) => kind,
        Ok(serde_json::Value::Object(fields)) => fields.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    (kind, warning.to_string())
}

/// The report of a fit.
pub(crate) fn dictionary<'py>(py: Python<'py>, report: &FitReport) -> PyResult<Bound<'py, PyDict>> {
    let solve = &report.solve;
    let out = PyDict::new(py);
    out.set_item("solver", solve.solver.as_ref())?;
    out.set_item("why", solve.why.as_ref())?;
    out.set_item("exact", solve.exact)?;
    out.set_item("precision", &solve.precision)?;
    out.set_item("optimizer", report.optimizer)?;
    out.set_item("strategy", report.strategy.as_ref())?;
    out.set_item("converged", report.converged)?;
    out.set_item("gradient_norm", report.gradient_norm)?;
    out.set_item("stop", format!("{:?}", report.stop).to_lowercase())?;
    out.set_item("iterations", report.iterations)?;
    out.set_item("evaluations", report.evaluations)?;
    out.set_item("eigendecompositions", report.eigendecompositions)?;
    out.set_item("wall_time", report.wall_time.as_secs_f64())?;
    out.set_item("identifiability", report.identifiability)?;
    out.set_item("jitter", solve.jitter)?;
    out.set_item("clipped_eigenvalues", solve.clipped_eigenvalues)?;
    out.set_item("clipped_magnitude", solve.clipped_magnitude)?;
    out.set_item("solver_iterations", solve.iterations)?;
    let cut = solve.log_likelihood_bound.is_some();
    out.set_item("preconditioner_rank", solve.rank.filter(|_| !cut))?;
    out.set_item("gram_rank", solve.rank.filter(|_| cut))?;
    out.set_item("log_likelihood_bound", solve.log_likelihood_bound)?;
    out.set_item("tolerance", solve.tolerance)?;
    out.set_item("relative_residual", solve.relative_residual)?;
    out.set_item("log_det_std_error", solve.log_det_std_err)?;
    let trace: Vec<(usize, f64)> = report.trace.iter().map(|p| (p.evaluation, p.value)).collect();
    out.set_item("trace", trace)?;
    let restarts: Vec<f64> = report.restarts.iter().map(|r| r.log_posterior).collect();
    out.set_item("restarts", restarts)?;
    out.set_item("warnings", report.warnings.iter().map(warning).collect::<Vec<_>>())?;
    Ok(out)
}
