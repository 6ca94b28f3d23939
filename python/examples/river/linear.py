"""Linear ridge regression of each gauge by itself, its penalty chosen by leaving out blocks."""

from __future__ import annotations

import numpy as np

from .data import Floats, Form, Windows, rrmse

PENALTIES = np.power(10.0, np.arange(-14, 9))
"""Penalties to choose from, as shares of the number of rows."""


class LinearRidge:
    """A regression of T outputs on p standardised inputs, each output with its penalty.

    ``penalties`` (T,) are those chosen, ``error`` is the aRRMSE at the training rows, each block predicted
    from the others.
    """

    def __init__(self, training: Windows, form: Form) -> None:
        self._training, self._form = training, form
        x, y = form.inputs(training, training), form.outputs(training)
        left_out = np.empty((len(PENALTIES), *y.shape))
        for block in np.unique(training.block):
            out = training.block == block
            slopes, intercepts = _solve(x[~out], y[~out])
            left_out[:, out] = x[out] @ slopes + intercepts
        errors = rrmse(training.y, form.flows(left_out, training), training.y)
        best = errors.argmin(axis=0)
        self.penalties: Floats = PENALTIES[best]
        self.error = float(errors.min(axis=0).mean())

        each = np.arange(y.shape[1])
        slopes, intercepts = _solve(x, y)
        self._slopes, self._intercepts = slopes[best, :, each].T, intercepts[best, 0, each]

    def predict(self, at: Windows) -> Floats:
        """Flows (m, T) at some rows."""
        outputs = self._form.inputs(self._training, at) @ self._slopes + self._intercepts
        return self._form.flows(outputs, at)


def _solve(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Slopes (P, p, T) and intercepts (P, 1, T) under every penalty."""
    mx, my = x.mean(axis=0), y.mean(axis=0)
    xx = (x - mx).T @ (x - mx)
    penalised = xx + PENALTIES[:, None, None] * len(x) * np.eye(x.shape[1])
    slopes = np.linalg.solve(penalised, (x - mx).T @ (y - my))
    return slopes, my - mx @ slopes[:, None]
