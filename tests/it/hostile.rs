//! Hostile data and settings, as a table: what each must lead to.

use coregion::prelude::*;
use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use crate::common::bordered::Bordered;
use crate::common::{assert_close, bind, dense, normal, smooth_outputs};
use crate::support::{assert_healthy, warnings};

type Table = Array2<f64>;

/// Data whose rows are so far apart that rounding alone decides how much of the variance is noise: its floor
/// may be reached or not.
const FAR_APART: [&str; 2] = ["more columns than rows", "forty columns"];

/// Twenty rows of two columns, whose sixty-fourths are whole numbers, and three tasks.
fn ordinary() -> (Table, Table) {
    let x = normal(20, 2, 1).mapv(|v| (v * 64.0).round() / 64.0);
    let y = smooth_outputs(x.view(), 3, 0.3, 2);
    (x, y)
}

/// The default, whose mean is estimated with the covariances, and a mean that is held.
pub(crate) fn settings() -> [MultiTaskGp; 2] {
    let default = MultiTaskGp::new(Matern52::ard());
    [default.clone(), default.mean(Mean::Training)]
}

/// Settings as those of a fit.
fn settings_of(gp: &FittedMultiTaskGp) -> MultiTaskGp {
    MultiTaskGp::new(Matern52::ard()).mean(gp.setup().mean)
}

/// The constant mean of each task.
fn offsets(gp: &FittedMultiTaskGp) -> Array1<f64> {
    gp.posterior().model().offsets(gp.posterior().natural())
}

fn fit(model: &MultiTaskGp, x: &Table, y: &Table) -> FittedMultiTaskGp {
    model.fit(&Dataset::new(x.view(), y.view()).unwrap()).unwrap()
}

/// Rows between the training rows.
fn between(x: &Table) -> Table {
    let mut xs = x.slice(s![..x.nrows() - 1, ..]).to_owned();
    xs.zip_mut_with(&x.slice(s![1.., ..]), |a, b| *a = 0.5 * *a + 0.5 * b);
    xs
}

/// The columns of a constant mean.
pub(crate) fn ones(x: ArrayView2<f64>) -> Table {
    Table::ones((x.nrows(), 1))
}

/// Means and covariance of the latent functions at `xs` by the whole covariance of the data.
fn slow(gp: &FittedMultiTaskGp, x: &Table, y: &Table, xs: &Table) -> (Table, Table) {
    let (model, natural) = (gp.posterior().model(), gp.posterior().natural());
    if gp.setup().mean == Mean::Constant {
        return Bordered::new(model, natural, ones).predict(xs.view());
    }
    let (kernel, _) = bind(gp.kernel(), x.view());
    let theta = model.theta(natural);
    let block = |a: &Table, b: &Table| {
        let mut k = Table::zeros((a.nrows(), b.nrows()));
        kernel.block(theta, a.view(), b.view(), k.view_mut());
        k
    };
    let (b, sigma) = (gp.task_covariance(), gp.noise_covariance());
    let offset = offsets(gp);
    let c = dense::covariance(block(x, x).view(), b.view(), Some(sigma.view()));
    let cross = dense::covariance(block(xs, x).view(), b.view(), None);
    let prior = dense::covariance(block(xs, xs).view(), b.view(), None);
    let (mean, covariance) = dense::posterior(&c, &cross, &prior, (y - &offset).view());
    (mean + &offset, covariance)
}

/// Asserts that two fits say the same of rows of their own, up to a factor for the outputs.
fn assert_same(a: &FittedMultiTaskGp, xs: &Table, b: &FittedMultiTaskGp, zs: &Table, factor: f64) {
    let p = a.predict(xs.view(), Uncertainty::Std).unwrap();
    let q = b.predict(zs.view(), Uncertainty::Std).unwrap();
    assert_close(&p.mean, &(&q.mean * factor), 1e-6);
    assert_close(&p.std().unwrap(), &(&q.std().unwrap() * factor), 1e-6);
    assert_close(&(a.task_covariance() / factor / factor), &b.task_covariance(), 1e-6);
    assert_close(&(a.noise_covariance() / factor / factor), &b.noise_covariance(), 1e-6);
    let shift = a.posterior().model().n_observations() as f64 * factor.ln();
    let gap = a.log_marginal_likelihood() + shift - b.log_marginal_likelihood();
    assert!(gap.abs() < 1e-6 * shift.abs().max(1.0), "{gap}");
}

/// A data set, the warnings its fit by each of the settings must give in this order, and what else must hold.
struct Row {
    name: &'static str,
    data: (Table, Table),
    warnings: [Vec<&'static str>; 2],
    check: fn(&FittedMultiTaskGp, &Table, &Table),
}

/// The prior variances are known and positive: nothing is sure away from the data.
fn prior_like(gp: &FittedMultiTaskGp, x: &Table, y: &Table) {
    let p = gp.predict(x.view(), Uncertainty::Observation).unwrap();
    for ((i, t), mean) in p.mean.indexed_iter() {
        let std = p.std().unwrap()[[i, t]];
        assert!(std > 0.0 && (mean - y[[i, t]]).abs() < 3.0 * std, "{mean} +- {std}");
    }
    let far = Table::from_elem((1, x.ncols()), 1e9);
    let p = gp.predict(far.view(), Uncertainty::Std).unwrap();
    // Two rows weigh the same: what is estimated of them is their mean too.
    assert_close(&p.mean.row(0).to_owned(), &offsets(gp), 1e-12);
    assert_close(&offsets(gp), &y.mean_axis(Axis(0)).unwrap(), 1e-12);
    let (_, covariance) = slow(gp, x, y, &far);
    let found = p.std().unwrap().row(0).mapv(|v| v * v);
    assert_close(&found, &covariance.diag().to_owned(), 1e-9);
    // No less than the prior, and more where the mean is estimated.
    let prior = gp.task_covariance().diag().to_owned();
    let more = (&found / &prior).iter().all(|v| *v > 1.0 + 1e-3);
    assert_eq!(more, gp.setup().mean == Mean::Constant, "{found} {prior}");
}

fn same_as_ordinary(gp: &FittedMultiTaskGp, x: &Table, y: &Table) {
    let (x0, y0) = ordinary();
    let factor = y[[0, 0]] / y0[[0, 0]];
    let plain = fit(&settings_of(gp), &x0, &y0);
    assert_same(gp, x, &plain, &x0, factor);
}

fn the_constant(gp: &FittedMultiTaskGp, x: &Table, y: &Table) {
    let xs = if x.nrows() == 1 { x + 0.3 } else { between(x) };
    let p = gp.predict(xs.view(), Uncertainty::Observation).unwrap();
    for t in 0..y.ncols() {
        let column = y.column(t);
        if column.iter().all(|v| (v - column[0]).abs() <= 1e-15 * v.abs()) {
            let size = column[0].abs();
            assert!(p.mean.column(t).iter().all(|v| (v - column[0]).abs() <= 1e-9 * size));
        }
    }
}

/// Where x says nothing each task is predicted as its mean.
fn the_means(gp: &FittedMultiTaskGp, x: &Table, y: &Table) {
    let p = gp.predict(x.view(), Uncertainty::None).unwrap();
    let means = y.mean_axis(Axis(0)).unwrap();
    p.mean.rows().into_iter().for_each(|row| assert_close(&row, &means, 1e-6));
}

fn interpolates(gp: &FittedMultiTaskGp, x: &Table, y: &Table) {
    let p = gp.predict(x.view(), Uncertainty::Std).unwrap();
    assert_close(&p.mean, y, 1e-3);
    assert!(p.std().unwrap().iter().all(|v| *v < 1e-2));
}

fn same_as_alone(gp: &FittedMultiTaskGp, x: &Table, y: &Table) {
    let data = Dataset::new(x.view(), y.view()).unwrap();
    let alone = settings_of(gp).fit_single_tasks(&data).unwrap();
    let xs = between(x);
    let (p, q) = (
        gp.predict(xs.view(), Uncertainty::Std).unwrap(),
        alone.predict(xs.view(), Uncertainty::Std).unwrap(),
    );
    assert_close(&p.mean, &q.mean, 1e-12);
    assert_close(&p.std().unwrap(), &q.std().unwrap(), 1e-12);
    assert_eq!(gp.log_marginal_likelihood(), alone.log_marginal_likelihood());
}

fn equal_last_tasks(gp: &FittedMultiTaskGp, x: &Table, _: &Table) {
    let p = gp.predict(between(x).view(), Uncertainty::Std).unwrap();
    assert_close(&p.mean.column(2).to_owned(), &p.mean.column(1).to_owned(), 1e-5);
    assert!(gp.task_correlation()[[1, 2]] > 0.999_999);
}

fn against_dense(gp: &FittedMultiTaskGp, x: &Table, y: &Table) {
    let xs = between(x);
    let (mean, covariance) = slow(gp, x, y, &xs);
    let p = gp.predict(xs.view(), Uncertainty::Observation).unwrap();
    assert_close(&p.mean, &mean, 1e-8);
    let variances = covariance.diag().to_owned();
    let variances = variances.to_shape(mean.dim()).unwrap() + gp.noise_covariance().diag();
    assert_close(&p.std().unwrap().mapv(|v| v * v), &variances, 1e-8);
}

fn rows() -> Vec<Row> {
    let (x, y) = ordinary();
    let with = |name, data: (&Table, &Table), warnings: &[&'static str], check| Row {
        name,
        data: (data.0.clone(), data.1.clone()),
        warnings: [warnings.to_vec(), warnings.to_vec()],
        check,
    };
    let first =
        |n: usize, t: usize| (x.slice(s![..n, ..]).to_owned(), y.slice(s![..n, ..t]).to_owned());
    let scaled = |times: f64, plus: f64| {
        let mut x = x.clone();
        x.column_mut(0).mapv_inplace(|v| v * times + plus);
        x
    };
    let mut constant_task = y.clone();
    constant_task.column_mut(1).fill(-7.5);
    let constant = constant_task.slice(s![.., 1..2]).to_owned();
    let wider = ndarray::concatenate![Axis(1), x, Table::from_elem((20, 1), 1e5)];
    // A last digit that comes and goes, beside tasks of a far smaller scale and for a huge column.
    let digit = |i: usize, size: f64| size * (1.0 + f64::EPSILON * (i % 2) as f64);
    let rounding = Table::from_shape_fn((20, 3), |(i, t)| match t {
        1 => digit(i, 1.0),
        _ => y[[i, t]] * 1e-80,
    });
    let mut rough = wider.clone();
    rough.column_mut(2).iter_mut().enumerate().for_each(|(i, v)| *v = digit(i, 1e20));
    let twice = ndarray::concatenate![Axis(0), x, x];
    let noisier = smooth_outputs(twice.view(), 3, 0.3, 4);
    let smooth = smooth_outputs(x.view(), 3, 0.0, 5);
    let cloned = ndarray::concatenate![Axis(1), y.slice(s![.., ..2]), y.slice(s![.., 1..2])];
    let wide = normal(6, 20, 6);
    let wider_still = normal(6, 40, 6);
    let wide_y = smooth_outputs(wide.view(), 2, 0.3, 7);
    let (one, two) = (first(1, 3), first(2, 3));
    let identical = Table::from_elem((20, 2), 0.7);
    let alone = y.slice(s![.., ..1]).to_owned();
    let floor = |t: usize| vec!["NoiseAtFloor"; t];
    let (task, low) = ("ConstantTask", "RankDeficient");
    vec![
        with("ordinary", (&x, &y), &[low], against_dense),
        with("one row", (&one.0, &one.1), &["OneRow"], prior_like),
        with("one row, one task", (&one.0, &first(1, 1).1), &["OneRow"], prior_like),
        with("two rows", (&two.0, &two.1), &["FewData"], prior_like),
        with("two rows, one task", (&two.0, &first(2, 1).1), &["FewObservations"], prior_like),
        with("one task", (&x, &alone), &[], same_as_alone),
        with("constant alone", (&x, &constant), &[task, "NoiseAtFloor"], the_constant),
        with("tiny constant", (&x, &(&constant * 1e-200)), &[task, "NoiseAtFloor"], the_constant),
        with("huge constant", (&x, &(&constant * 1e200)), &[task, "NoiseAtFloor"], the_constant),
        with("one huge row", (&one.0, &(&one.1 * 1e200)), &["OneRow"], the_constant),
        with("all zero", (&x, &(&y * 0.0)), &[vec![task; 3], floor(3)].concat(), the_constant),
        with("constant among", (&x, &constant_task), &[task, "NoiseAtFloor", low], the_constant),
        Row {
            // What rounding leaves has one direction more where its mean is the average.
            warnings: [vec![task, low], vec![task]],
            ..with("rounding of a constant", (&x, &rounding), &[], the_constant)
        },
        with("rounding of a column", (&rough, &y), &["ConstantFeature", low], same_as_ordinary),
        with("constant column", (&wider, &y), &["ConstantFeature", low], same_as_ordinary),
        with("x offset by 1e12", (&scaled(1.0, 1e12), &y), &[low], same_as_ordinary),
        with("x times 1e12", (&scaled(1e12, 0.0), &y), &[low], same_as_ordinary),
        with("x times 1e-12", (&scaled(1e-12, 0.0), &y), &[low], same_as_ordinary),
        with("x times 1e95", (&scaled(1e95, 0.0), &y), &[low], same_as_ordinary),
        with("y times 1e30", (&x, &(&y * 1e30)), &[low], same_as_ordinary),
        with("y times 1e-30", (&x, &(&y * 1e-30)), &[low], same_as_ordinary),
        with("y times 1e95", (&x, &(&y * 1e95)), &[low], same_as_ordinary),
        with("y times 1e-95", (&x, &(&y * 1e-95)), &[low], same_as_ordinary),
        with("every row twice", (&twice, &noisier), &[low], against_dense),
        with("identical rows", (&identical, &y), &["ConstantFeature"; 2], the_means),
        with("no noise", (&x, &smooth), &floor(3), interpolates),
        with(FAR_APART[0], (&wide, &wide_y), &[low], against_dense),
        with(FAR_APART[1], (&wider_still, &wide_y), &[low], against_dense),
        with("a task twice", (&x, &cloned), &[low], equal_last_tasks),
    ]
}

#[test]
fn fits_of_hostile_data() {
    let with_each = |row| settings().into_iter().enumerate().map(move |(i, s)| (row, i, s));
    for (row, i, settings) in rows().iter().flat_map(with_each) {
        let (x, y) = &row.data;
        let gp = fit(&settings, x, y);
        println!("{}, {:?}", row.name, gp.setup().mean);
        let found = warnings(&gp);
        let mut found: Vec<&str> = found.iter().map(String::as_str).collect();
        found.retain(|name| *name != "NoiseAtFloor" || !FAR_APART.contains(&row.name));
        assert_eq!(found, row.warnings[i], "{}", row.name);
        assert_healthy(&gp);
        (row.check)(&gp, x, y);
    }
}
