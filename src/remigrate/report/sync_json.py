"""What came of ``db sync``, as JSON: `schemas/db-sync-v1.json` describes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from remigrate.report.db_json import row
from remigrate.report.words import dotted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from remigrate.db.alignment import Verdict
    from remigrate.db.sync import Synced


def render(found: Sequence[Synced]) -> str:
    """One JSON object in ASCII."""
    document = {"version": 1, "databases": [_database(each) for each in found]}
    return json.dumps(document, indent=2) + "\n"


def _database(found: Synced) -> dict[str, Any]:
    return {
        "alias": found.database.alias,
        "server": found.database.server or None,
        "place": found.database.place,
        "state": found.state,
        "why": found.why or None,
        "compared_with": found.compared or None,
        "backup": found.backup or None,
        "apps": [_verdict(each) for each in found.verdicts],
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "labels": list(verdict.labels),
        "reached": dotted(verdict.reached) if verdict.reached else None,
        "insert": [dotted(name) for name in verdict.insert],
        "delete": [row(each) for each in verdict.delete],
        "differences": list(verdict.differences),
        "unlike": list(verdict.unlike),
        "refused": list(verdict.refused),
        "questions": list(verdict.questions),
        "warnings": list(verdict.warnings),
    }
