"""Seeds of the core from what scikit-learn takes as a random state."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from ._errors import invalid

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
    whole = isinstance(random_state, numbers.Integral) and not isinstance(random_state, (bool, np.bool_))
    if whole and 0 <= random_state <= _LARGEST:
        return int(random_state)
    expected = "None, a whole number of at least 0, a numpy Generator or a numpy RandomState"
    raise invalid("random_state", repr(random_state), expected)
