//! Squares of the map, and how far sites are from those learned from.

use std::collections::BTreeMap;

use crate::data::Sites;

/// Side of a square in km.
pub(crate) const SQUARE: f64 = 1.0;

/// The square that each site lies in.
pub(crate) fn squares(sites: &Sites) -> Vec<usize> {
    let mut known = BTreeMap::new();
    let place = |i: usize| {
        let side = |j: usize| (sites.x[[i, j]] / SQUARE).floor() as i64;
        let next = known.len();
        *known.entry((side(0), side(1))).or_insert(next)
    };
    (0..sites.len()).map(place).collect()
}

/// Median distance in km from a site to the nearest one with another label.
pub(crate) fn distance_between(sites: &Sites, labels: &[usize]) -> f64 {
    let mut all = Vec::new();
    for i in 0..sites.len() {
        let others: Vec<usize> = (0..sites.len()).filter(|&j| labels[j] != labels[i]).collect();
        all.extend(sites.rows(&others).distances_to(&sites.rows(&[i])));
    }
    median(all)
}

/// The middle of some values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
