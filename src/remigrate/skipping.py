"""Skips the probe while nothing has changed of what its last clean answer rests on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from remigrate import interpreters, remembered, testimony, view, witness

if TYPE_CHECKING:
    from collections.abc import Iterable

    from remigrate.drift import Answer
    from remigrate.runtime import Place
    from remigrate.testimony import View
    from remigrate.witness import Witness

_OUT_OF_SIGHT = "the interpreter is reached through another program: what it reads is out of sight"


class Memory:
    """What is remembered of one question: a project, its interpreter and settings."""

    def __init__(self, place: Place, tree: view.View) -> None:
        self._place = place
        files, hidden = view.absolute(tree, place.top)
        self._view: View = {**files, **dict.fromkeys(hidden)}
        self._key = remembered.key(place.home, *place.interpreter.argv, place.settings or "")
        self._before: dict[str, bytes | None] = {}
        self.reasons: tuple[str, ...] = ()
        """Why nothing that holds is remembered, or nothing can be."""

    def recall(self) -> Witness | None:
        """What a clean answer rests on that still holds; None when Django has to be asked."""
        if self._place.interpreter.is_prefix:
            self.reasons = (_OUT_OF_SIGHT,)
            return None
        place = self._place
        found = remembered.recall(self._key, place.environ, self._view, root=place.top)
        self.reasons = found.reasons
        if found.witness is None:
            written = remembered.suspects(self._key, place.environ)
            self._before = {path: testimony.content(path) for path in written}
        return found.witness

    def keep(self, answer: Answer, started: int) -> Witness | None:
        """What `answer` rests on; remembered when it is clean. `started`: `time.time_ns` before.

        None when that cannot be told.
        """
        if self._place.interpreter.is_prefix:
            return None
        try:
            seen = self._taken(answer, started)
        except testimony.Moved as moved:
            self.reasons = (*self.reasons, str(moved))
            remembered.suspect(self._key, self._place.environ, moved.path)
            return None
        if not (answer.drift.changes or answer.notices):
            remembered.keep(self._key, self._place.environ, seen)
        return seen

    def _taken(self, answer: Answer, started: int) -> Witness:
        place, read = self._place, answer.read
        owns = [
            remembered.environment_of(python, read["path"])
            for python in {place.interpreter.argv[0], read["executable"]}  # the first may be a shim
        ]
        decisive = (
            os.path.join(place.home, "manage.py"),
            *interpreters.places((place.home, place.top)),
        )
        return testimony.taken(
            {
                *self._absolute((*read["files"], *read["missing"])),
                *decisive,
                *(path for own in owns for path in own.files),
            },
            {
                *self._absolute(read["folders"]),
                *map(os.path.dirname, self._view),
                *(path for own in owns for path in own.folders),
            },
            {*read["variables"], *_DECISIVE, *(name for own in owns for name in own.variables)},
            place.environ,
            started=started,
            all_variables=bool(read["all_variables"]),
            links={*read["links"], *(path for own in owns for path in own.links)},
            view=self._view,
            before=self._before,
        )

    def _absolute(self, paths: Iterable[str]) -> tuple[str, ...]:
        return tuple(os.path.normpath(os.path.join(self._place.top, path)) for path in paths)


_DECISIVE = ("VIRTUAL_ENV", "DJANGO_SETTINGS_MODULE", "PRE_COMMIT", "PATH")
"""Variables that say which interpreter and settings are taken."""


def counted(seen: Witness) -> str:
    """How much an answer rests on, in words."""
    return (
        f"{len(seen.files):,} files, {len(seen.folders):,} folders and "
        f"{len(seen.variables):,} variables"
    )


def encoded(seen: Witness) -> bytes:
    """`seen` as a kept result holds it (`verdict.Verdict.witness`)."""
    return witness.encoded(seen)
