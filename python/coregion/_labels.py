"""Labels of tasks: what users write in ``tasks=``, and the numbers of the tasks meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _frames
from ._errors import invalid, wrong_shape
from .exceptions import UnknownNameError


class TaskLabels:
    """The labels of the tasks in their order.

    Labels are what was given: text, or whole numbers. Where labels are text, a whole number means the
    task at that place.
    """

    def __init__(self, labels: Sequence[Any]) -> None:
        self.labels = list(labels)
        self.places = {label: t for t, label in enumerate(self.labels)}
        self.numeric = all(isinstance(label, int) for label in self.labels)

    @property
    def names(self) -> list[str]:
        """The labels as names."""
        if self.numeric and self.labels == list(range(len(self.labels))):
            return [f"task {t}" for t in self.labels]
        return [str(label) for label in self.labels]

    def place(self, label: Any) -> int:
        """The number of a task."""
        return int(self.places_of(np.asarray([label], dtype=object), "task")[0])

    def places_of(self, values: Any, argument: str = "tasks", length: int | None = None) -> NDArray[np.int64]:
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
        if isinstance(label, int) and not self.numeric:
            if 0 <= label < len(self.labels):
                return label
        elif label in self.places:
            return self.places[label]
        elif isinstance(label, str) and label in self.names:
            return self.names.index(label)
        known = self.names
        more = "" if len(known) <= 20 else f", ... ({len(known)} tasks)"
        shown = ", ".join(str(v) for v in (self.labels if self.numeric else known)[:20]) + more
        raise UnknownNameError(
            f"unknown task label {label!r}, expected one of: {shown}",
            kind="task label",
            name=str(label),
            known=known,
        )


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
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or _frames.is_na(value) or value != value:
        raise invalid(argument, "a missing label", "a label for each row of X")
    if isinstance(value, float):
        if value != int(value):
            raise invalid(argument, repr(value), "whole numbers or text")
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else str(value)


def of_observations(tasks: Any, task_names: Any, n_rows: int) -> tuple[TaskLabels, NDArray[np.int64]]:
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
