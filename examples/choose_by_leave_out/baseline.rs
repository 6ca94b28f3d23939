//! What needs no kernel: the mean of the training sites, and least squares on what is known of a site.

use coregion::Result;
use coregion::prelude::LeaveOut;
use ndarray::{Array1, Array2, ArrayView1, Axis};

use crate::data::{METALS, Sites};
use crate::density::log_density;
use crate::models::Judged;
use crate::regression::Regression;

/// Sites that a category must have to count.
const COMMON: usize = 20;

/// A regression of the logs on some columns.
pub(crate) struct Baseline {
    pub(crate) name: &'static str,
    /// The categories of rock and land use with a column of their own; without any, the mean.
    categories: Vec<(usize, f64)>,
    /// Whether the location counts.
    location: bool,
    /// Whether the metals of a site are taken for independent.
    independent: bool,
}

/// The baselines.
pub(crate) fn all(training: &Sites) -> [Baseline; 3] {
    let mut categories = Vec::new();
    for column in [2, 3] {
        let mut values = training.x.column(column).to_vec();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let count = |v: f64| training.x.column(column).iter().filter(|x| **x == v).count();
        // One of the categories is what the others are told from.
        let common = values.into_iter().filter(|v| count(*v) >= COMMON).skip(1);
        categories.extend(common.map(|v| (column, v)));
    }
    let mean =
        |name, independent| Baseline { name, categories: Vec::new(), location: false, independent };
    [
        mean("mean, independent metals", true),
        mean("mean, their covariance", false),
        Baseline { name: "least squares", categories, location: true, independent: false },
    ]
}

impl Baseline {
    fn columns(&self, sites: &Sites) -> Array2<f64> {
        let location = if self.location { 2 } else { 0 };
        Array2::from_shape_fn((sites.len(), location + self.categories.len()), |(i, j)| {
            match j.checked_sub(location) {
                None => sites.x[[i, j]],
                Some(k) => {
                    let (column, value) = self.categories[k];
                    f64::from(sites.x[[i, column]] == value)
                }
            }
        })
    }

    /// Residuals and covariances of the logs of some sites, learned from others.
    fn learn(&self, from: &Sites, at: &Sites) -> Result<Vec<(Array1<f64>, Array2<f64>)>> {
        let regression = Regression::fit(self.columns(from).view(), from.logs.view())?;
        let (mean, leverage) = regression.predict(self.columns(at).view());
        let mut covariance = regression.covariance.clone();
        if self.independent {
            covariance = Array2::from_diag(&covariance.diag());
        }
        let residuals = &at.logs - &mean;
        let one = |(r, h): (ArrayView1<f64>, &f64)| (r.to_owned(), &covariance * (1.0 + h));
        Ok(residuals.outer_iter().zip(&leverage).map(one).collect())
    }

    /// Log densities of what is left out; `None` for tasks, of which nothing would be left.
    pub(crate) fn left_out(&self, sites: &Sites, by: &LeaveOut) -> Result<Option<Array1<f64>>> {
        let own = || (0..sites.len()).collect::<Vec<_>>();
        let labels = match by {
            LeaveOut::Row | LeaveOut::Entry => own(),
            LeaveOut::Groups(labels) => labels.clone(),
            _ => return Ok(None),
        };
        let mut out = Vec::new();
        let mut names = labels.clone();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let part = |inside: bool| {
                let rows = (0..sites.len()).filter(|i| (labels[*i] == name) == inside);
                sites.rows(&rows.collect::<Vec<_>>())
            };
            let said = self.learn(&part(false), &part(true))?;
            if *by == LeaveOut::Entry {
                for (r, c) in &said {
                    out.extend(conditional(r, c)?);
                }
            } else {
                let each = said.iter().map(|(r, c)| log_density(r.view(), c.view()));
                out.push(each.sum::<Result<f64>>()?);
            }
        }
        Ok(Some(Array1::from(out)))
    }

    /// The baseline at the training sites, each left out, and at others.
    pub(crate) fn judged(&self, training: &Sites, others: &Sites) -> Result<Judged> {
        let left_out = self.left_out(training, &LeaveOut::Row)?.unwrap_or_default();
        let said = self.learn(training, others)?;
        let unseen = said.iter().map(|(r, c)| log_density(r.view(), c.view()));
        Ok(Judged::baseline(self.name, left_out, unseen.collect::<Result<_>>()?))
    }
}

/// Log density of each entry of a residual given the others.
fn conditional(r: &Array1<f64>, c: &Array2<f64>) -> Result<Vec<f64>> {
    let all = log_density(r.view(), c.view())?;
    let without = |t: usize| {
        let others: Vec<usize> = (0..METALS.len()).filter(|&s| s != t).collect();
        let c = c.select(Axis(0), &others).select(Axis(1), &others);
        Ok(all - log_density(r.select(Axis(0), &others).view(), c.view())?)
    };
    (0..METALS.len()).map(without).collect()
}
