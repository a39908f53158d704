"""What the project's databases say of their migrations, and what Django makes of it.

A part of the probe; see `script`. One command, which only reads:

"status"
    aliases     those to look at; all that have an engine when empty
  answers
    files       [{label, name, dependencies, run_before, replaces}], every migration of every
                installed app, as Django loads them; each of the lists: [[label, name]]
    installed   [label]
    aliases     [alias] of the settings
    python, django, settings    versions, and the name of the settings module
    databases   [{alias, vendor, version, place, missing, failed, rows, plan, conflict}]
                vendor: as Django calls it, null without its driver
                version: of the server, null where it could not be asked
                place: without user and password
                missing: there is no such database
                failed: null, or in words why it could not be read; nothing below it then
                rows: [[id, label, name, when]] of django_migrations by id; null without that table
                plan: [[label, name]] that ``migrate`` would run, null where it would not start
                conflict: null, or why it would not start, in Django's words
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

import django
from django.apps import apps
from django.db.migrations import executor, loader
from django.db.migrations.recorder import MigrationRecorder

from remigrate.probe import live, scratch, script

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Row = Any  # [id, label, name, when]


def answer(probe: Any, command: str, data: dict[str, Any]) -> dict[str, Any]:
    """The answer to a command of the header. Raises KeyError for any other."""
    return {"status": status}[command](probe, data)


def status(probe: Any, data: dict[str, Any]) -> dict[str, Any]:
    """The answer to "status"."""
    probe.stage = "graph"
    disk = loader.MigrationLoader(None, load=False)
    disk.load_disk()
    probe.stage = "other"
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "django": django.get_version(),
        "settings": os.environ.get("DJANGO_SETTINGS_MODULE", ""),
        "files": [_file(key, migration) for key, migration in sorted(disk.disk_migrations.items())],
        "installed": sorted(config.label for config in apps.get_app_configs()),
        "aliases": sorted(probe.own_databases),
        "databases": [
            _database(probe, alias, config)
            for alias, config in live.asked(probe.own_databases, data["aliases"]).items()
        ],
    }


def _file(key: Any, migration: Any) -> dict[str, Any]:
    return {
        "label": key[0],
        "name": key[1],
        **{
            attribute: [list(each)[:2] for each in getattr(migration, attribute)]
            for attribute in ("dependencies", "run_before", "replaces")
        },
    }


def _database(probe: Any, alias: str, config: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        **{"alias": alias, "vendor": None, "version": None, "place": live.place(config)},
        **{"missing": False, "failed": None, "rows": None, "plan": None, "conflict": None},
    }
    try:
        found["vendor"] = scratch.vendor(config)
        with live.opened(config) as connection:
            found["version"] = live.version(connection)
            found["rows"] = _rows(connection)
    except live.Missing:
        found["missing"] = True
    except Exception as error:  # noqa: BLE001 # a driver has its own kinds
        found["failed"] = script.Failures(probe).message(error)
        return found
    return {**found, **judged(probe, found["rows"] or [])}


def _rows(connection: Any) -> list[Row] | None:
    model = MigrationRecorder.Migration
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if table not in connection.introspection.table_names(cursor):
            return None
        columns = ", ".join(map(connection.ops.quote_name, ("id", "app", "name", "applied")))
        name = connection.ops.quote_name(table)
        cursor.execute(f"SELECT {columns} FROM {name} ORDER BY 1")  # noqa: S608 # names, quoted
        return [[row[0], row[1], row[2], str(row[3])] for row in cursor.fetchall()]


def judged(probe: Any, rows: list[Row]) -> dict[str, Any]:
    """What ``migrate`` would do on a database with these rows, without asking it again."""
    with knowing((label, name) for _, label, name, _ in rows):
        try:
            planning = executor.MigrationExecutor(NOBODY)
            planning.loader.check_consistent_history(NOBODY)
            conflicts = planning.loader.detect_conflicts()
            if conflicts:
                return {"conflict": conflicting(conflicts)}
            plan = planning.migration_plan(planning.loader.graph.leaf_nodes())
            return {"plan": [[each.app_label, each.name] for each, _ in plan]}
        except Exception as error:  # noqa: BLE001 # whatever keeps it from starting
            return {"conflict": script.Failures(probe).message(error)}


def conflicting(leaves: dict[str, list[str]]) -> str:
    """What ``migrate`` says of two leaves of an app."""
    named = "; ".join(f"{', '.join(names)} in {app}" for app, names in leaves.items())
    return f"Conflicting migrations detected: {named}"


@contextlib.contextmanager
def knowing(names: Iterable[tuple[str, str]]) -> Iterator[None]:
    """Within it, Django's loader and executor take these for what `NOBODY` has applied."""
    recorded = dict.fromkeys(names)

    class Known:
        """Stands in for Django's recorder, whose rows were read already."""

        def __init__(self, _: Any) -> None:
            self.migration_qs = None

        def applied_migrations(self) -> dict[Any, Any]:
            return dict(recorded)

    original = loader.MigrationRecorder, executor.MigrationRecorder
    loader.MigrationRecorder = executor.MigrationRecorder = Known
    try:
        yield
    finally:
        loader.MigrationRecorder, executor.MigrationRecorder = original


class _Nobody:
    """Stands for a connection: Django asks it for its alias alone."""

    alias = "default"


NOBODY = _Nobody()
