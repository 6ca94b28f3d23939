//! Vector-valued kernel ridge regression against dense refits, numbers of other software and central
//! differences.

use coregion::Error;
use coregion::prelude::*;
use coregion::ridge::{Candidate, Problem};
use ndarray::{Array1, Array2, ArrayView1, Axis, array};

use crate::common::{assert_close, assert_near, bind, dense, normal, smooth_outputs};
use crate::common::{matrix, vector};
use crate::leave_out::ways;
use crate::reference::{kernel, load};
use crate::support::definite;

type Table = Array2<f64>;

/// One way of penalising and weighting.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) task: Task,
    pub(crate) b: Table,
    pub(crate) alpha: f64,
    pub(crate) penalties: Option<Vec<f64>>,
    pub(crate) task_weights: Option<Vec<f64>>,
    pub(crate) weights: Option<Array1<f64>>,
    pub(crate) intercept: bool,
}

impl Case {
    pub(crate) fn settings(&self) -> MultiTaskKernelRidge {
        let mut s = MultiTaskKernelRidge::new(kernel_of())
            .task(self.task.clone())
            .alpha(self.alpha)
            .fit_intercept(self.intercept);
        if let Some(p) = &self.penalties {
            s = s.task_penalties(p.clone());
        }
        if let Some(w) = &self.task_weights {
            s = s.task_weights(w.clone());
        }
        s
    }

    pub(crate) fn fit(&self, data: &Dataset) -> FittedMultiTaskKernelRidge {
        match &self.weights {
            None => self.settings().fit(data).unwrap(),
            Some(w) => self.settings().fit_weighted(data, w.view()).unwrap(),
        }
    }

    /// Noise variances (T) at weight one.
    pub(crate) fn noise(&self, t: usize) -> Array1<f64> {
        let one = || vec![1.0; t];
        let penalties = Array1::from(self.penalties.clone().unwrap_or_else(one));
        penalties * self.alpha / Array1::from(self.task_weights.clone().unwrap_or_else(one))
    }

    /// The weight of each entry in the objective and the criterion.
    fn objective_weights(&self, n: usize, t: usize) -> Table {
        let noise = self.noise(t) / self.alpha;
        let rows = self.weights.clone().unwrap_or_else(|| Array1::ones(n));
        Table::from_shape_fn((n, t), |(i, s)| rows[i] / noise[s])
    }

    /// The dense covariance of the observations that the penalties amount to.
    pub(crate) fn covariance(&self, x: &Table) -> Table {
        let (n, t) = (x.nrows(), self.b.nrows());
        let (bound, theta) = bind(&kernel_of(), x.view());
        let mut k = Table::zeros((n, n));
        bound.block(&theta, x.view(), x.view(), k.view_mut());
        let mut c = dense::covariance(k.view(), self.b.view(), None);
        let noise = self.noise(t);
        for p in 0..n * t {
            let weight = self.weights.as_ref().map_or(1.0, |w| w[p / t]);
            c[[p, p]] += noise[p % t] / weight;
        }
        c
    }

    pub(crate) fn fixed(&self, n: usize, t: usize) -> Option<Table> {
        let h = || Table::from_shape_fn((n * t, t), |(p, s)| f64::from(u8::from(p % t == s)));
        self.intercept.then(h)
    }
}

pub(crate) fn kernel_of() -> Kernel {
    Matern52::new([0.9, 1.4]) + 0.3 * Linear::new(0.5)
}

pub(crate) fn cases(n: usize, t: usize) -> Vec<Case> {
    let b = definite(t, 4);
    let loads = normal(t, 1, 5);
    let plain = Case {
        task: Fixed::at(b.view()),
        b: b.clone(),
        alpha: 0.2,
        penalties: None,
        task_weights: None,
        weights: None,
        intercept: false,
    };
    let weights = normal(n, 1, 6).mapv(|v| 0.2 + v * v).column(0).to_owned();
    let each: Vec<f64> = (0..t).map(|s| 0.3 + 0.7 * s as f64).collect();
    let back: Vec<f64> = each.iter().rev().copied().collect();
    let rank_one = loads.dot(&loads.t());
    let mut cases = vec![
        plain.clone(),
        Case { penalties: Some(each.clone()), ..plain.clone() },
        Case { task_weights: Some(each.clone()), ..plain.clone() },
        Case { weights: Some(weights.clone()), ..plain.clone() },
        Case { task: Fixed::at(rank_one.view()), b: rank_one, ..plain.clone() },
        Case {
            penalties: Some(each),
            task_weights: Some(back),
            weights: Some(weights),
            alpha: 1.7,
            ..plain
        },
    ];
    let with_intercepts: Vec<Case> =
        cases.iter().map(|c| Case { intercept: true, ..c.clone() }).collect();
    cases.extend(with_intercepts);
    cases
}

/// Low rank plus a multiple of the noise over more tasks than are taken as a dense matrix.
fn many_tasks(t: usize, intercept: bool) -> Case {
    let w = normal(t, 2, 7);
    let penalties: Vec<f64> = (0..t).map(|s| 0.4 + 0.01 * s as f64).collect();
    let noise = Array1::from(penalties.clone()) * 0.6;
    Case {
        task: LowRank::plus_noise_starting_at(w.view(), 0.3),
        b: w.dot(&w.t()) + Table::from_diag(&noise) * 0.3,
        alpha: 0.6,
        penalties: Some(penalties),
        task_weights: None,
        weights: None,
        intercept,
    }
}

pub(crate) fn data(n: usize, t: usize) -> Dataset {
    let x = normal(n, 2, 1);
    let y = smooth_outputs(x.view(), t, 0.3, 2) + 4.0;
    Dataset::new(x.view(), y.view()).unwrap()
}

/// Ways that leave rows to learn the intercepts from.
fn served(case: &Case, n: usize) -> Vec<LeaveOut> {
    let all = ways(n).into_iter();
    all.filter(|by| !(case.intercept && *by == LeaveOut::Task)).collect()
}

fn assert_leave_out(case: &Case, data: &Dataset) {
    let (n, t) = data.y().dim();
    let ridge = case.fit(data);
    let (c, fixed) = (case.covariance(&data.x().to_owned()), case.fixed(n, t));
    let y = data.y().to_owned();
    for by in served(case, n) {
        let found = ridge.leave_one_out(&by).unwrap();
        let (mean, std, densities) = dense::leave_out(&c, fixed.as_ref(), &y, &by);
        assert_close(&found.mean, &mean, 1e-8);
        assert_close(&found.std, &std, 1e-8);
        let flat = Array1::from_iter(found.log_density.iter().copied());
        assert_close(&flat, &Array1::from(densities), 1e-8);
    }
    let nothing = Array1::zeros(n * t);
    let covariances = ridge.leave_one_row_out_covariances().unwrap();
    for (i, block) in dense::left_out_blocks(&LeaveOut::Row, n, t).iter().enumerate() {
        let p = dense::refit_without(&c, fixed.as_ref(), &nothing, block);
        assert_close(&covariances.index_axis(Axis(0), i), &p.covariance, 1e-8);
    }
}

#[test]
fn leave_out_equals_refits() {
    let data = data(10, 3);
    for case in cases(10, 3) {
        assert_leave_out(&case, &data);
    }
    for intercept in [false, true] {
        assert_leave_out(&many_tasks(66, intercept), &self::data(3, 66));
    }
}

/// The criterion by its definition from dense refits.
fn criterion_by_refits(case: &Case, data: &Dataset, criterion: &Criterion) -> f64 {
    let (n, t) = data.y().dim();
    let (c, fixed) = (case.covariance(&data.x().to_owned()), case.fixed(n, t));
    let y = data.y().to_owned();
    let weights = case.objective_weights(n, t);
    match criterion {
        Criterion::SquaredError(by) => {
            let (mean, _, _) = dense::leave_out(&c, fixed.as_ref(), &y, by);
            let errors = (y - mean).mapv(|e| e * e);
            (errors * &weights).sum() / weights.sum()
        }
        Criterion::LogDensity(by) => {
            let (_, _, densities) = dense::leave_out(&c, fixed.as_ref(), &y, by);
            -densities.iter().sum::<f64>() / (n * t) as f64
        }
        Criterion::Gcv => {
            // The smoother of the fit, column by column.
            let size = n * t;
            let smoother = Table::from_shape_fn((size, size), |_| 0.0);
            let mut smoother = smoother;
            for q in 0..size {
                let unit = Table::from_shape_fn((n, t), |(i, s)| f64::from(i * t + s == q));
                let one = Dataset::new(data.x(), unit.view()).unwrap();
                let fitted = case.fit(&one).predict(data.x()).unwrap();
                smoother.column_mut(q).assign(&Array1::from_iter(fitted.iter().copied()));
            }
            let flat = Array1::from_iter(y.iter().copied());
            let residuals = &flat - &smoother.dot(&flat);
            let weights = Array1::from_iter(weights.iter().copied());
            let count = size as f64;
            let mean_square = (&residuals * &residuals * &weights).sum() / weights.sum();
            mean_square / (1.0 - smoother.diag().sum() / count).powi(2)
        }
    }
}

fn criteria(case: &Case, n: usize) -> Vec<Criterion> {
    let by = served(case, n);
    let squared = by.iter().cloned().map(Criterion::SquaredError);
    let densities = by.iter().cloned().map(Criterion::LogDensity);
    squared.chain(densities).chain([Criterion::Gcv]).collect()
}

pub(crate) fn problem(case: &Case, data: &Dataset) -> (Problem, Candidate) {
    let weights = case.weights.as_ref().map(|w| w.view());
    let problem = Problem::new(data, &kernel_of(), weights, case.intercept).unwrap();
    let unit = case.noise(data.n_tasks()) / case.alpha;
    let candidate = Candidate::new(&problem, &case.task, unit.view()).unwrap();
    (problem, candidate)
}

#[test]
fn criteria_and_their_derivatives() {
    let check = |case: &Case, data: &Dataset, refits: bool| {
        let (problem, candidate) = problem(case, data);
        for criterion in criteria(case, data.n_rows()) {
            let at = |alpha: f64| problem.evaluate(&candidate, alpha, &criterion).unwrap();
            let (value, slope) = at(case.alpha);
            if refits {
                let expected = criterion_by_refits(case, data, &criterion);
                assert_near(value, expected, 1e-8);
            }
            let h = 1e-5f64;
            let (up, down) = (at(case.alpha * h.exp()).0, at(case.alpha * (-h).exp()).0);
            let difference = (up - down) / (2.0 * h);
            let size = difference.abs().max(1e-3 * value.abs());
            assert!((slope - difference).abs() < 1e-6 * size, "{criterion}: {slope} {difference}");
            let path = problem.path(
                std::slice::from_ref(&candidate),
                &[0.01, case.alpha],
                &criterion,
                &|_| Ok(()),
            );
            assert_near(path.unwrap()[[0, 1]], value, 1e-10);
        }
    };
    for case in cases(10, 3) {
        check(&case, &data(10, 3), true);
    }
    for intercept in [false, true] {
        // B moves with the penalty here, so that its refits are those of the case's own alpha.
        check(&many_tasks(66, intercept), &data(3, 66), true);
    }
}

#[test]
fn long_paths_are_read_off_tables() {
    let (n, t) = (60, 3);
    let data = data(n, t);
    for case in cases(n, t) {
        let (problem, candidate) = problem(&case, &data);
        let candidates = vec![candidate; 40];
        let alphas: Vec<f64> = (-30..=30).map(|e| 10f64.powf(0.1 * f64::from(e))).collect();
        for by in [LeaveOut::Row, LeaveOut::Entry] {
            for criterion in [Criterion::SquaredError(by.clone()), Criterion::LogDensity(by)] {
                let path = problem.path(&candidates, &alphas, &criterion, &|_| Ok(())).unwrap();
                for (a, &alpha) in alphas.iter().enumerate() {
                    let (value, _) = problem.evaluate(&candidates[7], alpha, &criterion).unwrap();
                    assert_near(path[[7, a]], value, 1e-10);
                }
            }
        }
    }
}

#[test]
fn reference_numbers() {
    let dense = load("dense");
    let case = &dense["cases"][2];
    let (x, y, xs) = (matrix(&case["X"]), matrix(&case["Y"]), matrix(&case["Xs"]));
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let ridge = MultiTaskKernelRidge::new(Rbf::new(vector(&case["lengthscale"])))
        .task(Fixed::at(matrix(&case["B"]).view()))
        .alpha(case["alpha"].as_f64().unwrap())
        .fit(&data)
        .unwrap();
    assert_close(&ridge.predict(xs.view()).unwrap(), &matrix(&case["mean"]), 1e-8);
    assert_near(ridge.rkhs_norm_squared(), case["rkhs_norm_squared"].as_f64().unwrap(), 1e-8);
    let rows = ridge.leave_one_out(&LeaveOut::Row).unwrap().mean;
    assert_close(&rows, &matrix(&case["leave_one_row_out_predictions"]), 1e-8);
    let labels = vector(&case["leave_group_out_groups"]).iter().map(|&g| g as usize).collect();
    let groups = ridge.leave_one_out(&LeaveOut::Groups(labels)).unwrap().mean;
    assert_close(&groups, &matrix(&case["leave_group_out_predictions"]), 1e-8);

    let json = load("sklearn");
    let case = &json["kernel_ridge"][0];
    let (x, y, xs) = (matrix(&json["X"]), matrix(&json["Y"]), matrix(&json["Xs"]));
    let ridge = MultiTaskKernelRidge::new(kernel(&case["kernel"]))
        .alpha(case["alpha"].as_f64().unwrap())
        .fit(&Dataset::new(x.view(), y.view()).unwrap())
        .unwrap();
    assert_close(&ridge.predict(xs.view()).unwrap(), &matrix(&case["mean"]), 1e-8);
    assert_close(&ridge.dual_coef(), &matrix(&case["dual_coef"]), 1e-8);
}

#[test]
fn the_posterior_has_the_same_mean() {
    let (n, t) = (12, 3);
    let data = data(n, t);
    let xs = normal(5, 2, 9);
    for case in cases(n, t).iter().filter(|c| c.weights.is_none()).chain([&many_tasks(3, false)]) {
        let ridge = case.fit(&data);
        let gp = ridge.posterior().unwrap();
        let mean = gp.predict(xs.view(), Uncertainty::None).unwrap().mean;
        assert_close(&mean, &ridge.predict(xs.view()).unwrap(), 1e-10);
        assert_close(&gp.task_covariance(), &ridge.task_covariance(), 1e-14);
    }
    // Written out: noise variances alpha, mean zero.
    let b = definite(t, 4);
    let gp = MultiTaskGp::new(kernel_of())
        .task(Fixed::at(b.view()))
        .noise(Noise::Variances(vec![0.2; t]))
        .mean(Mean::Zero)
        .optimizer(Optimizer::None)
        .fit(&data)
        .unwrap();
    let ridge = MultiTaskKernelRidge::new(kernel_of()).task(Fixed::at(b.view())).alpha(0.2);
    let mean = gp.predict(xs.view(), Uncertainty::None).unwrap().mean;
    let ridge = ridge.fit(&data).unwrap();
    assert_close(&mean, &ridge.predict(xs.view()).unwrap(), 1e-10);
    for by in ways(n) {
        let (a, b) = (gp.leave_one_out(&by).unwrap(), ridge.leave_one_out(&by).unwrap());
        assert_close(&a.mean, &b.mean, 1e-10);
        assert_close(&a.log_density, &b.log_density, 1e-9);
    }
}

#[test]
fn the_grid_and_its_refinement() {
    let (n, t) = (25, 3);
    let data = data(n, t);
    let related = |rho: f64| {
        Fixed::at(Table::from_shape_fn((t, t), |(a, b)| if a == b { 1.0 } else { rho }).view())
    };
    let alphas: Vec<f64> = (-12..6).map(|e| 2f64.powi(e)).collect();
    let tasks: Vec<Task> = (0..5).map(|i| related(0.2 * f64::from(i))).collect();
    let settings = MultiTaskKernelRidge::new(kernel_of())
        .fit_intercept(true)
        .tasks(tasks.clone())
        .alphas(alphas.clone());
    let ridge = settings.fit(&data).unwrap();
    // The same, one fit at a time.
    let (mut best, mut place) = (f64::INFINITY, (0, 0));
    for (c, task) in tasks.iter().enumerate() {
        for (a, &alpha) in alphas.iter().enumerate() {
            let one = settings.clone().task(task.clone()).alpha(alpha).fit(&data).unwrap();
            let errors = one.leave_one_out(&LeaveOut::Row).unwrap().mean - data.y();
            let value = errors.mapv(|e| e * e).mean().unwrap();
            assert_near(ridge.cv_errors()[[c, a]], value, 1e-9);
            if value < best {
                (best, place) = (value, (c, a));
            }
        }
    }
    assert_eq!((ridge.task(), ridge.alpha()), (&tasks[place.0], alphas[place.1]));
    assert_near(ridge.criterion_value().unwrap(), best, 1e-9);
    let refined = settings.refine(true).fit(&data).unwrap();
    assert!(refined.criterion_value().unwrap() < best);
    assert!((refined.alpha() / ridge.alpha()).ln().abs() < 2f64.ln());
}

#[test]
fn weights_count_as_repetitions() {
    let (x, y) = (normal(7, 2, 3), normal(7, 2, 4));
    let counts = [1usize, 3, 1, 2, 1, 1, 2];
    let rows: Vec<usize> =
        counts.iter().enumerate().flat_map(|(i, &c)| std::iter::repeat_n(i, c)).collect();
    let (xr, yr) = (x.select(Axis(0), &rows), y.select(Axis(0), &rows));
    let settings = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)).fit_intercept(true).alpha(0.3);
    let weights: Array1<f64> = counts.iter().map(|&c| c as f64).collect();
    let weighted =
        settings.fit_weighted(&Dataset::new(x.view(), y.view()).unwrap(), weights.view()).unwrap();
    let repeated = settings.fit(&Dataset::new(xr.view(), yr.view()).unwrap()).unwrap();
    let xs = normal(4, 2, 5);
    let (a, b) = (weighted.predict(xs.view()).unwrap(), repeated.predict(xs.view()).unwrap());
    assert_close(&a, &b, 1e-10);
    assert_close(weighted.intercept().unwrap(), repeated.intercept().unwrap(), 1e-10);
    assert_eq!(weighted.weights(), Some(&weights));
}

#[test]
fn an_intercept_minimises_the_objective() {
    let (n, t) = (9, 2);
    let data = data(n, t);
    let case = Case { intercept: true, ..cases(n, t)[5].clone() };
    let ridge = case.fit(&data);
    let weights = case.objective_weights(n, t);
    let objective = |shift: ArrayView1<f64>| {
        // f stays; the intercepts move.
        let fitted = ridge.predict(data.x()).unwrap() + shift;
        ((&data.y() - &fitted).mapv(|e| e * e) * &weights).sum()
    };
    let least = objective(array![0.0, 0.0].view());
    for shift in [array![1e-3, 0.0], array![-1e-3, 0.0], array![0.0, 1e-3], array![0.0, -1e-3]] {
        assert!(objective(shift.view()) > least);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let data = data(6, 2);
    let settings = MultiTaskKernelRidge::new(Rbf::isotropic(1.0));
    let refused = |s: MultiTaskKernelRidge| s.fit(&data).unwrap_err().to_string();
    assert_eq!(
        refused(MultiTaskKernelRidge::new(Rbf::ard())),
        "terms[0].kernel.lengthscale has no value, and nothing is learned here: give the value"
    );
    assert_eq!(
        refused(settings.clone().alpha(0.0)),
        "alpha: found 0, expected positive finite numbers"
    );
    assert_eq!(
        refused(settings.clone().alphas(vec![])),
        "alphas: found none, expected at least one penalty"
    );
    assert!(refused(settings.clone().alpha(f64::NAN)).starts_with("alpha: found NaN"));
    assert!(
        refused(settings.clone().task_weights(vec![1.0])).contains("expected 2, one for each task")
    );
    assert!(refused(settings.clone().task_penalties(vec![1.0, -2.0])).contains("found -2"));
    let by_task = settings.clone().fit_intercept(true).alphas(vec![1.0, 2.0]);
    assert!(refused(by_task.clone().criterion(LeaveOut::Task)).contains("no row is left"));
    assert!(refused(by_task.clone().criterion(LeaveOut::Groups(vec![7; 6]))).contains("no row"));
    let labels = by_task.criterion(LeaveOut::Groups(vec![0; 5]));
    assert!(refused(labels).contains("found 5 labels"));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let weights = array![1.0, bad, 1.0, 1.0, 1.0, 1.0];
        let error = settings.fit_weighted(&data, weights.view()).unwrap_err();
        assert!(error.to_string().contains("at row 1"), "{error}");
    }
    let weighted = settings.fit_weighted(&data, Array1::ones(6).view()).unwrap();
    assert!(matches!(weighted.posterior(), Err(Error::Incompatible { .. })));
    assert!(weighted.predict(array![[1.0]].view()).is_err());
    assert!(weighted.predict(array![[1.0, f64::NAN]].view()).is_err());
    // One row and an intercept: the row itself, and nothing to leave out.
    let one = Dataset::new(array![[1.0]].view(), array![[3.0]].view()).unwrap();
    let ridge = settings.fit_intercept(true).fit(&one).unwrap();
    assert_near(ridge.predict(array![[5.0]].view()).unwrap()[[0, 0]], 3.0, 1e-14);
    assert!(ridge.leave_one_out(&LeaveOut::Row).is_err());
}

#[test]
fn extreme_penalties_are_answered_or_refused() {
    let x = Table::from_shape_fn((20, 1), |(i, _)| 0.05 * i as f64);
    let y = smooth_outputs(x.view(), 2, 0.1, 3);
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let settings = MultiTaskKernelRidge::new(Rbf::isotropic(1.0)); // nearly singular
    for alpha in [1e-300, 1e-30, 1e-12, 1e12, 1e300] {
        for intercept in [false, true] {
            match settings.clone().alpha(alpha).fit_intercept(intercept).fit(&data) {
                Err(error) => assert!(matches!(error, Error::Numerical { .. }), "{error}"),
                Ok(ridge) => {
                    for by in [LeaveOut::Row, LeaveOut::Entry, LeaveOut::blocks(20, 4)] {
                        match ridge.leave_one_out(&by) {
                            Ok(p) => assert!(p.mean.iter().chain(&p.std).all(|v| v.is_finite())),
                            Err(e) => assert!(
                                matches!(e, Error::Numerical { .. } | Error::NotPositive { .. }),
                                "{e}"
                            ),
                        }
                    }
                }
            }
        }
    }
}
