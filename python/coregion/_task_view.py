"""One task of a fitted model as a model of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _prediction, _scalars
from ._random import seed_of
from ._types import Floats

if TYPE_CHECKING:
    from ._gp import MultiTaskGP


class TaskView:
    """One task of a fitted `MultiTaskGP`: predictions of it alone, from everything the model has seen.

    Made by `MultiTaskGP.task_view`.

    Examples
    --------
    >>> import numpy as np
    >>> import coregion as cg
    >>> X = np.linspace(0.0, 6.0, 30)[:, None]
    >>> Y = np.column_stack([np.sin(X), np.cos(X)]) + 0.1 * np.cos(X * [40.0, 52.0])
    >>> view = cg.MultiTaskGP().fit(X, Y, task_names=["level", "flow"]).task_view("flow")
    >>> view
    TaskView('flow' of 2 tasks)
    >>> view.predict([[1.0], [2.0]]).shape
    (2,)
    """

    def __init__(self, estimator: MultiTaskGP, task: int) -> None:
        self._estimator = estimator
        self._task = task

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r} of {self._estimator.n_tasks_} tasks)"

    @property
    def name(self) -> str:
        """Name of the task."""
        return self._estimator.task_names_[self._task]

    @property
    def variance(self) -> float:
        """The task's own entry of B: the kernel times it is the prior covariance of its function, on the
        warped scale where there is a warp."""
        return float(self._estimator.task_covariance_[self._task, self._task])

    @property
    def noise_variance(self) -> float:
        """Variance of the noise of the task."""
        return float(self._estimator.noise_covariance_[self._task, self._task])

    @property
    def task_covariance(self) -> Floats:
        """Row of B (T,): the covariance of the task with every task."""
        return np.asarray(self._estimator.task_covariance_[self._task])

    @property
    def task_correlation(self) -> Floats:
        """Row of the task correlations (T,)."""
        return np.asarray(self._estimator.task_correlation_[self._task])

    def predict(
        self,
        X: Any,
        *,
        return_std: bool = False,
        return_cov: bool = False,
        include_noise: bool = False,
        quantiles: Any = None,
    ) -> Any:
        """Predictions of the task.

        Parameters
        ----------
        X : array-like (m, d)
        return_std, return_cov, include_noise, quantiles
            As of `MultiTaskGP.predict`.

        Returns
        -------
        mean : array (m,), with a standard deviation (m,) or a covariance (m, m) where asked for
            With ``quantiles`` an array (m, number of levels).

        Raises
        ------
        ValueError
            As `MultiTaskGP.predict`.
        """
        _prediction.check_kinds(return_std, return_cov, quantiles, include_noise, None)
        x = self._estimator._rows(X)
        numbers = np.full(len(x), self._task, dtype=np.int64)
        model, name = self._estimator._model(), [self.name]
        at = None if quantiles is None else _prediction.levels(quantiles)
        if at is not None:
            return _prediction.quantile_values(model, x, None, numbers, at, bool(include_noise))
        mean, std = _prediction.moments(
            model, x, None, numbers, std=bool(return_std), include_noise=bool(include_noise)
        )
        as_output = self._estimator._as_output
        if return_cov:
            return as_output(mean, name, X), _prediction.covariance(model, x, numbers, bool(include_noise))
        return (as_output(mean, name, X), as_output(std, name, X)) if return_std else as_output(mean, name, X)

    def sample_y(
        self, X: Any, n_samples: int = 1, random_state: Any = 0, *, include_noise: bool = False
    ) -> Floats:
        """Joint draws of the task (m, n_samples), as `MultiTaskGP.sample_y`.

        Parameters
        ----------
        X : array-like (m, d)
        n_samples : int
        random_state : int, numpy RandomState or Generator, or None
        include_noise : bool

        Returns
        -------
        array (m, n_samples)
        """
        x = self._estimator._rows(X)
        drawn = self._estimator._model().sample(
            x,
            _scalars.count(n_samples, "n_samples", least=1),
            include_noise=_scalars.switch(include_noise, "include_noise"),
            seed=seed_of(random_state, default=None),
        )
        return np.asarray(drawn[:, self._task])
