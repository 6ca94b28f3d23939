"""Labels of tasks: what users write in ``tasks=``, and the numbers of the tasks meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _frames
from ._errors import invalid, wrong_shape
from ._numbers import is_missing
from ._types import Counts
from .exceptions import UnknownNameError


class TaskLabels:
    """The labels of the tasks in their order.

    Labels are text, or whole numbers, which mean the same as their text. Of unnamed tasks, whose labels are
    0, 1, ..., and where not every name is a number, a whole number that is no name is the place of a task.
    """

    def __init__(self, labels: Sequence[Any]) -> None:
        given = list(labels)
        default = [f"task {t}" for t in range(len(given))]
        self.unnamed = given in (list(range(len(given))), default)
        self.names = default if self.unnamed else [str(label) for label in given]
        self._places = {name: t for t, name in enumerate(self.names)}
        self.are_numbers = all(_is_number(name) for name in self.names)
        self.numbered = self.unnamed or self.are_numbers

    def find(self, label: Any) -> int | None:
        """The number of a task, or ``None`` where there is no such task."""
        place = self._places.get(str(label))
        if place is not None or not isinstance(label, int) or self.are_numbers:
            return place
        return label if 0 <= label < len(self.names) else None

    def place(self, label: Any) -> int:
        """The number of a task."""
        return int(self.places_of(np.asarray([label], dtype=object), "task")[0])

    def places_of(self, values: Any, argument: str = "tasks", length: int | None = None) -> Counts:
        """The numbers of the tasks meant, one for each row where a length is given."""
        listed = listing(values, argument)
        if length is not None and len(listed) != length:
            raise wrong_shape(argument, f"{len(listed)} labels", f"{length}, one for each row of X")
        found: dict[Any, int] = {}
        out = np.empty(len(listed), dtype=np.int64)
        for i, label in enumerate(listed):
            place = found.get(label)
            if place is None:
                place = found[label] = self._place(label)
            out[i] = place
        return out

    def _place(self, label: Any) -> int:
        place = self.find(label)
        if place is not None:
            return place
        known = self.names
        more = "" if len(known) <= 20 else f", ... ({len(known)} tasks)"
        shown = ", ".join(map(str, (range(len(known)) if self.unnamed else known)[:20])) + more
        raise UnknownNameError(
            f"unknown task label {label!r}, expected one of: {shown}",
            kind="task label",
            name=str(label),
            known=known,
        )


def _is_number(name: str) -> bool:
    """Whether the name is a whole number as it is printed."""
    digits = name.removeprefix("-")
    return digits.isascii() and digits.isdigit() and (len(digits) == 1 or digits[0] != "0")


def label_of(name: Any) -> Any:
    """The label that a column of a frame, or a value in a list of labels, stands for: whole numbers of any
    type as such, everything else as text."""
    if isinstance(name, np.generic):
        name = name.item()
    if isinstance(name, float) and name.is_integer():
        return int(name)
    return name if isinstance(name, int) and not isinstance(name, bool) else str(name)


def listing(values: Any, argument: str) -> list[Any]:
    """Labels as a list of text and whole numbers."""
    expected = "a list of names" if argument == "task_names" else "a label for each row of X"
    if _frames.is_series(values):
        values = _frames.series_to_objects(values)
    if isinstance(values, (str, bytes, set, frozenset, dict)):
        raise invalid(argument, repr(values), expected)
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise invalid(argument, "a masked label", expected)
    array = np.asarray(values)
    if array.ndim != 1:
        raise wrong_shape(argument, f"{array.ndim} dimensions", f"1: {expected}")
    if array.dtype.kind in "US" and not isinstance(values, np.ndarray):
        array = np.asarray(values, dtype=object)  # a list of text and numbers stays what it is
    return [_label(value, argument) for value in array.tolist()]


def _label(value: Any, argument: str) -> Any:
    """A label as text or as a whole number."""
    if isinstance(value, bytes):
        return value.decode()
    if is_missing(value) or value != value:
        raise invalid(argument, "a missing label", "a label for each row of X")
    label = label_of(value)
    if isinstance(value, (float, np.floating)) and not isinstance(label, int):
        raise invalid(argument, repr(float(value)), "whole numbers or text")
    return label


def of_observations(tasks: Any, task_names: Any, n_rows: int) -> tuple[TaskLabels, Counts]:
    """The tasks of a list of observations: their labels in order, and the number of each.

    The order is that of ``task_names``, of the categories of a categorical series, of whole numbers
    from 0, or of the sorted labels.
    """
    listed = listing(tasks, "tasks")
    if len(listed) != n_rows:
        raise wrong_shape("tasks", f"{len(listed)} labels", f"{n_rows}, one for each row of X")
    declared = _frames.declared_categories(tasks) if _frames.is_series(tasks) else None
    if task_names is not None:
        labels = TaskLabels(names(task_names))
    elif declared is not None:
        labels = TaskLabels([_label(value, "tasks") for value in declared])
    elif all(isinstance(label, int) for label in listed):
        labels = TaskLabels(_counted(listed))
    else:
        labels = TaskLabels(sorted({str(label) for label in listed}))
        listed = [str(label) for label in listed]
    return labels, labels.places_of(np.asarray(listed, dtype=object))


def names(task_names: Any) -> list[Any]:
    """The names given for tasks, each once."""
    out = listing(task_names, "task_names")
    if not out:
        raise invalid("task_names", "none", "at least one name")
    if len({str(name) for name in out}) != len(out):
        twice = next(name for i, name in enumerate(out) if str(name) in map(str, out[:i]))
        raise invalid("task_names", f"{twice!r} twice", "each name once")
    return out


def _counted(labels: list[int]) -> range:
    """The whole numbers from 0 to the largest, each of which must occur."""
    present = set(labels)
    lowest, highest = min(present), max(present)
    if lowest < 0:
        raise invalid("tasks", f"{lowest}", "whole numbers from 0, or names")
    absent = next((t for t in range(highest) if t not in present), None) if len(present) <= highest else None
    if absent is not None:
        expected = (
            "a row of each task from 0 to the last; task_names declares tasks without rows and labels "
            "that are other numbers"
        )
        raise invalid("tasks", f"no row of task {absent}, below {highest}", expected)
    return range(highest + 1)
