"""Exam scores of pupils of 139 schools of inner London."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from baselines import ridge_prediction
from problem import Floats, Fold, LongFold, Problem, Published
from tables import floats, read

STRENGTH = 10.0
"""Pupils that the effect of a school is shrunk by."""


def folds(data: Path) -> Sequence[LongFold]:
    """The ten published splits."""
    pupils = read(data, "school")
    names = [name for name in pupils if name not in ("school", "score") and not name.startswith("test")]
    X, y, school = floats(pupils[names]), floats(pupils["score"])[:, None], pupils["school"].to_numpy() - 1
    found = []
    for k in range(1, 11):
        test = (pupils[f"test{k}"] == 1).to_numpy()
        found.append(
            LongFold(X[~test], y[~test], X[test], y[test], tasks=school[~test], tasks_test=school[test])
        )
    return found


def pooled_ridge(fold: Fold) -> Floats:
    """Ridge regression of all pupils plus the shrunk mean of the residuals of their school."""
    if not isinstance(fold, LongFold):
        raise TypeError("the effect of a school needs the schools of the pupils")
    every = ridge_prediction(fold.X, fold.Y, np.concatenate([fold.X, fold.X_test]))
    residuals = (fold.Y - every[: len(fold.X)])[:, 0]
    sums = np.bincount(fold.tasks, residuals, fold.n_tasks)
    effects = sums / (np.bincount(fold.tasks, minlength=fold.n_tasks) + STRENGTH)
    return every[len(fold.X) :] + effects[fold.tasks_test][:, None]


PROBLEM = Problem(
    name="school",
    protocol="ten published splits; parameters from 3,000 pupils of the first, answers from all",
    metric="explained variance %",
    folds=folds,
    baseline=pooled_ridge,
    baseline_name="pooled ridge and shrunk means of the schools",
    published=[
        Published("ICM, other splits", 36.2, True),
        Published("PITC, other splits and inputs", 53.7, True),
        Published("MTL-FEAT", 26.7, False),
    ],
    learned_once=True,
)
