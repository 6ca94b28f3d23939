"""Answers to what is asked alone: one task for each row, quantiles of what is left out."""

from __future__ import annotations

import numpy as np
import pytest


def test_quantiles_left_out_are_those_of_means_and_deviations(gp):
    levels = [0.025, 0.5]
    labels = np.arange(gp.model_.data.n_rows) // 3
    for by, groups in (("row", None), ("entry", None), ("task", None), ("row", labels), ("entry", labels)):
        mean, std = gp.leave_one_out(by=by, groups=groups)
        low, middle = np.moveaxis(gp.leave_one_out(by=by, groups=groups, quantiles=levels), -1, 0)
        np.testing.assert_allclose(middle, mean)
        np.testing.assert_allclose(low, mean - 1.959963984540054 * std)
    with pytest.raises(ValueError, match="quantiles"):
        gp.leave_one_out(quantiles=[1.5])
    with pytest.raises(ValueError, match="return_log_density"):
        gp.leave_one_out(quantiles=levels, return_log_density=True)
    with pytest.raises(ValueError, match="by"):
        gp.leave_one_out(by="column", quantiles=levels)


def test_predictions_of_one_task_for_each_row_are_entries_of_all(gp):
    X = np.random.default_rng(5).normal(size=(9, 2))
    tasks = np.arange(9) % 2
    mean, std = gp.predict(X, return_std=True, include_noise=True)
    one, deviation = gp.predict(X, tasks=tasks, return_std=True, include_noise=True)
    np.testing.assert_allclose(one, mean[np.arange(9), tasks])
    np.testing.assert_allclose(deviation, std[np.arange(9), tasks])
    quantiles = gp.predict(X, quantiles=[0.1, 0.9], include_noise=True)
    own = gp.predict(X, tasks=tasks, quantiles=[0.1, 0.9], include_noise=True)
    np.testing.assert_allclose(own, quantiles[np.arange(9), tasks])
