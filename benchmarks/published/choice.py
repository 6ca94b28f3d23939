"""The way of choosing, the same for every set.

From the first candidate, one part after the other is changed: the warp, the kernel, the task covariance, the
noise, the number of terms. A change is kept where it raises the Bayesian information criterion of the
training table, ``log p(Y) - k / 2 log N`` with k numbers learned and N observations (Schwarz 1978).
Where there are more than `MOST_CHOOSING_ROWS` training rows, or tasks with gaps than
`MOST_CHOOSING_TASKS`, some drawn at random do at choosing; the parameters of the chosen model are learned
from all.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from candidates import Candidate, Shape, first, stages
from problem import Floats
from tables import SEED

import coregion as cg

MOST_CHOOSING_ROWS = 250
MOST_CHOOSING_TASKS = 12
MANY_GAPS = 0.1
"""Share of gaps from which tasks are drawn too."""
MOST_STEPS = 100
"""Outer steps of a fit at choosing."""


@dataclass(frozen=True)
class Choice:
    """The chosen candidate and what was seen of the others."""

    best: Candidate
    criteria: dict[str, float]
    """By the names of the candidates; not a number where a fit failed."""


def criterion(gp: cg.MultiTaskGP, candidate: Candidate, n_observations: int) -> float:
    """The Bayesian information criterion, in nats; larger is better."""
    learned = {path: np.size(value) for path, value in gp.parameters_.items()}
    if candidate.is_exchangeable:
        learned["mean.offset"] = 1  # The pooled one.
    return float(gp.log_marginal_likelihood_ - 0.5 * sum(learned.values()) * np.log(n_observations))


def choosing_table(X: Floats, Y: Floats) -> tuple[Floats, Floats]:
    """The rows and tasks that do at choosing."""
    draw = np.random.RandomState(SEED)
    n, n_tasks = Y.shape
    if n_tasks > MOST_CHOOSING_TASKS and np.isnan(Y).mean() > MANY_GAPS:
        Y = Y[:, np.sort(draw.permutation(n_tasks)[:MOST_CHOOSING_TASKS])]
    rows = np.sort(draw.permutation(n)[:MOST_CHOOSING_ROWS])
    rows = rows[np.isfinite(Y[rows]).any(axis=1)]
    return X[rows], Y[rows]


def fitted(candidate: Candidate, X: Floats, Y: Floats, **settings: Any) -> cg.MultiTaskGP:
    """The candidate with its parameters learned from a table; warnings are in its report."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cg.CoregionWarning)
        pooled = float(np.nanmean(Y))
        return candidate.estimator(X.shape[1], Y.shape[1], pooled, **settings).fit(X, Y)


def choose(X: Floats, Y: Floats) -> Choice:
    """The candidate that a training table favours."""
    n_tasks = Y.shape[1]
    X, Y = choosing_table(X, Y)
    return search(
        replace(Shape.of(Y), n_tasks=n_tasks),
        lambda candidate: fitted(candidate, X, Y, max_iter=MOST_STEPS),
    )


def search(shape: Shape, fit: Callable[[Candidate], cg.MultiTaskGP]) -> Choice:
    """The best candidate, part by part."""
    criteria: dict[str, float] = {}

    def value(candidate: Candidate) -> float:
        try:
            criteria[str(candidate)] = criterion(fit(candidate), candidate, shape.n_observations)
        except (cg.CoregionError, ValueError):
            criteria[str(candidate)] = -np.inf
        return criteria[str(candidate)]

    best = first(shape)
    highest = value(best)
    for stage in stages(shape):
        tried = [(value(candidate), candidate) for candidate in stage(best)]
        top, candidate = max(tried, key=lambda pair: pair[0], default=(-np.inf, best))
        if top > highest:
            highest, best = top, candidate
    return Choice(best, criteria)
