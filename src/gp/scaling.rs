//! Whether parameters are measured in the scales of the data.

/// Whether the units of parameters follow the columns of x and y.
///
/// Data are never rescaled. Instead every parameter carries the scale of the columns it belongs to,
/// and starts, priors and step lengths act on its ratio to that scale: the optimum is that of
/// standardised data, and every value is in the user's units throughout.
///
/// ```
/// use coregion::gp::{Model, Scaling};
/// use coregion::{matrix_kernel::Separable, prelude::*};
/// use ndarray::array;
/// let data = Dataset::new(array![[0.0], [20.0]].view(), array![[3.0], [4.0]].view())?;
/// let term = Separable { kernel: Rbf::ard(), task: Diagonal::new() };
/// let start = |x| {
///     let model = Model::new(&data, &term, &Noise::PerTask, &Mean::Zero, Scaling { x, y: true })?;
///     Ok::<_, Error>(model.layout().initial()[0]) // the lengthscale
/// };
/// assert_eq!((start(true)?, start(false)?), (10.0, 1.0));
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scaling {
    /// Lengthscales and the like are measured in standard deviations of their columns of x.
    pub x: bool,
    /// Task covariances and noise start in standard deviations of the tasks.
    pub y: bool,
}

impl Default for Scaling {
    fn default() -> Self {
        Scaling { x: true, y: true }
    }
}
