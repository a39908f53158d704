"""The flow of ``remigrate db sync``: rows of django_migrations that say what the tables show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from remigrate import errors, runtime
from remigrate.db import alignment, backup, flow, places
from remigrate.db.alignment import Verdict, Walked, Wanted
from remigrate.db.places import Step
from remigrate.options import nearest
from remigrate.report.words import dotted
from remigrate.view import View
from remigrate.workbench import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from remigrate.console import Console
    from remigrate.db.flow import Database
    from remigrate.db.places import Objects
    from remigrate.db.standing import Name
    from remigrate.git import Repository
    from remigrate.load import Cache
    from remigrate.options import Options

PARTS = (
    *("catalogue_sqlite_text", "catalogue_sqlite", "catalogue_postgresql", "catalogue_mysql"),
    *("catalogue", "scratch", "databases", "moving", "guard", "kinds", "live", "applied"),
    *("recorded", "walking", "syncing"),
)
"""Of the probe, in the order in which they import each other."""

State = Literal[
    "right", "differs", "planned", "refused", "written", "done", "failed", "unknown", "missing"
]
"""`differs`: rows are in order, and tables are not what they say. `done`: somebody else wrote just
that meanwhile. `unknown`: the server went away meanwhile."""


class Synced(NamedTuple):
    """What came of one database."""

    database: Database
    state: State
    verdicts: tuple[Verdict, ...] = ()
    why: str = ""
    """Why it was refused as a whole, or failed; empty where `verdicts` tell."""
    compared: str = ""
    """Version of the server that the files were run on."""
    backup: str = ""
    """Folder of the backup that was made before, from the top; empty without one."""


class _Walk(NamedTuple):
    """What the probe found."""

    failed: str
    broken: str
    live: Objects
    digest: str
    compared: str
    walked: Walked


def run(
    repository: Repository,
    options: Options,
    environ: Mapping[str, str],
    cache: Cache,
    say: Console,
) -> tuple[Synced, ...]:
    """What has to be written into each database, and with ``--apply`` write it.

    Raises `EnvironmentFailure` where the project's code cannot be run, and `UsageFailure` for an
    alias, an app or a migration that there is not.
    """
    say.progress("asking the databases …")
    place = flow.place(repository, options, environ, cache)
    found = flow.stand(place, options.alias)
    wanted = _wanted(options, found)
    # No other table is written to.
    keep = backup.keeper(repository, options, environ, cache, say, ("rows", "files"))
    syncing = _Syncing(place, options, environ, wanted, say, keep)
    return tuple(syncing.one(database) for database in found.databases)


def _wanted(options: Options, found: flow.Found) -> Wanted:
    """What the user said, of apps and migrations that there are. Raises `UsageFailure`."""
    _demand(options.app, found.installed, "no app {} is installed")
    for names in (options.applied, options.pending):
        _demand(names, [*map(dotted, found.known)], "there is no migration {} on disk")
    both = sorted({*options.applied} & {*options.pending})
    if both:
        raise errors.UsageFailure(
            f"{both[0]} is named by --applied and by --pending", "Leave one of them out."
        )
    return Wanted(
        frozenset(options.app),
        frozenset(map(_name, options.applied)),
        frozenset(map(_name, options.pending)),
        options.accept_differences,
    )


def _demand(words: Iterable[str], known: Iterable[str], complaint: str) -> None:
    names = sorted(known)
    for word in words:
        if word not in names:
            near = nearest(word, names)
            way = f"Did you mean {near}?" if near else "remigrate db status --verbose names them."
            raise errors.UsageFailure(complaint.format(word), way)


def _name(text: str) -> Name:
    label, _, name = text.partition(".")
    return label, name


class _Syncing:
    """Brings one database after the other into order."""

    def __init__(
        self,
        place: runtime.Place,
        options: Options,
        environ: Mapping[str, str],
        wanted: Wanted,
        say: Console,
        keep: Callable[[str], str],
    ) -> None:
        """`keep` makes a backup of an alias, and gives its folder."""
        self._place, self._options, self._environ = place, options, environ
        self._wanted, self._say, self._keep = wanted, say, keep

    def one(self, database: Database) -> Synced:
        """Look at it, and with ``--apply`` write."""
        if database.missing:
            return Synced(database, "missing")
        if database.failed:
            return Synced(database, "failed", why=database.failed)
        alias, say = database.alias, self._say
        bench = Workbench(PARTS, self._place, None, self._options, self._environ, say.warn, alias)
        with bench as ask:
            say.progress(f"{alias}: building what the migrations on disk make …")
            names = [list(row.name) for row in database.rows]
            walk = runtime.demand_shape(_walk, ask("walk", View(), {"rows": names}))
            found = self._judged(database, walk)
            if found.state != "planned" or not self._options.apply:
                return found
            return self._written(ask, found, walk.digest)

    def _judged(self, database: Database, walk: _Walk) -> Synced:
        if walk.failed:
            return Synced(database, "failed", why=walk.failed)
        if walk.broken:
            return Synced(database, "refused", why=walk.broken, compared=walk.compared)
        verdicts = alignment.align(
            database.rows, database.standing, walk.walked, walk.live, self._wanted
        )
        state: State = "differs" if any(each.unlike for each in verdicts) else "right"
        if any(each.changes for each in verdicts):
            state = "planned"
        if any(each.is_open for each in verdicts):
            state = "refused"
        return Synced(database, state, verdicts, compared=walk.compared)

    def _written(self, ask: Workbench, found: Synced, digest: str) -> Synced:
        database, say = found.database, self._say
        say.progress(f"{database.alias}: making a backup …")
        folder = self._keep(database.alias)
        say.progress(f"{database.alias}: writing, as soon as nobody else holds the table …")
        about = {
            "rows": [[row.id, *row.name] for row in database.rows],
            "digest": digest,
            "delete": [row.id for each in found.verdicts for row in each.delete],
            "insert": [list(name) for each in found.verdicts for name in each.insert],
            "patience": self._options.lock_time_limit,
        }
        state, why = runtime.demand_shape(_answer, ask("write", View(), about))
        return found._replace(state=state, why=why, backup=folder)


def _answer(data: Mapping[str, Any]) -> tuple[State, str]:
    states: dict[str, State] = {
        **{"written": "written", "done": "done"},
        **{"failed": "failed", "unknown": "unknown"},
    }
    return states[data["state"]], str(data["why"])


def _walk(data: Mapping[str, Any]) -> _Walk:
    empty = _Walk(str(data["failed"] or ""), "", {}, "", "", Walked((), {}, frozenset()))
    if empty.failed:
        return empty
    live, compared = data["live"], str(data["compared"])
    if data["broken"]:
        return empty._replace(broken=str(data["broken"]), compared=compared)
    steps = [
        Step(
            (str(each["label"]), str(each["name"])),
            _names(each["rows"]),
            _names(each["needs"]),
            tuple(map(str, each["code"])),
            each["objects"],
        )
        for each in data["steps"]
    ]
    made = {key for step in steps for key in step.objects}
    walked = Walked(
        places.groups(steps, data["labels"], live),
        {(str(label), str(name)): _names(replaced) for label, name, replaced in data["extras"]},
        frozenset(made.union(map(str, data["unmanaged"]))),
    )
    return _Walk("", "", live, str(data["digest"]), compared, walked)


def _names(found: Iterable[Any]) -> tuple[Name, ...]:
    return tuple((str(label), str(name)) for label, name in found)


def exit_code(found: Sequence[Synced]) -> int:
    """0 where all is right now, 4 where a database could not be read or written, else 1."""
    states = {each.state for each in found}
    if states & {"failed", "unknown"}:
        return errors.EnvironmentFailure.exit_code
    unlike = any(verdict.unlike for each in found for verdict in each.verdicts)
    return errors.FINDINGS if unlike or states & {"planned", "refused"} else errors.OK
