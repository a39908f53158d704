"""How long something takes, on a terminal, while it is going on."""

from __future__ import annotations

import os
import signal
import time

_FIRST = 2.0
"""Seconds that nobody is told of."""


class Clock:
    """Writes the seconds behind what a terminal shows. One at a time: it takes the alarm signal."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._shown = b""
        self._goes = False

    def start(self) -> None:
        """From now on."""
        self._since = time.monotonic()
        self._goes = True
        signal.signal(signal.SIGALRM, self._tick)
        signal.setitimer(signal.ITIMER_REAL, _FIRST, 1.0)

    def stop(self) -> None:
        """Leave what is shown, and add nothing."""
        self._goes = False
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _tick(self, *_: object) -> None:
        if self._goes:  # an alarm may have been on its way
            back = b"\b" * len(self._shown)
            self._shown = f" {time.monotonic() - self._since:.0f} s".encode()
            os.write(self._terminal, back + self._shown)  # a stream may be in use at this moment
