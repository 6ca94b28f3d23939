"""Metrics: against their formulas, and how they average over tasks."""

from __future__ import annotations

import math

import numpy as np
import pytest

import coregion as cg
from coregion import metrics

RNG = np.random.default_rng(0)
TRUTH = RNG.normal(size=(12, 2)) * [1.0, 5.0]
TRUTH[3, 1] = np.nan
MEAN = np.nan_to_num(TRUTH) + RNG.normal(size=(12, 2))
STD = RNG.uniform(0.5, 2.0, size=(12, 2))
TRAIN = RNG.normal(size=(20, 2)) * [1.0, 5.0]
Z = (TRUTH - MEAN) / STD
PDF = np.exp(-0.5 * Z**2) / np.sqrt(2 * np.pi)
CDF = 0.5 * (1 + np.vectorize(math.erf)(Z / np.sqrt(2)))
NLPD = 0.5 * Z**2 + np.log(STD) + 0.5 * np.log(2 * np.pi)
TRIVIAL = (TRUTH - TRAIN.mean(0)) / TRAIN.std(0)
TRIVIAL = 0.5 * TRIVIAL**2 + np.log(TRAIN.std(0)) + 0.5 * np.log(2 * np.pi)


def average(values):
    return np.nanmean(values, axis=0)


CASES = {
    "rmse": (lambda **k: metrics.rmse(TRUTH, MEAN, **k), np.sqrt(average((TRUTH - MEAN) ** 2))),
    "mae": (lambda **k: metrics.mae(TRUTH, MEAN, **k), average(np.abs(TRUTH - MEAN))),
    "smse": (
        lambda **k: metrics.smse(TRUTH, MEAN, y_train=TRAIN, **k),
        average((TRUTH - MEAN) ** 2) / average((TRUTH - TRAIN.mean(0)) ** 2),
    ),
    "smse of the test": (
        lambda **k: metrics.smse(TRUTH, MEAN, **k),
        average((TRUTH - MEAN) ** 2) / average((TRUTH - average(TRUTH)) ** 2),
    ),
    "nlpd": (lambda **k: metrics.nlpd(TRUTH, MEAN, STD, **k), average(NLPD)),
    "msll": (lambda **k: metrics.msll(TRUTH, MEAN, STD, y_train=TRAIN, **k), average(NLPD - TRIVIAL)),
    "msll of moments": (
        lambda **k: metrics.msll(TRUTH, MEAN, STD, train_mean=TRAIN.mean(0), train_std=TRAIN.std(0), **k),
        average(NLPD - TRIVIAL),
    ),
    "coverage": (
        lambda **k: metrics.coverage(TRUTH, MEAN, STD, 0.9, **k),
        average(np.where(np.isnan(Z), np.nan, np.abs(Z) <= 1.6448536269514722)),
    ),
    "crps": (
        lambda **k: metrics.crps(TRUTH, MEAN, STD, **k),
        average(STD * (Z * (2 * CDF - 1) + 2 * PDF - 1 / np.sqrt(np.pi))),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    metric, expected = CASES[name]
    np.testing.assert_allclose(metric(multioutput="raw_values"), expected, rtol=1e-10)
    assert metric() == pytest.approx(expected.mean())
    assert type(metric()) is float
    assert metric(multioutput=[1.0, 3.0]) == pytest.approx((expected[0] + 3 * expected[1]) / 4)


def test_what_was_predicted_for_gaps_is_not_looked_at():
    mean, std = MEAN.copy(), STD.copy()
    mean[3, 1] = std[3, 1] = np.nan
    assert metrics.rmse(TRUTH, mean) == metrics.rmse(TRUTH, MEAN)
    assert metrics.crps(TRUTH, mean, std) == metrics.crps(TRUTH, MEAN, STD)
    mean[2, 0] = np.nan
    with pytest.raises(cg.NotFiniteError):
        metrics.rmse(TRUTH, mean)


def test_vectors_are_one_task():
    assert metrics.rmse(TRUTH[:, 0], MEAN[:, 0]) == metrics.rmse(TRUTH[:, :1], MEAN[:, :1])
    assert metrics.nlpd(TRUTH[:, 0].tolist(), MEAN[:, 0], STD[:, 0]) == pytest.approx(NLPD[:, 0].mean())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: metrics.rmse(TRUTH, MEAN[:3]),
            r"y_pred: found shape \(3, 2\), expected \(12, 2\), as y_true",
        ),
        (lambda: metrics.nlpd(TRUTH, MEAN, -STD), "std"),
        (lambda: metrics.rmse(TRUTH * np.nan, MEAN), "observed"),
        (lambda: metrics.rmse(TRUTH[:0], MEAN[:0]), "at least one row"),
        (lambda: metrics.rmse(TRUTH[None], MEAN[None]), "y_true: found 3 dimensions"),
        (lambda: metrics.coverage(TRUTH, MEAN, STD, 1.5), "level: found 1.5"),
        (lambda: metrics.coverage(TRUTH, MEAN, STD, 0), "level: found 0"),
        (lambda: metrics.msll(TRUTH, MEAN, STD), "y_train: found None"),
        (lambda: metrics.msll(TRUTH, MEAN, STD, train_mean=[0, 0]), "y_train: found None"),
        (lambda: metrics.msll(TRUTH, MEAN, STD, y_train=TRAIN, train_mean=[0, 0]), "cannot be combined"),
        (lambda: metrics.smse(TRUTH, MEAN, y_train=TRAIN[:, 0]), "y_train: found 1 tasks, expected 2"),
        (lambda: metrics.smse(TRUTH, MEAN, y_train=TRAIN * [1, np.nan]), "without observations"),
        (lambda: metrics.rmse(TRUTH, MEAN, multioutput="mean"), "multioutput: found 'mean'"),
        (lambda: metrics.rmse(TRUTH, MEAN, multioutput=[1.0]), "multioutput: found 1 numbers"),
        (lambda: metrics.rmse(TRUTH, MEAN, multioutput=[0.0, 0.0]), "not all 0"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_frames_and_predictions(gp):
    from conftest import table

    x, y = table(20, seed=1)
    mean, std = gp.predict(x, return_std=True, include_noise=True)
    assert 0.5 < metrics.coverage(y, mean, std) <= 1.0
    pd = pytest.importorskip("pandas")
    assert metrics.rmse(pd.DataFrame(y), mean) == cg.metrics.rmse(y, mean)
