"""Constituents of biscuit doughs from near-infrared spectra."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from baselines import of_gram
from problem import Floats, Fold, Problem
from tables import floats, read


def folds(data: Path) -> Sequence[Fold]:
    """The validation samples hidden."""
    doughs = read(data, "biscuits_nir")
    X = floats(doughs[[name for name in doughs if name.startswith("nm")]])
    Y = floats(doughs[[name for name in doughs if name.startswith("y_")]])
    return [Fold.of_rows(X, Y, (doughs["split"] == "test").to_numpy())]


def ridge_of_raw(fold: Fold) -> Floats:
    """Ridge regression on the channels as they are; the penalty by leave-one-out."""
    return of_gram(fold.X @ fold.X.T, fold.X_test @ fold.X.T, fold.Y, np.logspace(-12, 0, 49))[0]


PROBLEM = Problem(
    name="biscuits_nir",
    protocol="39 + 31 doughs, 300 channels; the mean of four SMSE",
    metric="SMSE",
    folds=folds,
    baseline=ridge_of_raw,
    baseline_name="ridge on the channels",
    bounded=False,
)
