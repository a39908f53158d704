"""Signals that end a run, as whoever cancels a job sends them."""

from __future__ import annotations

import os
import signal
import time

import pytest

from remigrate import ending


def interrupted(then: signal.Signals, done: list[str]) -> None:
    """SIGINT comes, and then another signal while something is cleaned up."""
    with ending.by_signals():
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
            done.append("gone on")
        finally:
            os.kill(os.getpid(), then)
            time.sleep(0.05)
            done.append("cleaned up")


@pytest.mark.parametrize("then", [signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_does_not_stop_the_cleaning_up(then: signal.Signals) -> None:
    before = signal.getsignal(then)
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(then, done)
    assert done == ["cleaned up"]
    assert signal.getsignal(then) == before


def test_ctrl_c_does_when_somebody_has_no_patience() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(signal.SIGINT, done)
    assert not done
