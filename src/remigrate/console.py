"""The terminal: colours, remarks on standard error, and results on standard output."""

from __future__ import annotations

import errno
import os
import sys
from typing import IO, TYPE_CHECKING

from remigrate.errors import Failure, UsageFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from remigrate.clock import Clock

_CODES = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "dim": "2", "bold": "1"}


class Console:
    """Where remarks and results go. `result` alone writes to standard output."""

    def __init__(
        self,
        color: str,
        environ: Mapping[str, str],
        out: IO[str],
        err: IO[str],
        quiet: bool = False,
    ) -> None:
        self.colored = use_color(color, environ, out)
        self._colored_err = use_color(color, environ, err)
        self._out, self._err = out, err
        self._quiet = quiet
        self._moving = not quiet and err.isatty() and environ.get("TERM") != "dumb"
        self._passing = False
        self._clock: Clock | None = None
        self.spoke = False
        """Whether anything was said that is not in the result."""

    def result(self, text: str, path: str | None = None) -> None:
        """Print the result, or write it to the file `path`: wholly or not at all.

        A reader that has seen enough may close the pipe; a full disk is a `Failure`.
        """
        if path is not None:
            _write(path, text)
            return
        try:
            self._out.write(text)
            self._out.flush()
        except BrokenPipeError:
            silence(self._out)
        except OSError as error:
            silence(self._out)
            raise Failure(
                f"standard output cannot be written: {error.strerror}",
                "Make room there, or write the result to a file: --output FILE.",
            ) from error

    def remark(self, text: str) -> None:
        """Say something beside the result, unless the user wants quiet."""
        if not self._quiet:
            self._say(painted(_printable(text), "dim", self._colored_err))

    def warn(self, text: str, hint: str = "") -> None:
        """Say something that the user should know."""
        self._say(f"{painted('warning:', 'yellow', self._colored_err)} {_printable(text)}")
        for line in hint.splitlines():
            self._say(_printable(line))

    def failure(self, error: Failure) -> None:
        """Say why something could not be done, and the way out."""
        self._say(f"{painted('error:', 'red', self._colored_err)} {_printable(str(error))}")
        for line in error.hint.splitlines():
            self._say(_printable(line))

    def agrees(self, question: str) -> bool:
        """Whether somebody at the terminal says yes; nobody is asked where none is there."""
        if not (sys.stdin.isatty() and self._err.isatty()):
            return False
        self._say(f"{question} [y/N] ")
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def progress(self, text: str) -> None:
        """Show what takes so long, on a terminal, and how long. Goes away by itself when something
        is said."""
        if self._moving:
            self.done()
            self._passing = True  # first, as Ctrl-C may come at any moment
            self._clock = _clock(self._err)
            self._err.write(text)
            self._err.flush()
            self._clock.start(len(text))

    def done(self) -> None:
        """Take away what `progress` shows."""
        if self._clock:
            self._clock.stop()
            self._clock = None
        if self._passing:
            self._err.write("\r\033[K")
            self._err.flush()
            self._passing = False

    def _say(self, text: str) -> None:
        self.done()
        self.spoke = True
        self._err.write(f"{text}\n")


def _clock(terminal: IO[str]) -> Clock:
    from remigrate.clock import Clock  # what ends at once needs none

    return Clock(terminal.fileno())


def painted(text: str, color: str, on: bool) -> str:
    """`text` in a colour, when colours are on."""
    return f"\033[{_CODES[color]}m{text}\033[0m" if on else text


def use_color(wish: str, environ: Mapping[str, str], stream: IO[str]) -> bool:
    """Whether to colour what goes to `stream` (https://no-color.org, FORCE_COLOR, TERM=dumb)."""
    if wish != "auto":
        return wish == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and environ.get("TERM") != "dumb"


def make_tolerant(*streams: IO[str]) -> None:
    """Print what an encoding cannot hold as escapes instead of failing."""
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _printable(text: str) -> str:
    """No control character of a path or a message reaches the terminal as such."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def silence(stream: IO[str]) -> None:
    """Let what is still to be written to `stream` go nowhere, also when the interpreter ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def demand_writable(path: str) -> None:
    """Raise `UsageFailure` where `path` cannot be written: better before a long run than after."""
    place = os.path.realpath(path)
    if os.path.isdir(place):
        raise _unwritable(path, errno.EISDIR)
    folder = os.path.dirname(place)
    if not os.path.isdir(folder):
        raise _unwritable(path, errno.ENOTDIR if os.path.exists(folder) else errno.ENOENT)
    # A file is replaced; a device or a pipe is written to.
    written = folder if os.path.isfile(place) or not os.path.exists(place) else place
    if not os.access(written, os.W_OK):
        raise _unwritable(path, errno.EACCES)


def _unwritable(path: str, number: int) -> UsageFailure:
    return UsageFailure(
        f"{path} cannot be written: {os.strerror(number)}",
        "Name a file in a folder that is there and may be written to.",
    )


def _write(path: str, text: str) -> None:
    place = os.path.realpath(path)
    folder, name = os.path.split(place)
    partial = os.path.join(folder, f".{name}.{os.getpid()}.part")
    if os.path.exists(place) and not os.path.isfile(place):
        partial = place  # a device or a pipe must not be replaced
    try:
        with open(partial, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        if partial != place:
            os.replace(partial, place)
    except OSError as error:
        raise _unwritable(path, error.errno or errno.EIO) from error
    finally:
        if partial != place and os.path.exists(partial):
            os.unlink(partial)


def standard(color: str, environ: Mapping[str, str], quiet: bool = False) -> Console:
    """The console of this process."""
    make_tolerant(sys.stdout, sys.stderr)
    return Console(color, environ, sys.stdout, sys.stderr, quiet)
