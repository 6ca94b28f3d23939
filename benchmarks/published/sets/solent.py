"""Air temperature at four stations on the Solent every five minutes, with two long gaps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from baselines import on_other_tasks
from problem import Fold, Problem, Published
from tables import blocks, floats, read

STATIONS = ["bra", "cam", "chi", "sot"]


def folds(data: Path) -> Sequence[Fold]:
    """Days 10 to 15, the blocks of the protocol cogp hidden."""
    steps, splits = read(data, "weather_solent_2013"), read(data, "weather_solent_2013", "splits.csv")
    steps = steps[steps["day"].between(10.0, 15.0)]
    outputs = [f"{station}_ATMP" for station in STATIONS]
    hidden = blocks(steps["day"], outputs, zip(splits["output"], splits["first_day"], splits["last_day"]))
    return [Fold.of_gaps(floats(steps[["day"]]), floats(steps[outputs]), hidden)]


PROBLEM = Problem(
    name="weather_solent_2013",
    protocol="days 10 to 15, four temperatures; blocks of cam and chi hidden (protocol cogp)",
    metric="SMSE",
    folds=folds,
    baseline=on_other_tasks([0, 1, 2, 3]),
    baseline_name="ridge on the other stations, their gaps interpolated",
    published=[
        Published("COGP", 0.1077, True),
        Published("exact convolved GP", 0.1125, True),
        Published("single-task GP", 0.8944, True),
    ],
)
