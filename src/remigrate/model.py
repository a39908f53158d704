"""Every value that crosses a module border: plain, immutable, and free of behaviour.

`typing.NamedTuple` instead of `dataclass(frozen=True)`: importing `dataclasses` and making a
dozen of them costs as much as a bare interpreter start, which is a third of what the warm path
of `check` may take (`benchmarks/` measures it). For the same reason annotations are not postponed
here: a `NamedTuple` compiles each of those again.
"""

from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "notice"]
Side = Literal["landed", "new", ""]

MAX_BYTES = 2 * 1024 * 1024
"""Files larger than this are not read."""

Key = tuple[str, str]
"""A node: (path of the migrations package, migration name); labels are not unique."""


class Reference(NamedTuple):
    """A migration that another one names, or a setting that will name an app when Django runs."""

    label: str
    """App label; for a swappable dependency, the name of the setting, as in ``AUTH_USER_MODEL``."""
    name: str
    """Migration name, ``__first__`` or ``__latest__``; always ``__first__`` when swappable."""
    line: int
    """1-based line of the reference in its file."""
    swappable: bool = False


class Operation(NamedTuple):
    """One entry of ``Migration.operations``."""

    name: str
    """Class name, as in ``AddField``; empty when it is not a plain call."""
    line: int
    elidable: bool = False
    code: str = ""
    """For ``RunPython``, the name of the forward function; otherwise empty."""


class Unread(NamedTuple):
    """Something in a migration that cannot be known without running it, and why."""

    what: str
    """The attribute: ``dependencies``, ``replaces``, ``run_before``, …"""
    line: int
    why: str


class Header(NamedTuple):
    """What a migration file says about itself, read without running it."""

    line: int
    """1-based line of ``class Migration``."""
    dependencies: tuple[Reference, ...] = ()
    run_before: tuple[Reference, ...] = ()
    replaces: tuple[Reference, ...] = ()
    initial: bool | None = None
    """None when it is not set, or not set to a literal."""
    atomic: bool | None = True
    """None when it is computed when Django runs."""
    unread: tuple[Unread, ...] = ()
    is_migration: bool = True
    """False for a module without any ``Migration`` class."""


class Broken(NamedTuple):
    """A file that Python itself would refuse, and where."""

    line: int
    column: int
    """1-based; 0 when unknown."""
    why: str


class Migration(NamedTuple):
    """One migration file of a tree."""

    app: str
    """Path of the migrations package, as in ``shop/migrations``."""
    name: str
    path: str
    blob: str
    """Content identity: equal blobs have equal content."""
    header: Header | Broken

    @property
    def key(self) -> Key:
        return (self.app, self.name)


class App(NamedTuple):
    """A Django app that has a migrations package."""

    path: str
    """Path of the migrations package from the top of the tree, with ``/``."""
    label: str
    project: str
    """Folder of the nearest ``manage.py`` above it; ``.`` when there is none."""
    migrations: tuple[Migration, ...]
    is_package: bool = True
    """False when the folder has no ``__init__.py``: Django then ignores it in silence."""


class UnreadFile(NamedTuple):
    """An `Unread` with the file it stands in."""

    path: str
    line: int
    what: str
    why: str


class Project(NamedTuple):
    """All the apps of one tree, and the settings that name apps."""

    apps: tuple[App, ...]
    settings: dict[tuple[str, str], str | None]
    """(project folder, setting name) to ``app.Model``; None when files of the project disagree."""
    notes: tuple[UnreadFile, ...] = ()
    roots: tuple[str, ...] = ()
    """Folders with a ``manage.py``; ``.`` for the top."""


class Related(NamedTuple):
    """A second place that explains a finding."""

    path: str
    line: int
    message: str


class Fix(NamedTuple):
    """An entry of ``dependencies`` or ``run_before`` that settles a finding by naming another
    migration."""

    old: tuple[str, str]
    """App label and migration name, as the file of the finding has them."""
    new: tuple[str, str]


class Finding(NamedTuple):
    """One thing that is wrong: where, what will happen and to whom, and what to type."""

    code: str
    rule: str
    severity: Severity
    app: str
    """App label."""
    path: str
    line: int
    end_line: int
    message: str
    hint: str
    migrations: tuple[str, ...] = ()
    """The migrations involved, as ``label.name``."""
    related: tuple[Related, ...] = ()
    column: int = 0
    """1-based; 0 when the finding is about whole lines."""
    source: str = ""
    """Text of the file that the hint speaks of, to be shown as code."""
    fix: Fix | None = None
    """What would settle it, where that follows from the graph."""
    pull_requests: tuple[int, ...] = ()
    """Numbers of other pull requests that it is about."""

    @property
    def whole_hint(self) -> str:
        """The hint with the source, for where both are one text."""
        return f"{self.hint}\n\n{self.source}" if self.source else self.hint


class Node(NamedTuple):
    """A migration as a picture shows it."""

    app: str
    name: str
    path: str
    side: Side
    """``landed`` when base has it, ``new`` when only head has it, empty without a base."""
    leaf: bool


class Picture(NamedTuple):
    """A part of the migration graph, ready to be drawn."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]
    """Pairs of positions in `nodes`: (dependency, dependent)."""


class AppSummary(NamedTuple):
    """One row of a report's list of apps."""

    label: str
    path: str
    project: str
    migrations: int
    leaves: tuple[str, ...]


class Report(NamedTuple):
    """The outcome of a check, ready to be rendered."""

    base: str | None
    """Commit id of base; None without one."""
    head: str | None
    """Commit id of head; None when the index or the work tree was read."""
    apps: tuple[AppSummary, ...]
    findings: tuple[Finding, ...]
    unread: tuple[UnreadFile, ...]
    pictures: tuple[Picture, ...] = ()
    """The neighbourhood of each conflict."""
    notices: tuple[str, ...] = ()
    """What was not checked, and why."""
    no_drift: str = ""
    """Why nobody asked whether models and migrations agree; empty where somebody did, or where it
    was not to be asked."""


class RuleInfo(NamedTuple):
    """What a viewer shows about a rule."""

    code: str
    name: str
    severity: Severity
    summary: str
    """One sentence."""
    help_text: str
    """Why it hurts and how to fix it; in Markdown."""
