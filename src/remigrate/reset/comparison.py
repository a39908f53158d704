"""What comes of comparing two databases."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Difference(NamedTuple):
    """Something that one side has and the other has not, or has otherwise."""

    table: str
    """Empty when it belongs to none."""
    text: str
    only: Literal["old", "new", ""] = ""
    """The side that alone has it; empty where both have it, otherwise."""


class Comparison(NamedTuple):
    """Equal when there are no differences."""

    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
    """What was put aside, in words: order of columns, automatic names and keys, volatile cells."""
