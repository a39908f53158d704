"""Remembers clean answers about drift, each with what it rests on.

The last few of every project and interpreter are kept, so that going back to another branch needs
no new run. Nothing depends on them: what is damaged, or cannot be written, counts as not there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from remigrate import home, testimony, witness

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from remigrate.testimony import View
    from remigrate.witness import Witness

_MAX_OF_ONE = 8
"""Branches that somebody switches between."""
_MAX_KEPT = 64
_SUSPECTS = "written-"
_MAX_SUSPECTS = 32
_NOTHING = "no clean answer is remembered for this project, interpreter and version of remigrate"
_PYTHON_VARIABLES = (
    *("PYTHONHOME", "PYTHONPATH", "PYTHONPLATLIBDIR", "PYTHONSAFEPATH"),
    *("PYTHONNOUSERSITE", "PYTHONUSERBASE", "PYTHONOPTIMIZE", "__PYVENV_LAUNCHER__"),
)


class Recalled(NamedTuple):
    """What is remembered of a question."""

    witness: Witness | None
    """What the clean answer rests on, as it is today; None when there is no answer that holds."""
    reasons: tuple[str, ...]
    """Why there is none: what the latest one rested on and is otherwise now."""


def key(*parts: str) -> str:
    """Name of a question: project folder, interpreter, settings, whatever an answer is about."""
    text = "\0".join((*parts, home.edition()))
    return witness.digest_of(os.fsencode(text), b"")


def recall(
    question: str, environ: Mapping[str, str], view: View | None = None, *, root: str = ""
) -> Recalled:
    """The remembered answer to `question` (a `key`) that still holds, the latest first."""
    found = _recalled(question, environ, view, root)
    if found.reasons != (_NOTHING,):
        return found
    # Others may have put newer ones in the place of all that there were a moment ago.
    return _recalled(question, environ, view, root)


def _recalled(question: str, environ: Mapping[str, str], view: View | None, root: str) -> Recalled:
    reasons: list[str] = []
    for path, content in _contents(question, environ):
        kept = witness.decoded(content)
        if kept is None:
            home.discard(path)
            reasons = reasons or ["what was remembered is damaged"]
            continue
        few = 1 if reasons else testimony.FEW
        why, today = testimony.why_not(kept, environ, view, root=root, limit=few)
        if not why:
            home.put(path, witness.encoded(today))  # also: it is the latest now
            return Recalled(today, ())
        reasons = reasons or why
    return Recalled(None, tuple(reasons or [_NOTHING]))


def keep(question: str, environ: Mapping[str, str], clean: Witness) -> None:
    """Remember that the answer to `question` was clean. Without a place for it, nothing happens."""
    folder = _folder(environ)
    if folder and home.put(
        os.path.join(folder, f"{question}-{os.urandom(8).hex()}"), witness.encoded(clean)
    ):
        for path in _latest(folder, question)[_MAX_OF_ONE:]:
            home.discard(path)
        home.prune(folder, _MAX_KEPT)


def suspects(question: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Files that changed during a run: the project may write them itself, each time the same."""
    folder = _folder(environ)
    held = testimony.content(os.path.join(folder, _SUSPECTS + question)) if folder else None
    return tuple(map(os.fsdecode, held.split(b"\0"))) if held else ()


def suspect(question: str, environ: Mapping[str, str], path: str) -> None:
    """Keep in mind that the file `path` changed during a run. Without a place, nothing happens."""
    folder = _folder(environ)
    known = (path, *(other for other in suspects(question, environ) if other != path))
    if folder:
        held = b"\0".join(map(os.fsencode, known[:_MAX_SUSPECTS]))
        home.put(os.path.join(folder, _SUSPECTS + question), held)


def _contents(question: str, environ: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    folder = _folder(environ)
    for path in _latest(folder, question) if folder else ():
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError:  # another process had too many of them
            continue
        yield path, content


def _latest(folder: str, question: str) -> list[str]:
    found = home.latest(folder)
    return [path for path in found if os.path.basename(path).startswith(question)]


def _folder(environ: Mapping[str, str]) -> str | None:
    folder = home.cache_folder(environ)
    return os.path.join(folder, "drift") if folder else None


# What an interpreter is


class Installation(NamedTuple):
    """What tells that an interpreter and the packages installed for it are what they were."""

    files: tuple[str, ...]
    folders: tuple[str, ...]
    links: tuple[str, ...]
    variables: tuple[str, ...]


def environment_of(interpreter: str, python_path: Iterable[str] = ()) -> Installation:
    """What to watch of the interpreter at an absolute path (its own ``sys.executable``).

    `python_path` is its ``sys.path``: it also names packages of the user and of the system.
    """
    real = os.path.realpath(interpreter)
    prefix = os.path.dirname(os.path.dirname(interpreter))
    config = os.path.join(prefix, "pyvenv.cfg")
    prefixes = [prefix]
    if not _is_isolated(config):
        prefixes.append(os.path.dirname(os.path.dirname(real)))
    folders = {folder for place in prefixes for folder in _package_folders(place)}
    folders |= {path for path in python_path if os.path.basename(path) in witness.INSTALLED}
    # lib64 is often a link to lib
    folders = set({os.path.realpath(path): path for path in sorted(folders, reverse=True)}.values())
    files = {real, config}
    for folder in folders:
        files.update(_records(folder))
    links = (interpreter, *sorted(folders))
    return Installation(tuple(sorted(files)), tuple(sorted(folders)), links, _PYTHON_VARIABLES)


def _is_isolated(config: str) -> bool:
    """Whether this is a virtual environment that does not see the packages of its base."""
    try:
        with open(config, encoding="utf-8", errors="replace") as file:
            lines = [line.partition("=") for line in file]
    except OSError:
        return False
    given = {name.strip().lower(): value.strip().lower() for name, _, value in lines}
    return given.get("include-system-site-packages") != "true"


def _package_folders(prefix: str) -> Iterator[str]:
    for library in ("lib", "lib64", "local/lib"):
        folder = os.path.join(prefix, library)
        for name in _names(folder):
            if name.startswith("python"):
                for installed in witness.INSTALLED:
                    place = os.path.join(folder, name, installed)
                    if os.path.isdir(place):
                        yield place


def _records(folder: str) -> Iterator[str]:
    """Files that say what is installed in a folder, and from where."""
    for name in _names(folder):
        place = os.path.join(folder, name)
        if name.endswith(".dist-info"):  # the names in a folder do not tell that one came anew
            yield os.path.join(place, "RECORD")
        elif name.endswith((".pth", ".egg-link")) or name.startswith("__editable__"):
            yield place
        elif name.endswith(".egg-info") and os.path.isdir(place):
            yield os.path.join(place, "PKG-INFO")


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # there is no such folder: its names are none
        return []
