//! Job 3: the hidden days once more, each station to be found from the others measured on the day.

use coregion::prelude::*;
use ndarray::{Array2, ArrayView2, Axis};

use crate::data::{STATIONS, Wind};
use crate::interpolation::{Days, known};
use crate::regression::Regression;

/// Means and standard deviations (m, T).
pub(crate) struct Marginals {
    pub(crate) mean: Array2<f64>,
    pub(crate) std: Array2<f64>,
}

/// By a multi-task process at the inputs of some days: each station given all others there.
pub(crate) fn conditioned(
    wind: &Wind,
    gp: &FittedMultiTaskGp,
    xs: ArrayView2<f64>,
    rows: &[usize],
) -> coregion::Result<Marginals> {
    let measured = wind.deviations(rows);
    by_station(wind, rows, |t| {
        let mut given = measured.clone();
        given.column_mut(t).fill(f64::NAN);
        let p = gp.predict_given(xs, given.view(), Uncertainty::Observation)?;
        Ok([p.mean.column(t).to_vec(), p.std()?.column(t).to_vec()])
    })
}

/// By least squares on the other stations of the day, learned on some days.
pub(crate) fn least_squares(
    wind: &Wind,
    known: &[usize],
    rows: &[usize],
) -> coregion::Result<Marginals> {
    regression(wind, known, rows, &[0])
}

/// By least squares on the other stations of the day and on all stations on the nearest seen days
/// before and after, learned on the years before.
pub(crate) fn least_squares_around(wind: &Wind, days: &Days) -> coregion::Result<Marginals> {
    let mut parts = Vec::new();
    for (gap, places) in days.gaps() {
        let rows: Vec<usize> = places.iter().map(|&k| days.hidden[k]).collect();
        let steps = [0, -(gap.0 as isize), gap.1 as isize];
        parts.push((regression(wind, &known(wind, gap), &rows, &steps)?, places));
    }
    let mut all = Marginals {
        mean: Array2::zeros((days.hidden.len(), STATIONS.len())),
        std: Array2::zeros((days.hidden.len(), STATIONS.len())),
    };
    for (part, places) in &parts {
        for (k, &i) in places.iter().enumerate() {
            all.mean.row_mut(i).assign(&part.mean.row(k));
            all.std.row_mut(i).assign(&part.std.row(k));
        }
    }
    Ok(all)
}

/// Least squares of each station on the others of the day, and on all of them on days some steps
/// away: the first step is 0, the day itself.
fn regression(
    wind: &Wind,
    known: &[usize],
    rows: &[usize],
    steps: &[isize],
) -> coregion::Result<Marginals> {
    let (table, at) = (wind.beside(known, steps)?, wind.beside(rows, steps)?);
    by_station(wind, rows, |t| {
        let others: Vec<usize> = (0..table.ncols()).filter(|&s| s != t).collect();
        let y = table.select(Axis(1), &[t]);
        let regression = Regression::fit(table.select(Axis(1), &others).view(), y.view())?;
        let (mean, leverage) = regression.predict(at.select(Axis(1), &others).view());
        let variance = regression.covariance[[0, 0]];
        Ok([mean.column(0).to_vec(), leverage.mapv(|h| (variance * (1.0 + h)).sqrt()).to_vec()])
    })
}

/// Collects means and standard deviations of the deviations and adds the season.
fn by_station(
    wind: &Wind,
    rows: &[usize],
    predict: impl Fn(usize) -> coregion::Result<[Vec<f64>; 2]>,
) -> coregion::Result<Marginals> {
    let mut mean = wind.season(rows);
    let mut std = Array2::zeros(mean.dim());
    for t in 0..STATIONS.len() {
        let [m, s] = predict(t)?;
        for i in 0..rows.len() {
            mean[[i, t]] += m[i];
            std[[i, t]] = s[i];
        }
    }
    Ok(Marginals { mean, std })
}
