"""What ``db sync`` asks of the project's Django.

A part of the probe, the last one; see `script`. Commands, their data and their answers:

All of them:
    servers     {vendor: config} where scratch databases can be made; see `scratch`. Of SQLite:
                NAME is a folder.
    token       word in the name of that database
    alias       the database that it is about

"walk"      what the files on disk make of an empty database, beside the database of the alias
    rows        [[label, name]] of the alias's django_migrations, as they were read before
  answers
    needs       vendor of the database, when `servers` does not have it; nothing else then
    failed      null, or in words why the database could not be read; nothing else then
    live        {key: [object]}: the schema of the alias; see `catalogue`. An object of no table has
                a key of its own
    digest      of that schema
    compared    version of the scratch server
    broken      null, or in words why the files cannot be migrated; nothing below it then
    steps       [{label, name, rows, needs, code, objects}] in the order in which they were applied:
                first what `rows` calls applied, with all that it depends on
                rows: [[label, name]] that it records; needs: [[label, name]] it depends on
                code: [text] of operations that may change rows, which no schema shows
                objects: {key: [object]} that it changed, as they are after it
    extras      [[label, name, [[label, name]]]] squashes that are recorded as soon as all of those
                are
    labels      [label] of all installed apps
    unmanaged   [table] of models that Django does not manage

"write"     new rows, in one transaction under a lock; a table that is not there is made before
    rows        [[id, label, name]] as they have to be still
    digest      of the schema, as it has to be still
    patience    seconds to wait for somebody else who holds the table
    delete      [id]
    insert      [[label, name]]
  answers
    state       "written"; "done": they are there already, and no others; "failed": nothing was
                written; "unknown": the database went away meanwhile
    why         in words, for the last two; else empty

"clean"     drops the scratch database of the token; answers {}
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError
from django.db.migrations.recorder import MigrationRecorder

from remigrate.probe import catalogue, live, recorded, scratch, script, walking
from remigrate.probe.databases import Databases

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = "sync"


def answer(probe: Any, command: str, data: dict[str, Any]) -> dict[str, Any]:
    """The answer to a command of the header. Raises KeyError for any other."""
    return {"walk": walk, "write": write, "clean": clean}[command](probe, data)


def walk(probe: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to "walk"."""
    own = probe.own_databases[data["alias"]]
    databases = Databases(data, data["alias"])
    if databases.missing:
        return {"needs": databases.vendor}
    try:
        with live.opened(own) as connection:
            schema = catalogue.schema(connection)
            with connection.cursor() as cursor:
                words = scratch.collation(cursor) if connection.vendor == "mysql" else ""
    except Exception as error:  # noqa: BLE001 # a driver has its own kinds
        return {"needs": None, "failed": script.Failures(probe).message(error)}
    databases.make(_NAME)
    connection = databases.open(_NAME)
    if words:  # what a column is made with where nobody says so
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {words}")
    found = walking.walk(probe, connection, map(tuple, data["rows"]))
    return {
        **found,
        "needs": None,
        "failed": None,
        "live": walking.keyed(schema["objects"]),
        "digest": _digest(schema),
        "compared": catalogue.schema(connection)["version"],
    }


def _digest(schema: dict[str, Any]) -> str:
    text = json.dumps(schema["objects"], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def write(probe: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to "write"."""
    own = probe.own_databases[data["alias"]]
    try:
        _demand_table(own)
        with recorded.exclusive(own, data["patience"]) as (connection, cursor):
            state, why = _judged(connection, recorded.rows(cursor), data)
            if state == "written":
                applied = recorded.now(cursor)
                come = [[None, label, name, applied] for label, name in data["insert"]]
                recorded.replace(cursor, data["delete"], come)
        return {"state": state, "why": why}
    except recorded.Busy as error:
        return {"state": "failed", "why": str(error)}
    except Exception as error:  # noqa: BLE001 # a driver has its own kinds
        return {"state": _left(own, data), "why": script.Failures(probe).message(error)}


def _left(config: dict[str, Any], data: Mapping[str, Any]) -> str:
    """What stands in the table after something went wrong, which may have been the commit."""
    try:
        with recorded.unlocked(config) as cursor:
            rows = recorded.rows(cursor)
    except Exception:  # noqa: BLE001 # of a server that is gone
        return "unknown"
    return "written" if _is_done(rows, data) else "failed"


def _demand_table(config: dict[str, Any]) -> None:
    """Make django_migrations where somebody has dropped it; empty, it says no more than nothing."""
    connection = scratch.connect(live.prepared(config, "rw"))
    with contextlib.closing(connection):
        recorder = MigrationRecorder(connection)
        if recorder.has_table():
            return
        try:
            with connection.schema_editor(atomic=False) as editor:  # which looks up an alias
                editor.create_model(recorder.Migration)
        except DatabaseError:
            if not recorder.has_table():  # else somebody else has just made it
                raise


def _judged(connection: Any, rows: list[Any], data: Mapping[str, Any]) -> tuple[str, str]:
    """What there is to do under the lock, and why nothing is."""
    if [row[:3] for row in rows] != data["rows"]:
        if _is_done(rows, data):
            return "done", ""
        return "failed", "django_migrations has other rows than a moment ago"
    if _digest(catalogue.schema(connection)) != data["digest"]:
        return "failed", "the schema is another than a moment ago"
    return "written", ""


def _is_done(rows: list[Any], data: Mapping[str, Any]) -> bool:
    gone = set(data["delete"])
    wanted = [row[1:] for row in data["rows"] if row[0] not in gone] + data["insert"]
    return sorted(row[1:3] for row in rows) == sorted(wanted)


def clean(_: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to "clean"."""
    databases = Databases(data, data["alias"])
    if not databases.missing:
        scratch.drop(databases.config(_NAME))
    return {}
