"""Scratch databases: made, copied, dropped, and put in the place of the project's own.

A part of the probe: standard library and Django only, Python 3.8 and Django 3.2 or newer. A
database is given as Django's settings of one alias, with one key more: THROUGH, the database of the
same server that is connected to while this one is made or dropped (PostgreSQL's default:
"postgres"; MySQL needs none). One of the project's own has VARIABLES, too: what the environment has
to say while it is connected to. Only databases whose name begins with PREFIX are made or dropped;
of SQLite's, the last part of the file's path.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    Config = dict[str, Any]

PREFIX = "remigrate_"
_PATIENCE = 5.0
"""Seconds for the server to notice that nobody is connected any more."""
_PLACE = ("NAME", "HOST", "PORT", "USER", "PASSWORD", "THROUGH")
_OPTIONS = {
    "sqlite": ("timeout", "transaction_mode", "init_command", "check_same_thread"),
    "postgresql": ("client_encoding", "isolation_level", "server_side_binding"),
    "mysql": ("charset", "collation", "init_command", "isolation_level", "sql_mode", "use_unicode"),
}
"""Those of the project that say how it talks, not where to whom."""


def create(config: Config) -> None:
    """Make the database, empty; one of that name, left by an earlier try, is dropped."""
    drop(config)
    config = _drivable(config)
    _KINDS[_vendor(config)].create(config)


def copy(config: Config, name: str) -> Config:
    """Make the database `name` equal to this one, beside it: rows, sequences, triggers and all.

    Connections of this process to either are closed. The answer is `config` with the new name.
    """
    new = {**config, "NAME": name}
    drop(new)
    _leave(config)
    old = _drivable(config)
    _KINDS[_vendor(old)].copy(old, {**old, "NAME": name})
    return new


def drop(config: Config) -> None:
    """Drop the database, whoever is connected to it; nothing happens when there is none."""
    _demand_ours(config)
    _leave(config)
    config = _drivable(config)
    _KINDS[_vendor(config)].drop(config)


def use(alias: str, config: Config) -> None:
    """Point an alias of `django.db.connections` at the database.

    The project's own ENGINE stays where it is one for such a database, and so do its options that
    change how it talks to it.
    """
    from django.db import connections

    own = dict(connections.databases[alias]) if alias in connections.databases else {}
    config = _drivable(config)
    merged = {**_kept(own, config), **config}
    merged["ENGINE"] = _engine(own, config)
    merged["OPTIONS"] = {**_kept_options(own, config), **(config.get("OPTIONS") or {})}
    if alias in connections.databases:
        connections[alias].close()
        del connections[alias]
    connections.databases[alias] = connect(merged).settings_dict


def _demand_ours(config: Config) -> None:
    if not os.path.basename(str(config["NAME"])).startswith(PREFIX):
        raise ValueError(f"not a scratch database: {config['NAME']}")


def _drivable(config: Config) -> Config:
    """With an ENGINE whose driver is installed: Django's own, or else one that the project uses."""
    from django.core.exceptions import ImproperlyConfigured
    from django.db import connections

    try:
        _backend(config["ENGINE"])
        return config
    except ImproperlyConfigured:
        for own in connections.databases.values():
            engine = own["ENGINE"]
            if engine != config["ENGINE"] and _backend(engine).vendor in config["ENGINE"]:
                return {**config, "ENGINE": engine}
        raise


def vendor(config: Config) -> str:
    """The kind of database, as Django calls it."""
    return str(_backend(config["ENGINE"]).vendor)


def _vendor(config: Config) -> str:
    found = vendor(config)
    if found not in _KINDS:
        raise ValueError(f"no scratch databases for {config['ENGINE']}")
    return found


def _backend(engine: str) -> Any:
    from django.db.utils import load_backend

    return load_backend(engine).DatabaseWrapper


# --- pointing an alias ----------------------------------------------------------------------------


def _engine(own: Config, config: Config) -> str:
    """The project's when it speaks to the same kind of server: it may add fields and commands."""
    engine = str(own.get("ENGINE") or "")
    if engine and _backend(engine).vendor == _vendor(config):
        return engine
    return str(config["ENGINE"])


def _kept(own: Config, config: Config) -> Config:
    left_out = {*_PLACE, "OPTIONS", "CONN_MAX_AGE", "CONN_HEALTH_CHECKS"}
    return {name: value for name, value in own.items() if name not in left_out}


def _kept_options(own: Config, config: Config) -> Config:
    if _engine(own, config) != own.get("ENGINE"):
        return {}
    options = own.get("OPTIONS") or {}
    return {name: options[name] for name in _OPTIONS[_vendor(config)] if name in options}


def connect(config: Config) -> Any:
    """A connection of its own, which no alias has; open already where it takes VARIABLES.

    Django adds what the settings leave out. Raises what it raises then.
    """
    from django.db.backends.base.base import NO_DB_ALIAS
    from django.db.utils import DEFAULT_DB_ALIAS, ConnectionHandler

    # Receivers of `connection_created`, those of django.contrib.postgres among them, look up the
    # connection of that alias, unless it has this name.
    handler = ConnectionHandler({DEFAULT_DB_ALIAS: {}, NO_DB_ALIAS: dict(config)})
    connection = handler[NO_DB_ALIAS]
    variables = config.get("VARIABLES")
    if variables:
        os.environ.update(variables)
        try:
            connection.ensure_connection()
        finally:
            for name in variables:
                del os.environ[name]
    return connection


def _leave(config: Config) -> None:
    """Close what this process has open there."""
    from django.db import connections

    for connection in connections.all():
        there = connection.settings_dict
        if all(str(there.get(key) or "") == str(config.get(key) or "") for key in _PLACE[:3]):
            connection.close()


@contextlib.contextmanager
def visit(config: Config, database: str | None) -> Iterator[Any]:
    """A cursor in that database of the server, outside of any transaction."""
    connection = connect({**config, "NAME": database, "AUTOCOMMIT": True})
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def collation(cursor: Any) -> str:
    """The words for a database of MySQL that is made like the one of `cursor`."""
    cursor.execute("SELECT @@character_set_database, @@collation_database")
    charset, name = cursor.fetchone()
    return f"CHARACTER SET {charset} COLLATE {name}"


def quoted(name: str, mark: str) -> str:
    return mark + name.replace(mark, mark * 2) + mark


# --- SQLite ---------------------------------------------------------------------------------------


class _SQLite:
    @staticmethod
    def create(config: Config) -> None:
        os.close(os.open(config["NAME"], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    @staticmethod
    def drop(config: Config) -> None:
        for end in ("", "-journal", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(str(config["NAME"]) + end)

    @classmethod
    def copy(cls, config: Config, new: Config) -> None:
        if not os.path.exists(config["NAME"]):
            raise FileNotFoundError(config["NAME"])
        cls.create(new)
        old, made = sqlite3.connect(str(config["NAME"])), sqlite3.connect(str(new["NAME"]))
        with contextlib.closing(old), contextlib.closing(made):
            made.execute("PRAGMA synchronous = OFF")
            old.backup(made)


# --- PostgreSQL -----------------------------------------------------------------------------------


class _PostgreSQL:
    @classmethod
    def create(cls, config: Config) -> None:
        with cls._administrator(config) as cursor:
            name = quoted(config["NAME"], '"')
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")

    @classmethod
    def drop(cls, config: Config) -> None:
        with cls._administrator(config) as cursor:
            force = " WITH (FORCE)" if _server_version(cursor) >= 130000 else ""
            if not force:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    [config["NAME"]],
                )
                await_nobody(cursor, config["NAME"])
            name = quoted(config["NAME"], '"')
            cursor.execute(f"DROP DATABASE IF EXISTS {name}{force}")

    @classmethod
    def copy(cls, config: Config, new: Config) -> None:
        with cls._administrator(config) as cursor:
            await_nobody(cursor, config["NAME"])
            old, made = quoted(config["NAME"], '"'), quoted(new["NAME"], '"')
            # Writing every page to the log, the default of 15, is for servers that must survive.
            how = " STRATEGY file_copy" if _server_version(cursor) >= 150000 else ""
            cursor.execute(f"CREATE DATABASE {made} TEMPLATE {old}{how}")
            copy_settings(cursor, config["NAME"], made)

    @staticmethod
    def _administrator(config: Config) -> Any:
        return visit(config, config.get("THROUGH") or "postgres")


def _server_version(cursor: Any) -> int:
    cursor.execute("SHOW server_version_num")
    return int(cursor.fetchone()[0])


def await_nobody(cursor: Any, name: str) -> None:
    """A connection that was closed is there for a moment, and the server would wait 0.1 s for it.

    Whoever stays makes the next statement fail, in the server's own words.
    """
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [name])
        if not cursor.fetchone()[0]:
            return
        time.sleep(0.002)


def copy_settings(cursor: Any, name: str, made: str) -> None:
    """What ALTER DATABASE … SET left; a template does not hand it on."""
    cursor.execute(
        "SELECT unnest(setconfig) FROM pg_db_role_setting JOIN pg_database ON oid = setdatabase"
        " WHERE datname = %s AND setrole = 0",
        [name],
    )
    for (setting,) in cursor.fetchall():
        key, _, value = setting.partition("=")
        # Lists are kept as they were written, with the quotes of their own.
        listed = key in ("search_path", "temp_tablespaces", "session_preload_libraries")
        written = value if listed and value else quoted(value, "'")
        cursor.execute(f"ALTER DATABASE {made} SET {key} TO {written}")


# --- MySQL ----------------------------------------------------------------------------------------


class _MySQL:
    @staticmethod
    def create(config: Config) -> None:
        with visit(config, None) as cursor:
            cursor.execute(f"CREATE DATABASE {quoted(config['NAME'], '`')} CHARACTER SET utf8mb4")

    @staticmethod
    def drop(config: Config) -> None:
        with visit(config, None) as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {quoted(config['NAME'], '`')}")

    @staticmethod
    def copy(config: Config, new: Config) -> None:
        with visit(config, None) as cursor:
            _MySQLCopy(cursor, config["NAME"], new["NAME"]).run()


_SESSION = "NO_AUTO_VALUE_ON_ZERO"
"""Of `sql_mode`: a key of 0 stays 0, and whatever is in a row is let in."""
_DESCRIBED: dict[str, tuple[int, dict[str, int]]] = {
    "SEQUENCE": (1, {}),
    "TABLE": (1, {}),
    "VIEW": (1, {"character_set_client": 2, "collation_connection": 3}),
    "PROCEDURE": (2, {"sql_mode": 1, "character_set_client": 3, "collation_connection": 4}),
    "FUNCTION": (2, {"sql_mode": 1, "character_set_client": 3, "collation_connection": 4}),
    "TRIGGER": (2, {"sql_mode": 1, "character_set_client": 3, "collation_connection": 4}),
    "EVENT": (
        3,
        {"sql_mode": 1, "time_zone": 2, "character_set_client": 4, "collation_connection": 5},
    ),
}
"""Columns of SHOW CREATE …: the statement, and the variables that it was written under."""


class _MySQLCopy:
    """One copy. Tables and their rows come first; what names them, or changes rows, afterwards."""

    def __init__(self, cursor: Any, old: str, new: str) -> None:
        self._cursor = cursor
        self._old = old
        self._new = new

    def run(self) -> None:
        self._plain()
        self._make_database()
        kinds = [(row[0], row[1]) for row in self._asked("SHOW FULL TABLES")]
        sequences = [name for name, kind in kinds if kind == "SEQUENCE"]
        tables = [name for name, kind in kinds if kind not in ("SEQUENCE", "VIEW")]
        self._all("SEQUENCE", sequences)
        self._go_on(sequences)
        self._all("TABLE", tables)
        self._rows(tables)
        for kind in ("PROCEDURE", "FUNCTION"):
            found = self._asked(f"SHOW {kind} STATUS WHERE Db = %s", [self._old])
            self._all(kind, [row[1] for row in found])
        self._all("VIEW", [name for name, kind in kinds if kind == "VIEW"])
        self._all("TRIGGER", self._triggers())
        events = self._asked(f"SHOW EVENTS FROM {quoted(self._old, '`')}")
        self._all("EVENT", [row[1] for row in events])

    def _plain(self) -> None:
        self._do("SET NAMES utf8mb4")  # also for Django before 4.0, which talks in less
        self._do("SET SESSION foreign_key_checks = 0, unique_checks = 0, time_zone = '+00:00'")
        self._do(f"SET SESSION sql_mode = '{_SESSION}'")

    def _make_database(self) -> None:
        self._in(self._old)
        words = collation(self._cursor)
        self._do(f"CREATE DATABASE {quoted(self._new, '`')} {words}")

    def _triggers(self) -> list[str]:
        """Of several for one event the order counts."""
        rows = self._asked(
            "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = %s"
            " ORDER BY event_object_table, event_manipulation, action_timing, action_order",
            [self._old],
        )
        return [row[0] for row in rows]

    def _all(self, kind: str, names: list[str]) -> None:
        """Make the objects as the server describes them, each after those that it stands on."""
        self._in(self._old)
        rows = [self._asked(f"SHOW CREATE {kind} {quoted(name, '`')}")[0] for name in names]
        self._in(self._new)
        while rows:
            failed: list[Any] = []
            error = None
            for row in rows:
                try:
                    self._make(kind, row)
                except _errors() as why:
                    error = why
                    failed.append(row)
            if error is not None and len(failed) == len(rows):
                raise error
            rows = failed
        self._plain()

    def _make(self, kind: str, row: Any) -> None:
        statement, variables = _DESCRIBED[kind]
        for name, column in variables.items():
            # The statement comes from here in UTF-8, whatever it was written in.
            if name != "character_set_client" or row[column].startswith("utf8"):
                self._cursor.execute(f"SET SESSION {name} = %s", [row[column]])
        self._do(row[statement])

    def _rows(self, tables: list[str]) -> None:
        columns = self._written_columns()
        for table in tables:
            listed = ", ".join(quoted(column, "`") for column in columns.get(table, ()))
            old = f"{quoted(self._old, '`')}.{quoted(table, '`')}"
            new = f"INSERT INTO {quoted(table, '`')} ({listed})"
            self._do(f"{new} SELECT {listed} FROM {old}")  # noqa: S608  # names, quoted

    def _written_columns(self) -> dict[str, list[str]]:
        """Those that are not computed from others."""
        rows = self._asked(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = %s AND COALESCE(generation_expression, '') = ''"
            " ORDER BY ordinal_position",
            [self._old],
        )
        columns: dict[str, list[str]] = {}
        for table, column in rows:
            columns.setdefault(table, []).append(column)
        return columns

    def _go_on(self, names: list[str]) -> None:
        """MariaDB's: they go on where the old ones would have."""
        for name in names:
            old = f"{quoted(self._old, '`')}.{quoted(name, '`')}"
            [[value]] = self._asked(f"SELECT next_not_cached_value FROM {old}")  # noqa: S608
            self._asked(f"SELECT SETVAL({quoted(name, '`')}, {value}, 0)")

    def _in(self, database: str) -> None:
        self._do(f"USE {quoted(database, '`')}")

    def _do(self, statement: str) -> None:
        self._cursor.execute(statement)

    def _asked(self, query: str, values: list[str] | None = None) -> list[Any]:
        self._cursor.execute(query, values)
        return list(self._cursor.fetchall())


def _errors() -> Any:
    from django.db import DatabaseError

    return DatabaseError


_KINDS: dict[str, Any] = {"sqlite": _SQLite, "postgresql": _PostgreSQL, "mysql": _MySQL}
