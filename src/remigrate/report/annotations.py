"""The report as workflow commands, which GitHub shows as annotations on the lines of the change.

The runner obeys ``::`` at the start of a line and ``##[`` anywhere in one (`ActionCommand.cs` of
actions/runner). So every line here starts with a word of ours, and no line holds ``##[``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, get_args

from remigrate.model import Severity
from remigrate.report.escape import (
    command_data,
    command_property,
    shorten,
    visible,
    visible_lines,
    without_legacy_command,
)
from remigrate.report.words import counted, listed

if TYPE_CHECKING:
    from remigrate.model import Finding, Report

PER_LEVEL = 10
"""GitHub drops what a step says beyond this many errors, warnings and notices."""
MESSAGE, HINT, TITLE = 3_000, 1_000, 200
"""Sizes after escaping; GitHub cuts a message at 4,096 characters."""


class Annotation(NamedTuple):
    """A workflow command before it is written."""

    level: Severity
    properties: tuple[tuple[str, str], ...]
    message: str
    hint: str = ""


def render(report: Report) -> str:
    """Lines for the runner: errors first, ten of a level at most, then what was left out."""
    annotations = [_annotation(finding) for finding in report.findings]
    annotations += [Annotation("notice", (("title", "Not checked"),), n) for n in report.notices]
    lines: list[str] = []
    left_out: list[str] = []
    for level in get_args(Severity):
        found = [annotation for annotation in annotations if annotation.level == level]
        lines += [_line(annotation) for annotation in found[:PER_LEVEL]]
        if found[PER_LEVEL:]:
            left_out.append(counted(len(found) - PER_LEVEL, f"more {level}"))
    lines += _remarks(report, left_out)
    return "".join(line + "\n" for line in lines)


def _annotation(finding: Finding) -> Annotation:
    properties = []
    if finding.path:
        properties.append(("file", finding.path))
    if finding.path and finding.line > 0:
        end_line = max(finding.line, finding.end_line)
        properties += [("line", str(finding.line)), ("endLine", str(end_line))]
        # GitHub takes columns only when they are in one line.
        if finding.column > 0 and end_line == finding.line:
            properties.append(("col", str(finding.column)))
    properties.append(("title", f"{finding.code} {finding.rule}"))
    return Annotation(finding.severity, tuple(properties), finding.message, finding.whole_hint)


def _line(annotation: Annotation) -> str:
    properties = ",".join(
        f"{name}={_property(name, value)}" for name, value in annotation.properties
    )
    message = shorten(visible_lines(annotation.message), MESSAGE, command_data)
    if annotation.hint:
        message += "%0A" + shorten(visible_lines(annotation.hint), HINT, command_data)
    return without_legacy_command(f"::{annotation.level} {properties}::{message}")


def _property(name: str, value: str) -> str:
    value = visible(value)
    return shorten(value, TITLE, command_property) if name == "title" else command_property(value)


def _remarks(report: Report, left_out: list[str]) -> list[str]:
    """Plain lines, with counts and words of ours alone."""
    remarks = []
    if left_out:
        remarks.append(
            f"{listed(left_out)}: GitHub shows {PER_LEVEL} of a kind. "
            "`remigrate check` lists all of them."
        )
    if report.unread:
        places = counted(len(report.unread), "place")
        remarks.append(f"{places} could not be read: `remigrate check` says which and why.")
    if report.no_drift:
        remarks.append("Drift was not checked: the summary says why.")
    return remarks
