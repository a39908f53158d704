"""What the project's Django told of the old history, and whether a reset can start from it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from remigrate.errors import EnvironmentFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from remigrate.labels import Labels
    from remigrate.model import Key

    Record = Mapping[str, Any]


_NO_ROOM = re.compile(r"disk is full|No space left on device|The table '\S+' is full")
"""What SQLite, PostgreSQL and MySQL say."""


def demand_migrated(record: Record) -> None:
    """Raise `EnvironmentFailure` where the old history cannot be trusted to begin with."""
    if record.get("drifts"):
        own = [change for change in record["drift"]["changes"] if change["first_party"]]
        words = "; ".join(f"{c['app']}: {c['operations'][0]['text']}" for c in own[:3])
        raise EnvironmentFailure(
            f"models and migrations do not agree: {words}",
            "Write the missing migrations first: remigrate check --drift --fix",
        )
    failed = record["failed"]
    if failed:
        where = failing(failed, failed["operation"] or "its schema changes")
        why = f"{where}: {failed['message']}"
        raise EnvironmentFailure(
            f"the old history cannot be migrated on an empty database: {why}",
            "A new database cannot be built from it today either. Mend that first.",
        )


def failing(failed: Record, operation: str = "") -> str:
    """Words for what a database could not get past: an operation, or a receiver of a signal."""
    if failed["name"]:
        return f"{failed['app']}.{failed['name']}" + (f", {operation}" if operation else "")
    whose = f" of {failed['app']}" if failed["app"] else ""
    return f"a receiver{whose} of the signal {failed['operation']}"


def demand_room(proof: Record) -> None:
    """Raise `EnvironmentFailure` where a disk was full: that is no fault of the new history."""
    fresh = proof.get("fresh") or {}
    runs = [fresh, *proof.get("upgrade", {}).values(), *proof.get("lagging", ())]
    failures = [proof["broken"], *(each.get("failed") for each in runs)]
    for message in (str(each.get("message", "")) for each in failures if each):
        if _NO_ROOM.search(message):
            raise EnvironmentFailure(
                f"there is no room for the databases of the proof: {message}",
                "Make room where temporary files go, or name another place with TMPDIR.",
            )


def drifts(record: Record, label: str) -> str:
    """Why an app cannot be reset whose models and migrations do not agree; else empty."""
    for change in record["drift"]["changes"]:
        if change["app"] == label:
            first = change["operations"][0]["text"]
            return (
                f"its models and migrations do not agree ({first}): write what is missing first, "
                "with remigrate check --drift --fix"
            )
    return ""


def installed(record: Record) -> set[tuple[str, str]]:
    """(label, folder of the migrations) of every app that the settings install."""
    return {(app["label"], app["folder"]) for app in record["drift"]["apps"]}


def outside(record: Record, labels: Labels, seen_from: str) -> dict[Key, list[Key]]:
    """Migrations of apps outside of the repository, and what they depend on."""
    return {
        labels.key(label, name, seen_from): [
            labels.key(parent[0], parent[1], seen_from) for parent in parents
        ]
        for label, name, parents in record["outside"]
    }
