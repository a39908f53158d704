"""The line that settles a finding, for a review to suggest: worked out here, and tried out.

A rule knows a fix by names. It becomes an edit of the file's own bytes, and all rules are asked
again about the tree with that edit: only where the finding is gone then, and nothing is found that
was not there before, there is something to suggest.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from remigrate import check, reader
from remigrate import graph as graphs
from remigrate.report.escape import visible
from remigrate.report.fingerprint import fingerprint
from remigrate.reset import edits
from remigrate.reset.page import Uneditable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from remigrate.check import Answer
    from remigrate.model import Finding, Fix, Migration, Report
    from remigrate.rules import Rule


MOST_TRIED = 10
"""Findings; for each of them the whole graph is looked at once more."""


class Line(NamedTuple):
    """A line of a file, as it is and as it would be."""

    number: int
    before: str
    after: str


class Suggestion(NamedTuple):
    """A line that settles a finding."""

    finding: Finding
    fix: Fix
    blob: str
    """Git's name for the file that it is about."""
    line: Line
    left: tuple[str, ...]
    """Codes of what the file is blamed for all the same."""


def worked_out(answer: Answer, rules: Iterable[Rule], report: Report) -> Iterator[Suggestion]:
    """What settles the first findings of `report`, each of them alone and in one line."""
    rules = tuple(rules)
    files = {migration.path: migration for migration in answer.facts.graph.files.values()}
    known = [(each, each.fix) for each in report.findings if each.fix is not None]
    for finding, fix in known[:MOST_TRIED]:
        found = _tried(answer, rules, report, finding, fix, files[finding.path])
        if found is not None:
            yield found


def _tried(
    answer: Answer,
    rules: tuple[Rule, ...],
    report: Report,
    finding: Finding,
    fix: Fix,
    migration: Migration,
) -> Suggestion | None:
    content = answer.facts.read(migration)
    try:
        edited = edits.repointed(content, {fix.old: fix.new})
    except Uneditable:
        return None
    line = _only_line(content, edited)
    if line is None:
        return None
    now = check.report(_with(answer, migration, edited), rules).findings
    before = {fingerprint(each) for each in report.findings}
    if not {fingerprint(each) for each in now} <= before - {fingerprint(finding)}:
        return None
    left = dict.fromkeys(each.code for each in now if each.path == finding.path)
    return Suggestion(finding, fix, migration.blob, line, tuple(left))


def _only_line(content: bytes, edited: bytes) -> Line | None:
    """The one line in which two texts differ, if GitHub can show it and write it as it is.

    A file with other line ends or in another encoding could come out otherwise, and a line with
    characters that nobody sees would be suggested without anybody seeing them.
    """
    if b"\r" in content:
        return None
    try:
        old, new = content.decode().split("\n"), edited.decode().split("\n")
    except UnicodeDecodeError:
        return None
    numbers = [at for at, pair in enumerate(zip(old, new, strict=False), 1) if pair[0] != pair[1]]
    if len(old) != len(new) or len(numbers) != 1:
        return None
    line = Line(numbers[0], old[numbers[0] - 1], new[numbers[0] - 1])
    return line if visible(line.before + line.after) == line.before + line.after else None


def _with(answer: Answer, migration: Migration, content: bytes) -> Answer:
    """The same tree with another content of one migration."""
    changed = migration._replace(blob="", header=reader.read(content))
    apps = [
        app._replace(migrations=tuple(changed if m == migration else m for m in app.migrations))
        for app in answer.project.apps
    ]
    project, facts = answer.project._replace(apps=tuple(apps)), answer.facts
    graph, landed = graphs.build(project), facts.landed
    if landed is not None:
        seen = graphs.build(project, landed.rows) if landed.rows else graph
        landed = landed._replace(graph=seen)
    facts = facts._replace(
        graph=graph,
        landed=landed,
        read=lambda wanted: content if wanted == changed else answer.facts.read(wanted),
    )
    return answer._replace(facts=facts, project=project)


def shown(patch: str) -> set[int]:
    """Numbers of the new file's lines that a patch of GitHub's shows."""
    numbers: set[int] = set()
    number = 0
    for text in patch.split("\n"):
        hunk = re.match(r"@@ -\S+ \+(\d+)", text)
        if hunk:
            number = int(hunk[1])
        elif text[:1] in ("+", " "):
            numbers.add(number)
            number += 1
    return numbers
