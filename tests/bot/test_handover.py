"""What one job hands to another comes out as it went in, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from remigrate import handover
from remigrate.errors import UsageFailure
from remigrate.handover import Failed, Handover
from remigrate.outcome import AppReset, ChangedFile, Check, HandWritten, MigrateTime, Refused, Reset

RESET = Reset(
    "squash",
    "b" * 40,
    (AppReset("shop", 7, 2, "compact+tail", "0005_stock"),),
    (ChangedFile("shop/migrations/0001_squashed.py", "add"),),
    (Check("fresh-data", "sqlite 3.45", "proved", "the same", 0.5, ("a",), ("b",)),),
    ("a warning",),
    (Refused("cart", "its reasons"),),
    carried=(HandWritten("shop", "0002_fill", "RunPython(fill)"),),
    times=(MigrateTime("sqlite 3.45", 2.0, 1.0),),
    idle=("home",),
)
FILES = {"shop/migrations/0001_squashed.py": b"\xff\r\n", "shop/migrations/0002_a.py": None}
WHOLE = Handover("a" * 40, "b" * 40, RESET, handover.packed(FILES))


@pytest.mark.parametrize(
    "sent",
    [
        WHOLE,
        Handover("a" * 40, "b" * 40, failed=Failed("No.", "Try again.")),
        Handover("a" * 40, "b" * 40, behind=("shop/migrations/0003_stock.py",)),
    ],
)
def test_what_goes_in_comes_out(sent: Handover) -> None:
    assert handover.decoded(handover.encoded(sent)) == sent


def test_files_keep_every_byte() -> None:
    assert handover.decoded(handover.encoded(WHOLE)).contents() == FILES


def changed(at: list[Any], value: object) -> str:
    """The whole with another value at a place."""
    whole = json.loads(handover.encoded(WHOLE))
    place = whole["handover"]
    for index in at[:-1]:
        place = place[index]
    place[at[-1]] = value
    return json.dumps(whole)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[" * 100_000,
        "[]",
        "{}",
        '{"version": 2, "handover": []}',
        '{"version": 1, "handover": {}}',
        '{"version": 1, "handover": []}',
        changed([0], 7),
        changed([0], None),
        changed([2], "reset"),
        changed([2, 0], "squish"),
        changed([2, 2, 0, 1], "7"),
        changed([2, 2, 0, 1], True),
        changed([2, 2, 0], ["shop"]),
        changed([2, 4, 0, 4], "fast"),
        changed([2, 4, 0, 5], ["fine", 1]),
        changed([2, 7], 1),
        changed([3, 0], ["a", "b", "c"]),
        changed([3], {"shop/migrations/0001_a.py": ""}),
    ],
)
def test_another_shape_is_refused(text: str) -> None:
    with pytest.raises(UsageFailure, match="the plan cannot be used"):
        handover.decoded(text)


def test_files_that_are_no_base64_are_refused() -> None:
    found = handover.decoded(changed([3, 0, 1], "*not base64*"))
    with pytest.raises(UsageFailure, match="the plan cannot be used"):
        found.contents()


def test_more_than_any_reset_is_not_read() -> None:
    with pytest.raises(UsageFailure, match="larger than any reset"):
        handover.decoded(" " * (handover.MOST_BYTES + 1))
