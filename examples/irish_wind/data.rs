//! The daily wind speeds, what the season alone says of them, and where the stations are.

use std::error::Error;
use std::path::Path;

use ndarray::{Array2, Axis, concatenate};

use crate::regression::Regression;
use crate::table::Table;

/// The stations, in the order of the columns of the tables.
pub(crate) const STATIONS: [&str; 12] =
    ["RPT", "VAL", "ROS", "KIL", "SHA", "BIR", "DUB", "CLA", "MUL", "CLO", "BEL", "MAL"];
/// The year predicted. What the years before say is known.
pub(crate) const TEST_YEAR: u32 = 1978;
/// Harmonics of the year in the seasonal cycle.
const HARMONICS: usize = 2;
const DAYS_OF_A_YEAR: f64 = 365.25;
const EARTH_RADIUS: f64 = 6371.0;

/// Daily mean wind speeds at the stations. Rows are days, none is missing.
pub(crate) struct Wind {
    pub(crate) dates: Vec<String>,
    pub(crate) year: Vec<u32>,
    /// Day of the year, from 0.
    pub(crate) day: Vec<usize>,
    /// Square roots of the speeds in knots (n, 12).
    pub(crate) roots: Array2<f64>,
    /// Their seasonal cycle by the years before [`TEST_YEAR`] (n, 12).
    pub(crate) season: Array2<f64>,
}

impl Wind {
    /// Reads the table and fits the seasonal cycle.
    pub(crate) fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let table = Table::read(path)?;
        let dates: Vec<String> = table.texts("date")?.into_iter().map(str::to_string).collect();
        let year = dates.iter().map(|d| Ok(d.get(..4).ok_or("no year")?.parse::<u32>()?));
        let year = year.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        let first = |i: &usize| year.iter().position(|y| *y == year[*i]).unwrap_or(0);
        let day = (0..year.len()).map(|i| i - first(&i)).collect();
        let roots = table.numbers(&STATIONS)?.mapv(f64::sqrt);
        let mut wind = Wind { dates, year, day, season: Array2::zeros(roots.dim()), roots };
        let cycle = Array2::from_shape_fn((wind.len(), 2 * HARMONICS), |(i, j)| {
            let angle = std::f64::consts::TAU * (j / 2 + 1) as f64 * i as f64 / DAYS_OF_A_YEAR;
            if j % 2 == 0 { angle.cos() } else { angle.sin() }
        });
        let before = wind.rows(|year| year < TEST_YEAR);
        let of = |table: &Array2<f64>| table.select(Axis(0), &before);
        let fitted = Regression::fit(of(&cycle).view(), of(&wind.roots).view())?;
        wind.season = fitted.predict(cycle.view()).0;
        Ok(wind)
    }

    /// Number of days.
    pub(crate) fn len(&self) -> usize {
        self.year.len()
    }

    /// The days of some years.
    pub(crate) fn rows(&self, wanted: impl Fn(u32) -> bool) -> Vec<usize> {
        (0..self.len()).filter(|&i| wanted(self.year[i])).collect()
    }

    /// Square roots on some days.
    pub(crate) fn roots(&self, rows: &[usize]) -> Array2<f64> {
        self.roots.select(Axis(0), rows)
    }

    /// What the season says of some days.
    pub(crate) fn season(&self, rows: &[usize]) -> Array2<f64> {
        self.season.select(Axis(0), rows)
    }

    /// Square roots on some days, less what the season says.
    pub(crate) fn deviations(&self, rows: &[usize]) -> Array2<f64> {
        self.roots(rows) - self.season(rows)
    }

    /// The deviations of the days that lie some days away from each of `rows`, side by side.
    pub(crate) fn beside(&self, rows: &[usize], steps: &[isize]) -> coregion::Result<Array2<f64>> {
        let tables: Vec<Array2<f64>> = steps
            .iter()
            .map(|&step| {
                let there = rows.iter().map(|&i| i.saturating_add_signed(step));
                self.deviations(&there.collect::<Vec<_>>())
            })
            .collect();
        let views: Vec<_> = tables.iter().map(|t| t.view()).collect();
        concatenate(Axis(1), &views).map_err(|e| coregion::Error::Shape {
            argument: "days".to_string(),
            found: e.to_string(),
            expected: "tables of one length".to_string(),
        })
    }
}

/// Distances between the stations in km along great circles (12, 12).
pub(crate) fn distances(path: &Path) -> Result<Array2<f64>, Box<dyn Error>> {
    let table = Table::read(path)?;
    let codes = table.texts("code")?;
    let degrees = table.numbers(&["lat_deg", "lon_deg"])?.mapv(f64::to_radians);
    let places = STATIONS
        .iter()
        .map(|s| codes.iter().position(|c| c == s).ok_or_else(|| format!("no station {s}")))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Array2::from_shape_fn((STATIONS.len(), STATIONS.len()), |(s, t)| {
        let (a, b) = (degrees.row(places[s]), degrees.row(places[t]));
        let half = |j: usize| ((a[j] - b[j]) / 2.0).sin().powi(2);
        2.0 * EARTH_RADIUS * (half(0) + a[0].cos() * b[0].cos() * half(1)).sqrt().asin()
    }))
}
