"""What restoring a backup did, or would do, as JSON: `schemas/db-restore-v1.json` describes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from remigrate.db.reached import Row
    from remigrate.db.restore import Change, Restored


def render(found: Restored) -> str:
    """One JSON object in ASCII."""
    files = found.files
    document = {
        "version": 1,
        "backup": found.folder,
        "made": found.manifest.made,
        "applied": found.applied,
        "databases": [_database(each) for each in found.databases],
        "files": files and [{"path": each.path, "action": each.action} for each in files],
        "undo": found.undo,
    }
    return json.dumps(document, indent=2) + "\n"


def _database(found: Change) -> dict[str, Any]:
    return {
        "alias": found.alias,
        "place": found.place,
        "rows": found.rows,
        "deleted": list(map(_row, found.deleted)),
        "inserted": list(map(_row, found.inserted)),
        "dump": found.dump,
    }


def _row(row: Row) -> dict[str, Any]:
    return {"id": row[0], "migration": f"{row[1]}.{row[2]}", "applied": row[3]}
