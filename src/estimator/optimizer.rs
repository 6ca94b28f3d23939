//! How parameters are learned: the choices.

use std::str::FromStr;

use crate::error::{Error, Result};

/// How parameters are learned.
///
/// ```
/// # use coregion::prelude::*;
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let data = Dataset::new(x.view(), y.view())?;
/// assert_eq!("none".parse::<Optimizer>()?, Optimizer::None);
/// let error = MultiTaskGp::new(Rbf::ard()).optimizer(Optimizer::None).fit(&data).unwrap_err();
/// assert_eq!(error, Error::MissingValue { path: "terms[0].kernel.lengthscale".into() });
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Optimizer {
    /// Alternating where one spectrum serves and steps on it are worth their price; joint with many gaps
    /// and full noise, without a spectrum, and where a tie couples kernel and tasks. The report says
    /// which, and why.
    #[default]
    Auto,
    /// L-BFGS over the kernel parameters; at each of its points B and Sigma are learned to their
    /// optimum on one eigendecomposition.
    Alternating,
    /// L-BFGS over everything at once.
    Joint,
    /// Nothing is learned: every value must be given.
    None,
}

impl FromStr for Optimizer {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Optimizer::Auto),
            "alternating" => Ok(Optimizer::Alternating),
            "joint" => Ok(Optimizer::Joint),
            "none" => Ok(Optimizer::None),
            _ => Err(unknown("optimizer", name, &["auto", "alternating", "joint", "none"])),
        }
    }
}

fn unknown(kind: &str, name: &str, known: &[&str]) -> Error {
    Error::UnknownName {
        kind: kind.to_string(),
        name: name.to_string(),
        known: known.iter().map(ToString::to_string).collect(),
    }
}
