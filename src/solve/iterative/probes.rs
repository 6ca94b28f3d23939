//! Probes: random vectors that see the log-determinant and its gradient.
//!
//! For z ~ N(0, P) and `M = P^-1/2 A P^-1/2`, `w = P^-1/2 z` is standard normal and its direction
//! uniform, so that `log|A| = log|P| + N E[w' log(M) w / w' w]`. The quotient is `e_1' log(T) e_1` for
//! the tridiagonal matrix T of the conjugate gradients that solve `A u = z` (Ubaru, Chen & Saad 2017,
//! SIAM J. Matrix Anal. Appl. 38:1075; with a preconditioner Wenger et al. 2022, ICML).

use ndarray::{Array1, Array2};

use super::cg::{Solved, tridiagonal};
use super::preconditioner::Preconditioner;
use crate::error::{Error, Result};
use crate::linalg;
use crate::solve::Estimate;

/// Probes with their solutions. Vectors are the rows of matrices (s, N).
#[derive(Debug, Clone)]
pub(super) struct Probes {
    /// `u = A^-1 z`.
    pub(super) solutions: Array2<f64>,
    /// `v = P^-1 z`.
    pub(super) preconditioned: Array2<f64>,
    /// What each counts in a mean of `u' X v` that estimates `tr(A^-1 X)`: `N / (s z' v)`.
    pub(super) weights: Array1<f64>,
    /// `log|A|`.
    pub(super) log_det: Estimate,
}

impl Probes {
    /// From the draws z and what conjugate gradients made of them.
    pub(super) fn new(p: &Preconditioner, draws: &Array2<f64>, solved: Solved) -> Result<Self> {
        let (s, n) = draws.dim();
        let preconditioned = p.solve(draws);
        let sizes = super::cg::products(draws, &preconditioned);
        let weights = sizes.iter().map(|size| n as f64 / (s as f64 * size)).collect();
        let mut values = Vec::with_capacity(s);
        for coefficients in &solved.coefficients {
            values.push(n as f64 * log_quadrature(coefficients)?);
        }
        let mean = values.iter().sum::<f64>() / s as f64;
        let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
        let std_err = (squares / ((s - 1) as f64 * s as f64)).sqrt();
        let value = p.log_det() + mean;
        let worst = solved.relative.iter().fold(0.0f64, |m, r| m.max(*r));
        let useful = solved.relative.iter().all(|r| *r <= super::USELESS);
        if !value.is_finite() || !useful {
            return Err(Error::Numerical {
                operation: "conjugate gradients".to_string(),
                detail: format!(
                    "after {} iterations a probe has relative residual {worst:e}, and the \
                     log-determinant is {value}",
                    solved.iterations
                ),
            });
        }
        let log_det = Estimate { value, std_err };
        Ok(Probes { solutions: solved.x, preconditioned, weights, log_det })
    }
}

/// `e_1' log(T) e_1`.
fn log_quadrature(coefficients: &[(f64, f64)]) -> Result<f64> {
    let (values, vectors) = linalg::eigh(tridiagonal(coefficients))?;
    let first = vectors.rows().into_iter().next();
    Ok(first.map_or(0.0, |first| values.iter().zip(first).map(|(l, e)| e * e * l.ln()).sum()))
}
