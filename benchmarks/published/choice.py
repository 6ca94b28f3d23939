"""The way of choosing, the same for every set.

From the first candidate, one part after the other is changed: the warp, the lengthscales, the kernel, the
task covariance, the noise, the number of terms. A change is kept where it raises the log density of
training cells left out, in closed form and in the shape of what is asked: rows where new rows are asked,
else single cells of the tasks with hidden cells, or together those that are hidden together. Leave-out
holds the k numbers that were learned from all N observations, and is too good by about ``k / (N - k - 1)``
for each (Hurvich and Tsai 1989), which is taken off. Where there are more than `MOST_CHOOSING_ROWS` training
rows, or than make `MOST_CHOOSING_OBSERVATIONS`, some drawn at random do at choosing; the parameters of the
chosen model are learned from at most `MOST_LEARNING_ROWS`, and the model is conditioned on all.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from candidates import Candidate, Shape, first, stages
from numpy.typing import NDArray
from problem import Floats, Fold
from tables import SEED

import coregion as cg

MOST_CHOOSING_ROWS = 250
MOST_CHOOSING_OBSERVATIONS = 2000
FEWEST_CHOOSING_ROWS = 100
MOST_LEARNING_ROWS = 1000
MOST_STEPS = 40
"""Outer steps of a fit at choosing."""


@dataclass(frozen=True)
class Choice:
    """The chosen candidate and what was seen of the others."""

    best: Candidate
    criteria: dict[str, float]
    """By the names of the candidates; not a number where a fit failed."""


def criterion(gp: cg.MultiTaskGP, candidate: Candidate, fold: Fold) -> float:
    """Nats of the training cells left out, less what they are too good by; larger is better."""
    by = "row" if fold.at is None and fold.labels is None else "entry"
    _, _, density = gp.leave_one_out(by=by, groups=fold.labels, return_log_density=True)
    asked = fold.scored if by == "entry" else None
    if asked is not None:
        density = density[:, asked]
    return float(np.nansum(density)) - optimism(gp, candidate, asked)


def optimism(gp: cg.MultiTaskGP, candidate: Candidate, asked: NDArray[np.intp] | None) -> float:
    """What held parameters add to log densities of the tasks asked, or of all."""
    learned = {path: np.size(value) for path, value in gp.parameters_.items()}
    if candidate.is_exchangeable:
        learned["mean.offset"] = 1  # The pooled one.
    seen = np.isfinite(np.asarray(gp.model_.data.y))
    n, k = int(seen.sum()), sum(learned.values())
    n_asked = n if asked is None else int(seen[:, asked].sum())
    return n_asked * k / (n - k - 1) if n > k + 1 else np.inf


def choosing_part(fold: Fold) -> Fold:
    """The training rows that do at choosing."""
    n, n_tasks = fold.Y.shape
    most = min(MOST_CHOOSING_ROWS, max(MOST_CHOOSING_OBSERVATIONS // n_tasks, FEWEST_CHOOSING_ROWS))
    rows = np.sort(np.random.RandomState(SEED).permutation(n)[:most])
    rows = rows[np.isfinite(fold.Y[rows]).any(axis=1)]
    labels = None if fold.labels is None else fold.labels[rows]
    return replace(fold, X=fold.X[rows], Y=fold.Y[rows], labels=labels)


def fitted(candidate: Candidate, X: Floats, Y: Floats, **settings: Any) -> cg.MultiTaskGP:
    """The candidate with its parameters learned from a table; warnings are in its report."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cg.CoregionWarning)
        return candidate.estimator(Y.shape[1], Y, **settings).fit(X, Y)


def learned(candidate: Candidate, X: Floats, Y: Floats) -> tuple[cg.MultiTaskGP, NDArray[np.intp]]:
    """The candidate conditioned on a table, and the places of its rows in the model."""
    n = len(X)
    order = np.random.RandomState(SEED).permutation(n) if n > MOST_LEARNING_ROWS else np.arange(n)
    first, rest = np.sort(order[:MOST_LEARNING_ROWS]), np.sort(order[MOST_LEARNING_ROWS:])
    gp = fitted(candidate, X[first], Y[first])
    if len(rest):
        gp = gp.condition(X[rest], Y[rest])
    return gp, np.argsort(np.concatenate([first, rest]))


def choose(fold: Fold) -> Choice:
    """The candidate that the training table of a fold favours."""
    part = choosing_part(fold)

    def value(candidate: Candidate) -> float:
        return criterion(fitted(candidate, part.X, part.Y, max_iter=MOST_STEPS), candidate, part)

    return search(Shape.of(part.X, part.Y, len(fold.X)), value)


def search(shape: Shape, value_of: Callable[[Candidate], float]) -> Choice:
    """The best candidate, part by part."""
    criteria: dict[str, float] = {}

    def value(candidate: Candidate) -> float:
        try:
            criteria[str(candidate)] = value_of(candidate)
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
