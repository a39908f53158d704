"""A journal of files to be written: decided by one rename, then carried out or taken back.

It is a folder below git's own. Its name ends in how far things have come::

    staged   every file is in it, as it was and as it will be; the tree is untouched
    going    decided: files are moved into the tree, which needs no room on the disk
    undoing  a file could not be written: the old ones are moved back
    over     nothing is left but to remove it

So whoever finds one knows what to do, and may be stopped and found again at any point.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple

from remigrate.errors import RepositoryFailure
from remigrate.reset import lock
from remigrate.reset.durable import sync, sync_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from remigrate.reset.file_change import FileChange
    from remigrate.reset.lock import Place

    Step = Callable[[str], None]
    State = Literal["staged", "going", "undoing", "over"]
    Side = Literal["before", "after"]

_MANIFEST = "manifest.json"
_LINK, _OTHER = "a symbolic link", "not a file"
"""Stand for the digest of what has none."""


class Entry(NamedTuple):
    """A `FileChange` by digests."""

    path: str
    before: str | None
    after: str | None


class Journal(NamedTuple):
    """What is to be done in the tree `top`."""

    top: str
    base: str
    """Its folder, without the state."""
    entries: tuple[Entry, ...]
    folders: tuple[str, ...]
    """Those that the tree lacks, outer ones first."""

    def folder(self, state: State) -> str:
        return f"{self.base}.{state}"

    def file(self, state: State, side: Side, at: int) -> str:
        return os.path.join(self.folder(state), side, str(at))

    def target(self, entry: Entry) -> str:
        return os.path.join(self.top, entry.path)

    def partial(self, entry: Entry) -> str:
        """A file beside the target, for targets on another file system than the journal."""
        folder, name = os.path.split(self.target(entry))
        return os.path.join(folder, f".{name}.{os.path.basename(self.base)}")


class Stopped(Exception):
    """A file could not be written; `str()` says which and why."""


# Before the decision


def state_of(top: str, path: str) -> str | None:
    """Digest of a file's content, None where there is none, or words for what it is instead."""
    *parents, _ = path.split("/")
    at = top
    for part in parents:
        at = os.path.join(at, part)
        found = _lstat(at)
        if found is None:
            return None
        if not stat.S_ISDIR(found.st_mode):
            return _LINK if stat.S_ISLNK(found.st_mode) else _OTHER
    found = _lstat(os.path.join(top, path))
    if found is None:
        return None
    if not stat.S_ISREG(found.st_mode):
        return _LINK if stat.S_ISLNK(found.st_mode) else _OTHER
    return _digest_of_file(os.path.join(top, path))


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def digest(content: bytes | None) -> str | None:
    """What a file of this content is known by."""
    return None if content is None else hashlib.sha256(content).hexdigest()


def _digest_of_file(path: str) -> str | None:
    try:
        with open(path, "rb", opener=_unlinked) as file:
            return digest(file.read())
    except FileNotFoundError:
        return None


def _unlinked(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)


def is_name(path: str) -> bool:
    """Whether `path` is one below the top, and none of git's own."""
    parts = path.split("/")
    return "\0" not in path and not any(
        part in ("", ".", "..") or part.lower() == ".git" for part in parts
    )


def stage(place: Place, changes: Sequence[FileChange], step: Step) -> Journal:
    """Write everything down; the tree stays as it is. Raises `OSError` with nothing left behind."""
    base = os.path.join(place.home, lock.BEGINNING + os.urandom(6).hex())
    entries = tuple(Entry(c.path, digest(c.before), digest(c.after)) for c in changes)
    missing = _missing(place.top, (c.path for c in changes if c.after is not None))
    journal = Journal(place.top, base, entries, missing)
    folder = journal.folder("staged")
    try:
        for side in ("", "before", "after"):
            os.mkdir(os.path.join(folder, side))
        for at, change in enumerate(changes):
            like = os.path.join(place.top, change.path)
            if change.before is not None:
                _put(journal.file("staged", "before", at), change.before, like)
            if change.after is not None:
                _put(journal.file("staged", "after", at), change.after, like)
            step(f"staged {change.path}")
        manifest = json.dumps({"entries": entries, "folders": missing})
        _put(os.path.join(folder, _MANIFEST), manifest.encode(), "")
        sync_all(folder)  # after all was written: the first time does most of the work
        step("staged everything")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # what cannot be removed now, the next run will
        raise
    return journal


def _missing(top: str, paths: Iterable[str]) -> tuple[str, ...]:
    found: set[str] = set()
    for path in paths:
        folder = os.path.dirname(path)
        while folder and folder not in found and not os.path.lexists(os.path.join(top, folder)):
            found.add(folder)
            folder = os.path.dirname(folder)
    return tuple(sorted(found))


def _put(path: str, content: bytes, like: str) -> None:
    """Write a file with the mode and the owner of the file `like`, if any."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open(os.open(path, flags, 0o666), "wb") as file:
        model = _lstat(like) if like else None
        if model is not None:
            if os.geteuid() == 0:  # nobody else may give files away
                os.chown(file.fileno(), model.st_uid, model.st_gid)
            os.chmod(file.fileno(), stat.S_IMODE(model.st_mode))
        file.write(content)


# The decision, and after it


def carry_out(journal: Journal, step: Step) -> None:
    """Decide for what is staged, and do it. Raises `RepositoryFailure` with the old files back."""
    try:
        os.rename(journal.folder("staged"), journal.folder("going"))
    except OSError as error:
        shutil.rmtree(journal.folder("staged"), ignore_errors=True)
        raise RepositoryFailure(
            f"the files could not be written: {lock.words(error)}", "Nothing was changed."
        ) from error
    _go(journal, step)


def _go(journal: Journal, step: Step) -> None:
    try:
        _decided(journal, "going", step)
        _move_all(journal, "going", "after", step)
        _forget_bytecode(journal)
        step("forgot byte code")
    except (OSError, Stopped) as error:
        _take_back(journal, _why(error), step)
        raise RepositoryFailure(
            f"the files could not be written: {_why(error)}", "Every file is as it was."
        ) from error
    drop(journal, "going", step)


def is_done(journal: Journal) -> bool:
    """Whether every file is as it was to be."""
    return all(state_of(journal.top, entry.path) == entry.after for entry in journal.entries)


def _why(error: OSError | Stopped) -> str:
    return lock.words(error) if isinstance(error, OSError) else str(error)


def _take_back(journal: Journal, why: str, step: Step) -> None:
    try:
        with suppress(FileNotFoundError):  # it is being taken back already
            os.rename(journal.folder("going"), journal.folder("undoing"))
        _decided(journal, "undoing", step)
        _move_all(journal, "undoing", "before", step)
    except (OSError, Stopped) as error:
        raise RepositoryFailure(
            f"the reset was stopped half-way ({why}), and could not be taken back: {_why(error)}",
            "When that can be written again, run remigrate reset: it clears this up first. "
            f"All that was replaced is in {journal.base}.*/before.",
        ) from error
    drop(journal, "undoing", step)


def _decided(journal: Journal, state: State, step: Step) -> None:
    sync(os.path.dirname(journal.base))
    step(state)


def drop(journal: Journal, state: State, step: Step) -> None:
    """Remove the journal; from here on nobody will look at it again."""
    try:
        os.rename(journal.folder(state), journal.folder("over"))
        _decided(journal, "over", step)
    except OSError as error:
        raise RepositoryFailure(
            f"the reset is {'complete' if state == 'going' else 'taken back'}, but its journal "
            f"could not be removed: {lock.words(error)}",
            f"Remove {journal.base}.* yourself.",
        ) from error
    shutil.rmtree(journal.folder("over"), ignore_errors=True)  # else the next run removes it


def _move_all(journal: Journal, state: State, side: Side, step: Step) -> None:
    for folder in journal.folders if side == "after" else ():
        os.makedirs(os.path.join(journal.top, folder), exist_ok=True)
        step(f"made {folder}")
    for at, entry in enumerate(journal.entries):
        wanted = entry.after if side == "after" else entry.before
        seen = state_of(journal.top, entry.path)
        if seen not in (entry.before, entry.after):
            if side == "before":  # what stopped us; it is not ours to take back
                continue
            raise Stopped(f"{entry.path} was changed meanwhile")
        if seen != wanted and wanted is None:
            os.unlink(journal.target(entry))
        elif seen != wanted:
            _move(journal.file(state, side, at), journal.target(entry), journal.partial(entry))
        _discard(journal.partial(entry))
        step(f"{side} {entry.path}")
    for folder in reversed(journal.folders) if side == "before" else ():
        with suppress(OSError):  # it is not there, or somebody put something else into it
            os.rmdir(os.path.join(journal.top, folder))
    for folder in {os.path.dirname(journal.target(entry)) for entry in journal.entries}:
        if os.path.isdir(folder):
            sync(folder)


def _move(source: str, target: str, partial: str) -> None:
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        try:
            with open(source, "rb") as file:
                _put(partial, file.read(), source)
            sync(partial)
            os.replace(partial, target)
        except OSError:
            _discard(partial)
            raise


def _discard(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _forget_bytecode(journal: Journal) -> None:
    """Remove what Python compiled from files that are gone or others now.

    Django lists a module that only has byte code left beside where its file was.
    """
    for entry in journal.entries:
        folder, name = os.path.split(journal.target(entry))
        if entry.before is None or not name.endswith(".py"):
            continue
        module = name.removesuffix("py")
        if entry.after is None:
            _discard(os.path.join(folder, f"{module}pyc"))
        compiled = os.path.join(folder, "__pycache__")
        if os.path.isdir(compiled) and not os.path.islink(compiled):
            for file in os.listdir(compiled):
                if file.startswith(module) and file.endswith(".pyc"):
                    _discard(os.path.join(compiled, file))


# What somebody else began


def settle(place: Place, step: Step) -> str | None:
    """Bring every journal to its end, under the lock; what was done in words, None for nothing."""
    try:
        said = [_settled(place, name, step) for name in lock.names(place.home, lock.BEGINNING)]
    except OSError as error:
        raise RepositoryFailure(
            f"an interrupted reset cannot be finished: {lock.words(error)}",
            "When that can be read and written again, run this again.",
        ) from error
    return " ".join(filter(None, said)) or None


def _settled(place: Place, name: str, step: Step) -> str:
    said = ""
    base, _, state = os.path.join(place.home, name).rpartition(".")
    if state == "staged":
        said = "An interrupted reset was dropped: nothing of it had been written."
    elif state in ("going", "undoing"):
        journal = _read(place, base, f"{base}.{state}")
        said = _resume(journal, "going" if state == "going" else "undoing", step)
    shutil.rmtree(os.path.join(place.home, name), ignore_errors=True)
    return said


def _resume(journal: Journal, state: State, step: Step) -> str:
    seen = [state_of(journal.top, entry.path) for entry in journal.entries]
    for entry, now in zip(journal.entries, seen, strict=True):
        if now not in (entry.before, entry.after):
            raise _edited(journal.folder(state), entry.path)
    count = f"{len(journal.entries)} file{'s' * (len(journal.entries) != 1)}"
    if state == "going" and not any(_lacking(journal, "going", "after", seen)):
        _go(journal, step)
        return f"An interrupted reset was finished: {count}."
    for path in _lacking(journal, state, "before", seen):
        raise _edited(journal.folder(state), path)
    _take_back(journal, "it was interrupted", step)
    return f"An interrupted reset was taken back: {count}."


def _lacking(
    journal: Journal, state: State, side: Side, seen: Sequence[str | None]
) -> Iterator[str]:
    """Paths that cannot be brought to `side`: what they need is not in the journal (any more)."""
    for at, (entry, now) in enumerate(zip(journal.entries, seen, strict=True)):
        wanted = entry.after if side == "after" else entry.before
        if wanted not in (None, now) and _digest_of_file(journal.file(state, side, at)) != wanted:
            yield entry.path


def _edited(folder: str, path: str) -> RepositoryFailure:
    return RepositoryFailure(
        f"{path} was edited after a reset was interrupted, which therefore cannot be finished",
        f"Nothing was changed now. What the reset replaced is in {folder}/before, what it had not "
        f"yet written in {folder}/after; {_MANIFEST} there has the paths. Restore {path} (with "
        "git restore, if it was committed) and run this again; or, to keep all files as they are, "
        f"remove {folder}.",
    )


def _read(place: Place, base: str, folder: str) -> Journal:
    try:
        with open(os.path.join(folder, _MANIFEST), "rb") as file:
            data = json.load(file)
        entries = tuple(Entry(*entry) for entry in data["entries"])
        folders = tuple(data["folders"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RepositoryFailure(
            f"the journal of an interrupted reset is damaged: {folder}",
            "git status shows what it changed. Put that in order, then remove the folder.",
        ) from error
    for path in (*(entry.path for entry in entries), *folders):
        if not is_name(path):
            raise RepositoryFailure(f"{folder} names a path outside the work tree: {path!r}")
    return Journal(place.top, base, entries, folders)
