"""Pollutants from cheap sensors and the weather of the hour, at a roadside in Italy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from baselines import ridge
from problem import Fold, Problem
from tables import floats, read

INPUTS = ["S1_CO", "S2_NMHC", "S3_NOx", "S4_NO2", "S5_O3", "T_degC", "RH_pct", "AH"]
OUTPUTS = ["CO_gt", "NOx_gt", "NO2_gt"]
SHARE = 0.7
"""Of the hours with a value that are training hours, the first ones."""


def folds(data: Path) -> Sequence[Fold]:
    """September and October 2004; the last hours of each output hidden."""
    hours = read(data, "air_quality_uci")
    autumn = hours["timestamp"].between("2004-09-01", "2004-11-01")
    hours = hours[autumn & hours[INPUTS].notna().all(axis=1) & hours[OUTPUTS].notna().any(axis=1)]
    Y = floats(hours[OUTPUTS])
    hidden = np.zeros(Y.shape, dtype=bool)
    for t in range(len(OUTPUTS)):
        seen = np.flatnonzero(np.isfinite(Y[:, t]))
        hidden[seen[int(SHARE * len(seen)) :], t] = True
    X = floats(hours[INPUTS])
    known = (np.isfinite(Y) & ~hidden).any(axis=1)
    train = np.where(hidden, np.nan, Y)[known]
    test = hidden.any(axis=1)
    return [Fold(X[known], train, X[test], np.where(hidden, Y, np.nan)[test])]


PROBLEM = Problem(
    name="air_quality_uci",
    protocol="September and October 2004; the last 30 % of the hours of each output hidden",
    metric="SMSE",
    folds=folds,
    baseline=ridge,
    baseline_name="ridge on sensors and weather",
    bounded=False,
)
