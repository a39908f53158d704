"""Remembers what files say, by kind and content, in one SQLite file under the user's cache folder.

Nothing depends on it: a store that is damaged, locked, or written by somebody else is ignored,
and every value carries a checksum. Several processes may use it at once.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from typing import TYPE_CHECKING

from remigrate import home

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MAX_FILE = 128 * 1024 * 1024
"""Bytes; a store that grew beyond this is started anew."""
_CHUNK = 500
_WAIT = 2.0
"""Seconds to wait for another process that writes."""


class DiskCache:
    """The store at `path`. `warn` is told, at most once, when it could not be used."""

    def __init__(self, path: str, warn: Callable[[str], None]) -> None:
        self._path = path
        self._warn = warn
        self._edition = home.edition()
        self._usable = True
        self._warned = False

    def get(self, keys: list[str]) -> dict[str, object]:
        """The values of those `keys` that are known and undamaged."""
        if not keys or not self._usable or not os.path.exists(self._path):
            return {}
        try:
            return self._select(keys)
        except sqlite3.DatabaseError as error:
            if "no such table" not in str(error):  # another process has only just begun it
                self._give_up(error)
        except (TypeError, ValueError) as error:  # not what we write
            self._give_up(error)
        return {}

    def _select(self, keys: list[str]) -> dict[str, object]:
        found: dict[str, object] = {}
        damaged = False
        store = sqlite3.connect(self._path, timeout=_WAIT)
        try:
            for start in range(0, len(keys), _CHUNK):
                part = [self._edition + key for key in keys[start : start + _CHUNK]]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, value, checksum FROM seen WHERE key IN ({marks})"  # noqa: S608
                for key, value, checksum in store.execute(query, part):
                    if _checksum(key, value) != checksum:
                        damaged = True
                        continue
                    found[key[len(self._edition) :]] = json.loads(value)
        finally:
            store.close()
        if damaged:
            self._give_up("a checksum is wrong")
            return {}
        return found

    def put(self, values: dict[str, object]) -> None:
        """Remember `values` (anything that JSON can hold), unless the store cannot be written."""
        if not values or not self._usable:
            return
        try:
            self._insert(values)
        except (sqlite3.DatabaseError, OSError) as error:
            self._give_up(error)

    def _insert(self, values: dict[str, object]) -> None:
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        if os.path.exists(self._path) and os.path.getsize(self._path) > _MAX_FILE:
            os.unlink(self._path)
        rows = []
        for key, value in values.items():
            text = json.dumps(value, separators=(",", ":")).encode()
            key = self._edition + key
            rows.append((key, text, _checksum(key, text)))
        store = sqlite3.connect(self._path, timeout=_WAIT)
        try:
            with store:
                store.execute(
                    "CREATE TABLE IF NOT EXISTS seen"
                    " (key TEXT PRIMARY KEY, value BLOB NOT NULL, checksum INTEGER NOT NULL)"
                    " WITHOUT ROWID"
                )
                store.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?, ?)", rows)
        finally:
            store.close()

    def _give_up(self, why: object) -> None:
        """Put a damaged store out of the way; leave one that is merely busy or read-only."""
        busy = isinstance(why, OSError | sqlite3.OperationalError)
        self._usable = not busy and self._removed()
        if not self._warned:
            what = "was damaged and is made anew" if self._usable else "was not used"
            self._warn(f"the cache {self._path} {what} ({why})")
        self._warned = True

    def _removed(self) -> bool:
        """Remove the store, and the journal that would be played back into the next one."""
        try:
            os.unlink(self._path)
            if os.path.exists(self._path + "-journal"):
                os.unlink(self._path + "-journal")
        except OSError:
            return False
        return True


def _checksum(key: str, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(key.encode()))


def default_path(environ: Mapping[str, str]) -> str | None:
    """Where the store of this user lives; None when there is no home to put it in."""
    folder = home.cache_folder(environ)
    return os.path.join(folder, "seen.sqlite3") if folder else None
