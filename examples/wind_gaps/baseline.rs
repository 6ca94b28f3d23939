//! What is simpler: ridge regression on the stations measured, the season, the mean of the station.

use coregion::prelude::*;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::data::{TEST_YEAR, Wind};
use crate::gaps::{GAPS, Gaps};
use crate::regression::Regression;

/// Penalties to choose from.
const POWERS: [i32; 2] = [-2, 10];

/// Means and standard deviations of what is missing, in the order of [`Gaps::entries`].
pub(crate) struct Predicted {
    pub(crate) mean: Array1<f64>,
    pub(crate) std: Array1<f64>,
}

impl Predicted {
    /// The missing entries of tables over all days; what the season says of them is added.
    pub(crate) fn of(wind: &Wind, gaps: &Gaps, mean: &Array2<f64>, std: ArrayView2<f64>) -> Self {
        let season = wind.season(&gaps.days);
        let entries = gaps.entries();
        Predicted {
            mean: entries.iter().map(|&e| mean[e] + season[e]).collect(),
            std: entries.iter().map(|&e| std[e]).collect(),
        }
    }
}

/// The mean of each station, and its spread, over the days at which it was measured.
pub(crate) fn station_mean(wind: &Wind, gaps: &Gaps) -> Predicted {
    let measured = measured(gaps, &wind.roots(&gaps.days));
    let of = |t: usize| {
        let seen: Array1<f64> =
            measured.column(t).iter().copied().filter(|v| !v.is_nan()).collect();
        (seen.sum() / seen.len() as f64, seen.std(1.0))
    };
    let entries = gaps.entries();
    let each: Vec<(f64, f64)> = entries.iter().map(|e| of(e.1)).collect();
    Predicted { mean: each.iter().map(|e| e.0).collect(), std: each.iter().map(|e| e.1).collect() }
}

/// The seasonal cycle of the years before.
pub(crate) fn season(wind: &Wind, gaps: &Gaps) -> Predicted {
    let deviations = wind.deviations(&gaps.days);
    let seen = measured(gaps, &deviations);
    let spread = |c: ArrayView1<f64>| {
        let squares: Vec<f64> = c.iter().filter(|v| !v.is_nan()).map(|v| v * v).collect();
        (squares.iter().sum::<f64>() / squares.len() as f64).sqrt()
    };
    let std = Array2::from_shape_fn(seen.dim(), |(_, t)| spread(seen.column(t)));
    Predicted::of(wind, gaps, &Array2::zeros(seen.dim()), std.view())
}

/// A table over all days with NaN in the gaps.
pub(crate) fn measured(gaps: &Gaps, table: &Array2<f64>) -> Array2<f64> {
    let mut out = table.clone();
    gaps.entries().into_iter().for_each(|e| out[e] = f64::NAN);
    out
}

/// Which days a regression sees of the stations measured, and which it learns from.
#[derive(Clone, Copy)]
pub(crate) enum Learned {
    /// Days of the table that lie in no gap: ridge regression, its penalties chosen by leaving out
    /// weeks.
    Here,
    /// All days of the years before: least squares.
    Before,
}

/// Each missing station from the stations measured on days some `steps` away; spreads are those of
/// the errors that the regression makes on what it learned from, left out.
pub(crate) fn regression(
    wind: &Wind,
    gaps: &Gaps,
    steps: &[isize],
    learned: Learned,
) -> coregion::Result<Predicted> {
    let n = gaps.days.len();
    let shape = wind.roots(&gaps.days).dim();
    let (mut mean, mut std) = (Array2::zeros(shape), Array2::zeros(shape));
    for gap in 0..GAPS {
        let (missing, others) = gaps.stations(gap);
        let rows = gaps.rows(gap);
        let known = match learned {
            Learned::Here => {
                let complete = gaps.complete_rows();
                let inside =
                    |i: isize| (0..n as isize).contains(&i) && complete.contains(&(i as usize));
                let whole = |i: &usize| steps.iter().all(|s| inside(*i as isize + s));
                complete.iter().copied().filter(whole).collect::<Vec<_>>()
            }
            Learned::Before => Vec::new(),
        };
        let places = |rows: &[usize]| rows.iter().map(|&i| gaps.days[i]).collect::<Vec<_>>();
        let known_days = match learned {
            Learned::Here => places(&known),
            Learned::Before => {
                let before = wind.rows(|year| year < TEST_YEAR);
                before[1..before.len() - 1].to_vec()
            }
        };
        let z = inputs(wind, &known_days, steps, &others)?;
        let zs = inputs(wind, &places(&rows), steps, &others)?;
        let y = wind.deviations(&known_days).select(Axis(1), &missing);
        let (p, spread) = match learned {
            Learned::Here => {
                let weeks = known.iter().map(|&i| gaps.weeks()[i]).collect();
                ridge(&z, &y, &zs, weeks)?
            }
            Learned::Before => {
                let fitted = Regression::fit(z.view(), y.view())?;
                let (p, leverage) = fitted.predict(zs.view());
                let spread = Array2::from_shape_fn(p.dim(), |(i, t)| {
                    (fitted.covariance[[t, t]] * (1.0 + leverage[i])).sqrt()
                });
                (p, spread)
            }
        };
        for (k, &i) in rows.iter().enumerate() {
            for (j, &t) in missing.iter().enumerate() {
                (mean[[i, t]], std[[i, t]]) = (p[[k, j]], spread[[k, j]]);
            }
        }
    }
    Ok(Predicted::of(wind, gaps, &mean, std.view()))
}

/// Deviations of some stations on days some steps away from each of `days`, side by side.
fn inputs(
    wind: &Wind,
    days: &[usize],
    steps: &[isize],
    stations: &[usize],
) -> coregion::Result<Array2<f64>> {
    let all = wind.beside(days, steps)?;
    let width = all.ncols() / steps.len();
    let columns = (0..steps.len()).flat_map(|k| stations.iter().map(move |s| k * width + s));
    Ok(all.select(Axis(1), &columns.collect::<Vec<_>>()))
}

/// Linear ridge regression of each output by itself, its penalty chosen by leaving out weeks; means
/// and spreads (m, T).
fn ridge(
    z: &Array2<f64>,
    y: &Array2<f64>,
    zs: &Array2<f64>,
    weeks: Vec<usize>,
) -> coregion::Result<(Array2<f64>, Array2<f64>)> {
    let by = LeaveOut::Groups(weeks);
    let mut mean = Array2::zeros((zs.nrows(), y.ncols()));
    let mut std = mean.clone();
    for t in 0..y.ncols() {
        // A bias means nothing beside an intercept that is not penalised.
        let y = y.select(Axis(1), &[t]);
        let fitted = MultiTaskKernelRidge::new(Linear::new(1.0))
            .alphas((POWERS[0]..=POWERS[1]).map(|p| 2f64.powi(p)).collect())
            .criterion(by.clone())
            .fit_intercept(true)
            .fit(&Dataset::new(z.view(), y.view())?)?;
        let errors = &y - &fitted.leave_one_out(&by)?.mean;
        mean.column_mut(t).assign(&fitted.predict(zs.view())?.column(0));
        std.column_mut(t).fill((errors.mapv(|e| e * e).sum() / errors.len() as f64).sqrt());
    }
    Ok((mean, std))
}
