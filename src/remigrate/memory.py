"""Caches that end with the process. Small, so that git can be started before `load` is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remigrate.load import Cache


class NoCache:
    """Remembers nothing."""

    def get(self, keys: list[str]) -> dict[str, object]:
        """Nothing is known."""
        return {}

    def put(self, values: dict[str, object]) -> None:
        """Forget `values`."""


class ThisRun:
    """Remembers in front of another cache, so that what two trees share is read once."""

    def __init__(self, behind: Cache) -> None:
        self._behind = behind
        self._seen: dict[str, object] = {}

    def get(self, keys: list[str]) -> dict[str, object]:
        """The values of those `keys` that either of the two knows."""
        asked = [key for key in keys if key not in self._seen]
        self._seen |= self._behind.get(asked)
        return {key: self._seen[key] for key in keys if key in self._seen}

    def put(self, values: dict[str, object]) -> None:
        """Remember `values` in both."""
        self._seen |= values
        self._behind.put(values)
