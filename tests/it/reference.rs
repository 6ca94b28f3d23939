//! Numbers of other software: every case of `tests/reference` that a complete table with one
//! separable term covers.

use coregion::gram;
use coregion::kernel::Kernel;
use coregion::prelude::*;
use coregion::spec::{Spec, Value};
use ndarray::{Array1, Array2, Axis};
use serde_json::Value as Json;

use crate::common::{array, assert_close, assert_near, bind, matrix, vector};

pub(crate) fn load(name: &str) -> Json {
    let path = format!("{}/tests/reference/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn lengthscale(json: &Json) -> Value {
    match json.as_f64() {
        Some(v) => Value::Number(v),
        None => Value::Vector(vector(json)),
    }
}

pub(crate) fn kernel(json: &Json) -> Kernel {
    let kind = json["type"].as_str().unwrap();
    let parts = |key: &str| json[key].as_array().unwrap().iter().map(kernel);
    match kind {
        "Sum" => parts("terms").reduce(|a, b| a + b).unwrap(),
        "Product" => parts("factors").reduce(|a, b| a * b).unwrap(),
        "Scaled" => json["variance"].as_f64().unwrap() * kernel(&json["kernel"]),
        _ => {
            let mut spec = Spec::new(kind);
            for (name, value) in json.as_object().unwrap() {
                let value = match name.as_str() {
                    "type" | "formula" => continue,
                    "lengthscale" => lengthscale(value),
                    "degree" => Value::Count(value.as_u64().unwrap() as usize),
                    _ => {
                        let a = array(value);
                        Value::from_numbers(a.shape(), &a.iter().copied().collect::<Vec<_>>())
                    }
                };
                spec = spec.with(name, value);
            }
            Kernel::from_spec(spec).unwrap()
        }
    }
}

#[test]
fn gram_matrices_and_their_derivatives() {
    let json = load("sklearn");
    let (x, xs) = (matrix(&json["X"]), matrix(&json["Xs"]));
    let mut derivatives = 0;
    for case in json["kernels"].as_array().unwrap() {
        let kernel = kernel(&case["kernel"]);
        let (bound, theta) = bind(&kernel, x.view());
        assert_close(&gram::gram(&*bound, &theta, x.view()), &matrix(&case["gram"]), 1e-12);
        let cross = gram::cross(&*bound, &theta, x.view(), xs.view());
        assert_close(&cross, &matrix(&case["gram_cross"]), 1e-12);
        let diagonal = gram::diagonal(&*bound, &theta, xs.view());
        assert_close(&diagonal, &Array1::from(vector(&case["diag_cross"])), 1e-12);
        // scikit-learn lists parameters in its own order; those of a name are found by that name.
        let names: Vec<&str> = case["log_param_names"]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_str().unwrap())
            .collect();
        let expected = array(&case["grad_gram_wrt_log_params"]);
        let ours = by_scikit_learn_name(&*bound, case["name"].as_str().unwrap());
        for (p, name) in names.iter().enumerate() {
            let nth = names[..p].iter().filter(|other| *other == name).count();
            let index = ours.iter().filter(|(_, n)| n == name).nth(nth).unwrap().0;
            let chain = if name.ends_with("sigma_0") { 2.0 * theta[index] } else { theta[index] };
            for i in 0..x.nrows() {
                for j in 0..x.nrows() {
                    let mut grad = vec![0.0; theta.len()];
                    let one = ndarray::array![[1.0]];
                    let row = |i: usize| x.slice(ndarray::s![i..i + 1, ..]);
                    bound.block_vjp(&theta, row(i), row(j), one.view(), &mut grad);
                    let found = grad[index] * chain;
                    assert!((found - expected[[p, i, j]]).abs() < 1e-10, "{} {name}", case["name"]);
                    derivatives += 1;
                }
            }
        }
    }
    assert!(derivatives > 20 * 144);
}

/// The places of our parameters with scikit-learn's name for each.
fn by_scikit_learn_name(
    bound: &dyn coregion::kernel::BoundKernel,
    case: &str,
) -> Vec<(usize, &'static str)> {
    let mut out = Vec::new();
    let mut place = 0;
    for p in bound.params() {
        let name = match (case, p.name.as_str()) {
            ("sum-product", "parts[0].scale") => "k1__k1__constant_value",
            ("sum-product", "parts[0].lengthscale") => "k1__k2__length_scale",
            ("sum-product", "parts[1].parts[0].lengthscale") => "k2__k1__length_scale",
            ("sum-product", "parts[1].parts[1].bias") => "k2__k2__sigma_0",
            (_, "lengthscale") => "length_scale",
            (_, "alpha") => "alpha",
            (_, "period") => "periodicity",
            (_, "bias") => "sigma_0",
            other => panic!("{other:?}"),
        };
        out.extend((place..place + p.init.len()).map(|i| (i, name)));
        place += p.init.len();
    }
    out
}

#[test]
fn spectral_mixture_and_polynomial_gram_matrices() {
    for case in load("gpytorch")["kernels"].as_array().unwrap() {
        let (x, xs) = (matrix(&case["X"]), matrix(&case["Xs"]));
        // GPyTorch multiplies the one-column mixtures over the columns, sum and product swapped
        // against the formula stated in the file, which is that of Wilson & Adams and ours: its
        // numbers are the product of our one-column kernels.
        let kernel = match case["kernel"]["type"].as_str().unwrap() {
            "SpectralMixture" => {
                (0..2).map(|c| one_column_mixture(&case["kernel"], c)).reduce(|a, b| a * b)
            }
            _ => Some(kernel(&case["kernel"])),
        };
        let (bound, theta) = bind(&kernel.unwrap(), x.view());
        assert_close(&gram::gram(&*bound, &theta, x.view()), &matrix(&case["gram"]), 1e-12);
        let cross = gram::cross(&*bound, &theta, x.view(), xs.view());
        assert_close(&cross, &matrix(&case["gram_cross"]), 1e-12);
    }
}

fn one_column_mixture(json: &Json, column: usize) -> Kernel {
    let of = |name: &str| matrix(&json[name]).column(column).iter().map(|&v| vec![v]).collect();
    SpectralMixture::new(vector(&json["weights"]), of("frequencies"), of("bandwidths")).on([column])
}

/// A model evaluated exactly at the values given.
fn evaluate(
    kernel: Kernel,
    b: &Array2<f64>,
    noise: Noise,
    x: &Array2<f64>,
    y: &Array2<f64>,
) -> FittedMultiTaskGp {
    let data = Dataset::new(x.view(), y.view()).unwrap();
    MultiTaskGp::new(kernel)
        .task(FreeForm::starting_at(b.view()))
        .noise(noise)
        .mean(Mean::Zero)
        .normalize_x(false)
        .normalize_y(false)
        .optimizer(Optimizer::None)
        .fit(&data)
        .unwrap()
}

#[test]
fn icm_likelihoods_means_and_covariances() {
    let mut seen = 0;
    for case in load("gpytorch")["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        if !name.starts_with("icm") {
            continue;
        }
        let term = &case["terms"][0];
        let (x, y, xs) = (matrix(&case["X"]), matrix(&case["Y"]), matrix(&case["Xs"]));
        let sigma = matrix(&case["noise_covariance"]);
        let noise = if name.contains("per-task") {
            Noise::Variances(sigma.diag().to_vec())
        } else {
            Noise::Covariance(sigma.clone())
        };
        let b = matrix(&term["B"]);
        let gp = evaluate(kernel(&term["kernel"]), &b, noise, &x, &y);
        assert_near(gp.log_marginal_likelihood(), case["lml"].as_f64().unwrap(), 1e-8);
        let mean = matrix(&case["mean"]);
        assert_close(&gp.predict(xs.view(), Uncertainty::None).unwrap().mean, &mean, 1e-8);
        let expected = array(&case["latent_cov"]);
        let joint = gp.predict_covariance(xs.view(), false).unwrap().into_dyn();
        assert_close(&joint, &expected, 1e-8);
        let with_noise = gp.predict_covariance(xs.view(), true).unwrap();
        let latent = gp.predict(xs.view(), Uncertainty::Std).unwrap();
        let observed = gp.predict(xs.view(), Uncertainty::Observation).unwrap();
        let blocks = gp.predict_task_covariances(xs.view()).unwrap();
        for i in 0..xs.nrows() {
            for t in 0..y.ncols() {
                let variance = expected[[i, t, i, t]];
                assert_near(latent.std().unwrap()[[i, t]].powi(2), variance, 1e-8);
                let total = variance + sigma[[t, t]];
                assert_near(observed.std().unwrap()[[i, t]].powi(2), total, 1e-8);
                for s in 0..y.ncols() {
                    assert!((blocks[[i, t, s]] - expected[[i, t, i, s]]).abs() < 1e-8);
                    let noisy = expected[[i, t, i, s]] + sigma[[t, s]];
                    assert!((with_noise[[i, t, i, s]] - noisy).abs() < 1e-8);
                }
            }
        }
        // The same B in its low-rank form.
        let (w, kappa) = (matrix(&term["W"]), vector(&term["kappa"]));
        let data = Dataset::new(x.view(), y.view()).unwrap();
        let low_rank = MultiTaskGp::new(kernel_fixed(&term["kernel"]))
            .task(LowRank::starting_at(w.view(), &kappa))
            .noise(gp.noise())
            .mean(Mean::Zero)
            .optimizer(Optimizer::None)
            .fit(&data)
            .unwrap();
        assert_near(low_rank.log_marginal_likelihood(), case["lml"].as_f64().unwrap(), 1e-8);
        seen += 1;
    }
    assert_eq!(seen, 6);
}

fn kernel_fixed(json: &Json) -> Kernel {
    kernel(json).fix("lengthscale")
}

#[test]
fn full_noise_gradients() {
    let json = load("dense");
    let case = &json["cases"][0];
    assert_eq!(case["name"], "icm-full-noise-gradient");
    let (x, y, b) = (matrix(&case["X"]), matrix(&case["Y"]), matrix(&case["B"]));
    let sigma = matrix(&case["noise_covariance"]);
    let kernel = Rbf::new(vector(&case["lengthscale"]));
    let gp = evaluate(kernel, &b, Noise::Covariance(sigma), &x, &y);
    assert_near(gp.log_marginal_likelihood(), case["lml"].as_f64().unwrap(), 1e-8);
    let (value, gradient) = gp.log_marginal_likelihood_at(&[]).unwrap();
    assert_near(value, gp.log_marginal_likelihood(), 1e-12);
    let expected = array(&case["d_lml_d_lengthscale"]);
    assert_close(&gradient["terms[0].kernel.lengthscale"], &expected, 1e-5);
    let factor = gp.posterior().factor();
    let expected = matrix(&case["d_lml_d_B_entries_free"]);
    assert_close(&factor.adjoints(false).unwrap().tasks[0].to_dense(), &expected, 1e-5);
    let expected = matrix(&case["d_lml_d_noise_entries_free"]);
    assert_close(&factor.adjoints(false).unwrap().noise.to_dense(), &expected, 1e-5);
}

#[test]
fn single_task_gaussian_processes() {
    let json = load("sklearn");
    let (x, xs) = (matrix(&json["X"]), matrix(&json["Xs"]));
    for case in json["single_task_gps"].as_array().unwrap() {
        let y = Array1::from(vector(&case["y"])).insert_axis(Axis(1));
        let b = ndarray::array![[case["kernel"]["variance"].as_f64().unwrap()]];
        let noise = case["noise"].as_f64().unwrap();
        let gp =
            evaluate(kernel(&case["kernel"]["kernel"]), &b, Noise::Variances(vec![noise]), &x, &y);
        assert_near(gp.log_marginal_likelihood(), case["lml"].as_f64().unwrap(), 1e-8);
        let p = gp.predict(xs.view(), Uncertainty::None).unwrap();
        let mean = Array1::from(vector(&case["mean"]));
        assert_close(&p.mean.column(0).to_owned(), &mean, 1e-8);
        let joint = gp.predict_covariance(xs.view(), true).unwrap();
        let joint = joint.to_shape((xs.nrows(), xs.nrows())).unwrap().to_owned();
        assert_close(&joint, &matrix(&case["latent_plus_noise_cov"]), 1e-8);
        let expected = vector(&case["grad_wrt_log_params"]);
        let (_, gradient) = gp.log_marginal_likelihood_at(&[]).unwrap();
        let lengthscale = &gradient["terms[0].kernel.lengthscale"];
        let natural = vector(&case["kernel"]["kernel"]["lengthscale"]);
        for d in 0..3 {
            assert_near(lengthscale[[d]] * natural[d], expected[1 + d], 1e-8);
        }
        let factor = gp.posterior().factor();
        assert_near(
            factor.adjoints(false).unwrap().tasks[0].diagonal()[0] * b[[0, 0]],
            expected[0],
            1e-8,
        );
        assert_near(factor.adjoints(false).unwrap().noise.diagonal()[0] * noise, expected[4], 1e-8);
    }
}

#[test]
fn kernel_ridge_is_the_posterior_mean() {
    let dense = load("dense");
    let case = &dense["cases"][2];
    let (x, y, xs) = (matrix(&case["X"]), matrix(&case["Y"]), matrix(&case["Xs"]));
    let alpha = case["alpha"].as_f64().unwrap();
    let noise = Noise::Variances(vec![alpha; y.ncols()]);
    let kernel_ = Rbf::new(vector(&case["lengthscale"]));
    let gp = evaluate(kernel_, &matrix(&case["B"]), noise, &x, &y);
    let mean = gp.predict(xs.view(), Uncertainty::None).unwrap().mean;
    assert_close(&mean, &matrix(&case["mean"]), 1e-8);

    let json = load("sklearn");
    let case = &json["kernel_ridge"][0];
    let (x, y, xs) = (matrix(&json["X"]), matrix(&json["Y"]), matrix(&json["Xs"]));
    let alpha = case["alpha"].as_f64().unwrap();
    let noise = Noise::Variances(vec![alpha; y.ncols()]);
    let gp = evaluate(kernel(&case["kernel"]), &Array2::eye(3), noise, &x, &y);
    let mean = gp.predict(xs.view(), Uncertainty::None).unwrap().mean;
    assert_close(&mean, &matrix(&case["mean"]), 1e-8);
    assert_close(&gp.posterior().factor().dual(), &matrix(&case["dual_coef"]), 1e-8);
}
