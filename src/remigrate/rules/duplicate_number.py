"""Two migrations of an app start with the same number.

Why it hurts: the files no longer read in the order in which they run, `migrate shop 0005` is
refused as ambiguous, and it is often the trace of two branches that were merged without looking.

How to fix: give the one that has not landed the next free number, and let those that depend on it
follow. A squash may share its number with what it replaces, and what landed long ago stays as it
is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.facts import line_of
from remigrate.model import Finding, Key, Related, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from remigrate.facts import Facts
    from remigrate.model import App

CODE = "RM104"
NAME = "duplicate-number"
SEVERITY: Severity = "warning"


def check(facts: Facts) -> Iterator[Finding]:
    """One finding for each number that is taken twice and can still be changed.

    That is when one of them is new; or, without a base, when nothing in the app builds on it yet.
    """
    for app in facts.graph.apps.values():
        for number, keys in _by_number(app).items():
            rivals = [key for key in keys if not _is_squash_of_any(facts, key, keys)]
            if len(rivals) > 1 and any(_is_open(facts, key) for key in rivals):
                yield _finding(facts, app.label, number, rivals)


def _is_open(facts: Facts, key: Key) -> bool:
    if facts.landed is not None:
        return facts.side(key) == "new"
    graph = facts.graph
    return key in graph.nodes and all(child[0] != key[0] for child in graph.children[key])


def _by_number(app: App) -> dict[str, list[Key]]:
    numbers: dict[str, list[Key]] = {}
    for migration in app.migrations:
        number = migration.name.partition("_")[0]
        if number.isdigit():
            numbers.setdefault(number, []).append(migration.key)
    return numbers


def _is_squash_of_any(facts: Facts, key: Key, others: list[Key]) -> bool:
    """Whether `key` replaces one of `others`, itself or through another squash."""
    replaced = list(facts.graph.squashes.get(key, ()))
    for inner in replaced:
        replaced += [k for k in facts.graph.squashes.get(inner, ()) if k not in replaced]
    return any(other in replaced for other in others)


def _finding(facts: Facts, label: str, number: str, rivals: list[Key]) -> Finding:
    moved = next(key for key in reversed(rivals) if _is_open(facts, key))
    migration = facts.graph.files[moved]
    others = [key for key in rivals if key != moved]
    return Finding(
        CODE,
        NAME,
        SEVERITY,
        label,
        migration.path,
        line_of(migration),
        line_of(migration),
        f"{label} has {len(rivals)} migrations with the number {number}: "
        f"{', '.join(key[1] for key in rivals)}. Their names do not tell which one runs first.",
        f"Rename {moved[1]} to the next free number, here and where others depend on it.",
        facts.names(*rivals),
        tuple(
            Related(facts.graph.files[key].path, line_of(facts.graph.files[key]), "the same number")
            for key in others
        ),
    )
