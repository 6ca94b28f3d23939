"""The multi-target sets of the Mulan collection."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from baselines import kernel_ridge, ridge, training_mean
from problem import Baseline, Fold, Problem, Published
from tables import MOST_ROWS, capped, completed, encoded, floats, read


def folds(name: str, data: Path) -> Sequence[Fold]:
    """The folds of the file, or random training rows of its split."""
    rows = read(data, name)
    inputs = encoded(rows[[column for column in rows if column.startswith("x_")]])
    Y = floats(rows[[column for column in rows if column.startswith("y_")]])
    if "fold" in rows:
        parts = [(rows["fold"] != k, rows["fold"] == k) for k in range(10)]
    else:
        parts = [(rows["split"] == "train", rows["split"] == "test")]
    found = []
    for train, test in parts:
        kept = train.to_numpy().nonzero()[0]
        kept = kept[capped(len(kept))]
        a, b = completed(inputs.iloc[kept], inputs[test])
        found.append(Fold(a, Y[kept], b, Y[test.to_numpy()]))
    return found


def problem(name: str, baseline: Baseline, baseline_name: str, published: float | None = None) -> Problem:
    """A set with its own folds, or where it has a split, at most ``MOST_ROWS`` training rows of that."""
    return Problem(
        name=f"mulan_{name}",
        protocol="ten folds" if published else f"{MOST_ROWS:,} random training rows",
        metric="aRRMSE",
        folds=partial(folds, f"mulan_{name}"),
        baseline=baseline,
        baseline_name=baseline_name,
        published=[Published("bagged trees, other folds", published, False)] if published else [],
    )


PROBLEMS = [
    problem("andro", kernel_ridge, "kernel ridge", 0.602),
    problem("atp1d", kernel_ridge, "kernel ridge", 0.374),
    problem("edm", kernel_ridge, "kernel ridge", 0.742),
    problem("oes97", ridge, "ridge", 0.525),
    problem("osales", kernel_ridge, "kernel ridge", 0.748),
    problem("rf1", kernel_ridge, "kernel ridge"),
    problem("scm20d", kernel_ridge, "kernel ridge"),
    problem("sf1", training_mean, "the mean", 1.135),
    problem("sf2", training_mean, "the mean", 1.149),
    problem("wq", kernel_ridge, "kernel ridge", 0.908),
]
