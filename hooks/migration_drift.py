"""Blocks a commit whose models changed while its migrations did not.

Judges what the commit will hold: staged content, and no migration that git does not know. With
``--fix`` the migration is written and has to be added. All options of ``remigrate check`` may be
given.
"""

from __future__ import annotations

import sys

from remigrate.__main__ import run


def main() -> int:
    """Run the hook. Returns its exit code."""
    return run(["check", "--index", "--drift", "--select", "RM301", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
