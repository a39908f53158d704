"""What a strategy that keeps landed migrations is asked, and what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from remigrate.model import Project
from remigrate.reset.file_change import FileChange

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from remigrate.graph import Graph
    from remigrate.model import Key, Migration
    from remigrate.reset.planned import Refusal

    Read = Callable[[Migration], bytes]

PIN = "max_migration.txt"
"""Where django-linear-migrations keeps the name of the leaf, so that git sees a conflict."""


class Question(NamedTuple):
    """The work tree, and what is asked for."""

    graph: Graph
    landed: Collection[Key]
    targets: tuple[str, ...]
    """Paths of migration packages."""
    read: Read
    pins: Mapping[str, bytes] = {}
    """The content of ``max_migration.txt``, by path of the migrations package that has one."""


class Rewrite(NamedTuple):
    """What a strategy wants to be done."""

    edits: tuple[FileChange, ...] = ()
    renames: tuple[tuple[str, str, str], ...] = ()
    """(path of the migrations package, old name, new name)."""
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    """What the author of the new migrations should look at."""


def only(graph: Graph, keys: Collection[Key]) -> Project:
    """The project with no other migrations than these."""
    apps = (
        app._replace(migrations=tuple(m for m in app.migrations if m.key in keys))
        for app in graph.apps.values()
    )
    return Project(tuple(apps), graph.labels.settings)


def pinned(asked: Question, app: str, leaf: str) -> Iterator[FileChange]:
    """The edit of the app's pin, where it has one and that does not name `leaf` yet."""
    content = asked.pins.get(app)
    if content is not None and content.decode("utf-8", "replace").strip() != leaf:
        newline = b"\r\n" if b"\r\n" in content else b"\n"
        yield FileChange(f"{app}/{PIN}", content, leaf.encode() + newline)
