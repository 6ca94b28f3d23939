"""Gaussians over all stations, one for each day."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from common.regression import Regression
from common.threads import in_threads
from numpy.typing import NDArray

import coregion as cg
from coregion import tasks

Floats = NDArray[np.float64]


class Joint(NamedTuple):
    """What a model says of m days, of what is to be measured on them."""

    mean: Floats
    """(m, T)."""
    covariance: Floats
    """Covariances (m, T, T) between the stations on each day."""

    @classmethod
    def constant(cls, mean: Floats, covariance: Floats) -> Joint:
        """The same covariance (T, T) on every day."""
        return cls(mean, np.broadcast_to(covariance, (len(mean), *covariance.shape)))

    @classmethod
    def of_regression(cls, z: Floats, y: Floats, zs: Floats) -> Joint:
        """Least squares of y (n, T) on the columns of z, at the rows of zs."""
        regression = Regression(z, y)
        mean, leverage = regression.predict(zs)
        return cls(mean, (1.0 + leverage)[:, None, None] * regression.covariance)

    @classmethod
    def of_tasks(cls, gp: cg.MultiTaskGP, X: pd.DataFrame) -> Joint:
        """Of a multi-task process; what it says of two different days together is not asked for."""
        return cls(gp.predict(X), gp.predict_task_covariances(X, include_noise=True))

    @classmethod
    def of_single_tasks(cls, gps: list[cg.MultiTaskGP], X: pd.DataFrame) -> Joint:
        """Of single-task processes, which know nothing of each other."""
        mean, std = predict_single_tasks(gps, X)
        return cls(mean, std[:, :, None] ** 2 * np.eye(len(gps)))

    @classmethod
    def gathered(cls, m: int, parts: Iterable[tuple[Joint, NDArray[np.int64]]]) -> Joint:
        """Parts, each with the places of its days among all m."""
        parts = list(parts)
        n_tasks = parts[0][0].mean.shape[1]
        every = cls(np.empty((m, n_tasks)), np.empty((m, n_tasks, n_tasks)))
        for part, places in parts:
            every.mean[places] = part.mean
            every.covariance[places] = part.covariance
        return every

    def plus(self, known: Floats) -> Joint:
        """The same with something known added."""
        return Joint(self.mean + known, self.covariance)

    @property
    def std(self) -> Floats:
        """Standard deviations (m, T)."""
        return np.asarray(np.sqrt(np.einsum("itt->it", self.covariance)))

    def of_mean(self) -> tuple[Floats, Floats]:
        """Means and standard deviations (m,) of the mean over the stations."""
        n_tasks = self.mean.shape[1]
        return self.mean.mean(axis=1), np.sqrt(self.covariance.sum(axis=(1, 2))) / n_tasks

    def losses(self, truth: Floats) -> Floats:
        """Negative log density (m,) in nats of what was measured on each day at all stations together:
        ``(r' C^-1 r + ln det C + T ln 2 pi) / 2``."""
        factors = np.linalg.cholesky(self.covariance)
        white = np.linalg.solve(factors, (truth - self.mean)[:, :, None])[:, :, 0]
        log_det = 2.0 * np.log(np.einsum("itt->it", factors)).sum(axis=1)
        losses = (white**2).sum(axis=1) + log_det + truth.shape[1] * np.log(2.0 * np.pi)
        return np.asarray(0.5 * losses)


def second_moment(errors: Floats) -> Floats:
    """Covariance (T, T) of errors (n, T) around zero."""
    return errors.T @ errors / len(errors)


def fit_single_tasks(settings: dict[str, Any], X: pd.DataFrame, Y: pd.DataFrame) -> list[cg.MultiTaskGP]:
    """A Gaussian process for each column of Y alone, with the kernel of some settings."""
    alone = {**settings, "task": tasks.Diagonal(), "noise": "per-task"}

    def fitted(name: str) -> cg.MultiTaskGP:
        seen = Y[name].notna().to_numpy()
        return cg.MultiTaskGP(**alone).fit(X[seen], Y.loc[seen, [name]])

    return in_threads(fitted, Y.columns)


def predict_single_tasks(gps: list[cg.MultiTaskGP], X: pd.DataFrame) -> tuple[Floats, Floats]:
    """Means and standard deviations (m, T) of new observations, each task by its own process."""
    answers = [gp.predict(X, return_std=True, include_noise=True) for gp in gps]
    means, stds = zip(*answers)
    return np.hstack(means), np.hstack(stds)
