"""Pages that are made when the documentation is built: the notebooks, and the mathematics.

The notebooks are those of the folder ``notebooks`` at the root of the repository; without the folder their
section is left out. Their stored outputs are shown. With the variable ``COREGION_RUN_NOTEBOOKS=1`` they are
run first, in memory, which needs nbclient.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
MATHEMATICS = ROOT / "docs" / "mathematics.md"

log = logging.getLogger("mkdocs.hooks.coregion")

_rendered: dict[str, str] = {}
"""HTML of outputs and formulas by the placeholder that stands for it in the Markdown."""

_FORMULA = re.compile(
    r"(?P<code>```.*?```|`[^`\n]+`)|\$\$(?P<block>.+?)\$\$|(?<![\\$\w])\$(?P<inline>[^\s$](?:[^$]*?[^\s$])?)\$(?!\d)",
    re.DOTALL,
)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the notebooks to the navigation, before the reference."""
    _rendered.clear()
    paths = notebooks()
    if paths and config.nav is not None:
        pages = [{title(read(path)) or path.stem: f"notebooks/{path.stem}.md"} for path in paths]
        place = next(i for i, entry in enumerate(config.nav) if "Reference" in entry)
        config.nav.insert(place, {"Notebooks": pages})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages."""
    text = mathematics(MATHEMATICS.read_text("utf-8"))
    files.append(File.generated(config, "mathematics.md", content=text))
    for path in notebooks():
        notebook = read(path)
        if not any(cell.get("outputs") for cell in notebook["cells"]):
            log.info("%s has no stored outputs; COREGION_RUN_NOTEBOOKS=1 makes them", path.name)
        text, images = convert(notebook, path.stem)
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=text))
        for name, data in images.items():
            files.append(File.generated(config, f"notebooks/{name}", content=data))
    return files


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Puts the HTML outputs and the formulas of notebooks where their placeholders are."""
    for placeholder, output in _rendered.items():
        html = html.replace(f"<p>{placeholder}</p>", f'<div class="notebook-output">{output}</div>')
        html = html.replace(placeholder, output)
    return html


def notebooks() -> list[Path]:
    """The notebooks, in the order of their names."""
    return sorted(NOTEBOOKS.glob("*.ipynb"))


def mathematics(text: str) -> str:
    """The page of the mathematics: a title, and the headings one level down."""
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    lowered = [part if part.startswith("```") else re.sub(r"^#", "##", part, flags=re.M) for part in parts]
    return "# The mathematics\n\n" + "".join(lowered)


def read(path: Path) -> dict[str, Any]:
    """A notebook, with outputs: those stored, or those of a run where that is asked for."""
    if os.environ.get("COREGION_RUN_NOTEBOOKS") == "1":
        if path not in _run:
            _run[path] = run(path)
        return _run[path]
    notebook: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return notebook


_run: dict[Path, dict[str, Any]] = {}


def run(path: Path) -> dict[str, Any]:
    """A notebook with the outputs of a run in its folder; the file is left as it is."""
    import nbformat
    from nbclient import NotebookClient

    log.info("running %s", path.name)
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(path.parent)}}).execute()
    written: dict[str, Any] = json.loads(nbformat.writes(notebook))
    return written


def title(notebook: dict[str, Any]) -> str | None:
    """The first heading of a notebook."""
    for cell in notebook["cells"]:
        found = re.search(r"^# +(.+)$", source(cell), flags=re.M) if cell["cell_type"] == "markdown" else None
        if found:
            return found.group(1).strip()
    return None


def convert(notebook: dict[str, Any], stem: str) -> tuple[str, dict[str, bytes]]:
    """A notebook as Markdown, and its images by file name."""
    parts: list[str] = []
    images: dict[str, bytes] = {}
    for cell in notebook["cells"]:
        text = source(cell)
        if cell["cell_type"] == "markdown":
            parts.append(links(formulas(text)))
        elif cell["cell_type"] == "code" and text.strip():
            parts.append(fence("python", text))
            for output in cell["outputs"]:
                parts.extend(show(output, stem, images))
    parts.append(f"*The notebook is `notebooks/{stem}.ipynb` in the repository.*")
    return "\n\n".join(parts) + "\n", images


def show(output: dict[str, Any], stem: str, images: dict[str, bytes]) -> list[str]:
    """An output as Markdown: an image, HTML or text, whichever says most."""
    if output["output_type"] == "stream":
        return [fence("text", joined(output["text"]))]
    if output["output_type"] == "error":
        return [fence("text", f"{output['ename']}: {output['evalue']}")]
    data = output["data"]
    for kind, ending in (("image/png", "png"), ("image/svg+xml", "svg")):
        if kind in data:
            name = f"{stem}-{len(images) + 1}.{ending}"
            content = joined(data[kind])
            images[name] = base64.b64decode(content) if ending == "png" else content.encode()
            return [f"![Output of the cell above]({name})"]
    if "text/html" in data:
        html = re.sub(r"<(script|style)\b.*?</\1>", "", joined(data["text/html"]), flags=re.DOTALL | re.I)
        return [kept(html)]
    return [fence("text", joined(data["text/plain"]))] if "text/plain" in data else []


def kept(html: str) -> str:
    """A placeholder for HTML that Markdown is not to see."""
    placeholder = f"NOTEBOOKOUTPUT{len(_rendered):05d}"
    _rendered[placeholder] = html
    return placeholder


def formulas(text: str) -> str:
    """Markdown of a cell with its formulas as MathML, which browsers show without a script.

    Without the package latex2mathml they are shown as they are written.
    """
    mathml: Callable[..., str] | None = None
    with contextlib.suppress(ImportError):
        from latex2mathml import converter

        mathml = converter.convert

    def shown(found: re.Match[str]) -> str:
        formula = (found["block"] or found["inline"] or "").strip()
        if not formula:
            return found[0]
        if mathml is None:
            return f"`{formula}`"
        return kept(mathml(formula, display="block" if found["block"] else "inline"))

    return _FORMULA.sub(shown, text)


def links(text: str) -> str:
    """Markdown of a cell with links to other notebooks led to their pages, and other local links unlinked."""

    def led(match: re.Match[str]) -> str:
        mark, label, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match.group(0)
        if (NOTEBOOKS / target).is_file() and target.endswith(".ipynb"):
            return f"{mark}[{label}]({target.removesuffix('.ipynb')}.md)"
        return label

    return re.sub(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", led, text)


def fence(language: str, text: str) -> str:
    """Text in a fence that it cannot end."""
    longest = max((len(ticks) for ticks in re.findall(r"`{3,}", text)), default=2)
    ticks = "`" * (longest + 1)
    return f"{ticks}{language}\n{text.rstrip()}\n{ticks}"


def source(cell: dict[str, Any]) -> str:
    """The text of a cell."""
    return joined(cell["source"])


def joined(text: str | list[str]) -> str:
    """Text that may be stored in lines."""
    return text if isinstance(text, str) else "".join(text)
