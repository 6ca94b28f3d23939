"""Heavy metals in the soil of the Swiss Jura: what seven metals tell about each other.

Chooses a multi-task Gaussian process by the 259 training sites, predicts the metals at 100 others and
compares it with single-task processes, the training mean and least squares; then predicts cadmium and
copper where other metals were measured.

    python jura.py            tables only
    python jura.py FOLDER     and the figure FOLDER/jura.svg
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from common import figures, selection
from common.difference import compared, decimals
from common.jura import METALS, PLACE, Sites, middle, rough, same_class
from common.score import LEVEL, Gaussian, Score
from common.threads import in_threads
from numpy.typing import NDArray

import coregion as cg
from coregion import kernels, tasks

PARTS = 5
"""Parts of the cross-validation."""
SQUARE = 0.5
"""Side in km of the squares that the parts are made of. Training sites lie in clusters, validation sites do
not: with whole squares left out, the distances to the nearest site learned from are those of the
validation sites."""

# Kernels of the place and of the class of a site. A number before a kernel is where its scale starts.
KERNELS = {
    "M32": kernels.Matern32().on(PLACE),
    "M12": rough(),
    "M12 * class": rough() * same_class(),
    "M12 + class": rough() + 0.3 * same_class(),
    "M12 + M12 * class": rough() + 0.3 * (rough() * same_class()),
}


def main() -> None:
    """Prints all tables, and draws the figure where a folder is given."""
    folder = figures.folder_from_arguments(__doc__)
    # A noise at its floor is no news among candidates; report_.warnings keeps it.
    warnings.simplefilter("ignore", cg.BoundaryWarning)
    clock = time.perf_counter()
    training, validation = Sites.read("prediction"), Sites.read("validation")
    print(f"{len(training)} training sites, {len(validation)} validation sites; models are of natural logs")

    print("\n1. Choice of the model: log marginal likelihood of the training sites\n")
    candidates = selection.compare(training.X, training.logs, KERNELS, [None, 2, 3], ["per-task", "full"])
    print("  M12, M32: Matern 1/2 and 3/2 on the location; class: the same rock * land use")
    print("\n  Lowest Akaike criteria:")
    for c in candidates[:3]:
        seconds = c.gp.report_.wall_time
        print(f"  {c.aic:8.1f}  {c.name} ({c.n_parameters} parameters, {seconds:.1f} s)")
    best = candidates[0]
    print(f"\nThe first of these:\n\n{best.gp.summary()}\n")

    print("2. The validation sites from their location, rock and land use\n")
    cd, cu = Job("Cd", ["Ni", "Zn"]), Job("Cu", ["Pb", "Ni", "Zn"])
    from_place(best, [cd, cu], training, validation)

    print("3. The validation sites with other metals measured there\n")
    between = training.distances_between(parts(training))
    print(
        f"  The model is decided by {PARTS}-fold cross-validation on the training sites, squares of\n"
        f"  {1000 * SQUARE:.0f} m left out: the median distance to the nearest site learned from is "
        f"{1000 * middle(between):.0f} m then,\n"
        f"  and {1000 * middle(training.distances_to(validation)):.0f} m for the validation sites.\n"
    )
    shown = cokrige(cd, best.gp.kernel_, training, validation)
    cokrige(cu, best.gp.kernel_, training, validation)

    if folder is not None:
        draw(folder, cd, shown, best.gp, validation)
    print(f"Total time {time.perf_counter() - clock:.1f} s")


# Section 2: from the place alone.

Scores = dict[str, Score]
"""Scores by metal."""


def from_place(best: selection.Candidate, jobs: list[Job], training: Sites, validation: Sites) -> None:
    """Scores the chosen model and what it is compared with at the validation sites."""
    mean, std = best.gp.predict(validation.X, return_std=True, include_noise=True)

    def alone(metal: str) -> Gaussian:
        gp = cg.MultiTaskGP(kernel=best.settings["kernel"]).fit(training.X, training.logs[metal])
        return Gaussian(*gp.predict(validation.X, return_std=True, include_noise=True))

    multi, single, trivial = {}, {}, {}
    singles = in_threads(alone, METALS)
    for t, metal in enumerate(METALS):
        truth, n = validation.logs[metal].to_numpy(), len(validation)
        multi[metal] = Score.of(truth, Gaussian(mean[:, t], std[:, t]))
        single[metal] = Score.of(truth, singles[t])
        # The mean of the concentrations; the density is that of the logs' Gaussian.
        concentrations = np.full(n, training.metals[metal].mean())
        trivial[metal] = Score.of(truth, Gaussian.of_training(training.logs[metal], n), concentrations)
    squares = {
        job.target: Score.of(validation.logs[job.target], job.least_squares(training, validation))
        for job in jobs
    }
    rows = {
        "multi-task GP": multi,
        "single-task GPs": single,
        "training mean": trivial,
        "least squares *": squares,
    }
    print_table("mean absolute error, mg/kg", rows, lambda s: s.mae)
    print_table("negative log predictive density of the logs", rows, lambda s: s.nlpd)
    print("  * log Cd on log Ni and Zn, log Cu on log Pb, Ni and Zn of the same site, which")
    print("    the models above do not see here\n")
    report_losses(multi, single, trivial, squares)


def print_table(title: str, rows: dict[str, Scores], value: Callable[[Score], float]) -> None:
    """A line for each way of predicting, a column for each metal and one for their mean."""
    print(f"  {title}")
    print(f"  {'':16}", *(f"{name:>8}" for name in [*METALS, "mean"]))
    for name, scores in rows.items():
        values = [value(scores[metal]) for metal in METALS if metal in scores]
        mean = decimals(float(np.mean(values))) if len(values) == len(METALS) else "-"
        cells = [decimals(value(scores[metal])) if metal in scores else "-" for metal in METALS]
        print(f"  {name:16}", *(f"{cell:>8}" for cell in [*cells, mean]))
    print()


def report_losses(multi: Scores, single: Scores, trivial: Scores, squares: Scores) -> None:
    """Says where the multi-task model does not win, by how much and why."""
    share = sum(s.mae for s in multi.values()) / sum(s.mae for s in single.values())
    print(f"  The multi-task GP's mean MAE is {100 * share:.1f} % of that of the single-task GPs.")
    for rival, scores in [("single-task GP", single), ("training mean", trivial)]:
        for metal, own in multi.items():
            other = scores[metal]
            if own.mae >= other.mae:
                gap = compared(own.errors, other.errors)
                print(f"  {metal}: its MAE does not beat the {rival}'s ({gap}).")
            if own.nlpd >= other.nlpd:
                gap = compared(own.losses, other.losses)
                print(f"  {metal}: its NLPD does not beat the {rival}'s ({gap}).")
    beaten = [metal for metal, score in squares.items() if multi[metal].mae >= score.mae]
    for metal in beaten:
        gap = compared(multi[metal].errors, squares[metal].errors)
        print(f"  {metal}: its MAE does not beat least squares' ({gap}).")
    if beaten:
        print("  The metals at the site, which it is not given here, tell more than the")
        print("  neighbours do.")
    print()


# Section 3: with other metals measured at the site.


class Job(NamedTuple):
    """A metal wanted, and the metals measured beside it."""

    target: str
    given: list[str]

    def least_squares(self, training: Sites, at: Sites) -> Gaussian:
        """The target's log by least squares on the logs of the metals given at the same site."""
        return Gaussian.of_regression(
            training.logs[self.given], training.logs[self.target], at.logs[self.given]
        )

    def variants(self) -> list[Variant]:
        """The models compared, the fewest parameters first: the metals concerned or all seven."""
        concerned = [self.target, *self.given]
        return [
            Variant(f"GP of {which}, noise {noise}", metals, noise)
            for metals, which in [(concerned, ", ".join(concerned)), (METALS, "all 7")]
            for noise in ["per-task", "full"]
        ]


class Variant(NamedTuple):
    """A model for a job: of some of the metals, with a noise."""

    name: str
    metals: list[str]
    noise: str

    def fit(self, kernel: kernels.Kernel, training: Sites) -> cg.MultiTaskGP:
        """The model, its kernel started at the values given."""
        gp = cg.MultiTaskGP(kernel, tasks.FreeForm(), noise=self.noise)
        return gp.fit(training.X, training.logs[self.metals])

    def predict(self, gp: cg.MultiTaskGP, target: str, given: list[str], at: Sites) -> Gaussian:
        """The target's log at some sites, the metals ``given`` being known there."""
        # Metals without a column were not measured; each row is conditioned on what it has.
        known = at.logs[given] if given else None
        mean, std = gp.predict(at.X, given=known, return_std=True, include_noise=True)
        wanted = self.metals.index(target)
        return Gaussian(mean[:, wanted], std[:, wanted])


def parts(sites: Sites) -> NDArray[np.int64]:
    """The part of the cross-validation of each site: squares a knight's move apart belong to the same
    part, so that no two of a part touch."""
    x, y = np.floor(sites.X[PLACE].to_numpy().T / SQUARE).astype(int)
    return np.asarray((x + 2 * y) % PARTS)


def cross_validate(
    job: Job, training: Sites, predict: Callable[[Sites, Sites], Sequence[Gaussian]]
) -> list[Score]:
    """Scores of each kind of predictions that ``predict(kept, left_out)`` makes, part by part."""
    labels = parts(training)
    found = in_threads(
        lambda part: predict(training.rows(labels != part), training.rows(labels == part)), range(PARTS)
    )
    scores = []
    for kind in zip(*found):
        mean, std = np.empty(len(training)), np.empty(len(training))
        for part, p in enumerate(kind):
            mean[labels == part], std[labels == part] = p
        scores.append(Score.of(training.logs[job.target], Gaussian(mean, std)))
    return scores


class Cokriged(NamedTuple):
    """Predictions of a job's target by the model chosen, and their scores."""

    without: tuple[Gaussian, Score]
    given: tuple[Gaussian, Score]


def cokrige(job: Job, kernel: kernels.Kernel, training: Sites, validation: Sites) -> Cokriged:
    """Chooses the model of a job on the training sites and scores all of them at the validation sites."""
    truth = validation.logs[job.target]
    variants = job.variants()
    trained = []
    for v in variants:

        def both(kept: Sites, out: Sites, v: Variant = v) -> list[Gaussian]:
            gp = v.fit(kernel, kept)
            return [v.predict(gp, job.target, given, out) for given in (job.given, [])]

        trained.append(cross_validate(job, training, both))
    # The simplest model whose cross-validated error lies within one standard error of the smallest one
    # (Breiman, Friedman, Olshen & Stone 1984, sec. 3.4.3).
    least = min((t[0] for t in trained), key=lambda s: s.mae)
    chosen = next(i for i, t in enumerate(trained) if t[0].mae <= least.mae + least.standard_error)

    title = f"{job.target} with {', '.join(job.given)} given"
    print(f"  {title:36} | {PARTS}-fold, training |       validation")
    print(f"  {'':36} |    MAE std. error |    MAE    NLPD in {100 * LEVEL:.0f} %")

    def row(name: str, cv: Score, score: Score, mark: str = "") -> None:
        print(
            f"  {name:36} | {decimals(cv.mae):>6} {decimals(cv.standard_error):>10} | "
            f"{decimals(score.mae):>6} {score.nlpd:7.4f} {100 * score.coverage:5.0f} %{mark}"
        )

    for i, (v, cv) in enumerate(zip(variants, trained)):
        gp = v.fit(kernel, training)
        p = v.predict(gp, job.target, job.given, validation)
        score = Score.of(truth, p)
        row(v.name, cv[0], score, "  <- chosen" if i == chosen else "")
        if i == chosen:
            alone = v.predict(gp, job.target, [], validation)
            result = Cokriged((alone, Score.of(truth, alone)), (p, score))
    squares = Score.of(truth, job.least_squares(training, validation))
    (squares_cv,) = cross_validate(job, training, lambda kept, out: [job.least_squares(kept, out)])
    row("least squares on the metals given", squares_cv, squares)
    row("the chosen GP, nothing given", trained[chosen][1], result.without[1])
    print("  Chosen: the smallest model within a standard error of the least training MAE.")
    score = result.given[1]
    gap = compared(score.errors, squares.errors)
    if score.mae < squares.mae:
        print(f"  Its MAE at the validation sites beats least squares' ({gap}).")
    else:
        print(f"  Its MAE at the validation sites does not beat least squares' ({gap}),")
        gap = compared(trained[chosen][0].errors, squares_cv.errors)
        print(f"  while at the training sites, cross-validated, it is {gap}.")
    for v, own in zip(variants, trained):
        if own[0].mae < trained[chosen][0].mae:
            gap = compared(own[0].errors, trained[chosen][0].errors)
            print(f"  At the training sites the {v.name} is better ({gap}).")
    print()
    return result


def draw(folder: Path, job: Job, shown: Cokriged, gp: cg.MultiTaskGP, validation: Sites) -> None:
    """Cadmium predicted with and without other metals, and the correlations learned."""
    import matplotlib.pyplot as plt

    from coregion import plots

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
    (without, poor), (given, good) = shown
    predicted = [
        (np.exp(without.mean), f"from the location: MAE {poor.mae:.3f}"),
        (np.exp(given.mean), f"with {', '.join(job.given)} at the site: MAE {good.mae:.3f}"),
    ]
    measured = validation.metals[job.target]
    figures.scatter(left, job.target, measured, predicted, ticks=[0.1, 0.2, 0.5, 1.0, 2.0, 5.0])
    plots.task_correlation(gp, ax=right)
    figures.save(figure, folder, "jura.svg")


if __name__ == "__main__":
    main()
