"""Whether predicted uncertainties are right: coverage of intervals, and probability integral transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .._scalars import count
from . import _style as style
from ._fitted import (
    Floats,
    chosen_tasks,
    invalid,
    left_out,
    misshapen,
    normal_cdf,
    normal_width,
    task_names,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def coverage(
    gp: Any = None,
    *,
    by: str = "row",
    groups: ArrayLike | None = None,
    truth: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    std: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    tasks: Any = None,
    levels: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of observations inside central intervals against the intervals' probability.

    A calibrated model lies on the diagonal; below it intervals are too narrow, above too wide. The grey
    region holds 95% of what independent observations of a calibrated model would give, all tasks together.

    Parameters
    ----------
    gp : fitted estimator, optional
        Judged by its closed-form leave-out predictions of the training data; parameters are held at values
        that had seen what is left out. Not with ``truth``, ``mean`` and ``std``.
    by : {"row", "entry", "task"}
        What is left out at a time.
    groups : array (n,), optional
        Labels of rows that are left out together.
    truth, mean, std : arrays (n, T), optional
        Observations (NaN where there is none) and predictions of them, noise included, in place of ``gp``.
    names : sequence of str, optional
        Names of the tasks of these arrays.
    tasks : int, str or list of these, optional
        Tasks by name or number; only these are judged.
    levels : array, optional
        Probabilities of the intervals; by default 0.02, 0.04, ..., 0.98.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        A line for each task and one for all together. Beyond 20 tasks their lines are grey, without names.

    Raises
    ------
    ValueError
        For arrays that do not fit, standard deviations that are not positive, levels outside (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> from coregion import plots
    >>> truth = np.random.default_rng(0).normal(size=(200, 2))
    >>> ax = plots.coverage(truth=truth, mean=0.0 * truth, std=1.0 + 0.0 * truth, names=["a", "b"])
    >>> [line.get_label() for line in ax.get_lines()]
    ['calibrated', 'a', 'b', 'all tasks']
    """
    inside, labels, numbers = _transforms(gp, by, groups, truth, mean, std, names, tasks)
    nominal = _levels(levels)
    depth = 2.0 * np.abs(inside - 0.5)  # the probability of the interval that just holds the observation
    few = len(numbers) <= style.FEW_TASKS
    entries = len(numbers) + 2 if few else 3
    ax = style.one_axes(ax, beside=style.legend_columns(entries))
    count = int(np.sum(~np.isnan(depth)))
    half = normal_width(0.95) * np.sqrt(nominal * (1 - nominal) / count)
    low, high = np.clip([nominal - half, nominal + half], 0.0, 1.0)
    ax.fill_between(nominal, low, high, color=style.NEUTRAL, alpha=0.25, linewidth=0.0)
    ax.plot([0, 1], [0, 1], color=style.NEUTRAL, linewidth=1.0, label="calibrated")
    for place, task in enumerate(numbers):
        found = _share_inside(depth[:, place], nominal)
        if few:
            ax.plot(
                nominal,
                found,
                color=style.colour(task),
                linestyle=style.dashes(task),
                linewidth=1.2,
                label=labels[place],
            )
        else:
            name = f"each of {len(numbers)} tasks" if place == 0 else "_"
            ax.plot(nominal, found, color=style.NEUTRAL, alpha=0.35, linewidth=0.7, label=name)
    if len(numbers) > 1:
        ax.plot(
            nominal,
            _share_inside(depth.ravel(), nominal),
            color=style.ink(ax),
            linewidth=2.2,
            label="all tasks",
        )
    ax.set(
        xlim=(0, 1), ylim=(0, 1), xlabel="probability of the interval", ylabel="share of observations inside"
    )
    ax.set_aspect("equal")
    style.grid(ax)
    style.legend(ax, entries, loc="upper left")
    return ax


def pit(
    gp: Any = None,
    *,
    by: str = "row",
    groups: ArrayLike | None = None,
    truth: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    std: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    tasks: Any = None,
    bins: int = 10,
    each_task: bool = False,
    ax: Axes | None = None,
) -> Any:
    """Draw the histogram of the probability integral transform, ``Phi((y - mean) / std)``.

    It is flat where the model is calibrated. A U shape: intervals too narrow; a hump: too wide; a slope:
    predictions off to one side. The grey region, between dashed lines, holds 95% of the bars that independent
    observations of a calibrated model would give.

    Parameters
    ----------
    gp, by, groups, truth, mean, std, names, tasks
        As in `coverage`.
    bins : int
        Number of bars.
    each_task : bool
        Whether each task has a histogram of its own; by default all share one. Where ``tasks`` is not given
        the first 20 are drawn, and the figure says so.
    ax : matplotlib Axes, optional
        Only where all tasks share a histogram.

    Returns
    -------
    matplotlib Axes, or a numpy array of them with ``each_task``

    Raises
    ------
    ValueError
        As in `coverage`; for less than two bars, and for ``ax`` with ``each_task``.

    Examples
    --------
    >>> import numpy as np
    >>> from coregion import plots
    >>> truth = np.random.default_rng(0).normal(size=(200, 2))
    >>> ax = plots.pit(truth=truth, mean=0.0 * truth, std=1.0 + 0.0 * truth, bins=8)
    >>> len(ax.patches)
    8
    """
    count(bins, "bins", least=2)
    if each_task and ax is not None:
        raise invalid("ax", "Axes", "None with each_task=True, which draws one Axes for each task")
    inside, labels, numbers = _transforms(gp, by, groups, truth, mean, std, names, tasks)
    if not each_task:
        ax = style.one_axes(ax, (5.4, 3.4))
        _histogram(ax, inside[~np.isnan(inside)], int(bins), style.COLOURS[0])
        ax.set(xlabel="probability integral transform", ylabel="density")
        return ax
    cut = tasks is None and len(numbers) > style.FEW_TASKS
    numbers = numbers[: style.FEW_TASKS] if cut else numbers
    axes = style.panels(len(numbers), sharex=True, size=(2.7, 2.0))
    for place, (panel, task) in enumerate(zip(axes, numbers)):
        seen = inside[:, place]
        _histogram(panel, seen[~np.isnan(seen)], int(bins), style.colour(task))
        panel.set_title(style.shorten(labels[place]), fontsize="medium")
    note = f" (the first {len(numbers)} of {inside.shape[1]} tasks)" if cut else ""
    axes[0].get_figure().supxlabel("probability integral transform" + note, fontsize="medium")
    axes[0].get_figure().supylabel("density", fontsize="medium")
    return axes


def _transforms(
    gp: Any, by: str, groups: Any, truth: Any, mean: Any, std: Any, names: Any, tasks: Any
) -> tuple[Floats, list[str], list[int]]:
    """Transforms (n, S), names and numbers of the S tasks, from an estimator or from arrays."""
    arrays = {"truth": truth, "mean": mean, "std": std}
    missing = [name for name, value in arrays.items() if value is None]
    if gp is not None:
        if len(missing) < 3 or names is not None:
            raise invalid("gp", type(gp).__name__, "None where truth, mean, std or names are given")
        holder, (y, m, s) = gp, left_out(gp, by, groups)
    else:
        if missing:
            raise invalid(missing[0], "None", "an array, beside the others, or a fitted estimator as gp")
        y, m, s = (_matrix(name, value) for name, value in arrays.items())
        for name, value in (("mean", m), ("std", s)):
            if value.shape != y.shape:
                raise misshapen(name, value.shape, f"{y.shape}, as truth")
        texts = [str(i) for i in range(y.shape[1])] if names is None else [str(name) for name in names]
        if len(texts) != y.shape[1]:
            raise misshapen("names", (len(texts),), f"({y.shape[1]},), a name for each task")
        holder = _Names(texts)
    numbers = chosen_tasks(holder, tasks)
    y, m, s = y[:, numbers], m[:, numbers], s[:, numbers]
    seen = ~np.isnan(y)
    if not seen.any():
        raise invalid("truth", "no observation", "at least one")
    if not np.all(s[seen] > 0):
        raise invalid(
            "std", f"{np.nanmin(s[seen]):.4g}", "positive standard deviations where truth is observed"
        )
    z = np.full(y.shape, np.nan)
    z[seen] = (y[seen] - m[seen]) / s[seen]
    every = task_names(holder)
    return normal_cdf(z), [every[i] for i in numbers], numbers


class _Names:
    """Names of tasks where there is no estimator."""

    def __init__(self, names: list[str]) -> None:
        self.task_names_ = names


def _matrix(name: str, value: ArrayLike) -> Floats:
    matrix = np.asarray(value, dtype=float)
    if matrix.ndim == 1:
        matrix = matrix[:, None]
    if matrix.ndim != 2 or not matrix.size:
        raise misshapen(name, matrix.shape, "(n, T)")
    return matrix


def _levels(levels: ArrayLike | None) -> Floats:
    nominal = (
        np.arange(1, 50) / 50.0 if levels is None else np.sort(np.atleast_1d(np.asarray(levels, dtype=float)))
    )
    if nominal.ndim != 1 or not nominal.size or not np.all((nominal > 0) & (nominal < 1)):
        raise invalid("levels", repr(levels), "probabilities above 0 and below 1")
    return nominal


def _share_inside(depth: Floats, nominal: Floats) -> Floats:
    seen = np.sort(depth[~np.isnan(depth)])
    if not seen.size:
        return np.full(nominal.shape, np.nan)
    return np.searchsorted(seen, nominal, side="right") / seen.size


def _histogram(ax: Axes, values: Floats, bins: int, ink: str) -> None:
    ax.axhline(1.0, color=style.NEUTRAL, linewidth=1.0, zorder=2.5)
    if values.size:
        cuts = np.linspace(0.0, 1.0, bins + 1)
        density = np.histogram(values, cuts, density=True)[0]
        ax.bar(cuts[:-1], density, width=1.0 / bins, align="edge", color=ink, edgecolor="white")
        half = normal_width(0.95) * np.sqrt((bins - 1) / values.size)  # binomial, in units of density
        edges = max(0.0, 1.0 - half), 1.0 + half
        ax.fill_between([0.0, 1.0], *edges, color=style.NEUTRAL, alpha=0.22, linewidth=0.0, zorder=0)
        for edge in edges:
            ax.axhline(edge, color=style.NEUTRAL, linewidth=0.8, linestyle="--", zorder=2.4)
        ax.set_ylim(0.0, 1.1 * max(edges[1], float(density.max())))
    ax.set_xlim(0, 1)
    ax.set_xticks([0.0, 0.5, 1.0], ["0", "0.5", "1"])
    style.grid(ax, "y")


__all__ = ["coverage", "pit"]
