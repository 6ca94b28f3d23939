"""The data set of a fit from what users pass in: a table, a vector, or a list of observations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arrays, _core, _frames, _labels
from ._errors import incompatible, invalid, wrong_shape
from ._types import Floats


@dataclass(frozen=True)
class Training:
    """A data set, and what is remembered of how it was given.

    ``vector`` is true where y was a vector of one task, ``feature_names`` are the names of the columns
    where all are strings.
    """

    data: _core.Dataset
    labels: _labels.TaskLabels
    vector: bool
    feature_names: NDArray[Any] | None


def training(X: Any, y: Any, tasks: Any, task_names: Any, noise_variance: Any) -> Training:
    """The data of a fit.

    Raises
    ------
    ValueError
        For shapes that do not fit, NaN or infinity in X, infinity in y, no observation at all, unknown
        labels, names that are not one for each task.
    """
    feature_names = _frames.string_names(X)
    x = _arrays.inputs(X)
    names = None if feature_names is None else [str(name) for name in feature_names]
    if tasks is not None:
        return _observations(x, y, tasks, task_names, noise_variance, feature_names, names)
    values = _arrays.outputs(y, "y", len(x))
    if np.isnan(values).all():
        raise invalid("y", "NaN everywhere", "at least one observation")
    vector = values.ndim == 1
    table = values[:, None] if vector else values
    labels = _labels_of_table(y, task_names, table.shape[1])
    data = _core.Dataset.table(
        x,
        table,
        noise_variances=noise_table(
            noise_variance, table.shape, vector, None if labels is None else labels.names
        ),
        task_names=None if labels is None else labels.names,
        feature_names=names,
        vector=vector,
    )
    known = labels if labels is not None else _labels.TaskLabels(range(table.shape[1]))
    return Training(data, known, vector, feature_names)


def _labels_of_table(y: Any, task_names: Any, n_tasks: int) -> _labels.TaskLabels | None:
    """Labels of the columns of a table; ``None`` for the default ones."""
    if task_names is None:
        own = _frames.task_names(y)
        return None if own is None else _labels.TaskLabels([_labels.label_of(name) for name in own])
    names = _labels.names(task_names)
    if len(names) != n_tasks:
        raise wrong_shape("task_names", f"{len(names)} names", f"{n_tasks}, one for each column of y")
    return _labels.TaskLabels(names)


def _observations(
    x: Floats, y: Any, tasks: Any, task_names: Any, noise_variance: Any, feature_names: Any, names: Any
) -> Training:
    """The data of a list of observations."""
    y = _arrays.outputs(y, "y", len(x))
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise incompatible("a table y and tasks", "with tasks y is a vector, a number for each row of X")
    _arrays.finite(y, "y")
    labels, places = _labels.of_observations(tasks, task_names, len(x))
    known = labels.names
    data = _core.Dataset.long(
        x,
        y,
        [known[place] for place in places],
        noise_variances=None
        if noise_variance is None
        else _arrays.vector(noise_variance, "noise_variance", len(x), "row of X"),
        task_names=known,
        feature_names=names,
    )
    return Training(data, labels, False, feature_names)


def noise_table(
    noise_variance: Any, shape: tuple[int, ...], vector: bool, names: list[str] | None
) -> Floats | None:
    """Known variances (n, T) of the noise of a table; the columns of a frame are those of the tasks that
    they name, where tasks have names."""
    if noise_variance is None:
        return None
    table = _arrays.to_floats(noise_variance, "noise_variance")
    own = None if names is None or vector else _frames.task_names(noise_variance)
    if own is not None and names is not None:
        found = [str(name) for name in own]
        if sorted(found) != sorted(names):
            raise invalid("noise_variance", f"columns {', '.join(found)}", f"columns {', '.join(names)}")
        table = table[:, [found.index(name) for name in names]]
    if vector and table.ndim == 1:
        table = table[:, None]
    if table.shape != shape:
        expected = f"the shape of y, {shape[:1] if vector else shape}"
        raise wrong_shape("noise_variance", f"shape {table.shape}", expected)
    return table
