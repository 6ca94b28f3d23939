"""Metrics of predictions of the hidden cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from answers import Answer
from problem import Floats, Fold


def cells(values: Floats, fold: Fold) -> Floats:
    """Of (m, T) those that are scored, else NaN."""
    return np.where(np.isfinite(fold.truth), values, np.nan)


def squared(prediction: Floats, fold: Fold) -> Floats:
    """Sums (T,) of squared errors; NaN for tasks that are not scored."""
    errors = cells((prediction - fold.truth) ** 2, fold)
    return np.where(np.isfinite(errors).any(axis=0), np.nansum(errors, axis=0), np.nan)


def mean_absolute(predictions: Sequence[Floats], folds: Sequence[Fold]) -> float:
    """The mean absolute error over all cells."""
    errors = [np.abs(p - f.truth)[np.isfinite(f.truth)] for p, f in zip(predictions, folds)]
    return float(np.mean(np.concatenate(errors)))


def root_mean_square(predictions: Sequence[Floats], folds: Sequence[Fold]) -> float:
    """The root of the mean squared error over all cells."""
    errors = [(p - f.truth)[np.isfinite(f.truth)] for p, f in zip(predictions, folds)]
    return float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))


def relative(predictions: Sequence[Floats], folds: Sequence[Fold]) -> Floats:
    """Sums of squared errors over those of the training mean (folds, T); NaN where the latter vanish."""
    ours = np.array([squared(p, f) for p, f in zip(predictions, folds)])
    means = np.array([squared(np.broadcast_to(f.training_means(), f.truth.shape), f) for f in folds])
    return ours / np.where(means > 0.0, means, np.nan)


def standardised(predictions: Sequence[Floats], folds: Sequence[Fold]) -> float:
    """SMSE, the mean over the tasks of squared errors over those of the training mean."""
    return float(np.nanmean(relative(predictions, folds)))


def relative_roots(predictions: Sequence[Floats], folds: Sequence[Fold]) -> float:
    """aRRMSE: the mean over tasks of the mean over folds of roots (Spyromitros-Xioufis et al. 2016)."""
    return float(np.nanmean(np.nanmean(np.sqrt(relative(predictions, folds)), axis=0)))


def pooled_roots(predictions: Sequence[Floats], folds: Sequence[Fold]) -> float:
    """The mean over tasks of RMSE over that of the training means, folds pooled."""
    ours = np.sum([squared(p, f) for p, f in zip(predictions, folds)], axis=0)
    means = np.sum([squared(np.broadcast_to(f.training_means(), f.truth.shape), f) for f in folds], axis=0)
    return float(np.nanmean(np.sqrt(ours / means)))


def explained(predictions: Sequence[Floats], folds: Sequence[Fold]) -> float:
    """Percent of the variance of all test cells that is explained, the mean over folds."""
    shares = []
    for p, f in zip(predictions, folds):
        seen = np.isfinite(f.truth)
        shares.append(1.0 - np.mean((p - f.truth)[seen] ** 2) / np.var(f.truth[seen]))
    return 100.0 * float(np.mean(shares))


METRICS: dict[str, Callable[[Sequence[Floats], Sequence[Fold]], float]] = {
    "MAE": mean_absolute,
    "RMSE": root_mean_square,
    "SMSE": standardised,
    "aRRMSE": relative_roots,
    "pooled RRMSE": pooled_roots,
    "explained variance %": explained,
}
LARGER_IS_BETTER = {"explained variance %"}
OF_ABSOLUTE_ERRORS = {"MAE"}
"""Metrics whose best prediction is the median."""


def negative_log_density(answers: Sequence[Answer], folds: Sequence[Fold]) -> float:
    """NLPD, the mean over all cells."""
    seen = [a.log_density[np.isfinite(f.truth)] for a, f in zip(answers, folds)]
    return -float(np.mean(np.concatenate(seen)))


def coverages(answers: Sequence[Answer], folds: Sequence[Fold]) -> tuple[float, float]:
    """Shares of the cells inside the intervals of 50 % and 95 %."""
    inside = []
    for a, f in zip(answers, folds):
        seen = np.isfinite(f.truth)
        truth, ends = f.truth[seen], a.ends[seen]
        pairs = [(truth >= ends[:, k]) & (truth <= ends[:, k + 1]) for k in (0, 2)]
        inside.append(np.array(pairs))
    half, most = np.concatenate(inside, axis=1).mean(axis=1)
    return float(half), float(most)
