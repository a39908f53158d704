"""What a reset asks of the project's Django.

A part of the probe, the last one; see `script`. Commands, their data and their answers:

"record"    the old history, on an empty scratch database
    servers     {vendor: config} where scratch databases can be made; see `scratch`. Of SQLite:
                NAME is a folder.
    token       word in the names of those databases
    new         [[label, name]] migrations that have not landed
    lag         [[label, name]] for each a copy is kept of the database once it is applied
    gone        [[label, name, source]] of migrations that will be deleted
    segments    see "rewrite"
    labels      of the apps that are to be reset: when all of them drift, nothing is migrated
    again       whether to migrate a second time
    side        [[label, name]] leaves of a branch alone: a database is migrated to them and kept;
                empty for none
  answers
    needs       vendor of the project's database, when `servers` does not have it; nothing else
    vendor, version
    drift       as the probe's "drift"
    drifts      true when nothing was migrated for that reason, and nothing else is told
    failed      null, or {app, name, position, operation, message}: where migrating ended
    seconds, steps
    schema, rows    see `catalogue` and `contents`
    again       rows of the second time; null without it
    states      see `states`
    upgrade     {schema, rows} of a database at base with rows planted, migrated by the old files
    planted     {planted: {table: n}, left: {table: why}}
    aliases     other databases of the settings, which were left alone
    makers      {table: [label]} the apps whose migrations ever changed it, or whose model has it
    outside     [[label, name, [[label, name]]]] migrations outside of the repository, with parents
    lagging     those of `lag` that were reached
    side        null, or in words why there is no database of the branch alone
    effects     [[label, name, position, [table]]] of hand-written operations
    segments    as "rewrite" answers

"rewrite"   new migrations from the old ones
    gone, effects   as above
    segments    [{app (folder of its migrations), label, name, members, before, dependencies,
                swappable, run_before, replaces, initial, guards: [[label, name]],
                ways: [way] or null, message}]
  answers
    segments    [{label, name, first, ways: {way: {source, operations, left_out, carried, origins}
                or {impossible}}}]; null for one of an app that is not installed

"prove"     the new history, as the view shows it
    servers, token, gone
    upgrade     names of databases from "record" to be migrated: "base", "old" (all of the old
                history is applied) and "side"
    lagging     those of `lag` whose copies are to be migrated
  answers
    broken      null, or {app, name, operation, message} where Django cannot load the new files, app
                and name empty when it is not a migration's operation; nothing else then
    conflicts, drift, states
    fresh       {failed, seconds, steps, schema, rows}
    upgrade     {name: {failed, ran: [label.name], statements: [[label.name, sql]], seconds, schema,
                rows}}
    lagging     [{failed, said: message or null, ran, statements, seconds, schema, rows}]

"clean"     drops all scratch databases of the token
    lag         as for "record"
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import traceback
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import connections, migrations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from remigrate.probe import (
    carrying,
    catalogue,
    contents,
    guarding,
    moving,
    planting,
    rewriting,
    scratch,
    script,
    states,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ALIAS = "default"
_KEPT = ("old", "again", "base", "side", "fresh", "upgrade", "lagging")


def answer(probe: Any, command: str, data: dict[str, Any]) -> dict[str, Any]:
    """The answer to a command of the header. Raises KeyError for any other."""
    return {"record": _record, "rewrite": _rewrite, "prove": _prove, "clean": _clean}[command](
        probe, data
    )


# --- databases ----------------------------------------------------------------------------------


class Databases:
    """The scratch databases of one reset."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.vendor = str(connections[ALIAS].vendor)
        self._server = data["servers"].get(self.vendor)
        self._token = data["token"]

    @property
    def missing(self) -> bool:
        return self._server is None

    def config(self, name: str) -> dict[str, Any]:
        word = f"{scratch.PREFIX}{self._token}_{name}"
        if self.vendor == "sqlite":
            return {**self._server, "NAME": os.path.join(self._server["NAME"], word)}
        return {**self._server, "NAME": word}

    def make(self, name: str) -> None:
        scratch.create(self.config(name))

    def copy(self, name: str, new: str) -> None:
        scratch.copy(self.config(name), self.config(new)["NAME"])

    def open(self, name: str) -> Any:
        """The connection of the alias, now to that database."""
        scratch.use(ALIAS, self.config(name))
        return self.settle()

    def settle(self) -> Any:
        """The connection of the alias, also when it was closed meanwhile."""
        connection = connections[ALIAS]
        if self.vendor == "sqlite":
            with connection.cursor() as cursor:  # nothing of it has to survive
                cursor.execute("PRAGMA synchronous = OFF")
                cursor.execute("PRAGMA journal_mode = MEMORY")
        return connection


def _clean(probe: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    databases = Databases(data)
    for name in (*_KEPT, *map(_behind, data["lag"])):
        scratch.drop(databases.config(name))
    return {}


# --- the old history ----------------------------------------------------------------------------


def _record(probe: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    databases = Databases(data)
    if databases.missing:
        return {"needs": databases.vendor}
    drift = probe.drift()
    if {change["app"] for change in drift["changes"]} >= set(data["labels"]):
        return {"needs": None, "vendor": databases.vendor, "drift": drift, "drifts": True}
    second = _Second(databases) if data["again"] else None
    recording = _Recording(databases, data)
    try:
        found = recording.run(probe)
    finally:
        again = second.rows() if second else None
    if found["failed"] is None:
        found.update(_rewrite(probe, {**data, "effects": found["effects"]}))
        found["outside"] = _outside(drift["apps"])
        found["aliases"] = sorted(alias for alias in connections if alias != ALIAS)
    return {**found, "needs": None, "vendor": databases.vendor, "drift": drift, "again": again}


class _Recording:
    def __init__(self, databases: Databases, data: Mapping[str, Any]) -> None:
        self._databases = databases
        self._data = data
        self._lag = {tuple(key) for key in data["lag"]}
        self._reached: list[Any] = []
        self._moved: list[moving.Moved] = []

    def run(self, probe: Any) -> dict[str, Any]:
        databases, landed = self._databases, _landed_leaves(self._data["new"])
        databases.make("old")
        moved = self._migrate("old", landed)
        base = moved.state
        if not moved.failed and landed is not None:
            databases.copy("old", "base")
            moved = self._migrate("old", None)
        found = self._told(probe, moved)
        if moved.failed:
            return found
        connection = databases.open("old")
        found.update(schema=catalogue.schema(connection), rows=contents.rows(connection))
        found["version"] = found["schema"]["version"]
        found["states"] = states.described(moved.state, _modules(self._data["gone"]))
        found["makers"] = self._makers(moved.state)
        if landed is None:
            databases.copy("old", "base")
        found["side"] = self._side(probe)
        found["planted"] = planting.plant(databases.open("base"), base.apps)
        found["upgrade"] = self._upgraded(landed)
        return found

    def _migrate(self, name: str, targets: Any) -> moving.Moved:
        moved = moving.migrate(self._databases.open(name), targets, self._after)
        self._moved.append(moved)
        return moved

    def _after(self, key: Any) -> None:
        if key in self._lag:
            self._reached.append(key)
            self._databases.copy("old", _behind(key))
            self._databases.settle()  # the executor goes on with the connection it has

    def _makers(self, state: Any) -> dict[str, list[str]]:
        found: dict[str, set[str]] = {}
        for model in state.apps.get_models(include_auto_created=True):
            found.setdefault(model._meta.db_table, set()).add(model._meta.app_label)
        for each in self._moved:
            for table, labels in each.watch.makers.items():
                found.setdefault(table, set()).update(labels)
        return {table: sorted(labels) for table, labels in found.items()}

    def _side(self, probe: Any) -> str | None:
        """Migrate a database to the leaves of the branch alone."""
        targets = [tuple(key) for key in self._data["side"]]
        if not targets:
            return None
        self._databases.make("side")
        moved = moving.migrate(self._databases.open("side"), targets)
        return script.Failures(probe).message(moved.failed.error) if moved.failed else None

    def _told(self, probe: Any, moved: moving.Moved) -> dict[str, Any]:
        effects = {}
        for each in self._moved:
            effects.update(each.watch.effects)
        return {
            "failed": _failed(probe, moved),
            "seconds": sum(each.seconds for each in self._moved),
            "steps": sum(len(each.watch.applied) for each in self._moved),
            "lagging": self._reached,
            "effects": [
                [*key, position, tables]
                for key, positions in effects.items()
                for position, tables in positions.items()
            ],
        }

    def _upgraded(self, landed: Any) -> dict[str, Any]:
        """What becomes of a database at base with rows in it, by the old files."""
        name = "base"
        if landed is not None:
            self._databases.copy("base", "upgrade")
            name = "upgrade"
            moved = moving.migrate(self._databases.open(name))
            if moved.failed:
                return {"failed": str(moved.failed.error), "schema": None, "rows": None}
        connection = self._databases.open(name)
        rows, schema = contents.rows(connection), catalogue.schema(connection)
        return {"failed": None, "schema": schema, "rows": rows}


def _landed_leaves(new: list[list[str]]) -> list[Any] | None:
    """What to migrate to for a database at base; None where everything has landed."""
    if not new:
        return None
    graph = MigrationLoader(None, ignore_no_migrations=True).graph
    late = {tuple(key) for key in new}
    return [
        key
        for key in graph.nodes
        if key not in late
        and all(
            child.key in late or child.key[0] != key[0] for child in graph.node_map[key].children
        )
    ]


def _outside(described: list[dict[str, Any]]) -> list[Any]:
    own = {app["label"] for app in described if app["first_party"]}
    graph = MigrationLoader(None, ignore_no_migrations=True).graph
    return [
        [*key, sorted(parent.key for parent in node.parents)]
        for key, node in graph.node_map.items()
        if key[0] not in own
    ]


def _modules(gone: list[list[str]]) -> dict[str, str]:
    """Sources by dotted name."""
    installed = {config.label for config in apps.get_app_configs()}
    return {_module(label, name): source for label, name, source in gone if label in installed}


def _module(label: str, name: str) -> str:
    return f"{MigrationLoader.migrations_module(label)[0]}.{name}"


def _failed(probe: Any, moved: moving.Moved) -> dict[str, Any] | None:
    if moved.failed is None:
        return None
    app, name, position, operation, error = moved.failed
    return {
        "app": app,
        "name": name,
        "position": position,
        "operation": operation,
        "message": script.Failures(probe).message(error),
    }


class _Second:
    """A second migration of the old history, in a process of its own."""

    def __init__(self, databases: Databases) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 # both need it
        for connection in connections.all():
            connection.close()
        sys.stdout.flush()
        sys.stderr.flush()
        self._process = os.fork()
        if not self._process:
            try:
                self._migrate(databases)
                os._exit(0)
            finally:  # of an exception, the first migration tells
                os._exit(1)

    def _migrate(self, databases: Databases) -> None:
        databases.make("again")
        moved = moving.migrate(databases.open("again"))
        rows = None if moved.failed else contents.rows(databases.open("again"))
        json.dump(rows, self._file, default=str)
        self._file.flush()

    def rows(self) -> Any:
        """Its rows; None when it failed, as then the first one tells why."""
        _, status = os.waitpid(self._process, 0)
        self._file.seek(0)
        return None if status else json.load(self._file)


# --- new migrations -----------------------------------------------------------------------------


def _rewrite(probe: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    from django.core.management.commands import makemigrations as stock

    loader = MigrationLoader(None, ignore_no_migrations=True)
    effects: dict[Any, dict[int, Any]] = {}
    for label, name, position, tables in data["effects"]:
        effects.setdefault((label, name), {})[position] = tables
    autodetector = getattr(script.own_command(), "autodetector", stock.MigrationAutodetector)
    maker = rewriting.Rewriting(loader, autodetector, effects, connections[ALIAS].vendor)
    with script.Swappables() as undefined, rewriting.models_by_name(undefined):
        gone = _modules(data["gone"])
        segments = data["segments"]
        return {
            "segments": [
                _segment(maker, each, gone) if _is_installed(probe, each) else None
                for each in segments
            ]
        }


def _is_installed(probe: Any, segment: Mapping[str, Any]) -> bool:
    """Whether the segment is of an installed app, and so is all that it asks about."""
    installed = {config.label for config in apps.get_app_configs()}
    return probe.is_installed(segment["label"], segment["app"]) and all(
        label in installed for label, _ in segment["guards"]
    )


def _segment(
    maker: rewriting.Rewriting, segment: Mapping[str, Any], gone: Mapping[str, str]
) -> dict[str, Any]:
    members = [tuple(key) for key in segment["members"]]
    if not members:
        alone = rewriting.Candidate("compact", [], [], True)
        written = _written(maker, segment, alone, gone)
        return {**_named(segment), "first": "compact", "ways": {"compact": written}}
    ways = {}
    for way in segment.get("ways") or rewriting.WAYS:
        try:
            candidate = maker.candidate(way, members, [tuple(key) for key in segment["before"]])
            ways[way] = _written(maker, segment, candidate, gone)
        except (rewriting.Impossible, carrying.Uncarriable) as error:
            ways[way] = {"impossible": str(error)}
    first = maker.first_way(members)
    return {**_named(segment), "first": first, "ways": ways}


def _named(segment: Mapping[str, Any]) -> dict[str, Any]:
    return {"label": segment["label"], "name": segment["name"]}


def _written(
    maker: rewriting.Rewriting,
    segment: Mapping[str, Any],
    candidate: rewriting.Candidate,
    gone: Mapping[str, str],
) -> dict[str, Any]:
    migration = guarding.migration(segment, candidate.operations, candidate.atomic)
    sources = {**gone, **guarding.module(segment)}
    members = [tuple(key) for key in segment["members"]]
    return {
        "source": _plain(carrying.write(migration, sources)),
        "operations": len(candidate.operations),
        "origins": candidate.origins,
        "left_out": maker.left_out(members, candidate.way),
        "carried": maker.carried(members, candidate.way),
    }


def _plain(text: str) -> str:
    """With the operations that Django's writer names by their module named as people do."""
    module = "django.db.migrations.operations.special"
    if f"{module}." not in text:
        return text
    return text.replace(f"import {module}\n", "").replace(f"{module}.", "migrations.")


# --- the new history ----------------------------------------------------------------------------


def _prove(probe: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    databases = Databases(data)
    databases.make("fresh")
    try:
        drift = probe.drift()
        moved = moving.migrate(databases.open("fresh"))
    except Exception as error:  # noqa: BLE001 # of a migration that does not fit the others
        return {"broken": _broken(probe, error)}
    found: dict[str, Any] = {"broken": None, "drift": drift, "conflicts": drift["conflicts"]}
    fresh = {"failed": _failed(probe, moved), "seconds": moved.seconds}
    fresh["steps"] = len(moved.watch.applied)
    found["fresh"] = fresh
    if moved.failed:
        return found
    connection = databases.open("fresh")
    fresh.update(schema=catalogue.schema(connection), rows=contents.rows(connection))
    found["states"] = states.described(moved.state, _modules(data["gone"]))
    found["upgrade"] = {name: _upgrade(probe, databases, name) for name in data["upgrade"]}
    found["lagging"] = [_lagging(probe, databases, key) for key in data["lagging"]]
    return found


def _broken(probe: Any, error: BaseException) -> dict[str, Any]:
    """Why Django cannot make a graph, or a project state, of the new files."""
    app = name = ""
    operation = ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        here = frame.f_locals.get("self")
        if isinstance(here, migrations.Migration):
            app, name = here.app_label, here.name
        elif isinstance(here, Operation):
            operation = str(here.describe())
    message = script.Failures(probe).message(error)
    return {"app": app, "name": name, "operation": operation, "message": message}


def _upgrade(probe: Any, databases: Databases, name: str) -> dict[str, Any]:
    databases.copy(name, "upgrade")
    moved = moving.migrate(databases.open("upgrade"))
    found = {"failed": _failed(probe, moved), **_ran(moved)}
    if not moved.failed:
        connection = databases.open("upgrade")
        found.update(schema=catalogue.schema(connection), rows=contents.rows(connection))
    return found


def _behind(key: Any) -> str:
    """The name of a copy that is behind; a name of a database has but 63 characters."""
    return f"lag_{hashlib.sha256('.'.join(key).encode()).hexdigest()[:8]}"


def _lagging(probe: Any, databases: Databases, key: Any) -> dict[str, Any]:
    databases.copy(_behind(key), "lagging")
    try:
        moved = moving.migrate(databases.open("lagging"))
    except Exception as error:  # noqa: BLE001 # Django's own words, before the first migration
        words = script.Failures(probe).message(error)
        return {"failed": {}, "said": words, "ran": [], "statements": [], "seconds": 0.0}
    said = str(moved.failed.error) if moved.failed else None
    found = {"failed": _failed(probe, moved), "said": said, **_ran(moved)}
    if not moved.failed:
        connection = databases.open("lagging")
        found.update(schema=catalogue.schema(connection), rows=contents.rows(connection))
    return found


def _ran(moved: moving.Moved) -> dict[str, Any]:
    return {
        "ran": [".".join(key) for key in moved.watch.applied],
        "statements": moved.watch.statements,
        "seconds": moved.seconds,
    }
