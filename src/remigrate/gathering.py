"""Adds to a check what other jobs have found: one report, one comment for all projects of a tree.

The reports come from jobs that ran the projects' code, though not in the process that wrote them:
each value must have the type that `report.json_` gives it, and renderers escape it as any other.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple, cast, get_args

from remigrate.check import worst_first
from remigrate.errors import UsageFailure
from remigrate.model import Finding, Related, Severity
from remigrate.report.fingerprint import fingerprint
from remigrate.report.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from remigrate.model import Report

MOST_REPORTS = 1_000
MOST_BYTES = 16 << 20
"""Of one report; what is larger is no report of a project."""


class Found(NamedTuple):
    """What one report tells."""

    head: str | None
    """The commit that was checked."""
    findings: tuple[Finding, ...]


def read(folder: str) -> list[str]:
    """Every JSON file below `folder`, links aside. Raises `UsageFailure` when they are too many."""
    paths = [
        os.path.join(place, name)
        for place, _, names in os.walk(folder)
        for name in sorted(names)
        if name.endswith(".json") and not os.path.islink(os.path.join(place, name))
    ]
    if len(paths) > MOST_REPORTS:
        raise UsageFailure(
            f"there are {len(paths):,} JSON files below {os.path.basename(folder)}",
            f"Name a folder with the jobs' reports alone, {MOST_REPORTS:,} at most.",
        )
    texts = []
    for path in sorted(paths):
        if os.path.getsize(path) > MOST_BYTES:
            raise _bad(f"{os.path.basename(path)} is larger than any report")
        with open(path, encoding="utf-8", errors="replace") as file:
            texts.append(file.read())
    return texts


def decoded(text: str) -> Found:
    """A report from its JSON. Raises `UsageFailure` for whatever has another shape."""
    try:
        document = json.loads(text)
        if document["version"] != 1:
            raise _bad("it is not of version 1")
        head = document["head"]
        findings = tuple(_finding(each) for each in document["findings"])
        return Found(None if head is None else _text(head), findings)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise _bad(f"{type(error).__name__}: {error}") from error


def _bad(why: str) -> UsageFailure:
    return UsageFailure(
        f"a report cannot be read: {why}",
        "Let all jobs use the same version, and hand over the files that the output report names.",
    )


def _finding(each: dict[str, Any]) -> Finding:
    return Finding(
        code=_text(each["code"]),
        rule=_text(each["rule"]),
        severity=_severity(each["severity"]),
        app=_text(each["app"]),
        path=_text(each["path"]),
        line=_number(each["line"]),
        end_line=_number(each["end_line"]),
        message=_text(each["message"]),
        hint=_text(each["hint"]),
        migrations=tuple(map(_text, each["migrations"])),
        related=tuple(
            Related(_text(one["path"]), _number(one["line"]), _text(one["message"]))
            for one in each["related"]
        ),
    )


def _severity(value: object) -> Severity:
    for severity in get_args(Severity):
        if value == severity:
            return cast("Severity", severity)
    raise ValueError(f"{value!r} is no severity")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no number")
    return value


def together(report: Report, others: Sequence[Found]) -> Report:
    """`report` with what is new in the others; notices say how many of them there were.

    Reports of another commit say nothing about this one.
    """
    projects = len({app.project for app in report.apps})
    current = [other for other in others if other.head == report.head]
    known = {_identity(each) for each in report.findings}
    added = {
        _identity(each): each
        for other in current
        for each in other.findings
        if _identity(each) not in known
    }
    findings = sorted([*report.findings, *added.values()], key=worst_first)
    return report._replace(
        findings=tuple(findings),
        notices=(*report.notices, *_notices(len(others), len(current), projects)),
    )


def _identity(finding: Finding) -> tuple[str, str]:
    return fingerprint(finding), finding.path


def _notices(received: int, current: int, projects: int) -> Iterable[str]:
    yield f"With the reports of {counted(current, 'job')}."
    if received > current:
        yield f"{counted(received - current, 'report')} of another commit left out."
    if current < projects:
        yield (
            f"There are {counted(projects, 'project')}, and {counted(current, 'report')} of "
            "this commit: the jobs of the others tell why."
        )
