"""Writes what a backup holds into one of the project's databases.

A part of the probe, the last one; see `script`. Each command names an `alias`, and answers
``{failed, kind}``: null and null, or in words why nothing was changed, and "busy", "refused" or
"other". Only of "other" in the very moment of a commit is it unknown whether it was done.

"rows"
    rows        [[id, app, name, applied]]: all that django_migrations is to hold
    patience    seconds to wait for its lock
  answers besides
    deleted, inserted   how many rows
"room", "swap" and "drop"
    name        of the database beside it; see `swapping`
    patience    seconds to wait for a lock of the tables
"""

from __future__ import annotations

from typing import Any

from remigrate.probe import recorded, script, swapping


def answer(probe: Any, command: str, data: dict[str, Any]) -> dict[str, Any]:
    """The answer to a command of the header. Raises KeyError for any other."""
    work = {"rows": _rows, "room": _room, "swap": _swap, "drop": _drop}[command]
    config = probe.own_databases[data["alias"]]
    try:
        return {"failed": None, "kind": None, **work(config, data)}
    except recorded.Busy as error:
        return {"failed": str(error), "kind": "busy"}
    except (recorded.NotTransactional, recorded.Different, swapping.Refused) as error:
        return {"failed": str(error), "kind": "refused"}
    except Exception as error:  # noqa: BLE001 # a driver has its own kinds
        return {"failed": script.Failures(probe).message(error), "kind": "other"}


def _rows(config: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    wanted = data["rows"]
    with recorded.exclusive(config, data["patience"]) as (_, cursor):
        found, kept = recorded.rows(cursor), {row[0]: row for row in wanted}
        gone = [row[0] for row in found if kept.get(row[0]) != row]
        same = {row[0] for row in found} - set(gone)
        come = [row for row in wanted if row[0] not in same]
        recorded.replace(cursor, gone, come)
    return {"deleted": len(gone), "inserted": len(come)}


def _room(config: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    swapping.make_room(config, data["name"])
    return {}


def _swap(config: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    swapping.swap(config, data["name"], data["patience"])
    return {}


def _drop(config: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    swapping.drop_room(config, data["name"])
    return {}
