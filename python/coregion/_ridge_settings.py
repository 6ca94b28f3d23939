"""The constructor arguments of `MultiTaskKernelRidge` as the core takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _arrays, _core, _frames, _scalars
from ._errors import incompatible, invalid, wrong_shape
from ._estimator import kernel_tree, task_tree
from ._random import random_groups, seed_of
from ._types import Counts, Floats

if TYPE_CHECKING:
    from ._ridge import MultiTaskKernelRidge

Mask = NDArray[np.bool_]

_LEAVE_OUT = ("row", "entry", "task")
_CRITERIA = (*_LEAVE_OUT, "gcv", *(f"log-density:{by}" for by in _LEAVE_OUT))


def core_settings(
    ridge: MultiTaskKernelRidge, data: _core.Dataset, weights: Floats | None, kept: Mask | None
) -> dict[str, Any]:
    """The settings by the names of the core's ``fit``.

    Raises
    ------
    ValueError
        For a setting that is not accepted, with its name, what it was and what was expected.
    """
    from .kernels import RBF

    ridge._check_device()
    kernel = RBF(lengthscale=scales(data.x, weights)) if ridge.kernel is None else ridge.kernel
    criterion, groups = _criterion(ridge, data.n_rows, kept)
    return {
        "kernel": kernel_tree(kernel, data.feature_names),
        "tasks": _tasks(ridge),
        "alphas": _alphas(ridge),
        "task_penalties": _for_tasks(ridge.task_penalties, "task_penalties", data.n_tasks),
        "task_weights": _for_tasks(ridge.task_weights, "task_weights", data.n_tasks),
        "fit_intercept": _scalars.switch(ridge.fit_intercept, "fit_intercept"),
        "criterion": criterion,
        "groups": groups,
        "refine": _scalars.switch(ridge.refine, "refine"),
        "penalty_for_each_task": _scalars.switch(ridge.penalty_for_each_task, "penalty_for_each_task"),
        "memory_budget": _scalars.memory(ridge.memory_budget, "memory_budget"),
    }


def scales(x: Floats, weights: Floats | None) -> Floats:
    """sqrt(d) standard deviations of each column, 1 for a constant one."""
    mean = np.average(x, axis=0, weights=weights)
    variance = np.average((x - mean) ** 2, axis=0, weights=weights)
    constant = variance <= 1e-24 * (mean**2 + variance)
    return np.asarray(np.sqrt(x.shape[1] * np.where(constant, 1.0 / x.shape[1], variance)))


def weighted(X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Floats, Mask | None]:
    """Rows of positive weight, their weights, and which rows they are; ``None`` where all are."""
    weights = _arrays.to_floats(sample_weight, "sample_weight")
    n_rows = len(X) if hasattr(X, "__len__") else len(np.asarray(X))
    if weights.ndim != 1:
        raise wrong_shape("sample_weight", f"{weights.ndim} dimensions", "1: Sample weights must be 1D")
    if len(weights) != n_rows:
        raise wrong_shape("sample_weight", f"{len(weights)} numbers", f"{n_rows}, one for each row of X")
    _arrays.finite(weights, "sample_weight")
    if (weights < 0.0).any():
        raise invalid("sample_weight", repr(float(weights.min())), "weights of at least 0")
    kept = weights > 0.0
    if not kept.any():
        raise invalid("sample_weight", "only 0", "a weight above 0 (Sample weights must not all be zero)")
    if kept.all():
        return X, y, weights, None
    _arrays.outputs(y, "y", n_rows)
    return _part(X, kept), _part(y, kept), weights[kept], kept


def _part(value: Any, kept: Mask) -> Any:
    """Rows of an array or a frame."""
    if _frames.is_pandas(value):
        return value.loc[kept]
    if _frames.is_frame(value) or _frames.is_series(value):
        return value.filter(kept)
    return np.asarray(value)[kept]


def _tasks(ridge: MultiTaskKernelRidge) -> list[Any] | None:
    if ridge.tasks is None:
        return None if ridge.task is None else [task_tree(ridge.task)]
    if ridge.task is not None:
        raise incompatible("task and tasks", "give one task covariance, or a list to choose from")
    if not isinstance(ridge.tasks, (list, tuple)) or not ridge.tasks:
        raise invalid("tasks", repr(ridge.tasks), "a list of objects of coregion.tasks")
    return [task_tree(task, f"tasks[{i}]") for i, task in enumerate(ridge.tasks)]


def _alphas(ridge: MultiTaskKernelRidge) -> list[float]:
    alpha = _scalars.positive(ridge.alpha, "alpha")
    if ridge.alphas is None:
        return [alpha]
    alphas = _arrays.vector(ridge.alphas, "alphas", None, "penalty")
    if not len(alphas):
        raise invalid("alphas", "none", "at least one penalty")
    return [float(_scalars.positive(float(a), "alphas")) for a in alphas]


def _for_tasks(value: Any, argument: str, n_tasks: int) -> list[float] | None:
    if value is None:
        return None
    return [float(v) for v in _arrays.vector(value, argument, n_tasks, "task")]


def _criterion(ridge: MultiTaskKernelRidge, n_rows: int, kept: Mask | None) -> tuple[str, Any]:
    """The criterion in words, and labels of groups of the rows."""
    cv: Any = ridge.cv
    words = ", ".join(map(repr, _CRITERIA))
    expected = f"{words}, a number of groups, a label for each row, or splits of scikit-learn"
    if cv is None:
        return "row", None
    if isinstance(cv, str):
        if cv not in _CRITERIA:
            raise invalid("cv", repr(cv), expected)
        return cv, None
    if _scalars.is_whole(cv):
        return "row", random_groups(cv, n_rows, seed_of(ridge.random_state, default=0), "cv")
    n_labels = n_rows if kept is None else len(kept)
    if hasattr(cv, "split") and not isinstance(cv, np.ndarray):
        groups = _of_splits(list(cv.split(np.zeros((n_labels, 1)))), n_labels)
    elif not hasattr(cv, "__iter__") or isinstance(cv, dict):
        raise invalid("cv", repr(cv), expected)
    elif _are_splits(listed := cv if hasattr(cv, "__len__") else list(cv)):
        groups = _of_splits(listed, n_labels)
    else:
        groups = _arrays.labels_of_groups(listed, "cv", n_labels, "row of X")
    return "row", groups if kept is None else groups[kept]


def _are_splits(cv: Any) -> bool:
    """Whether these are pairs of row numbers to train and to test on."""
    if not isinstance(cv, (list, tuple)) or not cv:
        return False
    return all(isinstance(s, (list, tuple)) and len(s) == 2 and np.ndim(s[1]) == 1 for s in cv)


def _of_splits(splits: Any, n_rows: int) -> Counts:
    """Labels of rows from the splits of cross-validation, each row tested once and trained on otherwise."""
    expected = "splits that test each row once and train on all others: the closed form serves no other"
    groups = np.full(n_rows, -1, dtype=np.int64)
    for g, (train, test) in enumerate(splits):
        if (
            (groups[test] >= 0).any()
            or len(np.union1d(train, test)) != n_rows
            or len(train) + len(test) != n_rows
        ):
            raise invalid("cv", f"split {g}, which does otherwise", expected)
        groups[test] = g
    if (groups < 0).any():
        raise invalid("cv", f"row {int(np.argmin(groups))} in no test part", expected)
    return groups
