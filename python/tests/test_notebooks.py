"""The notebooks: executed from copies, without warnings of the package, and stored clean."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
REQUIRED = os.environ.get("COREGION_REQUIRE_NOTEBOOKS") == "1"

LARGEST = 600_000
"""Bytes that a stored notebook may have."""

PACKAGE = str(getattr(importlib.util.find_spec("coregion"), "origin", ""))
"""Where the package under test is."""

NEEDED = ("nbformat", "nbclient", "ipykernel", "matplotlib", "pandas", "sklearn")

BEFORE = """
import pathlib, warnings
import coregion
from coregion.exceptions import CoregionWarning
warnings.simplefilter("error", CoregionWarning)
assert pathlib.Path(coregion.__file__) == pathlib.Path({package!r}), coregion.__file__
"""
"""Run before the first cell: the package under test is the one imported, and its warnings are errors."""

MACHINE = re.compile(r"(/home/|/root/|/tmp/|/Users/|/var/|[A-Z]:\\\\|ipykernel_)")
"""What only a path of some machine has."""


def missing() -> list[str]:
    """What executing needs and is not installed."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def runner() -> ModuleType:
    """The module that executes notebooks."""
    spec = importlib.util.spec_from_file_location("execute_notebooks", FOLDER / "execute.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def needs(*, to_execute: bool) -> None:
    """Skips where something is not there; fails instead where notebooks are required."""
    absent = missing() if to_execute else [name for name in ("nbformat",) if name in missing()]
    if not NOTEBOOKS:
        absent.append(str(FOLDER.name))
    if absent and REQUIRED:
        pytest.fail(f"COREGION_REQUIRE_NOTEBOOKS=1, but there is no {', '.join(absent)}")
    if absent:
        pytest.skip(f"notebooks need {', '.join(absent)}")


def read(path: Path) -> Any:
    """A notebook."""
    import nbformat

    return nbformat.read(path, as_version=4)


def outputs(notebook: Any) -> list[Any]:
    """All outputs of all cells."""
    return [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]


def test_notebooks_are_there() -> None:
    """None was lost."""
    needs(to_execute=False)
    assert len(NOTEBOOKS) == 8


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A copy runs to its end without a warning of the package, anything on stderr or a file left behind."""
    needs(to_execute=True)
    folder = tmp_path / "notebooks"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    shutil.copytree(ROOT / "examples" / "data", tmp_path / "examples" / "data")
    notebook = read(folder / path.name)
    before = {entry.name for entry in folder.iterdir()}

    seconds = runner().execute(notebook, folder, before=BEFORE.format(package=PACKAGE))

    with capsys.disabled():
        print(f" {path.name}: {seconds:.1f} s", end="", flush=True)
    complaints = [o["text"] for o in outputs(notebook) if o.get("name") == "stderr"]
    assert not complaints, "".join(complaints)
    assert {entry.name for entry in folder.iterdir()} == before, "a notebook left a file behind"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_notebook_is_clean(path: Path) -> None:
    """It is small, was executed once in order, and holds nothing of a machine."""
    needs(to_execute=False)
    notebook = read(path)
    assert path.stat().st_size < LARGEST
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(not cell.metadata for cell in notebook.cells)
    kinds = {o.output_type for o in outputs(notebook)}
    assert kinds <= {"stream", "display_data", "execute_result"}
    texts = [o["text"] for o in outputs(notebook) if o.output_type == "stream"]
    data = [o["data"] for o in outputs(notebook) if o.output_type != "stream"]
    texts += [d[kind] for d in data for kind in ("text/plain", "text/html") if kind in d]
    assert all(o.get("name") != "stderr" for o in outputs(notebook))
    assert not [found for text in texts for found in MACHINE.findall(text)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_notebook_teaches(path: Path) -> None:
    """Every notebook shows figures, ends with what to try next, and is in the table of contents."""
    needs(to_execute=False)
    notebook = read(path)
    assert any("image/png" in o.get("data", {}) for o in outputs(notebook))
    assert "## What to try next" in notebook.cells[-1].source
    assert path.name in (FOLDER / "README.md").read_text(encoding="utf-8")
