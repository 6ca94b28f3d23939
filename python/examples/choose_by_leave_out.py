"""A choice among models by leave-out in closed form, and how far it can be trusted.

Compares Gaussian processes, kernel ridge regression and simple baselines on the metals of the Swiss Jura by
what each says of sites left out; puts refitted ten-fold cross-validation, other things to leave out and 100
validation sites beside it.

    python choose_by_leave_out.py            tables only
    python choose_by_leave_out.py FOLDER     and the figure FOLDER/choose_by_leave_out.svg
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from common import figures
from common.densities import Gap, log_density, mean_error, total_error
from common.jura import METALS, PLACE, Sites, middle, rough, same_class
from common.left_out import Alone, Baseline, Joint, Judged
from common.selection import n_learned
from common.threads import in_threads
from numpy.typing import NDArray

import coregion as cg
from coregion import kernels, tasks

Floats = NDArray[np.float64]

FOLDS, SEED = 10, 1
"""Parts of the cross-validation and the seed of their draw. The draw is numpy's: the same example in Rust
draws other parts, and what section 2 prints differs from it."""
SQUARE = 1.0
"""Side in km of the squares left out."""

# Kernels of the place and of the class of a site. A number before a kernel is where its scale starts.
KERNELS = {
    "M32": kernels.Matern32().on(PLACE),
    "M12": rough(),
    "M12 + class": rough() + 0.3 * same_class(),
    "M12 + M12 * class": rough() + 0.3 * (rough() * same_class()),
}
FORMS = {
    "diagonal": (tasks.Diagonal(), "per-task"),
    "rank 2": (tasks.LowRank(rank=2), "per-task"),
    "rank 2, full noise": (tasks.LowRank(rank=2), "full"),
    "free, full noise": (tasks.FreeForm(), "full"),
}


def main() -> None:
    """Prints all tables, and draws the figure where a folder is given."""
    folder = figures.folder_from_arguments(__doc__)
    # A noise at its floor is no news among candidates; report_.warnings keeps it.
    warnings.simplefilter("ignore", cg.BoundaryWarning)
    clock = time.perf_counter()
    training, validation = Sites.read("prediction"), Sites.read("validation")
    print(
        f"{len(training)} training sites, {len(validation)} validation sites; "
        f"logs of {len(METALS)} metals, in nats\n"
    )

    print("1. Every candidate fitted once, the sites left out one at a time\n")
    candidates = fitted(training)
    print_comparison(candidates)
    print("  M12, M32: Matern 1/2 and 3/2 on the location; class: rock * land use; density of the")
    print(f"  {len(METALS)} metals of a site together; error: root mean square in standard deviations\n")
    others = simple(training)
    fits = [*candidates, *others]
    print("  What is simpler, left out in the same way, and the processes of one metal each:\n")
    print_simple(fits, others)

    first = max(candidates, key=Judged.total)
    print("2. The same sites by ten-fold cross-validation that learns everything anew\n")
    refits = cross_validated(training, first.name)
    print_folds(refits)

    print("3. Other questions: what else can be left out\n")
    print_questions(training, validation, fits)

    print(f"4. The referee: {len(validation)} validation sites\n")
    for m in fits:
        m.unseen = m.model.densities_at(training, validation)
    print_referee(fits)
    print_sizes(fits, training, refits)

    if folder is not None:
        draw(folder, fits, refits)
    print(f"Total time {time.perf_counter() - clock:.1f} s")


# 1. The candidates, each fitted once.


def processes() -> dict[str, dict[str, Any]]:
    """Settings of the processes to choose from: every kernel with every form."""
    return {
        f"{k}, {f}": {"kernel": kernel, "task": task, "noise": noise}
        for k, kernel in KERNELS.items()
        for f, (task, noise) in FORMS.items()
    }


@dataclass
class Candidate(Judged):
    """A model of all metals, with what else the table says of it."""

    error: float = np.nan
    """Root mean square error of what is left out, each metal in units of its standard deviation."""
    n_parameters: int = 0
    likelihood: str = "-"
    seconds: float = 0.0


def fitted(training: Sites) -> list[Candidate]:
    """Every process, and kernel ridge regression, fitted and judged at the sites left out."""
    logs = training.logs.to_numpy()

    def judged(name: str, estimator: cg.MultiTaskGP | cg.MultiTaskKernelRidge) -> Candidate:
        mean, _, density = estimator.leave_one_out(by="row", return_log_density=True)
        error = np.sqrt(np.mean(((logs - mean) ** 2).mean(axis=0) / logs.var(axis=0)))
        return Candidate(name, Joint(estimator), density.ravel(), error=error)

    def process(item: tuple[str, dict[str, Any]]) -> Candidate:
        gp = cg.MultiTaskGP(**item[1]).fit(training.X, training.logs)
        out = judged(item[0], gp)
        out.n_parameters, out.seconds = n_learned(gp), gp.report_.wall_time
        out.likelihood = f"{gp.log_marginal_likelihood_:.2f}"
        return out

    clock = time.perf_counter()
    last = judged("ridge, M12", ridge(training))
    last.n_parameters, last.seconds = 1, time.perf_counter() - clock  # the penalty
    return [*in_threads(process, processes().items()), last]


def ridge(training: Sites) -> cg.MultiTaskKernelRidge:
    """Kernel ridge regression with the covariance of the training logs as task covariance; lengthscale and
    penalty by the density of sites left out."""
    covariance = np.cov(training.logs.T, ddof=0)

    def of(lengthscale: float) -> cg.MultiTaskKernelRidge:
        return cg.MultiTaskKernelRidge(
            kernels.Matern12(lengthscale=lengthscale).on(PLACE),
            tasks.Fixed(covariance),
            alphas=2.0 ** (0.2 * np.arange(-30, 21)),
            cv="log-density:row",
            task_weights=1.0 / np.diag(covariance),
            fit_intercept=True,
        ).fit(training.X, training.logs)

    fits = in_threads(of, 2.0 ** (0.5 * np.arange(-4, 5)))
    return min(fits, key=lambda kr: kr.cv_errors_.min())


def simple(training: Sites) -> list[Judged]:
    """One process for each metal, and what needs no kernel."""

    def alone(kernel: kernels.Kernel) -> Alone:
        fits = [cg.MultiTaskGP(kernel).fit(training.X, training.logs[[metal]]) for metal in METALS]
        return Alone([Joint(gp) for gp in fits])

    models: dict[str, Alone | Baseline] = {
        f"{name}, one metal each": model for name, model in zip(KERNELS, in_threads(alone, KERNELS.values()))
    }
    models["mean, independent metals"] = Baseline(with_site=False, independent=True)
    models["mean, their covariance"] = Baseline(with_site=False, independent=False)
    models["least squares"] = Baseline(with_site=True, independent=False)
    return [Judged(name, model, model.left_out(training, "row")) for name, model in models.items()]


def print_comparison(candidates: list[Candidate]) -> None:
    """Prints the candidates in the order of their log density, the best first."""
    order = sorted(candidates, key=Judged.total, reverse=True)
    width = max(len(m.name) for m in order)
    print("Left out by row: log predictive density, differences to the best")
    print(
        f"  {'model':{width}} {'log density':>12} {'std err':>9} {'difference':>11} {'std err':>9} "
        f"{'error':>7} {'parameters':>10} {'log likelihood':>14} {'seconds':>8}"
    )
    for m in order:
        gap = Gap.of(m.left_out, order[0].left_out)
        print(
            f"  {m.name:{width}} {m.total():12.2f} {total_error(m.left_out):9.2f} {gap.sum:11.2f} "
            f"{gap.error:9.2f} {m.error:7.4f} {m.n_parameters:10} {m.likelihood:>14} {m.seconds:8.2f}"
        )
    print()


def print_simple(fits: list[Judged], others: list[Judged]) -> None:
    """Prints the others, against the best of all."""
    best = max(fits, key=Judged.total)
    print(f"  {'':37} log density  difference  std err")
    for m in others:
        gap = Gap.of(m.left_out, best.left_out)
        print(f"  {m.name:37} {m.total():11.2f} {gap.sum:11.2f} {gap.error:8.2f}")
    print(f"  (differences to {best.name})\n")


# 2. Cross-validation that learns every parameter anew, beside the closed form that holds them.


@dataclass
class Refit:
    """A candidate by both ways."""

    name: str
    n_parameters: int
    held: Floats
    """Log density of each part together, parameters held."""
    anew: Floats
    """The same, all learned anew."""
    seconds: tuple[float, float]


def cross_validated(training: Sites, like: str) -> list[Refit]:
    """Both ways for the candidates that share the kernel or the form of the one named."""
    n = len(training)
    labels = np.random.default_rng(SEED).permutation(np.arange(n) * FOLDS // n)
    kernel, form = like.split(", ", 1)
    akin = {
        name: settings
        for name, settings in processes().items()
        if name.split(", ", 1)[0] == kernel or name.split(", ", 1)[1] == form
    }

    def refit(item: tuple[dict[str, Any], int]) -> float:
        settings, part = item
        kept, out = training.rows(labels != part), training.rows(labels == part)
        gp = cg.MultiTaskGP(**settings).fit(kept.X, kept.logs)
        mean, covariance = gp.predict(out.X, return_cov=True, include_noise=True)
        residuals = (out.logs.to_numpy() - mean).ravel()
        return float(log_density(residuals, covariance.reshape(residuals.size, residuals.size)))

    refits = []
    for name, settings in akin.items():
        gp = cg.MultiTaskGP(**settings).fit(training.X, training.logs)
        start = time.perf_counter()
        held = gp.leave_one_out(groups=labels, return_log_density=True)[2].ravel()
        closed = time.perf_counter()
        anew = np.array(in_threads(refit, [(settings, part) for part in range(FOLDS)]))
        seconds = (closed - start, time.perf_counter() - closed)
        refits.append(Refit(name, n_learned(gp), held, anew, seconds))
    return refits


def print_folds(refits: list[Refit]) -> None:
    """Prints both ways side by side."""
    held = max(refits, key=lambda r: r.held.sum())
    anew = max(refits, key=lambda r: r.anew.sum())
    print(f"  {FOLDS} random parts, the same for both; the sites of a part are predicted together.\n")
    columns = f"{'density':>9} {'to best':>10} {'std err':>8}"
    print(f"  {'':37} |  closed form, parameters held |    learned anew for each part | held - anew")
    print(f"  {'':37} | {columns} | {columns} | {'sum':>7} {'a parameter':>11}")
    for r in refits:
        a, b = Gap.of(r.held, held.held), Gap.of(r.anew, anew.anew)
        gap = Gap.of(r.held, r.anew).sum
        print(
            f"  {r.name:37} | {r.held.sum():9.2f} {a.sum:10.2f} {a.error:8.2f} | {r.anew.sum():9.2f} "
            f"{b.sum:10.2f} {b.error:8.2f} | {gap:7.2f} {gap / r.n_parameters:11.2f}"
        )
    closed, learned = (sum(r.seconds[way] for r in refits) for way in (0, 1))
    loss = Gap.of(held.anew, anew.anew)
    same = held.name == anew.name
    other = "the same." if same else f"{anew.name}, by {-loss.sum:.2f} ± {loss.error:.2f} nats."
    print(
        f"\n  Once the candidates are fitted the closed form takes {closed:.3f} s for all of them, "
        f"the refits {learned:.1f} s:\n"
        f"  {learned / closed:.0f} times as long. Best with parameters held: {held.name};\n"
        f"  with all learned anew: {other}"
    )
    print("  What is held has seen what is left out, and flatters.\n")


# 3. The same models asked different questions.


def print_questions(training: Sites, validation: Sites, fits: list[Judged]) -> None:
    """Prints the mean log density of a value for everything that can be left out."""
    squares, own = training.squares(SQUARE), np.arange(len(training))
    distances = (
        training.distances_between(own),
        training.distances_between(squares),
        training.distances_to(validation),
    )
    one, square, unseen = (f"{1000 * middle(d):.0f} m" for d in distances)
    print(
        "  site    all metals of a site from the other sites: what is at a new place nearby?\n"
        "  entry   one metal from the others at the site as well: what would fill a gap?\n"
        "  metal   a whole column from the other metals, its mean and covariances known: "
        "what do they tell?\n"
        f"  square  all sites of a square of {SQUARE:.0f} km: what is at a new place further away?\n\n"
        f"  Median distance to the nearest site learned from: {one} for sites left out one at a time,\n"
        f"  {square} for squares, {unseen} for the validation sites.\n"
    )
    ways: dict[str, tuple[str, Any]] = {
        "site": ("row", None),
        "entry": ("entry", None),
        "metal": ("task", None),
    }
    ways["square"] = ("row", squares)
    table = np.empty((len(fits), len(ways)))
    for row, m in zip(table, fits):
        for k, (by, groups) in enumerate(ways.values()):
            row[k] = m.model.left_out(training, by, groups).sum() / training.logs.size
    best = np.nanmax(table, axis=0)
    print(f"  {'nats a value':37}", *(f"{name:>9}" for name in ways))
    for m, row in zip(fits, table):
        cells = [
            f"{'-':>8} " if np.isnan(v) else f"{v:8.4f}{'*' if v == most else ' '}"
            for v, most in zip(row, best)
        ]
        print(f"  {m.name:37}", *cells)
    print("  *: the best. -: nothing is left to learn the mean of a metal from.\n")


# 4. Whether the order by leaving out holds at sites that nothing was learned from.


def print_referee(fits: list[Judged]) -> None:
    """Prints both orders and how far they agree."""
    order = sorted(fits, key=Judged.total, reverse=True)
    unseen = np.array([m.unseen.sum() for m in order])
    ranks = 1 + (unseen[None, :] > unseen[:, None]).sum(axis=1)
    print(f"  {'nats a site':37} | {'left out one at a time':>23} | {'validation':>23}")
    columns = f"{'rank':>4} {'density':>9} {'std err':>8}"
    print(f"  {'':37} | {columns} | {columns}")
    for k, m in enumerate(order):
        print(
            f"  {m.name:37} | {k + 1:4} {m.left_out.mean():9.3f} {mean_error(m.left_out):8.3f} | "
            f"{ranks[k]:4} {m.unseen.mean():9.3f} {mean_error(m.unseen):8.3f}"
        )
    n = len(order)
    moved = ((np.arange(1, n + 1) - ranks) ** 2).sum()
    print(f"\n  Rank correlation of the two orders: {1.0 - 6.0 * moved / (n * (n * n - 1)):.2f}.")
    pairs = list(combinations(order, 2))
    clear = [(a, b) for a, b in pairs if Gap.of(a.left_out, b.left_out).is_clear]
    there = [Gap.of(a.unseen, b.unseen) for a, b in clear]
    same, against = sum(g.sum > 0 for g in there), sum(g.sum < 0 and g.is_clear for g in there)
    print(
        f"  Of {len(pairs)} pairs, {len(clear)} differ by two standard errors when left out; {same} of "
        f"these are in the\n  same order at the validation sites, {against} clearly in the other."
    )
    first, best = order[0], order[int(unseen.argmax())]
    gap, count = Gap.of(first.unseen, best.unseen), len(first.unseen)
    print(
        f"  Chosen: {first.name}. At the validation sites the best is {best.name};\n"
        f"  the chosen one has {-gap.sum / count:.3f} nats a site less, "
        f"standard error {gap.error / count:.3f}.\n"
    )


def print_sizes(fits: list[Judged], training: Sites, refits: Sequence[Refit]) -> None:
    """Prints what every way of leaving out says of the chosen model, beside the validation sites."""
    first, n = max(fits, key=Judged.total), len(training)
    squares = first.model.left_out(training, "row", training.squares(SQUARE))
    ways = {"sites left out one at a time": first.total(), "squares left out": squares.sum()}
    anew = [r.anew for r in refits if r.name == first.name]
    ways["random parts left out, all learned anew"] = anew[0].sum()
    print("  The chosen model in nats a site:")
    for name, total in ways.items():
        print(f"    {name:40} {total / n:7.3f}")
    mean, error = first.unseen.mean(), mean_error(first.unseen)
    print(f"    {'validation sites':40} {mean:7.3f} ± {error:.3f}")
    print(
        f"  The median site has {middle(first.left_out):.3f} left out by itself, "
        f"the median validation site {middle(first.unseen):.3f}.\n"
    )


def draw(folder: Path, fits: list[Judged], refits: list[Refit]) -> None:
    """Each model against the chosen one: left out, cross-validated and at the validation sites."""
    import matplotlib.pyplot as plt

    order = sorted(fits, key=Judged.total, reverse=True)
    first, anew = order[0], {r.name: r.anew for r in refits}
    n, m = len(first.left_out), len(first.unseen)
    series = [
        (
            "left out one at a time, parameters held",
            figures.BLUE,
            {j.name: (Gap.of(j.left_out, first.left_out), n) for j in order},
        ),
        (
            f"{FOLDS} parts, all learned anew",
            figures.GREY,
            {name: (Gap.of(sums, anew[first.name]), n) for name, sums in anew.items()},
        ),
        (
            "validation sites",
            figures.RED,
            {j.name: (Gap.of(j.unseen, first.unseen), m) for j in order},
        ),
    ]
    figure, ax = plt.subplots(figsize=(9, 7), layout="constrained")
    names = [j.name for j in order]
    for k, (label, colour, gaps) in enumerate(series):
        ax.errorbar(
            [gap.sum / count for gap, count in gaps.values()],
            [names.index(name) + 0.25 * (k - 1) for name in gaps],
            xerr=[gap.error / count for gap, count in gaps.values()],
            fmt="o",
            markersize=4,
            color=colour,
            label=label,
        )
    ax.axvline(0.0, color="black", linewidth=0.8, zorder=0)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set(
        title=f"Log density of a site, less that of {first.name}",
        xlabel="nats a site, with one standard error of the difference",
    )
    ax.legend(loc="upper left")
    figures.save(figure, folder, "choose_by_leave_out.svg")


if __name__ == "__main__":
    main()
