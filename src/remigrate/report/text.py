"""A report for a person at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.report.escape import visible
from remigrate.report.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from remigrate.model import Finding, Picture, Report, Severity

    Paint = Callable[[str, str], str]

_COLORS: dict[Severity, str] = {"error": "red", "warning": "yellow", "notice": "blue"}


def render(report: Report, paint: Paint, width: int = 100) -> str:
    """Findings with their pictures, then what it comes to. `paint(text, colour)` may colour."""
    pictures = {picture.title: picture for picture in report.pictures}
    blocks = []
    for finding in report.findings:
        picture = pictures.pop(f"{finding.code} {finding.app}", None)
        blocks.append(_block(finding, picture, paint, width))
    if report.unread:
        blocks.append(_unread(report, paint))
    return "\n".join([*blocks, _verdict(report, paint)])


def _block(finding: Finding, picture: Picture | None, paint: Paint, width: int) -> str:
    import textwrap

    color = _COLORS[finding.severity]
    place = f"{visible(finding.path)}:{finding.line}" + (
        f":{finding.column}" if finding.column else ""
    )
    lines = [
        f"{paint(place, 'bold')}  {paint(finding.severity, color)} "
        f"{finding.code} {paint(finding.rule, 'dim')}"
    ]
    wrapped = textwrap.TextWrapper(width, initial_indent="  ", subsequent_indent="  ",
                                   break_long_words=False, break_on_hyphens=False)  # fmt: skip
    lines += wrapped.wrap(visible(finding.message))
    for related in finding.related:
        lines.append(
            paint(f"    {visible(related.path)}:{related.line}  {visible(related.message)}", "dim")
        )
    if picture is not None:
        from remigrate.report.picture import text

        lines += ["", *(f"    {line}" for line in text(picture).splitlines()), ""]
    wrapped.initial_indent, wrapped.subsequent_indent = "  → ", "    "
    lines += [paint(line, "green") for line in wrapped.wrap(visible(finding.hint))]
    if finding.source:
        lines += ["", *(f"    {visible(line)}".rstrip() for line in finding.source.splitlines())]
    return "\n".join(lines) + "\n"


def _unread(report: Report, paint: Paint) -> str:
    lines = [paint("Not read:", "bold")]
    lines += [
        f"  {visible(row.path)}:{row.line}  {visible(row.what)}: {visible(row.why)}"
        for row in report.unread
    ]
    return "\n".join(lines) + "\n"


def _verdict(report: Report, paint: Paint) -> str:
    counts = {
        severity: sum(finding.severity == severity for finding in report.findings)
        for severity in _COLORS
    }
    looked = (
        f"{counted(sum(app.migrations for app in report.apps), 'migration')} in "
        f"{counted(len(report.apps), 'app')}" + (", drift not checked" if report.no_drift else "")
    )
    said = ", ".join(counted(number, severity) for severity, number in counts.items() if number)
    sign = "✗" if counts["error"] else "!" if report.findings else "✓"
    color = "red" if counts["error"] else "yellow" if report.findings else "green"
    verdict = paint(f"{sign} {said or 'No conflicts, nothing missing'}", color)
    return f"{verdict} {paint(f'({looked})', 'dim')}\n"
