"""Executes the notebooks and stores them with their outputs, without anything of the machine.

``python notebooks/execute.py [NAME ...]`` executes those named, or all, in place. Needs ``nbclient``,
``ipykernel`` and what the notebooks import.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
"""What a stored notebook says of itself."""

CELL_TIMEOUT = 600
"""Seconds that a cell may take."""


def execute(notebook: Any, folder: Path, before: str = "") -> float:
    """Executes a notebook, whose outputs are kept in it, in a folder; gives the seconds taken.

    ``before`` is run first, and leaves no cell.
    """
    if before:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(before))
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name=METADATA["kernelspec"]["name"],
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
    )
    start = time.perf_counter()
    client.execute()
    seconds = time.perf_counter() - start
    if before:
        del notebook.cells[0]
    return seconds


def clean(notebook: Any) -> None:
    """Leaves of the metadata what a reader needs, joins printed lines, numbers the cells."""
    notebook.metadata.clear()
    notebook.metadata.update(METADATA)
    number = 0
    for place, cell in enumerate(notebook.cells):
        cell.id = f"cell-{place:02d}"
        cell.metadata.clear()
        if cell.cell_type != "code":
            continue
        number += 1
        cell.execution_count = number
        cell.outputs = joined(cell.outputs)
        for output in cell.outputs:
            if "metadata" in output:
                output.metadata.clear()
            if "execution_count" in output:
                output.execution_count = number


def joined(outputs: list[Any]) -> list[Any]:
    """Outputs with printed lines that follow each other as one."""
    out: list[Any] = []
    for output in outputs:
        last = out[-1] if out else {}
        if output.output_type == "stream" and output.get("name") == last.get("name"):
            last["text"] += output["text"]
        else:
            out.append(output)
    return out


def main(names: list[str]) -> None:
    """Executes in place the notebooks named, or all."""
    folder = Path(__file__).resolve().parent
    paths = [folder / name for name in names] or sorted(folder.glob("*.ipynb"))
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        seconds = execute(notebook, folder)
        clean(notebook)
        nbformat.write(notebook, path)
        print(f"{path.name}: {seconds:.1f} s, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
