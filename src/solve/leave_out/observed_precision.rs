//! The precision of the observed entries of a table, seen through its blocks.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, Axis, s};

use crate::error::Result;
use crate::linalg;
use crate::op::Pattern;
use crate::solve::{DenseFactor, Factor, SchurFactor};

/// `P = A_oo^-1` (N, N) for N observed entries, in the order of their [`Pattern`].
pub(in crate::solve) trait ObservedPrecision: Sync {
    /// Which entries were observed.
    fn pattern(&self) -> &Pattern;

    /// The dual coefficients `P (y - mean)` (N).
    fn dual(&self) -> Array1<f64>;

    /// The diagonal of P (N).
    fn diagonal(&self) -> Array1<f64>;

    /// The blocks of P for some disjoint sets of places.
    fn blocks(&self, sets: &[&[usize]]) -> Vec<Array2<f64>>;

    /// P times the indicators of some tasks, as columns.
    ///
    /// # Errors
    /// As [`Factor::solve`].
    fn task_sums(&self, tasks: &[usize]) -> Result<Array2<f64>>;

    /// How many places are best asked for at once.
    fn at_once(&self) -> usize;
}

/// P itself: N^2 doubles.
pub(in crate::solve) struct DensePrecision<'a> {
    factor: &'a DenseFactor,
    inverse: Array2<f64>,
}

impl<'a> DensePrecision<'a> {
    pub(in crate::solve) fn new(factor: &'a DenseFactor) -> Self {
        DensePrecision { factor, inverse: factor.inverse() }
    }
}

impl ObservedPrecision for DensePrecision<'_> {
    fn pattern(&self) -> &Pattern {
        self.factor.covariance().pattern()
    }

    fn dual(&self) -> Array1<f64> {
        self.factor.solution().clone()
    }

    fn diagonal(&self) -> Array1<f64> {
        self.inverse.diag().to_owned()
    }

    fn blocks(&self, sets: &[&[usize]]) -> Vec<Array2<f64>> {
        let block = |set: &&[usize]| {
            Array2::from_shape_fn((set.len(), set.len()), |(a, b)| self.inverse[[set[a], set[b]]])
        };
        sets.iter().map(block).collect()
    }

    fn task_sums(&self, tasks: &[usize]) -> Result<Array2<f64>> {
        let mut out = Array2::zeros((self.inverse.nrows(), tasks.len()));
        for (&t, mut column) in tasks.iter().zip(out.columns_mut()) {
            let span = self.pattern().span(t);
            column.assign(&self.inverse.slice(s![.., span]).sum_axis(Axis(1)));
        }
        Ok(out)
    }

    fn at_once(&self) -> usize {
        4096
    }
}

/// P by way of the whole table's precision F: `P_SS = F_SS - Y_S' Y_S` with `Y_S = R^-1 F_mS` for the
/// m gaps, where `F_mm = R R'`. With `F[(i, t), (j, u)] = sum_k U_ik U_jk sum_l W_tl W_ul / Lam_kl` no
/// matrix has more than m or n rows and some columns.
///
/// All blocks that hold every entry once: N m (n + m / 2) multiply-adds for the Y_S, and for the F_SS
/// of sets of g rows n g^2 T each, or n g^2 within one task.
pub(in crate::solve) struct SchurPrecision<'a> {
    factor: &'a SchurFactor,
    /// The observed entries (row, task).
    entries: Vec<(usize, usize)>,
    /// W (T, T).
    duals: Array2<f64>,
}

impl<'a> SchurPrecision<'a> {
    pub(in crate::solve) fn new(factor: &'a SchurFactor) -> Self {
        SchurPrecision {
            factor,
            entries: factor.pattern().observed().collect(),
            duals: factor.filled().congruence().dual_vectors(),
        }
    }

    /// `1 / Lam` (n, T).
    fn inverse(&self) -> &Array2<f64> {
        self.factor.filled().inverse_shifts().0
    }

    /// U (n, n).
    fn vectors(&self) -> &Array2<f64> {
        &self.factor.filled().spectrum().vectors
    }

    /// `sum_l W_tl W_ul / Lam_l` (T, n) for all tasks t.
    fn weights(&self, u: usize) -> Array2<f64> {
        linalg::matmul((&self.duals * &self.duals.row(u)).view(), self.inverse().t())
    }

    /// `R^-1 F_mS` (m, S) for some places.
    fn panel(&self, places: &[usize]) -> Array2<f64> {
        let (gap_vectors, lower) = self.factor.gaps();
        let gaps = self.factor.pattern().missing();
        let mut panel = Array2::zeros((gaps.len(), places.len()));
        if gaps.is_empty() {
            return panel;
        }
        let mut by_task: BTreeMap<usize, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for (column, &place) in places.iter().enumerate() {
            let (i, u) = self.entries[place];
            let (rows, columns) = by_task.entry(u).or_default();
            rows.push(i);
            columns.push(column);
        }
        for (u, (rows, columns)) in by_task {
            let weights = self.weights(u);
            let mut left = gap_vectors.clone();
            for (mut row, &(_, t)) in left.rows_mut().into_iter().zip(gaps) {
                row *= &weights.row(t);
            }
            let part = linalg::matmul(left.view(), self.vectors().select(Axis(0), &rows).t());
            for (column, values) in columns.into_iter().zip(part.columns()) {
                panel.column_mut(column).assign(&values);
            }
        }
        linalg::solve_lower(lower.view(), panel.view())
    }

    /// `F_SS` for some places.
    fn full_block(&self, places: &[usize]) -> Array2<f64> {
        let entries: Vec<(usize, usize)> = places.iter().map(|&p| self.entries[p]).collect();
        let mut rows: Vec<usize> = entries.iter().map(|e| e.0).collect();
        let first = entries.first().map_or(0, |e| e.1);
        if entries.iter().all(|e| e.1 == first) {
            let squares = self.duals.row(first).mapv(|w| w * w);
            return self.weighted(&rows, &self.inverse().dot(&squares));
        }
        rows.sort_unstable();
        rows.dedup();
        let place = |row: usize| rows.partition_point(|&r| r < row);
        let local: Vec<(usize, usize)> = entries.iter().map(|&(i, t)| (place(i), t)).collect();
        let mut out = Array2::<f64>::zeros((entries.len(), entries.len()));
        for (w, inverse) in self.duals.columns().into_iter().zip(self.inverse().columns()) {
            let shared = self.weighted(&rows, &inverse.to_owned());
            for (mut row, &(i, t)) in out.rows_mut().into_iter().zip(&local) {
                row.iter_mut()
                    .zip(&local)
                    .for_each(|(v, &(j, u))| *v += w[t] * w[u] * shared[[i, j]]);
            }
        }
        out
    }

    /// `U_I diag(weights) U_I'` for some rows.
    fn weighted(&self, rows: &[usize], weights: &Array1<f64>) -> Array2<f64> {
        let vectors = self.vectors().select(Axis(0), rows);
        linalg::matmul((&vectors * weights).view(), vectors.t())
    }
}

impl ObservedPrecision for SchurPrecision<'_> {
    fn pattern(&self) -> &Pattern {
        self.factor.pattern()
    }

    fn dual(&self) -> Array1<f64> {
        self.pattern().gather(self.factor.filled().dual().view())
    }

    fn diagonal(&self) -> Array1<f64> {
        let weights = linalg::matmul(self.inverse().view(), self.duals.mapv(|w| w * w).t());
        let full = super::squares_times(self.vectors().view(), weights.view());
        let mut out = self.pattern().gather(full.view());
        let places: Vec<usize> = (0..out.len()).collect();
        let size = self.at_once();
        for (chunk, mut part) in places.chunks(size).zip(out.axis_chunks_iter_mut(Axis(0), size)) {
            for row in self.panel(chunk).rows() {
                part.zip_mut_with(&row, |v, y| *v -= y * y);
            }
        }
        out
    }

    fn blocks(&self, sets: &[&[usize]]) -> Vec<Array2<f64>> {
        let places: Vec<usize> = sets.iter().flat_map(|set| set.iter().copied()).collect();
        let panel = self.panel(&places);
        let mut starts = vec![0];
        sets.iter().for_each(|set| starts.push(starts[starts.len() - 1] + set.len()));
        let numbered: Vec<usize> = (0..sets.len()).collect();
        linalg::map(&numbered, |&q| {
            let part = panel.slice(s![.., starts[q]..starts[q + 1]]);
            self.full_block(sets[q]) - linalg::matmul(part.t(), part)
        })
    }

    fn task_sums(&self, tasks: &[usize]) -> Result<Array2<f64>> {
        let pattern = self.pattern();
        let mut out = Array2::zeros((pattern.n_observed(), tasks.len()));
        for (&t, mut column) in tasks.iter().zip(out.columns_mut()) {
            let mut indicator = Array2::zeros((pattern.n_rows(), pattern.n_tasks()));
            indicator.column_mut(t).fill(1.0);
            column.assign(&pattern.gather(self.factor.solve(indicator.view())?.view()));
        }
        Ok(out)
    }

    fn at_once(&self) -> usize {
        const DOUBLES: usize = 1 << 22;
        (DOUBLES / self.pattern().n_missing().max(1)).clamp(256, 4096)
    }
}
