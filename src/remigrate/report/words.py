"""Numbers and lists in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from remigrate.report.escape import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def counted(number: int, noun: str) -> str:
    """``1 error``, ``2 errors``, ``1,200 errors``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(items: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


MOST = 10
"""Names of one kind; the rest is counted."""


def cut(names: Sequence[str], verbose: bool, most: int = MOST) -> tuple[Sequence[str], list[str]]:
    """Those that are shown, and in words how many are not: nothing where all are."""
    shown = names if verbose else names[:most]
    left = len(names) - len(shown)
    return shown, [f"… and {left:,} more (--verbose lists all)"] if left else []


def dotted(name: tuple[str, str]) -> str:
    """App label and name of a migration as people write them."""
    return ".".join(name)


def going_back(folder: str, parts: Iterable[str], leading: str) -> str:
    """The command that puts back what a backup holds, or those parts of it. `leading` are words
    that lead to its database, as `call.leading` has them."""
    words = "".join(f" --part {part}" for part in parts)
    return f"remigrate db restore {visible(folder)}{words} --apply{visible(leading)}"
