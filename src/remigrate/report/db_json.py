"""How databases stand to their migrations, as JSON: `schemas/db-status-v1.json` describes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from remigrate.report.words import dotted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from remigrate.db.flow import Database
    from remigrate.db.standing import Row


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
        "applied": list(map(dotted, standing.applied)),
        "pending": list(map(dotted, found.pending)),
        "ghosts": list(map(row, standing.ghosts)),
        "out_of_order": [
            {"applied": dotted(applied), "needs": dotted(needed)}
            for applied, needed in standing.out_of_order
        ],
        "lagging": [
            {
                "squash": dotted(lag.squash),
                "missing": list(map(dotted, lag.missing)),
                "files_gone": lag.gone,
            }
            for lag in standing.lagging
        ],
        "replaced": list(map(row, standing.replaced)),
        "of_other_apps": list(map(row, standing.foreign)),
        "marks": list(map(row, standing.marks)),
    }


def row(found: Row) -> dict[str, Any]:
    """A row of django_migrations."""
    return {"id": found.id, "migration": dotted(found.name), "applied": found.applied}
