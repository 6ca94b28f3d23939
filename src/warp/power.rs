//! The two functions that powers are made of, stable where the exponent vanishes.

/// Magnitude below which series are summed.
const SMALL: f64 = 0.5;

/// `(e^a - 1) / a`, 1 at 0.
pub(super) fn relative_exp(a: f64) -> f64 {
    if a == 0.0 { 1.0 } else { a.exp_m1() / a }
}

/// The derivative of [`relative_exp`]: `(a e^a - e^a + 1) / a^2`, 1/2 at 0.
pub(super) fn relative_exp_slope(a: f64) -> f64 {
    if a.abs() >= SMALL {
        return (a.exp() - relative_exp(a)) / a;
    }
    // sum over k of (k + 1) a^k / (k + 2)!
    let (mut total, mut term) = (0.0, 0.5);
    for k in 0..18 {
        total += term;
        let next = f64::from(k) + 2.0;
        term *= a * next / ((next - 1.0) * (next + 1.0));
    }
    total
}

/// `ln(1 + b) / b`, 1 at 0.
pub(super) fn relative_log(b: f64) -> f64 {
    if b == 0.0 { 1.0 } else { b.ln_1p() / b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_and_closed_forms_meet() {
        for a in [SMALL, -SMALL] {
            let closed = relative_exp_slope(a);
            let series = relative_exp_slope(a * (1.0 - 1e-15));
            assert!((closed - series).abs() < 1e-14 * closed, "{closed} and {series}");
        }
        assert_eq!(
            (relative_exp_slope(0.0), relative_exp(0.0), relative_log(0.0)),
            (0.5, 1.0, 1.0)
        );
    }

    #[test]
    fn the_slope_matches_central_differences() {
        for a in [-40.0, -3.0, -0.49, -1e-3, 1e-9, 0.2, 0.51, 2.0, 20.0] {
            let h = 1e-5;
            let numeric = (relative_exp(a + h) - relative_exp(a - h)) / (2.0 * h);
            let found = relative_exp_slope(a);
            assert!((numeric - found).abs() < 1e-8 * found, "at {a}: {numeric} and {found}");
        }
    }
}
