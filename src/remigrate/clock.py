"""How long something takes, on a terminal, while it is going on."""

from __future__ import annotations

import contextlib
import os
import signal
import time

_FIRST = 2.0
"""Seconds that nobody is told of."""
_ROOM = 8
"""Columns for the others."""


class Clock:
    """Writes the seconds behind what a terminal shows. One at a time: it takes the alarm signal."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._shown = b""
        self._goes = False

    def start(self, columns: int) -> None:
        """From now on, behind so many columns; where a line has room for it."""
        with contextlib.suppress(OSError):
            if 0 < os.get_terminal_size(self._terminal).columns < columns + _ROOM:
                return
        self._since = time.monotonic()
        self._goes = True
        signal.signal(signal.SIGALRM, self._tick)
        signal.setitimer(signal.ITIMER_REAL, _FIRST, 1.0)

    def stop(self) -> None:
        """Leave what is shown, and add nothing."""
        self._goes = False
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _tick(self, *_: object) -> None:
        if self._goes and self._is_ours():  # an alarm may have been on its way
            back = b"\b" * len(self._shown)
            self._shown = f" {time.monotonic() - self._since:.0f} s".encode()
            with contextlib.suppress(OSError):  # it may be gone
                os.write(self._terminal, back + self._shown)  # a stream may be in use

    def _is_ours(self) -> bool:
        """Whether nobody has sent us to the background."""
        try:
            return os.tcgetpgrp(self._terminal) == os.getpgrp()
        except OSError:  # then it has nobody who could
            return True
