"""Migrates an empty database one migration at a time, and tells what each has made of it.

A part of the probe; see `script` and `syncing`, which tells what the answer looks like.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from remigrate.probe import applied, catalogue, kinds, moving, script

if TYPE_CHECKING:
    from collections.abc import Iterable

    Key = tuple[str, str]
    Objects = dict[str, list[Any]]


def walk(probe: Any, connection: Any, recorded: Iterable[Key]) -> dict[str, Any]:
    """Migrate the empty database of `connection`: first what `recorded` calls applied, with all
    that it depends on, then the rest."""
    executor = MigrationExecutor(connection)
    executor.loader = _as_seen_with(set(recorded))
    conflicts = executor.loader.detect_conflicts()
    if conflicts:
        return {"broken": applied.conflicting(conflicts)}
    graph, steps = executor.loader.graph, _Steps(connection)
    first = _ends(graph, (key for key in executor.loader.applied_migrations if key in graph.nodes))
    executor.loader.applied_migrations = {}
    for targets in (first, None):
        moved = moving.migrate(connection, targets, steps.after, executor)
        steps.watches.append(moved.watch)
        if moved.failed:
            at = ".".join(filter(None, moved.failed[:2]))
            return {"broken": f"{at}: {script.Failures(probe).message(moved.failed.error)}"}
        executor.loader.applied_migrations = dict.fromkeys(key for key, _, _ in steps.found)
    return {
        "broken": None,
        "steps": [steps.described(step, graph) for step in steps.found],
        "extras": steps.extras(executor.loader),
        "labels": sorted(config.label for config in apps.get_app_configs()),
        "unmanaged": sorted(
            model._meta.db_table for model in apps.get_models() if not model._meta.managed
        ),
    }


def _ends(graph: Any, keys: Iterable[Key]) -> list[Key]:
    """Those that nothing else of `keys`, and of what they depend on, depends on."""
    below = {each for key in keys for each in graph.forwards_plan(key)}
    return sorted(
        key
        for key in below
        if not any(child.key in below for child in graph.node_map[key].children)
    )


def _as_seen_with(recorded: set[Key]) -> MigrationLoader:
    """What a database with these rows would load. A squash of which they have a part, and whose
    other files are gone, is there all the same: Django would leave it out in silence."""
    disk = MigrationLoader(None, load=False)
    disk.load_disk()
    for key, migration in disk.disk_migrations.items():
        replaced = set(map(tuple, migration.replaces))
        if replaced - disk.disk_migrations.keys() and not replaced <= recorded:
            recorded = recorded - replaced - {key}
    with applied.knowing(recorded):
        return MigrationLoader(applied.NOBODY, ignore_no_migrations=True)


class _Steps:
    """What each migration records, and what it makes of the schema."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._recorder = MigrationRecorder(connection)
        self._rows: set[Key] = set()
        self._objects: Objects = {}
        self.watches: list[moving.Watch] = []
        self.found: list[tuple[Key, set[Key], Objects]] = []

    def after(self, key: Key) -> None:
        """A migration has been applied."""
        rows, objects = self._recorded(), keyed(catalogue.schema(self._connection)["objects"])
        changed = {
            table: objects.get(table, [])
            for table in sorted(objects.keys() | self._objects.keys())
            if _text(objects.get(table)) != _text(self._objects.get(table))
        }
        self.found.append((key, rows - self._rows, changed))
        self._rows, self._objects = rows, objects

    def described(self, step: tuple[Key, set[Key], Objects], graph: Any) -> dict[str, Any]:
        """As the answer has it."""
        key, rows, changed = step
        watch = next(each for each in self.watches if key in each.operations)
        return {
            "label": key[0],
            "name": key[1],
            "rows": sorted(rows),
            "needs": sorted(parent.key for parent in graph.node_map[key].parents),
            "code": [kinds.described(each) for each in watch.operations[key] if _is_code(each)],
            "objects": changed,
        }

    def extras(self, loader: Any) -> list[Any]:
        """Squashes that are recorded since all that they replace is: with what that is."""
        return [
            [*key, [list(each) for each in loader.replacements[key].replaces]]
            for key in sorted(self._recorded() - self._rows)
            if key in loader.replacements
        ]

    def _recorded(self) -> set[Key]:
        return {(row.app, row.name) for row in self._recorder.migration_qs}


def keyed(objects: Iterable[Any]) -> Objects:
    """Objects of a schema by their table; what is of none has a key of its own."""
    found: Objects = {}
    for each in objects:
        key = each["table"] or f"{each['kind']} {each['name']}"
        found.setdefault(key, []).append(each)
    return found


def _text(objects: Any) -> str:
    return json.dumps(objects or [], sort_keys=True, default=str)


def _is_code(operation: Any) -> bool:
    """Whether it may have changed rows, which no schema shows."""
    noop = getattr(type(operation), "noop", None)
    body = getattr(operation, "code", getattr(operation, "sql", operation))
    return kinds.writes_rows(operation) and not kinds.is_guard(operation) and body not in (noop, "")
