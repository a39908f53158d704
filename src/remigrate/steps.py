"""What a run does, step by step, and the seconds that each step takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Step(NamedTuple):
    """A step that has ended."""

    text: str
    seconds: float


class Steps:
    """Tells each step and the seconds since the start as it begins; keeps how long it took."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._start = time.monotonic()
        self._begun: list[tuple[str, float]] = []

    def begin(self, text: str) -> None:
        """The step before ends here."""
        text, now = text.removesuffix(" …"), time.monotonic()
        self._begun.append((text, now))
        self._tell(f"{now - self._start:6.1f} s  {text}")

    def ended(self) -> list[Step]:
        """All of them; the last one ends now."""
        ends = [*(at for _, at in self._begun[1:]), time.monotonic()]
        return [
            Step(text, end - at)
            for (text, at), end in zip(self._begun, ends[: len(self._begun)], strict=True)
        ]
