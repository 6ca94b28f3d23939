"""How learning went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _style as style
from ._fitted import fitted_process, invalid

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def learning_trace(gp: Any, *, scale: str = "value", ax: Axes | None = None) -> Axes:
    """Draw the log posterior density at each evaluation of the objective, in the order made.

    Points are the evaluations of the best start, the line is the best value so far. Where there were
    restarts, a tick at the right marks what each start reached.

    Parameters
    ----------
    gp : fitted MultiTaskGP
    scale : {"value", "gap"}
        ``"value"``: log posterior density in nats. ``"gap"``: how far below the best one, on a logarithmic
        axis; the best evaluation itself has no place there.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For another ``scale``, and where nothing was learned.

    Examples
    --------
    >>> import numpy as np
    >>> import coregion as cg
    >>> from coregion import plots
    >>> x = np.linspace(0.0, 6.0, 25)[:, None]
    >>> gp = cg.MultiTaskGP().fit(x, np.hstack([np.sin(x), np.cos(x)]) + 0.1 * np.cos(40.0 * x))
    >>> plots.learning_trace(gp).get_xlabel()
    'evaluation of the objective'
    """
    if scale not in ("value", "gap"):
        raise invalid("scale", repr(scale), "'value' or 'gap'")
    report = fitted_process(gp, "learning_trace").report
    trace = np.asarray(report["trace"], dtype=float).reshape(-1, 2)
    if not len(trace):
        raise invalid("gp", "a model of which nothing was learned", "a model with a learned parameter")
    number, value = trace.T
    best = np.maximum.accumulate(np.where(np.isfinite(value), value, -np.inf))
    top = best[-1]
    ax = style.one_axes(ax, (5.4, 3.4))
    ink = style.COLOURS[0]
    if scale == "gap":
        gap, so_far = top - value, top - best
        ax.set_yscale("log")
        ax.plot(number[gap > 0], gap[gap > 0], "o", color=ink, markersize=4, alpha=0.6, label="evaluation")
        ax.plot(
            number[so_far > 0], so_far[so_far > 0], color=ink, drawstyle="steps-post", label="best so far"
        )
        ax.set_ylabel("log posterior below the best (nats)")
    else:
        ax.plot(number, value, "o", color=ink, markersize=4, alpha=0.6, label="evaluation")
        ax.plot(number, best, color=ink, drawstyle="steps-post", label="best so far")
        reached = list(report["restarts"])
        if len(reached) > 1:
            right = np.full(len(reached), number[-1] + 0.04 * max(1.0, number[-1] - 1.0))
            ax.plot(
                right,
                reached,
                "_",
                color=style.COLOURS[1],
                markersize=12,
                label="reached by each start",
            )
        ax.set_ylabel("log posterior density (nats)")
        ax.ticklabel_format(axis="y", useOffset=False)
    ax.set_xlabel("evaluation of the objective")
    ax.locator_params(axis="x", integer=True)
    style.grid(ax)
    ax.legend(fontsize="small", framealpha=0.7)
    return ax


__all__ = ["learning_trace"]
