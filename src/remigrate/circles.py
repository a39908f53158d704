"""Circular dependencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remigrate.graph import Graph
    from remigrate.model import Key


def cycles(graph: Graph) -> list[tuple[Key, ...]]:
    """One shortest circle for each knot of the graph, each in order of dependency.

    ``(a, b, c)`` means that a depends on c, b on a, c on b.
    """
    return [_shortest_circle(graph, knot) for knot in _knots(graph)]


def _knots(graph: Graph) -> list[set[Key]]:
    """Strongly connected parts with more than one node, or with an edge to itself.

    What can be peeled off from the roots up and from the leaves down is in no circle; that leaves
    nothing at all in a healthy graph, and little to search in a sick one.
    """
    rest = _peel(set(graph.nodes), graph.parents, graph.children)
    rest = _peel(rest, graph.children, graph.parents)
    knots: list[set[Key]] = []
    while rest:
        start = min(rest)
        forward = _reach(start, graph.children, rest)
        knot = forward & _reach(start, graph.parents, rest)
        if knot:
            knots.append(knot)
        rest -= knot | {start}
    return knots


def _peel(nodes: set[Key], before: dict[Key, set[Key]], after: dict[Key, set[Key]]) -> set[Key]:
    waiting = {key: len(before[key] & nodes) for key in nodes}
    ready = [key for key, count in waiting.items() if not count]
    rest = set(nodes)
    while ready:
        key = ready.pop()
        rest.discard(key)
        for other in after[key]:
            if other in rest:
                waiting[other] -= 1
                if not waiting[other]:
                    ready.append(other)
    return rest


def _reach(start: Key, neighbours: dict[Key, set[Key]], within: set[Key]) -> set[Key]:
    """What can be reached from `start` by at least one step."""
    seen: set[Key] = set()
    stack = [start]
    while stack:
        for key in neighbours[stack.pop()] & within:
            if key not in seen:
                seen.add(key)
                stack.append(key)
    return seen


def _shortest_circle(graph: Graph, knot: set[Key]) -> tuple[Key, ...]:
    start = min(knot)
    came_from: dict[Key, Key] = {}
    queue = [start]
    for key in queue:
        for child in sorted(graph.children[key] & knot):
            if child == start:
                path = [key]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return tuple(reversed(path))
            if child not in came_from:
                came_from[child] = key
                queue.append(child)
    raise AssertionError("a knot without a circle")
