//! Sums of separable terms are learned: planted scales, order, and what becomes of terms too many.

use coregion::estimator::Warning;
use coregion::prelude::*;
use coregion::{gram, kernel::BoundKernel};
use ndarray::{Array2, Axis, array};

use crate::common::{bind, dense, normal};
use crate::support::assert_healthy;

/// A draw (n, T) from a term: kernel times the square of a factor.
fn draw(kernel: &Kernel, factor: &Array2<f64>, x: &Array2<f64>, seed: u64) -> Array2<f64> {
    let (kernel, theta): (Box<dyn BoundKernel>, _) = bind(kernel, x.view());
    let mut k = gram::gram(kernel.as_ref(), &theta, x.view());
    k.diag_mut().mapv_inplace(|v| v + 1e-8);
    dense::cholesky(&k).dot(&normal(x.nrows(), factor.ncols(), seed)).dot(&factor.t())
}

/// Rows up to `end`, and outputs with a slow part that the tasks share and a fast one that they do not.
fn two_scales(n: usize, end: f64, seed: u64) -> Dataset {
    let x = Array2::from_shape_fn((n, 1), |(i, _)| end * i as f64 / n as f64);
    let slow = draw(&Rbf::isotropic(2.5), &array![[1.0], [0.8], [-0.9]], &x, seed);
    let fast = array![[0.5, 0.0, 0.0], [0.0, 0.4, 0.0], [0.0, 0.0, 0.6]];
    let fast = draw(&Rbf::isotropic(0.3), &fast, &x, seed + 1000);
    let y = slow + fast + normal(n, 3, seed + 2000) * 0.1;
    Dataset::new(x.view(), y.view()).unwrap()
}

fn lengthscales(gp: &FittedMultiTaskGp) -> Vec<f64> {
    let of = |q: usize| gp.parameters()[&format!("terms[{q}].kernel.lengthscale")].sum();
    (0..gp.terms().len()).map(of).collect()
}

#[test]
fn planted_scales_are_found() {
    for seed in 0..4 {
        let data = two_scales(160, 50.0, seed);
        let settings = MultiTaskGp::new(Rbf::ard()).task(LowRank::new(1)).max_iterations(400);
        let gp = settings.clone().term(Rbf::ard(), Diagonal::new()).fit(&data).unwrap();
        assert_healthy(&gp);
        assert!(gp.report().converged, "{}", gp.report());
        // No worse than what was planted, and much better than one term can be.
        let factor = array![[1.0], [0.8], [-0.9]];
        let planted = MultiTaskGp::new(Rbf::isotropic(2.5))
            .task(LowRank::starting_at(factor.view(), &[1e-9; 3]))
            .term(Rbf::isotropic(0.3), Diagonal::starting_at([0.25, 0.16, 0.36]))
            .noise(Noise::Variances(vec![0.01; 3]))
            .optimizer(Optimizer::None)
            .fit(&data)
            .unwrap();
        let value = gp.log_marginal_likelihood();
        let reached = planted.log_marginal_likelihood();
        assert!(value > reached, "{seed}: {value} {reached} {:?}\n{gp}", lengthscales(&gp));
        let one = settings.task(FreeForm::new()).fit(&data).unwrap();
        assert!(value > one.log_marginal_likelihood() + 10.0, "{seed}: {value}");
        let [slow, fast] = lengthscales(&gp)[..] else { panic!() };
        assert!((slow / 2.5).ln().abs() < 0.4 && (fast / 0.3).ln().abs() < 0.2, "{slow} {fast}");
    }
}

#[test]
fn terms_written_alike_come_sorted_by_their_share() {
    let data = two_scales(100, 30.0, 9);
    let term = || (Matern52::ard(), LowRank::new(1));
    let (kernel, task) = term();
    let settings = MultiTaskGp::new(kernel).task(task).term(term().0, term().1);
    for seed in 0..2 {
        let gp = settings.clone().n_restarts(1).seed(seed).fit(&data).unwrap();
        let shares = gp.signal_shares();
        assert!(shares[0] >= shares[1], "{shares:?}");
        // The values moved with their terms: the likelihood is the one that was reached.
        let best = gp.report().restarts.iter().map(|r| r.log_posterior).fold(f64::MIN, f64::max);
        let model = gp.posterior().model();
        let mut unused = vec![0.0; gp.posterior().natural().len()];
        let prior = model.layout().log_prior(gp.posterior().natural(), &mut unused);
        assert!((gp.log_marginal_likelihood() + prior - best).abs() < 1e-6 * best.abs());
    }
}

#[test]
fn terms_that_say_nothing_are_reported() {
    let data = two_scales(60, 30.0, 4);
    let held = |variance: f64| Diagonal::starting_at([variance; 3]).fix("variances");
    let nothing = MultiTaskGp::new(Rbf::ard()).term(Rbf::isotropic(0.3), held(1e-9));
    let gp = nothing.fit(&data).unwrap();
    let share = gp.signal_shares()[1];
    assert!(gp.report().warnings.contains(&Warning::NegligibleTerm { term: 1, share }));
    assert!(gp.report().to_string().contains("warning: term 1 has "));
    let kernel = || Rbf::isotropic(0.7).fix("lengthscale");
    let twice = MultiTaskGp::new(kernel()).term(kernel(), held(0.5)).fit(&data).unwrap();
    assert!(twice.report().warnings.contains(&Warning::AlikeTerms { first: 0, last: 1 }));
    let again = FittedMultiTaskGp::from_bytes(&twice.to_bytes().unwrap()).unwrap();
    assert_eq!(again.report().warnings, twice.report().warnings);
}

#[test]
fn many_observations_are_learned_by_conjugate_gradients() {
    let data = two_scales(60, 30.0, 2);
    let settings =
        MultiTaskGp::new(Rbf::ard()).task(LowRank::new(1)).term(Rbf::ard(), Diagonal::new());
    let dense = settings.clone().fit(&data).unwrap();
    let cg = settings.solver(Solver::Cg).fit(&data).unwrap();
    let gap = dense.log_marginal_likelihood() - cg.log_marginal_likelihood();
    assert!(gap.abs() < 0.5, "{gap}");
    let at = data.x().select(Axis(0), &[3, 20, 41]);
    let (p, q) = (
        dense.predict(at.view(), Uncertainty::None).unwrap(),
        cg.predict(at.view(), Uncertainty::None).unwrap(),
    );
    assert!((p.mean - q.mean).iter().all(|v| v.abs() < 0.1));
}
