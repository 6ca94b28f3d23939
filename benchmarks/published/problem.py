"""What a set of data asks: folds of a table, the cells that are hidden, and how answers are scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fold:
    """A training table and the cells to predict."""

    X: Floats
    """Inputs (n, d) of the training rows."""
    Y: Floats
    """Outputs (n, T), NaN where nothing is known in training."""
    X_test: Floats
    """Inputs (m, d)."""
    truth: Floats
    """Outputs (m, T) at them, NaN where nothing is scored."""
    at: NDArray[np.intp] | None = None
    """The training rows that the test rows are, where gaps of the training table are asked."""
    is_table: bool = False
    """Whether gaps of the training table are asked, of all tasks or of this one."""
    absolute: bool = False
    """Whether errors are scored by their absolute values, else by their squares."""

    @property
    def scored(self) -> NDArray[np.intp]:
        """The tasks with something to score."""
        return np.flatnonzero(np.isfinite(self.truth).any(axis=0))

    def training_means(self) -> Floats:
        """Means (T,) of what is known of the tasks."""
        return np.asarray(np.nanmean(self.Y, axis=0))

    def standardised(self) -> Fold:
        """The same with inputs of mean 0 and variance 1 over the training rows."""
        centre, scale = self.X.mean(axis=0), self.X.std(axis=0)
        scale = np.where(scale > 0.0, scale, 1.0)
        return replace(self, X=(self.X - centre) / scale, X_test=(self.X_test - centre) / scale)

    @classmethod
    def of_gaps(cls, X: Floats, Y: Floats, hidden: NDArray[np.bool_]) -> Fold:
        """A table (n, T) of which some cells are hidden."""
        at = np.flatnonzero(hidden.any(axis=1))
        known = np.where(hidden, np.nan, Y)
        return cls(X, known, X[at], np.where(hidden, Y, np.nan)[at], at, is_table=True)

    @classmethod
    def of_rows(cls, X: Floats, Y: Floats, test: NDArray[np.bool_]) -> Fold:
        """A table (n, T) of which some rows are hidden."""
        return cls(X[~test], Y[~test], X[test], Y[test])


@dataclass(frozen=True)
class LongFold(Fold):
    """A list of observations, each of one task: Y and truth have one column."""

    tasks: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    """The task (n,) of each training row, from 0."""
    tasks_test: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))

    @property
    def n_tasks(self) -> int:
        """All tasks of both parts."""
        return int(max(self.tasks.max(), self.tasks_test.max())) + 1


Baseline = Callable[[Fold], Floats]
"""Means (m, T) at the test rows of a fold."""


@dataclass(frozen=True)
class Published:
    """A figure of a publication."""

    what: str
    value: float
    seen: bool
    """Whether the source was seen; otherwise it is from memory."""


@dataclass(frozen=True)
class Problem:
    """A set of data under its protocol."""

    name: str
    protocol: str
    """The split, and what was cut or added, in a few words."""
    metric: str
    """The key of `scores.METRICS`."""
    folds: Callable[[Path], Sequence[Fold]]
    """Reads the folds from the folder of all sets."""
    baseline: Baseline
    baseline_name: str
    published: Sequence[Published] = field(default=())
    learned_once: bool = False
    """Whether the first fold learns the parameters of all, which are then conditioned on their rows."""
    chosen_once: bool = False
    """Whether the first fold chooses for all, which share no data with it."""
    bounded: bool = True
    """Whether the score has a bound to meet beside the simple baseline."""
