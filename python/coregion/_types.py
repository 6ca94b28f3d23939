"""Types of what goes to the compiled core and comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


class Description(TypedDict, total=False):
    """A kernel or a task covariance: its registered name, its values, the names of those held, its parts."""

    name: str
    values: dict[str, Any]
    fixed: list[str]
    children: list[Description]


Observer = Callable[[dict[str, Any]], object]
"""Is told of progress; work is cancelled where it returns ``False``, and ends with what it raises."""
