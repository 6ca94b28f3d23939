//! What quantiles of warped models cover, and that units do not matter.

use coregion::prelude::*;
use coregion::warp::registry;
use ndarray::Array2;

use crate::common::{assert_close, normal, smooth_outputs};
use crate::warped_models::{outputs, settings};

#[test]
fn values_at_an_end_are_held_by_their_paths() {
    let (x, y) = outputs(20);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let warp = Warp::box_cox().at("lambda", 0.0);
    let ends = settings().warp(warp.clone());
    let error = ends.clone().fix("warp[0].lambda").fit(&data).unwrap_err();
    assert!(error.to_string().starts_with("box-cox.lambda: found 0"), "{error}");
    let paths = (0..3).map(|t| format!("warp[{t}].lambda"));
    let ends = paths.fold(ends, |settings, path| settings.fix(&path)).gradient_tolerance(1e-8);
    let gp = ends.fit(&data).unwrap();
    // A multiple of the logarithm is the logarithm with B in another unit.
    let logs = settings().warp(Warp::log()).gradient_tolerance(1e-8).fit(&data).unwrap();
    let xs = normal(4, 2, 83);
    let q = |gp: &FittedMultiTaskGp| gp.predict_quantiles(xs.view(), &[0.1, 0.9], true).unwrap();
    assert_close(&q(&gp), &q(&logs), 1e-4);
    assert!((gp.log_marginal_likelihood() - logs.log_marginal_likelihood()).abs() < 1e-3);
    let again = FittedMultiTaskGp::from_bytes(&gp.to_bytes().unwrap()).unwrap();
    assert_eq!(q(&again), q(&gp));
    let alone = ends.fit_single_tasks(&data).unwrap();
    assert_eq!(alone.models()[2].warps()[0].forward(0.7), gp.warps()[2].forward(0.7));
}

#[test]
fn units_of_the_outputs_do_not_matter() {
    let (x, y) = outputs(30);
    for entry in registry() {
        let fit = |scale: f64| {
            let data = Dataset::new(x.view(), (&y * scale).view()).unwrap();
            settings()
                .warp(entry.name.parse().unwrap())
                .gradient_tolerance(1e-8)
                .fit(&data)
                .unwrap()
        };
        let (one, other) = (fit(1.0), fit(1000.0));
        let xs = normal(4, 2, 81);
        let q = |gp: &FittedMultiTaskGp| {
            gp.predict_quantiles(xs.view(), &[0.1, 0.5, 0.9], true).unwrap()
        };
        assert_close(&(q(&other) / 1000.0), &q(&one), 1e-4);
        let shift = 90.0 * 1000f64.ln();
        let difference = one.log_marginal_likelihood() - other.log_marginal_likelihood() - shift;
        assert!(difference.abs() < 1e-3, "{}: {difference}", entry.name);
    }
}

#[test]
fn quantiles_cover_what_they_say_on_skewed_data() {
    // Two tasks of a smooth process, seen through a power and a skewed map, with noise on the warped scale.
    let (n, m) = (250, 3000);
    let x = normal(n + m, 1, 91);
    let latent = smooth_outputs(x.view(), 2, 0.0, 92);
    let noise = normal(n + m, 2, 93);
    let y = Array2::from_shape_fn((n + m, 2), |(i, t)| {
        let z = latent[[i, t]] + 0.5 * noise[[i, t]];
        if t == 0 { (3.0 + 0.5 * z).powi(4) } else { ((z.asinh() + 0.6) / 0.8).sinh() }
    });
    let rows = |range: std::ops::Range<usize>| range.collect::<Vec<_>>();
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let training = data.rows(&rows(0..n)).unwrap();
    let gp = settings().warps([Warp::box_cox(), Warp::sinh_arcsinh()]).fit(&training).unwrap();
    assert!(gp.report().converged, "{gp}");
    let held = data.rows(&rows(n..n + m)).unwrap();
    let levels = [0.05, 0.25, 0.5, 0.75, 0.95];
    let q = gp.predict_quantiles(held.x(), &levels, true).unwrap();
    let worst = |q: &ndarray::Array3<f64>| {
        levels.into_iter().enumerate().fold(0.0f64, |worst, (k, level)| {
            let below = held.y().indexed_iter().filter(|&((i, t), y)| *y <= q[[i, t, k]]).count();
            worst.max((below as f64 / (2.0 * m as f64) - level).abs())
        })
    };
    assert!(worst(&q) < 0.02, "{}", worst(&q));
    // Without a warp they do not.
    let plain = settings().fit(&training).unwrap();
    let plain = worst(&plain.predict_quantiles(held.x(), &levels, true).unwrap());
    assert!(plain > 0.03, "{plain}");
}
