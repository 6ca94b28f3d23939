"""Whole days hidden at every station, and what simple means make of them from the days around."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pandas as pd
from common.regression import Regression

from .data import STATIONS, TEST_YEAR, Floats, Rows, Wind
from .joint import Joint, second_moment

FIRST_YEAR = 1977
"""First of the years that the models learn from."""
CYCLE = 14
"""Every so many days the pattern of hidden days begins again."""
HIDDEN = [3, 8, 9, 10]
"""Hidden days of a cycle, from 0: one by itself and three in a row."""

Gap = tuple[int, int]
"""How far a hidden day is from the nearest seen days before and after it."""
Of = TypeVar("Of")


class HiddenDays:
    """Some days of the test year hidden, the others and those of the years before seen."""

    def __init__(self, wind: Wind) -> None:
        self.wind = wind
        shown = np.flatnonzero(wind.year >= FIRST_YEAR)
        is_hidden = (wind.year[shown] == TEST_YEAR) & np.isin(wind.day[shown] % CYCLE, HIDDEN)
        self.seen, self.hidden = shown[~is_hidden], shown[is_hidden]

    def gaps(self) -> dict[Gap, Rows]:
        """The gaps that occur, each with the places of its days among the hidden ones."""
        hidden = set(self.hidden.tolist())

        def steps(day: int, direction: int) -> int:
            return next(k for k in range(1, CYCLE) if day + direction * k not in hidden)

        found = pd.DataFrame([(steps(day, -1), steps(day, 1)) for day in self.hidden.tolist()])
        return {gap: np.asarray(places) for gap, places in found.groupby([0, 1]).indices.items()}

    def known(self, gap: Gap) -> Rows:
        """Days before the test year that have days that far before and after them."""
        before, after = gap
        rows = self.wind.before
        return rows[(rows >= before) & (self.wind.year[rows + after] < TEST_YEAR)]

    def by_gap(self, predict: Callable[[Gap, Rows], Of]) -> list[tuple[Of, Rows]]:
        """What ``predict(gap, rows)`` says of the days of each gap, with their places."""
        return [(predict(gap, self.hidden[places]), places) for gap, places in self.gaps().items()]


def time(rows: Rows) -> pd.DataFrame:
    """Days as the one input of the models."""
    return pd.DataFrame({"day": rows.astype(float)})


def training_mean(wind: Wind, known: Rows, rows: Rows) -> Joint:
    """The mean and the covariance of some training days, for every day."""
    roots = wind.roots[known]
    mean = np.tile(roots.mean(axis=0), (len(rows), 1))
    return Joint.constant(mean, np.cov(roots, rowvar=False, bias=True))


def climatology(wind: Wind, rows: Rows) -> Joint:
    """The mean of the same day of the year in the years before."""
    day, before = wind.day, wind.before
    sums, counts = np.zeros((366, len(STATIONS))), np.zeros((366, 1))
    np.add.at(sums, day[before], wind.roots[before])
    np.add.at(counts, day[before], 1.0)
    # Its errors are those that it makes on the years before, each left out in turn. The last day of
    # leap years has few others like it and is not among them.
    known = before[day[before] < 365]
    others = (sums[day[known]] - wind.roots[known]) / (counts[day[known]] - 1.0)
    return Joint.constant(sums[day[rows]] / counts[day[rows]], second_moment(wind.roots[known] - others))


def straight_line(days: HiddenDays) -> Joint:
    """The straight line between the nearest seen days of the same station."""
    roots = days.wind.roots

    def predict(gap: Gap, rows: Rows) -> Joint:
        before, after = gap
        share = before / (before + after)

        def line(rows: Rows) -> Floats:
            return (1.0 - share) * roots[rows - before] + share * roots[rows + after]

        known = days.known(gap)
        return Joint.constant(line(rows), second_moment(roots[known] - line(known)))

    return Joint.gathered(len(days.hidden), days.by_gap(predict))


def least_squares(days: HiddenDays) -> Joint:
    """Least squares on the nearest seen days before and after, of all stations: learned on the years
    before, in deviations from the season."""
    wind = days.wind

    def predict(gap: Gap, rows: Rows) -> Joint:
        known, steps = days.known(gap), (-gap[0], gap[1])
        p = Joint.of_regression(wind.beside(known, steps), wind.deviations[known], wind.beside(rows, steps))
        return p.plus(wind.season[rows])

    return Joint.gathered(len(days.hidden), days.by_gap(predict))


def others_of_the_day(
    wind: Wind, known: Rows, rows: Rows, steps: tuple[int, ...] = (0,)
) -> tuple[Floats, Floats]:
    """Means and standard deviations (m, T) by least squares of each station on the others of the day, and
    on all of them on days some steps away: the first step is 0, the day itself."""
    table, at = wind.beside(known, steps), wind.beside(rows, steps)
    mean, std = wind.season[rows].copy(), np.empty((len(rows), len(STATIONS)))
    for t in range(len(STATIONS)):
        others = np.arange(table.shape[1]) != t
        regression = Regression(table[:, others], table[:, [t]])
        p, leverage = regression.predict(at[:, others])
        mean[:, t] += p[:, 0]
        std[:, t] = np.sqrt(regression.covariance[0, 0] * (1.0 + leverage))
    return mean, std


def others_and_days_around(days: HiddenDays) -> tuple[Floats, Floats]:
    """The same with all stations on the nearest seen days before and after, learned on the years before."""
    mean, std = np.empty((2, len(days.hidden), len(STATIONS)))

    def predict(gap: Gap, rows: Rows) -> tuple[Floats, Floats]:
        return others_of_the_day(days.wind, days.known(gap), rows, steps=(0, -gap[0], gap[1]))

    for part, places in days.by_gap(predict):
        mean[places], std[places] = part
    return mean, std
