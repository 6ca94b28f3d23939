"""Exact multi-task Gaussian processes and vector-valued kernel ridge regression.

Several outputs are predicted together from the same inputs, with their uncertainty and the covariance
between the tasks. The estimators behave as scikit-learn's; answers are in the units given.

Examples
--------
>>> import numpy as np
>>> import coregion as cg
>>> X = np.linspace(0.0, 6.0, 30)[:, None]
>>> Y = np.column_stack([np.sin(X), np.cos(X)]) + 0.1 * np.cos(X * [40.0, 52.0])
>>> gp = cg.MultiTaskGP(kernel=cg.kernels.Matern52(), task=cg.tasks.LowRank(rank=2)).fit(X, Y)
>>> mean, std = gp.predict([[2.5]], return_std=True)
>>> mean.shape, std.shape
((1, 2), (1, 2))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import kernels, metrics, mixings, tasks
from ._core import __version__
from ._gp import MultiTaskGP
from ._load import load
from ._report import FitReport, FitWarning
from ._ridge import MultiTaskKernelRidge
from ._task_view import TaskView
from .exceptions import (
    BoundaryWarning,
    CancelledError,
    ConvergenceWarning,
    CoregionError,
    CoregionWarning,
    DataWarning,
    DeviceError,
    IncompatibleError,
    InvalidValueError,
    LayoutError,
    MemoryBudgetError,
    MissingValueError,
    ModelFileError,
    NotFiniteError,
    NotFittedError,
    NotPositiveError,
    NumericalError,
    NumericalWarning,
    ShapeError,
    UnknownNameError,
)

if TYPE_CHECKING:
    from . import plots

__all__ = [
    "BoundaryWarning",
    "CancelledError",
    "ConvergenceWarning",
    "CoregionError",
    "CoregionWarning",
    "DataWarning",
    "DeviceError",
    "FitReport",
    "FitWarning",
    "IncompatibleError",
    "InvalidValueError",
    "LayoutError",
    "MemoryBudgetError",
    "MissingValueError",
    "ModelFileError",
    "MultiTaskGP",
    "MultiTaskKernelRidge",
    "NotFiniteError",
    "NotFittedError",
    "NotPositiveError",
    "NumericalError",
    "NumericalWarning",
    "ShapeError",
    "TaskView",
    "UnknownNameError",
    "__version__",
    "kernels",
    "load",
    "metrics",
    "mixings",
    "plots",
    "tasks",
]


def __getattr__(name: str) -> Any:
    """Imports `plots`, and with it matplotlib, when it is first asked for."""
    if name == "plots":
        import importlib

        return importlib.import_module(f"{__name__}.plots")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), "plots"})
