"""One fold of one set: everything in the table is computed here, and kept in a file."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import long_lists
import numpy as np
from answers import Answer, answer
from choice import choose, learned
from problem import Floats, Fold, LongFold, Problem

MODELS = ["ours", "single"]


def alone(fold: Fold, task: int) -> Fold:
    """One task of a fold, its gaps left out."""
    seen = np.isfinite(fold.Y[:, task])
    return replace(
        fold,
        X=fold.X[seen],
        Y=fold.Y[seen, task][:, None],
        truth=fold.truth[:, task][:, None],
        at=None,
        labels=None if fold.labels is None else fold.labels[seen],
    )


def together(fold: Fold) -> tuple[Answer, dict[str, Any]]:
    """The chosen multi-task model, learned from the whole training table."""
    choice = choose(fold)
    gp, places = learned(choice.best, fold.X, fold.Y)
    return answer(gp, fold, places), {
        "chosen": str(choice.best),
        "criteria": choice.criteria,
        "solver": gp.report_.solver,
        "converged": bool(gp.report_.converged),
    }


def one_by_one(fold: Fold) -> tuple[Answer, dict[str, Any]]:
    """A single-task process for each scored task, chosen in the same way."""
    shape = fold.truth.shape
    found = Answer(*(np.full((*shape, *rest), np.nan) for rest in ((), (), (4,), ())))
    chosen = []
    for t in fold.scored:
        part = alone(fold, t)
        best = choose(part).best
        gp, places = learned(best, part.X, part.Y)
        one = answer(gp, part, places)
        for whole, column in zip(fields(found), fields(one)):
            whole[:, t] = column[:, 0]
        chosen.append(str(best))
    return found, {"chosen": chosen}


def fields(a: Answer) -> list[Floats]:
    """The arrays of an answer in their order."""
    return [a.mean, a.median, a.ends, a.log_density]


def megabytes() -> float:
    """The most memory that this process had, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def timed(make: Any, fold: Fold) -> tuple[Answer, dict[str, Any]]:
    """An answer with the seconds and the memory it took."""
    start = time.perf_counter()
    found, report = make(fold)
    seconds = time.perf_counter() - start
    return found, {**report, "seconds": seconds, "megabytes": megabytes()}


def file_of(results: Path, problem: Problem, fold: int) -> Path:
    """Where a fold is kept."""
    return results / problem.name.replace(" ", "_") / f"{fold}.npz"


def run(problem: Problem, fold: int, data: Path, results: Path) -> None:
    """Computes a fold and keeps it."""
    part = problem.folds(data)[fold]
    scaled = part.standardised()
    if isinstance(scaled, LongFold):
        learned = file_of(results, problem, 0).with_name("learned.coregion")
        learned.parent.mkdir(parents=True, exist_ok=True)
        ours, our_report = timed(lambda long: long_lists.together(long, learned), scaled)
        single, single_report = timed(long_lists.one_by_one, scaled)
    else:
        ours, our_report = timed(together, scaled)
        single, single_report = timed(one_by_one, scaled)
    keep(
        file_of(results, problem, fold),
        {"ours": ours, "single": single},
        np.asarray(problem.baseline(part)),
        {"ours": our_report, "single": single_report},
    )


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
