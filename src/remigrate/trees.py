"""Where files come from: the work tree, the index, a commit. All answer alike, see `load.Tree`.

Only files that say something about migrations are listed: modules in folders called
``migrations`` (or named in the configuration), ``apps.py``, ``manage.py`` and settings modules.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from remigrate import git
from remigrate.model import MAX_BYTES, Broken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from remigrate.process import Running

_LINK, _MODULE = b"120000", b"160000"
_MAX_HOPS = 8
_PATTERNS = (
    "*migrations/*.py",
    "*migrations/*.py/*",
    "*/migrations",
    "migrations",
    "*apps.py",
    "*manage.py",
    "*settings*.py",
)
"""Git's own patterns, in which ``*`` also matches ``/``. They let through a little too much."""


class Entry(NamedTuple):
    """One file of a tree."""

    path: str
    """From the top of the repository, with ``/``; undecodable bytes as surrogates."""
    blob: str
    """Git's object id for the content."""
    kind: str = "file"
    """``file``, ``link``, ``folder`` (where a file is expected) or ``submodule``."""


class Wanted(NamedTuple):
    """Which files of a repository are looked at."""

    prefix: bytes = b""
    folders: tuple[bytes, ...] = ()
    """Migration packages from the configuration, with ``/`` at the end."""

    def __contains__(self, path: object) -> bool:
        assert isinstance(path, bytes)
        if not path.startswith(self.prefix):
            return False
        if not path.endswith(b".py"):
            return b"/" + path.rpartition(b"/")[2] == b"/migrations" or (
                b".py/" in path and self._folder(path)
            )
        folder, _, name = path.rpartition(b"/")
        return (
            folder.endswith(b"migrations")
            or name in (b"apps.py", b"manage.py")
            or b"settings" in path
            or b".py/" in path
            and self._folder(path)
            or path.startswith(self.folders)
        )

    def _folder(self, path: bytes) -> bool:
        """A folder with the name of a module, which Django would try to import."""
        return path.split(b".py/")[0].rpartition(b"/")[0].endswith(b"migrations")

    def pathspecs(self) -> list[str]:
        """The same in git's words, relative to the folder that was asked for."""
        own = [f":(top,literal){os.fsdecode(folder)}" for folder in self.folders]
        inside = ["*.py"] if self.prefix.endswith(b"migrations/") else []
        return [*_PATTERNS, *inside, *own]


def _entry(mode: bytes, oid: bytes, path: bytes) -> Entry:
    if b".py/" in path:
        return Entry(os.fsdecode(path[: path.index(b".py/") + 3]), "", "folder")
    kind = {_LINK: "link", _MODULE: "submodule"}.get(mode, "file")
    return Entry(os.fsdecode(path), oid.decode(), kind)


class ObjectTree:
    """Files whose content is in git's object store: a commit's, or the index's."""

    def __init__(
        self, repository: git.Repository, entries: Iterable[Entry], listing: tuple[str, ...]
    ) -> None:
        self.repository = repository
        self._listing = listing
        """The git command that lists a path of this tree, when the path is added to it."""
        self.entries = tuple(dict.fromkeys(entries))
        self.changed: tuple[str, ...] = ()
        """Paths that are otherwise in the work tree than in the index: none here."""

    def read(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, bytes | Broken]]:
        """Content of each entry, or why it cannot be had."""
        plain = []
        for entry in entries:
            if entry.kind == "file":
                plain.append(entry)
            elif entry.kind == "link":
                yield entry, self._follow(entry)
            else:
                yield entry, Broken(1, 0, f"it is a {entry.kind}, not a file")
        content = dict(git.blobs(self.repository, [e.blob for e in plain], MAX_BYTES + 1))
        for entry in plain:
            yield entry, content[entry.blob]

    def _follow(self, entry: Entry) -> bytes | Broken:
        for _ in range(_MAX_HOPS):
            content = dict(git.blobs(self.repository, [entry.blob], MAX_BYTES + 1))[entry.blob]
            if entry.kind != "link":
                return content
            target = os.path.join(os.path.dirname(entry.path), os.fsdecode(content))
            found = self._at(os.path.normpath(target))
            if found is None:
                return _STRAY_LINK
            entry = found
        return Broken(1, 0, "it is a link that leads back to itself")

    def _at(self, path: str) -> Entry | None:
        """The file or link that stands at `path`."""
        if path.startswith(("/", "../")):
            return None
        if self._listing == _STAGED:
            listing = self.repository.observe(*_STAGED, f":(top,literal){path}")
        else:
            listing = self.repository.run(*self._listing, path)
        for record in listing.split(b"\0"):
            described, _, name = record.partition(b"\t")
            mode, *fields = described.split(b" ")
            if name == os.fsencode(path) and mode != _MODULE:
                return Entry(
                    path, max(fields, key=len).decode(), "link" if mode == _LINK else "file"
                )
        return None


def commit_tree(repository: git.Repository, sha: str, wanted: Wanted) -> ObjectTree:
    """The files of a commit (or of any tree-ish)."""
    prefix = (os.fsdecode(wanted.prefix),) if wanted.prefix else ()
    command = ("ls-tree", "-r", "-z", "--full-tree", sha, "--")
    listing = repository.run(*command, *prefix)
    entries = []
    for record in listing.split(b"\0"):
        described, _, path = record.partition(b"\t")
        if path in wanted:
            mode, _, oid = described.split(b" ")
            entries.append(_entry(mode, oid, path))
    return ObjectTree(repository, entries, command)


def index_tree(repository: git.Repository, wanted: Wanted) -> ObjectTree:
    """The files that the next commit will hold. Of an unmerged path, our side."""
    entries = []
    for record in repository.observe(*_STAGED, *wanted.pathspecs()).split(b"\0"):
        described, _, path = record.partition(b"\t")
        if path in wanted:
            mode, oid, stage = described.split(b" ")
            if stage in (b"0", b"2"):
                entries.append(_entry(mode, oid, path))
    announced = _announced(repository, entries, wanted)
    return ObjectTree(repository, [e for e in entries if e.path not in announced], _STAGED)


def _announced(repository: git.Repository, entries: Iterable[Entry], wanted: Wanted) -> set[str]:
    """Files that ``git add -N`` put into the index: the next commit will not hold them.

    They look like empty ones, so git is asked only where there is an empty module.
    """
    if not any(e.blob == _EMPTY and not e.path.endswith("/__init__.py") for e in entries):
        return set()
    flags = ("--porcelain=v1", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules")
    listing = repository.observe("status", *flags, "--", *wanted.pathspecs())
    return {os.fsdecode(row[3:]) for row in listing.split(b"\0") if row[:2] == b" A"}


class WorkTree:
    """The files on disk that git tracks or would let be added (ignored files are not looked at)."""

    def __init__(self, repository: git.Repository, top: str, wanted: Wanted) -> None:
        self.repository = repository
        self.top = top
        self._wanted = wanted
        flags = ("-z", "-v", "-s", "-c", "-m", "-d", "-o", "--exclude-standard", "--full-name")
        self._args = ("ls-files", *flags, "--", *wanted.pathspecs())
        self._listing: Running | None = repository.start(*self._args)
        self._entries: tuple[Entry, ...] = ()
        self._changed: dict[str, bytes | Broken] = {}
        self._removed: set[str] = set()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All files; git has been listing them since this object was made."""
        if self._listing is not None:
            listing = self.repository.noted(self._args, git.finish(self._listing, self._args))
            self._listing = None
            self._entries = tuple(self._listed(listing))
        return self._entries

    def _listed(self, listing: bytes) -> Iterable[Entry]:
        found: dict[str, Entry] = {}
        for record in listing.split(b"\0"):
            tag, rest = record[:1], record[2:]
            if tag == b"?":
                described, path = b"100644 0 0", rest
            else:
                described, _, path = rest.partition(b"\t")
            if path not in self._wanted:
                continue
            mode, oid, _ = described.split(b" ")
            entry = _entry(mode, oid, path)
            if tag in b"Rr":
                self._removed.add(entry.path)
            elif entry.kind in ("file", "link") and self._is_other(tag, entry.path):
                entry = self._hashed(entry)
            found[entry.path] = entry
        return [entry for entry in found.values() if entry.path not in self._removed]

    def _is_other(self, tag: bytes, path: str) -> bool:
        """Whether a file's content is, or may be, another one than the index has.

        A small letter says that git was told not to look (``--assume-unchanged``), ``S`` that it
        expects no file there (a sparse checkout).
        """
        if tag in b"Ss":
            return os.path.lexists(os.path.join(self.top, path))
        return tag in b"C?MK" or tag.islower()

    @property
    def changed(self) -> tuple[str, ...]:
        """Paths that are otherwise in the work tree than in the index."""
        present = [entry.path for entry in self.entries if entry.path in self._changed]
        return (*sorted(self._removed), *present)

    def _hashed(self, entry: Entry) -> Entry:
        """The entry of a file whose content git has not seen, known by what is on disk."""
        self.repository.observed.repeatable = False
        found = content(self.top, entry.path)
        self._changed[entry.path] = found
        place = os.path.join(self.top, entry.path)
        if os.path.islink(place):
            return Entry(entry.path, blob_id(os.fsencode(os.readlink(place)), entry.blob), "link")
        blob = "" if isinstance(found, Broken) else blob_id(found, entry.blob)
        return Entry(entry.path, blob)

    def read(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, bytes | Broken]]:
        """Content of each entry, or why it cannot be had."""
        absent = []
        for entry in entries:
            if entry.kind in ("folder", "submodule"):
                yield entry, Broken(1, 0, f"it is a {entry.kind}, not a file")
                continue
            found = self._changed.get(entry.path)
            if found is None:
                found = content(self.top, entry.path)
            if entry.kind == "link":
                self.repository.observed.repeatable = False  # git did not look at what it leads to
            if found == _GONE and entry.path not in self._changed:
                absent.append(entry)  # a sparse checkout: in the commit, not on disk
            else:
                yield entry, found
        yield from ObjectTree(self.repository, absent, _STAGED).read(absent)


def content(top: str, path: str) -> bytes | Broken:
    """What a file on disk holds, or why it cannot be read. Links may not lead out of `top`."""
    place = os.path.join(top, path)
    try:
        if os.path.islink(place) and not _inside(top, os.path.realpath(place, strict=True)):
            return Broken(1, 0, "it is a link that leads out of the repository")
        descriptor = os.open(place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return Broken(1, 0, "it is not a regular file")
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return _GONE
    except OSError as error:
        return Broken(1, 0, f"it cannot be opened: {error.strerror}")


_GONE = Broken(1, 0, "it is not there")
_STRAY_LINK = Broken(1, 0, "it is a link to something that is not a file of this tree")
_EMPTY = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
_STAGED = ("ls-files", "-z", "-s", "--full-name", "--")


def _inside(top: str, path: str) -> bool:
    return path.startswith(os.path.realpath(top) + os.sep)


def blob_id(content: bytes, like: str = "") -> str:
    """The id that git gives a blob with this content, in a repository that has ids `like` this."""
    import hashlib

    algorithm = "sha256" if len(like) == 64 else "sha1"
    data = b"blob %d\0" % len(content) + content
    return hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()
