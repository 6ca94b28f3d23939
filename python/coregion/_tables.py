"""Tables in plain text and in HTML, from the same cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

LONGEST_CELL = 34
"""Characters after which the name in a cell is cut in plain text."""


@dataclass(frozen=True)
class Section:
    """A titled table; where ``header`` is empty the first column names what the others say."""

    title: str
    rows: list[list[str]]
    header: list[str] = field(default_factory=list)
    note: str = ""


def number(value: float) -> str:
    """A number with four digits that matter; a dash where there is none."""
    return "-" if value is None or np.isnan(value) else f"{value:.4g}"


def percent(value: float) -> str:
    """A share in percent."""
    return "-" if np.isnan(value) else f"{100.0 * value:.1f}%"


def values(array: Any, names: Sequence[str] = (), most: int = 6) -> str:
    """The entries of an array, named where there are names; a large array by its shape and range."""
    entries = np.atleast_1d(np.asarray(array, dtype=float))
    if entries.ndim == 1 and len(entries) <= max(most, min(len(names), 2 * most)):
        if len(names) == len(entries) > 1:
            return ", ".join(f"{name} {number(v)}" for name, v in zip(names, entries))
        return ", ".join(number(v) for v in entries)
    if not entries.size:
        return "none"
    shape = " x ".join(map(str, entries.shape))
    return f"<{shape}>, {number(entries.min())} to {number(entries.max())}"


def as_text(title: str, sections: Sequence[Section]) -> str:
    """Sections below each other, columns aligned: names to the left, numbers to the right."""
    lines = [title]
    for section in sections:
        lines += ["", section.title]
        lines += _aligned(section)
        if section.note:
            lines.append(f"  {section.note}")
    return "\n".join(lines)


def _aligned(section: Section) -> list[str]:
    rows = [
        [_cut(cell) for cell in row] for row in ([section.header] if section.header else []) + section.rows
    ]
    if not section.header:  # pairs: the second column is prose and may be long
        width = max((len(row[0]) for row in section.rows), default=0)
        return [f"  {row[0]:<{width}}  {row[1]}".rstrip() for row in section.rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [f"{row[0]:<{widths[0]}}", *(f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:]))]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return lines


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 3] + "..."


CELL = "padding:0.15em 0.8em 0.15em 0;border:none;background:transparent;color:inherit;vertical-align:top"
"""Colours are those of the page, so that the table is legible in light and dark themes."""


def as_html(title: str, sections: Sequence[Section]) -> str:
    """Sections as HTML tables that take colours and font from the page; every text is escaped."""
    parts = [
        '<div class="coregion-summary" style="color:inherit;background:transparent;overflow-x:auto">',
        f"<strong>{escape(title)}</strong>",
    ]
    for section in sections:
        parts.append(
            '<details open style="margin-top:0.6em"><summary style="cursor:pointer">'
            f"{escape(section.title)}</summary>"
        )
        parts.append(_html_table(section))
        if section.note:
            parts.append(f'<div style="opacity:0.7">{escape(section.note)}</div>')
        parts.append("</details>")
    parts.append("</div>")
    return "\n".join(parts)


def _html_table(section: Section) -> str:
    lines = ['<table style="border-collapse:collapse;border:none;margin:0.2em 0 0 1em">']
    if section.header:
        rule = "border-bottom:1px solid currentColor"
        cells = [
            f'<th scope="col" style="{CELL};{rule};text-align:{_side(i)}">{escape(cell)}</th>'
            for i, cell in enumerate(section.header)
        ]
        lines.append(f"<thead><tr>{''.join(cells)}</tr></thead>")
    lines.append("<tbody>")
    for row in section.rows:
        first = f'<th scope="row" style="{CELL};text-align:left;font-weight:normal">{escape(row[0])}</th>'
        side = _side(1) if section.header else "left"
        rest = (f'<td style="{CELL};text-align:{side}">{escape(cell)}</td>' for cell in row[1:])
        lines.append(f"<tr>{first}{''.join(rest)}</tr>")
    lines.append("</tbody></table>")
    return "".join(lines)


def _side(column: int) -> str:
    return "left" if column == 0 else "right"


__all__ = ["Section", "as_html", "as_text", "number", "percent", "values"]
