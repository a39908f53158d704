"""What hand-written code stands on without saying so.

Code that imports another app's models, or speaks SQL, finds the tables of that app because Django
happened to make them before. In a shorter history they may come later. Where a migration fails for
that, it has to depend on what it stood on: on the last migrations that had changed these tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remigrate.reset.old import Old

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from remigrate.model import Key
    from remigrate.reset.ground import Ground
    from remigrate.reset.planned import Plan
    from remigrate.reset.prove import Judgement


class Standing:
    """The dependencies that have to be added, as far as is known."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.needed: dict[Key, set[Key]] = {}
        """For a migration, those that it has to come after and does not name."""

    def learn(
        self,
        planned: Plan,
        judgement: Judgement,
        proof: Mapping[str, Any],
        record: Mapping[str, Any],
    ) -> bool:
        """Whether a migration failed before something had run that it may stand on."""
        members = [
            key
            for segment in planned.segments
            if (segment.label, segment.name) == judgement.failed
            for key in segment.members
        ]
        if not members or proof["broken"]:
            return False
        applied = self._applied(planned, proof["fresh"]["ran"])
        learnt = False
        for key, others in self._used(members, record):
            more = others - applied - self.needed.get(key, set())
            if more:
                learnt = True
                self.needed.setdefault(key, set()).update(more)
        return learnt

    def _applied(self, planned: Plan, ran: Iterable[str]) -> set[Key]:
        """What the migrations that ran stand for."""
        labels, home = self._ground.graph.labels, planned.segments[0].app
        names = set(ran)
        parts = [each.partition(".") for each in names]
        found = {labels.key(label, name, home) for label, _, name in parts}
        for segment in planned.segments:
            if f"{segment.label}.{segment.name}" in names:
                found.update(segment.members)
        return found

    def _used(
        self, members: list[Key], record: Mapping[str, Any]
    ) -> Iterator[tuple[Key, set[Key]]]:
        graph, old = self._ground.graph, Old(self._ground.graph, ())
        uses = {(label, name): others for label, name, others in record["uses"]}
        for app, name in members:
            others = uses.get((graph.apps[app].label, name), ())
            keys = {old.node(graph.labels.key(label, other, app)) for label, other in others}
            yield (app, name), keys
