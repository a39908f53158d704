"""The project's own databases, opened.

A part of the probe; see `script`. A connection here belongs to no alias: the project's code, which
runs in the same process, still finds scratch databases alone.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from remigrate.probe import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

_READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "BEGIN READ ONLY",
    "mysql": "START TRANSACTION READ ONLY",
}
"""Of the transaction, not of the session: from behind a pool, others are handed our session."""
_PATIENCE = 10
"""Seconds for a server to answer at all."""
IN_MEMORY = (":memory:", "file:")


class Missing(Exception):
    """There is no such database yet."""


@contextlib.contextmanager
def opened(config: dict[str, Any]) -> Iterator[Any]:
    """A connection that cannot write, in a transaction where the vendor has such. Raises `Missing`,
    or what Django raises."""
    connection = scratch.connect(prepared(config))
    try:
        statement = _READ_ONLY.get(connection.vendor)
        with connection.cursor() as cursor:
            if statement:
                cursor.execute(statement)
        yield connection
    finally:
        with contextlib.suppress(Exception):  # of a server that is gone
            connection.rollback()  # else a pool has to end the session
        connection.close()


def prepared(config: dict[str, Any], mode: str = "ro", patience: int = _PATIENCE) -> dict[str, Any]:
    """`config` for one short visit; SQLite's file is opened in that mode and never made.

    `patience` is how many seconds SQLite waits for a lock. Raises `Missing`.
    """
    found = {**config, "CONN_MAX_AGE": 0, "ATOMIC_REQUESTS": False, "AUTOCOMMIT": True}
    options = dict(config.get("OPTIONS") or {})
    if scratch.vendor(config) == "sqlite":
        name = str(config.get("NAME") or "")
        if not name.startswith(IN_MEMORY):
            if not os.path.exists(name):
                raise Missing(name)
            found["NAME"] = f"file:{quote(os.path.abspath(name))}?mode={mode}"
        found["OPTIONS"] = {
            "timeout": options.get("timeout", patience) if mode == "ro" else patience
        }
        return found
    if scratch.vendor(config) in ("postgresql", "mysql"):
        found["OPTIONS"] = {"connect_timeout": _PATIENCE, **options}
    return found


def asked(databases: dict[str, Any], aliases: list[str]) -> dict[str, Any]:
    """Those of the settings that have an engine; without `aliases`, all of them."""
    return {
        alias: config
        for alias, config in databases.items()
        if config.get("ENGINE") and (not aliases or alias in aliases)
    }


def version(connection: Any) -> str:
    """Of the server."""
    if connection.vendor == "sqlite":
        return ".".join(map(str, connection.Database.sqlite_version_info))
    query = {"postgresql": "SHOW server_version", "mysql": "SELECT version()"}
    with connection.cursor() as cursor:
        cursor.execute(query.get(connection.vendor, "SELECT 'unknown'"))
        return str(cursor.fetchone()[0]).split()[0]


def place(config: dict[str, Any]) -> str:
    """Where it is, in words without a password."""
    name, host, port = (str(config.get(key) or "") for key in ("NAME", "HOST", "PORT"))
    found = f"{name} on {host}{':' if port else ''}{port}" if host else name
    return ", ".join(filter(None, [found, *_led(config)]))


def _led(config: dict[str, Any]) -> Iterator[str]:
    """What else PostgreSQL's client looks at."""
    if "postg" in str(config.get("ENGINE")):
        variables, options = config.get("VARIABLES") or {}, config.get("OPTIONS") or {}
        service = options.get("service") or variables.get("PGSERVICE")
        address = options.get("hostaddr") or variables.get("PGHOSTADDR")
        if service:
            yield f"service {service}"
        if address:
            yield f"at {address}"
