"""Dumps of PostgreSQL: ``pg_dump`` in its custom format, and ``pg_restore``."""

from __future__ import annotations

import itertools
import tempfile
from typing import TYPE_CHECKING

from remigrate.db import tools
from remigrate.errors import EnvironmentFailure

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
_BEGIN = """\
BEGIN;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = '{patience}s';
"""
_CLEAR = rb"""
DO $remigrate$
DECLARE
    each record;
BEGIN
    FOR each IN
        SELECT format('DROP %s IF EXISTS %I.%I CASCADE', CASE relkind
            WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
            WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
            nspname, relname) AS statement
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\_%'
        AND NOT EXISTS (
            SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass
            AND objid = pg_class.oid AND deptype IN ('a', 'e', 'i')
        )
    LOOP
        EXECUTE each.statement;
    END LOOP;
END
$remigrate$;
"""
"""The dump drops what it holds, and knows nothing of what came later and stands on that."""


def dump(database: Reached, on: Ground, target: int) -> str:
    """Write a dump to the descriptor `target`; what made it. Raises `EnvironmentFailure`."""
    _demand_direct(database)
    tool = tools.find(["pg_dump"], "postgresql", on, _major(database))
    words = ["--format=custom", "--no-password", *_role(database), *_where(database, on)]
    tools.run(tool, words, database, on, "PGPASSWORD", target=target)
    return tool.version


def load(database: Reached, on: Ground, path: str) -> None:
    """Put the dump in the file `path` in the place of what is there, in one transaction.

    That ends with the script's last line: a script that comes through in part changes nothing.
    """
    least = _major(database)
    maker = tools.find(["pg_restore"], "postgresql", on, least)
    tool = tools.find(["psql"], "postgresql", on, least)
    with tempfile.TemporaryFile() as script:
        words = [*on.prefix, maker.program, "--clean", "--if-exists", "--file=-"]
        env = dict(on.there.environ)
        title = f"pg_restore of {database.alias}"
        tools.demand(words, title, env, on, tools.content(path), script.fileno())
        script.seek(0)
        whole = itertools.chain(
            [_BEGIN.format(patience=on.patience).encode(), _as_role(database), _CLEAR],
            tools.read(script.fileno()),
            [b"COMMIT;\n"],
        )
        words = ["--no-password", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"]
        words += _where(database, on)
        tools.run_script(tool, words, database, on, "PGPASSWORD", whole, "\\echo {}")


def _demand_direct(database: Reached) -> None:
    """What the tools set, an empty `search_path` for one, stays with the session. Its pool may hand
    that on to whoever comes next."""
    if database.pooled:
        raise EnvironmentFailure(
            f"{database.alias} ({database.place}) is behind a connection pool, which a dump would "
            "leave in disorder for everybody else",
            "Name settings that lead to the server itself: --settings. Without a dump: "
            "--part rows --part files.",
        )


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
    given = {**_led(database, on), **given, "dbname": database.name}
    text = " ".join(f"{name}={_quoted(value)}" for name, value in given.items() if value)
    return [f"--dbname={text}"]


def _led(database: Reached, on: Ground) -> dict[str, str]:
    """What variables lead to, in the words of a connection string."""
    found = {name: value for name, value in database.variables.items() if value}
    filed = ("PGSERVICE",) if database.password else ("PGSERVICE", "PGPASSFILE")
    for name in filed if not on.is_here else ():
        if name in found:
            raise tools.refuse_option(database, name, "a file that is not where the tool runs")
    return {"hostaddr": found["PGHOSTADDR"]} if "PGHOSTADDR" in found else {}


def _role(database: Reached) -> list[str]:
    role = database.options.get("assume_role")
    return [f"--role={role}"] if role else []


def _as_role(database: Reached) -> bytes:
    role = str(database.options.get("assume_role") or "").replace('"', '""')
    return f'SET LOCAL ROLE "{role}";\n'.encode() if role else b""


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
