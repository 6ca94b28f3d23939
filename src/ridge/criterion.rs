//! What a penalty is chosen by.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::solve::LeaveOut;

/// What a penalty, and a task covariance, are chosen by: the smallest value wins.
///
/// ```
/// use coregion::prelude::*;
/// assert_eq!(Criterion::default(), Criterion::SquaredError(LeaveOut::Row));
/// assert_eq!("entry".parse::<Criterion>()?, LeaveOut::Entry.into());
/// assert_eq!("gcv".parse::<Criterion>()?, Criterion::Gcv);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Criterion {
    /// Mean squared error of what is left out, each entry with its weight `w_i v_t / rho_t` in the
    /// objective.
    SquaredError(LeaveOut),
    /// Minus the mean log predictive density of what is left out, in nats for each entry, with the
    /// penalty as noise variance. Unlike the squared error it depends on the scale of B.
    LogDensity(LeaveOut),
    /// Generalised cross-validation `N |r|^2 / (N - dof)^2` with the weighted residuals r of the fit,
    /// over the mean weight (Golub, Heath & Wahba 1979).
    Gcv,
}

impl Default for Criterion {
    fn default() -> Self {
        LeaveOut::Row.into()
    }
}

impl From<LeaveOut> for Criterion {
    fn from(by: LeaveOut) -> Self {
        Criterion::SquaredError(by)
    }
}

impl FromStr for Criterion {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        if name == "gcv" {
            return Ok(Criterion::Gcv);
        }
        name.parse::<LeaveOut>().map(Criterion::from).map_err(|_| Error::UnknownName {
            kind: "criterion".to_string(),
            name: name.to_string(),
            known: ["row", "entry", "task", "gcv"].map(String::from).to_vec(),
        })
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Criterion::SquaredError(by) => write!(f, "squared error, left out by {by}"),
            Criterion::LogDensity(by) => write!(f, "log density, left out by {by}"),
            Criterion::Gcv => f.write_str("generalised cross-validation"),
        }
    }
}

impl Criterion {
    /// Refuses labels that do not fit n rows, and intercepts of tasks left out at every row.
    pub(crate) fn check(&self, n: usize, fit_intercept: bool) -> Result<()> {
        let every_row = match self.leave_out() {
            Some(by) => {
                by.check(n)?;
                by.takes_every_row(n)
            }
            None => n == 1,
        };
        if fit_intercept && every_row {
            return Err(Error::Incompatible {
                options: format!("an intercept for each task and {self}"),
                advice: "no row is left to learn the intercept from: choose by rows, entries or \
                         smaller groups, or fit without intercepts"
                    .to_string(),
            });
        }
        Ok(())
    }

    /// Refuses criteria by which a penalty for each task cannot be chosen.
    pub(crate) fn check_each_task(&self) -> Result<()> {
        if self.leave_out() == Some(&LeaveOut::Row) {
            return Ok(());
        }
        Err(Error::Incompatible {
            options: format!("a penalty chosen for each task and {self}"),
            advice: "choose them by leaving out rows".to_string(),
        })
    }

    /// What is left out; `None` for generalised cross-validation.
    pub(crate) fn leave_out(&self) -> Option<&LeaveOut> {
        match self {
            Criterion::SquaredError(by) | Criterion::LogDensity(by) => Some(by),
            Criterion::Gcv => None,
        }
    }
}
