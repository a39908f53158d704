"""Pictures of a graph: all of it, or what surrounds a conflict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.model import Finding, Key, Node, Picture

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from remigrate.facts import Facts
    from remigrate.graph import Graph

_DRAWN = frozenset({"RM101", "RM103", "RM201"})
_DEPTH = 8
"""Migrations of one branch that a picture shows at most."""


def of_findings(facts: Facts, findings: Iterable[Finding]) -> tuple[Picture, ...]:
    """One picture for each finding that is about the order of migrations."""
    keys = {facts.graph.name(key): key for key in facts.graph.nodes}
    pictures = []
    for finding in findings:
        if finding.code in _DRAWN:
            involved = [keys[name] for name in finding.migrations if name in keys]
            shown = _branches(facts.graph, involved)
            pictures.append(_picture(facts, shown, f"{finding.code} {finding.app}"))
    return tuple(pictures)


def whole(facts: Facts, labels: Collection[str]) -> Picture:
    """Every migration of the apps called `labels` (of all apps, when it is empty)."""
    shown = {
        key for key in facts.graph.nodes if not labels or facts.graph.apps[key[0]].label in labels
    }
    return _picture(facts, shown, "")


def _branches(graph: Graph, ends: list[Key]) -> set[Key]:
    """The `ends` and what leads to them inside their apps, back to where they part."""
    chains = {end: [end, *_lineage(graph, end)] for end in ends}
    shown: set[Key] = set()
    for end, chain in chains.items():
        others = [set(c) for other, c in chains.items() if other != end and other[0] == end[0]]
        for key in chain[:_DEPTH]:
            shown.add(key)
            if any(key in other for other in others):
                break
    return shown


def _lineage(graph: Graph, end: Key) -> list[Key]:
    """Ancestors of `end` inside its app, the nearest first."""
    seen: dict[Key, None] = {}
    queue = [end]
    for key in queue:
        for parent in sorted(graph.parents[key], reverse=True):
            if parent[0] == end[0] and parent not in seen and parent != end:
                seen[parent] = None
                queue.append(parent)
    return list(seen)


def _picture(facts: Facts, shown: Collection[Key], title: str) -> Picture:
    graph = facts.graph
    order = _in_order(graph, shown)
    position = {key: at for at, key in enumerate(order)}
    leaves = {leaf for app in {key[0] for key in order} for leaf in graph.leaves(app)}
    nodes = tuple(
        Node(graph.apps[k[0]].label, k[1], graph.files[k].path, facts.side(k), k in leaves)
        for k in order
    )
    edges = sorted(
        (position[parent], position[key])
        for key in order
        for parent in graph.parents[key]
        if parent in position
    )
    return Picture(title, nodes, tuple(edges))


def _in_order(graph: Graph, shown: Collection[Key]) -> list[Key]:
    """Dependencies first; names decide where the graph does not."""
    order: dict[Key, None] = {}
    for start in sorted(shown):
        stack = [start]
        under_way: set[Key] = set()
        while stack:
            key = stack[-1]
            if key in order:
                stack.pop()
                continue
            under_way.add(key)
            before = [p for p in graph.parents[key] if p in shown and p not in order]
            before = [p for p in before if p not in under_way]
            if before:
                stack += sorted(before, reverse=True)
            else:
                order[stack.pop()] = None
    return list(order)
