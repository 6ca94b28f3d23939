//! Mean and scale of one column.

use ndarray::ArrayView1;

/// Mean and scale of one column.
///
/// ```
/// use coregion::data::ColumnStatistics;
/// use ndarray::array;
/// let s = ColumnStatistics::of(array![1.0, 3.0].view());
/// assert_eq!((s.mean, s.scale, s.constant), (2.0, 1.0, false));
/// assert!(ColumnStatistics::of(array![5.0, 5.0].view()).constant);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColumnStatistics {
    /// Mean.
    pub mean: f64,
    /// Standard deviation (divisor n); 0 where the column is constant.
    pub scale: f64,
    /// True where all values are equal up to rounding.
    pub constant: bool,
}

impl ColumnStatistics {
    /// Mean and standard deviation of a column, free of overflow.
    pub fn of(column: ArrayView1<f64>) -> Self {
        Self::over(column.iter().copied(), column.len())
    }

    /// Those of the values that are not NaN, and how many these are; a column without any counts as
    /// constant, with mean 0.
    ///
    /// ```
    /// use coregion::data::ColumnStatistics;
    /// use ndarray::array;
    /// let (s, count) = ColumnStatistics::of_observed(array![1.0, f64::NAN, 3.0].view());
    /// assert_eq!((s, count), (ColumnStatistics::of(array![1.0, 3.0].view()), 2));
    /// let (s, count) = ColumnStatistics::of_observed(array![f64::NAN].view());
    /// assert_eq!((s.mean, s.constant, count), (0.0, true, 0));
    /// ```
    pub fn of_observed(column: ArrayView1<f64>) -> (Self, usize) {
        let observed = column.iter().copied().filter(|v| !v.is_nan());
        let count = observed.clone().count();
        (Self::over(observed, count), count)
    }

    fn over(values: impl Iterator<Item = f64> + Clone, count: usize) -> Self {
        let n = count as f64;
        let size = values.clone().fold(0.0f64, |m, v| m.max(v.abs()));
        let (low, high) = values
            .clone()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            // No value, or none that is a number.
            return ColumnStatistics { mean: 0.0, scale: 0.0, constant: true };
        }
        let mean = values.clone().map(|v| v / n).sum::<f64>().clamp(low, high);
        let half_range = 0.5 * high - 0.5 * low;
        if half_range <= 4.0 * f64::EPSILON * size {
            return ColumnStatistics { mean, scale: 0.0, constant: true };
        }
        let sum: f64 = values.map(|v| ((v - mean) / half_range).powi(2)).sum();
        ColumnStatistics { mean, scale: half_range * (sum / n).sqrt(), constant: false }
    }
}

/// Root mean square of the scales of some columns, ignoring constant ones; 1 where none is left.
pub(crate) fn pooled_scale(columns: impl IntoIterator<Item = ColumnStatistics>) -> f64 {
    weighted_pooled_scale(columns.into_iter().map(|c| (c, 1.0)))
}

/// As [`pooled_scale`], each column with a weight.
pub(super) fn weighted_pooled_scale(
    columns: impl IntoIterator<Item = (ColumnStatistics, f64)>,
) -> f64 {
    let varying = columns.into_iter().filter(|(c, _)| !c.constant);
    let scales: Vec<(f64, f64)> = varying.map(|(c, weight)| (c.scale, weight)).collect();
    let largest = scales.iter().fold(0.0f64, |m, &(s, _)| m.max(s));
    if largest == 0.0 {
        return 1.0;
    }
    let sum: f64 = scales.iter().map(|(s, weight)| weight * (s / largest).powi(2)).sum();
    largest * (sum / scales.iter().map(|(_, weight)| weight).sum::<f64>()).sqrt()
}
