//! The table of measurements and its published split.

use std::error::Error;
use std::path::Path;

use coregion::Dataset;
use ndarray::{Array2, ArrayView1, Axis};

use crate::table::Table;

/// The metals, in the order of the columns of the tables.
pub(crate) const METALS: [&str; 7] = ["Cd", "Co", "Cr", "Cu", "Ni", "Pb", "Zn"];
/// The inputs: two coordinates in km and two categories.
pub(crate) const INPUTS: [&str; 4] = ["Xloc", "Yloc", "Rock", "Landuse"];

/// Some sites and what was measured there.
pub(crate) struct Sites {
    /// Inputs (n, 4), in the order of [`INPUTS`].
    pub(crate) x: Array2<f64>,
    /// Concentrations (n, 7) in mg/kg, in the order of [`METALS`].
    pub(crate) metals: Array2<f64>,
    /// Their natural logs.
    pub(crate) logs: Array2<f64>,
}

impl Sites {
    /// Reads one part of the split, `prediction` or `validation`.
    pub(crate) fn read(path: &Path, split: &str) -> Result<Self, Box<dyn Error>> {
        let table = Table::read(path)?;
        let places = table.texts("split")?.into_iter().enumerate();
        let rows: Vec<usize> = places.filter(|(_, s)| *s == split).map(|(i, _)| i).collect();
        let x = table.numbers(&INPUTS)?.select(Axis(0), &rows);
        let metals = table.numbers(&METALS)?.select(Axis(0), &rows);
        Ok(Sites { x, logs: metals.mapv(f64::ln), metals })
    }

    /// Number of sites.
    pub(crate) fn len(&self) -> usize {
        self.x.nrows()
    }

    /// Some of the sites.
    pub(crate) fn rows(&self, rows: &[usize]) -> Sites {
        let of = |table: &Array2<f64>| table.select(Axis(0), rows);
        Sites { x: of(&self.x), metals: of(&self.metals), logs: of(&self.logs) }
    }

    /// The logs of some metals as a data set of the library.
    pub(crate) fn dataset(&self, metals: &[usize]) -> coregion::Result<Dataset> {
        let y = self.logs.select(Axis(1), metals);
        Dataset::new(self.x.view(), y.view())?
            .with_task_names(metals.iter().map(|&c| METALS[c]))?
            .with_feature_names(INPUTS)
    }

    /// Distance in km from each of some other sites to the nearest of these.
    pub(crate) fn distances_to(&self, others: &Sites) -> Vec<f64> {
        let nearest = |place: ArrayView1<f64>| {
            let distance = |r: ArrayView1<f64>| (r[0] - place[0]).hypot(r[1] - place[1]);
            self.x.rows().into_iter().map(distance).fold(f64::INFINITY, f64::min)
        };
        others.x.rows().into_iter().map(nearest).collect()
    }
}
