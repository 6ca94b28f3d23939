"""The fixed list of models that every set chooses from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from problem import Floats, Fold

import coregion as cg
from coregion import kernels, tasks

MOST_COLUMNS = 30
"""Inputs up to which a lengthscale for each is on the list."""
FEWEST_OF_INPUT = 20
"""Observations for each input from which so."""
MOST_FREE_TASKS = 16
"""Tasks up to which a task covariance of free form and a full noise covariance are on the list."""
MOST_DENSE = 1000
MOST_DENSE_OF_GAPS = 2000
"""Observations at choosing up to which two terms are on the list, where new rows and where gaps are asked."""

KERNELS: dict[str, Callable[[bool], kernels.Kernel]] = {
    "Matern52": lambda ard: kernels.Matern52(ard=ard),
    "Matern32": lambda ard: kernels.Matern32(ard=ard),
    "Matern12": lambda ard: kernels.Matern12(ard=ard),
    "RBF": lambda ard: kernels.RBF(ard=ard),
    "RationalQuadratic": lambda ard: kernels.RationalQuadratic(ard=ard),
    "Constant": lambda ard: kernels.Constant(),
    "Linear": lambda ard: kernels.Linear(),
    "Matern32 + Linear": lambda ard: kernels.Matern32(ard=ard) + kernels.Scale(kernels.Linear()),
}
TASKS: dict[str, Callable[[int], tasks.Task]] = {
    "exchangeable": lambda n: tasks.Kernel(kernels.Constant(), np.ones((n, 1)), diagonal=1.0),
    "rank 1": lambda n: tasks.LowRank(rank=1),
    "rank 2": lambda n: tasks.LowRank(rank=2),
    "rank 3": lambda n: tasks.LowRank(rank=3),
    "rank 2 of signal, rest of noise": lambda n: tasks.LowRank(rank=2, residual="noise"),
    "free form": lambda n: tasks.FreeForm(),
}
FEWEST_WARPED = 100
"""Outputs of a task from which a warp may be learned."""
FEWEST_DISTINCT = 0.5
"""Share of distinct values above which outputs may be warped."""
FAMILIES = ["box-cox", "yeo-johnson", "sinh-arcsinh"]
"""Warps, learned for each task that admits them."""


@dataclass(frozen=True)
class Candidate:
    """A model by the names of its parts."""

    kernel: str = "Matern52"
    task: str = "rank 2"
    noise: str = "per-task"
    ard: bool = False
    """Whether each input has a lengthscale of its own."""
    warp: str | None = None
    second: str | None = None
    """The kernel of a second term with a task covariance of its own."""

    def __str__(self) -> str:
        """Parts that are not the first choice, in words."""
        kernel = self.kernel if self.second is None else f"{self.kernel} and {self.second}, each its B"
        lengthscales = "a lengthscale for each input" if self.ard else None
        parts = [kernel, lengthscales, self.task, f"{self.noise} noise", self.warp]
        return ", ".join(part for part in parts if part)

    @property
    def is_exchangeable(self) -> bool:
        """Whether nothing tells the tasks apart before the data."""
        return self.task == "exchangeable"

    def estimator(self, n_tasks: int, Y: Floats, **settings: Any) -> cg.MultiTaskGP:
        """The estimator for so many tasks, whose outputs are Y: a column each, or one of all.

        Exchangeable tasks share the mean of all outputs; others have a level each, estimated.
        """
        if self.is_exchangeable:
            settings["mean"] = np.full(n_tasks, np.nanmean(Y))
        if self.warp:
            settings["warp"] = [self.warp if admits(self.warp, y) else None for y in Y.T]

        def term(name: str) -> tuple[kernels.Kernel, tasks.Task]:
            task = TASKS[self.task](n_tasks) if n_tasks > 1 else tasks.Diagonal()
            return KERNELS[name](self.ard), task

        if self.second is None:
            kernel, task = term(self.kernel)
            settings |= {"kernel": kernel, "task": task}
        else:
            settings |= {"terms": [term(self.kernel), term(self.second)]}
        return cg.MultiTaskGP(noise=self.noise, **settings)


def admits(family: str, y: Floats) -> bool:
    """Whether a warp may be learned: not from few outputs, nor many ties, on which any density fits."""
    y = y[np.isfinite(y)]
    is_told = len(y) >= FEWEST_WARPED and len(np.unique(y)) > FEWEST_DISTINCT * len(y)
    return is_told and (family != "box-cox" or bool((y > 0.0).all()))


@dataclass(frozen=True)
class Shape:
    """What of a table decides which candidates fit it."""

    n_columns: int
    n_tasks: int
    n_observations: int
    """At choosing."""
    n_rows: int
    """Of the whole training table."""
    families: tuple[str, ...]
    """Warps that some task admits."""
    is_table: bool = False
    """Whether gaps of the training table are asked."""

    @classmethod
    def of(cls, part: Fold, n_rows: int) -> Shape:
        """The shape of the part of a fold that does at choosing, from so many training rows."""
        X, Y = part.X, part.Y
        families = tuple(family for family in FAMILIES if any(admits(family, y) for y in Y.T))
        n_seen = int(np.isfinite(Y).sum())
        return cls(X.shape[1], Y.shape[1], n_seen, n_rows, families, part.is_table)


def first(shape: Shape) -> Candidate:
    """Where the search starts."""
    if shape.n_tasks == 1:
        return Candidate(task="one task", noise="shared")
    if shape.n_tasks > MOST_FREE_TASKS:
        return Candidate(task="exchangeable", noise="shared")
    return Candidate()


def stages(shape: Shape) -> list[Callable[[Candidate], Iterator[Candidate]]]:
    """Changes of one part of the best so far, part by part."""
    parts = [warps, of_inputs, of_tasks, of_kernels, of_noises, of_terms]
    if shape.n_tasks == 1:
        parts = [warps, of_inputs, of_kernels]
    return [lambda best, part=part: part(shape, best) for part in parts]  # type: ignore[misc]


def of_inputs(shape: Shape, best: Candidate) -> Iterator[Candidate]:
    """A lengthscale for each input."""
    few = shape.n_observations < FEWEST_OF_INPUT * shape.n_columns
    if 1 < shape.n_columns <= MOST_COLUMNS and not few:
        yield replace(best, ard=True)


def of_kernels(shape: Shape, best: Candidate) -> Iterator[Candidate]:
    """Every other kernel."""
    return (replace(best, kernel=name) for name in KERNELS if name != best.kernel)


def of_tasks(shape: Shape, best: Candidate) -> Iterator[Candidate]:
    """Every other task covariance that the number of tasks admits."""
    names = ["rank 1", "rank 3", "free form"]
    if shape.n_tasks > MOST_FREE_TASKS:
        names = ["rank 2 of signal, rest of noise"] + ["rank 1", "rank 2"] * (shape.n_rows > shape.n_tasks)
    elif shape.n_tasks <= 3:
        names.remove("rank 3")
    for name in names:
        noise = "per-task" if name != "exchangeable" else best.noise
        yield replace(best, task=name, noise=noise)


def of_noises(shape: Shape, best: Candidate) -> Iterator[Candidate]:
    """The other forms of the noise."""
    if shape.n_tasks <= MOST_FREE_TASKS:
        yield replace(best, noise="full")
    elif best.task == "exchangeable":
        yield replace(best, noise="per-task")


def warps(shape: Shape, best: Candidate) -> Iterator[Candidate]:
    """Warps learned for every task."""
    return (replace(best, warp=family) for family in shape.families)


def of_terms(shape: Shape, best: Candidate) -> Iterator[Candidate]:
    """A second, rougher or longer, term."""
    most = MOST_DENSE_OF_GAPS if shape.is_table else MOST_DENSE
    if shape.n_observations <= most and best.noise != "full":
        for name in ("Matern12", "RBF"):
            if name != best.kernel:
                yield replace(best, second=name)
