"""The search for the best candidate, one part after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from candidates import Candidate, Shape, first, stages
from problem import Floats

import coregion as cg


@dataclass(frozen=True)
class Choice:
    """The chosen candidate and what was seen of the others."""

    best: Candidate
    criteria: dict[str, float]
    """By the names of the candidates; minus infinity where a fit failed."""


@dataclass(frozen=True)
class Found:
    """What a candidate was found to be worth."""

    nats: float
    """Larger is better."""
    cells: Floats | None = None
    """Those of cells (n, T) left out, where they are what is added up."""

    def is_better(self, other: Found | None) -> bool:
        """Whether it is worth more; where cells are known, by a standard error of the sum of rows."""
        if other is None or self.cells is None or other.cells is None:
            return other is None or self.nats > other.nats
        return is_better(self.cells, other.cells)


def search(shape: Shape, found_of: Callable[[Candidate], Found]) -> Choice:
    """The best candidate, part by part."""
    totals: dict[str, float] = {}

    def found(candidate: Candidate) -> Found | None:
        try:
            worth = found_of(candidate)
        except (cg.CoregionError, ValueError):
            worth = None
        totals[str(candidate)] = -np.inf if worth is None else worth.nats
        return worth

    best = first(shape)
    reached = found(best)
    for stage in stages(shape):
        tried = [(candidate, found(candidate)) for candidate in stage(best)]
        kept = [(c, worth) for c, worth in tried if worth is not None and worth.is_better(reached)]
        if kept:
            best, reached = max(kept, key=lambda pair: totals[str(pair[0])])
    return Choice(best, totals)


def is_better(scores: Floats, others: Floats) -> bool:
    """Whether scores (n, T) are higher by a standard error of the sum, over rows, of what they differ by."""
    differences = scores - others
    rows = np.nansum(differences, axis=1)[np.isfinite(differences).any(axis=1)]
    error = np.sqrt(len(rows)) * rows.std(ddof=1) if len(rows) > 1 else 0.0
    return bool(rows.sum() > error)
