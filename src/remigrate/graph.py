"""The migration graph of a project, with the answers that Django's own loader would give.

Follows ``MigrationLoader.build_graph`` and ``MigrationGraph`` of Django 6.1 step by step, because
the order of its steps is part of the answer: edges inside an app come first, so that ``__first__``
finds the root; replacements come last, so that dependents of a replaced name move to its squash.
Two things differ on purpose. Nodes are known by the path of their package, as a repository may
hold several projects with the same labels; and nothing is raised: what Django would raise for is
kept (`Graph.dangling`, `Graph.cyclic_squashes`, `cycles`), so that all of it can be said at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from remigrate.model import Broken, Header, Key, Reference

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from remigrate.model import App, Migration, Project

FIRST, LATEST = "__first__", "__latest__"
EXTERNAL = "@"
"""Starts the app part of keys of apps that are not in the tree, as in ``("@auth", "
""0001_initial")``."""


_SIDE_ROOMS = frozenset({"test", "tests", "testing", "example", "examples"})


class Dangling(NamedTuple):
    """A reference to a migration that no file and no ``replaces`` provides."""

    origin: Key
    """The migration that holds the reference."""
    attribute: str
    """``dependencies`` or ``run_before``."""
    reference: Reference
    target: Key


class Labels:
    """Resolves app labels the way the project would that a migration belongs to."""

    def __init__(self, project: Project) -> None:
        self.apps = {app.path: app for app in project.apps if app.is_package}
        self.settings = project.settings
        self._names = {
            path: {migration.name for migration in app.migrations}
            for path, app in self.apps.items()
        }
        self._by_label: dict[str, list[App]] = {}
        for app in self.apps.values():
            self._by_label.setdefault(app.label, []).append(app)
        self._near: dict[tuple[str, str], list[str]] = {}

    def candidates(self, label: str, seen_from: str) -> list[str]:
        """Package paths of the apps called `label`, nearest first; empty when the tree has none.

        Apps of the same project win over all others; then the one that shares most folders with
        the asking app. Nothing outside of a folder of tests depends on an app inside it.
        """
        found = self._near.get((label, seen_from))
        if found is None:
            asking = self.apps[seen_from]
            apps = [a for a in self._by_label.get(label, ()) if seen_from.startswith(_room(a.path))]
            if len(apps) > 1:
                siblings = [app for app in apps if app.project == asking.project]
                apps = sorted(siblings or apps, key=lambda app: _distance(seen_from, app.path))
            found = self._near[(label, seen_from)] = [app.path for app in apps]
        return found

    def key(self, label: str, name: str, seen_from: str) -> Key:
        """The key that ``(label, name)`` means in a migration of the app `seen_from`.

        Of several apps with that label the nearest one that has the name is meant; if none has
        it, the nearest one.
        """
        if label == self.apps[seen_from].label:
            return (seen_from, name)
        paths = self.candidates(label, seen_from)
        if not paths:
            return (EXTERNAL + label, name)
        if len(paths) > 1:
            paths = [path for path in paths if name in self._names[path]] or paths
        return (paths[0], name)

    def swapped(self, reference: Reference, seen_from: str) -> str | None:
        """The app label that a swappable dependency names; None when that cannot be told."""
        project = self.apps[seen_from].project
        value = self.settings.get((project, reference.label))
        if value is None and project != "." and (project, reference.label) not in self.settings:
            value = self.settings.get((".", reference.label))
        return value.split(".", 1)[0] if value else None


def _room(path: str) -> str:
    """The folder of tests or examples that `path` is in, with ``/`` at the end; else empty."""
    folders = path.split("/")
    for depth, folder in enumerate(folders, 1):
        if folder in _SIDE_ROOMS:
            return "/".join(folders[:depth]) + "/"
    return ""


def _distance(one: str, other: str) -> tuple[int, str]:
    left, right = one.split("/"), other.split("/")
    shared = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        shared += 1
    return (len(left) + len(right) - 2 * shared, other)


class Graph:
    """Migrations and their order, after replacement. Made by `build`; do not change it."""

    __slots__ = (
        "apps",
        "children",
        "cyclic_squashes",
        "dangling",
        "files",
        "labels",
        "nodes",
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
        self.parents: dict[Key, set[Key]] = {}
        self.children: dict[Key, set[Key]] = {}
        self.references: dict[Key, list[Dangling]] = {}
        self.squashes: dict[Key, tuple[Key, ...]] = {}
        """Every migration with ``replaces``, and the keys in it."""
        self.replaced_by: dict[Key, Key] = {}
        """Names that a squash has taken the place of, whether or not a file has them still."""
        self.cyclic_squashes: tuple[Key, ...] = ()
        self.dangling: tuple[Dangling, ...] = ()

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
        names = [migration.key for migration in self.apps[app].migrations]
        names += [key for key in self.references if key[0] == app]
        return sorted(
            key
            for key in set(names)
            if key in self.nodes and all(other[0] != app for other in neighbours[key])
        )

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

    def _connect(self, child: Key, parent: Key) -> None:
        self.parents[child].add(parent)
        self.children[parent].add(child)

    def _remove(self, key: Key) -> tuple[set[Key], set[Key]]:
        del self.nodes[key]
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
            if not target[0].startswith(EXTERNAL):
                dangling += references
            graph._remove(target)
    graph.dangling = tuple(dangling)


def recorded(project: Project) -> set[Key]:
    """Rows of ``django_migrations`` in a database that has applied everything in `project`.

    Django records a squash together with everything that it replaces
    (``MigrationExecutor.record_migration``, ``check_replacements``). Of apps that are not in the
    tree, it has applied what migrations of the tree depend on.
    """
    labels = Labels(project)
    rows: set[Key] = set()
    for app in labels.apps.values():
        for migration in app.migrations:
            rows.add(migration.key)
            if not isinstance(migration.header, Header):
                continue
            for ref in migration.header.replaces:
                rows.add(labels.key(ref.label, ref.name, app.path))
            for ref in migration.header.dependencies:
                if not ref.swappable and ref.name not in (FIRST, LATEST):
                    key = labels.key(ref.label, ref.name, app.path)
                    if key[0].startswith(EXTERNAL):
                        rows.add(key)
    return rows


def inconsistencies(graph: Graph, applied: Collection[Key]) -> Iterator[tuple[Key, Key]]:
    """Pairs (applied, unapplied dependency) for which ``check_consistent_history`` raises."""
    covered: dict[Key, bool] = {}
    for child in sorted(key for key in applied if key in graph.nodes):
        for parent in sorted(graph.parents[child]):
            if parent not in applied and not _covered(graph, parent, applied, covered):
                yield child, parent


def _covered(graph: Graph, key: Key, applied: Collection[Key], memo: dict[Key, bool]) -> bool:
    """``MigrationLoader.all_replaced_applied``: all that a squash replaces is applied."""
    stack = [key]
    while stack:
        top = stack[-1]
        open_keys = [k for k in graph.squashes.get(top, ()) if k not in applied]
        waiting = [k for k in open_keys if k in graph.squashes and k not in memo and k != top]
        if waiting and not set(waiting) <= set(stack):
            stack += [k for k in waiting if k not in stack]
            continue
        memo[top] = top in graph.squashes and all(memo.get(k, False) for k in open_keys)
        stack.pop()
    return memo[key]


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
    waiting = {
        key: len(before[key] & nodes) if len(nodes) < len(before) else len(before[key])
        for key in nodes
    }
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
