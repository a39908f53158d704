"""Where the new migrations of an app go when all that has landed stays: order, parents, names."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from remigrate.graph import uncertain
from remigrate.labels import FIRST
from remigrate.model import Broken, Header
from remigrate.reset.names import leading
from remigrate.reset.planned import Refusal
from remigrate.reset.renumbering import renumbered

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from remigrate.graph import Graph
    from remigrate.model import Key, Migration


class Place(NamedTuple):
    """Where the new migrations of one app go."""

    app: str
    tip: Key | None
    """The landed leaf."""
    names: dict[str, str]
    """Old name to new name, of those that are renamed."""
    parents: dict[str, str]
    """By old name: the migration of the app that it now depends on, by old name as well."""
    passed: frozenset[Key] = frozenset()
    """Landed migrations that now come before the new ones, and did not have to until now."""


def place_of(graph: Graph, base: Graph, landed: Collection[Key], path: str) -> Place | Refusal:
    """Where the new migrations of the app `path` go; `base` is the graph of what has landed."""
    why = _obstacle(graph, base, path)
    if why:
        return Refusal(path, why)
    tips = base.leaves(path)
    tip = tips[0] if tips else None
    moving = moving_of(graph, landed, path)
    inside = {name: _parents(graph, path, name) for name in moving}
    leaves = ends(graph, path, moving)
    if len(leaves) > 1 and any((path, name) not in graph.nodes for name in moving):
        why = f"its new part has the leaves {listed(leaves)} and a squash beside what it replaces"
        return Refusal(path, f"{why}; merge the leaves first")
    parents = _chain(graph, moving, inside, path) if len(leaves) > 1 else {}
    roots = [name for name in moving if not inside[name] & moving.keys()]
    if tip and not parents:
        parents = {name: tip[1] for name in roots if not _is_on(graph, tip, inside[name], path)}
    elif tip and roots:
        order = _ordered(graph, moving, path)
        first = next((name for name in order if name in roots), roots[0])
        if not _is_on(graph, tip, inside[first], path):
            parents[first] = tip[1]
    if not parents and not _clashes(graph, moving, path):
        return Place(path, tip, {}, {})
    order = _ordered(graph, moving, path) if len(leaves) > 1 else _by_name(moving, inside)
    passed = _passed(base, tip, (inside[name] - moving.keys() for name in roots), path)
    return Place(path, tip, _renamed(graph, landed, path, order), parents, passed)


def _obstacle(graph: Graph, base: Graph, path: str) -> str:
    """Why nothing can be said about the app's order; empty when something can."""
    for migration in graph.apps[path].migrations:
        if isinstance(migration.header, Broken):
            return f"{migration.name} cannot be read: {migration.header.why}"
    for key in uncertain(graph, path):
        header = graph.files[key].header
        assert isinstance(header, Header)
        doubt = next(u for u in header.unread if u.what in ("dependencies", "replaces"))
        return f"the {doubt.what} of {key[1]} cannot be read: {doubt.why}"
    for dangling in base.dangling:
        if dangling.target[0] == path and dangling.target in graph.files:
            new = dangling.target[1]
            return f"{base.name(dangling.origin)} has landed, and depends on the new {new}"
    leaves = base.leaves(path)
    if len(leaves) > 1:
        names = listed(key[1] for key in leaves)
        return f"{names} are both leaves of what has landed already; use the strategy merge"
    return ""


def moving_of(graph: Graph, landed: Collection[Key], path: str) -> dict[str, Migration]:
    """The new migrations by name. A new squash of landed ones stays where these are."""
    return {
        migration.name: migration
        for migration in graph.apps[path].migrations
        if migration.key not in landed
        and not any(key in landed for key in graph.squashes.get(migration.key, ()))
    }


def _parents(graph: Graph, path: str, name: str) -> set[str]:
    """What a migration file depends on inside its app; a file that is gone counts as its squash."""
    header, found = graph.files[path, name].header, set()
    assert isinstance(header, Header)
    for ref in header.dependencies:
        if ref.label == graph.apps[path].label and ref.name != FIRST and not ref.swappable:
            key = (path, ref.name)
            found.add(key[1] if key in graph.files else standing(graph, key)[1])
    return found


def standing(graph: Graph, key: Key) -> Key:
    """The squash that has taken the place of `key`, or `key`."""
    seen = {key}
    while key in graph.replaced_by and graph.replaced_by[key] not in seen:
        key = graph.replaced_by[key]
        seen.add(key)
    return key


def _is_on(graph: Graph, tip: Key, parents: set[str], path: str) -> bool:
    """Whether what depends on `parents` stands on the landed leaf, and on nothing else."""
    below = {standing(graph, (path, name)) for name in parents}
    return below == {standing(graph, tip)}


def ends(graph: Graph, path: str, moving: Collection[str]) -> list[str]:
    """The leaves of the new part, sorted by name."""
    return [
        name
        for name in sorted(moving)
        if (path, name) in graph.nodes
        and not any(c[0] == path and c[1] in moving for c in graph.children[path, name])
    ]


def _chain(
    graph: Graph, moving: Collection[str], inside: Mapping[str, set[str]], path: str
) -> dict[str, str]:
    """One parent for each but the first, where it does not depend on that one already."""
    order = _ordered(graph, moving, path)
    return {name: before for before, name in pairwise(order) if before not in inside[name]}


def _ordered(graph: Graph, moving: Collection[str], path: str) -> list[str]:
    """Migrations of one app in the order in which Django's ``migrate`` would run them."""
    by_name = sorted(graph.nodes, key=lambda key: _django_key(graph, key))
    leaves = [k for k in by_name if all(child[0] != k[0] for child in graph.children[k])]
    order: dict[Key, None] = {}
    for leaf in leaves:
        _run_before(graph, leaf, order)
    return [key[1] for key in order if key[0] == path and key[1] in moving]


def _django_key(graph: Graph, key: Key) -> tuple[str, str]:
    return (graph.apps[key[0]].label if key[0] in graph.apps else key[0], key[1])


def _run_before(graph: Graph, leaf: Key, order: dict[Key, None]) -> None:
    """``MigrationGraph.iterative_dfs``, with the largest parent first."""
    stack, entered = [(leaf, False)], set()
    while stack:
        key, done = stack.pop()
        if done:
            order.setdefault(key)
        elif key not in order and key not in entered:
            entered.add(key)
            stack.append((key, True))
            parents = sorted(graph.parents[key], key=lambda other: _django_key(graph, other))
            stack += [(parent, False) for parent in parents]


def _by_name(moving: Collection[str], inside: Mapping[str, set[str]]) -> list[str]:
    """Migrations of one app, each behind what it depends on, else by name."""
    order: list[str] = []
    rest = sorted(moving)
    while rest:
        ready = next((n for n in rest if not inside[n] & set(rest) - {n}), rest[0])
        order.append(ready)
        rest.remove(ready)
    return order


def _passed(
    base: Graph, tip: Key | None, stood_on: Iterable[set[str]], path: str
) -> frozenset[Key]:
    if tip is None:
        return frozenset()
    all_landed = base.ancestors(tip) | {tip}
    known = [
        {key for name in names for key in base.ancestors((path, name)) | {(path, name)}}
        for names in stood_on
    ]
    common = set.intersection(*known) if known else set()
    return frozenset(key for key in all_landed - common if key[0] == path)


# Names


def _clashes(graph: Graph, moving: Collection[str], path: str) -> bool:
    """Whether a new migration has the number of another one that it does not replace."""
    numbers: dict[int, set[str]] = {}
    for migration in graph.apps[path].migrations:
        if (found := leading(migration.name)) is not None:
            numbers.setdefault(found, set()).add(migration.name)
    for rivals in numbers.values():
        for name in rivals & set(moving):
            replaced = _all_replaced(graph, (path, name))
            others = [o for o in rivals - {name} if (path, o) not in replaced]
            if any((path, name) not in _all_replaced(graph, (path, o)) for o in others):
                return True
    return False


def _all_replaced(graph: Graph, key: Key) -> set[Key]:
    found: set[Key] = set()
    stack = [key]
    while stack:
        for replaced in graph.squashes.get(stack.pop(), ()):
            if replaced not in found:
                found.add(replaced)
                stack.append(replaced)
    return found


def _renamed(graph: Graph, landed: Collection[Key], path: str, order: list[str]) -> dict[str, str]:
    """New names for the migrations that have a number, in this order."""
    fixed = {m.name for m in graph.apps[path].migrations} - set(order)
    taken = fixed | {
        key[1] for key in graph.replaced_by if key[0] == path and key not in graph.files
    }
    members = {
        name: tuple(key[1] for key in graph.squashes.get((path, name), ()) if key[1] in order)
        for name in order
    }
    found = renumbered(order, fixed, taken, members)
    return {old: new for old, new in found.items() if old != new}


def listed(names: Iterable[str]) -> str:
    """Names in a sentence."""
    return " and ".join(names)
