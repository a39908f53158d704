"""Takes down what an answer rests on, and says in words why it no longer does.

This is the slow side of `witness`: it reads what it is told of, and lists folders.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from remigrate import witness
from remigrate.witness import ABSENT, DOUBTFUL, SPECIAL, VIEWED, Witness

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from remigrate.witness import State

    View = Mapping[str, bytes | None]
    """Content that is seen instead of the disk's, by absolute path; None hides a file."""
    Names = dict[str, dict[str, bool | None]]

FEW = 5
"""Reasons that are enough."""
_SECOND = 10**9
_COARSE = 2 * _SECOND
"""Nanoseconds between two ticks of the slowest file system's clock."""
_TICK = _SECOND // 20
"""Nanoseconds that the clock of a good file system may be behind `time.time_ns`."""
_MAX_HELD = 1 << 20
"""Bytes of a file whose content before a run is compared with that after it."""
_MACHINE = ("/dev/", "/proc/", "/sys/")
"""What is read there is about the machine, and never the same twice."""


class Moved(Exception):
    """Something changed while the answer was being found: nobody knows which state it is about."""

    def __init__(self, path: str, how: str = "changed meanwhile") -> None:
        super().__init__(f"{path} {how}")
        self.path = path


def taken(
    files: Iterable[str],
    folders: Iterable[str],
    variables: Iterable[str],
    environ: Mapping[str, str],
    *,
    started: int,
    all_variables: bool = False,
    links: Iterable[str] = (),
    view: View | None = None,
    before: Mapping[str, bytes | None] | None = None,
) -> Witness:
    """Write down the state of what was read, listed, or looked for in vain; paths are absolute.

    `started` is `time.time_ns` of before the first of it was read. Raises `Moved` for what changed
    since. `before` is what some files held then: writing the same once more is no change.
    """
    view = view or {}
    now = time.time_ns()
    salt = os.urandom(16)
    known, listed = set(filter(_telling, files)), set(filter(_telling, folders))
    archives = {path for path in listed if os.path.isfile(path)}  # Python's path may hold some
    known, listed = known | archives, listed - archives
    same = {path for path, held in (before or {}).items() if held == content(path)}
    _demand_rest(known, listed, started, view.keys() | same)
    wanted = set(filter(_possible, variables))
    wanted |= witness.telling(environ) if all_variables else set()
    names = _named(view)
    return Witness(
        salt,
        [_file(path, salt, now, view) for path in sorted(known)],
        [_folder(path, now, names) for path in sorted(listed)],
        [(path, os.path.realpath(path)) for path in sorted(filter(_telling, set(links)))],
        [(name, witness.digest_of_value(environ.get(name), salt)) for name in sorted(wanted)],
        all_variables,
    )


def why_not(
    was: Witness,
    environ: Mapping[str, str],
    view: View | None = None,
    *,
    root: str = "",
    limit: int = FEW,
) -> tuple[list[str], Witness]:
    """The first reasons why it does not hold; when there are none, also the witness of today.

    Paths below `root` are named as they are seen from there.
    """
    view = view or {}
    now, names = time.time_ns(), _named(view)
    reasons = [
        f"{_shown(path, root)} leads to another place"
        for path, target in was.links
        if os.path.realpath(path) != target
    ]
    reasons += [f"variable {name} {how}" for name, how in witness.other_variables(was, environ)]
    told: set[str] = set()
    files: list[State] = []
    for state in was.files:
        if len(reasons) >= limit:
            break
        files.append(_file(state[0], was.salt, now, view, state))
        how = _happened(state, files[-1])
        if how:
            told.add(state[0])
            reasons.append(f"{_shown(state[0], root)} {how}")
    folders: list[State] = []
    for state in was.folders:
        if len(reasons) >= limit:
            break
        folders.append(_folder(state[0], now, names))
        reasons += _happened_in(state, folders[-1], root, told)
    if reasons:
        return reasons[:limit], was
    return [], Witness(was.salt, files, folders, was.links, was.variables, was.all_variables)


# What one file or folder is like


def _file(path: str, salt: bytes, now: int, view: View, was: State | None = None) -> State:
    """Its state; `was`, where ``stat`` says that it is still in that one."""
    if path in view:
        seen = view[path]
        return path, VIEWED, "" if seen is None else witness.digest_of(seen, salt)
    stamp = witness.stamp_of_file(path)
    if was and stamp == was[1]:
        return was
    if stamp in (ABSENT, SPECIAL):
        return path, stamp, ""
    return path, _trusted(stamp, now), witness.digest_of_file(path, salt)


def _folder(path: str, now: int, names: Names) -> State:
    stamp = _trusted(witness.stamp_of(path), now)
    if path in names:
        return path, VIEWED + stamp, witness.listed(path, names[path])
    return path, stamp, witness.listed(path)


def _trusted(stamp: str, now: int) -> str:
    """`stamp`, unless what it is of changed so shortly before `now` that it can show it again."""
    if stamp == ABSENT:
        return stamp
    return DOUBTFUL if int(stamp.rpartition(" ")[2]) > now - _COARSE else stamp


def _named(view: View) -> Names:
    """By folder, the names that a view adds (True for a folder) and hides (None)."""
    names: Names = {}
    for path, content in view.items():
        folder, name = os.path.split(path)
        names.setdefault(folder, {})[name] = None if content is None else False
        while content is not None and folder != "/":
            folder, name = os.path.split(folder)
            names.setdefault(folder, {})[name] = True
    return names


def _telling(path: str) -> bool:
    """Whether there can be such a file, and it says something about the project."""
    return path.startswith("/") and _possible(path) and not path.startswith(_MACHINE)


def _possible(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


# What happened to it


def _happened(was: State, now: State) -> str:
    """In words, what happened to a file; empty when nothing did."""
    gone = [stamp == ABSENT or stamp == VIEWED and not seen for _, stamp, seen in (was, now)]
    if all(gone) or was[2] == now[2] != "":
        return ""
    if any(gone):
        return "appeared" if gone[0] else "is gone"
    same = was[1] == now[1] and was[1] not in (DOUBTFUL, VIEWED)
    return "" if same else "changed"


def _happened_in(was: State, now: State, root: str, told: set[str]) -> Iterator[str]:
    """In words, what happened in a folder, except to the files that were `told` of."""
    if was[2] == now[2]:
        return
    place = _shown(was[0], root).rstrip("/") + "/"
    if not was[2] or not now[2]:
        yield f"{place} {'is gone' if was[2] else 'appeared'}"
        return
    if "?" in (was[2], now[2]):
        yield f"{place} {'can' if was[2] == '?' else 'cannot'} be listed"
        return
    before, after = (set(_names(state[2])) for state in (was, now))
    for name in sorted(before ^ after):
        if os.path.join(was[0], name.rstrip("/")) not in told:
            yield f"`{name}` {'appeared in' if name in after else 'is gone from'} {place}"


def _names(listed: str) -> Iterator[str]:
    folders, _, files = listed.partition("//")
    yield from (f"{name}/" for name in folders.split("/") if name)
    yield from (name for name in files.split("/") if name)


def _shown(path: str, root: str) -> str:
    if root and f"{path}/".startswith(f"{root}/"):
        return path[len(root) + 1 :] or "."
    return path


# What happened meanwhile


def content(path: str) -> bytes | None:
    """What a file holds; None when it cannot be read, or is too large to be looked at."""
    try:
        with open(path, "rb") as file:
            held = file.read(_MAX_HELD + 1)
    except OSError:
        return None
    return held if len(held) <= _MAX_HELD else None


def _demand_rest(known: set[str], listed: set[str], started: int, settled: set[str]) -> None:
    """Raise `Moved` when something that is not `settled` changed since `started`."""
    on_disk = known - settled
    for path in on_disk:
        if _changed_since(path, started):
            raise Moved(path)
    for folder in listed:
        if not _changed_since(folder, started):
            continue
        there = _entries(folder)
        for path in there - settled - listed:  # a listed one changes with its __pycache__
            if _changed_since(path, started):
                raise Moved(path)
        for path in on_disk - there:
            if os.path.dirname(path) == folder and witness.matters(os.path.basename(path), False):
                raise Moved(path, "went away meanwhile")


def _entries(folder: str) -> set[str]:
    """Paths of what matters in a folder."""
    try:
        with os.scandir(folder) as entries:
            return {entry.path for entry in entries if witness.matters(entry.name, entry.is_dir())}
    except OSError as error:  # it was there a moment ago
        raise Moved(folder, f"cannot be listed: {error.strerror}") from error


def _changed_since(path: str, moment: int) -> bool:
    for follow in (True, False):  # where it leads to is part of it
        try:
            changed = os.stat(path, follow_symlinks=follow).st_ctime_ns
        except OSError:
            continue
        if changed > moment - (_TICK if changed % _SECOND else _COARSE):
            return True
    return False
