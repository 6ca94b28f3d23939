"""Exercise and physiology of twenty men: a smoke test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from baselines import training_mean
from problem import Fold, Problem
from tables import floats, read


def folds(data: Path) -> Sequence[Fold]:
    """Each man left out in turn."""
    men = read(data, "linnerud")
    X = floats(men[[name for name in men if name.startswith("x_")]])
    Y = floats(men[[name for name in men if name.startswith("y_")]])
    return [Fold.of_rows(X, Y, (men["fold"] == k).to_numpy()) for k in range(len(men))]


PROBLEM = Problem(
    name="linnerud",
    protocol="20 men, each left out",
    metric="pooled RRMSE",
    folds=folds,
    baseline=training_mean,
    baseline_name="the mean",
    bounded=False,
)
