"""Ordinary least squares with an intercept, for one output or several."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


class Regression:
    """A linear regression of y (n, T) on the columns of z (n, p).

    ``covariance`` (T, T) is that of the residuals, free of the bias of the fit.
    """

    def __init__(self, z: ArrayLike, y: ArrayLike) -> None:
        a, y = _design(z), np.asarray(y, dtype=float)
        q, self._r = np.linalg.qr(a)
        self._coefficients = np.linalg.solve(self._r, q.T @ y)
        residuals = y - a @ self._coefficients
        self.covariance: Floats = residuals.T @ residuals / (a.shape[0] - a.shape[1])

    def predict(self, z: ArrayLike) -> tuple[Floats, Floats]:
        """Means (m, T), and the variances (m,) that the uncertainty of the coefficients adds, in units of
        those of the residuals."""
        a = _design(z)
        half = np.linalg.solve(self._r.T, a.T)
        return a @ self._coefficients, (half**2).sum(axis=0)


def _design(z: ArrayLike) -> Floats:
    z = np.asarray(z, dtype=float)
    return np.column_stack([np.ones(len(z)), z])
