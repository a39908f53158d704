"""Whose fault a difference may be: which apps move on to another way, and which are given up.

For a table that is built otherwise, all apps whose migrations ever changed it. For rows that are
others, first the apps whose hand-written operations wrote to the table: who merely made it seldom
has a part in what stands in it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from remigrate.reset.comparison import Comparison


class Blame(NamedTuple):
    """Labels of the apps that one difference can be put down to."""

    first: frozenset[str]
    then: frozenset[str] = frozenset()
    """Those whose turn comes when `first` have no way left."""


def on(labels: Iterable[str]) -> list[Blame]:
    """Put down to each of these on its own."""
    return [Blame(frozenset({label})) for label in sorted(labels)]


class Owners:
    """Tells whose tables and whose rows they are."""

    def __init__(self, record: Mapping[str, Any], apps: Collection[str]) -> None:
        """`apps`: labels of those that can be blamed, as they are written anew."""
        self._makers: Mapping[str, Sequence[str]] = record["makers"]
        self._writers: Mapping[str, Sequence[str]] = record["writers"]
        self._apps = apps

    def of_schema(self, found: Comparison) -> Iterator[Blame]:
        """Whom other tables are put down to."""
        for table in _tables(found):
            yield Blame(self._made(table))

    def of_rows(self, found: Comparison) -> Iterator[Blame]:
        """Whom other rows are put down to."""
        for table in _tables(found):
            made, wrote = self._made(table), frozenset(self._writers.get(table, ()))
            wrote &= frozenset(self._apps)
            yield Blame(wrote, made - wrote) if wrote else Blame(made)

    def _made(self, table: str) -> frozenset[str]:
        return frozenset(self._makers.get(table, ()))

    def named_in(self, text: str) -> frozenset[str]:
        """Labels of the apps that changed a table which `text` names."""
        words = re.findall(r"[A-Za-z_][\w$]*", text)
        return frozenset().union(*map(self._made, words))


def _tables(found: Comparison) -> list[str]:
    return sorted({each.table for each in found.differences})
