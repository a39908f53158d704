"""Dumps of PostgreSQL: ``pg_dump`` in its custom format, and ``pg_restore``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.db import tools

if TYPE_CHECKING:
    from remigrate.db.reached import Reached
    from remigrate.db.tools import Ground

FILE = "dump.pgdump"
_FILES = (
    *("passfile", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslcrldir", "service"),
    "servicefile",
)
_WORDS = (
    *("sslmode", "sslcompression", "sslsni", "sslnegotiation", "ssl_min_protocol_version"),
    *("ssl_max_protocol_version", "sslcertmode", "requirepeer", "require_auth", "krbsrvname"),
    *("channel_binding", "gssencmode", "gsslib", "gssdelegation", "target_session_attrs"),
    *("load_balance_hosts", "options", "application_name", "hostaddr", "connect_timeout"),
    *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
    "tcp_user_timeout",
)
"""https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"""
_DJANGO = (
    *("isolation_level", "server_side_binding", "pool", "cursor_factory", "client_encoding"),
    *("prepare_threshold", "assume_role"),
)
"""How Django talks, not to whom; but for the role, see `_role`."""


def dump(database: Reached, on: Ground, target: int) -> str:
    """Write a dump to the descriptor `target`; what made it. Raises `EnvironmentFailure`."""
    tool = tools.find(["pg_dump"], "postgresql", on, _major(database))
    words = ["--format=custom", *_where(database, on), *_role(database)]
    tools.run(tool, words, database, on, "PGPASSWORD", target=target)
    return tool.version


def load(database: Reached, on: Ground, source: int) -> None:
    """Put the dump of the descriptor `source` in the place of what is there, in one transaction."""
    tool = tools.find(["pg_restore"], "postgresql", on, _major(database))
    words = ["--single-transaction", "--clean", "--if-exists", "--exit-on-error"]
    words += [*_where(database, on), *_role(database)]
    tools.run(tool, words, database, on, "PGPASSWORD", source=source)


def _major(database: Reached) -> int:
    return (*tools.number(database.version), 0)[0]


def _where(database: Reached, on: Ground) -> list[str]:
    """A connection string: what libpq knows has no other way to all of it."""
    given = {"host": database.host, "port": database.port, "user": database.user}
    for name, value in database.options.items():
        if name in _DJANGO:
            continue
        if name in _FILES and not on.is_here:
            raise tools.refuse_option(database, name, "a file that is not where the tool runs")
        if name not in (*_FILES, *_WORDS):
            raise tools.refuse_option(database, name, "which pg_dump cannot be told")
        given[name] = str(value)
    given["dbname"] = database.name
    text = " ".join(f"{name}={_quoted(value)}" for name, value in given.items() if value)
    return ["--no-password", f"--dbname={text}"]


def _role(database: Reached) -> list[str]:
    role = database.options.get("assume_role")
    return [f"--role={role}"] if role else []


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
