"""Plots of fitted models: what was learned of the tasks, what is predicted, whether it can be trusted.

Every function takes a fitted estimator, draws into the axes given or into a new figure, and returns the
matplotlib ``Axes`` (an array of them where each task has its own). Nothing is shown and no setting of
matplotlib is changed. matplotlib is loaded by the first plot; ``pip install coregion[plots]`` brings it.
"""

from ._calibration import coverage, pit
from ._learning_trace import learning_trace
from ._leave_out import leave_out, residuals
from ._predictions import predictions
from ._spectrum import spectrum
from ._task_correlation import task_correlation

__all__ = [
    "coverage",
    "learning_trace",
    "leave_out",
    "pit",
    "predictions",
    "residuals",
    "spectrum",
    "task_correlation",
]
