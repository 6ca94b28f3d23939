"""The choice among a short list of models, by the training rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

import coregion as cg
from coregion import tasks

from .threads import in_threads


@dataclass
class Candidate:
    """A model of the list, fitted."""

    name: str
    n_parameters: int
    settings: dict[str, Any]
    """Arguments of `coregion.MultiTaskGP`, to fit the same model to other rows."""
    gp: cg.MultiTaskGP

    @property
    def aic(self) -> float:
        """Akaike's criterion: twice the number of parameters less twice the log likelihood."""
        return 2.0 * (self.n_parameters - self.gp.log_marginal_likelihood_)


def n_learned(gp: cg.MultiTaskGP) -> int:
    """Number of parameters learned: a factor of a covariance is triangular, and means are held."""
    count = 0
    for path, value in gp.parameters_.items():
        if path.startswith("mean."):
            continue
        is_triangular = path.endswith(".factor")
        count += len(value) * (len(value) + 1) // 2 if is_triangular else np.size(value)
    return count


def compare(
    X: Any, Y: Any, kernels: dict[str, Any], ranks: Sequence[int | None], noises: list[str]
) -> list[Candidate]:
    """Fits every kernel with a task covariance of each rank, free form for ``None``, and each noise.

    Prints the log likelihoods. The models come back in the order of Akaike's criterion, the best first.
    """
    structures = list(product(noises, ranks))

    def fitted(choice: tuple[str, tuple[str, int | None]]) -> Candidate:
        kernel, (noise, rank) = choice
        # Rotations of the factor of a low-rank covariance leave the model as it is.
        redundant = 0 if rank is None else rank * (rank - 1) // 2
        task = tasks.FreeForm() if rank is None else tasks.LowRank(rank=rank)
        settings = {"kernel": kernels[kernel], "task": task, "noise": noise}
        gp = cg.MultiTaskGP(**settings).fit(X, Y)
        name = f"{kernel}, B {_form(rank)}, noise {noise}"
        return Candidate(name, n_learned(gp) - redundant, settings, gp)

    found = in_threads(fitted, product(kernels, structures))

    width = 11 * len(ranks) - 1
    over = " ".join(f"{f'noise {noise}':{width}}" for noise in noises)
    print(f"  {'':18}  {over.rstrip()}")
    print(f"  {'kernel':18}", *(f"{_form(rank):>10}" for _, rank in structures), f"{'time, s':>10}")
    for place, kernel in enumerate(kernels):
        row = found[place * len(structures) : (place + 1) * len(structures)]
        likelihoods = (f"{c.gp.log_marginal_likelihood_:10.1f}" for c in row)
        seconds = sum(c.gp.report_.wall_time for c in row)
        print(f"  {kernel:18}", *likelihoods, f"{seconds:10.1f}")
    unconverged = sum(not c.gp.report_.converged for c in found)
    decompositions = sum(c.gp.report_.eigendecompositions for c in found)
    print(f"  ({len(found)} fits, {unconverged} not converged; {decompositions} eigendecompositions)")
    return sorted(found, key=lambda c: c.aic)


def _form(rank: int | None) -> str:
    return "free-form" if rank is None else f"rank {rank}"
