"""Reads check constraints: what they say of a row, and which values they speak of.

A part of the probe; see `script` and `planting`.
"""

from __future__ import annotations

import datetime
import decimal
import operator
from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from remigrate.probe.planting_tables import Row

UNKNOWN = object()

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "exact": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": lambda left, right: left in list(right),
    "range": lambda left, right: right[0] <= left <= right[1],
    "startswith": lambda left, right: left.startswith(right),
    "endswith": lambda left, right: left.endswith(right),
    "contains": lambda left, right: right in left,
}


def holds(condition: Any, row: Row, names: dict[str, str]) -> bool | None:
    """What the database would say of a condition; None: NULL, or not known to us."""
    if isinstance(condition, tuple) and len(condition) == 2:
        return _compared(condition[0], condition[1], row, names)
    if not isinstance(condition, models.Q):
        return None
    results = [holds(child, row, names) for child in condition.children]
    verdict: bool | None
    if condition.connector == "OR":
        verdict = True if True in results else None if None in results else not results
    elif condition.connector == "AND":
        verdict = False if False in results else None if None in results else True
    else:  # XOR
        verdict = None if None in results else sum(map(bool, results)) % 2 == 1
    return verdict if verdict is None or not condition.negated else not verdict


def _compared(path: str, wanted: Any, row: Row, names: dict[str, str]) -> bool | None:
    name, lookup = split(path)
    left = row.get(names.get(name, ""), UNKNOWN)
    right = operand(wanted, row, names)
    if left is UNKNOWN or right is UNKNOWN:
        return None
    if lookup == "isnull" or lookup == "exact" and right is None:
        return (left is None) is (right is None or bool(right))
    if left is None or right is None or lookup not in _COMPARISONS:
        return None
    try:
        return bool(_COMPARISONS[lookup](left, right))
    except (TypeError, AttributeError):  # of types that only the database can compare
        return None


def split(path: str) -> tuple[str, str]:
    name, _, lookup = path.partition("__")
    return name, lookup or "exact"


def operand(value: Any, row: Row, names: dict[str, str]) -> Any:
    if isinstance(value, models.F):
        return row.get(names.get(value.name, ""), UNKNOWN)
    if isinstance(value, models.Value):
        return value.value
    if isinstance(value, (list, tuple, set)):
        items = [operand(item, row, names) for item in value]
        return UNKNOWN if UNKNOWN in items else items
    return UNKNOWN if hasattr(value, "resolve_expression") else value


def comparisons(condition: Any) -> Iterator[tuple[str, Any]]:
    """Each (path, value) in a condition."""
    if isinstance(condition, tuple) and len(condition) == 2:
        yield condition
        if isinstance(condition[1], models.F):
            yield condition[1].name, models.F(split(condition[0])[0])
    elif isinstance(condition, models.Q):
        for child in condition.children:
            yield from comparisons(child)


def near(value: Any) -> list[Any]:
    """A value, and those next to it."""
    if isinstance(value, (list, tuple, set)):
        return [each for item in value for each in near(item)]
    step: Any = None
    if isinstance(value, (datetime.date, datetime.timedelta)):
        step = datetime.timedelta(days=1)
    elif isinstance(value, (int, float, decimal.Decimal)) and not isinstance(value, bool):
        step = 1
    return [value] if step is None else [value, value + step, value - step]
