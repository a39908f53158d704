"""A reset as JSON, format version 1: `schemas/reset-v1.json` describes it."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any

from remigrate.report.escape import unicode_text

if TYPE_CHECKING:
    from remigrate.outcome import Check, Reset


def render(reset: Reset) -> str:
    """One JSON object in ASCII; bytes of file names that are no UTF-8 are written ``\\xff``."""
    document = {
        "version": 1,
        "strategy": reset.strategy,
        "base": reset.base,
        "apps": [
            {
                "label": unicode_text(app.label),
                "before": app.before,
                "after": app.after,
                "how": app.how,
            }
            for app in reset.apps
        ],
        "files": [{"path": unicode_text(file.path), "action": file.action} for file in reset.files],
        "proof": [_check(entry) for entry in reset.proof],
        "warnings": [unicode_text(warning) for warning in reset.warnings],
        "refused": [
            {"app": unicode_text(refused.app), "why": unicode_text(refused.why)}
            for refused in reset.refused
        ],
    }
    return dumps(document, indent=2) + "\n"


def _check(entry: Check) -> dict[str, Any]:
    return {
        "check": entry.check,
        "database": None if entry.database is None else unicode_text(entry.database),
        "result": entry.result,
        "why": unicode_text(entry.why),
        "seconds": round(entry.seconds, 3),
        "differences": [unicode_text(difference) for difference in entry.differences],
    }
