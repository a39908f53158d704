"""Compares the rows of two databases as `remigrate.probe.contents` reads them."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from remigrate.reset import volatile
from remigrate.reset.comparison import Comparison, Difference
from remigrate.reset.likeness import Aside, Side, colour, colours, recolour, unmatched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from remigrate.reset.likeness import Node, Tables

_SHOWN = 3
"""Rows of a table that are told about."""
_CELLS = 6
_LENGTH = 60
_TRIED = 200
"""Rows that are looked through for the one that is most alike."""


class Unlike(NamedTuple):
    """Rows of one table that the other side does not have."""

    table: str
    old: list[Node]
    new: list[Node]


def rows(old: Tables, new: Tables, again: Tables | None = None) -> Comparison:
    """Whether two databases hold the same, but for keys that the database counted up.

    again   the rows of a second run of the old history: what differs there between the two runs
            is put aside, and said
    """
    differences = list(_of_structure(old, new))
    apart = {difference.table for difference in differences}
    old = {name: table for name, table in old.items() if name not in apart}
    new = {name: table for name, table in new.items() if name not in apart}
    unequal = sorted(name for name in old if not _equal(old[name], new[name]))
    differences += _of_keys(old, new)
    differences += _of_many(old, unequal)
    if not unequal or all(old[name]["rows"] is None for name in unequal):
        return Comparison(tuple(differences))
    aside = volatile.columns(old, again) if again is not None else Aside()
    found, notes = _of_contents(old, new, aside)
    differences += found
    if again is not None:
        differences += _of_stable(old, again, new, aside)
    notes = [*_told(aside), *_counted(unequal, old, new, aside, found), *notes]
    if again is not None:
        notes += _uncertain(old, again)
    return Comparison(tuple(differences), tuple(notes))


def _equal(old: Mapping[str, object], new: Mapping[str, object]) -> bool:
    wanted = ("rows", "count", "digest")
    one, other = (json.dumps([side.get(key) for key in wanted]) for side in (old, new))
    return one == other


# What is seen without looking at rows


def _of_structure(old: Tables, new: Tables) -> Iterator[Difference]:
    for name in sorted(old.keys() | new.keys()):
        if name not in new or name not in old:
            side, table = ("old", old[name]) if name in old else ("new", new[name])
            yield Difference(name, f"only the {side} history has a table {name}: {_count(table)}")
        elif old[name]["columns"] != new[name]["columns"]:
            yield Difference(name, f"the rows of {name} have other columns")
        elif (old[name]["rows"] is None) != (new[name]["rows"] is None):
            yield Difference(
                name,
                f"{name}: {_count(old[name])} in the old history"
                f" and {_count(new[name])} in the new one",
            )


def _count(table: Mapping[str, object]) -> str:
    found = table["rows"]
    number = len(found) if isinstance(found, list) else table.get("count")
    return "1 row" if number == 1 else f"{number} rows"


def _of_keys(old: Tables, new: Tables) -> Iterator[Difference]:
    """Tables in which the next row would get a key that is taken."""
    for name in sorted(old.keys() & new.keys()):
        if new[name].get("collides") and not old[name].get("collides"):
            yield Difference(
                name,
                f"{name}: the next automatic key is one that a row has already, and was not so in "
                "the old history",
            )


def _of_many(old: Tables, unequal: Sequence[str]) -> Iterator[Difference]:
    for name in unequal:
        if old[name]["rows"] is None:
            yield Difference(
                name,
                f"the rows of {name} differ; with {_count(old[name])}"
                " there are too many to say which",
            )


# What rows say


def _of_contents(old: Tables, new: Tables, aside: Aside) -> tuple[list[Difference], list[str]]:
    sides = Side(old, aside), Side(new, aside)
    colour(sides)
    found = [Unlike(name, *unmatched(*(side.nodes[name] for side in sides))) for name in old]
    found = [unlike for unlike in found if unlike.old or unlike.new]
    if not found:
        return list(_of_links(*sides)), []
    strange = {id(node) for unlike in found for node in unlike.old + unlike.new}
    causes = [unlike for unlike in found if not _is_consequence(unlike, strange)]
    causes = causes or found
    words = _Words(sides, strange)
    notes = [
        f"rows of {unlike.table} differ only in that they point to rows that differ"
        for unlike in found
        if unlike not in causes
    ]
    return [words.difference(unlike) for unlike in causes], notes


def _of_stable(first: Tables, second: Tables, new: Tables, aside: Aside) -> Iterator[Difference]:
    """Values of a column that was put aside, which it holds each time all the same."""
    for table, column in sorted(aside.filled | aside.wholly):
        pointing = {c for each in first[table]["references"] for c in each["columns"]}
        if table not in second or column in pointing or column in first[table]["automatic"]:
            continue
        values = [_values(side[table], column) for side in (first, second, new)]
        for value in sorted((values[0] & values[1]) - values[2]):
            yield Difference(
                table,
                f"{table}.{column}: every run of the old history has {_short(value)}, and the new "
                "one has not",
            )


def _values(table: Mapping[str, Any], column: str) -> Counter[str]:
    place = table["columns"].index(column)
    return Counter(json.dumps(row[place]) for row in table["rows"] or ())


def _is_consequence(unlike: Unlike, strange: set[int]) -> bool:
    """Whether all that is wrong with these rows is that they point to rows that are wrong."""
    rows = unlike.old + unlike.new
    pointing = all(any(id(target) in strange for _, target in node.to) for node in rows)
    return pointing and sorted(str(n.own) for n in unlike.old) == sorted(
        str(n.own) for n in unlike.new
    )


def _of_links(old: Side, new: Side) -> Iterator[Difference]:
    """Every row is there on both sides: whether the same ones point to the same ones."""
    recolour((old, new))
    for name in old.nodes:
        if colours(old.nodes[name]) != colours(new.nodes[name]):
            yield Difference(
                name, f"{name} has the same rows on both sides, but others belong together"
            )


class _Words:
    """Says what is different about rows."""

    def __init__(self, sides: Sequence[Side], strange: set[int]) -> None:
        self._sides = sides
        self._strange = strange

    def difference(self, unlike: Unlike) -> Difference:
        """The first few rows, and how many there are."""
        old, new = list(unlike.old), list(unlike.new)
        told = []
        for node in unlike.old[:_SHOWN]:
            other = _most_alike(node, new)
            if other is not None:
                old.remove(node)
                new.remove(other)
                told.append(self._changed(node, other))
        for side, nodes in (("old", old), ("new", new)):
            for node in nodes[: max(0, _SHOWN - len(told))]:
                told.append(f"only the {side} history has {self._row(node)}")
        count = max(len(unlike.old), len(unlike.new))
        number = "1 row differs" if count == 1 else f"{count} rows differ"
        more = "; …" if count > len(told) else ""
        return Difference(unlike.table, f"{unlike.table}: {number}: {'; '.join(told)}{more}")

    def _changed(self, old: Node, new: Node) -> str:
        left, right = self._cells(old), self._cells(new)
        unlike = [column for column in left | right if left.get(column) != right.get(column)]
        telling = [
            c for c in left if c not in unlike and left[c] not in ("null", "''", "something")
        ]
        telling.sort(key=lambda column: not left[column].startswith("'"))  # names before numbers
        same = [f"{column} {left[column]}" for column in telling[:2]]
        where = f"where {' and '.join(same)}, " if same else ""
        told = [
            f"{column} is {left.get(column, 'null')} in the old history"
            f" and {right.get(column, 'null')} in the new one"
            for column in unlike
        ]
        return where + (", ".join(told) or "what it points to differs")

    def _row(self, node: Node) -> str:
        cells = [f"{column} {text}" for column, text in self._cells(node).items()]
        return f"({', '.join(cells[:_CELLS])}{', …' if len(cells) > _CELLS else ''})"

    def _cells(self, node: Node) -> dict[str, str]:
        found = {column: _short(text) for column, text in node.own[1]}
        for label, target in node.to:
            own = [text for _, text in target.own[1] if text.startswith('"')]
            found[label] = f"→ {target.table} {_short(own[0] if own else '')}".rstrip()
        return found


def _most_alike(node: Node, others: Sequence[Node]) -> Node | None:
    """The row that shares most cells, if it is at least half of them."""
    best, most = None, 0.0
    words = {*node.own[1], *((label, target.colour) for label, target in node.to)}
    for other in others[:_TRIED]:
        same = words & {*other.own[1], *((label, target.colour) for label, target in other.to)}
        share = len(same) / max(1, len(words))
        if share > most:
            best, most = other, share
    return best if most >= 0.5 else None


def _short(text: str) -> str:
    if text.startswith('"'):
        text = "'" + str(json.loads(text)) + "'"
    return text if len(text) <= _LENGTH else text[:_LENGTH] + "…"


# What is put aside


def _told(aside: Aside) -> Iterator[str]:
    for table, column in sorted(aside.filled | aside.wholly):
        yield f"{table}.{column}: the old history fills it differently each time"


def _counted(
    unequal: Sequence[str], old: Tables, new: Tables, aside: Aside, found: Sequence[Difference]
) -> Iterator[str]:
    """Tables that are equal though their automatic keys, or keys of theirs, are not."""
    wrong = {difference.table for difference in found}
    for name in unequal:
        if name in wrong or old[name]["rows"] is None:
            continue
        places = [old[name]["columns"].index(column) for column in old[name]["automatic"]]
        one, other = (
            sorted(json.dumps([row[place] for place in places]) for row in side[name]["rows"])
            for side in (old, new)
        )
        if one != other:
            yield f"the automatic keys of {name} are others"
        elif not any(table == name for table, _ in aside.filled | aside.wholly):
            yield f"the rows of {name} are counted, or point to rows that are, in another order"


def _uncertain(old: Tables, again: Tables) -> Iterator[str]:
    for name in sorted(old.keys() & again.keys()):
        one, other = old[name]["rows"], again[name]["rows"]
        if one is not None and other is not None and len(one) != len(other):
            yield f"{name}: the old history makes another number of rows each time"
