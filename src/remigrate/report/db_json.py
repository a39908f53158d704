"""How databases stand to their migrations, as JSON: `schemas/db-status-v1.json` describes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from remigrate.db.flow import Database
    from remigrate.db.standing import Name, Row


def render(databases: Sequence[Database]) -> str:
    """One JSON object in ASCII."""
    document = {"version": 1, "databases": [_database(each) for each in databases]}
    return json.dumps(document, indent=2) + "\n"


def _database(found: Database) -> dict[str, Any]:
    standing = found.standing
    return {
        "alias": found.alias,
        "server": found.server or None,
        "place": found.place,
        "missing": found.missing,
        "failed": found.failed or None,
        "wrong": found.is_wrong,
        "conflict": found.conflict or None,
        "applied": list(map(_dotted, standing.applied)),
        "pending": list(map(_dotted, found.pending)),
        "ghosts": list(map(_row, standing.ghosts)),
        "out_of_order": [
            {"applied": _dotted(applied), "needs": _dotted(needed)}
            for applied, needed in standing.out_of_order
        ],
        "lagging": [
            {
                "squash": _dotted(lag.squash),
                "missing": list(map(_dotted, lag.missing)),
                "files_gone": lag.gone,
            }
            for lag in standing.lagging
        ],
        "replaced": list(map(_row, standing.replaced)),
        "of_other_apps": list(map(_row, standing.foreign)),
        "marks": list(map(_row, standing.marks)),
    }


def _dotted(name: Name) -> str:
    return ".".join(name)


def _row(row: Row) -> dict[str, Any]:
    return {"id": row.id, "migration": _dotted(row.name), "applied": row.applied}
