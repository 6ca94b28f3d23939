"""Predictions of each task along one feature."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from . import _style as style
from ._fitted import (
    Floats,
    checked_level,
    chosen_feature,
    chosen_tasks,
    fitted_model,
    invalid,
    is_ridge,
    misshapen,
    normal_cdf,
    normal_width,
    task_names,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID = 200
"""Points of a grid."""


class Line(NamedTuple):
    """What is drawn: rows of x, means (m, T) there, and the ends of bands (m, T, 2)."""

    x: Floats
    mean: Floats
    latent: Floats | None
    noisy: Floats | None


def predictions(
    gp: Any,
    X: ArrayLike | None = None,
    *,
    feature: int | str = 0,
    tasks: Any = None,
    level: float = 0.95,
    include_noise: bool = False,
    others: Mapping[int | str, float] | ArrayLike | None = None,
    truth: ArrayLike | Callable[[Floats], ArrayLike] | None = None,
    axes: Any = None,
) -> np.ndarray:
    """Draw mean, band and training data of each task along one feature, in the units of the data.

    The band is the central interval of the latent function; ``include_noise`` adds a fainter one for a new
    observation. Where the solver is ``cg`` bands take a solve for each task and row: few values ``X`` are
    faster than the 200 by default. Training data of a model with more features lie at other values of these
    than the line, and are drawn faint. Where ``tasks`` is not given the first 20 are drawn, and the figure
    says so.

    Parameters
    ----------
    gp : fitted estimator
        A ridge regression has no bands.
    X : array (m,) or (m, d), optional
        Values of the feature, or whole rows. By default 200 values over the range of the training data; the
        levels that occur, for a column of a ``Categorical`` kernel, with the data to the right of them.
    feature : int or str
        Number or name of the column along the horizontal axis.
    tasks : int, str or list of these, optional
        Tasks by name or number.
    level : float
        Probability of the bands.
    include_noise : bool
        Whether a band for a new observation is drawn too.
    others : dict from column to value, or array (d,), optional
        Where the other columns are held; by default at their medians in the training data (the lower one of
        two, so that it is a value that occurs).
    truth : callable or array (m, T), optional
        Known latent functions, drawn dashed: values at the rows of ``X``, or a function of rows (m, d).
    axes : matplotlib Axes or array of them, optional
        One for each task drawn.

    Returns
    -------
    numpy array of matplotlib Axes, one for each task drawn

    Raises
    ------
    ValueError
        For an unknown feature or task, arrays of the wrong shape, ``others`` beside whole rows.

    Examples
    --------
    >>> import numpy as np
    >>> import coregion as cg
    >>> from coregion import plots
    >>> x = np.linspace(0.0, 6.0, 25)[:, None]
    >>> y = np.hstack([np.sin(x), 2.0 * np.cos(x)]) + 0.1 * np.cos(40.0 * x)
    >>> gp = cg.MultiTaskGP().fit(x, y, task_names=["sine", "cosine"])
    >>> axes = plots.predictions(gp, truth=lambda rows: np.hstack([np.sin(rows), 2.0 * np.cos(rows)]))
    >>> [ax.get_title() for ax in axes]
    ['sine', 'cosine']
    """
    model = fitted_model(gp)
    data = model.data
    width = normal_width(checked_level(level))
    column = chosen_feature(data.feature_names, feature)
    levels = column in categorical_columns(model.kernel)
    rows = _rows(np.asarray(data.x, dtype=float), X, column, levels, others, list(data.feature_names))
    line = _line(model, rows, width, include_noise)
    known = _truth(truth, rows, data.n_tasks)

    chosen = chosen_tasks(gp, tasks)
    cut = tasks is None and axes is None and len(chosen) > style.FEW_TASKS
    chosen = chosen[: style.FEW_TASKS] if cut else chosen
    panels, own = _panels(axes, len(chosen))
    names = task_names(gp)
    along = np.argsort(rows[:, column], kind="stable")
    y = np.asarray(data.y)
    for ax, task in zip(panels, chosen):
        _band(ax, line, task, column, along, width, levels)
        if known is not None:
            _truth_line(ax, rows[along, column], known[along, task], levels)
        _training(ax, np.asarray(data.x), y[:, task], column, levels)
        ax.set_title(style.shorten(names[task], 32), fontsize="medium")
        style.grid(ax)
    held = "" if X is not None and np.ndim(X) == 2 else _held_text(rows[0], column, list(data.feature_names))
    _finish(panels, own, data.feature_names[column] + held, level, cut, len(names))
    return panels


def categorical_columns(kernel: Mapping[str, Any], columns: Sequence[int] | None = None) -> set[int]:
    """Columns whose values are levels of a categorical kernel."""
    if kernel["name"] == "Columns":
        inner = [int(c) for c in kernel["values"]["columns"]]
        columns = inner if columns is None else [columns[c] for c in inner]
    if kernel["name"] == "Categorical":
        return set(columns or [0])
    return set().union(*(categorical_columns(child, columns) for child in kernel.get("children", [])))


def _rows(x: Floats, X: ArrayLike | None, column: int, levels: bool, others: Any, names: list[str]) -> Floats:
    """The rows to predict at."""
    d = x.shape[1]
    if X is not None and np.ndim(X) == 2:
        if others is not None:
            raise invalid("others", "values", "None: whole rows are given as X")
        rows = np.asarray(X, dtype=float)
        if rows.shape[1] != d or not len(rows):
            raise misshapen("X", rows.shape, f"(m, {d}), or (m,) values of the feature")
        return rows
    if X is None:
        values = np.unique(x[:, column]) if levels else _grid(x[:, column])
    else:
        values = np.asarray(X, dtype=float)
        if values.ndim != 1 or not len(values):
            raise misshapen("X", values.shape, f"(m, {d}), or (m,) values of the feature")
    held = np.quantile(x, 0.5, axis=0, method="lower")
    for place, value in _held(others, d, names):
        held[place] = value
    rows = np.repeat(held[None, :], len(values), axis=0)
    rows[:, column] = values
    return rows


def _grid(values: Floats) -> Floats:
    low, high = float(values.min()), float(values.max())
    margin = 0.04 * (high - low) or 0.5
    return np.linspace(low - margin, high + margin, GRID)


def _held(others: Any, d: int, names: list[str]) -> Iterator[tuple[int, float]]:
    if others is None:
        return
    if isinstance(others, Mapping):
        for name, value in others.items():
            yield chosen_feature(names, name), float(value)
        return
    values = np.asarray(others, dtype=float)
    if values.shape != (d,):
        raise misshapen("others", values.shape, f"({d},), a value for each column, or a dict")
    yield from enumerate(values)


def _line(model: Any, rows: Floats, width: float, include_noise: bool) -> Line:
    if is_ridge(model):
        if include_noise:
            raise invalid("include_noise", "True", "False: a ridge regression has no variances")
        return Line(rows, np.asarray(model.predict(rows)), None, None)
    mean, _ = model.predict(rows, std=False, include_noise=False)
    share = float(normal_cdf(np.asarray(width)))

    def ends(noisy: bool) -> Floats:
        levels = [1.0 - share, share]
        return np.asarray(model.predict_quantiles(rows, levels, given=None, include_noise=noisy))

    return Line(rows, mean, ends(False), ends(True) if include_noise else None)


def _held_text(row: Floats, column: int, names: list[str]) -> str:
    """Where the other columns are held, in words."""
    fixed = [f"{name} = {value:.4g}" for i, (name, value) in enumerate(zip(names, row)) if i != column]
    if not fixed:
        return ""
    return f", at {', '.join(fixed)}" if len(fixed) <= 2 else f", {len(fixed)} other features held"


def _truth(truth: Any, rows: Floats, n_tasks: int) -> Floats | None:
    if truth is None:
        return None
    values = np.asarray(truth(rows) if callable(truth) else truth, dtype=float)
    if values.shape != (len(rows), n_tasks):
        raise misshapen(
            "truth", values.shape, f"({len(rows)}, {n_tasks}), values of each task at the rows of X"
        )
    return values


def _panels(axes: Any, count: int) -> tuple[np.ndarray, bool]:
    if axes is None:
        return style.panels(count, sharex=True), True
    given = np.asarray(axes, dtype=object).ravel()
    if len(given) != count:
        raise misshapen("axes", given.shape, f"({count},), one for each task drawn")
    return given, False


def _band(ax: Axes, line: Line, task: int, column: int, along: Any, width: float, levels: bool) -> None:
    x, mean = line.x[along, column], line.mean[along, task]
    ink = style.colour(task)
    bands = [(line.noisy, 0.16, "observation"), (line.latent, 0.34, "latent function")]
    for ends, strength, label in bands:
        if ends is None:
            continue
        low, high = ends[along, task].T
        if levels:
            thick = 6.0 if label == "observation" else 3.0
            ax.vlines(x, low, high, color=ink, alpha=2 * strength, linewidth=thick, label=label)
        else:
            ax.fill_between(x, low, high, color=ink, alpha=strength, linewidth=0.0, label=label)
    style_of = {"linestyle": "", "marker": "o", "markersize": 6.0} if levels else {"linewidth": 1.6}
    ax.plot(x, mean, color=ink, label="mean", zorder=2.2, **style_of)
    if levels:
        ax.set_xticks(x)


def _truth_line(ax: Axes, x: Floats, values: Floats, levels: bool) -> None:
    look: dict[str, Any] = {"linestyle": "", "marker": "x"} if levels else {"linestyle": "--"}
    ax.plot(x, values, color=style.NEUTRAL, label="truth", **look)


def _training(ax: Axes, x: Floats, y: Floats, column: int, levels: bool) -> None:
    """The training data of a task: beside the intervals of levels, faint where x has other columns too."""
    seen = ~np.isnan(y)
    aside = 0.12 * float(np.diff(np.unique(x[:, column])).min(initial=1.0)) if levels else 0.0
    ax.plot(
        x[seen, column] + aside,
        y[seen],
        linestyle="",
        marker="o",
        markersize=3.0,
        markeredgewidth=0.0,
        color=style.ink(ax),
        alpha=0.9 if x.shape[1] == 1 else 0.35,
        label="training data",
        zorder=2.5,
    )


def _finish(panels: np.ndarray, own: bool, feature: str, level: float, cut: bool, n_tasks: int) -> None:
    handles, labels = panels[0].get_legend_handles_labels()
    bands = {"latent function", "observation"}
    labels = [f"{100 * level:g}% {label}" if label in bands else label for label in labels]
    figure = panels[0].get_figure()
    if not own:
        for ax in panels:
            ax.set_xlabel(feature)
        panels[0].legend(handles, labels, fontsize="small", framealpha=0.7)
        return
    figure.supxlabel(feature, fontsize="medium")
    columns = len(labels) if len(panels) > 1 or len(labels) < 4 else -(-len(labels) // 2)
    figure.legend(handles, labels, fontsize="small", frameon=False, ncols=columns, loc="outside upper center")
    if cut:
        note = f"the first {len(panels)} of {n_tasks} tasks; tasks= draws others"
        figure.supylabel(note, fontsize="small", color=style.NEUTRAL)


__all__ = ["categorical_columns", "predictions"]
