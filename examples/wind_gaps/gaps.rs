//! The table with gaps: whole weeks of some stations are missing.

use coregion::prelude::*;
use ndarray::{Array1, Axis};

use crate::data::{STATIONS, TEST_YEAR, Wind};

/// Days of a week.
pub(crate) const WEEK: usize = 7;
/// Gaps: every fourth week from the second on, so that every station is missing as often as any other.
pub(crate) const GAPS: usize = 12;
/// The first gap's stations; those of the next gap are one further each.
const MISSING: [usize; 4] = [0, 1, 4, 6];

/// The days of the table and the gaps in it.
pub(crate) struct Gaps {
    /// Rows of the wind: the days of the year.
    pub(crate) days: Vec<usize>,
}

impl Gaps {
    /// The days of the test year.
    pub(crate) fn of(wind: &Wind) -> Self {
        Gaps { days: wind.rows(|year| year == TEST_YEAR) }
    }

    /// The days of a gap: rows of the table.
    pub(crate) fn rows(&self, gap: usize) -> Vec<usize> {
        let first = (4 * gap + 1) * WEEK;
        (first..first + WEEK).collect()
    }

    /// The stations missing in a gap, and those measured.
    pub(crate) fn stations(&self, gap: usize) -> (Vec<usize>, Vec<usize>) {
        let missing = MISSING.map(|s| (s + gap) % STATIONS.len());
        (0..STATIONS.len()).partition(|s| missing.contains(s))
    }

    /// Row and station of everything missing, gap after gap.
    pub(crate) fn entries(&self) -> Vec<(usize, usize)> {
        let of = |gap| {
            let missing = self.stations(gap).0;
            let rows = self.rows(gap).into_iter();
            rows.flat_map(move |i| missing.clone().into_iter().map(move |t| (i, t)))
        };
        (0..GAPS).flat_map(of).collect()
    }

    /// The gap of each of them.
    pub(crate) fn blocks(&self) -> Vec<usize> {
        let each = WEEK * MISSING.len();
        (0..GAPS * each).map(|k| k / each).collect()
    }

    /// Rows of the table that lie in no gap.
    pub(crate) fn complete_rows(&self) -> Vec<usize> {
        let mut out: Vec<usize> = (0..self.days.len()).collect();
        for gap in 0..GAPS {
            let rows = self.rows(gap);
            out.retain(|i| !rows.contains(i));
        }
        out
    }

    /// The week of each row.
    pub(crate) fn weeks(&self) -> Vec<usize> {
        (0..self.days.len()).map(|i| i / WEEK).collect()
    }

    /// The first `n` days as a data set: deviations from the season over time in days, with NaN in the
    /// gaps.
    pub(crate) fn dataset(&self, wind: &Wind, n: usize) -> coregion::Result<Dataset> {
        let mut y = wind.deviations(&self.days[..n]);
        self.entries().into_iter().filter(|e| e.0 < n).for_each(|e| y[e] = f64::NAN);
        let time = Array1::from_iter(self.days[..n].iter().map(|&i| wind.day[i] as f64));
        Dataset::new(time.insert_axis(Axis(1)).view(), y.view())?
            .with_task_names(STATIONS)?
            .with_feature_names(["day"])
    }
}
