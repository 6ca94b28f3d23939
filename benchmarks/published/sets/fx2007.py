"""Exchange rates and metals of 2007: long gaps of three currencies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from baselines import on_other_tasks
from problem import Fold, Problem, Published
from tables import blocks, floats, read


def folds(data: Path) -> Sequence[Fold]:
    """The blocks of the protocol cogp hidden."""
    days, splits = read(data, "fx2007"), read(data, "fx2007", "splits.csv")
    rates = [name for name in days if name.startswith("USD_per_")]
    splits = splits[splits["protocol"] == "cogp"]
    hidden = blocks(
        days["day"], rates, zip("USD_per_" + splits["output"], splits["first_day"], splits["last_day"])
    )
    return [Fold.of_gaps(floats(days[["day"]]), floats(days[rates]), hidden)]


PROBLEM = Problem(
    name="fx2007",
    protocol="251 days x 13 rates; blocks of CAD, JPY, AUD hidden (protocol cogp)",
    metric="SMSE",
    folds=folds,
    baseline=on_other_tasks(),
    baseline_name="ridge on the complete rates of the day",
    published=[
        Published("COGP", 0.2125, True),
        Published("exact convolved GP", 0.2427, True),
        Published("single-task GP", 0.5996, True),
        Published("GPAR, longer gaps", 0.0302, False),
    ],
)
