"""Runs a program that is not trusted to end: limited in time, memory and output, killed as a group.

`process` is for git, on the warm path. This is for the project's own code, which may hang, flood
its output or start programs of its own.
"""

from __future__ import annotations

import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from typing import IO, TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

EACH = {
    "RLIMIT_AS": 8 << 30,
    "RLIMIT_CORE": 0,
    "RLIMIT_FSIZE": 2 << 30,
    "RLIMIT_NOFILE": 4096,
    "RLIMIT_NPROC": 512,
}
"""What a process may use up in whose place somebody else's code may run; the number of processes is
that of their user."""
_CHUNK = 1 << 16
_PDEATHSIG = 1
_TAIL = 1 << 16
"""Bytes of standard error that are kept: the last ones."""


class Limits(NamedTuple):
    """What a program may use up."""

    seconds: float = 300.0
    memory: int | None = None
    """Bytes of address space, for each process; None for as much as there is."""
    output: int = 1 << 24
    """Bytes on standard output and standard error together; beyond them the program is killed."""


class Output(NamedTuple):
    """What a program left behind."""

    code: int
    """Exit status; negative when a signal ended it."""
    stdout: bytes
    stderr: bytes
    """The end of it."""
    stopped: Literal["", "time", "output"] = ""
    """Which limit it was killed for, if any."""


def run(
    argv: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str],
    stdin: bytes | Iterator[bytes] = b"",
    limits: Limits | None = None,
    prepare: Callable[[], None] | None = None,
    target: int | None = None,
) -> Output:
    """Run a program to its end, or to the end of what it may use; its whole group ends with it.

    `prepare` runs in the child before the program does. Its standard output goes to the descriptor
    `target`, without a limit, where one is given. Raises `OSError` when it cannot start.
    """

    limits = limits or Limits()
    die_with_us = _death_signal()

    def before() -> None:
        if limits.memory is not None:
            resource.setrlimit(resource.RLIMIT_AS, (limits.memory, limits.memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if prepare:
            prepare()
        die_with_us()  # last: a process that becomes another user's forgets it

    with subprocess.Popen(
        list(argv),
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if target is None else target,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
        preexec_fn=before,  # this program has one thread
    ) as program:
        try:
            parts = iter([stdin]) if isinstance(stdin, bytes) else stdin
            return _collected(program, filter(None, parts), limits)
        finally:
            _end(program)


def _death_signal() -> Callable[[], None]:
    """What makes a child die with its parent, also when that is killed. Linux has it."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)

    def die_with_us() -> None:
        if libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")

    return die_with_us


def _collected(program: subprocess.Popen[bytes], parts: Iterator[bytes], limits: Limits) -> Output:
    rest = memoryview(next(parts, b""))
    deadline = time.monotonic() + limits.seconds
    out, err = _Kept(None), _Kept(_TAIL)
    stopped: Literal["", "time", "output"] = ""
    with selectors.DefaultSelector() as ready:
        assert program.stdin
        assert program.stderr
        os.set_blocking(program.stdin.fileno(), False)
        ready.register(program.stdin, selectors.EVENT_WRITE)
        if program.stdout:
            ready.register(program.stdout, selectors.EVENT_READ, out)
        ready.register(program.stderr, selectors.EVENT_READ, err)
        while ready.get_map() and not stopped:
            # Whoever keeps the pipes open after the program's end has nothing more to say to us.
            pause = 0.5 if program.poll() is None else 0.0
            events = ready.select(max(0.0, min(pause, deadline - time.monotonic())))
            for key, _ in events:
                stream: IO[bytes] = key.fileobj  # type: ignore[assignment]
                if key.data is None:
                    try:
                        rest = _fed(stream, rest) or memoryview(next(parts, b""))
                        done = not rest
                    except BrokenPipeError:  # it does not want to know
                        done = True
                else:
                    done = not key.data.take(os.read(stream.fileno(), _CHUNK))
                if done:
                    ready.unregister(stream)
                    stream.close()
            if out.size + err.size > limits.output:
                stopped = "output"
            elif time.monotonic() > deadline:
                stopped = "time"
            elif not events and program.poll() is not None:
                break
    if not stopped:
        try:
            program.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            stopped = "time"
    _end(program)
    return Output(program.returncode, out.content(), err.content(), stopped)


def _fed(stream: IO[bytes], rest: memoryview) -> memoryview:
    try:
        return rest[os.write(stream.fileno(), rest[:_CHUNK]) :]
    except BlockingIOError:
        return rest


def _end(program: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the group."""
    try:
        os.killpg(program.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # nobody is left
    except PermissionError:
        program.kill()  # on macOS: only zombies are left
    program.wait()


class _Kept:
    """The output of one stream, or its last `most` bytes."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._parts: deque[bytes] = deque()
        self._held = 0
        self.size = 0
        """Bytes that came, kept or not."""

    def take(self, data: bytes) -> bool:
        """Keep `data`. False at the end of the stream."""
        self._parts.append(data)
        self._held += len(data)
        self.size += len(data)
        while self._most is not None and self._held - len(self._parts[0]) >= self._most:
            self._held -= len(self._parts.popleft())
        return bool(data)

    def content(self) -> bytes:
        whole = b"".join(self._parts)
        return whole if self._most is None else whole[-self._most :]
