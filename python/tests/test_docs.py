"""The code of the documentation: every block of ours runs, page by page, and prints what the page says.

``COREGION_WRITE_FIGURES=1`` puts the figures that pages draw where they are shown.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import shutil
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import coregion as cg

PYTHON = Path(__file__).resolve().parents[1]
ROOT = PYTHON.parent
DOCS = PYTHON / "docs"

WITHOUT_CODE = {
    "reference/estimators.md",
    "reference/kernels.md",
    "reference/mixings.md",
    "reference/tasks.md",
    "reference/metrics.md",
    "reference/plots.md",
    "reference/exceptions.md",
}
"""Pages that are made of docstrings, whose examples run as doctests."""

OPTIONAL = ("sklearn", "pandas", "polars", "matplotlib", "tqdm", "scipy")

_OPENING = re.compile(r"^(?P<indent>\s*)(?P<ticks>`{3,})\s*(?P<info>.*?)\s*$")
_FIGURE = re.compile(r"figures/(\w+\.png)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


class Block(NamedTuple):
    """A fenced block: what stands after the ticks, its first line in the file, its text."""

    info: str
    line: int
    text: str

    @property
    def ours(self) -> bool:
        return self.info.split()[:1] == ["python"]

    @property
    def theirs(self) -> bool:
        """Code of other software is marked so: ``{.python .theirs}``."""
        return self.info.startswith("{.python .theirs")

    @property
    def output(self) -> bool:
        """What the block before it prints."""
        return self.info == 'text title="Output"'


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, those inside tabs and lists included."""
    found: list[Block] = []
    opening: re.Match[str] | None = None
    lines: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if opening is None:
            opening = _OPENING.match(line)
            lines, first = [], number + 1
        elif line.strip() == opening["ticks"]:
            found.append(Block(opening["info"], first, "\n".join(lines) + "\n"))
            opening = None
        else:
            lines.append(line.removeprefix(opening["indent"]))
    assert opening is None, f"a fence is not closed: {opening}"
    return found


def pages() -> dict[str, Path]:
    """Every page by its name."""
    found = {path.relative_to(DOCS).as_posix(): path for path in sorted(DOCS.rglob("*.md"))}
    return {**found, "python/README.md": PYTHON / "README.md", "README.md": ROOT / "README.md"}


def difference(said: str, printed: str) -> str | None:
    """What of an output is not as the page says: numbers may differ by 2% or the last digit."""
    words, numbers = _NUMBER.sub("#", said).split(), _NUMBER.findall(said)
    words_printed, numbers_printed = _NUMBER.sub("#", printed).split(), _NUMBER.findall(printed)
    if words != words_printed:
        return f"the page says\n{said}\nand the code prints\n{printed}"
    for a, b in zip(numbers, numbers_printed, strict=True):
        digits = len(a.partition("e")[0].partition(".")[2])
        if abs(float(a) - float(b)) > 0.02 * abs(float(a)) + 1.01 * 10.0**-digits:
            return f"the page says {a} and the code prints {b} in\n{printed}"
    return None


CODE = {name: path for name, path in pages().items() if name not in WITHOUT_CODE}


@pytest.mark.parametrize("name", CODE)
def test_page_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = [block for block in blocks(CODE[name].read_text("utf-8")) if block.ours or block.output]
    assert any(block.ours for block in ours), f"{name} has no code of ours"
    for package in OPTIONAL:
        if any(re.search(rf"^\s*(import|from) {package}\b", block.text, re.M) for block in ours):
            pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    # Whether the best B of a small example has full rank is a matter of its random numbers.
    warnings.filterwarnings("ignore", category=cg.BoundaryWarning)
    namespace: dict[str, object] = {"__name__": "__main__"}
    printed = ""
    for block in ours:
        if block.output:
            problem = difference(block.text, printed)
            assert problem is None, f"{name}, line {block.line}: {problem}"
            continue
        # Blank lines before the code make tracebacks point at the line of the page.
        code = compile("\n" * (block.line - 1) + block.text, str(CODE[name]), "exec")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, namespace)
        printed = out.getvalue()
    for figure in _FIGURE.findall(CODE[name].read_text("utf-8")):
        assert (tmp_path / figure).is_file(), f"{name} shows {figure} and does not draw it"
        if os.environ.get("COREGION_WRITE_FIGURES") == "1":
            shutil.copy(tmp_path / figure, DOCS / "figures" / figure)


def test_pages_without_code_are_listed() -> None:
    for name in WITHOUT_CODE:
        found = blocks(pages()[name].read_text("utf-8"))
        assert not any(block.ours for block in found), f"{name} has code: take it off the list"
        assert ":::" in pages()[name].read_text("utf-8")


def test_blocks_are_found_and_marked() -> None:
    page = 'a\n\n=== "Ours"\n\n    ```python\n    x = 1\n    if x:\n        pass\n    ```\n\n'
    page += '```{.python .theirs title="Other"}\nimport other\n```\n```text title="Output"\n1\n```\n'
    ours, theirs, output = blocks(page)
    assert (ours.ours, ours.text, ours.line) == (True, "x = 1\nif x:\n    pass\n", 6)
    assert theirs.theirs
    assert not theirs.ours
    assert output.output


def test_code_of_ours_is_not_marked_as_of_others() -> None:
    for name, path in pages().items():
        for block in blocks(path.read_text("utf-8")):
            known = block.ours or block.theirs or "python" not in block.info
            assert known, f"{name}, line {block.line}: {block.info} is neither ours nor marked as theirs"
            if "import coregion" in block.text:
                assert block.ours, f"{name}, line {block.line}: imports coregion and is not run"


@pytest.mark.parametrize(
    ("said", "printed", "same"),
    [
        ("mean 1.00 and 2", "mean 1.01 and 2", True),
        ("mean 1.00", "mean 1.05", False),
        ("mean 1.00", "std 1.00", False),
        ("[1. 2.]", "[1.  2.]", True),
        ("1", "1 2", False),
    ],
)
def test_outputs_are_compared(said: str, printed: str, same: bool) -> None:
    assert (difference(said, printed) is None) == same


@pytest.fixture
def hooks() -> Any:
    pytest.importorskip("mkdocs")
    spec = importlib.util.spec_from_file_location("documentation_hooks", DOCS / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_notebooks_become_pages(hooks: Any) -> None:
    html = "<table><style>b {}</style><tr><td>1</td></tr></table>"
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["a\n", "b\n"]},
        {"output_type": "display_data", "data": {"image/png": "aGk=", "text/plain": "figure"}},
        {"output_type": "execute_result", "data": {"text/html": html, "text/plain": "table"}},
    ]
    cells = [
        {
            "cell_type": "markdown",
            "source": ["# A title\n", "and `$code$`, [there](data/x.csv), $a_1$ costs 3$"],
        },
        {"cell_type": "code", "source": "print('a')", "outputs": outputs},
    ]
    text, images = hooks.convert({"cells": cells}, "01_x")
    assert hooks.title({"cells": cells}) == "A title"
    assert images == {"01_x-1.png": b"hi"}
    assert "](01_x-1.png)" in text
    assert "```python\nprint('a')\n```\n\n```text\na\nb\n```" in text
    assert "and `$code$`, there, " in text
    assert "$a_1$" not in text
    assert "costs 3$" in text
    page = hooks.on_page_content("".join(f"<p>{part}</p>" for part in text.split("\n\n")), None, None, None)
    assert '<div class="notebook-output"><table><tr><td>1</td></tr></table></div>' in page
    assert "NOTEBOOKOUTPUT" not in page


def test_headings_of_the_mathematics_go_one_level_down(hooks: Any) -> None:
    lowered = hooks.mathematics("# A\n\n```text\n# no\n```\n")
    assert lowered == "# The mathematics\n\n## A\n\n```text\n# no\n```\n"
