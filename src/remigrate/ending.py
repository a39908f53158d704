"""Being told to end: by Ctrl-C, by whoever runs us, or because the terminal was closed."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def by_signals() -> Iterator[None]:
    """A signal to end is an interruption here: what was begun is cleaned up, and what is ignored
    (by nohup) stays so."""
    ends = (signal.SIGTERM, signal.SIGHUP)
    heard = [each for each in ends if signal.getsignal(each) != signal.SIG_IGN]
    before = {each: signal.signal(each, _interrupt) for each in heard}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
