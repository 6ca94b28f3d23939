//! A model with a linear mean to estimate, the slow and obvious way: the bordered system `[C H; H' 0]` of
//! what was observed, by elimination.

use coregion::gp::Model;
use coregion::gram;
use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};

use super::dense;

/// The columns F (m, p) at rows.
pub type Columns = fn(ArrayView2<f64>) -> Array2<f64>;

/// A model at natural values, its mean's coefficients apart.
pub struct Bordered<'a> {
    model: &'a Model,
    natural: Vec<f64>,
    columns: Columns,
    b: Array2<f64>,
    sigma: Array2<f64>,
    /// Covariance of the observations at all entries of the table, and of the latent functions.
    whole: Array2<f64>,
    observed: Vec<usize>,
    seen: Vec<usize>,
    y: Array1<f64>,
    h: Array2<f64>,
    /// The inverse of the bordered matrix, and the logarithm of its determinant's magnitude.
    inverse: Array2<f64>,
    log_det: f64,
}

/// The inverse of a matrix and `log |det|`, by elimination with pivots.
fn inverse(a: &Array2<f64>) -> (Array2<f64>, f64) {
    let n = a.nrows();
    let mut both = concatenate![Axis(1), *a, Array2::eye(n)];
    let mut log_det = 0.0;
    for k in 0..n {
        let pivot = (k..n).max_by(|&i, &j| both[[i, k]].abs().total_cmp(&both[[j, k]].abs()));
        let pivot = pivot.unwrap();
        let (upper, lower) = (both.row(k).to_owned(), both.row(pivot).to_owned());
        both.row_mut(pivot).assign(&upper);
        log_det += lower[k].abs().ln();
        let lower = &lower / lower[k];
        both.row_mut(k).assign(&lower);
        for i in (0..n).filter(|&i| i != k) {
            let times = both[[i, k]];
            both.row_mut(i).scaled_add(-times, &lower);
        }
    }
    (both.slice(s![.., n..]).to_owned(), log_det)
}

impl<'a> Bordered<'a> {
    pub fn new(model: &'a Model, natural: &[f64], columns: Columns) -> Self {
        let noise = model.noise_matrix(natural);
        let (b, sigma) = (model.task_matrix(natural).to_dense(&noise), noise.to_dense());
        let k = gram::gram(model.kernel(), model.theta(natural), model.x());
        let whole = dense::covariance(k.view(), b.view(), Some(sigma.view()));
        let t = b.nrows();
        let flat: Vec<f64> = model.y().iter().copied().collect();
        let observed: Vec<usize> = (0..flat.len()).filter(|&p| !flat[p].is_nan()).collect();
        let seen: Vec<usize> = (0..t).filter(|u| observed.iter().any(|p| p % t == *u)).collect();
        let y: Array1<f64> = observed.iter().map(|&p| flat[p]).collect();
        let mut out = Bordered {
            model,
            natural: natural.to_vec(),
            columns,
            b,
            sigma,
            whole,
            observed,
            seen,
            y,
            h: Array2::zeros((0, 0)),
            inverse: Array2::zeros((0, 0)),
            log_det: 0.0,
        };
        out.h = out.fixed(model.x()).select(Axis(0), &out.observed);
        let c = out.covariance();
        let corner = Array2::zeros((out.h.ncols(), out.h.ncols()));
        let upper = concatenate![Axis(1), c, out.h];
        let matrix = concatenate![Axis(0), upper, concatenate![Axis(1), out.h.t(), corner]];
        (out.inverse, out.log_det) = inverse(&matrix);
        out
    }

    fn covariance(&self) -> Array2<f64> {
        self.whole.select(Axis(0), &self.observed).select(Axis(1), &self.observed)
    }

    /// `F (x) I` at all tasks of some rows; tasks without observations have the mean of the coefficients.
    fn fixed(&self, xs: ArrayView2<f64>) -> Array2<f64> {
        let f = (self.columns)(xs);
        let (t, p, count) = (self.b.nrows(), f.ncols(), self.seen.len());
        Array2::from_shape_fn((xs.nrows() * t, count * p), |(place, a)| {
            let (i, u, task, q) = (place / t, place % t, self.seen[a / p], a % p);
            match self.seen.contains(&u) {
                true if u == task => f[[i, q]],
                true => 0.0,
                false => f[[i, q]] / count as f64,
            }
        })
    }

    /// The solution for the data: duals, then coefficients.
    fn solution(&self) -> Array1<f64> {
        let n = self.y.len();
        self.inverse.slice(s![.., ..n]).dot(&self.y)
    }

    /// Coefficients (p, T).
    pub fn coefficients(&self) -> Array2<f64> {
        let flat = self.solution().slice(s![self.y.len()..]).to_owned();
        let at = self.fixed_coefficients();
        at.dot(&flat).to_shape((at.nrows() / self.b.nrows(), self.b.nrows())).unwrap().to_owned()
    }

    /// The map from the coefficients of the system to those of all tasks, (p T, r).
    fn fixed_coefficients(&self) -> Array2<f64> {
        let (t, count) = (self.b.nrows(), self.seen.len());
        let p = self.h.ncols() / count;
        Array2::from_shape_fn((p * t, count * p), |(place, a)| {
            let (q, u) = (place / t, place % t);
            let share = match self.seen.contains(&u) {
                true => f64::from(u8::from(self.seen[a / p] == u)),
                false => 1.0 / count as f64,
            };
            if a % p == q { share } else { 0.0 }
        })
    }

    /// The likelihood at the coefficients, restricted or not.
    pub fn log_likelihood(&self, restricted: bool) -> f64 {
        let solution = self.solution();
        let (duals, coefficients) = (
            solution.slice(s![..self.y.len()]).to_owned(),
            solution.slice(s![self.y.len()..]).to_owned(),
        );
        if !restricted {
            let residual = (&self.y - &self.h.dot(&coefficients)).insert_axis(Axis(1));
            return dense::log_density(&self.covariance(), residual.view());
        }
        let (_, log_det) = inverse(&self.h.t().dot(&self.h));
        let contrasts = (self.y.len() - self.h.ncols()) as f64;
        let tau = std::f64::consts::TAU;
        -0.5 * (self.y.dot(&duals) + self.log_det - log_det + contrasts * tau.ln())
    }

    /// Means (q) and covariance (q, q) for the covariances of q values with the observations (q, N), their
    /// columns of the mean (q, r), and their own covariance.
    fn kriged(
        &self,
        cross: &Array2<f64>,
        fixed: &Array2<f64>,
        own: Array2<f64>,
    ) -> (Array1<f64>, Array2<f64>) {
        let rhs = concatenate![Axis(1), *cross, *fixed];
        (rhs.dot(&self.solution()), own - rhs.dot(&self.inverse).dot(&rhs.t()))
    }

    /// Means (m, T) and the covariance (m T, m T) of the latent functions at xs.
    pub fn predict(&self, xs: ArrayView2<f64>) -> (Array2<f64>, Array2<f64>) {
        let (model, theta) = (self.model, self.model.theta(&self.natural));
        let k = gram::cross(model.kernel(), theta, xs, model.x());
        let cross = dense::covariance(k.view(), self.b.view(), None);
        let prior = gram::gram(model.kernel(), theta, xs);
        let prior = dense::covariance(prior.view(), self.b.view(), None);
        let cross = cross.select(Axis(1), &self.observed);
        let (mean, covariance) = self.kriged(&cross, &self.fixed(xs), prior);
        (mean.to_shape((xs.nrows(), self.b.nrows())).unwrap().to_owned(), covariance)
    }

    /// The table with its gaps filled, and standard deviations of the observations: 0 at what was observed.
    pub fn impute(&self) -> (Array2<f64>, Array2<f64>) {
        let t = self.b.nrows();
        let gaps: Vec<usize> =
            (0..self.whole.nrows()).filter(|p| !self.observed.contains(p)).collect();
        let of_gaps = self.whole.select(Axis(0), &gaps);
        let cross = of_gaps.select(Axis(1), &self.observed);
        let fixed = self.fixed(self.model.x()).select(Axis(0), &gaps);
        let (means, covariance) = self.kriged(&cross, &fixed, of_gaps.select(Axis(1), &gaps));
        let (mut mean, mut std) = (self.model.y().to_owned(), Array2::zeros(self.model.y().dim()));
        for (q, &p) in gaps.iter().enumerate() {
            mean[[p / t, p % t]] = means[q];
            std[[p / t, p % t]] = covariance[[q, q]].sqrt();
        }
        (mean, std)
    }

    /// Sigma.
    pub fn noise(&self) -> &Array2<f64> {
        &self.sigma
    }
}
