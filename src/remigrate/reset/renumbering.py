"""New numbers for migrations that move behind others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from remigrate.reset.names import leading, number, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


def renumbered(
    order: Collection[str],
    fixed: Collection[str],
    taken: Collection[str],
    members: Mapping[str, tuple[str, ...]],
) -> dict[str, str]:
    """A name for each of `order`: the next numbers behind those of `fixed`, the words kept.

    None of `taken` is given again. A squash takes the numbers of its `members`, where these are
    renamed with it. Names without a number stay.
    """
    last = max((have for name in fixed if (have := number(name)) is not None), default=0)
    found: dict[str, str] = {}
    taken = {name.casefold() for name in taken}
    for name in order:
        old = leading(name)
        if old is None:
            found[name] = name
        elif not members[name]:
            step = last + 1 - old
            while _shifted(name, step).casefold() in taken:
                step += 1
            found[name] = _shifted(name, step)
            taken.add(found[name].casefold())
            last = max(last, number(found[name]) or 0)
    for name in order:
        if name not in found:
            found[name] = _over(name, [found[m] for m in members[name] if m in found])
            while found[name].casefold() in taken:
                found[name] += "_squashed"
    return found


def _shifted(name: str, step: int) -> str:
    """`name` with `step` added to its numbers."""
    return _with_numbers(name, lambda number: number + step, lambda number: number + step)


def _over(name: str, members: list[str]) -> str:
    """The name of a squash of `members`, by their new names."""
    numbers = [found for member in members if (found := leading(member)) is not None]
    if not numbers:
        return name
    return _with_numbers(name, lambda _: min(numbers), lambda _: max(numbers))


def _with_numbers(name: str, first: Callable[[int], int], last: Callable[[int], int]) -> str:
    """`name` with other numbers at its start and, of a squash, after what is in front."""
    before, digits, after = parts(name)
    if before:
        name = before + _padded(digits, last(int(digits))) + after
    return re.sub(r"\A\d+", lambda match: _padded(match[0], first(int(match[0]))), name)


def _padded(like: str, value: int) -> str:
    return f"{value:0{len(like)}}"
