"""What a job says of other pull requests: those that were looked at again, and what could not be.

Names of branches and what GitHub answered go through `escape`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, get_args

from remigrate.model import Severity
from remigrate.report.escape import cell, code, cut, prose, visible_lines
from remigrate.report.words import counted, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST = 10
"""Pull requests that a sentence names."""
_LONGEST = 600
"""Characters of a reason."""


class Row(NamedTuple):
    """A pull request that changes migrations, or that could not be looked at."""

    number: int
    found: tuple[Severity, ...] = ()
    untouched: str = ""
    """Why our comment was not touched; empty where it was."""
    failed: str = ""
    """Why nobody knows."""


class Rechecked(NamedTuple):
    """The open pull requests into one branch."""

    branch: str
    open: int = 0
    """How many were looked at."""
    rows: tuple[Row, ...] = ()
    more: bool = False
    """Whether there may be others."""
    failed: str = ""
    """Why none was looked at."""
    cures: tuple[str, ...] = ()


def render(found: Rechecked) -> str:
    """A section of the job's summary, in Markdown."""
    into = f" into {code(found.branch)}" if found.branch else ""
    parts = [f"### Open pull requests{into}", _told(found)]
    if found.rows:
        head = "| Pull request | Found | Our comment |\n|---|---|---|\n"
        parts.append(head + "".join(map(_row, found.rows)).rstrip("\n"))
    parts += [prose(_short(cure)) for cure in dict.fromkeys(filter(None, found.cures))]
    return "\n\n".join([*parts, ""])


def line(found: Rechecked) -> str:
    """The same in a line for the log, with words of ours alone."""
    if found.failed:
        return "Open pull requests were not looked at again: the summary says why."
    written = sum(not (row.untouched or row.failed) for row in found.rows)
    failed = sum(bool(row.failed) for row in found.rows)
    said = [counted(written, "comment") + " written"]
    said += [f"{failed} could not be looked at: the summary says why"] if failed else []
    return f"Looked again at {counted(found.open, 'open pull request')}: {listed(said)}."


def no_rivals(why: str, cure: str) -> str:
    """A notice of a check that knows nothing of other pull requests."""
    said = f"Collisions with other open pull requests were not looked for: {_short(why)}."
    return f"{said} {cure}".rstrip()


def unread_rivals(numbers: Sequence[int], why: str) -> str:
    """A notice of a check about other pull requests that it could not look at."""
    named = [f"#{number}" for number in numbers[:_MOST]]
    named += [f"{len(numbers) - _MOST} more"] if numbers[_MOST:] else []
    return f"Collisions with {listed(named)} were not looked for: {_short(why)}."


def limited(most: int) -> str:
    """A notice about those that were not looked at."""
    return (
        f"There may be more than {most} open pull requests: collisions were looked for among the "
        f"{most} that changed last."
    )


def _told(found: Rechecked) -> str:
    if found.failed:
        return f"They were not looked at again: {prose(_short(found.failed))}."
    if not found.open:
        return "There are none."
    which = "These change migrations:" if found.rows else "None changes migrations."
    said = f"{counted(found.open, 'pull request')}."
    more = f" There may be more: these are the {found.open:,} that changed last."
    return f"{said}{more if found.more else ''} {which}"


def _row(row: Row) -> str:
    if row.failed:
        return f"| #{row.number} | could not be looked at | {cell(_short(row.failed))} |\n"
    counts = [(row.found.count(level), level) for level in get_args(Severity)]
    said = listed([counted(number, level) for number, level in counts if number])
    return f"| #{row.number} | {said or 'nothing'} | {row.untouched or 'written'} |\n"


def _short(text: str) -> str:
    return cut(visible_lines(text), _LONGEST)
