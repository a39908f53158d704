"""`remigrate check --format json` and `remigrate graph --format json` keep their contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from remigrate.model import AppSummary, Finding, Node, Picture, Related, Report, UnreadFile
from remigrate.report import json_, picture
from remigrate.report.fingerprint import fingerprint

SCHEMAS = Path(json_.__file__).parent.parent / "schemas"
HALF = st.text(st.characters(codec=None) | st.sampled_from("\udcff\ud800\x00\n"))
LEAVES = Finding(
    code="RM101",
    rule="multiple-leaves",
    severity="error",
    app="shop",
    path="shop/migrations/0005_b.py",
    line=8,
    end_line=9,
    message="shop has two leaves.",
    hint="Run `python manage.py makemigrations --merge shop`.",
    migrations=("shop.0005_a", "shop.0005_b"),
    related=(Related("shop/migrations/0005_a.py", 7, "the other leaf"),),
    column=3,
)
SHOP = AppSummary("shop", "shop/migrations", ".", 7, ("0005_a", "0005_b"))
REPORT = Report(
    base="a" * 40,
    head=None,
    apps=(SHOP, SHOP._replace(label="blog"), SHOP._replace(project="example")),
    findings=(LEAVES, LEAVES._replace(severity="warning"), LEAVES._replace(severity="notice")),
    unread=(UnreadFile("shop/migrations/0002.py", 3, "dependencies", "computed at import"),),
    notices=("Drift was not checked.",),
)


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / name).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


CHECK, GRAPH = validator("check-v1.json"), validator("graph-v1.json")


def rendered(report: Report) -> Any:
    text = json_.render(report, "1.2.3")
    document = json.loads(text)
    CHECK.validate(document)
    # Nothing that reads strictly may choke on a half surrogate.
    json.dumps(document, ensure_ascii=False).encode("utf-8")
    return document


def test_a_report_has_the_shape_that_was_promised() -> None:
    document = rendered(REPORT._replace(apps=(SHOP,), findings=(LEAVES,)))
    assert document == {
        "version": 1,
        "tool": {"name": "remigrate", "version": "1.2.3"},
        "base": "a" * 40,
        "head": None,
        "summary": {
            "projects": 1,
            "apps": 1,
            "migrations": 7,
            "errors": 1,
            "warnings": 0,
            "notices": 0,
        },
        "apps": [
            {
                "label": "shop",
                "path": "shop/migrations",
                "project": ".",
                "migrations": 7,
                "leaves": ["0005_a", "0005_b"],
            }
        ],
        "findings": [
            {
                "code": "RM101",
                "rule": "multiple-leaves",
                "severity": "error",
                "app": "shop",
                "path": "shop/migrations/0005_b.py",
                "line": 8,
                "end_line": 9,
                "message": "shop has two leaves.",
                "hint": "Run `python manage.py makemigrations --merge shop`.",
                "migrations": ["shop.0005_a", "shop.0005_b"],
                "related": [
                    {
                        "path": "shop/migrations/0005_a.py",
                        "line": 7,
                        "message": "the other leaf",
                    }
                ],
                "fingerprint": "71206c011034de0d32794eb87371bb4e",
            }
        ],
        "unread": [
            {
                "path": "shop/migrations/0002.py",
                "line": 3,
                "what": "dependencies",
                "why": "computed at import",
            }
        ],
    }


def test_the_summary_counts_what_the_report_holds() -> None:
    assert rendered(REPORT)["summary"] == {
        "projects": 2,
        "apps": 3,
        "migrations": 21,
        "errors": 1,
        "warnings": 1,
        "notices": 1,
    }


def test_an_empty_report_is_valid() -> None:
    document = rendered(Report(None, None, (), (), ()))
    assert document["findings"] == document["unread"] == document["apps"] == []


@given(HALF)
@example("\udcff\ud800")
def test_a_report_is_valid_whatever_the_files_are_called(name: str) -> None:
    finding = LEAVES._replace(
        path=name,
        app=name,
        message=name + "!",
        migrations=(name,),
        related=(Related(name, 1, name),),
    )
    app = SHOP._replace(label=name, path=name, leaves=(name,))
    unread = UnreadFile(name, 1, name, name)
    document = rendered(REPORT._replace(apps=(app,), findings=(finding,), unread=(unread,)))
    assert document["unread"][0]["path"] == document["findings"][0]["path"]


def test_only_undecodable_bytes_of_a_path_are_rewritten() -> None:
    finding = LEAVES._replace(path="café/名前\u202e\udcff.py")
    document = rendered(REPORT._replace(findings=(finding,)))
    assert document["findings"][0]["path"] == "café/名前\u202e\\xff.py"


def test_a_moved_line_or_a_new_wording_keeps_the_fingerprint() -> None:
    moved = LEAVES._replace(line=80, end_line=81, column=0, related=(), message="x", hint="y")
    assert fingerprint(moved) == fingerprint(LEAVES)
    assert fingerprint(LEAVES._replace(migrations=LEAVES.migrations[::-1])) == fingerprint(LEAVES)


@pytest.mark.parametrize(
    "other",
    [
        LEAVES._replace(code="RM104"),
        LEAVES._replace(app="blog"),
        LEAVES._replace(migrations=("shop.0005_a",)),
        LEAVES._replace(migrations=("shop.0005_a shop.0005_b",)),
        LEAVES._replace(migrations=("shop.0005_a', 'shop.0005_b",)),
    ],
)
def test_another_finding_has_another_fingerprint(other: Finding) -> None:
    assert fingerprint(other) != fingerprint(LEAVES)


@given(HALF)
@example("\udcff\ud800")
def test_a_graph_is_valid_whatever_the_migrations_are_called(name: str) -> None:
    nodes = (Node(name, name, name, "", leaf=False), Node("shop", "0002", "p", "new", leaf=True))
    document = json.loads(picture.json(Picture(name, nodes, ((0, 1),))))
    GRAPH.validate(document)
    json.dumps(document, ensure_ascii=False).encode("utf-8")
    assert [node["side"] for node in document["nodes"]] == [None, "new"]
    assert document["edges"] == [{"dependency": 0, "dependent": 1}]


def objects(schema: Any) -> list[dict[str, Any]]:
    """Every part of `schema` that describes an object."""
    if isinstance(schema, list):
        return [found for item in schema for found in objects(item)]
    if not isinstance(schema, dict):
        return []
    inside = [found for item in schema.values() for found in objects(item)]
    return [schema, *inside] if schema.get("type") == "object" else inside


@pytest.mark.parametrize("name", sorted(path.name for path in SCHEMAS.glob("*-v1.json")))
def test_a_schema_leaves_no_room_for_unknown_keys(name: str) -> None:
    found = objects(json.loads((SCHEMAS / name).read_text()))
    assert found
    for schema in found:
        assert schema["additionalProperties"] is False
        assert sorted(schema["required"]) == sorted(schema["properties"])
