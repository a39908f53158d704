"""A new migration has to run before one that has landed.

Why it hurts: every database at base has applied the later one and not the earlier one. Django stops
there with `InconsistentMigrationHistory`, in production first of all; an empty database, as in the
tests, sees nothing.

How to fix: put the new migration on top of the latest one of its app, and leave the dependencies of
migrations that have landed as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.facts import line_of
from remigrate.history import inconsistencies
from remigrate.model import Finding, Header, Key, Related, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from remigrate.facts import Facts

CODE = "RM201"
NAME = "inserted-before-landed"
SEVERITY: Severity = "error"


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each migration that a database at base would miss."""
    if facts.landed is None:
        return
    followers: dict[Key, list[Key]] = {}
    for child, parent in inconsistencies(facts.landed.graph, facts.landed.rows):
        followers.setdefault(parent, []).append(child)
    for parent, children in followers.items():
        yield _finding(facts, parent, children)


def _finding(facts: Facts, parent: Key, children: list[Key]) -> Finding:
    graph = facts.graph
    name = graph.name(parent)
    path, line = _place(facts, parent, children[0])
    after = ", ".join(facts.names(*children))
    label = graph.apps[parent[0]].label
    leaf = next((k for k in reversed(graph.leaves(parent[0])) if facts.side(k) == "landed"), None)
    onto = f'`("{label}", "{leaf[1]}")`' if leaf else "the latest landed migration of its app"
    return Finding(
        CODE,
        NAME,
        SEVERITY,
        label,
        path,
        line,
        line,
        f"{name} is new, but has to run before {after}, which databases at base have applied "
        "already: "
        "there `migrate` stops with InconsistentMigrationHistory.",
        f"Let {parent[1]} depend on {onto}, and undo what puts {after} after it.",
        facts.names(parent, *children),
        tuple(
            Related(graph.files[key].path, line_of(graph.files[key]), f"has to run after {name}")
            for key in children
            if key in graph.files and graph.files[key].path != path
        ),
    )


def _place(facts: Facts, parent: Key, child: Key) -> tuple[str, int]:
    """The ``run_before`` of the new migration, or the dependency of the landed one."""
    graph = facts.graph
    new, landed = graph.files[parent], graph.files.get(child)
    if isinstance(new.header, Header):
        for ref in new.header.run_before:
            if graph.labels.key(ref.label, ref.name, parent[0]) == child:
                return new.path, ref.line
    if landed is not None and isinstance(landed.header, Header):
        for ref in landed.header.dependencies:
            if graph.labels.key(ref.label, ref.name, child[0]) == parent:
                return landed.path, ref.line
    return new.path, line_of(new)
