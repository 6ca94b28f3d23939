//! Tables with gaps and data that come as a list of observations.

use coregion::data::{ColumnStatistics, Layout};
use coregion::estimator::{Settings, Warning, compare};
use coregion::prelude::*;
use coregion::ridge::Problem;
use ndarray::{Array1, Array2, Axis, array, s};
use proptest::prelude::*;

use crate::common::{normal, smooth_outputs};
use crate::hostile_properties::settings;

type Table = Array2<f64>;

const GAP: f64 = f64::NAN;

fn column(values: &[f64]) -> Table {
    Array1::from(values.to_vec()).insert_axis(Axis(1))
}

fn set(x: &Table, y: &Table) -> Dataset {
    Dataset::new(x.view(), y.view()).unwrap()
}

fn long(x: &[f64], y: &[f64], tasks: &[usize]) -> Result<Dataset> {
    Dataset::long(column(x).view(), Array1::from(y.to_vec()).view(), tasks)
}

fn labelled(labels: &[&str], names: Option<&[&str]>) -> Result<Dataset> {
    let n = labels.len();
    let y = Array1::from_iter((0..n).map(|i| i as f64));
    Dataset::long_labelled(column(&vec![0.5; n]).view(), y.view(), labels, names)
}

/// Tables as text, in which NaN equals NaN.
fn shown(table: &Table) -> String {
    format!("{:?} {table}", table.dim())
}

#[track_caller]
fn assert_table(data: &Dataset, x: &[f64], y: &Table) {
    assert_eq!(data.x(), column(x));
    assert_eq!(shown(&data.y().to_owned()), shown(y));
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: Result<T>, variant: &str, words: &str) {
    let error = result.unwrap_err();
    let found = format!("{error:?}");
    assert!(found.starts_with(variant), "{found}");
    assert!(error.to_string().contains(words), "{error}");
}

/// Three rows of two tasks: one gap, a row without entries.
fn gappy() -> Dataset {
    let y = array![[1.0, GAP], [GAP, GAP], [3.0, 30.0]];
    set(&column(&[0.0, 1.0, 2.0]), &y).with_task_names(["level", "flow"]).unwrap()
}

#[test]
fn a_table_with_gaps_counts_them() {
    let data = gappy();
    assert_eq!((data.layout(), data.n_observed(), data.n_missing()), (Layout::Masked, 3, 3));
    assert!(!data.is_complete() && !data.is_long());
    assert_eq!(data.observed_rows(), [0, 2]);
    assert_eq!(data.entries(), [(0, 0), (2, 0), (2, 1)]);
    assert_eq!(data.to_long(data.y()).unwrap(), array![1.0, 3.0, 30.0]);
    assert_refused(data.to_long(array![[1.0]].view()), "Shape", "table: found shape (1, 1)");
    assert_eq!(data, data.clone());
    assert_ne!(data, set(&column(&[0.0, 1.0, 2.0]), &array![[1.0], [2.0], [3.0]]));
    let whole = set(&column(&[0.0, 1.0]), &array![[1.0], [2.0]]);
    assert_eq!(
        (whole.layout(), whole.is_complete(), whole.n_missing()),
        (Layout::Complete, true, 0)
    );
    assert_eq!(whole.layout().to_string(), "complete");
    let empty_task = set(&column(&[0.0]), &array![[1.0, GAP]]);
    assert_eq!((empty_task.n_tasks(), empty_task.n_observed()), (2, 1));
}

#[test]
fn tables_that_do_not_fit_are_refused() {
    let x = column(&[0.0, 1.0]);
    let new = |y: &Table| Dataset::new(x.view(), y.view());
    assert_refused(new(&array![[GAP], [GAP]]), "Layout", "all 2 entries of y are NaN");
    assert_refused(new(&array![[GAP], [f64::INFINITY]]), "NotFinite", "row 1, column 0");
    assert_refused(new(&array![[GAP, 1.0]]), "Shape", "1 rows");
    assert_refused(Dataset::new(array![[GAP], [1.0]].view(), x.view()), "NotFinite", "x");
    // The scale is that of the values observed.
    let spread = |a: f64| {
        let y = array![[GAP, 1.0], [a, 2.0], [-a, 3.0]];
        Dataset::new(column(&[0.0, 1.0, 2.0]).view(), y.view())
    };
    assert!(spread(1e99).is_ok());
    assert_refused(spread(1e101), "InvalidValue", "y, column 0");
    assert_refused(spread(1e-101), "InvalidValue", "y, column 0");
}

#[test]
fn a_list_of_observations_becomes_a_table() {
    let data = long(&[2.0, 1.0, 2.0, 1.0], &[1.0, 2.0, 3.0, 4.0], &[1, 0, 0, 1]).unwrap();
    assert_table(&data, &[2.0, 1.0], &array![[3.0, 1.0], [2.0, 4.0]]);
    assert_eq!(data.entries(), [(0, 1), (1, 0), (0, 0), (1, 1)]);
    assert_eq!((data.layout(), data.is_complete(), data.is_long()), (Layout::Long, true, true));
    assert_eq!(data.to_long(data.y()).unwrap(), array![1.0, 2.0, 3.0, 4.0]);
    assert_eq!(data.task_names(), ["task 0", "task 1"]);
    assert_eq!(data.feature_names(), ["x0"]);
    let one = long(&[2.0], &[1.0], &[0]).unwrap();
    assert_table(&one, &[2.0], &array![[1.0]]);
    // Two columns, of which both count.
    let x = array![[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]];
    let data = Dataset::long(x.view(), array![1.0, 2.0, 3.0].view(), &[0, 0, 1]).unwrap();
    assert_eq!(data.x(), x.slice(s![..2, ..]));
}

#[test]
fn both_zeros_are_one_input() {
    let data = long(&[-0.0, 0.0, 1e-90], &[1.0, 2.0, 3.0], &[0, 1, 1]).unwrap();
    assert_table(&data, &[0.0, 1e-90], &array![[1.0, 2.0], [GAP, 3.0]]);
    assert!(data.x()[[0, 0]].is_sign_positive());
}

#[test]
fn measurements_made_again_have_rows_of_their_own() {
    // Task 0 twice and three times, task 1 twice: the k-th of each share a row.
    let x = [5.0, 5.0, 7.0, 5.0, 5.0, 5.0, 7.0];
    let y = [1.0, 2.0, 3.0, 10.0, 20.0, 4.0, 5.0];
    let data = long(&x, &y, &[0, 0, 0, 1, 1, 0, 0]).unwrap();
    let table = array![[1.0, 10.0], [2.0, 20.0], [3.0, GAP], [4.0, GAP], [5.0, GAP]];
    assert_table(&data, &[5.0, 5.0, 7.0, 5.0, 7.0], &table);
    assert_eq!(data.entries(), [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (3, 0), (4, 0)]);
    assert_eq!(data.to_long(data.y()).unwrap().to_vec(), y);
}

#[test]
fn labels_are_numbers_without_a_gap() {
    let at = |tasks: &[usize]| long(&vec![0.0; tasks.len()], &vec![1.0; tasks.len()], tasks);
    assert_eq!(at(&[2, 0, 1]).unwrap().n_tasks(), 3);
    assert_refused(at(&[0, 2]), "InvalidValue", "no row of task 1");
    assert_refused(at(&[0, 2]), "InvalidValue", "Dataset::long_labelled");
    assert_refused(at(&[3, 1, 3]), "InvalidValue", "no row of task 0");
    assert_refused(at(&[0, usize::MAX]), "InvalidValue", "no row of task 1");
}

#[test]
fn lists_that_do_not_fit_are_refused() {
    assert_refused(long(&[], &[], &[]), "Shape", "x: found shape (0, 1)");
    assert_refused(long(&[0.0, 1.0], &[1.0], &[0, 0]), "Shape", "y: found 1 values");
    assert_refused(long(&[0.0, 1.0], &[1.0; 2], &[0]), "Shape", "tasks: found 1 values");
    assert_refused(long(&[0.0, 1.0], &[1.0, GAP], &[0, 0]), "NotFinite", "y: found NaN at row 1");
    assert_refused(long(&[0.0], &[f64::INFINITY], &[0]), "NotFinite", "y");
    assert_refused(long(&[GAP], &[1.0], &[0]), "NotFinite", "x");
    let far = long(&[0.0, 1.0], &[1e120, -1e120], &[0, 0]);
    assert_refused(far, "InvalidValue", "y, task 0");
    let x = Table::zeros((2, 0));
    assert_refused(Dataset::long(x.view(), array![1.0, 2.0].view(), &[0, 0]), "Shape", "x");
}

#[test]
fn labels_may_be_words() {
    let data = labelled(&["b", "a", "b"], None).unwrap();
    assert_eq!(data.task_names(), ["a", "b"]);
    assert_table(&data, &[0.5, 0.5], &array![[1.0, 0.0], [GAP, 2.0]]);
    let data = labelled(&["b", "a"], Some(&["b", "none", "a"])).unwrap();
    assert_eq!((data.n_tasks(), data.n_observed()), (3, 2));
    assert_table(&data, &[0.5], &array![[0.0, GAP, 1.0]]);
    let unknown = labelled(&["b", "c"], Some(&["a", "b"]));
    assert_refused(unknown, "UnknownName", "unknown task label 'c', expected one of: a, b");
    assert_refused(labelled(&["b"], Some(&[])), "UnknownName", "task label 'b'");
    assert_refused(labelled(&["a"], Some(&["a", "b", "a"])), "InvalidValue", "'a' twice");
    assert_refused(labelled(&[], None), "Shape", "x");
    let owned = vec!["a".to_string()];
    let (x, y) = (column(&[0.0, 1.0]), array![1.0, 2.0]);
    let few = Dataset::long_labelled(x.view(), y.view(), &owned, None);
    assert_refused(few, "Shape", "labels: found 1 values");
    // A label may be empty, or of any letters.
    assert_eq!(labelled(&["", "ä ß", ""], None).unwrap().task_names(), ["", "ä ß"]);
}

#[test]
fn noise_variances_belong_to_observations() {
    let data = gappy();
    assert!(data.noise_variances().is_none());
    let with = |table: &Table| data.clone().with_noise_variances(table.view());
    // What stands at gaps is ignored.
    let known = with(&array![[0.1, -1.0], [GAP, f64::INFINITY], [0.0, 4.0]]).unwrap();
    let expected = array![[0.1, GAP], [GAP, GAP], [0.0, 4.0]];
    assert_eq!(shown(&known.noise_variances().unwrap().to_owned()), shown(&expected));
    assert_eq!(known, known.clone());
    assert_ne!(known, data);
    let changed = |value: f64| with(&array![[0.1, GAP], [GAP, GAP], [0.0, value]]);
    assert_refused(changed(-0.1), "InvalidValue", "row 2, column 1");
    assert_refused(changed(GAP), "NotFinite", "noise_variances: found NaN at row 2, column 1");
    assert_refused(changed(f64::INFINITY), "NotFinite", "noise_variances");
    assert_refused(with(&Table::ones((2, 3))), "Shape", "shape (3, 2), that of y");
    let list = data.clone().with_long_noise_variances(Array1::ones(3).view());
    assert_refused(list, "Layout", "Dataset::with_noise_variances");

    let data = long(&[0.0, 1.0, 0.0], &[1.0, 2.0, 3.0], &[0, 0, 0]).unwrap();
    let with = |values: &[f64]| {
        data.clone().with_long_noise_variances(Array1::from(values.to_vec()).view())
    };
    let known = with(&[0.1, 0.2, 0.3]).unwrap();
    assert_eq!(known.noise_variances().unwrap(), array![[0.1], [0.2], [0.3]]);
    assert_eq!(known, data.clone().with_noise_variances(column(&[0.1, 0.2, 0.3]).view()).unwrap());
    assert_refused(with(&[0.1, -0.2, 0.3]), "InvalidValue", "noise_variances, row 1");
    assert_refused(with(&[0.1, 0.2, GAP]), "NotFinite", "noise_variances: found NaN at row 2");
    assert_refused(with(&[0.1, 0.2]), "Shape", "found 2 values, expected 3");
}

#[test]
fn parts_keep_what_belongs_to_them() {
    let variances = array![[0.1, GAP], [GAP, GAP], [0.3, 0.4]];
    let data = gappy().with_feature_names(["time"]).unwrap();
    let data = data.with_noise_variances(variances.view()).unwrap();
    let part = data.rows(&[2, 1, 2]).unwrap();
    assert_table(&part, &[2.0, 1.0, 2.0], &array![[3.0, 30.0], [GAP, GAP], [3.0, 30.0]]);
    assert_eq!(
        (part.task_names(), part.feature_names()),
        (data.task_names(), data.feature_names())
    );
    assert_eq!(part.noise_variances().unwrap().row(2), array![0.3, 0.4]);
    assert_eq!((part.n_observed(), part.layout()), (4, Layout::Masked));
    assert_eq!(data.rows(&[2]).unwrap().layout(), Layout::Complete);
    assert_refused(data.rows(&[1, 1]), "Layout", "all 4 entries of y are NaN");
    assert_refused(data.rows(&[]), "InvalidValue", "rows");

    let level = data.task(0).unwrap();
    assert_table(&level, &[0.0, 2.0], &array![[1.0], [3.0]]);
    assert_eq!(
        (level.task_names(), level.feature_names()),
        (&["level".to_string()][..], data.feature_names())
    );
    assert_eq!(level.noise_variances().unwrap(), array![[0.1], [0.3]]);
    assert_eq!(level.layout(), Layout::Complete);
    let none = set(&column(&[0.0]), &array![[1.0, GAP]]).with_task_names(["a", "b"]).unwrap();
    assert_refused(none.task(1), "Layout", "task 1, 'b', has no observation");
    assert_refused(none.task(2), "InvalidValue", "task");

    let list = long(&[0.0, 1.0, 0.0], &[1.0, 2.0, 3.0], &[0, 0, 1]).unwrap();
    assert_eq!(list.rows(&[0, 1]).unwrap().layout(), Layout::Masked);
    assert_eq!(list.rows(&[0]).unwrap().layout(), Layout::Complete);
    assert_eq!(list.task(1).unwrap().layout(), Layout::Complete);
}

#[test]
fn a_complete_task_is_its_column() {
    let (x, y) = (normal(7, 2, 1), normal(7, 3, 2));
    let data = set(&x, &y);
    let task = data.task(1).unwrap();
    assert_eq!((task.x(), task.y()), (x.view(), y.slice(s![.., 1..2])));
}

#[test]
fn rows_are_added_at_the_end() {
    let data = gappy();
    let more = data.append(column(&[9.0]).view(), array![[GAP, 7.0]].view()).unwrap();
    assert_eq!((more.n_rows(), more.n_observed()), (4, 4));
    assert_eq!((more.x()[[3, 0]], more.y()[[3, 1]]), (9.0, 7.0));
    assert_eq!(more.task_names(), data.task_names());
    let unseen = data.append(column(&[9.0]).view(), array![[GAP, GAP]].view()).unwrap();
    assert_eq!(unseen.observed_rows(), data.observed_rows());
    let add = |x: &Table, y: &Table| data.append(x.view(), y.view());
    let (x, y) = (column(&[9.0]), array![[1.0, 2.0]]);
    assert_refused(add(&array![[9.0, 1.0]], &y), "Shape", "1 columns, as the data have");
    assert_refused(add(&x, &array![[1.0]]), "Shape", "2 columns, one for each task");
    assert_refused(add(&column(&[8.0, 9.0]), &y), "Shape", "2 rows, as many as x has");
    assert_refused(add(&Table::zeros((0, 1)), &Table::zeros((0, 2))), "Shape", "at least one row");
    assert_refused(add(&column(&[GAP]), &y), "NotFinite", "x: found NaN at row 0, column 0");
    assert_refused(add(&x, &array![[1.0, f64::INFINITY]]), "NotFinite", "y: found inf at row 0");
    assert_refused(add(&x, &array![[1e120, 1.0]]), "InvalidValue", "y, column 0");

    let known = data.clone().with_noise_variances(Table::ones((3, 2)).view()).unwrap();
    assert_refused(known.append(x.view(), y.view()), "InvalidValue", "noise_variances");
    let with =
        |data: &Dataset, v: &Table| data.append_with_noise_variances(x.view(), y.view(), v.view());
    let more = with(&known, &array![[0.5, 0.6]]).unwrap();
    assert_eq!(more.noise_variances().unwrap().row(3), array![0.5, 0.6]);
    assert_refused(with(&known, &array![[0.5, -0.6]]), "InvalidValue", "row 0, column 1");
    assert_refused(with(&known, &array![[0.5]]), "Shape", "noise_variances");
    assert_refused(with(&data, &array![[0.5, 0.6]]), "InvalidValue", "Dataset::append");

    let list = long(&[0.0, 1.0], &[1.0, 2.0], &[0, 0]).unwrap();
    let table = list.append(column(&[0.0]).view(), array![[3.0]].view()).unwrap();
    assert_eq!((table.layout(), table.n_rows()), (Layout::Complete, 3));
}

#[test]
fn what_does_not_serve_gaps_says_so() {
    let x = normal(8, 1, 1);
    let y = smooth_outputs(x.view(), 2, 0.3, 2);
    let known = set(&x, &y).with_noise_variances(Table::ones((8, 2)).view()).unwrap();
    let mut y = y;
    y[[3, 1]] = GAP;
    let masked = set(&x, &y);
    let gp = MultiTaskGp::new(Rbf::ard());
    let ridge = MultiTaskKernelRidge::new(Rbf::isotropic(1.0));
    let first = "masked data (1 of 16 entries were not observed, the first at row 3, column 1)";
    let noisy = "complete data (with a noise variance for each observation)";
    for (data, words) in [(&masked, first), (&known, noisy)] {
        assert_refused(ridge.fit(data), "Layout", words);
        assert_refused(ridge.fit(data), "Layout", "`MultiTaskGp` with given noise");
        let problem = Problem::new(data, &Rbf::isotropic(1.0), None, false);
        assert_refused(problem, "Layout", words);
        // Ridge regression is left out of comparisons; Gaussian processes are compared.
        let models: [(&str, Settings); 2] =
            [("gp", gp.clone().into()), ("ridge", ridge.clone().into())];
        let table = compare(data, &LeaveOut::Row, models).unwrap();
        assert_eq!((table.models().len(), table.failures().len()), (1, 1));
        let model = &table.models()[0];
        let sum: f64 = model.left_out.log_density.iter().filter(|v| !v.is_nan()).sum();
        assert!((model.log_density - sum).abs() < 1e-12 && model.error.is_finite());
    }
}

#[test]
fn long_data_that_fill_a_table_are_fitted_as_it() {
    let x = normal(6, 1, 1);
    let y = smooth_outputs(x.view(), 2, 0.3, 2);
    let twice = ndarray::concatenate![Axis(0), x, x];
    let values: Array1<f64> = y.t().iter().copied().collect();
    let labels: Vec<usize> = (0..12).map(|i| i / 6).collect();
    let list = Dataset::long(twice.view(), values.view(), &labels).unwrap();
    let gp = MultiTaskGp::new(Rbf::ard());
    let (a, b) = (gp.fit(&list).unwrap(), gp.fit(&set(&x, &y)).unwrap());
    assert_eq!(a.log_marginal_likelihood(), b.log_marginal_likelihood());
}

#[test]
fn single_tasks_are_fitted_where_they_were_observed() {
    let x = normal(9, 1, 1);
    let mut y = smooth_outputs(x.view(), 2, 0.3, 2);
    y.slice_mut(s![6.., 1]).fill(GAP);
    let gp = MultiTaskGp::new(Rbf::ard());
    let alone = gp.fit_single_tasks(&set(&x, &y)).unwrap();
    let part = set(&x.slice(s![..6, ..]).to_owned(), &y.slice(s![..6, 1..]).to_owned());
    let expected = gp.clone().task(Diagonal::new()).fit(&part).unwrap();
    let found = alone.models()[1].log_marginal_likelihood();
    assert_eq!(found, expected.log_marginal_likelihood());
    y.column_mut(1).fill(GAP);
    let none = set(&x, &y).with_task_names(["level", "flow"]).unwrap();
    assert_refused(gp.fit_single_tasks(&none), "Layout", "task 1, 'flow', has no observation");
}

#[test]
fn a_constant_task_is_one_of_equal_values() {
    let (x, y) = (normal(5, 1, 1), array![[2.0], [2.0], [2.0], [GAP], [GAP]]);
    let gp = MultiTaskGp::new(Rbf::ard());
    let alone = gp.fit_single_tasks(&set(&x, &y)).unwrap();
    let named = |w: &Warning| matches!(w, Warning::ConstantTask { name } if name == "task 0");
    assert!(alone.models()[0].report().warnings.iter().any(named));
}

proptest! {
    #![proptest_config(settings())]

    /// Whatever the list: every observation has an entry of its own at its input, the table holds
    /// nothing else, and another order of the list gives the same rows in another order.
    #[test]
    fn lists_and_tables_hold_the_same(
        list in prop::collection::vec((0..4u8, 0..3u8, 0..3usize), 1..40),
        seed in 0..1_000_000u64,
    ) {
        let n = list.len();
        let input = |i: usize| [[-0.0, 0.0, 1.5, 2.5][list[i].0 as usize], f64::from(list[i].1)];
        let label = |i: usize| ["a", "b", "c"][list[i].2];
        let names = ["c", "a", "unseen", "b"];
        let values = normal(n, 1, seed);
        let of = |order: &[usize]| {
            let x = Table::from_shape_fn((n, 2), |(i, j)| input(order[i])[j]);
            let y = Array1::from_shape_fn(n, |i| values[[order[i], 0]]);
            let labels: Vec<&str> = order.iter().map(|i| label(*i)).collect();
            let data = Dataset::long_labelled(x.view(), y.view(), &labels, Some(&names)).unwrap();
            (data, y)
        };
        let given: Vec<usize> = (0..n).collect();
        let (data, y) = of(&given);
        prop_assert_eq!(data.to_long(data.y()).unwrap(), y);
        prop_assert_eq!(data.n_observed(), n);
        prop_assert_eq!(data.y().iter().filter(|v| !v.is_nan()).count(), n);
        prop_assert_eq!(data.observed_rows().len(), data.n_rows());
        let mut distinct = data.entries();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), n);
        for (i, (row, task)) in data.entries().into_iter().enumerate() {
            prop_assert_eq!(data.x().row(row).to_vec(), input(i).to_vec());
            prop_assert_eq!(names[task], label(i));
        }
        // Observations of the same task at the same input keep their order.
        let mut moved = given;
        moved.sort_by_key(|&i| std::cmp::Reverse((list[i].0.max(1), list[i].1, list[i].2)));
        let rows = |data: &Dataset| {
            let row = |i: usize| format!("{:?} {:?}", data.x().row(i), data.y().row(i));
            let mut rows: Vec<String> = (0..data.n_rows()).map(row).collect();
            rows.sort();
            rows
        };
        prop_assert_eq!(rows(&of(&moved).0), rows(&data));
    }

    /// Gaps are ignored, and a column without any has the statistics it always had.
    #[test]
    fn statistics_are_those_of_what_was_observed(
        values in prop::collection::vec((-1e3..1e3f64, prop::bool::ANY), 0..30),
    ) {
        let whole: Array1<f64> = values.iter().map(|v| v.0).collect();
        let of = ColumnStatistics::of(whole.view());
        prop_assert_eq!(ColumnStatistics::of_observed(whole.view()), (of, whole.len()));
        let gaps: Array1<f64> = values.iter().map(|&(v, seen)| if seen { v } else { GAP }).collect();
        let seen: Array1<f64> = values.iter().filter(|v| v.1).map(|v| v.0).collect();
        let expected = (ColumnStatistics::of(seen.view()), seen.len());
        prop_assert_eq!(ColumnStatistics::of_observed(gaps.view()), expected);
    }
}
