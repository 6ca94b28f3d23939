"""What was observed against what the model says of it when it is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from . import _style as style
from ._fitted import (
    Floats,
    checked_level,
    chosen_feature,
    chosen_tasks,
    fitted_model,
    left_out,
    misshapen,
    normal_width,
    task_names,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MANY_POINTS = 200
"""Points of a task beyond which error bars and markers are drawn faint."""


def leave_out(
    gp: Any,
    by: str = "row",
    *,
    groups: ArrayLike | None = None,
    tasks: Any = None,
    level: float = 0.95,
    axes: Any = None,
) -> np.ndarray:
    """Draw observed against predicted values, each observation predicted without itself.

    Predictions are the closed-form ones of ``leave_one_out``; bars are central intervals of the observation.
    Titles give the coefficient of determination of the left-out predictions. Each task has its own panel,
    as each has its own unit; where one Axes is given all tasks share it and are told apart by colour. Where
    ``tasks`` is not given and ``axes`` is not either, the first 20 are drawn, and the figure says so.

    Parameters
    ----------
    gp : fitted estimator
    by : {"row", "entry", "task"}
        What is left out at a time: whole rows, single observations, whole tasks.
    groups : array (n,), optional
        Labels of rows that are left out together.
    tasks : int, str or list of these, optional
        Tasks by name or number.
    level : float
        Probability of the intervals.
    axes : matplotlib Axes or array of them, optional
        One for each task drawn, or one for all.

    Returns
    -------
    numpy array of matplotlib Axes

    Raises
    ------
    ValueError
        For an unknown task, another ``by``, another number of axes than one or the number of tasks.

    Examples
    --------
    >>> import numpy as np
    >>> import coregion as cg
    >>> from coregion import plots
    >>> x = np.linspace(0.0, 6.0, 25)[:, None]
    >>> gp = cg.MultiTaskGP().fit(x, np.hstack([np.sin(x), np.cos(x)]) + 0.1 * np.cos(40.0 * x))
    >>> len(plots.leave_out(gp, by="entry"))
    2
    """
    width = normal_width(checked_level(level))
    truth, mean, std = left_out(gp, by, groups)
    chosen, names = chosen_tasks(gp, tasks), task_names(gp)
    given = None if axes is None else np.asarray(axes, dtype=object).ravel()
    cut = tasks is None and given is None and len(chosen) > style.FEW_TASKS
    chosen = chosen[: style.FEW_TASKS] if cut else chosen
    if given is not None and len(given) not in (1, len(chosen)):
        raise misshapen("axes", given.shape, f"({len(chosen)},), one for each task drawn, or one for all")
    shared = given is not None and len(given) == 1 < len(chosen)
    panels = style.panels(len(chosen), size=(2.7, 2.6)) if given is None else given
    for place, task in enumerate(chosen):
        ax = panels[0 if shared else place]
        _points(ax, truth[:, task], mean[:, task], width * std[:, task], task, names[task])
        if not shared:
            fit = _determination(truth[:, task], mean[:, task])
            title = style.shorten(names[task])
            ax.set_title(title if fit is None else f"{title}, $R^2$ = {fit:.2f}", fontsize="medium")
    for ax in panels:
        _diagonal(ax)
        style.grid(ax)
    what = "groups" if groups is not None else {"row": "rows", "entry": "entries", "task": "tasks"}[by]
    x_label, y_label = f"predicted, {what} left out", "observed"
    if given is None:
        figure = panels[0].get_figure()
        note = f"\nthe first {len(chosen)} of {len(names)} tasks; tasks= draws others" if cut else ""
        figure.supxlabel(x_label + note, fontsize="medium")
        figure.supylabel(y_label, fontsize="medium")
    else:
        for ax in panels:
            ax.set(xlabel=x_label, ylabel=y_label)
    if shared:
        _task_legend(panels[0], len(chosen))
    return panels


def residuals(
    gp: Any,
    by: str = "row",
    *,
    against: int | str = "predicted",
    groups: ArrayLike | None = None,
    tasks: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw standardised leave-out residuals, ``(y - mean) / std``, of all tasks.

    About 95% of them lie between the lines at -1.96 and 1.96 where the model is calibrated; a pattern tells
    what it misses.

    Parameters
    ----------
    gp : fitted estimator
    by : {"row", "entry", "task"}
        What is left out at a time.
    against : int or str
        The horizontal axis: ``"predicted"``, for the predictions in standard deviations of their task around
        its mean, or the number or name of a feature.
    groups : array (n,), optional
        Labels of rows that are left out together.
    tasks : int, str or list of these, optional
        Tasks by name or number.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        Beyond 20 tasks all points are of one colour, and the legend is dropped.

    Raises
    ------
    ValueError
        For an unknown feature or task, another ``by``.

    Examples
    --------
    >>> import numpy as np
    >>> import coregion as cg
    >>> from coregion import plots
    >>> x = np.linspace(0.0, 6.0, 25)[:, None]
    >>> gp = cg.MultiTaskGP().fit(x, np.hstack([np.sin(x), np.cos(x)]) + 0.1 * np.cos(40.0 * x))
    >>> plots.residuals(gp, against="x0").get_ylabel()
    'standardised residual, rows left out'
    """
    data = fitted_model(gp).data
    predicted = against == "predicted" and against not in data.feature_names
    column = None if predicted else chosen_feature(data.feature_names, against)
    truth, mean, std = left_out(gp, by, groups)
    chosen, names = chosen_tasks(gp, tasks), task_names(gp)
    few = len(chosen) <= style.FEW_TASKS
    entries = max(len(chosen), style.LEGEND_INSIDE + 1) if few and len(chosen) > 1 else 0
    ax = style.one_axes(ax, (5.8, 3.8), beside=style.legend_columns(entries))
    count = int(np.sum(~np.isnan(truth[:, chosen])))
    alpha = 0.8 if count <= MANY_POINTS else 0.45
    for task in chosen:
        seen = ~np.isnan(truth[:, task])
        y, m, s = truth[seen, task], mean[seen, task], std[seen, task]
        if not y.size:
            continue
        x = (m - y.mean()) / (y.std() or 1.0) if column is None else np.asarray(data.x)[seen, column]
        ax.plot(
            x,
            (y - m) / s,
            linestyle="",
            marker=style.marker(task) if few else "o",
            markersize=4.0,
            markeredgewidth=0.0,
            color=style.colour(task) if few else style.COLOURS[0],
            alpha=alpha if few else 0.25,
            label=names[task] if few else "_",
        )
    for height in (-normal_width(0.95), 0.0, normal_width(0.95)):
        ax.axhline(
            height, color=style.NEUTRAL, linewidth=1.0, linestyle="-" if height == 0 else "--", zorder=1
        )
    scaled = "predicted (standard deviations of the task)"
    note = "" if few else f" ({len(chosen)} tasks)"
    ax.set_xlabel(scaled if column is None else data.feature_names[column])
    what = "groups" if groups is not None else {"row": "rows", "entry": "entries", "task": "tasks"}[by]
    ax.set_ylabel(f"standardised residual, {what} left out{note}")
    style.grid(ax)
    if entries:
        style.legend(ax, entries)
    return ax


def _points(ax: Axes, y: Floats, mean: Floats, half: Floats, task: int, name: str) -> None:
    seen = ~np.isnan(y)
    faint = seen.sum() > MANY_POINTS
    points, _, (bars,) = ax.errorbar(
        mean[seen],
        y[seen],
        xerr=half[seen],
        linestyle="",
        marker=style.marker(task),
        markersize=2.5 if faint else 3.5,
        markeredgewidth=0.0,
        elinewidth=0.6,
        color=style.colour(task),
        label=name,
    )
    points.set_alpha(0.7 if faint else 0.9)
    bars.set_alpha(0.12 if faint else 0.35)


def _diagonal(ax: Axes) -> None:
    """The line of perfect prediction, over the range of what was observed."""
    marks = [line for line in ax.get_lines() if line.get_marker() not in ("", "None", "|")]
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in marks] or [np.zeros(1)])
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    margin = 0.05 * (high - low) or 1.0
    ax.plot(
        [low - margin, high + margin],
        [low - margin, high + margin],
        color=style.NEUTRAL,
        linewidth=1.0,
        zorder=1,
        label="_",
    )


def _determination(y: Floats, mean: Floats) -> float | None:
    """R^2 of left-out predictions; ``None`` where there is no variance to explain."""
    seen = ~np.isnan(y)
    spread = float(np.sum((y[seen] - y[seen].mean()) ** 2)) if seen.any() else 0.0
    return None if spread == 0.0 else 1.0 - float(np.sum((y[seen] - mean[seen]) ** 2)) / spread


def _task_legend(ax: Axes, count: int) -> None:
    if count <= style.FEW_TASKS:
        style.legend(ax, count)
    else:
        ax.set_title(f"{count} tasks, colours repeat", fontsize="medium")


__all__ = ["leave_out", "residuals"]
