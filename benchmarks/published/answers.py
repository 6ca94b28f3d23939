"""What a fitted model says of the hidden cells of a fold, and of training cells left out."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from problem import Floats, Fold

import coregion as cg

LEVELS = [0.5, 0.95]
"""Of the central intervals whose coverage is counted."""
ENDS = [0.25, 0.75, 0.025, 0.975]
UPPER = NormalDist().cdf(1.0)
"""The level one standard deviation above the median, of a warped output."""
ASKED = [*ENDS, 0.5, UPPER]
"""Levels that predictions are asked for, in this order."""


@dataclass(frozen=True)
class Answer:
    """Predictions (m, T) at the test rows of a fold, in the units of the data."""

    mean: Floats
    median: Floats
    ends: Floats
    """Ends (m, T, 4) of the central intervals of 50 % and 95 %."""
    log_density: Floats
    """Of the truth (m, T); NaN where nothing is scored."""


def answer(gp: cg.MultiTaskGP, fold: Fold, places: NDArray[np.intp]) -> Answer:
    """Predictions of new observations, their noise included; ``places`` are those of the training rows."""
    if fold.at is None:
        mean = gp.predict(fold.X_test)
        quantiles = gp.predict(fold.X_test, quantiles=ASKED, include_noise=True)
    else:
        rows = places[fold.at]
        mean, quantiles = gp.impute()[rows], gp.impute(quantiles=ASKED)[rows]
    return of_quantiles(gp, fold.truth, mean, quantiles)


def left_out(gp: cg.MultiTaskGP, fold: Fold) -> Answer:
    """The training rows (n, T), each from all others."""
    mean, _ = gp.leave_one_out(by="row")
    return of_quantiles(gp, fold.Y, mean, gp.leave_one_out(by="row", quantiles=ASKED))


def of_quantiles(gp: cg.MultiTaskGP, truth: Floats, mean: Floats, quantiles: Floats) -> Answer:
    """Predictions with the log densities of the truth (m, T) where that is known."""
    density = np.full(truth.shape, np.nan)
    for t in np.flatnonzero(np.isfinite(truth).any(axis=0)):
        seen = np.isfinite(truth[:, t])
        density[seen, t] = log_density(gp, int(t), truth[seen, t], quantiles[seen, t])
    return Answer(mean, quantiles[:, :, 4], quantiles[:, :, :4], density)


def log_density(gp: cg.MultiTaskGP, task: int, truth: Floats, quantiles: Floats) -> Floats:
    """Log predictive densities (m,), from the median and the quantile one deviation above it.

    The warped output is normal, so that both say all of it; the slope of the warp is the Jacobian.
    """
    median, upper, slope = quantiles[:, 4], quantiles[:, 5], np.zeros(len(truth))
    if gp.get_params()["warp"] is not None:
        warp = gp.warps_[task]
        slope = warp.log_slope(truth)
        truth, median, upper = (warp.forward(np.ascontiguousarray(v)) for v in (truth, median, upper))
    return normal_log_density(truth, median, upper) + slope


def normal_log_density(truth: Floats, median: Floats, upper: Floats) -> Floats:
    """Log densities of normal distributions by their medians and what is a deviation above them."""
    std = upper - median
    found: Floats = -0.5 * ((truth - median) / std) ** 2 - np.log(std) - 0.5 * np.log(2.0 * np.pi)
    return found


def point(found: Answer, fold: Fold) -> Floats:
    """The prediction that the errors ask for: medians for absolute, means for squared ones."""
    return found.median if fold.absolute else found.mean
