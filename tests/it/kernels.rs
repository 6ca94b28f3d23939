//! What every registered kernel must satisfy, and what kernels refuse.

use coregion::Error;
use coregion::data::ColumnStatistics;
use coregion::gram;
use coregion::kernel::{self, BoundKernel, Inputs, Kernel};
use coregion::linalg;
use coregion::op::Adjoint;
use coregion::param::{ParamSpec, Transform};
use coregion::prelude::*;
use coregion::spec::{Spec, Value};
use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use crate::common::{assert_close, bind, normal};
use crate::support::{
    assert_covariance, assert_gradient, differences, kernels, mixed_rows, random_values, symmetric,
};

/// Each kernel bound to the columns of x, with values moved away from their start.
fn bound(x: ArrayView2<f64>) -> Vec<(Kernel, Box<dyn BoundKernel>, Vec<f64>)> {
    let with_values = |(i, k): (usize, Kernel)| {
        let (bound, _) = bind(&k, x);
        let theta = random_values(bound.params(), 0.3, 100 + i as u64);
        (k, bound, theta)
    };
    kernels().into_iter().enumerate().map(with_values).collect()
}

fn block(
    kernel: &dyn BoundKernel,
    theta: &[f64],
    x: ArrayView2<f64>,
    z: ArrayView2<f64>,
) -> Array2<f64> {
    let mut out = Array2::from_elem((x.nrows(), z.nrows()), f64::NAN);
    kernel.block(theta, x, z, out.view_mut());
    out
}

#[test]
fn every_entry_has_examples_of_its_name() {
    for entry in kernel::registry() {
        let examples = (entry.examples)();
        assert!(!examples.is_empty(), "{}", entry.name);
        let own = examples.iter().any(|k| {
            let mut nodes = vec![k.spec()];
            let mut found = false;
            while let Some(node) = nodes.pop() {
                found |= node.name == entry.name;
                nodes.extend(&node.children);
            }
            found
        });
        assert!(own, "no example of {} holds it", entry.name);
    }
}

#[test]
fn arguments_are_the_values_that_a_description_may_have() {
    let x = mixed_rows(9, 3);
    let columns: Vec<ColumnStatistics> =
        x.columns().into_iter().map(ColumnStatistics::of).collect();
    for entry in kernel::registry() {
        let mut nodes = vec![Spec::new(entry.name)];
        let mut within: Vec<Spec> = (entry.examples)().iter().map(|k| k.spec().clone()).collect();
        while let Some(node) = within.pop() {
            within.extend(node.children.clone());
            if node.name == entry.name {
                nodes.push(node);
            }
        }
        let refused = |spec: Spec| {
            (1..=2).find_map(|d| match (entry.bind)(&spec, &Inputs::all(&columns[..d])) {
                Err(Error::UnknownName { known, .. }) => Some(known),
                _ => None,
            })
        };
        let refused = nodes.into_iter().map(|node| refused(node.with("?", Value::Bool(true))));
        let names = entry.arguments.iter().map(|a| a.name.to_string()).collect();
        crate::support::assert_known(entry.name, refused.flatten().collect(), names);
        assert!(entry.about.ends_with('.'), "{}", entry.about);
    }
}

#[test]
fn gram_matrices_are_covariances() {
    let (x, z) = (mixed_rows(40, 1), mixed_rows(17, 2));
    for (k, kernel, theta) in bound(x.view()) {
        let gram = gram::gram(&*kernel, &theta, x.view());
        assert_covariance(gram.view(), &k.to_string());
        let direct = block(&*kernel, &theta, x.view(), x.view());
        assert_close(&gram, &direct, 1e-14);
        let xz = block(&*kernel, &theta, x.view(), z.view());
        let zx = block(&*kernel, &theta, z.view(), x.view());
        assert_close(&xz, &zx.t().to_owned(), 1e-14);
        let diagonal = gram::diagonal(&*kernel, &theta, x.view());
        assert_close(&diagonal, &gram.diag().to_owned(), 1e-14);
    }
}

#[test]
fn blocks_of_any_shape_equal_single_pairs() {
    let (x, z) = (mixed_rows(257, 3), mixed_rows(129, 4));
    let shapes =
        [(0, 3), (3, 0), (1, 1), (1, 129), (257, 1), (127, 2), (128, 129), (129, 128), (257, 5)];
    for (k, kernel, theta) in bound(x.slice(s![..50, ..])) {
        let mut pairs = Array2::zeros((257, 129));
        for ((i, j), v) in pairs.indexed_iter_mut() {
            let (a, b) = (x.slice(s![i..i + 1, ..]), z.slice(s![j..j + 1, ..]));
            *v = block(&*kernel, &theta, a, b)[[0, 0]];
        }
        for (a, b) in shapes {
            let (rows, columns) = (x.slice(s![..a, ..]), z.slice(s![..b, ..]));
            let expected = pairs.slice(s![..a, ..b]);
            assert_eq!(block(&*kernel, &theta, rows, columns), expected, "{k}, {a} x {b}");
            assert_eq!(gram::cross(&*kernel, &theta, rows, columns), expected, "{k}, {a} x {b}");
        }
        assert_eq!(gram::cross(&*kernel, &theta, x.view(), z.view()), pairs, "{k}");
        for n in [1, 2, 127, 128, 129, 257] {
            let rows = x.slice(s![..n, ..]);
            let whole = block(&*kernel, &theta, rows, rows);
            assert_close(&gram::gram(&*kernel, &theta, rows), &whole, 1e-14);
        }
    }
}

/// `sum(adjoint o K)` by every parameter.
fn numeric_vjp(
    kernel: &dyn BoundKernel,
    theta: &[f64],
    x: ArrayView2<f64>,
    z: ArrayView2<f64>,
    adjoint: ArrayView2<f64>,
) -> Vec<f64> {
    differences(|t| (&block(kernel, t, x, z) * &adjoint).sum(), theta, 1e-4)
}

#[test]
fn pullbacks_match_differences() {
    let (x, z) = (mixed_rows(23, 5), mixed_rows(14, 6));
    for (k, kernel, theta) in bound(x.view()) {
        for (a, b) in [(23, 14), (1, 14), (23, 1), (1, 1)] {
            let (x, z) = (x.slice(s![..a, ..]), z.slice(s![..b, ..]));
            let adjoint = normal(a, b, 7);
            let expected = numeric_vjp(&*kernel, &theta, x, z, adjoint.view());
            let mut found = vec![0.0; theta.len()];
            kernel.block_vjp(&theta, x, z, adjoint.view(), &mut found);
            let size = (&block(&*kernel, &theta, x, z) * &adjoint).mapv(f64::abs).sum();
            assert_gradient(&found, &expected, 1e-9, size, &k.to_string());
            // Gradients are added to what is there.
            kernel.block_vjp(&theta, x, z, adjoint.view(), &mut found);
            let twice: Vec<f64> = expected.iter().map(|v| 2.0 * v).collect();
            assert_gradient(&found, &twice, 1e-9, size, &k.to_string());
        }
    }
}

#[test]
fn banded_pullbacks_equal_the_whole() {
    let x = mixed_rows(300, 8);
    let g = symmetric(300, 9);
    let (_, vectors) = linalg::eigh(symmetric(300, 10)).unwrap();
    let (weights, factor) = (normal(300, 1, 11).column(0).to_owned(), normal(300, 3, 12));
    let spectral = (&vectors * &weights).dot(&vectors.t()) + factor.dot(&factor.t());
    for (k, kernel, theta) in bound(x.view()) {
        let cases = [
            (Adjoint::Dense(g.clone()), &g),
            (
                Adjoint::Spectral {
                    vectors: vectors.view(),
                    weights: weights.clone(),
                    factor: factor.clone(),
                },
                &spectral,
            ),
            (
                Adjoint::Spectral {
                    vectors: vectors.view(),
                    weights: weights.clone(),
                    factor: Array2::zeros((300, 0)),
                },
                &(&vectors * &weights).dot(&vectors.t()),
            ),
        ];
        for (adjoint, dense) in cases {
            let mut expected = vec![0.0; theta.len()];
            kernel.block_vjp(&theta, x.view(), x.view(), dense.view(), &mut expected);
            let found = gram::gram_vjp(&*kernel, &theta, x.view(), &adjoint);
            let whole = block(&*kernel, &theta, x.view(), x.view());
            let size = (&whole * dense).mapv(f64::abs).sum();
            assert_gradient(&found, &expected, 1e-12, 1e-3 * size, &k.to_string());
        }
    }
}

#[test]
fn descriptions_survive_text_and_json() {
    for k in kernels() {
        let text = serde_json::to_string(&k).unwrap();
        let back: Kernel = serde_json::from_str(&text).unwrap();
        assert_eq!(back, k, "{text}");
        assert_eq!(back.to_string(), k.to_string());
        assert_eq!(Kernel::from_spec(k.spec().clone()).unwrap(), k);
    }
}

#[test]
fn fitted_values_are_written_back() {
    let x = mixed_rows(30, 13);
    for (k, kernel, theta) in bound(x.view()) {
        let fitted = k.with_values(&*kernel, &theta);
        let (again, values) = bind(&fitted, x.view());
        assert_eq!(values, theta, "{k}: {fitted}");
        assert!(again.params().iter().all(|p| p.given), "{fitted}");
        let names = |b: &dyn BoundKernel| -> Vec<_> {
            b.params().iter().map(|p| (p.name.clone(), p.shape.clone(), p.free.clone())).collect()
        };
        assert_eq!(names(&*again), names(&*kernel), "{fitted}");
        let text = serde_json::to_string(&fitted).unwrap();
        let back: Kernel = serde_json::from_str(&text).unwrap();
        // A reader of JSON may lose the last digit.
        assert_close(&Array1::from(bind(&back, x.view()).1), &Array1::from(theta), 1e-15);
    }
}

#[test]
fn active_columns_ignore_the_others() {
    let x = mixed_rows(19, 14);
    let mut wide = normal(19, 4, 15) * 1e3;
    wide.column_mut(3).assign(&x.column(0));
    wide.column_mut(1).assign(&x.column(1));
    for (k, kernel, theta) in bound(x.view()) {
        let restricted = k.clone().on([3, 1]);
        let (on, _) = bind(&restricted, wide.view());
        let same = |a: &[ParamSpec], b: &[ParamSpec]| assert_eq!(a, b, "{restricted}");
        same(on.params(), kernel.params());
        let expected = block(&*kernel, &theta, x.view(), x.view());
        assert_eq!(block(&*on, &theta, wide.view(), wide.view()), expected, "{restricted}");
        let adjoint = normal(19, 19, 16);
        let (mut found, mut wanted) = (vec![0.0; theta.len()], vec![0.0; theta.len()]);
        on.block_vjp(&theta, wide.view(), wide.view(), adjoint.view(), &mut found);
        kernel.block_vjp(&theta, x.view(), x.view(), adjoint.view(), &mut wanted);
        assert_eq!(found, wanted, "{restricted}");
        let diagonal = gram::diagonal(&*on, &theta, wide.view());
        assert_eq!(diagonal, gram::diagonal(&*kernel, &theta, x.view()), "{restricted}");
    }
}

#[test]
fn values_held_are_not_free_and_the_first_amplitude_is_held() {
    let x = mixed_rows(12, 17);
    let free = |k: Kernel| -> Vec<(String, Vec<bool>)> {
        bind(&k, x.view()).0.params().iter().map(|p| (p.name.clone(), p.free.clone())).collect()
    };
    let held = |name: &str, free: &[bool]| (name.to_string(), free.to_vec());
    assert_eq!(free(Rbf::ard().fix("lengthscale")), [held("lengthscale", &[false, false])]);
    assert_eq!(
        free(2.0 * Rbf::isotropic(1.0) + 3.0 * Linear::new(1.0)),
        [
            held("parts[0].scale", &[false]),
            held("parts[0].lengthscale", &[true]),
            held("parts[1].scale", &[true]),
            held("parts[1].bias", &[true]),
        ]
    );
    // Whether columns are chosen before or after makes no difference.
    let before = Rbf::ard().on([1]).fix("lengthscale").with_ard(false);
    assert_eq!(before, Rbf::ard().fix("lengthscale").with_ard(false).on([1]));
    // A scale in front of a product is gathered, and stays relative inside a sum.
    let product = Rbf::isotropic(1.0) * (2.0 * Linear::new(1.0));
    assert_eq!(product.to_string(), "2 * RBF(lengthscale=1) * Linear(bias=1)");
    let k = Constant::unit() + product.clone();
    assert_eq!(free(k)[0], held("parts[1].scale", &[true]));
    assert_eq!(free(product)[0], held("scale", &[false]));
    let mixture = SpectralMixture::learned(2);
    assert_eq!(free(mixture.clone())[0], held("weights", &[false, true]));
    assert_eq!(free(Constant::unit() + mixture)[0], held("parts[1].weights", &[true, true]));
    // Numbers in front multiply, whichever way they are stored.
    let whole = Spec::new("Scale")
        .with("scale", Value::Count(3))
        .with_children(vec![Constant::unit().spec().clone()]);
    let k = 2.0 * Kernel::from_spec(whole).unwrap();
    assert_eq!(bind(&k, x.view()).1, [6.0]);
}

#[test]
fn each_column_has_a_lengthscale_up_to_thirty() {
    for (d, shape) in [(1, vec![1]), (30, vec![30]), (31, vec![])] {
        let x = normal(8, d, 18);
        for k in [Rbf::ard(), Matern12::ard(), Matern32::ard(), Matern52::ard()] {
            assert_eq!(bind(&k, x.view()).0.params()[0].shape, shape, "{k}, {d} columns");
        }
        let ard = bind(&RationalQuadratic::ard().with_ard(true), x.view()).0;
        assert_eq!(ard.params()[0].shape, [d]);
        assert!(bind(&Rbf::ard().with_ard(false), x.view()).0.params()[0].shape.is_empty());
    }
    // Starts and units follow the columns; a constant one has unit 1 and does not count.
    let mut x = normal(200, 3, 19);
    x.column_mut(1).mapv_inplace(|v| 100.0 * v);
    x.column_mut(2).fill(7.0);
    let (kernel, theta) = bind(&Rbf::ard(), x.view());
    let scale = |j: usize| ColumnStatistics::of(x.column(j)).scale;
    let expected = [scale(0), scale(1), 1.0].map(|s| s * 2f64.sqrt());
    assert_close(&Array1::from(theta), &Array1::from(expected.to_vec()), 1e-14);
    assert_eq!(kernel.params()[0].transform[0], Transform::DIVISOR);
}

fn refusal(kernel: &Kernel, x: ArrayView2<f64>) -> Error {
    let statistics: Vec<_> = x.axis_iter(Axis(1)).map(ColumnStatistics::of).collect();
    match kernel.bind(&Inputs::all(&statistics)) {
        Err(error) => error,
        Ok(bound) => bound.check(x).expect_err(&format!("{kernel} was accepted")),
    }
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let x = mixed_rows(12, 20);
    let unknown = Kernel::from_spec(Spec::new("RBF").with("lengthscales", Value::Number(1.0)));
    let columns = |numbers: Vec<f64>| {
        let spec = Spec::new("Columns").with("columns", Value::Vector(numbers));
        Kernel::from_spec(spec.with_children(vec![Rbf::ard().spec().clone()])).unwrap()
    };
    let mut ragged = SpectralMixture::learned(2).spec().clone();
    ragged.values.insert("frequencies".into(), Value::Matrix(vec![vec![0.1, 0.2], vec![0.3]]));
    let leaf_with_parts = Spec::new("RBF").with_children(vec![Constant::unit().spec().clone()]);
    let cases = [
        (Rbf::ard().on([2]), "columns"),
        (Rbf::ard().on([0, 7]), "7"),
        (Rbf::ard().on([1, 1]), "distinct"),
        (Rbf::ard().on(Vec::new()), "columns"),
        (columns(vec![-1.0]), "columns"),
        (columns(vec![0.5]), "columns"),
        (Rbf::new([1.0]), "shape [2]"),
        (Rbf::new([1.0, 2.0, 3.0]), "shape [2]"),
        (Rbf::new([1.0, 2.0]).with_ard(false), "lengthscale"),
        (Matern52::isotropic(0.0), "above"),
        (Matern52::isotropic(-1.0), "above"),
        (Matern52::new([1.0, f64::NAN]), "NaN"),
        (Matern12::isotropic(f64::INFINITY), "inf"),
        (RationalQuadratic::new(1.0, 0.0), "alpha"),
        (Periodic::new(1.0, 0.0).on([0]), "period"),
        (Periodic::new(-1.0, 1.0).on([0]), "lengthscale"),
        (Polynomial::new(0, 1.0), "degree"),
        (Polynomial::new(65, 1.0), "degree"),
        (Polynomial::new(2, -1.0), "bias"),
        (Linear::new(f64::NAN), "bias"),
        (Cosine::new(1.0), "one column"),
        (Cosine::new(1.0).on([0, 1]), "one column"),
        (Cosine::new(0.0).on([0]), "period"),
        (Categorical::any(), "one column"),
        (Categorical::correlated(1.0).on([0]), "rho"),
        (Categorical::correlated(-0.1).on([0]), "rho"),
        (Categorical::levels([0.0, 1.0]).on([0]), "one of the levels"),
        (SpectralMixture::learned(0), "component"),
        (SpectralMixture::new(vec![1.0], vec![vec![1.0]], vec![vec![1.0]]), "shape [1, 2]"),
        (Kernel::from_spec(ragged).unwrap(), "frequencies"),
        (0.0 * Rbf::ard(), "scale"),
        (-1.0 * Rbf::ard(), "scale"),
        (f64::NAN * Rbf::ard(), "scale"),
        (Rbf::ard() + -2.0 * Linear::new(1.0), "scale"),
        (Kernel::from_spec(Spec::new("Scale")).unwrap(), "one kernel"),
        (Kernel::from_spec(Spec::new("Columns")).unwrap(), "one kernel"),
        (Kernel::from_spec(Spec::new("Sum")).unwrap(), "at least one"),
        (Kernel::from_spec(Spec::new("Product")).unwrap(), "at least one"),
        (Kernel::from_spec(leaf_with_parts).unwrap(), "parts"),
    ];
    for (kernel, words) in cases {
        let error = refusal(&kernel, x.view());
        assert!(matches!(error, Error::InvalidValue { .. }), "{kernel}: {error:?}");
        assert!(error.to_string().contains(words), "{kernel}: {error}");
    }
    for kernel in [unknown.unwrap(), Rbf::ard().fix("scale"), Constant::unit().fix("variance")] {
        let error = refusal(&kernel, x.view());
        assert!(matches!(error, Error::UnknownName { .. }), "{kernel}: {error:?}");
    }
    let sum = Spec::new("Sum").with_children(vec![Spec::new("RBF"), Spec::new("White")]);
    let error = Kernel::from_spec(sum).unwrap_err();
    assert!(matches!(&error, Error::UnknownName { name, .. } if name == "White"), "{error}");
}
