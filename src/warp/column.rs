//! What a warp is told about the outputs of its task, and where learning starts.

use crate::error::Result;
use crate::param::{ParamSpec, Prior, Transform};
use crate::spec::Spec;

/// Values that starts are compared on.
const COMPARED_ON: usize = 512;
/// Fewest values that starts are compared on.
const FEWEST: usize = 4;
/// Steps of the golden section.
const STEPS: usize = 24;
/// The interquartile range of the standard normal distribution.
const QUARTILES: f64 = 1.348_979_500_392_163_5;

/// The outputs of one task, sorted.
///
/// ```
/// use coregion::warp::Column;
/// let column = Column::of([8.0, f64::NAN, 1.0, 2.0, 4.0]);
/// assert_eq!((column.len(), column.median()), (4, 3.0));
/// assert!((column.geometric_mean() - 8f64.sqrt()).abs() < 1e-12);
/// ```
#[derive(Debug, Clone)]
pub struct Column {
    sorted: Vec<f64>,
}

impl Column {
    /// The values that are not NaN.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().filter(|v| !v.is_nan()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        Column { sorted }
    }

    /// Their number.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The value with a share `p` of the others below it, between neighbours by their distance; 0
    /// without values.
    fn quantile(&self, p: f64) -> f64 {
        let Some(last) = self.sorted.len().checked_sub(1) else { return 0.0 };
        let place = p * last as f64;
        let low = (place.floor() as usize).min(last);
        let share = place - low as f64;
        (1.0 - share) * self.sorted[low] + share * self.sorted[(low + 1).min(last)]
    }

    /// The median; 0 without values.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The interquartile range over that of the standard normal distribution; half the range where it
    /// vanishes, and 1 where all values are equal.
    pub fn spread(&self) -> f64 {
        let between = |low: f64, high: f64| self.quantile(high) - self.quantile(low);
        let candidates = [between(0.25, 0.75) / QUARTILES, 0.5 * between(0.0, 1.0), 1.0];
        let size = self.sorted.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let varies = |s: &f64| *s > 8.0 * f64::EPSILON * size && s.is_finite();
        candidates.into_iter().find(varies).unwrap_or(1.0)
    }

    /// The geometric mean of the positive values; 1 without any.
    pub fn geometric_mean(&self) -> f64 {
        let positive = self.sorted.iter().filter(|v| **v > 0.0 && v.is_finite());
        let count = positive.clone().count();
        if count == 0 {
            return 1.0;
        }
        (positive.map(|v| v.ln()).sum::<f64>() / count as f64).exp()
    }

    /// Median and spread as parameters that are held.
    pub(super) fn held_frame(&self, spec: &Spec) -> Result<[ParamSpec; 2]> {
        let (m, s) = (self.median(), self.spread());
        let held = |p: ParamSpec| {
            let mut p = ParamSpec { given: true, ..p.with_unit(vec![s]) }.from_spec(spec)?;
            p.free.fill(false);
            Ok(p)
        };
        Ok([
            held(ParamSpec::new("location", &[], vec![m], Transform::Identity))?,
            held(ParamSpec::new("scale", &[], vec![s], Transform::DIVISOR))?,
        ])
    }

    /// The value between `low` and `high` at which the warped values are likeliest as draws of one
    /// normal distribution, its mean and variance at their own best, under a prior; `plain` where there
    /// are too few values to say. `of` gives value and log slope of the warp. By golden section: the
    /// same data give the same answer.
    pub(super) fn best(
        &self,
        [low, high]: [f64; 2],
        plain: f64,
        prior: Prior,
        of: impl Fn(f64, f64) -> (f64, f64),
    ) -> f64 {
        let size = self.sorted.len();
        let kept = size.min(COMPARED_ON);
        // Evenly spaced among the sorted values.
        let value = |k: usize| self.sorted[(2 * k + 1) * size / (2 * kept)];
        if size < FEWEST || self.quantile(0.0) == self.quantile(1.0) {
            return plain;
        }
        let weight = size as f64 / kept as f64;
        let score = |parameter: f64| {
            let (mut sum, mut squares, mut slopes) = (0.0, 0.0, 0.0);
            let (origin, _) = of(parameter, value(kept / 2));
            for k in 0..kept {
                let (z, slope) = of(parameter, value(k));
                sum += z - origin;
                squares += (z - origin) * (z - origin);
                slopes += slope;
            }
            let n = kept as f64;
            let variance = squares / n - (sum / n) * (sum / n);
            let found = weight * (slopes - 0.5 * n * variance.ln()) + prior.log_density(parameter);
            if found.is_finite() { found } else { f64::NEG_INFINITY }
        };
        golden_section(score, low, high)
    }
}

/// The place of the maximum of a function between two ends.
fn golden_section(score: impl Fn(f64) -> f64, low: f64, high: f64) -> f64 {
    let share = 0.5 * (5f64.sqrt() - 1.0);
    let (mut low, mut high) = (low, high);
    let mut inner = [high - share * (high - low), low + share * (high - low)];
    let mut values = inner.map(&score);
    for _ in 0..STEPS {
        if values[0] >= values[1] {
            high = inner[1];
            inner = [high - share * (high - low), inner[0]];
            values = [score(inner[0]), values[0]];
        } else {
            low = inner[0];
            inner = [inner[1], low + share * (high - low)];
            values = [values[1], score(inner[1])];
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_finds_a_maximum_inside_and_at_an_end() {
        let inside = golden_section(|v| -(v - 0.3) * (v - 0.3), -1.0, 2.0);
        assert!((inside - 0.3).abs() < 1e-4, "{inside}");
        let end = golden_section(|v| v, -1.0, 2.0);
        assert!((end - 2.0).abs() < 1e-4, "{end}");
    }

    #[test]
    fn columns_without_spread_have_one() {
        assert_eq!(Column::of([]).spread(), 1.0);
        assert_eq!(Column::of([3.0; 5]).spread(), 1.0);
        // More than half of the values are equal.
        assert_eq!(Column::of([0.0, 2.0, 2.0, 2.0, 2.0, 2.0, 6.0]).spread(), 3.0);
    }
}
