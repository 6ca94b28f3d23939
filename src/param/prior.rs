//! Priors on natural values in standardised units.

/// A log density of the ratio `value / unit`, up to its constant.
///
/// Priors act on the natural value, without the Jacobian of the transform, so that the optimum does
/// not depend on how the parameter is represented. Reported likelihoods leave them out.
///
/// ```
/// use coregion::param::Prior;
/// let p = Prior::LogNormal { median: 2.0, log_std: 1.0 };
/// assert_eq!(p.log_density(2.0), 0.0);
/// assert_eq!(p.derivative(2.0), 0.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Prior {
    /// `-(ln v - ln median)^2 / (2 log_std^2)`: a Gaussian on the logarithm.
    LogNormal {
        /// Median.
        median: f64,
        /// Standard deviation of the logarithm.
        log_std: f64,
    },
    /// `-(v - mean)^2 / (2 std^2)`.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std: f64,
    },
}

impl Prior {
    /// Logarithm of the density at a ratio, up to a constant.
    pub fn log_density(self, v: f64) -> f64 {
        match self {
            Prior::LogNormal { median, log_std } => {
                let z = (v / median).ln() / log_std;
                -0.5 * z * z
            }
            Prior::Normal { mean, std } => {
                let z = (v - mean) / std;
                -0.5 * z * z
            }
        }
    }

    /// Curvature of minus the log density with respect to the ratio, without its part that vanishes
    /// at the median: never negative.
    pub fn information(self, v: f64) -> f64 {
        match self {
            Prior::LogNormal { log_std, .. } => 1.0 / (log_std * log_std * v * v),
            Prior::Normal { std, .. } => 1.0 / (std * std),
        }
    }

    /// Derivative of [`Prior::log_density`] with respect to the ratio.
    pub fn derivative(self, v: f64) -> f64 {
        match self {
            Prior::LogNormal { median, log_std } => -(v / median).ln() / (log_std * log_std * v),
            Prior::Normal { mean, std } => (mean - v) / (std * std),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_match_central_differences() {
        for p in
            [Prior::LogNormal { median: 1.3, log_std: 0.7 }, Prior::Normal { mean: 0.2, std: 3.0 }]
        {
            for v in [0.1, 1.0, 4.2] {
                let h = 1e-6;
                let numeric = (p.log_density(v + h) - p.log_density(v - h)) / (2.0 * h);
                assert!((numeric - p.derivative(v)).abs() < 1e-6 * (1.0 + numeric.abs()));
            }
        }
    }
}
