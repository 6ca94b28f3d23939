//! The mean of a posterior, and what is not known of it.

use ndarray::{Array1, Array2, Array4, ArrayView1, ArrayView2, Axis};

use super::model::Model;
use super::posterior::Posterior;
use crate::error::Result;
use crate::solve::{AddedCovariances, FixedEffects, RowCovariances, Rows, views};

/// The coefficients of a mean that was estimated.
#[derive(Debug, Clone)]
pub(super) struct Estimated {
    pub(super) effects: FixedEffects,
    /// Those of the orthonormal columns (p, T).
    coefficients: Array2<f64>,
}

impl Estimated {
    /// The coefficients found for a model; those that the user sees are written into its natural values.
    pub(super) fn of(
        model: &Model,
        effects: Option<FixedEffects>,
        natural: &mut [f64],
    ) -> Option<Self> {
        let (mean, effects) = (model.linear_mean_at(natural)?, effects?);
        let coefficients = mean.inner_coefficients(&effects);
        let outer = mean.outer(coefficients.view());
        natural[model.mean_range()].iter_mut().zip(&outer).for_each(|(v, c)| *v = *c);
        Some(Estimated { effects: effects.at_rows(), coefficients })
    }

    /// Coefficients of the orthonormal columns (p, T).
    pub(super) fn coefficients(&self) -> ArrayView2<'_, f64> {
        self.coefficients.view()
    }
}

impl Posterior {
    /// The columns (m, p) of an estimated mean at rows; none where the mean is held.
    pub(super) fn mean_columns(&self, xs: ArrayView2<f64>) -> Result<Array2<f64>> {
        match (&self.model.linear_mean, &self.estimated) {
            (Some(mean), Some(_)) => mean.columns_at(xs),
            _ => Ok(Array2::zeros((xs.nrows(), 0))),
        }
    }

    /// The mean (m, T) at rows with those columns.
    pub(super) fn mean_at(&self, columns: ArrayView2<f64>) -> Array2<f64> {
        match &self.estimated {
            Some(estimated) => columns.dot(&estimated.coefficients),
            None => Array2::zeros((columns.nrows(), self.model.n_tasks())) + &self.offsets,
        }
    }

    /// `k(x, x)` of each term at some rows.
    pub(super) fn prior_variances(&self, rows: ArrayView2<f64>) -> Vec<Array1<f64>> {
        self.model.terms().iter().map(|q| q.diagonal(&self.natural, rows)).collect()
    }

    /// Covariances between tasks at some rows, with their cross-kernels (m, n) and the columns of their
    /// mean.
    pub(super) fn at(
        &self,
        rows: ArrayView2<f64>,
        cross: &[Array2<f64>],
        columns: ArrayView2<f64>,
    ) -> Result<Box<dyn RowCovariances + '_>> {
        let prior = self.prior_variances(rows);
        let prior: Vec<ArrayView1<f64>> = prior.iter().map(|p| p.view()).collect();
        let known = self.factor.at(&views(cross), &prior)?;
        let Some(estimated) = &self.estimated else { return Ok(known) };
        let rows = Rows { basis: columns, cross, tasks: &self.tasks };
        Ok(Box::new(AddedCovariances(known, estimated.effects.row_covariances(&rows))))
    }

    /// The joint covariance of the latent functions at some rows.
    pub(super) fn joint(&self, xs: ArrayView2<f64>) -> Result<Array4<f64>> {
        let cross = self.cross(xs);
        let mut out = self.factor.joint(&views(&cross), self.prior(xs))?;
        if let Some(estimated) = &self.estimated {
            let columns = self.mean_columns(xs)?;
            let rows = Rows { basis: columns.view(), cross: &cross, tasks: &self.tasks };
            out += &estimated.effects.joint(&rows);
        }
        Ok(out)
    }

    /// Draws of what an estimated mean may be away from its estimate at some rows; none where it is held.
    pub(super) fn mean_draws(
        &self,
        xs: ArrayView2<f64>,
        count: usize,
        normal: &mut impl FnMut() -> f64,
    ) -> Result<Vec<Array2<f64>>> {
        let Some(estimated) = &self.estimated else { return Ok(Vec::new()) };
        let (cross, columns) = (self.cross(xs), self.mean_columns(xs)?);
        let rows = Rows { basis: columns.view(), cross: &cross, tasks: &self.tasks };
        Ok(estimated.effects.draws(&rows, count, normal))
    }

    /// Variances of the observations at entries of the table that were not observed.
    pub(super) fn missing_variances(&self, missing: &[(usize, usize)]) -> Result<Array1<f64>> {
        let mut out = self.whole()?.missing_variances(missing)?;
        if let Some(estimated) = &self.estimated {
            let mut rows: Vec<usize> = missing.iter().map(|e| e.0).collect();
            rows.sort_unstable();
            rows.dedup();
            let x = self.model.x().select(Axis(0), &rows);
            let (cross, columns) = (self.cross(x.view()), self.mean_columns(x.view())?);
            let at = Rows { basis: columns.view(), cross: &cross, tasks: &self.tasks };
            let places: Vec<(usize, usize, usize)> = missing
                .iter()
                .map(|&(i, t)| (rows.binary_search(&i).unwrap_or_default(), i, t))
                .collect();
            out += &estimated.effects.missing_variances(&at, &self.noise, &places);
        }
        Ok(out)
    }

    /// Log marginal likelihood of the data, natural log, total: at the best coefficients of an estimated
    /// mean, and the restricted one where the model uses that; of warped outputs that of the outputs as they
    /// were given.
    pub fn log_likelihood(&self) -> f64 {
        let effects = self.estimated.as_ref().map(|estimated| &estimated.effects);
        let jacobian = self.model.log_jacobian(&self.natural);
        self.factor.log_likelihood() + self.model.restriction(effects) + jacobian
    }

    /// Doubles that an estimated mean takes for each row of a prediction.
    pub(super) fn mean_doubles(&self) -> usize {
        self.estimated.as_ref().map_or(0, |estimated| estimated.effects.row_doubles())
    }
}
