"""Reading columns of the data sets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from problem import Floats

SEED = 20240701
"""Of every random draw of rows."""
MOST_ROWS = 2000
"""Training rows that are kept of large sets."""


def read(data: Path, name: str, file: str = "data.csv") -> pd.DataFrame:
    """A file of a set; empty cells are NaN."""
    return pd.read_csv(data / name / file)


def floats(frame: pd.DataFrame | pd.Series) -> Floats:
    """Numbers, missing ones NaN."""
    return np.asarray(frame.to_numpy(dtype=float))


def blocks(at: pd.Series, outputs: list[str], hidden: Iterable[tuple[str, Any, Any]]) -> NDArray[np.bool_]:
    """The cells (n, T) of some outputs between two places, both inclusive, in a column of the table."""
    mask = np.zeros((len(at), len(outputs)), dtype=bool)
    for output, first, last in hidden:
        mask[at.between(first, last).to_numpy(), outputs.index(output)] = True
    return mask


def encoded(inputs: pd.DataFrame) -> pd.DataFrame:
    """Nominal inputs one-hot, numbers as they are."""
    return pd.get_dummies(inputs, dtype=float)


def completed(train: pd.DataFrame, test: pd.DataFrame) -> tuple[Floats, Floats]:
    """Inputs with empty cells set to the training mean; constant columns are left out."""
    means = train.mean()
    a, b = train.fillna(means), test.fillna(means)
    varying = a.columns[a.max() > a.min()]
    return floats(a[varying]), floats(b[varying])


def capped(n: int) -> np.ndarray:
    """At most ``MOST_ROWS`` of n rows, drawn at random, in order."""
    if n <= MOST_ROWS:
        return np.arange(n)
    return np.sort(np.random.RandomState(SEED).permutation(n)[:MOST_ROWS])
