"""What a plan does to files: new ones, those that go, and those that stay but point elsewhere."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from remigrate.reset import edits, guards, request
from remigrate.reset.file_change import FileChange
from remigrate.reset.page import Uneditable
from remigrate.view import View

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from remigrate.model import Key
    from remigrate.reset.ground import Ground
    from remigrate.reset.planned import Plan


_NO_END = "\\ No newline at end of file\n"


class Unedited(Exception):
    """A migration that stays cannot be edited: why, and the apps that it would be pointed at."""

    def __init__(self, why: str, labels: Collection[str]) -> None:
        super().__init__(why)
        self.labels = labels


def written(ground: Ground, planned: Plan, sources: Mapping[str, bytes]) -> list[FileChange]:
    """New files, by path, and the deletion of what they stand for."""
    old = {migration.path: migration for migration in ground.graph.files.values()}
    changes = [
        FileChange(path, ground.read(old[path]) if path in old else None, content)
        for path, content in sources.items()
    ]
    for key in planned.deleted:
        migration = ground.graph.files[key]
        changes.append(FileChange(migration.path, ground.read(migration), None))
    return changes


def staying(ground: Ground, planned: Plan, message: str) -> list[FileChange]:
    """Migrations that stay: pointed anew, and guarded where they depend on a squash.

    `message` is what a guard tells to do. Raises `Unedited`.
    """
    moves: dict[Key, dict[Any, Any]] = {}
    for each in planned.repoints:
        moves.setdefault(each.origin, {})[each.old] = each.new
    asked = {
        each.origin: {request.name(ground.graph, squash) for squash in each.squashes}
        for each in planned.guarded
    }
    gone = [request.name(ground.graph, key) for key in planned.deleted]
    marked = {each.origin: request.name(ground.graph, each.squash) for each in planned.marked}
    changes = []
    for key in sorted({*moves, *asked, *marked}):
        migration = ground.graph.files[key]
        before = ground.read(migration)
        try:
            after = edits.repointed(before, moves[key]) if key in moves else before
            if key in asked:
                after = guards.guarded(after, asked[key], message, gone)
            if key in marked:
                after = guards.marked(after, marked[key])
        except Uneditable as error:
            named = {*moves.get(key, {}).values(), *asked.get(key, ())}
            named |= {marked[key]} if key in marked else set()
            why = f"{migration.path}:{error.line} depends on it, and {error.reason}"
            raise Unedited(why, {label for label, _ in named}) from error
        if after != before:
            changes.append(FileChange(migration.path, before, after))
    return changes


def view_of(changes: Collection[FileChange]) -> View:
    """The work tree as it will be."""
    return View(
        {each.path: each.after for each in changes if each.after is not None},
        tuple(each.path for each in changes if each.after is None),
    )


def diff(changes: Collection[FileChange]) -> str:
    """All changes in the form of a unified diff."""
    parts = []
    for each in sorted(changes):
        old = "/dev/null" if each.before is None else f"a/{each.path}"
        new = "/dev/null" if each.after is None else f"b/{each.path}"
        found = difflib.unified_diff(
            _lines(each.before or b""), _lines(each.after or b""), old, new
        )
        parts += [line if line.endswith("\n") else f"{line}\n{_NO_END}" for line in found]
    return "".join(parts)


def _lines(content: bytes) -> list[str]:
    """As git counts them."""
    found = content.decode("utf-8", "replace").split("\n")
    return [f"{line}\n" for line in found[:-1]] + [line for line in found[-1:] if line]
