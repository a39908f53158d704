"""Work that is spread over processes gives what it would give in one."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from remigrate import crew

ITEMS = [bytes([at]) * (at % 7 + 1) for at in range(100)]


def measured(item: bytes) -> object:
    return [len(item), item.decode("latin-1"), None]


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    assert crew.spread(measured, ITEMS, workers) == [measured(item) for item in ITEMS]


def test_work_is_done_by_other_processes_when_there_is_enough_of_it() -> None:
    large = [b"x" * 100_000 for _ in range(8)]
    pids = {str(pid) for pid in crew.spread(lambda _: str(os.getpid()), large)}
    assert len(pids) == min(len(os.sched_getaffinity(0)), 4)
    assert crew.spread(lambda _: os.getpid(), [b"small"]) == [os.getpid()]


def children() -> set[int]:
    """Processes of ours, also those that have ended and nobody waited for."""
    found = set()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit():
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == os.getpid():
                    found.add(int(entry.name))
    return found


def test_what_a_child_does_not_hand_back_is_done_here() -> None:
    own = os.getpid()

    def dies_elsewhere(item: bytes) -> object:
        if os.getpid() != own:
            os.kill(os.getpid(), 9)
        return measured(item)

    assert crew.spread(dies_elsewhere, ITEMS, 3) == [measured(item) for item in ITEMS]


def test_an_exception_is_raised_and_no_process_is_left() -> None:
    def refuses(item: bytes) -> object:
        if item == ITEMS[50]:
            raise ValueError("item 50")
        return measured(item)

    before = children()
    with pytest.raises(ValueError, match="item 50"):
        crew.spread(refuses, ITEMS, 3)
    assert children() == before


def test_an_interruption_leaves_no_process_behind() -> None:
    own = os.getpid()

    def interrupted(item: bytes) -> object:
        if os.getpid() == own:
            raise KeyboardInterrupt
        return measured(item)

    before = children()
    with pytest.raises(KeyboardInterrupt):
        crew.spread(interrupted, ITEMS, 3)
    assert children() == before
