//! Sums of separable terms.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Mixing, Separable};
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::task::LowRank;

/// The linear model of coregionalization: `Cov(f_t(x), f_s(z)) = sum_q k_q(x, z) B_q[t, s]`, a sum of
/// separable terms, each with its own kernel and task covariance (Goovaerts 1997, sec. 4.2.3; Alvarez,
/// Rosasco & Lawrence 2012, sec. 4.1). One term is the intrinsic model.
///
/// ```
/// use coregion::kernel::{Matern12, Rbf};
/// use coregion::matrix_kernel::{Coregionalization, Separable};
/// use coregion::task::{Diagonal, LowRank};
/// let shared = Separable { kernel: Rbf::ard(), task: LowRank::new(1) };
/// let own = Separable { kernel: Matern12::ard(), task: Diagonal::new() };
/// let lmc = Coregionalization::from(vec![shared, own]);
/// assert_eq!(lmc.to_string(), "RBF() (x) LowRank(rank=1) + Matern12() (x) Diagonal()");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coregionalization {
    /// The terms.
    pub terms: Vec<Separable>,
    /// What makes the task covariances, `h_q h_q'` of one latent function a term, and the covariance of
    /// the noise; those of the terms stand for their rank alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixing: Option<Mixing>,
}

impl Coregionalization {
    /// Independent latent functions, each with its own kernel, mixed into that many tasks. One kernel is
    /// copied for each latent function.
    ///
    /// ```
    /// use coregion::kernel::{Matern12, Rbf};
    /// use coregion::matrix_kernel::{Coregionalization, Mixing};
    /// let two = Coregionalization::mixed(&[Rbf::ard(), Matern12::ard()], Mixing::orthogonal(2), 5)?;
    /// assert_eq!(two.to_string(), "Orthogonal(latents=2) of RBF(), Matern12()");
    /// assert_eq!(Coregionalization::mixed(&[Rbf::ard()], Mixing::orthogonal(3), 5)?.terms.len(), 3);
    /// assert!(Coregionalization::mixed(&[Rbf::ard()], Mixing::orthogonal(3), 2).is_err());
    /// # Ok::<(), coregion::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidValue`] for more latent functions than tasks, or another number of kernels.
    pub fn mixed(kernels: &[Kernel], mixing: Mixing, n_tasks: usize) -> Result<Self> {
        let m = mixing.n_latents()?;
        if m == 0 || m > n_tasks {
            let expected = format!("a whole number from 1 to {n_tasks}, the number of tasks");
            return Err(mixing.spec().invalid("latents", mixing.spec().get("latents"), &expected));
        }
        if kernels.len() != m && kernels.len() != 1 {
            return Err(Error::InvalidValue {
                argument: "the kernels of the latent functions".to_string(),
                found: format!("{} kernels", kernels.len()),
                expected: format!("{m}, one for each latent function, or one for all"),
            });
        }
        let of = |kernel: &Kernel| Separable { kernel: kernel.clone(), task: LowRank::new(1) };
        let terms = kernels.iter().cycle().take(m).map(of).collect();
        Ok(Coregionalization { terms, mixing: Some(mixing) })
    }
}

impl From<Separable> for Coregionalization {
    fn from(term: Separable) -> Self {
        Coregionalization { terms: vec![term], mixing: None }
    }
}

impl From<&Separable> for Coregionalization {
    fn from(term: &Separable) -> Self {
        term.clone().into()
    }
}

impl From<Vec<Separable>> for Coregionalization {
    fn from(terms: Vec<Separable>) -> Self {
        Coregionalization { terms, mixing: None }
    }
}

impl From<&Coregionalization> for Coregionalization {
    fn from(model: &Coregionalization) -> Self {
        model.clone()
    }
}

impl fmt::Display for Coregionalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(mixing) = &self.mixing {
            let kernels: Vec<String> = self.terms.iter().map(|q| q.kernel.to_string()).collect();
            return write!(f, "{mixing} of {}", kernels.join(", "));
        }
        for (q, term) in self.terms.iter().enumerate() {
            if q > 0 {
                f.write_str(" + ")?;
            }
            write!(f, "{term}")?;
        }
        Ok(())
    }
}
