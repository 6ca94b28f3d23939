"""Heavy metals in the topsoil of the Swiss Jura: co-kriging with the other metals known everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from problem import Baseline, Floats, Fold, Problem, Published
from tables import floats, read


def folds(metals: list[str], data: Path) -> Sequence[Fold]:
    """The first metal hidden at the validation sites."""
    sites = read(data, "jura")
    hidden = np.zeros((len(sites), len(metals)), dtype=bool)
    hidden[(sites["split"] == "validation").to_numpy(), 0] = True
    return [Fold.of_gaps(floats(sites[["Xloc", "Yloc"]]), floats(sites[metals]), hidden)]


def of_logs(fold: Fold) -> Floats:
    """Least squares of the log of the first metal on the logs of the others; the exponential of the mean."""
    logs = np.log(fold.Y)
    seen = np.isfinite(logs[:, 0])
    inputs = np.column_stack([np.ones(len(logs)), logs[:, 1:]])
    weights = np.linalg.lstsq(inputs[seen], logs[seen, 0], rcond=None)[0]
    mean = np.tile(fold.training_means(), (len(fold.X_test), 1))
    mean[:, 0] = np.exp(inputs[fold.at] @ weights)
    return mean


def problem(metals: list[str], published: Sequence[Published]) -> Problem:
    """Co-kriging of the first metal."""
    others = ", ".join(metals[1:])
    baseline: Baseline = of_logs
    return Problem(
        name=f"jura {metals[0]}",
        protocol=f"259 + 100 sites; {others} known at all",
        metric="MAE",
        folds=partial(folds, metals),
        baseline=baseline,
        baseline_name=f"regression of log {metals[0]} on the logs of {others}",
        published=published,
    )


PROBLEMS = [
    problem(
        ["Cd", "Ni", "Zn"],
        [
            Published("full convolved GP", 0.447, True),
            Published("ordinary co-kriging", 0.51, True),
            Published("D-GPAR-NL", 0.4114, False),
        ],
    ),
    problem(
        ["Cu", "Pb", "Ni", "Zn"],
        [Published("full convolved GP", 7.45, True), Published("co-kriging", 7.8, True)],
    ),
]
