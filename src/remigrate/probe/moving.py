"""Migrates a scratch database as ``migrate`` does, and remembers what each migration did to it.

A part of the probe; see `script`.
"""

from __future__ import annotations

import re
import time
import traceback
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ModelState
from django.dispatch import Signal

from remigrate.probe import script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_READING = {
    *("SELECT", "PRAGMA", "EXPLAIN", "SHOW", "DESCRIBE", "VALUES", "SET", "RESET"),
    *("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT", "START", "LOCK", "ANALYZE"),
}
"""First words of statements that leave a database as it is."""
_CALLS = re.compile(
    r"\b(?:setval|nextval|set_config|lo_\w+|pg_notify)\s*\(|\bCALL\b", re.IGNORECASE
)
"""What a statement that reads may call, and so write all the same."""
_COUNTED = {"UPDATE", "DELETE", "INSERT", "REPLACE", "MERGE"}
"""Those that may turn out to have changed no row."""
_SHAPING = {"CREATE", "ALTER", "DROP", "RENAME"}
"""Those that change what a table is made of."""
_NAME = r"""[`"\[]?[\w$]+[`"\]]?"""
_TABLE = re.compile(
    rf"(?:\bINTO|\bUPDATE|\bFROM|\bTABLE(?:\s+IF(?:\s+NOT)?\s+EXISTS)?|\bON)\s+(?:{_NAME}\.)?({_NAME})",
    re.IGNORECASE,
)
_USED = re.compile(
    rf"(?:\bINTO|\bUPDATE|\bFROM|\bJOIN|\bTABLE)\s+(?:{_NAME}\.)?({_NAME})", re.IGNORECASE
)
_RENAMED = re.compile(rf"^ALTER\s+TABLE\s.*\bRENAME\s+TO\s+({_NAME})", re.IGNORECASE | re.DOTALL)


class Failed(NamedTuple):
    """The operation that a database could not get past, or a receiver of a signal."""

    app: str
    """Label; of a receiver that of its app, empty where it is of none."""
    name: str
    """Of the migration; empty for a receiver."""
    position: int | None
    """Position of the operation; None for what comes before and after all of them."""
    operation: str
    """In Django's words; empty without a position. Of a receiver the signal."""
    error: BaseException


class Watch:
    """What happened while a database was migrated."""

    def __init__(self, connection: Any, after: Callable[[tuple[str, str]], None]) -> None:
        self._connection = connection
        self._after = after
        self.applied: list[tuple[str, str]] = []
        self.effects: dict[tuple[str, str], dict[int, list[str]]] = {}
        """Tables that a hand-written operation wrote to, by its position; ``?`` for what has no
        name. Operations that wrote nothing are not in it."""
        self.operations: dict[tuple[str, str], list[Any]] = {}
        """Those that stand in the file: positions count them."""
        self.makers: dict[str, set[str]] = {}
        """Labels of the apps whose migrations changed a table."""
        self.uses: dict[tuple[str, str], dict[int, set[tuple[str, str]]]] = {}
        """What an operation stands on, by its position: the last migration of each other app that
        had changed the shape of a table that it reads or writes."""
        self._shapers: dict[str, dict[str, tuple[str, str]]] = {}
        """By table and label, the last migration that changed the table's shape."""
        self._at: tuple[str, str] | None = None
        self._index: int | None = None

    def progress(self, action: str, migration: Any = None, fake: bool = False) -> None:
        """As `MigrationExecutor` calls it."""
        if action == "apply_start":
            self._at = (migration.app_label, migration.name)
            self.operations[self._at] = _written(migration)
            for index, operation in enumerate(self.operations[self._at]):
                self._wrap(operation, index)
        elif action == "apply_success":
            key = (migration.app_label, migration.name)
            self.applied.append(key)
            self._at = self._index = None
            self._after(key)

    def _wrap(self, operation: Any, index: int) -> None:
        forwards = operation.database_forwards

        def watched(*args: Any, **options: Any) -> None:
            # One that another operation or migration holds too was wrapped for that as well.
            outer = self._index
            self._index = index if outer is None else outer
            forwards(*args, **options)
            self._index = outer

        operation.database_forwards = watched

    def seen(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        """As `connection.execute_wrapper` calls it."""
        result = execute(sql, params, many, context)
        text = str(sql).lstrip(" \n\t(;")
        verb = text[:12].split(None, 1)[0].upper() if text else ""
        if verb and self._at is not None:
            self._stands_on(text)
        if not verb or self._at is None or (verb in _READING and not _CALLS.search(text)):
            return result
        # Rows that a statement returns are counted when they are fetched.
        if verb in _COUNTED and "RETURNING" not in text and context["cursor"].rowcount == 0:
            return result
        tables = {_bare(each) for each in _TABLE.findall(text)[:1]}
        if tables == {"django_migrations"}:
            return result
        for table in tables:
            # SQLite makes a table anew under such a name to change it.
            name = table[5:] if table.startswith("new__") else table
            self.makers.setdefault(name, set()).add(self._at[0])
            if verb in _SHAPING:
                for each in {name, *(_bare(new) for new in _RENAMED.findall(text))}:
                    self._shapers.setdefault(each, {})[self._at[0]] = self._at
        if self._index is not None:
            found = self.effects.setdefault(self._at, {}).setdefault(self._index, [])
            found.extend(sorted((tables or {"?"}) - set(found)))
        return result

    def _stands_on(self, text: str) -> None:
        """Take note of other apps' tables that a statement of an operation names."""
        assert self._at is not None
        if self._index is not None:
            for table in set(map(_bare, _USED.findall(text))):
                for label, key in self._shapers.get(table, {}).items():
                    if label != self._at[0]:
                        found = self.uses.setdefault(self._at, {})
                        found.setdefault(self._index, set()).add(key)

    def failed(self, error: BaseException) -> Failed | None:
        """Where we were when `error` was raised; None outside of any migration."""
        if self._at is None:
            return None
        words = ""
        if self._index is not None:
            words = str(self.operations[self._at][self._index].describe())
        return Failed(*self._at, self._index, words, error)


def _bare(name: str) -> str:
    return name.strip('`"[]')


def _written(migration: Any) -> list[Any]:
    """Without what ``contenttypes`` puts behind each RenameModel before a migration begins."""
    own = {id(each) for each in type(migration).operations}
    added = "django.contrib.contenttypes.management"
    return [
        each for each in migration.operations if id(each) in own or type(each).__module__ != added
    ]


class Moved(NamedTuple):
    """What came of migrating a database."""

    watch: Watch
    failed: Failed | None
    state: Any
    """The project state afterwards; None when it failed."""
    seconds: float
    processor: float
    """Seconds of this process's processor time: another migration may run beside this one."""


def migrate(
    connection: Any,
    targets: Iterable[tuple[str, str]] | None = None,
    after: Callable[[tuple[str, str]], None] = lambda _: None,
    executor: Any = None,
) -> Moved:
    """Migrate forwards to `targets`, by default to every leaf, signals included.

    Two leaves of one app are both gone to, as in a conflict. `after` is called with each migration
    that was applied. What a migration or a receiver raises is returned; all else is raised.
    `executor`: one whose loader has another graph than this database would be given.
    """
    watch = Watch(connection, after)
    started, worked = time.perf_counter(), time.process_time()

    def took() -> tuple[float, float]:
        return time.perf_counter() - started, time.process_time() - worked

    executor = executor or MigrationExecutor(connection)
    executor.progress_callback = watch.progress
    executor.loader.check_consistent_history(connection)
    wanted = sorted(targets) if targets is not None else executor.loader.graph.leaf_nodes()
    plan = executor.migration_plan(wanted)
    before = executor._create_project_state(with_applied_migrations=True)
    alias = connection.alias
    failed = _heard(emit_pre_migrate_signal, alias, before, plan)
    if failed:
        return Moved(watch, failed, None, *took())
    try:
        with connection.execute_wrapper(watch.seen):
            state = executor.migrate(wanted, plan, state=before.clone())
    except BaseException as error:
        failed = watch.failed(error)
        if failed is None or isinstance(error, KeyboardInterrupt):
            raise
        return Moved(watch, failed, None, *took())
    _settle(state)
    failed = _heard(emit_post_migrate_signal, alias, state, plan)
    return Moved(watch, failed, None if failed else state, *took())


def _heard(emit: Callable[..., None], alias: str, state: Any, plan: Any) -> Failed | None:
    """Send a signal; what a receiver raises is returned."""
    rendered = state.apps
    try:
        emit(0, False, alias, apps=rendered, plan=plan)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 # code of the project
        signal = "pre_migrate" if emit is emit_pre_migrate_signal else "post_migrate"
        return Failed(_receivers_app(error), "", None, signal, error)
    return None


def _receivers_app(error: BaseException) -> str:
    """Label of the app that the receiver which raised it is of."""
    heard = False
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", ""))
        config = apps.get_containing_app_config(module) if heard else None
        if config:
            return str(config.label)
        heard = heard or module == Signal.__module__
    return ""


def signal(connection: Any, state: Any) -> None:
    """Send what ``migrate`` sends when nothing is left to be applied."""
    alias = connection.alias
    emit_pre_migrate_signal(0, False, alias, apps=state.apps, plan=[])
    emit_post_migrate_signal(0, False, alias, apps=state.apps, plan=[])


def _settle(state: Any) -> None:
    """Have all models rendered, with all of them known, as the last signal's receivers expect."""
    state.clear_delayed_apps_cache()
    rendered = state.apps
    with rendered.bulk_update():
        keys = [(model.app_label, model.name_lower) for model in rendered.real_models]
        for key in keys:
            rendered.unregister_model(*key)
    rendered.render_multiple([ModelState.from_model(apps.get_model(*key)) for key in keys])


def failure(probe: Any, moved: Moved) -> dict[str, Any] | None:
    """Where and why a migration ended too early, as the answers have it."""
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
