"""Ratings of computers by 180 persons: persons are tasks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from baselines import ridge
from problem import Fold, Problem, Published
from tables import floats, read


def folds(data: Path) -> Sequence[Fold]:
    """Profiles 17 to 20 hidden."""
    design, ratings = (read(data, "computer_survey", file) for file in ("design.csv", "ratings.csv"))
    ratings = ratings[ratings["in_180"] == 1]
    Y = floats(ratings[[f"like_{profile}" for profile in design["profile"]]]).T
    X = floats(design.drop(columns=["profile", "split"]))
    return [Fold.of_rows(X, Y, (design["split"] == "test").to_numpy())]


PROBLEM = Problem(
    name="computer_survey",
    protocol="180 persons, 16 + 4 profiles",
    metric="RMSE",
    folds=folds,
    baseline=ridge,
    baseline_name="ridge of each person",
    published=[Published("MTL-FEAT", 1.93, False), Published("hierarchical Bayes", 1.90, False)],
)
