"""What the project's Django is asked about a plan, as the probe's protocol has it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from remigrate.graph import Graph
    from remigrate.model import Key, Migration
    from remigrate.reset.planned import Plan, Segment

PARTS = (
    *("scopes", "statements", "own_name", "closure", "finding", "carrying"),
    *("catalogue_sqlite_text", "catalogue_sqlite", "catalogue_postgresql", "catalogue_mysql"),
    *("planting_values", "planting_checks", "planting_tables", "planting_rows", "planting"),
    *("catalogue", "contents", "scratch", "apart", "databases", "moving", "guard"),
    *("kinds", "sight", "folding", "states", "between", "derived", "together", "own_types"),
    *("rewriting", "guarding", "sharing", "candidates", "recording", "proving", "resetting"),
)
"""Of the probe, in the order in which they import each other."""
_COPIES = 12
"""Of databases that are behind, kept of as many apps as may be: some turn out not to be reset."""
_ENDS = 2
"""Of those that end a squash, kept before those of other apps."""
_TRIED = 4
"""Of those copies: each costs time in every round, and they say much the same."""
Name = tuple[str, str]
"""(app label, migration name)."""


class History(NamedTuple):
    """The old history and what is planned of it, in names that Django knows."""

    gone: tuple[tuple[str, str, str], ...]
    """(label, name, source) of migrations that will be deleted or replaced by another text."""
    new: tuple[Name, ...]
    """Migrations that have not landed."""
    lag: tuple[Name, ...]
    """Where to keep copies of databases that are behind, the one to try first at the front."""
    segments: tuple[Mapping[str, Any], ...]


def history(
    graph: Graph,
    landed: Collection[Key],
    plan: Plan,
    read: Callable[[Migration], bytes],
    message: str,
) -> History:
    """What the probe has to know of a plan. `message`: what a guard tells a lagging database."""

    def named(key: Key) -> Name:
        return name(graph, key)

    gone = {key for segment in plan.written for key in segment.members} | set(plan.deleted)
    return History(
        tuple((*named(key), text(read(graph.files[key]))) for key in sorted(gone)),
        tuple(named(key) for key in sorted(graph.nodes) if key not in landed),
        _lag(plan, named),
        tuple(_segment(plan, segment, named, message) for segment in plan.written),
    )


def name(graph: Graph, key: Key) -> Name:
    """As Django knows it."""
    return (graph.apps[key[0]].label, key[1])


def _segment(
    plan: Plan, segment: Segment, name: Callable[[Key], Name], message: str
) -> dict[str, Any]:
    before: list[Key] = []
    for other in plan.segments:
        if other.key == segment.key:
            break
        if other.app == segment.app:
            before += other.members
    return {
        "app": segment.app,
        "label": segment.label,
        "name": segment.name,
        "members": [name(key) for key in segment.members],
        "before": [name(key) for key in before],
        "dependencies": segment.parents,
        "swappable": segment.swappable,
        "run_before": segment.run_before,
        "replaces": segment.replaces,
        "initial": segment.initial,
        "guards": [name(key) if key[0] != segment.app else (segment.label, key[1])
                   for key in segment.guards],
        "after": segment.after and segment.after[1],
        "marks": segment.marks and segment.marks[1],
        "ways": None,
        "message": message,
    }  # fmt: skip


def _lag(plan: Plan, name: Callable[[Key], Name]) -> tuple[Name, ...]:
    """The middle of every squash: of each app's longest, then of what else it has. Near the front,
    where one squash of an app ends and another is still to come."""
    squashes = [each.members for each in plan.segments if each.replaces and len(each.members) > 1]
    squashes.sort(key=len, reverse=True)
    seen: Counter[str] = Counter()
    turns: list[tuple[int, tuple[Key, ...]]] = []
    for members in squashes:
        app, _ = members[0]
        turns.append((seen[app], members))
        seen[app] += 1
    turns.sort(key=lambda each: each[0])  # of the same turn, the longest stays first
    inside = [members[(len(members) - 1) // 2] for _, members in turns]
    ends = _ends(plan)
    found = [*inside[:1], *ends[:_ENDS], *inside[1:], *ends[_ENDS:]]
    return tuple(name(key) for key in dict.fromkeys(found))[:_COPIES]


def _ends(plan: Plan) -> list[Key]:
    """What a database applied last that has nothing yet of a squash which asks for a mark."""
    found: list[Key] = []
    last: dict[str, Key] = {}
    for segment in plan.segments:
        if segment.after:
            found.append(last[segment.app])
        if segment.members:
            last[segment.app] = segment.members[-1]
    return found


def tried(plan: Plan, lag: Sequence[Name], reached: Iterable[Sequence[str]]) -> list[Name]:
    """The copies on which to try the guard: those that are behind on a squash of the plan, in the
    order of `lag`, and the one that was reached last. That is behind on least else: where Django
    cannot put the models together for the others, it still comes to the guard."""
    partial = {
        (segment.label, name)
        for segment in plan.segments
        if segment.replaces
        for _, name in segment.members[:-1]
    }
    labels = {segment.app: segment.label for segment in plan.segments}
    partial |= {(labels[app], name) for app, name in _ends(plan)}
    fitting = [key for label, name in reached if (key := (label, name)) in partial]
    last = fitting[-1:]
    first = [key for key in sorted(fitting, key=lag.index) if key not in last]
    return [*first[: _TRIED - 1], *last]


def text(content: bytes) -> str:
    """A module as Python reads it: comments may hold bytes that no encoding knows."""
    import io
    import tokenize

    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    except SyntaxError:  # such bytes in the first two lines; Python itself has read the file
        encoding = "utf-8"
    return content.decode(encoding, "replace")
