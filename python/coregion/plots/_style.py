"""How the plots look: colours, markers and legible sizes. No global setting is touched."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#777777")
"""Colours told apart with any colour vision: those of Okabe and Ito (2008), yellow left out."""

MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))

NEUTRAL = "#808080"
"""Grey that is legible on white and on dark backgrounds."""

FEW_TASKS = 20
"""Tasks up to which each has a panel or an entry in the legend."""

LEGEND_INSIDE = 8
"""Entries up to which a legend has room inside the axes."""


def pyplot() -> ModuleType:
    """``matplotlib.pyplot``, which is imported when the first plot is drawn.

    Raises
    ------
    ImportError
        Where matplotlib is not installed; the message names the extra that brings it.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        message = "plots need matplotlib, which is not installed: pip install coregion[plots]"
        raise ImportError(message, name="matplotlib") from error
    return plt


def colour(task: int) -> str:
    """The colour of a task, the same in every plot."""
    return COLOURS[task % len(COLOURS)]


def ink(ax: Axes) -> Any:
    """What stands out on the background of the axes: the colour of its labels."""
    return ax.xaxis.label.get_color()


def marker(task: int) -> str:
    """The marker of a task: another one each time the colours repeat."""
    return MARKERS[task // len(COLOURS) % len(MARKERS)]


def dashes(task: int) -> Any:
    """The line style of a task: another one each time the colours repeat."""
    return DASHES[task // len(COLOURS) % len(DASHES)]


def one_axes(ax: Axes | None, size: tuple[float, float] = (5.4, 4.2), beside: int = 0) -> Axes:
    """The axes given, or those of a new figure with room for that many columns of a legend beside them."""
    if ax is not None:
        return ax
    width, height = size
    axes: Axes = pyplot().subplots(figsize=(width + 1.6 * beside, height), layout="constrained")[1]
    return axes


def panels(count: int, *, sharex: bool = False, size: tuple[float, float] = (3.1, 2.4)) -> np.ndarray:
    """New axes (count,), filled row by row."""
    columns = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3, 6: 3, 9: 3}.get(count, 4)
    rows = -(-count // columns)
    width, height = (5.4, 4.0) if count == 1 else (size[0] * columns, size[1] * rows + 0.3)
    figure, grid = pyplot().subplots(
        rows, columns, figsize=(width, height), sharex=sharex, squeeze=False, layout="constrained"
    )
    axes = grid.ravel()
    for unused in axes[count:]:
        figure.delaxes(unused)
    if sharex:  # the last panel of each column shows the ticks, also where the grid has a hole below it
        for panel in axes[max(0, count - columns) : count]:
            panel.tick_params(labelbottom=True)
    return np.asarray(axes[:count])


def grid(ax: Axes, axis: Literal["both", "x", "y"] = "both") -> None:
    """Faint lines behind the data, and no frame above and to the right."""
    ax.grid(True, axis=axis, color=NEUTRAL, alpha=0.2, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def legend_columns(n_entries: int) -> int:
    """Columns of a legend beside the axes; 0 where it has room inside."""
    return 0 if n_entries <= LEGEND_INSIDE else 1 if n_entries <= 14 else 2


def legend(ax: Axes, n_entries: int, **options: Any) -> None:
    """A legend: inside the axes where there is room, beside them where there are many entries."""
    columns = legend_columns(n_entries)
    if columns == 0:
        ax.legend(fontsize="small", framealpha=0.7, **options)
        return
    ax.legend(fontsize="small", frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), ncols=columns)


def shorten(name: str, length: int = 24) -> str:
    """A name that fits beside or below an axis."""
    return name if len(name) <= length else name[: length - 1] + "…"


def name_ticks(ax: Axes, names: Sequence[str], *, most: int = 40, both: bool = True) -> None:
    """Names the ticks 0, 1, ...: every one, or evenly chosen ones where there are many."""
    step = -(-len(names) // most)
    places = list(range(0, len(names), step))
    labels = [shorten(names[i]) for i in places]
    size = 10 if len(places) <= 12 else 8 if len(places) <= 24 else 6.5
    turned = max((len(label) for label in labels), default=0) > 3 or len(places) > 12
    ax.set_xticks(places, labels, rotation=90 if turned else 0, fontsize=size)
    if both:
        ax.set_yticks(places, labels, fontsize=size)


__all__ = [
    "COLOURS",
    "FEW_TASKS",
    "LEGEND_INSIDE",
    "NEUTRAL",
    "colour",
    "dashes",
    "grid",
    "ink",
    "legend",
    "legend_columns",
    "marker",
    "name_ticks",
    "one_axes",
    "panels",
    "pyplot",
    "shorten",
]
