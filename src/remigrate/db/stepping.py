"""How a database steps back from what is applied and has no file any more. Pure.

Django unapplies a migration with the code in its file, so it has to be done where the files still
are: at an earlier commit, whose graph says how far back to go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from remigrate import graph

if TYPE_CHECKING:
    from collections.abc import Iterable

    from remigrate.db.standing import Name
    from remigrate.graph import Graph
    from remigrate.model import Key, Project

ZERO = "zero"
"""What ``migrate`` calls the state before an app's first migration."""


class Step(NamedTuple):
    """``migrate LABEL TARGET``."""

    label: str
    target: str


def back(ghosts: Iterable[Name], then: Project) -> tuple[Step, ...]:
    """The steps at a commit with the migrations `then`, for those of the ghosts that it has."""
    found = graph.build(then)
    gone = _keys(ghosts, found)
    apps = sorted({app for app, _ in gone})
    return tuple(Step(found.apps[app].label, _target(app, gone, found)) for app in apps)


def _keys(ghosts: Iterable[Name], found: Graph) -> set[Key]:
    named = set(ghosts)
    return {key for key in found.files if (found.apps[key[0]].label, key[1]) in named}


def _target(app: str, gone: set[Key], found: Graph) -> str:
    """The last migration of the app that stays; where several do, the one below what goes."""
    below = {
        parent
        for key in gone
        if key[0] == app and key in found.parents
        for parent in found.parents[key]
        if parent[0] == app and parent not in gone
    }
    return max((name for _, name in below), default=ZERO)
