//! Closed-form leave-out of tables with gaps against refits of the covariance of what was observed.

use coregion::Error;
use coregion::op::{MaskedKronecker, NoiseMatrix, Pattern, TaskMatrix};
use coregion::solve::{
    Congruence, DenseFactor, Factor, KroneckerFactor, LeaveOut, Residuals, SchurFactor, Spectrum,
    TaskMeans,
};
use ndarray::{Array1, Array2, Array3, ArrayRef, Dimension, array, s};

use crate::common::{assert_close, dense, normal};
use crate::leave_out::ways;
use crate::support::definite;

/// Matrices of a covariance, and a table of data with gaps.
struct Case {
    k: Array2<f64>,
    b: Array2<f64>,
    noise: NoiseMatrix,
    y: Array2<f64>,
}

impl Case {
    fn new(n: usize, noise: NoiseMatrix, gaps: &[(usize, usize)], seed: u64) -> Self {
        let t = noise.diagonal().len();
        let x = normal(n, 2, seed);
        let k = Array2::from_shape_fn((n, n), |(i, j)| {
            let gap = &x.row(i) - &x.row(j);
            (-0.4 * gap.dot(&gap)).exp() * (1.0 + 0.2 * x[[i, 0]] * x[[j, 0]])
        });
        let mut y = normal(n, t, seed + 1) + 0.7;
        gaps.iter().for_each(|&e| y[e] = f64::NAN);
        Case { k, b: definite(t, seed + 2), noise, y }
    }

    fn sigma(&self) -> Array2<f64> {
        match &self.noise {
            NoiseMatrix::Diagonal(v) => Array2::from_diag(v),
            NoiseMatrix::Dense(m) => m.clone(),
        }
    }

    fn covariance(&self) -> Array2<f64> {
        dense::covariance(self.k.view(), self.b.view(), Some(self.sigma().view()))
    }

    /// The indicators of the tasks, in the order of rows and then tasks.
    fn indicators(&self) -> Array2<f64> {
        let (n, t) = self.y.dim();
        Array2::from_shape_fn((n * t, t), |(p, u)| f64::from(u8::from(p % t == u)))
    }

    fn pattern(&self) -> Pattern {
        Pattern::of(self.y.view())
    }

    fn dense(&self) -> DenseFactor {
        let (b, noise, pattern) = (self.b.clone(), self.noise.clone(), self.pattern().into());
        let a = MaskedKronecker::new(self.k.clone().into(), b, noise, None, pattern);
        DenseFactor::new(a, self.y.view(), "a test").unwrap()
    }

    fn parts(&self) -> (Spectrum, Congruence, Array2<f64>) {
        let spectrum = Spectrum::of(self.k.clone()).unwrap();
        let task = TaskMatrix::Dense(self.b.clone());
        let congruence = Congruence::whole(&task, &self.noise).unwrap();
        let zeroed = self.y.mapv(|v| if v.is_nan() { 0.0 } else { v });
        let rotated = spectrum.vectors.t().dot(&zeroed);
        (spectrum, congruence, rotated)
    }

    fn schur(&self) -> SchurFactor {
        let (spectrum, congruence, rotated) = self.parts();
        let pattern = self.pattern().into();
        SchurFactor::new(spectrum.into(), congruence, rotated.view(), pattern).unwrap()
    }

    fn kronecker(&self) -> KroneckerFactor {
        let (spectrum, congruence, rotated) = self.parts();
        KroneckerFactor::new(spectrum.into(), congruence, rotated.view())
    }

    /// True where a block that is left out takes all that was observed of a task.
    fn takes_a_task(&self, by: &LeaveOut) -> bool {
        let (n, t) = self.y.dim();
        let pattern = self.pattern();
        dense::left_out_blocks(by, n, t).iter().any(|block| {
            (0..t)
                .filter(|&u| !pattern.rows_of(u).is_empty())
                .any(|u| pattern.rows_of(u).iter().all(|i| block.contains(&(i * t + u))))
        })
    }
}

/// Cases of both noises: few gaps, and many with a row of one entry, a task of one and one of none.
fn cases() -> Vec<Case> {
    let noises = |t: usize| {
        let variances = (0..t).map(|u| 0.1 + 0.3 * u as f64).collect();
        [NoiseMatrix::Diagonal(variances), NoiseMatrix::Dense(definite(t, 5) * 0.3)]
    };
    let mut out = Vec::new();
    for noise in noises(3) {
        out.push(Case::new(7, noise.clone(), &[(2, 1)], 10));
        out.push(Case::new(9, noise.clone(), &[(0, 0), (0, 2), (3, 1), (4, 1), (8, 2)], 20));
        // Task 1 was observed at row 5 alone, and a row not at all.
        let most: Vec<_> = (0..11).filter(|&i| i != 5).map(|i| (i, 1)).collect();
        out.push(Case::new(11, noise.clone(), &[&most[..], &[(2, 0), (2, 2)]].concat(), 30));
    }
    for noise in noises(4) {
        let gaps =
            [(0, 1), (0, 2), (0, 3), (5, 0), (6, 3), (7, 1), (7, 2), (10, 0), (10, 3), (11, 2)];
        out.push(Case::new(12, noise.clone(), &gaps, 40));
        // Nothing of task 2.
        let none: Vec<_> = (0..8).map(|i| (i, 2)).collect();
        out.push(Case::new(8, noise.clone(), &[&none[..], &[(1, 0), (1, 1)]].concat(), 50));
    }
    out
}

/// Equality with the same places of NaN.
#[track_caller]
fn assert_same<D: Dimension>(
    found: &ArrayRef<f64, D>,
    expected: &ArrayRef<f64, D>,
    tolerance: f64,
) {
    assert_eq!(found.mapv(f64::is_nan), expected.mapv(f64::is_nan));
    let known = |a: &ArrayRef<f64, D>| a.mapv(|v| if v.is_nan() { 0.0 } else { v });
    assert_close(&known(found), &known(expected), tolerance);
}

#[track_caller]
fn assert_equals_refits(case: &Case, factor: &dyn Factor, by: &LeaveOut, means: TaskMeans) {
    let found = factor.leave_out(by, means).unwrap();
    let fixed = (means == TaskMeans::Free).then(|| case.indicators());
    let (mean, std, densities) = dense::leave_out(&case.covariance(), fixed.as_ref(), &case.y, by);
    assert_same(&found.residual, &(&case.y - &mean), 1e-8);
    assert_same(&found.std, &std, 1e-8);
    let (n, t) = case.y.dim();
    let groups = dense::left_out_blocks(by, n, t).len();
    let shape = match by {
        LeaveOut::Entry => (n, t),
        LeaveOut::Row => (n, 1),
        LeaveOut::Task => (1, t),
        LeaveOut::Groups(_) => (groups, 1),
        LeaveOut::GroupsByTask(_) => (groups / t, t),
    };
    let densities = Array2::from_shape_vec(shape, densities).unwrap();
    assert_same(&found.log_density, &densities, 1e-8);
}

#[test]
fn every_way_equals_refits_of_what_was_observed() {
    for case in cases() {
        let (dense, schur) = (case.dense(), case.schur());
        for by in ways(case.y.nrows()) {
            for factor in [&dense as &dyn Factor, &schur] {
                assert_equals_refits(&case, factor, &by, TaskMeans::Held);
            }
        }
    }
}

#[test]
fn means_are_learned_anew_from_what_is_left() {
    let (mut done, mut refused) = (0, 0);
    for case in cases() {
        let (dense, schur) = (case.dense(), case.schur());
        for by in ways(case.y.nrows()) {
            for factor in [&dense as &dyn Factor, &schur] {
                if !case.takes_a_task(&by) {
                    assert_equals_refits(&case, factor, &by, TaskMeans::Free);
                    done += 1;
                    continue;
                }
                let error = factor.leave_out(&by, TaskMeans::Free).unwrap_err();
                assert!(matches!(error, Error::Incompatible { .. }));
                assert!(error.to_string().contains("no observation of task"), "{error}");
                refused += 1;
            }
        }
    }
    assert!(done >= 70 && refused >= 40, "{done} and {refused}");
}

#[test]
fn rows_have_covariances_where_they_were_observed() {
    for case in cases() {
        let (n, t) = case.y.dim();
        let (dense, schur) = (case.dense(), case.schur());
        for means in [TaskMeans::Held, TaskMeans::Free] {
            let free = means == TaskMeans::Free;
            let refused = free && case.takes_a_task(&LeaveOut::Row);
            let fixed = free.then(|| case.indicators());
            let mut expected = Array3::from_elem((n, t, t), f64::NAN);
            for i in (0..n).filter(|_| !refused) {
                let row: Vec<usize> = (i * t..(i + 1) * t).collect();
                let c = case.covariance();
                let (places, p) = dense::refit_observed_without(&c, fixed.as_ref(), &case.y, &row);
                for (a, p_a) in places.iter().enumerate() {
                    for (b, p_b) in places.iter().enumerate() {
                        expected[[i, p_a % t, p_b % t]] = p.covariance[[a, b]];
                    }
                }
            }
            for factor in [&dense as &dyn Factor, &schur] {
                let found = factor.leave_out_row_covariances(means);
                match refused {
                    true => assert!(matches!(found, Err(Error::Incompatible { .. }))),
                    false => assert_same(&found.unwrap(), &expected, 1e-8),
                }
            }
        }
    }
}

#[test]
fn without_gaps_every_factor_says_the_same() {
    let noise = NoiseMatrix::Dense(definite(3, 6) * 0.3);
    let case = Case::new(10, noise, &[], 60);
    let (dense, schur, kronecker) = (case.dense(), case.schur(), case.kronecker());
    for means in [TaskMeans::Held, TaskMeans::Free] {
        for by in ways(10) {
            if means == TaskMeans::Free && by == LeaveOut::Task {
                for factor in [&dense as &dyn Factor, &schur, &kronecker] {
                    let found = factor.leave_out(&by, means);
                    assert!(matches!(found, Err(Error::Incompatible { .. })));
                }
                continue;
            }
            let expected = kronecker.leave_out(&by, means).unwrap();
            for factor in [&dense as &dyn Factor, &schur] {
                let Residuals { residual, std, log_density } =
                    factor.leave_out(&by, means).unwrap();
                assert_close(&residual, &expected.residual, 1e-10);
                assert_close(&std, &expected.std, 1e-10);
                assert_close(&log_density, &expected.log_density, 1e-10);
            }
        }
        let expected = kronecker.leave_out_row_covariances(means).unwrap();
        for factor in [&dense as &dyn Factor, &schur] {
            assert_close(&factor.leave_out_row_covariances(means).unwrap(), &expected, 1e-10);
        }
    }
}

#[test]
fn known_noise_variances_are_part_of_what_is_left() {
    let noise = NoiseMatrix::Diagonal(array![0.1, 0.4, 0.2]);
    let case = Case::new(8, noise, &[(1, 0), (4, 2), (5, 2)], 70);
    let known = normal(1, 21, 71).mapv(|v| v * v).row(0).to_owned();
    let pattern = std::sync::Arc::new(case.pattern());
    let (k, b) = (case.k.clone().into(), case.b.clone());
    let a =
        MaskedKronecker::new(k, b, case.noise.clone(), Some(known.clone().into()), pattern.clone());
    let factor = DenseFactor::new(a, case.y.view(), "a test").unwrap();
    let mut c = case.covariance();
    for ((i, t), v) in pattern.observed().zip(&known) {
        c[[i * 3 + t, i * 3 + t]] += v;
    }
    for by in ways(8) {
        let found = factor.leave_out(&by, TaskMeans::Held).unwrap();
        let (mean, std, _) = dense::leave_out(&c, None, &case.y, &by);
        assert_same(&found.residual, &(&case.y - &mean), 1e-8);
        assert_same(&found.std, &std, 1e-8);
    }
}

#[test]
fn solutions_of_other_data_are_those_of_new_factors() {
    for mut case in cases() {
        let (dense, schur) = (case.dense(), case.schur());
        case.y = case.y.mapv(|v| v * v - 0.5);
        let expected = case.schur().dual();
        assert_close(&dense.solve(case.y.view()).unwrap(), &expected, 1e-10);
        assert_close(&schur.solve(case.y.view()).unwrap(), &expected, 1e-10);
    }
}

/// Enough entries that they are not all taken at once.
#[test]
fn long_tables_are_taken_in_parts() {
    let n = 1500;
    let noise = NoiseMatrix::Diagonal(array![0.2, 0.3, 0.5]);
    let x: Array1<f64> = Array1::linspace(0.0, 60.0, n);
    let k = Array2::from_shape_fn((n, n), |(i, j)| (-0.5 * (x[i] - x[j]).powi(2)).exp());
    let gaps: Vec<(usize, usize)> = (0..n).step_by(100).map(|i| (i, i / 100 % 3)).collect();
    let mut y = normal(n, 3, 80);
    gaps.iter().for_each(|&e| y[e] = f64::NAN);
    let case = Case { k, b: definite(3, 81), noise, y };
    let schur = case.schur();
    let entries = schur.leave_out(&LeaveOut::Entry, TaskMeans::Free).unwrap();
    let singles = LeaveOut::GroupsByTask((0..n).collect());
    let again = schur.leave_out(&singles, TaskMeans::Free).unwrap();
    assert_same(&again.residual, &entries.residual, 1e-10);
    assert_same(&again.std, &entries.std, 1e-10);
    assert_same(&again.log_density, &entries.log_density, 1e-10);
    let rows = schur.leave_out(&LeaveOut::Row, TaskMeans::Held).unwrap();
    let covariances = schur.leave_out_row_covariances(TaskMeans::Held).unwrap();
    let c = |i: usize, t: usize| covariances[[i, t, t]].sqrt();
    assert_same(&rows.std, &Array2::from_shape_fn((n, 3), |(i, t)| c(i, t)), 1e-12);
    let groups = schur.leave_out(&LeaveOut::Groups((0..n).collect()), TaskMeans::Held).unwrap();
    assert_same(&groups.residual, &rows.residual, 1e-10);
    // The rows far from a row say nothing of it.
    let near = 400..1100;
    let part = Case {
        k: case.k.slice(s![near.clone(), near.clone()]).to_owned(),
        b: case.b.clone(),
        noise: case.noise.clone(),
        y: case.y.slice(s![near.clone(), ..]).to_owned(),
    };
    let part = part.dense().leave_out(&LeaveOut::Row, TaskMeans::Held).unwrap();
    let (rows_near, part_near) =
        (rows.residual.slice(s![740..760, ..]), part.residual.slice(s![340..360, ..]));
    assert_same(&rows_near, &part_near, 1e-6);
}
