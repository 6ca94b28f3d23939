//! A difference between two models, and what it is worth.

use std::fmt;

/// The loss of a model less that of another, with its standard error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Difference {
    /// The difference.
    pub(crate) excess: f64,
    /// Its standard error, paired.
    pub(crate) error: f64,
}

impl Difference {
    /// Whether it is at least two standard errors from zero.
    pub(crate) fn is_clear(&self) -> bool {
        self.excess.abs() >= 2.0 * self.error
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}, paired standard error {}{}",
            decimals(self.excess.abs()),
            if self.excess > 0.0 { "larger" } else { "smaller" },
            decimals(self.error),
            if self.is_clear() { "" } else { ": no clear difference" }
        )
    }
}

/// Four decimals below 1, three above.
pub(crate) fn decimals(v: f64) -> String {
    if v.abs() < 1.0 { format!("{v:.4}") } else { format!("{v:.3}") }
}
