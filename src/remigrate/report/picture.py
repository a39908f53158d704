"""A part of the migration graph as a picture: Mermaid, Graphviz, JSON, or lines of text.

Arrows point the way time goes, from a migration to those that depend on it. What tells the kinds
apart is never colour alone: landed has a solid border, new a dashed one, a leaf is round and thick.
Each box brings its own background and its own ink, so that light and dark pages show the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from remigrate.report.escape import label, quoted, visible

if TYPE_CHECKING:
    from remigrate.model import Node, Picture

MERMAID_CHARACTERS = 50_000
MERMAID_EDGES = 500
"""GitHub draws a picture when it stays below these two."""
NAME_WIDTH = 48
"""Names longer than this do not widen the column of names in a text."""
LEGEND = (
    "Arrows lead from a migration to those that depend on it. Solid: landed on the base already. "
    "Dashed: new in this change. Round and thick: a leaf, nothing in its app follows it."
)

MERMAID_CLASSES = (
    "classDef landed fill:#eaeef2,stroke:#57606a,color:#1f2328",
    "classDef new fill:#ddf4ff,stroke:#0969da,color:#0a3069,stroke-dasharray:5 3",
    "classDef plain fill:#f6f8fa,stroke:#6e7781,color:#1f2328",
    "classDef leaf stroke-width:4px",
)
DOT_STYLES = {
    "landed": 'style="filled", fillcolor="#eaeef2", color="#57606a", fontcolor="#1f2328"',
    "new": 'style="filled,dashed", fillcolor="#ddf4ff", color="#0969da", fontcolor="#0a3069"',
    "": 'style="filled", fillcolor="#f6f8fa", color="#6e7781", fontcolor="#1f2328"',
}


class Group(NamedTuple):
    """The nodes of one app; two apps of a repository may have the same label."""

    app: str
    folder: str
    positions: list[int]


def mermaid(picture: Picture) -> str:
    """A Mermaid flowchart, whatever its size; `is_small` says whether GitHub would draw it."""
    groups = _groups(picture)
    lines = ["flowchart LR"]
    for i, group in enumerate(groups):
        boxes = [f"    {_mermaid_box(j, picture.nodes[j])}" for j in group.positions]
        lines += [f'  subgraph a{i}["{label(group.app)}"]', *boxes, "  end"]
    lines += [f"  n{dependency} --> n{dependent}" for dependency, dependent in picture.edges]
    lines += [f"  {line}" for line in MERMAID_CLASSES]
    leaves = ",".join(f"n{i}" for i, node in enumerate(picture.nodes) if node.leaf)
    if leaves:
        lines.append(f"  class {leaves} leaf")
    lines += [f"  style a{i} fill:none,stroke:#6e7781" for i in range(len(groups))]
    return "\n".join(lines) + "\n"


def is_small(picture: Picture) -> bool:
    """Whether GitHub draws the Mermaid text of `picture`."""
    return len(picture.edges) < MERMAID_EDGES and len(mermaid(picture)) < MERMAID_CHARACTERS


def dot(picture: Picture) -> str:
    """A Graphviz digraph."""
    groups = _groups(picture)
    lines = [
        "digraph migrations {",
        f"  graph [rankdir=LR, bgcolor=transparent, label={quoted(picture.title)}, labelloc=t,",
        '         fontname="Helvetica", fontcolor="#6e7781", color="#6e7781"]',
        '  node [shape=box, fontname="Helvetica", fontsize=11, margin="0.2,0.08"]',
        '  edge [color="#6e7781"]',
    ]
    for i, group in enumerate(groups):
        boxes = [f"    {_dot_box(i, picture.nodes[i])}" for i in group.positions]
        head = f"  subgraph cluster_{i} {{ label={quoted(group.app)}; labeljust=l"
        lines += [head, *boxes, "  }"]
    lines += [f"  n{dependency} -> n{dependent}" for dependency, dependent in picture.edges]
    return "\n".join([*lines, "}"]) + "\n"


def json(picture: Picture) -> str:
    """One JSON object in ASCII, format version 1: `schemas/graph-v1.json` describes it."""
    from json import dumps

    from remigrate.report.escape import unicode_text

    nodes = [
        {
            "id": position,
            "app": unicode_text(node.app),
            "name": unicode_text(node.name),
            "path": unicode_text(node.path),
            "side": node.side or None,
            "leaf": node.leaf,
        }
        for position, node in enumerate(picture.nodes)
    ]
    edges = [{"dependency": one, "dependent": other} for one, other in picture.edges]
    title = unicode_text(picture.title)
    return dumps({"version": 1, "title": title, "nodes": nodes, "edges": edges}, indent=2) + "\n"


def text(picture: Picture) -> str:
    """One line for each node, app by app: its name, what it is, and what it comes after."""
    groups = _groups(picture)
    labels = [group.app for group in groups]
    before = _dependencies(picture)
    names = [visible(node.name) for node in picture.nodes]
    marks = [_marks(node) for node in picture.nodes]
    name_width = min(max(map(len, names), default=0), NAME_WIDTH)
    mark_width = max(map(len, marks), default=0)
    lines = []
    for group in groups:
        twin = labels.count(group.app) > 1
        lines.append(visible(f"{group.app} ({group.folder})" if twin else group.app))
        for i in group.positions:
            after = ", ".join(_seen_from(group, picture.nodes[j]) for j in before[i])
            line = f"  {names[i]:{name_width}}  {marks[i]:{mark_width}}"
            lines.append((f"{line}  after {after}" if after else line).rstrip())
    return "\n".join(lines) + "\n" if lines else ""


def _groups(picture: Picture) -> list[Group]:
    """The apps of `picture` in the order in which they come up, dependencies first in each."""
    groups: dict[tuple[str, str], Group] = {}
    for position in _order(picture):
        home = _home(picture.nodes[position])
        groups.setdefault(home, Group(*home, [])).positions.append(position)
    return list(groups.values())


def _order(picture: Picture) -> list[int]:
    """Positions with dependencies before dependents; a circle keeps the order it was given in."""
    before = _dependencies(picture)
    order: dict[int, None] = {}
    for start in range(len(picture.nodes)):
        stack = [start]
        entered: set[int] = set()
        while stack:
            position = stack[-1]
            waiting = [p for p in before[position] if p not in order and p not in entered]
            if position in order or not waiting:
                order.setdefault(stack.pop())
            else:
                entered.add(position)
                stack.append(waiting[0])
    return list(order)


def _dependencies(picture: Picture) -> list[list[int]]:
    before: list[list[int]] = [[] for _ in picture.nodes]
    for dependency, dependent in picture.edges:
        before[dependent].append(dependency)
    return [sorted(set(positions)) for positions in before]


def _marks(node: Node) -> str:
    return ", ".join(filter(None, (node.side, "leaf" if node.leaf else "")))


def _mermaid_box(position: int, node: Node) -> str:
    start, end = ('(["', '"])') if node.leaf else ('["', '"]')
    return f"n{position}{start}{label(node.name)}{end}:::{node.side or 'plain'}"


def _dot_box(position: int, node: Node) -> str:
    style = DOT_STYLES[node.side]
    if node.leaf:
        style = style.replace('style="', 'style="rounded,') + ", penwidth=3"
    return f"n{position} [label={quoted(node.name)}, {style}]"


def _seen_from(group: Group, node: Node) -> str:
    """The name of a dependency: short inside the app, with its label outside of it."""
    inside = _home(node) == (group.app, group.folder)
    return visible(node.name if inside else f"{node.app}.{node.name}")


def _home(node: Node) -> tuple[str, str]:
    return (node.app, node.path.rpartition("/")[0])
