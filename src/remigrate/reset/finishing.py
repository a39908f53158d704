"""``reset --finish``: a squash that every database at base has recorded becomes a plain migration.

What it replaced goes, and so does its ``replaces``. A squash that has not landed is left alone: a
database at base does not know it yet, and would run it on top of what it stands for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.model import Header
from remigrate.reset import edits
from remigrate.reset.file_change import FileChange
from remigrate.reset.page import Uneditable
from remigrate.reset.planned import Refusal
from remigrate.reset.strategy import Question, Rewrite

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from remigrate.model import Key, Migration
    from remigrate.reset.page import Ref


def finish(asked: Question) -> Rewrite:
    """Finish the landed squashes of the targets; apps where that cannot be done are refused."""
    refused: dict[str, Refusal] = {}
    while True:
        apps = [app for app in asked.targets if app not in refused]
        squashes = {app: _squashes(asked, app) for app in apps}
        idle = {app: _idle(asked, app) for app, found in squashes.items() if not found}
        refused.update({app: Refusal(app, why) for app, why in idle.items()})
        try:
            done = [key for found in squashes.values() for key in found]
            return Rewrite(tuple(sorted(_edits(asked, done))), (), tuple(refused.values()))
        except _Blamed as blamed:
            refused.update({app: Refusal(app, str(blamed)) for app in blamed.apps})


class _Blamed(Exception):
    """Apps whose squashes cannot be finished."""

    def __init__(self, apps: set[str], why: str) -> None:
        super().__init__(why)
        self.apps = apps


def _squashes(asked: Question, app: str) -> list[Key]:
    """Landed squashes that nothing replaces in its turn."""
    graph = asked.graph
    return [
        key
        for key in graph.squashes
        if key[0] == app and key in graph.nodes and key in asked.landed
    ]


def _idle(asked: Question, app: str) -> str:
    waiting = [key for key in asked.graph.squashes if key[0] == app and key in asked.graph.nodes]
    if waiting:
        return (
            f"{asked.graph.name(waiting[0])} has not landed: deploy it everywhere first, so that "
            "every database has recorded it"
        )
    return "it has no squash to finish"


def _edits(asked: Question, squashes: list[Key]) -> Iterator[FileChange]:
    graph = asked.graph
    replaced = {old: key for key in squashes for old in _all_replaced(asked, key)}
    moves = {_ref(asked, old): _ref(asked, key) for old, key in replaced.items()}
    for key, migration in graph.files.items():
        before = asked.read(migration)
        if key in replaced:
            yield FileChange(migration.path, before, None)
            continue
        try:
            after = edits.without_replaces(before) if key in squashes else before
            if _names(migration, moves) or _is_unread(migration):
                after = edits.repointed(after, moves)
        except Uneditable as error:
            why = f"{migration.path}:{error.line} cannot be edited: {error.reason}"
            raise _Blamed(_concerned(asked, migration, replaced, squashes), why) from error
        if after != before:
            yield FileChange(migration.path, before, after)


def _concerned(
    asked: Question, migration: Migration, replaced: Mapping[Key, Key], squashes: Collection[Key]
) -> set[str]:
    """The apps whose squashes wait for a migration: it is one, or depends on what one replaced."""
    if migration.key in squashes:
        return {migration.app}
    named = {key for old, key in replaced.items() if _names(migration, [_ref(asked, old)])}
    return {key[0] for key in named or squashes}


def _all_replaced(asked: Question, squash: Key) -> list[Key]:
    """Also what squashes among them replace."""
    found: dict[Key, None] = {}
    stack = [squash]
    while stack:
        for old in asked.graph.squashes.get(stack.pop(), ()):
            if old not in found and old != squash:
                found[old] = None
                stack.append(old)
    return list(found)


def _ref(asked: Question, key: Key) -> Ref:
    return (asked.graph.apps[key[0]].label, key[1])


def _names(migration: Migration, moves: Collection[Ref]) -> bool:
    header = migration.header
    if not isinstance(header, Header):
        return False
    named = (*header.dependencies, *header.run_before)
    return any((ref.label, ref.name) in moves for ref in named)


def _is_unread(migration: Migration) -> bool:
    return isinstance(migration.header, Header) and bool(migration.header.unread)
