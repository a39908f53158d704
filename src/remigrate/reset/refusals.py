"""Apps that a reset leaves as they are, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate import circles
from remigrate.model import Broken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from remigrate.model import Key, Migration
    from remigrate.reset.old import Old

_EDGES = ("dependencies", "replaces", "run_before")


def found(
    old: Old, targets: Iterable[str], *, nested: bool, keep: bool, fresh: bool
) -> dict[str, str]:
    """Target apps that cannot be planned for, each with its first reason."""
    graph = old.graph
    refused: dict[str, str] = {}
    for app in targets:
        if app not in graph.apps:
            refused[app] = (
                "Django loads no migrations from here: no such folder, or no __init__.py in it"
            )
        elif why := next(_reasons(old, app, fresh=fresh), None):
            refused[app] = why
        elif keep and not nested and (squash := _squash(old, app)):
            refused[app] = (
                f"{graph.name(squash)} is a squash that has not been finished, and before 6.0 "
                "Django cannot load a squash of a squash: finish it first, or do not keep what is "
                "replaced"
            )
    return refused


def late(old: Old, causes: Mapping[Key, Key], targets: Iterable[str]) -> dict[str, str]:
    """Target apps in which something landed has to wait for something new."""
    refused: dict[str, str] = {}
    for key, cause in causes.items():
        if key != cause and key[0] in targets:
            refused.setdefault(
                key[0],
                f"{old.graph.name(key)} has landed, but depends on {old.graph.name(cause)}, which "
                "is new: databases that have applied the one without the other cannot be migrated",
            )
    return refused


def nothing_to_shorten(old: Old, app: str) -> str:
    """Why an app stays although nothing is wrong with it."""
    nodes = _nodes(old, app)
    if len(nodes) < 2:
        return f"nothing to shorten: it has {len(nodes) or 'no'} migration{'s' * (not nodes)}"
    return (
        "nothing to shorten: what has landed and what is new stay apart, and so do migrations with "
        "those of another app between them; that leaves each of its migrations on its own"
    )


def _nodes(old: Old, app: str) -> list[Key]:
    return [m.key for m in old.graph.apps[app].migrations if m.key in old.graph.nodes]


def _squash(old: Old, app: str) -> Key | None:
    return next((key for key in _nodes(old, app) if key in old.graph.squashes), None)


def _reasons(old: Old, app: str, *, fresh: bool) -> Iterator[str]:
    for migration in old.graph.apps[app].migrations:
        yield from _unreadable(old, migration)
    yield from _dangling(old, app)
    yield from _circular(old, app)
    yield from _bad_squashes(old, app)
    if not fresh:
        yield from _half_landed(old, app)
    if len(_nodes(old, app)) < 2:
        yield nothing_to_shorten(old, app)


def _unreadable(old: Old, migration: Migration) -> Iterator[str]:
    name, header = old.graph.name(migration.key), migration.header
    if isinstance(header, Broken):
        yield f"{name} cannot be read: line {header.line}: {header.why}"
        return
    for unread in header.unread:
        if unread.what in _EDGES:
            yield (
                f"the {unread.what} of {name} cannot be known without running it: "
                f"line {unread.line}: {unread.why}"
            )
    if not header.is_migration:
        yield f"{name} has no Migration class, which Django refuses to load"
    if any(ref.swappable for ref in header.run_before):
        yield f"{name} has to run before an app that only a setting names, which cannot be kept"


def _dangling(old: Old, app: str) -> Iterator[str]:
    for one in old.graph.dangling:
        if app in (one.origin[0], one.target[0]):
            yield (
                f"{old.graph.name(one.origin)} names {old.graph.name(one.target)} in its "
                f"{one.attribute}, which is not there"
            )


def _circular(old: Old, app: str) -> Iterator[str]:
    for circle in circles.cycles(old.graph):
        if any(key[0] == app for key in circle):
            names = ", ".join(old.graph.name(key) for key in circle)
            yield f"migrations depend on each other in a circle: {names}"
    for key in old.graph.cyclic_squashes:
        if key[0] == app:
            yield f"{old.graph.name(key)} replaces itself, directly or through other squashes"


def _bad_squashes(old: Old, app: str) -> Iterator[str]:
    graph = old.graph
    for squash, replaced in graph.squashes.items():
        for key in replaced:
            if app in (squash[0], key[0]) and key[0] != squash[0]:
                label = graph.name(key).partition(".")[0]
                yield f"{graph.name(squash)} replaces a migration of another app ({label})"
    yield from _rivals(old, app)


def _half_landed(old: Old, app: str) -> Iterator[str]:
    for squash in old.graph.squashes:
        if squash[0] == app and old.half_landed(squash):
            yield (
                f"{old.graph.name(squash)} replaces migrations of which some have landed and some "
                "are new: a database at base cannot use it"
            )


def _rivals(old: Old, app: str) -> Iterator[str]:
    """Two squashes of one migration, neither of which replaces the other."""
    squashes = [key for key in old.graph.squashes if key[0] == app]
    everything = {key: set(old.originals(key)) for key in squashes}
    for at, one in enumerate(squashes):
        for two in squashes[at + 1 :]:
            shared = sorted(everything[one] & everything[two])
            if shared and one not in everything[two] and two not in everything[one]:
                names = f"{old.graph.name(one)} and {old.graph.name(two)}"
                yield f"{names} both replace {old.graph.name(shared[0])}"
