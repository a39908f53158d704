"""What ``remigrate doctor`` has seen, for a person at a terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from remigrate.report.escape import visible
from remigrate.report.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from remigrate.doctor import Row, Verdict

    Paint = Callable[[str, str], str]

_SIGNS: dict[Verdict, tuple[str, str]] = {
    "fine": ("✓", "green"),
    "note": ("!", "yellow"),
    "wrong": ("✗", "red"),
}
_INDENT = 4
WIDTH = 100


def render(rows: Sequence[Row], paint: Paint) -> str:
    """A line for each row, the way out below it, and the verdict. `paint(text, colour)`."""
    blocks = [_row(row, paint) for row in rows]
    wrong = sum(row.verdict == "wrong" for row in rows)
    notes = sum(row.verdict == "note" for row in rows)
    if wrong:
        last = paint(f"✗ {counted(wrong, 'thing')} to put right", "red")
    else:
        better = f"; {counted(notes, 'thing')} could be better" if notes else ""
        last = paint(f"✓ Everything that Remigrate needs is here{better}", "green")
    return "".join(blocks) + f"\n{last}\n"


def _row(row: Row, paint: Paint) -> str:
    sign, color = _SIGNS[row.verdict]
    subject = paint(row.subject, "bold")
    lines = [f"{paint(sign, color)} {subject}: {visible(row.text)}"]
    indent = " " * _INDENT
    for part in row.cure.splitlines():
        if part.startswith("  | "):  # the project's own words
            lines.append(f"{indent}{visible(part)}")
            continue
        lines += textwrap.wrap(
            visible(part), WIDTH, initial_indent=indent, subsequent_indent=indent,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    return "\n".join(lines) + "\n"
