"""The table of results: what was measured, what was promised, and whether that holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from benchmarks.measure import Cost

_MIB = 1024 * 1024


class Bound(NamedTuple):
    """A promise about a number."""

    least: float | None = None
    most: float | None = None
    unit: str = "×"

    def holds(self, value: float) -> bool:
        """Whether `value` is within the bound."""
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )

    def __str__(self) -> str:
        sign, value = ("≥", self.least) if self.least is not None else ("≤", self.most)
        return f"{sign} {value:g} {self.unit}" if value is not None else ""


class Row(NamedTuple):
    """One line of the table."""

    subject: str
    what: str
    cost: Cost
    value: str = ""
    """The ratio or the size that counts, as it is printed."""
    cpu: str = ""
    """The same ratio in time of processor, in which waiting does not count."""
    bound: Bound = Bound()
    holds: bool = True


def faster(subject: str, what: str, cost: Cost, django: Cost, bound: Bound) -> Row:
    """How many times faster than Django something is."""
    wall, cpu = django.wall / cost.wall, django.cpu / cost.cpu
    value = f"{wall:.1f} × faster than Django"
    return Row(subject, what, cost, value, f"{cpu:.1f} ×", bound, bound.holds(wall))


def slower(subject: str, what: str, cost: Cost, start: Cost, bound: Bound) -> Row:
    """How many starts of the interpreter something takes."""
    wall, cpu = cost.wall / start.wall, cost.cpu / start.cpu
    value = f"{wall:.1f} × the interpreter's start"
    return Row(subject, what, cost, value, f"{cpu:.1f} ×", bound, bound.holds(wall))


def each(subject: str, what: str, cost: Cost, size: int) -> Row:
    """Time per migration, all included."""
    wall, cpu = cost.wall / size * 1e6, cost.cpu / size * 1e6
    return Row(subject, what, cost, f"{wall:.0f} µs per migration", f"{cpu:.0f} µs")


def flat(subject: str, what: str, found: dict[int, Cost], bound: Bound) -> Row:
    """What a migration more costs in a large project, against the same in a small one.

    The difference between two sizes leaves out the start, which would hide any growth. Judged by
    time of processor: differences of differences are all noise where others use the machine.
    """
    wall = _growth({size: cost.wall for size, cost in found.items()})
    cpu = _growth({size: cost.cpu for size, cost in found.items()})
    value = f"{wall:.2f} × per migration more"
    return Row(subject, what, found[max(found)], value, f"{cpu:.2f} ×", bound, bound.holds(cpu))


def _growth(seconds: dict[int, float]) -> float:
    small, middle, large = sorted(seconds)
    early = (seconds[middle] - seconds[small]) / (middle - small)
    late = (seconds[large] - seconds[middle]) / (large - middle)
    return late / max(early, 1e-9)


def memory(subject: str, what: str, cost: Cost, bound: Bound) -> Row:
    """How much memory the largest of the processes used."""
    size = cost.rss / _MIB
    return Row(subject, what, cost, f"{size:.0f} MiB", "", bound, bound.holds(size))


def rendered(rows: Iterable[Row]) -> str:
    """A Markdown table, aligned so that it can be read as it is."""
    head = ["project", "what", "wall", "cpu", "MiB", "result", "in cpu", "wanted", ""]
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    for at in range(len(lines) - 1, 2, -1):
        if lines[at][0] == lines[at - 1][0]:
            lines[at][0] = ""
    padded = (
        " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) for line in lines
    )
    return "\n".join(f"| {line} |" for line in padded)


def _cells(row: Row) -> list[str]:
    verdict = ("met" if row.holds else "MISSED") if str(row.bound) else ""
    times = [_seconds(row.cost.wall), _seconds(row.cost.cpu), f"{row.cost.rss / _MIB:.0f}"]
    return [row.subject, row.what, *times, row.value, row.cpu, str(row.bound), verdict]


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.1f} ms"
