//! What a kernel is told about the columns it is bound to.

use crate::data::{ColumnStatistics, pooled_scale};

/// Whether a kernel's overall amplitude is a parameter of its own or already represented elsewhere
/// (by the task covariance, or by a factor beside it).
///
/// ```
/// use coregion::data::ColumnStatistics;
/// use coregion::kernel::{Amplitude, Inputs, Rbf};
/// let inputs = Inputs::all(&[ColumnStatistics::of(ndarray::array![0.0, 2.0].view())]);
/// let kernel = 2.0 * Rbf::ard();
/// let learned = |i: &Inputs| Ok::<_, coregion::Error>(kernel.bind(i)?.params()[0].free[0]);
/// assert!(!learned(&inputs)?); // the 2 in front is held
/// assert!(learned(&inputs.with_amplitude(Amplitude::Free))?);
/// # Ok::<(), coregion::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amplitude {
    /// Represented elsewhere: amplitudes given are held.
    Held,
    /// Not represented elsewhere: it may be learned.
    Free,
}

/// The columns a kernel acts on, their scales, and who owns the amplitude.
///
/// ```
/// use coregion::{data::ColumnStatistics, kernel::Inputs};
/// let columns = [3.0, 4.0].map(|scale| ColumnStatistics { mean: 0.0, scale, constant: false });
/// let inputs = Inputs::all(&columns);
/// assert_eq!((inputs.len(), inputs.scales()), (2, vec![3.0, 4.0]));
/// assert!((inputs.pooled() - 12.5f64.sqrt()).abs() < 1e-15);
/// ```
#[derive(Debug, Clone)]
pub struct Inputs {
    /// Column numbers in x.
    pub columns: Vec<usize>,
    /// Statistics of those columns.
    pub statistics: Vec<ColumnStatistics>,
    /// Who owns the amplitude.
    pub amplitude: Amplitude,
}

impl Inputs {
    /// All columns of a table, whose statistics are given, inside a term whose task covariance owns
    /// the amplitude.
    pub fn all(statistics: &[ColumnStatistics]) -> Self {
        Inputs {
            columns: (0..statistics.len()).collect(),
            statistics: statistics.to_vec(),
            amplitude: Amplitude::Held,
        }
    }

    /// The same inputs with another owner of the amplitude.
    pub fn with_amplitude(&self, amplitude: Amplitude) -> Self {
        Inputs { amplitude, ..self.clone() }
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// True where there is no column.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// One scale for each column; for a constant one 1, or so much that its rounding is nothing
    /// beside it.
    pub fn scales(&self) -> Vec<f64> {
        let of_constant = |mean: f64| (1e8 * f64::EPSILON * mean.abs()).max(1.0);
        let of = |s: &ColumnStatistics| if s.constant { of_constant(s.mean) } else { s.scale };
        self.statistics.iter().map(of).collect()
    }

    /// One scale for all columns together: the root mean square of theirs.
    pub fn pooled(&self) -> f64 {
        pooled_scale(self.statistics.iter().copied())
    }
}
