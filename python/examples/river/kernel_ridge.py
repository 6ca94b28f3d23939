"""Kernel ridge regression of the outputs, chosen by what it says of training rows left out."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
from common.threads import in_threads

import coregion as cg
from coregion import kernels, tasks

from .data import GAUGES, Counts, Floats, Form, Windows, rrmse

LENGTHSCALES = [2, 4, 6, 8, 10]
"""Powers of two of the lengthscales to choose from."""
KERNELS = {
    f"RBF 2^{p}{'*' if p == LENGTHSCALES[0] else ''}": kernels.RBF(lengthscale=2.0**p, ard=False)
    for p in LENGTHSCALES
} | {"linear": kernels.Linear(bias=1.0)}
"""The kernels to choose from: the linear one is the limit of long lengthscales, the shortest has a star."""
PENALTIES = np.power(10.0, 0.5 * np.arange(-18, 13))
"""Penalties to choose from for one gauge."""
MULTIPLES = [0.1, 0.3, 1.0, 3.0, 10.0]
"""Multiples of these penalties to choose from for all gauges together."""
SHARES = [0.0, 0.3, 0.6, 0.9]
"""Shares of the correlation matrix of the training outputs in that of the tasks."""


@dataclass(frozen=True)
class Alone:
    """What leaving out says of a kernel for each gauge by itself: the best penalty (T,) and its RRMSE."""

    penalties: Floats
    errors: Floats


@dataclass(frozen=True)
class Shared:
    """The multi-task model taken: its kernel in words, the share of the correlations, the aRRMSE as
    leaving out estimates it."""

    name: str
    share: float
    error: float
    ridge: cg.MultiTaskKernelRidge


@dataclass(frozen=True)
class Own:
    """The model of one gauge taken, and its RRMSE as leaving out estimates it."""

    name: str
    penalty: float
    error: float
    ridge: cg.MultiTaskKernelRidge


class Setting:
    """The training rows in some form, inputs and outputs standardised."""

    def __init__(self, training: Windows, form: Form) -> None:
        self.training, self.form = training, form
        y = form.outputs(training)
        self.mean, self.scale = y.mean(axis=0), y.std(axis=0)
        self.x = form.inputs(training, training)
        self.y = pd.DataFrame((y - self.mean) / self.scale, columns=GAUGES)
        self.correlation = np.corrcoef(y, rowvar=False)

    def alone(self, groups: Counts | None) -> dict[str, Alone]:
        """What leaving out rows, or groups of them, says of every kernel for each gauge by itself."""
        n_tasks = len(GAUGES)
        found = {}
        for name, kernel in KERNELS.items():
            # Every pair of a penalty and a gauge is a task of its own, and tasks are independent: one
            # eigendecomposition, and leaving out in closed form, serve them all.
            ridge = cg.MultiTaskKernelRidge(
                kernel, alpha=1.0, task_penalties=np.repeat(PENALTIES, n_tasks), fit_intercept=True
            )
            ridge.fit(self.x, np.tile(self.y, len(PENALTIES)))
            mean, _ = ridge.leave_one_out(by="row", groups=groups)
            each = mean.reshape(len(mean), len(PENALTIES), n_tasks).swapaxes(0, 1)
            errors = self._errors(each)  # (penalties, gauges)
            found[name] = Alone(PENALTIES[errors.argmin(axis=0)], errors.min(axis=0))
        return found

    def own(self, alone: dict[str, Alone]) -> list[Own]:
        """For each gauge the model with the best kernel and penalty."""

        def fitted(t: int) -> Own:
            name = min(alone, key=lambda name: alone[name].errors[t])
            penalty = alone[name].penalties[t]
            ridge = cg.MultiTaskKernelRidge(KERNELS[name], alpha=penalty, fit_intercept=True)
            return Own(name, penalty, alone[name].errors[t], ridge.fit(self.x, self.y.iloc[:, t]))

        return in_threads(fitted, range(len(GAUGES)))

    def shared(self, alone: dict[str, Alone], groups: Counts | None) -> Shared:
        """The best of all kernels, task covariances and penalties.

        A task covariance is ``D^1/2 ((1 - rho) I + rho R) D^1/2`` with the correlations R of the training
        outputs, and in ``1 / D`` the penalties that are best for the gauges by themselves: with rho = 0
        nothing is shared but the kernel. The criterion chooses rho and a multiple of the penalties for
        each kernel, the aRRMSE of what is left out the kernel.
        """
        found = []
        for name, best in alone.items():
            ridge = cg.MultiTaskKernelRidge(
                KERNELS[name],
                tasks=[self._covariance(best.penalties, rho) for rho in SHARES],
                alphas=MULTIPLES,
                cv="row" if groups is None else groups,
                fit_intercept=True,
                refine=True,
            ).fit(self.x, self.y)
            mean, _ = ridge.leave_one_out(by="row", groups=groups)
            error = float(self._errors(mean).mean())
            found.append(Shared(name, SHARES[ridge.task_index_], error, ridge))
        return min(found, key=lambda shared: shared.error)

    def flows_of_shared(self, shared: Shared, at: Windows) -> Floats:
        """Flows (m, T) by the multi-task model."""
        return self._flows(shared.ridge.predict(self.form.inputs(self.training, at)), at)

    def flows_of_own(self, own: list[Own], at: Windows) -> Floats:
        """Flows (m, T), each gauge by its own model."""
        x = self.form.inputs(self.training, at)
        return self._flows(np.column_stack([one.ridge.predict(x) for one in own]), at)

    def _covariance(self, penalties: Floats, rho: float) -> tasks.Task:
        root = penalties**-0.5
        mixed = (1.0 - rho) * np.eye(len(root)) + rho * self.correlation
        return tasks.Fixed(mixed * np.outer(root, root))

    def _flows(self, outputs: Floats, at: Windows) -> Floats:
        """Flows from standardised outputs."""
        return self.form.flows(outputs * self.scale + self.mean, at)

    def _errors(self, outputs: Floats) -> Floats:
        """RRMSE of each gauge at the training rows by standardised outputs."""
        training = self.training
        return rrmse(training.y, self._flows(outputs, training), training.y)


@dataclass(frozen=True)
class Chosen:
    """Models chosen by leaving out rows or groups of them."""

    by: str
    shared: Shared
    own: list[Own]
    seconds: float

    @classmethod
    def by_leaving_out(cls, groups: Counts | None, setting: Setting) -> Chosen:
        """Chooses them."""
        begin = time.perf_counter()
        alone = setting.alone(groups)
        own, shared = setting.own(alone), setting.shared(alone, groups)
        by = "row" if groups is None else f"{len(np.unique(groups))} groups of rows"
        return cls(by, shared, own, time.perf_counter() - begin)
