"""What the plots read from a fitted estimator, and how they refuse what does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._errors import invalid, not_fitted, wrong_shape
from .._labels import TaskLabels, label_of
from .._scalars import is_whole
from .._types import Floats
from ..exceptions import ShapeError, UnknownNameError

NORMAL = NormalDist()


def misshapen(argument: str, found: tuple[int, ...], expected: str) -> ShapeError:
    """The error for an array of the wrong shape."""
    return wrong_shape(argument, f"shape {found}", expected)


def fitted_model(estimator: Any) -> Any:
    """The fitted object of the core behind an estimator."""
    model = getattr(estimator, "model_", None)
    if model is not None:
        return model
    if hasattr(estimator, "fit"):
        raise not_fitted(estimator)
    raise invalid("gp", type(estimator).__name__, "a fitted estimator")


def fitted_process(estimator: Any, plot: str) -> Any:
    """The fitted Gaussian process of the core; ridge regression is refused."""
    model = fitted_model(estimator)
    if is_ridge(model):
        raise invalid("gp", type(estimator).__name__, f"a fitted MultiTaskGP: {plot} needs one")
    return model


def square(value: Any, expected: str) -> Floats:
    """An array (T, T) given in place of an estimator."""
    try:
        matrix = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise invalid("gp", type(value).__name__, f"a fitted estimator or {expected} (T, T)") from error
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise misshapen("gp", matrix.shape, f"a fitted estimator or {expected} (T, T)")
    if not np.isfinite(matrix).all():
        raise invalid("gp", "NaN or infinity", f"{expected} (T, T) of finite numbers")
    return matrix


def is_ridge(model: Any) -> bool:
    """Whether the fitted object is a ridge regression, which has no variances of its own."""
    return hasattr(model, "dual_coef")


def task_names(estimator: Any) -> list[str]:
    """Names of the tasks as text."""
    return [str(name) for name in estimator.task_names_]


def chosen_tasks(estimator: Any, tasks: Any) -> list[int]:
    """Places of the tasks asked for by name or number; all of them for ``None``.

    Raises
    ------
    UnknownNameError
        For a name that no task has, or a number outside 0..T-1.
    """
    labels = task_names(estimator)
    if tasks is None:
        return list(range(len(labels)))
    wanted = [tasks] if is_whole(tasks) or isinstance(tasks, str) else list(tasks)
    if not wanted:
        raise invalid("tasks", "none", "names or numbers of tasks, or None for all")
    own = TaskLabels([label_of(label) for label in labels])
    out = []
    for task in wanted:
        place = own.find(label_of(task))
        if place is None and is_whole(task) and -len(labels) <= task < 0 and not own.are_numbers:
            place = len(labels) + int(task)
        if place is None:
            raise _unknown("task", task, labels)
        out.append(place)
    return out


def chosen_feature(names: Sequence[str], feature: int | str) -> int:
    """The place of a column of x asked for by name or number."""
    if feature in names:
        return list(names).index(str(feature))
    if is_whole(feature) and -len(names) <= int(feature) < len(names):
        return int(feature) % len(names)
    raise _unknown("feature", feature, names)


def _unknown(kind: str, wanted: Any, names: Sequence[str]) -> UnknownNameError:
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    message = f"{kind}: found {wanted!r}, expected one of: {shown}; or a number below {len(names)}"
    return UnknownNameError(message, kind=kind, name=str(wanted), known=list(names))


def checked_level(level: float) -> float:
    """A probability inside (0, 1)."""
    if isinstance(level, bool) or not isinstance(level, (int, float, np.number)) or not 0 < level < 1:
        raise invalid("level", repr(level), "a probability above 0 and below 1, such as 0.95")
    return float(level)


def normal_width(level: float) -> float:
    """Half the width of the central interval of that probability, in standard deviations."""
    return NORMAL.inv_cdf(0.5 + 0.5 * level)


def normal_cdf(z: Floats) -> Floats:
    """Probability below z under the standard normal distribution; NaN stays NaN."""
    seen = ~np.isnan(z)
    out = np.full(z.shape, np.nan)
    out[seen] = [NORMAL.cdf(v) for v in z[seen]]
    return out


def left_out(estimator: Any, by: str, groups: ArrayLike | None = None) -> tuple[Floats, Floats, Floats]:
    """Truth, mean and standard deviation of the observation (n, T), each left out and predicted; of warped
    outputs on the warped scale, where predictions are normal."""
    model = fitted_model(estimator)
    if by not in ("row", "entry", "task"):
        raise invalid("by", repr(by), "'row', 'entry' or 'task'")
    codes = estimator._groups(groups)
    truth = np.array(model.data.y)
    if is_ridge(model) or all(warp.is_identity for warp in model.warps):
        mean, std, _ = model.leave_one_out(by, codes)
    else:
        mean, std, _ = model.leave_one_out_warped(by, codes)
        for column, warp in zip(truth.T, model.warps):
            seen = ~np.isnan(column)
            column[seen] = warp.forward(column[seen])
    return truth, np.asarray(mean), np.asarray(std)


__all__ = [
    "Floats",
    "checked_level",
    "chosen_feature",
    "chosen_tasks",
    "fitted_model",
    "fitted_process",
    "invalid",
    "is_ridge",
    "left_out",
    "misshapen",
    "normal_cdf",
    "normal_width",
    "square",
    "task_names",
]
