//! Maps between a constrained ratio `value / unit` and the unconstrained value the optimiser moves.

/// A monotone map from the unconstrained value `u` to the constrained ratio `v`.
///
/// ```
/// use coregion::param::Transform;
/// let t = Transform::Positive { floor: 1e-6 };
/// assert!((t.value(t.free(0.3)) - 0.3).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Transform {
    /// `v = u`.
    Identity,
    /// `v = floor + exp(u)`.
    Positive {
        /// Lower bound, approached and never crossed while learning.
        floor: f64,
    },
    /// `v = low + (high - low) / (1 + exp(-u))`.
    Interval {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
}

impl Transform {
    /// Positive numbers, without a floor.
    pub const POSITIVE: Transform = Transform::Positive { floor: 0.0 };

    /// Numbers that divide: positive, and not zero even where they are held.
    pub const DIVISOR: Transform = Transform::Positive { floor: 1e-300 };

    /// The constrained ratio of an unconstrained value.
    pub fn value(self, u: f64) -> f64 {
        match self {
            Transform::Identity => u,
            Transform::Positive { floor } => floor + u.exp(),
            Transform::Interval { low, high } => low + (high - low) / (1.0 + (-u).exp()),
        }
    }

    /// The unconstrained value of a constrained ratio: the inverse of [`Transform::value`].
    pub fn free(self, v: f64) -> f64 {
        match self {
            Transform::Identity => v,
            Transform::Positive { floor } => (v - floor).ln(),
            Transform::Interval { low, high } => ((v - low) / (high - v)).ln(),
        }
    }

    /// The derivative `dv/du` at an unconstrained value.
    ///
    /// ```
    /// use coregion::param::Transform;
    /// let t = Transform::Interval { low: -1.0, high: 1.0 };
    /// assert_eq!((t.value(0.0), t.derivative(0.0)), (0.0, 0.5));
    /// ```
    pub fn derivative(self, u: f64) -> f64 {
        match self {
            Transform::Identity => 1.0,
            Transform::Positive { .. } => u.exp(),
            Transform::Interval { low, high } => {
                let e = (-u.abs()).exp();
                (high - low) * e / ((1.0 + e) * (1.0 + e))
            }
        }
    }

    /// True where the ratio may be used: strictly inside the range if it is to be learned, inside
    /// or on a boundary that makes sense (zero, an end of the interval) if it is held.
    ///
    /// ```
    /// use coregion::param::Transform;
    /// let positive = Transform::POSITIVE;
    /// assert!(positive.admits(0.0, false) && !positive.admits(0.0, true));
    /// assert_eq!(positive.range(1.0), "a finite number above 0");
    /// ```
    pub fn admits(self, v: f64, learned: bool) -> bool {
        v.is_finite()
            && match self {
                Transform::Identity => true,
                Transform::Positive { floor } if learned => v > floor,
                Transform::Positive { floor } => v > 0.0 || (v == 0.0 && floor == 0.0),
                Transform::Interval { low, high } if learned => v > low && v < high,
                Transform::Interval { low, high } => v >= low && v <= high,
            }
    }

    /// The range of values that are learned in words, for values of the given unit.
    pub fn range(self, unit: f64) -> String {
        match self {
            Transform::Identity => "a finite number".to_string(),
            Transform::Positive { floor } if floor * unit < 1e-200 => {
                "a finite number above 0".to_string()
            }
            Transform::Positive { floor } => format!("a finite number above {:e}", floor * unit),
            Transform::Interval { low, high } => format!("a number above {low} and below {high}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip_and_derivative(u in -8.0..8.0f64, kind in 0..3usize) {
            let t = [
                Transform::Identity,
                Transform::Positive { floor: 1e-6 },
                Transform::Interval { low: -0.5, high: 2.0 },
            ][kind];
            let v = t.value(u);
            prop_assert!(t.admits(v, true));
            prop_assert!((t.free(v) - u).abs() < 1e-6 * (1.0 + u.abs()));
            let h = 1e-5;
            let numeric = (t.value(u + h) - t.value(u - h)) / (2.0 * h);
            prop_assert!((numeric - t.derivative(u)).abs() < 1e-7 * (1.0 + v.abs()));
        }
    }
}
