"""The schema of a MySQL or MariaDB database, from information_schema.

The two, and their versions, have different columns there: all are asked for, and those that are
missing count as null. https://mariadb.com/kb/en/information-schema-tables/
"""

# ruff: noqa: B905 - zip has no `strict` in Python 3.8.
from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from remigrate.probe.catalogue_sqlite_text import kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    Object = dict[str, Any]
    Row = dict[str, Any]

_FORMS = {"BASE TABLE": "table", "SYSTEM VERSIONED": "system versioned table"}


class Hidden(Exception):
    """The server does not show this user all that there is."""


def version(cursor: Any) -> str:
    """As the server names it."""
    cursor.execute("SELECT VERSION()")
    return str(cursor.fetchone()[0])


def objects(cursor: Any) -> list[Object]:
    """Everything that the connection's own database holds."""
    return list(_Schema(cursor).objects())


class _Schema:
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        cursor.execute("SELECT DATABASE()")
        self._database = str(cursor.fetchone()[0])
        cursor.execute(
            "SELECT UPPER(TABLE_NAME) FROM information_schema.TABLES"
            " WHERE UPPER(TABLE_SCHEMA) = 'INFORMATION_SCHEMA'"
        )
        self._catalogues = {row[0] for row in cursor.fetchall()}

    def _rows(self, catalogue: str, order: str, whose: str = "TABLE_SCHEMA") -> list[Row]:
        """What a catalogue says of our database; nothing where the server has no such catalogue."""
        if catalogue not in self._catalogues:
            return []
        self._cursor.execute(
            f"SELECT * FROM information_schema.{catalogue}"  # noqa: S608 - our own words
            f" WHERE {whose} = %s ORDER BY {order}",
            [self._database],
        )
        names = [column[0].upper() for column in self._cursor.description]
        return [_Row(zip(names, map(_text, row))) for row in self._cursor.fetchall()]

    def objects(self) -> Iterator[Object]:
        columns = self._rows("COLUMNS", "TABLE_NAME, ORDINAL_POSITION")
        order: dict[str, list[str]] = {}
        for row in columns:
            order.setdefault(row["TABLE_NAME"], []).append(row["COLUMN_NAME"])
        tables = set()
        for row in self._rows("TABLES", "TABLE_NAME"):
            name = row["TABLE_NAME"]
            if row["TABLE_TYPE"] == "SEQUENCE":
                yield self._sequence(name)
            elif row["TABLE_TYPE"] in _FORMS:
                tables.add(name)
                yield _object("table", name, name, _table(row, order[name]))
        for row in columns:
            if row["TABLE_NAME"] in tables:
                yield _object("column", row["TABLE_NAME"], row["COLUMN_NAME"], _column(row))
        yield from self._keys()
        yield from self._foreign_keys()
        yield from self._checks()
        yield from self._partitions()
        yield from self._programs()

    def _sequence(self, name: str) -> Object:
        """Of MariaDB alone."""
        quoted = "`" + name.replace("`", "``") + "`"
        self._cursor.execute(f"SHOW CREATE SEQUENCE {quoted}")
        text = str(self._cursor.fetchone()[1]).partition(quoted)[2]
        return _object("sequence", None, name, {"text": text.strip()})

    def _keys(self) -> Iterator[Object]:
        rows = self._rows("STATISTICS", "TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX")
        for (table, name), group in groupby(rows, lambda r: (r["TABLE_NAME"], r["INDEX_NAME"])):
            parts = list(group)
            if name == "PRIMARY":
                columns = [row["COLUMN_NAME"] for row in parts]
                definition: dict[str, Any] = {"type": "primary key", "columns": columns}
                definition["parts"] = [_part(row) for row in parts if row["SUB_PART"]]
                yield _object("constraint", table, "", definition)
            else:
                yield _object("index", table, name, _index(parts))

    def _foreign_keys(self) -> Iterator[Object]:
        rules = {
            (row["TABLE_NAME"], row["CONSTRAINT_NAME"]): row
            for row in self._rows("REFERENTIAL_CONSTRAINTS", "1", "CONSTRAINT_SCHEMA")
        }
        rows = self._rows("KEY_COLUMN_USAGE", "TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION")
        rows = [row for row in rows if row["REFERENCED_TABLE_NAME"]]
        for key, group in groupby(rows, lambda r: (r["TABLE_NAME"], r["CONSTRAINT_NAME"])):
            parts = list(group)
            if key not in rules:
                raise Hidden(f"the user may not see all of {key[0]}: SELECT alone is not enough")
            definition = {
                "type": "foreign key",
                "columns": [row["COLUMN_NAME"] for row in parts],
                "to": parts[0]["REFERENCED_TABLE_NAME"],
                "to_columns": [row["REFERENCED_COLUMN_NAME"] for row in parts],
                "options": _actions(rules[key]),
            }
            yield _object("constraint", key[0], key[1], definition)

    def _checks(self) -> Iterator[Object]:
        constraints = {
            row["CONSTRAINT_NAME"]: row
            for row in self._rows("TABLE_CONSTRAINTS", "1")
            if row["CONSTRAINT_TYPE"] == "CHECK"
        }
        for row in self._rows("CHECK_CONSTRAINTS", "CONSTRAINT_NAME", "CONSTRAINT_SCHEMA"):
            name = row["CONSTRAINT_NAME"]
            # MySQL, where names of checks are the database's, says the table elsewhere.
            whole = {**constraints.get(name, {}), **row}
            definition = {
                "type": "check",
                "text": row["CHECK_CLAUSE"],
                "not enforced": whole.get("ENFORCED") == "NO",
            }
            yield _object("constraint", whole["TABLE_NAME"], name, definition)

    def _partitions(self) -> Iterator[Object]:
        names = ("METHOD", "EXPRESSION", "DESCRIPTION", "COMMENT")
        for row in self._rows("PARTITIONS", "TABLE_NAME, PARTITION_ORDINAL_POSITION"):
            if row["PARTITION_NAME"]:
                said = [str(row[f"PARTITION_{name}"] or "") for name in names]
                definition = {"text": " ".join(said), "within": row["SUBPARTITION_EXPRESSION"]}
                name = ".".join(filter(None, (row["PARTITION_NAME"], row["SUBPARTITION_NAME"])))
                yield _object("partition", row["TABLE_NAME"], name, definition)

    def _programs(self) -> Iterator[Object]:
        for row in self._rows("VIEWS", "TABLE_NAME"):
            text = self._unqualified(row["VIEW_DEFINITION"])
            definition = {"text": text, "check": row["CHECK_OPTION"], "sql": row["SECURITY_TYPE"]}
            yield _object("view", None, row["TABLE_NAME"], definition)
        for row in self._rows("TRIGGERS", "TRIGGER_NAME", "TRIGGER_SCHEMA"):
            words = ("ACTION_TIMING", "EVENT_MANIPULATION", "ACTION_ORDER", "ACTION_STATEMENT")
            definition = {"text": " ".join(str(row[word]) for word in words)}
            yield _object("trigger", row["EVENT_OBJECT_TABLE"], row["TRIGGER_NAME"], definition)
        for row in self._rows("EVENTS", "EVENT_NAME", "EVENT_SCHEMA"):
            words = ("INTERVAL_VALUE", "INTERVAL_FIELD", "STATUS", "ON_COMPLETION")
            definition = {word.lower(): row[word] for word in words}
            definition["text"] = row["EVENT_DEFINITION"]
            yield _object("event", None, row["EVENT_NAME"], definition)
        yield from self._routines()

    def _routines(self) -> Iterator[Object]:
        given: dict[str, list[str]] = {}
        for row in self._rows("PARAMETERS", "SPECIFIC_NAME, ORDINAL_POSITION", "SPECIFIC_SCHEMA"):
            said = (row["PARAMETER_MODE"], row["PARAMETER_NAME"], row["DTD_IDENTIFIER"])
            given.setdefault(row["SPECIFIC_NAME"], []).append(" ".join(filter(None, said)))
        for row in self._rows("ROUTINES", "ROUTINE_NAME", "ROUTINE_SCHEMA"):
            words = ("ROUTINE_TYPE", "SQL_DATA_ACCESS", "IS_DETERMINISTIC", "SECURITY_TYPE")
            definition = {word.lower(): row[word] for word in words}
            definition["parameters"] = given.get(row["SPECIFIC_NAME"], [])
            definition.update(text=row["ROUTINE_DEFINITION"], comment=row["ROUTINE_COMMENT"])
            yield _object("function", None, row["ROUTINE_NAME"], definition)

    def _unqualified(self, text: str) -> str:
        """A view's text without the name of the database, which both sides have another of."""
        return text.replace("`" + self._database.replace("`", "``") + "`.", "")


class _Row(dict):  # type: ignore[type-arg]
    """A row of a catalogue; what this server does not know is null."""

    def __missing__(self, key: str) -> None:
        return None


def _text(value: Any) -> Any:
    """Catalogues of MySQL 8 give some of their text as bytes."""
    return value.decode() if isinstance(value, (bytes, bytearray)) else value


def _object(kind: str, table: str | None, name: str, definition: dict[str, Any]) -> Object:
    return {"kind": kind, "table": table, "name": name, "definition": kept(definition)}


def _table(row: Row, columns: list[str]) -> dict[str, Any]:
    return {
        "form": _FORMS[row["TABLE_TYPE"]],
        "columns": columns,
        "engine": row["ENGINE"],
        "collation": row["TABLE_COLLATION"],
        "options": row["CREATE_OPTIONS"],
        "comment": row["TABLE_COMMENT"],
    }


def _column(row: Row) -> dict[str, Any]:
    extra = (row["EXTRA"] or "").lower()
    automatic = "auto_increment" in extra
    rest = [word for word in extra.split() if word not in ("auto_increment", "default_generated")]
    return {
        "type": row["COLUMN_TYPE"],
        "null": row["IS_NULLABLE"] == "YES",
        "default": row["COLUMN_DEFAULT"],
        "default is an expression": "default_generated" in extra,
        "generated": row["GENERATION_EXPRESSION"],
        "automatic": "auto_increment" if automatic else None,
        "extra": " ".join(rest),
        "collation": row["COLLATION_NAME"],
        "comment": row["COLUMN_COMMENT"],
        "spatial reference": row["SRS_ID"],
    }


def _index(parts: list[Row]) -> dict[str, Any]:
    first = parts[0]
    method = first["INDEX_TYPE"]
    listed = ", ".join(map(_part, parts))
    return {
        "unique": str(first["NON_UNIQUE"]) == "0",
        "text": f"({listed})" if method == "BTREE" else f"{method} ({listed})",
        "comment": first["INDEX_COMMENT"],
        "hidden": first["IS_VISIBLE"] == "NO" or first["IGNORED"] == "YES",
    }


def _part(row: Row) -> str:
    name = row["COLUMN_NAME"] or f"({row['EXPRESSION']})"
    length = f"({row['SUB_PART']})" if row["SUB_PART"] else ""
    return name + length + (" DESC" if row["COLLATION"] == "D" else "")


def _actions(rule: Row) -> str:
    """What is done when the target changes; RESTRICT and NO ACTION are one in InnoDB."""
    told = []
    for word in ("DELETE", "UPDATE"):
        action = rule[f"{word}_RULE"]
        if action not in ("RESTRICT", "NO ACTION"):
            told.append(f"ON {word} {action}")
    return " ".join(told)
