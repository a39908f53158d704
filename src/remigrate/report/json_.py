"""The report as JSON, format version 1: `schemas/check-v1.json` describes it."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any

from remigrate.report.escape import unicode_text
from remigrate.report.fingerprint import fingerprint

if TYPE_CHECKING:
    from remigrate.model import Finding, Report


def render(report: Report, version: str) -> str:
    """One JSON object in ASCII; bytes of file names that are no UTF-8 are written ``\\xff``."""
    document = {
        "version": 1,
        "tool": {"name": "remigrate", "version": version},
        "base": report.base,
        "head": report.head,
        "summary": _summary(report),
        "apps": [{**app._asdict(), "leaves": list(app.leaves)} for app in report.apps],
        "findings": [_finding(finding) for finding in report.findings],
        "unread": [row._asdict() for row in report.unread],
    }
    return dumps(_unicode(document), indent=2) + "\n"


def _summary(report: Report) -> dict[str, int]:
    severities = [finding.severity for finding in report.findings]
    return {
        "projects": len({app.project for app in report.apps}),
        "apps": len(report.apps),
        "migrations": sum(app.migrations for app in report.apps),
        "errors": severities.count("error"),
        "warnings": severities.count("warning"),
        "notices": severities.count("notice"),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "rule": finding.rule,
        "severity": finding.severity,
        "app": finding.app,
        "path": finding.path,
        "line": finding.line,
        "end_line": finding.end_line,
        "message": finding.message,
        "hint": finding.whole_hint,
        "migrations": list(finding.migrations),
        "related": [related._asdict() for related in finding.related],
        "fingerprint": fingerprint(finding),
    }


def _unicode(value: Any) -> Any:
    """`value` with `unicode_text` applied to every string in it."""
    if isinstance(value, str):
        return unicode_text(value)
    if isinstance(value, dict):
        return {key: _unicode(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unicode(item) for item in value]
    return value
