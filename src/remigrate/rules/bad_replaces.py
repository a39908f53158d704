"""The `replaces` of squashes contradict each other, or themselves.

Why it hurts: Django 6 stops with "Cyclical squash replacement found"; earlier versions show "(no
migrations)" and leave the app out. Where two squashes replace the same migration, which of them a
database runs depends on the order of their names.

How to fix: a new squash needs a name of its own; and each migration is replaced by one squash only,
unless that one is replaced in turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.facts import line_of
from remigrate.model import Finding, Header, Key, Related, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from remigrate.facts import Facts

CODE = "RM105"
NAME = "bad-replaces"
SEVERITY: Severity = "error"


def check(facts: Facts) -> Iterator[Finding]:
    """Squashes that replace themselves, each other, or what another one replaces already."""
    squashes = facts.graph.squashes
    itself = [key for key in squashes if key in squashes[key]]
    for key in itself:
        yield _finding(
            facts, (key,), key, f"{facts.graph.name(key)} replaces itself: {_CIRCLE}.", _OWN
        )
    others = tuple(key for key in facts.graph.cyclic_squashes if key not in itself)
    if others:
        names = ", ".join(facts.names(*others))
        yield _finding(
            facts,
            others,
            others[1 % len(others)],
            f"These squashes replace each other: {names}. {_CIRCLE}.",
            _ONE_WAY,
        )
    yield from _contested(facts)


_CIRCLE = (
    "Django 6 stops with “Cyclical squash replacement found”, "
    "earlier versions leave the app out in silence"
)
_OWN = "Give the squash a name that none of the migrations has that it replaces."
_ONE_WAY = "Let only the newer squash replace the older one."


def _contested(facts: Facts) -> Iterator[Finding]:
    owners: dict[Key, list[Key]] = {}
    for squash, replaced in facts.graph.squashes.items():
        for key in dict.fromkeys(replaced):
            owners.setdefault(key, []).append(squash)
    said: set[tuple[Key, Key]] = set()
    for target, squashes in owners.items():
        for at, one in enumerate(squashes):
            for other in squashes[at + 1 :]:
                related = _replaces(facts, one, other) or _replaces(facts, other, one)
                if not related and (one, other) not in said:
                    said.add((one, other))
                    yield _contest(facts, one, other, target)


def _replaces(facts: Facts, squash: Key, other: Key) -> bool:
    """Whether `squash` replaces `other`, itself or through squashes in between."""
    seen: set[Key] = set()
    stack = [squash]
    while stack:
        for key in facts.graph.squashes.get(stack.pop(), ()):
            if key == other:
                return True
            if key not in seen:
                seen.add(key)
                stack.append(key)
    return False


def _contest(facts: Facts, one: Key, other: Key, target: Key) -> Finding:
    name = facts.graph.name
    newer, older = (one, other) if facts.side(other) == "landed" else (other, one)
    return _finding(
        facts,
        (newer, older),
        target,
        f"{name(newer)} and {name(older)} both replace {name(target)}: "
        "a database that has applied only a part of it may run its operations twice, or never.",
        f"Take {name(target)} out of one of them, or let {name(newer)} replace {name(older)} as "
        "well.",
    )


def _finding(facts: Facts, keys: tuple[Key, ...], target: Key, message: str, hint: str) -> Finding:
    migration = facts.graph.files[keys[0]]
    line = _line(facts, keys[0], target)
    return Finding(
        CODE,
        NAME,
        SEVERITY,
        facts.graph.apps[keys[0][0]].label,
        migration.path,
        line,
        line,
        message,
        hint,
        facts.names(*keys),
        tuple(
            Related(
                facts.graph.files[key].path, line_of(facts.graph.files[key]), "the other squash"
            )
            for key in keys[1:]
        ),
    )


def _line(facts: Facts, squash: Key, target: Key) -> int:
    """The line of `squash` that names `target` in ``replaces``."""
    migration = facts.graph.files[squash]
    if isinstance(migration.header, Header):
        for ref, key in zip(migration.header.replaces, facts.graph.squashes[squash], strict=True):
            if key == target:
                return ref.line
    return line_of(migration)
