//! `(1 + d K)^-1` for many shifts d at the price of few.
//!
//! For an eigenvalue s the function `1 / (1 + s d)` of `ln d` is analytic in the strip of half-width
//! pi, and within smaller strips of the size of its value on the real line. On panels two decades
//! wide its Chebyshev interpolant of degree m is therefore off by about `3^-m` of its value, for
//! every s alike (Trefethen 2013, chapter 8): 37 nodes a panel give rounding error, whatever is made
//! linearly of these functions.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, s};

use super::{Spectrum, squares_times};
use crate::linalg;

/// Half the width of a panel in `ln d`: a factor of ten.
const HALF_WIDTH: f64 = std::f64::consts::LN_10;
/// Nodes of a panel.
const NODES: usize = 37;
/// Below this product with the largest eigenvalue a shift is zero to rounding.
const NOTHING: f64 = 1e-17;
/// Bytes that tables may take.
const MEMORY: usize = 1 << 30;

/// Tables of `diag((1 + d K)^-1)` and `(1 + d K)^-1 Y` over nodes in d.
#[derive(Debug)]
pub(crate) struct Resolvent {
    spectrum: Arc<Spectrum>,
    /// `ln d` at the start of the first panel.
    start: f64,
    panels: usize,
    /// Diagonals, node by row, flat (Q n).
    diagonals: Array1<f64>,
    /// Products with the columns of Y, (c, Q n).
    products: Array2<f64>,
    /// The limits for d = 0: ones and Y (c, n).
    unshifted: Array2<f64>,
}

impl Resolvent {
    /// The range of the shifts that are not zero to rounding; `None` where there is none.
    pub(crate) fn range(
        spectrum: &Spectrum,
        shifts: impl Iterator<Item = f64>,
    ) -> Option<(f64, f64)> {
        let largest = spectrum.values.last().copied().unwrap_or(0.0);
        let kept = shifts.filter(|d| d * largest > NOTHING && d.is_finite());
        let (low, high) =
            kept.fold((f64::INFINITY, 0.0f64), |(low, high), d| (low.min(d), high.max(d)));
        (low <= high && low > 0.0).then_some((low, high))
    }

    /// Nodes for a range of shifts.
    pub(crate) fn nodes(low: f64, high: f64) -> usize {
        NODES * panels(low, high)
    }

    /// True where the tables for that many columns, and those each thread makes of them, stay within
    /// 1 GiB.
    pub(crate) fn fits(spectrum: &Spectrum, nodes: usize, columns: usize) -> bool {
        let tables = 1 + rayon::current_num_threads();
        nodes * (columns + 1) * spectrum.len() * 8 * tables <= MEMORY
    }

    /// Tables for the data `U' Y` (n, c) and shifts from `low` to `high`.
    pub(crate) fn new(
        spectrum: &Arc<Spectrum>,
        rotated: ArrayView2<f64>,
        low: f64,
        high: f64,
    ) -> Self {
        let (n, columns) = rotated.dim();
        let panels = panels(low, high);
        // The range is centred in its panels.
        let slack = panels as f64 * 2.0 * HALF_WIDTH - (high / low).ln();
        let start = low.ln() - 0.5 * slack;
        let mut table = Resolvent {
            spectrum: Arc::clone(spectrum),
            start,
            panels,
            diagonals: Array1::zeros(panels * NODES * n),
            products: Array2::zeros((columns, panels * NODES * n)),
            unshifted: linalg::matmul(rotated.t(), spectrum.vectors.t()),
        };
        let u = spectrum.vectors.view();
        for panel in 0..panels {
            let inverse = Array2::from_shape_fn((NODES, n), |(q, m)| {
                let d = (table.centre(panel) + HALF_WIDTH * node(q)).exp();
                1.0 / (1.0 + spectrum.values[m] * d)
            });
            let place = s![panel * NODES * n..(panel + 1) * NODES * n];
            let diagonals = squares_times(u, inverse.t());
            let flat = diagonals.t().iter().copied().collect::<Array1<f64>>();
            table.diagonals.slice_mut(place).assign(&flat);
            for c in 0..columns {
                let product = linalg::matmul((&inverse * &rotated.column(c)).view(), u.t());
                let mut out = table.products.row_mut(c);
                out.slice_mut(place).assign(&Array1::from_iter(product.iter().copied()));
            }
        }
        table
    }

    fn centre(&self, panel: usize) -> f64 {
        self.start + (2 * panel + 1) as f64 * HALF_WIDTH
    }

    /// The table of diagonals, flat.
    pub(crate) fn diagonals(&self) -> Values<'_> {
        Values { table: self.diagonals.view(), unshifted: None }
    }

    /// The table of column c, flat.
    pub(crate) fn products(&self, c: usize) -> Values<'_> {
        Values { table: self.products.row(c), unshifted: Some(self.unshifted.row(c)) }
    }

    /// Writes the tables of the first T columns times W (T, k), as rows.
    pub(crate) fn combine(&self, w: ArrayView2<f64>, out: &mut Combined) {
        let columns = s![..w.nrows(), ..];
        if out.tables.dim() != (w.ncols(), self.products.ncols()) {
            out.tables = Array2::zeros((w.ncols(), self.products.ncols()));
        }
        linalg::matmul_into(w.t(), self.products.slice(columns), out.tables.view_mut());
        out.unshifted = linalg::matmul(w.t(), self.unshifted.slice(columns));
    }

    /// Where some shifts lie in the tables.
    pub(crate) fn reading(&self, shifts: &[f64]) -> Reading {
        let largest = self.spectrum.values.last().copied().unwrap_or(0.0);
        let mut reading =
            Reading { n: self.spectrum.len(), unshifted: Vec::new(), panels: Vec::new() };
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); self.panels];
        for (a, &d) in shifts.iter().enumerate() {
            if d * largest <= NOTHING {
                reading.unshifted.push(a);
            } else {
                let panel = ((d.ln() - self.start) / (2.0 * HALF_WIDTH)).max(0.0) as usize;
                members[panel.min(self.panels - 1)].push(a);
            }
        }
        for (panel, members) in members.into_iter().enumerate().filter(|(_, m)| !m.is_empty()) {
            let mut coefficients = Array2::zeros((members.len(), NODES));
            for (&a, row) in members.iter().zip(coefficients.rows_mut()) {
                basis((shifts[a].ln() - self.centre(panel)) / HALF_WIDTH, row);
            }
            reading.panels.push((panel, members, coefficients));
        }
        reading
    }
}

/// Shifts located in the tables of a [`Resolvent`].
#[derive(Debug)]
pub(crate) struct Reading {
    n: usize,
    /// Shifts that are zero to rounding.
    unshifted: Vec<usize>,
    /// For each panel the shifts in it and their coefficients (members, nodes).
    panels: Vec<(usize, Vec<usize>, Array2<f64>)>,
}

impl Reading {
    /// Writes the values (A, n) of one table.
    pub(crate) fn read(&self, values: Values<'_>, mut out: ArrayViewMut2<f64>) {
        for &a in &self.unshifted {
            match values.unshifted {
                Some(row) => out.row_mut(a).assign(&row),
                None => out.row_mut(a).fill(1.0),
            }
        }
        for (panel, members, coefficients) in &self.panels {
            let place = s![panel * NODES * self.n..(panel + 1) * NODES * self.n];
            let Ok(table) = values.table.slice(place).into_shape_with_order((NODES, self.n)) else {
                continue; // a panel is contiguous
            };
            let read = linalg::matmul(coefficients.view(), table);
            for (&a, row) in members.iter().zip(read.rows()) {
                out.row_mut(a).assign(&row);
            }
        }
    }
}

/// One function of d and the row, tabulated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'a> {
    table: ArrayView1<'a, f64>,
    /// The limit for d = 0, where it is not one.
    unshifted: Option<ArrayView1<'a, f64>>,
}

/// Tables of linear combinations of columns.
#[derive(Debug, Default)]
pub(crate) struct Combined {
    tables: Array2<f64>,
    unshifted: Array2<f64>,
}

impl Combined {
    /// The table of combination j.
    pub(crate) fn row(&self, j: usize) -> Values<'_> {
        Values { table: self.tables.row(j), unshifted: Some(self.unshifted.row(j)) }
    }
}

fn panels(low: f64, high: f64) -> usize {
    (((high / low).ln() / (2.0 * HALF_WIDTH)).ceil() as usize).max(1)
}

/// Chebyshev points of the second kind on [-1, 1].
fn node(q: usize) -> f64 {
    (std::f64::consts::PI * q as f64 / (NODES - 1) as f64).cos()
}

/// Values at x of the Lagrange polynomials of the nodes, by the barycentric formula (Berrut &
/// Trefethen 2004, eq. 5.4).
fn basis(x: f64, mut out: ndarray::ArrayViewMut1<f64>) {
    for q in 0..NODES {
        let gap = x - node(q);
        if gap == 0.0 {
            out.fill(0.0);
            out[q] = 1.0;
            return;
        }
        let sign = if q % 2 == 0 { 1.0 } else { -1.0 };
        let end = if q == 0 || q == NODES - 1 { 0.5 } else { 1.0 };
        out[q] = sign * end / gap;
    }
    let sum = out.sum();
    out /= sum;
}

#[cfg(test)]
mod tests {
    use ndarray::Axis;

    use super::*;

    #[test]
    fn tables_are_as_good_as_products() {
        // Eigenvalues over sixteen decades, as smooth kernels have them.
        let n = 40;
        let k = Array2::from_shape_fn((n, n), |(i, j)| {
            (-0.5 * ((i as f64 - j as f64) / 4.0).powi(2)).exp()
        });
        let (values, vectors) = linalg::eigh(k).unwrap_or_default();
        let values = values.mapv(|s| s.max(0.0));
        let truncation = crate::solve::Truncation::None;
        let spectrum = Spectrum { values, vectors, clipped: 0, clipped_magnitude: 0.0, truncation };
        let spectrum = Arc::new(spectrum);
        let rotated = Array2::from_shape_fn((n, 2), |(i, t)| ((7 * i + 3 * t) % 11) as f64 - 5.0);
        let shifts: Vec<f64> = (-44..=44).map(|e| 10f64.powf(0.25 * f64::from(e))).collect();
        let (low, high) = (shifts[0], shifts[shifts.len() - 1]);
        let table = Resolvent::new(&spectrum, rotated.view(), low, high);
        let w = ndarray::array![[2.0], [-1.0]];
        let mut combined = Combined::default();
        table.combine(w.view(), &mut combined);
        let mut found = [Array2::zeros((shifts.len(), n)), Array2::zeros((shifts.len(), n))];
        let reading = table.reading(&shifts);
        reading.read(table.diagonals(), found[0].view_mut());
        reading.read(combined.row(0), found[1].view_mut());
        let u = &spectrum.vectors;
        for (a, d) in shifts.iter().enumerate() {
            let inverse = spectrum.values.mapv(|s| 1.0 / (1.0 + s * d));
            let diagonal = (u * u).dot(&inverse);
            let product = u.dot(&(&inverse * &rotated.dot(&w).remove_axis(Axis(1))));
            let size = product.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            for i in 0..n {
                assert!((found[0][[a, i]] / diagonal[i] - 1.0).abs() < 1e-13, "{d:e}");
                assert!((found[1][[a, i]] - product[i]).abs() < 1e-13 * size, "{d:e}");
            }
        }
    }
}
