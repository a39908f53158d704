"""Writes new migrations from the old ones: every segment in every way.

A part of the probe; see `script` and `resetting`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import SettingsReference
from django.db import connections
from django.db.migrations import serializer
from django.db.migrations.loader import MigrationLoader

from remigrate.probe import carrying, derived, guarding, rewriting, script, sharing
from remigrate.probe.databases import ALIAS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping


def rewrite(probe: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to "rewrite"."""
    from django.core.management.commands import makemigrations as stock

    loader = MigrationLoader(None, ignore_no_migrations=True)
    effects: dict[Any, dict[int, Any]] = {}
    for label, name, position, tables in data["effects"]:
        effects.setdefault((label, name), {})[position] = tables
    autodetector = getattr(script.own_command(), "autodetector", stock.MigrationAutodetector)
    late = [tuple(key) for key in data["new"]]
    several = len(list(connections)) > 1
    vendor = connections[ALIAS].vendor
    maker = rewriting.Rewriting(loader, autodetector, effects, vendor, late, several)
    with script.Swappables() as undefined, _models_by_name(undefined):
        gone = modules(data["gone"])
        segments = data["segments"]
        return {
            "segments": [
                _segment(maker, each, gone) if _is_installed(probe, each) else None
                for each in segments
            ]
        }


def _is_installed(probe: Any, segment: Mapping[str, Any]) -> bool:
    """Whether the segment is of an installed app, and so is all that it asks about."""
    installed = {config.label for config in apps.get_app_configs()}
    return probe.is_installed(segment["label"], segment["app"]) and all(
        label in installed for label, _ in segment["guards"]
    )


def _segment(
    maker: rewriting.Rewriting, segment: Mapping[str, Any], gone: Mapping[str, str]
) -> dict[str, Any]:
    members = [tuple(key) for key in segment["members"]]
    if not members:
        alone = rewriting.Candidate("compact", [], [], True)
        written = _written(maker, segment, alone, gone)
        return {**_named(segment), "first": "compact", "ways": {"compact": written}}
    ways = {}
    for way in segment.get("ways") or rewriting.WAYS:
        try:
            candidate = maker.candidate(way, members, [tuple(key) for key in segment["before"]])
            ways[way] = _written(maker, segment, candidate, gone)
        except (derived.Impossible, carrying.Uncarriable) as error:
            ways[way] = {"impossible": str(error)}
    first = maker.first_way(members)
    return {**_named(segment), "first": first, "ways": ways}


def _named(segment: Mapping[str, Any]) -> dict[str, Any]:
    return {"label": segment["label"], "name": segment["name"]}


def _written(
    maker: rewriting.Rewriting,
    segment: Mapping[str, Any],
    candidate: rewriting.Candidate,
    gone: Mapping[str, str],
) -> dict[str, Any]:
    operations = candidate.operations
    if candidate.way != "verbatim":
        operations = sharing.shared(operations)
    migration = guarding.migration(segment, operations, candidate.atomic)
    sources = {**gone, **guarding.module(segment), **sharing.SOURCES}
    members = [tuple(key) for key in segment["members"]]
    return {
        "source": _plain(carrying.write(migration, sources)),
        "origins": guarding.origins(segment, candidate.origins),
        "left_out": maker.left_out(members, candidate.way),
        "carried": maker.carried(members, candidate.way),
    }


def _plain(text: str) -> str:
    """With the operations that Django's writer names by their module named as people do."""
    module = "django.db.migrations.operations.special"
    if f"{module}." not in text:
        return text
    return text.replace(f"import {module}\n", "").replace(f"{module}.", "migrations.")


def modules(gone: list[list[str]]) -> dict[str, str]:
    """Sources by dotted name."""
    installed = {config.label for config in apps.get_app_configs()}
    return {module(label, name): source for label, name, source in gone if label in installed}


def module(label: str, name: str) -> str:
    return f"{MigrationLoader.migrations_module(label)[0]}.{name}"


@contextmanager
def _models_by_name(undefined: Collection[str]) -> Iterator[None]:
    """Lets Django write a model by its name where the setting that may swap it is not defined."""

    class Written(serializer.SettingsReferenceSerializer):  # type: ignore[misc]
        def serialize(self) -> tuple[str, set[str]]:
            if self.value.setting_name in undefined:
                return repr(str(self.value)), set()
            found: tuple[str, set[str]] = super().serialize()
            return found

    registry = serializer.Serializer._registry
    original = registry[SettingsReference]
    registry[SettingsReference] = Written
    try:
        yield
    finally:
        registry[SettingsReference] = original
