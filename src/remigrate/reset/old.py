"""The history as it stands, in the questions that the planner asks about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.labels import EXTERNAL, FIRST, LATEST
from remigrate.model import Header, Key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from remigrate.graph import Graph
    from remigrate.model import Migration, Reference

Edges = dict[Key, set[Key]]
"""Every migration and what must come before it."""


class Old:
    """What references meant, and what databases at base have applied."""

    def __init__(self, graph: Graph, landed: Collection[Key]) -> None:
        self.graph = graph
        self.rows = {*landed, *(old for key in landed for old in self.originals(key))}
        """Rows of ``django_migrations`` in a database that has applied everything in base."""
        self._ends: dict[tuple[str, str], Key | None] = {}

    def node(self, key: Key) -> Key:
        """`key`, or the squash that has taken its place."""
        while key not in self.graph.nodes and key in self.graph.replaced_by:
            key = self.graph.replaced_by[key]
        return key

    def originals(self, key: Key) -> list[Key]:
        """All that a squash replaces, and what squashes among that replace, in old order."""
        found: dict[Key, None] = {}
        self._collect(key, found, {key})
        return list(found)

    def _collect(self, key: Key, found: dict[Key, None], above: set[Key]) -> None:
        for old in self.graph.squashes.get(key, ()):
            if old not in above and old not in found:
                self._collect(old, found, {*above, old})
                found[old] = None

    def files(self, node: Key) -> Iterator[tuple[Migration, Header]]:
        """The file of a node, and those on disk that it replaces."""
        for key in (node, *self.originals(node)):
            migration = self.graph.files.get(key)
            if migration is not None and isinstance(migration.header, Header):
                yield migration, migration.header

    def plain(self, key: Key) -> list[Key]:
        """The migrations behind a squash that are none themselves; else `key` alone."""
        return [old for old in (*self.originals(key), key) if old not in self.graph.squashes]

    def landed(self, key: Key) -> bool:
        """Whether a database at base counts `key` as applied; what is not in the tree always is."""
        if key in self.rows or key[0].startswith(EXTERNAL):
            return True
        plain = self.plain(key)
        return bool(plain) and self.rows.issuperset(plain)

    def half_landed(self, key: Key) -> bool:
        """Whether base has a part of what `key` replaces, and head has more."""
        return not self.landed(key) and not self.rows.isdisjoint(self.plain(key))

    def meaning(self, reference: Reference, app: str) -> Key | None:
        """The node that a migration of `app` depends on by `reference`.

        A key that is no node for what is not in the tree; None for what Django ignores, and for a
        setting whose value nobody knows.
        """
        label: str | None = reference.label
        if reference.swappable:
            label = self.graph.labels.swapped(reference, app)
        if label is None:
            return None
        if reference.name not in (FIRST, LATEST):
            return self.node(self.graph.labels.key(label, reference.name, app))
        if label == self.graph.apps[app].label:
            return None
        paths = self.graph.labels.candidates(label, app)
        return self.end(paths[0], reference.name) if paths else (EXTERNAL + label, reference.name)

    def end(self, app: str, which: str) -> Key | None:
        """The node that ``__first__`` or ``__latest__`` of `app` stands for."""
        if (app, which) not in self._ends:
            names = {m.name: self.inside(m) for m in self.graph.apps[app].migrations}
            found = end(names, which)
            self._ends[app, which] = None if found is None else self.node((app, found))
        return self._ends[app, which]

    def inside(self, migration: Migration) -> list[str]:
        """Names in the app itself that a file depends on."""
        header, label = migration.header, self.graph.apps[migration.app].label
        references = header.dependencies if isinstance(header, Header) else ()
        return [
            ref.name
            for ref in references
            if ref.label == label and not ref.swappable and ref.name not in (FIRST, LATEST)
        ]


def end(names: Mapping[str, Collection[str]], which: str) -> str | None:
    """What Django takes for the first or the latest of an app: `names` to names before them.

    Like Django, it looks before squashes take the place of anything, and of several it takes the
    one whose name sorts first. A name that no file has counts too.
    """
    named = {name for before in names.values() for name in before}
    if which == FIRST:
        candidates = {name for name, before in names.items() if not before} | (named - set(names))
    else:
        candidates = set(names) - named
    return min(candidates, default=None)


def edges(
    old: Old,
    outside: Mapping[Key, Collection[Key]],
    needed: Mapping[Key, Collection[Key]] | None = None,
) -> Edges:
    """The graph after replacement, with what `outside` and `needed` add: see
    `remigrate.reset.plan.make`."""
    graph = old.graph
    before = {key: set(parents) for key, parents in graph.parents.items()}
    for key, parents in (needed or {}).items():
        before[key] |= set(parents)
    for key, parents in outside.items():
        child = before.setdefault(old.node(key), set())
        child |= {old.node(parent) for parent in parents} - {old.node(key)}
    for target, references in graph.references.items():
        if target in outside:
            for origin, attribute, _, _ in references:
                pair = (old.node(origin), target)
                child_key, parent = pair if attribute == "dependencies" else pair[::-1]
                before[child_key].add(parent)
    for parents in list(before.values()):
        for parent in parents:
            before.setdefault(parent, set())
    return before
