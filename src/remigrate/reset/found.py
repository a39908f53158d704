"""What a reset found: the files, the proof that they hold, and what there is to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from remigrate.outcome import AppReset, HandWritten, MigrateTime, Refused
from remigrate.reset.trial import WAYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from remigrate.reset.file_change import FileChange
    from remigrate.reset.ground import Ground
    from remigrate.reset.planned import Plan
    from remigrate.reset.prove import Judgement
    from remigrate.reset.trial import Name, Offer


class Found(NamedTuple):
    """What came of it."""

    changes: tuple[FileChange, ...] = ()
    apps: tuple[AppReset, ...] = ()
    judgement: Judgement | None = None
    refused: tuple[Refused, ...] = ()
    carried: tuple[HandWritten, ...] = ()
    left_out: tuple[HandWritten, ...] = ()
    times: tuple[MigrateTime, ...] = ()
    warnings: tuple[str, ...] = ()
    rounds: int = 0
    idle: tuple[str, ...] = ()
    """Labels of apps that have several migrations, and would not get shorter."""


def apps(ground: Ground, planned: Plan, ways: Mapping[Name, str]) -> tuple[AppReset, ...]:
    """The apps that a plan shortens, as they are and as they will be."""
    return tuple(_app(ground, planned, app, ways) for app in paths(planned))


def paths(planned: Plan) -> list[str]:
    """Migration packages of the apps that get new files."""
    return list(dict.fromkeys(each.app for each in planned.written))


def _app(ground: Ground, planned: Plan, app: str, ways: Mapping[Name, str]) -> AppReset:
    graph = ground.graph
    segments = [segment for segment in planned.segments if segment.app == app]
    label = segments[0].label
    used = [ways[(s.label, s.name)] for s in segments if s.written and s.members]
    how: Any = max(used, key=WAYS.index) if used else "compact"
    return AppReset(
        label,
        sum(1 for key in graph.files if key[0] == app and key in graph.nodes),
        len(segments),
        "faithful" if how in ("between", "early", "apart", "verbatim") else how,
        ground.fork(app),
        any(s.written and not s.landed and s.members for s in segments),
    )


def hand_written(
    offers: list[Offer], ways: Mapping[Name, str], kind: str
) -> tuple[HandWritten, ...]:
    """Hand-written operations that the chosen ways carry over, or leave out (`kind`)."""
    found = []
    for offer in offers:
        for words in getattr(offer, kind)[ways[offer.name]]:
            migration, _, operation = words.partition(": ")
            found.append(HandWritten(offer.name[0], migration, operation))
    return tuple(found)
