"""Where segments are cut when no way of writing them is the same.

A migration that an empty database does not get past becomes a segment of its own. Otherwise it may
be the order that matters: in a segment, migrations of an app run together between which others had
run before. SQLite, for one, gives a column that points to a key the type which that key has at the
time. So an app is cut where the apps it has to do with had come in between; if that does not help,
they are cut where it had. What is cut for an app that is given up all the same is put together
again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.reset.found import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from remigrate.model import Key
    from remigrate.reset.planned import Plan
    from remigrate.reset.trial import Offer, Trial

_ORDER_MATTERS = {"fresh-schema", "fresh-data"}


class Cuts:
    """The migrations that a segment has to begin with."""

    def __init__(self, lasting: Iterable[Key] = ()) -> None:
        self._lasting = set(lasting)
        self._apart: dict[str, set[Key]] = {}

    def all(self) -> frozenset[Key]:
        """Every one of them."""
        return frozenset(self._lasting.union(*self._apart.values()))

    def round_failed(self, planned: Plan, offers: list[Offer], found: Trial) -> bool:
        """Make the migration that did not get through a segment of its own; whether it was none."""
        cuts = _round_failed(planned, offers, found) - self.all()
        self._lasting |= cuts
        return bool(cuts)

    def apart(
        self,
        planned: Plan,
        found: Trial,
        apps: Iterable[str],
        plan: Callable[[frozenset[Key]], list[str]],
    ) -> bool:
        """Cut for the sake of `apps`, that are to be given up; whether there was anything to cut.

        `plan` tells which apps get shorter with some cuts; none is to be lost.
        """
        wrong = found.judgement.wrong if found.judgement else ()
        if not any(check.check in _ORDER_MATTERS for check in wrong):
            return False
        shorter = set(paths(planned))
        cut = [app for app in apps if self._cut_for(app, planned, shorter, plan)]
        return bool(cut)

    def _cut_for(
        self,
        app: str,
        planned: Plan,
        shorter: set[str],
        plan: Callable[[frozenset[Key]], list[str]],
    ) -> bool:
        own = {key for key, _ in planned.interrupted if key[0] == app}
        others = {key for key, apps in planned.interrupted if app in apps}
        for cuts in (own, others):
            more = cuts - self.all()
            if more and shorter <= set(plan(self.all() | more)):
                self._apart.setdefault(app, set()).update(more)
                return True
        return False

    def give_up(self, app: str) -> None:
        """Undo what was cut for an app."""
        self._apart.pop(app, None)


def _round_failed(planned: Plan, offers: list[Offer], found: Trial) -> set[Key]:
    failed = found.judgement.failed if found.judgement else None
    for segment, offer in zip(planned.written, offers, strict=True):
        if offer.name == failed and found.judgement and len(segment.members) > 1:
            origin = offer.origin(found.ways[offer.name], found.judgement.position)
            names = [name for _, name in segment.members]
            if origin and origin[1] in names:
                at = names.index(origin[1])
                return set(segment.members[max(at, 1) : at + 2])
    return set()
