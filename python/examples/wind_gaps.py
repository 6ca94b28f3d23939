"""A year of daily wind at 12 Irish stations, whole weeks of some of them missing.

``python wind_gaps.py [FIGURE_DIR]`` takes four stations at a time out of every fourth week of 1978, fits
multi-task Gaussian processes to the table with these gaps, fills them, and compares with ridge regression on
the stations that were measured, single-task processes, the season and the mean. It shows what the model says
of its own errors in closed form, and that a dense factorisation gives the same answers. The figure is
``FIGURE_DIR/wind_gaps.svg``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from common.figures import BLUE, RED, folder_from_arguments, save
from common.selection import Candidate, compare
from wind.data import STATIONS, TEST_YEAR, Floats, Wind, distances
from wind.gaps import GAPS, WEEK, Filled, Gaps, Judge, Score, least_squares, ridge, season, station_mean
from wind.joint import fit_single_tasks, predict_single_tasks

import coregion as cg
from coregion.kernels import Matern12
from coregion.tasks import Fixed, LowRank

KERNELS = {
    "M12": Matern12(lengthscale=[2.0]),
    "M12 + M12": Matern12(lengthscale=[1.0]) + 0.3 * Matern12(lengthscale=[10.0]),
}
STRETCH = 8 * WEEK
"""Days on which both solvers learn."""
SHOWN = 5
"""The gap in the figure."""
WIDTH = NormalDist().inv_cdf(0.975)
"""Half a 95 % interval in standard deviations."""
TOLERANCE = 1e-4
"""Gradient, in nats per observation, at which learning on the table with gaps ends."""


@dataclass(frozen=True)
class Chosen:
    """A model learned from the table, and the settings that it was chosen with."""

    name: str
    aic: float
    gp: cg.MultiTaskGP
    settings: dict[str, Any]

    def fill(self, gaps: Gaps) -> Filled:
        """What it says of the gaps: `impute` gives the whole table, what was measured as it is."""
        mean, std = self.gp.impute(return_std=True, include_noise=True)
        return Filled.of(gaps, mean, std)


def learn(gaps: Gaps, X: pd.DataFrame, Y: pd.DataFrame) -> list[Chosen]:
    """Chooses a model with full noise and one with a noise for each station by the days without gaps, and
    learns both from the table. The one of the lower Akaike criterion comes first."""
    rows = gaps.complete
    print(f"  log marginal likelihood of the {len(rows)} days without gaps")
    candidates = compare(X.iloc[rows], Y.iloc[rows], KERNELS, [None, 1, 2], ["per-task", "full"])
    print("  Lowest Akaike criterion with each noise, learned again from the table:\n")

    def again(name: str, noise: str) -> Chosen:
        best: Candidate = next(c for c in candidates if c.settings["noise"] == noise)
        # kernel_ and task_ hold what was learned: learning goes on from there. Left to itself the library
        # learns everything jointly here, which takes longer to end.
        gp = cg.MultiTaskGP(best.gp.kernel_, best.gp.task_, noise, optimizer="alternating", tol=TOLERANCE)
        gp.fit(X, Y)
        print(f"  {best.aic:8.1f}  {best.name} ({best.n_parameters} parameters)")
        print(f"{gp.report_}\n")
        return Chosen(name, best.aic, gp, best.settings)

    both = [again("multi-task GP, full noise", "full"), again("multi-task GP, noise for each", "per-task")]
    return sorted(both, key=lambda chosen: chosen.aic)


def print_scores(judge: Judge, scores: list[Score]) -> None:
    """Prints the scores, and what the first model is worth against the others."""
    print(f"  {'':34} |   RMSE   SMSE    NLPD | inside 50 %  95 %")
    for s in scores:
        half, most = (100.0 * share for share in s.coverage)
        errors = f"{s.rmse:.4f} {s.smse:.4f} {s.nlpd:7.4f}"
        print(f"  {s.name:34} | {errors} | {half:9.0f} % {most:3.0f} %")
    print("  SMSE: mean over the stations of the mean squared error over that of the station's mean.")
    print("  Spreads of ridge: root mean squared errors of weeks left out.\n")
    own, *others = scores
    print(f"  SMSE of the {own.name} against")
    for other in others:
        print(f"    {other.name:34} {judge.gap(own, other)}")
    print(f"    (standard errors by gaps: {GAPS} weeks)\n")


def print_forecasts(gaps: Gaps, gp: cg.MultiTaskGP, found: Score) -> Floats:
    """Prints closed-form leave-out beside the errors in the gaps; gives that of one station's week."""
    measured = gaps.measured(gaps.wind.deviations[gaps.days])

    def squares(by: str, groups: Any = None) -> Floats:
        mean, _ = gp.leave_one_out(by=by, groups=groups)
        return np.asarray((measured - mean) ** 2)

    begin = time.perf_counter()
    week = squares("entry", gaps.weeks)
    seconds = time.perf_counter() - begin
    of_day, of_week, of_all = (
        np.sqrt(np.nanmean(errors)) for errors in (squares("entry"), week, squares("row", gaps.weeks))
    )
    print(
        f"  RMSE of what was measured, left out: one station for a day {of_day:.4f}, for a week\n"
        f"  {of_week:.4f} ({seconds:.2f} s for all of them), all stations for a week {of_all:.4f}. "
        f"In the gaps, four\n  stations at a time, it was {found.rmse:.4f}: that a station's best neighbours "
        "may be missing too, and that\n  the parameters had not seen what was taken out, is not in the "
        "forecast.\n"
    )
    nearest = np.where(np.eye(len(STATIONS), dtype=bool), np.inf, distances()).min(axis=0)
    each: Floats = np.sqrt(np.nanmean(week, axis=0))
    print(f"  {'':24}", *(f"{station:>5}" for station in STATIONS))
    print(f"  {'nearest station, km':24}", *(f"{d:5.0f}" for d in nearest))
    print(f"  {'a week left out':24}", *(f"{v:5.2f}" for v in each))
    print(f"  {'in the gaps':24}", *(f"{v:5.2f}" for v in found.stations))
    print()
    return each


def fit_both_ways(X: pd.DataFrame, Y: pd.DataFrame) -> None:
    """Fits a table by the Schur complement and by the Cholesky factor of the covariance of all
    observations, and prints times and how far the answers lie apart."""
    n_missing = int(Y.isna().to_numpy().sum())
    print(
        f"  Learned on the first {len(X)} days: {Y.size - n_missing} observations, {n_missing} gaps; "
        "Matern 1/2, rank 1, a noise for\n  each station"
    )
    gp = cg.MultiTaskGP(Matern12(lengthscale=[2.0]), LowRank(rank=1), max_iter=2000, tol=1e-6)
    answers = []
    for solver in ("schur", "dense"):
        r = gp.set_params(solver=solver).fit(X, Y).report_
        print(
            f"    {r.solver:6} {r.wall_time:6.2f} s, {r.evaluations} evaluations ({r.optimizer}, converged: "
            f"{str(r.converged).lower()}), log marginal likelihood {gp.log_marginal_likelihood_:.6f}"
        )
        answers.append(gp.impute(return_std=True, include_noise=True))
    means, stds = zip(*answers)
    print(
        f"    values filled in differ by at most {largest(*means)}, standard deviations by {largest(*stds)}: "
        "both end\n    where the gradient is small, not at the same number\n"
    )


def evaluate_both_ways(X: pd.DataFrame, Y: pd.DataFrame, chosen: Chosen) -> None:
    """Puts the values learned by one solver into another, and prints how far the answers lie apart."""
    n_missing, gp = int(Y.isna().to_numpy().sum()), chosen.gp
    values = np.linalg.eigvalsh(gp.noise_covariance_)
    print(
        f"  The whole table at the values of the {chosen.name}: {Y.size - n_missing} observations, "
        f"{n_missing} gaps\n"
        f"    eigenvalues of the noise {scientific(values.min())} to {scientific(values.max())}: the further "
        "apart, the more of\n    rounding is seen"
    )
    answers = []
    for solver in ("schur", "dense"):
        begin = time.perf_counter()
        # Nothing is learned: kernel, B and noise are as given.
        same = cg.MultiTaskGP(
            gp.kernel_, Fixed(gp.task_covariance_), gp.noise_covariance_, optimizer=None, solver=solver
        ).fit(X, Y)
        filled = same.impute(return_std=True, include_noise=True)
        left_out, _ = same.leave_one_out(by="entry")
        seconds, r = time.perf_counter() - begin, same.report_
        print(
            f"    {r.solver:6} {seconds:6.2f} s, log marginal likelihood "
            f"{same.log_marginal_likelihood_:.9f}, jitter {scientific(r.jitter, 0)}"
        )
        answers.append((*filled, left_out))
    means, stds, left_out = (largest(*pair) for pair in zip(*answers))
    print(f"    values filled in differ by at most {means}, standard deviations by {stds}, means of entries")
    print(f"    left out by {left_out}\n")


def largest(a: Floats, b: Floats) -> str:
    """The largest difference, where both are numbers."""
    return scientific(np.nanmax(np.abs(a - b)))


def scientific(value: float, decimals: int = 1) -> str:
    """A number such as 2.4e-5."""
    mantissa, exponent = f"{value:.{decimals}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def draw(
    folder: Path, gaps: Gaps, filled: dict[str, Filled], forecast: Floats, judge: Judge, found: Score
) -> None:
    """One gap at the stations missing; errors as the model said and as found; coverage of the intervals."""
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(2, 3, figsize=(14, 8), layout="constrained", width_ratios=[1, 1, 1.1])
    panels, (errors, inside) = grid[:, :2].ravel(), grid[:, 2]
    rows, roots = gaps.rows(SHOWN), gaps.wind.roots[gaps.days]
    shown = np.arange(rows[0] - 2 * WEEK, rows[-1] + 2 * WEEK + 1)
    place = np.cumsum(gaps.missing).reshape(gaps.missing.shape) - 1  # of an entry in what is filled in
    for ax, t in zip(panels, gaps.stations(SHOWN)):
        seen = np.where(gaps.missing[shown, t], np.nan, roots[shown, t])
        ax.axvspan(rows[0] + 0.5, rows[-1] + 1.5, color="black", alpha=0.05)
        ax.plot(shown + 1, seen, color="grey", linewidth=1)
        for (name, p), colour, shift in zip(filled.items(), (BLUE, RED), (-0.17, 0.17)):
            mean, std = p.mean[place[rows, t]], p.std[place[rows, t]]
            ax.errorbar(
                rows + 1 + shift, mean, WIDTH * std, fmt="none", color=colour, linewidth=2, label=name
            )
        ax.plot(rows + 1, roots[rows, t], "k.", label="taken out")
        ax.set(title=f"{STATIONS[t]}, square root of knots", xlabel=f"day of {TEST_YEAR}", ylim=(0.0, None))
    panels[0].legend(fontsize=8, title="means with 95 % intervals", title_fontsize=8)
    errors.axline((0.3, 0.3), slope=1.0, color="black", alpha=0.5, linewidth=0.8)
    errors.plot(forecast, found.stations, "o", color=BLUE)
    for at, station in zip(zip(forecast, found.stations), STATIONS):
        errors.annotate(station, at, xytext=(5, 3), textcoords="offset points", fontsize=8)
    errors.margins(0.12)
    errors.set(
        title="Error at each station: said and found",
        xlabel="RMSE by closed-form leave-out of the station's weeks",
        ylabel="RMSE in the gaps",
    )
    p = next(iter(filled.values()))
    cg.plots.coverage(truth=judge.truth, mean=p.mean, std=p.std, names=[found.name], ax=inside)
    save(figure, folder, "wind_gaps.svg")


def main(folder: Path | None = None) -> None:
    """Runs the example; draws the figure where a folder is given."""
    begin = time.perf_counter()
    wind = Wind.read()
    gaps = Gaps(wind)
    X, Y = gaps.data()
    n_missing = gaps.missing.sum()
    print(
        f"{len(X)} days from {wind.dates[gaps.days[0]]:%Y-%m-%d}, {len(STATIONS)} stations, square roots of "
        f"knots. Every fourth week {len(gaps.stations(0))} stations are\n"
        f"missing, {GAPS} weeks in all: {n_missing} of {Y.size} entries, {100.0 * n_missing / Y.size:.1f} %. "
        "Models are of what is left when the\n"
        f"seasonal cycle of each station, fitted to the years before {TEST_YEAR}, is taken off."
    )

    print("\n1. Choice of the model, and learning from the table with gaps\n")
    chosen, other = learn(gaps, X, Y)

    print("2. The gaps\n")
    judge = Judge(gaps)
    multi = chosen.fill(gaps)
    single = Filled.of(gaps, *predict_single_tasks(fit_single_tasks(chosen.settings, X, Y), X))
    filled = {
        chosen.name: multi,
        other.name: other.fill(gaps),
        "ridge, same day": ridge(gaps, [0]),
        "ridge, same day and those beside": ridge(gaps, [0, -1, 1]),
        "least squares, same day, 1961-77": least_squares(gaps, [0]),
        "the same and days beside, 1961-77": least_squares(gaps, [0, -1, 1]),
        "single-task GPs in time": single,
        "season": season(gaps),
        "station mean": station_mean(gaps),
    }
    scores = [judge.score(name, p) for name, p in filled.items()]
    print_scores(judge, scores)

    print("3. What the model says of its own errors, in closed form\n")
    forecast = print_forecasts(gaps, chosen.gp, scores[0])

    print("4. The same by a dense factorisation\n")
    fit_both_ways(X.iloc[:STRETCH], Y.iloc[:STRETCH])
    for c in (chosen, other):
        evaluate_both_ways(X, Y, c)

    if folder is not None:
        draw(folder, gaps, {"multi-task GP": multi, "single-task GP": single}, forecast, judge, scores[0])
    print(f"Total time {time.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main(folder_from_arguments(__doc__))
