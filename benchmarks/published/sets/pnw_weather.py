"""Errors of forecasts of pressure and temperature in the Pacific Northwest."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from problem import Floats, Fold, Problem
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from tables import floats, read

LATITUDE = 46.0
"""Degrees north at which longitude is measured."""


def folds(data: Path) -> Sequence[Fold]:
    """Ten folds of the sites."""
    sites = read(data, "pnw_weather")
    X = floats(sites[["lon", "lat"]]) * [np.cos(np.radians(LATITUDE)), 1.0]
    Y = floats(sites[["pressure_Pa", "temperature_degC"]])
    return [Fold.of_rows(X, Y, (sites["fold"] == k).to_numpy()) for k in range(10)]


def matern(fold: Fold) -> Floats:
    """A process with a Matern-1/2 kernel for each output."""
    mean = np.empty((len(fold.X_test), fold.Y.shape[1]))
    for t, y in enumerate(fold.Y.T):
        kernel = ConstantKernel() * Matern(2.0, nu=0.5) + WhiteKernel()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gp = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=2, random_state=0)
            mean[:, t] = gp.fit(fold.X, y).predict(fold.X_test)
    return mean


PROBLEM = Problem(
    name="pnw_weather",
    protocol="157 sites, ten folds",
    metric="aRRMSE",
    folds=folds,
    baseline=matern,
    baseline_name="Matern-1/2 process of each output",
    bounded=False,
)
