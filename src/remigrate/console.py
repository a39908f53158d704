"""The terminal: colours, remarks on standard error, and results on standard output."""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING

from remigrate.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        self.warned = False

    def result(self, text: str, path: str | None = None) -> None:
        """Print the result, or write it to the file `path`: wholly or not at all."""
        if path is not None:
            _write(path, text)
            return
        self._out.write(text)
        self._out.flush()

    def remark(self, text: str) -> None:
        """Say something beside the result, unless the user wants quiet."""
        if not self._quiet:
            self._err.write(f"{painted(text, 'dim', self._colored_err)}\n")

    def warn(self, text: str) -> None:
        """Say something that the user should know."""
        self.warned = True
        self._err.write(f"{painted('warning:', 'yellow', self._colored_err)} {_printable(text)}\n")

    def failure(self, error: Failure) -> None:
        """Say why something could not be done, and the way out."""
        self._err.write(f"{painted('error:', 'red', self._colored_err)} {_printable(str(error))}\n")
        if error.hint:
            self._err.write(f"{_printable(error.hint)}\n")


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
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def _write(path: str, text: str) -> None:
    folder, name = os.path.split(os.path.abspath(path))
    partial = os.path.join(folder, f".{name}.{os.getpid()}.part")
    try:
        with open(partial, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        os.replace(partial, path)
    except OSError as error:
        if os.path.exists(partial):
            os.unlink(partial)
        raise Failure(f"{path} cannot be written: {error.strerror}") from error


def standard(color: str, environ: Mapping[str, str], quiet: bool = False) -> Console:
    """The console of this process."""
    make_tolerant(sys.stdout, sys.stderr)
    return Console(color, environ, sys.stdout, sys.stderr, quiet)
