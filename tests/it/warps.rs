//! Warps by themselves: inverses, slopes, gradients, moments and starts of everything registered.

use coregion::spec::Spec;
use coregion::warp::{BoundWarp, Column, Warp, WarpEntry, registry};

use crate::common::normal;

/// Outputs of a positive, skewed task.
fn column() -> Column {
    Column::of(normal(200, 1, 3).iter().map(|v| 2.0 * (0.8 * v).exp()))
}

fn bound(entry: &WarpEntry) -> Box<dyn BoundWarp> {
    (entry.bind)(&Spec::new(entry.name), &column()).unwrap()
}

/// Values of every parameter: the start, and others, ends of ranges and their neighbourhood included.
fn places(entry: &WarpEntry) -> Vec<Vec<f64>> {
    match entry.name {
        "identity" | "log" => vec![vec![]],
        "box-cox" => [0.0, 1e-12, 1e-7, 1e-3, 0.3, 1.0, 1.7, 3.0]
            .into_iter()
            .flat_map(|lambda| [vec![lambda, 2.1], vec![lambda, 0.04]])
            .collect(),
        "yeo-johnson" => [0.0, 1e-12, 1e-6, 0.4, 1.0, 1.6, 2.0 - 1e-7, 2.0]
            .into_iter()
            .flat_map(|lambda| [vec![lambda, 2.0, 1.4], vec![lambda, -0.3, 0.2]])
            .collect(),
        "sinh-arcsinh" => [(0.0, 1.0), (0.7, 0.6), (-1.1, 1.5), (2.0, 0.3), (0.01, 1.01)]
            .into_iter()
            .flat_map(|(e, d)| [vec![e, d, 2.0, 1.4], vec![e, d, -0.3, 0.2]])
            .collect(),
        other => panic!("give places of '{other}'"),
    }
}

/// Outputs in its domain.
fn outputs(warp: &dyn BoundWarp) -> Vec<f64> {
    // Not at the location of Yeo-Johnson: its second derivative has a cusp there.
    let mut out = vec![1e-3, 0.05, 0.4, 1.9, 2.01, 2.1, 7.0, 60.0];
    if !warp.needs_positive() {
        out.extend([-30.0, -2.0, -0.31, 0.0]);
    }
    out
}

#[test]
fn inverses_invert_and_slopes_are_those_of_the_warp() {
    for entry in registry() {
        let warp = bound(entry);
        for psi in places(entry) {
            for y in outputs(warp.as_ref()) {
                let what = format!("{} at {psi:?} of {y}", entry.name);
                let z = warp.forward(&psi, y);
                let back = warp.inverse(&psi, z);
                // Rounding of z, seen through the inverse.
                let slope = warp.log_slope(&psi, y).exp();
                let room = 1e-12 * y.abs().max(1.0) + 8.0 * f64::EPSILON * z.abs() / slope;
                assert!((back - y).abs() <= room, "{what}: {back}");
                let h = 1e-4 * y.abs().max(1e-3);
                let at = |k: f64| warp.forward(&psi, y + k * h);
                let numeric = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * h);
                let rounding = 8.0 * f64::EPSILON * z.abs() / h;
                assert!(
                    (numeric - slope).abs() < 1e-6 * slope + rounding,
                    "{what}: {slope} and {numeric}"
                );
                assert!(at(1.0) > z, "{what} is not increasing");
            }
        }
    }
}

#[test]
fn gradients_match_central_differences() {
    for entry in registry() {
        let warp = bound(entry);
        for psi in places(entry) {
            for y in outputs(warp.as_ref()) {
                for (of_value, of_slope) in [(1.0, 0.0), (0.0, 1.0), (-0.7, 0.4)] {
                    let mut found = vec![0.0; psi.len()];
                    warp.vjp(&psi, y, of_value, of_slope, &mut found);
                    for k in 0..psi.len() {
                        let h = 1e-4 * psi[k].abs().max(1e-1);
                        let at = |steps: f64| {
                            let mut moved = psi.clone();
                            moved[k] += steps * h;
                            of_value * warp.forward(&moved, y)
                                + of_slope * warp.log_slope(&moved, y)
                        };
                        let numeric =
                            (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * h);
                        let size = numeric.abs().max(at(0.0).abs()).max(1.0);
                        let what = format!("{} at {psi:?} of {y}, {k}", entry.name);
                        assert!(
                            (numeric - found[k]).abs() < 2e-6 * size,
                            "{what}: {} and {numeric}",
                            found[k]
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn at_the_reference_the_value_is_0_and_the_slope_is_1() {
    for entry in registry() {
        let warp = bound(entry);
        for psi in places(entry) {
            let reference = match entry.name {
                "box-cox" => psi[1],
                "yeo-johnson" => psi[1],
                "sinh-arcsinh" => psi[2],
                _ => continue,
            };
            assert_eq!(warp.forward(&psi, reference), 0.0, "{}", entry.name);
            assert!(warp.log_slope(&psi, reference).abs() < 1e-14, "{}", entry.name);
        }
    }
}

#[test]
fn warps_without_effect_are_shifts() {
    for (warp, psi) in [
        (Warp::box_cox(), vec![1.0, 2.1]),
        (Warp::yeo_johnson(), vec![1.0, 2.1, 0.4]),
        (Warp::sinh_arcsinh(), vec![0.0, 1.0, 2.1, 0.4]),
    ] {
        let bound = warp.bind(&column()).unwrap();
        for y in [0.3, 2.1, 9.0] {
            assert!((bound.forward(&psi, y) - (y - 2.1)).abs() < 1e-13, "{warp}");
        }
    }
}

#[test]
fn moments_are_those_of_a_fine_sum() {
    for entry in registry() {
        let warp = bound(entry);
        for psi in places(entry) {
            // In units of the reference.
            let unit = match entry.name {
                "box-cox" => psi[1],
                "yeo-johnson" => psi[2],
                "sinh-arcsinh" => psi[3],
                _ => 1.0,
            };
            for (mean, std) in [(0.3, 0.2), (-0.4, 0.9), (0.1, 0.0)] {
                let (mean, std) = (mean * unit, std * unit);
                let (found, spread) = warp.moments(&psi, mean, std);
                let (n, reach) = (400_000, 15.0);
                let (mut total, mut first, mut second) = (0.0, 0.0, 0.0);
                for k in 0..=n {
                    let t = reach * (2.0 * k as f64 / n as f64 - 1.0);
                    let (w, v) = ((-0.5 * t * t).exp(), warp.inverse(&psi, mean + std * t));
                    total += w;
                    first += w * v;
                    second += w * v * v;
                }
                let centre = first / total;
                let expected = (second / total - centre * centre).max(0.0).sqrt();
                let size = centre.abs() + expected;
                let what = format!("{} at {psi:?} for {mean} and {std}", entry.name);
                // The sum has few digits where the inverse ends with a vertical slope.
                let room = if entry.name == "box-cox" && psi[0] > 1.0 { 1e-6 } else { 1e-8 };
                assert!((found - centre).abs() < room * size, "{what}: {found} and {centre}");
                assert!((spread - expected).abs() < 1e-6 * size, "{what}: {spread}, {expected}");
            }
        }
    }
}

#[test]
fn what_lies_below_the_range_is_mapped_to_the_end_of_the_domain() {
    let warp = Warp::box_cox().bind(&column()).unwrap();
    assert_eq!(warp.inverse(&[0.5, 2.0], -4.0), 0.0);
    assert_eq!(warp.inverse(&[0.5, 2.0], -40.0), 0.0);
    assert!(warp.inverse(&[0.5, 2.0], -3.999) > 0.0);
    let (mean, _) = warp.moments(&[0.5, 2.0], -50.0, 0.1);
    assert_eq!(mean, 0.0);
}

#[test]
fn starts_find_the_warp_that_made_the_data() {
    let z = normal(4000, 1, 5);
    // Cube roots of the outputs are normal.
    let cubes = Column::of(z.iter().map(|v| (3.0 + 0.6 * v).powi(3)));
    let lambda = Warp::box_cox().bind(&cubes).unwrap().params()[0].init[0];
    assert!((lambda - 1.0 / 3.0).abs() < 0.1, "{lambda}");
    let straight = Column::of(z.iter().map(|v| 4.0 + 0.5 * v));
    let lambda = Warp::yeo_johnson().bind(&straight).unwrap().params()[0].init[0];
    assert!((lambda - 1.0).abs() < 0.1, "{lambda}");
    let made: Vec<f64> = z.iter().map(|v| ((v.asinh() + 0.5) / 0.7).sinh()).collect();
    let warp = Warp::sinh_arcsinh().bind(&Column::of(made.iter().copied())).unwrap();
    let psi: Vec<f64> = warp.params().iter().flat_map(|p| p.init.clone()).collect();
    let back: Vec<f64> = made.iter().map(|y| warp.forward(&psi, *y)).collect();
    let (raw, warped) = (skewness(&made), skewness(&back));
    assert!(raw > 1.5 && warped.abs() < 0.2, "{raw} and {warped} at {psi:?}");
}

/// The third standardised moment.
fn skewness(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let moment = |k: i32| values.iter().map(|v| (v - mean).powi(k)).sum::<f64>() / n;
    moment(3) / moment(2).powf(1.5)
}

#[test]
fn values_given_are_used_and_refused() {
    let column = column();
    let given = Warp::box_cox().at("lambda", 0.5).at("reference", 3.0).bind(&column).unwrap();
    assert_eq!((given.params()[0].init[0], given.params()[1].init[0]), (0.5, 3.0));
    for warp in [
        Warp::box_cox().at("lambda", -0.5),
        Warp::box_cox().at("reference", 0.0),
        Warp::yeo_johnson().at("lambda", 2.5),
        Warp::yeo_johnson().at("scale", -1.0),
        Warp::sinh_arcsinh().at("delta", 0.0),
        Warp::sinh_arcsinh().at("epsilon", f64::NAN),
        Warp::log().at("base", 10.0),
        Warp::identity().fix("lambda"),
    ] {
        assert!(warp.bind(&column).is_err(), "{warp}");
    }
}

#[test]
fn ends_of_ranges_are_values_that_are_held() {
    let column = column();
    for (warp, end) in [
        (Warp::box_cox(), 0.0),
        (Warp::box_cox(), 3.0),
        (Warp::yeo_johnson(), 0.0),
        (Warp::yeo_johnson(), 2.0),
    ] {
        let warp = warp.at("lambda", end);
        let message = warp.bind(&column).unwrap_err().to_string();
        assert!(message.contains("above 0 and below") && message.contains("held"), "{message}");
        assert_eq!(warp.fix("lambda").bind(&column).unwrap().params()[0].init[0], end);
    }
    let message = Warp::box_cox().at("lambda", 0.0).bind(&column).unwrap_err().to_string();
    assert!(message.ends_with("is the warp 'log'"), "{message}");
    let message = Warp::log().at("lambda", 1.0).bind(&column).unwrap_err().to_string();
    assert_eq!(message, "unknown value of log 'lambda': log has no parameters");
}

#[test]
fn columns_that_say_nothing_leave_the_outputs_as_they_are() {
    for column in [Column::of([]), Column::of([3.0]), Column::of([2.0; 40])] {
        for entry in registry() {
            let warp = (entry.bind)(&Spec::new(entry.name), &column).unwrap();
            let psi: Vec<f64> = warp.params().iter().flat_map(|p| p.init.clone()).collect();
            assert!(psi.iter().all(|v| v.is_finite()), "{}: {psi:?}", entry.name);
            let z = [1.0, 2.0].map(|y| warp.forward(&psi, y));
            if entry.name != "log" {
                assert!((z[1] - z[0] - 1.0).abs() < 1e-12, "{}: {z:?}", entry.name);
            }
        }
    }
}
