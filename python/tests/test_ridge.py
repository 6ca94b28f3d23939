"""Kernel ridge regression: its numbers against dense algebra, and what it is chosen by."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import table

import coregion as cg

B = np.array([[1.0, -0.6], [-0.6, 2.0]])
KERNEL = cg.kernels.RBF(lengthscale=1.5)
TASK = cg.tasks.Fixed(B)


def gram(x, z):
    return np.exp(-0.5 * ((x[:, None, :] - z[None, :, :]) ** 2).sum(axis=2) / 1.5**2)


def dense(x, y, xs, alphas, weights=None):
    """Predictions by the full matrix; alphas are the penalties of the tasks."""
    n = len(x)
    w = np.ones(n) if weights is None else weights
    a = np.kron(gram(x, x), B) + np.kron(np.diag(1 / w), np.diag(alphas))
    return (np.kron(gram(xs, x), B) @ np.linalg.solve(a, y.ravel())).reshape(len(xs), 2)


def test_numbers_are_those_of_dense_algebra(xy):
    x, y = xy
    xs = table(4, seed=1)[0]
    kr = cg.MultiTaskKernelRidge(KERNEL, TASK, alpha=0.3).fit(x, y)
    np.testing.assert_allclose(kr.predict(xs), dense(x, y, xs, [0.3, 0.3]), atol=1e-10)
    np.testing.assert_allclose(gram(xs, x) @ kr.dual_coef_ @ B, kr.predict(xs), atol=1e-10)
    own = kr.set_params(task_penalties=[1.0, 4.0]).fit(x, y)
    np.testing.assert_allclose(own.predict(xs), dense(x, y, xs, [0.3, 1.2]), atol=1e-10)
    np.testing.assert_allclose(own.penalties_, [0.3, 1.2])
    weighted = kr.set_params(task_penalties=None, task_weights=[1.0, 0.25]).fit(x, y)
    np.testing.assert_allclose(weighted.predict(xs), dense(x, y, xs, [0.3, 1.2]), atol=1e-10)
    np.testing.assert_array_equal(
        weighted.predict(xs, tasks=[0, 1, 1, 0]), weighted.predict(xs)[range(4), [0, 1, 1, 0]]
    )


def test_rows_have_weights_and_none_of_weight_zero_takes_part(xy):
    x, y = xy
    xs = table(4, seed=1)[0]
    w = np.linspace(0.5, 2.0, 30)
    kr = cg.MultiTaskKernelRidge(KERNEL, TASK, alpha=0.3)
    np.testing.assert_allclose(kr.fit(x, y, w).predict(xs), dense(x, y, xs, [0.3, 0.3], w), atol=1e-10)
    with pytest.raises(cg.IncompatibleError):
        kr.posterior()
    w[[2, 5]] = 0.0
    kept = w > 0
    kr.fit(x, y, w)
    np.testing.assert_allclose(kr.predict(xs), dense(x[kept], y[kept], xs, [0.3, 0.3], w[kept]), atol=1e-10)
    assert kr.dual_coef_.shape == (30, 2)
    assert (kr.dual_coef_[2] == 0).all()
    assert (kr.dual_coef_[3] != 0).all()
    mean, std, density = kr.leave_one_out(return_log_density=True)
    assert np.isnan(mean[[2, 5]]).all()
    assert np.isfinite(mean[kept]).all()
    assert np.isfinite(std[kept]).all()
    assert density.shape == (30, 1)
    groups = np.repeat([0, 1, 2], 10)
    assert kr.leave_one_out(groups=groups)[0].shape == (30, 2)
    first = cg.MultiTaskKernelRidge(KERNEL, TASK, alpha=0.3).fit(x[10:], y[10:], w[10:]).predict(x[:1])
    np.testing.assert_allclose(kr.leave_one_out(groups=groups)[0][:1], first, atol=1e-10)
    again = kr.fit(x, y)
    assert np.isfinite(again.leave_one_out()[0]).all()
    for wrong in ([1.0] * 29, [[1.0]] * 30, [-1.0] * 30, [np.nan] * 30, [0.0] * 30):
        with pytest.raises(ValueError, match="sample_weight"):
            kr.fit(x, y, wrong)


def test_leave_one_out_is_a_fit_without_the_row(xy):
    x, y = xy
    kr = cg.MultiTaskKernelRidge(KERNEL, TASK, alpha=0.3, fit_intercept=True)
    mean, _ = kr.fit(x, y).leave_one_out()
    np.testing.assert_allclose(kr.fit(x[1:], y[1:]).predict(x[:1])[0], mean[0], atol=1e-10)
    assert kr.intercept_.shape == (2,)
    vector = cg.MultiTaskKernelRidge(KERNEL).fit(x, y[:, 0])
    assert vector.leave_one_out()[0].shape == (30,)
    assert vector.dual_coef_.shape == (30,)
    assert vector.intercept_ is None


@pytest.mark.parametrize("cv", [None, "row", "entry", "gcv", "log-density:row", 5, np.repeat(range(6), 5)])
def test_the_penalty_chosen_is_the_best_of_the_grid(xy, cv):
    alphas = np.logspace(-6, 3, 10)
    kr = cg.MultiTaskKernelRidge(KERNEL, TASK, alphas=alphas, cv=cv).fit(*xy)
    assert kr.cv_errors_.shape == (1, 10)
    assert kr.alpha_ == pytest.approx(alphas[kr.cv_errors_[0].argmin()])
    assert kr.best_criterion_ == kr.cv_errors_.min()


def test_the_criterion_is_the_error_left_out(xy):
    x, y = xy
    kr = cg.MultiTaskKernelRidge(KERNEL, TASK, alphas=[1e-6, 0.1, 100.0], cv="entry").fit(x, y)
    error = ((kr.leave_one_out("entry")[0] - y) ** 2).mean()
    assert kr.cv_errors_[0, 1] == pytest.approx(error)
    splits = [(np.setdiff1d(range(30), g), g) for g in np.split(np.arange(30), 6)]
    grouped = kr.set_params(cv=np.repeat(range(6), 5)).fit(x, y).cv_errors_
    np.testing.assert_array_equal(kr.set_params(cv=splits).fit(x, y).cv_errors_, grouped)
    np.testing.assert_array_equal(kr.set_params(cv=iter(splits)).fit(x, y).cv_errors_, grouped)
    selection = pytest.importorskip("sklearn.model_selection")
    np.testing.assert_array_equal(kr.set_params(cv=selection.KFold(6)).fit(x, y).cv_errors_, grouped)
    with pytest.raises(ValueError, match="cv: found split 0"):
        kr.set_params(cv=selection.TimeSeriesSplit(3)).fit(x, y)


def test_task_covariances_are_chosen(xy):
    related = [cg.tasks.Fixed([[1.0, r], [r, 20.0]]) for r in (-3.0, 0.0, 3.0)]
    kr = cg.MultiTaskKernelRidge(KERNEL, tasks=related, alphas=np.logspace(-4, 2, 7)).fit(*xy)
    assert kr.cv_errors_.shape == (3, 7)
    assert kr.task_index_ == kr.cv_errors_.min(axis=1).argmin()
    np.testing.assert_allclose(kr.task_covariance_, related[kr.task_index_].B)
    assert type(kr.task_) is cg.tasks.Fixed


def test_finer_penalties(xy):
    alphas = np.logspace(-4, 2, 7)
    grid = cg.MultiTaskKernelRidge(KERNEL, TASK, alphas=alphas).fit(*xy)
    fine = cg.MultiTaskKernelRidge(KERNEL, TASK, alphas=alphas, refine=True).fit(*xy)
    each = cg.MultiTaskKernelRidge(KERNEL, TASK, alphas=alphas, penalty_for_each_task=True).fit(*xy)
    assert fine.best_criterion_ <= grid.best_criterion_
    assert each.best_criterion_ <= fine.best_criterion_ + 1e-12
    assert each.penalties_[0] != each.penalties_[1]


def test_the_posterior_has_the_same_mean(xy):
    x, y = xy
    xs = table(4, seed=1)[0]
    kr = cg.MultiTaskKernelRidge(KERNEL, TASK, alpha=0.3, fit_intercept=True).fit(x, y, task_names=["a", "b"])
    gp = kr.posterior()
    assert isinstance(gp, cg.MultiTaskGP)
    mean, std = gp.predict(xs, return_std=True)
    np.testing.assert_allclose(mean, kr.predict(xs), atol=1e-10)
    assert (std > 0).all()
    assert gp.task_names_ == ["a", "b"]
    assert gp.optimizer is None
    np.testing.assert_allclose(gp.fit(x, y).predict(xs), mean, atol=1e-10)
    assert cg.MultiTaskKernelRidge(KERNEL).fit(x, y[:, 0]).posterior().predict(xs).shape == (4,)


def test_the_default_kernel_follows_the_spread_of_the_columns(xy):
    x, y = xy
    kr = cg.MultiTaskKernelRidge().fit(x, y)
    np.testing.assert_allclose(kr.kernel_.lengthscale, np.sqrt(2) * x.std(axis=0))
    np.testing.assert_array_equal(kr.task_covariance_, np.eye(2))
    scaled = cg.MultiTaskKernelRidge().fit(x * [1.0, 1000.0], y)
    np.testing.assert_allclose(scaled.predict(x * [1.0, 1000.0]), kr.predict(x))
    constant = np.column_stack([x[:, 0], np.full(30, 7.0)])
    np.testing.assert_allclose(cg.MultiTaskKernelRidge().fit(constant, y).kernel_.lengthscale[1], 1.0)


def test_files_keep_the_model(xy, tmp_path):
    x, y = xy
    kr = cg.MultiTaskKernelRidge(KERNEL, TASK, alpha=0.3).fit(x, y)
    kr.save(tmp_path / "kr")
    again = cg.load(str(tmp_path / "kr"))
    assert isinstance(again, cg.MultiTaskKernelRidge)
    np.testing.assert_allclose(again.predict(x), kr.predict(x))
    assert again.alpha == again.alpha_ == 0.3


def test_progress_and_warnings(xy, capsys):
    seen = []
    grid = np.logspace(-8, 4, 40)
    cg.MultiTaskKernelRidge(KERNEL, TASK, alphas=grid, progress=seen.append).fit(*xy)
    assert seen[-1]["done"] == seen[-1]["total"]
    with pytest.raises(cg.CancelledError, match="cancelled"):
        cg.MultiTaskKernelRidge(KERNEL, TASK, alphas=grid, progress=lambda state: False).fit(*xy)
    with pytest.raises(ZeroDivisionError):
        cg.MultiTaskKernelRidge(KERNEL, TASK, alphas=grid, progress=lambda state: 1 / 0).fit(*xy)
    with pytest.warns(cg.ConvergenceWarning, match="at an end of the grid") as caught:
        kr = cg.MultiTaskKernelRidge(KERNEL, TASK, alphas=[10.0, 100.0], verbose=1).fit(*xy)
    assert caught[0].filename == __file__
    assert kr.warnings_[0].kind == "penalty-at-end"
    assert "alpha" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": 3}, "kernel: found int 3"),
        ({"kernel": cg.kernels.RBF()}, "lengthscale has no value"),
        ({"task": TASK, "tasks": [TASK]}, "task and tasks cannot be combined"),
        ({"tasks": []}, "tasks: found"),
        ({"tasks": [3]}, r"tasks\[0\]: found int 3"),
        ({"task": cg.tasks.LowRank(rank=1)}, "W has no value"),
        ({"alpha": -1.0}, "alpha: found -1.0"),
        ({"alphas": []}, "alphas: found none"),
        ({"alphas": [1.0, 0.0]}, "alphas: found 0.0"),
        ({"alphas": [[1.0]]}, "alphas: found 2 dimensions"),
        ({"cv": "loo"}, "cv: found 'loo'"),
        ({"cv": 1}, "cv: found 1 groups"),
        ({"cv": 3.5}, "cv: found 3.5"),
        ({"cv": [0, 1]}, "cv: found 2 labels, expected 30"),
        ({"fit_intercept": "yes"}, "fit_intercept"),
        ({"fit_intercept": True, "cv": "task", "alphas": [0.1, 1.0]}, "intercept"),
        ({"task_weights": [1.0]}, "task_weights: found 1 numbers, expected 2"),
        ({"task_penalties": [1.0, np.nan]}, "task_penalties: found NaN"),
        ({"refine": 1}, "refine: found 1"),
        ({"penalty_for_each_task": True, "cv": "entry"}, "penalty chosen for each task"),
        ({"memory_budget": -1}, "memory_budget"),
        ({"random_state": "x", "cv": 3}, "random_state"),
    ],
)
def test_settings_that_are_not_accepted(xy, options, message):
    with pytest.raises(ValueError, match=message):
        cg.MultiTaskKernelRidge(**options).fit(*xy)


def test_a_penalty_that_is_not_used_is_looked_at_too(xy):
    with pytest.raises(cg.InvalidValueError, match="alpha: found 'x', expected a finite number above 0"):
        cg.MultiTaskKernelRidge(alpha="x", alphas=[0.1, 1.0]).fit(*xy)


def test_gaps_are_refused(xy):
    x, y = xy
    y[0, 0] = np.nan
    with pytest.raises(cg.LayoutError):
        cg.MultiTaskKernelRidge().fit(x, y)
    with pytest.raises(cg.DeviceError):
        cg.MultiTaskKernelRidge(device="gpu").fit(*table())
