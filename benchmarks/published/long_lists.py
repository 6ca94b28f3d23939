"""Lists of observations of many tasks: parameters from some rows of the first fold, answers from all rows.

The covariance of all observations is factored, which no search over parameters can afford at every step.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from answers import ASKED, Answer, normal_log_density
from candidates import Candidate, Shape
from choice import MOST_STEPS, TOLERANCE, nats, optimism
from problem import Floats, LongFold
from search import Choice, Found, search
from tables import SEED

import coregion as cg
from coregion import kernels

MOST_CHOOSING_ROWS = 1000
MOST_LEARNING_ROWS = 3000


def drawn(fold: LongFold, most: int) -> LongFold:
    """At most so many training rows, at random."""
    rows = np.sort(np.random.RandomState(SEED).permutation(len(fold.X))[:most])
    return replace(fold, X=fold.X[rows], Y=fold.Y[rows], tasks=fold.tasks[rows])


def fitted(candidate: Candidate, fold: LongFold, **settings: Any) -> cg.MultiTaskGP:
    """The candidate with its parameters learned from the training rows."""
    gp = candidate.estimator(fold.n_tasks, fold.Y, **settings)
    return conditioned(gp, fold)


def conditioned(gp: cg.MultiTaskGP, fold: LongFold) -> cg.MultiTaskGP:
    """The estimator fitted to the training rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cg.CoregionWarning)
        return gp.fit(fold.X, fold.Y[:, 0], tasks=fold.tasks, task_names=list(range(fold.n_tasks)))


def chosen(fold: LongFold) -> Choice:
    """The candidate that some of the rows favour. Warps are of whole tables and not on the list here."""
    few = drawn(fold, MOST_CHOOSING_ROWS)
    # By the whole list: a second term would have to be conditioned on all of it.
    shape = Shape(few.X.shape[1], few.n_tasks, len(fold.Y), len(fold.Y), families=())

    def worth(candidate: Candidate) -> Found:
        gp = fitted(candidate, few, max_iter=MOST_STEPS, tol=TOLERANCE)
        mean, _ = gp.leave_one_out(by="entry")
        found = of_normal(few.Y[:, 0], mean, gp.leave_one_out(by="entry", quantiles=ASKED))
        cells = nats(found, few) - optimism(gp, candidate)
        return Found(float(np.nansum(cells)), cells)

    return search(shape, worth)


def together(fold: LongFold, learned: Path) -> tuple[Answer, dict[str, Any]]:
    """The multi-task answers; parameters are kept in the file ``learned`` and read from there."""
    report: dict[str, Any] = {"criteria": {}, "chosen": "that of the first fold"}
    if not learned.exists():
        choice = chosen(fold)
        report = {"criteria": choice.criteria, "chosen": str(choice.best)}
        fitted(choice.best, drawn(fold, MOST_LEARNING_ROWS)).save(learned)
    source = cg.load(learned)
    assert isinstance(source, cg.MultiTaskGP)
    noise = np.diag(source.noise_covariance_)
    mean = source.mean if isinstance(source.mean, str) else np.full(fold.n_tasks, float(fold.Y.mean()))
    held = cg.MultiTaskGP(source.kernel_, source.task_, noise, mean=mean, optimizer=None)
    gp = conditioned(held, fold)
    report |= {"solver": gp.report_.solver, "converged": bool(source.report_.converged)}
    return answer(gp, fold), report


def answer(gp: cg.MultiTaskGP, fold: LongFold) -> Answer:
    """Predictions of new observations (m, 1) of the test tasks."""
    mean = gp.predict(fold.X_test, tasks=fold.tasks_test)
    quantiles = gp.predict(fold.X_test, tasks=fold.tasks_test, quantiles=ASKED, include_noise=True)
    return of_normal(fold.truth[:, 0], mean, quantiles)


def of_normal(truth: Floats, mean: Floats, quantiles: Floats) -> Answer:
    """An answer from means (m,) and quantiles (m, q) of normal distributions."""
    density = normal_log_density(truth, quantiles[:, 4], quantiles[:, 5])
    return Answer(mean[:, None], quantiles[:, 4, None], quantiles[:, None, :4], density[:, None])


def one_by_one(fold: LongFold) -> tuple[Answer, dict[str, Any]]:
    """A single-task process with an isotropic Matern-5/2 kernel for each task: nothing is chosen here."""
    mean, quantiles = np.empty(len(fold.truth)), np.empty((len(fold.truth), len(ASKED)))
    for t in np.unique(fold.tasks_test):
        train, test = fold.tasks == t, fold.tasks_test == t
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", cg.CoregionWarning)
            gp = cg.MultiTaskGP(kernels.Matern52(ard=False)).fit(fold.X[train], fold.Y[train, 0])
        mean[test] = gp.predict(fold.X_test[test])
        quantiles[test] = gp.predict(fold.X_test[test], quantiles=ASKED, include_noise=True)
    return of_normal(fold.truth[:, 0], mean, quantiles), {"chosen": ["Matern52"]}
