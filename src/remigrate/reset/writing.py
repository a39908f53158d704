"""Writes a reset: all of its files or none, also when this program is killed half-way.

No file system replaces files in several folders at once, so there is a `journal`. A process of
its own carries it out. It does not end with ours: after a ``kill -9`` the tree is wholly old or,
some milliseconds later, wholly new. When that process is killed instead, we go on in its place.
Only if both are (as when the machine loses power) something is left for `recover`.
"""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from remigrate.errors import Failure, RepositoryFailure
from remigrate.reset import journal
from remigrate.reset import lock as locking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from remigrate.git import Repository
    from remigrate.reset.file_change import FileChange

    Step = Callable[[str], None]

_DEFERRED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""They wait until all is written: a moment."""


def _silent(_: str) -> None:
    return


def write(
    top: str,
    changes: Sequence[FileChange],
    environ: Mapping[str, str] | None = None,
    step: Step = _silent,
) -> None:
    """Make all changes to the files below `top`, or none and raise `RepositoryFailure`.

    `step` is told what was just done, in whichever process does it; an `OSError` that it raises
    counts as one of the disk.
    """
    place = locking.place(top, os.environ if environ is None else environ)
    # What can fail for want of room comes before what cannot.
    ordered = sorted(changes, key=lambda change: change.action == "delete")
    ordered = [change._replace(path=place.prefix + change.path) for change in ordered]
    _refuse_names(ordered)
    if not ordered:
        return
    with locking.locked(place, 0.0) as lock:
        journal.settle(place, step)
        try:
            _refuse_surprises(place.top, ordered)
            _refuse_unwritable(place.top, ordered)
            staged = journal.stage(place, ordered, step)
        except OSError as error:
            raise RepositoryFailure(
                f"the files cannot be written: {locking.words(error)}",
                f"Nothing was changed. The new files are first written to {place.home}.",
            ) from error
        _carry_out(place, staged, lock, step)


def recover(top: str, environ: Mapping[str, str] | None = None, step: Step = _silent) -> str | None:
    """Finish or drop what a killed reset left behind; what was done in words, None for nothing.

    Raises `RepositoryFailure`, and changes nothing, where somebody edited one of its files since.
    """
    place = locking.place(top, os.environ if environ is None else environ)
    if not locking.has_remains(place):
        locking.remove_if_empty(place.home)
        return None
    with locking.locked(place, locking.PATIENCE):
        return journal.settle(place, step)


def dirty(repository: Repository, folders: Iterable[str]) -> tuple[str, ...]:
    """Paths with uncommitted or untracked content in `folders` (from the top), but byte code."""
    places = [f":(top,literal){folder}" if folder else ":(top)" for folder in folders]
    if not places:
        return ()
    flags = ("--porcelain=v2", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules")
    listing = repository.run("status", *flags, "--", *places)
    fields_before_path = {b"1": 8, b"u": 10, b"?": 1}
    found = set()
    for row in filter(None, listing.split(b"\0")):
        path = os.fsdecode(row.split(b" ", fields_before_path[row[:1]])[-1])
        if not path.endswith((".pyc", ".pyo")):
            found.add(path)
    return tuple(sorted(found))


# What is refused


def _refuse_names(changes: Sequence[FileChange]) -> None:
    seen = set()
    for change in changes:
        if not journal.is_name(change.path):
            raise RepositoryFailure(f"{change.path!r} is not a path in the work tree")
        if change.path in seen:
            raise RepositoryFailure(f"{change.path} would be written twice")
        if change.action == "delete" and change.path.rpartition("/")[2] == "__init__.py":
            raise RepositoryFailure(
                f"{change.path} would be deleted", "Without it Django ignores the folder."
            )
        seen.add(change.path)


def _refuse_surprises(top: str, changes: Sequence[FileChange]) -> None:
    """Every file must be what the reset was made from."""
    for change in changes:
        seen = journal.state_of(top, change.path)
        expected = journal.digest(change.before)
        if seen == expected:
            continue
        if seen is not None and " " in seen:
            why = f"there is {seen} on the way to {change.path}"
        elif seen is None:
            why = f"{change.path} was removed meanwhile"
        elif expected is None:
            why = f"{change.path} exists already"
        else:
            why = f"{change.path} was edited meanwhile"
        raise RepositoryFailure(f"the files are not written: {why}", "Run it again.")


def _refuse_unwritable(top: str, changes: Sequence[FileChange]) -> None:
    for folder in sorted({os.path.dirname(os.path.join(top, change.path)) for change in changes}):
        while not os.path.lexists(folder):
            folder = os.path.dirname(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise RepositoryFailure(
                f"the files are not written: {folder} is not writable",
                "Nothing was changed. Give yourself the right to write there, and run it again.",
            )


# The process that finishes


def _carry_out(place: locking.Place, staged: journal.Journal, lock: int, step: Step) -> None:
    """Have a process of its own do it, and do it ourselves if that one is killed."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _DEFERRED)
    try:
        hear, tell = os.pipe()
        finisher = os.fork()
        if not finisher:
            _finish(place, staged, lock, tell, step)
        os.close(tell)
        with open(hear, "rb") as pipe:
            said = pipe.read()
        os.waitpid(finisher, 0)
        if not said:
            journal.settle(place, step)
            said = _report(_verdict(staged))
        _believe(said)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _finish(
    place: locking.Place, staged: journal.Journal, lock: int, tell: int, step: Step
) -> NoReturn:
    """The whole life of the finisher. It keeps the lock, so nobody else begins meanwhile."""
    said = b""
    try:
        os.setsid()
        _close_all_but(lock, tell)
        journal.carry_out(staged, step)
        said = _report(None)
    except Failure as failure:
        said = _report(failure)
    finally:
        if said:  # a bug has nothing to say: our parent will run into it too, and show it
            locking.unlock(place, lock)
            with suppress(BrokenPipeError):  # nobody is left who wants to know
                os.write(tell, said)
        os._exit(0)


def _close_all_but(*keep: int) -> None:
    """Whoever waits for the end of our output must not wait for the finisher."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in {0, 1, 2} - set(keep):
        os.dup2(null, standard)
    for descriptor in [int(name) for name in os.listdir("/dev/fd")]:
        if descriptor > 2 and descriptor not in keep:
            with suppress(OSError):  # the one that listed them
                os.close(descriptor)


def _verdict(staged: journal.Journal) -> Failure | None:
    """What came of a reset whose finisher was killed and whose journal is settled."""
    if journal.is_done(staged):
        return None
    return RepositoryFailure(
        "the process that writes the reset was killed", "Every file is as it was. Run it again."
    )


def _report(failure: Failure | None) -> bytes:
    return json.dumps([str(failure), failure.hint] if failure else []).encode()


def _believe(said: bytes) -> None:
    if failed := json.loads(said):
        raise RepositoryFailure(*failed)
