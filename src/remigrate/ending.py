"""Being told to end: by Ctrl-C, by whoever runs us, or because the terminal was closed."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _interrupt(*_: object) -> None:
    """Only an impatient Ctrl-C, not the next signal of whoever runs us, stops the cleaning up:
    a job that is cancelled gets SIGTERM some seconds after SIGINT."""
    for each in _ENDS[1:]:
        if signal.getsignal(each) == _interrupt:
            signal.signal(each, _nothing)
    raise KeyboardInterrupt


def _nothing(*_: object) -> None:
    """It is being ended already."""


@contextmanager
def by_signals() -> Iterator[None]:
    """A signal to end is an interruption here: what was begun is cleaned up, and what is ignored
    (by nohup) stays so."""
    heard = [each for each in _ENDS if signal.getsignal(each) != signal.SIG_IGN]
    before = {each: signal.signal(each, _interrupt) for each in heard}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
