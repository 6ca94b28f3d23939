//! Distribution function and quantiles of the standard Gaussian.

use crate::error::{Error, Result};
use std::f64::consts::{FRAC_2_SQRT_PI, SQRT_2};

/// Distribution function of the standard Gaussian.
///
/// `Φ(x) = erfc(−x / √2) / 2`
///
/// Takes any number (NaN gives NaN, the infinities give 0 and 1). The error of the complementary
/// error function is below one unit in the last place; together with the rounding of `x / √2` the
/// relative error is about `(1 + x²) · 2⁻⁵³`, in the lower tail too. Constant time.
///
/// ```
/// use coregion::analysis::metrics::normal_cdf;
/// assert_eq!(normal_cdf(0.0), 0.5);
/// assert!((normal_cdf(1.959_963_984_540_054) - 0.975).abs() < 1e-15);
/// ```
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / SQRT_2)
}

/// Quantile of the standard Gaussian: the number `x` with `Φ(x) = p`.
///
/// Near the centre, `erf(x / √2) = 2 p − 1` is solved, in the tails
/// `ln erfc(|x| / √2) = ln(2 min(p, 1 − p))`; in all of these the differences are exact in floating
/// point. Both functions are concave, so Newton's method converges from the side on which it starts.
/// The relative error is a few units in the last place, also for tiny `p` (1e-300) and for `p` next
/// to 1; it grows only where `p` itself is subnormal.
///
/// # Errors
/// [`Error::InvalidValue`]: `p` is not strictly between 0 and 1.
///
/// Constant time: about five evaluations of the error function.
///
/// ```
/// use coregion::analysis::metrics::normal_quantile;
/// assert_eq!(normal_quantile(0.5)?, 0.0);
/// assert!((normal_quantile(0.975)? - 1.959_963_984_540_054).abs() < 1e-15);
/// assert!((normal_quantile(1e-300)? + 37.047_096_299_361_2).abs() < 1e-13);
/// # Ok::<(), coregion::Error>(())
/// ```
pub fn normal_quantile(p: f64) -> Result<f64> {
    check_probability("p", p)?;
    let half_width = if (p - 0.5).abs() <= 0.25 {
        inverse_erf(2.0 * (p - 0.5).abs())
    } else {
        inverse_erfc(2.0 * p.min(1.0 - p))
    };
    Ok((SQRT_2 * half_width).copysign(p - 0.5))
}

/// Half-width, in standard deviations, of the central interval that holds the share `level` of the
/// standard Gaussian.
pub(super) fn central_half_width(level: f64) -> Result<f64> {
    check_probability("level", level)?;
    let solved = if level <= 0.5 { inverse_erf(level) } else { inverse_erfc(1.0 - level) };
    Ok(SQRT_2 * solved)
}

fn check_probability(argument: &str, value: f64) -> Result<()> {
    if value > 0.0 && value < 1.0 {
        return Ok(());
    }
    Err(Error::InvalidValue {
        argument: argument.to_owned(),
        found: value.to_string(),
        expected: "a number strictly between 0 and 1".to_owned(),
    })
}

/// The `z ≥ 0` with `erf(z) = t`, for `0 ≤ t ≤ 1/2`.
fn inverse_erf(t: f64) -> f64 {
    // erf is concave for z > 0 and lies below its tangent at 0: the start is left of the root.
    newton(t / FRAC_2_SQRT_PI, |z| (t - libm::erf(z)) / (FRAC_2_SQRT_PI * (-z * z).exp()))
}

/// The `z > 0` with `erfc(z) = c`, for `0 < c ≤ 1/2`.
fn inverse_erfc(c: f64) -> f64 {
    // In w = −z, ln erfc is concave and increasing. erfc(z) ≤ exp(−z²) puts the start left of the
    // root. Only for subnormal c can erfc round to 0 there: short steps lead out of that.
    -newton(-(-c.ln()).sqrt(), |w| {
        let value = libm::erfc(-w);
        if value > 0.0 {
            (c / value).ln() * value / (FRAC_2_SQRT_PI * (-w * w).exp())
        } else {
            -0.5 / w
        }
    })
}

/// Adds `step` until it is down to the rounding of `x`.
fn newton(start: f64, step: impl Fn(f64) -> f64) -> f64 {
    let mut x = start;
    for _ in 0..64 {
        let change = step(x);
        x += change;
        if change.abs() <= 2.0 * f64::EPSILON * x.abs() {
            break;
        }
    }
    x
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::f64::consts::FRAC_PI_2;

    #[test]
    fn quantiles_have_full_precision() {
        // Computed with 60 digits for the exact value of each double.
        let table = [
            (1e-300, -37.047_096_299_361_2),
            (1e-200, -30.205_594_179_579_64),
            (1e-100, -21.273_453_560_965_324),
            (1e-20, -9.262_340_089_798_408),
            (1e-8, -5.612_001_244_174_789),
            (0.001, -3.090_232_306_167_813_5),
            (0.025, -1.959_963_984_540_054_2),
            (0.2, -0.841_621_233_572_914_2),
            (0.25, -0.674_489_750_196_081_7),
            (0.3, -0.524_400_512_708_040_8),
            (0.45, -0.125_661_346_855_074),
            (0.499_999_9, -2.506_628_274_703_106_5e-7),
            (0.500_000_000_1, 2.506_628_482_030_354e-10),
            (0.6, 0.253_347_103_135_799_7),
            (0.75, 0.674_489_750_196_081_7),
            (0.8, 0.841_621_233_572_914_4),
            (0.975, 1.959_963_984_540_053_9),
            (0.999, 3.090_232_306_167_813),
            (1.0 - 1e-10, 6.361_340_889_697_422),
            (1.0 - f64::EPSILON / 2.0, 8.209_536_151_601_387),
        ];
        for (p, expected) in table {
            let found = normal_quantile(p).unwrap();
            assert!((found / expected - 1.0_f64).abs() < 1e-15, "{p}: {found} {expected}");
        }
    }

    #[test]
    fn quantiles_invert_the_distribution_function() {
        let mut last = f64::NEG_INFINITY;
        for exponent in (1..=300).rev() {
            let p = 10.0_f64.powi(-exponent) * 3.0;
            let x = normal_quantile(p).unwrap();
            assert!(x > last);
            last = x;
            // A relative rounding error ε of x changes Φ(x) by about x² ε, relatively.
            assert!((normal_cdf(x) / p - 1.0).abs() < 1e-15 * (4.0 + x * x), "{p}");
        }
        let smallest = normal_quantile(5e-324).unwrap();
        assert!(smallest < last && (smallest + 38.47).abs() < 0.05, "{smallest}");
    }

    #[test]
    fn levels_next_to_zero_and_one_have_half_widths() {
        let narrow = central_half_width(1e-12).unwrap();
        assert!((narrow / (1e-12 * FRAC_PI_2.sqrt()) - 1.0).abs() < 1e-14);
        let wide = central_half_width(1.0 - f64::EPSILON / 2.0).unwrap();
        assert!((wide + normal_quantile(f64::EPSILON / 4.0).unwrap()).abs() < 1e-14);
    }

    #[test]
    fn probabilities_are_checked() {
        for bad in [0.0, 1.0, -0.5, 95.0, f64::NAN, f64::INFINITY] {
            let found = normal_quantile(bad);
            assert!(matches!(found, Err(Error::InvalidValue { argument, .. }) if argument == "p"));
        }
    }
}
