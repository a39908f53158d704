"""Reads the rows of a database, and what tells which of their cells are keys.

{table: {"columns", "rows", "automatic", "references"}}, django_migrations left out.

    columns     names, in their alphabetical order: another order in the table says nothing
    rows        sorted; cells are JSON: bytes are {"hex": "…"}, numbers with a fraction, times and
                everything else that JSON has no word for are text. Null, with "count" and "digest"
                instead, in a table of more than LIMIT rows
    automatic   columns of the primary key that the database counts up
    collides    where PostgreSQL would give the next row a key that is taken; else left out
    references  [{"columns", "to", "to_columns"}]: its foreign keys
"""

# ruff: noqa: S608, UP017 - names are quoted; Python 3.8 has no datetime.UTC.
from __future__ import annotations

import contextlib
import datetime
import decimal
import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

from remigrate.probe import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 100_000
_READ = ("table", "partitioned table", "virtual table", "system versioned table")
"""Forms of tables that have rows of their own: a partition's are its parent's."""
_AS_THEY_ARE = ("smallint", "integer", "bigint", "boolean", "bytea")
"""Of PostgreSQL: what every driver hands over alike. The rest is had as PostgreSQL writes it."""
_CAST = ("decimal", "float", "double", "date", "datetime", "timestamp", "time", "year", "json")
_CAST_TOO = ("uuid", "inet4", "inet6")
"""Of MySQL and MariaDB: had as text, for Django's converter knows no time of minus ten hours."""
_POSTGRESQL = (
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO, YMD"),
    ("IntervalStyle", "iso_8601"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
)
"""Settings under which PostgreSQL writes a value in one way only."""


def whole(connection: Any) -> dict[str, Any]:
    """The schema, as `catalogue` tells it, and the rows; the catalogues are read once for both."""
    schema = catalogue.schema(connection)
    return {"schema": schema, "rows": rows(connection, schema)}


def rows(connection: Any, schema: Any = None, limit: int = LIMIT) -> dict[str, Any]:
    """The rows of every table of `connection`, but for django_migrations."""
    tables = _tables((schema or catalogue.schema(connection))["objects"])
    with connection.cursor() as cursor, _one_way(connection, cursor):
        for name, table in tables.items():
            selected = _select(connection, name, table)
            table.pop("types")
            table.pop("schema")
            cursor.execute(f"{selected} LIMIT {limit + 1}")
            found = [_cells(row) for row in cursor.fetchall()]
            table["rows"] = sorted(found, key=json.dumps)
            if found and connection.vendor == "postgresql" and _collides(connection, name, table):
                table["collides"] = True
            if len(found) > limit:
                table["rows"] = None
                table["count"], table["digest"] = _digest(connection, selected)
    return tables


def _tables(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Every table that has rows, with what its columns and constraints say."""
    found: dict[str, Any] = {}
    for item in objects:
        definition = item["definition"]
        if item["kind"] == "table" and definition["form"] in _READ:
            found[item["name"]] = {
                "columns": sorted(definition["columns"]),
                "automatic": [],
                "references": [],
                "types": {"": definition["form"]},
                "schema": definition.get("schema"),
            }
    counted = set()
    for item in objects:
        table, definition = found.get(item["table"] or ""), item["definition"]
        if table is not None and item["kind"] == "column":
            table["types"][item["name"]] = definition["type"]
            if "automatic" in definition:
                counted.add((item["table"], item["name"]))
    primary = {}
    for item in objects:
        if item["kind"] == "constraint" and item["definition"]["type"] == "primary key":
            primary[item["table"]] = item["definition"]["columns"]
    for name, table in found.items():
        table["automatic"] = [c for c in primary.get(name, ()) if (name, c) in counted]
    for item in objects:
        definition = item["definition"]
        if item["kind"] == "constraint" and "to" in definition and item["table"] in found:
            to = definition["to"]
            reference = {"columns": definition["columns"], "to": to}
            reference["to_columns"] = definition.get("to_columns") or primary.get(to, [])
            if len(reference["columns"]) == len(reference["to_columns"]):
                found[item["table"]]["references"].append(reference)
    return found


def _select(connection: Any, name: str, table: dict[str, Any]) -> str:
    quote = connection.ops.quote_name
    vendor, types = connection.vendor, table["types"]
    cells = []
    for column in table["columns"]:
        cell = quote(column)
        if vendor == "sqlite":
            cell = f"+{cell}"  # without a declared type, by which Django would change the value
        elif vendor == "postgresql" and types[column] not in _AS_THEY_ARE:
            cell = f"{cell}::text"
        elif vendor == "mysql" and types[column].partition("(")[0].split()[0] in _CAST + _CAST_TOO:
            cell = f"CAST({cell} AS CHAR)"
        cells.append(cell)
    source = quote(name)
    if table["schema"]:
        source = f"{quote(table['schema'])}.{quote(name[len(table['schema']) + 1 :])}"
    only = "ONLY " if vendor == "postgresql" and types[""] == "table" else ""
    return f"SELECT {', '.join(cells) or 'NULL'} FROM {only}{source}"


@contextlib.contextmanager
def _one_way(connection: Any, cursor: Any) -> Iterator[None]:
    """While a value is written in one way only, whatever the project's settings."""
    if connection.vendor == "sqlite":
        raw = connection.connection
        before, raw.text_factory = raw.text_factory, _decoded
        try:
            yield
        finally:
            raw.text_factory = before
    elif connection.vendor == "postgresql":
        names = ", ".join(f"current_setting('{name}')" for name, _ in _POSTGRESQL)
        cursor.execute(f"SELECT {names}")
        before = cursor.fetchone()
        _set(cursor, [value for _, value in _POSTGRESQL])
        try:
            yield
        finally:
            _set(cursor, before)
    else:
        yield


def _set(cursor: Any, values: Any) -> None:
    calls = ", ".join(f"set_config('{name}', %s, false)" for name, _ in _POSTGRESQL)
    cursor.execute(f"SELECT {calls}", list(values))


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")  # SQLite keeps text that is no text, too


def _cells(row: Any) -> list[Any]:
    return [_cell(value) for value in row]


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"hex": bytes(value).hex()}
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.timezone.utc).isoformat()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return str(value)  # a duration, a UUID


def _collides(connection: Any, name: str, table: dict[str, Any]) -> bool:
    """Whether the sequence of a key is behind the rows that are there."""
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        for column in table["automatic"]:
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [quote(name), column])
            (sequence,) = cursor.fetchone()
            if sequence is None:
                continue
            cursor.execute(f"SELECT last_value, is_called FROM {sequence}")
            last, called = cursor.fetchone()
            cursor.execute(f"SELECT max({quote(column)}) FROM {quote(name)}")
            (most,) = cursor.fetchone()
            if most is not None and last + bool(called) <= most:
                return True
    return False


def _digest(connection: Any, selected: str) -> tuple[int, str]:
    """How many rows, and one number for all of them, in whatever order they come."""
    count, total = 0, 0
    with connection.chunked_cursor() as cursor:
        cursor.execute(selected)
        while True:
            chunk = cursor.fetchmany(2000)
            if not chunk:
                return count, f"{total % 2**256:064x}"
            for row in chunk:
                text = json.dumps(_cells(row), sort_keys=True).encode()
                count, total = count + 1, total + int(hashlib.sha256(text).hexdigest(), 16)
