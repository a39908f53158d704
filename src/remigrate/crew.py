"""Spreads work over the processors: children are forked, work, and hand their results back."""

from __future__ import annotations

import gc
import marshal
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ENOUGH = 200_000
"""Bytes of work from which on a fork, of a few milliseconds, pays."""
_MOST = 4


def spread(
    work: Callable[[bytes], object], items: Sequence[bytes], workers: int | None = None
) -> list[object]:
    """``[work(item) for item in items]``, by several processes when there is enough to do.

    Results must be made of lists, tuples, texts, numbers and None. What a child does not hand back,
    for whatever reason, is done again here, so that an exception is raised as if there were none.
    """
    if workers is None:
        workers = _processors() if sum(map(len, items)) >= _ENOUGH else 1
    with _Unhurried():
        if workers < 2 or not hasattr(os, "fork"):
            return [work(item) for item in items]
        shares = _shares(items, workers)
        children = [_Child(work, [items[at] for at in share]) for share in shares[1:]]
        try:
            done = [[work(items[at]) for at in shares[0]]]
            done += [child.results() for child in children]
        finally:
            for child in children:
                child.end()
    results: list[object] = [None] * len(items)
    for share, found in zip(shares, done, strict=True):
        for at, result in zip(share, found, strict=True):
            results[at] = result
    return results


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), _MOST)
    return min(os.cpu_count() or 1, _MOST)


def _shares(items: Sequence[bytes], workers: int) -> list[list[int]]:
    """Positions in `items`, in shares of about the same number of bytes."""
    shares: list[list[int]] = [[] for _ in range(workers)]
    loads = [0] * workers
    for at in sorted(range(len(items)), key=lambda at: len(items[at]), reverse=True):
        lightest = loads.index(min(loads))
        shares[lightest].append(at)
        loads[lightest] += len(items[at]) + 500  # each item costs something, however small
    return shares


class _Child:
    """A process that does a share of the work."""

    def __init__(self, work: Callable[[bytes], object], items: Sequence[bytes]) -> None:
        self._work, self._items = work, items
        self._pipe, write = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            self._run(write)
        os.close(write)

    def _run(self, pipe: int) -> None:
        """Work in the child, which never returns: nothing of the parent is run twice."""
        status = 1
        try:
            with open(pipe, "wb") as file:
                file.write(marshal.dumps([self._work(item) for item in self._items]))
            status = 0
        finally:
            os._exit(status)

    def results(self) -> list[object]:
        """What the child found; done here when it did not come back with all of it."""
        with open(self._pipe, "rb", closefd=False) as file:
            data = file.read()
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        if status:
            return [self._work(item) for item in self._items]
        results: list[object] = marshal.loads(data)  # noqa: S302 - written by our own child
        return results

    def end(self) -> None:
        """Leave nothing behind, also when the work was interrupted."""
        os.close(self._pipe)
        if self._pid:
            os.kill(self._pid, 9)
            os.waitpid(self._pid, 0)


class _Unhurried:
    """No garbage collection meanwhile: syntax trees are large, short-lived and free of circles."""

    def __enter__(self) -> None:
        self._was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._was_on:
            gc.enable()
