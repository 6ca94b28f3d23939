//! Linear mixing of independent latent functions, in the whitened space of the tasks.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::NoiseMatrix;
use crate::error::{Error, Result};
use crate::linalg;

/// What mixes m independent latent functions g into T tasks, `f = H g`, with a noise that leaves them
/// independent given the data: with `H = R^1/2 W` for a diagonal R,
///
/// `Sigma = R^1/2 (I - P + W diag(delta) W') R^1/2`, P the projector on the span of W.
///
/// Then `pinv(W) R^-1/2 y` has m independent entries with noise variances delta, and what is
/// orthogonal to W in the whitened space is white (Bruinsma et al. 2020; Truffinet et al. 2023).
/// Nothing of size T x T is kept.
///
/// ```
/// use coregion::op::MixedTasks;
/// use ndarray::array;
/// let (w, r, delta) = (array![[1.0], [1.0]], array![1.0, 4.0], array![0.75]);
/// let tasks = MixedTasks::new(w, r.view(), delta)?;
/// assert_eq!((tasks.n_tasks(), tasks.n_latents()), (2, 1));
/// assert_eq!(tasks.mixing(), array![[1.0], [2.0]]);
/// assert_eq!(tasks.task(0), array![[1.0, 2.0], [2.0, 4.0]]); // h h'
/// let sigma = tasks.noise().to_dense();
/// assert!((sigma - array![[1.25, 0.5], [0.5, 5.0]]).iter().all(|v| v.abs() < 1e-14));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MixedTasks {
    /// W (T, m).
    whitened: Array2<f64>,
    /// Standard deviations `R^1/2` (T).
    root: Array1<f64>,
    /// delta (m).
    noises: Array1<f64>,
    /// `(W' W)^-1` (m, m).
    inverse: Array2<f64>,
    /// `log |W' W| / 2 + log |R| / 2`.
    half_log_det: f64,
}

/// Derivatives of a log-likelihood with respect to what [`MixedTasks`] is made of.
///
/// ```
/// # use coregion::op::{MixedTasks, Pattern};
/// # use coregion::solve::MixedFactor;
/// # use ndarray::array;
/// # let tasks = MixedTasks::new(array![[1.0], [1.0]], array![1.0, 4.0].view(), array![0.75])?;
/// # let (k, y) = (array![[1.0, 0.5], [0.5, 1.0]], array![[1.0, 0.3], [-1.0, 2.0]]);
/// # let pattern = Pattern::of(y.view()).into();
/// let factor = MixedFactor::new(|_| k.clone(), tasks, y.view(), pattern, "an example")?;
/// let (adjoint, _) = factor.adjoints_with(|_, _| ());
/// assert_eq!((adjoint.whitened.dim(), adjoint.root.len(), adjoint.noises.len()), ((2, 1), 2, 1));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MixedAdjoint {
    /// With respect to W (T, m), at held R.
    pub whitened: Array2<f64>,
    /// With respect to the standard deviations `R^1/2` (T), at held W.
    pub root: Array1<f64>,
    /// With respect to delta (m).
    pub noises: Array1<f64>,
}

impl MixedTasks {
    /// From W (T, m) of full rank, the variances R (T) and delta (m): O(T m^2).
    ///
    /// # Errors
    /// [`Error::NotPositive`] where a variance is not positive or the columns of W are dependent.
    pub fn new(
        whitened: Array2<f64>,
        variances: ndarray::ArrayView1<f64>,
        noises: Array1<f64>,
    ) -> Result<Self> {
        let not_positive = |matrix: &str, detail: String| Error::NotPositive {
            matrix: matrix.to_string(),
            what: "definite",
            detail,
        };
        let bad = |v: &&f64| !(v.is_finite() && **v > 0.0);
        if let Some(v) = variances.iter().find(bad) {
            let detail = format!("it has a variance of {v:e}");
            return Err(not_positive("the noise covariance", detail));
        }
        if let Some(v) = noises.iter().find(bad) {
            let detail = format!("a latent function has a noise variance of {v:e}");
            return Err(not_positive("the noise of the latent functions", detail));
        }
        // Columns of unit length: the lengths say nothing of the rank.
        let lengths: Array1<f64> =
            whitened.columns().into_iter().map(|c| c.dot(&c).sqrt()).collect();
        let unit = &whitened / &lengths;
        let gram = linalg::matmul(unit.t(), unit.view());
        let lower = linalg::cholesky(gram.view())
            .ok()
            .filter(|l| l.diag().iter().all(|v| v * v > 1e-12))
            .ok_or_else(|| {
                let detail = "up to rounding, its columns are dependent".to_string();
                not_positive("the Gram matrix of the mixing matrix", detail)
            })?;
        let mut inverse = linalg::cholesky_inverse(lower.view());
        inverse /= &lengths;
        inverse /= &lengths.view().insert_axis(Axis(1));
        let root = variances.mapv(f64::sqrt);
        let half_log_det = lower.diag().iter().chain(&lengths).chain(&root).map(|v| v.ln()).sum();
        Ok(MixedTasks { whitened, root, noises, inverse, half_log_det })
    }

    /// Number of tasks T.
    pub fn n_tasks(&self) -> usize {
        self.whitened.nrows()
    }

    /// Number of latent functions m.
    pub fn n_latents(&self) -> usize {
        self.whitened.ncols()
    }

    /// W (T, m).
    pub fn whitened(&self) -> &Array2<f64> {
        &self.whitened
    }

    /// Standard deviations `R^1/2` (T).
    pub fn root(&self) -> &Array1<f64> {
        &self.root
    }

    /// Noise variances delta (m) of the latent functions.
    pub fn noises(&self) -> &Array1<f64> {
        &self.noises
    }

    /// `(W' W)^-1` (m, m).
    pub(crate) fn inverse(&self) -> &Array2<f64> {
        &self.inverse
    }

    /// `log |W' W| / 2 + log |R| / 2`: what the change of variables costs a row.
    pub(crate) fn half_log_det(&self) -> f64 {
        self.half_log_det
    }

    /// The mixing matrix `H = R^1/2 W` (T, m), in the units of the tasks.
    pub fn mixing(&self) -> Array2<f64> {
        &self.whitened * &self.root.view().insert_axis(Axis(1))
    }

    /// `R^-1/2 pinv(W)'` (T, m): the latent data of rows Y (n, T) are Y times it.
    pub fn projection(&self) -> Array2<f64> {
        let projected = linalg::matmul(self.whitened.view(), self.inverse.view());
        projected / self.root.view().insert_axis(Axis(1))
    }

    /// The task covariance `h h'` (T, T) of one latent function.
    pub fn task(&self, latent: usize) -> Array2<f64> {
        let h = &self.whitened.column(latent) * &self.root;
        let h = h.insert_axis(Axis(1));
        linalg::matmul(h.view(), h.t())
    }

    /// Sigma, made on request: T^2 memory.
    pub fn noise(&self) -> NoiseMatrix {
        let w = self.whitened.view();
        let mut middle = Array2::from_diag(&self.noises);
        middle -= &self.inverse;
        let mut sigma = linalg::matmul(linalg::matmul(w, middle.view()).view(), w.t());
        sigma.diag_mut().mapv_inplace(|v| v + 1.0);
        sigma *= &self.root;
        sigma *= &self.root.view().insert_axis(Axis(1));
        // Rounding must not leave it unsymmetric.
        linalg::mirror(&mut sigma);
        NoiseMatrix::Dense(sigma)
    }

    /// Diagonal of `R^-1/2 (I - P) R^-1/2` (T): the share of each task's precision that is white.
    pub(crate) fn white_precisions(&self) -> Array1<f64> {
        let projected = linalg::matmul(self.whitened.view(), self.inverse.view());
        let inside = (&projected * &self.whitened).sum_axis(Axis(1));
        (1.0 - inside).mapv(|v| v.max(0.0)) / self.root.mapv(|v| v * v)
    }

    /// Diagonal of `R^1/2 (I - P) R^1/2` (T): the noise of each task that is white.
    pub(crate) fn white_variances(&self) -> Array1<f64> {
        self.white_precisions() * &self.root.mapv(|v| v.powi(4))
    }

    /// `R^1/2 (I - P) R^1/2` between two lists of tasks.
    pub(crate) fn white_covariance(&self, rows: &[usize], columns: &[usize]) -> Array2<f64> {
        let left = linalg::matmul(self.whitened.select(Axis(0), rows).view(), self.inverse.view());
        let mut out = -linalg::matmul(left.view(), self.whitened.select(Axis(0), columns).t());
        for ((a, b), v) in out.indexed_iter_mut() {
            *v += f64::from(u8::from(rows[a] == columns[b]));
            *v *= self.root[rows[a]] * self.root[columns[b]];
        }
        out
    }

    /// Whitened rows (n, T) less what is in the span of W.
    pub(crate) fn outside(&self, mut rows: Array2<f64>) -> Array2<f64> {
        let inside = linalg::matmul(rows.view(), self.whitened.view());
        let data = linalg::matmul(inside.view(), self.inverse.view());
        rows -= &linalg::matmul(data.view(), self.whitened.t());
        rows
    }

    /// Rows (n, T) in the units of the tasks from latent rows (n, m) and what is orthogonal to W (n, T):
    /// the inverse of [`MixedTasks::split`].
    pub(crate) fn joined(&self, latent: &Array2<f64>, rest: &Array2<f64>) -> Array2<f64> {
        (linalg::matmul(latent.view(), self.whitened.t()) + rest) * &self.root
    }

    /// Rows (n, T) in units of the noise: whitened, then split into latent data (n, m) and what is
    /// orthogonal to W (n, T).
    pub(crate) fn split(&self, rows: ArrayView2<f64>) -> (Array2<f64>, Array2<f64>) {
        let mut rest = &rows / &self.root;
        let inside = linalg::matmul(rest.view(), self.whitened.view());
        let data = linalg::matmul(inside.view(), self.inverse.view());
        rest -= &linalg::matmul(data.view(), self.whitened.t());
        (data, rest)
    }

    /// `A^-1` times data, from what is orthogonal to W (n, T) and the solutions of the latent
    /// functions (n, m), in the units of the tasks.
    pub(crate) fn dual(&self, solution: &Array2<f64>, rest: &Array2<f64>) -> Array2<f64> {
        let inside = linalg::matmul(solution.view(), self.inverse.view());
        (linalg::matmul(inside.view(), self.whitened.t()) + rest) / &self.root
    }

    /// The adjoint of the parts from adjoints of the task covariances `h h'` and of Sigma, each (T, T)
    /// and symmetric: for solvers that know nothing of the mixing.
    pub fn pull(&self, tasks: &[Array2<f64>], noise: &Array2<f64>) -> MixedAdjoint {
        let w = &self.whitened;
        let root = self.root.view().insert_axis(Axis(1));
        // Adjoints with respect to the matrices less R^1/2 on both sides.
        let white = |g: &Array2<f64>| g * &self.root * root;
        let mut whitened = Array2::zeros(w.dim());
        let mut own = Array1::<f64>::zeros(self.n_tasks());
        for (q, g) in tasks.iter().enumerate() {
            let through = white(g).dot(&w.column(q)) * 2.0;
            own += &(&through * &w.column(q));
            whitened.column_mut(q).assign(&through);
        }
        let g = white(noise);
        let products = linalg::matmul(g.view(), w.view());
        let noises = (&products * w).sum_axis(Axis(0));
        // dP = (I - P) dW pinv(W) and its transpose.
        let through = linalg::matmul(products.view(), self.inverse.view());
        let inside =
            linalg::matmul(self.inverse.view(), linalg::matmul(w.t(), through.view()).view());
        let outside = through - linalg::matmul(w.view(), inside.view());
        whitened = whitened + (&products * &self.noises - outside) * 2.0;
        let sigma = self.noise().to_dense();
        let of_sigma = (noise * &sigma).sum_axis(Axis(1));
        let root = (own + of_sigma * 2.0) / &self.root;
        MixedAdjoint { whitened, root, noises }
    }
}
