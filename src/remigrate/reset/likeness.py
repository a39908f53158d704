"""What the rows of a database say, whatever numbers the database gave them.

Every row gets a colour: rows of one colour say the same. At first a row's colour is what stands in
its own cells; then, again and again, what stands there and the colours of the rows that it points
to, until that tells no more rows apart. So a foreign key counts as what it points to, over any
number of tables, and rows that point to themselves or in a circle do no harm.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    Tables = Mapping[str, Mapping[str, Any]]

Cell = tuple[str, str]
"""Table and column."""


class Aside(NamedTuple):
    """Columns whose cells say nothing."""

    filled: frozenset[Cell] = frozenset()
    """Only whether they are null still counts."""
    wholly: frozenset[Cell] = frozenset()


class Node:
    """A row."""

    __slots__ = ("cells", "colour", "own", "table", "to")

    def __init__(self, table: str, cells: Sequence[Any]) -> None:
        self.table = table
        self.cells = cells
        self.own: Any = None
        """What its own cells say."""
        self.to: list[tuple[str, Node]] = []
        """What it points to, with the columns that do."""
        self.colour = 0


class Side:
    """The rows of one database, with what they point to."""

    def __init__(self, tables: Tables, aside: Aside) -> None:
        self.nodes = {
            name: [Node(name, cells) for cells in table["rows"] or ()]
            for name, table in tables.items()
        }
        self._tables = tables
        self._aside = aside
        self._found: dict[tuple[str, tuple[str, ...]], dict[tuple[str, ...], Node]] = {}
        for name in tables:
            self._link(name)

    def all(self) -> Iterator[Node]:
        """Every row."""
        return (node for nodes in self.nodes.values() for node in nodes)

    def _link(self, name: str) -> None:
        table = self._tables[name]
        place = {column: index for index, column in enumerate(table["columns"])}
        references = self.references(name)
        pointing = {column for columns, _, _ in references for column in columns}
        plain = [c for c in table["columns"] if c not in pointing and c not in table["automatic"]]
        plain = [column for column in plain if (name, column) not in self._aside.wholly]
        filled = {column for column in plain if (name, column) in self._aside.filled}
        for node in self.nodes[name]:
            own = [(c, _said(node.cells[place[c]], c in filled)) for c in plain]
            for columns, to, to_columns in references:
                if all((name, column) in self._aside.wholly for column in columns):
                    continue
                key = tuple(json.dumps(node.cells[place[column]]) for column in columns)
                target = self._at(to, to_columns).get(key)
                label = ", ".join(columns)
                if target is None:
                    own.append((label, "null" if "null" in key else f"nothing at {key}"))
                elif all((name, column) in self._aside.filled for column in columns):
                    own.append((label, "something"))
                else:
                    node.to.append((label, target))
            node.own = (name, tuple(own))

    def references(self, name: str) -> list[tuple[list[str], str, list[str]]]:
        """The foreign keys that can be followed: to rows that were read; in no database's order."""
        found = []
        for reference in self._tables[name]["references"]:
            target = self._tables.get(reference["to"])
            if target is None or target["rows"] is None:
                continue
            if set(reference["to_columns"]) <= set(target["columns"]):
                found.append((reference["columns"], reference["to"], reference["to_columns"]))
        return sorted(found)

    def _at(self, table: str, columns: list[str]) -> Mapping[tuple[str, ...], Node]:
        """The rows of a table by what stands in these columns."""
        key = (table, tuple(columns))
        if key not in self._found:
            names = self._tables[table]["columns"]
            places = [names.index(column) for column in columns]
            self._found[key] = {
                tuple(json.dumps(node.cells[place]) for place in places): node
                for node in self.nodes[table]
            }
        return self._found[key]


def _said(cell: Any, filled: bool) -> str:
    if filled:
        return "null" if cell is None else "something"
    return json.dumps(cell, sort_keys=True)


def colour(sides: Sequence[Side]) -> None:
    """Give every row of all sides its colour, by what it says and points to.

    A row comes after all that it points to, so that once is enough; what is left is in a circle,
    or leads to one, and is looked at again and again.
    """
    nodes = [node for side in sides for node in side.all()]
    pointing = _pointing(nodes)
    waiting = {id(node): len(node.to) for node in nodes}
    ready = [node for node in nodes if not node.to]
    colours: dict[Any, int] = {}
    while ready:
        node = ready.pop()
        _paint([node], [(node.own, _links(node))], colours)
        for _, other in pointing.get(id(node), ()):
            waiting[id(other)] -= 1
            if not waiting[id(other)]:
                ready.append(other)
    knot = [node for node in nodes if waiting[id(node)]]
    _paint(knot, [("knot", node.own) for node in knot], colours)
    _refine(knot, _links, colours)


def recolour(sides: Sequence[Side]) -> None:
    """Tell rows apart by what points to them, too. `colour` comes first."""
    nodes = [node for side in sides for node in side.all()]
    pointing = _pointing(nodes)

    def links(node: Node) -> object:
        return _links(node), tuple(sorted((n, o.colour) for n, o in pointing.get(id(node), ())))

    _refine(nodes, links, {})


def _pointing(nodes: Iterable[Node]) -> dict[int, list[tuple[str, Node]]]:
    """What points to a row, by its `id`."""
    found: dict[int, list[tuple[str, Node]]] = defaultdict(list)
    for node in nodes:
        for label, target in node.to:
            found[id(target)].append((f"{node.table}.{label}", node))
    return found


def _links(node: Node) -> tuple[tuple[str, int], ...]:
    return tuple((label, target.colour) for label, target in node.to)


def _refine(
    nodes: Sequence[Node], links: Callable[[Node], object], colours: dict[Any, int]
) -> None:
    """Tell `nodes` apart by `links`, until that tells no more of them apart."""
    count = len({node.colour for node in nodes})
    while count:
        _paint(nodes, [(node.colour, links(node)) for node in nodes], colours)
        told = len({node.colour for node in nodes})
        if told == count:
            return
        count = told


def _paint(nodes: Sequence[Node], words: Sequence[Any], colours: dict[Any, int]) -> None:
    """One colour for one word, for both sides and all tables."""
    for node, word in zip(nodes, words, strict=True):
        node.colour = colours.setdefault(word, len(colours))


def unmatched(old: Sequence[Node], new: Sequence[Node]) -> tuple[list[Node], list[Node]]:
    """The rows of either side that say what no row of the other says; twice wants twice."""
    return _without(old, new), _without(new, old)


def _without(nodes: Sequence[Node], others: Sequence[Node]) -> list[Node]:
    there = Counter(node.colour for node in others)
    left = []
    for node in nodes:
        if there[node.colour]:
            there[node.colour] -= 1
        else:
            left.append(node)
    return left


def colours(nodes: Sequence[Node]) -> Counter[int]:
    """How many rows there are of each colour."""
    return Counter(node.colour for node in nodes)
