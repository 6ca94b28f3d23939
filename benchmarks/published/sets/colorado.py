"""Monthly climate of Colorado: stations with gaps as rows, the months of a year as tasks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from problem import Floats, Fold, Problem
from tables import floats, read

MONTHS = 12
"""Months of a fold."""
WIDTHS = np.array([0.1, 0.15, 0.2, 0.3, 0.5, 0.8])
"""Widths of the smoother in standard deviations of the places."""


def folds(variable: str, data: Path) -> Sequence[Fold]:
    """The test cells of one variable hidden; each year is a fold."""
    cells, stations = read(data, "colorado_climate"), read(data, "colorado_climate", "stations.csv")
    table = cells.pivot(index="id", columns="month", values=variable).reindex(stations["id"])
    test = cells.pivot(index="id", columns="month", values=f"test_{variable.split('_')[0]}")
    hidden = (test.reindex(stations["id"]).fillna(0.0) == 1.0).to_numpy() & table.notna().to_numpy()
    X, Y = floats(stations[["lon", "lat", "elev_m"]]), floats(table)
    found = []
    for first in range(0, Y.shape[1], MONTHS):
        year = slice(first, first + MONTHS)
        known = (np.isfinite(Y[:, year]) & ~hidden[:, year]).any(axis=1)
        found.append(Fold.of_gaps(X[known], Y[known, year], hidden[known, year]))
    return found


def additive(Y: Floats) -> Floats:
    """Least squares of stations plus months (n, T), by turns."""
    month, station = np.nanmean(Y, axis=0), np.zeros(len(Y))
    for _ in range(50):
        station = np.nanmean(Y - month, axis=1)
        month = np.nanmean(Y - station[:, None], axis=0)
    sums: Floats = station[:, None] + month
    return sums


def smoothed(residuals: Floats, X: Floats, width: float) -> Floats:
    """Weighted means (n, T) of the residuals of the same month at the other stations."""
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    d = ((z[:, None] - z[None]) ** 2).sum(axis=2)
    weights = np.exp(-0.5 * d / width**2)
    np.fill_diagonal(weights, 0.0)
    seen = np.isfinite(residuals)
    total = weights @ seen
    sums: Floats = weights @ np.where(seen, residuals, 0.0) / (total + 0.1)
    return sums


def smoother(fold: Fold) -> Floats:
    """Stations plus months plus the smoothed residuals of the month; the width by leave-one-out."""
    plain = additive(fold.Y)
    residuals = fold.Y - plain
    fits = [smoothed(residuals, fold.X, width) for width in WIDTHS]
    best = min(fits, key=lambda fit: float(np.nanmean((residuals - fit) ** 2)))
    return np.asarray((plain + best)[fold.at])


def problem(variable: str) -> Problem:
    """One variable on its own."""
    return Problem(
        name=f"colorado_climate {variable.split('_')[0]}",
        protocol="297 stations, 120 months, 30 % of the cells missing; 15 % of the others hidden; each year "
        "by itself, with the candidates that the first year chose",
        metric="RMSE",
        folds=partial(folds, variable),
        baseline=smoother,
        baseline_name="stations plus months plus smoothed residuals of the month",
        chosen_once=True,
    )


PROBLEMS = [problem(variable) for variable in ("tmin_degC", "tmax_degC", "ppt_cm")]
