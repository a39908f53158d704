"""Which migrations of a new history have to ask whether a database is behind on a squash.

Django drops a squash that a database has applied a part of, and goes on with what depends on it.
So whoever comes next must ask, in front of all else that it does. Parts are known by their
position in the collapsed graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from remigrate.reset.old import Old
    from remigrate.reset.segments import Collapsed


class Asking:
    """Who asks for what, once it is known which parts are written anew.

    `guard` is False where nobody has to ask: the replaced files stay, or it is not wanted. `mark`
    is False where it is not wanted, or nothing is replaced.
    """

    def __init__(
        self,
        old: Old,
        collapsed: Collapsed,
        written: Collection[int],
        *,
        guard: bool,
        mark: bool,
    ) -> None:
        self._old, self._parts, self._chains = old, collapsed.parts, collapsed.chains
        self._written, self._guard = written, guard
        self._before = dict(self._entrances()) if mark else {}

    def squashes(self, app: str) -> set[int]:
        """Parts of an app that a database can be behind on."""
        return {at for at in self._chains[app] if self._is_squash(at)}

    def asked(self, at: int) -> set[int]:
        """Squashes that a part has to ask for: those before it that no other part asks for.

        An app outside of the repository cannot ask, so what comes before it is asked for here.
        """
        # Nothing may depend on what a database lacks: the first of the app that none can have
        # applied yet asks for all of the app.
        found = self.squashes(self._parts[at].app) if self._is_first_new(at) else set()
        seen, stack = {at}, [at]
        while stack:
            for before in self._parts[stack.pop()].before - seen:
                seen.add(before)
                if self._is_squash(before):
                    found.add(before)
                elif before not in self._written and not self.stays(before):
                    stack.append(before)
        return found

    def stays(self, at: int) -> bool:
        """Whether it is a file that stays, into which a guard can be put."""
        return at not in self._written and self._parts[at].members[0] in self._old.graph.files

    def is_open(self, app: str) -> bool:
        """Whether a database can have the last migration of an app and be behind on a squash."""
        end = self._chains[app][-1]
        last = self._parts[end]
        if end in self._written or not last.landed:  # the first new one asks for all
            return self._is_squash(end)
        above = self._old.graph.ancestors(last.members[0])
        return any(not above.issuperset(self._parts[at].members) for at in self.squashes(app))

    def before(self, at: int) -> int | None:
        """The part that must have run, in its new form, on whatever database a squash runs on."""
        return self._before.get(at)

    def marks(self, at: int) -> int | None:
        """The squash that asks whether the part has run."""
        return next((one for one, before in self._before.items() if before == at), None)

    def _entrances(self) -> Iterator[tuple[int, int]]:
        """Each squash that does not begin its app, with the last part before it that only runs
        where nothing of it has run before. Files that stay run on rows too, but for the first."""
        for chain in self._chains.values():
            begun = chain[0]
            for at in chain[1:]:
                if at in self._written and self._parts[at].landed:
                    yield at, begun
                    begun = at

    def _is_squash(self, at: int) -> bool:
        return self._guard and at in self._written and self._parts[at].landed

    def _is_first_new(self, at: int) -> bool:
        part = self._parts[at]
        chain: Iterable[int] = self._chains[part.app] if part.target else ()
        return next((one for one in chain if not self._parts[one].landed), None) == at
