"""A year with gaps, whole weeks of some stations, and what is simpler to fill them with than a process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from common.difference import Difference, compared
from common.regression import Regression

import coregion as cg
from coregion import kernels, metrics

from .data import STATIONS, Floats, Rows, Wind
from .score import both_coverages

WEEK = 7
GAPS = 12
"""Gaps: every fourth week from the second on, so that every station is missing as often as any other."""
MISSING = np.array([0, 1, 4, 6])
"""The first gap's stations; those of the next gap are one further each."""
Predict = Callable[[Floats, Floats, Floats], tuple[Floats, Floats]]
"""Means and standard deviations at the rows of zs, learned from y on the columns of z: all (z, y, zs)."""
PENALTIES = 2.0 ** np.arange(-2, 11)
"""Penalties of ridge regression to choose from."""


class Gaps:
    """The days of the test year, and the gaps in their table of 12 stations."""

    def __init__(self, wind: Wind) -> None:
        self.wind, self.days = wind, wind.test_year
        self.missing = np.zeros((len(self.days), len(STATIONS)), dtype=bool)
        for gap in range(GAPS):
            self.missing[np.ix_(self.rows(gap), self.stations(gap))] = True

    def rows(self, gap: int) -> Rows:
        """The days of a gap: rows of the table."""
        return (4 * gap + 1) * WEEK + np.arange(WEEK)

    def stations(self, gap: int) -> Rows:
        """The stations missing in a gap."""
        return np.sort((MISSING + gap) % len(STATIONS))

    @property
    def complete(self) -> Rows:
        """Rows that lie in no gap."""
        return np.flatnonzero(~self.missing.any(axis=1))

    @property
    def weeks(self) -> Rows:
        """The week of each row."""
        return np.arange(len(self.days)) // WEEK

    def measured(self, table: Floats) -> Floats:
        """A table over all days with NaN in the gaps."""
        return np.where(self.missing, np.nan, table)

    def data(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The day of the year, and deviations from the season with NaN in the gaps."""
        X = pd.DataFrame({"day": self.wind.day[self.days].astype(float)})
        return X, self.wind.table(self.days).mask(self.missing)


class Filled(NamedTuple):
    """Means and standard deviations of what is missing, gap after gap and row by row."""

    mean: Floats
    std: Floats

    @classmethod
    def of(cls, gaps: Gaps, mean: Floats, std: Floats) -> Filled:
        """The missing entries of tables of deviations; what the season says of them is added."""
        mean = mean + gaps.wind.season[gaps.days]
        return cls(mean[gaps.missing], np.broadcast_to(std, mean.shape)[gaps.missing])


def station_mean(gaps: Gaps) -> Filled:
    """The mean of each station, and its spread, over the days at which it was measured."""
    measured = gaps.measured(gaps.wind.roots[gaps.days])
    tables = np.nanmean(measured, axis=0), np.nanstd(measured, axis=0, ddof=1)
    return Filled(*(np.broadcast_to(table, measured.shape)[gaps.missing] for table in tables))


def season(gaps: Gaps) -> Filled:
    """The seasonal cycle of the years before."""
    seen = gaps.measured(gaps.wind.deviations[gaps.days])
    return Filled.of(gaps, np.zeros(seen.shape), np.sqrt(np.nanmean(seen**2, axis=0)))


def least_squares(gaps: Gaps, steps: Sequence[int]) -> Filled:
    """Each missing station from those measured, on days some steps away, learned on the years before."""
    known = gaps.wind.before[1:-1]

    def predict(z: Floats, y: Floats, zs: Floats) -> tuple[Floats, Floats]:
        regression = Regression(z, y)
        mean, leverage = regression.predict(zs)
        return mean, np.sqrt(np.outer(1.0 + leverage, np.diag(regression.covariance)))

    return _regressed(gaps, steps, known, predict)


def ridge(gaps: Gaps, steps: Sequence[int]) -> Filled:
    """The same learned on the days of the table that lie in no gap: ridge regression, its penalties chosen
    by leaving out weeks in closed form; spreads are those of the errors then."""
    complete = gaps.complete
    whole = complete[np.all([np.isin(complete + step, complete) for step in steps], axis=0)]
    weeks = gaps.weeks[whole]

    def predict(z: Floats, y: Floats, zs: Floats) -> tuple[Floats, Floats]:
        means, spreads = [], []
        for column in y.T:
            # A bias means nothing beside an intercept that is not penalised.
            fitted = cg.MultiTaskKernelRidge(
                kernels.Linear(bias=1.0), alphas=PENALTIES, cv=weeks, fit_intercept=True
            ).fit(z, column)
            left_out, _ = fitted.leave_one_out(by="row", groups=weeks)
            means.append(fitted.predict(zs))
            spreads.append(np.full(len(zs), metrics.rmse(column, left_out)))
        return np.column_stack(means), np.column_stack(spreads)

    return _regressed(gaps, steps, gaps.days[whole], predict)


def _regressed(gaps: Gaps, steps: Sequence[int], known: Rows, predict: Predict) -> Filled:
    """Fills gap by gap with ``predict(z, y, zs)``, z being the stations measured on days some steps away."""
    wind = gaps.wind
    mean, std = np.zeros((2, *gaps.missing.shape))
    for gap in range(GAPS):
        rows, missing = gaps.rows(gap), gaps.stations(gap)
        others = np.tile(~np.isin(np.arange(len(STATIONS)), missing), len(steps))
        z, zs = (wind.beside(days, steps)[:, others] for days in (known, gaps.days[rows]))
        place = np.ix_(rows, missing)
        mean[place], std[place] = predict(z, wind.deviations[known][:, missing], zs)
    return Filled.of(gaps, mean, std)


@dataclass(frozen=True)
class Score:
    """How good the values filled in by a model are."""

    name: str
    rmse: float
    smse: float
    """Mean over the stations of the mean squared error over that of the station's mean."""
    nlpd: float
    coverage: tuple[float, float]
    """Shares inside the 50 % and 95 % intervals."""
    stations: Floats
    """Root mean squared error at each station."""
    squares: Floats
    """What each entry contributes to SMSE."""


class Judge:
    """The measurements that were taken out."""

    def __init__(self, gaps: Gaps) -> None:
        rows, self.station = np.nonzero(gaps.missing)
        self.blocks = gaps.weeks[rows]  # errors of different gaps count as independent of each other
        self.truth = gaps.wind.roots[gaps.days][gaps.missing]
        trivial = (self.truth - station_mean(gaps).mean) ** 2
        self.reference = self._by_station(trivial)

    def _by_station(self, values: Floats) -> Floats:
        return np.bincount(self.station, values) / np.bincount(self.station)

    def score(self, name: str, p: Filled) -> Score:
        """Scores some predictions."""
        errors = (self.truth - p.mean) ** 2
        squares = errors / self.reference[self.station]
        return Score(
            name,
            rmse=float(metrics.rmse(self.truth, p.mean)),
            smse=float(squares.mean()),
            nlpd=float(metrics.nlpd(self.truth, p.mean, p.std)),
            coverage=both_coverages(self.truth, p.mean, p.std),
            stations=np.sqrt(self._by_station(errors)),
            squares=squares,
        )

    def gap(self, one: Score, other: Score) -> Difference:
        """How the SMSE of a model differs from that of another."""
        return compared(one.squares, other.squares, self.blocks.tolist())
