"""App labels: which app of the tree a label means, seen from another app."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remigrate.model import App, Key, Project, Reference

FIRST, LATEST = "__first__", "__latest__"
EXTERNAL = "@"
"""Starts the app part of the keys of apps that are not in the tree, as in ``@auth``."""

_SIDE_ROOMS = frozenset({"test", "tests", "testing", "example", "examples"})


class Labels:
    """Resolves app labels the way the project would that a migration belongs to."""

    def __init__(self, project: Project) -> None:
        self.apps = {app.path: app for app in project.apps if app.is_package}
        self.settings = project.settings
        self._names = {
            path: {migration.name for migration in app.migrations}
            for path, app in self.apps.items()
        }
        self._by_label: dict[str, list[App]] = {}
        for app in self.apps.values():
            self._by_label.setdefault(app.label, []).append(app)
        self._near: dict[tuple[str, str], list[str]] = {}

    def candidates(self, label: str, seen_from: str) -> list[str]:
        """Package paths of the apps called `label`, nearest first; empty when the tree has none.

        Apps of the same project win over all others; then the one that shares most folders with
        the asking app. Nothing outside of a folder of tests depends on an app inside it.
        """
        found = self._near.get((label, seen_from))
        if found is None:
            asking = self.apps[seen_from]
            apps = [a for a in self._by_label.get(label, ()) if seen_from.startswith(_room(a.path))]
            if len(apps) > 1:
                siblings = [app for app in apps if app.project == asking.project]
                apps = sorted(siblings or apps, key=lambda app: _distance(seen_from, app.path))
            found = self._near[(label, seen_from)] = [app.path for app in apps]
        return found

    def key(self, label: str, name: str, seen_from: str) -> Key:
        """The key that ``(label, name)`` means in a migration of the app `seen_from`.

        Of several apps with that label the nearest one that has the name is meant; if none has
        it, the nearest one.
        """
        if label == self.apps[seen_from].label:
            return (seen_from, name)
        paths = self.candidates(label, seen_from)
        if not paths:
            return (EXTERNAL + label, name)
        if len(paths) > 1:
            paths = [path for path in paths if name in self._names[path]] or paths
        return (paths[0], name)

    def swapped(self, reference: Reference, seen_from: str) -> str | None:
        """The app label that a swappable dependency names; None when that cannot be told."""
        project = self.apps[seen_from].project
        value = self.settings.get((project, reference.label))
        if value is None and project != "." and (project, reference.label) not in self.settings:
            value = self.settings.get((".", reference.label))
        return value.split(".", 1)[0] if value else None


def _room(path: str) -> str:
    """The folder of tests or examples that `path` is in, with ``/`` at the end; else empty."""
    folders = path.split("/")
    for depth, folder in enumerate(folders, 1):
        if folder in _SIDE_ROOMS:
            return "/".join(folders[:depth]) + "/"
    return ""


def _distance(one: str, other: str) -> tuple[int, str]:
    left, right = one.split("/"), other.split("/")
    shared = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        shared += 1
    return (len(left) + len(right) - 2 * shared, other)
