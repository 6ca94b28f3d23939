//! The table of measurements and its published split.

use std::error::Error;
use std::path::Path;

use coregion::Dataset;
use ndarray::{Array2, ArrayView1, Axis};

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
        let mut reader =
            csv::Reader::from_path(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let header = reader.headers()?.clone();
        let place = |name: &str| {
            header
                .iter()
                .position(|h| h == name)
                .ok_or_else(|| format!("{}: no column '{name}'", path.display()))
        };
        let split_column = place("split")?;
        let inputs = INPUTS.map(place).into_iter().collect::<Result<Vec<_>, _>>()?;
        let metals = METALS.map(place).into_iter().collect::<Result<Vec<_>, _>>()?;
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for record in reader.records() {
            let record = record?;
            if &record[split_column] != split {
                continue;
            }
            for (columns, out) in [(&inputs, &mut x), (&metals, &mut y)] {
                for &c in columns {
                    let cell = &record[c];
                    out.push(cell.parse::<f64>().map_err(|e| format!("'{cell}': {e}"))?);
                }
            }
        }
        let n = x.len() / INPUTS.len();
        let metals = Array2::from_shape_vec((n, METALS.len()), y)?;
        let x = Array2::from_shape_vec((n, INPUTS.len()), x)?;
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
