"""Predicted normal distributions and how good they are, for the logs of one metal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from coregion import metrics

from .regression import Regression

Floats = NDArray[np.float64]

LEVEL = 0.95
"""Level of the intervals whose coverage is counted."""


class Gaussian(NamedTuple):
    """Means and standard deviations of new observations."""

    mean: Floats
    std: Floats

    @classmethod
    def of_training(cls, values: ArrayLike, m: int) -> Gaussian:
        """The mean and the standard deviation of some training values, for each of m rows."""
        known = np.asarray(values, dtype=float)
        return cls(np.full(m, known.mean()), np.full(m, known.std(ddof=1)))

    @classmethod
    def of_regression(cls, z: ArrayLike, y: ArrayLike, zs: ArrayLike) -> Gaussian:
        """Least squares of y (n,) on the columns of z (n, p), at the rows of zs (m, p); the uncertainty of
        the coefficients is included."""
        regression = Regression(z, y)
        mean, leverage = regression.predict(zs)
        return cls(mean, np.sqrt(regression.covariance * (1.0 + leverage)))


@dataclass
class Score:
    """How good the predictions of one metal are."""

    errors: Floats
    """Absolute error at each site in mg/kg."""
    mae: float
    losses: Floats
    """Negative log predictive density of the measured log at each site."""
    nlpd: float
    coverage: float
    """Share of the measurements inside their intervals."""

    @classmethod
    def of(cls, truth: ArrayLike, p: Gaussian, medians: ArrayLike | None = None) -> Score:
        """Scores of predicted logs.

        The exponential of a predicted log is the median of the predicted concentration, which is the best
        prediction under absolute errors; ``medians`` are others.
        """
        measured = np.exp(truth)
        medians = np.exp(p.mean) if medians is None else np.asarray(medians)
        z = (np.asarray(truth) - p.mean) / p.std
        return cls(
            errors=np.abs(measured - medians),
            mae=float(metrics.mae(measured, medians)),
            losses=0.5 * z**2 + np.log(p.std) + 0.5 * np.log(2.0 * np.pi),
            nlpd=float(metrics.nlpd(truth, p.mean, p.std)),
            coverage=float(metrics.coverage(truth, p.mean, p.std, level=LEVEL)),
        )

    @property
    def standard_error(self) -> float:
        """Standard error of the mean absolute error."""
        return float(np.std(self.errors, ddof=1) / np.sqrt(len(self.errors)))
