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


def told(repository: Repository, known: Collection[str]) -> Iterator[str]:
    """Words for each of them, but for links to one of those that are `known`."""
    top = repository.top
    assert top is not None
    paths = {os.fsdecode(path).rstrip("/") for path in repository.run(*_LISTING).split(b"\0")}
    for path in sorted(filter(None, paths)):
        place = os.path.join(top, path)
        if not os.path.isdir(place):
            continue
        is_link = os.path.islink(place)
        for folder in _packages(place):
            own = os.path.relpath(os.path.realpath(folder), os.path.realpath(top))
            if own.replace(os.sep, "/") not in known:
                yield _words(os.path.relpath(folder, top), path, is_link)


def _packages(top: str) -> Iterator[str]:
    """Migrations packages in a folder, or the folder itself."""
    for folder, folders, files in os.walk(top):
        folders.sort()
        if os.path.basename(folder) == "migrations" and "__init__.py" in files:
            yield folder


def _words(folder: str, path: str, is_link: bool) -> str:
    it = "it" if folder == path else path
    if is_link:
        return f"{folder} was left out: {it} is a symbolic link. Reset it where it really is."
    return f"{folder} was left out: {it} is a repository of its own. Reset it there."
