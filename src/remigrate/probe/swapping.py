"""A database of MySQL or MariaDB, all of whose tables another one's take the place of, at once.

A part of the probe; see `script`. What they call DDL is not taken back with a transaction. But one
RENAME TABLE is done as a whole or not at all, also when the server dies: since MariaDB 10.6
(https://mariadb.com/kb/en/atomic-ddl/) and MySQL 8.0. It moves plain tables alone.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from remigrate.probe import live, scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEAST = {"mariadb": (10, 6), "mysql": (8, 0)}
_OBSTACLES = (
    ("a view or a sequence", "SELECT table_name FROM information_schema.tables"
     " WHERE table_schema = %s AND table_type <> 'BASE TABLE'"),
    ("a trigger", "SELECT trigger_name FROM information_schema.triggers"
     " WHERE trigger_schema = %s"),
    ("a routine", "SELECT routine_name FROM information_schema.routines"
     " WHERE routine_schema = %s"),
    ("an event", "SELECT event_name FROM information_schema.events WHERE event_schema = %s"),
)  # fmt: skip


class Refused(Exception):
    """Why it is not done."""


def make_room(config: dict[str, Any], name: str) -> None:
    """Make the database `name` beside this one, empty. Raises `Refused`, or what Django raises."""
    with _opened(config) as (connection, cursor, here):
        demand_atomic(live.version(connection))
        _demand_tables(cursor, here)
        words = scratch.collation(cursor)
        cursor.execute(f"DROP DATABASE IF EXISTS {scratch.quoted(name, '`')}")
        cursor.execute(f"CREATE DATABASE {scratch.quoted(name, '`')} {words}")


def swap(config: dict[str, Any], name: str, patience: int) -> None:
    """Put the tables of the database `name` in the place of all that are here, and drop it.

    Raises `Refused`, or what Django raises; the tables are the old ones then.
    """
    with _opened(config) as (_, cursor, here):
        for database in (here, name):
            _demand_tables(cursor, database)
        old = f"{name}_old"
        cursor.execute(f"DROP DATABASE IF EXISTS {scratch.quoted(old, '`')}")
        cursor.execute(f"CREATE DATABASE {scratch.quoted(old, '`')}")
        moves = [*_moves(cursor, here, old), *_moves(cursor, name, here)]
        cursor.execute(f"SET SESSION lock_wait_timeout = {int(patience)}")
        cursor.execute(f"RENAME TABLE {', '.join(moves)}")
        for each in (name, old):
            cursor.execute(f"DROP DATABASE {scratch.quoted(each, '`')}")


def drop_room(config: dict[str, Any], name: str) -> None:
    """Drop what `make_room` made."""
    with _opened(config) as (_, cursor, _here):
        for each in (name, f"{name}_old"):
            cursor.execute(f"DROP DATABASE IF EXISTS {scratch.quoted(each, '`')}")


@contextlib.contextmanager
def _opened(config: dict[str, Any]) -> Iterator[Any]:
    """(connection, cursor, name of the database)."""
    connection = scratch.connect(live.prepared(config))
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT DATABASE()")
            yield connection, cursor, cursor.fetchone()[0]
    finally:
        connection.close()


def demand_atomic(version: str) -> None:
    """Raise `Refused` for a server that may do a RENAME TABLE by halves."""
    kind = "mariadb" if "mariadb" in version.lower() else "mysql"
    number = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if number < _LEAST[kind]:
        raise Refused(f"the server is {version}, which may do a RENAME TABLE by halves")


def _demand_tables(cursor: Any, database: str) -> None:
    for kind, query in _OBSTACLES:
        cursor.execute(query, [database])
        found = cursor.fetchone()
        if found:
            raise Refused(f"there is {kind}, {found[0]}, which cannot be moved with the tables")


def _moves(cursor: Any, old: str, new: str) -> Iterator[str]:
    cursor.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = %s", [old]
    )
    for (table,) in cursor.fetchall():
        moved = [f"{scratch.quoted(each, '`')}.{scratch.quoted(table, '`')}" for each in (old, new)]
        yield " TO ".join(moved)
