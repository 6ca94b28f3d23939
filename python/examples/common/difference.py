"""A difference between two models at the same rows, and what it is worth."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Difference(NamedTuple):
    """The mean loss of a model less that of another, with its paired standard error."""

    excess: float
    error: float

    @property
    def is_clear(self) -> bool:
        """Whether it is at least two standard errors from zero."""
        return abs(self.excess) >= 2.0 * self.error

    def __str__(self) -> str:
        side = "larger" if self.excess > 0.0 else "smaller"
        doubt = "" if self.is_clear else ": no clear difference"
        return f"{decimals(abs(self.excess))} {side}, paired standard error {decimals(self.error)}{doubt}"


def compared(losses: ArrayLike, others: ArrayLike, blocks: Sequence[Any] | None = None) -> Difference:
    """The mean of some losses less that of others at the same rows.

    Rows of one block, an uninterrupted run of equal labels, may depend on each other: what varies freely
    is the sum over a block. Without ``blocks`` every row is one.
    """
    gaps = np.asarray(losses, dtype=float) - np.asarray(others, dtype=float)
    excess = gaps.mean()
    sums = gaps - excess
    if blocks is not None:
        starts = [i for i in range(len(gaps)) if i == 0 or blocks[i] != blocks[i - 1]]
        sums = np.add.reduceat(sums, starts)
    count = len(sums)
    error = np.sqrt((sums**2).sum() * count / (count - 1)) / len(gaps)
    return Difference(float(excess), float(error))


def decimals(value: float) -> str:
    """Four decimals below 1, three above."""
    return f"{value:.4f}" if abs(value) < 1.0 else f"{value:.3f}"


def in_short(kernel: object) -> str:
    """A kernel in words, its numbers with five digits."""
    return re.sub(r"\d+\.\d{5,}", lambda number: f"{float(number[0]):.5g}", repr(kernel))
