"""Names of the migrations that a reset writes."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

from remigrate.facts import GUARD

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

LONGEST = 252
"""Bytes: what a file system leaves for a name before ``.py``. ``django_migrations.name`` takes 255
characters, which is more."""

_PARTS = re.compile(r"(.*_squashed_(?=\d))?(\d*)(.*)", re.DOTALL)


class Parts(NamedTuple):
    """A migration's name, taken apart as ``MigrationAutodetector.parse_number`` does."""

    before: str
    """What an earlier squash put in front, as in ``0001_squashed_``; else empty."""
    digits: str
    after: str


def parts(name: str) -> Parts:
    """The name, taken apart."""
    match = _PARTS.fullmatch(name)
    assert match, name
    return Parts(match[1] or "", match[2], match[3])


def number(name: str) -> int | None:
    """What Django takes for the number of a migration: of a squash, that of the last one in it."""
    digits = parts(name).digits
    return int(digits) if digits else None


def leading(name: str) -> int | None:
    """The number that a migration's name starts with: of a squash, that of the first one in it."""
    match = re.match(r"\d+", name)
    return int(match[0]) if match else None


def squash(members: Sequence[str], place: int, taken: Collection[str]) -> str:
    """A name as ``squashmigrations`` gives it, for the part of an app at `place`.

    It ends with the member that has the highest number, so that the next migration that Django
    makes is numbered after all of them.
    """
    numbers = [found for found in map(number, members) if found is not None]
    first = min(numbers, default=place + 1) if place else 1
    return free(f"{first:04}_squashed_{_end(_last(members))}", taken)


def fresh(members: Sequence[str], place: int, taken: Collection[str]) -> str:
    """A name as if there had been no history: ``0001_initial`` and what comes after it."""
    if not place:
        return "0001_initial"
    words = _end(_last(members)).lstrip("0123456789").strip("_")
    return free(f"{place + 1:04}_{words or 'more'}", taken)


def guard(existing: Sequence[str], taken: Collection[str]) -> str:
    """A name for the migration that does nothing but stop a database that is behind."""
    numbers = [found for found in map(number, existing) if found is not None]
    return free(f"{max(numbers, default=len(existing)) + 1:04}_{GUARD}", taken)


def free(stem: str, taken: Collection[str]) -> str:
    """`stem`, cut and numbered until it is short enough and in nobody's way.

    `taken` holds names in ``casefold``: two that differ in case alone are one file on many disks.
    """
    for count in itertools.count(1):
        suffix = "" if count == 1 else f"_{count}"
        name = _cut(stem, LONGEST - len(suffix)) + suffix
        if name.casefold() not in taken:
            return name
    raise AssertionError("numbers came to an end")


def _last(members: Sequence[str]) -> str:
    place = max(range(len(members)), key=lambda at: (number(members[at]) or 0, at))
    return members[place]


def _end(name: str) -> str:
    """Without what an earlier squash put in front."""
    return "".join(parts(name)[1:])


def _cut(stem: str, size: int) -> str:
    content = stem.encode()
    return stem if len(content) <= size else content[:size].decode(errors="ignore").rstrip("_")
