"""Why an app is not reset, or one of its migrations stays as it is.

A migration that cannot be written anew does not keep its app from being reset: it stays on disk,
and what is before it and what is after it become one migration each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.model import Broken
from remigrate.reader import parse
from remigrate.reset import changes, computed, guards, importers
from remigrate.reset.found import paths

if TYPE_CHECKING:
    from remigrate.model import Key, Migration
    from remigrate.reset.ground import Ground
    from remigrate.reset.planned import Plan

IDLE = "nothing to shorten"
"""What the reason begins with where an app is as short as it gets."""
_DONE = f"{IDLE}: it has a squash and its guard"
_NO_SHORTER = (
    IDLE + ": its {} migrations would become {}, as a guard goes with a squash "
    "(--no-guard writes none)"
)


class Reasons:
    """All that is known so far. Apps are known by the path of their migrations package."""

    def __init__(self, ground: Ground, *, fresh: bool) -> None:
        self._ground, self._fresh = ground, fresh
        self.refused: dict[str, str] = {}
        self.fixed: dict[Key, str] = {}
        """Migrations that stay as they are."""
        self.doubts: dict[str, list[str]] = {}
        """What to look at where an app is reset."""
        self.warnings: list[str] = []

    def refuse(self, app: str, why: str) -> None:
        """Leave an app as it is; of several reasons the first one is told."""
        self.refused.setdefault(app, why)

    def fix(self, key: Key, why: str, staying: str = "") -> None:
        """Leave a migration as it is; where that cannot be, its app.

        `staying` is what to tell of one that stays; without it, `why` and that it does.
        """
        if self._fresh or not self._has_place(key):
            self.refuse(key[0], why)
        else:
            self.fixed.setdefault(key, staying or f"{why}; so {key[1]} stays as it is")

    def of(self, app: str) -> list[str]:
        """What to look at in an app that was reset."""
        return [*self.doubts.get(app, ()), *self.staying(app)]

    def staying(self, app: str) -> list[str]:
        """Why some migrations of an app stay."""
        return [why for key, why in sorted(self.fixed.items()) if key[0] == app]

    def _has_place(self, key: Key) -> bool:
        """Whether it can stay: it follows another one of its app, or all others follow it."""
        graph = self._ground.graph
        return graph.roots(key[0]) == [key] or any(
            parent[0] == key[0] for parent in graph.parents[key]
        )

    # Before anything is planned

    def find(self) -> None:
        """Read the files of the targets."""
        for app in self._ground.targets:
            if self._is_done(app):
                self.refuse(app, _DONE)
        for app, words in self._ground.edited.items():
            if app in self._ground.targets:
                self.refuse(app, f"{words} Put it back first (RM203).")
            else:
                self.warnings.append(words)
        for key, migration in sorted(self._ground.graph.files.items()):
            if key[0] in self._ground.targets and key in self._ground.graph.nodes:
                self._find_computed(migration)

    def _is_done(self, app: str) -> bool:
        """Whether it was reset already: a squash, and a guard on top of it."""
        graph, read = self._ground.graph, self._ground.read
        own = [graph.files[key] for key in graph.nodes if key[0] == app and key in graph.files]
        if any(isinstance(each.header, Broken) for each in own):
            return False
        return len(own) == 2 and any(guards.is_guard_alone(parse(read(each))) for each in own)

    def _find_computed(self, migration: Migration) -> None:
        if isinstance(migration.header, Broken):  # the plan refuses its app
            return
        for doubt in computed.doubts(self._ground.read(migration)):
            words = f"{migration.path}:{doubt.line}: {doubt.why}"
            if doubt.serious:
                self.fix(migration.key, words)
            else:
                words = f"{words}; what holds here and now is written"
                self.doubts.setdefault(migration.app, []).append(words)

    # Of a plan

    def forbid(self, planned: Plan) -> bool:
        """Whether the plan cannot be kept to; a new one is to be made then."""
        before = (len(self.refused), len(self.fixed))
        shorter = self.shorter(planned)
        for app in paths(planned):
            if app not in shorter:
                why = _NO_SHORTER.format(*self._counts(planned, app))
                self.refuse(app, "; ".join([*self.staying(app), why]))
        if len(self.refused) == before[0]:
            self._find_needed(planned)
            self._find_uneditable(planned)
        return (len(self.refused), len(self.fixed)) != before

    def shorter(self, planned: Plan) -> list[str]:
        """Apps that would get shorter, the guards on their squashes counted."""
        counts = {app: self._counts(planned, app) for app in paths(planned)}
        return [app for app, (before, after) in counts.items() if after < before]

    def _counts(self, planned: Plan, app: str) -> tuple[int, int]:
        before = sum(1 for key in self._ground.graph.nodes if key[0] == app)
        return before, sum(1 for segment in planned.segments if segment.app == app)

    def _find_needed(self, planned: Plan) -> None:
        """Migrations that would go, and that something imports from which stays."""
        files = self._ground.graph.files
        anew = {segment.key for segment in planned.written}
        gone = {files[key].path: key for key in {*anew, *planned.deleted} & files.keys()}
        for found in importers.found(self._ground.importing, gone):
            key = gone[found.gone]
            if found.is_test:
                self.doubts.setdefault(key[0], []).append(found.why)
            else:
                self.fix(key, found.why, found.staying)

    def _find_uneditable(self, planned: Plan) -> None:
        """Migrations that stay and cannot be pointed at the squash of an app."""
        try:
            changes.staying(self._ground, planned, "")
        except changes.Unedited as error:
            for path, app in self._ground.graph.apps.items():
                if app.label in error.labels and path in self._ground.targets:
                    self.refuse(path, str(error))
