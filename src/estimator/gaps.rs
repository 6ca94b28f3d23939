//! What a fitted model says of its own table: gaps filled, and observations left out.

use std::collections::BTreeSet;

use ndarray::{Array2, Axis};

use super::fitted::FittedMultiTaskGp;
use crate::error::{Error, Result};
use crate::gp::{Prediction, Uncertainty};
use crate::solve::{LeaveOut, LeftOut};

impl FittedMultiTaskGp {
    /// The training table (n, T) with its gaps filled by the conditional means of the observations;
    /// what was observed comes back as it is, with standard deviation 0.
    ///
    /// With full noise ([`crate::task::Noise::Full`]) a gap is also read off the noise of the other tasks
    /// at the same row: what plain regression on the other tasks exploits. Standard deviations are of
    /// the latent functions with [`Uncertainty::Std`], of the observations with
    /// [`Uncertainty::Observation`]. Rows and tasks are the data set's; for long data they are those of
    /// its table, and [`crate::Dataset::to_long`] picks the observations out.
    ///
    /// ```
    /// use coregion::prelude::*;
    /// use ndarray::array;
    /// let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// let y = array![[0.0, 0.1], [0.8, 0.9], [0.9, f64::NAN], [0.1, 0.2], [-0.8, -0.7]];
    /// let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let table = gp.impute(Uncertainty::Observation)?;
    /// assert_eq!((table.mean[[0, 1]], table.std()?[[0, 1]]), (0.1, 0.0));
    /// assert!((table.mean[[2, 1]] - 1.0).abs() < 0.2 && table.std()?[[2, 1]] > 0.0);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Numerical`] where a value overflows or an iterative solver does not converge.
    pub fn impute(&self, uncertainty: Uncertainty) -> Result<Prediction> {
        self.check_latent(uncertainty)?;
        let found = self.filled(self.asked(uncertainty))?;
        self.in_units(found, Some(self.data.y()), uncertainty, |(_, t)| t)
    }

    /// The same of the warped outputs.
    pub(super) fn filled(&self, uncertainty: Uncertainty) -> Result<Prediction> {
        let found = self.posterior.impute(uncertainty)?;
        let rows = self.posterior.model().rows();
        if rows.len() == self.data.n_rows() {
            return Ok(found);
        }
        // Rows without any observation are not part of the model.
        let empty: Vec<usize> = {
            let seen: BTreeSet<usize> = rows.iter().copied().collect();
            (0..self.data.n_rows()).filter(|i| !seen.contains(i)).collect()
        };
        let x = self.data.x().select(Axis(0), &empty);
        let elsewhere = self.posterior.predict(x.view(), uncertainty)?;
        let merged = |inside: &Array2<f64>, outside: &Array2<f64>| {
            let mut out = self.expanded(inside);
            for (&i, row) in empty.iter().zip(outside.rows()) {
                out.row_mut(i).assign(&row);
            }
            out
        };
        Ok(Prediction {
            mean: merged(&found.mean, &elsewhere.mean),
            std: found.std.as_ref().zip(elsewhere.std.as_ref()).map(|(a, b)| merged(a, b)),
            clipped_variances: found.clipped_variances + elsewhere.clipped_variances,
        })
    }

    /// A table over the rows of the model as one over the rows of the data set: NaN at rows where
    /// nothing was observed.
    fn expanded(&self, table: &Array2<f64>) -> Array2<f64> {
        let mut out = Array2::from_elem((self.data.n_rows(), table.ncols()), f64::NAN);
        for (&i, row) in self.posterior.model().rows().iter().zip(table.rows()) {
            out.row_mut(i).assign(&row);
        }
        out
    }

    /// What the model says of the training observations, each entry, row, task or group of rows from
    /// all others, in closed form: predicted means, standard deviations of the observation, and log
    /// densities; NaN where nothing was observed. Parameters and scales are held at their values, which
    /// had seen what is left out: for few rows and many parameters the answer is somewhat optimistic. So
    /// is the mean, unless it is a constant that is estimated. Labels of groups belong to the rows of the
    /// data set.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let rows = gp.leave_one_out(&LeaveOut::Row)?;
    /// let entries = gp.leave_one_out(&LeaveOut::Entry)?; // the other task at the row is known
    /// assert!(entries.std[[2, 0]] < rows.std[[2, 0]]);
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`crate::gp::Posterior::leave_out`].
    pub fn leave_one_out(&self, by: &LeaveOut) -> Result<LeftOut> {
        self.leave_one_out_by(by, |by| self.left_out(by))
    }

    /// What `leave` says of the rows of the model, over those of the data set.
    pub(super) fn leave_one_out_by(
        &self,
        by: &LeaveOut,
        leave: impl Fn(&LeaveOut) -> Result<LeftOut>,
    ) -> Result<LeftOut> {
        let rows = self.posterior.model().rows();
        let n = self.data.n_rows();
        if rows.len() == n {
            return leave(by);
        }
        let (LeaveOut::Groups(labels) | LeaveOut::GroupsByTask(labels)) = by else {
            let found = leave(by)?;
            let log_density = match by {
                LeaveOut::Task => found.log_density,
                _ => self.expanded(&found.log_density),
            };
            let (mean, std) = (self.expanded(&found.mean), self.expanded(&found.std));
            return Ok(LeftOut { mean, std, log_density });
        };
        check_labels(labels, n)?;
        let kept: Vec<usize> = rows.iter().map(|&i| labels[i]).collect();
        let (all, seen): (BTreeSet<usize>, BTreeSet<usize>) =
            (labels.iter().copied().collect(), kept.iter().copied().collect());
        let by = match by {
            LeaveOut::Groups(_) => LeaveOut::Groups(kept),
            _ => LeaveOut::GroupsByTask(kept),
        };
        let found = leave(&by)?;
        let mut log_density = Array2::from_elem((all.len(), found.log_density.ncols()), f64::NAN);
        let places = all.iter().enumerate().filter(|(_, label)| seen.contains(label));
        for ((place, _), row) in places.zip(found.log_density.rows()) {
            log_density.row_mut(place).assign(&row);
        }
        let (mean, std) = (self.expanded(&found.mean), self.expanded(&found.std));
        Ok(LeftOut { mean, std, log_density })
    }

    /// What the model says of the observations of each group of rows from all other rows, the covariance
    /// of these factored anew for each group: predicted means and standard deviations of the
    /// observations (n, T), NaN where nothing was observed. Parameters are held.
    ///
    /// For solvers without closed forms, and for data with known noise variances; where they exist,
    /// [`FittedMultiTaskGp::leave_one_out`] with [`LeaveOut::Groups`] gives the same at the cost of one
    /// factorisation. Standard deviations hold the learned noise and what is known of the
    /// observation's.
    ///
    /// ```
    /// # use coregion::prelude::*;
    /// # use ndarray::array;
    /// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
    /// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
    /// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
    /// let folds = vec![0, 1, 0, 1, 0];
    /// let refactored = gp.k_fold(&folds)?;
    /// let closed = gp.leave_one_out(&LeaveOut::Groups(folds))?;
    /// assert!((refactored.mean - closed.mean).iter().all(|v| v.abs() < 1e-9));
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of labels than rows; [`Error::Layout`] where a group holds
    /// every observation.
    pub fn k_fold(&self, labels: &[usize]) -> Result<Prediction> {
        let n = self.data.n_rows();
        check_labels(labels, n)?;
        let shape = self.data.y().dim();
        let mut mean = Array2::from_elem(shape, f64::NAN);
        let mut std = mean.clone();
        let mut clipped_variances = 0;
        let everything = || Error::Layout {
            layout: "folded".to_string(),
            detail: "one group of `labels` holds every observation".to_string(),
            advice: "give at least two groups with observations".to_string(),
        };
        let distinct: BTreeSet<usize> = labels.iter().copied().collect();
        for group in distinct {
            let (out, kept): (Vec<usize>, Vec<usize>) = (0..n).partition(|&i| labels[i] == group);
            let rest = self.posterior_of(&self.data.rows(&kept).map_err(|_| everything())?)?;
            let x = self.data.x().select(Axis(0), &out);
            let found = rest.predict(x.view(), Uncertainty::Observation)?;
            clipped_variances += found.clipped_variances;
            let total = found.std()?;
            for (local, &i) in out.iter().enumerate() {
                for t in (0..shape.1).filter(|&t| !self.data.y()[[i, t]].is_nan()) {
                    let known = self.data.noise_variances().map_or(0.0, |v| v[[i, t]]);
                    mean[[i, t]] = found.mean[[local, t]];
                    std[[i, t]] = (total[[local, t]].powi(2) + known).sqrt();
                }
            }
        }
        self.outputs_of(Prediction { mean, std: Some(std), clipped_variances })
    }
}

fn check_labels(labels: &[usize], n: usize) -> Result<()> {
    if labels.len() == n {
        return Ok(());
    }
    Err(Error::Shape {
        argument: "labels".to_string(),
        found: format!("{} labels", labels.len()),
        expected: format!("{n}, one for each row"),
    })
}
