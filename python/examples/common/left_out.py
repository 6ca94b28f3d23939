"""Models of the Jura metals: what each says of sites left out, and of sites that nothing was learned from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import coregion as cg

from .densities import log_density
from .jura import CATEGORIES, METALS, PLACE, Sites
from .regression import Regression

Floats = NDArray[np.float64]

COMMON = 20
"""Sites that a category must have to count in least squares."""


class Joint:
    """A Gaussian process or kernel ridge regression of all metals."""

    def __init__(self, estimator: cg.MultiTaskGP | cg.MultiTaskKernelRidge) -> None:
        self.estimator = estimator

    def left_out(self, sites: Sites, by: str, groups: Any = None) -> Floats:
        """Log densities of what is left out at a time, in closed form; NaN where they cannot be had."""
        try:
            _, _, density = self.estimator.leave_one_out(by, groups, return_log_density=True)
        except cg.IncompatibleError:
            return np.array([np.nan])  # nothing is left to learn the intercept of a task from
        return np.ravel(density)

    def densities_at(self, training: Sites, at: Sites) -> Floats:
        """Log density of the metals of each site together."""
        gp = self.estimator
        if isinstance(gp, cg.MultiTaskKernelRidge):
            gp = gp.posterior()
        logs = at.logs[gp.task_names_].to_numpy()
        mean, covariance = gp.predict(at.X, return_cov=True, include_noise=True)
        rows = np.arange(len(at))
        return log_density(logs - mean, covariance[rows, :, rows, :])


class Alone:
    """A process for each metal."""

    def __init__(self, models: list[Joint]) -> None:
        self.models = models

    def left_out(self, sites: Sites, by: str, groups: Any = None) -> Floats:
        """Log densities of what is left out at a time."""
        each = [model.left_out(sites, by, groups) for model in self.models]
        single = groups is None and by in ("entry", "task")
        return np.concatenate(each) if single else np.asarray(np.sum(each, axis=0))

    def densities_at(self, training: Sites, at: Sites) -> Floats:
        """Log density of the metals of each site together."""
        return np.asarray(np.sum([model.densities_at(training, at) for model in self.models], axis=0))


class Baseline:
    """The mean, or least squares on the place and the common categories of a site: no kernel."""

    def __init__(self, *, with_site: bool, independent: bool) -> None:
        self.with_site = with_site
        self.independent = independent

    def _columns(self, training: Sites, sites: Sites) -> Floats:
        if not self.with_site:
            return np.empty((len(sites), 0))
        columns = [sites.X[PLACE].to_numpy()]
        for name in CATEGORIES:
            counts = training.X[name].value_counts().sort_index()
            # One of the categories is what the others are told from.
            common = counts.index[counts >= COMMON][1:]
            columns.append(sites.X[name].to_numpy()[:, None] == common.to_numpy())
        return np.hstack(columns).astype(float)

    def _said(self, training: Sites, known: Sites, at: Sites) -> tuple[Floats, Floats]:
        """Residuals (m, T) and their covariances (m, T, T) at some sites, learned from others."""
        regression = Regression(self._columns(training, known), known.logs)
        mean, leverage = regression.predict(self._columns(training, at))
        covariance = regression.covariance
        if self.independent:
            covariance = np.diag(np.diag(covariance))
        return at.logs.to_numpy() - mean, (1.0 + leverage)[:, None, None] * covariance

    def left_out(self, sites: Sites, by: str, groups: Any = None) -> Floats:
        """Log densities of what is left out at a time, learned anew; NaN for whole metals."""
        if by == "task":
            return np.array([np.nan])
        labels = np.arange(len(sites)) if groups is None else np.asarray(groups)
        out = []
        for label in np.unique(labels):
            inside = labels == label
            residuals, covariances = self._said(sites, sites.rows(~inside), sites.rows(inside))
            if by == "entry":
                for t in range(len(METALS)):
                    others = np.delete(np.arange(len(METALS)), t)
                    of_others = covariances[:, others][:, :, others]
                    gain = log_density(residuals, covariances)
                    out.append(gain - log_density(residuals[:, others], of_others))
            else:
                out.append(log_density(residuals, covariances).sum(keepdims=True))
        return np.concatenate(out)

    def densities_at(self, training: Sites, at: Sites) -> Floats:
        """Log density of the metals of each site together."""
        return log_density(*self._said(training, training, at))


@dataclass
class Judged:
    """A model and what it says of each site."""

    name: str
    model: Joint | Alone | Baseline
    left_out: Floats
    """Log density of each training site, left out."""
    unseen: Floats = field(default_factory=lambda: np.empty(0))
    """Log density of each validation site."""

    def total(self) -> float:
        """Sum of the log densities of the sites left out."""
        return float(self.left_out.sum())
