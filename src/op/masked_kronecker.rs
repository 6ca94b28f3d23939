//! The covariance of the observed entries of a table.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView2, s};

use super::{NoiseMatrix, Pattern};
use crate::linalg;

/// A Gram matrix and a task covariance, `K (x) B`: one term of the signal.
///
/// ```
/// use coregion::op::KroneckerTerm;
/// use ndarray::array;
/// let (k, b) = (array![[1.0, 0.5], [0.5, 1.0]], array![[2.0]]);
/// let term = KroneckerTerm { gram: k.into(), task: b };
/// assert_eq!(term.entry((0, 0), (1, 0)), 1.0);
/// ```
#[derive(Debug, Clone)]
pub struct KroneckerTerm {
    /// K (n, n).
    pub gram: Arc<Array2<f64>>,
    /// B (T, T).
    pub task: Array2<f64>,
}

impl KroneckerTerm {
    /// The covariance of two entries (row, task) of the table.
    pub fn entry(&self, (i, t): (usize, usize), (j, u): (usize, usize)) -> f64 {
        self.task[[t, u]] * self.gram[[i, j]]
    }
}

/// `A = P (sum_q K_q (x) B_q + I (x) Sigma) P' + diag(v)`, the covariance of the N observed entries of
/// an (n, T) table: P selects them, and v are noise variances known in advance.
///
/// Never formed unless asked for: entries, columns and products need the K and B alone. In the order of
/// [`Pattern`] the block between tasks t and u is `sum_q B_q[t, u] K_q[rows_t, rows_u]`.
///
/// ```
/// use coregion::op::{MaskedKronecker, NoiseMatrix, Pattern};
/// use ndarray::{Axis, array};
/// let pattern = Pattern::of(array![[1.0, f64::NAN], [2.0, 3.0]].view());
/// let (k, b) = (array![[1.0, 0.5], [0.5, 1.0]], array![[2.0, 1.0], [1.0, 3.0]]);
/// let noise = NoiseMatrix::Dense(array![[0.1, 0.05], [0.05, 0.2]]);
/// let a = MaskedKronecker::new(k.into(), b, noise, None, pattern.into());
/// let dense = a.to_dense();
/// assert_eq!(dense, array![[2.1, 1.0, 0.5], [1.0, 2.1, 1.05], [0.5, 1.05, 3.2]]);
/// let v = array![1.0, -2.0, 0.5];
/// let product = a.times(v.view().insert_axis(Axis(1)));
/// assert!((product.column(0).to_owned() - dense.dot(&v)).iter().all(|e| e.abs() < 1e-15));
/// ```
#[derive(Debug, Clone)]
pub struct MaskedKronecker {
    terms: Vec<KroneckerTerm>,
    noise: NoiseMatrix,
    known: Option<Arc<Array1<f64>>>,
    pattern: Arc<Pattern>,
}

impl MaskedKronecker {
    /// The covariance of one term: with Gram matrix K (n, n), task covariance B (T, T), noise covariance
    /// Sigma, and the known noise variances (N) of the observed entries in the order of the pattern.
    pub fn new(
        gram: Arc<Array2<f64>>,
        task: Array2<f64>,
        noise: NoiseMatrix,
        known: Option<Arc<Array1<f64>>>,
        pattern: Arc<Pattern>,
    ) -> Self {
        Self::sum(vec![KroneckerTerm { gram, task }], noise, known, pattern)
    }

    /// The covariance whose signal is a sum of terms.
    ///
    /// ```
    /// use coregion::op::{KroneckerTerm, MaskedKronecker, NoiseMatrix, Pattern};
    /// use ndarray::array;
    /// let term = |k, b: f64| KroneckerTerm { gram: array![[1.0, k], [k, 1.0]].into(), task: array![[b]] };
    /// let pattern = Pattern::of(array![[1.0], [2.0]].view());
    /// let noise = NoiseMatrix::Diagonal(array![0.5]);
    /// let a = MaskedKronecker::sum(vec![term(0.5, 2.0), term(0.0, 1.0)], noise, None, pattern.into());
    /// assert_eq!(a.to_dense(), array![[3.5, 1.0], [1.0, 3.5]]);
    /// ```
    pub fn sum(
        terms: Vec<KroneckerTerm>,
        noise: NoiseMatrix,
        known: Option<Arc<Array1<f64>>>,
        pattern: Arc<Pattern>,
    ) -> Self {
        MaskedKronecker { terms, noise, known, pattern }
    }

    /// Which entries were observed.
    pub fn pattern(&self) -> &Arc<Pattern> {
        &self.pattern
    }

    /// The terms of the signal.
    pub fn terms(&self) -> &[KroneckerTerm] {
        &self.terms
    }

    /// Sigma.
    pub fn noise(&self) -> &NoiseMatrix {
        &self.noise
    }

    /// Noise variances known in advance (N).
    pub fn known(&self) -> Option<&Array1<f64>> {
        self.known.as_deref()
    }

    /// Diagonal of the signal part (N).
    pub fn signal_diagonal(&self) -> Array1<f64> {
        self.pattern.observed().map(|e| self.signal_entry(e, e)).collect()
    }

    /// The signal part between two entries (row, task) of the table.
    pub(crate) fn signal_entry(&self, a: (usize, usize), b: (usize, usize)) -> f64 {
        self.terms.iter().map(|term| term.entry(a, b)).sum()
    }

    /// Diagonal of the noise part (N).
    pub fn noise_diagonal(&self) -> Array1<f64> {
        let variances = self.noise.diagonal();
        let mut out: Array1<f64> = self.pattern.observed().map(|(_, t)| variances[t]).collect();
        if let Some(known) = &self.known {
            out += &**known;
        }
        out
    }

    /// The whole matrix (N, N).
    pub fn to_dense(&self) -> Array2<f64> {
        let p = &self.pattern;
        let mut out = Array2::zeros((p.n_observed(), p.n_observed()));
        for t in 0..p.n_tasks() {
            for u in 0..=t {
                let mut block = out.slice_mut(s![p.span(t), p.span(u)]);
                for term in &self.terms {
                    let b = term.task[[t, u]];
                    for (mut row, &i) in block.rows_mut().into_iter().zip(p.rows_of(t)) {
                        let k = term.gram.row(i);
                        row.iter_mut().zip(p.rows_of(u)).for_each(|(v, &j)| *v += b * k[j]);
                    }
                }
                if t != u {
                    let copy = block.t().to_owned();
                    out.slice_mut(s![p.span(u), p.span(t)]).assign(&copy);
                }
            }
        }
        self.each_noise_entry(|a, b, sigma| out[[a, b]] += sigma);
        if let Some(known) = &self.known {
            out.diag_mut().zip_mut_with(known, |d, v| *d += v);
        }
        out
    }

    /// Rows of the signal part at some places, from one place to another (k, to - from).
    pub(crate) fn signal_rows(&self, places: &[usize], part: Range<usize>) -> Array2<f64> {
        let p = &self.pattern;
        let entries = self.entries_at(places);
        let mut out = Array2::zeros((places.len(), part.len()));
        for t in 0..p.n_tasks() {
            let span = p.span(t);
            let (from, to) = (span.start.max(part.start), span.end.min(part.end));
            if from >= to {
                continue;
            }
            let rows = &p.rows_of(t)[from - span.start..to - span.start];
            let mut block = out.slice_mut(s![.., from - part.start..to - part.start]);
            for (mut target, &(j, u)) in block.rows_mut().into_iter().zip(&entries) {
                for term in &self.terms {
                    let (b, k) = (term.task[[u, t]], term.gram.row(j));
                    target.iter_mut().zip(rows).for_each(|(v, &i)| *v += b * k[i]);
                }
            }
        }
        out
    }

    /// The signal part between some places (k, k).
    pub(crate) fn signal_between(&self, places: &[usize]) -> Array2<f64> {
        let entries = self.entries_at(places);
        Array2::from_shape_fn((places.len(), places.len()), |(p, q)| {
            self.signal_entry(entries[p], entries[q])
        })
    }

    /// The observed entries (row, task) at some places.
    pub(crate) fn entries_at(&self, places: &[usize]) -> Vec<(usize, usize)> {
        let entries: Vec<(usize, usize)> = self.pattern.observed().collect();
        places.iter().map(|&p| entries[p]).collect()
    }

    /// The product with vectors over the observed entries (N, c): `2 n^2 T + 2 n T^2` operations for
    /// each and each term, or `2 n N` where most of the table is missing. It comes with each vector contiguous in
    /// memory, and is fastest for vectors that come so.
    pub fn times(&self, v: ArrayView2<f64>) -> Array2<f64> {
        self.rows_times(v.t(), true).reversed_axes()
    }

    /// The product of the signal part with vectors (N, c).
    pub fn signal_times(&self, v: ArrayView2<f64>) -> Array2<f64> {
        self.rows_times(v.t(), false).reversed_axes()
    }

    /// The product with vectors that are the rows of v (c, N), with or without the noise part.
    pub(crate) fn rows_times(&self, v: ArrayView2<f64>, with_noise: bool) -> Array2<f64> {
        let t = self.pattern.n_tasks();
        let tables = self.tables(v);
        let mut mixed = Array2::<f64>::zeros(tables.dim());
        for term in &self.terms {
            let through = self.kernel_times(term, v, &tables);
            for q in 0..v.nrows() {
                let block = s![q * t..(q + 1) * t, ..];
                let part = mixed.slice_mut(block);
                linalg::matmul_add(term.task.view(), through.slice(block), part);
            }
        }
        if let (true, NoiseMatrix::Dense(sigma)) = (with_noise, &self.noise) {
            for q in 0..v.nrows() {
                let block = s![q * t..(q + 1) * t, ..];
                linalg::matmul_add(sigma.view(), tables.slice(block), mixed.slice_mut(block));
            }
        }
        let mut out = self.gather_tables(&mixed);
        if with_noise {
            self.add_diagonal_noise(v, &mut out);
        }
        out
    }

    /// The tables of vectors that are the rows of v (c, N): row `q T + t` of (c T, n) has the entries
    /// of vector q that are of task t, and zeros at its gaps.
    pub(crate) fn tables(&self, v: ArrayView2<f64>) -> Array2<f64> {
        let p = &self.pattern;
        let t = p.n_tasks();
        let mut out = Array2::<f64>::zeros((v.nrows() * t, p.n_rows()));
        for (q, vector) in v.rows().into_iter().enumerate() {
            for u in 0..t {
                let mut row = out.row_mut(q * t + u);
                let part = vector.slice(s![p.span(u)]);
                p.rows_of(u).iter().zip(part).for_each(|(&i, value)| row[i] = *value);
            }
        }
        out
    }

    /// The vectors (c, N) of tables (c T, n): [`MaskedKronecker::tables`] backwards.
    fn gather_tables(&self, tables: &Array2<f64>) -> Array2<f64> {
        let p = &self.pattern;
        let t = p.n_tasks();
        let mut out = Array2::<f64>::zeros((tables.nrows() / t.max(1), p.n_observed()));
        for (q, mut vector) in out.rows_mut().into_iter().enumerate() {
            for u in 0..t {
                let row = tables.row(q * t + u);
                let part = vector.slice_mut(s![p.span(u)]);
                part.into_iter().zip(p.rows_of(u)).for_each(|(value, &i)| *value = row[i]);
            }
        }
        out
    }

    /// The tables (c T, n) of vectors v (c, N), times the K of a term.
    pub(crate) fn kernel_times(
        &self,
        term: &KroneckerTerm,
        v: ArrayView2<f64>,
        tables: &Array2<f64>,
    ) -> Array2<f64> {
        /// Multiply-adds of a product in the time that it takes to copy one double.
        const COPY: usize = 32;
        let p = &self.pattern;
        let (t, c) = (p.n_tasks(), v.nrows());
        if p.n_observed() * (c + COPY) >= p.n_rows() * t * c {
            return linalg::matmul(tables.view(), term.gram.view());
        }
        let mut out = Array2::<f64>::zeros(tables.dim());
        for u in (0..t).filter(|&u| !p.rows_of(u).is_empty()) {
            let rows = term.gram.select(ndarray::Axis(0), p.rows_of(u));
            let part = out.slice_mut(s![u..;t, ..]);
            linalg::matmul_into(v.slice(s![.., p.span(u)]), rows.view(), part);
        }
        out
    }

    /// Adds the product of what the noise has on the diagonal alone with vectors v (c, N).
    fn add_diagonal_noise(&self, v: ArrayView2<f64>, out: &mut Array2<f64>) {
        let diagonal = match (&self.noise, &self.known) {
            (NoiseMatrix::Diagonal(_), _) => self.noise_diagonal(),
            (NoiseMatrix::Dense(_), Some(known)) => (**known).clone(),
            (NoiseMatrix::Dense(_), None) => return,
        };
        for (mut row, v) in out.rows_mut().into_iter().zip(v.rows()) {
            ndarray::Zip::from(&mut row).and(&v).and(&diagonal).for_each(|o, v, d| *o += d * v);
        }
    }

    /// The product of the noise part with vectors (N, c).
    pub fn noise_times(&self, v: ArrayView2<f64>) -> Array2<f64> {
        let mut out = Array2::zeros((v.ncols(), v.nrows()));
        if let NoiseMatrix::Dense(sigma) = &self.noise {
            let t = self.pattern.n_tasks();
            let mut tables = self.tables(v.t());
            for mut block in tables.axis_chunks_iter_mut(ndarray::Axis(0), t.max(1)) {
                let mixed = linalg::matmul(sigma.view(), block.view());
                block.assign(&mixed);
            }
            out = self.gather_tables(&tables);
        }
        self.add_diagonal_noise(v.t(), &mut out);
        out.reversed_axes()
    }

    /// Calls with the places of each pair of entries of one row, and what Sigma says of it.
    fn each_noise_entry(&self, mut call: impl FnMut(usize, usize, f64)) {
        match &self.noise {
            NoiseMatrix::Diagonal(variances) => {
                for (a, (_, t)) in self.pattern.observed().enumerate() {
                    call(a, a, variances[t]);
                }
            }
            NoiseMatrix::Dense(m) => {
                for group in self.pattern.by_row() {
                    for &(a, t) in &group {
                        for &(b, u) in &group {
                            call(a, b, m[[t, u]]);
                        }
                    }
                }
            }
        }
    }

    /// Covariances (N, k) between the observed entries and the latent functions of `tasks` at rows
    /// whose cross-kernels with the n rows are `cross`, (k, n) for each term.
    pub fn cross(&self, cross: &[ArrayView2<f64>], tasks: &[usize]) -> Array2<f64> {
        let p = &self.pattern;
        let mut out = Array2::zeros((p.n_observed(), tasks.len()));
        for (term, cross) in self.terms.iter().zip(cross) {
            for t in 0..p.n_tasks() {
                let mut part = out.slice_mut(s![p.span(t), ..]);
                for (q, (k, &u)) in cross.rows().into_iter().zip(tasks).enumerate() {
                    let b = term.task[[t, u]];
                    let column = part.column_mut(q);
                    column.into_iter().zip(p.rows_of(t)).for_each(|(v, &i)| *v += b * k[i]);
                }
            }
        }
        out
    }

    /// Covariances (N, k) between the observed entries and the observations at entries (row, task) of
    /// the table that were missing, noise included.
    pub fn cross_missing(&self, entries: &[(usize, usize)]) -> Array2<f64> {
        let (rows, tasks): (Vec<usize>, Vec<usize>) = entries.iter().copied().unzip();
        let cross: Vec<Array2<f64>> =
            self.terms.iter().map(|q| q.gram.select(ndarray::Axis(0), &rows)).collect();
        let cross: Vec<ArrayView2<f64>> = cross.iter().map(|k| k.view()).collect();
        let mut out = self.cross(&cross, &tasks);
        if matches!(self.noise, NoiseMatrix::Dense(_)) {
            let groups = self.pattern.by_row();
            for (q, &(i, t)) in entries.iter().enumerate() {
                for &(a, u) in &groups[i] {
                    out[[a, q]] += self.noise.entry(u, t);
                }
            }
        }
        out
    }

    /// The adjoint of the K of a term for a symmetric adjoint G (N, N) of the covariance:
    /// `sum_tu B[t, u] G_tu`.
    pub fn fold_kernel(&self, term: &KroneckerTerm, g: ArrayView2<f64>) -> Array2<f64> {
        let p = &self.pattern;
        let mut out = Array2::zeros((p.n_rows(), p.n_rows()));
        for t in 0..p.n_tasks() {
            for u in 0..p.n_tasks() {
                let b = term.task[[t, u]];
                let block = g.slice(s![p.span(t), p.span(u)]);
                for (row, &i) in block.rows().into_iter().zip(p.rows_of(t)) {
                    let mut target = out.row_mut(i);
                    row.iter().zip(p.rows_of(u)).for_each(|(v, &j)| target[j] += b * v);
                }
            }
        }
        out
    }

    /// The adjoint of the B of a term for a symmetric adjoint G (N, N): the sums of
    /// `G_tu o K[rows_t, rows_u]`.
    pub fn fold_task(&self, term: &KroneckerTerm, g: ArrayView2<f64>) -> Array2<f64> {
        let p = &self.pattern;
        let mut out = Array2::zeros(term.task.dim());
        for t in 0..p.n_tasks() {
            for u in 0..=t {
                let block = g.slice(s![p.span(t), p.span(u)]);
                let mut sum = 0.0;
                for (row, &i) in block.rows().into_iter().zip(p.rows_of(t)) {
                    let k = term.gram.row(i);
                    sum += row.iter().zip(p.rows_of(u)).map(|(v, &j)| v * k[j]).sum::<f64>();
                }
                out[[t, u]] = sum;
                out[[u, t]] = sum;
            }
        }
        out
    }

    /// The adjoint of Sigma for an adjoint of the covariance known by its entries (a, b) at places of
    /// one row.
    pub fn fold_noise(&self, entry: impl Fn(usize, usize) -> f64) -> Array2<f64> {
        let t = self.pattern.n_tasks();
        let mut out = Array2::zeros((t, t));
        match &self.noise {
            NoiseMatrix::Diagonal(_) => {
                for (a, (_, t)) in self.pattern.observed().enumerate() {
                    out[[t, t]] += entry(a, a);
                }
            }
            NoiseMatrix::Dense(_) => {
                for group in self.pattern.by_row() {
                    for &(a, t) in &group {
                        group.iter().for_each(|&(b, u)| out[[t, u]] += entry(a, b));
                    }
                }
            }
        }
        out
    }
}
