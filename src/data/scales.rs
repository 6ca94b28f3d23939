//! The scale and the mean of each task, from what was observed of it.

use ndarray::{Array1, ArrayView2};

use super::ColumnStatistics;
use super::columns::weighted_pooled_scale;

/// Observations from which the scale of a task is its own, unless every task has fewer.
const ENOUGH: usize = 10;

/// The scale of each task and the pooled one, for outputs (n, T) with NaN where nothing was observed.
///
/// The pooled scale is the root mean square of the tasks that vary and have enough observations,
/// weighted by their number; enough is 10, or as many as any task has. A task with fewer, n of them, is
/// moved toward it: `ln s = w ln s_own + (1 - w) ln s_pooled` with `w = n / enough`, for a standard
/// deviation of few values can be far too small. A constant task, which a task of one value or none is
/// too, has the pooled scale. Where all tasks are constant that is the size of their values, or 1.
pub(crate) fn task_scales(y: ArrayView2<f64>) -> (Array1<f64>, f64) {
    let columns: Vec<(ColumnStatistics, usize)> =
        y.columns().into_iter().map(ColumnStatistics::of_observed).collect();
    let most = columns.iter().fold(0, |m, (_, count)| m.max(*count));
    let enough = most.min(ENOUGH);
    let varies =
        |(c, count): &(ColumnStatistics, usize), from: usize| !c.constant && *count >= from;
    let pooled = if columns.iter().all(|(c, _)| c.constant) {
        let largest = columns.iter().fold(0.0f64, |m, (c, _)| m.max(c.mean.abs()));
        if largest > 0.0 { largest.clamp(1e-100, 1e100) } else { 1.0 }
    } else {
        // Where no task with enough observations varies, those with few are all there is.
        let from = if columns.iter().any(|c| varies(c, enough)) { enough } else { 0 };
        let weight = |count: usize| count as f64 / most as f64;
        let pool = columns.iter().filter(|c| varies(c, from));
        weighted_pooled_scale(pool.map(|(c, count)| (*c, weight(*count))))
    };
    // What rounding leaves of a constant task is not signal beside tasks of a small scale.
    let constant = columns.iter().filter(|(c, _)| c.constant);
    let rounding = constant.fold(0.0f64, |m, (c, _)| m.max(f64::EPSILON * c.mean.abs()));
    let pooled = pooled.max(rounding.min(1e100));
    let scale = |(c, count): &(ColumnStatistics, usize)| {
        if c.constant {
            pooled
        } else if *count >= enough {
            c.scale
        } else {
            let own = *count as f64 / enough as f64;
            (own * c.scale.ln() + (1.0 - own) * pooled.ln()).exp()
        }
    };
    (columns.iter().map(scale).collect(), pooled)
}

/// The mean of what was observed of each task, for outputs (n, T) with NaN where nothing was. A task
/// without observations has the mean of the other tasks' means.
pub(crate) fn task_means(y: ArrayView2<f64>) -> Array1<f64> {
    let columns: Vec<(ColumnStatistics, usize)> =
        y.columns().into_iter().map(ColumnStatistics::of_observed).collect();
    let known: Array1<f64> =
        columns.iter().filter(|(_, count)| *count > 0).map(|(c, _)| c.mean).collect();
    let (of_all, _) = ColumnStatistics::of_observed(known.view());
    columns.iter().map(|(c, count)| if *count > 0 { c.mean } else { of_all.mean }).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::super::pooled_scale;
    use super::*;

    const GAP: f64 = f64::NAN;

    /// The rule for complete tables, as it was before tables could have gaps.
    fn of_complete(y: ArrayView2<f64>) -> (Array1<f64>, f64) {
        let columns: Vec<_> = y.columns().into_iter().map(ColumnStatistics::of).collect();
        let pooled = if columns.iter().all(|c| c.constant) {
            let largest = columns.iter().fold(0.0f64, |m, c| m.max(c.mean.abs()));
            if largest > 0.0 { largest.clamp(1e-100, 1e100) } else { 1.0 }
        } else {
            pooled_scale(columns.iter().copied())
        };
        let constant = columns.iter().filter(|c| c.constant);
        let rounding = constant.fold(0.0f64, |m, c| m.max(f64::EPSILON * c.mean.abs()));
        let pooled = pooled.max(rounding.min(1e100));
        (columns.iter().map(|c| if c.constant { pooled } else { c.scale }).collect(), pooled)
    }

    /// Six columns that vary by different amounts, the third constant.
    fn table(n: usize) -> Array2<f64> {
        let value = |i: usize, t: usize| ((i * i + 3 * i * t + 7) % 11) as f64 / 3.0;
        Array2::from_shape_fn((n, 6), |(i, t)| match t {
            2 => 0.3,
            _ => 10f64.powi(t as i32 - 3) * (value(i, t) + 0.1),
        })
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-14 * b.abs()
    }

    #[test]
    fn complete_tables_keep_their_scales_and_means_to_the_bit() {
        for n in [1, 2, 3, 9, 10, 11, 40] {
            let y = table(n);
            assert_eq!(task_scales(y.view()), of_complete(y.view()), "{n} rows");
            let means = y.columns().into_iter().map(|c| ColumnStatistics::of(c).mean);
            assert_eq!(task_means(y.view()), means.collect::<Array1<f64>>(), "{n} rows");
        }
        let constant = array![[3.0, -8.0], [3.0, -8.0]];
        assert_eq!(task_scales(constant.view()), of_complete(constant.view()));
    }

    #[test]
    fn tasks_with_few_observations_are_moved_toward_the_pooled_scale() {
        let mut y = Array2::from_shape_fn((20, 5), |(i, t)| {
            (1.0 + t as f64) * if i % 2 == 0 { 1.0 } else { -1.0 }
        });
        y.slice_mut(ndarray::s![12.., 1]).fill(GAP); // 12 are enough
        y.slice_mut(ndarray::s![4.., 2]).fill(GAP); // 4 are not
        y.slice_mut(ndarray::s![1.., 3]).fill(GAP);
        y.slice_mut(ndarray::s![.., 4]).fill(GAP);
        let (scales, pooled) = task_scales(y.view());
        assert!(near(pooled, ((20.0 * 1.0 + 12.0 * 4.0) / 32.0f64).sqrt()), "{pooled}");
        assert_eq!((scales[0], scales[1], scales[3], scales[4]), (1.0, 2.0, pooled, pooled));
        assert!(near(scales[2], 3f64.powf(0.4) * pooled.powf(0.6)), "{scales}");
    }

    #[test]
    fn few_rows_are_enough_where_no_task_has_more() {
        let y = array![[1.0, 2.0], [-1.0, -2.0], [1.0, GAP], [-1.0, GAP]];
        let (scales, pooled) = task_scales(y.view());
        assert_eq!((scales[0], pooled), (1.0, 1.0));
        assert!(near(scales[1], 2f64.sqrt()), "{scales}");
    }

    #[test]
    fn few_observations_are_used_where_nothing_else_varies() {
        let y = array![[5.0, 2.0], [5.0, -2.0], [5.0, GAP], [5.0, GAP]];
        assert_eq!(task_scales(y.view()), (array![2.0, 2.0], 2.0));
    }

    #[test]
    fn a_task_without_observations_has_the_mean_of_the_means() {
        let y = array![[1.0, GAP, 6.0], [3.0, GAP, GAP]];
        assert_eq!(task_means(y.view()), array![2.0, 4.0, 6.0]);
    }
}
