"""Where figures go, and a scatter plot that several examples draw. matplotlib is loaded on first use."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY, BLUE, RED = "#969696", "#2166ac", "#b2182b"


def folder_from_arguments(description: str | None) -> Path | None:
    """The folder for figures that the command line names; without one no figure is drawn."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figures", nargs="?", type=Path, help="folder for the figure; none is drawn without")
    folder: Path | None = parser.parse_args().figures
    return folder


def save(figure: Figure, folder: Path, name: str) -> None:
    """Writes a figure into the folder, which is made, and says where."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    figure.savefig(path)
    print(f"Figure: {path}")


def scatter(
    ax: Axes,
    metal: str,
    measured: ArrayLike,
    predicted: Sequence[tuple[ArrayLike, str]],
    ticks: Sequence[float],
) -> None:
    """Predicted against measured concentrations on logarithmic axes: open circles, then full ones."""
    measured = np.asarray(measured)
    styles: list[dict[str, Any]] = [
        {"facecolors": "none", "edgecolors": GREY},
        {"facecolors": BLUE, "edgecolors": "none"},
    ]
    for (values, label), style in zip(predicted, styles):
        ax.scatter(measured, values, s=22, label=label, **style)
    both = np.concatenate([measured, *(np.asarray(values) for values, _ in predicted)])
    low, high = both.min() / 1.15, both.max() * 1.15
    ax.plot([low, high], [low, high], color="black", linewidth=0.8, zorder=0)
    shown = [tick for tick in ticks if low <= tick <= high]
    for axis, set_scale, set_limits in (
        (ax.xaxis, ax.set_xscale, ax.set_xlim),
        (ax.yaxis, ax.set_yscale, ax.set_ylim),
    ):
        set_scale("log")
        set_limits(low, high)
        axis.set_ticks(shown, [f"{tick:g}" for tick in shown])
        axis.set_ticks([], minor=True)
    ax.set(title=f"{metal} at the validation sites, mg/kg", xlabel="measured", ylabel="predicted median")
    ax.set_aspect("equal")
    ax.legend(loc="upper left", fontsize=8)
