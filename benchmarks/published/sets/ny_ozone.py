"""Ozone in the state of New York: sites without ozone but with weather."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from problem import Floats, Fold, Problem, Published
from tables import floats, read

OUTPUTS = ["o3_8hmax_ppb", "max_temp_degC", "wind_speed", "rel_humidity"]


def folds(data: Path) -> Sequence[Fold]:
    """Place and day as inputs; ozone hidden at the test sites, the weather known at all."""
    cells = read(data, "ny_ozone_2006")
    day = floats(cells["day"]) + 31.0 * (floats(cells["month"]) - 7.0)
    X = np.column_stack([floats(cells[["lon", "lat"]]), day])
    hidden = np.zeros((len(cells), len(OUTPUTS)), dtype=bool)
    hidden[(cells["test_station"] == 1).to_numpy(), 0] = True
    Y = floats(cells[OUTPUTS])
    hidden &= np.isfinite(Y)
    test = (cells["test_station"] == 1).to_numpy() & ~hidden[:, 0]
    return [Fold.of_gaps(X[~test], Y[~test], hidden[~test])]


def mean_of_day(fold: Fold) -> Floats:
    """The mean of the training sites on the day."""
    mean = np.tile(fold.training_means(), (len(fold.X_test), 1))
    for i, day in enumerate(fold.X_test[:, 2]):
        mean[i, 0] = np.nanmean(fold.Y[fold.X[:, 2] == day, 0])
    return mean


PROBLEM = Problem(
    name="ny_ozone_2006",
    protocol="62 days, 20 + 8 sites; temperature, wind and humidity known at all",
    metric="RMSE",
    folds=folds,
    baseline=mean_of_day,
    baseline_name="mean of the training sites on the day",
    published=[Published("spTimer, about", 6.0, False)],
)
