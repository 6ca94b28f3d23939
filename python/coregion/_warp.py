"""The argument ``warp`` of `MultiTaskGP` as the core takes it."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _labels
from ._errors import invalid, wrong_shape
from ._types import Description
from .exceptions import UnknownNameError

_EXPECTED = (
    "None, 'log', 'box-cox', 'yeo-johnson', 'sinh-arcsinh', a pair of such a name and values, or one of "
    "these for each task, in a list or by name"
)


def core_warps(warp: Any, task_names: list[str]) -> list[str | Description] | None:
    """Names and descriptions: one for all tasks, or one for each.

    Raises
    ------
    ValueError
        For anything else, another number than there are tasks, and unknown names of tasks.
    """
    if warp is None:
        return None
    if isinstance(warp, str) or _is_pair(warp):
        return [_one(warp)]
    if isinstance(warp, Mapping):
        return _by_name(warp, task_names)
    if not isinstance(warp, (list, tuple)):
        raise invalid("warp", repr(warp), _EXPECTED)
    if len(warp) != len(task_names):
        raise wrong_shape("warp", f"{len(warp)} warps", f"{len(task_names)}, one for each task")
    return [_one(each) for each in warp]


def _by_name(warps: Mapping[Any, Any], task_names: list[str]) -> list[str | Description]:
    named = {_name(label, task_names): each for label, each in warps.items()}
    for name in named:
        if name not in task_names:
            raise UnknownNameError(
                f"warp: unknown task '{name}', expected names among: {', '.join(task_names)}",
                kind="task",
                name=str(name),
                known=task_names,
            )
    return [_one(named.get(name)) for name in task_names]


def _name(label: Any, task_names: list[str]) -> str:
    """The name that a label stands for; tasks without names are counted from 0."""
    found = _labels.label_of(label)
    counted = isinstance(found, int) and str(found) not in task_names
    if counted and 0 <= found < len(task_names) and task_names[found] == f"task {found}":
        return str(task_names[found])
    return str(found)


def _number(value: Any, name: str) -> float:
    real = isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))
    if real and math.isfinite(value):
        return float(value)
    raise invalid(f"warp[{name!r}]", repr(value), "a finite number")


def _is_pair(warp: Any) -> bool:
    return isinstance(warp, tuple) and len(warp) == 2 and isinstance(warp[1], Mapping)


def _one(warp: Any) -> str | Description:
    if warp is None:
        return "identity"
    if isinstance(warp, str):
        return warp
    if _is_pair(warp) and isinstance(warp[0], str):
        name, given = warp
        if all(isinstance(key, str) for key in given):
            values = {key: _number(value, key) for key, value in given.items()}
            return {"name": name, "values": values}
    raise invalid("warp", repr(warp), _EXPECTED)
