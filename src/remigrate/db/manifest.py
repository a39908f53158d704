"""What is in a backup, and whether that is still what was put there.

A backup is a folder: ``manifest.json``, and the files that it names with size and SHA-256. These
tell a damaged backup from a whole one. Whoever can write the folder can write another manifest.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from typing import Any, NamedTuple

from remigrate.errors import RepositoryFailure

FORMAT = 1
NAME = "manifest.json"
MIGRATIONS = "migrations.tar"
_MOST = 1 << 24
"""Bytes of a manifest; far beyond that of thousands of databases."""
_CHUNK = 1 << 20


class Kept(NamedTuple):
    """One alias of the settings."""

    alias: str
    vendor: str
    version: str
    """Of the server."""
    place: str
    """Where it was, without user and password."""
    name: str
    """What the server calls it; of SQLite, the last part of the file's path."""
    rows: str | None
    """The file with the rows of django_migrations; None where they are not in the backup, or
    the database had no such table."""
    dump: str | None
    tool: str | None
    """What made the dump."""


class File(NamedTuple):
    """One file of the backup."""

    path: str
    """From its folder, with ``/``."""
    size: int
    sha256: str


class Manifest(NamedTuple):
    """All of a backup."""

    made: str
    """In UTC, as in ``2026-11-21T19:34:12Z``."""
    version: str
    """Of Remigrate."""
    commit: str | None
    folders: tuple[str, ...] | None
    """Those of the migrations in the backup, from the top; None where they are not in it."""
    databases: tuple[Kept, ...]
    files: tuple[File, ...]


def written(found: Manifest) -> bytes:
    """The manifest as it is in the folder."""
    document = {
        "format": FORMAT,
        "tool": {"name": "remigrate", "version": found.version},
        "made": found.made,
        "commit": found.commit,
        "folders": found.folders,
        "databases": [each._asdict() for each in found.databases],
        "files": [each._asdict() for each in found.files],
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def described(folder: str, path: str) -> File:
    """A file as it is now."""
    digest, size = hashlib.sha256(), 0
    with open(os.path.join(folder, path), "rb", opener=_unlinked) as file:
        while part := file.read(_CHUNK):
            digest.update(part)
            size += len(part)
    return File(path, size, digest.hexdigest())


def _unlinked(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)


def verified(folder: str) -> Manifest:
    """The manifest, when every file is what it says.

    Raises `RepositoryFailure` for a folder that is no backup, one of a newer Remigrate, and one
    that was changed.
    """
    found = _read(folder)
    for file in found.files:
        _demand_plain(folder, file.path)
        try:
            now = described(folder, file.path)
        except OSError as error:
            raise _changed(folder, f"{file.path}: {error.strerror}") from error
        if now != file:
            raise _changed(folder, f"{file.path} is not what the manifest says")
    return found


def _read(folder: str) -> Manifest:
    _demand_plain(folder, NAME)
    try:
        with open(os.path.join(folder, NAME), "rb", opener=_unlinked) as file:
            document = json.loads(file.read(_MOST))
    except FileNotFoundError as error:
        raise RepositoryFailure(
            f"{folder} is not a backup: there is no {NAME}",
            "Name the folder that `remigrate db backup` told of.",
        ) from error
    except OSError as error:
        raise RepositoryFailure(f"{folder} cannot be read: {error.strerror}", _OTHER) from error
    except (ValueError, RecursionError) as error:
        raise _changed(folder, f"{NAME} is not JSON") from error
    version = document.get("format") if isinstance(document, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise RepositoryFailure(
            f"{folder} was made by a newer Remigrate: its format is {version}, and not {FORMAT}",
            "Restore it with that one.",
        )
    try:
        return _manifest(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _changed(folder, f"{NAME} is not of the shape of a manifest") from error


def _manifest(document: Any) -> Manifest:
    if document["format"] != FORMAT:
        raise ValueError(document["format"])
    files = tuple(File(_path(each["path"]), _size(each["size"]), _text(each["sha256"]))
                  for each in document["files"])  # fmt: skip
    named = {file.path for file in files}
    databases = tuple(_kept(each, named) for each in document["databases"])
    folders = document["folders"]
    if folders is not None:
        folders = tuple(_path(each) for each in folders)
    if folders is not None and MIGRATIONS not in named:
        raise ValueError("not among the files")
    if len(named) < len(files) or len({each.alias for each in databases}) < len(databases):
        raise ValueError("named twice")
    commit = None if document["commit"] is None else _text(document["commit"])
    version = _text(document["tool"]["version"])
    return Manifest(_text(document["made"]), version, commit, folders, databases, files)


def _kept(found: Any, named: set[str]) -> Kept:
    files = [found["rows"], found["dump"]]
    if not all(file is None or file in named for file in files):
        raise ValueError("not among the files")
    words = {word: _text(found[word]) for word in ("alias", "vendor", "version", "place", "name")}
    tool = None if found["tool"] is None else _text(found["tool"])
    return Kept(**words, rows=files[0], dump=files[1], tool=tool)


def _text(found: Any) -> str:
    if type(found) is not str:
        raise TypeError("not a text")
    return found


def _size(found: Any) -> int:
    if type(found) is not int:
        raise TypeError("not a size")
    return found


def _path(found: Any) -> str:
    """One below the folder."""
    path = _text(found)
    if "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError("not a path below the folder")
    return path


def _demand_plain(folder: str, path: str) -> None:
    """Raise `RepositoryFailure` for a link on the way, and for what is not a file."""
    at = folder
    for part in path.split("/"):
        at = os.path.join(at, part)
        try:
            mode = os.lstat(at).st_mode
        except OSError:
            return  # reading it says why
        if stat.S_ISLNK(mode):
            raise _changed(folder, f"{path} is behind a symbolic link")
    if not stat.S_ISREG(mode):
        raise _changed(folder, f"{path} is not a file")


_OTHER = "Take another backup; nothing was changed."


def _changed(folder: str, why: str) -> RepositoryFailure:
    return RepositoryFailure(f"the backup {folder} is not as it was made: {why}", _OTHER)
