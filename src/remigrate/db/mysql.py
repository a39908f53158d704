"""Dumps of MySQL and MariaDB: ``mysqldump`` or ``mariadb-dump``, and the client that loads them."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from remigrate.db import restoring, tools
from remigrate.db.reached import is_mariadb
from remigrate.errors import EnvironmentFailure

if TYPE_CHECKING:
    from remigrate.db.reached import Reached
    from remigrate.db.tools import Ground, Tool

FILE = "dump.sql"
_FILES = {"ca": "--ssl-ca", "capath": "--ssl-capath", "cert": "--ssl-cert", "key": "--ssl-key"}
_DJANGO = (
    *("charset", "collation", "init_command", "sql_mode", "isolation_level", "use_unicode"),
    *("connect_timeout", "read_timeout", "write_timeout", "autocommit", "local_infile", "conv"),
    "compress",
)
"""How Django talks, not to whom."""
_DUMP = (
    *("--single-transaction", "--quick", "--routines", "--triggers", "--events", "--hex-blob"),
    *("--no-tablespaces", "--default-character-set=utf8mb4", "--max-allowed-packet=1G"),
)
_END = b"-- Dump completed"


def dump(database: Reached, on: Ground, target: int) -> str:
    """Write a dump to the descriptor `target`; what made it. Raises `EnvironmentFailure`."""
    names = ["mariadb-dump", "mysqldump"]
    tool = tools.find(names if database.is_mariadb else names[::-1], "mysql", on)
    words = [*_where(tool, database, on), *_DUMP]
    if not is_mariadb(tool.version):
        words.append("--set-gtid-purged=OFF")
        words += ["--column-statistics=0"] if database.is_mariadb else []
    tools.run(tool, [*words, database.name], database, on, "MYSQL_PWD", target=target)
    if not _is_whole(target):
        raise EnvironmentFailure(
            f"{os.path.basename(tool.program)} on {database.alias} ended before the dump's end",
            "Look for what ends it, as a proxy or a server that closes connections.",
        )
    return tool.version


def _is_whole(target: int) -> bool:
    size = os.fstat(target).st_size
    return _END in os.pread(target, 200, max(0, size - 200))


def load(database: Reached, on: Ground, path: str) -> None:
    """Put the dump in the file `path` in the place of what is there: all tables at once.

    It is loaded beside it first. Raises `EnvironmentFailure` where what is no table stands in the
    way, in either of them.
    """
    names = ["mariadb", "mysql"]
    tool = tools.find(names if database.is_mariadb else names[::-1], "mysql", on)
    room = f"remigrate_{hashlib.sha256(database.name.encode()).hexdigest()[:12]}"
    words = [*_where(tool, database, on), "--default-character-set=utf8mb4", "--binary-mode"]
    words += ["--max-allowed-packet=1G", room]
    way = f"Nothing was changed. Load it by hand: mariadb {database.name} < {path}"
    restoring.make_room(on, database, room, way)
    try:
        script = tools.content(path)
        tools.run_script(tool, words, database, on, "MYSQL_PWD", script, "SELECT '{}';")
        restoring.swap(on, database, room, way)
    except BaseException:
        with suppress(EnvironmentFailure):  # a server that is gone; the next restore drops it
            restoring.drop_room(on, database, room)
        raise


def _where(tool: Tool, database: Reached, on: Ground) -> list[str]:
    options = dict(database.options)
    words = [_defaults(database, on)]
    socket = options.pop("unix_socket", "") or (database.host if database.host[:1] == "/" else "")
    if socket:
        _demand_here(database, on, "unix_socket")
        words.append(f"--socket={socket}")
    elif database.host:
        words.append(f"--host={database.host}")
        words += [f"--port={database.port}"] if database.port else []
        words += ["--protocol=tcp"] if database.port else []
    words += [f"--user={database.user}"] if database.user else []
    words += encryption(tool, database, on)
    for name in options:
        if name not in _DJANGO and name not in ("ssl", "ssl_mode", "read_default_file"):
            raise tools.refuse_option(
                database, name, f"which {os.path.basename(tool.program)} cannot be told"
            )
    return words


def _defaults(database: Reached, on: Ground) -> str:
    """Django reads no file of this kind but the one that it is told."""
    file = database.options.get("read_default_file")
    if not file:
        return "--no-defaults"
    _demand_here(database, on, "read_default_file")
    if database.password:
        why = "beside a PASSWORD: the tool would take the one in the file"
        raise tools.refuse_option(database, "read_default_file", why)
    return f"--defaults-file={file}"


def _demand_here(database: Reached, on: Ground, name: str) -> None:
    if not on.is_here:
        raise tools.refuse_option(database, name, "a file that is not where the tool runs")


def encryption(tool: Tool, database: Reached, on: Ground) -> list[str]:
    """The words that have the tool's connection encrypted when the project's is, and checked as
    that is. Raises `UsageFailure` for files that are not where the tool runs."""
    found = database.options.get("ssl") or {}
    named = {key: found[key] for key in found if key in _FILES} if isinstance(found, dict) else {}
    for key in named:
        _demand_here(database, on, f"ssl {key}")
    words = [f"{_FILES[key]}={value}" for key, value in named.items()]
    mode = str(database.options.get("ssl_mode") or "").upper()
    if not is_mariadb(tool.version):
        return [*words, f"--ssl-mode={mode}"] if mode else words
    if not database.encrypted:
        return ["--skip-ssl"]
    checked = bool(named) and mode not in ("REQUIRED", "PREFERRED") or mode.startswith("VERIFY")
    return [*words, "--ssl", *([] if checked else ["--disable-ssl-verify-server-cert"])]
