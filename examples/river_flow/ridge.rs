//! Linear ridge regression of each gauge by itself, its penalty chosen by leaving out blocks.

use coregion::linalg;
use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::data::Windows;
use crate::form::Form;
use crate::score::rrmse;

/// Powers of ten of the penalties to choose from, as shares of the number of rows.
const POWERS: std::ops::RangeInclusive<i32> = -14..=8;

/// Whether a penalty is at an end of them.
pub(crate) fn at_end(penalty: f64) -> bool {
    [POWERS.start(), POWERS.end()].iter().any(|p| penalty == 10f64.powi(**p))
}

/// A regression of T outputs on p standardised inputs, each output with its penalty.
pub(crate) struct Ridge {
    form: Form,
    /// Columns of coefficients (p, T), and intercepts (T).
    coefficients: Array2<f64>,
    intercepts: Array1<f64>,
    /// Penalty of each output as a share of the number of rows.
    pub(crate) penalties: Vec<f64>,
    /// aRRMSE at the training rows, each block predicted from the others.
    pub(crate) error: f64,
}

/// Sums over rows that the normal equations are made of.
struct Moments {
    n: f64,
    x: Array1<f64>,
    y: Array1<f64>,
    xx: Array2<f64>,
    xy: Array2<f64>,
}

impl Moments {
    fn of(x: ArrayView2<f64>, y: ArrayView2<f64>) -> Self {
        Moments {
            n: x.nrows() as f64,
            x: x.sum_axis(Axis(0)),
            y: y.sum_axis(Axis(0)),
            xx: linalg::matmul(x.t(), x),
            xy: linalg::matmul(x.t(), y),
        }
    }

    fn less(&self, part: &Moments) -> Moments {
        Moments {
            n: self.n - part.n,
            x: &self.x - &part.x,
            y: &self.y - &part.y,
            xx: &self.xx - &part.xx,
            xy: &self.xy - &part.xy,
        }
    }

    /// Coefficients (p, T) and intercepts (T) under a penalty.
    fn solve(&self, penalty: f64) -> coregion::Result<(Array2<f64>, Array1<f64>)> {
        let (mx, my) = (&self.x / self.n, &self.y / self.n);
        let column = |v: &Array1<f64>| v.clone().insert_axis(Axis(1));
        let mut a = &self.xx - &(self.n * column(&mx).dot(&column(&mx).t()));
        a.diag_mut().mapv_inplace(|v| v + penalty * self.n);
        let b = &self.xy - &(self.n * column(&mx).dot(&column(&my).t()));
        let factor = linalg::cholesky(a.view())?;
        let half = linalg::solve_lower(factor.view(), b.view());
        let w = linalg::solve_lower_transpose(factor.view(), half.view());
        let intercepts = my - mx.dot(&w);
        Ok((w, intercepts))
    }
}

impl Ridge {
    /// Learns from the training rows in that form.
    pub(crate) fn fit(training: &Windows, form: Form) -> coregion::Result<Self> {
        let (x, y) = (form.inputs(training, training), form.outputs(training));
        let all = Moments::of(x.view(), y.view());
        let blocks = blocks(&training.block);
        let parts = blocks.iter().map(|rows| {
            let (x, y) = (x.select(Axis(0), rows), y.select(Axis(0), rows));
            (all.less(&Moments::of(x.view(), y.view())), x)
        });
        let parts: Vec<_> = parts.collect();

        let tasks = y.ncols();
        let mut best = vec![(f64::INFINITY, 0.0); tasks];
        for power in POWERS {
            let penalty = 10f64.powi(power);
            let mut out = Array2::zeros(y.dim());
            for (rows, (others, x)) in blocks.iter().zip(&parts) {
                let (w, intercepts) = others.solve(penalty)?;
                let p = x.dot(&w) + intercepts;
                rows.iter().zip(p.outer_iter()).for_each(|(&i, row)| out.row_mut(i).assign(&row));
            }
            let flows = form.flows(out, training);
            let errors = rrmse(&training.y, &flows, &training.y);
            for t in 0..tasks {
                if errors[t] < best[t].0 {
                    best[t] = (errors[t], penalty);
                }
            }
        }

        let mut coefficients = Array2::zeros((x.ncols(), tasks));
        let mut intercepts = Array1::zeros(tasks);
        for t in 0..tasks {
            let (w, b) = all.solve(best[t].1)?;
            coefficients.column_mut(t).assign(&w.column(t));
            intercepts[t] = b[t];
        }
        let error = best.iter().map(|b| b.0).sum::<f64>() / tasks as f64;
        let penalties = best.iter().map(|b| b.1).collect();
        Ok(Ridge { form, coefficients, intercepts, penalties, error })
    }

    /// Flows (m, T) at some rows.
    pub(crate) fn predict(&self, training: &Windows, at: &Windows) -> Array2<f64> {
        let p = self.form.inputs(training, at).dot(&self.coefficients) + &self.intercepts;
        self.form.flows(p, at)
    }
}

/// The rows of each block, in order.
pub(crate) fn blocks(of: &[usize]) -> Vec<Vec<usize>> {
    let mut out: Vec<Vec<usize>> = Vec::new();
    for (i, block) in of.iter().enumerate() {
        match out.last_mut() {
            Some(rows) if of[i - 1] == *block => rows.push(i),
            _ => out.push(vec![i]),
        }
    }
    out
}
