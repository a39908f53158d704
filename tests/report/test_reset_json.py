"""`remigrate reset --format json` keeps its contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from remigrate import options
from remigrate import outcome as result
from remigrate.outcome import AppReset, Check, Reset
from remigrate.report import reset_json
from tests.report.reset import BASE, DIFFERS, NOTHING, PROVED, named

SCHEMA = json.loads((Path(reset_json.__file__).parent.parent / "schemas/reset-v1.json").read_text())
jsonschema.Draft202012Validator.check_schema(SCHEMA)
VALID = jsonschema.Draft202012Validator(SCHEMA)
HALF = st.text(st.characters(codec=None) | st.sampled_from("\udcff\ud800\x00\n"))


def rendered(reset: Reset) -> Any:
    document = json.loads(reset_json.render(reset))
    VALID.validate(document)
    # Nothing that reads strictly may choke on a half surrogate.
    json.dumps(document, ensure_ascii=False).encode("utf-8")
    return document


def test_a_reset_has_the_shape_that_was_promised() -> None:
    assert rendered(DIFFERS._replace(proof=DIFFERS.proof[2:5])) == {
        "version": 1,
        "strategy": "squash",
        "base": BASE,
        "apps": [
            {"label": "shop", "before": 23, "after": 2, "how": "compact+tail"},
            {"label": "orders", "before": 12, "after": 2, "how": "compact"},
        ],
        "files": [
            {"path": "shop/migrations/0001_initial.py", "action": "delete"},
            {"path": "api/migrations/0004_cart.py", "action": "change"},
            {"path": "shop/migrations/0001_squashed.py", "action": "add"},
        ],
        "proof": [
            {
                "check": "lagging",
                "database": "sqlite 3.40.1",
                "result": "proved",
                "why": "stopped at shop.0024_stock",
                "seconds": 125.0,
                "differences": [],
            },
            {
                "check": "fresh-data",
                "database": "postgresql 15.18",
                "result": "differs",
                "why": "",
                "seconds": 3.0,
                "differences": [
                    "shop_order: the row of invoice 7 is missing",
                    "shop_cart: 2 rows more",
                ],
            },
            {
                "check": "upgrade",
                "database": "mysql",
                "result": "skipped",
                "why": "no server is on this machine",
                "seconds": 0.0,
                "differences": [],
            },
        ],
        "warnings": ["shop/models.py has changes that are not committed."],
        "refused": [
            {"app": "payments", "why": "its models import payments.migrations.0003_receipt"}
        ],
    }


def test_nothing_to_reset_is_valid_too() -> None:
    document = rendered(NOTHING)
    assert document["base"] is None
    assert document["apps"] == document["proof"] == document["refused"] == []


def test_seconds_are_told_in_thousandths() -> None:
    [entry] = rendered(PROVED._replace(proof=(Check("graph", None, "proved", "", 1 / 3),)))["proof"]
    assert entry["seconds"] == 0.333


@pytest.mark.parametrize("strategy", get_args(result.Strategy))
@pytest.mark.parametrize("how", get_args(result.How))
def test_every_strategy_and_way_is_known_to_the_schema(
    strategy: result.Strategy, how: result.How
) -> None:
    reset = PROVED._replace(strategy=strategy, apps=(AppReset("shop", 3, 1, how),))
    assert rendered(reset)["apps"][0]["how"] == how


@pytest.mark.parametrize("check", get_args(result.CheckName))
@pytest.mark.parametrize("outcome", get_args(result.Verdict))
def test_every_check_and_result_is_known_to_the_schema(
    check: result.CheckName, outcome: result.Verdict
) -> None:
    reset = PROVED._replace(proof=(Check(check, None, outcome),))
    assert rendered(reset)["proof"][0]["result"] == outcome


def test_the_schema_knows_no_word_that_a_reset_cannot_say() -> None:
    definitions = SCHEMA["$defs"]
    assert SCHEMA["properties"]["strategy"]["enum"] == list(get_args(result.Strategy))
    assert list(options.STRATEGIES) == list(get_args(result.Strategy))
    assert definitions["app"]["properties"]["how"]["enum"] == list(get_args(result.How))
    assert definitions["file"]["properties"]["action"]["enum"] == list(get_args(result.Action))
    check = definitions["check"]["properties"]
    assert check["check"]["enum"] == list(get_args(result.CheckName))
    assert check["result"]["enum"] == list(get_args(result.Verdict))


@pytest.mark.parametrize(
    "wrong",
    [
        {"base": "main"},
        {"strategy": "merge-it"},
        {"apps": [{"label": "shop", "before": -1, "after": 1, "how": "compact"}]},
        {"files": [{"path": "a", "action": "rename"}]},
        {"refused": [{"app": "shop", "why": ""}]},
        {"diff": ""},
    ],
)
def test_the_schema_refuses_what_was_not_promised(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALID.validate(rendered(NOTHING) | wrong)


@given(HALF, HALF)
@example("\udcff", "\ud800")
def test_a_reset_is_valid_whatever_things_are_called(path: str, name: str) -> None:
    document = rendered(named(path, name))
    assert len(document["files"]) == len(document["apps"]) == 1


def test_only_undecodable_bytes_of_a_path_are_rewritten() -> None:
    document = rendered(named("café/名前\u202e\udcff.py", "shop"))
    assert document["files"][0]["path"] == "café/名前\u202e\\xff.py"
