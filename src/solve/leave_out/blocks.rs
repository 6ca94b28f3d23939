//! Groups of rows left out together.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::{LN_TAU, Precision, Residuals};
use crate::error::Result;
use crate::linalg;

/// A block of P solved for what the dual coefficients say of it.
pub(super) struct Block {
    /// `P_SS^-1 C_S`, with the columns of C_S.
    pub(super) residual: Array2<f64>,
    /// The diagonal of `P_SS^-1`.
    pub(super) variances: Array1<f64>,
    /// `1/2 log|P_SS|`.
    pub(super) half_log_det: f64,
}

pub(super) fn solve(block: &Array2<f64>, dual: ArrayView2<f64>) -> Result<Block> {
    let l = linalg::cholesky(block.view())?;
    let half = linalg::solve_lower(l.view(), dual);
    let inverse = linalg::solve_lower(l.view(), Array2::eye(l.nrows()).view());
    Ok(Block {
        residual: linalg::solve_lower_transpose(l.view(), half.view()),
        variances: inverse.mapv(|v| v * v).sum_axis(Axis(0)),
        half_log_det: l.diag().iter().map(|v| v.ln()).sum(),
    })
}

/// What one group leaves: its residuals and variances (g, T), and its log densities (1 or T).
struct Group {
    residual: Array2<f64>,
    variances: Array2<f64>,
    log_density: Vec<f64>,
}

/// All tasks of each group of rows: one block of size g for each direction.
pub(super) fn groups(precision: &Precision<'_>, groups: &[Vec<usize>]) -> Result<Residuals> {
    let inside = precision.inside();
    let outside = precision.outside(&inside);
    let shape = (inside.nrows(), precision.factor().congruence().n_tasks());
    gather(shape, groups, |rows| one_group(precision, &inside, outside.as_ref(), rows))
}

fn one_group(
    precision: &Precision<'_>,
    inside: &Array2<f64>,
    outside: Option<&Array2<f64>>,
    rows: &[usize],
) -> Result<Group> {
    let congruence = precision.factor().congruence();
    let (at, inside) = (precision.at(rows), inside.select(Axis(0), rows));
    let (g, k) = inside.dim();
    let (mut parts, mut variances) = (Array2::zeros((g, k)), Array2::zeros((g, k)));
    let noise = congruence.half_log_det_noise() + 0.5 * LN_TAU * congruence.n_tasks() as f64;
    let mut log_density = -(g as f64) * noise;
    for j in 0..k {
        let column = inside.column(j).insert_axis(Axis(1));
        let block = solve(&at.direction_block(j), column)?;
        let part = block.residual.column(0);
        log_density += block.half_log_det - 0.5 * part.dot(&inside.column(j));
        parts.column_mut(j).assign(&part);
        variances.column_mut(j).assign(&block.variances);
    }
    let mut residual = linalg::matmul(parts.view(), congruence.vectors());
    let mut rest = None;
    if let Some(outside) = outside {
        let outside = outside.select(Axis(0), rows);
        let block = solve(&at.direction_block(k), outside.view())?;
        log_density += congruence.n_rest() as f64 * block.half_log_det
            - 0.5 * (&block.residual * &outside).sum();
        residual += &block.residual;
        rest = Some(block.variances.mapv(f64::recip));
    }
    Ok(Group {
        residual: congruence.color_rows(residual.view()),
        variances: precision.variances(&variances.mapv(f64::recip), rest.as_ref()),
        log_density: vec![log_density],
    })
}

/// Each task of each group of rows, given the rest of the task and the other tasks everywhere.
pub(super) fn groups_by_task(
    precision: &Precision<'_>,
    groups: &[Vec<usize>],
) -> Result<Residuals> {
    let (dual, weights) = (precision.dual(), precision.task_weights());
    gather(dual.dim(), groups, |rows| {
        let (g, t) = (rows.len(), dual.ncols());
        let at = precision.at(rows);
        let mut out = Group {
            residual: Array2::zeros((g, t)),
            variances: Array2::zeros((g, t)),
            log_density: Vec::with_capacity(t),
        };
        for task in 0..t {
            let c = dual.column(task).select(Axis(0), rows);
            let matrix = at.task_block(weights.column(task), task);
            let block = solve(&matrix, c.view().insert_axis(Axis(1)))?;
            let residual = block.residual.column(0);
            let fit = 0.5 * (residual.dot(&c) + g as f64 * LN_TAU);
            out.log_density.push(block.half_log_det - fit);
            out.residual.column_mut(task).assign(&residual);
            out.variances.column_mut(task).assign(&block.variances);
        }
        Ok(out)
    })
}

fn gather(
    shape: (usize, usize),
    groups: &[Vec<usize>],
    one: impl Fn(&[usize]) -> Result<Group> + Sync,
) -> Result<Residuals> {
    let parts = linalg::for_each(groups, |rows| one(rows))?;
    let width = parts.first().map_or(1, |p| p.log_density.len());
    let mut out = Residuals {
        residual: Array2::zeros(shape),
        std: Array2::zeros(shape),
        log_density: Array2::zeros((groups.len(), width)),
    };
    for ((rows, part), mut densities) in groups.iter().zip(&parts).zip(out.log_density.rows_mut()) {
        for (local, &row) in rows.iter().enumerate() {
            out.residual.row_mut(row).assign(&part.residual.row(local));
            out.std.row_mut(row).assign(&part.variances.row(local).mapv(f64::sqrt));
        }
        densities.iter_mut().zip(&part.log_density).for_each(|(d, v)| *d = *v);
    }
    Ok(out)
}
