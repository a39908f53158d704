"""Runs another program with a time limit, and nothing of `subprocess` where that can be avoided.

Importing `subprocess` takes as long as a bare interpreter start, and the warm path of `check` may
take no more than two of those. Where there is ``posix_spawn``, two small built-in modules do.
"""

from __future__ import annotations

import os
import select
import time

TIMEOUT = 120.0
"""Seconds; far beyond what reading the largest repositories takes."""

_CHUNK = 1 << 20
_KILL = 9


TYPE_CHECKING = False  # typing costs a quarter of a bare interpreter start
if TYPE_CHECKING:
    from collections.abc import Mapping


def git_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for git: the given one, without questions, locks or translations.

    Variables that git sets for its hooks to name *its* repository stay: a hook asks about that one.
    """
    return {**environ, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


class Output:
    """What a program that ended left behind. (A `NamedTuple` would import `typing`.)"""

    __slots__ = ("code", "stderr", "stdout")

    def __init__(self, code: int, stdout: bytes, stderr: bytes) -> None:
        self.code = code
        """Exit status; negative when a signal ended it."""
        self.stdout = stdout
        self.stderr = stderr


class TimedOut(Exception):
    """The program did not end in time and was killed."""


class Running:
    """A program under way. `result` must be called exactly once."""

    def __init__(self, argv: list[str], env: dict[str, str], stdin: bytes = b"") -> None:
        self._argv, self._env, self._stdin = argv, env, stdin
        self._pipes: dict[int, list[bytes]] = {}
        self._pid = 0
        self._feed = -1
        if hasattr(os, "posix_spawn"):
            self._spawn()

    def _spawn(self) -> None:
        read_in, self._feed = os.pipe()
        out, write_out = os.pipe()
        err, write_err = os.pipe()
        ends = (read_in, write_out, write_err)
        try:
            self._pid = os.posix_spawn(
                _found(self._argv[0], self._env),
                self._argv,
                self._env,
                file_actions=[(os.POSIX_SPAWN_DUP2, end, at) for at, end in enumerate(ends)],
                setpgroup=0,
            )
        except BaseException:
            for descriptor in (self._feed, out, err):
                os.close(descriptor)
            raise
        finally:
            for end in ends:
                os.close(end)
        self._pipes = {out: [], err: []}
        os.set_blocking(self._feed, False)
        if not self._stdin:
            self._stop_feeding()

    def _stop_feeding(self) -> None:
        if self._feed >= 0:
            os.close(self._feed)
            self._feed = -1

    def result(self, timeout: float = TIMEOUT) -> Output:
        """Wait for the end. Raises `TimedOut` after `timeout` seconds, the program killed with all
        that it has started: git leaves its talking to others, and they may wait for each other."""
        if not self._pid:
            return self._portable(timeout)
        collected = list(self._pipes.values())
        status = None
        try:
            deadline = time.monotonic() + timeout
            self._pump(deadline)
            status = self._ended(deadline)
        finally:
            self._stop_feeding()
            for descriptor in self._pipes:
                os.close(descriptor)
            if status is None:
                os.killpg(self._pid, _KILL)
                os.waitpid(self._pid, 0)
        out, err = (b"".join(parts) for parts in collected)
        return Output(os.waitstatus_to_exitcode(status), out, err)

    def _pump(self, deadline: float) -> None:
        poll = select.poll()
        for descriptor in self._pipes:
            poll.register(descriptor, select.POLLIN)
        rest = memoryview(self._stdin)
        if self._feed >= 0:
            poll.register(self._feed, select.POLLOUT)
        while self._pipes or self._feed >= 0:
            rest_of_time = deadline - time.monotonic()
            ready = poll.poll(max(0.0, rest_of_time) * 1000)
            if not ready or rest_of_time < 0:  # it may also have been talking all the time
                raise TimedOut(f"{self._argv[0]} did not end in time")
            for descriptor, _ in ready:
                if descriptor == self._feed:
                    rest = self._write(rest)
                    done = not rest
                else:
                    data = os.read(descriptor, _CHUNK)
                    self._pipes[descriptor].append(data)
                    done = not data
                if done:
                    poll.unregister(descriptor)
                    self._close(descriptor)

    def _ended(self, deadline: float) -> int:
        """Exit status, once it has one. Closing its output is the last thing that most do."""
        pause = 0.00005
        while True:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                return status
            if time.monotonic() > deadline:
                raise TimedOut(f"{self._argv[0]} did not end in time")
            time.sleep(pause)
            pause = min(pause * 2, 0.05)

    def _write(self, rest: memoryview) -> memoryview:
        try:
            return rest[os.write(self._feed, rest[:_CHUNK]) :]
        except BlockingIOError:
            return rest
        except BrokenPipeError:
            return rest[:0]

    def _close(self, descriptor: int) -> None:
        if descriptor == self._feed:
            self._stop_feeding()
        else:
            del self._pipes[descriptor]
            os.close(descriptor)

    def _portable(self, timeout: float) -> Output:
        import subprocess

        try:
            done = subprocess.run(
                self._argv,
                env=self._env,
                input=self._stdin,
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TimedOut(f"{self._argv[0]} did not end in time") from error
        return Output(done.returncode, done.stdout, done.stderr)


def _found(program: str, env: Mapping[str, str]) -> str:
    """Where `program` is on the PATH of `env`; ``posix_spawnp`` would look at our own."""
    if os.sep in program:
        return program
    for folder in env.get("PATH", os.defpath).split(os.pathsep):
        place = os.path.join(folder, program)
        if os.access(place, os.X_OK) and not os.path.isdir(place):
            return place
    raise FileNotFoundError(2, "not found on PATH", program)


def run(
    argv: list[str], env: dict[str, str], stdin: bytes = b"", timeout: float = TIMEOUT
) -> Output:
    """Run a program to its end. Raises `FileNotFoundError` and `TimedOut`."""
    return Running(argv, env, stdin).result(timeout)
