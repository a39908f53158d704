"""The program's entry: the answer that is known already, or else the command line."""

from __future__ import annotations

import os
import sys

from remigrate import verdict


def main() -> int:
    """Run the command line of this process. Returns its exit code."""
    return run(sys.argv[1:])


def run(words: list[str]) -> int:
    """Run one command line. Returns its exit code."""
    code = verdict.repeated(words, os.environ)
    if code is None:
        from remigrate import cli

        code = cli.main(words)
    return code


if __name__ == "__main__":
    sys.exit(main())
