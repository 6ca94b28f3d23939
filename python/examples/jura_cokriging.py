"""One metal of the Swiss Jura from others that were measured at more sites: a table with gaps.

Follows the published protocol: cadmium with nickel and zinc, copper with lead, nickel and zinc, the first
missing at 100 validation sites, the others known at all 359. Multi-task Gaussian processes of the table with
gaps are compared with what is learned at the 259 training sites alone, with single-task processes and with
least squares.

    python jura_cokriging.py            tables only
    python jura_cokriging.py FOLDER     and the figure FOLDER/jura_cokriging.svg
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from common import figures, selection
from common.difference import compared, decimals, in_short
from common.jura import PLACE, Sites, middle, rough, same_class
from common.score import LEVEL, Gaussian, Score
from numpy.typing import NDArray

import coregion as cg
from coregion import kernels

SEEING = 6
"""The first so many lines of a job see the other metals at the validation sites; the last of them is least
squares."""
SQUARE = 1.0
"""Side in km of the squares left out."""

# Kernels of the place and of the class of a site. A number before a kernel is where its scale starts.
KERNELS = {
    "M32": kernels.Matern32().on(PLACE),
    "M12": rough(),
    "M12 + class": rough() + 0.3 * same_class(),
    "M12 * class": rough() * same_class(),
}


class Split(NamedTuple):
    """The sites of the protocol: ``all`` has the training sites first."""

    training: Sites
    validation: Sites
    all: Sites


class Line(NamedTuple):
    """A way of predicting, and its score at the validation sites."""

    name: str
    score: Score
    is_baseline: bool
    """Whether it is something simpler, that the models are measured by."""


@dataclass
class Outcome:
    """What came of a job."""

    lines: list[Line]
    filled: NDArray[np.float64]
    """Medians filled in with full noise."""
    squares: NDArray[np.float64]
    """Medians of least squares."""


def main() -> None:
    """Prints all tables, and draws the figure where a folder is given."""
    folder = figures.folder_from_arguments(__doc__)
    # A noise at its floor is no news among candidates; report_.warnings keeps it.
    warnings.simplefilter("ignore", cg.BoundaryWarning)
    clock = time.perf_counter()
    training, validation = Sites.read("prediction"), Sites.read("validation")
    both = Sites(*(pd.concat([a, b]) for a, b in zip(training.tables, validation.tables)))
    split = Split(training, validation, both)
    print(
        f"{len(both)} sites, {len(validation)} of them for validation; models are of natural logs, "
        "predictions medians: the\nexponentials of the means"
    )
    jobs = [Job("Cd", ["Ni", "Zn"]), Job("Cu", ["Pb", "Ni", "Zn"])]
    outcomes = [run(job, split, 1 + k) for k, job in enumerate(jobs)]
    if folder is not None:
        draw(folder, jobs, outcomes, validation)
    print(f"Total time {time.perf_counter() - clock:.1f} s")


class Job(NamedTuple):
    """The metal wanted and those measured at every site."""

    target: str
    given: list[str]

    @property
    def metals(self) -> list[str]:
        """The metal wanted first, then the others."""
        return [self.target, *self.given]

    def table(self, split: Split) -> pd.DataFrame:
        """The logs at all sites, NaN where the metal wanted was not measured."""
        logs = split.all.logs[self.metals].copy()
        logs.loc[split.validation.logs.index, self.target] = np.nan
        return logs

    def imputed(self, gp: cg.MultiTaskGP, n_training: int) -> Gaussian:
        """What a model of the table with gaps fills in."""
        mean, std = gp.impute(return_std=True)
        return Gaussian(mean[n_training:, 0], std[n_training:, 0])

    def conditioned(self, gp: cg.MultiTaskGP, at: Sites) -> Gaussian:
        """What a model of other sites says of these, the metals given being known at each by itself."""
        mean, std = gp.predict(at.X, given=at.logs[self.given], return_std=True, include_noise=True)
        return Gaussian(mean[:, 0], std[:, 0])

    def least_squares(self, training: Sites, at: Sites) -> Gaussian:
        """Least squares of the log on the logs of the metals given at the same site."""
        return Gaussian.of_regression(
            training.logs[self.given], training.logs[self.target], at.logs[self.given]
        )

    def by_place(self, kernel: kernels.Kernel, training: Sites, at: Sites) -> Gaussian:
        """A single-task process on the place and class of the sites alone."""
        gp = cg.MultiTaskGP(kernel).fit(training.X, training.logs[self.target])
        return Gaussian(*gp.predict(at.X, return_std=True, include_noise=True))

    def with_inputs(self, training: Sites) -> list[selection.Candidate]:
        """Single-task processes of the metal wanted with the others as further inputs, in the order of
        Akaike's criterion."""
        everywhere = PLACE + self.given
        trend = kernels.Linear().on(self.given)
        choices = {
            "RBF": kernels.RBF().on(everywhere),
            "M32": kernels.Matern32().on(everywhere),
            "linear + M12": trend + 0.3 * rough(),
            "linear+M12+class": trend + 0.3 * rough() + 0.1 * same_class(),
        }
        y = training.logs[[self.target]]
        return selection.compare(self.inputs(training, training), y, choices, [None], ["per-task"])

    def by_inputs(self, gp: cg.MultiTaskGP, training: Sites, at: Sites) -> Gaussian:
        """What such a process says of some sites."""
        mean, std = gp.predict(self.inputs(training, at), return_std=True, include_noise=True)
        return Gaussian(mean[:, 0], std[:, 0])

    def inputs(self, training: Sites, at: Sites) -> pd.DataFrame:
        """The inputs of the sites and the logs of the metals given, less their training means."""
        centred = at.logs[self.given] - training.logs[self.given].mean()
        return at.X.join(centred)


def run(job: Job, split: Split, number: int) -> Outcome:
    """Chooses, predicts and prints one job."""
    training, validation, _ = split
    target, given = job.target, ", ".join(job.given)
    print(f"\n{number}. {target} with {given} known at all sites\n")
    X, Y = split.all.X, job.table(split)
    gaps = int(Y.isna().to_numpy().sum())
    print(f"  {len(Y)} rows, {Y.shape[1]} tasks, {gaps} gaps: log marginal likelihood of what was observed")
    # Of three tasks one factor and a diagonal are no less than the free form.
    ranks: list[int | None] = [None, 1] if Y.shape[1] > 3 else [None]
    candidates = selection.compare(X, Y, KERNELS, ranks, ["per-task", "full"])
    full = next(c for c in candidates if c.settings["noise"] == "full")
    each = next(c for c in candidates if c.settings["noise"] == "per-task")
    print("  lowest Akaike criteria with each noise, which decide:")
    for c in (full, each):
        print(f"    {c.aic:8.1f}  {c.name} ({c.n_parameters} parameters)")
    report = full.gp.report_
    why = report.why.replace(": ", ":\n  ", 1)
    print(f"  Solver {report.solver}: {why}")
    gain = full.gp.log_marginal_likelihood_ - each.gp.log_marginal_likelihood_
    more = full.n_parameters - each.n_parameters
    print(f"  Full noise: {gain:.1f} nats for {more} more parameters.\n")

    print(f"  {target} with those metals as inputs of a single-task process, training sites:")
    inputs = job.with_inputs(training)[0]
    print(f"    {inputs.aic:8.1f}  {inputs.name}\n")

    lines, filled, squares = predicted(job, split, full, each, inputs)
    print_lines(job, lines)
    print_words(lines[:SEEING])

    print("  Correlations learned, of B below the diagonal, of the noise above it")
    for noise, c in (("full noise", full), ("a noise for each metal", each)):
        print(f"    {noise}:")
        print_correlations(job, c.gp)
    print(
        "  With a noise for each metal, what the measurements at a site have in common is B's alone:\n"
        f"  noise is {100 * noise_share(each.gp):.0f} % of the variance of {target}, "
        f"{100 * noise_share(full.gp):.0f} % with full noise."
    )
    print("\n  What the models of the table said of their error, in closed form:")
    for k, (name, c) in enumerate((("full", full), ("each metal", each))):
        print_forecast(job, name, c.gp, split, Y, lines[k].score)
    between = training.distances_between(training.squares(SQUARE))
    print(
        f"    Median distance to the nearest {target} measured: "
        f"{middle(training.distances_to(validation)):.2f} km from a validation site, "
        f"{middle(between):.2f} km\n    from a site whose square is left out"
    )
    return Outcome(lines, np.exp(filled.mean), np.exp(squares.mean))


def predicted(
    job: Job,
    split: Split,
    full: selection.Candidate,
    each: selection.Candidate,
    inputs: selection.Candidate,
) -> tuple[list[Line], Gaussian, Gaussian]:
    """Every way of predicting the validation sites, scored; what was filled in, and least squares."""
    training, validation, _ = split
    truth = validation.logs[job.target]
    measured = training.metals[job.target]

    def sites_alone(c: selection.Candidate) -> Gaussian:
        gp = cg.MultiTaskGP(**c.settings).fit(training.X, training.logs[job.metals])
        return job.conditioned(gp, validation)

    def constant(value: float) -> Score:
        logs = Gaussian.of_training(training.logs[job.target], len(validation))
        return Score.of(truth, logs, medians=np.full(len(validation), value))

    filled = job.imputed(full.gp, len(training))
    squares = job.least_squares(training, validation)
    models: list[tuple[str, Gaussian, bool]] = [
        ("GP, table with gaps, full noise", filled, False),
        ("GP, table with gaps, noise for each metal", job.imputed(each.gp, len(training)), False),
        ("GP of training sites, full noise", sites_alone(full), False),
        ("GP of training sites, noise for each metal", sites_alone(each), False),
        ("single-task GP, other metals as inputs", job.by_inputs(inputs.gp, training, validation), True),
        ("least squares on the other metals", squares, True),
        (
            "single-task GP, place alone",
            job.by_place(each.settings["kernel"], training, validation),
            True,
        ),
    ]
    lines = [Line(name, Score.of(truth, p), is_baseline) for name, p, is_baseline in models]
    lines.append(Line("training median", constant(middle(measured)), True))
    lines.append(Line("training mean", constant(float(measured.mean())), True))
    return lines, filled, squares


# What is printed.


def strongest(lines: list[Line]) -> Line:
    """The baseline of the smallest mean absolute error at the validation sites."""
    return min((line for line in lines if line.is_baseline), key=lambda line: line.score.mae)


def print_lines(job: Job, lines: list[Line]) -> None:
    """Prints the scores with their differences to the strongest baseline."""
    best = strongest(lines)
    print(f"  {'':46} |    MAE ± std.err. |  less the best * |    NLPD | in {100 * LEVEL:.0f} %")
    for line in lines:
        s = line.score
        gap = compared(s.errors, best.score.errors)
        mark = "!" if gap.is_clear else " "
        text = "*" if line is best else f"{gap.excess:>+7.3f} ± {gap.error:>5.3f} {mark}"
        print(
            f"  {line.name:46} | {decimals(s.mae):>6} ± {decimals(s.standard_error):>9} | {text:>16} | "
            f"{s.nlpd:>7.4f} | {100 * s.coverage:>3.0f} %"
        )
    print(
        "  * the baseline of the least error at these very sites; differences with paired standard\n"
        f"    errors, ! where above two of them. mg/kg of {job.target}\n"
    )


def print_words(lines: list[Line]) -> None:
    """Says in words what the first line, the table with gaps and full noise, is worth."""
    own, *others = lines
    print(f"  {own.name} against")
    for other in others:
        mae = compared(own.score.errors, other.score.errors)
        nlpd = compared(own.score.losses, other.score.losses)
        print(f"    {other.name}:\n      MAE {mae}\n      NLPD {nlpd}")
    print()


def noise_share(gp: cg.MultiTaskGP, task: int = 0) -> float:
    """The share of a task's variance that is noise."""
    noise = gp.noise_covariance_[task, task]
    return float(noise / (noise + gp.task_covariance_[task, task]))


def print_correlations(job: Job, gp: cg.MultiTaskGP) -> None:
    """Prints the correlations of B below the diagonal and of the noise above it, and the share of each
    metal's variance that is noise."""
    noise = gp.noise_covariance_
    scale = np.sqrt(np.diag(noise))
    of_noise, of_b = noise / np.outer(scale, scale), gp.task_correlation_
    print(f"    {'':4}", *(f"{name:>6}" for name in job.metals), "  noise / all variance")
    for i, name in enumerate(job.metals):
        cells = [f"{of_b[i, j]:6.2f}" for j in range(i)] + [" " * 6]
        cells += [f"{of_noise[i, j]:6.2f}" for j in range(i + 1, len(job.metals))]
        print(f"    {name:4}", *cells, f"{noise_share(gp, i):10.2f}")
    print(f"    kernel {in_short(gp.kernel_)}")


def print_forecast(
    job: Job, name: str, gp: cg.MultiTaskGP, split: Split, Y: pd.DataFrame, validated: Score
) -> None:
    """Prints what the model says of its training sites, the metal wanted left out there in closed form."""

    def mae(**left_out: Any) -> float:
        mean, _ = gp.leave_one_out(**left_out)
        return float(np.nanmean(np.abs(np.exp(mean[:, 0]) - np.exp(Y[job.target]))))

    one, square = mae(by="entry"), mae(by="entry", groups=split.all.squares(SQUARE))
    print(
        f"    {name:10} {job.target} alone left out of a site {decimals(one)}; "
        f"of all sites in squares of {SQUARE:.0f} km {decimals(square)};\n"
        f"    {'':10} at the validation sites {decimals(validated.mae)}"
    )


def draw(folder: Path, jobs: list[Job], outcomes: list[Outcome], validation: Sites) -> None:
    """Copper filled in and by least squares, and what the models that see the other metals are worth."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(12.5, 5), layout="constrained")
    job, outcome = jobs[1], outcomes[1]
    own, squares = outcome.lines[0].score.mae, outcome.lines[SEEING - 1].score.mae
    shown = [
        (outcome.squares, f"least squares on the other metals: MAE {squares:.2f}"),
        (outcome.filled, f"GP, table with gaps, full noise: MAE {own:.2f}"),
    ]
    ticks = [5.0, 10.0, 20.0, 50.0, 100.0, 150.0]
    figures.scatter(left, job.target, validation.metals[job.target], shown, ticks)

    names = [line.name for line in outcome.lines[:SEEING]]
    for k, (job, outcome, colour) in enumerate(zip(jobs, outcomes, (figures.BLUE, figures.RED))):
        best = strongest(outcome.lines).score
        gaps = [compared(line.score.errors, best.errors) for line in outcome.lines[:SEEING]]
        right.errorbar(
            [100.0 * gap.excess / best.mae for gap in gaps],
            np.arange(SEEING) + 0.28 * (k - 0.5),
            xerr=[200.0 * gap.error / best.mae for gap in gaps],
            fmt="o",
            color=colour,
            label=job.target,
        )
    right.axvline(0.0, color="black", linewidth=0.8, zorder=0)
    right.set_yticks(np.arange(SEEING), names)
    right.invert_yaxis()
    right.set(
        title="Mean absolute error against the strongest baseline",
        xlabel="difference in %, with twice its paired standard error",
    )
    right.legend()
    figures.save(figure, folder, "jura_cokriging.svg")


if __name__ == "__main__":
    main()
