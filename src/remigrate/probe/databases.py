"""The scratch databases of one run, by what they are for.

A part of the probe; see `script` and `resetting`.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

from django.db import connections

from remigrate.probe import scratch

if TYPE_CHECKING:
    from collections.abc import Mapping

ALIAS = "default"
_KEPT = ("old", "again", "base", "side", "fresh", "upgrade", "lagging")


class Databases:
    """The scratch databases of one run, for an alias."""

    def __init__(self, data: Mapping[str, Any], alias: str = ALIAS) -> None:
        self._alias = alias
        self.vendor = str(connections[alias].vendor)
        self._server = data["servers"].get(self.vendor)
        self._token = data["token"]

    @property
    def missing(self) -> bool:
        return self._server is None

    def config(self, name: str) -> dict[str, Any]:
        word = f"{scratch.PREFIX}{self._token}_{name}"
        if self.vendor == "sqlite":
            return {**self._server, "NAME": os.path.join(self._server["NAME"], word)}
        return {**self._server, "NAME": word}

    def make(self, name: str) -> None:
        scratch.create(self.config(name))

    def copy(self, name: str, new: str) -> None:
        scratch.copy(self.config(name), self.config(new)["NAME"])

    def open(self, name: str) -> Any:
        """The connection of the alias, now to that database."""
        scratch.use(self._alias, self.config(name))
        return self.settle()

    def settle(self) -> Any:
        """The connection of the alias, also when it was closed meanwhile."""
        connection = connections[self._alias]
        if self.vendor == "sqlite":
            with connection.cursor() as cursor:  # nothing of it has to survive
                cursor.execute("PRAGMA synchronous = OFF")
                cursor.execute("PRAGMA journal_mode = MEMORY")
        return connection


def behind(key: Any) -> str:
    """The name of a copy that is behind; a name of a database has but 63 characters."""
    return f"lag_{hashlib.sha256('.'.join(key).encode()).hexdigest()[:8]}"


def clean(probe: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to "clean"."""
    databases = Databases(data)
    if databases.missing:  # so none was made
        return {}
    for name in (*_KEPT, *map(behind, data["lag"])):
        scratch.drop(databases.config(name))
    return {}
