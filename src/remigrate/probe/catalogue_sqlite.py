"""The schema of a SQLite database, from its pragmas and from the text of its statements."""

# ruff: noqa: B905 - zip has no `strict` in Python 3.8.
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remigrate.probe import catalogue_sqlite_text as text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Object = dict[str, Any]

_HIDDEN = {2: "virtual", 3: "stored"}
"""What table_xinfo says of generated columns. 1: a column that a virtual table has for itself."""
_SHADOWS = {
    "fts5": ("data", "idx", "content", "docsize", "config"),
    "fts4": ("content", "segments", "segdir", "docsize", "stat"),
    "fts3": ("content", "segments", "segdir", "docsize", "stat"),
    "rtree": ("node", "rowid", "parent"),
}
"""Tables that a virtual table makes for itself: https://www.sqlite.org/vtab.html#xshadowname"""


def version(cursor: Any) -> str:
    """As the server names it."""
    cursor.execute("SELECT sqlite_version()")
    return str(cursor.fetchone()[0])


def objects(cursor: Any) -> list[Object]:
    """Everything that the database holds, but for what SQLite makes on its own."""
    return list(_Schema(cursor).objects())


class _Schema:
    def __init__(self, cursor: Any) -> None:
        cursor.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master"
            " WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name"
        )
        rows = cursor.fetchall()
        virtual = {name: sql for kind, name, _, sql in rows if kind == "table" and _virtual(sql)}
        self._shadows = set(_shadows(virtual))
        self._rows = [row for row in rows if row[2] not in self._shadows]
        self._columns: dict[str, list[tuple[Any, ...]]] = {}
        cursor.execute(
            'SELECT m.name, x.name, x.type, x."notnull", x.dflt_value, x.pk, x.hidden'
            " FROM sqlite_master m JOIN pragma_table_xinfo(m.name) x"
            " WHERE m.type = 'table' ORDER BY m.name, x.cid"
        )
        for name, *column in cursor.fetchall():
            self._columns.setdefault(name, []).append(tuple(column))
        self._known = {name.lower() for name in self._columns}
        self._known.update(c[0].lower() for columns in self._columns.values() for c in columns)
        self._indexes: dict[str, list[tuple[Any, ...]]] = {}
        cursor.execute(
            'SELECT m.name, x.name, x."desc", x.coll FROM sqlite_master m'
            " JOIN pragma_index_xinfo(m.name) x WHERE m.type = 'index' AND x.key"
            " ORDER BY m.name, x.seqno"
        )
        for name, *column in cursor.fetchall():
            self._indexes.setdefault(name, []).append(tuple(column))

    def objects(self) -> Iterator[Object]:
        for kind, name, table, sql in self._rows:
            if kind == "table" and _virtual(sql):
                yield self._virtual_table(name, sql)
            elif kind == "table":
                yield from self._table(name, text.table(sql))
            elif kind == "index":
                yield self._index(name, table, sql)
            else:  # a view or a trigger
                owner = table if kind == "trigger" else None
                yield _object(kind, owner, name, {"text": self._body(sql)})

    def _virtual_table(self, name: str, sql: str) -> Object:
        columns = [column[0] for column in self._columns[name] if column[5] != 1]
        pieces = text.tokens(sql)
        start = next(n for n, piece in enumerate(pieces) if piece.key == "using")
        body = text.canonical(pieces[start + 1 :], self._known)
        return _object(
            "table", name, name, {"form": "virtual table", "columns": columns, "text": body}
        )

    def _body(self, sql: str) -> str:
        """Of a view or a trigger: all that comes after its name."""
        pieces = text.tokens(sql)
        words = [piece.key for piece in pieces]
        start = next(n for n, word in enumerate(words) if word in ("view", "trigger"))
        start += 4 if words[start + 1 : start + 4] == ["if", "not", "exists"] else 1
        start += 2 if words[start + 1 : start + 2] == ["."] else 0
        return text.canonical(pieces[start + 1 :], self._known)

    def _index(self, name: str, table: str, sql: str) -> Object:
        items, condition = text.index(sql)
        parts = []
        for item, (column, descending, collation) in zip(items, self._indexes[name]):
            part = column if column is not None else self._said(_plain(item), table)
            part += "" if collation == "BINARY" else f" COLLATE {collation}"
            parts.append(part + " DESC" * descending)
        where = " WHERE " + self._said(text.bare(condition), table) if condition else ""
        unique = [piece.key for piece in text.tokens(sql)[:2]][1] == "unique"
        definition = {"unique": unique, "text": f"({', '.join(parts)}){where}"}
        return _object("index", table, name, text.kept(definition))

    def _said(self, pieces: list[text.Token], table: str) -> str:
        return text.canonical(pieces, self._known, table)

    def _table(self, name: str, parsed: text.Table) -> Iterator[Object]:
        columns = self._columns[name]
        definition = {
            "form": "table",
            "columns": [column[0] for column in columns],
            "options": parsed.options,
        }
        yield _object("table", name, name, text.kept(definition))
        clauses = {column.name.lower(): column.clauses for column in parsed.columns}
        for column in columns:
            own = clauses.get(column[0].lower(), [])
            yield _object("column", name, column[0], self._column(name, column, own))
            for clause in own:
                yield from self._constraint(name, clause, [column[0]])
        for clause in parsed.clauses:
            listed = [self._listed(item, name) for item in clause.columns]
            yield from self._constraint(name, clause, listed)

    def _listed(self, item: list[text.Token], table: str) -> str:
        """A column of a constraint by its declared name, and what is said about it."""
        name = _as_declared(item[0].text, [column[0] for column in self._columns[table]])
        said = [piece for piece in item[1:] if piece.key not in ("asc", "autoincrement")]
        return f"{name} {self._said(said, table)}".rstrip()

    def _column(
        self, table: str, column: tuple[Any, ...], clauses: list[text.Clause]
    ) -> dict[str, Any]:
        _, kind, not_null, default, _, hidden = column
        said = {clause.kind: clause for clause in clauses}
        definition: dict[str, Any] = {"type": kind.lower(), "null": not not_null}
        if default is not None:
            definition["default"] = self._said(text.bare(text.tokens(default)), table)
        if "generated" in said:
            expression = self._said(said["generated"].body, table)
            definition["generated"] = f"{expression} ({_HIDDEN[hidden]})"
        if "collate" in said:
            definition["collation"] = said["collate"].body[0].text.lower()
        if "not null" in said and said["not null"].extras:
            definition["on conflict"] = said["not null"].extras[0]
        if "primary key" in said and "autoincrement" in said["primary key"].extras:
            definition["automatic"] = "autoincrement"
        others = [self._said(clause.body, table) for clause in clauses if clause.kind == "other"]
        if "other" in said and others != ["null"]:
            definition["other"] = " ".join(others)
        return definition

    def _constraint(self, table: str, clause: text.Clause, columns: list[str]) -> Iterator[Object]:
        definition: dict[str, Any] = {"type": clause.kind}
        if clause.kind == "check":
            definition["text"] = self._said(clause.body, table)
        elif clause.kind == "foreign key":
            target, *others = text.names(clause.body)
            to = _as_declared(target, self._columns)
            there = [column[0] for column in self._columns.get(to, ())]
            to_columns = [_as_declared(other, there) for other in others]
            definition.update(columns=columns, to=to, to_columns=to_columns)
        elif clause.kind in ("primary key", "unique"):
            definition["columns"] = columns
        else:
            return
        extras = [word for word in clause.extras if word != "autoincrement"]
        definition["options"] = " ".join(extras)
        yield _object("constraint", table, clause.name, text.kept(definition))


def _object(kind: str, table: str | None, name: str, definition: dict[str, Any]) -> Object:
    return {"kind": kind, "table": table, "name": name, "definition": definition}


def _as_declared(name: str, names: Iterable[str]) -> str:
    """A name as its own statement writes it: what refers to it may be in another case."""
    return next((own for own in names if own.lower() == name.lower()), name)


def _virtual(sql: str) -> bool:
    return [piece.key for piece in text.tokens(sql[:200])][1:2] == ["virtual"]


def _shadows(virtual: dict[str, str]) -> Iterator[str]:
    for name, sql in virtual.items():
        words = [piece.key for piece in text.tokens(sql)]
        module = words[words.index("using") + 1]
        for suffix in _SHADOWS.get(module, ()):
            yield f"{name}_{suffix}"


def _plain(item: list[text.Token]) -> list[text.Token]:
    """An indexed expression without its order and collation, which a pragma tells."""
    rest = list(item)
    if rest[-1].key in ("asc", "desc"):
        rest.pop()
    if len(rest) > 2 and rest[-2].key == "collate":
        del rest[-2:]
    return rest
