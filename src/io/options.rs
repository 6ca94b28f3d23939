//! Settings of reading.

/// How much a model file may ask for.
///
/// A file is small beside the model in it: the covariance is factored again when it is loaded, which
/// takes about 5 n^2 doubles for a complete table of n rows, and up to 3 N^2 + 2 n^2 for N observations
/// of one with gaps. What a file asks for is compared with the budget before it is given.
///
/// ```
/// use coregion::{io::LoadOptions, prelude::*};
/// # use ndarray::array;
/// # let x = array![[0.0], [1.0], [2.0], [3.0], [4.0]];
/// # let y = array![[0.0, 0.3], [0.8, 0.7], [0.9, 1.1], [0.1, 0.4], [-0.8, -0.9]];
/// # let gp = MultiTaskGp::new(Rbf::ard()).fit(&Dataset::new(x.view(), y.view())?)?;
/// let bytes = gp.to_bytes()?;
/// let load = |budget| {
///     let options = LoadOptions::new().memory_budget(budget);
///     FittedMultiTaskGp::from_bytes_with(&bytes, &options)
/// };
/// assert!(load(1 << 20).is_ok());
/// assert!(matches!(load(1000), Err(Error::Memory { .. })));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadOptions {
    memory_budget: usize,
}

impl Default for LoadOptions {
    fn default() -> Self {
        LoadOptions { memory_budget: 8 << 30 }
    }
}

impl LoadOptions {
    /// The defaults: 8 GiB.
    pub fn new() -> Self {
        LoadOptions::default()
    }

    /// Bytes that the file, and making the model in it, may take.
    pub fn memory_budget(mut self, bytes: usize) -> Self {
        self.memory_budget = bytes;
        self
    }

    pub(super) fn budget(&self) -> usize {
        self.memory_budget
    }
}
