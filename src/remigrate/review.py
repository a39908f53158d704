"""What may be committed to the bot's branch: asked of every file on the trusted side. Pure.

The files come from an engine that has run the project's code (in a sandbox), or from another job.
So nobody's word counts here, only what the files are and where they go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from remigrate import reader
from remigrate.errors import RepositoryFailure
from remigrate.model import Broken

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MOST_FILES = 2_000
MOST_BYTES = 16 << 20
LARGEST = 1 << 20


class Refused(RepositoryFailure):
    """A file that no reset writes."""


class Before(NamedTuple):
    """A file as the pull request has it."""

    mode: int
    content: bytes


def demand_harmless(
    files: Mapping[str, bytes | None],
    before: Mapping[str, Before],
    folders: Collection[str],
) -> None:
    """Raise `Refused` unless `files` (None for one that goes) are migrations, and nothing else.

    `folders` are the migrations folders of the merged tree; `before` holds what is there now.
    """
    if not files:
        raise Refused("there is nothing to commit")
    if len(files) > MOST_FILES or sum(len(c) for c in files.values() if c) > MOST_BYTES:
        raise Refused(f"{len(files)} files are more than a reset may write")
    for path, content in files.items():
        why = _objection(path, content, before.get(path), folders)
        if why:
            raise Refused(f"{path!r} is not committed: {why}")


def _objection(
    path: str, content: bytes | None, before: Before | None, folders: Collection[str]
) -> str:
    folder, _, name = path.rpartition("/")
    if folder not in folders:
        return "it is in no migrations folder"
    if any(part.startswith(".") or not part for part in path.split("/")):
        return "no app of Django's is there"
    if not path.isprintable():
        return "its name cannot be read"
    if before is not None and before.mode not in (0o100644, 0o100755):
        return "it is no regular file"
    if content is None:
        return "" if before is not None and name != "__init__.py" else "it cannot be deleted"
    stem = name.removesuffix(".py")
    if name == "__init__.py":
        return "" if before is None and not content.strip() else "it is no migration"
    if stem == name or not stem.isidentifier() and not _is_numbered(stem):
        return "Django loads no file of that name"
    if len(content) > LARGEST:
        return "it is larger than any migration"
    found = reader.read(content)
    return f"it cannot be read: {found.why}" if isinstance(found, Broken) else ""


def _is_numbered(stem: str) -> bool:
    """As ``0001_initial``, which is no identifier."""
    return f"m{stem}".isidentifier()
