"""How a database stands to the migrations on disk, from its rows. Pure.

The words are Django's, as ``showmigrations`` and ``migrate`` use them, and three more: a *ghost* is
a row without a file; *lagging* is a database that has applied a part of what a squash replaces;
*out of order* is a migration that is applied before one that it depends on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from remigrate import graph, history
from remigrate.model import Header

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from remigrate.model import Migration, Project

Name = tuple[str, str]
"""App label and name of a migration."""


class Row(NamedTuple):
    """One of ``django_migrations``."""

    id: int
    name: Name
    applied: str
    """When, as the database tells it."""


class Lag(NamedTuple):
    """A squash of which a part is applied."""

    squash: Name
    missing: tuple[Name, ...]
    """What it replaces and is not applied."""
    gone: bool
    """Whether a file of what is missing is gone, so that ``migrate`` cannot catch up."""


class Standing(NamedTuple):
    """Names in the order of the graph's apps, or of the rows."""

    applied: tuple[Name, ...]
    """Rows with a file."""
    ghosts: tuple[Row, ...]
    foreign: tuple[Row, ...]
    """Rows of apps that are not installed: Django does not look at them."""
    marks: tuple[Row, ...]
    """Notes that a squash of Remigrate's has left: rows, but of no migration."""
    replaced: tuple[Row, ...]
    """Rows without a file that an applied squash replaces: done with, and in nobody's way."""
    lagging: tuple[Lag, ...]
    out_of_order: tuple[tuple[Name, Name], ...]
    """(applied, what it depends on and is not)."""

    @property
    def is_wrong(self) -> bool:
        """Whether something has to be put right; what is only pending has not."""
        return bool(self.ghosts or self.out_of_order or any(lag.gone for lag in self.lagging))


def of(rows: Iterable[Row], project: Project, installed: Collection[str]) -> Standing:
    """The standing of a database with these rows. Apps of `project` have their label as path."""
    rows = tuple(rows)
    known = {migration.key: migration for app in project.apps for migration in app.migrations}
    squashes = {key: _replaced(migration) for key, migration in known.items()}
    squashes = {key: names for key, names in squashes.items() if names}
    recorded = {row.name for row in rows}
    applied = _applied(recorded, squashes)
    done = {name for squash, names in squashes.items() if squash in applied for name in names}
    replaced = {name for names in squashes.values() for name in names}
    unfiled = [row for row in rows if row.name not in known]
    ours = [row for row in unfiled if row.name[0] in installed]
    unmarked = [row for row in ours if not is_mark(row.name[1])]
    return Standing(
        tuple(row.name for row in rows if row.name in known),
        tuple(row for row in unmarked if row.name not in replaced),
        tuple(row for row in unfiled if row.name[0] not in installed),
        tuple(row for row in ours if is_mark(row.name[1])),
        tuple(row for row in unmarked if row.name in done),
        tuple(_lags(recorded, applied, squashes, known)),
        tuple(history.inconsistencies(graph.build(project, recorded), recorded)),
    )


def is_mark(name: str) -> bool:
    """Whether a row of that name is a note of a squash; see the probe's `guard`."""
    return name.startswith("before ") and name.endswith(": made anew")


def _replaced(migration: Migration) -> tuple[Name, ...]:
    header = migration.header
    names = header.replaces if isinstance(header, Header) else ()
    return tuple((each.label, each.name) for each in names)


def _applied(recorded: Collection[Name], squashes: Mapping[Name, tuple[Name, ...]]) -> set[Name]:
    """As Django sees it: a squash is applied when all that it replaces is, squashes among it."""
    found = {name for name in recorded if name not in squashes}
    size = -1
    while size != len(found):
        size = len(found)
        found |= {key for key, names in squashes.items() if found.issuperset(names)}
    return found


def _lags(
    recorded: Collection[Name],
    applied: Collection[Name],
    squashes: Mapping[Name, tuple[Name, ...]],
    known: Collection[Name],
) -> Iterable[Lag]:
    for squash, names in squashes.items():
        missing = tuple(name for name in names if name not in applied)
        is_begun = squash in recorded or len(missing) < len(names)
        if squash not in applied and is_begun:
            yield Lag(squash, missing, any(name not in known for name in missing))
