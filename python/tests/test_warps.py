"""Warps of the outputs: what is accepted, what is refused, and what comes back in the units of y."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import coregion as cg
from coregion import kernels, tasks

WARPS = ["log", "box-cox", "yeo-johnson", "sinh-arcsinh"]


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    X = np.sort(rng.uniform(0.0, 6.0, 40))[:, None]
    Y = np.column_stack([np.sin(X[:, 0]), np.cos(X[:, 0])]) + 0.2 * rng.standard_normal((40, 2))
    return X, np.exp(0.7 * Y)


def settings(**more: Any) -> cg.MultiTaskGP:
    return cg.MultiTaskGP(kernels.Matern52(), tasks.LowRank(rank=1), **more)


def test_the_logarithm_is_a_model_of_logs(data: Any) -> None:
    X, Y = data
    warped, logs = settings(warp="log").fit(X, Y), settings().fit(X, np.log(Y))
    own = warped.log_marginal_likelihood_ + np.log(Y).sum()
    assert own == pytest.approx(logs.log_marginal_likelihood_, rel=1e-10)
    levels = [0.05, 0.5, 0.95]
    for noise in (False, True):
        quantiles = warped.predict(X[:5], quantiles=levels, include_noise=noise)
        expected = np.exp(logs.predict(X[:5], quantiles=levels, include_noise=noise))
        np.testing.assert_allclose(quantiles, expected, rtol=1e-8)
    mu, s = logs.predict(X[:5], return_std=True, include_noise=True)
    mean, std = warped.predict(X[:5], return_std=True, include_noise=True)
    np.testing.assert_allclose(mean, np.exp(mu + 0.5 * s**2), rtol=1e-8)
    np.testing.assert_allclose(std, mean * np.sqrt(np.expm1(s**2)), rtol=1e-8)
    np.testing.assert_allclose(warped.predict(X[:5]), mean, rtol=1e-12)
    draws = warped.sample_y(X[:3], 4, random_state=1)
    np.testing.assert_allclose(draws, np.exp(logs.sample_y(X[:3], 4, random_state=1)), rtol=1e-6)


@pytest.mark.parametrize("warp", WARPS)
def test_learned_warps_are_better_than_none_and_come_back(warp: str, data: Any, tmp_path: Path) -> None:
    X, Y = data
    gp = settings(warp=warp).fit(X, Y)
    assert gp.report_.converged
    assert gp.log_marginal_likelihood_ > settings().fit(X, Y).log_marginal_likelihood_
    first = gp.warps_[0]
    np.testing.assert_allclose(first.inverse(first.forward(Y[:, 0].copy())), Y[:, 0], rtol=1e-9)
    value, gradient = gp.log_marginal_likelihood(eval_gradient=True)
    assert value == pytest.approx(gp.log_marginal_likelihood_)
    assert set(gradient) == set(gp.parameters_)
    gp.save(tmp_path / "model.safetensors")
    for again in (cg.load(tmp_path / "model.safetensors"), pickle.loads(pickle.dumps(gp))):
        np.testing.assert_array_equal(again.predict(X), gp.predict(X))
        assert again.warp == warp
    assert "warped outputs" in str(gp.summary())


def test_each_task_may_have_its_own(data: Any) -> None:
    X, Y = data
    names = ["level", "flow"]
    listed = settings(warp=["box-cox", None]).fit(X, Y, task_names=names)
    by_name = settings(warp={"level": "box-cox"}).fit(X, Y, task_names=names)
    assert [w.name for w in listed.warps_] == ["box-cox", "identity"]
    np.testing.assert_array_equal(listed.predict(X), by_name.predict(X))
    assert [w.name for w in settings(warp={1: "log"}).fit(X, Y).warps_] == ["identity", "log"]
    given = settings(warp=("box-cox", {"lambda": 0.5}), fixed=["warp[0].lambda", "warp[1].lambda"]).fit(X, Y)
    assert given.parameters_["warp[0].lambda"] == 0.5


def test_gaps_and_measured_tasks_are_in_the_units_of_y(data: Any) -> None:
    X, Y = data
    Y = Y.copy()
    Y[3, 1] = np.nan
    gp = settings(warp="box-cox").fit(X, Y)
    table, std = gp.impute(return_std=True)
    low, middle, high = np.moveaxis(gp.impute(quantiles=[0.1, 0.5, 0.9]), -1, 0)
    assert low[3, 1] < middle[3, 1] < high[3, 1]
    assert std[3, 1] > 0.0
    assert table[3, 1] > 0.0
    np.testing.assert_array_equal(middle[:3], Y[:3])
    given = np.array([[Y[5, 0], np.nan]])
    assert gp.predict(X[5:6], given=given)[0, 0] == Y[5, 0]
    assert gp.predict(X[5:6], given=given, quantiles=[0.5], include_noise=True)[0, 1, 0] > 0.0
    more = gp.condition([[7.0]], [[1.2, np.nan]])
    assert more.parameters_.keys() == gp.parameters_.keys()
    mean, spread = gp.leave_one_out()
    assert np.nanmin(mean) > 0.0
    assert np.nanmin(spread) > 0.0
    assert gp.task_view(1).predict([[2.0]], quantiles=[0.5]).shape == (1, 1)
    assert gp.score(X, Y) > 0.3


def test_values_at_an_end_of_their_range_can_be_held(data: Any) -> None:
    X, Y = data
    paths = ["warp[0].lambda", "warp[1].lambda"]
    gp = settings(warp=("box-cox", {"lambda": 0}), fixed=paths).fit(X, Y)
    assert [gp.parameters_[path] for path in paths] == [0.0, 0.0]
    reference = gp.parameters_["warp[0].reference"]
    np.testing.assert_allclose(gp.warps_[0].forward(Y[:, 0]), reference * np.log(Y[:, 0] / reference))
    again = pickle.loads(pickle.dumps(gp))
    np.testing.assert_array_equal(again.predict(X), gp.predict(X))


def test_fitted_warps_take_what_can_be_read_as_an_array(data: Any) -> None:
    X, Y = data
    warp = settings(warp="log").fit(X, Y).warps_[0]
    np.testing.assert_array_equal(warp.forward([1, 2.0]), np.log([1.0, 2.0]))
    np.testing.assert_array_equal(warp.forward(Y), np.log(Y))
    np.testing.assert_array_equal(warp.inverse([[0.0], [1.0]]), [[1.0], [np.exp(1.0)]])
    assert float(warp.log_slope(2)) == -np.log(2.0)
    with pytest.raises(ValueError, match="y: found"):
        warp.forward(["a"])
    with pytest.raises(ValueError, match="y: found NaN, expected finite outputs"):
        warp.forward([np.nan])


@pytest.mark.parametrize(
    ("warp", "message"),
    [
        ("square", "unknown warp 'square', expected one of: identity, log, box-cox"),
        (["log"], r"warp: found 1 warps, expected 2"),
        ({"Cd": "log"}, "warp: unknown task 'Cd'"),
        (3, "warp: found 3"),
        ([3, "log"], "warp: found 3"),
        (("box-cox", {"lambda": "half"}), "found 'half', expected a finite number"),
        (("box-cox", {"lambda": -1.0}), "box-cox.lambda: found -1"),
        (("box-cox", {"lambda": 0}), "0 must be held, and is the warp 'log'"),
        (("yeo-johnson", {"lambda": 2}), "above 0 and below 2; at an end of that range it must be held"),
        (("log", {"lambda": 1}), "unknown value of log 'lambda': log has no parameters"),
    ],
)
def test_other_warps_are_refused(warp: Any, message: str, data: Any) -> None:
    with pytest.raises(ValueError, match=message):
        settings(warp=warp).fit(*data)


def test_what_does_not_go_with_a_warp_is_refused(data: Any) -> None:
    X, Y = data
    with pytest.raises(cg.exceptions.InvalidValueError, match=r"'flow'.*found -1.*'log'"):
        settings(warp="log").fit(X, np.where(np.arange(2) == 1, -1.0, Y), task_names=["level", "flow"])
    with pytest.raises(cg.exceptions.IncompatibleError, match="known noise variances and a warp"):
        settings(warp="log").fit(X, Y, noise_variance=np.full(Y.shape, 0.1))
    gp = settings(warp="log").fit(X, Y)
    with pytest.raises(cg.exceptions.IncompatibleError, match="draw samples"):
        gp.predict(X, return_cov=True)
