//! Job 1: whole days hidden at every station, to be found from the days around them.

use std::collections::BTreeMap;

use coregion::prelude::*;
use ndarray::{Array1, Array2, Axis};

use crate::data::{STATIONS, TEST_YEAR, Wind};
use crate::joint::{Joint, second_moment};
use crate::regression::Regression;

/// First of the years that the models learn from.
pub(crate) const FIRST_YEAR: u32 = 1977;
/// Every so many days the pattern of hidden days begins again.
pub(crate) const CYCLE: usize = 14;
/// Hidden days of a cycle, from 0: one by itself and three in a row.
pub(crate) const HIDDEN: [usize; 4] = [3, 8, 9, 10];

/// How far a hidden day is from the nearest seen days before and after it.
pub(crate) type Gap = (usize, usize);

/// The days of the job: rows of the table.
pub(crate) struct Days {
    pub(crate) seen: Vec<usize>,
    pub(crate) hidden: Vec<usize>,
}

impl Days {
    /// Some years up to the test year, whose days of the cycle are hidden.
    pub(crate) fn of(wind: &Wind) -> Self {
        let hidden =
            |i: &usize| wind.year[*i] == TEST_YEAR && HIDDEN.contains(&(wind.day[*i] % CYCLE));
        let rows = wind.rows(|year| (FIRST_YEAR..=TEST_YEAR).contains(&year));
        let (hidden, seen) = rows.into_iter().partition(hidden);
        Days { seen, hidden }
    }

    /// The seen days as a data set: the deviations from the season, over time in days.
    pub(crate) fn dataset(&self, wind: &Wind) -> coregion::Result<Dataset> {
        Dataset::new(time(&self.seen).view(), wind.deviations(&self.seen).view())?
            .with_task_names(STATIONS)?
            .with_feature_names(["day"])
    }

    /// The gaps that occur, each with the places of its days among the hidden ones.
    pub(crate) fn gaps(&self) -> BTreeMap<Gap, Vec<usize>> {
        let mut out = BTreeMap::<Gap, Vec<usize>>::new();
        for (place, &day) in self.hidden.iter().enumerate() {
            out.entry(self.gap(day)).or_default().push(place);
        }
        out
    }

    fn gap(&self, day: usize) -> Gap {
        let steps = |away: &dyn Fn(usize) -> usize| {
            (1..CYCLE).find(|&step| !self.hidden.contains(&away(step))).unwrap_or(CYCLE)
        };
        (steps(&|step| day - step), steps(&|step| day + step))
    }
}

/// Days as a column of numbers.
pub(crate) fn time(rows: &[usize]) -> Array2<f64> {
    Array1::from_iter(rows.iter().map(|&i| i as f64)).insert_axis(Axis(1))
}

/// Kernels over the time in days.
pub(crate) fn kernels() -> [(&'static str, Kernel); 3] {
    [
        ("M12", Matern12::new([2.0])),
        ("M12 + M12", Matern12::new([1.0]) + 0.3 * Matern12::new([10.0])),
        ("M32 + M12", Matern32::new([1.0]) + 0.3 * Matern12::new([10.0])),
    ]
}

/// Joins a prediction for each gap into one for all hidden days.
fn by_gap(
    days: &Days,
    predict: impl Fn(Gap, &[usize]) -> coregion::Result<Joint>,
) -> coregion::Result<Joint> {
    let mut parts = Vec::new();
    for (gap, places) in days.gaps() {
        let rows: Vec<usize> = places.iter().map(|&k| days.hidden[k]).collect();
        parts.push((predict(gap, &rows)?, places));
    }
    Ok(Joint::gathered(days.hidden.len(), STATIONS.len(), &parts))
}

/// Days before the test year that have days that far before and after them.
pub(crate) fn known(wind: &Wind, gap: Gap) -> Vec<usize> {
    let rows = wind.rows(|year| year < TEST_YEAR);
    rows.into_iter().filter(|&i| i >= gap.0 && wind.year[i + gap.1] < TEST_YEAR).collect()
}

/// The straight line between the nearest seen days of the same station.
pub(crate) fn straight_line(wind: &Wind, days: &Days) -> coregion::Result<Joint> {
    by_gap(days, |(before, after), rows| {
        let share = before as f64 / (before + after) as f64;
        let line = |rows: &[usize]| {
            let at = |step: isize| {
                wind.roots(&rows.iter().map(|&i| i.saturating_add_signed(step)).collect::<Vec<_>>())
            };
            (1.0 - share) * at(-(before as isize)) + share * at(after as isize)
        };
        let known = known(wind, (before, after));
        let errors = wind.roots(&known) - line(&known);
        Ok(Joint::constant(line(rows), &second_moment(&errors)))
    })
}

/// Least squares on the nearest seen days before and after, of all stations: learned on the years
/// before, in deviations from the season.
pub(crate) fn least_squares(wind: &Wind, days: &Days) -> coregion::Result<Joint> {
    by_gap(days, |(before, after), rows| {
        let steps = [-(before as isize), after as isize];
        let known = known(wind, (before, after));
        let z = wind.beside(&known, &steps)?;
        let regression = Regression::fit(z.view(), wind.deviations(&known).view())?;
        let (mean, leverage) = regression.predict(wind.beside(rows, &steps)?.view());
        let factors = leverage + 1.0;
        Ok(Joint::scaled(mean, &regression.covariance, &factors).plus(&wind.season(rows)))
    })
}
