//! What can be said of a station without a model of space and time. Nothing is learned from the station
//! itself.

use std::error::Error;

use ndarray::{Array1, Array2, Axis};

use crate::data::Climate;
use crate::regression::Regression;

/// Means and, where there are any, standard deviations (n) at one station.
pub(crate) type Series = (Array1<f64>, Option<Array1<f64>>);

/// The mean of the other stations in the same month.
pub(crate) fn mean_of_others(others: &Climate) -> Series {
    let count = others.n_stations() as f64;
    (others.degrees.sum_axis(Axis(1)) / count, None)
}

/// The station closest on the map.
pub(crate) fn nearest(others: &Climate, place: [f64; 3]) -> Series {
    let distances = others.squared_distances([place[0], place[1]]);
    let closer = |a: usize, b: usize| if distances[b] < distances[a] { b } else { a };
    let best = (0..distances.len()).reduce(closer).unwrap_or(0);
    (others.degrees.column(best).to_owned(), None)
}

/// A regression on longitude, latitude and altitude, each month by itself; and the same with the residuals
/// of the other stations of that month added, weighted by inverse squared distances.
pub(crate) fn regressions(
    others: &Climate,
    place: [f64; 3],
) -> Result<[Series; 2], Box<dyn Error>> {
    let scaled = |p: [f64; 3]| [p[0] + 105.5, p[1] - 39.0, 1e-3 * p[2] - 2.0];
    let rows = others.places.rows().into_iter().flat_map(|p| scaled([p[0], p[1], p[2]]));
    let z = Array2::from_shape_vec(others.places.dim(), rows.collect())?;
    let fitted = Regression::fit(z.view(), others.degrees.t())?;
    let (mean, added) = fitted.predict(ndarray::arr2(&[scaled(place)]).view());
    let mean = mean.row(0).to_owned();
    let std = fitted.covariance.diag().mapv(|v| (v * (1.0 + added[0])).sqrt());
    let residuals = &others.degrees.t() - &fitted.predict(z.view()).0;
    let weights = Array1::from(others.squared_distances([place[0], place[1]])).mapv(|d| 1.0 / d);
    let around = residuals.t().dot(&(&weights / weights.sum()));
    Ok([(mean.clone(), Some(std)), (mean + around, None)])
}
