"""Migrates databases with the new files.

A part of the probe; see `script` and `resetting`.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from django.db import migrations
from django.db.migrations.operations.base import Operation

from remigrate.probe import apart, candidates, contents, moving, script, states
from remigrate.probe.databases import Databases, behind

if TYPE_CHECKING:
    from collections.abc import Mapping


def prove(probe: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to "prove"."""
    databases = Databases(data)
    databases.make("fresh")
    try:
        drift = apart.asked(probe.drift)
        moved = moving.migrate(databases.open("fresh"))
    except Exception as error:  # noqa: BLE001 # of a migration that does not fit the others
        return {"broken": _broken(probe, error)}
    found: dict[str, Any] = {"broken": None, "drift": drift, "conflicts": drift["conflicts"]}
    fresh = {"failed": moving.failure(probe, moved), **_ran(moved)}
    fresh["processor"] = moved.processor
    found["fresh"] = fresh
    if moved.failed:
        return found
    fresh.update(contents.whole(databases.open("fresh")))
    found["states"] = states.described(moved.state, candidates.modules(data["gone"]))
    found["upgrade"] = {name: _upgrade(probe, databases, name) for name in data["upgrade"]}
    found["lagging"] = [_lagging(probe, databases, key) for key in data["lagging"]]
    return found


def _broken(probe: Any, error: BaseException) -> dict[str, Any]:
    """Why Django cannot make a graph, or a project state, of the new files."""
    app = name = ""
    operation = ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        here = frame.f_locals.get("self")
        if isinstance(here, migrations.Migration):
            app, name = here.app_label, here.name
        elif isinstance(here, Operation):
            operation = str(here.describe())
    message = script.Failures(probe).message(error)
    return {"app": app, "name": name, "operation": operation, "message": message}


def _upgrade(probe: Any, databases: Databases, name: str) -> dict[str, Any]:
    databases.copy(name, "upgrade")
    moved = moving.migrate(databases.open("upgrade"))
    found = {"failed": moving.failure(probe, moved), **_ran(moved)}
    if not moved.failed:
        found.update(contents.whole(databases.open("upgrade")))
    return found


def _lagging(probe: Any, databases: Databases, key: Any) -> dict[str, Any]:
    databases.copy(behind(key), "lagging")
    try:
        moved = moving.migrate(databases.open("lagging"))
    except Exception as error:  # noqa: BLE001 # Django's own words, before the first migration
        words = script.Failures(probe).message(error)
        return {
            "label": key[0],
            "failed": {},
            "said": words,
            "ran": [],
            "seconds": 0.0,
        }
    said = str(moved.failed.error) if moved.failed else None
    found = {"label": key[0], "failed": moving.failure(probe, moved), "said": said, **_ran(moved)}
    if not moved.failed:
        found.update(contents.whole(databases.open("lagging")))
    return found


def _ran(moved: moving.Moved) -> dict[str, Any]:
    return {
        "ran": [".".join(key) for key in moved.watch.applied],
        "seconds": moved.seconds,
    }
