"""What goes wrong between a program and GitHub, on demand."""

from __future__ import annotations

import random
import threading
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Kind = Literal[
    "500",
    "502",
    "503",
    "429",
    "closed",
    "cut",
    "late-502",
    "lost",
    "primary",
    "secondary",
    "slow",
    "truncated",
]
"""``closed``: the connection ends before anything is done; ``lost``: after it was done, without an
answer; ``late-502``: after it was done, some proxy gives up; ``truncated``: half of the JSON, as if
that were all; ``cut``: half of the answer, then the connection ends; ``primary``, ``secondary``:
the two rate limits, both 403."""

KINDS: tuple[Kind, ...] = get_args(Kind)
DONE = frozenset({"cut", "late-502", "lost", "slow", "truncated"})
"""Kinds that let the deed be done."""


class Fault(NamedTuple):
    """One thing that goes wrong."""

    kind: Kind
    seconds: float
    """How slow, or how long to wait: Retry-After, or the time until X-RateLimit-Reset."""


class _Planned(NamedTuple):
    method: str
    path: str
    skipped: int
    """Requests that it lets pass first."""
    times: int
    fault: Fault | None
    act: Callable[[], object] | None


class Faults:
    """What is to go wrong, by method and path; patterns are those of the shell."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []
        self._lock = threading.Lock()
        self._dice: random.Random | None = None
        self._chance = 0.0
        self._kinds: tuple[Kind, ...] = ()
        self._seconds = 0.0
        self.happened: list[tuple[str, str, Kind]] = []
        """Method, path and kind of each."""

    def add(
        self,
        kind: Kind,
        method: str = "*",
        path: str = "*",
        *,
        times: int = 1,
        after: int = 0,
        seconds: float = 0.0,
    ) -> None:
        """Let the next `times` such requests fail, `after` some more."""
        planned = _Planned(method, path, after, times, Fault(kind, seconds), None)
        self._planned.append(planned)

    def when(
        self, act: Callable[[], object], method: str = "*", path: str = "*", *, after: int = 0
    ) -> None:
        """Do something just before such a request is answered: move a branch, close the pull
        request."""
        self._planned.append(_Planned(method, path, after, 1, None, act))

    def at_random(
        self, chance: float, seed: int, kinds: Sequence[Kind] = KINDS, seconds: float = 0.0
    ) -> None:
        """Let any request fail with this chance. The same seed gives the same faults."""
        self._dice, self._chance = random.Random(seed), chance  # noqa: S311 # dice, not a secret
        self._kinds, self._seconds = tuple(kinds), seconds

    def stop(self) -> None:
        """Nothing goes wrong from now on."""
        with self._lock:
            self._planned.clear()
            self._dice = None

    def strike(self, method: str, path: str) -> Fault | None:
        """What goes wrong with this request."""
        with self._lock:
            acts, fault = self._due(method, path)
            if fault is None and self._dice is not None and self._dice.random() < self._chance:
                fault = Fault(self._dice.choice(self._kinds), self._seconds)
            if fault is not None:
                self.happened.append((method, path, fault.kind))
        for act in acts:
            act()
        return fault

    def _due(self, method: str, path: str) -> tuple[list[Callable[[], object]], Fault | None]:
        acts: list[Callable[[], object]] = []
        fault: Fault | None = None
        left: list[_Planned] = []
        for each in self._planned:
            if not (fnmatchcase(method, each.method) and fnmatchcase(path, each.path)):
                left.append(each)
            elif each.skipped:
                left.append(each._replace(skipped=each.skipped - 1))
            elif each.fault is None:
                acts += [each.act] if each.act else []
            elif fault is not None:
                left.append(each)
            else:
                fault = each.fault
                left += [each._replace(times=each.times - 1)] if each.times > 1 else []
        self._planned = left
        return acts, fault
