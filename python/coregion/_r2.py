"""The coefficient of determination where some entries were not observed."""

from __future__ import annotations

import numpy as np

from ._report import warn
from ._types import Floats
from .exceptions import DataWarning


def r2_score(truth: Floats, mean: Floats, weights: Floats | None) -> float:
    """R^2 of tables (m, T) averaged over the tasks with at least two observed entries.

    As scikit-learn's, a task whose observed values are all the same has 1 where it is predicted without
    error and else 0.
    """
    scores = []
    for y, f in zip(truth.T, mean.T):
        seen = ~np.isnan(y)
        w = np.ones(int(seen.sum())) if weights is None else weights[seen]
        if len(w) < 2 or w.sum() == 0.0:
            continue
        y, f = y[seen], f[seen]
        residual = float(np.sum(w * (y - f) ** 2))
        total = float(np.sum(w * (y - np.average(y, weights=w)) ** 2))
        if total == 0.0:
            scores.append(1.0 if residual == 0.0 else 0.0)
        else:
            scores.append(1.0 - residual / total)
    if not scores:
        warn("R^2 is not defined: no task has two observed entries", DataWarning)
        return float("nan")
    return float(np.mean(scores))
