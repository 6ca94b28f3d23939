"""Daily wind speeds at 12 stations, what the season alone says of them, and where the stations are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from common.data import read
from common.regression import Regression
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

STATIONS = ["RPT", "VAL", "ROS", "KIL", "SHA", "BIR", "DUB", "CLA", "MUL", "CLO", "BEL", "MAL"]
"""The stations, in the order of the columns of every table."""
TEST_YEAR = 1978
"""The year predicted; what the years before say is known."""
HARMONICS = 2
"""Harmonics of the year in the seasonal cycle."""
DAYS_OF_A_YEAR = 365.25
EARTH_RADIUS = 6371.0


@dataclass(frozen=True)
class Wind:
    """Daily mean wind speeds at the stations. Rows are days, none is missing."""

    dates: pd.DatetimeIndex
    roots: Floats
    """Square roots (n, 12) of the speeds in knots: their spread is about the same at any level."""
    season: Floats
    """Their seasonal cycle (n, 12) by the years before `TEST_YEAR`."""

    @classmethod
    def read(cls) -> Wind:
        """Reads the table and fits the seasonal cycle."""
        table = read("irish_wind")
        dates = pd.DatetimeIndex(table["date"])
        roots = np.sqrt(table[STATIONS].to_numpy())
        angle = 2.0 * np.pi * np.arange(len(roots)) / DAYS_OF_A_YEAR
        harmonics = range(1, HARMONICS + 1)
        cycle = np.column_stack([wave(h * angle) for h in harmonics for wave in (np.cos, np.sin)])
        before = dates.year < TEST_YEAR
        season, _ = Regression(cycle[before], roots[before]).predict(cycle)
        return cls(dates, roots, season)

    @property
    def year(self) -> Rows:
        """The year of each row."""
        return np.asarray(self.dates.year)

    @property
    def day(self) -> Rows:
        """The day of the year of each row, from 0."""
        return np.asarray(self.dates.dayofyear) - 1

    @property
    def deviations(self) -> Floats:
        """Square roots (n, 12), less what the season says."""
        return self.roots - self.season

    @property
    def before(self) -> Rows:
        """Rows before the test year."""
        return np.flatnonzero(self.year < TEST_YEAR)

    @property
    def test_year(self) -> Rows:
        """Rows of the test year."""
        return np.flatnonzero(self.year == TEST_YEAR)

    def table(self, rows: Rows) -> pd.DataFrame:
        """Deviations on some days, the stations as names of the columns: the tasks of the models."""
        return pd.DataFrame(self.deviations[rows], columns=STATIONS)

    def beside(self, rows: Rows, steps: Sequence[int]) -> Floats:
        """Deviations on the days that lie some days away from each of ``rows``, side by side."""
        return np.hstack([self.deviations[rows + step] for step in steps])


def distances() -> Floats:
    """Distances (12, 12) between the stations in km along great circles."""
    stations = read("irish_wind", "stations.csv").set_index("code").loc[STATIONS]
    lat, lon = np.radians(stations[["lat_deg", "lon_deg"]].to_numpy()).T
    half = np.sin((lat[:, None] - lat) / 2.0) ** 2
    half += np.cos(lat[:, None]) * np.cos(lat) * np.sin((lon[:, None] - lon) / 2.0) ** 2
    return np.asarray(2.0 * EARTH_RADIUS * np.arcsin(np.sqrt(half)))
