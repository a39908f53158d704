"""Compares two schemas as `remigrate.probe.catalogue` reads them.

Two objects are one when all that is said about them is equal. Their names must be equal, too, but
where Django or the database has made one of them up: a renamed table keeps indexes that are called
after its old name.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from remigrate.reset.comparison import Comparison, Difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_DJANGO = re.compile(r"_[0-9a-f]{8}(?:_[a-z]+)?\Z|_[0-9a-f]{8}_fk_")
"""What `_create_index_name` and `_fk_constraint_name` of django/db/backends/base/schema.py make."""
_POSTGRESQL = re.compile(r"_(?:key|fkey|excl|check)[0-9]*\Z")
_LONGEST = 63
"""Bytes of a name in PostgreSQL, which shortens what it makes up."""
_MYSQL = re.compile(r"_(?:chk|ibfk)_[0-9]+\Z|CONSTRAINT_[0-9]+\Z")
_LENGTH = 200


class Sides(NamedTuple):
    """What the two are called in words, first and when the other one was named before."""

    old: str
    new: str
    old_one: str
    new_one: str


HISTORIES = Sides("the old history", "the new history", "the old one", "the new one")


class Item(NamedTuple):
    """An object of a schema."""

    kind: str
    table: str
    name: str
    definition: Mapping[str, Any]
    key: str
    """Equal where definitions are."""


def schemas(old: Mapping[str, Any], new: Mapping[str, Any], sides: Sides = HISTORIES) -> Comparison:
    """Whether two schemas are equal, but for the order of columns and names nobody chose."""
    pair = _Pair(_items(old["objects"]), _items(new["objects"]), sides)
    differences = list(pair.differences())
    return Comparison(tuple(differences), tuple(pair.notes))


def _items(objects: Iterable[Mapping[str, Any]]) -> list[Item]:
    found = []
    for row in objects:
        told = {
            k: v for k, v in row["definition"].items() if k != "columns" or row["kind"] != "table"
        }
        key = json.dumps(told, sort_keys=True)
        found.append(Item(row["kind"], row["table"] or "", row["name"], row["definition"], key))
    return found


class _Pair:
    def __init__(self, old: list[Item], new: list[Item], sides: Sides) -> None:
        self.notes: list[str] = []
        self._sides = sides
        self._tables = [
            {item.name: item for item in side if item.kind == "table"} for side in (old, new)
        ]
        self._columns = {(item.table, item.name) for item in old + new if item.kind == "column"}
        self._groups: dict[tuple[str, str], tuple[list[Item], list[Item]]] = {}
        for side, items in enumerate((old, new)):
            for item in items:
                group = self._groups.setdefault((item.table, item.kind), ([], []))
                group[side].append(item)

    def differences(self) -> Iterator[Difference]:
        """All of them, table by table."""
        for table, kind in sorted(self._groups, key=_order):
            old, new = self._groups[table, kind]
            missing = [bool(table) and table not in side for side in self._tables]
            if not any(missing):
                yield from self._group(table, old, new)
            elif kind == "table":
                yield self._lacking(table, (old or new)[0], in_old=bool(old))
            elif all(missing):  # of a view, say
                yield from self._group(table, old, new)
        self._note_order()

    def _group(self, table: str, old: list[Item], new: list[Item]) -> Iterator[Difference]:
        old, new = _unmatched(old, new, lambda item: (item.name, item.key))
        old, new = self._by_definition(old, new)
        for name in sorted({item.name for item in old} & {item.name for item in new} - {""}):
            left = next(item for item in old if item.name == name)
            right = next(item for item in new if item.name == name)
            old.remove(left)
            new.remove(right)
            yield Difference(table, self._otherwise(left, right))
        for left in list(old):
            other = next((item for item in new if item.key == left.key and item.name), None)
            if other is not None and left.name:
                old.remove(left)
                new.remove(other)
                yield Difference(
                    table,
                    f"{_subject(left)} is named {left.name} in {self._sides.old}"
                    f" and {other.name} in {self._sides.new_one}",
                )
        for item in old:
            yield self._lacking(table, item, in_old=True)
        for item in new:
            yield self._lacking(table, item, in_old=False)

    def _lacking(self, table: str, item: Item, *, in_old: bool) -> Difference:
        sides = self._sides
        one, other = (sides.old, sides.new_one) if in_old else (sides.new, sides.old_one)
        named = f", named {item.name}" if item.name and item.kind in ("index", "constraint") else ""
        only: Literal["old", "new"] = "old" if in_old else "new"
        return Difference(table, f"{one} has {_subject(item)}{named} that {other} lacks", only)

    def _otherwise(self, old: Item, new: Item) -> str:
        """What one object is on either side."""
        told = []
        for key in sorted(old.definition.keys() | new.definition.keys()):
            left, right = old.definition.get(key), new.definition.get(key)
            if left != right and (old.kind, key) != ("table", "columns"):
                told.append(
                    f"{key.replace('_', ' ')} is {_value(left)} in {self._sides.old}"
                    f" and {_value(right)} in {self._sides.new_one}"
                )
        named = f" {old.name}" if old.kind in ("index", "constraint") else ""
        what = f"the {old.kind}{named} of {old.table}" if named else _subject(old)
        return f"{what}: {'; '.join(told)}"

    def _by_definition(self, old: list[Item], new: list[Item]) -> tuple[list[Item], list[Item]]:
        """What is left when an automatic name does not count."""
        left, right = [], list(new)
        for item in old:
            same = [other for other in right if other.key == item.key]
            found = next((o for o in same if self._automatic(item) or self._automatic(o)), None)
            if found is None:
                left.append(item)
                continue
            right.remove(found)
            self.notes.append(
                f"{_subject(item)} is named {item.name or 'nothing'} in {self._sides.old} and"
                f" {found.name or 'nothing'} in {self._sides.new_one}: a name that nobody chose"
            )
        return left, right

    def _automatic(self, item: Item) -> bool:
        """Whether Django or the database made up the name."""
        name, definition = item.name, item.definition
        if item.kind == "sequence":
            return "owned by" in definition and name.endswith("_seq")
        if item.kind not in ("constraint", "index"):
            return False
        if not name or name.endswith("_pkey") or _DJANGO.search(name) or _MYSQL.search(name):
            return True
        if item.kind == "constraint" and _POSTGRESQL.search(name):
            columns = "_".join(definition.get("columns", ()))
            stem = _POSTGRESQL.sub("", name)
            return stem.endswith(f"_{columns}") or len(name.encode()) == _LONGEST
        # MySQL calls an index, and MariaDB a check, after the first column.
        column = re.sub(r"_[0-9]+\Z", "", name)
        return bool({(item.table, name), (item.table, column)} & self._columns)

    def _note_order(self) -> None:
        found = []
        for name in sorted(set(self._tables[0]) & set(self._tables[1])):
            old, new = (side[name].definition["columns"] for side in self._tables)
            if old != new and Counter(old) == Counter(new):
                found.append(name)
        if len(found) == 1:
            self.notes.append(f"the columns of {found[0]} are in another order")
        elif found:
            tables = ", ".join(found)
            self.notes.append(f"the columns of {len(found)} tables are in another order: {tables}")


def _order(key: tuple[str, str]) -> tuple[str, bool, str]:
    return key[0], key[1] != "table", key[1]


def _unmatched(old: list[Item], new: list[Item], key: Any) -> tuple[list[Item], list[Item]]:
    """Both lists without the pairs that have one key; what stands twice needs two."""
    waiting: dict[Any, list[Item]] = defaultdict(list)
    for item in new:
        waiting[key(item)].append(item)
    left = []
    for item in old:
        if waiting[key(item)]:
            waiting[key(item)].pop()
        else:
            left.append(item)
    rest = {id(item) for items in waiting.values() for item in items}
    return left, [item for item in new if id(item) in rest]


def _value(value: Any) -> str:
    if value is None or value == []:
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= _LENGTH else text[:_LENGTH] + "…"


def _subject(item: Item) -> str:
    """An object in words, without its name where it is known by what it does."""
    definition = item.definition
    if item.kind == "table":
        return f"the {definition.get('form', 'table')} {item.name}"
    if item.kind == "column":
        return f"the column {item.table}.{item.name} ({definition['type']})"
    if item.kind == "constraint":
        return _constraint(item)
    if item.kind == "index":
        unique = "a unique index" if definition.get("unique") else "an index"
        return f"{unique} on {item.table} {_value(definition['text'])}"
    article = "an" if item.kind[0] in "aeiou" else "a"
    on = f" on {item.table}" if item.table else ""
    return f"{article} {item.kind}{on} {item.name}".rstrip()


def _constraint(item: Item) -> str:
    definition = item.definition
    columns = ", ".join(definition.get("columns", ()))
    if definition["type"] == "foreign key":
        target = ", ".join(definition.get("to_columns", ()))
        to = definition["to"] + f" ({target})" * bool(target)
        return f"a foreign key from {item.table} ({columns}) to {to}"
    if definition["type"] in ("primary key", "unique"):
        what = definition["type"].replace("unique", "unique constraint")
        return f"a {what} on {item.table} ({columns})"
    return f"the {definition['type']} of {item.table} {_value(definition.get('text'))}"
