"""Daily wind at 12 Irish stations: hidden days, tomorrow's wind and a silent station.

``python irish_wind.py [FIGURE_DIR]`` chooses multi-task Gaussian processes by days before those predicted or
around them, and compares them with single-task processes and with what is simpler: the training mean,
climatology, persistence, straight lines and least squares. The figure is ``FIGURE_DIR/irish_wind.svg``.
"""

from __future__ import annotations

import time as clock
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd
from common.figures import BLUE, GREY, RED, folder_from_arguments, save
from common.selection import compare
from wind.data import STATIONS, TEST_YEAR, Rows, Wind, distances
from wind.hidden import (
    CYCLE,
    FIRST_YEAR,
    HIDDEN,
    HiddenDays,
    climatology,
    least_squares,
    others_and_days_around,
    others_of_the_day,
    straight_line,
    time,
    training_mean,
)
from wind.joint import Joint, fit_single_tasks, second_moment
from wind.score import (
    Judge,
    Score,
    print_comparison,
    print_intervals,
    print_stations,
    print_together,
)

import coregion as cg
from coregion.kernels import Linear, Matern12, Matern32, Matern52

IN_TIME = {
    "M12": Matern12(lengthscale=[2.0]),
    "M12 + M12": Matern12(lengthscale=[1.0]) + 0.3 * Matern12(lengthscale=[10.0]),
    "M32 + M12": Matern32(lengthscale=[1.0]) + 0.3 * Matern12(lengthscale=[10.0]),
}
"""Kernels over the time in days."""
OF_YESTERDAY = {
    "linear": Linear(),
    "M52": Matern52(lengthscale=4.0, ard=False),
    "linear + M52": Linear() + 0.3 * Matern52(lengthscale=3.0, ard=False),
}
"""Kernels of the deviations at the 12 stations on the day before."""
EVERY = 7
"""The models of job 2 learn from one day in so many."""
SHOWN = 6 * CYCLE
"""Days of the year in the figure."""


@dataclass
class Outcome:
    """What came of a job."""

    judge: Judge
    gp: cg.MultiTaskGP
    multi: Joint
    single: Joint
    scores: list[Score]


def run_job(
    wind: Wind,
    kernels: dict[str, cg.kernels.Kernel],
    known: Rows,
    rows: Rows,
    X: pd.DataFrame,
    Xs: pd.DataFrame,
    others: dict[str, Joint],
) -> Outcome:
    """Chooses the model by the training days ``known``, predicts the days ``rows``, prints the scores.

    X and Xs are the inputs of these days, ``others`` are simpler predictions.
    """
    Y = wind.table(known)
    print("  log marginal likelihood of the training days")
    candidates = compare(X, Y, kernels, ranks=[None, 2], noises=["per-task", "full"])
    print("  Lowest Akaike criteria, the first one is taken:")
    for c in candidates[:3]:
        print(f"  {c.aic:8.1f}  {c.name} ({c.n_parameters} parameters)")
    best = candidates[0]
    print(f"  Its kernel: {best.gp.summary().model['kernel']}\n")

    # Single-task processes with its kernel: they say nothing of what the stations have in common.
    alone = fit_single_tasks(best.settings, X, Y)
    season = wind.season[rows]
    multi = Joint.of_tasks(best.gp, Xs).plus(season)
    single = Joint.of_single_tasks(alone, Xs).plus(season)
    judge = Judge(wind.roots[rows], wind.roots[known].mean(axis=0), wind.day[rows] // CYCLE)
    every = {
        "multi-task GP": multi,
        "single-task GPs": single,
        "training mean": training_mean(wind, known, rows),
        **others,
    }
    scores = [judge.joint(name, p) for name, p in every.items()]
    print_stations(scores)
    print_together(scores)
    print_comparison(judge, scores)
    print_intervals(*scores[:3])
    return Outcome(judge, best.gp, multi, single, scores)


def hidden_days(wind: Wind, days: HiddenDays) -> Outcome:
    """Job 1: whole days hidden at every station, to be found from the days around them."""
    print("\n1. Hidden days from the days around them\n")
    print(
        f"  Of every {CYCLE} days of {TEST_YEAR}, days {', '.join(str(p + 1) for p in HIDDEN)} are hidden at "
        f"all stations: {len(days.hidden)} days. {len(days.seen)} days\n"
        f"  of {FIRST_YEAR} and {TEST_YEAR} are seen.\n"
    )
    around = run_job(
        wind,
        IN_TIME,
        known=days.seen,
        rows=days.hidden,
        X=time(days.seen),
        Xs=time(days.hidden),
        others={
            "climatology": climatology(wind, days.hidden),
            "straight line": straight_line(days),
            "least squares, 1961-77": least_squares(days),
        },
    )
    print("  Climatology: mean of the same day of the year in 1961-77. Straight line: between the")
    print("  nearest seen days of the station. Least squares: on those days of all 12 stations.\n")
    print(f"{around.gp.summary()}\n")
    return around


def tomorrow(wind: Wind) -> None:
    """Job 2: tomorrow's wind at every station from today's."""
    all_before = wind.before[1:]  # every day that has a day before it
    known, rows = all_before[all_before % EVERY == 0], wind.test_year
    print("2. Tomorrow's wind from today's\n")
    print(
        f"  The {len(rows)} days of {TEST_YEAR}, each from the 12 stations on the day before. The processes "
        f"learn\n  from one day in {EVERY} of 1961-77: {len(known)} days.\n"
    )

    def yesterday(rows: Rows) -> pd.DataFrame:
        return wind.table(rows - 1).add_suffix(" before")

    def squares(known: Rows) -> Joint:
        p = Joint.of_regression(wind.beside(known, [-1]), wind.deviations[known], wind.beside(rows, [-1]))
        return p.plus(wind.season[rows])

    changes = wind.roots[all_before] - wind.roots[all_before - 1]
    run_job(
        wind,
        OF_YESTERDAY,
        known,
        rows,
        X=yesterday(known),
        Xs=yesterday(rows),
        others={
            "climatology": climatology(wind, rows),
            "persistence": Joint.constant(wind.roots[rows - 1], second_moment(changes)),
            "least squares, same days": squares(known),
            "least squares, all 1961-77": squares(all_before),
        },
    )
    print("  Persistence: as yesterday. Least squares: on yesterday's 12 stations.\n")


def silent_station(wind: Wind, days: HiddenDays, around: Outcome) -> None:
    """Job 3: the hidden days once more, each station to be found from the others measured on the day."""
    print("3. A silent station on the hidden days of job 1, the other 11 measured\n")
    Xs, measured = time(days.hidden), wind.table(days.hidden)
    mean, std = wind.season[days.hidden].copy(), np.empty((len(days.hidden), len(STATIONS)))
    for t, station in enumerate(STATIONS):
        # What is not given, here the column left out, is what is wanted.
        p = around.gp.predict(Xs, given=measured.drop(columns=station), return_std=True, include_noise=True)
        mean[:, t] += p[0][:, t]
        std[:, t] = p[1][:, t]
    before = wind.before[1:]
    judge = around.judge
    scores = [
        judge.alone("multi-task GP, 11 given", mean, std),
        judge.alone("least squares, same days", *others_of_the_day(wind, days.seen, days.hidden)),
        judge.alone("least squares, 1961-77", *others_of_the_day(wind, before, days.hidden)),
        judge.alone("least squares, around too", *others_and_days_around(days)),
    ]
    print_stations(scores)
    print_comparison(judge, scores)
    print("  Least squares: on the other stations of the day; around too: and on all 12 on the nearest")
    print("  seen days, learned on 1961-77. The example `wind_gaps` takes stretches out of some")
    print("  stations alone.\n")


def station_pairs(gp: cg.MultiTaskGP) -> pd.DataFrame:
    """All pairs of stations, the nearest first, with what the model learned of them: the correlation of B,
    which lasts from day to day; of Sigma, which is the day's; of both."""
    b, sigma = gp.task_covariance_, gp.noise_covariance_
    one, other = np.tril_indices(len(STATIONS), -1)
    pairs = pd.DataFrame({"one": other, "other": one, "distance": distances()[one, other]})
    for name, c in (("B", b), ("Sigma", sigma), ("both", b + sigma)):
        pairs[name] = c[one, other] / np.sqrt(c[one, one] * c[other, other])
    return pairs.sort_values("distance", ignore_index=True)


def print_pairs(pairs: pd.DataFrame, n_groups: int = 6) -> None:
    """Prints the pairs in groups of like distance."""
    learned = ["B", "Sigma", "both"]
    print("  distance, km | correlation of the signal B | of the noise Sigma | of both")
    size = -(-len(pairs) // n_groups)
    for _, group in pairs.groupby(pairs.index // size):
        near, far = group["distance"].iloc[[0, -1]]
        signal, noise, both = group[learned].mean()
        print(f"  {near:5.0f} - {far:<4.0f} | {signal:27.2f} | {noise:18.2f} | {both:7.2f}")
    signal, noise, both = pairs[learned].rank().corrwith(pairs["distance"].rank())
    told = "rank correlation with the distance, which no model was told"
    print(f"  {told}: {signal:.2f} for B, {noise:.2f} for\n  Sigma, {both:.2f} for both")
    for which, place in (("nearest", 0), ("farthest", -1)):
        pair = pairs.iloc[place]
        names = " and ".join(STATIONS[int(t)] for t in (pair["one"], pair["other"]))
        print(f"  {which}: {names}, {pair['distance']:.0f} km, {pair['both']:.2f}")
    print()


def draw(folder: Path, wind: Wind, days: HiddenDays, around: Outcome, pairs: pd.DataFrame) -> None:
    """The mean wind of hidden days with its intervals, correlations by distance, and between stations."""
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(16, 5), width_ratios=[1.6, 1.0, 1.3], layout="constrained"
    )
    shown = wind.test_year[wind.day[wind.test_year] < SHOWN]
    left.plot(wind.day[shown] + 1, wind.roots[shown].mean(axis=1), color="black", alpha=0.3)
    hidden = wind.day[days.hidden] < SHOWN
    day = wind.day[days.hidden][hidden] + 1
    half_width = NormalDist().inv_cdf(0.975)
    kinds = (("multi-task", around.multi, BLUE, -0.18), ("single-task", around.single, RED, 0.18))
    for (name, p, colour, shift), score in zip(kinds, around.scores):
        mean, std = (values[hidden] for values in p.of_mean())
        share = 100.0 * score.together.coverage[1] if score.together else np.nan
        label = f"{name}: 95 % interval, {share:.0f} % of all hidden days inside"
        left.errorbar(day + shift, mean, half_width * std, fmt="none", color=colour, linewidth=2, label=label)
    left.plot(day, wind.roots[days.hidden][hidden].mean(axis=1), "k.", label="measured")
    left.set(
        title="Hidden days: mean wind over the 12 stations",
        xlabel=f"day of {TEST_YEAR}",
        ylabel="square root of the speed in knots",
    )
    left.margins(y=0.25)  # room for the legend
    left.legend(fontsize=8, loc="upper left")
    middle.plot("distance", "B", "o", data=pairs, color=BLUE, label="signal, B")
    middle.plot("distance", "Sigma", "o", data=pairs, color=GREY, label="noise of the day, Sigma")
    middle.set(title="Learned correlations of stations", xlabel="distance, km (unknown to the model)")
    middle.legend(fontsize=8)
    cg.plots.task_correlation(around.gp, ax=right)
    save(figure, folder, "irish_wind.svg")


def main(folder: Path | None = None) -> None:
    """Runs the three jobs; draws the figure where a folder is given."""
    begin = clock.perf_counter()
    wind = Wind.read()
    print(
        f"{len(wind.roots)} days, {wind.dates[0]:%Y-%m-%d} to {wind.dates[-1]:%Y-%m-%d}; "
        "square roots of knots. Gaussian processes are of what is left when the\n"
        "seasonal cycle of each station, two harmonics of the year fitted to the days before "
        f"{TEST_YEAR},\nis taken off; the cycle is added to what they predict."
    )
    days = HiddenDays(wind)
    around = hidden_days(wind, days)
    pairs = station_pairs(around.gp)
    print_pairs(pairs)
    tomorrow(wind)
    silent_station(wind, days, around)
    if folder is not None:
        draw(folder, wind, days, around, pairs)
    print(f"Total time {clock.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main(folder_from_arguments(__doc__))
