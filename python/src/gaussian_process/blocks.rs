//! Predictions at many rows in blocks, between which Ctrl-C is heard.

use coregion::estimator::FittedMultiTaskGp;
use coregion::gp::Prediction;
use ndarray::{Array2, Slice, s};
use pyo3::prelude::*;

use crate::watched::freed;

/// Operations in a block, about: some tenths of a second.
const OPERATIONS: usize = 10_000_000_000;

/// Rows whose prediction takes about [`OPERATIONS`].
pub(super) fn rows_at_once(model: &FittedMultiTaskGp, std: bool) -> usize {
    let (n, t) = (model.data().n_rows(), model.data().n_tasks());
    let observed =
        if model.report().solve.solver == "kronecker" { n } else { model.data().n_observed() };
    let of_means = n.saturating_mul(model.data().n_features() + t);
    let of_std = observed.saturating_mul(observed).saturating_mul(2);
    let each = of_means + if std { of_std } else { 0 };
    (OPERATIONS / each.max(1)).clamp(256, 1 << 16)
}

/// The prediction at m rows, put together from those at `rows` of them at a time.
pub(super) fn predict(
    py: Python<'_>,
    m: usize,
    rows: usize,
    predict: impl Fn(Slice) -> coregion::Result<Prediction> + Sync,
) -> PyResult<Prediction> {
    if m <= rows {
        return freed(py, || predict(Slice::from(..)));
    }
    let mut whole: Option<Prediction> = None;
    for start in (0..m).step_by(rows) {
        let end = (start + rows).min(m);
        let part = freed(py, || predict(Slice::from(start..end)))?;
        py.check_signals()?;
        let out = whole.get_or_insert_with(|| {
            let empty = || Array2::zeros((m, part.mean.ncols()));
            Prediction {
                mean: empty(),
                std: part.std.as_ref().map(|_| empty()),
                clipped_variances: 0,
            }
        });
        out.mean.slice_mut(s![start..end, ..]).assign(&part.mean);
        if let (Some(all), Some(some)) = (&mut out.std, &part.std) {
            all.slice_mut(s![start..end, ..]).assign(some);
        }
        out.clipped_variances += part.clipped_variances;
    }
    match whole {
        Some(found) => Ok(found),
        None => freed(py, || predict(Slice::from(..))),
    }
}
