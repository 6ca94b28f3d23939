"""Log densities, and what their differences are worth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def log_density(residuals: Floats, covariances: Floats) -> Floats:
    """Log densities (m,) of residuals (m, T) under Gaussians with these covariances (m, T, T)."""
    factors = np.linalg.cholesky(covariances)
    half = np.linalg.solve(factors, residuals[..., None])[..., 0]
    log_det = np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(axis=-1)
    constant = 0.5 * residuals.shape[-1] * np.log(2.0 * np.pi)
    densities: Floats = -0.5 * (half**2).sum(axis=-1) - log_det - constant
    return densities


class Gap(NamedTuple):
    """A difference of sums of log densities of the same things, with its paired standard error."""

    sum: float
    error: float

    @classmethod
    def of(cls, a: Floats, b: Floats) -> Gap:
        """What the first says more than the second."""
        return cls(float((a - b).sum()), total_error(a - b))

    @property
    def is_clear(self) -> bool:
        """Whether it is at least two standard errors from zero."""
        return abs(self.sum) >= 2.0 * self.error


def total_error(terms: Floats) -> float:
    """Standard error of a sum of independent terms."""
    return float(np.sqrt(len(terms) * np.var(terms, ddof=1)))


def mean_error(values: Floats) -> float:
    """Standard error of a mean."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))
