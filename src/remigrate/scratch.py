"""A folder that holds a commit's files without git, for another user to work in, and its end.

The tree is written from git's objects by ourselves: a checkout would run filters that the
repository names. It is the pull request's, so nothing in it is followed while it is written.
"""

from __future__ import annotations

import atexit
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from remigrate import bounded, git
from remigrate.errors import EnvironmentFailure, RepositoryFailure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_FILES = 200_000
MOST_BYTES = 4 << 30
_LARGEST = 512 << 20
_AT_ONCE = 64 << 20
"""Bytes that are read from git at once."""
_PATIENCE = 120.0
"""Seconds for removing it all."""


class File(NamedTuple):
    """One file of a commit."""

    path: str
    blob: str
    size: int
    mode: int
    """A regular file's permissions; 0 for a link."""


@contextmanager
def folder(base: str) -> Iterator[str]:
    """A new folder below `base` that is removed, with all that was put there, on every way out.

    Who is interrupted has seconds left, and more to do than this: it comes when the program ends.
    """
    made = os.path.join(base, f"job-{os.urandom(8).hex()}")
    try:
        os.makedirs(base, mode=0o711, exist_ok=True)
        os.mkdir(made, 0o700)
    except OSError as error:
        raise EnvironmentFailure(f"{made} cannot be made: {error.strerror}") from error
    try:
        yield made
    except KeyboardInterrupt:
        atexit.register(_remove, made)
        raise
    except BaseException:
        _remove(made)
        raise
    _remove(made)


def _remove(made: str) -> None:
    """As deep as the project's code may have dug, and never through a link."""
    done = bounded.run(
        ["rm", "-rf", "--one-file-system", "--", made],
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C"},
        limits=bounded.Limits(seconds=_PATIENCE),
    )
    if done.code or os.path.lexists(made):
        raise EnvironmentFailure(f"the scratch folder {made} could not be removed")


def write(
    repository: git.Repository, sha: str, top: str, owner: int, *, links: bool = True
) -> None:
    """Write the files of the commit `sha` into the new folder `top`, for the user `owner`.

    Nobody else may reach `top` meanwhile. Submodules are left out, and links, too, unless `links`
    are wanted. Raises `RepositoryFailure` for paths that git itself would refuse,
    `EnvironmentFailure` for a tree beyond all measure.
    """
    files = list(_files(repository, sha))
    _measured(files)
    os.mkdir(top, 0o700)
    folders = {os.path.dirname(file.path) for file in files} - {""}
    try:
        for path in sorted(folders):
            os.makedirs(os.path.join(top, path), mode=0o700, exist_ok=True)
        _write_files(repository, [file for file in files if file.mode], top)
        if links:  # last: nothing is written through one of them
            _write_links(repository, [file for file in files if not file.mode], top)
    except (FileExistsError, NotADirectoryError) as error:
        raise RepositoryFailure(
            f"two files of the commit {sha} claim the same path", "git fsck tells which."
        ) from error
    except OSError as error:
        raise EnvironmentFailure(
            f"the commit {sha} cannot be copied: {error.strerror}", f"Copied to: {top}"
        ) from error
    for place, inner, names in os.walk(top):
        for path in (place, *(os.path.join(place, name) for name in (*inner, *names))):
            os.chown(path, owner, owner, follow_symlinks=False)


def _files(repository: git.Repository, sha: str) -> Iterator[File]:
    listing = repository.run("ls-tree", "-r", "-l", "-z", "--full-tree", sha)
    for record in filter(None, listing.split(b"\0")):
        described, _, name = record.partition(b"\t")
        mode, kind, oid, size = described.split()
        if kind != b"blob":
            continue
        path = os.fsdecode(name)
        if any(part in ("", ".", "..") or part.lower() == ".git" for part in path.split("/")):
            raise RepositoryFailure(f"the commit {sha} holds a path that git refuses: {path!r}")
        plain = 0o700 if mode == b"100755" else 0o600
        is_link = stat.S_ISLNK(int(mode, 8))
        yield File(path, oid.decode(), int(size), 0 if is_link else plain)


def _measured(files: list[File]) -> None:
    total = sum(file.size for file in files)
    if len(files) > MOST_FILES or total > MOST_BYTES or any(f.size > _LARGEST for f in files):
        raise EnvironmentFailure(
            f"the commit is too large to be copied: {len(files)} files, {total >> 20} MiB",
            f"At most {MOST_FILES} files, {MOST_BYTES >> 20} MiB, {_LARGEST >> 20} MiB for a file.",
        )


def _write_files(repository: git.Repository, files: list[File], top: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    for part in _parts(files):
        content = dict(git.blobs(repository, (file.blob for file in part), _LARGEST))
        for file in part:
            descriptor = os.open(os.path.join(top, file.path), flags, file.mode)
            with open(descriptor, "wb") as written:
                written.write(content[file.blob])


def _write_links(repository: git.Repository, links: list[File], top: str) -> None:
    targets = dict(git.blobs(repository, (link.blob for link in links), 4096))
    for link in links:
        target = targets[link.blob]
        if target and b"\0" not in target:  # git could not make such a link either
            os.symlink(os.fsdecode(target), os.path.join(top, link.path))


def _parts(files: Iterable[File]) -> Iterator[list[File]]:
    part: list[File] = []
    size = 0
    for file in files:
        if part and size + file.size > _AT_ONCE:
            yield part
            part, size = [], 0
        part.append(file)
        size += file.size
    if part:
        yield part
