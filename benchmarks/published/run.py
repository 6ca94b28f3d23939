"""One fold of one set: everything in the table is computed here, and kept in a file."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import long_lists
import numpy as np
from answers import Answer, answer
from candidates import Candidate
from choice import choose, learned
from problem import Floats, Fold, LongFold, Problem
from scores import OF_ABSOLUTE_ERRORS
from search import Choice

MODELS = ["ours", "single"]

Made = tuple[Answer, dict[str, Any]]
"""Answers and a report."""


def alone(fold: Fold, task: int) -> Fold:
    """One task of a fold, its gaps left out."""
    seen = np.isfinite(fold.Y[:, task])
    return replace(
        fold,
        X=fold.X[seen],
        Y=fold.Y[seen, task][:, None],
        truth=fold.truth[:, task][:, None],
        at=None,
    )


def together(fold: Fold, held: Candidate | None = None) -> Made:
    """The multi-task model, chosen unless held."""
    choice = choose(fold) if held is None else Choice(held, {})
    found = learned(choice.best, fold)
    report = {
        "chosen": str(choice.best),
        "candidate": asdict(choice.best),
        "criteria": choice.criteria,
        "solver": found.gp.report_.solver,
        "converged": bool(found.gp.report_.converged),
    }
    return answer(found.gp, fold, found.places), report


def one_by_one(fold: Fold, held: Mapping[str, Candidate] | None = None) -> Made:
    """A single-task process for each scored task, chosen in the same way unless held."""
    shape = fold.truth.shape
    answers = Answer(*(np.full((*shape, *rest), np.nan) for rest in ((), (), (4,), ())))
    chosen = {}
    for t in fold.scored:
        part = alone(fold, t)
        best = (held or {}).get(str(t)) or choose(part).best
        found = learned(best, part)
        for whole, column in zip(fields(answers), fields(answer(found.gp, part, found.places))):
            whole[:, t] = column[:, 0]
        chosen[str(t)] = best
    report = {
        "chosen": [str(best) for best in chosen.values()],
        "candidates": {t: asdict(best) for t, best in chosen.items()},
    }
    return answers, report


def fields(a: Answer) -> list[Floats]:
    """The arrays of an answer in their order."""
    return [a.mean, a.median, a.ends, a.log_density]


def megabytes() -> float:
    """The most memory that this process had, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def timed(make: Callable[[], Made]) -> Made:
    """What is made, its report with the seconds and the memory it took."""
    start = time.perf_counter()
    found, report = make()
    seconds = time.perf_counter() - start
    return found, {**report, "seconds": seconds, "megabytes": megabytes()}


def file_of(results: Path, problem: Problem, fold: int) -> Path:
    """Where a fold is kept."""
    return results / problem.name.replace(" ", "_") / f"{fold}.npz"


def run(problem: Problem, fold: int, data: Path, results: Path) -> None:
    """Computes a fold and keeps it."""
    part = replace(problem.folds(data)[fold], absolute=problem.metric in OF_ABSOLUTE_ERRORS)
    scaled, first = part.standardised(), file_of(results, problem, 0)
    if isinstance(scaled, LongFold):
        first.parent.mkdir(parents=True, exist_ok=True)
        ours, report = timed(lambda: long_lists.together(scaled, first.with_name("learned.coregion")))
        single, single_report = timed(lambda: long_lists.one_by_one(scaled))
    else:
        held, held_single = candidates_of(first) if problem.chosen_once and fold else (None, None)
        ours, report = timed(lambda: together(scaled, held))
        single, single_report = timed(lambda: one_by_one(scaled, held_single))
    keep(
        file_of(results, problem, fold),
        {"ours": ours, "single": single},
        np.asarray(problem.baseline(part)),
        {"ours": report, "single": single_report},
    )


def candidates_of(file: Path) -> tuple[Candidate, dict[str, Candidate]]:
    """Those that the fold of a file chose, for all tasks and for each."""
    report = kept(file)[2]
    each = report["single"]["candidates"].items()
    return Candidate(**report["ours"]["candidate"]), {t: Candidate(**parts) for t, parts in each}


def keep(file: Path, answers: dict[str, Answer], baseline: Floats, report: dict[str, Any]) -> None:
    """Writes the file of a fold, whole or not at all."""
    arrays: dict[str, Any] = {
        f"{name}_{k}": array for name, found in answers.items() for k, array in enumerate(fields(found))
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".part.npz")
    np.savez_compressed(unfinished, baseline=baseline, report=json.dumps(report), **arrays)
    unfinished.rename(file)


def kept(file: Path) -> tuple[dict[str, Answer], Floats, dict[str, Any]]:
    """Reads the file of a fold."""
    with np.load(file) as found:
        answers = {name: Answer(*(found[f"{name}_{k}"] for k in range(4))) for name in MODELS}
        return answers, found["baseline"], json.loads(str(found["report"]))


def missing(problems: Sequence[Problem], data: Path, results: Path) -> list[tuple[Problem, int]]:
    """The folds that are not kept yet."""
    return [
        (problem, k)
        for problem in problems
        for k in range(len(problem.folds(data)))
        if not file_of(results, problem, k).exists()
    ]


def main() -> None:
    """``run.py NAME FOLD DATA RESULTS``."""
    from sets import PROBLEMS

    name, fold, data, results = sys.argv[1:]
    problem = next(problem for problem in PROBLEMS if problem.name == name)
    run(problem, int(fold), Path(data), Path(results))


if __name__ == "__main__":
    main()
