"""Pull requests that are fine alone and not together, told from the migrations of each. Pure.

What counts is the graph: an app is built once with what base and both of them have, as git would
merge them, and held against the app as each of them leaves it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from remigrate import graph
from remigrate.model import Project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from remigrate.model import App, Migration

    Files = Mapping[str, Migration]


class Collision(NamedTuple):
    """An app that two pull requests cannot both add to as they do."""

    app: str
    """Path of the migrations package."""
    one: tuple[Migration, ...]
    """What the one adds there and the other does not, and the other way round."""
    other: tuple[Migration, ...]


def between(base: Project, one: Project, other: Project) -> Iterator[Collision]:
    """Where `one` and `other`, each merged into `base`, collide."""
    landed = {app.path: _files(app) for app in base.apps}
    theirs = {app.path: app for app in other.apps}
    for app in one.apps:
        rival, before = theirs.get(app.path), landed.get(app.path, {})
        if rival is None or not (app.is_package and rival.is_package):
            continue
        added, brought = _new(_files(app), before), _new(_files(rival), before)
        only = [each for name, each in brought.items() if _differs(each, added.get(name))]
        mine = [each for name, each in added.items() if _differs(each, brought.get(name))]
        if not only or not mine:  # the one is built on the other
            continue
        both = app._replace(migrations=_joined(before, _files(app), _files(rival)))
        settings = {**one.settings, **other.settings}
        fine = max(_leaves(each, settings) for each in (app, rival)) < 2
        if added.keys() & {each.name for each in only} or (fine and _leaves(both, settings) > 1):
            yield Collision(app.path, tuple(mine), tuple(only))


def _files(app: App) -> Files:
    return {migration.name: migration for migration in app.migrations}


def _new(files: Files, before: Files) -> Files:
    return {name: migration for name, migration in files.items() if name not in before}


def _differs(one: Migration | None, other: Migration | None) -> bool:
    """Whether two versions of a file, or its absence, are not the same."""
    return (one and one.blob) != (other and other.blob)


def _joined(before: Files, one: Files, other: Files) -> tuple[Migration, ...]:
    """A three-way merge, file by file; where both changed one, either will do for its place in the
    graph."""
    chosen = []
    for name in sorted({**before, **one, **other}):
        mine = _differs(one.get(name), before.get(name))
        found = one.get(name) if mine else other.get(name)
        chosen += [found] if found else []
    return tuple(chosen)


def _leaves(app: App, settings: Mapping[tuple[str, str], str | None]) -> int:
    """How many leaves the app has for certain; no other app has a say in that."""
    alone = graph.build(Project((app,), dict(settings)))
    return len(graph.certain_leaves(alone, app.path))
