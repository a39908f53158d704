"""Wishes that contradict each other are told before anything runs, each with the way out."""

from __future__ import annotations

import pytest

from remigrate.errors import UsageFailure
from remigrate.options import Options, merged
from remigrate.reset.asked import demand_sense


def asked(given: dict[str, object], configured: dict[str, object] | None = None) -> None:
    demand_sense(merged(given, configured or {}), configured or {})


@pytest.mark.parametrize(
    ("given", "why", "way_out"),
    [
        ({"all": True, "app": ["shop"]}, "shop is one of them", "Leave --all out"),
        ({"strategy": "rebase"}, "--strategy rebase needs a base", "--base origin/main"),
        ({"strategy": "merge"}, "--strategy merge needs a base", "--base origin/main"),
        (
            {"strategy": "fresh", "keep_replaced": True},
            "--keep-replaced is for squash: --strategy fresh replaces nothing",
            "Leave --keep-replaced out",
        ),
        (
            {"strategy": "rebase", "base": "main", "keep_replaced": True},
            "--strategy rebase replaces nothing",
            "--strategy squash",
        ),
        (
            {"strategy": "merge", "base": "main", "guard": False},
            "--no-guard is for squash: --strategy merge writes no guard",
            "Leave --no-guard out",
        ),
        ({"strategy": "fresh", "guard": False}, "writes no guard", "Leave --no-guard out"),
        ({"finish": True, "strategy": "fresh"}, "--finish ends a squash", "Finish first"),
        ({"finish": True, "keep_replaced": True}, "--finish removes", "one of the two"),
        ({"app": ["./shop"]}, "./shop is a folder", "--path ./shop"),
        ({"app": ["."]}, ". is a folder", "--path ."),
        ({"app": ["shop,orders"]}, "no app shop,orders", "between them: shop orders"),
    ],
)
def test_a_contradiction_is_told_with_the_way_out(
    given: dict[str, object], why: str, way_out: str
) -> None:
    with pytest.raises(UsageFailure) as caught:
        asked(given)
    assert why in str(caught.value)
    assert way_out in caught.value.hint


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"all": True},
        {"app": ["shop", "orders"], "keep_replaced": True, "guard": False},
        {"finish": True},
        {"finish": True, "app": ["shop"], "dry_run": True},
        {"strategy": "fresh"},
        {"strategy": "rebase", "base": "origin/main", "app": ["shop"]},
        {"dry_run": True, "accept_differences": True, "allow_dirty": True},
    ],
)
def test_what_makes_sense_is_let_through(given: dict[str, object]) -> None:
    asked(given)


def test_what_the_configuration_says_gives_way_to_what_is_typed() -> None:
    asked({"strategy": "merge", "base": "main"}, {"guard": False})
    asked({"finish": True}, {"strategy": "rebase"})
    asked({"finish": True, "strategy": "squash"}, {"strategy": "rebase"})
    asked({}, {"strategy": "rebase", "base": "origin/main"})
    with pytest.raises(UsageFailure, match="rebase needs a base"):
        asked({}, {"strategy": "rebase"})


def test_options_that_were_never_given_contradict_nothing() -> None:
    demand_sense(Options(), {})
