"""SARIF that GitHub and other viewers take, checked against the published schema."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from remigrate.model import Finding, Related, Report, RuleInfo, Severity, UnreadFile
from remigrate.report import sarif
from remigrate.report.fingerprint import fingerprint

SCHEMA = json.loads((Path(__file__).parent / "sarif-2.1.0.json").read_text())
VALIDATOR = jsonschema.Draft4Validator(SCHEMA)
RULE = RuleInfo("RM106", "unreadable", "error", "Python cannot read it.", "**Why** …")
BROKEN = Finding(
    code="RM106",
    rule="unreadable",
    severity="error",
    app="shop",
    path="shop/migrations/0005_b.py",
    line=8,
    end_line=8,
    message="The file ends in the middle of a statement.",
    hint="Close the bracket.",
    migrations=("shop.0005_b",),
    related=(Related("shop/migrations/0005_a.py", 7, "opened here"),),
    column=3,
)
EMPTY = Report(None, None, (), (), ())
ANY = st.text(st.characters(codec=None) | st.sampled_from("\udcff\ud800\x00\n[]("))


def run(*findings: Finding, report: Report = EMPTY) -> Any:
    """The one run of the log, after the published schema has accepted it."""
    text = sarif.render(report._replace(findings=findings), "1.2.3", [RULE])
    document = json.loads(text)
    VALIDATOR.validate(document)
    json.dumps(document, ensure_ascii=False).encode("utf-8")
    return document["runs"][0]


def test_the_schema_would_notice_a_mistake() -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({"version": "2.1.0", "runs": [{"tool": {"driver": {}}}]})


def test_a_finding_says_what_to_do_and_stands_on_its_line_and_column() -> None:
    result = run(BROKEN)["results"][0]
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("RM106", 0, "error")
    assert result["message"]["text"] == (
        "The file ends in the middle of a statement.\nClose the bracket."
    )
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "shop/migrations/0005_b.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 8, "endLine": 8, "startColumn": 3},
    }
    related = result["relatedLocations"][0]
    assert related["message"]["text"] == "opened here"
    assert related["physicalLocation"]["region"] == {"startLine": 7, "endLine": 7}


def test_a_finding_about_whole_lines_has_no_column() -> None:
    result = run(BROKEN._replace(column=0, end_line=10))["results"][0]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 8, "endLine": 10}


def test_the_base_of_all_paths_is_declared() -> None:
    assert "%SRCROOT%" in run(BROKEN)["originalUriBaseIds"]


def test_a_rule_comes_with_its_help() -> None:
    driver = run()["tool"]["driver"]
    assert driver["version"] == "1.2.3"
    rule = driver["rules"][0]
    assert (rule["id"], rule["name"]) == ("RM106", "unreadable")
    assert rule["shortDescription"]["text"] == "Python cannot read it."
    assert rule["help"]["markdown"] == "**Why** …"
    assert rule["defaultConfiguration"]["level"] == "error"


@pytest.mark.parametrize(
    ("severity", "level"), [("error", "error"), ("warning", "warning"), ("notice", "note")]
)
def test_severities_become_levels(severity: Severity, level: str) -> None:
    assert run(BROKEN._replace(severity=severity))["results"][0]["level"] == level


def test_a_finding_of_a_rule_that_was_not_given_points_to_none() -> None:
    assert "ruleIndex" not in run(BROKEN._replace(code="RM999"))["results"][0]


def test_an_alert_stays_the_same_when_lines_move() -> None:
    one, other = run(BROKEN)["results"][0], run(BROKEN._replace(line=80, end_line=80))["results"][0]
    assert one["partialFingerprints"] == other["partialFingerprints"]
    assert fingerprint(BROKEN) in one["partialFingerprints"]["primaryLocationLineHash"]


def test_two_findings_with_one_fingerprint_stay_two_alerts() -> None:
    results = run(BROKEN, BROKEN._replace(path="other/shop/migrations/0005_b.py"))["results"]
    assert len({result["partialFingerprints"]["remigrate/v1"] for result in results}) == 2


def test_what_was_not_read_or_not_checked_is_said() -> None:
    report = EMPTY._replace(
        unread=(UnreadFile("shop/migrations/0002.py", 3, "dependencies", "computed"),),
        notices=("Drift was not checked.",),
    )
    notes = run(report=report)["invocations"][0]["toolExecutionNotifications"]
    assert [note["message"]["text"] for note in notes] == [
        "dependencies could not be read: computed",
        "Drift was not checked.",
    ]
    assert notes[0]["locations"][0]["physicalLocation"]["region"]["startLine"] == 3


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("shop/migrations/0001_initial.py", "shop/migrations/0001_initial.py"),
        ("a b/100%.py", "a%20b/100%25.py"),
        ("http://evil.example/x.py", "http%3A//evil.example/x.py"),
        ("a?b#c.py", "a%3Fb%23c.py"),
        ("é.py", "%C3%A9.py"),
        ("\udcff.py", "%FF.py"),
    ],
)
def test_a_path_becomes_a_relative_uri(path: str, uri: str) -> None:
    assert sarif.uri(path) == uri
    assert not urlsplit(uri).scheme


@given(st.binary())
def test_a_uri_gives_back_the_exact_bytes_of_the_name(name: bytes) -> None:
    assert unquote_to_bytes(sarif.uri(os.fsdecode(name))) == name


@given(ANY)
@example("[see here](https://evil.example)")
@example("\ud800\udd00\udfff")
def test_a_log_is_valid_and_free_of_links_whatever_the_names_are(name: str) -> None:
    finding = BROKEN._replace(path=name, message=name, hint=name, migrations=(name,), related=())
    result = run(finding)["results"][0]
    assert "](" not in result["message"]["text"]
    assert all(line.isprintable() for line in result["message"]["text"].split("\n"))
