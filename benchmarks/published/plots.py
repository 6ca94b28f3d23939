"""The figure of all sets: errors beside the simple baseline's, and the coverage of the intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from report import Row

BLUE, GREY, RED = "#1f77b4", "#8c8c8c", "#d62728"
STYLE: Any = {"svg.hashsalt": "coregion", "font.size": 8}


def draw(rows: Sequence[Row], file: Path, covered: tuple[float, float]) -> None:
    """Writes the figure as SVG."""
    places = np.arange(len(rows))[::-1]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.0, 0.8 + 0.22 * len(rows)), layout="constrained")
        errors, shares = figure.subplots(1, 2, sharey=True)
        errors.axvline(1.0, color=GREY, lw=0.8)
        errors.plot([r.single_ratio for r in rows], places, "o", color=GREY, ms=4, label="single-task GP")
        errors.plot([r.ratio for r in rows], places, "o", color=BLUE, ms=5, label="ours")
        errors.set_xscale("log")
        errors.set_xlabel("error over that of the simple baseline")
        errors.set_yticks(places, [r.problem.name for r in rows])
        errors.legend(frameon=False, loc="best")
        shares.axvspan(100 * covered[0], 100 * covered[1], color=BLUE, alpha=0.1, lw=0)
        for level, k, color in ((50, 0, RED), (95, 1, BLUE)):
            shares.axvline(level, color=color, lw=0.8)
            inside = [100 * r.coverage[k] for r in rows]
            shares.plot(inside, places, "o", color=color, ms=5, label=f"{level} % intervals")
        shares.set_xlabel("test cells inside, %")
        shares.legend(frameon=False, loc="lower left")
        for axes in (errors, shares):
            axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(file, metadata={"Date": None})
