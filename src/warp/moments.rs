//! Mean and standard deviation of a function of a normal variable.

use std::sync::LazyLock;

/// Standard deviations on either side that the integral covers: an inverse that grows as a power or an
/// exponential moves the weight outward.
const REACH: f64 = 14.0;
/// Standard deviations of one panel.
const PANEL: f64 = 2.0;
/// Nodes of one panel.
const NODES: usize = 12;

/// Nodes and weights of the Gauss-Legendre rule on (-1, 1).
static RULE: LazyLock<[(f64, f64); NODES]> = LazyLock::new(gauss_legendre);

/// Mean and standard deviation of `f(z)` for z normal with this mean and standard deviation.
///
/// Gauss-Legendre panels of two standard deviations, cut at the `kink` where f is not smooth: a single
/// Gauss-Hermite rule would lose its order there. About 170 evaluations of f.
pub(super) fn by_quadrature(
    f: impl Fn(f64) -> f64,
    kink: Option<f64>,
    mean: f64,
    std: f64,
) -> (f64, f64) {
    // NaN is handed on.
    if !std.is_finite() || std <= 0.0 {
        return (f(mean), if std == 0.0 { 0.0 } else { std });
    }
    let cut = kink.map(|z| (z - mean) / std).filter(|t| t.abs() < REACH);
    let mut found = Vec::with_capacity(16 * NODES);
    let mut panel = |low: f64, high: f64| {
        let (centre, half) = (0.5 * (low + high), 0.5 * (high - low));
        for (node, weight) in RULE.iter() {
            let t = centre + half * node;
            found.push((half * weight * (-0.5 * t * t).exp(), f(mean + std * t)));
        }
    };
    let count = (2.0 * REACH / PANEL) as usize;
    for k in 0..count {
        let low = PANEL * k as f64 - REACH;
        let high = low + PANEL;
        match cut {
            Some(t) if t > low && t < high => {
                panel(low, t);
                panel(t, high);
            }
            _ => panel(low, high),
        }
    }
    let total: f64 = found.iter().map(|(w, _)| w).sum();
    let centre = found.iter().map(|(w, v)| w * v).sum::<f64>() / total;
    let squares: f64 = found.iter().map(|(w, v)| w * (v - centre) * (v - centre)).sum();
    (centre, (squares / total).sqrt())
}

/// Newton's method on the Legendre polynomial.
fn gauss_legendre() -> [(f64, f64); NODES] {
    let n = NODES as f64;
    std::array::from_fn(|i| {
        let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..8 {
            let (mut before, mut value) = (1.0, x);
            for k in 2..=NODES {
                let k = k as f64;
                (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
            }
            slope = n * (x * value - before) / (x * x - 1.0);
            x -= value / slope;
        }
        (x, 2.0 / ((1.0 - x * x) * slope * slope))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: (f64, f64), mean: f64, std: f64) {
        assert!((found.0 - mean).abs() <= 1e-10 * std, "mean {} for {mean}", found.0);
        assert!((found.1 - std).abs() <= 1e-10 * std, "std {} for {std}", found.1);
    }

    #[test]
    fn lines_powers_and_exponentials_have_their_moments() {
        near(by_quadrature(|z| 3.0 * z - 1.0, None, 0.4, 0.3), 0.2, 0.9);
        let (m, s) = (0.4f64, 0.7f64);
        near(
            by_quadrature(|z| z * z, None, m, s),
            m * m + s * s,
            (2.0 * s.powi(4) + 4.0 * m * m * s * s).sqrt(),
        );
        for s in [0.1f64, 1.0, 2.0] {
            let mean = (m + 0.5 * s * s).exp();
            near(by_quadrature(f64::exp, None, m, s), mean, mean * (s * s).exp_m1().sqrt());
        }
    }

    #[test]
    fn a_kink_costs_nothing_where_it_is_known() {
        // The larger of z and 0 for z normal with mean 0.3 and standard deviation 1.
        let density = (-0.5 * 0.09f64).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let share = 0.617_911_422_188_952_7;
        let mean = 0.3 * share + density;
        let second = (0.09 + 1.0) * share + 0.3 * density;
        near(
            by_quadrature(|z| z.max(0.0), Some(0.0), 0.3, 1.0),
            mean,
            (second - mean * mean).sqrt(),
        );
    }

    #[test]
    fn nothing_uncertain_is_mapped_alone() {
        assert_eq!(by_quadrature(f64::exp, None, 0.0, 0.0), (1.0, 0.0));
    }
}
