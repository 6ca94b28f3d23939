//! Job 2: tomorrow's wind at every station from today's.

use coregion::prelude::*;
use ndarray::Array2;

use crate::data::{STATIONS, TEST_YEAR, Wind};
use crate::joint::{Joint, second_moment};
use crate::regression::Regression;

/// The models learn from one day in so many of the years before the test year.
pub(crate) const EVERY: usize = 7;

/// The days of the job: rows of the table. Each is predicted from the day before it.
pub(crate) struct Days {
    pub(crate) training: Vec<usize>,
    pub(crate) test: Vec<usize>,
}

impl Days {
    /// Some of the days before the test year, and all days of it.
    pub(crate) fn of(wind: &Wind) -> Self {
        let training = all_before(wind).into_iter().filter(|i| i % EVERY == 0).collect();
        Days { training, test: wind.rows(|year| year == TEST_YEAR) }
    }

    /// The training days as a data set.
    pub(crate) fn dataset(&self, wind: &Wind) -> coregion::Result<Dataset> {
        Dataset::new(
            yesterday(wind, &self.training)?.view(),
            wind.deviations(&self.training).view(),
        )?
        .with_task_names(STATIONS)?
        .with_feature_names(STATIONS.map(|s| format!("{s} before")))
    }
}

/// The deviations from the season on the days before.
pub(crate) fn yesterday(wind: &Wind, rows: &[usize]) -> coregion::Result<Array2<f64>> {
    wind.beside(rows, &[-1])
}

/// Every day before the test year that has a day before it.
pub(crate) fn all_before(wind: &Wind) -> Vec<usize> {
    wind.rows(|year| year < TEST_YEAR).split_off(1)
}

/// Kernels of the deviations at the 12 stations on the day before.
pub(crate) fn kernels() -> [(&'static str, Kernel); 3] {
    [
        ("linear", Linear::learned()),
        ("M52", Matern52::isotropic(4.0)),
        ("linear + M52", Linear::learned() + 0.3 * Matern52::isotropic(3.0)),
    ]
}

/// As yesterday.
pub(crate) fn persistence(wind: &Wind, rows: &[usize]) -> Joint {
    let before = |rows: &[usize]| wind.roots(&rows.iter().map(|&i| i - 1).collect::<Vec<_>>());
    let known = all_before(wind);
    let errors = wind.roots(&known) - before(&known);
    Joint::constant(before(rows), &second_moment(&errors))
}

/// Least squares on yesterday's deviations at all stations, learned on some days.
pub(crate) fn least_squares(
    wind: &Wind,
    known: &[usize],
    rows: &[usize],
) -> coregion::Result<Joint> {
    let z = yesterday(wind, known)?;
    let regression = Regression::fit(z.view(), wind.deviations(known).view())?;
    let (mean, leverage) = regression.predict(yesterday(wind, rows)?.view());
    let factors = leverage + 1.0;
    Ok(Joint::scaled(mean, &regression.covariance, &factors).plus(&wind.season(rows)))
}
