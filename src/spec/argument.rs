//! What the values of a registered description are: constructors in other languages are written from it.

/// What a value may be.
///
/// ```
/// use coregion::spec::ArgumentKind;
/// let entry = coregion::task::registry().iter().find(|entry| entry.name == "LowRank").unwrap();
/// assert_eq!(entry.arguments[0].kind, ArgumentKind::Count(1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentKind {
    /// Numbers of this shape, as documentation writes it: learned from a start of its own where they are
    /// not given.
    Numbers(&'static str),
    /// Numbers of this shape that are never learned.
    Given(&'static str),
    /// A whole number with this default.
    Count(usize),
    /// A whole number that need not be given.
    OptionalCount,
    /// A switch, set by the data where it is not given.
    Switch,
    /// A number that is part of the model only where it is asked for: `false`, `true` for one that is
    /// learned from a start of its own, or the number it starts at.
    Added,
    /// A kernel: a part of the description, not a value of it.
    Kernel,
    /// One of these words, the first where it is not given.
    Word(&'static [&'static str]),
}

/// A value of a registered kernel or task covariance.
///
/// ```
/// let registry = coregion::kernel::registry();
/// let rbf = registry.iter().find(|entry| entry.name == "RBF").unwrap();
/// let names: Vec<&str> = rbf.arguments.iter().map(|argument| argument.name).collect();
/// assert_eq!(names, ["lengthscale", "ard"]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    /// Name in the description.
    pub name: &'static str,
    /// What it may be.
    pub kind: ArgumentKind,
    /// What it is, in a phrase.
    pub about: &'static str,
}

impl Argument {
    /// An argument.
    ///
    /// ```
    /// use coregion::spec::{Argument, ArgumentKind};
    /// let degree = Argument::new("degree", ArgumentKind::Count(2), "the degree, at least 1");
    /// assert_eq!(degree.about, "the degree, at least 1");
    /// ```
    pub const fn new(name: &'static str, kind: ArgumentKind, about: &'static str) -> Self {
        Argument { name, kind, about }
    }
}
