//! Files that were saved once, from Rust and from Python, are read and mean what they meant.

use std::path::PathBuf;

use coregion::estimator::Fitted;
use coregion::prelude::*;
use ndarray::{Array1, Array2, Axis};
use serde_json::{Value as Json, json};

use crate::common::{assert_close, assert_near, matrix, normal};

const KINDS: [&str; 3] = ["gaps", "long", "ridge"];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/model_files")
}

#[test]
fn files_saved_once_are_read() {
    for language in ["python", "rust"] {
        let text = std::fs::read_to_string(folder().join(format!("{language}.json"))).unwrap();
        let kept: Json = serde_json::from_str(&text).unwrap();
        for kind in KINDS {
            let kept = &kept[kind];
            let path = folder().join(format!("{language}_{kind}.safetensors"));
            let rows = matrix(&kept["rows"]);
            match coregion::load(&path).unwrap() {
                Fitted::Gp(gp) => {
                    let p = gp.predict(rows.view(), Uncertainty::Std).unwrap();
                    assert_close(&p.mean, &matrix(&kept["mean"]), 1e-9);
                    assert_close(&p.std.unwrap(), &matrix(&kept["std"]), 1e-9);
                    let likelihood = kept["log_marginal_likelihood"].as_f64().unwrap();
                    assert_near(gp.log_marginal_likelihood(), likelihood, 1e-9);
                }
                Fitted::Ridge(ridge) => {
                    let mean = ridge.predict(rows.view()).unwrap();
                    assert_close(&mean, &matrix(&kept["mean"]), 1e-9);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Where `COREGION_WRITE_MODEL_FILES=1` is set, the files that stand for those saved from Rust are written.
#[test]
fn what_is_saved_now_is_read() {
    let writes = std::env::var("COREGION_WRITE_MODEL_FILES").is_ok_and(|value| value == "1");
    let x = Array1::linspace(0.0, 5.0, 14).insert_axis(Axis(1));
    let noise = normal(14, 2, 5) * 0.1;
    let y = Array2::from_shape_fn((14, 2), |(i, t)| {
        let v: f64 = x[[i, 0]];
        [v.sin(), 2.0 * v.cos() + 5.0][t] + noise[[i, t]]
    });
    let mut gaps = y.clone();
    gaps[[3, 0]] = f64::NAN;
    let gaps = Dataset::new(x.view(), gaps.view()).unwrap();
    let labels: Vec<usize> = (0..28).map(|i| i % 2).collect();
    let rows = Array2::from_shape_fn((28, 1), |(i, _)| x[[i / 2, 0]]);
    let list = Array1::from_iter(y.iter().copied());
    let long = Dataset::long(rows.view(), list.view(), &labels).unwrap();
    let long = long.with_long_noise_variances(Array1::from_elem(28, 0.02).view()).unwrap();
    let kernel = Rbf::ard() + 0.5 * Matern32::isotropic(2.0);
    let rows = Array2::from_shape_fn((3, 1), |(i, _)| [0.3, 2.6, 6.0][i]);
    let nested =
        |a: &Array2<f64>| json!(a.rows().into_iter().map(|r| r.to_vec()).collect::<Vec<_>>());
    let mut kept = serde_json::Map::new();
    for (kind, model, data) in [
        ("gaps", MultiTaskGp::new(Matern52::ard()).task(LowRank::new(1)), &gaps),
        ("long", MultiTaskGp::new(kernel).task(FreeForm::new()).noise(Noise::Full), &long),
    ] {
        let gp = model.fit(data).unwrap();
        let bytes = gp.to_bytes().unwrap();
        let p = gp.predict(rows.view(), Uncertainty::Std).unwrap();
        let again = FittedMultiTaskGp::from_bytes(&bytes).unwrap();
        let q = again.predict(rows.view(), Uncertainty::Std).unwrap();
        assert_close(&q.mean, &p.mean, 1e-12);
        assert_close(q.std.as_ref().unwrap(), p.std.as_ref().unwrap(), 1e-12);
        if writes {
            std::fs::write(folder().join(format!("rust_{kind}.safetensors")), bytes).unwrap();
        }
        let (mean, std) = (nested(&p.mean), nested(&p.std.unwrap()));
        let likelihood = gp.log_marginal_likelihood();
        let says = json!({"rows": nested(&rows), "mean": mean, "std": std, "log_marginal_likelihood": likelihood});
        kept.insert(kind.to_string(), says);
    }
    let settings = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).alphas(vec![0.01, 0.1, 1.0]);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let ridge = settings.fit_intercept(true).fit(&data).unwrap();
    let bytes = ridge.to_bytes().unwrap();
    let mean = ridge.predict(rows.view()).unwrap();
    let again = FittedMultiTaskKernelRidge::from_bytes(&bytes).unwrap();
    assert_close(&again.predict(rows.view()).unwrap(), &mean, 1e-12);
    kept.insert("ridge".to_string(), json!({"rows": nested(&rows), "mean": nested(&mean)}));
    if writes {
        std::fs::write(folder().join("rust_ridge.safetensors"), bytes).unwrap();
        let text = serde_json::to_string_pretty(&Json::Object(kept)).unwrap();
        std::fs::write(folder().join("rust.json"), text + "\n").unwrap();
    }
}
