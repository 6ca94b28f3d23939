"""Daily wind at twelve Irish stations in 1978, four blocks of 60 days hidden."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from baselines import on_other_tasks
from problem import Fold, Problem
from tables import blocks, floats, read


def folds(data: Path) -> Sequence[Fold]:
    """Square roots of the speeds of 1978."""
    days, splits = read(data, "irish_wind"), read(data, "irish_wind", "splits.csv")
    days = days[days["date"].str.startswith("1978")]
    stations = [name for name in days if name != "date"]
    hidden = blocks(days["date"], stations, zip(splits["station"], splits["first_date"], splits["last_date"]))
    date = pd.to_datetime(days["date"]).dt.dayofyear
    return [Fold.of_gaps(floats(date)[:, None], np.sqrt(floats(days[stations])), hidden)]


PROBLEM = Problem(
    name="irish_wind",
    protocol="1978, 365 days x 12 stations, square roots; 60 days of four stations hidden",
    metric="SMSE",
    folds=folds,
    baseline=on_other_tasks(),
    baseline_name="ridge on the eight complete stations",
)
