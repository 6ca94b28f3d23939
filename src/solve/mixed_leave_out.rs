//! Closed-form leave-out of complete tables of mixed latent functions.
//!
//! In the whitened space the precision of the table is `P_q = A_q^-1` along column q of pinv(W) and the
//! identity off W. A constant for each task that is not known turns P_q into
//! `P_q - P_q 1 (1' P_q 1)^-1 1' P_q`, and the identity into `I - 1 1' / n`: the structure stays. What a
//! latent function says of a row differs from its latent data by `a_q / p_q` with variance `1 / p_q`, p_q
//! the diagonal of P_q; the rest differs by `E_i / r_i`, r_i that of the identity or what became of it.

use ndarray::{Array1, Array2, Array3, Axis};

use super::fixed_effects::Contrasts;
use super::{LN_TAU, LeaveOut, MixedFactor, Residuals, TaskMeans};
use crate::error::{Error, Result};
use crate::linalg;

/// Precision of a row below which nothing is left to predict it from.
const NOTHING_LEFT: f64 = 1e-12;

impl MixedFactor {
    /// Rows or entries left out.
    pub(super) fn left_out(&self, by: &LeaveOut, means: TaskMeans) -> Result<Residuals> {
        match by {
            LeaveOut::Row => Ok(self.rows_left_out(&self.precisions(means)?)),
            LeaveOut::Entry => Ok(self.entries_left_out(&self.precisions(means)?)),
            _ => Err(refused()),
        }
    }

    /// Covariances (n, T, T) of the observations of each row given all others.
    pub(super) fn row_covariances_left_out(&self, means: TaskMeans) -> Result<Array3<f64>> {
        let Contrasts { latent, white, .. } = self.precisions(means)?;
        let (h, t) = (self.tasks.mixing(), self.tasks.n_tasks());
        let all: Vec<usize> = (0..t).collect();
        let noise = self.tasks.white_covariance(&all, &all);
        let mut out = Array3::zeros((latent.nrows(), t, t));
        for ((mut block, row), r) in out.outer_iter_mut().zip(latent.rows()).zip(&white) {
            block.assign(&linalg::matmul((&h / &row).view(), h.t()));
            block.scaled_add(1.0 / r, &noise);
        }
        Ok(out)
    }

    /// `P_q z_q`, the data that are white, and the diagonals p (n, m) and r (n).
    fn precisions(&self, means: TaskMeans) -> Result<Contrasts> {
        if self.gaps.is_some() {
            return Err(refused());
        }
        let p = self.inverse_diagonals();
        let n = self.data.nrows();
        if means == TaskMeans::Held {
            let (solution, rest) = (self.solution.clone(), self.rest.clone());
            return Ok(Contrasts { solution, rest, latent: p, white: Array1::ones(n) });
        }
        let effects = self.latent_effects(Array2::ones((n, 1)).view())?;
        let mut out = effects.contrasts(&self.data, &self.solution, &self.rest);
        out.latent = p - out.latent;
        out.white.mapv_inplace(|taken| 1.0 - taken);
        if out.white.iter().any(|r| *r < NOTHING_LEFT) {
            return Err(Error::Incompatible {
                options: "means that are learned anew and one row".to_string(),
                advice: "hold the means: nothing is left to learn them from".to_string(),
            });
        }
        Ok(out)
    }

    fn rows_left_out(&self, of: &Contrasts) -> Residuals {
        let (w, root) = (self.tasks.whitened(), self.tasks.root());
        let (p, r) = (&of.latent, of.white.view().insert_axis(Axis(1)));
        let (parts, outside) = (&of.solution / p, &of.rest / &r);
        let residual = self.tasks.joined(&parts, &outside);
        let squares = self.tasks.mixing().mapv(|v| v * v);
        let variances = linalg::matmul(p.mapv(f64::recip).view(), squares.t())
            + &r.mapv(f64::recip) * &self.tasks.white_variances();
        let quadratic =
            (&parts * &of.solution).sum_axis(Axis(1)) + (&outside * &of.rest).sum_axis(Axis(1));
        let n_white = (root.len() - w.ncols()) as f64;
        let logs = p.mapv(f64::ln).sum_axis(Axis(1)) + of.white.mapv(|r| n_white * r.ln());
        let constant = self.tasks.half_log_det() + 0.5 * LN_TAU * root.len() as f64;
        let log_density = (logs - quadratic) * 0.5 - constant;
        Residuals {
            residual,
            std: variances.mapv(f64::sqrt),
            log_density: log_density.insert_axis(Axis(1)),
        }
    }

    /// Single entries, whose precisions are the diagonal of `A^-1`.
    fn entries_left_out(&self, of: &Contrasts) -> Residuals {
        let squares = self.tasks.projection().mapv(|v| v * v);
        let r = of.white.view().insert_axis(Axis(1));
        let precisions =
            linalg::matmul(of.latent.view(), squares.t()) + &r * &self.tasks.white_precisions();
        let dual = self.tasks.dual(&of.solution, &of.rest);
        let residual = &dual / &precisions;
        let log_density = (precisions.mapv(f64::ln) - &dual * &residual - LN_TAU) * 0.5;
        Residuals { residual, std: precisions.mapv(|g| g.sqrt().recip()), log_density }
    }
}

fn refused() -> Error {
    Error::Incompatible {
        options: "the solver mixed and closed-form leave-out of anything but rows or entries of a \
                  complete table"
            .to_string(),
        advice:
            "choose the solver dense, or leave groups of rows out by `FittedMultiTaskGp::k_fold`"
                .to_string(),
    }
}
