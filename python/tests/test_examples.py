"""The example scripts run, and print the numbers that the Rust examples of the same names print."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "python" / "examples"
RUST_OUTPUT = Path(os.environ.get("COREGION_RUST_OUTPUT") or ROOT / "target" / "figures")
"""What the Rust examples printed: ``<example>.txt``, kept by ``cargo xtask test``."""
REQUIRED = os.environ.get("COREGION_REQUIRE_RUST_OUTPUT") == "1"
"""Whether a missing file of them is a failure."""

NAMES = sorted(path.stem for path in SCRIPTS.glob("*.py"))

# Stretches of lines that are not compared: from the first pattern to the second, or one line.
NOT_COMPARED: dict[str, list[tuple[str, str | None]]] = {
    "choose_by_leave_out": [
        # Rust has a function for it.
        ("^1. Every candidate", None),
        # Random parts: the two languages draw different ones.
        ("^2. The same sites by ten-fold", "^  What is held has seen"),
        ("^    random parts left out", None),
    ],
    "irish_wind": [
        # A bias next to nothing; counts of steps follow the last bits of the inputs.
        (r"^  Its kernel: Linear\(bias", None),
        (r"^  \(12 fits, ", None),
    ],
    "river_flow": [
        # Near ties: penalties so small that the answer does not change with them.
        ("^      log10 of the penalties: ", None),
        # A kernel, spelled as in Python.
        ("^  independent: Matern52", None),
    ],
    "wind_gaps": [
        # Reports word their warnings differently.
        ("^  warning", None),
        # How far two solvers lie apart is rounding, and so is the step at which a search ends.
        ("^    dense .* evaluations", None),
        ("^    values filled in differ by", None),
        ("^    left out by", None),
    ],
}

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
TIME = re.compile(r"\b\d+(?:\.\d+)? s\b")


class Line(NamedTuple):
    """A printed line: its words, and its numbers as printed."""

    words: str
    numbers: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Line:
        return cls(" ".join(NUMBER.sub("#", text).split()), tuple(NUMBER.findall(text)))


def comparable(text: str, example: str) -> list[Line]:
    """The lines that carry figures, without times and what is not compared."""
    kept = _without_times(_without_stretches(text.splitlines(), NOT_COMPARED.get(example, [])))
    return [Line.of(line) for line in _fitted_models(kept) if NUMBER.search(line)]


def _without_stretches(lines: list[str], stretches: list[tuple[str, str | None]]) -> Iterator[str]:
    until: str | None = None
    for line in lines:
        if until is not None:
            until = None if re.search(until, line) else until
            continue
        starts = [last for first, last in stretches if re.search(first, line)]
        if starts:
            until = starts[0]
        elif not line.startswith(("Figure: ", "Total time ")):
            yield line


def _without_times(lines: Iterator[str]) -> Iterator[str]:
    """Times masked, and the last column of a table cut off where it is one of seconds."""
    in_table = False
    for line in lines:
        if line.endswith((" time, s", " seconds")):
            in_table = True
        elif not line.strip() or line.startswith("  ("):
            in_table = False
        elif in_table:
            line = line.rsplit(maxsplit=1)[0]
        yield TIME.sub("so long", line)


def _fitted_models(lines: Iterator[str]) -> Iterator[str]:
    """Rust prints a fitted model in other words than `summary`: its likelihood and task correlations are
    compared, these without the last column, which `summary` has in another table."""
    part = ""
    for line in lines:
        if line.startswith("Multi-task Gaussian process: "):
            part = "head"
        elif part == "head" and line.startswith("task correlations"):
            part = "correlations"
        elif part == "correlations" and line == "report":
            part = "report"
        elif part == "report" and not line.strip():
            part = ""
        elif part == "correlations":
            yield line.rsplit(maxsplit=1)[0]
        elif not part or (part == "head" and line.startswith("log marginal likelihood")):
            yield line


def same(a: str, b: str, *, is_share: bool = False) -> bool:
    """Whether two printed numbers are equal up to a unit of the last digit of the one with fewer.

    Whole numbers are counts, and equal, unless they are shares in per cent. Digits after the ninth are
    rounding.
    """
    if not is_share and not any(c in a + b for c in ".e"):
        return a == b
    return abs(float(a) - float(b)) <= max(1.01 * _unit(a), 1.01 * _unit(b), 1e-9 * abs(float(a)))


def _unit(number: str) -> float:
    mantissa, _, exponent = number.partition("e")
    return float(10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2])))


def differences(expected: list[Line], found: list[Line]) -> list[str]:
    """Lines of the one that the other lacks or has with other numbers; lines of the same words are taken
    in turn."""
    by_words: dict[str, Iterator[Line]] = {}
    for line in found:
        if line.words not in by_words:
            by_words[line.words] = iter([other for other in found if other.words == line.words])
    problems = []
    for line in expected:
        other = next(by_words.get(line.words, iter(())), None)
        if other is None:
            problems.append(f"not printed: {line.words} with {' '.join(line.numbers)}")
            continue
        places = re.findall(r"#(?: %)?", line.words)
        pairs = zip(line.numbers, other.numbers, places)
        if not all(same(a, b, is_share=place == "# %") for a, b, place in pairs):
            numbers = f"{' '.join(other.numbers)} instead of {' '.join(line.numbers)}"
            problems.append(f"{line.words}: {numbers}")
    return problems


@functools.cache
def output_of(example: str, folder: Path) -> str:
    """What a script prints; it draws into that folder and is run there."""
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, str(SCRIPTS / f"{example}.py"), str(folder)]
    run = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.fixture(scope="session")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("pandas")
    pytest.importorskip("matplotlib")
    return tmp_path_factory.mktemp("figures")


@pytest.mark.parametrize("example", NAMES)
def test_runs_and_draws(example: str, figures: Path) -> None:
    assert "Total time" in output_of(example, figures)
    assert "</svg>" in (figures / f"{example}.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("example", NAMES)
def test_prints_what_the_rust_example_prints(example: str, figures: Path) -> None:
    path = RUST_OUTPUT / f"{example}.txt"
    if not path.exists():
        message = f"{path} is missing: cargo run --release --example {example} > {path}"
        (pytest.fail if REQUIRED else pytest.skip)(message)
    expected = comparable(path.read_text(encoding="utf-8"), example)
    assert len(expected) > 20
    problems = differences(expected, comparable(output_of(example, figures), example))
    assert not problems, "\n".join(problems)


def test_there_is_a_script_for_each_rust_example() -> None:
    rust = {path.parent.name for path in (ROOT / "examples").glob("*/main.rs")}
    assert rust == {path.stem for path in SCRIPTS.glob("*.py")}


@pytest.mark.parametrize(
    ("printed", "problem"),
    [
        ("  Cd: 0.5427 of 259 sites, 95 % in 3.1 s", None),
        ("  Cd: 0.5428 of 259 sites, 95 % in 3.1 s", "0.5428"),
        ("  Cd: 0.543 of 259 sites, 94 %   in 27 s", None),
        ("  Cd: 0.5426 of 259 sites, 93 % in 3.1 s", "93"),
        ("  Cd: 0.5426 of 260 sites, 95 % in 3.1 s", "260"),
        ("  Cu: 0.5426 of 259 sites, 95 % in 3.1 s", "not printed"),
    ],
)
def test_the_comparison_sees_other_numbers(printed: str, problem: str | None) -> None:
    expected = comparable("  Cd: 0.5426 of 259 sites, 95 % in 3.2 s", "jura")
    problems = differences(expected, comparable(printed, "jura"))
    assert len(problems) == (problem is not None)
    assert problem is None or problem in problems[0]


def test_the_comparison_leaves_out_seconds_and_takes_rows_in_turn() -> None:
    table = "  kernel  rank 2  time, s\n  M32  -1.5  {}\n  M12  {}  2.0\n\n  M32  {}\n"
    expected = comparable(table.format(0.5, -2.5, -3.5), "jura")
    assert not differences(expected, comparable(table.format(0.9, -2.5, -3.5), "jura"))
    assert len(differences(expected, comparable(table.format(0.5, -2.5, -1.5), "jura"))) == 1
    assert len(differences(expected, comparable(table.format(0.5, -2.9, -3.5), "jura"))) == 1
