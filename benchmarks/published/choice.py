"""The way of choosing, the same for every set.

From the first candidate, one part after the other is changed: the warp, the lengthscales, the task
covariance, the kernel, the noise, the number of terms. What a candidate is worth is told in nats:

- where gaps of the training table are asked, by its log marginal likelihood: what surrounds a gap was seen
  while the parameters were learned, and is correlated with it;
- where new rows are asked, by training rows left out in closed form (`nats`), and a change is kept only
  where its gain is more than a standard error.

Both are too good for k numbers learned from N observations by about ``k / (N - k - 1)`` an observation
(Hurvich and Tsai 1989), which is taken off. Some of the training rows, drawn at random, do at choosing; the
parameters of the chosen model are learned from more of them, and the model is conditioned on all.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from answers import Answer, left_out, point
from candidates import Candidate, Shape
from numpy.typing import NDArray
from problem import Floats, Fold
from search import Choice, Found, search
from tables import SEED

import coregion as cg

MOST_CHOOSING_ROWS = 250
MOST_CHOOSING_OBSERVATIONS = 2000
FEWEST_CHOOSING_ROWS = 100
MOST_CHOOSING_ROWS_OF_GAPS = 500
MOST_CHOOSING_OBSERVATIONS_OF_GAPS = 3000
MOST_LEARNING_ROWS = 1000
MOST_LEARNING_ROWS_OF_GAPS = 2000
MOST_LEARNING_ROWS_OF_TERMS = 500
MOST_STEPS = 100
TOLERANCE = 1e-3
"""Steps of a fit at choosing, and the gradient in nats an observation at which it ends."""


def nats(found: Answer, fold: Fold) -> Floats:
    """Means (n, T) of two log densities of training cells left out: that of the model, that of its errors.

    Errors have one width for each task, the one that suits them best, and are taken as normal where squared
    errors are scored and as Laplace where absolute ones are: sums of their log densities order models as
    the errors do. NaN where nothing was observed.
    """
    errors = np.where(np.isfinite(found.log_density), np.abs(fold.Y - point(found, fold)), np.nan)
    return np.asarray(0.5 * (found.log_density + of_errors(errors, fold.absolute)))


def of_errors(errors: Floats, absolute: bool) -> Floats:
    """Log densities (n, T) of absolute errors under the width of each task that suits them best."""
    powers = errors if absolute else errors**2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # Tasks without an observation here.
        means = np.nanmean(powers, axis=0) + np.finfo(float).tiny
    if absolute:
        return np.asarray(-np.log(2.0 * means) - powers / means)
    return np.asarray(-0.5 * (np.log(2.0 * np.pi * means) + powers / means))


def optimism(gp: cg.MultiTaskGP, candidate: Candidate) -> float:
    """What held parameters add to the log density of a cell."""
    learned = {path: np.size(value) for path, value in gp.parameters_.items()}
    if candidate.is_exchangeable:
        learned["mean.offset"] = 1  # The pooled one.
    n, k = n_seen(gp), sum(learned.values())
    return k / (n - k - 1) if n > k + 1 else np.inf


def n_seen(gp: cg.MultiTaskGP) -> int:
    """Observations of the training table."""
    return int(np.isfinite(np.asarray(gp.model_.data.y)).sum())


def choosing_part(fold: Fold) -> Fold:
    """The training rows that do at choosing."""
    n, n_tasks = fold.Y.shape
    if fold.is_table:
        most = min(MOST_CHOOSING_ROWS_OF_GAPS, MOST_CHOOSING_OBSERVATIONS_OF_GAPS // n_tasks)
    else:
        most = min(MOST_CHOOSING_ROWS, max(MOST_CHOOSING_OBSERVATIONS // n_tasks, FEWEST_CHOOSING_ROWS))
    rows = np.sort(np.random.RandomState(SEED).permutation(n)[:most])
    rows = rows[np.isfinite(fold.Y[rows]).any(axis=1)]
    return replace(fold, X=fold.X[rows], Y=fold.Y[rows])


def fitted(candidate: Candidate, X: Floats, Y: Floats, **settings: Any) -> cg.MultiTaskGP:
    """The candidate with its parameters learned from a table; warnings are in its report."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cg.CoregionWarning)
        return candidate.estimator(Y.shape[1], Y, **settings).fit(X, Y)


@dataclass(frozen=True)
class Learned:
    """A model that has learned its parameters."""

    gp: cg.MultiTaskGP
    """Conditioned on the whole training table."""
    places: NDArray[np.intp]
    """Of the training rows among those of the model."""


def learned(candidate: Candidate, fold: Fold) -> Learned:
    """The candidate conditioned on the training table of a fold."""
    n = len(fold.X)
    most = MOST_LEARNING_ROWS_OF_GAPS if fold.is_table else MOST_LEARNING_ROWS
    if candidate.second is not None:
        most = MOST_LEARNING_ROWS_OF_TERMS
    order = np.random.RandomState(SEED).permutation(n) if n > most else np.arange(n)
    first, rest = np.sort(order[:most]), np.sort(order[most:])
    gp = fitted(candidate, fold.X[first], fold.Y[first])
    if len(rest):
        gp = gp.condition(fold.X[rest], fold.Y[rest])
    return Learned(gp, np.argsort(np.concatenate([first, rest])))


def choose(fold: Fold) -> Choice:
    """The candidate that the training table of a fold favours."""
    part = choosing_part(fold)

    def found(candidate: Candidate) -> Found:
        gp = fitted(candidate, part.X, part.Y, max_iter=MOST_STEPS, tol=TOLERANCE)
        if fold.is_table:
            return Found(gp.log_marginal_likelihood_ - n_seen(gp) * optimism(gp, candidate))
        cells = nats(left_out(gp, part), part) - optimism(gp, candidate)
        return Found(float(np.nansum(cells)), cells)

    return search(Shape.of(part, len(fold.X)), found)
