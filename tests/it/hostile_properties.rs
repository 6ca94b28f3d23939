//! Random hostile data: a typed error or finite answers, and never a panic.

use coregion::Error;
use coregion::prelude::*;
use coregion::task;
use ndarray::{Array2, ArrayView2};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

use crate::common::normal;
use crate::support::{answers, assert_healthy, kernels, tasks};

/// What a column is filled with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fill {
    Normal,
    Constant,
    Zero,
    Huge,
    Tiny,
    Far,
    Whole,
    Outlier,
    Nearly,
    Extreme,
    Denormal,
    NotFinite,
}

use Fill::{
    Constant as Same, Denormal, Extreme, Far, Huge, Nearly, Normal, NotFinite, Outlier, Tiny,
    Whole, Zero,
};

/// Columns that a data set accepts.
pub(crate) const ACCEPTED: [Fill; 9] =
    [Normal, Same, Zero, Huge, Tiny, Far, Whole, Outlier, Nearly];
pub(crate) const ANY: [Fill; 12] =
    [Normal, Same, Zero, Huge, Tiny, Far, Whole, Outlier, Nearly, Extreme, Denormal, NotFinite];

/// A table of such columns, some of its rows repeated.
pub(crate) fn table(n: usize, fills: &[Fill], seed: u64, repeat: usize) -> Array2<f64> {
    let draws = normal(n, fills.len(), seed);
    let mut out = Array2::from_shape_fn((n, fills.len()), |(i, j)| {
        let v = draws[[i, j]];
        match fills[j] {
            Normal => v,
            Same => 3.7,
            Zero => 0.0,
            Huge => v * 1e80,
            Tiny => v * 1e-80,
            Far => 1e9 + v,
            Whole => v.round(),
            Outlier if i == n / 2 => 1e12,
            Outlier => v,
            Nearly => 1.0 + v.abs().min(9.0).round() * 1e-15,
            Extreme => [f64::MAX, f64::MIN, 1e150, -1e-300][i % 4],
            Denormal => 5e-324 * (i % 3) as f64,
            NotFinite => [f64::NAN, f64::INFINITY, 1.0][(i + j) % 3],
        }
    });
    if repeat > 0 {
        for i in (repeat..n).step_by(2) {
            let earlier = out.row(i - repeat).to_owned();
            out.row_mut(i).assign(&earlier);
        }
    }
    out
}

/// The table with about a share of its entries missing, though never all of them.
pub(crate) fn with_gaps(mut y: Array2<f64>, share: f64, seed: u64) -> Array2<f64> {
    let draws = normal(y.nrows(), y.ncols(), seed);
    // The share of the normal distribution below -1.28, 0 and 1.28.
    let below =
        if share == 0.0 { f64::NEG_INFINITY } else { (5.0 * share - 2.5).clamp(-1.28, 1.28) };
    let kept = (seed as usize % y.nrows(), seed as usize % y.ncols());
    let missing = |at: &(usize, usize)| draws[*at] < below && *at != kept;
    y.indexed_iter_mut().filter(|(at, _)| missing(at)).for_each(|(_, v)| *v = f64::NAN);
    y
}

/// The shares of entries that are missing.
const SHARES: [f64; 5] = [0.0, 0.0, 0.1, 0.5, 0.9];

/// The same cases in every run: another seed and more of them look for others.
pub(crate) fn settings() -> ProptestConfig {
    ProptestConfig {
        cases: 200,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20261122),
        ..ProptestConfig::default()
    }
}

/// The errors that data may cause; anything else would be the fault of the library.
pub(crate) fn is_about_the_data(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidValue { .. } | Error::NotPositive { .. } | Error::Numerical { .. }
    )
}

/// Asserts that what a model says of its own table is finite, and that what it leaves out is finite where
/// something was observed and NaN elsewhere, or refused.
#[track_caller]
fn assert_own_table(gp: &FittedMultiTaskGp) {
    for uncertainty in [Uncertainty::Std, Uncertainty::Observation] {
        let p = gp.impute(uncertainty).unwrap();
        assert!(p.mean.iter().chain(p.std.iter().flatten()).all(|v| v.is_finite()));
    }
    for by in [LeaveOut::Row, LeaveOut::Entry, LeaveOut::Task] {
        match gp.leave_one_out(&by) {
            Ok(out) => {
                let seen = gp.data().y().mapv(|v| !v.is_nan());
                assert_eq!(out.mean.mapv(f64::is_finite), seen);
                assert_eq!(out.std.mapv(f64::is_finite), seen);
            }
            Err(error) => assert!(is_about_the_data(&error), "{error:?}"),
        }
    }
}

fn is_about_the_rows(error: &Error) -> bool {
    matches!(error, Error::Shape { .. } | Error::NotFinite { .. } | Error::Numerical { .. })
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn accepted_data_are_fitted_by_stationary_kernels(
        n in 1..12usize,
        x in prop::collection::vec(select(&ACCEPTED[..]), 1..4),
        y in prop::collection::vec(select(&ACCEPTED[..]), 1..5),
        seed in 0..1_000_000u64,
        repeat in 0..3usize,
        kind in 0..4usize,
        covariance in 0..8usize,
        noise in 0..3usize,
        joint: bool,
        share in select(&SHARES[..]),
    ) {
        let (x, y) = (table(n, &x, seed, repeat), table(n, &y, seed + 1, 0));
        let y = with_gaps(y, share, seed + 2);
        let data = Dataset::new(x.view(), y.view()).unwrap();
        let kernel = [Matern52::ard(), Rbf::ard(), Matern12::ard(), RationalQuadratic::ard()];
        let optimizer = if joint { Optimizer::Joint } else { Optimizer::Auto };
        let mut model = MultiTaskGp::new(kernel[kind].clone())
            .noise([Noise::Shared, Noise::PerTask, Noise::Full][noise].clone())
            .optimizer(optimizer)
            .max_iterations(15);
        let learned: Vec<Task> = (1..=y.ncols().min(2))
            .flat_map(|rank| [LowRank::new(rank), LowRank::plus_noise(rank)])
            .chain([FreeForm::new(), Diagonal::new()])
            .collect();
        if let Some(task) = learned.get(covariance) {
            model = model.task(task.clone());
        }
        let gp = model.fit(&data);
        prop_assert!(gp.is_ok(), "{:?}", gp.err());
        let gp = gp.unwrap();
        assert_healthy(&gp);
        assert_own_table(&gp);
    }

    #[test]
    fn any_data_are_fitted_or_refused(
        n in 1..12usize,
        x in prop::collection::vec(select(&ANY[..]), 2),
        y in prop::collection::vec(select(&ANY[..]), 2..5),
        plain in prop::bool::weighted(0.5),
        seed in 0..1_000_000u64,
        repeat in 0..3usize,
        kernel in 0..100usize,
        covariance in 0..100usize,
        noise in 0..5usize,
        share in select(&SHARES[..]),
    ) {
        // Half of the cases have outputs that are accepted, so that inputs are seen too.
        let fills: Vec<Fill> = if plain { y.iter().map(|_| Normal).collect() } else { y };
        let (x, y) = (table(n, &x, seed, repeat), table(n, &fills, seed + 1, 0));
        let y = with_gaps(y, share, seed + 2);
        let data = match Dataset::new(x.view(), y.view()) {
            Ok(data) => data,
            Err(Error::InvalidValue { .. } | Error::NotFinite { .. } | Error::Layout { .. }) => {
                return Ok(());
            }
            Err(error) => panic!("{error:?}"),
        };
        let (kernels, tasks) = (kernels(), tasks(y.ncols()));
        let model = MultiTaskGp::new(kernels[kernel % kernels.len()].clone())
            .task(tasks[covariance % tasks.len()].clone())
            .noise(task::noises(y.ncols())[noise].clone())
            .max_iterations(10);
        // Values given may be of a scale that is not that of the data: answers may be refused too.
        if let Err(error) = model.fit(&data).and_then(|gp| answers(&gp)) {
            prop_assert!(is_about_the_data(&error), "{error:?}");
        }
    }

    #[test]
    fn any_rows_are_predicted_or_refused(
        m in 0..5usize,
        fills in prop::collection::vec(select(&ANY[..]), 0..4),
        kernel in 0..100usize,
        seed in 0..1_000_000u64,
    ) {
        let x = normal(9, 2, 3);
        let y = normal(9, 3, 4);
        let kernels = kernels();
        let gp = MultiTaskGp::new(kernels[kernel % kernels.len()].clone())
            .max_iterations(2)
            .fit(&Dataset::new(x.view(), y.view()).unwrap())
            .unwrap();
        let xs = table(m, &fills, seed, 0);
        let given = table(m, &[Normal, NotFinite, Normal], seed, 0);
        let answers = [
            gp.predict(xs.view(), Uncertainty::Observation),
            gp.predict_given(xs.view(), given.view(), Uncertainty::Std),
        ];
        for answer in answers {
            match answer {
                Ok(p) => prop_assert!(p.mean.iter().chain(p.std.iter().flatten()).all(|v| v.is_finite())),
                Err(error) => prop_assert!(is_about_the_rows(&error), "{error:?}"),
            }
        }
        let covariance = gp.predict_covariance(xs.view(), true);
        prop_assert!(covariance.map_or(true, |c| c.iter().all(|v| v.is_finite())));
        let draws = gp.sample(xs.view(), 2, true, seed);
        prop_assert!(draws.map_or(true, |c| c.iter().all(|v| v.is_finite())));
    }

    #[test]
    fn any_bits_are_accepted_or_refused(
        rows in 0..5usize,
        other_rows in 0..5usize,
        columns in 0..3usize,
        tasks in 0..3usize,
        numbers in prop::collection::vec(any::<f64>(), 32),
    ) {
        let part = |rows: usize, columns: usize, from: usize| -> Array2<f64> {
            let v = numbers[from..from + rows * columns].to_vec();
            Array2::from_shape_vec((rows, columns), v).unwrap()
        };
        let (x, y) = (part(rows, columns, 0), part(other_rows, tasks, 16));
        if let Ok(data) = Dataset::new(x.view(), y.view()) {
            prop_assert!(data.n_rows() == rows && data.n_tasks() == tasks);
            let finite = |m: ArrayView2<f64>| m.iter().all(|v| v.is_finite());
            prop_assert!(finite(data.x()) && finite(data.y()));
            if let Ok(gp) = MultiTaskGp::new(Rbf::ard()).max_iterations(3).fit(&data) {
                assert_healthy(&gp);
            }
        }
    }
}
