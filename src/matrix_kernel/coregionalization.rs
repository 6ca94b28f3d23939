//! Sums of separable terms.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Separable;

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
}

impl From<Separable> for Coregionalization {
    fn from(term: Separable) -> Self {
        Coregionalization { terms: vec![term] }
    }
}

impl From<&Separable> for Coregionalization {
    fn from(term: &Separable) -> Self {
        term.clone().into()
    }
}

impl From<Vec<Separable>> for Coregionalization {
    fn from(terms: Vec<Separable>) -> Self {
        Coregionalization { terms }
    }
}

impl From<&Coregionalization> for Coregionalization {
    fn from(model: &Coregionalization) -> Self {
        model.clone()
    }
}

impl fmt::Display for Coregionalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (q, term) in self.terms.iter().enumerate() {
            if q > 0 {
                f.write_str(" + ")?;
            }
            write!(f, "{term}")?;
        }
        Ok(())
    }
}
