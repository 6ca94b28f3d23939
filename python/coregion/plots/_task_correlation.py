"""The heat map of task correlations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._correlation import correlation
from . import _style as style
from ._cluster import average_linkage, branches, leaf_order
from ._fitted import Floats, fitted_model, invalid, misshapen, square, task_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALLEST_TEXT = 5.0
"""Points below which numbers in cells are left out."""


def task_correlation(
    gp: Any,
    *,
    order: str = "dendrogram",
    std_error: bool = True,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the learned task correlations as a heat map, related tasks side by side.

    The cell of tasks t and s shows ``B_ts / sqrt(B_tt B_ss)`` and, below it, its standard error. Numbers
    are left out where cells are too small for them, and beyond 40 tasks only evenly chosen ones are named.

    Parameters
    ----------
    gp : fitted estimator, or array of shape (T, T)
        An array is taken as correlations, without standard errors.
    order : {"dendrogram", "given"}
        ``"dendrogram"``: the order of leaves of average linkage with distance ``1 - |correlation|``,
        subtrees turned so that neighbours are alike; the tree is drawn beside the map.
        ``"given"``: the order of the data, no tree.
    std_error : bool
        Whether cells show standard errors, where the model has them.
    names : sequence of str, optional
        Names of the tasks, where ``gp`` is an array.
    ax : matplotlib Axes, optional
        Where to draw; the tree and the colour scale stand to its right, for which a figure with
        ``layout="constrained"`` makes room.

    Returns
    -------
    matplotlib Axes
        The axes of the heat map.

    Raises
    ------
    ValueError
        For another ``order``, an array that is not square, another number of names than tasks.

    Examples
    --------
    >>> import numpy as np
    >>> from coregion import plots
    >>> rho = np.array([[1.0, 0.2, 0.9], [0.2, 1.0, 0.1], [0.9, 0.1, 1.0]])
    >>> ax = plots.task_correlation(rho, names=["Cd", "Cu", "Zn"])
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['Cu', 'Cd', 'Zn']
    """
    if order not in ("dendrogram", "given"):
        raise invalid("order", repr(order), "'dendrogram' or 'given'")
    rho, errors, labels = _correlations(gp, names)
    errors = errors if std_error else None
    count = len(rho)
    distance = 1.0 - np.clip(np.nan_to_num(np.abs(rho)), 0.0, 1.0)
    merges = average_linkage(distance) if order == "dendrogram" and count > 1 else []
    places = leaf_order(merges, distance) if merges else list(range(count))

    plt = style.pyplot()
    if ax is None:
        side = float(np.clip(0.62 * count + 1.6, 3.6, 9.0))
        ax = plt.subplots(figsize=(side + 1.5, side), layout="constrained")[1]
    image = ax.imshow(rho[np.ix_(places, places)], cmap="RdBu_r", vmin=-1.0, vmax=1.0)
    style.name_ticks(ax, [labels[i] for i in places])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    _lines_between(ax, count)

    if merges:
        _tree(ax.inset_axes((1.02, 0.0, 0.16, 1.0)), merges, places)
    scale = ax.inset_axes((1.21 if merges else 1.04, 0.0, 0.04, 1.0))
    ax.figure.colorbar(image, cax=scale, label="task correlation")
    scale.spines[:].set_visible(False)
    _numbers(ax, rho, errors, places)
    return ax


def _correlations(gp: Any, names: Sequence[str] | None) -> tuple[Floats, Floats | None, list[str]]:
    if hasattr(gp, "fit"):
        fitted_model(gp)
        if names is not None:
            raise invalid("names", "names", "None: a fitted estimator has names of its own")
        if not hasattr(gp, "task_correlation_"):
            return correlation(np.asarray(gp.task_covariance_, dtype=float)), None, task_names(gp)
        errors = getattr(gp, "task_correlation_std_error_", None)
        errors = None if errors is None else np.asarray(errors, dtype=float)
        return np.asarray(gp.task_correlation_, dtype=float), errors, task_names(gp)
    rho = square(gp, "correlations")
    if np.any(np.abs(rho) > 1 + 1e-8):
        raise invalid("gp", f"entries up to {np.abs(rho).max():.4g}", "correlations, between -1 and 1")
    labels = [str(i) for i in range(len(rho))] if names is None else [str(name) for name in names]
    if len(labels) != len(rho):
        raise misshapen("names", (len(labels),), f"({len(rho)},), a name for each task")
    return rho, None, labels


def _lines_between(ax: Axes, count: int) -> None:
    if count > 40:
        return
    edges = np.arange(count + 1) - 0.5
    ax.set_xticks(edges, minor=True)
    ax.set_yticks(edges, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.0)
    ax.tick_params(which="minor", length=0)


def _tree(ax: Axes, merges: list[Any], places: list[int]) -> None:
    from matplotlib.collections import LineCollection

    ax.add_collection(LineCollection(branches(merges, places), colors=style.NEUTRAL, linewidths=1.0))
    tallest = max(merge.height for merge in merges)
    ax.set_xlim(0.0, 1.05 * max(tallest, 1e-3))
    ax.set_ylim(len(places) - 0.5, -0.5)
    ax.set_axis_off()


def _numbers(ax: Axes, rho: Floats, errors: Floats | None, places: list[int]) -> None:
    figure = ax.get_figure()
    figure.draw_without_rendering()  # type: ignore[union-attr]
    cell = ax.get_window_extent().width / len(places) * 72.0 / figure.dpi  # type: ignore[union-attr]
    size = min(10.0, cell / (3.8 if errors is not None else 3.2))
    if size < SMALLEST_TEXT:
        return
    for row, i in enumerate(places):
        for column, j in enumerate(places):
            text = f"{rho[i, j]:.2f}"
            if errors is not None and i != j and np.isfinite(errors[i, j]):
                text += f"\n±{errors[i, j]:.2f}"
            ink = "white" if abs(rho[i, j]) > 0.62 else "black"
            ax.text(column, row, text, ha="center", va="center", fontsize=size, color=ink, linespacing=1.1)


__all__ = ["task_correlation"]
