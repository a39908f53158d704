"""Migrations folders that are seen below the work tree, and that no reset of it reaches.

Git has no content for what is behind a symbolic link or in another repository, and a reset writes
through neither.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from remigrate.git import Repository

_LISTING = ("ls-files", "-z", "--full-name", "--cached", "--others", "--exclude-standard")
_REPOSITORY = "a repository of its own. Reset them there."


def told(repository: Repository, known: Collection[str]) -> Iterator[str]:
    """Words for each link and each repository with some, but for links to what is `known`."""
    assert repository.top is not None
    top = os.path.realpath(repository.top)
    paths = {os.fsdecode(path).rstrip("/") for path in repository.run(*_LISTING).split(b"\0")}
    for path in sorted(filter(None, paths)):
        place = os.path.join(top, path)
        if not os.path.isdir(place):
            continue
        is_link = os.path.islink(place)
        found = [
            os.path.relpath(folder, top)
            for folder in (_linked(place) if is_link else _inside(place))
            if os.path.relpath(os.path.realpath(folder), top) not in known
        ]
        if found:
            yield _words(found, path, is_link)


def _linked(place: str) -> Iterator[str]:
    """The migrations package that a link leads to, or that of the app that it leads to: a link may
    lead to a whole disk, which nobody wants to be searched."""
    for folder in (place, os.path.join(place, "migrations")):
        is_package = os.path.isfile(os.path.join(folder, "__init__.py"))
        if os.path.basename(folder) == "migrations" and is_package:
            yield folder


def _inside(top: str) -> Iterator[str]:
    """All migrations packages of another repository."""
    for folder, folders, files in os.walk(top):
        folders.sort()
        if os.path.basename(folder) == "migrations" and "__init__.py" in files:
            yield folder


def _words(folders: list[str], path: str, is_link: bool) -> str:
    more = f" and {len(folders) - 1} more were" if len(folders) > 1 else " was"
    it = "it" if folders == [path] else path
    why = "a symbolic link. Reset it where it really is." if is_link else _REPOSITORY
    return f"{folders[0]}{more} left out: {it} is {why}"
