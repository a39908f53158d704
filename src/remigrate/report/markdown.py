"""The report as GitHub Markdown, for the job summary and the comment on the pull request.

Everything that may come from the pull request goes through `escape`. Parts are chosen by how much
they help, and put in the order in which they are read; what finds no room is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, get_args

from remigrate.model import Severity
from remigrate.report import picture as pictures
from remigrate.report.escape import cell, code, cut, fence, in_cell, prose, visible_lines
from remigrate.report.words import counted, listed

if TYPE_CHECKING:
    from remigrate.model import Finding, Picture, Report, UnreadFile

SIGNS: dict[Severity, str] = {"error": "❌", "warning": "⚠️", "notice": "ℹ️"}
TABLE_HEAD = "| | Where, and what will happen | What to type |\n|---|---|---|\n"
LONGEST_CELL = 1_500
"""One finding must not push out all others."""
LONGEST_NAME = 300
MOST_PLACES = 5
RESERVE = 400
"""Characters kept for the line that says what was left out."""


class Part(NamedTuple):
    """A list of things of one kind, with what stands around it."""

    noun: str
    head: str
    items: tuple[str, ...]
    tail: str = "\n"


class Room:
    """The characters that are left, and what found no room in them."""

    def __init__(self, characters: int) -> None:
        self.characters = characters
        self.left_out: dict[str, int] = {}

    def fill(self, part: Part) -> str:
        """`part` with as many of its items as there is room for; empty when none fits."""
        size = len(part.head) + len(part.tail)
        kept: list[str] = []
        for item in part.items:
            if size + len(item) > self.characters:
                break
            size += len(item)
            kept.append(item)
        lost = len(part.items) - len(kept)
        if lost:
            self.left_out[part.noun] = self.left_out.get(part.noun, 0) + lost
        if not kept:
            return ""
        self.characters -= size
        return part.head + "".join(kept) + part.tail

    def told(self, limit: int, command: str) -> str:
        """What found no room, and the command that shows it; empty where all did."""
        if not self.left_out:
            return ""
        lost = listed([counted(number, noun) for noun, number in self.left_out.items()])
        return (
            f"\nLeft out to stay below {limit:,} characters: {lost}. "
            f"Run `{command}` to see everything.\n"
        )


def render(report: Report, limit: int = 60_000) -> str:
    """Markdown in at most `limit` characters; `limit` is 2,000 or more."""
    top = f"### {_verdict(report)}\n\n{_scope(report)}\n\n"
    room = Room(limit - RESERVE - len(top))
    findings = room.fill(_findings(report))
    notices = room.fill(_notices(report))
    missing = "".join(room.fill(_code(finding)) for finding in report.findings)
    drawings = "".join(room.fill(_drawing(picture)) for picture in report.pictures)
    unread = room.fill(_unread(report))
    return (
        top + findings + missing + drawings + notices + unread + room.told(limit, "remigrate check")
    )


def _verdict(report: Report) -> str:
    counts = _counts(report)
    if counts:
        sign = next(SIGNS[level] for level in get_args(Severity) if counts.get(level))
        return f"{sign} Migrations: {listed([counted(n, level) for level, n in counts.items()])}"
    if report.unread:
        return "☑️ Migrations: no problem in what could be read"
    return "✅ Migrations: no problem found"


def _counts(report: Report) -> dict[Severity, int]:
    """How many findings of each severity, worst first, without zeros."""
    severities = [finding.severity for finding in report.findings]
    counts = {level: severities.count(level) for level in get_args(Severity)}
    return {level: number for level, number in counts.items() if number}


def _scope(report: Report) -> str:
    """What was looked at: this many migrations, which commits."""
    migrations = counted(sum(app.migrations for app in report.apps), "migration")
    scope = f"{migrations} in {counted(len(report.apps), 'app')}"
    if report.head:
        scope += f" at {code(report.head[:12])}"
    if report.base:
        scope += f", as merged with base {code(report.base[:12])}"
    return scope + "."


def _findings(report: Report) -> Part:
    worst_first = list(get_args(Severity))
    rows = sorted(report.findings, key=lambda finding: worst_first.index(finding.severity))
    return Part("finding", TABLE_HEAD, tuple(map(_row, rows)))


def _row(finding: Finding) -> str:
    sign = f"{SIGNS[finding.severity]} {finding.severity}"
    where = [f"**{_place(finding.path, finding.line)}**"] if finding.path else []
    what = [*where, cell(_short(finding.message, LONGEST_CELL))]
    for related in finding.related[:MOST_PLACES]:
        place = _place(related.path, related.line)
        what.append(f"↳ {place}: {cell(_short(related.message, LONGEST_NAME))}")
    if finding.related[MOST_PLACES:]:
        more = counted(len(finding.related) - MOST_PLACES, "more place")
        what.append(f"↳ and {more}")
    if finding.pull_requests:
        numbers = [f"#{number}" for number in finding.pull_requests[:MOST_PLACES]]
        what.append(f"↳ {listed(numbers)}")  # GitHub makes links of these
    cells = (
        f"{sign}<br>{cell(finding.code)}<br>{cell(finding.rule)}",
        "<br>".join(what),
        cell(_short(finding.hint, LONGEST_CELL)),
    )
    return f"| {' | '.join(cells)} |\n"


def _code(finding: Finding) -> Part:
    """The file that the hint speaks of: too long for a table."""
    if not finding.source:
        return Part("code block", "", ())
    title = prose(_short(", ".join(finding.migrations), LONGEST_NAME))
    head = f"<details><summary>The migration that is missing</summary>\n\n{title}:\n\n"
    code = fence(finding.source.rstrip("\n"), "python")
    return Part("code block", head, (code,), "\n\n</details>\n\n")


def _short(text: str, limit: int) -> str:
    return cut(visible_lines(text), limit)


def _place(path: str, line: int) -> str:
    path = _short(path, LONGEST_NAME)
    return in_cell(code(f"{path}:{line}" if line > 0 else path))


def _notices(report: Report) -> Part:
    said = [*report.notices]
    if report.no_drift:
        said.append(f"Drift was not checked: {report.no_drift}.")
    notes = (prose(_short(text, LONGEST_CELL)) for text in said)
    items = tuple(f"> - {note}\n" for note in notes if note)
    return Part("note", "> [!NOTE]\n", items)


def _drawing(picture: Picture) -> Part:
    """The picture, and the same as text for whoever does not see it."""
    title = f"#### {prose(_short(picture.title, LONGEST_NAME))}\n\n"
    text = fence(pictures.text(picture).rstrip("\n"))
    if not pictures.is_small(picture):
        size = f"{counted(len(picture.nodes), 'migration')} with {len(picture.edges):,} arrows"
        return Part("picture", title, (f"{size} are more than GitHub draws.\n\n{text}\n",))
    drawn = fence(pictures.mermaid(picture).rstrip("\n"), "mermaid")
    details = f"<details><summary>The same as text</summary>\n\n{text}\n\n</details>\n"
    return Part("picture", title, (f"{drawn}\n\n{pictures.LEGEND}\n\n{details}",))


def _unread(report: Report) -> Part:
    rows = tuple(map(_unread_row, report.unread))
    title = f"{counted(len(rows), 'place')} could not be read"
    head = (
        f"<details><summary>{title}</summary>\n\nWhat depends on these was not judged.\n\n"
        "| Where | What | Why |\n|---|---|---|\n"
    )
    return Part("unread place", head, rows, "\n</details>\n")


def _unread_row(row: UnreadFile) -> str:
    why = cell(_short(row.why, LONGEST_NAME))
    return f"| {_place(row.path, row.line)} | {cell(_short(row.what, LONGEST_NAME))} | {why} |\n"
