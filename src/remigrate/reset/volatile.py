"""Which columns one and the same history fills differently each time it runs."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from remigrate.reset.likeness import Aside, Cell, Side, colour, colours

if TYPE_CHECKING:
    from collections.abc import Iterator

    from remigrate.reset.likeness import Node, Tables


def columns(first: Tables, second: Tables) -> Aside:
    """Columns whose cells differ between two runs of one history: times, passwords, numbers."""
    filled: set[Cell] = set()
    wholly: set[Cell] = set()
    for table in sorted(_comparable(first, second)):
        for column, nulls_differ in _unlike(table, first, second):
            (wholly if nulls_differ else filled).add((table, column))
    while True:
        aside = Aside(frozenset(filled), frozenset(wholly))
        sides = Side(first, aside), Side(second, aside)
        colour(sides)
        more = _links(*sides) or _shuffled(*sides)
        if not more:
            return aside
        wholly |= more


def _comparable(first: Tables, second: Tables) -> Iterator[str]:
    """Tables with the same columns and number of rows: only there a column can be to blame."""
    for name in first.keys() & second.keys():
        one, other = first[name], second[name]
        if one["rows"] is None or other["rows"] is None:
            continue
        if one["columns"] == other["columns"] and len(one["rows"]) == len(other["rows"]):
            yield name


def _unlike(table: str, first: Tables, second: Tables) -> Iterator[tuple[str, bool]]:
    """Columns that hold other values, and whether even their nulls are others."""
    pointing = {c for reference in first[table]["references"] for c in reference["columns"]}
    for place, column in enumerate(first[table]["columns"]):
        if column in pointing or column in first[table]["automatic"]:
            continue
        one, other = (
            Counter(json.dumps(row[place]) for row in side[table]["rows"])
            for side in (first, second)
        )
        if one != other:
            yield column, one["null"] != other["null"]


def _unsettled(first: Side, second: Side) -> Iterator[tuple[str, list[Node], list[Node]]]:
    """Tables whose rows differ though the rows that they point to do not."""
    unlike = {
        name
        for name in first.nodes.keys() & second.nodes.keys()
        if colours(first.nodes[name]) != colours(second.nodes[name])
    }
    for name in sorted(unlike):
        nodes, others = first.nodes[name], second.nodes[name]
        targets = {target.table for node in nodes + others for _, target in node.to}
        if len(nodes) == len(others) and not targets & (unlike - {name}):
            yield name, nodes, others


def _links(first: Side, second: Side) -> set[Cell]:
    """Foreign keys that point to other rows each time."""
    found: set[Cell] = set()
    for name, nodes, others in _unsettled(first, second):
        for label in sorted({label for node in nodes + others for label, _ in node.to}):
            one, other = (
                Counter(_pointed(node, label) for node in side) for side in (nodes, others)
            )
            if one != other:
                found |= {(name, column) for column in label.split(", ")}
    return found


def _pointed(node: Node, label: str) -> int | None:
    return next((target.colour for own, target in node.to if own == label), None)


def _shuffled(first: Side, second: Side) -> set[Cell]:
    """A column with the same values each time, in other rows, where it alone makes them differ."""
    for name, nodes, others in _unsettled(first, second):
        labels = {label for node in nodes + others for label, _ in _words(node)}
        for label in sorted(labels):
            one, other = (Counter(_rest(node, label) for node in side) for side in (nodes, others))
            if one == other:
                return {(name, column) for column in label.split(", ")}
    return set()


def _words(node: Node) -> list[tuple[str, object]]:
    own: list[tuple[str, object]] = [*node.own[1]]
    return own + [(label, target.colour) for label, target in node.to]


def _rest(node: Node, label: str) -> tuple[tuple[str, object], ...]:
    return tuple(word for word in _words(node) if word[0] != label)
