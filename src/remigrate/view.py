"""A tree that is not the one on disk, told as what is different: for code that has to run.

The project's code runs where it is installed, with the files that git does not know (local
settings, built files). Only the modules that the tree has otherwise are shown otherwise.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from remigrate import git

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MODULES = ":(top)*.py"
_ANNOUNCED = b".A"
"""``git add -N``: the index has an empty file, which is not committed."""
_REMOVED = b"D"
"""Staged to go, though it may still be on disk."""
_MOST = 16 * 1024 * 1024
"""Bytes of one module; git reads no more of it."""


class View(NamedTuple):
    """What Python must see instead of the files on disk. Paths from the top, with ``/``."""

    files: Mapping[str, bytes] = {}
    """Content by path, also of files that are not on disk."""
    hidden: tuple[str, ...] = ()
    """Modules that the tree does not have."""


def of_index(repository: git.Repository, unknown: Iterable[str]) -> View:
    """What the next commit will hold: staged content, and no migration that is `unknown` to git.

    Other untracked files stay visible: settings of this machine alone are among them.
    """
    flags = ("--porcelain=v2", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules")
    listing = repository.observe("status", *flags, "--", _MODULES)
    staged = _unwatched(repository)
    hidden = set(unknown)
    for row in listing.split(b"\0"):
        kind, _, rest = row.partition(b" ")
        if kind == b"1":  # XY sub mH mI mW hH hI path
            xy, _, _, mode, _, _, oid, path = rest.split(b" ", 7)
            if xy == _ANNOUNCED or xy.startswith(_REMOVED):
                hidden.add(os.fsdecode(path))
            elif xy[1:] != b"." and mode.startswith(b"100"):
                staged[os.fsdecode(path)] = oid.decode()
        elif kind == b"u":  # unmerged: XY sub m1 m2 m3 mW h1 h2 h3 path
            *_, oid, _, path = rest.split(b" ", 9)
            staged[os.fsdecode(path)] = oid.decode()
    return View(_contents(repository, staged), tuple(sorted(hidden)))


def _unwatched(repository: git.Repository) -> dict[str, str]:
    """Modules that git was told not to look at on disk (``--assume-unchanged``, a sparse checkout).

    By path, their object ids in the index.
    """
    found = {}
    listing = repository.run("ls-files", "-z", "-v", "-s", "--full-name", "--", _MODULES)
    for row in listing.split(b"\0"):
        described, _, path = row.partition(b"\t")
        tag, _, rest = described.partition(b" ")
        if (tag.islower() or tag == b"S") and rest.startswith(b"100"):
            found[os.fsdecode(path)] = rest.split(b" ")[1].decode()
    return found


def of_commit(repository: git.Repository, sha: str, unknown: Iterable[str]) -> View:
    """What a commit holds, where the files on disk are another's."""
    listing = repository.observe("diff-index", "--raw", "-z", "--no-renames", sha, "--", _MODULES)
    fields = listing.split(b"\0")
    committed: dict[str, str] = {}
    hidden = set(unknown)
    for described, path in zip(fields[::2], fields[1::2], strict=False):
        mode, _, oid, _, _ = described.removeprefix(b":").split(b" ")
        if mode == b"000000":
            hidden.add(os.fsdecode(path))
        elif mode.startswith(b"100"):
            committed[os.fsdecode(path)] = oid.decode()
    shown = _contents(repository, committed)
    return View(shown, tuple(sorted(hidden - shown.keys())))


def _contents(repository: git.Repository, oids: Mapping[str, str]) -> dict[str, bytes]:
    content = dict(git.blobs(repository, oids.values(), _MOST))
    return {path: content[oid] for path, oid in sorted(oids.items())}


def absolute(view: View, top: str) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The files and the hidden ones of `view` by their absolute paths."""
    files = {os.path.join(top, path): content for path, content in view.files.items()}
    return files, tuple(os.path.join(top, path) for path in view.hidden)
