"""A plan for a reset: plain values."""

from typing import Literal, NamedTuple

from remigrate.model import Key

Name = tuple[str, str]
"""(app label, migration name), as migrations name each other."""


class Segment(NamedTuple):
    """A migration of the new history: a written one, or a single one that stays."""

    app: str
    """Path of the migrations package."""
    label: str
    name: str
    members: tuple[Key, ...]
    """What it stands for, in the order in which it runs; empty for a guard of its own."""
    replaces: tuple[Name, ...]
    parents: tuple[Name, ...]
    """Its dependencies, but for the swappable ones."""
    swappable: tuple[str, ...]
    """Settings that it depends on the first migration of, as in ``AUTH_USER_MODEL``."""
    run_before: tuple[Name, ...]
    initial: bool
    """Whether one of its members was an initial migration."""
    landed: bool
    written: bool
    """False where the one member stays; its file may still be pointed anew."""
    guards: tuple[Key, ...] = ()
    """Squashes that it must find complete in the database before anything else runs."""
    after: Key | None = None
    """The migration of its app that must have run in the database if none of its members has."""
    marks: Key | None = None
    """The later squash for which it has to leave a mark that it has run."""

    @property
    def key(self) -> Key:
        return (self.app, self.name)


class Repoint(NamedTuple):
    """An entry of a migration that stays, and the one to take its place.

    Where the new one is in the same list already, the old one may simply go.
    """

    origin: Key
    path: str
    attribute: Literal["dependencies", "run_before"]
    line: int
    old: Name
    new: Name


class Guarded(NamedTuple):
    """A migration that stays, and the squashes that it must find complete before it runs."""

    origin: Key
    squashes: tuple[Key, ...]


class Marked(NamedTuple):
    """A migration that stays, and the later squash for which it leaves a mark that it has run."""

    origin: Key
    squash: Key


class Refusal(NamedTuple):
    """An app that was asked for and stays as it is."""

    app: str
    """Path of the migrations package."""
    why: str


class Plan(NamedTuple):
    """The new history of the target apps, and what it asks of the rest."""

    segments: tuple[Segment, ...]
    """In an order in which they can be generated: each after all that it depends on."""
    deleted: tuple[Key, ...]
    """Files that go; not those that a written segment takes the name of."""
    repoints: tuple[Repoint, ...]
    guarded: tuple[Guarded, ...]
    refused: tuple[Refusal, ...]
    marked: tuple[Marked, ...] = ()
    interrupted: tuple[tuple[Key, tuple[str, ...]], ...] = ()
    """Members of a segment before which, in the old history, something of other apps ran that have
    to do with it, and the paths of those."""

    @property
    def written(self) -> list[Segment]:
        """The segments that need a new file."""
        return [segment for segment in self.segments if segment.written]

    @property
    def parents(self) -> dict[Name, tuple[Name, ...]]:
        """What each segment depends on."""
        return {(segment.label, segment.name): segment.parents for segment in self.segments}
