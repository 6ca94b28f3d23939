"""Eigenvalues of the task covariance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._correlation import correlation
from . import _style as style
from ._fitted import Floats, fitted_model, invalid, misshapen, square

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLES = {"covariance": "task covariance B", "correlation": "task correlation"}


def spectrum(gp: Any, *, of: str = "both", axes: Any = None) -> np.ndarray:
    """Draw the eigenvalues of the task covariance and of the task correlation, largest first.

    The axis on the right, and the number at each bar, is the share of the trace: how much of the signal's
    variance, summed over tasks, one direction explains. Few large values say that few latent functions serve
    all tasks. Eigenvalues of B weigh tasks by their variance, in squared units of the outputs; those of the
    correlation weigh all tasks alike.

    Parameters
    ----------
    gp : fitted estimator, or array (T, T)
        An array is taken as the covariance B.
    of : {"both", "covariance", "correlation"}
    axes : matplotlib Axes or array of them, optional
        One for each matrix.

    Returns
    -------
    numpy array of matplotlib Axes, one for each matrix

    Raises
    ------
    ValueError
        For another ``of``, an array that is not square, another number of axes than matrices.

    Examples
    --------
    >>> import numpy as np
    >>> from coregion import plots
    >>> axes = plots.spectrum(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> [round(float(bar.get_height()), 6) for bar in axes[0].patches]
    [3.0, 1.0]
    """
    if of not in ("both", *TITLES):
        raise invalid("of", repr(of), "'both', 'covariance' or 'correlation'")
    b = _covariance(gp)
    wanted = list(TITLES) if of == "both" else [of]
    if axes is None:
        _, found = style.pyplot().subplots(
            1, len(wanted), figsize=(4.4 * len(wanted), 3.4), squeeze=False, layout="constrained"
        )
        panels = np.asarray(found, dtype=object).ravel()
    else:
        panels = np.asarray(axes, dtype=object).ravel()
        if len(panels) != len(wanted):
            raise misshapen("axes", panels.shape, f"({len(wanted)},), one for each matrix")
    for ax, kind in zip(panels, wanted):
        _bars(ax, b if kind == "covariance" else correlation(b), kind)
    return panels


def _covariance(gp: Any) -> Floats:
    if hasattr(gp, "fit"):
        fitted_model(gp)
        return np.asarray(gp.task_covariance_, dtype=float)
    return square(gp, "a covariance")


def _bars(ax: Axes, matrix: Floats, kind: str) -> None:
    values = np.clip(np.linalg.eigvalsh(matrix)[::-1], 0.0, None)
    total = float(values.sum()) or 1.0
    count = len(values)
    places = np.arange(1, count + 1)
    ax.bar(places, values, width=0.8 if count <= 60 else 1.0, color=style.COLOURS[0])
    if count <= 8:
        for place, value in zip(places, values):
            ax.annotate(
                _percent(value / total),
                (place, value),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize="small",
            )
    ax.set_xlabel("direction")
    ax.set_ylabel("eigenvalue")
    ax.set_title(TITLES[kind], fontsize="medium")
    ax.set_ylim(0, 1.1 * float(values.max()) or 1.0)
    ax.set_xlim(0.4, count + 0.6)
    if count <= 20:
        ax.set_xticks(places[:: 1 if count <= 12 else 2])
    style.grid(ax, "y")
    share: Any = (lambda value: 100 * value / total, lambda percent: percent * total / 100)
    right = ax.secondary_yaxis("right", functions=share)
    right.set_ylabel("share of the trace (%)")


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.005 or share == 0.0 else "<1%"


__all__ = ["spectrum"]
