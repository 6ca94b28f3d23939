"""How good predictions of several tasks are: point errors, densities, intervals.

Arrays are tables (m, T), or vectors (m,) of one task. NaN in ``y_true`` means not observed: the entry is
left out, whatever was predicted there. ``std`` is the standard deviation of the observation,
``predict(..., include_noise=True)``. Every function gives the mean over the tasks, or the value of each with
``multioutput="raw_values"``.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from . import _arrays, _core, _scalars
from ._errors import incompatible, invalid, wrong_shape
from ._types import Floats

Score: TypeAlias = "float | Floats"


def rmse(y_true: Any, y_pred: Any, *, multioutput: Any = "uniform_average") -> Score:
    """Root mean squared error, ``sqrt(mean_i (y_i - f_i)^2)``, in the units of the task.

    Parameters
    ----------
    y_true, y_pred : array-like (m, T) or (m,)
        Observations, NaN where there is none, and predictions.
    multioutput : {"uniform_average", "raw_values"} or array-like (T,)
        The mean over the tasks, each value, or weights of the tasks.

    Returns
    -------
    float, or array (T,) with "raw_values"

    Raises
    ------
    ValueError
        For shapes that differ, predictions that are not finite, a task without observations.

    Examples
    --------
    >>> from coregion.metrics import rmse
    >>> rmse([1.0, 2.0, 3.0], [1.0, 5.0, 7.0])
    2.886751345948129
    >>> rmse([[0.0, 0.0]], [[1.0, 2.0]], multioutput="raw_values")
    array([1., 2.])
    """
    return _score(_core.rmse(*_tables(y_true=y_true, y_pred=y_pred)), multioutput)


def mae(y_true: Any, y_pred: Any, *, multioutput: Any = "uniform_average") -> Score:
    """Mean absolute error, ``mean_i |y_i - f_i|``, in the units of the task.

    Parameters
    ----------
    y_true, y_pred, multioutput
        As of `rmse`.

    Returns
    -------
    float, or array (T,) with "raw_values"

    Raises
    ------
    ValueError
        As `rmse`.

    Examples
    --------
    >>> from coregion.metrics import mae
    >>> mae([1.0, 2.0, 3.0], [1.0, 2.0, 6.0])
    1.0
    """
    return _score(_core.mae(*_tables(y_true=y_true, y_pred=y_pred)), multioutput)


def smse(
    y_true: Any,
    y_pred: Any,
    *,
    y_train: Any = None,
    train_mean: Any = None,
    multioutput: Any = "uniform_average",
) -> Score:
    """Standardised mean squared error: over that of a trivial prediction, which is 1.

    ``sum_i (y_i - f_i)^2 / sum_i (y_i - c)^2`` where c is the training mean of the task, or without one the
    mean of ``y_true`` (published figures differ in this).

    Parameters
    ----------
    y_true, y_pred, multioutput
        As of `rmse`.
    y_train : array-like (n, T) or (n,), optional
        Training observations, whose means are taken.
    train_mean : array-like (T,), optional
        The means themselves.

    Returns
    -------
    float, or array (T,) with "raw_values"

    Raises
    ------
    ValueError
        As `rmse`; for both ``y_train`` and ``train_mean``.

    Examples
    --------
    >>> from coregion.metrics import smse
    >>> smse([1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    1.0
    """
    truth, mean = _tables(y_true=y_true, y_pred=y_pred)
    centre = None
    if y_train is not None or train_mean is not None:
        centre, _ = _training(y_train, train_mean, None, truth.shape[1], with_std=False)
    return _score(_core.smse(truth, mean, centre), multioutput)


def nlpd(y_true: Any, y_pred: Any, std: Any, *, multioutput: Any = "uniform_average") -> Score:
    """Negative log predictive density of normal predictions, in nats for each observation.

    ``mean_i [ (y_i - f_i)^2 / (2 s_i^2) + log s_i + log(2 pi) / 2 ]``: lower is better.

    Parameters
    ----------
    y_true, y_pred, multioutput
        As of `rmse`.
    std : array-like of the same shape
        Standard deviations of the observation.

    Returns
    -------
    float, or array (T,) with "raw_values"

    Raises
    ------
    ValueError
        As `rmse`; for standard deviations that are not positive.

    Examples
    --------
    >>> from coregion.metrics import nlpd
    >>> round(nlpd([0.0], [0.0], [1.0]), 4)
    0.9189
    """
    return _score(_core.nlpd(*_tables(y_true=y_true, y_pred=y_pred, std=std)), multioutput)


def msll(
    y_true: Any,
    y_pred: Any,
    std: Any,
    *,
    y_train: Any = None,
    train_mean: Any = None,
    train_std: Any = None,
    multioutput: Any = "uniform_average",
) -> Score:
    """Mean standardised log loss: `nlpd` less that of the normal distribution of the training values.

    0 is as good as knowing only their mean and standard deviation; lower is better.

    Parameters
    ----------
    y_true, y_pred, std, multioutput
        As of `nlpd`.
    y_train : array-like (n, T) or (n,), optional
        Training observations, whose means and standard deviations are taken.
    train_mean, train_std : array-like (T,), optional
        These themselves.

    Returns
    -------
    float, or array (T,) with "raw_values"

    Raises
    ------
    ValueError
        As `nlpd`; where neither or both of ``y_train`` and the pair are given.

    Examples
    --------
    >>> from coregion.metrics import msll
    >>> msll([0.0, 1.0], [0.5, 0.5], [0.5, 0.5], y_train=[0.0, 1.0])
    0.0
    """
    truth, mean, deviation = _tables(y_true=y_true, y_pred=y_pred, std=std)
    centre, spread = _training(y_train, train_mean, train_std, truth.shape[1], with_std=True)
    assert spread is not None
    return _score(_core.msll(truth, mean, deviation, centre, spread), multioutput)


def coverage(
    y_true: Any, y_pred: Any, std: Any, level: float = 0.95, *, multioutput: Any = "uniform_average"
) -> Score:
    """Share of observations inside the central intervals of normal predictions.

    ``|y_i - f_i| <= z s_i`` with z the quantile of ``(1 + level) / 2``: best is ``level`` itself.

    Parameters
    ----------
    y_true, y_pred, std, multioutput
        As of `nlpd`.
    level : float
        Above 0 and below 1.

    Returns
    -------
    float, or array (T,) with "raw_values"

    Raises
    ------
    ValueError
        As `nlpd`; for another level.

    Examples
    --------
    >>> from coregion.metrics import coverage
    >>> coverage([0.0, 3.0], [0.0, 0.0], [1.0, 1.0])
    0.5
    """
    chance = _scalars.positive(level, "level")
    if chance >= 1.0:
        raise invalid("level", repr(level), "a number above 0 and below 1")
    truth, mean, deviation = _tables(y_true=y_true, y_pred=y_pred, std=std)
    return _score(_core.coverage(truth, mean, deviation, chance), multioutput)


def crps(y_true: Any, y_pred: Any, std: Any, *, multioutput: Any = "uniform_average") -> Score:
    """Continuous ranked probability score of normal predictions, in the units of the task.

    The mean over i of the integral of ``(P(f_i <= u) - [y_i <= u])^2`` over u: lower is better; with s = 0 it
    would be the absolute error.

    Parameters
    ----------
    y_true, y_pred, std, multioutput
        As of `nlpd`.

    Returns
    -------
    float, or array (T,) with "raw_values"

    Raises
    ------
    ValueError
        As `nlpd`.

    Examples
    --------
    >>> from coregion.metrics import crps
    >>> round(crps([0.0], [0.0], [1.0]), 4)
    0.2337
    """
    return _score(_core.crps(*_tables(y_true=y_true, y_pred=y_pred, std=std)), multioutput)


def _tables(**arguments: Any) -> list[Floats]:
    """Tables (m, T) of one shape."""
    out: list[Floats] = []
    for name, value in arguments.items():
        array = _arrays.to_floats(value, name)
        if array.ndim not in (1, 2):
            raise wrong_shape(name, f"{array.ndim} dimensions", "1 or 2")
        out.append(array[:, None] if array.ndim == 1 else array)
        if out[-1].shape != out[0].shape:
            first = next(iter(arguments))
            raise wrong_shape(name, f"shape {out[-1].shape}", f"{out[0].shape}, as {first} has")
        if not out[-1].size:
            raise wrong_shape(name, f"shape {out[-1].shape}", "at least one row and one task")
    truth, *others = out
    return [truth, *(np.where(np.isnan(truth), 1.0, other) for other in others)]  # not looked at there


def _training(
    y_train: Any, train_mean: Any, train_std: Any, n_tasks: int, *, with_std: bool
) -> tuple[Floats, Floats | None]:
    """Means and standard deviations of the training values."""
    options = "y_train and train_mean" + (" or train_std" if with_std else "")
    if y_train is None:
        if train_mean is None or (with_std and train_std is None):
            needed = "y_train, or train_mean" + (" and train_std" if with_std else "")
            raise invalid("y_train", "None", needed)
        mean = _arrays.vector(train_mean, "train_mean", n_tasks, "task")
        return mean, _arrays.vector(train_std, "train_std", n_tasks, "task") if with_std else None
    if train_mean is not None or train_std is not None:
        raise incompatible(options, "give one of them")
    [train] = _tables(y_train=y_train)
    if train.shape[1] != n_tasks:
        raise wrong_shape("y_train", f"{train.shape[1]} tasks", f"{n_tasks}, as y_true has")
    if np.isnan(train).all(axis=0).any():
        raise invalid("y_train", "a task without observations", "at least one for each task")
    return np.nanmean(train, axis=0), np.nanstd(train, axis=0) if with_std else None


def _score(found: tuple[Floats, float], multioutput: Any) -> Score:
    """What was asked for of the values of the tasks and their mean."""
    values, mean = found
    if isinstance(multioutput, str):
        if multioutput == "raw_values":
            return np.asarray(values)
        if multioutput == "uniform_average":
            return float(mean)
        raise invalid("multioutput", repr(multioutput), "'uniform_average', 'raw_values' or weights")
    weights = _arrays.vector(multioutput, "multioutput", len(values), "task")
    if (weights < 0.0).any() or weights.sum() == 0.0:
        raise invalid("multioutput", repr(weights.tolist()), "weights of at least 0, not all 0")
    return float(np.average(values, weights=weights))


__all__ = ["coverage", "crps", "mae", "msll", "nlpd", "rmse", "smse"]
