"""The flow of ``remigrate db recreate``: looks, refuses, has it dropped and made, and migrates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from remigrate import runtime
from remigrate.db import flow
from remigrate.errors import EnvironmentFailure, Failure, UsageFailure
from remigrate.report.escape import visible, visible_lines
from remigrate.report.words import going_back
from remigrate.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from remigrate import bounded
    from remigrate.git import Repository
    from remigrate.load import Cache
    from remigrate.options import Options
    from remigrate.runtime import Place

PARTS = ("scratch", "live", "applied", "dropping", "recreating")
"""Of the probe, in the order in which they import each other."""


class Found(NamedTuple):
    """The database, and what is in it."""

    place: Place
    alias: str
    server: str
    """Vendor and version; empty where it could not be read."""
    where: str
    """Without user and password."""
    missing: bool
    tables: tuple[tuple[str, int], ...] | None
    """With their rows; None where it could not be read."""
    is_more: bool
    """Whether a table has more rows than were counted."""
    plan: int
    """Migrations that ``migrate`` would run."""
    has_users: bool
    """Whether there is ``createsuperuser``."""


class Done(NamedTuple):
    """What came of it."""

    backup: str
    """Where what was there before is kept; empty where there was nothing."""
    said: str
    """By ``migrate``."""


def look(
    repository: Repository, options: Options, environ: Mapping[str, str], cache: Cache
) -> Found:
    """What would go. Raises `UsageFailure` or `EnvironmentFailure` where it is refused."""
    place = flow.place(repository, options, environ, cache)
    return _asked("recreation", place, options)


def make_anew(
    found: Found,
    options: Options,
    keep: Callable[[str], str],
    progress: Callable[[str], None],
    leading: str = "",
) -> Done:
    """Drop the database, make it and migrate it. Raises `EnvironmentFailure`.

    `keep` makes a backup of an alias, and gives its folder; nothing is dropped when it raises.
    `leading` is as `call.leading` has it.
    """
    is_kept = options.keep_backup and not found.missing and found.tables is not None
    backup = keep(found.alias) if is_kept else ""
    way = _way_back(backup, leading)
    progress("making the database anew …")
    _asked("recreate", found.place, options, way)
    progress("migrating …")
    ran = _migrated(found, options)
    said = visible_lines((ran.stdout + ran.stderr).decode("utf-8", "replace").strip())
    if ran.code or ran.stopped:
        why = "took too long" if ran.stopped == "time" else f"ended with {ran.code}"
        raise EnvironmentFailure(
            f"the database was made anew, and then `migrate` {why}",
            "\n".join([*(f"  | {line}" for line in said.splitlines()), way]),
        )
    return Done(backup, said)


def _way_back(backup: str, leading: str) -> str:
    again = "Mend it, and run this command once more."
    if not backup:
        return again
    return f"{again} What was there before: {going_back(backup, ['dump'], leading)}"


def _migrated(found: Found, options: Options) -> bounded.Output:
    place = found.place
    words = ["manage.py"] if place.manage else ["-m", "django"]
    words += ["migrate", "--no-input", "--no-color", "--database", found.alias]
    if place.settings:
        words += ["--settings", place.settings]
    return place.run(
        [*place.interpreter.argv, *words],
        cwd=place.home,
        env=place.environ,
        limits=place.limits._replace(seconds=options.migrate_time_limit),
    )


def _asked(command: str, place: Place, options: Options, way: str = "") -> Found:
    """`way` leads out when it has gone wrong half-way."""
    if len(options.alias) > 1:
        raise UsageFailure("--alias was given more than once", "One database at a time.")
    about = {"alias": next(iter(options.alias), None), "name": options.name}
    told = runtime.ask(place, command, View(), PARTS, about, databases="own")
    found, failure = runtime.demand_shape(
        lambda data: (_read(place, data), _refusal(data, way)), told
    )
    if failure:
        raise failure
    return found


def _read(place: Place, data: dict[str, Any]) -> Found:
    tables = data["tables"]
    return Found(
        place,
        str(data["alias"]),
        str(data["server"]),
        str(data["place"]),
        bool(data["missing"]),
        None if tables is None else tuple((str(name), int(rows)) for name, rows in tables),
        bool(data["is_more"]),
        int(data["plan"]),
        bool(data["has_users"]),
    )


def _refusal(data: Mapping[str, Any], way_back: str) -> Failure | None:
    """What keeps it from being done, and the way out."""
    if data["refused"] is None:
        return None
    kind, detail = map(str, data["refused"])
    words = {key: visible(str(data[key])) for key in ("alias", "name", "place", "settings")}
    words |= {"way_back": way_back}
    words |= {"detail": visible(detail), "aliases": ", ".join(map(visible, data["aliases"]))}
    if kind == "alias" and not detail:
        kind = "aliases"
    usage = kind in _USAGE
    what, way = (_USAGE if usage else _ENVIRONMENT)[kind]
    failure = UsageFailure if usage else EnvironmentFailure
    return failure(what.format_map(words), way.format_map(words))


_NAME = "If it may go all the same: --name {name}"
_USAGE = {
    "alias": ("the settings have no database {detail}", "They have: {aliases}."),
    "aliases": ("the settings have several databases: {aliases}", "Name one: --alias ALIAS."),
    "mirror": (
        "the database {alias} is a mirror of {detail} in tests, and so a copy of it elsewhere",
        "Name the original: --alias {detail}",
    ),
    "shared": (
        "{place} is the database of {detail}, too, which would lose its tables with {alias}",
        "Give each of them a database of its own.",
    ),
    "vendor": (
        "{alias} is a database of a kind that this cannot make anew: {detail}",
        "It does SQLite, PostgreSQL, MySQL and MariaDB.",
    ),
    "memory": ("{alias} is a database in memory", "It is new in every process; just migrate."),
    "unnamed": (
        "the settings do not name the database of {alias} in NAME",
        "Give NAME, and nothing else in OPTIONS that leads to a database.",
    ),
    "name": ("the database of {alias} is not called {detail}", "It is called {name}."),
    "debug": ("DEBUG is off in {settings}: {place} may be one that people use", _NAME),
    "host": ("{place} is on another machine, or in a container of its own: {detail}", _NAME),
    "environment": (
        "the environment has {detail}, which may lead to another server",
        "Give HOST in the settings, and unset the variable.",
    ),
    "conflict": (
        "`migrate` would not start on an empty database: {detail}",
        "remigrate check tells more.",
    ),
    "file": ("{detail} is not a SQLite database", "Remove it by hand, if it may go."),
    "system": ("{detail} is a database of the server's own", "Name another one in the settings."),
}
"""By kind of the probe's refusal: what is wrong with what was asked for."""
_ENVIRONMENT = {
    "folder": ("files in {detail} cannot be made or removed", "Make the folder, or its owner you."),
    "locked": ("somebody is writing to {detail}", "Let them finish, or end them: runserver, …"),
    "connections": (
        "others are connected to {place}: {detail}",
        "End them first: runserver, a worker, psql, a window of an editor.",
    ),
    "rights": ("the user of {alias} may not do that: {detail}", "Use one in the settings who may."),
    "unreachable": ("{place} could not be asked: {detail}", "Start the server, or mend DATABASES."),
    "failed": ("{place} is as it was: {detail}", "Mend what the server names, and try again."),
    "lost": ("{place} was dropped, and could not be made anew: {detail}", "{way_back}"),
}
"""What is wrong there."""
