"""The table and the figure of all results that are kept."""

from __future__ import annotations

import datetime
import os
import platform
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import candidates
import choice
import numpy as np
from answers import Answer, point
from plots import draw
from problem import Problem
from run import MODELS, file_of, kept
from scores import LARGER_IS_BETTER, METRICS, OF_ABSOLUTE_ERRORS, coverages, negative_log_density

import coregion as cg

WIDTH = 110
"""Columns of the text above the tables."""
SLACK = 1.02
"""How many times the baseline's error is allowed."""
COVERED = (0.90, 0.98)
"""Bounds of the coverage of 95 % intervals."""


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    problem: Problem
    ours: float
    single: float
    mean: float
    baseline: float
    nlpd: float
    nlpd_single: float
    coverage: tuple[float, float]
    seconds: float
    megabytes: float
    chosen: list[str]
    solvers: list[str]

    @property
    def ratio(self) -> float:
        """Our error over the baseline's; its inverse for scores."""
        ratio = self.ours / self.baseline
        return 1.0 / ratio if self.problem.metric in LARGER_IS_BETTER else ratio

    @property
    def single_ratio(self) -> float:
        """The single-task processes' error over the baseline's; its inverse for scores."""
        ratio = self.single / self.baseline
        return 1.0 / ratio if self.problem.metric in LARGER_IS_BETTER else ratio

    @property
    def most_chosen(self) -> str:
        """The candidate that most folds chose."""
        return max(sorted(set(self.chosen)), key=self.chosen.count)


def row(problem: Problem, data: Path, results: Path) -> Row | None:
    """What is kept of a set; none where folds are missing."""
    if not file_of(results, problem, 0).exists():
        return None
    is_absolute = problem.metric in OF_ABSOLUTE_ERRORS
    folds = [replace(fold, absolute=is_absolute) for fold in problem.folds(data)]
    files = [file_of(results, problem, k) for k in range(len(folds))]
    if not all(file.exists() for file in files):
        return None
    found = [kept(file) for file in files]
    ours, single = ([answers[name] for answers, _, _ in found] for name in MODELS)
    reports: list[dict[str, Any]] = [report["ours"] for _, _, report in found]
    score = METRICS[problem.metric]

    def of(answers: Sequence[Answer]) -> float:
        return score([point(answer, fold) for answer, fold in zip(answers, folds)], folds)

    return Row(
        problem,
        ours=of(ours),
        single=of(single),
        mean=score([np.broadcast_to(f.training_means(), f.truth.shape) for f in folds], folds),
        baseline=score([baseline for _, baseline, _ in found], folds),
        nlpd=negative_log_density(ours, folds),
        nlpd_single=negative_log_density(single, folds),
        coverage=coverages(ours, folds),
        seconds=sum(report["seconds"] for report in reports),
        megabytes=max(report["megabytes"] for report in reports),
        chosen=[report["chosen"] for report in reports],
        solvers=sorted({report["solver"] for report in reports}),
    )


HEAD = """# Published data sets

Written by `python benchmarks/published DATA`, see there. One way of choosing serves every set, and nothing
is set by hand for one of them:

- {choosing}
- The single-task processes are chosen in the same way, each task by itself, from the kernels and warps.
- Point predictions are medians for absolute errors and means for squared ones. NLPD is the mean negative
  log predictive density of a hidden cell in the units of the data. The baseline is computed in the same run
  from the same training rows.
- Errors of the training mean have the unit of the metric: SMSE, RRMSE and aRRMSE are relative to it, the
  mean squared error of the mean of the training rows (not of the test rows) being 1.
"""
CHOOSING = """\
The list is fixed: kernels ({KERNELS}) of standardised inputs, isotropic or, for at most {MOST_COLUMNS}
inputs and from {FEWEST_OF_INPUT} observations for each, with a lengthscale for each; task covariances (rank
1, 2 and 3, free form up to {MOST_FREE_TASKS} tasks; above, exchangeable, or rank 2 with the rest in the
noise); noise by task or full up to {MOST_FREE_TASKS} tasks; none of the warps Box-Cox (positive outputs),
Yeo-Johnson, sinh-arcsinh, or one learned for each task of {FEWEST_WARPED} outputs without many ties; one
term or two (up to {MOST_DENSE:,} observations, {MOST_DENSE_OF_GAPS:,} where gaps are asked). Part by part
the best is kept. Where gaps of the table are asked, it is the one of the highest log marginal likelihood.
Where new rows are asked, the one of the highest score of training rows left out in closed form, if it gains
more than a standard error: the mean of the log predictive density and of the log density that the errors
have under the width that suits them best (normal for squared errors, Laplace for absolute ones). From
either is taken what k numbers learned from N observations make it too good by, k / (N - k - 1) an
observation (the correction of Hurvich and Tsai 1989). At most {MOST_CHOOSING_ROWS} training rows or
{MOST_CHOOSING_OBSERVATIONS:,} observations, drawn at random, do for that ({MOST_CHOOSING_ROWS_OF_GAPS} and
{MOST_CHOOSING_OBSERVATIONS_OF_GAPS:,} where gaps are asked). The parameters are then learned from at most
{MOST_LEARNING_ROWS:,} training rows ({MOST_LEARNING_ROWS_OF_GAPS:,} where gaps are asked,
{MOST_LEARNING_ROWS_OF_TERMS} with two terms), and the model is conditioned on all."""


def choosing() -> str:
    """The way of choosing in words."""
    constants = {**vars(candidates), **vars(choice), "KERNELS": ", ".join(candidates.KERNELS)}
    text = CHOOSING.format(**constants)
    return textwrap.fill(" ".join(text.split()), WIDTH, subsequent_indent="  ")


def number(value: float) -> str:
    """Four digits."""
    return f"{value:.4g}"


def scores_table(rows: Sequence[Row]) -> list[str]:
    """Errors of all models."""
    lines = [
        "| set | metric | ours | single-task GP | training mean | simple baseline "
        "| ours / baseline | published |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for r in rows:
        p = r.problem
        values = " | ".join(number(v) for v in (r.ours, r.single, r.mean, r.baseline))
        published = "; ".join(
            f"{f.what} {f.value:g} ({'seen' if f.seen else 'from memory'})" for f in p.published
        )
        lines.append(f"| {p.name} | {p.metric} | {values} | {r.ratio:.3f} | {published} |")
    return lines


def densities_table(rows: Sequence[Row]) -> list[str]:
    """Densities, coverage and costs."""
    lines = [
        "| set | NLPD | of single-task GP | inside 50 % | inside 95 % | seconds | MB | solver "
        "| chosen (most folds) |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for r in rows:
        half, most = (100.0 * share for share in r.coverage)
        lines.append(
            f"| {r.problem.name} | {r.nlpd:.4f} | {r.nlpd_single:.4f} | {half:.0f} % | {most:.0f} % "
            f"| {r.seconds:.0f} | {r.megabytes:.0f} | {', '.join(r.solvers)} "
            f"| {r.most_chosen} |"
        )
    return lines


def protocols(rows: Sequence[Row]) -> list[str]:
    """What was trained on and what the baseline is."""
    lines = ["| set | protocol | simple baseline |", "| --- | --- | --- |"]
    return lines + [f"| {r.problem.name} | {r.problem.protocol} | {r.problem.baseline_name} |" for r in rows]


def verdict(rows: Sequence[Row]) -> list[str]:
    """The bounds, counted."""
    bounded = [r for r in rows if r.problem.bounded]
    met = [r for r in bounded if r.ratio <= SLACK]
    better = [r for r in bounded if r.nlpd < r.nlpd_single]
    covered = [r for r in rows if COVERED[0] <= r.coverage[1] <= COVERED[1]]

    def missed(found: Sequence[Row], of: Sequence[Row]) -> str:
        names = [r.problem.name for r in of if r not in found]
        return f"; not {', '.join(names)}" if names else ""

    return [
        f"- At most {SLACK} times the simple baseline: {len(met)} of {len(bounded)}{missed(met, bounded)}.",
        f"- NLPD below the single-task GP's: {len(better)} of {len(bounded)}{missed(better, bounded)}.",
        f"- 95 % intervals that cover {100 * COVERED[0]:.0f} to {100 * COVERED[1]:.0f} %: {len(covered)} of "
        f"{len(rows)}{missed(covered, rows)}.",
    ]


def write(problems: Sequence[Problem], data: Path, results: Path, file: Path) -> None:
    """Writes the table, and the figure beside the results."""
    rows = [found for found in (row(problem, data, results) for problem in problems) if found]
    if not rows:
        return
    missing = [p.name for p in problems if p.name not in {r.problem.name for r in rows}]
    lines = [HEAD.format(choosing=choosing())]
    for part in (verdict, scores_table, densities_table, protocols):
        lines += [*part(rows), ""]
    if missing:
        lines += [f"Not computed: {', '.join(missing)}.", ""]
    typical = median(r.seconds for r in rows)
    lines.append(
        f"Measured on {datetime.date.today()}, {os.cpu_count()} cores ({platform.machine()}), one fold a "
        f"core; coregion {cg.__version__} ({cg._core.backend}). Seconds are of choosing, learning and "
        f"predicting, summed over folds (median of the sets {typical:.0f}); MB is the peak of a process with "
        "Python and its libraries."
    )
    draw(rows, file.with_suffix(".svg"), COVERED)
    lines += ["", f"![Errors and coverage of all sets]({file.stem}.svg)"]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
