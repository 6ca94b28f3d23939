//! The temperatures, and where the stations are.

use std::error::Error;
use std::path::Path;

use ndarray::{Array2, Axis};

use crate::table::Table;

/// Monthly means of the daily maximum temperature: a grid of months and stations without gaps.
pub(crate) struct Climate {
    pub(crate) months: Vec<String>,
    pub(crate) names: Vec<String>,
    /// Degrees Celsius (n, T).
    pub(crate) degrees: Array2<f64>,
    /// Longitude and latitude in degrees, altitude in m (T, 3).
    pub(crate) places: Array2<f64>,
}

impl Climate {
    /// Reads both tables.
    pub(crate) fn read(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let stations = Table::read(&folder.join("stations.csv"))?;
        let table = Table::read(&folder.join("data.csv"))?;
        let own = |texts: Vec<&str>| texts.into_iter().map(str::to_string).collect();
        Ok(Climate {
            months: own(table.texts("month")?),
            names: own(stations.texts("name")?),
            degrees: table.numbers(&stations.texts("id")?)?,
            places: stations.numbers(&["lon", "lat", "elev_m"])?,
        })
    }

    /// Number of stations T.
    pub(crate) fn n_stations(&self) -> usize {
        self.names.len()
    }

    /// The number of each month, from 0 (n, 1).
    pub(crate) fn time(&self) -> Array2<f64> {
        Array2::from_shape_fn((self.months.len(), 1), |(i, _)| i as f64)
    }

    /// All stations but one.
    pub(crate) fn without(&self, station: usize) -> Climate {
        let others: Vec<usize> = (0..self.n_stations()).filter(|t| *t != station).collect();
        Climate {
            months: self.months.clone(),
            names: others.iter().map(|&t| self.names[t].clone()).collect(),
            degrees: self.degrees.select(Axis(1), &others),
            places: self.places.select(Axis(0), &others),
        }
    }

    /// Squared distances in degrees of latitude from each station to a place.
    pub(crate) fn squared_distances(&self, place: [f64; 2]) -> Vec<f64> {
        let narrow = place[1].to_radians().cos();
        let of = |row: ndarray::ArrayView1<f64>| {
            ((row[0] - place[0]) * narrow).powi(2) + (row[1] - place[1]).powi(2)
        };
        self.places.rows().into_iter().map(of).collect()
    }
}
