//! The warps of all tasks of a model.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

use super::fitted::outside;
use super::{BoundWarp, Column, FittedWarp, Warp};
use crate::error::{Error, Result};
use crate::param::Layout;

/// One warp for each task, with the places of its values in the flat vector.
#[derive(Debug, Clone)]
pub(crate) struct TaskWarps {
    warps: Vec<Warp>,
    bound: Vec<Arc<dyn BoundWarp>>,
    ranges: Vec<Range<usize>>,
    /// Whether every task is as it is.
    plain: bool,
}

impl TaskWarps {
    /// The warps bound to outputs (n, T), NaN where nothing was observed. `warps` are one for each task,
    /// one for all, or none. A task without observations has the reference of all that was observed.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of warps; [`Error::InvalidValue`] for outputs outside the
    /// domain of their warp, naming the task and the first of them; what a warp refuses.
    pub(crate) fn bind(warps: &[Warp], y: ArrayView2<f64>, names: &[String]) -> Result<Self> {
        let n_tasks = y.ncols();
        let warps = spread(warps, n_tasks)?;
        let mut bound: Vec<Arc<dyn BoundWarp>> = Vec::with_capacity(n_tasks);
        for ((warp, column), name) in warps.iter().zip(y.columns()).zip(names) {
            let mut own = Column::of(column.iter().copied());
            if own.is_empty() && !warp.is_identity() {
                own = Column::of(y.iter().copied());
            }
            let found = warp.bind(&own)?;
            if found.needs_positive()
                && let Some((row, value)) = column.iter().enumerate().find(|(_, v)| **v <= 0.0)
            {
                let place = format!("{value} at row {row}");
                return Err(outside("y", name, &place, warp.name()));
            }
            bound.push(found.into());
        }
        let plain = bound.iter().all(|warp| warp.is_identity());
        Ok(TaskWarps { warps, bound, ranges: vec![0..0; n_tasks], plain })
    }

    /// Puts the parameters into a layout, those of task t under `warp[t]`; their places together.
    pub(crate) fn push(&mut self, layout: &mut Layout) -> Range<usize> {
        let start = layout.n_natural();
        for (t, (warp, range)) in self.bound.iter().zip(&mut self.ranges).enumerate() {
            *range = layout.push(&format!("warp[{t}]"), warp.params());
        }
        start..layout.n_natural()
    }

    /// Whether every task is as it is.
    pub(crate) fn is_identity(&self) -> bool {
        self.plain
    }

    /// The tasks that are warped.
    fn warped(&self) -> impl Iterator<Item = (usize, &dyn BoundWarp)> {
        let each = self.bound.iter().enumerate();
        each.map(|(t, warp)| (t, warp.as_ref())).filter(|(_, warp)| !warp.is_identity())
    }

    /// A table (n, T) warped at the start values; NaN stays.
    pub(crate) fn start(&self, mut y: Array2<f64>) -> Array2<f64> {
        for (t, warp) in self.warped() {
            let psi: Vec<f64> = warp.params().iter().flat_map(|p| p.init.clone()).collect();
            y.column_mut(t).mapv_inplace(|v| if v.is_nan() { v } else { warp.forward(&psi, v) });
        }
        y
    }

    /// A table (n, T) on the warped scale; NaN stays.
    pub(crate) fn forward(&self, natural: &[f64], mut y: Array2<f64>) -> Array2<f64> {
        for (t, warp) in self.warped() {
            let psi = &natural[self.ranges[t].clone()];
            y.column_mut(t).mapv_inplace(|v| if v.is_nan() { v } else { warp.forward(psi, v) });
        }
        y
    }

    /// Refuses warped outputs that are no numbers: parameters at which the warp overflows.
    ///
    /// # Errors
    /// [`Error::Numerical`], which learning steps back from.
    pub(crate) fn check_finite(&self, z: ArrayView2<f64>) -> Result<()> {
        match self.warped().find(|(t, _)| z.column(*t).iter().any(|v| v.is_infinite())) {
            None => Ok(()),
            Some((t, _)) => Err(Error::Numerical {
                operation: "warping".to_string(),
                detail: format!("an output of task {t} has no finite image at these parameters"),
            }),
        }
    }

    /// Sum of `ln w'(y)` over the observed entries of a table (n, T).
    pub(crate) fn log_jacobian(&self, natural: &[f64], y: ArrayView2<f64>) -> f64 {
        let of = |(t, warp): (usize, &dyn BoundWarp)| -> f64 {
            let psi = &natural[self.ranges[t].clone()];
            y.column(t).iter().filter(|v| !v.is_nan()).map(|v| warp.log_slope(psi, *v)).sum()
        };
        self.warped().map(of).sum()
    }

    /// `ln w'(y)` of each entry of a table (n, T); NaN stays.
    pub(crate) fn log_slopes(&self, natural: &[f64], y: ArrayView2<f64>) -> Array2<f64> {
        let mut out = y.mapv(|v| if v.is_nan() { v } else { 0.0 });
        for (t, warp) in self.warped() {
            let psi = &natural[self.ranges[t].clone()];
            for (slope, v) in out.column_mut(t).iter_mut().zip(y.column(t)) {
                if !v.is_nan() {
                    *slope = warp.log_slope(psi, *v);
                }
            }
        }
        out
    }

    /// Adds the gradient of a function of the warped table, `adjoint` (n, T) its derivative, plus
    /// `of_jacobian` times that of [`TaskWarps::log_jacobian`].
    pub(crate) fn add_gradient(
        &self,
        natural: &[f64],
        y: ArrayView2<f64>,
        adjoint: ArrayView2<f64>,
        of_jacobian: f64,
        gradient: &mut [f64],
    ) {
        for (t, warp) in self.warped() {
            let range = self.ranges[t].clone();
            let psi = &natural[range.clone()];
            for (v, a) in y.column(t).iter().zip(adjoint.column(t)).filter(|(v, _)| !v.is_nan()) {
                warp.vjp(psi, *v, *a, of_jacobian, &mut gradient[range.clone()]);
            }
        }
    }

    /// The warps with values out of a natural vector.
    pub(crate) fn fitted(&self, natural: &[f64], names: &[String]) -> Vec<FittedWarp> {
        let each = self.warps.iter().zip(&self.bound).zip(&self.ranges).zip(names);
        let of =
            |(((warp, bound), range), name): (((&Warp, _), &Range<usize>), &String)| FittedWarp {
                warp: warp.clone(),
                bound: Arc::clone(bound),
                values: natural[range.clone()].to_vec(),
                task: name.clone(),
            };
        each.map(of).collect()
    }
}

/// One warp for each task.
fn spread(warps: &[Warp], n_tasks: usize) -> Result<Vec<Warp>> {
    match warps {
        [] => Ok(vec![Warp::identity(); n_tasks]),
        [one] => Ok(vec![one.clone(); n_tasks]),
        each if each.len() == n_tasks => Ok(each.to_vec()),
        each => Err(Error::Shape {
            argument: "warp".to_string(),
            found: format!("{} warps", each.len()),
            expected: format!("{n_tasks}, one for each task, or one for all"),
        }),
    }
}
