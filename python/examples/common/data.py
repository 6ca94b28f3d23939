"""Where the data of the examples are: the folder ``examples/data`` of the repository."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).resolve().parents[3] / "examples" / "data"


def read(source: str, table: str = "data.csv") -> pd.DataFrame:
    """A table of one of the sources, such as ``read("jura")``; its README says what the columns are."""
    return pd.read_csv(FOLDER / source / table)
