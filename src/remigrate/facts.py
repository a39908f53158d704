"""All that a rule may look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from remigrate.model import Header, Key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from remigrate.graph import Graph
    from remigrate.model import App, Migration, Project, Reference, Side

    Read = Callable[[Migration], bytes]


GUARD = "stop_if_lagging"
"""Name of the function that stops a database which is behind on a squash; the probe has it once
more, in `guard.NAME`."""
GUARD_OPERATION = "RunWithoutModels"
"""Name of the class that calls it, which stands in the same file."""
MARK, UNMARK = "mark_as_made_anew", "unmark_as_made_anew"
"""Names of functions that note, for a guard further on, that a migration has run."""


class Landed(NamedTuple):
    """What base says, in terms of the merged tree."""

    files: Mapping[Key, Migration]
    """Base's migrations by the key that they have, or would have, in the merged tree."""
    rows: frozenset[Key]
    """Rows of ``django_migrations`` in a database that applied everything in base."""
    graph: Graph
    """The merged graph as Django loads it for that database."""
    project: Project
    """Base itself."""
    replaces: Mapping[Key, frozenset[Key]]
    """Base's squashes, by the keys that they have in the merged tree."""


class Stray(NamedTuple):
    """A migration file whose content the next commit will not hold."""

    path: str
    label: str
    name: str
    pattern: str = ""
    """For an ignored file: ``file:line:pattern`` as git names what ignores it."""


class Strays(NamedTuple):
    """Migration files that git and the disk disagree about."""

    untracked: tuple[Stray, ...] = ()
    ignored: tuple[Stray, ...] = ()
    unstaged: tuple[Stray, ...] = ()


class Moved(NamedTuple):
    """An operation that no migration holds yet."""

    text: str
    """In Django's words, as in ``Add field price to product``."""
    path: str
    """Where the model or the field stands; empty when nobody knows."""
    line: int


class Change(NamedTuple):
    """The migration that ``makemigrations`` would write for one app."""

    label: str
    first_party: bool
    """Whether the app's code is in the repository."""
    name: str
    operations: tuple[Moved, ...]
    path: str = ""
    """Where it would be written, from the top of the repository; empty when that is elsewhere."""
    source: str = ""
    why_no_source: str = ""


class Question(NamedTuple):
    """What Django would ask before it wrote a migration; Remigrate never answers for the user."""

    label: str
    text: str


class Drift(NamedTuple):
    """What the project's own Django says of its models and migrations."""

    changes: tuple[Change, ...] = ()
    questions: tuple[Question, ...] = ()
    manage: str = "manage.py"
    """The project's ``manage.py``, from the top of the repository; empty when it has none."""


class Rival(NamedTuple):
    """Another open pull request that is fine alone, as this one is, but not together with it."""

    app: str
    """Path of the migrations package that both add to."""
    number: int
    url: str
    onto: str
    """The branch that both are to be merged into."""
    ours: tuple[Migration, ...]
    """What this one adds there, and the other does not."""
    theirs: tuple[Migration, ...]


class Facts(NamedTuple):
    """The merged tree, base (when there is one), and the state of the files on disk (for hooks)."""

    graph: Graph
    landed: Landed | None
    read: Read
    """Content of a migration of either tree."""
    folders: tuple[App, ...] = ()
    """Folders of migrations that are not packages."""
    merged: frozenset[str] = frozenset()
    """Paths whose content stands in neither tree: git merged it from both."""
    strays: Strays | None = None
    """None where they were not looked for."""
    drift: Drift | None = None
    """None where it was not asked for, or could not be known."""
    rivals: tuple[Rival, ...] | None = None
    """None where nobody looked at other pull requests."""

    @property
    def left_behind(self) -> tuple[Stray, ...]:
        """Migration files on disk that the next commit will not hold at all."""
        return (*self.strays.untracked, *self.strays.ignored) if self.strays else ()

    def side(self, key: Key) -> Side:
        """Which side brought a migration; empty without a base."""
        if self.landed is None:
            return ""
        return "landed" if key in self.landed.files else "new"

    def names(self, *keys: Key) -> tuple[str, ...]:
        """``label.name`` of each key."""
        return tuple(self.graph.name(key) for key in keys)


def line_of(migration: Migration) -> int:
    """Where ``class Migration`` stands, or where the file is broken."""
    return migration.header.line


def reference_to(migration: Migration, label: str, name: str) -> Reference | None:
    """The entry of ``dependencies`` that names ``(label, name)``."""
    if not isinstance(migration.header, Header):
        return None
    found = (r for r in migration.header.dependencies if (r.label, r.name) == (label, name))
    return next(found, None)


def typed(path: str) -> str:
    """A path as it has to be typed in a shell."""
    import shlex

    return shlex.quote(path)
