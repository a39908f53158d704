"""A backup that was made, as JSON: `schemas/db-backup-v1.json` describes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from remigrate.db.backup import Backup


def render(found: Backup) -> str:
    """One JSON object in ASCII."""
    kept = found.manifest
    document = {
        "version": 1,
        "folder": found.folder,
        "made": kept.made,
        "commit": kept.commit,
        "folders": kept.folders,
        "databases": [each._asdict() for each in kept.databases],
        "files": [each._asdict() for each in kept.files],
    }
    return json.dumps(document, indent=2) + "\n"
