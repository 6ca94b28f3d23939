"""Arguments that are one thing: a whole number, a positive number, a switch, bytes of memory, a path."""

from __future__ import annotations

import numbers
import os
import sys
from typing import Any

import numpy as np

from ._errors import invalid

LARGEST = sys.maxsize
"""The largest count that the core takes."""


def is_whole(value: Any) -> bool:
    """Whether the value is a whole number of any integer type."""
    return isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_))


def count(value: Any, argument: str, least: int = 0) -> int:
    """A whole number of at least ``least``."""
    if not is_whole(value) or int(value) < least:
        raise invalid(argument, repr(value), f"a whole number of at least {least}")
    if int(value) > LARGEST:
        raise invalid(argument, repr(value), f"a whole number of at most {LARGEST}")
    return int(value)


def switch(value: Any, argument: str) -> bool:
    """True or False."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise invalid(argument, repr(value), "True or False")


def positive(value: Any, argument: str) -> float:
    """A finite number above 0."""
    if isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_)):
        try:
            number = float(value)
        except OverflowError:
            number = float("inf")
        if 0.0 < number < float("inf"):
            return number
    raise invalid(argument, repr(value), "a finite number above 0")


def memory(value: Any, argument: str) -> int | None:
    """Bytes; ``None`` for the default of the core."""
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():  # 2e9 is how people write it
        if value > LARGEST:
            raise invalid(argument, repr(value), f"a whole number of at most {LARGEST}")
        value = int(value)
    return count(value, argument, least=1)


def path_of(value: Any, argument: str = "path") -> str:
    """The path of a file as text."""
    path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if isinstance(path, str):
        return path
    raise invalid(argument, f"{type(value).__name__} {value!r}", "text or a pathlib.Path")
