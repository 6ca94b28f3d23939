"""Ten years of monthly temperature at 51 stations, and stations that were never measured.

``python space_time.py [FIGURE_DIR]`` fits a process that is separable in time and space: a kernel over the
months and a kernel over longitude, latitude and altitude of the stations, so that both sides of the grid have
their eigendecomposition. Then each station is left out in turn, everything is learned without it, and it is
predicted from its place alone: against the mean of the other stations, the nearest one, and regressions on
the place, month by month. The figure is ``FIGURE_DIR/space_time.svg``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd
from common.data import read
from common.difference import Difference, compared
from common.figures import BLUE, GREY, RED, folder_from_arguments, save
from common.regression import Regression
from numpy.typing import NDArray

import coregion as cg
from coregion.kernels import Kernel, Matern12, Matern32, Periodic

Floats = NDArray[np.float64]
Series = tuple[Floats, Floats | None]
"""Means and, where there are any, standard deviations (n,) at one station."""

HIGHEST = 6
"""Stations in the table of the highest."""
SHOWN = "HOOSIER"
"""The station in the figure: the highest."""
WIDTH = NormalDist().inv_cdf(0.975)
"""Half a 95 % interval in standard deviations."""
FEATURES = ["lon", "lat", "elev_m"]


@dataclass(frozen=True)
class Climate:
    """Monthly means of the daily maximum temperature: a grid of months and stations without gaps."""

    degrees: pd.DataFrame
    """Degrees Celsius (n, T)."""
    places: pd.DataFrame
    """Longitude and latitude in degrees, altitude in m (T, 3)."""

    @property
    def time(self) -> Floats:
        """The number of each month, from 0 (n, 1)."""
        return np.arange(len(self.degrees), dtype=float)[:, None]

    def without(self, station: int) -> Climate:
        """All stations but one."""
        others = [t for t in range(len(self.places)) if t != station]
        return Climate(self.degrees.iloc[:, others], self.places.iloc[others])

    def squared_distances(self, place: Floats) -> Floats:
        """Squared distances in degrees of latitude from each station to a place."""
        z = self.places.to_numpy()
        narrow = np.cos(np.radians(place[1]))
        squares: Floats = ((z[:, 0] - place[0]) * narrow) ** 2 + (z[:, 1] - place[1]) ** 2
        return squares


def fit(climate: Climate, kernel: Kernel, task: cg.tasks.Task) -> cg.MultiTaskGP:
    """One noise variance for all stations: a station that was not measured has it too."""
    return cg.MultiTaskGP(kernel, task, "shared").fit(climate.time, climate.degrees)


def print_learned(gp: cg.MultiTaskGP) -> None:
    """Prints what was learned of all stations."""
    p, r = gp.parameters_, gp.report_
    lon, lat, elev = p["terms[0].task.kernel.lengthscale"]
    variance, diagonal = (float(p[f"terms[0].task.{name}"]) for name in ("variance", "diagonal"))
    print(f"  log marginal likelihood  {gp.log_marginal_likelihood_:10.2f}")
    print(
        f"  lengthscales             {lon:.2f} degrees of longitude, {lat:.2f} of latitude, "
        f"{elev:.0f} m of altitude"
    )
    print(
        f"  variances                {variance:.3f} shared by place, {diagonal:.3f} of each station, "
        f"{float(p['noise.variance']):.3f} noise"
    )
    n_observed = gp.model_.data.n_observed
    print(f"  solver                   {r.solver}, {n_observed} observations, {r.wall_time:.2f} s\n")


def predict(others: Climate, gp: cg.MultiTaskGP, place: pd.DataFrame) -> Series:
    """What the model says of a place, learned from the others. It starts where all stations led, and ends
    where these lead."""
    learned = gp.task_
    assert isinstance(learned, cg.tasks.Kernel)
    task = cg.tasks.Kernel(learned.kernel, others.places, learned.variance, learned.diagonal)
    again = fit(others, gp.kernel_, task)
    mean, std = again.predict(others.time, task_features=place, return_std=True, include_noise=True)
    return mean[:, 0], std[:, 0]


def mean_of_others(others: Climate) -> Series:
    """The mean of the other stations in the same month."""
    return others.degrees.to_numpy().mean(axis=1), None


def nearest(others: Climate, place: Floats) -> Series:
    """The station closest on the map."""
    return others.degrees.to_numpy()[:, others.squared_distances(place).argmin()], None


def regressions(others: Climate, place: Floats) -> tuple[Series, Series]:
    """A regression on longitude, latitude and altitude, each month by itself; and the same with the residuals
    of the other stations of that month added, weighted by inverse squared distances."""

    def scaled(z: Floats) -> Floats:
        return np.column_stack([z[:, 0] + 105.5, z[:, 1] - 39.0, 1e-3 * z[:, 2] - 2.0])

    z, y = scaled(others.places.to_numpy()), others.degrees.to_numpy().T
    fitted = Regression(z, y)
    mean, added = fitted.predict(scaled(place[None, :]))
    std = np.sqrt(np.diag(fitted.covariance) * (1.0 + added[0]))
    weights = 1.0 / others.squared_distances(place)
    around = (y - fitted.predict(z)[0]).T @ (weights / weights.sum())
    return (mean[0], std), (mean[0] + around, None)


class Score:
    """How good the predictions of a model are, each station predicted from the others."""

    def __init__(self, name: str, climate: Climate, series: list[Series]) -> None:
        self.name, self.series = name, series
        errors = climate.degrees.to_numpy().T - np.stack([mean for mean, _ in series])
        level = errors.mean(axis=1)
        parts = (errors, level, errors - level[:, None])
        self.rmse = [float(np.sqrt((part**2).mean())) for part in parts]
        self.squares = errors**2
        self.stations: Floats = np.sqrt(self.squares.mean(axis=1))
        stds = [std for _, std in series if std is not None]
        self.inside = float((abs(errors) <= WIDTH * np.stack(stds)).mean()) if stds else None

    def gap(self, other: Score) -> Difference:
        """How the mean squared error differs from another's; errors at different stations count as
        independent of each other."""
        blocks = np.repeat(np.arange(len(self.stations)), self.squares.shape[1])
        return compared(self.squares.ravel(), other.squares.ravel(), list(blocks))


def leave_out(climate: Climate, gp: cg.MultiTaskGP) -> list[Score]:
    """Predictions of every station from the others, by the model and by simpler means."""
    begin = time.perf_counter()
    names = [
        "multi-task GP over places",
        "regression and near residuals",
        "regression on place, each month",
        "nearest station",
        "mean of the other stations",
    ]
    series: dict[str, list[Series]] = {name: [] for name in names}
    for station in range(len(climate.places)):
        others, row = climate.without(station), climate.places.iloc[[station]]
        place = row.to_numpy(dtype=float)[0]
        regression, with_residuals = regressions(others, place)
        found = [predict(others, gp, row), with_residuals, regression]
        found += [nearest(others, place), mean_of_others(others)]
        for name, values in zip(names, found):
            series[name].append(values)
    print(f"  {len(climate.places)} fits and baselines in {time.perf_counter() - begin:.1f} s\n")
    return [Score(name, climate, values) for name, values in series.items()]


def print_scores(scores: list[Score]) -> None:
    """Prints the scores, and what the model is worth against the others."""
    print(f"  {'':32} |   RMSE  of means  around | inside 95 %")
    for s in scores:
        everything, level, around = s.rmse
        inside = "-" if s.inside is None else f"{100.0 * s.inside:.1f} %"
        print(f"  {s.name:32} | {everything:6.3f} {level:9.3f} {around:7.3f} | {inside:>11}")
    print("  of means: of the mean of a station over all months; around: of what is left.\n")
    own, *others = scores
    print(f"  Mean squared error of the {own.name} against")
    for other in others:
        wins = int((own.stations < other.stations).sum())
        print(f"    {other.name:32} {own.gap(other)}; smaller at {wins} of {len(own.stations)} stations")
    print()


def print_highest(climate: Climate, scores: list[Score]) -> None:
    """Prints the errors at the stations that lie highest, where there are few neighbours."""
    heights = climate.places["elev_m"].to_numpy()
    print(f"  RMSE at the {HIGHEST} highest stations")
    print(f"  {'':14} {'m':>6} | {'process':>7} {'regression':>10} {'mean':>6}")
    for t in np.argsort(-heights, kind="stable")[:HIGHEST]:
        own, regression, mean = (scores[k].stations[t] for k in (0, 2, 4))
        name = climate.places.index[t]
        print(f"  {name:14} {heights[t]:6.0f} | {own:7.3f} {regression:10.3f} {mean:6.3f}")
    print()


def draw(folder: Path, climate: Climate, scores: list[Score]) -> None:
    """One station predicted from the others, and the error at each station."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5), layout="constrained", width_ratios=[1.6, 1])
    names = list(climate.places.index)
    station = next(t for t, name in enumerate(names) if name.startswith(SHOWN))
    months = np.arange(48)
    mean, std = scores[0].series[station]
    assert std is not None
    low, high = (mean + sign * WIDTH * std for sign in (-1.0, 1.0))
    left.fill_between(months, low[months], high[months], color=BLUE, alpha=0.2)
    left.plot(months, scores[-1].series[station][0][months], color=GREY, label="mean of the others")
    left.plot(months, mean[months], color=BLUE, label="multi-task GP, 95 %")
    left.plot(months, climate.degrees.iloc[months, station], "k.", label="measured")
    elevation = climate.places["elev_m"].iloc[station]
    left.set(
        title=f"{names[station]}, {elevation:.0f} m, left out: monthly maximum, degrees Celsius",
        xlabel=f"months from {climate.degrees.index[0]}",
    )
    left.legend(fontsize=8)
    own, other = scores[0], scores[2]
    colours = np.where(own.stations < other.stations, BLUE, RED)
    right.scatter(other.stations, own.stations, c=colours, s=20)
    right.axline((0.0, 0.0), slope=1.0, color="black", alpha=0.5, linewidth=0.8)
    right.set(title="RMSE at each station left out", xlabel=other.name, ylabel=own.name)
    save(figure, folder, "space_time.svg")


def main(folder: Path | None = None) -> None:
    """Runs the example; draws the figure where a folder is given."""
    begin = time.perf_counter()
    stations = read("colorado_climate", "stations.csv")
    degrees = read("colorado_climate").set_index("month")[list(stations["id"])]
    climate = Climate(degrees, stations.set_index("name")[FEATURES])
    heights = climate.places["elev_m"]
    print(
        f"{len(degrees)} months from {degrees.index[0]}, {len(stations)} stations at {heights.min():.0f} to "
        f"{heights.max():.0f} m: mean daily maximum temperature of the\nmonth, degrees Celsius."
    )

    print("\n1. A kernel over the months times a kernel over the places\n")
    months = Periodic(1.0, 12.0, fixed=["period"]) + Matern12([2.0])
    gp = fit(climate, months, cg.tasks.Kernel(Matern32(), climate.places, diagonal=True))
    print_learned(gp)

    print("2. Each station left out, everything learned without it\n")
    scores = leave_out(climate, gp)
    print_scores(scores)
    print_highest(climate, scores)

    if folder is not None:
        draw(folder, climate, scores)
    print(f"Total time {time.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main(folder_from_arguments(__doc__))
