"""The program's entry: the answer that is known already, or else the command line."""

from __future__ import annotations

import gc
import os
import sys

from remigrate import verdict

_INTERRUPTED = 130  # errors.py is not imported on this path


def main() -> int:
    """Run the command line of this process. Returns its exit code."""
    return run(sys.argv[1:])


def run(words: list[str]) -> int:
    """Run one command line, the only thing that this process does. Returns its exit code."""
    gc.disable()  # there is next to no garbage in circles, and looking for it takes a tenth
    try:
        return _answered(words)
    finally:
        gc.freeze()  # nor need Python look for it when it ends


def _answered(words: list[str]) -> int:
    _open_what_is_closed()
    try:
        code = verdict.repeated(words, os.environ)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError:  # the result cannot be written: the command line says so, or knows what to do
        code = None
    if code is None:
        from remigrate import cli

        code = cli.main(words)
    return code


def _open_what_is_closed() -> None:
    """Python has None for a standard stream that was closed by whoever started it."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for the whole run
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


if __name__ == "__main__":
    sys.exit(main())
