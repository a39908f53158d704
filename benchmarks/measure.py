"""Runs whole processes, one after the other, and says what each of them took."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Failed(Exception):
    """Something that is to be measured cannot be made, or does not do what it is measured for."""


class Command(NamedTuple):
    """A process to measure."""

    argv: tuple[str, ...]
    cwd: Path
    env: dict[str, str]
    exits: tuple[int, ...] = (0,)
    """Exit codes with which it has done its work."""
    before: Callable[[], None] | None = None
    """What makes every run like the others, outside of the measurement."""


class Sample(NamedTuple):
    """One process, from its start to its end."""

    wall: float
    """Seconds on the clock."""
    cpu: float
    """Seconds of processor, user and system, of the process and of all that it started."""
    rss: int
    """Bytes of memory at the peak, of the largest process among them."""


class Cost(NamedTuple):
    """What a command takes: medians over its runs, and the most memory."""

    wall: float
    cpu: float
    rss: int
    runs: int


def environment(home: Path) -> dict[str, str]:
    """What a measured process sees: its own home, byte code on disk, nothing of this shell."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "LANG": "C.UTF-8",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }


def once(command: Command) -> Sample:
    """Run `command`. Raises `Failed` when it ends otherwise than it should."""
    if command.before:
        command.before()
    start = time.perf_counter()
    process = subprocess.Popen(
        command.argv,
        cwd=command.cwd,
        env=command.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # Not Popen.wait: only wait4 tells what this one child (and its children) used.
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in command.exits:
        raise Failed(f"{' '.join(command.argv)} ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Sample(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * unit)


def costs(commands: dict[Key, Command], times: dict[Key, int], rounds: int) -> dict[Key, Cost]:
    """Run all commands in turn, `rounds` times, those with more `times` more often in each round.

    A machine that is busier for a while is so for all of them, which keeps their ratios. One round
    before does not count: it fills the caches and compiles byte code.
    """
    samples: dict[Key, list[Sample]] = {key: [once(commands[key])] for key in commands}
    for _ in range(rounds):
        left = {key: times.get(key, 1) for key in commands}
        while any(left.values()):
            for key in [key for key, count in left.items() if count]:
                samples[key].append(once(commands[key]))
                left[key] -= 1
        say(".", end="")
    say("")
    return {key: _cost(found[1:]) for key, found in samples.items()}


def _cost(samples: list[Sample]) -> Cost:
    return Cost(
        statistics.median(sample.wall for sample in samples),
        statistics.median(sample.cpu for sample in samples),
        max(sample.rss for sample in samples),
        len(samples),
    )


def output(command: Command) -> bytes:
    """What `command` says on standard output. Raises `Failed` with what it says on the other."""
    done = subprocess.run(command.argv, cwd=command.cwd, env=command.env, capture_output=True)
    if done.returncode not in command.exits:
        said = done.stderr.decode(errors="replace").strip()
        raise Failed(f"{' '.join(command.argv)} ended with {done.returncode}:\n{said}")
    return done.stdout


def say(text: str, end: str = "\n") -> None:
    """Progress, for whoever waits."""
    print(text, end=end, file=sys.stderr, flush=True)
