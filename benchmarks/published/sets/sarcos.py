"""Inverse dynamics of a robot arm: the published test file, split anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from baselines import kernel_ridge
from problem import Fold, Problem
from tables import MOST_ROWS, capped, floats, read


def folds(data: Path) -> Sequence[Fold]:
    """Random training rows of the split in the file."""
    rows = read(data, "sarcos_test4449")
    torques = [name for name in rows if name.startswith("torque")]
    train, test = (rows[rows["split"] == part] for part in ("train", "test"))
    train = train.iloc[capped(len(train))]
    inputs = [name for name in rows if name != "split" and name not in torques]
    return [Fold(floats(train[inputs]), floats(train[torques]), floats(test[inputs]), floats(test[torques]))]


PROBLEM = Problem(
    name="sarcos_test4449",
    protocol=f"{MOST_ROWS:,} random training rows of 3,000; 1,449 test rows",
    metric="SMSE",
    folds=folds,
    baseline=kernel_ridge,
    baseline_name="kernel ridge of each torque",
    bounded=False,
)
