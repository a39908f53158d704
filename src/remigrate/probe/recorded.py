"""The rows of django_migrations in one of the project's own databases: under a lock, and written.

A part of the probe; see `script`. A row is ``[id, app, name, applied]``. `applied` is the text that
the database makes of it (in UTC where it has a time zone, to the microsecond), which written back
is the same value.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, OperationalError
from django.db.migrations.recorder import MigrationRecorder

from remigrate.probe import live, scratch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Row = list[Any]

TABLE = MigrationRecorder.Migration._meta.db_table
_LOCK_NOT_AVAILABLE = "55P03"
"""Of PostgreSQL: https://www.postgresql.org/docs/current/errcodes-appendix.html"""
_LOCK_WAIT_TIMEOUT = 1205
"""Of MySQL and MariaDB."""
_NOW = {
    "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f000', 'now')",
    "postgresql": "SELECT CAST(CURRENT_TIMESTAMP AS TEXT)",
    "mysql": "SELECT CAST(UTC_TIMESTAMP(6) AS CHAR)",
}
_MOST = 500
"""Ids in one statement: SQLite before 3.32 knows 999 placeholders."""


class Busy(Exception):
    """Somebody else holds the table, and did not let go of it in time. Nothing was changed."""


class NotTransactional(Exception):
    """The table's engine cannot take back what is written half."""


class Different(Exception):
    """The table does not hold what was written into it."""


@contextlib.contextmanager
def exclusive(config: dict[str, Any], patience: int = 10) -> Iterator[Any]:
    """(connection, cursor) of a transaction in which nobody else writes the table, or reads it.

    It is committed when the block ends, and rolled back when it raises; a client or a server that
    is killed leaves the rows as they were. Nothing but this table can be asked for inside: MySQL
    refuses all others. `config` is what Django's settings say of the database.

    Raises `Busy` after `patience` seconds of waiting, `live.Missing` where there is no such SQLite
    file, `NotTransactional`, and else what Django raises: of a user that may not write, a table
    that is not there, a server that goes away. When it is the commit that fails so, nobody knows
    whether it was done: read the rows again.
    """
    connection = scratch.connect(live.prepared(config, "rw", patience))
    try:
        with connection.cursor() as cursor:
            _lock(connection, cursor, patience)
            yield connection, cursor
            connection.commit()
    except BaseException:
        with contextlib.suppress(Exception):  # of a server that is gone: it takes back by itself
            connection.rollback()
        raise
    finally:
        connection.close()


@contextlib.contextmanager
def unlocked(config: dict[str, Any]) -> Iterator[Any]:
    """A cursor in a transaction that only reads, beside whoever writes. Raises as `exclusive`."""
    with live.opened(config) as connection, connection.cursor() as cursor:
        _talk_plainly(cursor)
        yield cursor


def rows(cursor: Any) -> list[Row]:
    """All of them by id, on a cursor of `exclusive` or of `unlocked`."""
    kind = "CHAR" if cursor.db.vendor == "mysql" else "TEXT"
    applied = f"CAST({_quoted(cursor, 'applied')} AS {kind})"
    names = ", ".join(_quoted(cursor, name) for name in ("id", "app", "name"))
    table = _quoted(cursor, TABLE)
    cursor.execute(f"SELECT {names}, {applied} FROM {table} ORDER BY 1")  # noqa: S608 # quoted
    return [list(row) for row in cursor.fetchall()]


def now(cursor: Any) -> str:
    """What `applied` is of a row that is written at this moment."""
    cursor.execute(_NOW[cursor.db.vendor])
    return str(cursor.fetchone()[0])


def replace(cursor: Any, delete: Iterable[int], insert: Iterable[Row]) -> None:
    """Delete the rows of these ids and insert these, on a cursor of `exclusive`.

    A row whose id is None gets the next one. The sequence goes on behind all of them, and never
    steps back: PostgreSQL does not take that back with the transaction. Raises `Different` where
    the table then holds anything else than that.
    """
    gone, come = sorted(set(delete)), list(insert)
    kept = [row for row in rows(cursor) if row[0] not in set(gone)]
    for at in range(0, len(gone), _MOST):
        some = gone[at : at + _MOST]
        marks = ", ".join(["%s"] * len(some))
        cursor.execute(
            f"DELETE FROM {_quoted(cursor, TABLE)} WHERE id IN ({marks})",  # noqa: S608 # quoted
            some,
        )
    given = [row for row in come if row[0] is not None]
    new = [row[1:] for row in come if row[0] is None]
    _insert(cursor, ("id", "app", "name", "applied"), given)
    _advance(cursor)
    _insert(cursor, ("app", "name", "applied"), new)
    ids = {row[0] for row in kept + given}
    found = rows(cursor)
    if [row for row in found if row[0] in ids] != sorted(kept + given) or sorted(
        row[1:] for row in found if row[0] not in ids
    ) != sorted(new):
        raise Different(f"{TABLE} holds other rows than those that were written")


def _insert(cursor: Any, names: Sequence[str], values: Iterable[Row]) -> None:
    listed = ", ".join(_quoted(cursor, name) for name in names)
    marks = ", ".join(["%s"] * len(names))
    into = f"INSERT INTO {_quoted(cursor, TABLE)} ({listed}) VALUES ({marks})"  # noqa: S608
    for each in values:
        cursor.execute(into, each)


def _advance(cursor: Any) -> None:
    """The other two take what was inserted into account by themselves."""
    if cursor.db.vendor != "postgresql":
        return
    table = _quoted(cursor, TABLE)
    cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
    sequence = cursor.fetchone()[0]
    if sequence is not None:  # else the table was made by hand, and counts in its own way
        cursor.execute(
            f"SELECT setval(%s, max(id)) FROM {table}"  # noqa: S608 # quoted
            f" HAVING max(id) >= (SELECT last_value FROM {sequence})",
            [sequence],
        )


# The lock


def _lock(connection: Any, cursor: Any, patience: int) -> None:
    try:
        _LOCKS[connection.vendor](connection, cursor, patience)
    except OperationalError as error:
        if _is_busy(error):
            raise Busy(
                f"{TABLE} was held by somebody else for {patience} second{'s' * (patience != 1)}"
            ) from error
        raise
    _talk_plainly(cursor)


def _lock_sqlite(_: Any, cursor: Any, __: int) -> None:
    cursor.execute("BEGIN EXCLUSIVE")  # waits as long as the connection was told to


def _lock_postgresql(connection: Any, cursor: Any, patience: int) -> None:
    connection.set_autocommit(False)
    cursor.execute("SET LOCAL statement_timeout = 0")  # a role's would end the waiting otherwise
    cursor.execute(f"SET LOCAL lock_timeout = {int(patience * 1000)}")
    cursor.execute(f"LOCK TABLE {_quoted(cursor, TABLE)} IN ACCESS EXCLUSIVE MODE")


def _lock_mysql(connection: Any, cursor: Any, patience: int) -> None:
    # With `autocommit` on, LOCK TABLES does not lock InnoDB's own rows:
    # https://dev.mysql.com/doc/refman/8.4/en/lock-tables.html
    cursor.execute(
        "SELECT engine FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_name = %s",
        [TABLE],
    )
    for (engine,) in cursor.fetchall():
        if engine != "InnoDB":
            raise NotTransactional(f"{TABLE} is a table of {engine}, which has no transactions")
    connection.set_autocommit(False)
    for name in ("lock_wait_timeout", "innodb_lock_wait_timeout"):
        cursor.execute(f"SET SESSION {name} = {max(1, int(patience))}")
    locks = [f"{_quoted(cursor, TABLE)} WRITE"]
    # Whoever compares the schema inside asks for these, too; all else is told of without a lock.
    cursor.execute(
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_type = 'SEQUENCE'"
    )
    locks += [f"{_quoted(cursor, name)} READ" for (name,) in cursor.fetchall()]
    cursor.execute(f"LOCK TABLES {', '.join(locks)}")


_LOCKS = {"sqlite": _lock_sqlite, "postgresql": _lock_postgresql, "mysql": _lock_mysql}


def _is_busy(error: DatabaseError) -> bool:
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return (
        state == _LOCK_NOT_AVAILABLE
        or error.args[:1] == (_LOCK_WAIT_TIMEOUT,)
        or "is locked" in str(error)  # SQLite's, which has had no code for it before Python 3.11
    )


_PLAIN = {
    "postgresql": ("SET LOCAL TimeZone = 'UTC'", "SET LOCAL DateStyle = 'ISO, YMD'"),
    "mysql": (
        "SET NAMES utf8mb4",  # also for Django before 4.0, which talks in less
        "SET SESSION time_zone = '+00:00'",
        # An id of 0 stays 0, and whatever was in a row is let in again.
        "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
    ),
}


def _talk_plainly(cursor: Any) -> None:
    """No setting of a server, a role or a project changes what a value looks like."""
    for statement in _PLAIN.get(cursor.db.vendor, ()):
        cursor.execute(statement)


def _quoted(cursor: Any, name: str) -> str:
    quoted: str = cursor.db.ops.quote_name(name)
    return quoted
