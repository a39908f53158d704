"""The migration graph of a project, with the answers that Django's own loader would give.

Follows ``MigrationLoader.build_graph`` and ``MigrationGraph`` of Django 6.1 step by step, because
the order of its steps is part of the answer: edges inside an app come first, so that ``__first__``
finds the root; replacements come last, so that dependents of a replaced name move to its squash.
Two things differ on purpose. Nodes are known by the path of their package, as a repository may
hold several projects with the same labels; and nothing is raised: what Django would raise for is
kept (`Graph.dangling`, `Graph.cyclic_squashes`, `circles`), so that all of it can be said at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from remigrate.labels import EXTERNAL, FIRST, LATEST, Labels
from remigrate.model import Broken, Header, Key, Reference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from remigrate.model import Migration, Project


class Dangling(NamedTuple):
    """A reference to a migration that no file and no ``replaces`` provides."""

    origin: Key
    """The migration that holds the reference."""
    attribute: str
    """``dependencies`` or ``run_before``."""
    reference: Reference
    target: Key


class Graph:
    """Migrations and their order, after replacement. Made by `build`; do not change it."""

    __slots__ = (
        "_known_ends",
        "apps",
        "children",
        "cyclic_squashes",
        "dangling",
        "files",
        "labels",
        "nodes",
        "outside",
        "parents",
        "references",
        "replaced_by",
        "squashes",
    )

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.apps = labels.apps
        self.files: dict[Key, Migration] = {
            migration.key: migration for app in self.apps.values() for migration in app.migrations
        }
        """Every migration file, whether it is a node or replaced."""
        self.nodes: dict[Key, Migration | None] = {}
        """None stands for a migration that is referred to but not there."""
        self._known_ends: dict[tuple[str, int], list[Key]] = {}
        self.parents: dict[Key, set[Key]] = {}
        self.children: dict[Key, set[Key]] = {}
        self.references: dict[Key, list[Dangling]] = {}
        self.squashes: dict[Key, tuple[Key, ...]] = {}
        """Every migration with ``replaces``, and the keys in it."""
        self.replaced_by: dict[Key, Key] = {}
        """Names that a squash has taken the place of, whether or not a file has them still."""
        self.cyclic_squashes: tuple[Key, ...] = ()
        self.dangling: tuple[Dangling, ...] = ()
        self.outside: dict[Key, set[Key]] = {}
        """Migrations of apps that are not in the tree, and what wants to run before them."""

    def name(self, key: Key) -> str:
        """``label.name``, as people write it."""
        app = self.apps.get(key[0])
        return f"{app.label if app else key[0].removeprefix(EXTERNAL)}.{key[1]}"

    def roots(self, app: str) -> list[Key]:
        """Nodes of `app` that depend on nothing inside it, sorted by name."""
        return self._ends(app, self.parents)

    def leaves(self, app: str) -> list[Key]:
        """Nodes of `app` that nothing inside it depends on, sorted by name."""
        return self._ends(app, self.children)

    def _ends(self, app: str, neighbours: dict[Key, set[Key]]) -> list[Key]:
        known = self._known_ends.get((app, id(neighbours)))
        if known is None:
            names = [migration.key for migration in self.apps[app].migrations]
            names += [key for key in self.references if key[0] == app]
            known = sorted(
                key
                for key in set(names)
                if key in self.nodes and all(other[0] != app for other in neighbours[key])
            )
            self._known_ends[(app, id(neighbours))] = known
        return known

    def _forget_ends(self, app: str) -> None:
        """Something inside `app` was changed."""
        self._known_ends.pop((app, id(self.parents)), None)
        self._known_ends.pop((app, id(self.children)), None)

    def ancestors(self, start: Key) -> set[Key]:
        """Every node that must come before `start`; without `start` unless it is in a circle."""
        seen: set[Key] = set()
        stack = [start]
        while stack:
            for parent in self.parents.get(stack.pop(), ()):
                if parent not in seen:
                    seen.add(parent)
                    stack.append(parent)
        return seen

    def _add(self, key: Key, migration: Migration | None) -> None:
        self.nodes[key] = migration
        self.parents[key] = set()
        self.children[key] = set()
        self._forget_ends(key[0])

    def _connect(self, child: Key, parent: Key) -> None:
        self.parents[child].add(parent)
        self.children[parent].add(child)
        if child[0] == parent[0]:
            self._forget_ends(child[0])

    def _remove(self, key: Key) -> tuple[set[Key], set[Key]]:
        del self.nodes[key]
        self._forget_ends(key[0])
        parents, children = self.parents.pop(key), self.children.pop(key)
        for parent in parents:
            self.children.get(parent, set()).discard(key)
        for child in children:
            self.parents.get(child, set()).discard(key)
        return parents, children


def build(project: Project, applied: Collection[Key] | None = None) -> Graph:
    """The graph of `project` as Django would load it.

    With `applied`, the rows of ``django_migrations`` of some database: a squash of which only a
    part is applied is then left out, as Django does.
    """
    graph = Graph(Labels(project))
    headers = [(k, m.header) for k, m in graph.files.items() if isinstance(m.header, Header)]
    for migration in graph.files.values():
        graph._add(migration.key, migration)
    for key, header in headers:
        if header.replaces:
            graph.squashes[key] = tuple(
                graph.labels.key(ref.label, ref.name, key[0]) for ref in header.replaces
            )
    _connect_inside(graph, headers)
    _connect_across(graph, headers)
    _replace(graph, applied or ())
    _drop_missing(graph)
    return graph


def _refer(graph: Graph, key: Key, attribute: str, ref: Reference, target: Key) -> None:
    """Connect `key` with `target`, which becomes a placeholder when no file provides it."""
    if target not in graph.nodes:
        graph._add(target, None)
    if graph.nodes[target] is None:
        graph.references.setdefault(target, []).append(Dangling(key, attribute, ref, target))
    child, parent = (key, target) if attribute == "dependencies" else (target, key)
    graph._connect(child, parent)


def _connect_inside(graph: Graph, headers: Iterable[tuple[Key, Header]]) -> None:
    for key, header in headers:
        label = graph.apps[key[0]].label
        for ref in header.dependencies:
            if ref.label == label and ref.name != FIRST and not ref.swappable:
                _refer(graph, key, "dependencies", ref, (key[0], ref.name))


def _connect_across(graph: Graph, headers: Iterable[tuple[Key, Header]]) -> None:
    for key, header in headers:
        label = graph.apps[key[0]].label
        for ref in header.dependencies:
            if ref.label != label or ref.swappable:
                target = _target(graph, ref, key[0])
                if target is not None:
                    _refer(graph, key, "dependencies", ref, target)
        for ref in header.run_before:
            target = _target(graph, ref, key[0])
            if target is not None:
                _refer(graph, key, "run_before", ref, target)


def _target(graph: Graph, ref: Reference, seen_from: str) -> Key | None:
    """What Django's ``check_key`` makes of a reference; None when it asks for nothing."""
    label: str | None = ref.label
    if ref.swappable:
        label = graph.labels.swapped(ref, seen_from)
        if label is None:
            return None
    assert label is not None
    if ref.name not in (FIRST, LATEST):
        return graph.labels.key(label, ref.name, seen_from)
    if label == graph.apps[seen_from].label:
        return None
    paths = graph.labels.candidates(label, seen_from)
    if not paths:
        return None
    ends = graph.roots(paths[0]) if ref.name == FIRST else graph.leaves(paths[0])
    # An app of the tree without such an end has no migrations: Django raises ValueError.
    return ends[0] if ends else (paths[0], ref.name)


def _replace(graph: Graph, applied: Collection[Key]) -> None:
    """``MigrationLoader.replace_migration`` for every squash, innermost first."""
    applied = set(applied)
    order, graph.cyclic_squashes = _innermost_first(graph.squashes)
    resolved: dict[Key, set[Key]] = {}
    for squash in order:
        replaced = graph.squashes[squash]
        resolved[squash] = set()
        for key in replaced:
            resolved[squash] |= resolved.get(key, {key})
        done = sum(key in applied for key in resolved[squash])
        if done == len(resolved[squash]):
            applied.add(squash)
        else:
            applied.discard(squash)
        if squash not in graph.nodes:
            continue
        if done in (0, len(resolved[squash])):
            _take_place(graph, squash, set(replaced))
        else:
            _give_way(graph, squash, replaced)


def _innermost_first(
    squashes: dict[Key, tuple[Key, ...]],
) -> tuple[list[Key], tuple[Key, ...]]:
    """Squashes in the order in which Django replaces, and those caught in a circle."""
    order: list[Key] = []
    state: dict[Key, bool] = {}
    cyclic: dict[Key, None] = {}
    for start in squashes:
        stack = [(start, iter(squashes[start]))] if start not in state else []
        state.setdefault(start, False)
        while stack:
            key, replaced = stack[-1]
            inner = next((k for k in replaced if k in squashes and not state.get(k)), None)
            if inner is None:
                stack.pop()
                state[key] = True
                order.append(key)
            elif inner in state:
                path = [k for k, _ in stack]
                cyclic.update(dict.fromkeys(path[path.index(inner) :]))
            else:
                state[inner] = False
                stack.append((inner, iter(squashes[inner])))
    return [key for key in order if key not in cyclic], tuple(cyclic)


def _take_place(graph: Graph, squash: Key, replaced: set[Key]) -> None:
    """``MigrationGraph.remove_replaced_nodes``."""
    for key in replaced:
        if key == squash:
            continue
        graph.replaced_by[key] = squash
        if key not in graph.nodes:
            continue
        parents, children = graph._remove(key)
        for child in children - replaced:
            graph._connect(child, squash)
        for parent in parents - replaced:
            graph._connect(squash, parent)


def _give_way(graph: Graph, squash: Key, replaced: Iterable[Key]) -> None:
    """``MigrationGraph.remove_replacement_node``."""
    _, children = graph._remove(squash)
    present = {key for key in replaced if key in graph.nodes}
    last = present - {parent for key in present for parent in graph.parents[key]}
    for child in children - {squash}:
        for key in last:
            graph._connect(child, key)


def _drop_missing(graph: Graph) -> None:
    """Forget placeholders; those of the tree's own apps are dangling references."""
    dangling: list[Dangling] = []
    for target, references in graph.references.items():
        if target in graph.nodes and graph.nodes[target] is None:
            parents, _ = graph._remove(target)
            if target[0].startswith(EXTERNAL):
                graph.outside[target] = parents
            else:
                dangling += references
    graph.dangling = tuple(dangling)


def uncertain(graph: Graph, app: str) -> list[Key]:
    """Nodes of `app` whose edges inside it could not be read."""
    return [
        migration.key
        for migration in graph.apps[app].migrations
        if migration.key in graph.nodes
        and (
            isinstance(migration.header, Broken)
            or any(
                unread.what in ("dependencies", "replaces") for unread in migration.header.unread
            )
        )
    ]


def certain_leaves(graph: Graph, app: str) -> list[Key]:
    """Leaves of `app` that nothing unread can be hiding a child of.

    A migration whose dependencies could not be read may come after any but its own descendants.
    """
    leaves = graph.leaves(app)
    if len(leaves) < 2:
        return leaves
    doubtful = uncertain(graph, app)
    return [
        leaf
        for leaf in leaves
        if all(node == leaf or node in graph.ancestors(leaf) for node in doubtful)
    ]
