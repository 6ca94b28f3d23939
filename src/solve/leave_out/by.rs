//! What is left out at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::error::{Error, Result};

/// What is left out at a time and predicted from everything else.
///
/// Rows answer how well new inputs are predicted and are the default of everything that chooses.
/// Entries keep the other tasks at the same input: they answer how well a gap in a table is filled,
/// and are optimistic for new inputs. Tasks say what the tasks know of each other: a whole column is
/// predicted from the other columns at the same inputs. Rows that are near copies of each other (time
/// series, transects) should be left out in groups. Of a table with gaps it is what was observed of
/// them.
///
/// ```
/// use coregion::solve::LeaveOut;
/// assert_eq!("row".parse::<LeaveOut>()?, LeaveOut::Row);
/// assert_eq!(LeaveOut::blocks(5, 2), LeaveOut::Groups(vec![0, 0, 0, 1, 1]));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LeaveOut {
    /// One row: all tasks at one input.
    #[default]
    Row,
    /// One entry: one task at one input.
    Entry,
    /// One task: a whole column.
    Task,
    /// The rows with the same label, all tasks of them: labels (n).
    Groups(Vec<usize>),
    /// One task over the rows with the same label: labels (n).
    GroupsByTask(Vec<usize>),
}

impl LeaveOut {
    /// n rows in k stretches of neighbours, of nearly equal length; at least one, at most n.
    ///
    /// ```
    /// use coregion::solve::LeaveOut;
    /// assert_eq!(LeaveOut::blocks(4, 9), LeaveOut::Groups(vec![0, 1, 2, 3]));
    /// ```
    pub fn blocks(n: usize, k: usize) -> Self {
        LeaveOut::Groups(stretches(n, k))
    }

    /// n rows in k random groups of nearly equal size, at least one, at most n: k-fold
    /// cross-validation.
    ///
    /// ```
    /// use coregion::solve::LeaveOut;
    /// let LeaveOut::Groups(labels) = LeaveOut::folds(10, 5, 7) else { unreachable!() };
    /// assert!((0..5).all(|g| labels.iter().filter(|l| **l == g).count() == 2));
    /// assert_eq!(LeaveOut::folds(10, 5, 7), LeaveOut::Groups(labels)); // the same seed
    /// ```
    pub fn folds(n: usize, k: usize, seed: u64) -> Self {
        let mut labels = stretches(n, k);
        labels.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
        LeaveOut::Groups(labels)
    }

    /// Refuses labels of another number than there are rows.
    pub(crate) fn check(&self, n: usize) -> Result<()> {
        match self {
            LeaveOut::Groups(labels) | LeaveOut::GroupsByTask(labels) if labels.len() != n => {
                Err(Error::Shape {
                    argument: "groups".to_string(),
                    found: format!("{} labels", labels.len()),
                    expected: format!("{n}, one for each row"),
                })
            }
            _ => Ok(()),
        }
    }

    /// True where a task is left out at every row at once.
    pub(crate) fn takes_every_row(&self, n: usize) -> bool {
        match self {
            LeaveOut::Row | LeaveOut::Entry => n == 1,
            LeaveOut::Task => true,
            LeaveOut::Groups(labels) | LeaveOut::GroupsByTask(labels) => {
                labels.iter().all(|l| *l == labels[0])
            }
        }
    }
}

impl FromStr for LeaveOut {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "row" => Ok(LeaveOut::Row),
            "entry" => Ok(LeaveOut::Entry),
            "task" => Ok(LeaveOut::Task),
            _ => Err(Error::UnknownName {
                kind: "leave-out".to_string(),
                name: name.to_string(),
                known: ["row", "entry", "task"].map(String::from).to_vec(),
            }),
        }
    }
}

impl fmt::Display for LeaveOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LeaveOut::Row => f.write_str("row"),
            LeaveOut::Entry => f.write_str("entry"),
            LeaveOut::Task => f.write_str("task"),
            LeaveOut::Groups(labels) => write!(f, "{} groups of rows", rows(labels).len()),
            LeaveOut::GroupsByTask(labels) => {
                write!(f, "{} groups of rows, task by task", rows(labels).len())
            }
        }
    }
}

/// Labels of n rows in k stretches of nearly equal length.
fn stretches(n: usize, k: usize) -> Vec<usize> {
    let k = k.clamp(1, n.max(1));
    (0..n).map(|i| i * k / n).collect()
}

/// The rows of each label, labels ascending.
pub(crate) fn rows(labels: &[usize]) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (row, label) in labels.iter().enumerate() {
        groups.entry(*label).or_default().push(row);
    }
    groups.into_values().collect()
}
