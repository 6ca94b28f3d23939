//! The preconditioner `P = L L' + D`: the signal part as its landmarks see it, and the noise.
//!
//! With the columns S_p of the signal part at the landmarks p, `L L' = S_p (S_pp + delta)^-1 S_p'`. In
//! the whitened space of the noise `D = R R'` it is `P = R (I + H H') R'` with `H = R^-1 L`, and
//! `P^-1 = R^-T (I - H E^-1 H') R^-1` with `E = I + H' H`.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::noise::NoiseRoot;
use crate::error::{Error, Result};
use crate::linalg;
use crate::op::MaskedKronecker;

/// Columns of `H'` made at a time.
const AT_ONCE: usize = 8192;
/// What is added to the landmarks' covariance, relative to its diagonal; ten times more until it has a
/// Cholesky factor. The preconditioner is weaker for it, the results are the same; its gradient, a
/// difference of numbers as large as the inverse of this, keeps its accuracy.
const JITTER: [f64; 4] = [1e-9, 1e-8, 1e-7, 1e-6];

/// `P`, factored.
#[derive(Debug, Clone)]
pub(super) struct Preconditioner {
    places: Vec<usize>,
    /// Lower Cholesky factor of `S_pp + delta` (r, r).
    core: Array2<f64>,
    /// `H'` (r, N).
    half: Array2<f64>,
    /// Lower Cholesky factor of E (r, r).
    inner: Array2<f64>,
    noise: NoiseRoot,
}

impl Preconditioner {
    /// From the places of the landmarks.
    pub(super) fn new(a: &MaskedKronecker, noise: NoiseRoot, places: Vec<usize>) -> Result<Self> {
        let (r, n) = (places.len(), a.pattern().n_observed());
        let core = core(a, &places)?;
        let mut half = Array2::<f64>::zeros((r, n));
        for from in (0..n).step_by(AT_ONCE) {
            let part = from..(from + AT_ONCE).min(n);
            let rows = a.signal_rows(&places, part.clone());
            let solved = linalg::solve_lower(core.view(), rows.view());
            half.slice_mut(s![.., part]).assign(&solved);
        }
        noise.whiten(&mut half);
        let mut inner = Array2::<f64>::zeros((r, r));
        linalg::add_gram(half.t(), inner.view_mut());
        linalg::mirror(&mut inner);
        inner.diag_mut().mapv_inplace(|v| v + 1.0);
        let inner = linalg::cholesky_of(inner)?;
        Ok(Preconditioner { places, core, half, inner, noise })
    }

    /// Number r of landmarks.
    pub(super) fn rank(&self) -> usize {
        self.places.len()
    }

    /// Places of the landmarks.
    pub(super) fn places(&self) -> &[usize] {
        &self.places
    }

    /// The factored noise part.
    pub(super) fn noise(&self) -> &NoiseRoot {
        &self.noise
    }

    /// `P^-1 v` for each row of v (c, N).
    pub(super) fn solve(&self, v: &Array2<f64>) -> Array2<f64> {
        let mut out = v.clone();
        self.noise.whiten(&mut out);
        if self.rank() > 0 {
            let mut inside = linalg::matmul(self.half.view(), out.t());
            inside = linalg::solve_lower(self.inner.view(), inside.view());
            inside = linalg::solve_lower_transpose(self.inner.view(), inside.view());
            inside.mapv_inplace(|v| -v);
            linalg::matmul_add(inside.t(), self.half.view(), out.view_mut());
        }
        self.noise.whiten_transpose(&mut out);
        out
    }

    /// `log|P|`.
    pub(super) fn log_det(&self) -> f64 {
        self.noise.log_det() + 2.0 * self.inner.diag().iter().map(|v| v.ln()).sum::<f64>()
    }

    /// Draws (count, N) from N(0, P). The same seed gives the same standard normal numbers, so that
    /// the draws are smooth in P.
    pub(super) fn draw(&self, count: usize, seed: u64) -> Array2<f64> {
        let mut out = normal((count, self.half.ncols()), seed);
        let inside = normal((count, self.rank()), seed ^ 0x9e37_79b9_7f4a_7c15);
        linalg::matmul_add(inside.view(), self.half.view(), out.view_mut());
        self.noise.color(&mut out);
        out
    }

    /// `J = E_lower^-1 H'` (r, k) at k places, for which `P^-1 = R^-T (I - J' J) R^-1`.
    pub(super) fn inner_columns(&self, places: &[usize]) -> Array2<f64> {
        linalg::solve_lower(self.inner.view(), self.half.select(Axis(1), places).view())
    }

    /// `C^-T E^-1` (r, r) for `S_pp + delta = C C'`.
    fn outer(&self) -> Array2<f64> {
        let eye = Array2::eye(self.rank());
        let inverse = linalg::solve_lower(self.core.view(), eye.view()); // C^-1
        let half = linalg::solve_lower(self.inner.view(), inverse.view());
        linalg::solve_lower_transpose(self.inner.view(), half.view()).reversed_axes()
    }

    /// With `W = S_p (S_pp + delta)^-1` (N, r): `W' P^-1 W` (r, r), and a call with pieces of
    /// `W' P^-1` (r, k) from a place on.
    pub(super) fn landmark_precision(
        &self,
        mut call: impl FnMut(usize, Array2<f64>),
    ) -> Array2<f64> {
        let outer = self.outer();
        // W' P^-1 = C^-T E^-1 H' R^-1, and W' P^-1 W = C^-T (I - E^-1) C^-1.
        match &self.noise {
            NoiseRoot::Diagonal(s) => {
                for from in (0..s.len()).step_by(AT_ONCE) {
                    let part = from..(from + AT_ONCE).min(s.len());
                    let columns = self.half.slice(s![.., part.clone()]);
                    let mut piece = linalg::matmul(outer.view(), columns);
                    piece /= &s.slice(s![part]);
                    call(from, piece);
                }
            }
            NoiseRoot::Rows(_) => {
                let mut whole = linalg::matmul(outer.view(), self.half.view());
                self.noise.whiten_transpose(&mut whole);
                call(0, whole);
            }
        }
        let eye = Array2::eye(self.rank());
        let inverse = linalg::solve_lower(self.core.view(), eye.view());
        let mut out = linalg::matmul(inverse.t(), inverse.view());
        out -= &linalg::matmul(outer.view(), inverse.view());
        out
    }

    /// `W' v` (r, c) for the rows v of (c, N).
    pub(super) fn landmark_weights(&self, v: ArrayView2<f64>) -> Array2<f64> {
        let mut whitened = v.to_owned();
        self.noise.color_transpose(&mut whitened);
        let inside = linalg::matmul(self.half.view(), whitened.t());
        linalg::solve_lower_transpose(self.core.view(), inside.view())
    }
}

/// The lower Cholesky factor of the landmarks' signal covariance and a little on its diagonal.
fn core(a: &MaskedKronecker, places: &[usize]) -> Result<Array2<f64>> {
    let columns = a.signal_between(places);
    let diagonal: Array1<f64> = columns.diag().to_owned();
    let mut last = Error::Numerical {
        operation: "factoring the preconditioner".to_string(),
        detail: "no attempt was made".to_string(),
    };
    for jitter in JITTER {
        let mut attempt = columns.clone();
        attempt.diag_mut().zip_mut_with(&diagonal, |v, d| *v += jitter * d);
        match linalg::cholesky_of(attempt) {
            Ok(lower) => return Ok(lower),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Standard normal numbers.
pub(super) fn normal(shape: (usize, usize), seed: u64) -> Array2<f64> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    Array2::from_shape_simple_fn(shape, || rng.sample(StandardNormal))
}
