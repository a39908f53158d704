"""Migrates the old history, and keeps databases of it for what comes after.

A part of the probe; see `script` and `resetting`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import connections, router
from django.db.migrations.loader import MigrationLoader

from remigrate.probe import (
    apart,
    candidates,
    contents,
    kinds,
    moving,
    planting,
    script,
    states,
)
from remigrate.probe.databases import ALIAS, Databases, behind

if TYPE_CHECKING:
    from collections.abc import Mapping


def record(probe: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to "record"."""
    databases = Databases(data)
    if databases.missing:
        return {"needs": databases.vendor}
    drift = apart.asked(probe.drift)
    if {change["app"] for change in drift["changes"]} >= set(data["labels"]):
        return {"needs": None, "vendor": databases.vendor, "drift": drift, "drifts": True}
    second = apart.Apart(lambda: _once_more(databases)) if data["again"] else None
    recording = _Recording(databases, data)
    try:
        found = recording.run(probe)
    finally:
        again = second.answer() if second else None
    if found["failed"] is None:
        found.update(candidates.rewrite(probe, {**data, "effects": found["effects"]}))
        found["outside"] = _outside(drift["apps"])
        found["elsewhere"] = sorted(
            config.label
            for config in apps.get_app_configs()
            if not router.allow_migrate(ALIAS, config.label)
        )
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
        found.update(contents.whole(databases.open("old")))
        found["version"] = found["schema"]["version"]
        found["states"] = states.described(moved.state, candidates.modules(self._data["gone"]))
        found["makers"] = self._makers(moved.state)
        found["writers"] = self._writers()
        found["uses"] = self._uses()
        if landed is None:
            databases.copy("old", "base")
        found["side"] = self._side(probe)
        found["planted"] = self._planted(base)
        found["upgrade"] = self._upgraded(landed, base)
        return found

    def _migrate(self, name: str, targets: Any) -> moving.Moved:
        moved = moving.migrate(self._databases.open(name), targets, self._after)
        self._moved.append(moved)
        return moved

    def _after(self, key: Any) -> None:
        # A router that keeps an app off this database keeps its guard off, too.
        if key in self._lag and router.allow_migrate(ALIAS, key[0]):
            self._reached.append(key)
            self._databases.copy("old", behind(key))
            self._databases.settle()  # the executor goes on with the connection it has

    def _makers(self, state: Any) -> dict[str, list[str]]:
        found: dict[str, set[str]] = {}
        for model in state.apps.get_models(include_auto_created=True):
            found.setdefault(model._meta.db_table, set()).add(model._meta.app_label)
        for each in self._moved:
            for table, labels in each.watch.makers.items():
                found.setdefault(table, set()).update(labels)
        return {table: sorted(labels) for table, labels in found.items()}

    def _writers(self) -> dict[str, list[str]]:
        found: dict[str, set[str]] = {}
        for watch in (each.watch for each in self._moved):
            for key, positions in watch.effects.items():
                for position, tables in positions.items():
                    if kinds.writes_rows(watch.operations[key][position]):
                        for table in tables:
                            found.setdefault(table, set()).add(key[0])
        return {table: sorted(labels) for table, labels in found.items()}

    def _uses(self) -> list[Any]:
        """What hand-written operations stand on, whether their migrations say so or not."""
        found: dict[Any, set[Any]] = {}
        for watch in (each.watch for each in self._moved):
            for key, positions in watch.uses.items():
                for position, others in positions.items():
                    if kinds.writes_rows(watch.operations[key][position]):
                        found.setdefault(key, set()).update(others)
        return [[*key, sorted(others)] for key, others in found.items()]

    def _planted(self, base: Any) -> dict[str, Any]:
        """Plant rows at base, as far as the receivers of ``migrate``'s signals can live with them:
        some ask for the one row of a table, and it must stay the only one."""
        why = ""
        for _ in ("everywhere", "where no row is"):
            error = self._complaint(base, why)
            if error is None:
                return planting.plant(self._databases.open("base"), base.apps, sparing=why)
            why = why or f"with planted rows, a receiver of migrate's signals fails: {error}"
        tables = self._databases.open("base").introspection.table_names()
        return {"planted": {}, "left": dict.fromkeys(tables, why)}

    def _complaint(self, base: Any, sparing: str) -> Exception | None:
        """What a receiver raises on a copy of base with rows planted; None where none does."""
        self._databases.copy("base", "upgrade")
        connection = self._databases.open("upgrade")
        planting.plant(connection, base.apps, sparing=sparing)
        try:
            moving.signal(connection, base)
        except Exception as error:  # noqa: BLE001 # code of the project
            return error
        return None

    def _side(self, probe: Any) -> str | None:
        """Migrate a database to the leaves of the branch alone."""
        if not self._data["side"]:
            return None
        installed = {config.label for config in apps.get_app_configs()}
        targets = [tuple(key) for key in self._data["side"] if key[0] in installed]
        if not targets:
            return "no app of it is installed"
        self._databases.make("side")
        moved = moving.migrate(self._databases.open("side"), targets)
        return script.Failures(probe).message(moved.failed.error) if moved.failed else None

    def _told(self, probe: Any, moved: moving.Moved) -> dict[str, Any]:
        effects = {}
        for each in self._moved:
            effects.update(each.watch.effects)
        return {
            "failed": moving.failure(probe, moved),
            "seconds": sum(each.seconds for each in self._moved),
            "processor": sum(each.processor for each in self._moved),
            "lagging": self._reached,
            "effects": [
                [*key, position, tables]
                for key, positions in effects.items()
                for position, tables in positions.items()
            ],
        }

    def _upgraded(self, landed: Any, base: Any) -> dict[str, Any]:
        """What becomes of a database at base with rows in it, by the old files; also where nothing
        is left to be applied, as a receiver of ``migrate``'s signals may change rows."""
        found: dict[str, Any] = {"failed": None, "schema": None, "rows": None, "again": None}
        for what in ("rows", "again"):  # what is filled differently each time
            self._databases.copy("base", "upgrade")
            connection = self._databases.open("upgrade")
            if landed is None:
                moving.signal(connection, base)
            else:
                moved = moving.migrate(connection)
                if moved.failed:
                    return {**found, "failed": str(moved.failed.error)}
            whole = contents.whole(self._databases.open("upgrade"))
            found.update({"schema": whole["schema"], what: whole["rows"]})
        return found


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


def _once_more(databases: Databases) -> Any:
    """The rows of a second migration of the old history; None when it failed, as then the first
    one tells why."""
    databases.make("again")
    moved = moving.migrate(databases.open("again"))
    return None if moved.failed else contents.rows(databases.open("again"))
