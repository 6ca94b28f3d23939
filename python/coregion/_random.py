"""Seeds of the core from what scikit-learn takes as a random state, and what is drawn at random here."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._errors import invalid
from ._scalars import is_whole
from ._types import Counts

_LARGEST = 2**63 - 1


def seed_of(random_state: Any, *, default: int | None) -> int:
    """A seed: a whole number is itself, generators draw one, ``None`` gives the default.

    Where the default is ``None`` as well the seed comes from numpy's global random state.
    """
    if random_state is None:
        return default if default is not None else int(np.random.randint(2**31 - 1))  # noqa: NPY002
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(_LARGEST))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if is_whole(random_state) and 0 <= random_state <= _LARGEST:
        return int(random_state)
    expected = "None, a whole number of at least 0, a numpy Generator or a numpy RandomState"
    raise invalid("random_state", repr(random_state), expected)


def random_groups(k: int, n: int, seed: int, argument: str = "groups") -> Counts:
    """k random groups of n rows, of nearly equal size."""
    if not 2 <= k <= n:
        raise invalid(argument, f"{k} groups", f"2 to {n}, the number of rows")
    codes = np.arange(n, dtype=np.int64) * int(k) // n
    return np.random.default_rng(seed).permutation(codes)
