"""One of the project's own databases, dropped and made anew, empty.

A part of the probe; see `script` and `recreating`, which refuses first. What may fail is done
before anything is dropped, as far as a vendor lets us. A database is given as the settings of its
alias.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from typing import TYPE_CHECKING, Any

from remigrate.probe import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

    Config = dict[str, Any]

_BESIDE = ("-journal", "-wal", "-shm")
_HEADER = b"SQLite format 3\0"
_PATIENCE = 3
"""Seconds for somebody who is at work in a MySQL database."""


class Lost(Exception):
    """It was dropped, and could not be made anew."""


def missing(config: Config) -> bool:
    """Whether there is no such database."""
    return bool(_KINDS[scratch.vendor(config)].missing(config))


def hindrance(config: Config) -> tuple[str, str] | None:
    """What keeps it from being dropped and made, as a kind and its detail; None for nothing.

    "file", "folder", "locked", "system", "connections", "rights".
    """
    found: tuple[str, str] | None = _KINDS[scratch.vendor(config)].hindrance(config)
    return found


def make_anew(config: Config) -> None:
    """Drop it, if it is there, and make it, as it was but empty.

    Raises `Lost` where it is gone afterwards; whatever else is raised has left it as it was.
    """
    _KINDS[scratch.vendor(config)].make_anew(config)


@contextlib.contextmanager
def _loss() -> Iterator[None]:
    """From here on it is gone."""
    try:
        yield
    except Exception as error:
        raise Lost(str(error)) from error


class _SQLite:
    @staticmethod
    def missing(config: Config) -> bool:
        return not os.path.exists(str(config["NAME"]))

    @classmethod
    def hindrance(cls, config: Config) -> tuple[str, str] | None:
        path = os.path.realpath(str(config["NAME"]))  # a link stays where it is
        folder = os.path.dirname(path)
        if not os.access(folder, os.W_OK | os.X_OK):
            return "folder", folder
        if not os.path.exists(path):
            return None
        if not os.path.isfile(path) or not _is_sqlite(path):
            return "file", path
        return ("locked", path) if _is_locked(path) else None

    @staticmethod
    def make_anew(config: Config) -> None:
        path = os.path.realpath(str(config["NAME"]))
        mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else None
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)
        with _loss():
            for end in _BESIDE:  # after the file: they would be played back into the new one
                with contextlib.suppress(FileNotFoundError):
                    os.remove(path + end)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            if mode is not None:
                os.chmod(path, mode)


def _is_sqlite(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(len(_HEADER)) in (b"", _HEADER)


def _is_locked(path: str) -> bool:
    """Whether somebody writes to it at this moment. One that is broken is nobody's."""
    with contextlib.closing(sqlite3.connect(path, timeout=0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            return "locked" in str(error)
        except sqlite3.DatabaseError:
            return False
        return False


class _PostgreSQL:
    @classmethod
    def missing(cls, config: Config) -> bool:
        with cls._beside(config) as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [config["NAME"]])
            return cursor.fetchone() is None

    @classmethod
    def hindrance(cls, config: Config) -> tuple[str, str] | None:
        if config["NAME"] in ("template0", "template1"):
            return "system", config["NAME"]
        with cls._beside(config) as cursor:
            cursor.execute("SELECT rolname, rolcreatedb, rolsuper FROM pg_roles"
                           " WHERE rolname = current_user")  # fmt: skip
            user, creates, is_superuser = cursor.fetchone()
            if not (creates or is_superuser):
                return "rights", f"{user} may not create databases"
            cursor.execute("SELECT pg_get_userbyid(datdba), pg_has_role(datdba, 'USAGE')"
                           " FROM pg_database WHERE datname = %s", [config["NAME"]])  # fmt: skip
            for owner, is_ours in cursor.fetchall():
                if not is_ours:
                    return "rights", f"it is {owner}'s, and {user} may not drop it"
            others = _others(cursor, config["NAME"])
        return ("connections", others) if others else None

    @classmethod
    def make_anew(cls, config: Config) -> None:
        """The new one is made under another name first: what keeps it from being made is known
        before the old one goes."""
        name = scratch.quoted(config["NAME"], '"')
        new = {**config, "NAME": scratch.PREFIX + os.urandom(8).hex()}
        new["THROUGH"] = cls._through(config)
        made = scratch.quoted(new["NAME"], '"')
        extensions = [] if cls.missing(config) else cls._extensions(config)
        try:
            with cls._beside(config) as cursor:
                cursor.execute(f"CREATE DATABASE {made} {cls._like(cursor, config['NAME'])}")
                scratch.copy_settings(cursor, config["NAME"], made)
            cls._extend(new, extensions)
            with cls._beside(config) as cursor:
                for each in (config, new):
                    scratch.await_nobody(cursor, each["NAME"])
                cursor.execute(f"DROP DATABASE IF EXISTS {name}")
                with _loss():
                    cursor.execute(f"ALTER DATABASE {made} RENAME TO {name}")
        finally:
            scratch.drop(new)

    @classmethod
    def _beside(cls, config: Config) -> Any:
        return scratch.visit(config, cls._through(config))

    @staticmethod
    def _through(config: Config) -> str:
        return "template1" if config["NAME"] == "postgres" else "postgres"

    @staticmethod
    def _like(cursor: Any, name: str) -> str:
        """How to create a database like that one; with what every program understands, if there is
        none."""
        cursor.execute("SELECT to_jsonb(pg_database)::text, pg_encoding_to_char(encoding),"
                       " pg_get_userbyid(datdba), spcname FROM pg_database"
                       " JOIN pg_tablespace ON pg_tablespace.oid = dattablespace"
                       " WHERE datname = %s", [name])  # fmt: skip
        row = cursor.fetchone()
        if row is None:
            return "TEMPLATE template0 ENCODING 'UTF8'"
        words = ["TEMPLATE template0"]
        told, encoding, owner, tablespace = row
        row = json.loads(told)
        # ICU and its columns came with 15, and one of them has another name since 17.
        provider = {"i": "icu", "b": "builtin"}.get(row.get("datlocprovider", "c"))
        locale = row.get("datlocale") or row.get("daticulocale")
        texts = {
            "ENCODING": encoding,
            "LC_COLLATE": row["datcollate"],
            "LC_CTYPE": row["datctype"],
            "LOCALE_PROVIDER": provider,
            f"{(provider or '').upper()}_LOCALE": locale if provider else None,
            "ICU_RULES": row.get("daticurules"),
        }
        words += [f"{key} {scratch.quoted(text, chr(39))}" for key, text in texts.items() if text]
        for key, text in (("OWNER", owner), ("TABLESPACE", tablespace)):
            words.append(f"{key} {scratch.quoted(text, chr(34))}")
        return " ".join([*words, f"CONNECTION LIMIT {row['datconnlimit']}"])

    @staticmethod
    def _extensions(config: Config) -> list[Any]:
        """Those that are there, often because somebody else made them; with the schema, unless they
        bring one of their own."""
        with scratch.visit(config, config["NAME"]) as cursor:
            cursor.execute("SELECT extname, CASE WHEN schema IS NULL THEN nspname END"
                           " FROM pg_extension"
                           " JOIN pg_namespace ON pg_namespace.oid = extnamespace"
                           " LEFT JOIN pg_available_extension_versions"
                           " ON name = extname AND version = extversion"
                           " ORDER BY pg_extension.oid")  # fmt: skip
            return list(cursor.fetchall())

    @staticmethod
    def _extend(config: Config, extensions: list[Any]) -> None:
        with scratch.visit(config, config["NAME"]) as cursor:
            for name, schema in extensions:
                words = [f"CREATE EXTENSION IF NOT EXISTS {scratch.quoted(name, chr(34))}"]
                if schema:
                    words.append(f"SCHEMA {scratch.quoted(schema, chr(34))}")
                if schema and schema not in ("pg_catalog", "public"):
                    cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {scratch.quoted(schema, chr(34))}")
                cursor.execute(" ".join(words))


def _others(cursor: Any, name: str) -> str:
    """Who is connected to that database, and how often; empty for nobody."""
    cursor.execute("SELECT usename, application_name, count(*) FROM pg_stat_activity"
                   " WHERE datname = %s AND pid <> pg_backend_pid()"
                   " GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2", [name])  # fmt: skip
    return ", ".join(
        f"{count} of {user or 'the server'}" + (f" ({program})" if program else "")
        for user, program, count in cursor.fetchall()
    )


class _MySQL:
    @staticmethod
    def missing(config: Config) -> bool:
        with scratch.visit(config, None) as cursor:
            cursor.execute("SELECT 1 FROM information_schema.schemata WHERE schema_name = %s",
                           [config["NAME"]])  # fmt: skip
            return cursor.fetchone() is None

    @classmethod
    def hindrance(cls, config: Config) -> tuple[str, str] | None:
        if config["NAME"] in ("information_schema", "mysql", "performance_schema", "sys"):
            return "system", config["NAME"]
        if cls.missing(config):
            return None
        from django.db import DatabaseError

        with scratch.visit(config, None) as cursor:
            try:  # does nothing, but for those who may not
                cursor.execute(
                    f"CREATE DATABASE IF NOT EXISTS {scratch.quoted(config['NAME'], '`')}"
                )
            except DatabaseError as error:
                return "rights", str(error.args[-1])
        return None

    @classmethod
    def make_anew(cls, config: Config) -> None:
        name = scratch.quoted(config["NAME"], "`")
        statement = f"CREATE DATABASE {name} CHARACTER SET utf8mb4"
        if not cls.missing(config):
            with scratch.visit(config, None) as cursor:
                cursor.execute(f"SHOW CREATE DATABASE {name}")
                statement = cursor.fetchone()[1]
        with scratch.visit(config, None) as cursor:
            cursor.execute(f"SET SESSION lock_wait_timeout = {_PATIENCE}")  # else it is a day
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")
            with _loss():
                cursor.execute(statement)


_KINDS: dict[str, Any] = {"sqlite": _SQLite, "postgresql": _PostgreSQL, "mysql": _MySQL}
VENDORS = tuple(_KINDS)
