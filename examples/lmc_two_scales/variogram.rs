//! Measured variograms.

use ndarray::{Array1, Array2};

use crate::data::Sites;

/// Ends in km of the classes of distances.
pub(crate) const LAGS: [f64; 11] = [0.0, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.2, 1.6, 2.0];

/// Half the mean squared difference of the logs of pairs of sites, by their distance.
pub(crate) struct Variogram {
    /// Mean distance (k) in km of the pairs of each class.
    pub(crate) lags: Array1<f64>,
    /// Pairs (k) of each class.
    pub(crate) counts: Vec<usize>,
    /// Semivariances (k, T).
    pub(crate) measured: Array2<f64>,
}

impl Variogram {
    /// The variograms of some metals.
    pub(crate) fn of(sites: &Sites, metals: &[usize]) -> Self {
        let classes = LAGS.len() - 1;
        let mut lags = Array1::zeros(classes);
        let mut counts = vec![0; classes];
        let mut measured = Array2::zeros((classes, metals.len()));
        for j in 0..sites.len() {
            for i in 0..j {
                let step = |c: usize| sites.x[[i, c]] - sites.x[[j, c]];
                let distance = step(0).hypot(step(1));
                let Some(k) = LAGS.windows(2).position(|w| (w[0]..w[1]).contains(&distance)) else {
                    continue;
                };
                lags[k] += distance;
                counts[k] += 1;
                for (t, &metal) in metals.iter().enumerate() {
                    let gap = sites.logs[[i, metal]] - sites.logs[[j, metal]];
                    measured[[k, t]] += 0.5 * gap * gap;
                }
            }
        }
        for (k, &count) in counts.iter().enumerate() {
            lags[k] /= count as f64;
            measured.row_mut(k).mapv_inplace(|v: f64| v / count as f64);
        }
        Variogram { lags, counts, measured }
    }
}
