//! What knows nothing of the days around: the training mean and the climatology.

use ndarray::{Array2, Axis};

use crate::data::{STATIONS, TEST_YEAR, Wind};
use crate::joint::{Joint, second_moment};

/// The mean and the covariance of some training days, for every day.
pub(crate) fn training_mean(wind: &Wind, known: &[usize], rows: &[usize]) -> Joint {
    let roots = wind.roots(known);
    let mean = roots.sum_axis(Axis(0)) / known.len() as f64;
    let covariance = second_moment(&(&roots - &mean));
    let all = Array2::from_shape_fn((rows.len(), STATIONS.len()), |(_, t)| mean[t]);
    Joint::constant(all, &covariance)
}

/// The mean of the same day of the year in the years before.
pub(crate) fn climatology(wind: &Wind, rows: &[usize]) -> Joint {
    let before = wind.rows(|year| year < TEST_YEAR);
    let mean_of = |row: usize, but: Option<u32>| {
        let same = |i: &&usize| wind.day[**i] == wind.day[row] && Some(wind.year[**i]) != but;
        let same: Vec<usize> = before.iter().filter(same).copied().collect();
        wind.roots(&same).sum_axis(Axis(0)) / same.len() as f64
    };
    let table = |rows: &[usize], leave_out: bool| {
        let mut out = Array2::zeros((rows.len(), STATIONS.len()));
        for (mut to, &i) in out.outer_iter_mut().zip(rows) {
            to.assign(&mean_of(i, leave_out.then_some(wind.year[i])));
        }
        out
    };
    // Its errors are those that it makes on the years before, each left out in turn. The last day of
    // leap years has few others like it and is not among them.
    let known: Vec<usize> = before.iter().copied().filter(|&i| wind.day[i] < 365).collect();
    let errors = wind.roots(&known) - table(&known, true);
    Joint::constant(table(rows, false), &second_moment(&errors))
}
