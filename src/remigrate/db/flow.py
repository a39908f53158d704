"""The flow of ``remigrate db status``: asks the probe, and weighs what each database says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from remigrate import check, drift, errors, git, runtime
from remigrate.db import reached, standing, stepping
from remigrate.db.standing import Row
from remigrate.model import App, Header, Migration, Project, Reference
from remigrate.view import View

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from remigrate.git import Repository
    from remigrate.load import Cache
    from remigrate.options import Options

PARTS = ("scratch", "live", "applied")
"""Of the probe, in the order in which they import each other."""


class Database(NamedTuple):
    """One alias."""

    alias: str
    vendor: str
    """As Django calls it; empty where its driver is not installed."""
    server: str
    """Vendor and version, as in ``postgresql 15.18``; empty where it could not be asked."""
    place: str
    """Where it is, without user and password."""
    missing: bool
    """Whether there is no such database."""
    failed: str
    """Why it could not be read; empty when it was."""
    pending: tuple[standing.Name, ...]
    """What ``migrate`` would run, in its order."""
    conflict: str
    """Why ``migrate`` would not start, in Django's words; else empty."""
    rows: tuple[Row, ...]
    standing: standing.Standing

    @property
    def is_wrong(self) -> bool:
        """Whether something has to be put right. What is only pending has not."""
        return bool(self.conflict or self.standing.is_wrong)


class Found(NamedTuple):
    """What the project's Django tells."""

    python: str
    django: str
    settings: str
    """Name of the module."""
    databases: tuple[Database, ...]
    installed: frozenset[str]
    """Labels of the apps."""
    known: frozenset[standing.Name]
    """Migrations on disk."""


def place(
    repository: Repository, options: Options, environ: Mapping[str, str], cache: Cache
) -> runtime.Place:
    """Where the project's code runs that knows its databases. Raises `EnvironmentFailure`."""
    question = check.Question(modules=options.migration_modules)
    read = check.look(repository, question, cache).project
    return drift.find(repository, read, options._replace(drift=True), environ)


def stand(there: runtime.Place, aliases: Collection[str]) -> Found:
    """How each database stands, asked in that place; of all aliases when none is named. Nothing is
    written anywhere.

    Raises `EnvironmentFailure` where the project's code cannot be run, and `UsageFailure` for an
    alias that its settings do not have.
    """
    asked = {"aliases": list(aliases)}
    found = runtime.ask(there, "status", View(), PARTS, asked, databases="own")
    known, told = runtime.demand_shape(_read, found)
    reached.demand_known(known, aliases)
    return told


class Return(NamedTuple):
    """How to step back from ghosts, at a commit that has their files."""

    there: runtime.Place
    commit: str
    steps: tuple[tuple[str, stepping.Step], ...]
    """Each with the alias of its database."""


def way_back(
    repository: Repository,
    options: Options,
    there: runtime.Place,
    databases: Iterable[Database],
    cache: Cache,
) -> Return | None:
    """The way back at the commit ``--since``; None without one, and where no ghost has its file
    there. Raises `RepositoryFailure`."""
    if options.since is None:
        return None
    commit = git.commits(repository, [options.since])[0].sha
    question = check.Question(commit, modules=options.migration_modules)
    then = check.look(repository, question, cache).project
    steps = tuple(
        (each.alias, step)
        for each in databases
        for step in stepping.back((row.name for row in each.standing.ghosts), then)
    )
    return Return(there, commit, steps) if steps else None


def exit_code(databases: Iterable[Database], *, check_pending: bool = False) -> int:
    """1 where something is wrong, 4 where a database could not be read, else 0. With
    `check_pending` also 1 where a database that is there lacks migrations."""
    databases = tuple(databases)
    if any(each.failed for each in databases):
        return errors.EnvironmentFailure.exit_code
    behind = check_pending and any(each.pending and not each.missing for each in databases)
    wrong = behind or any(each.is_wrong for each in databases)
    return errors.FINDINGS if wrong else errors.OK


def _read(data: dict[str, Any]) -> tuple[list[str], Found]:
    installed = frozenset(map(str, data["installed"]))
    project = _project(data["files"])
    databases = tuple(_database(each, project, installed) for each in data["databases"])
    python, django, settings = (str(data[name]) for name in ("python", "django", "settings"))
    aliases = [str(each) for each in data["aliases"]]
    known = frozenset(migration.key for app in project.apps for migration in app.migrations)
    return aliases, Found(python, django, settings, databases, installed, known)


def _project(files: list[Any]) -> Project:
    """The migrations that Django loads, in apps whose path is their label."""
    apps: dict[str, list[Migration]] = {}
    for each in files:
        label, name = str(each["label"]), str(each["name"])
        header = Header(
            1,
            _references(each["dependencies"]),
            _references(each["run_before"]),
            _references(each["replaces"]),
        )
        apps.setdefault(label, []).append(Migration(label, name, "", "", header))
    return Project(tuple(App(label, label, ".", tuple(own)) for label, own in apps.items()), {})


def _references(found: list[Any]) -> tuple[Reference, ...]:
    """Django has put apps in the place of settings already."""
    return tuple(Reference(str(label), str(name), 1) for label, name in found)


def _names(pairs: Any) -> tuple[standing.Name, ...]:
    return tuple((str(label), str(name)) for label, name in pairs)


def _database(found: Any, project: Project, installed: frozenset[str]) -> Database:
    rows = [
        Row(int(id_), (str(label), str(name)), str(applied))
        for id_, label, name, applied in found["rows"] or ()
    ]
    return Database(
        str(found["alias"]),
        str(found["vendor"] or ""),
        f"{found['vendor']} {found['version']}" if found["version"] else "",
        str(found["place"]),
        bool(found["missing"]),
        str(found["failed"] or ""),
        _names(found["plan"] or ()),
        str(found["conflict"] or ""),
        tuple(rows),
        standing.of(rows, project, installed),
    )
