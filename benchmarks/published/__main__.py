"""Published data sets, strong baselines and one way of choosing; writes benchmarks/published.md.

Run where the wheel is installed: ``python benchmarks/published DATA [--sets NAME ...]``. DATA is a folder
with one folder for each set; the module of a set in `sets` says which files and columns it reads. Folds
that were computed are kept in a folder of results, so that a run goes on where another ended; ``--report``
only writes the table and the figure anew.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from problem import Problem
from report import write
from run import missing
from sets import PROBLEMS
from tqdm import tqdm

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "target" / "published"
TABLE = ROOT / "benchmarks" / "published.md"
ONE_THREAD = dict.fromkeys(("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Folds run side by side, each on one core."""


def arguments() -> argparse.Namespace:
    """What the command line says."""
    names = [problem.name for problem in PROBLEMS]
    parser = argparse.ArgumentParser(prog="python benchmarks/published", description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help="folder of the data sets")
    parser.add_argument(
        "--sets", nargs="*", default=names, choices=names, metavar="NAME", help=", ".join(names)
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of results")
    parser.add_argument("--table", type=Path, default=TABLE, help="file to write; the figure goes beside it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="folds at a time")
    parser.add_argument("--report", action="store_true", help="compute nothing")
    return parser.parse_args()


def compute(problems: list[Problem], data: Path, results: Path, jobs: int) -> list[str]:
    """Runs what is not kept yet, each fold in a process of its own; what failed, in words."""
    todo, failed = missing(problems, data, results), []
    later = [(p, k) for p, k in todo if (p.learned_once or p.chosen_once) and k > 0]
    with ThreadPoolExecutor(jobs) as pool, tqdm(total=len(todo), unit="fold") as bar:
        for part in ([pair for pair in todo if pair not in later], later):
            running = {pool.submit(one, problem.name, k, data, results): (problem, k) for problem, k in part}
            for done in as_completed(running):
                problem, k = running[done]
                if (error := done.result()) is not None:
                    failed.append(f"{problem.name}, fold {k}: {error}")
                    tqdm.write(failed[-1])
                bar.set_postfix_str(problem.name)
                bar.update()
    return failed


def one(name: str, fold: int, data: Path, results: Path) -> str | None:
    """The last line of what went wrong in a fold, if anything did."""
    program = Path(__file__).with_name("run.py")
    command: list[str | Path] = [sys.executable, program, name, str(fold), data, results]
    ended = subprocess.run(
        command, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True, check=False
    )
    if ended.returncode == 0:
        return None
    return (ended.stderr.strip() or f"ended with status {ended.returncode}").splitlines()[-1]


def main() -> None:
    """The command line."""
    asked = arguments()
    problems = [problem for problem in PROBLEMS if problem.name in asked.sets]
    failed = [] if asked.report else compute(problems, asked.data, asked.results, asked.jobs)
    write(PROBLEMS, asked.data, asked.results, asked.table)
    if failed:
        raise SystemExit("\n".join(failed))


if __name__ == "__main__":
    main()
