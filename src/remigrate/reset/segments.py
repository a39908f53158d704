"""Which migrations of an app can become one, without closing a circle through other apps.

The graph is walked in Django's order, and each target app has one open segment. Taking a migration
into it makes the segment depend on all that the migration depends on; where something of that
depends on the segment already, the segment is closed and a new one begins. So the *collapsed*
graph, in which a segment is one node, has no circle at any step.
"""

from __future__ import annotations

import heapq
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from remigrate.model import Key
    from remigrate.reset.old import Edges

    Rank = Callable[[Key], tuple[str, str, str]]


class Part:
    """A node of the collapsed graph: a segment of a target app, or any other migration."""

    __slots__ = ("after", "app", "before", "fixed", "landed", "members", "target")

    def __init__(self, key: Key, *, landed: bool, target: bool, fixed: bool) -> None:
        self.app = key[0]
        self.landed = landed
        self.target = target
        self.fixed = fixed
        self.members: list[Key] = []
        self.before: set[int] = set()
        self.after: set[int] = set()


class Collapsed:
    """The collapsed graph; parts are known by their position, which is when they were begun."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.home: dict[Key, int] = {}
        self.chains: dict[str, list[int]] = {}
        """The parts of each target app, each depending on the one before it."""

    def begin(self, part: Part) -> int:
        """A new part; in a target app, after the last one."""
        at = len(self.parts)
        self.parts.append(part)
        if part.target:
            chain = self.chains.setdefault(part.app, [])
            if chain:
                self._connect(chain[-1], at)
            chain.append(at)
        return at

    def join(self, key: Key, at: int, before: Iterable[int]) -> None:
        """Let `key` be a member of a part, and the part depend on what `key` depends on."""
        self.parts[at].members.append(key)
        self.home[key] = at
        for parent in before:
            if parent != at:
                self._connect(parent, at)

    def _connect(self, parent: int, child: int) -> None:
        self.parts[child].before.add(parent)
        self.parts[parent].after.add(child)

    def reaches(self, start: int, goals: Collection[int]) -> bool:
        """Whether one of `goals`, or something that it depends on, depends on `start`."""
        goals = set(goals)
        seen, stack = {start}, [start]
        while stack:
            for child in self.parts[stack.pop()].after:
                if child in goals:
                    return True
                if child not in seen:
                    seen.add(child)
                    stack.append(child)
        return False

    def in_order(self) -> list[int]:
        """Every part after all that it depends on, otherwise in the order of their beginning."""
        waiting = [len(part.before) for part in self.parts]
        ready = [at for at, count in enumerate(waiting) if not count]
        done: list[int] = []
        while ready:
            at = heapq.heappop(ready)
            done.append(at)
            for child in self.parts[at].after:
                waiting[child] -= 1
                if not waiting[child]:
                    heapq.heappush(ready, child)
        return done


def django_order(before: Edges, rank: Rank) -> list[Key]:
    """Every migration as ``migrate`` would run it: leaf by leaf, what they depend on first.

    Circles do not stop it; an edge that closes one is passed over.
    """
    ranks = {key: rank(key) for key in before}
    inner = {p for key, parents in before.items() for p in parents if p[0] == key[0]}
    everything = sorted(before, key=ranks.__getitem__)
    order: list[Key] = []
    entered: set[Key] = set()
    for start in [*(key for key in everything if key not in inner), *everything]:
        stack = [(start, False)]
        while stack:
            key, done = stack.pop()
            if done:
                order.append(key)
            elif key not in entered:
                entered.add(key)
                stack.append((key, True))
                parents = sorted(before[key], key=ranks.__getitem__)
                stack += [(parent, False) for parent in parents if parent not in entered]
    return order


def late(order: Iterable[Key], before: Edges, landed: Callable[[Key], bool]) -> dict[Key, Key]:
    """What must come after something new, with that new migration; the new ones themselves too."""
    found: dict[Key, Key] = {}
    for key in order:
        if not landed(key):
            found[key] = key
        else:
            cause = next((found[p] for p in sorted(before[key]) if p in found), None)
            if cause is not None:
                found[key] = cause
    return found


def collapse(
    order: Iterable[Key],
    before: Edges,
    targets: Collection[str],
    new: Mapping[Key, Key],
    cuts: Collection[Key] = (),
    fixed: Collection[Key] = (),
) -> Collapsed:
    """The walk. `order` has all that landed before all of `new`; a segment begins at all `cuts`.

    What is `fixed` is on its own.
    """
    graph = Collapsed()
    for key in order:
        parents = {graph.home[parent] for parent in before[key] if parent in graph.home}
        target = key[0] in targets
        stays, landed = key in fixed, key not in new
        goes_on = target and not stays and key not in cuts
        at = _open(graph, key[0], landed, parents) if goes_on else None
        if at is None:
            at = graph.begin(Part(key, landed=landed, target=target, fixed=stays))
        graph.join(key, at, parents)
    return graph


def interrupted(
    graph: Collapsed, order: Sequence[Key], before: Edges
) -> Iterator[tuple[Key, tuple[str, ...]]]:
    """Members of a segment between which and the one before there were other apps in `order`, and
    which: only those of which something depends on its app, or the other way round."""
    related = {(key[0], parent[0]) for key in before for parent in before[key]}
    place = {key: at for at, key in enumerate(order)}
    for part in graph.parts:
        for earlier, key in pairwise(part.members):
            between = {other for other, _ in order[place[earlier] + 1 : place[key]]} - {part.app}
            apps = {other for other in between if related & {(part.app, other), (other, part.app)}}
            if apps:
                yield key, tuple(sorted(apps))


def _open(graph: Collapsed, app: str, landed: bool, parents: set[int]) -> int | None:
    """The app's last segment, unless it is of another kind or a circle would be closed."""
    chain = graph.chains.get(app)
    if not chain:
        return None
    at = chain[-1]
    if graph.parts[at].fixed or graph.parts[at].landed != landed:
        return None
    return None if graph.reaches(at, parents - {at}) else at
