"""Migrations depend on each other in a circle.

Why it hurts: there is no order in which they could run. Every command that loads migrations stops
with `CircularDependencyError`.

How to fix: break the circle where it is weakest: move the foreign key that closes it into a
migration of its own, or point a dependency at an earlier migration of the other app.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.circles import cycles
from remigrate.facts import line_of
from remigrate.model import Finding, Header, Key, Related, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from remigrate.facts import Facts

CODE = "RM103"
NAME = "cycle"
SEVERITY: Severity = "error"


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each knot of circular dependencies."""
    for circle in cycles(facts.graph):
        yield _finding(facts, circle)


def _finding(facts: Facts, circle: tuple[Key, ...]) -> Finding:
    graph = facts.graph
    start = next((at for at, key in enumerate(circle) if facts.side(key) == "new"), 0)
    ordered = circle[start:] + circle[:start]
    steps = list(zip(ordered, (ordered[-1], *ordered[:-1]), strict=True))
    way = [graph.name(key) for key in (ordered[0], *reversed(ordered))]
    places = [(key, parent, _line(facts, key, parent)) for key, parent in steps]
    _, parent, line = places[0]
    return Finding(
        CODE,
        NAME,
        SEVERITY,
        graph.apps[ordered[0][0]].label,
        graph.files[ordered[0]].path,
        line,
        line,
        f"Circular dependency: {' → '.join(way)} (each depends on the next). "
        "Django stops with CircularDependencyError.",
        f"Break the circle at one of its edges: if {graph.name(ordered[0])} does not need all of "
        f"{graph.name(parent)}, depend on an earlier migration of that app, or move the operation "
        "that needs it into a migration of its own.",
        facts.names(*ordered),
        tuple(
            Related(graph.files[key].path, at, f"depends on {graph.name(before)}")
            for key, before, at in places[1:]
        ),
    )


def _line(facts: Facts, key: Key, parent: Key) -> int:
    """The line in the file of `key` that names `parent`, or something that `parent` replaced."""
    graph = facts.graph
    migration = graph.files[key]
    if isinstance(migration.header, Header):
        for ref in migration.header.dependencies:
            target = graph.labels.key(ref.label, ref.name, key[0])
            if parent in (target, graph.replaced_by.get(target)):
                return ref.line
    return line_of(migration)
