//! Mean and standard deviation of a function of a normal variable.

use std::sync::LazyLock;

/// Standard deviations on either side that the integral covers: an inverse that grows as a power or an
/// exponential moves the weight outward.
const REACH: f64 = 14.0;
/// Standard deviations of one panel.
const PANEL: f64 = 2.0;
/// Length of the panels on either side of a kink.
const NEAR: f64 = 0.5;
/// Nodes of one panel.
const NODES: usize = 12;

/// Nodes and weights of the Gauss-Legendre rule on (-1, 1).
static RULE: LazyLock<[(f64, f64); NODES]> = LazyLock::new(gauss_legendre);

/// Mean and standard deviation of `f(z)` for z normal with this mean and standard deviation.
///
/// Gauss-Legendre panels of two standard deviations, cut at the `kink` where f is not smooth or its slope
/// vertical: a single Gauss-Hermite rule would lose its order there. About 170 evaluations of f.
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
    let mut found = Vec::with_capacity(17 * NODES);
    let mut at = |weight: f64, t: f64| {
        found.push((weight * (-0.5 * t * t).exp(), f(mean + std * t)));
    };
    let mut panel = |low: f64, high: f64| {
        let (centre, half) = (0.5 * (low + high), 0.5 * (high - low));
        RULE.iter().for_each(|(node, weight)| at(half * weight, centre + half * node));
    };
    let mut edges: Vec<f64> =
        (0..=(2.0 * REACH / PANEL) as usize).map(|k| PANEL * k as f64 - REACH).collect();
    let cut = kink.map(|z| (z - mean) / std).filter(|t| t.abs() < REACH - NEAR);
    if let Some(t) = cut {
        edges.retain(|edge| (edge - t).abs() > NEAR);
        edges.extend([t - NEAR, t + NEAR]);
        edges.sort_unstable_by(f64::total_cmp);
    }
    for pair in edges.windows(2) {
        // What is about the kink comes after.
        if cut.is_none_or(|t| pair[1] <= t || pair[0] >= t) {
            panel(pair[0], pair[1]);
        }
    }
    for (t, side) in cut.into_iter().flat_map(|t| [(t, -NEAR), (t, NEAR)]) {
        // t + side v^4, which makes the root of a vertical slope smooth.
        for (node, weight) in RULE.iter() {
            let v = 0.5 * (1.0 + node);
            at(2.0 * NEAR * weight * v.powi(3), t + side * v.powi(4));
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
    fn a_vertical_slope_at_the_kink_costs_little() {
        // The root of what is above 0 of a standard normal variable: E = 2^(1/4) Gamma(3/4) / (2 sqrt(pi)).
        let mean = 2f64.powf(0.25) * 1.225_416_702_465_177_6 / (2.0 * std::f64::consts::PI.sqrt());
        let second = 1.0 / (2.0 * std::f64::consts::PI).sqrt();
        let found = by_quadrature(|z| z.max(0.0).sqrt(), Some(0.0), 0.0, 1.0);
        assert!((found.0 - mean).abs() < 1e-9, "{} for {mean}", found.0);
        let std = (second - mean * mean).sqrt();
        assert!((found.1 - std).abs() < 1e-9, "{} for {std}", found.1);
    }

    #[test]
    fn nothing_uncertain_is_mapped_alone() {
        assert_eq!(by_quadrature(f64::exp, None, 0.0, 0.0), (1.0, 0.0));
    }
}
