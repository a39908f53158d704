"""Caches that end with the process. Small, so that git can be started before `load` is imported."""

from __future__ import annotations


class NoCache:
    """Remembers nothing."""

    def get(self, keys: list[str]) -> dict[str, object]:
        """Nothing is known."""
        return {}

    def put(self, values: dict[str, object]) -> None:
        """Forget `values`."""
