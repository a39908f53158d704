"""The report as SARIF 2.1.0, for GitHub code scanning and other viewers.

Which properties GitHub reads: https://docs.github.com/en/code-security/reference/code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any

from remigrate.report.escape import visible_lines
from remigrate.report.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from remigrate.model import Finding, Report, RuleInfo, Severity

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
ROOT = "%SRCROOT%"
LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "notice": "note"}
PROBLEMS: dict[Severity, str] = {
    "error": "error",
    "warning": "warning",
    "notice": "recommendation",
}
UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")
LOST = frozenset(map(chr, (*range(0xD800, 0xDC80), *range(0xDD00, 0xE000))))


def render(report: Report, version: str, rules: Sequence[RuleInfo]) -> str:
    """One SARIF log with one run; what could not be read or checked is a notification in it."""
    run = {
        "tool": {
            "driver": {
                "name": "Remigrate",
                "version": version,
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "invocations": [
            {"executionSuccessful": True, "toolExecutionNotifications": _notifications(report)}
        ],
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The top of the repository."}}},
        "results": _results(report, [rule.code for rule in rules]),
    }
    return dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def uri(path: str) -> str:
    """`path` as a relative URI: its bytes, percent-encoded, also when they are no UTF-8."""
    # Only these half surrogates stand for a byte (os.fsdecode); others name no file at all.
    known = "".join(c if c not in LOST else "?" for c in path)
    octets = known.encode("utf-8", "surrogateescape")
    return "".join(chr(octet) if octet in UNRESERVED else f"%{octet:02X}" for octet in octets)


def _rule(rule: RuleInfo) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "help": {"text": rule.help_text, "markdown": rule.help_text},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {
            "tags": ["django", "migrations"],
            "problem.severity": PROBLEMS[rule.severity],
        },
    }


def _results(report: Report, codes: list[str]) -> list[dict[str, Any]]:
    times: dict[str, int] = {}
    results = []
    for finding in report.findings:
        identity = fingerprint(finding)
        times[identity] = times.get(identity, 0) + 1
        # GitHub keeps one alert for equal fingerprints: number those of one run.
        results.append(_result(finding, codes, f"{identity}:{times[identity]}"))
    return results


def _result(finding: Finding, codes: list[str], identity: str) -> dict[str, Any]:
    text = "\n".join(part for part in (finding.message, finding.whole_hint) if part)
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "level": LEVELS[finding.severity],
        "message": _message(text),
        "locations": [_location(finding.path, finding.line, finding.end_line, finding.column)],
        "relatedLocations": [
            {"id": i, **_location(place.path, place.line), "message": _message(place.message)}
            for i, place in enumerate(finding.related, 1)
        ],
        # The only one that GitHub looks at, and the one that other viewers compare.
        "partialFingerprints": {"primaryLocationLineHash": identity, "remigrate/v1": identity},
    }
    if finding.code in codes:
        result["ruleIndex"] = codes.index(finding.code)
    return result


def _location(path: str, line: int, end_line: int = 0, column: int = 0) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": uri(path), "uriBaseId": ROOT}}
    if line > 0:
        place["region"] = {"startLine": line, "endLine": max(line, end_line)}
        if column > 0:
            place["region"]["startColumn"] = column
    return {"physicalLocation": place}


def _message(text: str) -> dict[str, str]:
    """Plain text; ``[words](target)`` would be a link there, and nobody but us may make links."""
    return {"text": visible_lines(text).replace("](", "] (")}


def _notifications(report: Report) -> list[dict[str, Any]]:
    unread = [
        {
            "level": "note",
            "message": _message(f"{row.what} could not be read: {row.why}"),
            "locations": [_location(row.path, row.line)],
        }
        for row in report.unread
    ]
    return unread + [{"level": "note", "message": _message(text)} for text in report.notices]
