"""From segments to files: what each is called, what it depends on, and what has to follow it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from remigrate.labels import EXTERNAL, FIRST, LATEST
from remigrate.model import Header, Key
from remigrate.reset import names
from remigrate.reset.asking import Asking
from remigrate.reset.old import end
from remigrate.reset.planned import Guarded, Marked, Name, Repoint, Segment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from remigrate.model import Migration, Reference
    from remigrate.reset.old import Old
    from remigrate.reset.segments import Collapsed

    Attribute = Literal["dependencies", "run_before"]


class Layout:
    """The files of the new history. Made of one walk; does not change."""

    def __init__(
        self,
        old: Old,
        collapsed: Collapsed,
        needed: Mapping[Key, Collection[Key]],
        *,
        fresh: bool,
        keep: bool,
        guard: bool,
    ) -> None:
        self._old, self._needed = old, needed
        self._parts, self._home = collapsed.parts, collapsed.home
        self._chains, self._order = collapsed.chains, collapsed.in_order()
        self._fresh, self._deletes = fresh, fresh or not keep
        self._guard = guard and not keep and not fresh
        mark = guard and not fresh  # Django runs a squash of which nothing is applied, kept or not
        self._written: set[int] = set()
        self._keys = {at: part.members[0] for at, part in enumerate(self._parts)}
        self._guards: dict[str, Key] = {}
        """Migrations that are nothing but a guard, by app."""
        for chain in self._chains.values():
            self._written |= {at for place, at in enumerate(chain) if self._write(chain, place)}
        self._asking = Asking(old, collapsed, self._written, guard=self._guard, mark=mark)
        for app, chain in self._chains.items():
            self._name(app, chain)
        self._pushed = self._ordered_from_elsewhere()
        self._ends: dict[tuple[str, str], Key | None] = {}

    def shortens(self, app: str) -> bool:
        """Whether the app gets fewer migrations."""
        return any(len(self._parts[at].members) > 1 for at in self._chains[app])

    def segments(self) -> Iterator[Segment]:
        """All segments of the target apps, each after what it depends on."""
        for at in self._order:
            app = self._parts[at].app
            if self._parts[at].target:
                yield self._segment(at)
                if app in self._guards and self._chains[app][-1] == at:
                    yield self._lone_guard(app)

    def deleted(self) -> list[Key]:
        """Files that go, apart from those that are written anew under the same name."""
        kept = {self._keys[at] for at in self._written}
        return sorted(self._gone() - kept) if self._deletes else []

    def repoints(self) -> Iterator[Repoint]:
        """What has to change in files that stay."""
        gone = self._gone()
        for key, migration in sorted(self._old.graph.files.items()):
            if key not in gone and isinstance(migration.header, Header):
                yield from self._changes(migration, "dependencies", migration.header.dependencies)
                yield from self._changes(migration, "run_before", migration.header.run_before)

    def guarded(self) -> Iterator[Guarded]:
        """What stays, and has to ask for squashes before it runs."""
        for at in self._order:
            squashes = self._asking.asked(at) if self._asking.stays(at) else set()
            if squashes:
                yield Guarded(self._keys[at], self._named(squashes))

    def marked(self) -> Iterator[Marked]:
        """What stays, and has to leave a mark that it has run."""
        for at in self._order:
            squash = self._asking.marks(at)
            if squash is not None and self._asking.stays(at):
                yield Marked(self._keys[at], self._keys[squash])

    # What is written, and its name

    def _write(self, chain: list[int], place: int) -> bool:
        part = self._parts[chain[place]]
        if self._fresh or len(part.members) > 1:
            return True
        if not place or part.fixed:
            return False
        [member] = part.members
        if member in self._needed or not self._old.inside(self._old.graph.files[member]):
            return True
        # The ones before are decided on: `chain` is in order.
        guarded = self._guard and part.landed and self._parts[chain[place - 1]].landed
        return guarded and self._write(chain, place - 1)

    def _name(self, app: str, chain: list[int]) -> None:
        taken = self._taken(app)
        make = names.fresh if self._fresh else names.squash
        for place, at in enumerate(chain):
            members = self._parts[at].members
            if at in self._written:
                name = make([name for _, name in members], place, taken)
                taken.add(name.casefold())
                self._keys[at] = (app, name)
        if self._asking.is_open(app):
            existing = [name for at in chain for _, name in self._parts[at].members]
            self._guards[app] = (app, names.guard(existing, taken))

    def _taken(self, app: str) -> set[str]:
        """Every name that the app has, had, or is believed to have."""
        graph = self._old.graph
        known: list[Iterable[Key]] = [graph.files, graph.references, self._old.rows]
        known += [self._old.originals(key) for key in graph.squashes]
        return {name.casefold() for keys in known for path, name in keys if path == app}

    def _gone(self) -> set[Key]:
        """Files that a written segment stands for."""
        return {
            migration.key
            for at in self._written
            for member in self._parts[at].members
            for migration, _ in self._old.files(member)
        }

    # Segments

    def _segment(self, at: int) -> Segment:
        part = self._parts[at]
        app, name = self._keys[at]
        written = at in self._written
        return Segment(
            app=app,
            label=self._old.graph.apps[app].label,
            name=name,
            members=tuple(part.members),
            replaces=tuple(self._replaces(at)) if written and not self._fresh else (),
            parents=tuple(sorted(self._parents(at))),
            swappable=tuple(sorted(self._swappable(at))),
            run_before=tuple(sorted(self._run_before(at))),
            initial=self._is_initial(at),
            landed=part.landed,
            written=written,
            guards=self._named(self._asking.asked(at)) if written else (),
            after=self._key(self._asking.before(at)),
            marks=self._key(self._asking.marks(at)) if written else None,
        )

    def _lone_guard(self, app: str) -> Segment:
        label = self._old.graph.apps[app].label
        # Django drops a squash that a database is behind on: nothing may become a leaf by that.
        parents = tuple(sorted(self._ref(self._keys[at]) for at in self._chains[app]))
        name = self._guards[app][1]
        guards = self._named(self._asking.squashes(app))
        return Segment(
            app, label, name, (), (), parents, (), (), False, False, written=True, guards=guards
        )

    def _key(self, at: int | None) -> Key | None:
        return None if at is None else self._keys[at]

    def _named(self, parts: Iterable[int]) -> tuple[Key, ...]:
        return tuple(sorted(self._keys[at] for at in parts))

    def _ref(self, key: Key) -> Name:
        return (self._old.graph.apps[key[0]].label, key[1])

    def _replaces(self, at: int) -> dict[Name, None]:
        part = self._parts[at]
        found: dict[Name, None] = {}
        for member in part.members:
            for key in (*self._old.originals(member), member):
                # A new squash of landed migrations is in no database at base: with it in
                # `replaces`, the segment would be half applied there.
                if not part.landed or key in self._old.rows:
                    found[self._ref(key)] = None
        return found

    def _is_initial(self, at: int) -> bool:
        """Whether ``--fake-initial`` may take it for done: a part of a history that begins so."""
        part = self._parts[at]
        if any(self._initial(member) for member in part.members):
            return True
        first = self._parts[self._chains[part.app][0]]
        follows = at in self._written and (self._fresh or part.landed)
        return follows and any(map(self._initial, first.members))

    def _initial(self, member: Key) -> bool:
        """As ``MigrationExecutor.detect_soft_applied`` sees it."""
        header = self._old.graph.files[member].header
        assert isinstance(header, Header)
        if header.initial is not None:
            return header.initial
        label = self._old.graph.apps[member[0]].label
        return all(ref.label != label or ref.swappable for ref in header.dependencies)

    def _parents(self, at: int) -> set[Name]:
        found: set[Name] = set()
        inside: dict[str, set[int]] = {}
        for member in self._parts[at].members:
            outside, nodes = self._required(member)
            found |= outside
            for home in {self._home[node] for node in nodes} - {at}:
                inside.setdefault(self._parts[home].app, set()).add(home)
        app = self._parts[at].app
        place = self._chains[app].index(at)
        if place:
            inside[app] = {self._chains[app][place - 1]}
        for path, homes in inside.items():
            found |= {self._ref(self._keys[home]) for home in self._last(path, homes)}
        return found

    def _required(self, member: Key) -> tuple[set[Name], set[Key]]:
        """What a member's own files ask for: elsewhere as written, and here as nodes."""
        before = self._old.graph.parents[member]
        outside: set[Name] = set()
        plain: set[Key] = set()
        soft: set[Key | None] = set()
        for migration, header in self._old.files(member):
            for ref in header.dependencies:
                node = self._old.meaning(ref, migration.app)
                if ref.swappable:
                    soft.add(node)
                elif node is not None and node[0].startswith(EXTERNAL):
                    outside.add((ref.label, ref.name))
                elif node in before:
                    plain.add(node)
        for node in self._needed.get(member, ()):
            if node[0].startswith(EXTERNAL):
                outside.add((node[0].removeprefix(EXTERNAL), node[1]))
            else:
                plain.add(node)
        return outside, plain | {
            node for node in before if node not in soft and (member, node) not in self._pushed
        }

    def _ordered_from_elsewhere(self) -> set[tuple[Key, Key]]:
        """Pairs (node, one before it) that the ``run_before`` of the latter makes."""
        return {
            (target, origin)
            for origin in self._old.graph.nodes
            for migration, header in self._old.files(origin)
            for ref in header.run_before
            if (target := self._old.meaning(ref, migration.app)) is not None
        }

    def _last(self, app: str, homes: set[int]) -> set[int]:
        """Those of an app's parts that no other of them comes after."""
        if app in self._chains:
            return {max(homes, key=self._chains[app].index)}
        earlier: set[Key] = set()
        stack = [self._parts[home].members[0] for home in homes]
        while stack:
            for parent in self._old.graph.parents[stack.pop()]:
                if parent[0] == app and parent not in earlier:
                    earlier.add(parent)
                    stack.append(parent)
        return {home for home in homes if self._parts[home].members[0] not in earlier}

    def _swappable(self, at: int) -> set[str]:
        return {
            ref.label
            for member in self._parts[at].members
            for _, header in self._old.files(member)
            for ref in header.dependencies
            if ref.swappable
        }

    def _run_before(self, at: int) -> set[Name]:
        found: set[Name] = set()
        for member in self._parts[at].members:
            for migration, header in self._old.files(member):
                for ref in header.run_before:
                    node = self._old.meaning(ref, migration.app)
                    if node is not None and node[0].startswith(EXTERNAL):
                        found.add((ref.label, ref.name))
                    # Inside the app, the order of the segments says it.
                    elif node is not None and node[0] != self._parts[at].app:
                        found.add(self._ref(self._keys[self._home[node]]))
        return found

    # Files that stay

    def _changes(
        self, migration: Migration, attribute: Attribute, references: tuple[Reference, ...]
    ) -> Iterator[Repoint]:
        for ref in references:
            key = self._repointed(migration, ref)
            if key is not None and key[1] != ref.name:
                old = (ref.label, ref.name)
                new = (ref.label, key[1])
                yield Repoint(migration.key, migration.path, attribute, ref.line, old, new)

    def _repointed(self, migration: Migration, ref: Reference) -> Key | None:
        """What an entry has to name from now on; None where it may stay as it is."""
        node = None if ref.swappable else self._old.meaning(ref, migration.app)
        at = None if node is None else self._home.get(node)
        if at is None or not self._parts[at].target:
            return None
        if ref is self._link(migration):
            return self._keys[self._previous(self._home[migration.key])]
        wanted = self._keys[at]
        if ref.name in (FIRST, LATEST):
            return None if self._end(self._parts[at].app, ref.name) == wanted else wanted
        return wanted if self._deletes and at in self._written else None

    def _previous(self, at: int) -> int:
        chain = self._chains[self._parts[at].app]
        return chain[chain.index(at) - 1]

    def _link(self, migration: Migration) -> Reference | None:
        """The entry of a lone member that has to name the app's segment before it, if none does."""
        at = self._home.get(migration.key)
        if at is None or not self._parts[at].target or self._chains[migration.app][0] == at:
            return None
        names = self._old.inside(migration)
        homes = {self._home.get(self._old.node((migration.app, name))) for name in names}
        if self._previous(at) in homes:
            return None
        assert isinstance(migration.header, Header)
        label = self._old.graph.apps[migration.app].label
        inner = [
            ref
            for ref in migration.header.dependencies
            if ref.label == label and ref.name in names and not ref.swappable
        ]
        return inner[-1]

    def _end(self, app: str, which: str) -> Key | None:
        """What ``__first__`` or ``__latest__`` of a target app will stand for."""
        if (app, which) not in self._ends:
            found = end(self._future(app), which)
            self._ends[app, which] = None if found is None else self._future_key((app, found))
        return self._ends[app, which]

    def _future(self, app: str) -> dict[str, list[str]]:
        """Names of the app's files after the reset, each with those that it depends on."""
        gone = self._gone() if self._deletes else set()
        chain = self._chains[app]
        future: dict[str, list[str]] = {}
        for migration in self._old.graph.apps[app].migrations:
            if migration.key not in gone:
                future[migration.name] = self._inside(migration)
        for place, at in enumerate(chain):
            if at in self._written:
                future[self._keys[at][1]] = [self._keys[chain[place - 1]][1]] if place else []
        if app in self._guards:
            future[self._guards[app][1]] = [self._keys[chain[-1]][1]]
        return future

    def _inside(self, migration: Migration) -> list[str]:
        names = self._old.inside(migration)
        if self._home.get(migration.key) in self._written:
            return names
        assert isinstance(migration.header, Header)
        label = self._old.graph.apps[migration.app].label
        return [
            (self._repointed(migration, ref) or (migration.app, ref.name))[1]
            for ref in migration.header.dependencies
            if ref.label == label and ref.name in names and not ref.swappable
        ]

    def _future_key(self, key: Key) -> Key:
        if key in self._guards.values():
            return key
        written = {self._keys[at] for at in self._written}
        return key if key in written else self._keys[self._home[self._old.node(key)]]
