"""An app has two or more leaves: two migrations that nothing in the app comes after.

Why it hurts: two branches each added a migration on top of the same one. Git merges them without a
conflict, and then `migrate`, `makemigrations` and every test run stop with "Conflicting migrations
detected; multiple leaf nodes in the migration graph", for everybody who pulls.

How to fix: let the migration that has not landed depend on the one that has, and rename it so that
the numbers follow the order: `remigrate reset --strategy rebase` does both, and proves it. Or,
when both have been applied somewhere, add a merge migration with
`python manage.py makemigrations --merge`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.facts import line_of, reference_to
from remigrate.graph import certain_leaves
from remigrate.model import Finding, Fix, Key, Related, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from remigrate.facts import Facts
    from remigrate.model import Reference

CODE = "RM101"
NAME = "multiple-leaves"
SEVERITY: Severity = "error"


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each app that would be in conflict."""
    for app in facts.graph.apps:
        leaves = certain_leaves(facts.graph, app)
        if len(leaves) > 1:
            yield _conflict(facts, leaves)


def _conflict(facts: Facts, leaves: list[Key]) -> Finding:
    graph = facts.graph
    kept = next((leaf for leaf in leaves if facts.side(leaf) == "landed"), leaves[0])
    moved = next((leaf for leaf in leaves if facts.side(leaf) == "new" and leaf != kept), None)
    moved = moved or next(leaf for leaf in reversed(leaves) if leaf != kept)
    first, fork = _start_of_branch(facts, moved, kept)
    label = graph.apps[kept[0]].label
    path, line = graph.files[first].path, fork.line if fork else line_of(graph.files[first])
    fix = _fix(facts, first, fork, (label, kept[1]))
    said = ", ".join(f"{leaf[1]}{_side(facts, leaf)}" for leaf in leaves)
    return Finding(
        CODE,
        NAME,
        SEVERITY,
        label,
        path,
        line,
        line,
        f"{label} has {len(leaves)} leaves: {said}. Django stops `migrate`, `makemigrations` "
        "and every test run with “Conflicting migrations detected”.",
        _hint(first[1], line, (label, kept[1]), fix),
        facts.names(*leaves),
        tuple(
            Related(graph.files[leaf].path, line_of(graph.files[leaf]), "the other leaf")
            for leaf in leaves
            if leaf not in (moved, first)
        ),
        fix=fix,
    )


def _fix(facts: Facts, first: Key, fork: Reference | None, onto: tuple[str, str]) -> Fix | None:
    """What puts a branch that nobody has applied on top of the other leaf."""
    if fork is None or facts.side(first) != "new":
        return None
    return Fix((fork.label, fork.name), onto)


def _hint(first: str, line: int, onto: tuple[str, str], fix: Fix | None) -> str:
    label, kept = onto
    command = f", or run `remigrate reset {label} --strategy rebase`" if fix else ""
    return (
        f'Put {first} on top of {kept}: in line {line} depend on `("{label}", "{kept}")`{command}; '
        "or, when both were applied somewhere already: "
        f"`python manage.py makemigrations --merge {label}`"
    )


def _side(facts: Facts, leaf: Key) -> str:
    return {"landed": " (in base)", "new": " (new here)", "": ""}[facts.side(leaf)]


def _start_of_branch(facts: Facts, moved: Key, kept: Key) -> tuple[Key, Reference | None]:
    """The first migration of the branch that ends in `moved`, and the entry where it forks off."""
    graph = facts.graph
    shared = graph.ancestors(kept) | {kept}
    first, seen = moved, {moved}
    while True:
        inside = [p for p in sorted(graph.parents[first]) if p[0] == first[0] and p != first]
        before = [parent for parent in inside if parent not in shared]
        if not before or before[0] in seen:
            break
        first = before[0]
        seen.add(first)
    migration = graph.files[first]
    label = graph.apps[first[0]].label
    for _, name in inside:
        reference = reference_to(migration, label, name)
        if reference is not None:
            return first, reference
    return first, None
